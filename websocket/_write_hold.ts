// Floor 3: driver.
import { setImmediate } from "node:timers";

/** What can hold back what is sent on it. */
interface Holdable {
  cork(): void;
  uncork(): void;
}

/** Those that hold something back, or have in this turn. */
let listed: WriteHold[] = [];

function nextTurn(): void {
  const holds = listed;
  listed = [];
  for (const hold of holds) hold.onNextTurn();
}

/**
 * Holds back what a consumer sends while it works off messages that came together, so that it leaves in one write. In
 * the next turn of the event loop it leaves in any case: a consumer may have turned to something else.
 */
export class WriteHold {
  readonly #link: Holdable;
  #held = false;
  #listed = false;

  /** Holds nothing back before {@linkcode begin}. */
  constructor(link: Holdable) {
    this.#link = link;
  }

  /** Holds back from now on. A second call does nothing. */
  begin(): void {
    if (this.#held) return;
    this.#held = true;
    this.#link.cork();
    if (this.#listed) return;
    this.#listed = true;
    // One for all: it costs as much as sending a message does.
    if (listed.push(this) === 1) setImmediate(nextTurn);
  }

  /** Lets go what was held back, if anything was. */
  end(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#link.uncork();
  }

  /** The next turn has come. */
  onNextTurn(): void {
    this.#listed = false;
    this.end();
  }
}
