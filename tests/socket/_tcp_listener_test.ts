import { assert, assertEquals, assertThrows } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { listenTcp } from "../../socket/_tcp_listener.ts";

Deno.test("listening on one address, and on all", async () => {
  for (const address of ["127.0.0.1", undefined]) {
    using listener = listenTcp(0, address, 8);
    assert(listener.addr.port > 0);
    const accepting = listener.accept();
    using _client = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
    using _server = await accepting;
  }
});

Deno.test("listening fails with the place in the text", () => {
  using listener = listenTcp(0, "127.0.0.1", undefined);
  const { port } = listener.addr;
  const error = assertThrows(() => listenTcp(port, "127.0.0.1", undefined), NetError);
  assertEquals(error.code, "EADDRINUSE");
  assert(error.message.startsWith(`Cannot listen on "127.0.0.1:${port}": EADDRINUSE`));
  assertThrows(() => listenTcp(0, "192.0.2.1", undefined), NetError);
});
