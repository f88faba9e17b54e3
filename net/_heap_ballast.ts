// Floor 3: driver.

/** After each of so many bytes of large buffers the ballast grows by a piece. */
const STEP = 8_388_608;
/** How large a piece is, in bytes. Making one takes half a millisecond. */
const PIECE = 2_097_152;
/** How many pieces there are at most: 32 MiB. With 16 MiB V8 still marks now and then; more changes nothing. */
const PIECES = 16;
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
  #pieces: bigint[] | null = null;
  #idle: WeakRef<bigint[]> | null = null;
  #passed = 0;
  #since = 0;
  #untilLesson = LESSON;

  /** Makes one without weight. `now` gives the time in ms. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** How many bytes it holds. */
  get size(): number {
    return (this.#pieces?.length ?? 0) * PIECE;
  }

  /** A small buffer was made. */
  passedSmall(bytes: number): void {
    if (this.#untilLesson <= 0) return;
    this.#untilLesson -= bytes;
    // Never written to, so no memory is taken for it.
    if (this.#untilLesson <= 0) new ArrayBuffer(LARGEST_BLOCK).transfer(0);
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
    if (pieces.length < PIECES) pieces.push(1n << BigInt(PIECE * 8 - 64));
  }
}

/** The process's own. */
export const heapBallast: HeapBallast = new HeapBallast();
