import { assertEquals, assertRejects } from "@std/assert";
import { EventQueue } from "../../socketio/_event_queue.ts";
import { SocketIoError } from "../../socketio/errors.ts";

const LIMITS = { maxEvents: 10, maxBytes: 1000 };

Deno.test("event queue hands out events in order, those that wait and those to come", async () => {
  let ends = 0;
  const queue = new EventQueue(LIMITS, () => ends++);
  queue.push(["a", 1], 10);
  const first = queue.next();
  const second = queue.next();
  queue.push(["b"], 10);
  assertEquals((await first).value, ["a", 1]);
  assertEquals((await second).value, ["b"]);
  queue.push(["c"], 10);
  queue.end();
  queue.push(["late"], 10);
  const rest: unknown[] = [];
  for await (const event of queue) rest.push(event);
  assertEquals(rest, [["c"]]);
  assertEquals(ends, 1);
});

Deno.test("event queue ends a loop that waits", async () => {
  const queue = new EventQueue(LIMITS, () => {});
  const waiting = queue.next();
  queue.end();
  assertEquals(await waiting, { done: true, value: undefined });
});

Deno.test("event queue tells an error once, after the events before it", async () => {
  const queue = new EventQueue(LIMITS, () => {});
  queue.push(["a"], 10);
  queue.end(new SocketIoError("ERR_REFUSED", "Cannot connect: no"));
  assertEquals((await queue.next()).value, ["a"]);
  const error = await assertRejects(() => queue.next(), SocketIoError);
  assertEquals(error.code, "ERR_REFUSED");
  assertEquals((await queue.next()).done, true);
  const waits = new EventQueue(LIMITS, () => {});
  const waiting = assertRejects(() => waits.next(), SocketIoError);
  waits.end(new SocketIoError("ERR_REFUSED", "Cannot connect: no"));
  await waiting;
});

Deno.test("event queue ends with an error when the loop is too slow", async () => {
  const queue = new EventQueue({ maxEvents: 2, maxBytes: 1000 }, () => {});
  queue.push(["a"], 10);
  queue.push(["b"], 10);
  queue.push(["c"], 10);
  await queue.next();
  await queue.next();
  const error = await assertRejects(() => queue.next(), SocketIoError);
  assertEquals(error.code, "ERR_LIMIT");
});

Deno.test("event queue ends when the loop is left", async () => {
  let ends = 0;
  const queue = new EventQueue(LIMITS, () => ends++);
  queue.push(["a"], 10);
  queue.push(["b"], 10);
  for await (const event of queue) {
    assertEquals(event, ["a"]);
    break;
  }
  assertEquals(ends, 1);
  assertEquals((await queue.next()).done, true);
  assertEquals(await queue.return(), { done: true, value: undefined });
});

Deno.test("event queue ends with an error when what waits has too many bytes, whatever the first one has", async () => {
  const queue = new EventQueue({ maxEvents: 10, maxBytes: 100 }, () => {});
  queue.push(["large"], 150);
  assertEquals((await queue.next()).value, ["large"]);
  queue.push(["a"], 60);
  queue.push(["b"], 40);
  await queue.next();
  queue.push(["c"], 60);
  queue.push(["d"], 1);
  assertEquals((await queue.next()).value, ["b"]);
  assertEquals((await queue.next()).value, ["c"]);
  const error = await assertRejects(() => queue.next(), SocketIoError);
  assertEquals([error.code, error.message], [
    "ERR_LIMIT",
    "Cannot go on with the loop: events of 100 bytes wait for it",
  ]);
});
