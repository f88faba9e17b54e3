import { assertEquals, assertThrows } from "@std/assert";
import { MAX_DELAY } from "../../net/max_delay.ts";
import { ackTime, CLUSTER_TIME, clusterTime, timerTime } from "../../socketio/_time.ts";

Deno.test("timerTime shortens what a timer would take for no time at all", async () => {
  assertEquals([0, 20.5, MAX_DELAY].map(timerTime), [0, 20.5, MAX_DELAY]);
  assertEquals([MAX_DELAY + 1, Infinity].map(timerTime), [MAX_DELAY, MAX_DELAY]);
  let fired = false;
  const timer = setTimeout(() => fired = true, timerTime(Infinity));
  await new Promise((resolve) => setTimeout(resolve, 20));
  clearTimeout(timer);
  assertEquals(fired, false);
});

Deno.test("ackTime refuses what is no time, at once", () => {
  assertEquals([0, 5, Infinity].map(ackTime), [0, 5, Infinity]);
  for (const wrong of [-1, NaN]) assertThrows(() => ackTime(wrong), RangeError, `${wrong} ms`);
});

Deno.test("the servers of a cluster have longer than the limits that adapters have, 5 s", () => {
  assertEquals(CLUSTER_TIME, 30_000);
});

Deno.test("an adapter with a longer limit of its own comes to it", () => {
  const times = [
    [{}, 30_000],
    [{ requestsTimeout: 5000 }, 30_000],
    [{ requestsTimeout: 60_000 }, 120_000],
    [{ requestsTimeout: Infinity }, MAX_DELAY],
    [{ requestsTimeout: NaN }, 30_000],
    [{ requestsTimeout: "60000" }, 30_000],
  ] as const;
  for (const [adapter, time] of times) assertEquals(clusterTime(adapter), time);
});
