// Floor 3: driver.
import { setImmediate } from "node:timers";

/** What can hold back what is written to it: a {@linkcode TransportWriter}, for example. */
export interface Holdable {
  /** Holds everything back. */
  cork(): void;
  /** Writes what was held back. */
  uncork(): void;
}

/**
 * Holds back what a consumer sends while it works off messages that came together, so that it leaves in one write. In
 * the next turn of the event loop it leaves in any case: a consumer may have turned to something else.
 *
 * @example
 * ```ts
 * import { pair, TransportWriter, WriteHold } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const [a, b] = pair();
 * const writer = new TransportWriter(a);
 * const hold = new WriteHold(writer);
 * const questions = ["one ", "two ", "three"];
 * while (questions.length > 0) {
 *   hold.begin();
 *   writer.write(new TextEncoder().encode(questions.shift()));
 *   await Promise.resolve();
 * }
 * hold.end();
 * assertEquals(await b.read(new Uint8Array(99)), 13); // all in one write
 * a.close();
 * b.close();
 * ```
 */
export class WriteHold {
  /** Those that hold something back, or have in this turn. */
  static #begun: WriteHold[] = [];
  static readonly #nextTurn = (): void => {
    const begun = WriteHold.#begun;
    WriteHold.#begun = [];
    for (const hold of begun) {
      hold.#listed = false;
      hold.end();
    }
  };
  readonly #to: Holdable;
  #held = false;
  #listed = false;

  /** Holds nothing back before {@linkcode WriteHold.begin | begin}. */
  constructor(to: Holdable) {
    this.#to = to;
  }

  /** Holds back from now on. A second call does nothing. */
  begin(): void {
    if (this.#held) return;
    this.#held = true;
    this.#to.cork();
    if (this.#listed) return;
    this.#listed = true;
    // One for all: it costs as much as sending a message does.
    if (WriteHold.#begun.push(this) === 1) setImmediate(WriteHold.#nextTurn);
  }

  /** Lets go what was held back, if anything was. */
  end(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#to.uncork();
  }
}
