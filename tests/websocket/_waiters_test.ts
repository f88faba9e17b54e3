import { assert, assertEquals, assertRejects } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { deadlineSignal } from "../../net/wait.ts";
import { Waiters, wholeStream } from "../../websocket/_waiters.ts";
import type { ReceivedMessage, ReceivedStream } from "../../websocket/connection_types.ts";
import { arrayWork } from "../_support/array_work.ts";
import type { WebSocketCloseInfo } from "../../websocket/types.ts";

const INFO: WebSocketCloseInfo = { wasClean: true, code: 1000, reason: "", closeCode: 1000 };

Deno.test("waiters get messages in the order they came, each in the form it asked for", async () => {
  const waiters = new Waiters();
  const next = waiters.wait("next");
  const stream = waiters.wait<ReceivedStream>("stream");
  const message = waiters.wait("message");
  assertEquals([waiters.some, waiters.wantsStream], [true, false]);
  waiters.give("one", 1);
  assertEquals([waiters.some, waiters.wantsStream], [true, true]);
  waiters.give("two", 1);
  assertEquals([waiters.some, waiters.wantsStream], [true, false]);
  waiters.give(new Uint8Array([3]), 2);
  assertEquals([waiters.some, waiters.wantsStream], [false, false]);
  assertEquals(await next, { done: false, value: "one" });
  const { readable, opcode } = await stream;
  assertEquals([await new Response(readable).text(), opcode], ["two", 1]);
  assertEquals(await message, { data: new Uint8Array([3]), opcode: 2 });
});

Deno.test("waiter for a stream gets the one that is still coming", async () => {
  const waiters = new Waiters();
  const waiting = waiters.wait<ReceivedStream>("stream");
  const readable = new ReadableStream<Uint8Array>();
  waiters.giveStream(readable, 2);
  const got = await waiting;
  assertEquals([got.readable === readable, got.opcode], [true, 2]);
});

Deno.test("waiter that gives up is passed over, and its deadline is gone once it was served", async () => {
  const waiters = new Waiters();
  const log: string[] = [];
  const controllers = [0, 1, 2].map(() => new AbortController());
  const waiting = controllers.map(({ signal }, i) =>
    waiters.wait<ReceivedMessage>("message", deadlineSignal("receive", { signal }), () => {
      log.push(`${i} gave up`);
    })
  );
  controllers[1].abort();
  const error = await assertRejects(() => waiting[1], NetError);
  assertEquals([error.code, error.message], ["ABORT_ERR", "Cannot receive: aborted"]);
  waiters.give("for 0", 1);
  controllers[0].abort();
  assertEquals((await waiting[0]).data, "for 0");
  // A timer that went on would be found as a leak of this test.
  const timed = waiters.wait("message", deadlineSignal("receive", { timeout: 60_000 }));
  waiters.give("for 2", 1);
  assertEquals((await waiting[2]).data, "for 2");
  waiters.end(INFO);
  assertEquals(await timed, INFO);
  assertEquals([log, waiters.some], [["1 gave up"], false]);
});

Deno.test("first of the waiters may give up, and is out of the line when that is told", async () => {
  const waiters = new Waiters();
  const log: unknown[] = [];
  const wait = (form: "message" | "stream", signal: AbortSignal) =>
    waiters.wait(form, deadlineSignal("receive", { signal }), () => {
      log.push(waiters.some && waiters.wantsStream);
    });
  const controllers = [0, 1, 2].map(() => new AbortController());
  const waiting = controllers.map(({ signal }, i) => wait(i === 1 ? "stream" : "message", signal));
  for (const [i, controller] of controllers.entries()) {
    controller.abort();
    await assertRejects(() => waiting[i], NetError);
  }
  assertEquals([log, waiters.some], [[true, false, false], false]);
  const later = waiters.wait("message");
  waiters.give("later", 1);
  assertEquals(await later, { data: "later", opcode: 1 });
});

Deno.test("waiters hear of the end, each in its form", async () => {
  const waiters = new Waiters();
  const all = [waiters.wait("message"), waiters.wait("next"), waiters.wait("stream")];
  waiters.end(INFO);
  assertEquals(await Promise.all(all), [INFO, { done: true, value: undefined }, INFO]);
  assertEquals(waiters.some, false);
});

Deno.test("message that came whole is a stream of its bytes", async () => {
  for (
    const [data, expected] of [["é", [0xc3, 0xa9]], [new Uint8Array([1]), [1]], ["", []]] as const
  ) {
    const bytes = await new Response(wholeStream(data)).bytes();
    assertEquals(bytes, new Uint8Array(expected));
  }
});

Deno.test("very many waiters: none costs more for the others, served, given up or ended", async () => {
  const waiters = new Waiters();
  const count = 5000;
  const some = (signal?: AbortSignal) =>
    waiters.wait<unknown>("next", signal && deadlineSignal("receive", { signal }));
  const values: unknown[] = [];
  const work = await arrayWork(async () => {
    const served = Promise.all(Array.from({ length: count }, () => some()));
    for (let i = 0; i < count; i++) waiters.give(String(i), 1);
    values.push((await served)[count - 1]);
    const controllers = Array.from({ length: count }, () => new AbortController());
    const given = Promise.allSettled(controllers.map(({ signal }) => some(signal)));
    const last = some();
    for (const controller of controllers.splice(count / 2).reverse()) controller.abort();
    for (const controller of controllers) controller.abort();
    assert((await given).every(({ status }) => status === "rejected"));
    waiters.give("last", 1);
    values.push(await last);
    const ended = Promise.all(Array.from({ length: count }, () => some()));
    waiters.end(INFO);
    values.push((await ended)[count - 1], waiters.some);
  });
  assertEquals(values, [
    { done: false, value: String(count - 1) },
    { done: false, value: "last" },
    { done: true, value: undefined },
    false,
  ]);
  assert(work < 50 * count, `${work}`);
});
