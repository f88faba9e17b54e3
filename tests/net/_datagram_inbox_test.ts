import { assert, assertEquals, assertRejects } from "@std/assert";
import { DatagramInbox, type DatagramInboxLimits } from "../../net/_datagram_inbox.ts";
import type { Datagram } from "../../net/datagram_options.ts";
import { deadlineSignal } from "../../net/wait.ts";
import { arrayWork } from "../_support/array_work.ts";

const inbox = (limits: Partial<DatagramInboxLimits> = {}): DatagramInbox =>
  new DatagramInbox({ maxQueue: 3, maxQueueBytes: 10, drop: "newest", ...limits });

/** A datagram with so many bytes; its port tells which one it is. */
const datagram = (port: number, size = 1): Datagram => ({
  data: new Uint8Array(size),
  address: "192.0.2.1",
  port,
  family: "IPv4",
});

function ports(from: DatagramInbox): number[] {
  const taken: number[] = [];
  for (let next; (next = from.take()) !== undefined;) taken.push(next.port);
  return taken;
}

const state = ({ length, bytes, dropped }: DatagramInbox): number[] => [length, bytes, dropped];

Deno.test("datagram inbox keeps the order, and counts what waits", () => {
  const it = inbox();
  assertEquals(it.take(), undefined);
  it.add(datagram(1, 0));
  it.add(datagram(2, 4));
  assertEquals(state(it), [2, 4, 0]);
  assertEquals(ports(it), [1, 2]);
  assertEquals(state(it), [0, 0, 0]);
});

Deno.test("datagram inbox drops the newest beyond its number and its bytes", () => {
  const it = inbox();
  for (let i = 1; i <= 5; i++) it.add(datagram(i));
  assertEquals(state(it), [3, 3, 2]);
  assertEquals(ports(it), [1, 2, 3]);
  for (const size of [6, 5, 4, 1]) it.add(datagram(size, size));
  assertEquals(state(it), [2, 10, 4]);
  assertEquals(ports(it), [6, 4]);
});

Deno.test("datagram inbox drops as many of the oldest as make room, and what never fits", () => {
  const it = inbox({ drop: "oldest" });
  for (let i = 1; i <= 4; i++) it.add(datagram(i, 2));
  assertEquals([it.dropped, it.length], [1, 3]);
  it.add(datagram(5, 8));
  assertEquals(state(it), [2, 10, 3]);
  assertEquals(ports(it), [4, 5]);
  it.add(datagram(6, 11));
  assertEquals(state(it), [0, 0, 4]);
  const none = inbox({ drop: "oldest", maxQueue: 0 });
  none.add(datagram(1, 0));
  assertEquals(state(none), [0, 0, 1]);
});

Deno.test("datagram inbox gives what comes to who has waited longest, past its limits", async () => {
  const it = inbox({ maxQueue: 0 });
  const first = it.next(deadlineSignal("receive", {}));
  const second = it.next(deadlineSignal("receive", {}));
  it.add(datagram(1, 100));
  it.add(datagram(2));
  it.add(datagram(3));
  assertEquals([(await first).port, (await second).port], [1, 2]);
  assertEquals(state(it), [0, 0, 1]);
});

Deno.test("datagram inbox forgets who gives up, so that nothing is lost", async () => {
  const it = inbox();
  const controller = new AbortController();
  const deadline = deadlineSignal("receive", { signal: controller.signal });
  const left = it.next(deadline);
  const stayed = it.next(deadlineSignal("receive", {}));
  controller.abort();
  await assertRejects(() => left, Error, "aborted");
  deadline.clear();
  it.add(datagram(1));
  assertEquals((await stayed).port, 1);
});

Deno.test("datagram inbox fails all who wait, and goes on; clear forgets what waits", async () => {
  const it = inbox();
  const waits = [1, 2].map(() => it.next(deadlineSignal("receive", {})));
  it.fail(new Error("over"));
  for (const wait of waits) await assertRejects(() => wait, Error, "over");
  it.add(datagram(1, 5));
  assertEquals(state(it), [1, 5, 0]);
  it.clear();
  assertEquals(state(it), [0, 0, 0]);
  assertEquals(it.take(), undefined);
});

Deno.test("datagram inbox with very many datagrams: none costs more for the others", async () => {
  const count = 5000;
  const it = inbox({ maxQueue: count, maxQueueBytes: count, drop: "oldest" });
  const work = await arrayWork(() => {
    for (let port = 0; port < 2 * count; port++) it.add(datagram(port));
    assertEquals(ports(it), Array.from({ length: count }, (_, i) => count + i));
  });
  assert(work < 20 * count, `${work}`);
});
