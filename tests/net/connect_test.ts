import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { connect, createConnection } from "../../net/connect.ts";
import { createServer } from "../../net/create_server.ts";
import { NetError } from "../../net/errors.ts";
import type { TlsClientOptions } from "../../net/tls_options.ts";

Deno.test("connect takes options, a port and a host, or a port alone; createConnection is the same", async () => {
  assertStrictEquals(createConnection, connect);
  const server = await createServer((socket) => socket.end("hi")).listen(0, "localhost");
  const { port } = server;
  for (
    const socket of [
      connect({ port, host: "localhost" }),
      connect(port, "localhost"),
      connect(String(port)),
    ]
  ) assertEquals((await Array.fromAsync(socket)).join(""), "hi");
  let connected = 0;
  const socket = connect(port, "localhost", () => connected++);
  await socket.resume().closed;
  assertEquals(connected, 1);
  await server.close();
});

Deno.test("connect refuses what is no port, at once", () => {
  assertThrows(() => connect({ port: 65_536 }), RangeError);
  assertThrows(() => connect({}), TypeError);
});

Deno.test("connect refuses TLS options that are no good at once, and not as a failed connection", () => {
  const rows: [TlsClientOptions, typeof TypeError | typeof RangeError, string][] = [
    [{ ca: "nonsense" }, TypeError, "Cannot use the certificate"],
    [{ servername: "a b" }, TypeError, "Cannot use host"],
    [{ handshakeTimeout: -1 }, RangeError, "handshake timeout"],
    [{ servername: "x", ...{ ciphers: "NULL" } }, TypeError, '"ciphers"'],
  ];
  for (const [tls, kind, message] of rows) {
    assertThrows(() => connect({ port: 1, host: "127.0.0.1", tls }), kind, message);
    assertThrows(() => connect({ path: "/nowhere", tls }), kind, message);
  }
  const tls: TlsClientOptions = { implementation: "deno", rejectUnauthorized: false };
  assertEquals(assertThrows(() => connect({ port: 1, tls }), NetError).code, "ERR_UNSUPPORTED");
});
