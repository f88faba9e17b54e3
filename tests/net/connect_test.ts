import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { connect, createConnection } from "../../net/connect.ts";
import { createServer } from "../../net/create_server.ts";
import { NetError } from "../../net/errors.ts";
import type { TlsClientOptions } from "../../net/tls_options.ts";
import { CA, identity } from "../_support/certs.ts";

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

Deno.test("connect goes through an https proxy whose authority it is told", async () => {
  const target = await createServer((socket) => socket.end("from the target"))
    .listen(0, "127.0.0.1");
  using listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...identity("server") });
  const { port } = listener.addr as Deno.NetAddr;
  const heads: string[] = [];
  const serve = async (): Promise<void> => {
    using conn = await listener.accept();
    const p = new Uint8Array(1000);
    heads.push(new TextDecoder().decode(p.subarray(0, (await conn.read(p))!)));
    const there = await Deno.connect({ hostname: "127.0.0.1", port: target.port });
    await conn.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n"));
    await conn.write(p.subarray(0, (await there.read(p))!));
    there.close();
  };
  const options = { host: "127.0.0.1", port: target.port, proxy: `https://localhost:${port}` };
  const serving = serve();
  const socket = connect({ ...options, proxyTls: { ca: CA } }).setEncoding("utf8");
  assertEquals(await Array.fromAsync(socket), ["from the target"]);
  await serving;
  assertEquals(heads[0].split("\r\n")[0], `CONNECT 127.0.0.1:${target.port} HTTP/1.1`);
  const refused = connect(options);
  const [error] = await Promise.all([
    assertRejects(() => refused.opened, NetError),
    assertRejects(serve),
  ]);
  assertEquals(error.code, "ERR_TLS_CERT");
  assertThrows(() => connect({ ...options, proxyTls: { ca: "nonsense" } }), TypeError);
  await target.close();
});
