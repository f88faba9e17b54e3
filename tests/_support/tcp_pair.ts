/** Both ends of a TCP connection of Deno's own, on the loopback: who connected, and who was connected to. */
export async function tcpPair(hostname = "127.0.0.1"): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  using listener = Deno.listen({ hostname, port: 0 });
  return await Promise.all([
    Deno.connect({ hostname, port: listener.addr.port }),
    listener.accept(),
  ]);
}
