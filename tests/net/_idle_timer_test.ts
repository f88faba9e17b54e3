import { assert, assertEquals } from "@std/assert";
import { IdleTimer } from "../../net/_idle_timer.ts";

Deno.test("idle timer fires once for each silence", async () => {
  let resolve: () => void = () => {};
  let fired = 0;
  const timer = new IdleTimer(5, true, () => {
    fired++;
    resolve();
  });
  for (let silence = 1; silence <= 2; silence++) {
    const rang = new Promise<void>((done) => resolve = done);
    timer.touch();
    await rang;
    assertEquals(fired, silence);
  }
});

Deno.test("idle timer counts from the last touch", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  const timer = new IdleTimer(30, true, () => resolve(performance.now()));
  timer.touch();
  await new Promise((done) => setTimeout(done, 15));
  const touched = performance.now();
  timer.touch();
  assert(await promise - touched >= 29);
});

Deno.test("idle timer that was stopped holds nothing", () => {
  const timer = new IdleTimer(60_000, true, () => {
    throw new Error("it was stopped");
  });
  timer.touch();
  timer.keep(false);
  timer.keep(true);
  timer.stop();
  timer.stop();
});

Deno.test("idle timer may be told at any time whether it keeps the program running", async () => {
  let fired = 0;
  const timer = new IdleTimer(30, true, () => fired++);
  timer.keep(false);
  timer.touch();
  timer.keep(true);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assertEquals(fired, 1);
  timer.keep(false);
  timer.stop();
});
