// Floor 1: codec.
import { checkBytes } from "./_framer_util.ts";
import type { FramingDecoder } from "./framer.ts";
import { FramingError, type FramingErrorOptions } from "./framing_error.ts";

const EMPTY = new Uint8Array(0);

/** The most that is taken for a message before any of its bytes have come. */
const FIRST_BLOCK = 64 * 1024;

/** The bytes of a message that is spread over several chunks. */
export class PartialMessage {
  bytes: Uint8Array = EMPTY;
  length = 0;

  /** Adds `chunk[start..end]`; `total` is the length of the whole message if it is known, else 0. */
  append(chunk: Uint8Array, start: number, end: number, total: number): void {
    const length = this.length + end - start;
    if (length > this.bytes.length) {
      // Memory follows what has arrived, not what a length field promises.
      const grown = Math.max(length, 2 * this.bytes.length, total === 0 ? 64 : FIRST_BLOCK);
      const bytes = new Uint8Array(total === 0 ? grown : Math.max(length, Math.min(total, grown)));
      bytes.set(this.bytes.subarray(0, this.length));
      this.bytes = bytes;
    }
    if (start === 0 && end === chunk.length) this.bytes.set(chunk, this.length);
    else this.bytes.set(chunk.subarray(start, end), this.length);
    this.length = length;
  }

  /** The bytes, which from now on belong to the caller. */
  take(): Uint8Array {
    const bytes = this.length === this.bytes.length
      ? this.bytes
      : this.bytes.subarray(0, this.length);
    this.bytes = EMPTY;
    this.length = 0;
    return bytes;
  }
}

/** What all decoders share: the queue of chunks, the end, and the first error. */
export abstract class DecoderBase<T> implements FramingDecoder<T> {
  /** The chunk that is being read, and the part of it that is left. */
  protected chunk: Uint8Array = EMPTY;
  protected pos = 0;
  protected limit = 0;
  /** What an earlier chunk brought of the message under way. */
  protected readonly partial: PartialMessage = new PartialMessage();
  #queue: Uint8Array[] = [];
  #head = 0;
  #queued = 0;
  #ended = false;
  #finished = false;
  #error: FramingError | undefined = undefined;

  get error(): FramingError | undefined {
    return this.#error;
  }

  get buffered(): number {
    if (this.#finished) return 0;
    return this.limit - this.pos + this.#queued + this.partial.length + this.held();
  }

  push(chunk: Uint8Array): void {
    checkBytes(chunk, "push bytes");
    if (this.#ended) throw new TypeError("Cannot push bytes: the input was ended");
    if (this.#finished || chunk.length === 0) return;
    if (this.pos === this.limit && this.#queued === 0) {
      this.chunk = chunk;
      this.pos = 0;
      this.limit = chunk.length;
    } else {
      this.#queue.push(chunk);
      this.#queued += chunk.length;
    }
  }

  end(): void {
    this.#ended = true;
  }

  next(): T | undefined {
    for (;;) {
      if (this.pos < this.limit) {
        const message = this.step();
        if (message !== undefined) return message;
        if (this.#finished) return undefined;
      } else if (!this.#advance()) {
        if (!this.#ended || this.#finished) return undefined;
        this.#finished = true;
        return this.finish();
      }
    }
  }

  /** Takes the next chunk; at the last one lets go of it, so that its slab can be freed. */
  #advance(): boolean {
    if (this.#queued === 0) {
      this.chunk = EMPTY;
      this.pos = this.limit = 0;
      return false;
    }
    const chunk = this.#queue[this.#head];
    this.#queue[this.#head++] = EMPTY;
    this.#queued -= chunk.length;
    if (this.#queued === 0) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    this.chunk = chunk;
    this.pos = 0;
    this.limit = chunk.length;
    return true;
  }

  /** Keeps the first error, and discards all input. */
  protected fail(what: string, options: FramingErrorOptions): undefined {
    this.#error = new FramingError(`Cannot read message: ${what}`, options);
    this.#finished = true;
    this.chunk = EMPTY;
    this.pos = this.limit = 0;
    this.#queue = [];
    this.#head = this.#queued = 0;
    this.partial.take();
    return undefined;
  }

  /** {@linkcode fail} for an end inside a message. */
  protected failTruncated(received: number, missing: number, exact: boolean): undefined {
    const bytes = (count: number): string => `${count} byte${count === 1 ? "" : "s"}`;
    return this.fail(
      `the stream ended ${bytes(received)} into it, ${exact ? "" : "at least "}${
        bytes(missing)
      } missing`,
      { fault: "truncated", received, missing },
    );
  }

  /** Bytes of the message under way that a subclass keeps elsewhere than in `partial`. */
  protected held(): number {
    return 0;
  }

  /**
   * Reads on in `chunk` from `pos`. Returns a message; or `undefined`, with the chunk used up or after `fail`.
   * A message that a subclass can't tell yet stays in `partial` or its own state.
   */
  protected abstract step(): T | undefined;

  /** Called once at the end of input, with all chunks used up: the last message, if any, or `fail`. */
  protected abstract finish(): T | undefined;
}
