import { assert, assertEquals, assertThrows } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { listenTcp } from "../../net/listen_tcp.ts";

Deno.test("listening on one address, on all of them, and on all of IPv6, which are those of IPv4, too", async () => {
  for (const hostname of ["127.0.0.1", "localhost", undefined, "::"]) {
    using listener = listenTcp({ hostname, backlog: 8 });
    const { port } = listener.addr;
    assert(port > 0);
    const families = hostname === undefined || hostname === "::" ? ["127.0.0.1", "::1"] : [];
    for (const to of hostname === "127.0.0.1" ? [hostname] : families) {
      const accepting = listener.accept();
      using _client = await Deno.connect({ hostname: to, port });
      using _server = await accepting;
    }
  }
});

Deno.test("listening fails with Node's code, and the place in the text", () => {
  using listener = listenTcp({ hostname: "127.0.0.1" });
  const { port } = listener.addr;
  const error = assertThrows(() => listenTcp({ port, hostname: "127.0.0.1" }), NetError);
  assertEquals([error.code, error.syscall, error.address, error.port], [
    "EADDRINUSE",
    "listen",
    "127.0.0.1",
    port,
  ]);
  assert(error.message.startsWith(`Cannot listen on "127.0.0.1:${port}": EADDRINUSE`));
  const foreign = assertThrows(() => listenTcp({ hostname: "192.0.2.1" }), NetError);
  assertEquals(foreign.code, "EADDRNOTAVAIL");
});

Deno.test("listening refuses what is no port, and options that there are not", () => {
  for (const port of [-1, 65_536]) assertThrows(() => listenTcp({ port }), RangeError);
  for (const options of [{ host: "::" }, { path: "/x" }, { tcpBacklog: 1 }, { hostName: "::" }]) {
    const error = assertThrows(() => listenTcp(options as never), TypeError) as { code?: string };
    assertEquals(error.code, "ERR_INVALID_ARG_VALUE");
  }
});
