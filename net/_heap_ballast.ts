// Floor 3: driver.
import { pauseUnseen } from "./_pause_unseen.ts";
import { loadV8 } from "./_v8.ts";

/** After each of so many bytes of large buffers the ballast grows by a piece. */
const STEP = 8_388_608;
/** How large a piece is, in bytes. Making one takes half a millisecond. */
const PIECE = 2_097_152;
/** How many pieces there are at most: 32 MiB. With 16 MiB V8 still marks now and then; more changes nothing. */
const PIECES = 16;
/** And of the memory that V8 may have at most, one part in so many. */
const PART = 16;
/**
 * The ballast grows when a step takes at most so long, in ms, and goes when none was made for so long. It must have
 * gone when V8 tidies up behind a burst: a heap that is as large after that as before is one that V8 lets grow slowly
 * from then on, and it would mark as often as without ballast.
 */
const QUICK = 400;
/** A mark before so many steps more is one too early: the ballast is made anew, but not before so many steps `AGAIN`. */
const EARLY = 32;
const AGAIN = 256;
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
  readonly #pause: (ms: number) => Promise<unknown>;
  #most: number | undefined;
  #pieces: bigint[] | null = null;
  #idle: WeakRef<bigint[]> | null = null;
  #passed = 0;
  #since = 0;
  #steps = 0;
  #markedAt = 0;
  #madeAt = -AGAIN;
  #watched = false;
  #waitsForMark = false;
  readonly #marks = new FinalizationRegistry(() => {
    this.#waitsForMark = false;
    this.marked();
    if (this.#pieces !== null) this.#tellOfMark();
  });
  #untilLesson = LESSON;

  /** Makes one without weight. `now` gives the time in ms, `heapLimit` how many bytes V8's heap may have. */
  constructor(
    now: () => number = Date.now,
    heapLimit: () => number = readHeapLimit,
    pause: (ms: number) => Promise<unknown> = pauseUnseen,
  ) {
    this.#now = now;
    this.#heapLimit = heapLimit;
    this.#pause = pause;
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
    this.#steps++;
    if (took <= QUICK) this.#grow();
  }

  /** Nobody reads much any more: the memory goes with the next collection, unless somebody does before that. */
  release(): void {
    if (this.#pieces !== null) this.#idle = new WeakRef(this.#pieces);
    this.#pieces = null;
  }

  /**
   * V8 has marked its heap. It lets a heap grow by much if much came onto it of late, and by a tenth if not: with the
   * next mark, which comes some ten seconds later, the ballast would be of no use any more. So it comes anew.
   */
  marked(): void {
    const early = this.#steps - this.#markedAt < EARLY;
    this.#markedAt = this.#steps;
    if (!early || this.#pieces?.length !== this.#most || this.#steps - this.#madeAt < AGAIN) return;
    this.#madeAt = this.#steps;
    this.#pieces = [];
  }

  /** Has `marked` called: a symbol is on the old heap from its first moment on, and found dead by marking alone. */
  #tellOfMark(): void {
    this.#waitsForMark = true;
    this.#marks.register(Symbol(), undefined);
  }

  #grow(): void {
    const pieces = this.#pieces ??= this.#idle?.deref() ?? [];
    this.#most ??= Math.min(PIECES, Math.floor(this.#heapLimit() / PART / PIECE));
    if (pieces.length < this.#most) pieces.push(1n << BigInt(PIECE * 8 - 64));
    if (!this.#watched) this.#watch();
    if (!this.#waitsForMark) this.#tellOfMark();
  }

  /** Lets the ballast go when little is read. */
  async #watch(): Promise<void> {
    this.#watched = true;
    while (this.#pieces !== null) {
      const steps = this.#steps;
      await this.#pause(QUICK);
      if (this.#steps === steps) this.release();
    }
    this.#watched = false;
  }
}

/** How many bytes V8's heap may have. */
function readHeapLimit(): number {
  return loadV8().getHeapStatistics().heap_size_limit;
}

/** The process's own. */
export const heapBallast: HeapBallast = new HeapBallast();
