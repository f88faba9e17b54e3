// Floor 0: vocabulary.

/**
 * What happens when a {@linkcode Budget} is used up:
 *
 * - `"wait"`: who needs more waits until there is room.
 * - `"drop"`: what is new is dropped: the connection, or the message.
 * - `"close"`: a connection is closed: of those that hold a part, the one that holds the most.
 */
export type LimitPolicy = "wait" | "drop" | "close";

/** Who holds a part of a budget. */
export interface BudgetHolder {
  /** How much it holds. */
  readonly held: number;
  /** Its place in the budget's list: the budget's own affair. It starts as `undefined`. */
  entry: BudgetEntry | undefined;
  /** It is the one to be closed: it gives all that it holds back before this returns. Must not throw. */
  onOverBudget(): void;
}

/**
 * A place in a budget's list of holders. The list costs nothing to enter and to leave: holders do so with every large message.
 *
 * @example
 * ```ts
 * import { Budget, BudgetEntry, type BudgetHolder } from "@sluice/sockets/net";
 * import { assert } from "@std/assert";
 *
 * const holder: BudgetHolder = { held: 10, entry: undefined, onOverBudget() {} };
 * const budget = new Budget(100);
 * budget.watch(holder);
 * assert((holder.entry as BudgetEntry | undefined) instanceof BudgetEntry);
 * budget.unwatch(holder);
 * ```
 */
export class BudgetEntry {
  /** The one before; `null` outside of the list. */
  previous: BudgetEntry | null = null;
  /** The one behind; `null` outside of the list. */
  next: BudgetEntry | null = null;

  /** Makes a place for `holder`; the budget's own has none. */
  constructor(
    /** Whose it is. */
    readonly holder?: BudgetHolder,
  ) {}
}

/** Who waits for room in a budget. */
export interface BudgetWaiter {
  /** There is room. Must not throw, and takes nothing before this returns. */
  onRoom(): void;
}

/** What a budget says to who has taken a part of it. */
export type BudgetAnswer = "go" | "wait" | "drop";

/** How many holders are looked at to find the largest: those that have held a part for the longest. */
const LOOKED_AT = 256;

/**
 * Counts one resource that connections share: how much is used, of how much.
 *
 * Adding and giving back is one addition each. From seven eighths on it is `tight`: whoever can be slowed down is. At the limit its
 * policy acts. What was taken must be given back on every path: nothing here knows when a connection ends.
 *
 * @example
 * ```ts
 * import { Budget } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const budget = new Budget(1000, "drop", 100);
 * assertEquals(budget.add(800), false);
 * assertEquals(budget.add(200), true);
 * assertEquals([budget.used, budget.full, budget.level], [1000, true, 1]);
 * budget.remove(1000);
 * assertEquals(budget.level, 0);
 * ```
 */
export class Budget {
  /** How much there is. */
  readonly limit: number;
  /** What happens when it is used up. */
  readonly policy: LimitPolicy;
  readonly #unit: number;
  readonly #tightAt: number;
  readonly #refuseAt: number;
  #used = 0;
  /** Both ends of the ring of holders. */
  readonly #ring = new BudgetEntry();
  readonly #waiting = new Set<BudgetWaiter>();
  #passing: BudgetWaiter | null = null;

  /**
   * Makes a budget of `limit`; Infinity only counts.
   *
   * @param unit How much one who waits will take, about. With 1, all who wait are woken at once.
   * @throws {RangeError} When `limit` is negative or not a number.
   * @throws {TypeError} When `policy` is none of its words.
   */
  constructor(limit: number, policy: LimitPolicy = "close", unit = 1) {
    if (typeof limit !== "number" || !(limit >= 0)) {
      throw new RangeError(`Cannot make a budget: ${limit} is out of range`);
    }
    if (policy !== "wait" && policy !== "drop" && policy !== "close") {
      throw new TypeError('Cannot make a budget: a policy is "wait", "drop" or "close"');
    }
    this.limit = limit;
    this.policy = policy;
    this.#unit = unit;
    this.#tightAt = limit - limit / 8;
    this.#refuseAt = policy === "close" ? Infinity : limit;
    this.#ring.previous = this.#ring.next = this.#ring;
  }

