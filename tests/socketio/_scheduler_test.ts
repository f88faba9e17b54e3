import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { Scheduler } from "../../socketio/_scheduler.ts";

Deno.test("scheduler calls when a delay is over, not before", async () => {
  const scheduler = new Scheduler();
  const start = performance.now();
  await new Promise<void>((resolve) => scheduler.delay<string>(20, () => resolve()).start("a"));
  assertGreaterOrEqual(performance.now() - start, 20);
});

Deno.test("scheduler serves several delays in the order in which they are due", async () => {
  const scheduler = new Scheduler();
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    const long = scheduler.delay<string>(30, (item) => {
      order.push(item);
      resolve();
    });
    const short = scheduler.delay<string>(5, (item) => order.push(item));
    long.start("long");
    short.start("short");
    short.start("shorter");
    short.stop("shorter");
  });
  assertEquals(order, ["short", "long"]);
});

Deno.test("scheduler starts a delay anew", async () => {
  const scheduler = new Scheduler();
  let calls = 0;
  await new Promise<void>((resolve) => {
    const delay = scheduler.delay<string>(15, () => {
      calls++;
      resolve();
    });
    delay.start("a");
    delay.start("a");
  });
  assertEquals(calls, 1);
});

Deno.test("scheduler has no timer once nothing waits", () => {
  // The test's sanitizer fails if one is left.
  const scheduler = new Scheduler();
  const delay = scheduler.delay<number>(60_000, () => {});
  const other = scheduler.delay<number>(30_000, () => {});
  delay.start(1);
  other.start(2);
  delay.stop(1);
  other.stop(2);
  delay.stop(3);
  assert(true);
});

Deno.test("scheduler waits for longer than a timer can", async () => {
  const late: string[] = [];
  const delay = new Scheduler().delay<string>(2 ** 31 + 1_000, (item) => late.push(item));
  const { setTimeout: original } = globalThis;
  const waits: unknown[] = [];
  globalThis.setTimeout = ((run: () => void, ms?: number) => {
    waits.push(ms);
    return original(run, ms);
  }) as typeof setTimeout;
  try {
    delay.start("a");
    await new Promise((resolve) => original(resolve, 10));
  } finally {
    globalThis.setTimeout = original;
  }
  delay.stop("a");
  assertEquals([waits, late], [[2 ** 31 - 1], []]);
});
