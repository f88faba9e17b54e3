import { assert, assertEquals, assertFalse } from "@std/assert";
import fc from "fast-check";
import { Budget } from "../../net/budget.ts";
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

Deno.test("packet queues give back what a budget counts, whatever is done with them", () => {
  const step = fc.record({ who: fc.nat(3), take: fc.boolean(), size: fc.nat(60) });
  for (const policy of ["close", "drop", "wait"] as const) {
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const budget = new Budget(100, policy, 10);
      let closed = 0;
      const queues = Array.from(
        { length: 4 },
        () =>
          new PacketQueue({ maxBytes: 1000, maxPackets: 9 }, {
            budget,
            onOverBudget: () => void closed++,
          }),
      );
      for (const { who, take, size } of steps) {
        const queue = queues[who];
        const before = queue.length;
        const full = budget.full;
        if (take) queue.take();
        else {
          const taken = queue.push({ type: "message", data: "x".repeat(size) });
          if (policy !== "close" && full && before > 0) assert(!taken);
        }
        if (policy === "close") assert(budget.used <= budget.limit);
        assertEquals(budget.used, queues.reduce((sum, { bytes }) => sum + bytes, 0));
      }
      if (policy !== "close") assertEquals(closed, 0);
      for (const queue of queues) queue.take();
      assertEquals(budget.used, 0);
    }));
  }
});

Deno.test("packet queues that were emptied are not those that a budget has closed", () => {
  const closed: string[] = [];
  const budget = new Budget(100, "close");
  const queue = (name: string) => {
    const onOverBudget = () => void closed.push(name);
    return new PacketQueue({ maxBytes: 1000, maxPackets: 9 }, { budget, onOverBudget });
  };
  // More than a budget looks at.
  for (let i = 0; i < 300; i++) {
    const idle = queue("idle");
    idle.push({ type: "ping" });
    idle.take();
  }
  queue("busy").push({ type: "message", data: "x".repeat(200) });
  assertEquals(closed, ["busy"]);
});
