// Floor 3: driver.

/** A source of time and timers, so that tests can own the time. */
export interface Clock {
  /** The time in ms; only differences mean something. */
  now(): number;
  /** Calls `fn` once after `ms` milliseconds; returns a handle for `clearTimeout`. */
  setTimeout(fn: () => void, ms: number): unknown;
  /** Forgets a timer; anything that is not a live timer is ignored. */
  clearTimeout(handle: unknown): void;
}

/**
 * The system's clock: `performance.now`, `setTimeout`, `clearTimeout`.
 *
 * @example
 * ```ts
 * import { pair, SYSTEM_CLOCK } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const [a, b] = pair({ delay: 1, clock: SYSTEM_CLOCK }); // as without a clock
 * await a.write(new Uint8Array([7]));
 * assertEquals(await b.read(new Uint8Array(1)), 1);
 * a.close();
 * b.close();
 * ```
 */
export const SYSTEM_CLOCK: Clock = {
  now: (): number => performance.now(),
  // Of a negative time Deno warns on the terminal.
  setTimeout: (fn: () => void, ms: number): unknown => setTimeout(fn, Math.max(0, ms)),
  clearTimeout: (handle: unknown): void => clearTimeout(handle as number | undefined),
};

interface ManualTimer {
  due: number;
  fn(): void;
}

/**
 * A clock that stands still until it is moved.
 *
 * @example
 * ```ts
 * import { ManualClock } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const clock = new ManualClock();
 * let rang = 0;
 * clock.setTimeout(() => rang++, 1000);
 * clock.advance(999);
 * assertEquals(rang, 0);
 * clock.advance(1);
 * assertEquals(rang, 1);
 * ```
 */
export class ManualClock implements Clock {
  #now = 0;
  #timers: ManualTimer[] = [];

  /** The time in ms since the clock was made. */
  now(): number {
    return this.#now;
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Calls `fn` once when the clock has been moved by `ms` milliseconds. */
  setTimeout(fn: () => void, ms: number): unknown {
    const timer: ManualTimer = { due: this.#now + Math.max(0, ms), fn };
    this.#timers.push(timer);
    return timer;
  }

  /** Forgets a timer. */
  clearTimeout(handle: unknown): void {
    const index = this.#timers.indexOf(handle as ManualTimer);
    if (index >= 0) this.#timers.splice(index, 1);
  }

  /**
   * Moves the time by `ms`, and runs the timers that fall due, in order of time, with those that they set meanwhile.
   *
   * @throws {RangeError} When `ms` is negative or not a number.
   */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`Cannot move the time by ${ms} ms`);
    const until = this.#now + ms;
    for (;;) {
      let next: ManualTimer | undefined;
      for (const timer of this.#timers) {
        if (timer.due <= until && (next === undefined || timer.due < next.due)) next = timer;
      }
      if (next === undefined) break;
      this.clearTimeout(next);
      this.#now = Math.max(this.#now, next.due);
      next.fn();
    }
    this.#now = until;
  }
}
