import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Budget } from "../../net/budget.ts";
import { BudgetShare } from "../../net/budget_share.ts";

class Owner {
  over = 0;
  room = 0;
  onOverBudget(): void {
    this.over++;
  }
  onRoom(): void {
    this.room++;
  }
}

Deno.test("budget share is counted, whatever it grows and shrinks to, and given back", () => {
  const budget = new Budget(1000, "drop", 100);
  const share = new BudgetShare(budget, new Owner());
  assertEquals([share.set(400), budget.used], ["go", 400]);
  assertEquals([share.set(100), budget.used], ["go", 100]);
  assertEquals([share.set(100), budget.used], ["go", 100]);
  assertEquals([share.set(1000), budget.used], ["drop", 1000]);
  assertEquals([share.set(999), budget.used], ["go", 999], "who gives back need not ask");
  share.close();
  assertEquals([share.held, budget.used], [0, 0]);
  assertEquals([share.set(5000), share.held, budget.used], ["go", 0, 0], "closed for good");
});

Deno.test("budget share of the largest is given back before its owner is told", () => {
  const budget = new Budget(1000, "close", 100);
  const owner = new Owner();
  const large = new BudgetShare(budget, owner);
  large.set(900);
  const small = new BudgetShare(budget, new Owner());
  assertEquals([small.set(200), owner.over, budget.used], ["go", 1, 200]);
  assertEquals([large.held, large.set(50), budget.used], [0, "go", 200]);
});

Deno.test("budget share that asks may be the largest itself", () => {
  const budget = new Budget(1000, "close", 100);
  const owner = new Owner();
  const share = new BudgetShare(budget, owner);
  assertEquals([share.set(1001), owner.over, budget.used], ["go", 1, 0]);
});

Deno.test("budget share that has to wait goes on in its turn", () => {
  const budget = new Budget(1000, "wait", 100);
  const [a, b, c] = [new Owner(), new Owner(), new Owner()];
  const shares = [a, b, c].map((owner) => new BudgetShare(budget, owner));
  assertEquals(shares.map((share) => share.set(500)), ["go", "go", "wait"]);
  assertEquals(c.room, 0);
  shares[1].set(0);
  assertEquals(
    [c.room, budget.used],
    [1, 1000],
    "the one that could pass is done: the next one may",
  );
  shares[0].close();
  shares[2].close();
  assertEquals([budget.used, budget.waiting], [0, 0]);
});

Deno.test("budget share that is closed while it waits is forgotten", () => {
  const budget = new Budget(10, "wait", 1);
  const owner = new Owner();
  const first = new BudgetShare(budget, new Owner());
  first.set(10);
  new BudgetShare(budget, new Owner()).set(1);
  const share = new BudgetShare(budget, owner);
  assertEquals(share.set(1), "wait");
  share.close();
  first.close();
  assertEquals([owner.room, budget.waiting], [0, 0]);
});

Deno.test("budget shares of nothing are not looked at: the one that is too large is told", () => {
  const budget = new Budget(1000, "close", 100);
  const [empty, ended, large] = [new Owner(), new Owner(), new Owner()];
  for (const [owner, end] of [[empty, false], [ended, true]] as const) {
    const shares = Array.from({ length: 300 }, () => new BudgetShare(budget, owner));
    for (const share of shares) share.set(1);
    for (const share of shares) end ? share.close() : share.set(0);
  }
  assertEquals(new BudgetShare(budget, large).set(1001), "go");
  assertEquals([empty.over, ended.over, large.over, budget.used], [0, 0, 1, 0]);
});

const step = fc.record({
  who: fc.nat(7),
  amount: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 400 })),
  close: fc.nat(9).map((n) => n === 0),
});

for (const policy of ["wait", "drop", "close"] as const) {
  Deno.test(`budget shares add up, and end at nothing, with ${policy}`, () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const budget = new Budget(1000, policy, 100);
      const shares = Array.from({ length: 8 }, () => new BudgetShare(budget, new Owner()));
      for (const { who, amount, close } of steps) {
        if (close) {
          shares[who].close();
          shares[who] = new BudgetShare(budget, new Owner());
        } else {
          const before = budget.used;
          const answer = shares[who].set(amount);
          if (answer !== "go") assert(budget.full && budget.used > before);
          if (policy === "close") assert(budget.used <= budget.limit);
        }
        assertEquals(budget.used, shares.reduce((sum, { held }) => sum + held, 0));
      }
      for (const share of shares) share.close();
      assertEquals([budget.used, budget.waiting], [0, 0]);
    }));
  });

  Deno.test(`budget shares are never all held up, with ${policy}`, () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const budget = new Budget(500, policy, 100);
      // A share that waits does nothing more until it is told to go on.
      const waits = new Set<number>();
      const shares = Array.from({ length: 8 }, (_, i) =>
        new BudgetShare(budget, {
          onOverBudget: () => void waits.delete(i),
          onRoom: () => void waits.delete(i),
        }));
      for (const { who, amount } of steps) {
        if (waits.has(who)) continue;
        if (shares[who].set(amount) === "wait") waits.add(who);
        const holding = shares.filter(({ held }) => held > 0).length;
        assert(waits.size === 0 || waits.size < holding, "somebody who holds a part can go on");
      }
    }));
  });
}
