/** A port where connecting neither succeeds nor fails: its queue is full, and nobody accepts. Linux only. */
export interface Blackhole extends AsyncDisposable {
  readonly port: number;
}

/** Makes a port that lets nobody in. */
export async function blackhole(hostname = "127.0.0.1"): Promise<Blackhole> {
  // Such a queue has one place.
  const listener = Deno.listen({ hostname, port: 0, tcpBacklog: 0 });
  const conn = await Deno.connect({ hostname, port: listener.addr.port });
  return {
    port: listener.addr.port,
    [Symbol.asyncDispose](): Promise<void> {
      conn.close();
      listener.close();
      return Promise.resolve();
    },
  };
}
