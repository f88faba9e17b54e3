import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Outgoing, type OutgoingLimits } from "../../net/_outgoing.ts";
import type { NetError } from "../../net/errors.ts";
import { Limits } from "../../net/limits.ts";
import { pair } from "../../net/pair.ts";
import type { Transport } from "../../net/transport.ts";

function rig(options: OutgoingLimits = {}): {
  outgoing: Outgoing;
  told: string[];
} {
  const told: string[] = [];
  const outgoing = new Outgoing({
    onactivity: () => {},
    ondrain: () => void told.push("drain"),
    onfinish: () => void told.push("finish"),
    onwritefail: (error) => void told.push(`fail ${(error as { code: string }).code}`),
    onthrow: (error) => void told.push(`threw ${(error as Error).message}`),
  }, options);
  return { outgoing, told };
}

async function readAll(transport: Transport): Promise<number[]> {
  const out: number[] = [];
  const buffer = new Uint8Array(64);
  for (let n; (n = await transport.read(buffer)) !== null;) out.push(...buffer.subarray(0, n));
  return out;
}

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

Deno.test("outgoing keeps what is written before the connection, in order, and ends it", async () => {
  const { outgoing, told } = rig();
  const called: string[] = [];
  outgoing.write(bytes(1), () => called.push("one"));
  outgoing.write(bytes(2), undefined);
  outgoing.end(() => called.push("end"));
  assertEquals([outgoing.queued, outgoing.bytesWritten], [2, 2]);
  const [a, b] = pair();
  outgoing.attach(a);
  assertEquals(await readAll(b), [1, 2]);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([called, told, outgoing.finished], [["one", "end"], ["finish"], true]);
  a.close();
  b.close();
});

Deno.test("outgoing calls the callback of a chunk without bytes when the connection comes", async () => {
  const { outgoing } = rig();
  const called: unknown[] = [];
  outgoing.write(bytes(), (error) => called.push(error));
  const [a, b] = pair();
  outgoing.attach(a);
  assertEquals(called, []);
  await Promise.resolve();
  assertEquals(called, [null]);
  a.close();
  b.close();
});

Deno.test("outgoing is full before the connection, too, and drains when it comes", async () => {
  const { outgoing, told } = rig({ highWaterMark: 2, maxSendQueueBytes: 3 });
  assertEquals(outgoing.write(bytes(1, 2), undefined), false);
  const drained = outgoing.drained();
  outgoing.write(bytes(3, 4), undefined);
  const refused: unknown[] = [];
  assertEquals(outgoing.write(bytes(5), (error) => refused.push(error)), false);
  assertEquals(told, ["fail ERR_BUFFER_LIMIT"]);
  const [a, b] = pair();
  outgoing.attach(a);
  await drained;
  outgoing.end(undefined);
  assertEquals(await readAll(b), [1, 2, 3, 4]);
  a.close();
  b.close();
});

Deno.test("outgoing moves to another transport once all is out on the first", async () => {
  const { outgoing } = rig();
  const [a, b] = pair();
  const [c, d] = pair();
  outgoing.attach(a);
  outgoing.write(bytes(1), undefined);
  const detaching = outgoing.detach({ timeout: 1000 });
  outgoing.write(bytes(2), undefined);
  await detaching;
  outgoing.attach(c);
  outgoing.end(undefined);
  assertEquals(await readAll(d), [2]);
  a.close();
  assertEquals([await readAll(b), outgoing.bytesWritten], [[1], 2]);
  for (const transport of [b, c, d]) transport.close();
});

Deno.test("outgoing tells its callbacks when it is stopped, and what they throw to its owner", async () => {
  const { outgoing, told } = rig();
  const errors: unknown[] = [];
  outgoing.write(bytes(1), (error) => errors.push(error));
  outgoing.end(() => {
    throw new Error("in a callback");
  });
  const reason = new Error("closed");
  outgoing.stop(reason);
  outgoing.fail(reason);
  assertEquals([errors, told], [[reason], ["threw in a callback"]]);
  await assertRejects(() => outgoing.drained(), Error, "closed");
});

