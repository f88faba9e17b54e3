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
    if (this.#departing.size > 0) return;
    this.#empty?.resolve();
    this.#empty = undefined;
  }

  /** Ends by force all that are closing. */
  terminate(): void {
    for (const departing of [...this.#departing]) departing.terminate();
  }

  /** Waits until all are closed. */
  wait(): Promise<void> {
    if (this.#departing.size === 0) return Promise.resolve();
    return (this.#empty ??= Promise.withResolvers()).promise;
  }
}
