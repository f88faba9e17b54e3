// Floor 3: driver.
import { pauseUnseen } from "./_pause_unseen.ts";
import { loadV8 } from "./_v8.ts";

/** After so many new connections it is looked whether there is something to give back. */
const BURST = 1000;
/** Nothing was read for so long, in ms: the burst is over. */
const QUIET = 500;
/** How often it is looked for such a moment before the next burst is waited for: a minute in all. */
const LOOKS = 120;
/** How large V8's young generation has to be, in bytes, for a collection to be worth it. */
const WORTH = 12_582_912;
/** How large V8's heap may be at most, in bytes: the time that it takes grows with it, to some 150 ms here. */
const MOST = 104_857_600;

/** What V8's heap takes, in bytes. */
export interface HeapSize {
  /** All of it. */
  total: number;
  /** Its young generation. */
  young: number;
}

/**
 * Has V8 give back what a burst of new connections made it take.
 *
 * The garbage of many handshakes lets V8's young generation grow to its full size, 24 MiB for 5,000 connections, more
 * than all that stays of them. It shrinks with a collection while little is allocated; but connections that are idle
 * allocate nothing, so that none comes. So one is asked for when the burst is over and nothing is read any more: by an
 * allocation that no machine has the memory for, before V8 gives up on which it collects and tidies up.
 */
export class HeapTrim {
  /** How much was read, in calls. */
  reads = 0;
  readonly #measure: () => HeapSize;
  readonly #collect: () => void;
  readonly #pause: (ms: number) => Promise<unknown>;
  #opened = 0;
  #watching = false;

  /** Makes one that has heard of no connection yet. */
  constructor(
    measure: () => HeapSize = measureHeap,
    collect: () => void = collectAll,
    pause: (ms: number) => Promise<unknown> = pauseUnseen,
  ) {
    this.#measure = measure;
    this.#collect = collect;
    this.#pause = pause;
  }

  /** There is a new connection. */
  opened(): void {
    if (++this.#opened < BURST || this.#watching) return;
    this.#watching = true;
    this.#watch();
  }

  async #watch(): Promise<void> {
    for (let look = 0; look < LOOKS; look++) {
      const { reads } = this;
      const opened = this.#opened;
      await this.#pause(QUIET);
      if (this.reads !== reads || this.#opened !== opened) continue;
      const { total, young } = this.#measure();
      if (young >= WORTH && total <= MOST) this.#collect();
      break;
    }
    this.#opened = 0;
    this.#watching = false;
  }
}

/** V8's heap as it is. */
function measureHeap(): HeapSize {
  const size = { total: 0, young: 0 };
  for (const space of loadV8().getHeapSpaceStatistics()) {
    size.total += space.space_size;
    if (space.space_name === "new_space") size.young = space.space_size;
  }
  return size;
}

/** More than any processor's addresses reach: nothing is taken for it. */
const IMPOSSIBLE = 2 ** 52;

function collectAll(): void {
  try {
    new ArrayBuffer(IMPOSSIBLE);
  } catch {
    // That is what it was for.
  }
}

/** The process's own. */
export const heapTrim: HeapTrim = new HeapTrim();
