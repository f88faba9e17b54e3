// Floor 1: codec.

const EMPTY = new Uint8Array(0);

/**
 * The input of a header or a handshake whose steps each tell how many bytes they take: nothing is read beyond the last
 * of them, so that a driver that never reads more than `needed` leaves what follows in the transport.
 */
export class ExactInput {
  /** The bytes of the step under way, and how many there are. */
  buffer: Uint8Array;
  length = 0;
  readonly #step: () => void;
  #wanted = 0;
  #rest: Uint8Array = EMPTY;
  #stopped = false;

  /**
   * `capacity` is the room for a step to begin with; `step` looks at the bytes that were wanted, and calls `want` or
   * `wantMore`.
   */
  constructor(capacity: number, step: () => void) {
    this.buffer = new Uint8Array(capacity);
    this.#step = step;
  }

  /** How many bytes the step takes at least; 0 when nothing is wanted. */
  get needed(): number {
    return Math.max(0, this.#wanted - this.length);
  }

  /** Bytes that came when nothing was wanted. */
  get leftover(): Uint8Array {
    return this.#rest;
  }

  /** Takes the next bytes, in pieces of any size. */
  receive(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && this.needed > 0) {
      const end = Math.min(chunk.length, at + this.needed);
      this.buffer.set(chunk.subarray(at, end), this.length);
      this.length += end - at;
      at = end;
      if (this.needed === 0) this.#step();
    }
    if (at < chunk.length && !this.#stopped) this.#rest = concat(this.#rest, chunk.subarray(at));
  }

  /** Wants nothing more, and forgets what comes: after a failure it means nothing. */
  stop(): void {
    this.#stopped = true;
    this.#rest = EMPTY;
    this.want(0);
  }

  /** Starts a step of `count` bytes; 0 for none. */
  want(count: number): void {
    this.length = 0;
    this.wantMore(count);
    if (this.#rest.length === 0 || count === 0) return;
    const rest = this.#rest;
    this.#rest = EMPTY;
    this.receive(rest);
  }

  /** Lets the step go on until `buffer` holds `count` bytes, more than now. */
  wantMore(count: number): void {
    this.#wanted = count;
    if (count <= this.buffer.length) return;
    const buffer = new Uint8Array(count);
    buffer.set(this.buffer.subarray(0, this.length));
    this.buffer = buffer;
  }
}

/** Both pieces in an array of its own. */
export function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
