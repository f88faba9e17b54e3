// Floor 1: codec.
import { wrongKind } from "./_bytes.ts";
import { defineInspect } from "./define_inspect.ts";

/** Options of {@linkcode ByteQueue}. */
export interface ByteQueueOptions {
  /**
   * Bytes that the queue may hold.
   *
   * @default {16777216} 16 MiB
   */
  maxBytes?: number;
  /**
   * Chunks that the queue may hold. Each costs some 200 bytes of memory beside its contents, and keeps alive the whole
   * buffer that it is a view of.
   *
   * @default {16384}
   */
  maxChunks?: number;
  /**
   * Chunks of up to this many bytes are copied behind the last one instead of being kept, so that a peer that dribbles
   * bytes costs memory by the byte, not by the chunk. 0 never copies.
   *
   * @default {64}
   */
  copyUpTo?: number;
}

/** Small chunks are copied into blocks that start so large, and double up to the largest. */
const FIRST_BLOCK = 512;
const LARGEST_BLOCK = 16384;
const EMPTY = new Uint8Array(0);

/**
 * A queue of bytes: takes chunks as they come and gives back runs of any length.
 *
 * Nothing is copied where that can be avoided: a run inside one chunk is a view of it, and chunks that lie side by side in one buffer are
 * joined into one view. Only a run that crosses chunks is copied, and the chunks of at most {@linkcode ByteQueueOptions.copyUpTo} bytes.
 * So a chunk must not be changed while the queue or a reader of its runs still uses it.
 *
 * @example
 * ```ts
 * import { ByteQueue } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const queue = new ByteQueue({ maxBytes: 1024 });
 * queue.push(new Uint8Array([1, 2, 3]));
 * queue.push(new Uint8Array([4, 5]));
 * assertEquals(queue.length, 5);
 * assertEquals(queue.indexOf(4), 3);
 * assertEquals(queue.read(4), new Uint8Array([1, 2, 3, 4]));
 * assertEquals(queue.tryRead(2), undefined);
 * assertEquals(queue.missing(2), 1);
 * ```
 */
export class ByteQueue {
  static {
    defineInspect(ByteQueue, ({ length, chunks, maxBytes }) => ({ length, chunks, maxBytes }));
  }

  /** Most bytes that it may hold. */
  readonly maxBytes: number;
  /** Most chunks that it may hold. */
  readonly maxChunks: number;

  readonly #copyUpTo: number;
  #chunks: Uint8Array[] = [];
  /** Index of the first chunk; what lies before it is spent. */
  #head = 0;
  /** Bytes of the first chunk that are spent. */
  #offset = 0;
  #length = 0;
  /** The block that small chunks are copied into, and how much of it is used. Written once, front to back. */
  #block = EMPTY;
  #blockUsed = 0;

  /**
   * Makes an empty queue.
   *
   * @throws {RangeError} if a limit is not a positive integer.
   */
  constructor(options: ByteQueueOptions = {}) {
    this.maxBytes = limit("maxBytes", options.maxBytes ?? 16 * 1024 * 1024, 1);
    this.maxChunks = limit("maxChunks", options.maxChunks ?? 16384, 1);
    this.#copyUpTo = limit("copyUpTo", options.copyUpTo ?? 64, 0);
  }

  /** Bytes in the queue. */
  get length(): number {
    return this.#length;
  }

  /** Chunks in the queue, after joining. */
  get chunks(): number {
    return this.#chunks.length - this.#head;
  }

