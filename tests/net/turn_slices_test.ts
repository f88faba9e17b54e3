import { assertEquals } from "@std/assert";
import { TurnSlices } from "../../net/turn_slices.ts";
import { microtasks } from "../_support/microtasks.ts";

/** Work of so many pieces, the sizes of the slices it was done in, and the turns that were asked for. */
function rig(pieces: number, idle: (slice: number) => boolean | undefined) {
  const turns: Array<() => void> = [];
  const sizes: number[] = [];
  const slices = new TurnSlices((count) => {
    const size = Math.min(count, pieces);
    const state = idle(sizes.push(size) - 1);
    if (state !== undefined) slices.probe = { idle: state };
    pieces -= size;
    return pieces > 0;
  }, (callback) => turns.push(callback));
  return { slices, turns, sizes, add: (more: number) => pieces += more };
}

Deno.test("slices go on in one turn while writes are done at once", async () => {
  const { slices, turns, sizes } = rig(20, () => true);
  slices.start();
  assertEquals(sizes, [], "not before the end of the microtask");
  await microtasks(1000);
  assertEquals([sizes, turns.length], [[8, 8, 4], 0]);
});

Deno.test("slices go on in the next turn when writes have to wait, with a long one", async () => {
  const { slices, turns, sizes } = rig(300, () => false);
  slices.start();
  await microtasks(1000);
  assertEquals([sizes, turns.length], [[8], 1]);
  turns.shift()!();
  await microtasks(1000);
  assertEquals([sizes, turns.length], [[8, 120], 1]);
  turns.shift()!();
  await microtasks(1000);
  turns.shift()!();
  await microtasks(1000);
  assertEquals([sizes, turns.length], [[8, 120, 120, 52], 0]);
});

Deno.test("slices of connections that are all slow wait for none of them", async () => {
  const { slices, turns, sizes } = rig(20, () => undefined);
  slices.start();
  await microtasks(1000);
  assertEquals([sizes, turns.length], [[8, 8, 4], 0]);
});

Deno.test("slices are started anew when all is done, and once while they are under way", async () => {
  const { slices, turns, sizes, add } = rig(9, (slice) => slice > 0);
  slices.start();
  slices.start();
  await microtasks(1000);
  slices.start();
  await microtasks(1000);
  assertEquals([sizes, turns.length], [[8], 1]);
  turns.shift()!();
  await microtasks(1000);
  assertEquals(sizes, [8, 1]);
  add(1);
  slices.start();
  await microtasks(1000);
  assertEquals(sizes, [8, 1, 1]);
});

Deno.test("slices whose work throws can be started anew", async () => {
  let calls = 0;
  const failures: unknown[] = [];
  const slices = new TurnSlices(() => {
    if (++calls === 1) throw new Error("once");
    return false;
  });
  const listener = (event: PromiseRejectionEvent | ErrorEvent) => {
    event.preventDefault();
    failures.push("error" in event ? event.error.message : event.reason);
  };
  addEventListener("error", listener);
  slices.start();
  await new Promise((resolve) => setTimeout(resolve, 0));
  removeEventListener("error", listener);
  assertEquals(failures, ["once"]);
  slices.start();
  await microtasks(1000);
  assertEquals(calls, 2);
});
