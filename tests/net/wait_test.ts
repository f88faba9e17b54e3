import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { createDatagramSocket } from "../../net/datagram_socket.ts";
import { NetError } from "../../net/errors.ts";
import { lineFramer } from "../../net/line_framer.ts";
import { MessageSocket } from "../../net/message_socket.ts";
import { pair } from "../../net/pair.ts";
import {
  abortError,
  checkWaitOptions,
  deadlineSignal,
  isBounded,
  timeoutError,
  waitFor,
  type WaitOptions,
} from "../../net/wait.ts";
import { countedSignal } from "../_support/counted_signal.ts";

const never = (): Promise<never> => new Promise(() => {});

Deno.test("a wait is bounded by a timeout or a signal, and by no timeout of 0 or Infinity", () => {
  const { signal } = new AbortController();
  for (const timeout of [undefined, 0, Infinity]) {
    assertEquals(isBounded("read", { timeout }), false, `${timeout}`);
    assertEquals(isBounded("read", { timeout, signal }), true, `${timeout} and a signal`);
  }
  assertEquals(isBounded("read", { timeout: 1 }), true);
});

Deno.test("deadline fires once, with ETIMEDOUT", async () => {
  const deadline = deadlineSignal("read", { timeout: 1 });
  const error = await new Promise<NetError>((resolve) => deadline.onfire(resolve));
  assertEquals([error.code, error.message], ["ETIMEDOUT", "Cannot read: timed out after 1 ms"]);
  assertStrictEquals(deadline.fired, error);
});

Deno.test("deadline fires by its signal, with the reason as cause", () => {
  const controller = new AbortController();
  const deadline = deadlineSignal("read", { signal: controller.signal, timeout: 60_000 });
  const fired: NetError[] = [];
  deadline.onfire((error) => fired.push(error));
  const reason = new Error("enough");
  controller.abort(reason);
  assertEquals(fired.map(({ code, cause }) => [code, cause]), [["ABORT_ERR", reason]]);
});

Deno.test("deadline of an aborted signal has fired already", () => {
  const deadline = deadlineSignal("read", { signal: AbortSignal.abort(), timeout: 60_000 });
  assertEquals(deadline.fired?.code, "ABORT_ERR");
  let told = 0;
  deadline.onfire(() => told++);
  assertEquals(told, 1);
});

Deno.test("deadline that was cleared does not fire, and holds no timer", () => {
  const controller = new AbortController();
  const deadline = deadlineSignal("read", { signal: controller.signal, timeout: 60_000 });
  deadline.onfire(() => {
    throw new Error("it was cleared");
  });
  deadline.clear();
  deadline.clear();
  controller.abort();
  assertEquals(deadline.fired, null);
});

Deno.test("deadline refuses times that no timer can take", () => {
  for (const timeout of [-1, NaN, 2_147_483_648]) {
    assertThrows(() => deadlineSignal("read", { timeout }), RangeError, "out of range");
  }
  for (const timeout of [undefined, 0, Infinity]) {
    assertEquals(deadlineSignal("read", { timeout }).fired, null);
  }
});

Deno.test("waitFor gives what comes in time, and frees its timer", async () => {
  assertEquals(await waitFor(Promise.resolve(7), "wait", { timeout: 60_000 }), 7);
  await assertRejects(
    () => waitFor(Promise.reject(new RangeError("x")), "wait", { timeout: 60_000 }),
    RangeError,
    "x",
  );
});

Deno.test("waitFor gives what came in time while the process stood still", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using peer = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  using conn = await listener.accept();
  const got = waitFor(conn.read(new Uint8Array(10)), "read", { timeout: 20 });
  const wrote = peer.write(new Uint8Array(3));
  const end = performance.now() + 60;
  while (performance.now() < end);
  assertEquals([await got, await wrote], [3, 3]);
});

Deno.test("waitFor gives up in time, and hands what comes later to its keeper", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const late = Promise.withResolvers<string>();
  const error = await assertRejects(
    () => waitFor(promise, "wait", { timeout: 1 }, late.resolve),
    NetError,
  );
  assertEquals(error.code, "ETIMEDOUT");
  resolve("left over");
  assertEquals(await late.promise, "left over");
});

Deno.test("waitFor gives up by its signal, also one that was aborted before", async () => {
  const controller = new AbortController();
  const waiting = waitFor(never(), "wait", { signal: controller.signal });
  controller.abort();
  assertEquals((await assertRejects(() => waiting, NetError)).code, "ABORT_ERR");
  const { signal } = controller;
  assertEquals(
    (await assertRejects(() => waitFor(never(), "wait", { signal }), NetError)).code,
    "ABORT_ERR",
  );
});

Deno.test("waitFor leaves nothing unhandled when what it gave up rejects later", async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  await assertRejects(() => waitFor(promise, "wait", { timeout: 1 }), NetError);
  reject(new Error("too late to matter"));
});

Deno.test("the errors of waits say what could not be done, and why", () => {
  assertEquals(timeoutError("connect", 5).message, "Cannot connect: timed out after 5 ms");
  const error = abortError("connect", AbortSignal.abort("why"));
  assertEquals([error.message, error.cause], ["Cannot connect: aborted", "why"]);
});

Deno.test("a wait refuses a signal that is none, by its name", () => {
  for (const signal of [null, 5, {}, "abort", new AbortController()]) {
    const wait = () => deadlineSignal("read", { signal: signal as never });
    assertThrows(wait, TypeError, 'Cannot use "signal": it must be an AbortSignal');
  }
});

Deno.test("options of a wait have no others beside them", () => {
  const { signal } = new AbortController();
  for (const good of [{}, { timeout: 1 }, { timeout: undefined, signal }, { note: undefined }]) {
    checkWaitOptions("read", good);
  }
  const wrong = (options: unknown, text: string) => {
    const error = assertThrows(
      () => checkWaitOptions("read", options as WaitOptions),
      TypeError,
      `Cannot read: ${text}`,
    );
    assertEquals((error as { code?: string }).code, "ERR_INVALID_ARG_VALUE");
  };
  wrong({ timeOut: 1 }, "there is no option `timeOut`, but `timeout`");
  wrong({ signal, ms: 1 }, "there is no option `ms`");
  wrong(signal, "a signal goes into an object, { signal }");
  for (const none of [50, "5 s", null, [50]]) wrong(none, "the options are not an object");
});

Deno.test("calls that wait refuse options that they do not have", async () => {
  const bad = { timeOut: 1 } as WaitOptions;
  const [a, b] = pair();
  const messages = new MessageSocket(a, lineFramer());
  const datagrams = await createDatagramSocket().bind(0, "127.0.0.1");
  const calls: (() => Promise<unknown>)[] = [
    () => messages.read(bad),
    () => datagrams.receive(bad),
    () => createDatagramSocket().connect(9, "127.0.0.1", bad),
  ];
  for (const call of calls) {
    await assertRejects(call, TypeError, "no option `timeOut`", String(call));
  }
  await datagrams.close();
  messages.destroy();
  b.close();
});

Deno.test("very many waits with one signal are one listener at it", () => {
  const { controller, signal, counts } = countedSignal();
  const what = ["read", "write"];
  const all = Array.from({ length: 1000 }, (_, i) => deadlineSignal(what[i % 2], { signal }));
  for (const deadline of all.splice(0, 500)) deadline.clear();
  assertEquals(counts, { added: 1, removed: 0 });
  controller.abort("enough");
  for (const [i, { fired }] of all.entries()) {
    assertEquals([fired?.message, fired?.cause], [`Cannot ${what[i % 2]}: aborted`, "enough"]);
  }
});
