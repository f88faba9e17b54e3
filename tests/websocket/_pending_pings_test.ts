import { assert, assertEquals, assertRejects } from "@std/assert";
import { PendingPings } from "../../websocket/_pending_pings.ts";

/** Sends a ping; notes its number when it is answered. */
function send(pings: PendingPings, answered: number[]): Uint8Array {
  const payload = pings.nextPayload();
  const number = new DataView(payload.buffer).getUint32(0);
  pings.sent(payload).then((ms) => {
    assert(ms >= 0);
    answered.push(number);
  });
  return payload;
}

Deno.test("pings are answered by their payloads, and those before them with them", async () => {
  const pings = new PendingPings();
  const answered: number[] = [];
  const payloads = [1, 2, 3].map(() => send(pings, answered));
  assertEquals([pings.count, payloads[2]], [3, new Uint8Array([0, 0, 0, 3])]);
  pings.answer(payloads[1]);
  await Promise.resolve();
  assertEquals([pings.count, answered], [1, [1, 2]]);
  // Once more, and pongs that nobody asked for.
  for (const payload of [payloads[1], new Uint8Array(0), new Uint8Array(5), new Uint8Array(4)]) {
    pings.answer(payload);
  }
  assertEquals(pings.count, 1);
  pings.answer(payloads[2]);
  await Promise.resolve();
  assertEquals([pings.count, answered], [0, [1, 2, 3]]);
});

Deno.test("ping whose payload was not sent is no ping, and its key does not come back", async () => {
  const pings = new PendingPings();
  const answered: number[] = [];
  const lost = pings.nextPayload();
  const payload = send(pings, answered);
  pings.answer(lost);
  assertEquals(pings.count, 1);
  pings.answer(payload);
  await Promise.resolve();
  assertEquals(answered, [2]);
});

Deno.test("pings all fail with an error of their own at the end", async () => {
  const pings = new PendingPings();
  const waiting = [1, 2].map(() => pings.sent(pings.nextPayload()));
  pings.fail(() => new RangeError("over"));
  const errors = await Promise.all(waiting.map((one) => assertRejects(() => one, RangeError)));
  assert(errors[0] !== errors[1]);
  assertEquals(pings.count, 0);
});