  /** How many bytes must still come before `length` can be read; 0 if they are there. */
  missing(length: number): number {
    return Math.max(0, length - this.#length);
  }

  /**
   * Adds a chunk at the end. It is kept by reference, unless it is small.
   *
   * @throws {RangeError} if the queue would pass a limit. It is then unchanged.
   * @throws {TypeError} if it is no Uint8Array.
   */
  push(chunk: Uint8Array): void {
    if (this.tryPush(chunk)) return;
    throw new RangeError(
      this.#length + chunk.length > this.maxBytes
        ? `Cannot queue ${chunk.length} bytes: ${this.#length} are held and ${this.maxBytes} is the limit`
        : `Cannot queue another chunk: ${this.maxChunks} is the limit`,
    );
  }

  /** Adds a chunk at the end like {@linkcode ByteQueue.push | push}, but returns `false` where that throws. */
  tryPush(chunk: Uint8Array): boolean {
    if (!(chunk instanceof Uint8Array)) throw wrongKind(chunk, "bytes");
    const size = chunk.length;
    if (size === 0) return true;
    if (this.#length + size > this.maxBytes) return false;
    if (!this.#extendLast(chunk)) {
      if (this.chunks >= this.maxChunks) return false;
      this.#chunks.push(size <= this.#copyUpTo ? this.#copied(chunk) : chunk);
    }
    this.#length += size;
    return true;
  }

  /**
   * Puts bytes back at the front, for example what was read too much. The byte limit does not apply to them.
   * They are kept by reference.
   *
   * @throws {TypeError} if it is no Uint8Array.
   */
  unread(bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) throw wrongKind(bytes, "bytes");
    if (bytes.length === 0) return;
    this.#length += bytes.length;
    if (this.#offset > 0) {
      this.#chunks[this.#head] = this.#chunks[this.#head].subarray(this.#offset);
      this.#offset = 0;
    }
    if (this.#head > 0) this.#chunks[--this.#head] = bytes;
    else this.#chunks.unshift(bytes);
  }

  /**
   * Takes the first `length` bytes, all if left out: a view if they lie in one chunk, otherwise a copy.
   *
   * @throws {RangeError} if there are fewer. The queue is then unchanged.
   */
  read(length: number = this.#length): Uint8Array {
    const bytes = this.peek(length);
    this.#consume(length);
    return bytes;
  }

  /** Takes the first `length` bytes like {@linkcode ByteQueue.read | read}, or returns `undefined` if there are fewer. */
  tryRead(length: number): Uint8Array | undefined {
    return length > this.#length ? undefined : this.read(length);
  }

  /**
   * Takes the longest first run that can be had without copying, of at most `max` bytes; `undefined` if the queue is empty.
   *
   * @throws {RangeError} if `max` is neither a whole number nor Infinity.
   */
  readRun(max: number = Infinity): Uint8Array | undefined {
    if (max !== Infinity && !Number.isInteger(max)) {
      throw new RangeError(`Cannot read ${max} bytes: not a length`);
    }
    if (this.#length === 0 || max <= 0) return undefined;
    const first = this.#chunks[this.#head];
    const end = Math.min(first.length, this.#offset + max);
    const run = this.#offset === 0 && end === first.length
      ? first
      : first.subarray(this.#offset, end);
    this.#consume(run.length);
    return run;
  }

  /**
   * Takes the first `length` bytes as views, one for each chunk that they lie in: never a copy.
   *
   * @throws {RangeError} if there are fewer. The queue is then unchanged.
   */
  readRuns(length: number = this.#length): Uint8Array[] {
    this.#need(length);
    const runs: Uint8Array[] = [];
    for (let left = length; left > 0;) {
      const run = this.readRun(left)!;
      runs.push(run);
      left -= run.length;
    }
    return runs;
  }

  /**
   * Takes as many of the first bytes as `target` has room for, copies them there, and returns their number.
   *
   * @throws {TypeError} if it is no Uint8Array.
   */
  readInto(target: Uint8Array): number {
    if (!(target instanceof Uint8Array)) throw wrongKind(target, "bytes");
    const length = Math.min(target.length, this.#length);
    this.#copy(target, length);
    this.#consume(length);
    return length;
  }

  /**
   * Returns the first `length` bytes, all if left out, without taking them: a view if they lie in one chunk, otherwise a copy, which the queue
   * then keeps in place of the parts, so that looking again costs nothing.
   *
   * @throws {RangeError} if there are fewer.
   */
  peek(length: number = this.#length): Uint8Array {
    this.#need(length);
    if (length === 0) return EMPTY;
    const first = this.#chunks[this.#head];
    if (this.#offset + length > first.length) return this.#join(length);
    return this.#offset === 0 && length === first.length
      ? first
      : first.subarray(this.#offset, this.#offset + length);
  }

  /** The byte at `index`, counted from the first; `undefined` if there is none. Negative counts from the end. */
  at(index: number): number | undefined {
    if (index < 0) index += this.#length;
    if (!(index >= 0 && index < this.#length)) return undefined;
    let position = index + this.#offset;
    let i = this.#head;
    while (position >= this.#chunks[i].length) position -= this.#chunks[i++].length;
    return this.#chunks[i][position];
  }

  /**
   * The index of the first place at or after `from` where `search` stands, also across chunks; -1 if there is none.
   * Searching again after more bytes came, start at the old length less the length of `search` less 1.
   *
   * @param search one byte, or a run of bytes. An empty run stands everywhere.
   */
  indexOf(search: number | Uint8Array, from: number = 0): number {
    const needle = typeof search === "number" ? Uint8Array.of(search) : search;
    // What is no byte stands nowhere, as in an array.
    if (needle !== search && needle[0] !== search) return -1;
    const start = Math.max(0, from) || 0;
    if (needle.length === 0) return Math.min(start, this.#length);
    const last = this.#length - needle.length;
    let before = -this.#offset;
    for (let i = this.#head; i < this.#chunks.length && before <= last; i++) {
      const chunk = this.#chunks[i];
      const skipped = Math.max(start - before, i === this.#head ? this.#offset : 0);
      for (
        let at = chunk.indexOf(needle[0], skipped);
        at >= 0;
        at = chunk.indexOf(needle[0], at + 1)
      ) {
        if (before + at > last) return -1;
        if (this.#matches(needle, i, at)) return before + at;
      }
      before += chunk.length;
    }
    return -1;
  }

  /**
   * Drops the first `length` bytes.
   *
   * @throws {RangeError} if there are fewer. The queue is then unchanged.
   */
  skip(length: number): void {
    this.#need(length);
    this.#consume(length);
  }

  /** Joins all chunks into one of its own, which frees the buffers that they were views of. */
  compact(): void {
    if (this.#length === 0) return;
    const bytes = new Uint8Array(this.#length);
    this.#copy(bytes, bytes.length);
    this.clear();
    this.#chunks.push(bytes);
    this.#length = bytes.length;
  }

  /** Drops everything. */
  clear(): void {
    this.#chunks = [];
    this.#head = 0;
    this.#offset = 0;
    this.#length = 0;
    this.#block = EMPTY;
    this.#blockUsed = 0;
  }

  #need(length: number): void {
    if (length <= this.#length && length >= 0 && Number.isInteger(length)) return;
    throw new RangeError(
      length > this.#length
        ? `Cannot read ${length} bytes: the queue holds ${this.#length}`
        : `Cannot read ${length} bytes: not a length`,
    );
  }

  #consume(length: number): void {
    this.#length -= length;
    if (this.#length === 0) {
      // Nothing spent may keep a buffer alive, but the block of small chunks goes on.
      if (this.#chunks.length > 0) this.#chunks.length = 0;
      this.#head = 0;
      this.#offset = 0;
      return;
    }
    let offset = this.#offset + length;
    let head = this.#head;
    while (offset >= this.#chunks[head].length) {
      offset -= this.#chunks[head].length;
      this.#chunks[head++] = EMPTY;
    }
    this.#offset = offset;
    // Forget the spent places once they are the larger part, so that each chunk moves at most once.
    if (head > 32 && head * 2 > this.#chunks.length) {
      this.#chunks.splice(0, head);
      head = 0;
    }
    this.#head = head;
  }

  #copy(target: Uint8Array, length: number): void {
    let from = this.#offset;
    let i = this.#head;
    for (let done = 0; done < length;) {
      const chunk = this.#chunks[i++];
      const size = Math.min(chunk.length - from, length - done);
      const whole = from === 0 && size === chunk.length;
      target.set(whole ? chunk : chunk.subarray(from, from + size), done);
      done += size;
      from = 0;
    }
  }

  /** Replaces the first chunks by one of exactly `length` bytes and the rest of the chunk that it ends in. */
  #join(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#copy(bytes, length);
    this.#consume(length);
    this.unread(bytes);
    return bytes;
  }

  /** Whether `needle` stands at byte `at` of chunk `i`; the caller has checked that the queue is long enough. */
  #matches(needle: Uint8Array, i: number, at: number): boolean {
    for (let k = 0; k < needle.length; k++, at++) {
      if (at === this.#chunks[i].length) {
        i++;
        at = 0;
      }
      if (this.#chunks[i][at] !== needle[k]) return false;
    }
    return true;
  }

  /** Adds a chunk to the last one if it lies right behind it in the same buffer, or can be copied there. */
  #extendLast(chunk: Uint8Array): boolean {
    if (this.#length === 0) return false;
    const index = this.#chunks.length - 1;
    const last = this.#chunks[index];
    const end = last.byteOffset + last.length;
    const size = chunk.length;
    if (last.buffer === chunk.buffer && end === chunk.byteOffset) {
      this.#chunks[index] = new Uint8Array(last.buffer, last.byteOffset, last.length + size);
      return true;
    }
    if (size > this.#copyUpTo || last.buffer !== this.#block.buffer) return false;
    // A reader may have pushed a run back that lies elsewhere in the block.
    if (end !== this.#blockUsed || this.#blockUsed + size > this.#block.length) return false;
    this.#block.set(chunk, this.#blockUsed);
    this.#blockUsed += size;
    this.#chunks[index] = new Uint8Array(last.buffer, last.byteOffset, last.length + size);
    return true;
  }

  /** Copies a small chunk behind the others of its kind, and returns the view of it there. */
  #copied(chunk: Uint8Array): Uint8Array {
    const size = chunk.length;
    if (this.#blockUsed + size > this.#block.length) {
      const grown = Math.min(Math.max(this.#block.length * 2, FIRST_BLOCK), LARGEST_BLOCK);
      this.#block = new Uint8Array(Math.max(grown, size));
      this.#blockUsed = 0;
    }
    const view = this.#block.subarray(this.#blockUsed, this.#blockUsed + size);
    view.set(chunk);
    this.#blockUsed += size;
    return view;
  }
}

function limit(name: string, value: number, least: number): number {
  if (value === Infinity || (Number.isInteger(value) && value >= least)) return value;
  throw new RangeError(`Cannot make a queue: ${name} is ${value}, not an integer from ${least} up`);
}
