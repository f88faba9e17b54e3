import { assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { SharedRun } from "../../socketio/_shared_run.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

Deno.test("a run joins its frames in order", () => {
  const run = new SharedRun().with(bytes(1, 2)).with(bytes(3)).with(bytes(4, 5, 6));
  assertEquals(run.size, 6);
  assertEquals(run.bytes, bytes(1, 2, 3, 4, 5, 6));
});

Deno.test("a run of one frame is that frame, not a copy", () => {
  const frame = bytes(1, 2);
  assertStrictEquals(new SharedRun().with(frame).bytes, frame);
  assertEquals(new SharedRun().bytes, bytes());
});

Deno.test("those who get the same frames share one run, and one joined array", () => {
  const start = new SharedRun();
  const [a, b] = [bytes(1), bytes(2)];
  const one = start.with(a).with(b);
  const other = start.with(a).with(b);
  assertStrictEquals(one, other);
  assertStrictEquals(one.bytes, other.bytes);
});

Deno.test("those who get different frames do not", () => {
  const start = new SharedRun();
  const [a, b, c] = [bytes(1), bytes(2), bytes(3)];
  assertEquals(start.with(a).with(b).bytes, bytes(1, 2));
  assertEquals(start.with(a).with(c).bytes, bytes(1, 3));
  assertEquals(start.with(b).bytes, bytes(2));
  assertEquals(start.with(bytes(1)).bytes, bytes(1), "equal bytes, but not the same frame");
});

Deno.test("after a turn a new run begins", () => {
  const start = new SharedRun();
  const frame = bytes(1);
  const one = start.with(frame);
  start.forget();
  assertNotStrictEquals(start.with(frame), one);
});