Deno.test("outgoing refuses limits that make no sense, and takes null for the default", () => {
  const { outgoing } = rig({ highWaterMark: null, maxSendQueueBytes: null } as never);
  assertEquals([outgoing.highWaterMark, outgoing.limit], [65_536, 67_108_864]);
  for (const options of [{ highWaterMark: -1 }, { highWaterMark: 9, maxSendQueueBytes: 8 }]) {
    const error = assertThrows(() => rig(options), RangeError);
    assertEquals((error as RangeError & { code?: string }).code, "ERR_OUT_OF_RANGE");
  }
});

Deno.test("outgoing tells of a write that fails, once", async () => {
  const { outgoing, told } = rig();
  const [a, b] = pair();
  outgoing.attach(a);
  b.close();
  const called: unknown[] = [];
  outgoing.write(bytes(1), (error) => called.push((error as NetError).code));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([told, called], [["fail EPIPE"], []]);
  const reason = Object.assign(new Error("it failed"), { code: "EPIPE" });
  outgoing.stop(reason);
  outgoing.fail(reason);
  outgoing.fail(reason);
  assertEquals(called, ["EPIPE"]);
  a.close();
});

Deno.test("outgoing holds what was written before the connection as long as it is corked", async () => {
  const { outgoing } = rig();
  outgoing.cork();
  outgoing.write(bytes(1), undefined);
  const [a, b] = pair();
  outgoing.attach(a);
  const read = readAll(b);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(outgoing.queued, 1);
  outgoing.uncork();
  outgoing.end(undefined);
  assertEquals(await read, [1]);
  a.close();
  b.close();
});

Deno.test("outgoing that is corked before the connection stays so after it", async () => {
  const { outgoing } = rig();
  outgoing.cork();
  outgoing.cork();
  outgoing.uncork();
  const [a, b] = pair();
  outgoing.attach(a);
  outgoing.write(bytes(1), undefined);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(outgoing.queued, 1);
  outgoing.uncork();
  outgoing.uncork();
  outgoing.end(undefined);
  assertEquals(await readAll(b), [1]);
  a.close();
  b.close();
});

Deno.test("outgoing has room before the connection while little waits for it", async () => {
  const { outgoing } = rig({ highWaterMark: 2 });
  await outgoing.drained();
  assertEquals(outgoing.write(bytes(1), undefined), true);
  await outgoing.drained();
});

Deno.test("outgoing calls the callback of an empty chunk in its turn", async () => {
  const { outgoing } = rig();
  const [a, b] = pair();
  outgoing.attach(a);
  const called: string[] = [];
  outgoing.write(bytes(1), () => called.push("one"));
  outgoing.write(bytes(), () => called.push("none"));
  await new Promise((resolve) => setTimeout(resolve, 0));
  outgoing.write(bytes(), () => called.push("again"));
  assertEquals(called, ["one", "none"]);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(called, ["one", "none", "again"]);
  a.close();
  b.close();
});

Deno.test("outgoing refuses who goes on although write has returned false, when the limits are used up", () => {
  for (const policy of ["wait", "drop"] as const) {
    const limits = new Limits({ queuedBytes: 100, policies: { queuedBytes: policy } });
    const { outgoing, told } = rig({ limits });
    const addr = { transport: "memory" as const };
    outgoing.attach({
      read: () => Promise.resolve(null),
      write: () => new Promise(() => {}),
      closeWrite: () => Promise.resolve(),
      close: () => {},
      localAddr: addr,
      remoteAddr: addr,
    });
    assertEquals(outgoing.write(new Uint8Array(50), undefined), true);
    assertEquals(outgoing.write(new Uint8Array(50), undefined), false);
    assertEquals([told, limits.pressure.level], [[], 1]);
    assertEquals(outgoing.write(bytes(1), undefined), false);
    assertEquals(told, ["fail ERR_BUFFER_LIMIT"]);
    outgoing.stop(new Error("over"));
    assertEquals(limits.pressure.queuedBytes.used, 0);
  }
});

