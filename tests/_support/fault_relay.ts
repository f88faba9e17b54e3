/** A relay on a real port that disturbs what passes: for faults between programs that know nothing of them. */
import { ResettableTransport } from "../../net/resettable_transport.ts";

/** What a {@linkcode FaultRelay} does. */
export interface RelayFaults {
  /** The most bytes of a piece that is passed on. @default {Infinity} */
  split?: number;
  /** How long a piece is held before it is passed on, in ms. @default {0} */
  delay?: number;
  /** Takes its time, and says how many of the bytes that are there are passed on next. @default {all at once} */
  portion?: (available: number) => Promise<number>;
  /** Before which piece of any connection, from 1 up, all connections are cut. @default {never} */
  cutAt?: number;
  /** How they are cut: reset (an ordinary end where the system can't do it), or ended. @default {"reset"} */
  cut?: "reset" | "end";
}

/** Listens on a free port, and passes on to another. */
export class FaultRelay implements AsyncDisposable {
  /** Which pieces were passed on so far. */
  pieces = 0;
  /** Whether the connections were cut. */
  fired = false;
  /** While it is set, nothing is passed on in either direction. */
  stalled = false;
  /** Whether a further client is passed on; if not, its connection is closed at once. */
  open = true;
  readonly #faults: RelayFaults;
  readonly #target: number;
  readonly #listener: Deno.TcpListener;
  readonly #conns = new Set<Deno.TcpConn>();
  /** The server's ends, by the clients'. */
  readonly #servers = new Map<Deno.TcpConn, Deno.TcpConn>();
  readonly #lost = new Set<Deno.TcpConn>();
  readonly #forgotten = new WeakSet<Deno.TcpConn>();
  readonly #running = new Set<Promise<void>>();
  #resume = Promise.withResolvers<void>();

  constructor(target: number, faults: RelayFaults = {}) {
    this.#target = target;
    this.#faults = faults;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#track(this.#accept());
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** Goes on after a stall. */
  resume(): void {
    this.stalled = false;
    this.#resume.resolve();
    this.#resume = Promise.withResolvers();
  }

  /** Passes nothing more on for the clients that are there, and tells nobody: a router that has lost its table. */
  forget(): void {
    for (const conn of this.#conns) this.#forgotten.add(conn);
  }

  /** Ends the connections that are there for their clients, and tells the server nothing. */
  loseClients(): void {
    for (const [client, server] of this.#servers) {
      this.#lost.add(server);
      this.#forgotten.add(client).add(server);
      this.#conns.delete(client);
      close(client);
    }
  }

  /** Ends those for the server, too. */
  endLost(): void {
    for (const server of this.#lost) close(server);
    this.#lost.clear();
  }

  /** Cuts all connections now. */
  cut(how: "reset" | "end" = "reset"): void {
    for (const conn of this.#conns) {
      if (how === "reset") new ResettableTransport(conn).reset();
      else close(conn);
    }
    this.#conns.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut("end");
    this.resume();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #track(promise: Promise<void>): void {
    const done = promise.catch(() => {}).finally(() => this.#running.delete(done));
    this.#running.add(done);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      if (this.open) this.#track(this.#serve(client));
      else close(client);
    }
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    this.#conns.add(client);
    try {
      const server = await Deno.connect({ hostname: "127.0.0.1", port: this.#target });
      if (!this.#conns.has(client)) return close(server);
      this.#conns.add(server);
      this.#servers.set(client, server);
      for (const conn of [client, server]) conn.setNoDelay(true);
      await Promise.allSettled([this.#pump(client, server), this.#pump(server, client)]);
      close(server);
      this.#conns.delete(server);
    } finally {
      close(client);
      this.#conns.delete(client);
      this.#servers.delete(client);
    }
  }

  async #pump(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const { split = Infinity, delay = 0, portion, cutAt = Infinity, cut = "reset" } = this.#faults;
    const buffer = new Uint8Array(Math.min(split, 65_536));
    for (;;) {
      const n = await from.read(buffer);
      while (this.stalled) await this.#resume.promise;
      if (this.#forgotten.has(from)) {
        if (n === null) return;
        continue;
      }
      if (!this.#conns.has(from)) return;
      if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
      if (++this.pieces === cutAt) {
        this.fired = true;
        return this.cut(cut);
      }
      if (n === null) return await to.closeWrite();
      for (let at = 0; at < n;) {
        const size = portion === undefined ? n - at : await portion(n - at);
        at += await to.write(buffer.subarray(at, at + size));
      }
    }
  }
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // closed already
  }
}
