// Floor 1: codec.

const NOTHING = new Uint8Array(0);
/** What a second piece makes room for, at the least. */
const LEAST = 4_096;

/**
 * A body that comes in pieces of any size. They are copied to one place: a view of a piece would keep all of what the piece was
 * read into, which for a body in pieces of a byte is many thousand times its size.
 */
export class BodyBytes {
  /** How many bytes there are. */
  size = 0;
  readonly #limit: number;
  readonly #hasRoom: ((held: number) => boolean) | undefined;
  /** Whether it was given up for want of room, and not for its own size. */
  starved = false;
  #bytes: Uint8Array = NOTHING;

  /** Makes an empty body that takes so many bytes, as long as `hasRoom`, told how many are held, says yes. */
  constructor(limit: number, hasRoom?: (held: number) => boolean) {
    this.#limit = limit;
    this.#hasRoom = hasRoom;
  }

  /** Adds a piece. Returns `false`, and takes nothing more, if that is more than the limit or there is no room. */
  add(piece: Uint8Array): boolean {
    const before = this.size;
    const size = before + piece.length;
    if (size > this.#limit) return false;
    this.size = size;
    // Most bodies are one piece: it is kept as it is.
    if (before === 0) this.#bytes = piece;
    else {
      if (size > this.#bytes.length) this.#grow(before, size);
      this.#bytes.set(piece, before);
    }
    if (this.#hasRoom === undefined || this.#hasRoom(this.#bytes.length)) return true;
    this.starved = true;
    this.#bytes = NOTHING;
    return false;
  }

  /** The whole body. */
  take(): Uint8Array {
    return this.#bytes.length === this.size ? this.#bytes : this.#bytes.subarray(0, this.size);
  }

  #grow(before: number, size: number): void {
    const grown = new Uint8Array(Math.max(LEAST, Math.min(this.#limit, size * 2), size));
    grown.set(this.#bytes.subarray(0, before));
    this.#bytes = grown;
  }
}
