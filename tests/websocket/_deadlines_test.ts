import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ManualClock } from "../../net/clock.ts";
import { DeadlineQueue, type Expiring } from "../../websocket/_deadlines.ts";

class Item implements Expiring {
  deadline = 0;
  deadlineIndex = -1;
  constructor(readonly fired: (item: Item, now: number) => void) {}
  onDeadline(now: number): void {
    this.fired(this, now);
  }
}

Deno.test("deadlines fire in order, once each, and never early", () => {
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.nat(100), fc.option(fc.nat(100)), fc.boolean()), { maxLength: 40 }),
    (plan) => {
      const clock = new ManualClock();
      const queue = new DeadlineQueue(clock);
      const fired: Array<[Item, number]> = [];
      const expected: Array<[Item, number]> = [];
      for (const [at, changed, deleted] of plan) {
        const item = new Item((item, now) => fired.push([item, now]));
        queue.set(item, at);
        if (changed !== null) queue.set(item, changed);
        if (deleted) queue.delete(item);
        else expected.push([item, changed ?? at]);
      }
      assertEquals(clock.pending <= 1, true);
      clock.advance(200);
      assertEquals(fired.map(([, now]) => now), expected.map(([, at]) => at).sort((a, b) => a - b));
      assertEquals(new Set(fired.map(([item]) => item)), new Set(expected.map(([item]) => item)));
      assertEquals([queue.size, clock.pending], [0, 0]);
    },
  ));
});

Deno.test("deadline may be set again while it fires", () => {
  const clock = new ManualClock();
  const queue = new DeadlineQueue(clock);
  const times: number[] = [];
  const item = new Item((item, now) => {
    times.push(now);
    if (times.length < 3) queue.set(item, now + 10);
  });
  queue.set(item, 10);
  clock.advance(100);
  assertEquals(times, [10, 20, 30]);
  assertEquals(clock.pending, 0);
});

Deno.test("queue with nothing in it holds no timer", () => {
  const queue = new DeadlineQueue();
  const item = new Item(() => {});
  queue.set(item, queue.now() + 1e9);
  queue.set(item, queue.now() + 1e12);
  queue.delete(item);
  queue.delete(item);
  assertEquals(queue.size, 0);
});
