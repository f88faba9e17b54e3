import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import {
  cutConnection,
  findListener,
  grantedLibc,
  resetConnection,
} from "../../net/_tcp_descriptors.ts";

const libc = grantedLibc();
const ignore = libc === undefined;

async function connected(hostname: string): Promise<[Deno.TcpConn, Deno.TcpConn, Deno.Listener]> {
  const listener = Deno.listen({ hostname, port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const [client, server] = await Promise.all([
    Deno.connect({ hostname: hostname === "::" ? "127.0.0.1" : hostname, port }),
    listener.accept(),
  ]);
  return [client, server as Deno.TcpConn, listener];
}

for (const hostname of ["127.0.0.1", "::1", "::"]) {
  Deno.test({
    name: `connection on ${hostname} is found by its addresses and cut, no other`,
    ignore,
    fn: async () => {
      const [otherClient, otherServer, otherListener] = await connected(hostname);
      const [client, server, listener] = await connected(hostname);
      assertEquals(cutConnection(libc!, server), true);
      assertEquals(await client.read(new Uint8Array(1)), null);
      assertEquals(await server.read(new Uint8Array(1)), null);
      await otherServer.write(Uint8Array.of(7));
      assertEquals(await otherClient.read(new Uint8Array(9)), 1);
      for (const it of [client, server, listener, otherClient, otherServer, otherListener]) {
        it.close();
      }
    },
  });
}

Deno.test({
  name:
    "connection that is closed, or none of TCP's, is not found, and its descriptor not taken for it",
  ignore,
  fn: async () => {
    const [client, server, listener] = await connected("127.0.0.1");
    assertEquals(cutConnection(libc!, client), true); // they are all known now
    const { localAddr, remoteAddr } = server;
    server.close();
    const [later, other, second] = await connected("127.0.0.1"); // gets the descriptor
    assertEquals(cutConnection(libc!, { localAddr, remoteAddr }), false);
    await other.write(Uint8Array.of(7));
    assertEquals(await later.read(new Uint8Array(9)), 1);
    const memory = { transport: "memory" } as const;
    assertEquals(cutConnection(libc!, { localAddr: memory, remoteAddr: memory }), false);
    for (const it of [client, listener, later, other, second]) it.close();
  },
});

Deno.test({
  name: "connection is found by its addresses and reset, no other",
  ignore,
  fn: async () => {
    const [otherClient, otherServer, otherListener] = await connected("127.0.0.1");
    const [client, server, listener] = await connected("127.0.0.1");
    assertEquals(resetConnection(libc!, server), true);
    await assertRejects(() => client.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
    server.close();
    otherServer.close();
    assertEquals(await otherClient.read(new Uint8Array(1)), null);
    const memory = { transport: "memory" } as const;
    assertEquals(resetConnection(libc!, { localAddr: memory, remoteAddr: memory }), false);
    for (const it of [client, listener, otherClient, otherListener]) it.close();
  },
});

Deno.test({
  name: "listener is found by its address, while it listens",
  ignore,
  fn: () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { addr } = listener;
    assertNotEquals(findListener(libc!, addr), undefined);
    listener.close();
    assertEquals(findListener(libc!, addr), undefined);
    assertEquals(findListener(libc!, { transport: "tcp", hostname: "name", port: 1 }), undefined);
  },
});

Deno.test({
  name: "C library is not to be had without --allow-ffi",
  permissions: { ffi: false },
  fn: () => {
    assertEquals(grantedLibc(), undefined);
  },
});
