import { assertEquals } from "@std/assert";
import { isDelay, MAX_DELAY } from "../../net/max_delay.ts";

Deno.test("a delay is what a timer waits, or for ever", () => {
  const yes = [0, 0.5, 1, MAX_DELAY, Infinity];
  const no = [-1, -Infinity, NaN, MAX_DELAY + 1, 1e12];
  assertEquals([...yes, ...no].map(isDelay), [...yes.map(() => true), ...no.map(() => false)]);
});

Deno.test("a timer that is asked for the longest delay does not fire at once", async () => {
  let fired = false;
  const timer = setTimeout(() => fired = true, MAX_DELAY);
  await new Promise((resolve) => setTimeout(resolve, 20));
  clearTimeout(timer);
  assertEquals(fired, false);
});

Deno.test("a text is no time, although it compares as one", () => {
  for (const text of ["5", "", "Infinity", true, null, []]) {
    assertEquals(isDelay(text as never), false);
  }
});
