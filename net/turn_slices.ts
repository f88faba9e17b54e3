// Floor 3: driver.
import { setImmediate } from "node:timers";

/** Pieces of work that are done before {@linkcode TurnSlices} looks whether the system still takes writes at once. */
const SLICE = 8;
/** Those that are done without a look at the start of a turn of the event loop: what else a turn does needs a few operations. */
const FRESH = 120;
/** Microtasks until the writes of a slice were issued, and one that the system took at once has been told of. */
const HOPS = 5;

/**
 * Writes to many connections in slices, each as long as one turn of the event loop takes it.
 *
 * The runtime lets only so many operations of one turn through at once (Tokio's budget of 128) and makes all others
 * wait, which costs each of them a third more. So after each slice this looks whether a connection that had nothing
 * else to write is idle again, and if not goes on in the next turn. Nobody waits for a connection that reads slowly.
 *
 * @example
 * ```ts
 * import { pair, TransportWriter, TurnSlices } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const pairs = Array.from({ length: 500 }, () => pair());
 * const writers = pairs.map(([a]) => new TransportWriter(a));
 * const news = new TextEncoder().encode("news");
 * let next = 0;
 * const slices = new TurnSlices((count) => {
 *   for (const writer of writers.slice(next, next += count)) {
 *     if (writer.idle) slices.probe = writer;
 *     writer.write(news);
 *   }
 *   return next < writers.length;
 * });
 * slices.start();
 * for (const [, b] of pairs) assertEquals(await b.read(new Uint8Array(9)), 4);
 * for (const [a, b] of pairs) (a.close(), b.close());
 * ```
 */
export class TurnSlices {
  /** A connection that had nothing to write before the slice in hand: the slice's work sets it. */
  probe: { readonly idle: boolean } | undefined;
  readonly #work: (count: number) => boolean;
  readonly #nextTurn: (callback: () => void) => void;
  #running = false;
  #slice = SLICE;
  #hops = 0;

  /**
   * Nothing is done before {@linkcode TurnSlices.start | start}.
   *
   * @param work Does so many pieces of the work, or what there is of it. Returns whether some is left.
   * @param nextTurn Calls back in the next turn of the event loop.
   */
  constructor(
    work: (count: number) => boolean,
    nextTurn: (callback: () => void) => void = setImmediate,
  ) {
    this.#work = work;
    this.#nextTurn = nextTurn;
  }

  /** Begins at the end of this microtask, and goes on until no work is left. While it is under way, this does nothing. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(this.#next);
  }

  readonly #next = (): void => {
    const count = this.#slice;
    this.#slice = SLICE;
    this.probe = undefined;
    let more = false;
    try {
      more = this.#work(count);
    } finally {
      this.#running = more;
    }
    this.#hops = HOPS;
    if (more) queueMicrotask(this.#look);
  };

  readonly #look = (): void => {
    if (--this.#hops > 0) {
      queueMicrotask(this.#look);
    } else if (this.probe === undefined || this.probe.idle) {
      this.#next();
    } else {
      this.#slice = FRESH;
      this.#nextTurn(this.#next);
    }
  };
}
