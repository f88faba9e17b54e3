import { assertEquals, assertRejects } from "@std/assert";
import { MessageStreams, type StreamedConnection } from "../../websocket/_message_streams.ts";
import type { ReceivedClose, ReceivedMessage } from "../../websocket/connection_types.ts";
import { WebSocketError } from "../../websocket/errors.ts";
import type { WebSocketCloseInfo } from "../../websocket/types.ts";

const CLEAN: WebSocketCloseInfo = { wasClean: true, code: 1000, reason: "", closeCode: 1000 };
const LOST: WebSocketCloseInfo = { wasClean: false, code: 1006, reason: "", closeCode: 1006 };

/** A connection that notes what the streams do with it. */
function rig(incoming: Array<ReceivedMessage | ReceivedClose> = []) {
  const log: unknown[] = [];
  const connection: StreamedConnection = {
    receive: () => Promise.resolve(incoming.shift()!),
    send: (data) => Promise.resolve(void log.push(["send", data])),
    close: (...code) => {
      log.push(["close", ...code]);
      return Promise.resolve(CLEAN);
    },
  };
  return { streams: new MessageStreams(connection, 4011), log, incoming };
}

Deno.test("message streams ask for a message when somebody reads, and end as the connection does", async () => {
  const { streams, incoming } = rig([{ data: "", opcode: 1 }, { data: "b", opcode: 1 }, CLEAN]);
  await Promise.resolve();
  assertEquals(incoming.length, 3);
  assertEquals(await Array.fromAsync(streams.readable), ["", "b"]);
  const error = new WebSocketError("gone", { code: "CONNECTION_LOST" });
  for (const info of [LOST, { ...LOST, error }]) {
    const lost = rig([info]).streams.readable.getReader();
    const told = await assertRejects(() => lost.read(), WebSocketError);
    assertEquals(told.code, "error" in info ? "CONNECTION_LOST" : "CLOSED");
  }
});

Deno.test("message streams that are given up close with the code of a WebSocketError, if programs may use it", async () => {
  const withCode = (closeCode: unknown, reason: unknown) =>
    Object.assign(new Error("given up"), { closeCode, reason });
  const cases: Array<[cause: unknown, cancelled: unknown, aborted: unknown]> = [
    [undefined, 1000, 4011],
    [{ closeCode: 4000, reason: "no error" }, 1000, 4011],
    [withCode(1011, "not theirs"), 1000, 4011],
    [withCode("4000", ""), 1000, 4011],
    [withCode(4000, 7), 1000, 4011],
    ...[[1000, ""], [4000, "why"], [4999, "é".repeat(61)]].map((
      [closeCode, reason],
    ): [unknown, unknown, unknown] => {
      const end = { closeCode, reason };
      return [withCode(closeCode, reason), end, end];
    }),
    [withCode(3000, "é".repeat(62)), { closeCode: 3000, reason: "" }, {
      closeCode: 3000,
      reason: "",
    }],
  ];
  for (const [cause, cancelled, aborted] of cases) {
    const { streams, log } = rig();
    await streams.readable.cancel(cause);
    await streams.writable.abort(cause);
    assertEquals(log, [["close", cancelled], ["close", aborted]]);
  }
});

Deno.test("message streams that are aborted close at once, also while a message can't leave", async () => {
  const sent = Promise.withResolvers<void>();
  const log: unknown[] = [];
  const { writable } = new MessageStreams({
    receive: () => Promise.resolve(CLEAN),
    send: () => sent.promise,
    close: (code) => {
      log.push(code);
      sent.reject(new WebSocketError("gone", { code: "CLOSED" }));
      return Promise.resolve(LOST);
    },
  }, 4011);
  const writer = writable.getWriter();
  const writing = assertRejects(() => writer.write("stuck"), WebSocketError, "gone");
  await Promise.resolve();
  await writer.abort("enough");
  assertEquals(log, [4011]);
  await writing;
  await writer.closed.catch(() => {});
});

Deno.test("message streams send what is written, and close with it", async () => {
  const { streams, log } = rig();
  const writer = streams.writable.getWriter();
  await writer.write("one");
  await writer.write(["in", "parts"]);
  await writer.close();
  assertEquals(log, [["send", "one"], ["send", ["in", "parts"]], ["close"]]);
});

Deno.test("message streams tell their writers of the end: of a clean one a turn later", async () => {
  const lost = rig().streams;
  lost.end(LOST);
  const error = await assertRejects(() => lost.writable.getWriter().write("x"), WebSocketError);
  assertEquals([error.code, error.closeCode], ["CLOSED", 1006]);
  const { streams: clean, log } = rig();
  clean.end(CLEAN);
  // What is piped closes it by itself, in time.
  await clean.writable.close();
  assertEquals(log, [["close"]]);
  const { streams: late } = rig();
  late.end(CLEAN);
  await assertRejects(() => late.writable.getWriter().closed, WebSocketError);
});
