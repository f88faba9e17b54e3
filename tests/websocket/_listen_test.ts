import { assert, assertEquals, assertThrows } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { identity } from "../_support/certs.ts";
import { openListening } from "../../websocket/_listen.ts";

Deno.test("listening is by port, by path, or by what was given", async () => {
  const port = openListening({});
  assertEquals([port.listener.addr.transport, port.secure], ["tcp", false]);
  port.listener.close();
  const folder = await Deno.makeTempDir();
  const unix = openListening({ path: `${folder}/s` });
  assertEquals(unix.listener.addr, { transport: "unix", path: `${folder}/s` });
  unix.listener.close();
  await Deno.remove(folder, { recursive: true });
  const own = {
    accept: () => Promise.reject(),
    close() {},
    addr: { transport: "memory" as const },
  };
  assertEquals(openListening({ listener: own }).listener, own);
});

Deno.test("listening with TLS is Deno's where that can do all, and node:tls's where not", () => {
  const { cert, key } = identity("server");
  const plain = openListening({ hostname: "127.0.0.1", tls: { cert, key } });
  assertEquals([plain.secure, plain.startTls], [true, undefined]);
  plain.listener.close();
  const bytes = openListening({
    hostname: "127.0.0.1",
    tls: { cert: new TextEncoder().encode(cert), key: new TextEncoder().encode(key) },
  });
  assertEquals(bytes.startTls, undefined);
  bytes.listener.close();
  const more = openListening({ hostname: "127.0.0.1", tls: { cert, key, requestCert: true } });
  assert(more.secure && more.startTls !== undefined);
  more.listener.close();
});

Deno.test("listening refuses contradictions, and tells what the system says", () => {
  assertThrows(() => openListening({ port: 1, path: "/x" }), TypeError);
  assertThrows(() => openListening({ path: "/x", hostname: "h" }), TypeError);
  assertThrows(() => openListening({ path: "/x", tls: {} }), TypeError);
  const error = assertThrows(() => openListening({ path: "/nowhere/at/all" }), NetError);
  assertEquals(error.code, "ENOENT");
});
