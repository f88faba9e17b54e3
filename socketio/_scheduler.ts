// Floor 3: driver.
import { DelayQueue } from "./_delay_queue.ts";
import { timerTime } from "./_time.ts";

/** The clock of the schedulers, in ms; it never goes back. */
function now(): number {
  return performance.now();
}

/** A delay that many items share. */
export interface Delay<T> {
  /** Starts an item's delay, or starts it anew. */
  start(item: T): void;
  /** Ends an item's delay. */
  stop(item: T): void;
}

/**
 * One timer for any number of delays and items. It runs only while something waits.
 */
export class Scheduler {
  readonly #queues: Pick<DelayQueue<unknown>, "size" | "next" | "run">[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #armedFor = Infinity;
  readonly #run = (): void => {
    this.#timer = undefined;
    this.#armedFor = Infinity;
    const time = now();
    for (const queue of this.#queues) queue.run(time);
    this.#arm();
  };

  /** Makes a delay of `ms`; `due` is called with each item whose delay is over. */
  delay<T>(ms: number, due: (item: T) => void): Delay<T> {
    const queue = new DelayQueue<T>(ms, due);
    this.#queues.push(queue);
    return {
      start: (item) => {
        const time = now();
        queue.set(item, time);
        if (time + ms < this.#armedFor) this.#armAt(time + ms);
      },
      stop: (item) => {
        if (queue.delete(item) && queue.size === 0) this.#disarmIfIdle();
      },
    };
  }

  #disarmIfIdle(): void {
    if (this.#timer === undefined || this.#queues.some((queue) => queue.size > 0)) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#armedFor = Infinity;
  }

  #arm(): void {
    let next = Infinity;
    for (const queue of this.#queues) next = Math.min(next, queue.next() ?? Infinity);
    if (next < this.#armedFor) this.#armAt(next);
  }

  #armAt(time: number): void {
    clearTimeout(this.#timer);
    this.#armedFor = time;
    // A timer may fire a little early: a millisecond more, and the item is due for certain.
    const wait = Math.max(0, Math.ceil(time - now())) + 1;
    this.#timer = setTimeout(this.#run, timerTime(wait));
  }
}
