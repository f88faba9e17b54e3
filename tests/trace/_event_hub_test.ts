import { assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { EventHub } from "../../trace/_event_hub.ts";
import type { TraceEvent, TraceSink } from "../../trace/trace_event.ts";

const EVENT: TraceEvent = { type: "end", time: 0, connection: 1, from: "client" };

Deno.test("the hub tells every sink, and holds nothing when none does", () => {
  const seen: string[] = [];
  const hub = new EventHub([
    { event: () => void seen.push("a") },
    { event: () => void seen.push("b") },
  ]);
  assertEquals(hub.emit(EVENT), undefined);
  assertEquals(seen, ["a", "b"]);
});

Deno.test("the hub holds until the slowest sink is done", async () => {
  for (const slow of [0, 1]) {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const hub = new EventHub(gates.map(({ promise }) => ({ event: () => promise })));
    let held = true;
    const hold = hub.emit(EVENT)!.then(() => held = false);
    gates[1 - slow].resolve();
    for (let i = 0; i < 10; i++) await Promise.resolve();
    assertEquals(held, true);
    gates[slow].resolve();
    await hold;
  }
});

Deno.test("the hub leaves out a sink that throws or rejects, and keeps the first failure", async () => {
  const told: unknown[] = [];
  let good = 0;
  const thrown = new Error("disk full");
  const rejected = new Error("gone");
  const sinks: TraceSink[] = [
    { event: () => Promise.reject(rejected) },
    {
      event() {
        throw thrown;
      },
    },
    { event: () => void good++ },
  ];
  const hub = new EventHub(sinks, (error, sink) => {
    told.push([error, sinks.indexOf(sink)]);
    throw new Error("so is who is told");
  });
  await hub.emit(EVENT);
  assertEquals(hub.emit(EVENT), undefined);
  assertEquals(good, 2);
  assertEquals(told, [[thrown, 1], [rejected, 0]]);
  assertStrictEquals(hub.failure?.cause, thrown);
  assertEquals(hub.failure?.message, "Cannot tell what is traced: disk full");
});

Deno.test("the hub tells of a sink that failed once, however much it was to do", async () => {
  const told: unknown[] = [];
  const full = Promise.reject(new Error("disk full"));
  const sink: TraceSink = { event: () => full, close: () => full };
  const hub = new EventHub([sink], (error) => void told.push(error));
  await Promise.all([hub.emit(EVENT), hub.emit(EVENT)]);
  await hub.close();
  assertEquals(told.length, 1);
});

Deno.test("the hub leaves out a sink that throws what has no text", async () => {
  const silent = Object.assign(new Error(), { message: Object.create(null) });
  for (const thrown of [Object.create(null), silent]) {
    const told: unknown[] = [];
    const hub = new EventHub([{
      event() {
        throw thrown;
      },
    }, { event: () => Promise.reject(thrown) }], (error) => void told.push(error));
    await hub.emit(EVENT);
    assertEquals(told.length, 2);
    assertStrictEquals(hub.failure?.cause, thrown);
    assertEquals(hub.failure?.message, "Cannot tell what is traced: what was thrown has no text");
    await hub.close();
  }
});

Deno.test("the hub opens all sinks, up to the first that can't be", async () => {
  const opened: string[] = [];
  const hub = new EventHub([
    { event: () => {} },
    { event: () => {}, open: () => void opened.push("a") },
    { event: () => {}, open: () => Promise.reject(new Error("no")) },
    { event: () => {}, open: () => void opened.push("b") },
  ]);
  await assertRejects(() => hub.open(), Error, "no");
  assertEquals(opened, ["a"]);
});

Deno.test("the hub closes all sinks, failed ones too, and does not tell them any more", async () => {
  const closed: string[] = [];
  const hub = new EventHub([
    {
      event: () => {
        throw new Error("no");
      },
      close: () => void closed.push("a"),
    },
    { event: () => void closed.push("late"), close: () => Promise.reject(new Error("late")) },
    { event: () => void closed.push("later") },
  ]);
  hub.emit(EVENT);
  closed.length = 0;
  await hub.close();
  hub.emit(EVENT);
  assertEquals(closed, ["a"]);
  assertInstanceOf(hub.failure, Error);
});

Deno.test("the hub waits no longer than it may for a sink that neither opens nor closes", async () => {
  const never = () => new Promise<void>(() => {});
  const told: unknown[] = [];
  const onSinkError = (error: unknown) => void told.push((error as { code?: string }).code);
  const hub = new EventHub(
    [{ event: () => {}, close: never }, { event: () => {}, close: () => void told.push("closed") }],
    onSinkError,
    10,
  );
  await hub.close();
  assertEquals(told, ["closed", "ETIMEDOUT"]);
  assertEquals(hub.failure?.code, "ERR_TRACE_SINK");
  const shut = new EventHub([{ event: () => {}, open: never }], undefined, 10);
  const error = await assertRejects(() => shut.open());
  assertEquals((error as { code?: string }).code, "ETIMEDOUT");
});

Deno.test("the hub's time is the time of day", () => {
  const now = new EventHub([]).now();
  assertEquals(Math.abs(now - Date.now()) < 60_000, true);
});
