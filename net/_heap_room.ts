// Floor 3: driver.
import { heapBallast } from "./_heap_ballast.ts";

/** How large V8's heap may be, in bytes, to be called small. A larger one has been marked, or is about to be. */
const SMALL = 25_165_824;
/** More than V8 lets all memory of a young program grow to before it marks for the first time, in bytes. */
const TRIGGER = 1_200_000_000;

/**
 * Gives V8's heap room to grow before it is marked, once, when a program listens for the first time.
 *
 * V8 begins cautiously: once little has survived its scavenges, a heap may grow by 8 MiB before it is marked, and the
 * young generation of a busy server takes that alone. So it is marked within the first second, and then each second,
 * although nothing has come to stay. And a mark moves what every open connection holds to the old heap: from then on
 * each read leaves its garbage there (the table of a Set that Deno makes for it), which brings about the next mark.
 *
 * After a mark V8 lets a heap grow by far more. So it is made to mark while no connection is open yet, which takes a
 * few ms beside the program: by asking for more memory than it expects, which is given back untouched.
 */
export class HeapRoom {
  readonly #total: () => number;
  readonly #mark: () => void;
  #made = false;

  /** Makes one. `total` tells the size of V8's heap in bytes; `mark` has it marked. */
  constructor(
    total: () => number = () => Deno.memoryUsage().heapTotal,
    mark: () => void = haveMarked,
  ) {
    this.#total = total;
    this.#mark = mark;
  }

  /** Somebody is about to listen. Only the first call does something. */
  make(): void {
    if (this.#made) return;
    this.#made = true;
    if (this.#total() <= SMALL) this.#mark();
  }
}

function haveMarked(): void {
  // It would bring about a mark later.
  heapBallast.teach();
  try {
    new ArrayBuffer(TRIGGER).transfer(0);
  } catch {
    // A process that may not have so much: it goes without.
  }
}

/** The process's own. */
export const heapRoom: HeapRoom = new HeapRoom();