Deno.test("outgoing fails, and does not throw, when what waited for the connection passes the limits", async () => {
  const limits = new Limits({ queuedBytes: 100_000 });
  const { outgoing, told } = rig({ limits });
  const codes: unknown[] = [];
  for (let i = 0; i < 4; i++) {
    outgoing.write(new Uint8Array(60_000), (error) => codes.push((error as NetError).code));
  }
  const [a, b] = pair({ capacity: 100 });
  outgoing.attach(a);
  await Promise.resolve();
  assertEquals(told, ["fail ERR_BUFFER_LIMIT"]);
  const reason = Object.assign(new Error("over"), { code: "OVER" });
  outgoing.stop(reason);
  outgoing.fail(reason);
  assertEquals([codes, limits.queuedBytes.used], [["OVER", "OVER", "OVER", "OVER"], 0]);
  a.close();
  b.close();
});

Deno.test("outgoing has the limits count what waits for the connection, and gives it back however that goes", async () => {
  const limits = new Limits({ queuedBytes: 1000 });
  for (const end of ["stop", "connect"] as const) {
    const { outgoing } = rig({ limits });
    assertEquals(outgoing.write(new Uint8Array(600), undefined), true);
    assertEquals(limits.queuedBytes.used, 600);
    const [a, b] = pair();
    if (end === "connect") {
      outgoing.attach(a);
      assertEquals(limits.queuedBytes.used, 600);
      outgoing.end(undefined);
      assertEquals((await readAll(b)).length, 600);
    }
    outgoing.stop(new Error("over"));
    assertEquals(limits.queuedBytes.used, 0, end);
    a.close();
    b.close();
  }
});

Deno.test("outgoing is full before the connection when the limits are nearly used up, and drains behind it", async () => {
  const limits = new Limits({ queuedBytes: 1000 });
  const { outgoing, told } = rig({ limits });
  limits.queuedBytes.add(800);
  assertEquals(outgoing.write(new Uint8Array(100), undefined), false);
  const drained = outgoing.drained();
  limits.queuedBytes.remove(800);
  const [a, b] = pair();
  outgoing.attach(a);
  await drained;
  await Promise.resolve();
  assertEquals([told, outgoing.needDrain], [["drain"], false]);
  outgoing.end(undefined);
  assertEquals((await readAll(b)).length, 100);
  assertEquals(limits.queuedBytes.used, 0);
  a.close();
  b.close();
});

Deno.test("outgoing with the most that waits for a connection fails when the limits are passed, and no other", async () => {
  const limits = new Limits({ queuedBytes: 1000 });
  const [first, most, last] = [rig({ limits }), rig({ limits }), rig({ limits })];
  const { outgoing } = most;
  first.outgoing.write(new Uint8Array(300), undefined);
  assertEquals(outgoing.write(new Uint8Array(600), undefined), false);
  const refused = assertRejects(() => outgoing.drained(), Error, "has the most");
  last.outgoing.write(new Uint8Array(200), undefined);
  assertEquals(limits.queuedBytes.used, 500);
  // It is told in a turn of its own, and nothing of it is written in between.
  outgoing.write(bytes(1), undefined);
  await assertRejects(() => outgoing.drained(), Error, "has the most");
  const [a, b] = pair();
  outgoing.attach(a);
  await Promise.resolve();
  assertEquals([first.told, last.told], [[], []]);
  assertEquals(most.told, ["fail ERR_BUFFER_LIMIT"]);
  outgoing.stop(new Error("over"));
  await refused;
  first.outgoing.stop(new Error("over"));
  last.outgoing.stop(new Error("over"));
  assertEquals([limits.queuedBytes.used, outgoing.bytesWritten], [0, 0]);
  a.close();
  b.close();
});

Deno.test("outgoing refuses who goes on before the connection, too, when the limits are used up", () => {
  for (const policy of ["wait", "drop"] as const) {
    const limits = new Limits({ queuedBytes: 100, policies: { queuedBytes: policy } });
    const { outgoing, told } = rig({ limits });
    assertEquals(outgoing.write(new Uint8Array(100), undefined), false);
    assertEquals(told, []);
    assertEquals(outgoing.write(bytes(1), undefined), false);
    assertEquals(told, ["fail ERR_BUFFER_LIMIT"]);
    outgoing.stop(new Error("over"));
    assertEquals(limits.queuedBytes.used, 0);
  }
});
