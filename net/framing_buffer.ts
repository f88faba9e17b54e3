// Floor 1: codec.

const SLAB_SIZE = 64 * 1024;

/**
 * Collects encoded messages in memory: the sink to encode into where there is no transport.
 *
 * Bytes once taken are never written again, so views of them may be kept.
 *
 * @example
 * ```ts
 * import { FramingBuffer, lengthPrefixFramer } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const framer = lengthPrefixFramer({ prefix: "u8" });
 * const buffer = new FramingBuffer();
 * framer.encode(new Uint8Array([7]), buffer);
 * framer.encode(new Uint8Array([8, 9]), buffer);
 * assertEquals(buffer.take(), new Uint8Array([1, 7, 2, 8, 9]));
 * ```
 */
export class FramingBuffer {
  #slab: Uint8Array = new Uint8Array(0);
  /** Where the bytes that `take` gives out begin, and where they end. */
  #start = 0;
  #end = 0;

  /** The bytes to encode into; another array after each `reserve` that had to make room. */
  get buffer(): Uint8Array {
    return this.#slab;
  }

  /** Bytes collected since the last `take`. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Makes room for `max` bytes in `buffer`, and returns the offset where they go. */
  reserve(max: number): number {
    const length = this.#end - this.#start;
    if (this.#slab.length - this.#end < max) {
      const wanted = length + max;
      // A slab of its own for what is large, and doubling while it grows.
      const slab = new Uint8Array(
        length === 0 ? (wanted > SLAB_SIZE / 4 ? wanted : SLAB_SIZE) : Math.max(wanted, 2 * length),
      );
      slab.set(this.#slab.subarray(this.#start, this.#end));
      this.#slab = slab;
      this.#start = 0;
      this.#end = length;
    }
    return this.#end;
  }

  /** Adds the first `length` bytes at the reserved offset. */
  commit(length: number): void {
    this.#end += length;
  }

  /** Adds a copy of `chunk`. */
  write(chunk: Uint8Array): void {
    const offset = this.reserve(chunk.length);
    this.#slab.set(chunk, offset);
    this.#end += chunk.length;
  }

  /** The bytes collected since the last call. */
  take(): Uint8Array {
    const bytes = this.#slab.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return bytes;
  }

  /** Forgets the bytes collected since the last `take`, and uses their room again. */
  clear(): void {
    this.#end = this.#start;
  }
}
