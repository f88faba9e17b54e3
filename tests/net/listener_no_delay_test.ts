import { assert, assertEquals } from "@std/assert";
import { loadLibc } from "../../net/_bluetooth_libc.ts";
import { setListenerNoDelay } from "../../net/listener_no_delay.ts";
import { CA, identity } from "../_support/certs.ts";

const LINUX = Deno.build.os === "linux";

function portOf(sockaddr: Uint8Array): number {
  return sockaddr[2] << 8 | sockaddr[3];
}

/** TCP_NODELAY of the socket of this process between two ports, as the system tells it. */
function noDelayOf(local: number, remote: number): boolean {
  const libc = loadLibc("Cannot look");
  for (let fd = 3; fd < 10_000; fd++) {
    const peer = libc.remoteAddress(fd, 28);
    if (peer === undefined || portOf(peer) !== remote) continue;
    if (portOf(libc.localAddress(fd, 28)) !== local) continue;
    return libc.getOption(fd, 6, 1, 4)[0] !== 0;
  }
  throw new Error("Cannot find the socket");
}

async function accepted(
  listener: { addr: Deno.Addr; accept(): Promise<Deno.Conn> },
): Promise<boolean> {
  const { hostname, port } = listener.addr as Deno.NetAddr;
  const [client, server] = await Promise.all([
    Deno.connect({ hostname, port }),
    listener.accept(),
  ]);
  const on = noDelayOf(port, (client.localAddr as Deno.NetAddr).port);
  client.close();
  server.close();
  return on;
}

for (const hostname of ["127.0.0.1", "::1", "0.0.0.0", "::"]) {
  Deno.test({
    name: `listener's noDelay is that of the connections it accepts, on ${hostname}`,
    ignore: !LINUX,
    fn: async () => {
      const listener = Deno.listen({ hostname, port: 0 });
      assertEquals(await accepted(listener), false);
      assert(setListenerNoDelay(listener));
      assertEquals(await accepted(listener), true);
      assert(setListenerNoDelay(listener, false));
      assertEquals(await accepted(listener), false);
      listener.close();
    },
  });
}

Deno.test({
  name: "listener's noDelay holds for TLS, and for no other listener on the same port",
  ignore: !LINUX,
  fn: async () => {
    const other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = other.addr as Deno.NetAddr;
    const { cert, key } = identity("server") as { cert: string; key: string };
    const listener = Deno.listenTls({ hostname: "127.0.0.2", port, cert, key });
    assert(setListenerNoDelay(listener));
    assertEquals(await accepted(other), false);
    other.close();
    const [client, server] = await Promise.all([
      Deno.connect({ hostname: "127.0.0.2", port }).then((conn) =>
        Deno.startTls(conn, { hostname: "localhost", caCerts: [CA] })
      ),
      listener.accept(),
    ]);
    await Promise.all([client.handshake(), server.handshake()]);
    assertEquals(noDelayOf(port, (client.localAddr as Deno.NetAddr).port), true);
    client.close();
    server.close();
    listener.close();
  },
});

Deno.test("listener's noDelay can't be set once it is closed, nor without an address of TCP", () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  assertEquals(setListenerNoDelay(listener), false);
  assertEquals(setListenerNoDelay({ addr: { transport: "memory" } }), false);
  assertEquals(setListenerNoDelay({ addr: { transport: "unix", path: "/tmp/x" } }), false);
  assertEquals(
    setListenerNoDelay({ addr: { transport: "tcp", hostname: "host", port: 1 } }),
    false,
  );
});

Deno.test({
  name: "listener's noDelay does without --allow-ffi, and asks for nothing",
  permissions: { net: true, read: true, ffi: false },
  fn: () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    assertEquals(setListenerNoDelay(listener), false);
    listener.close();
  },
});