  /** How much is used. */
  get used(): number {
    return this.#used;
  }

  /** How much is used, from 0 to 1. */
  get level(): number {
    if (this.#used === 0 || this.limit === Infinity) return 0;
    return this.#used >= this.limit ? 1 : this.#used / this.limit;
  }

  /** Whether seven eighths are used: whoever can be slowed down is. */
  get tight(): boolean {
    return this.#used >= this.#tightAt;
  }

  /** Whether it is used up. */
  get full(): boolean {
    return this.#used >= this.limit;
  }

  /** Whether it is used up, and nobody is closed for that: who has a part already gets no more. */
  get refuses(): boolean {
    return this.#used >= this.#refuseAt;
  }

  /** How many wait for room. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a part. Returns whether the budget is tight now. */
  add(amount: number): boolean {
    return (this.#used += amount) >= this.#tightAt;
  }

  /** Gives a part back. */
  remove(amount: number): void {
    this.#used -= amount;
    if (this.#waiting.size > 0) this.#wake();
  }

  /** From now on `holder` may be chosen to be closed. */
  watch(holder: BudgetHolder): void {
    const entry = holder.entry ??= new BudgetEntry(holder);
    if (entry.next !== null) return;
    const ring = this.#ring;
    const last = ring.previous!;
    entry.previous = last;
    entry.next = ring;
    last.next = ring.previous = entry;
  }

  /** `holder` may not be chosen any more. */
  unwatch(holder: BudgetHolder): void {
    const { entry } = holder;
    if (entry === undefined || entry.next === null) return;
    entry.previous!.next = entry.next;
    entry.next.previous = entry.previous;
    entry.previous = entry.next = null;
  }

  /**
   * With the policy `"close"`: closes holders until the limit is kept. Each time it is the largest of the 256 that were watched first, so
   * that the work has a bound.
   */
  relieve(): void {
    if (this.policy !== "close") return;
    while (this.#used > this.limit) {
      let largest: BudgetHolder | undefined;
      let looked = 0;
      for (
        let entry = this.#ring.next!;
        entry !== this.#ring && looked < LOOKED_AT;
        entry = entry.next!
      ) {
        const { holder } = entry;
        if (largest === undefined || holder!.held > largest.held) largest = holder;
        looked++;
      }
      if (largest === undefined) return;
      this.unwatch(largest);
      largest.onOverBudget();
    }
  }

  /**
   * What `who`, having taken more than there is, has to do. With `"wait"` it is woken in its turn; one at a time may always
   * go on, or those who hold a part and need another would wait for each other for ever.
   */
  ask(who: BudgetWaiter): BudgetAnswer {
    if (!this.full) return "go";
    if (this.policy === "drop") return "drop";
    if (this.policy === "close") {
      this.relieve();
      return "go";
    }
    if (this.#passing === null || this.#passing === who) {
      this.#passing = who;
      return "go";
    }
    this.#waiting.add(who);
    return "wait";
  }

  /** Wakes `who` when there is room. */
  wait(who: BudgetWaiter): void {
    this.#waiting.add(who);
  }

  /** `who` needs nothing more: it does not wait, and does not hold up those who do. */
  leave(who: BudgetWaiter): void {
    this.#waiting.delete(who);
    if (this.#passing !== who) return;
    this.#passing = null;
    if (this.#waiting.size > 0) this.#wake();
  }

  #wake(): void {
    const unit = this.#unit;
    if (this.#used < (unit === 1 ? this.limit : this.#tightAt)) {
      let room = unit === 1 ? Infinity : Math.ceil((this.limit - this.#used) / unit);
      for (const who of this.#waiting) {
        if (room-- <= 0) return;
        this.#waiting.delete(who);
        who.onRoom();
      }
    } else if (unit !== 1 && this.#passing === null) {
      const [who] = this.#waiting;
      this.#waiting.delete(who);
      this.#passing = who;
      who.onRoom();
    }
  }
}
