import { assert, assertEquals } from "@std/assert";
import { UnsentMessages } from "../../websocket/_unsent_messages.ts";

Deno.test("unsent messages count their payload until they are on the wire, and no other frames", () => {
  const unsent = new UnsentMessages(false);
  unsent.add(100, 106, 0);
  unsent.add(50, 170, 0); // behind a pong
  assertEquals(unsent.bytes(0), 150);
  assertEquals(unsent.bytes(5), 150);
  assertEquals(unsent.bytes(26), 130);
  assertEquals(unsent.bytes(106), 50);
  assertEquals([unsent.bytes(160), unsent.bytes(170), unsent.count], [10, 0, 0]);
});

Deno.test("unsent messages that are compressed count as a whole", () => {
  const unsent = new UnsentMessages(true);
  unsent.add(1000, 20, 0);
  assertEquals([unsent.bytes(19), unsent.bytes(20)], [1000, 0]);
});

Deno.test("unsent messages wait until it is known where they end", () => {
  const unsent = new UnsentMessages(false);
  const waiting = unsent.add(10, null, 0);
  const behind = unsent.add(5, null, 0);
  assertEquals(unsent.bytes(99), 15);
  waiting.end = 116;
  assertEquals([unsent.bytes(100), unsent.bytes(110), unsent.bytes(116)], [15, 11, 5]);
  behind.end = 127;
  assertEquals(unsent.bytes(127), 0);
});

Deno.test("unsent messages take little room, however many there are", () => {
  const unsent = new UnsentMessages(true);
  for (let i = 1; i <= 100_000; i++) unsent.add(10, 16 * i, 0);
  assert(unsent.count <= 258, `${unsent.count}`);
  assertEquals(unsent.bytes(0), 1_000_000);
  const half = unsent.bytes(800_000);
  assert(half >= 500_000 && half <= 520_000, `${half}`);
  assertEquals([unsent.bytes(1_600_000), unsent.count], [0, 0]);
  for (let i = 0; i < 1000; i++) unsent.add(0, 1_600_006 + 6 * i, 1_600_000);
  assertEquals(unsent.count, 0);
});

Deno.test("unsent messages that wait are not joined", () => {
  const unsent = new UnsentMessages(false);
  for (let i = 1; i <= 200; i++) unsent.add(1, i, 0);
  const waiting = Array.from({ length: 1000 }, () => unsent.add(1, null, 0));
  assertEquals(unsent.bytes(200), 1000);
  waiting.forEach((message, i) => message.end = 201 + i);
  for (let i = 0; i < 2000; i++) unsent.add(1, 1201 + i, 200);
  assertEquals([unsent.bytes(200), unsent.bytes(1200) <= 2020], [3000, true]);
  assertEquals(unsent.bytes(3200), 0);
});

Deno.test("unsent messages forget what is taken away", () => {
  const unsent = new UnsentMessages(false);
  unsent.add(1, 7, 0);
  const refused = unsent.add(10, null, 0);
  unsent.add(100, null, 0).end = 113;
  unsent.remove(refused);
  unsent.remove(refused);
  assertEquals([unsent.bytes(0), unsent.count], [101, 2]);
  assertEquals([unsent.bytes(7), unsent.bytes(113)], [100, 0]);
});

Deno.test("unsent messages are forgotten one by one without moving the rest each time", () => {
  const unsent = new UnsentMessages(false);
  const waiting = Array.from({ length: 1000 }, () => unsent.add(1, null, 0));
  waiting.forEach((message, i) => message.end = i + 1);
  const { splice } = Array.prototype;
  let splices = 0;
  Array.prototype.splice = function (this: unknown[], ...args: [number, number]) {
    splices++;
    return splice.apply(this, args);
  };
  try {
    for (let i = 1; i <= 1000; i++) {
      assertEquals([unsent.bytes(i), unsent.count], [1000 - i, 1000 - i]);
    }
  } finally {
    Array.prototype.splice = splice;
  }
  assert(splices < 20, `${splices}`);
  const last = unsent.add(1, null, 1000);
  unsent.remove(last);
  unsent.remove(waiting[0]);
  assertEquals([unsent.bytes(1000), unsent.count], [0, 0]);
});
