/** A port where connecting neither succeeds nor fails: its queue is full, and nobody accepts. Linux only. */
export interface Blackhole extends AsyncDisposable {
  readonly port: number;
}

/** Makes a port that lets nobody in. */
export async function blackhole(hostname = "127.0.0.1", port = 0): Promise<Blackhole> {
  const listener = Deno.listen({ hostname, port });
  const conns: Deno.Conn[] = [];
  for (;;) {
    const wait = new AbortController();
    const timer = setTimeout(() => wait.abort(), 100);
    try {
      const { signal } = wait;
      conns.push(await Deno.connect({ hostname, port: listener.addr.port, signal }));
    } catch {
      break;
    } finally {
      clearTimeout(timer);
    }
  }
  return {
    port: listener.addr.port,
    [Symbol.asyncDispose](): Promise<void> {
      for (const conn of conns) conn.close();
      listener.close();
      return Promise.resolve();
    },
  };
}
