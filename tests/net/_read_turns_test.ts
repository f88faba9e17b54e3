import { assert, assertEquals } from "@std/assert";
import { ReadTurns } from "../../net/_read_turns.ts";
import { microtasks } from "../_support/microtasks.ts";

/**
 * Connections whose peers always have the next message ready, and a system that serves those that ask in the manner of Deno's: `budget` in a
 * round, those first whose message came last. `turn` ends one turn of the event loop, and `wait` lets time go by without a read.
 */
function rig(connections: number, budget = 128) {
  const turns: Array<() => void> = [];
  const timers: Array<() => void> = [];
  const served = new Map<number, number>();
  /** Who waits for the system: those that wait for longest are last. */
  let asking: number[] = [];
  let silent = false;
  let time = 0;
  const readers = new ReadTurns<number>(
    (reader) => read(reader),
    (callback) => turns.push(callback),
    {
      now: () => time,
      setTimeout: (callback) => timers.push(callback),
      clearTimeout: () => timers.length = 0,
    },
  );
  const read = (reader: number): void => void asking.unshift(reader);
  const came = (reader: number): void => {
    served.set(reader, (served.get(reader) ?? 0) + 1);
    if (--readers.left < 0) readers.came(reader);
    if (readers.crowded) readers.wait(reader);
    else read(reader);
  };
  for (let reader = 0; reader < connections; reader++) read(reader);
  return {
    readers,
    turns,
    timers,
    served,
    silence: () => void (silent = true),
    asking: () => asking.length,
    /** What the system has for those that ask, and what was put off until then. */
    async round(): Promise<void> {
      time += 20;
      const now = silent ? [] : asking.slice(0, budget);
      asking = asking.slice(now.length);
      for (const reader of now) came(reader);
      await microtasks(20);
      for (const callback of turns.splice(0)) {
        callback();
        await microtasks(20);
      }
    },
    async wait(ms: number): Promise<void> {
      time += ms;
      for (const callback of timers.splice(0)) callback();
      await microtasks(20);
    },
  };
}

Deno.test("read turns: all of a crowd are served, where most would get nothing", async () => {
  const { readers, served, round } = rig(1000);
  for (let i = 0; i < 4; i++) await round();
  assert(served.size < 300, "without turns the same are served each time");
  for (let i = 0; i < 30; i++) await round();
  assertEquals([readers.crowded, served.size], [true, 1000]);
  served.clear();
  for (let i = 0; i < 300; i++) await round();
  const counts = [...served.values()];
  assertEquals(counts.length, 1000);
  assert(Math.max(...counts) - Math.min(...counts) <= 2, "and all as often as others");
});

Deno.test("read turns: so many connections as one round serves are no crowd", async () => {
  const { readers, served, round } = rig(100);
  for (let i = 0; i < 100; i++) await round();
  assertEquals([readers.crowded, readers.left > 0, served.get(0), served.get(99)], [
    false,
    true,
    100,
    100,
  ]);
});

Deno.test("read turns: a connection that reads often is no crowd", async () => {
  const { readers, turns } = rig(0);
  for (let i = 0; i < 2000; i++) {
    if (--readers.left < 0) readers.came(1);
    if (i % 300 === 0) { for (const callback of turns.splice(0)) callback(); }
  }
  assertEquals(readers.crowded, false);
  await microtasks(5);
});

Deno.test("read turns: who is told of at once leaves room for the next slice", async () => {
  const turns: Array<() => void> = [];
  const resumed: number[] = [];
  const readers = new ReadTurns<number>((reader) => {
    resumed.push(reader);
    // The system has something for each at once.
    queueMicrotask(() => readers.came(reader));
  }, (callback) => turns.push(callback));
  readers.crowded = true;
  for (let i = 0; i < 500; i++) readers.wait(i);
  readers.came(-1);
  const sizes: number[] = [];
  for (let i = 0; i < 4; i++) {
    const before = resumed.length;
    turns.shift()!();
    await microtasks(20);
    sizes.push(resumed.length - before);
  }
  assertEquals(sizes, [32, 64, 64, 64]);
  assertEquals(resumed, Array.from({ length: 224 }, (_, i) => i));
});

Deno.test("read turns: a crowd is over when one slice is enough, or nobody has anything to read", async (t) => {
  await t.step("a slice", async () => {
    const { readers, round, asking } = rig(20);
    readers.crowded = true;
    readers.left = 0;
    for (let i = 0; i < 10; i++) await round();
    assert(readers.crowded);
    for (let i = 0; i < 20; i++) await round();
    assertEquals([readers.crowded, asking()], [false, 20]);
  });
  await t.step("nobody", async () => {
    const { readers, round, silence, wait, asking, timers } = rig(300);
    for (let i = 0; i < 40; i++) await round();
    assert(readers.crowded && asking() < 300);
    silence();
    for (let i = 0; i < 10; i++) await round();
    assertEquals([asking() < 300, timers.length], [true, 1], "a few wait for the system");
    await wait(1);
    assertEquals(
      [readers.crowded, timers.length],
      [true, 1],
      "the timer goes before what has come",
    );
    for (let i = 0; i < 7; i++) await wait(5);
    assertEquals([readers.crowded, timers.length], [true, 1], "timers that are late tell little");
    await wait(1);
    assertEquals([readers.crowded, asking(), timers.length], [false, 300, 0]);
  });
  await t.step("nobody, while the program has other things to do", async () => {
    const { readers, round, silence, wait, asking } = rig(300);
    for (let i = 0; i < 40; i++) await round();
    assert(readers.crowded && asking() < 300);
    silence();
    for (let i = 0; i < 10; i++) await round();
    for (let i = 0; i < 16; i++) await wait(20);
    assertEquals([readers.crowded, asking()], [false, 300]);
  });
});

Deno.test("read turns: who leaves is not resumed, and the last one takes the timer along", async () => {
  const turns: Array<() => void> = [];
  const timers = new Set<number>();
  const resumed: number[] = [];
  const readers = new ReadTurns<number>((reader) => resumed.push(reader), (callback) => {
    turns.push(callback);
  }, {
    now: () => 0,
    setTimeout: () => (timers.add(1), 1),
    clearTimeout: (timer) => void timers.delete(timer as number),
  });
  readers.crowded = true;
  const places = Array.from({ length: 40 }, (_, i) => readers.wait(i));
  readers.leave(places[1]);
  readers.came(-1);
  turns.shift()!();
  await microtasks(20);
  assertEquals(resumed.slice(0, 3), [0, 2, 3]);
  assertEquals([resumed.length, timers.size], [32, 1]);
  for (const place of places) readers.leave(place);
  readers.leave(places[0]);
  assertEquals([timers.size, readers.crowded], [0, true]);
});
