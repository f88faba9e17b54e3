import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { NetError } from "../../net/errors.ts";
import type { Link } from "../../websocket/_connection_parts.ts";
import { queueFullError, SendLine } from "../../websocket/_send_line.ts";
import { WebSocketError } from "../../websocket/errors.ts";

/** A link that notes what is sent. */
function rig() {
  const log: string[] = [];
  const state = {
    open: true,
    queued: 0,
    full: false,
    reserved: false,
    policy: "refused",
    overLimit: () => state.policy,
    catchUp: () => log.push("catch up"),
    sendFragment: (bytes: Uint8Array, _opcode: number, fin: boolean) =>
      log.push(`${new TextDecoder().decode(bytes)}${fin ? "." : ""}`),
    failWith: (error: WebSocketError) => log.push(`fail ${error.code}`),
  };
  return { line: new SendLine(state as unknown as Link, 1000), state, log };
}

Deno.test("send line sends one after the other, and counts what waits, whatever fails", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.record({ size: fc.nat(90), fails: fc.boolean(), turns: fc.nat(3) }), {
      minLength: 1,
      maxLength: 10,
    }),
    async (messages) => {
      const { line, state } = rig();
      const order: number[] = [];
      let busy = false;
      const outcomes = messages.map(({ size, fails, turns }, i) =>
        line.add(size, async () => {
          assert(!busy && state.reserved);
          busy = true;
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
          order.push(i);
          busy = false;
          if (fails) throw new RangeError(`${i}`);
        }).then(() => true, () => false)
      );
      assertEquals(line.bytes, messages.reduce((sum, { size }) => sum + size, 0));
      const { end } = line;
      assert(end !== undefined && order.length === 0);
      await end;
      assertEquals(await Promise.all(outcomes), messages.map(({ fails }) => !fails));
      assertEquals(order, messages.map((_, i) => i));
      assertEquals([line.bytes, line.end, state.reserved], [0, undefined, false]);
    },
  ));
});

Deno.test("send line has what broadcasts left sent first, and takes nothing when its link is closed", async () => {
  const { line, state, log } = rig();
  await line.add(1, () => Promise.resolve(void log.push("sent")));
  state.open = false;
  const error = await assertRejects(() => line.add(1, () => Promise.reject()), WebSocketError);
  assertEquals([error.code, log, line.end], ["CLOSED", ["catch up", "sent"], undefined]);
});

Deno.test("send line at the queue's limit does what the policy says", async () => {
  const { line, state } = rig();
  state.queued = 600;
  const first = line.add(400, () => Promise.resolve());
  let ran = false;
  const run = () => Promise.resolve(void (ran = true));
  const error = await assertRejects(() => line.add(1, run), WebSocketError);
  assertEquals([error.code, error.message], [
    "SEND_QUEUE_FULL",
    queueFullError(1000, 1000).message,
  ]);
  state.policy = "dropped";
  await line.add(1, run);
  await first;
  assertEquals([ran, line.bytes], [false, 0]);
});

Deno.test("send line gives up parts that never come, and those behind them", async () => {
  const { line, state, log } = rig();
  const started = Promise.withResolvers<void>();
  const stuck = line.add(64, () =>
    line.sendParts(
      (async function* () {
        yield "one";
        started.resolve();
        await new Promise(() => {});
      })(),
      {},
    ));
  const behind = line.add(64, () => line.sendParts(["two"], {}));
  await started.promise;
  state.open = false;
  const reason = new WebSocketError("over", { code: "CLOSED" });
  line.abort(reason);
  assertEquals(await assertRejects(() => stuck, WebSocketError), reason);
  assertEquals((await assertRejects(() => behind, WebSocketError)).code, "CLOSED");
  await line.end;
  assertEquals([log, state.reserved], [["catch up", "catch up", "one"], false]);
  line.abort(reason);
});

Deno.test("send line tells why a source failed, and gives its signal's reason to nobody else", async () => {
  const { line, log } = rig();
  const fault = new RangeError("no more");
  const failing = line.add(64, () =>
    line.sendParts(
      (function* () {
        yield "half";
        throw fault;
      })(),
      { signal: new AbortController().signal },
    ));
  assertEquals(await assertRejects(() => failing, RangeError), fault);
  await line.add(64, () => line.sendParts(["a", "b"], {}));
  assertEquals(log, ["catch up", "half", "fail CALLBACK", "catch up", "a", "b", "."]);
});

Deno.test("send line takes a signal of a polyfill, and leaves no listener with it", async () => {
  const { line, log } = rig();
  const heard = new Set<() => void>();
  const signal = {
    aborted: false,
    reason: new Error("enough"),
    addEventListener: (_type: string, listener: () => void) => heard.add(listener),
    removeEventListener: (_type: string, listener: () => void) => heard.delete(listener),
  };
  const given = { signal: signal as unknown as AbortSignal };
  await line.add(64, () => line.sendParts(["a"], given));
  assertEquals([log, heard.size], [["catch up", "a", "."], 0]);
  const started = Promise.withResolvers<void>();
  const stuck = line.add(64, () =>
    line.sendParts(
      (async function* () {
        yield "one";
        started.resolve();
        await new Promise(() => {});
      })(),
      given,
    ));
  await started.promise;
  for (const listener of heard) listener();
  const { code, cause } = await assertRejects(() => stuck, NetError);
  assertEquals([code, cause, heard.size], ["ABORT_ERR", signal.reason, 0]);
  const late = { signal: { ...signal, aborted: true } as unknown as AbortSignal };
  const refused = line.add(64, () => line.sendParts(["two"], late));
  assertEquals((await assertRejects(() => refused, NetError)).code, "ABORT_ERR");
});
