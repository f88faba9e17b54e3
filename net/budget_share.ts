// Floor 0: vocabulary.
import type { Budget, BudgetAnswer, BudgetEntry, BudgetHolder, BudgetWaiter } from "./budget.ts";

/** Whose share a {@linkcode BudgetShare} is. Neither may throw. */
export interface BudgetShareOwner {
  /** The owner is to be closed. Its share is given back already. */
  onOverBudget(budget: Budget): void;
  /** The owner, who had to wait, may go on. */
  onRoom(budget: Budget): void;
}

/**
 * What one connection holds of a budget.
 *
 * @example
 * ```ts
 * import { Budget, BudgetShare } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const budget = new Budget(1000, "drop", 100);
 * const share = new BudgetShare(budget, { onOverBudget() {}, onRoom() {} });
 * assertEquals(share.set(600), "go");
 * assertEquals(share.set(1200), "drop");
 * share.close();
 * assertEquals(budget.used, 0);
 * ```
 */
export class BudgetShare implements BudgetHolder, BudgetWaiter {
  /** How much it is. */
  held = 0;
  /** For the budget. */
  entry: BudgetEntry | undefined = undefined;
  #closed = false;

  /** Makes a share of nothing. */
  constructor(
    /** The budget. */
    readonly budget: Budget,
    /** Whose it is. */
    readonly owner: BudgetShareOwner,
  ) {}

  /** Makes the share as large as that, and tells whether the owner may go on. After `close()` it does nothing. */
  set(amount: number): BudgetAnswer {
    const { budget, held } = this;
    if (amount === held || this.#closed) return "go";
    this.held = amount;
    if (amount < held) {
      if (amount === 0) {
        budget.unwatch(this);
        budget.leave(this);
      }
      budget.remove(held - amount);
      return "go";
    }
    if (held === 0) budget.watch(this);
    budget.add(amount - held);
    return budget.ask(this);
  }

  /** Does not hold up those who wait: the owner has reasons of its own not to go on. It keeps what it has. */
  yield(): void {
    if (this.held > 0) this.budget.leave(this);
  }

  /** Gives everything back, for good. */
  close(): void {
    this.set(0);
    this.#closed = true;
  }

  /** For the budget. */
  onOverBudget(): void {
    this.close();
    this.owner.onOverBudget(this.budget);
  }

  /** For the budget. */
  onRoom(): void {
    this.owner.onRoom(this.budget);
  }
}
