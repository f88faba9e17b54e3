import { assertEquals, assertRejects } from "@std/assert";
import { EventQueue } from "../../socketio/_event_queue.ts";
import { SocketIoError } from "../../socketio/errors.ts";

Deno.test("event queue hands out events in order, those that wait and those to come", async () => {
  let ends = 0;
  const queue = new EventQueue(10, () => ends++);
  queue.push(["a", 1]);
  const first = queue.next();
  const second = queue.next();
  queue.push(["b"]);
  assertEquals((await first).value, ["a", 1]);
  assertEquals((await second).value, ["b"]);
  queue.push(["c"]);
  queue.end();
  queue.push(["late"]);
  const rest: unknown[] = [];
  for await (const event of queue) rest.push(event);
  assertEquals(rest, [["c"]]);
  assertEquals(ends, 1);
});

Deno.test("event queue ends a loop that waits", async () => {
  const queue = new EventQueue(10, () => {});
  const waiting = queue.next();
  queue.end();
  assertEquals(await waiting, { done: true, value: undefined });
});

Deno.test("event queue tells an error once, after the events before it", async () => {
  const queue = new EventQueue(10, () => {});
  queue.push(["a"]);
  queue.end(new SocketIoError("ERR_REFUSED", "Cannot connect: no"));
  assertEquals((await queue.next()).value, ["a"]);
  const error = await assertRejects(() => queue.next(), SocketIoError);
  assertEquals(error.code, "ERR_REFUSED");
  assertEquals((await queue.next()).done, true);
  const waits = new EventQueue(10, () => {});
  const waiting = assertRejects(() => waits.next(), SocketIoError);
  waits.end(new SocketIoError("ERR_REFUSED", "Cannot connect: no"));
  await waiting;
});

Deno.test("event queue ends with an error when the loop is too slow", async () => {
  const queue = new EventQueue(2, () => {});
  queue.push(["a"]);
  queue.push(["b"]);
  queue.push(["c"]);
  await queue.next();
  await queue.next();
  const error = await assertRejects(() => queue.next(), SocketIoError);
  assertEquals(error.code, "ERR_LIMIT");
});

Deno.test("event queue ends when the loop is left", async () => {
  let ends = 0;
  const queue = new EventQueue(10, () => ends++);
  queue.push(["a"]);
  queue.push(["b"]);
  for await (const event of queue) {
    assertEquals(event, ["a"]);
    break;
  }
  assertEquals(ends, 1);
  assertEquals((await queue.next()).done, true);
  assertEquals(await queue.return(), { done: true, value: undefined });
});
