import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Clock, ManualClock } from "../../net/clock.ts";
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

/** A clock whose timers fire when they are told to, however late. */
class StandingClock implements Clock {
  time = 0;
  timers: Array<() => void> = [];
  now(): number {
    return this.time;
  }
  setTimeout(fn: () => void): unknown {
    this.timers.push(fn);
    return fn;
  }
  clearTimeout(handle: unknown): void {
    this.timers = this.timers.filter((fn) => fn !== handle);
  }
  turn(): void {
    for (const fn of this.timers.splice(0)) fn();
  }
}

Deno.test("deadlines that come late leave some turns for what has come meanwhile, not any number", () => {
  for (const [count, turns] of [[1, 2], [50, 2], [51, 3], [10_000, 64]]) {
    const clock = new StandingClock();
    const queue = new DeadlineQueue(clock);
    let fired = 0;
    const items = Array.from({ length: count }, () => new Item(() => fired++));
    for (const item of items) queue.set(item, 10);
    clock.time = 1000;
    for (let i = 0; i < turns; i++) {
      clock.turn();
      assertEquals([fired, clock.timers.length], [0, 1]);
      clock.time += 10;
    }
    // Heard from, in time after all; and a new one.
    queue.delete(items[0]);
    queue.set(items[0], clock.time + 10);
    clock.turn();
    assertEquals([fired, queue.size, clock.timers.length], [count - 1, 1, 1]);
    // A timer that is hardly late fires.
    clock.time += 20;
    clock.turn();
    assertEquals([fired, queue.size, clock.timers.length], [count, 0, 0]);
  }
});

Deno.test("deadlines that come late are put off for a second, not for the more the longer turns are", () => {
  for (const [length, turns] of [[60, 17], [100, 10], [999, 2], [5000, 2]]) {
    const clock = new StandingClock();
    const queue = new DeadlineQueue(clock);
    let fired = 0;
    const item = new Item(() => fired++);
    for (let i = 0; i < 10_000; i++) queue.set(new Item(() => {}), 1e9);
    // The second time is as the first.
    for (let i = 1; i <= 2; i++) {
      queue.set(item, clock.time + 10);
      clock.time += 10 + length;
      for (let left = 0; left < turns; left++) {
        clock.turn();
        assertEquals(fired, i - 1);
        clock.time += length;
      }
      clock.turn();
      assertEquals(fired, i);
    }
  }
});

Deno.test("queue that is emptied while late deadlines wait holds no timer, and begins anew", () => {
  const clock = new StandingClock();
  const queue = new DeadlineQueue(clock);
  const times: number[] = [];
  const item = new Item((_, now) => times.push(now));
  for (let i = 0; i < 3; i++) {
    queue.set(item, clock.time + 10);
    clock.time += 1000;
    clock.turn();
    queue.delete(item);
    assertEquals([clock.timers.length, times.length], [0, 0]);
  }
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
