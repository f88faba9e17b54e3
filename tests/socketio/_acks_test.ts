import { assertEquals, assertFalse } from "@std/assert";
import { AckMap } from "../../socketio/_acks.ts";
import type { SocketIoError } from "../../socketio/errors.ts";

Deno.test("an acknowledgement that came is taken once", () => {
  const acks = new AckMap(10);
  const callback = () => {};
  acks.set(1, callback);
  assertEquals(acks.take(1), callback);
  assertEquals(acks.take(1), undefined);
});

Deno.test("an acknowledgement that does not come in time fails, and its callback is gone", async () => {
  const acks = new AckMap(10);
  const error = await new Promise<SocketIoError>((resolve) => {
    acks.wait(1, "a", 1, () => {}, resolve);
  });
  assertEquals(error.code, "ERR_TIMEOUT");
  assertEquals(error.message, 'Cannot emit "a" with an answer: no answer within 1 ms');
  assertEquals(acks.size, 0);
});

Deno.test("an acknowledgement that is taken, or deleted, leaves no timer behind", () => {
  const acks = new AckMap(10);
  const failures: string[] = [];
  acks.wait(1, "a", 60_000, () => {}, ({ code }) => failures.push(code));
  acks.wait(2, "b", 60_000, () => {}, ({ code }) => failures.push(code));
  acks.take(1);
  acks.delete(2);
  acks.abandon("gone");
  assertEquals(failures, []);
});

Deno.test("acknowledgements that are given up are told, but for those to keep", () => {
  const acks = new AckMap(10);
  const failures: unknown[] = [];
  const fail = (id: number) => (error: SocketIoError) => failures.push([id, error.code]);
  acks.wait(1, "a", undefined, () => {}, fail(1));
  acks.wait(2, "b", 60_000, () => {}, fail(2));
  acks.wait(3, "c", undefined, () => {}, fail(3));
  acks.set(4, () => {});
  acks.abandon("gone", new Set([3]));
  assertEquals(failures, [[1, "ERR_DISCONNECTED"], [2, "ERR_DISCONNECTED"]]);
  assertEquals([...acks.keys()], [3]);
});

Deno.test("an acknowledgement of what could not be sent is refused with the reason, once", () => {
  const acks = new AckMap(10);
  const failures: unknown[] = [];
  const reason = new TypeError("no JSON");
  acks.wait(1, "a", 60_000, () => {}, (error) => failures.push(error));
  acks.set(2, () => {});
  assertEquals([1, 1, 2, 3].map((id) => acks.refuse(id, reason)), [true, false, false, false]);
  assertEquals(failures, [reason]);
  assertEquals(acks.size, 0);
});

Deno.test("above the limit the oldest acknowledgement is given up", () => {
  const acks = new AckMap(2);
  const failures: unknown[] = [];
  for (const id of [1, 2, 2, 3]) {
    acks.wait(id, "a", undefined, () => {}, ({ code }) => failures.push([id, code]));
  }
  assertEquals(failures, [[1, "ERR_LIMIT"]]);
  assertEquals([...acks.keys()], [2, 3]);
  assertFalse(acks.has(1));
});

Deno.test("an acknowledgement may take longer than a timer can", async () => {
  const acks = new AckMap(10);
  const failures: string[] = [];
  for (const timeout of [2 ** 31, Infinity]) {
    acks.wait(1, "a", timeout, () => {}, ({ code }) => failures.push(code));
    await new Promise((resolve) => setTimeout(resolve, 10));
    acks.delete(1);
  }
  assertEquals(failures, []);
});
