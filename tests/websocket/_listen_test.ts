import { assert, assertEquals, assertRejects } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { identity } from "../_support/certs.ts";
import { openListening } from "../../websocket/_listen.ts";
import type { ServeWebSocketOptions } from "../../websocket/server_options.ts";

Deno.test("listening is by port, or by what was given", async () => {
  const port = await openListening({});
  assertEquals([port.listener.addr.transport, port.secure], ["tcp", false]);
  port.listener.close();
  const own = {
    accept: () => Promise.reject(),
    close() {},
    addr: { transport: "memory" as const },
  };
  assertEquals((await openListening({ listener: own })).listener, own);
});

Deno.test("listening is by path", {
  ignore: Deno.build.os === "windows", // Deno has no Unix sockets there
}, async () => {
  const folder = await Deno.makeTempDir();
  const unix = await openListening({ path: `${folder}/s` });
  assertEquals(unix.listener.addr, { transport: "unix", path: `${folder}/s` });
  unix.listener.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("listening with TLS is node:tls's, and Deno's where that is asked for", async () => {
  const { cert, key } = identity("server");
  const node = await openListening({ hostname: "127.0.0.1", tls: { cert, key } });
  assert(node.secure && node.startTls !== undefined);
  node.listener.close();
  const auto = { cert, key, requestCert: true, implementation: "auto" as const };
  const more = await openListening({ hostname: "127.0.0.1", tls: auto });
  assert(more.secure && more.startTls !== undefined);
  more.listener.close();
  const deno = await openListening({
    hostname: "127.0.0.1",
    tls: {
      cert: new TextEncoder().encode(cert),
      key: new TextEncoder().encode(key),
      implementation: "deno",
    },
  });
  assertEquals([deno.secure, deno.startTls], [true, undefined]);
  deno.listener.close();
  const error = await assertRejects(
    () => openListening({ tls: { cert, key, requestCert: true, implementation: "deno" } }),
    NetError,
    "requestCert",
  );
  assertEquals(error.code, "ERR_UNSUPPORTED");
  await assertRejects(() => openListening({ tls: { cert, key: "no key" } }), TypeError);
});

Deno.test("listening refuses contradictions, and tells what the system says", async () => {
  await assertRejects(() => openListening({ port: 1, path: "/x" }), TypeError);
  await assertRejects(() => openListening({ path: "/x", hostname: "h" }), TypeError);
  await assertRejects(() => openListening({ path: "/x", tls: {} }), TypeError);
  // Where `Deno.serve` has them: unseen, the port would be open without TLS.
  const astray = { port: 0, ...identity("server") } as ServeWebSocketOptions;
  await assertRejects(() => openListening(astray), TypeError, "`cert` goes into `tls`");
  const error = await assertRejects(() => openListening({ path: "/nowhere/at/all" }), NetError);
  // Deno has no Unix sockets on Windows.
  assertEquals(error.code, Deno.build.os === "windows" ? "ERR_UNSUPPORTED" : "ENOENT");
});
