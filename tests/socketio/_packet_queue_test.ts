import { assert, assertEquals, assertFalse } from "@std/assert";
import { PacketQueue } from "../../socketio/_packet_queue.ts";

Deno.test("packet queue gives back what was put in, in order, once", () => {
  const queue = new PacketQueue({ maxBytes: 100, maxPackets: 10 });
  queue.push({ type: "message", data: "abc" });
  queue.push({ type: "ping" });
  assertEquals(queue.length, 2);
  assertEquals(queue.bytes, 5);
  assertEquals(queue.take(), [{ type: "message", data: "abc" }, { type: "ping" }]);
  assertEquals(queue.take(), []);
  assertEquals(queue.bytes, 0);
});

Deno.test("packet queue refuses a packet above its count", () => {
  const queue = new PacketQueue({ maxBytes: 100, maxPackets: 2 });
  assert(queue.push({ type: "ping" }));
  assert(queue.push({ type: "ping" }));
  assertFalse(queue.push({ type: "ping" }));
  assertEquals(queue.length, 2);
});

Deno.test("packet queue refuses bytes above its limit, but takes a first packet of any size", () => {
  const queue = new PacketQueue({ maxBytes: 10, maxPackets: 9 });
  assert(queue.push({ type: "message", data: new Uint8Array(50) }));
  assertFalse(queue.push({ type: "ping" }));
  queue.take();
  assert(queue.push({ type: "message", data: "12345" }));
  assertFalse(queue.push({ type: "message", data: "1234" }));
  assert(queue.push({ type: "message", data: "123" }));
});
