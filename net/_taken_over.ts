// Floor 3: driver.
import { passReset, type TransportExtras } from "./_transport_extras.ts";
import type { TransportReader, TransportSink } from "./reader.ts";
import type { Transport, TransportAddr } from "./transport.ts";

interface PendingRead {
  into: Uint8Array;
  resolve(size: number | null): void;
  reject(error: unknown): void;
}

/**
 * A transport whose reader had begun already: what that reads, and what it has read but nobody took, is read from here.
 * Everything else goes straight to the transport.
 */
export class TakenOver implements Transport, TransportSink {
  /** Closes with a reset, where the transport can. */
  readonly reset?: () => void;
  readonly #transport: Transport & TransportExtras;
  readonly #reader: TransportReader;
  #chunk: Uint8Array | null;
  #pending: PendingRead | null = null;
  #end: { error?: unknown } | null = null;
  #direct = false;

  /** Takes a transport over from its `reader`, which has already read `chunk`. */
  constructor(
    transport: Transport & TransportExtras,
    reader: TransportReader,
    chunk: Uint8Array | null,
  ) {
    this.#transport = transport;
    passReset(this, transport);
    this.#reader = reader;
    this.#chunk = chunk;
    reader.pause();
    reader.redirect(this);
  }

  /** The address of this end. */
  get localAddr(): TransportAddr {
    return this.#transport.localAddr;
  }

  /** The address of the other end. */
  get remoteAddr(): TransportAddr {
    return this.#transport.remoteAddr;
  }

  /** Reads what the reader brings. */
  read(p: Uint8Array): Promise<number | null> {
    if (this.#pending !== null) {
      return Promise.reject(new TypeError("Cannot read: another read is under way"));
    }
    if (this.#chunk !== null) return Promise.resolve(this.#take(this.#chunk, p));
    if (this.#direct) return this.#transport.read(p);
    if (this.#end !== null) return this.#over(this.#end);
    return new Promise((resolve, reject) => {
      this.#pending = { into: p, resolve, reject };
      this.#reader.resume();
    });
  }

  /** Writes to the transport. */
  write(p: Uint8Array): Promise<number> {
    return this.#transport.write(p);
  }

  /** Ends the transport's writing direction. */
  closeWrite(): Promise<void> {
    return this.#transport.closeWrite();
  }

  /** Closes the transport. */
  close(): void {
    this.#chunk = null;
    this.#transport.close();
  }

  /** Switches Nagle's algorithm off or on, where the transport can. */
  setNoDelay(on: boolean): void {
    this.#transport.setNoDelay?.(on);
  }

  /** Has the system probe a silent connection, where the transport can. */
  setKeepAlive(on: boolean): void {
    this.#transport.setKeepAlive?.(on);
  }

  /** Keeps the program running. */
  ref(): void {
    this.#transport.ref?.();
  }

  /** Lets the program end. */
  unref(): void {
    this.#transport.unref?.();
  }

  /** For the reader. */
  data(chunk: Uint8Array): void {
    // That was the read that was under way: from here on nobody else reads.
    this.#reader.stop();
    this.#direct = true;
    const pending = this.#pending;
    this.#pending = null;
    if (pending === null) this.#chunk = chunk;
    else pending.resolve(this.#take(chunk, pending.into));
  }

  /** For the reader. */
  end(): void {
    this.#finish({});
  }

  /** For the reader. */
  error(error: unknown): void {
    this.#finish({ error });
  }

  #take(chunk: Uint8Array, into: Uint8Array): number {
    const n = Math.min(chunk.length, into.length);
    into.set(n === chunk.length ? chunk : chunk.subarray(0, n));
    this.#chunk = n === chunk.length ? null : chunk.subarray(n);
    return n;
  }

  #finish(end: { error?: unknown }): void {
    this.#end = end;
    const pending = this.#pending;
    this.#pending = null;
    if (pending !== null) this.#over(end).then(pending.resolve, pending.reject);
  }

  #over(end: { error?: unknown }): Promise<null> {
    return "error" in end ? Promise.reject(end.error) : Promise.resolve(null);
  }
}
