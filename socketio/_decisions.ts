// Floor 3: driver.
import type { Delay, Scheduler } from "./_scheduler.ts";

/** What stands for a decision that was not made. */
export class Undecided {
  /** Says why. */
  constructor(readonly message: string) {}
}

/** What the program is asked while a request waits: its answer is waited for, but not for ever. */
export class Decisions {
  readonly #waiting: Set<(undecided: Undecided) => void> = new Set();
  readonly #delay: Delay<(undecided: Undecided) => void>;

  /** Each may take `time` ms. */
  constructor(scheduler: Scheduler, time: number) {
    this.#delay = scheduler.delay(
      time,
      (giveUp) => giveUp(new Undecided("The answer took too long")),
    );
  }

  /** Resolves or rejects as `decision` does, unless that takes too long. */
  wait<T>(decision: Promise<T>): Promise<T | Undecided> {
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#waiting.delete(giveUp);
        this.#delay.stop(giveUp);
      };
      const giveUp = (undecided: Undecided) => {
        end();
        resolve(undecided);
      };
      this.#waiting.add(giveUp);
      this.#delay.start(giveUp);
      decision.then(
        (decided) => {
          end();
          resolve(decided);
        },
        (error) => {
          end();
          reject(error);
        },
      );
    });
  }

  /** Waits for none of them any longer. */
  giveUp(why: string): void {
    for (const giveUp of [...this.#waiting]) giveUp(new Undecided(why));
  }
}
