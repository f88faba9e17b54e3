// Floor 3: driver.

/** After each of so many bytes of large buffers the ballast grows by a piece. */
const STEP = 8_388_608;
/** How large a piece is, in bytes. Making one takes half a millisecond. */
const PIECE = 2_097_152;
/** How many pieces there are at most: 32 MiB. With 16 MiB V8 still marks now and then; more changes nothing. */
const PIECES = 16;
/** And of the memory that V8 may have at most, one part in so many. */
const PART = 16;
/** The ballast grows when a step takes at most so long, in ms, and goes when one takes `SLOW`. */
const QUICK = 1000;
const SLOW = 10_000;
/** After so many bytes of buffers, small ones too, the C library is taught. */
const LESSON = 2_097_152;
/** The largest block whose release the C library learns from; just below its maximum of 32 MiB. */
const LARGEST_BLOCK = 32_505_856;

/**
 * Keeps V8 from marking its heap again and again while large buffers come and go.
 *
 * V8 begins to mark when the memory of array buffers has grown by about as much as the heap holds. With a heap of a few
 * MiB that is after every 15 MiB, every few milliseconds, although nearly all of it is dead by then, and a scavenge,
 * which comes after 64 MiB, frees it for a tenth of the price. So, while much is read, there are up to 32 MiB of digits
 * on the heap, which take no time to mark. A connection with chunks of 64 KiB carries twice as much by that.
 *
 * The C library, too, is taught to keep freed memory of this size, and sooner: otherwise it gives memory back to the
 * system and takes it again page by page.
 */
export class HeapBallast {
  readonly #now: () => number;
  readonly #heapLimit: () => number;
  #most: number | undefined;
  #pieces: bigint[] | null = null;
  #idle: WeakRef<bigint[]> | null = null;
  #passed = 0;
  #since = 0;
  #untilLesson = LESSON;

  /** Makes one without weight. `now` gives the time in ms, `heapLimit` how many bytes V8's heap may have. */
  constructor(now: () => number = Date.now, heapLimit: () => number = readHeapLimit) {
    this.#now = now;
    this.#heapLimit = heapLimit;
  }

  /** How many bytes it holds. */
  get size(): number {
    return (this.#pieces?.length ?? 0) * PIECE;
  }

  /** A small buffer was made. */
  passedSmall(bytes: number): void {
    if (this.#untilLesson <= 0) return;
    this.#untilLesson -= bytes;
    if (this.#untilLesson > 0) return;
    try {
      // Never written to, so no memory is taken for it.
      new ArrayBuffer(LARGEST_BLOCK).transfer(0);
    } catch {
      // A process that may not have so much: it goes without.
    }
  }

  /** A large buffer was made. */
  passed(bytes: number): void {
    this.passedSmall(bytes);
    this.#passed += bytes;
    if (this.#passed < STEP) return;
    this.#passed = 0;
    const now = this.#now();
    const took = now - this.#since;
    this.#since = now;
    if (took <= QUICK) this.#grow();
    else if (took >= SLOW) this.release();
  }

  /** Nobody reads much any more: the memory goes with the next collection, unless somebody does before that. */
  release(): void {
    if (this.#pieces !== null) this.#idle = new WeakRef(this.#pieces);
    this.#pieces = null;
  }

  #grow(): void {
    const pieces = this.#pieces ??= this.#idle?.deref() ?? [];
    this.#most ??= Math.min(PIECES, Math.floor(this.#heapLimit() / PART / PIECE));
    if (pieces.length < this.#most) pieces.push(1n << BigInt(PIECE * 8 - 64));
  }
}

/** How many bytes V8's heap may have. node:v8 is loaded for it when much is read for the first time. */
function readHeapLimit(): number {
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(name: string): typeof import("node:v8") };
  };
  return process.getBuiltinModule("node:v8").getHeapStatistics().heap_size_limit;
}

/** The process's own. */
export const heapBallast: HeapBallast = new HeapBallast();
