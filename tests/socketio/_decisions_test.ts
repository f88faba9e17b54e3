import { assert, assertEquals, assertRejects } from "@std/assert";
import { Decisions, Undecided } from "../../socketio/_decisions.ts";
import { Scheduler } from "../../socketio/_scheduler.ts";

Deno.test("a decision is what was decided, or why it failed", async () => {
  const decisions = new Decisions(new Scheduler(), 60_000);
  assertEquals(await decisions.wait(Promise.resolve(5)), 5);
  await assertRejects(() => decisions.wait(Promise.reject(new Error("no idea"))), Error, "no idea");
});

Deno.test("a decision that takes too long is not waited for", async () => {
  const decisions = new Decisions(new Scheduler(), 5);
  const late = Promise.withResolvers<number>();
  const decided = await decisions.wait(late.promise);
  assert(decided instanceof Undecided);
  assertEquals(decided.message, "The answer took too long");
  late.reject(new Error("nobody hears this"));
});

Deno.test("all decisions can be given up at once", async () => {
  const decisions = new Decisions(new Scheduler(), 60_000);
  const waiting = [1, 2].map(() => decisions.wait(new Promise(() => {})));
  decisions.giveUp("enough");
  for (const decided of await Promise.all(waiting)) {
    assert(decided instanceof Undecided);
    assertEquals(decided.message, "enough");
  }
});
