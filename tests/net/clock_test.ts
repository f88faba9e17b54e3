import process from "node:process";
import { setImmediate } from "node:timers";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ManualClock, SYSTEM_CLOCK } from "../../net/clock.ts";

Deno.test("manual clock runs timers in the order of time, not of making", () => {
  const clock = new ManualClock();
  const rang: string[] = [];
  clock.setTimeout(() => rang.push(`b at ${clock.now()}`), 20);
  clock.setTimeout(() => rang.push(`a at ${clock.now()}`), 10);
  clock.setTimeout(() => rang.push("late"), 31);
  clock.advance(30);
  assertEquals([rang, clock.now(), clock.pending], [["a at 10", "b at 20"], 30, 1]);
});

Deno.test("manual clock runs what a timer sets, within the same move", () => {
  const clock = new ManualClock();
  const rang: number[] = [];
  clock.setTimeout(() => clock.setTimeout(() => rang.push(clock.now()), 5), 5);
  clock.advance(10);
  assertEquals(rang, [10]);
});

Deno.test("manual clock forgets timers, and ignores what is none", () => {
  const clock = new ManualClock();
  const timer = clock.setTimeout(() => {
    throw new Error("it was forgotten");
  }, 1);
  clock.clearTimeout(timer);
  clock.clearTimeout(timer);
  clock.clearTimeout(undefined);
  clock.advance(5);
  assertEquals(clock.pending, 0);
});

Deno.test("system clock takes a negative time as now, and nothing warns of it", async () => {
  const warnings: string[] = [];
  const warned = (warning: Error) => warnings.push(warning.name);
  process.on("warning", warned);
  await new Promise<void>((resolve) => SYSTEM_CLOCK.setTimeout(resolve, -0.25));
  // What Node's API tells of comes a turn later.
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", warned);
  assertEquals(warnings, []);
});

Deno.test("manual clock takes a negative time as now, at the next move", () => {
  const clock = new ManualClock();
  let rang = 0;
  clock.setTimeout(() => rang++, -5);
  assertEquals(rang, 0);
  clock.advance(0);
  assertEquals(rang, 1);
});

Deno.test("system clock goes on and rings", async () => {
  const before = SYSTEM_CLOCK.now();
  await new Promise<void>((resolve) => SYSTEM_CLOCK.setTimeout(resolve, 2));
  assert(SYSTEM_CLOCK.now() > before);
  SYSTEM_CLOCK.clearTimeout(SYSTEM_CLOCK.setTimeout(() => {}, 60_000));
});

Deno.test("manual clock does not go back", () => {
  const clock = new ManualClock();
  for (const ms of [-1, NaN]) assertThrows(() => clock.advance(ms), RangeError);
});
