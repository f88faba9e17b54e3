// Floor 2: protocol.

/**
 * Items that are due the same delay after they were put in: a queue in order of time, so that one timer serves all of
 * them. Everything in it takes constant time. It has no clock: the time is passed in, in ms.
 */
export class DelayQueue<T> {
  readonly #delay: number;
  readonly #due: (item: T) => void;
  // A map keeps the order in which its keys were put in.
  readonly #times: Map<T, number> = new Map();

  /** Makes a queue with its delay in ms, and with what to do with an item that is due. */
  constructor(delay: number, due: (item: T) => void) {
    this.#delay = delay;
    this.#due = due;
  }

  /** How many items wait. */
  get size(): number {
    return this.#times.size;
  }

  /** Puts an item in, or moves it to the end. */
  set(item: T, now: number): void {
    this.#times.delete(item);
    this.#times.set(item, now + this.#delay);
  }

  /** Takes an item out. */
  delete(item: T): boolean {
    return this.#times.delete(item);
  }

  /** When the next item is due; `undefined` if there is none. */
  next(): number | undefined {
    for (const time of this.#times.values()) return time;
    return undefined;
  }

  /** Takes out what is due, and hands it on. */
  run(now: number): void {
    for (const [item, time] of this.#times) {
      if (time > now) return;
      this.#times.delete(item);
      this.#due(item);
    }
  }
}
