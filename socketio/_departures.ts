// Floor 3: driver.
import { type Delay, Scheduler } from "./_scheduler.ts";

/** Something that is closing, and can be ended by force. */
export interface Departing {
  terminate(): void;
}

/** The WebSockets that are closing: each has so much time, and a server that ends can wait for all of them. */
export class Departures {
  readonly #delay: Delay<Departing>;
  readonly #departing: Set<Departing> = new Set();
  #empty: PromiseWithResolvers<void> | undefined;

  /** Each may take `time` ms. */
  constructor(time: number) {
    this.#delay = new Scheduler().delay(time, (departing) => departing.terminate());
  }

  /** Something begins to close. */
  add(departing: Departing): void {
    this.#departing.add(departing);
    this.#delay.start(departing);
  }

  /** Something is closed. */
  delete(departing: Departing): void {
    if (!this.#departing.delete(departing)) return;
    this.#delay.stop(departing);
    if (this.#departing.size === 0) this.#empty?.resolve();
  }

  /** Waits until all are closed, for at most `time` ms; ends those that are not by force then. */
  async wait(time: number): Promise<void> {
    if (this.#departing.size === 0) return;
    const { promise } = this.#empty ??= Promise.withResolvers();
    const timer = setTimeout(() => {
      for (const departing of [...this.#departing]) departing.terminate();
    }, time);
    await promise;
    clearTimeout(timer);
    this.#empty = undefined;
  }
}
