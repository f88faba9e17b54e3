import { assert, assertEquals, assertThrows } from "@std/assert";
import { Budget, type BudgetHolder, type BudgetWaiter } from "../../net/budget.ts";

/** A holder that gives back what it holds when it is told to, and says so in `log`. */
function holder(budget: Budget, held: number, log: string[], name: string): BudgetHolder {
  budget.add(held);
  const who: BudgetHolder & { held: number } = {
    held,
    entry: undefined,
    onOverBudget() {
      log.push(name);
      budget.remove(who.held);
      who.held = 0;
    },
  };
  budget.watch(who);
  return who;
}

function waiter(log: string[], name: string): BudgetWaiter {
  return { onRoom: () => void log.push(name) };
}

Deno.test("budget counts, is tight from seven eighths on, and full at its limit", () => {
  const budget = new Budget(800, "drop", 100);
  assertEquals([budget.add(699), budget.tight, budget.full], [false, false, false]);
  assertEquals([budget.add(1), budget.tight, budget.full], [true, true, false]);
  assertEquals([budget.used, budget.level], [700, 0.875]);
  assertEquals([budget.add(200), budget.full, budget.level], [true, true, 1]);
  budget.remove(900);
  assertEquals([budget.used, budget.level, budget.tight], [0, 0, false]);
});

Deno.test("budget without a limit only counts", () => {
  const budget = new Budget(Infinity, "wait", 100);
  assertEquals(budget.add(1e15), false);
  assertEquals([budget.used, budget.level, budget.full], [1e15, 0, false]);
  assertEquals(budget.ask(waiter([], "")), "go");
});

Deno.test("budget of nothing is full from the start", () => {
  const budget = new Budget(0, "drop");
  assertEquals([budget.full, budget.tight, budget.refuses, budget.level], [true, true, true, 0]);
});

Deno.test("budget refuses a limit or a policy that makes no sense", () => {
  for (const limit of [-1, NaN, "5" as unknown as number].slice(0, 2)) {
    assertThrows(() => new Budget(limit), RangeError);
  }
  assertThrows(() => new Budget(1, "shout" as "drop"), TypeError);
});

Deno.test("budget with close ends the largest holder first, and no more than it has to", () => {
  const budget = new Budget(1000, "close", 100);
  const log: string[] = [];
  holder(budget, 200, log, "small");
  holder(budget, 500, log, "large");
  holder(budget, 300, log, "middle");
  budget.relieve();
  assertEquals(log, [], "it is full, and no more than that");
  budget.add(1);
  budget.relieve();
  assertEquals([log, budget.used], [["large"], 501]);
  budget.add(600);
  budget.relieve();
  assertEquals([log, budget.used], [["large", "middle"], 801]);
});

Deno.test("budget with close spares who is not watched, and gives up when nobody is", () => {
  const budget = new Budget(100, "close", 10);
  const log: string[] = [];
  budget.unwatch(holder(budget, 500, log, "hidden"));
  holder(budget, 60, log, "seen");
  budget.relieve();
  assertEquals([log, budget.used], [["seen"], 500]);
});

Deno.test("budget has one place for a holder that is watched twice, and forgets it at once", () => {
  const budget = new Budget(100, "close", 10);
  const log: string[] = [];
  const twice = holder(budget, 90, log, "twice");
  budget.watch(twice);
  const other = holder(budget, 5, log, "other");
  budget.watch(twice);
  budget.unwatch(twice);
  budget.unwatch(twice);
  budget.add(20);
  budget.relieve();
  assertEquals([log, twice.entry?.next, other.entry?.next], [["other"], null, null]);
});

Deno.test("budget looks at 256 holders at most, those that were there first", () => {
  const budget = new Budget(1, "close", 1);
  const log: string[] = [];
  let looks = 0;
  for (let i = 0; i < 1000; i++) {
    const size = i;
    const who: BudgetHolder = {
      entry: undefined,
      get held() {
        looks++;
        return size;
      },
      onOverBudget() {
        log.push(String(size));
        budget.remove(budget.used);
      },
    };
    budget.watch(who);
  }
  budget.add(2);
  budget.relieve();
  assertEquals(log, ["255"]);
  assert(looks <= 2 * 256, `${looks} looks`);
});

Deno.test("budget with wait or drop closes nobody", () => {
  for (const policy of ["wait", "drop"] as const) {
    const budget = new Budget(10, policy, 1);
    const log: string[] = [];
    holder(budget, 20, log, "x");
    budget.relieve();
    assertEquals([log, budget.refuses], [[], true]);
  }
  const budget = new Budget(10, "close", 1);
  budget.add(20);
  assertEquals(budget.refuses, false);
});

Deno.test("budget lets one who asks go on, and has the others wait for their turn", () => {
  const budget = new Budget(1000, "wait", 100);
  const log: string[] = [];
  const [a, b, c] = ["a", "b", "c"].map((name) => waiter(log, name));
  budget.add(1000);
  assertEquals([a, b, c, a].map((who) => budget.ask(who)), ["go", "wait", "wait", "go"]);
  assertEquals(budget.waiting, 2);
  budget.leave(a);
  assertEquals(log, ["b"], "the next may go on although there is no room");
  budget.leave(b);
  assertEquals(log, ["b", "c"]);
  budget.leave(c);
  assertEquals(budget.waiting, 0);
});

Deno.test("budget wakes as many as there is room for, first come first served", () => {
  const budget = new Budget(1000, "wait", 100);
  const log: string[] = [];
  budget.add(1000);
  budget.ask(waiter(log, "passes"));
  for (const name of ["a", "b", "c", "d"]) budget.ask(waiter(log, name));
  budget.remove(100);
  assertEquals(log, [], "still tight");
  budget.remove(100);
  assertEquals(log, ["a", "b"]);
  budget.remove(700);
  assertEquals(log, ["a", "b", "c", "d"]);
});

Deno.test("budget of connections wakes nobody while it is still over its limit", () => {
  const budget = new Budget(2, "wait");
  const log: string[] = [];
  budget.add(4);
  for (const name of ["a", "b"]) budget.wait(waiter(log, name));
  budget.remove(1);
  budget.remove(1);
  assertEquals([log, budget.waiting], [[], 2], "it is full");
  budget.remove(1);
  assertEquals([log, budget.waiting], [["a", "b"], 0]);
});

Deno.test("budget of connections wakes all who wait when one ends", () => {
  const budget = new Budget(2, "wait");
  const log: string[] = [];
  budget.add(2);
  for (const name of ["a", "b"]) budget.wait(waiter(log, name));
  budget.remove(1);
  assertEquals([log, budget.waiting], [["a", "b"], 0]);
});

Deno.test("budget does not wake who has left", () => {
  const budget = new Budget(2, "wait");
  const log: string[] = [];
  const a = waiter(log, "a");
  budget.add(2);
  budget.wait(a);
  budget.leave(a);
  budget.remove(2);
  assertEquals(log, []);
});
