import { assertEquals, assertRejects } from "@std/assert";
import { listenDenoTls } from "../../net/_deno_tls_listener.ts";
import { type DenoTlsConn, makeClosable } from "../../net/_deno_tls_transport.ts";
import { grantedLibc } from "../../net/_tcp_descriptors.ts";
import { ResettableTransport } from "../../net/resettable_transport.ts";
import type { InetAddr, Transport } from "../../net/transport.ts";
import { CA, identity } from "../_support/certs.ts";

const ignore = grantedLibc() === undefined;
const ESTABLISHED = "01";

/** The state of the connection between two ports of this machine, as the system tells it; undefined when there is none. */
function stateOf(local: number, remote: number): string | undefined {
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, "0");
  return Deno.readTextFileSync("/proc/net/tcp").split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find((row) => row[1]?.endsWith(`:${hex(local)}`) && row[2]?.endsWith(`:${hex(remote)}`))?.[3];
}

const portOf = (addr: Transport["localAddr"]): number => (addr as InetAddr).port;

async function untilGone(local: number, remote: number): Promise<void> {
  while (stateOf(local, remote) === ESTABLISHED) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function secured(): Promise<{ client: Deno.TlsConn; server: DenoTlsConn; port: number }> {
  const listener = listenDenoTls({ host: "127.0.0.1" }, identity("server"));
  const { port } = listener.addr as InetAddr;
  const [client, server] = await Promise.all([
    Deno.connectTls({ hostname: "127.0.0.1", port, caCerts: [CA] }),
    listener.accept() as Promise<DenoTlsConn>,
  ]);
  await Promise.all([client.handshake(), server.handshake()]);
  listener.close();
  return { client, server, port };
}

Deno.test({
  name: "Deno TLS transport is gone when it is closed in a handshake that stalls, at both ends",
  ignore,
  fn: async () => {
    const tls = listenDenoTls({ host: "127.0.0.1" }, identity("server"));
    const { port } = tls.addr as InetAddr;
    const silent = await Deno.connect({ hostname: "127.0.0.1", port });
    const server = await tls.accept() as DenoTlsConn;
    const serverFails = assertRejects(() => server.handshake());
    server.close();
    await untilGone(port, portOf(silent.localAddr));
    assertEquals(await silent.read(new Uint8Array(1)), null);
    await serverFails;
    silent.close();
    tls.close();

    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const [bare, mute] = await Promise.all([
      Deno.connect({ hostname: "127.0.0.1", port: portOf(listener.addr) }),
      listener.accept(),
    ]);
    const client = makeClosable()(await Deno.startTls(bare, { hostname: "localhost" }));
    const clientFails = assertRejects(() => client.handshake());
    client.close();
    await untilGone(portOf(mute.remoteAddr), portOf(listener.addr));
    await clientFails;
    mute.close();
    listener.close();
  },
});

for (const ending of [false, true]) {
  Deno.test({
    name: `Deno TLS transport is gone when it is closed while its peer does not read${
      ending ? ", and it is being ended" : ""
    }`,
    ignore,
    fn: async () => {
      const { client, server, port } = await secured();
      const chunk = new Uint8Array(262_144);
      let written = 0;
      const writing = (async () => {
        for (;;) written += await server.write(chunk);
      })();
      const failed = assertRejects(() => writing);
      for (let same = 0, last = -1; same < 20; last = written) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        same = written === last ? same + 1 : 0;
      }
      const ended = ending ? assertRejects(() => server.closeWrite()) : null;
      server.close();
      await failed;
      await ended;
      await untilGone(port, portOf(client.localAddr));
      client.close();
    },
  });
}

Deno.test("Deno TLS transport can be reset", { ignore }, async () => {
  const { client, server } = await secured();
  const transport = new ResettableTransport(server);
  assertEquals(transport.resets, true);
  transport.reset();
  await assertRejects(() => client.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
  client.close();
});

Deno.test("Deno TLS transport passes bytes both ways, half closed too", async () => {
  const { client, server } = await secured();
  await client.write(Uint8Array.of(1, 2, 3));
  const buffer = new Uint8Array(8);
  assertEquals(await server.read(buffer), 3);
  await client.closeWrite();
  assertEquals(await server.read(buffer), null);
  assertEquals(await server.write(Uint8Array.of(4)), 1);
  await server.closeWrite();
  server.unref();
  server.ref();
  server.close();
  assertEquals([await client.read(buffer), buffer[0], await client.read(buffer)], [1, 4, null]);
  await assertRejects(() => server.write(Uint8Array.of(5)));
  await assertRejects(() => server.closeWrite());
  client.close();
});

Deno.test("Deno TLS transport still sends what it took when it is closed", async () => {
  const { client, server } = await secured();
  for (let i = 0; i < 4; i++) await server.write(new Uint8Array(10_000));
  server.close();
  let size = 0;
  for (let n; (n = await client.read(new Uint8Array(65_536))) !== null;) size += n;
  assertEquals(size, 40_000);
  client.close();
});

Deno.test({
  name: "Deno TLS connections stay as they are without --allow-ffi",
  permissions: { net: true, ffi: false },
  fn: async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: portOf(listener.addr) });
    const same = conn as unknown as DenoTlsConn;
    assertEquals(makeClosable()(same), same);
    conn.close();
    listener.close();
  },
});
