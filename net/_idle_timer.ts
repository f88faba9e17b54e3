// Floor 3: driver.

/** Fires when nothing has touched it for a time; and again only after another touch. */
export class IdleTimer {
  readonly ms: number;
  readonly #fire: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #active = 0;
  #refed: boolean;

  /** Makes a timer of `ms` milliseconds that has not begun; `refed` says whether it keeps the program running. */
  constructor(ms: number, refed: boolean, fire: () => void) {
    this.ms = ms;
    this.#refed = refed;
    this.#fire = fire;
  }

  /** Begins, or begins anew. */
  touch(): void {
    this.#active = performance.now();
    if (this.#timer === undefined) this.#arm(this.ms);
  }

  /** Forgets the time, until the next touch. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Says whether it keeps the program running. */
  keep(refed: boolean): void {
    this.#refed = refed;
    if (this.#timer === undefined) return;
    this.stop();
    this.#arm(Math.max(0, this.#active + this.ms - performance.now()));
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const left = this.#active + this.ms - performance.now();
      // Timers may come up to a millisecond early.
      if (left >= 1) this.#arm(left);
      else this.#fire();
    }, ms);
    if (!this.#refed) Deno.unrefTimer(this.#timer);
  }
}
