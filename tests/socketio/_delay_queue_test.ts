import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { DelayQueue } from "../../socketio/_delay_queue.ts";

Deno.test("delay queue hands out what is due, in order, and nothing else", () => {
  const due: string[] = [];
  const queue = new DelayQueue<string>(10, (item) => due.push(item));
  queue.set("a", 0);
  queue.set("b", 5);
  assertEquals(queue.next(), 10);
  queue.run(9);
  assertEquals(due, []);
  queue.run(10);
  assertEquals(due, ["a"]);
  assertEquals(queue.next(), 15);
  queue.run(100);
  assertEquals(due, ["a", "b"]);
  assertEquals(queue.next(), undefined);
  assertEquals(queue.size, 0);
});

Deno.test("delay queue starts anew what is put in again, and forgets what is taken out", () => {
  const due: string[] = [];
  const queue = new DelayQueue<string>(10, (item) => due.push(item));
  queue.set("a", 0);
  queue.set("b", 1);
  queue.set("a", 5);
  assertEquals(queue.delete("b"), true);
  assertEquals(queue.delete("b"), false);
  queue.run(14);
  assertEquals(due, []);
  queue.run(15);
  assertEquals(due, ["a"]);
});

Deno.test("delay queue takes an item that is put in while it runs", () => {
  let runs = 0;
  const queue: DelayQueue<string> = new DelayQueue(10, (item) => {
    runs++;
    queue.set(item, 20);
  });
  queue.set("a", 0);
  queue.run(20);
  assertEquals(runs, 1);
  assertEquals(queue.next(), 30);
});

Deno.test("delay queue agrees with a list of deadlines", () => {
  const step = fc.record({
    item: fc.integer({ min: 0, max: 9 }),
    wait: fc.integer({ min: 0, max: 8 }),
    kind: fc.constantFrom("set", "delete", "run"),
  });
  fc.assert(fc.property(fc.array(step), (steps) => {
    const due: number[] = [];
    const queue = new DelayQueue<number>(10, (item) => due.push(item));
    const model = new Map<number, number>();
    let now = 0;
    for (const { item, wait, kind } of steps) {
      now += wait;
      if (kind === "set") {
        queue.set(item, now);
        model.set(item, now + 10);
      } else if (kind === "delete") assertEquals(queue.delete(item), model.delete(item));
      else {
        due.length = 0;
        queue.run(now);
        const expected = [...model].filter(([, time]) => time <= now);
        assertEquals(new Set(due), new Set(expected.map(([item]) => item)));
        for (const [item] of expected) model.delete(item);
      }
      assertEquals(queue.next(), model.size === 0 ? undefined : Math.min(...model.values()));
    }
  }));
});
