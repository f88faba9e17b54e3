import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DatagramOutbox, type DatagramOutboxLimits } from "../../net/_datagram_outbox.ts";
import { NetError } from "../../net/errors.ts";
import { deadlineSignal } from "../../net/wait.ts";
import { arrayWork } from "../_support/array_work.ts";

const FOREVER = deadlineSignal("send", {});

/** An outbox whose datagrams leave when the test says so. */
function rig(limits: Partial<DatagramOutboxLimits> = {}): {
  outbox: DatagramOutbox;
  given: number[];
  stopped: number[];
  leave: (error?: Error) => void;
  send: (port: number, size?: number, signal?: AbortSignal) => Promise<number>;
} {
  const given: number[] = [];
  const stopped: number[] = [];
  let way = Promise.withResolvers<void>();
  const outbox = new DatagramOutbox(
    { maxSendQueue: 10, maxSendQueueBytes: 100, ...limits },
    (datagram) => {
      given.push(datagram.port);
      datagram.stop = new AbortController();
      datagram.stop.signal.onabort = () => stopped.push(datagram.port);
      way = Promise.withResolvers();
      return way.promise;
    },
  );
  return {
    outbox,
    given,
    stopped,
    leave: (error) => error === undefined ? way.resolve() : way.reject(error),
    send: (port, size = 1, signal) => {
      const deadline = signal === undefined ? FOREVER : deadlineSignal("send", { signal });
      const data = new Uint8Array(size);
      return outbox.add({ data, port, address: "192.0.2.1", found: true }, deadline);
    },
  };
}

const error = (code: "ENETUNREACH" | "ERR_SOCKET_CLOSED"): NetError => new NetError("no", { code });

Deno.test("datagram outbox gives one datagram at a time, at once when none is on its way", async () => {
  const it = rig();
  const first = it.send(1, 5);
  const second = it.send(2, 7);
  assertEquals([it.given, it.outbox.length, it.outbox.bytes], [[1], 2, 12]);
  it.leave();
  assertEquals(await first, 5);
  assertEquals([it.given, it.outbox.sent, it.outbox.bytesSent], [[1, 2], 1, 5]);
  it.leave();
  assertEquals(await second, 7);
  assertEquals([it.outbox.sent, it.outbox.bytesSent, it.outbox.length], [2, 12, 0]);
  const third = it.send(3, 0);
  assertEquals(it.given, [1, 2, 3]);
  it.leave();
  assertEquals([await third, it.outbox.sent], [0, 3]);
});

Deno.test("datagram outbox goes on behind a datagram that could not be sent", async () => {
  const it = rig();
  const first = it.send(1);
  const second = it.send(2);
  it.leave(error("ENETUNREACH"));
  assertEquals((await assertRejects(() => first, NetError)).code, "ENETUNREACH");
  it.leave();
  assertEquals([await second, it.outbox.sent], [1, 1]);
});

Deno.test("datagram outbox takes so many datagrams and bytes, the one on its way included", async () => {
  const few = rig({ maxSendQueue: 2 });
  const sends = [few.send(1), few.send(2)];
  const refused = assertThrows(() => few.send(3), NetError);
  assertEquals([refused.code, refused.message], [
    "ERR_BUFFER_LIMIT",
    "Cannot send: 2 datagrams (2 bytes) wait already",
  ]);
  few.leave();
  await sends[0];
  sends.push(few.send(3));
  few.leave();
  await sends[1];
  few.leave();
  assertEquals(await Promise.all(sends), [1, 1, 1]);

  const small = rig({ maxSendQueueBytes: 10 });
  assertThrows(() => small.send(1, 11), NetError);
  const full = small.send(2, 10);
  assertThrows(() => small.send(3, 1), NetError);
  small.leave();
  assertEquals(await full, 10);
});

Deno.test("datagram outbox forgets who gives up, and stops the lookup of the one on its way", async () => {
  const it = rig({ maxSendQueue: 2 });
  const [one, two] = [new AbortController(), new AbortController()];
  const first = it.send(1, 1, one.signal);
  const second = it.send(2, 1, two.signal);
  two.abort();
  assertEquals((await assertRejects(() => second, NetError)).code, "ABORT_ERR");
  const third = it.send(3);
  one.abort();
  assertEquals((await assertRejects(() => first, NetError)).code, "ABORT_ERR");
  assertEquals([it.given, it.stopped], [[1], [1]]);
  it.leave();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(it.given, [1, 3]);
  it.leave();
  assertEquals(await third, 1);
});

Deno.test("datagram outbox that fails tells all who wait, also of a datagram that never comes back", async () => {
  const it = rig();
  const sends = [it.send(1), it.send(2), it.send(3)];
  it.outbox.fail(() => error("ERR_SOCKET_CLOSED"));
  for (const send of sends) {
    assertEquals((await assertRejects(() => send, NetError)).code, "ERR_SOCKET_CLOSED");
  }
  assertEquals([it.given, it.outbox.sent], [[1], 0]);
  assertEquals([it.outbox.length, it.outbox.bytes], [0, 0]);
});

Deno.test("datagram outbox has room again for what has left, was given up, or failed", async () => {
  const it = rig({ maxSendQueueBytes: 100 });
  const aborter = new AbortController();
  for (let round = 0; round < 3; round++) {
    const first = it.send(1, 60);
    const second = it.send(2, 40);
    assertThrows(() => it.send(3, 1), NetError, "wait already");
    it.leave();
    assertEquals(await first, 60);
    it.leave();
    assertEquals(await second, 40);
  }
  const given = it.send(4, 10);
  const waiting = it.send(5, 90, aborter.signal);
  aborter.abort();
  await assertRejects(() => waiting, NetError);
  const failing = it.send(6, 90);
  it.outbox.fail(() => error("ERR_SOCKET_CLOSED"));
  await assertRejects(() => failing, NetError);
  await assertRejects(() => given, NetError);
  const last = it.send(7, 90);
  it.leave();
  await new Promise((resolve) => setTimeout(resolve));
  it.leave();
  assertEquals(await last, 90);
});

Deno.test("datagram outbox with very many datagrams: none costs more for the others", async () => {
  const count = 5000;
  const sent: number[] = [];
  const outbox = new DatagramOutbox(
    { maxSendQueue: 2 * count, maxSendQueueBytes: Infinity },
    ({ port }) => {
      sent.push(port);
      return Promise.resolve();
    },
  );
  const send = (port: number, deadline = FOREVER) =>
    outbox.add({ data: new Uint8Array(1), port, address: "192.0.2.1", found: true }, deadline);
  const work = await arrayWork(async () => {
    const controllers = Array.from({ length: count }, () => new AbortController());
    const all = [send(0)];
    const ended = Promise.allSettled(
      controllers.map(({ signal }) => send(1, deadlineSignal("send", { signal }))),
    );
    for (let port = 1; port < count; port++) all.push(send(port));
    for (const controller of controllers.reverse()) controller.abort();
    await Promise.all(all);
    assert((await ended).every(({ status }) => status === "rejected"));
  });
  assertEquals(sent, Array.from({ length: count }, (_, port) => port));
  assertEquals([outbox.length, outbox.bytes], [0, 0]);
  assert(work < 20 * count, `${work}`);
});
