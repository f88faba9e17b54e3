// Floor 3: driver.

/** After so many failed calls everything else gets a turn. */
const FAILURES_A_TURN = 64;

/** Counts calls that failed. Most fail at once: a loop that does not look at errors would let no timer and no socket go on. */
export class FailedCalls {
  #count = 0;

  /** Counts one. @returns What it is to wait for, if anything: a turn of the event loop. */
  add(): Promise<void> | undefined {
    if (++this.#count % FAILURES_A_TURN !== 0) return undefined;
    return new Promise((resolve) => setTimeout(resolve));
  }
}
