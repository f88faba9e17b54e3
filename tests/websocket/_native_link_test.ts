import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { DEADLINES } from "../../websocket/_deadlines.ts";
import { NativeLink, type NativeTimes } from "../../websocket/_native_link.ts";
import type { LinkEvents } from "../../websocket/_connection_parts.ts";
import { resolveConnectionOptions } from "../../websocket/connection_options.ts";
import { WebSocketError } from "../../websocket/errors.ts";
import type { WebSocketCloseInfo } from "../../websocket/types.ts";
import { arrayWork } from "../_support/array_work.ts";
import { countedSignal } from "../_support/counted_signal.ts";
import { foreignSignal } from "../_support/foreign_signal.ts";

/** A stand-in for the runtime's socket. */
class FakeSocket {
  readyState = 0;
  bufferedAmount = 0;
  extensions = "";
  binaryType = "blob";
  sent: unknown[] = [];
  closes: unknown[][] = [];
  onopen!: () => void;
  onmessage!: (event: { data: unknown }) => void;
  onerror!: (event: unknown) => void;
  onclose!: (event: { code: number; reason: string; wasClean: boolean }) => void;
  send(data: unknown): void {
    this.sent.push(data);
  }
  close(...args: unknown[]): void {
    this.closes.push(args);
    this.readyState = 2;
  }
}

function rig(options = {}, times?: NativeTimes) {
  const socket = new FakeSocket();
  const memory = { transport: "memory" as const };
  const link = new NativeLink(
    socket as unknown as WebSocket,
    "p",
    resolveConnectionOptions(options),
    { localAddr: memory, remoteAddr: memory },
    times,
  );
  const log: unknown[] = [];
  const opcodes: number[] = [];
  const events: Partial<LinkEvents> = {
    message: (data, opcode) => void (log.push(data), opcodes.push(opcode)),
    error: (error) => void log.push(error.code),
    drain: () => void log.push("drain"),
    closed: ({ code, wasClean, error }) => void log.push([code, wasClean, error?.code]),
  };
  link.start(events as LinkEvents);
  return { socket, link, log, opcodes };
}

Deno.test("native link sends what was queued before it was open, and closes after that", () => {
  const { socket, link, log } = rig();
  const bytes = new Uint8Array([1]);
  link.send("a", undefined);
  link.send(bytes, undefined);
  bytes[0] = 9;
  link.close(1000, "x");
  assertEquals([socket.sent, socket.closes, link.open, link.queued], [[], [], false, 2]);
  socket.readyState = 1;
  socket.onopen();
  assertEquals([socket.sent, socket.closes], [["a", new Uint8Array([1])], [[1000, "x"]]]);
  assertEquals(link.queued, 0);
  socket.onclose({ code: 1000, reason: "", wasClean: true });
  // A clean end has no error.
  assertEquals([log, link.deadlineIndex], [[[1000, true, undefined]], -1]);
});

Deno.test("native link tells the addresses of both ends, and why the runtime has lost it", async () => {
  const socket = new FakeSocket();
  const localAddr = { transport: "tcp", hostname: "127.0.0.1", port: 1 } as const;
  const remoteAddr = { transport: "tcp", hostname: "127.0.0.1", port: 2 } as const;
  const link = new NativeLink(
    socket as unknown as WebSocket,
    "",
    resolveConnectionOptions({}),
    { localAddr, remoteAddr },
  );
  assertEquals([link.localAddr, link.remoteAddr], [localAddr, remoteAddr]);
  const { promise: closed, resolve } = Promise.withResolvers<WebSocketCloseInfo>();
  link.start({ closed: resolve } as Partial<LinkEvents> as LinkEvents);
  socket.readyState = 1;
  socket.onopen();
  socket.onerror({ message: "reset by peer" });
  socket.onclose({ code: 1006, reason: "", wasClean: false });
  const { error } = await closed;
  assertStringIncludes(error!.message, "reset by peer");
  assertEquals(error!.code, "CONNECTION_LOST");
});

Deno.test("native link measures texts in bytes, and tells text from bytes", () => {
  for (const data of ["123456", "\u00e9\u00e9\u00e9", new Uint8Array(6).buffer]) {
    const { socket, link, log, opcodes } = rig({ maxMessageSize: 6 });
    socket.readyState = 1;
    socket.onopen();
    socket.onmessage({ data });
    const binary = typeof data !== "string";
    assertEquals([log, opcodes], [[binary ? new Uint8Array(6) : data], [binary ? 2 : 1]]);
    // One more is too much: seven bytes, or the four characters that take eight.
    socket.onmessage({ data: binary ? new ArrayBuffer(7) : data + data[0] });
    assertEquals([log.slice(1), socket.closes], [["MESSAGE_TOO_BIG"], [[4009, ""]]]);
    link.terminate();
  }
});

Deno.test("native link that does not get an answer to its close frame ends in time", async () => {
  const { socket, link, log } = rig({ closeTimeout: 5 });
  socket.readyState = 1;
  socket.onopen();
  link.close(undefined, "");
  link.close(3000, "again"); // does nothing
  assertEquals([socket.closes, link.open], [[[]], false]);
  assertThrows(() => link.send("x", undefined), WebSocketError);
  for (let i = 0; log.length < 2 && i < 1000; i++) await new Promise((r) => setTimeout(r, 1));
  assertEquals(log, ["CLOSE_TIMEOUT", [1006, false, "CLOSE_TIMEOUT"]]);
  assertEquals(link.deadlineIndex, -1);
});

for (const slowReader of ["wait", "drop", "close"] as const) {
  Deno.test(`native link does what its policy says at the queue's limit: ${slowReader}`, () => {
    const { socket, link, log } = rig({ highWaterMark: 10, maxSendQueueBytes: 10, slowReader });
    socket.readyState = 1;
    socket.onopen();
    socket.bufferedAmount = 9;
    assertEquals([link.send("x", undefined), link.full], ["sent", false]);
    socket.bufferedAmount = 10;
    assertEquals(link.full, true);
    const outcome = link.send("y", undefined);
    assertEquals([outcome, socket.sent], [slowReader === "wait" ? "refused" : "dropped", ["x"]]);
    const closed = slowReader === "close";
    assertEquals(log, closed ? ["SLOW_READER", [1006, false, "SLOW_READER"]] : []);
    assertEquals([link.dropped, link.open], [slowReader === "wait" ? 0 : 1, !closed]);
    // Where nobody waits, who would wait is closed.
    if (slowReader === "wait") {
      assertEquals([link.overLimit(false), link.dropped, link.open], ["dropped", 1, false]);
    } else link.terminate();
  });
}

Deno.test("native link wakes those who wait for its queue once half of it is gone, or at its end", async () => {
  const { socket, link, log } = rig({ highWaterMark: 10 });
  socket.readyState = 1;
  socket.onopen();
  await link.drained(); // there is room
  socket.send = () => void (socket.bufferedAmount = 20);
  link.send("x", undefined);
  const lasting = foreignSignal();
  const first = link.drained({ timeout: 60_000, signal: lasting.signal });
  const patient = foreignSignal();
  const { signal } = patient;
  assertEquals(
    (await assertRejects(() => link.drained({ timeout: 20, signal }), NetError)).code,
    "ETIMEDOUT",
  );
  assertEquals(patient.listeners, 0);
  const controller = new AbortController();
  const aborted = link.drained({ signal: controller.signal });
  controller.abort();
  assertEquals((await assertRejects(() => aborted, NetError)).code, "ABORT_ERR");
  assertEquals(
    (await assertRejects(() => link.drained({ signal: controller.signal }), NetError)).code,
    "ABORT_ERR",
  );
  assertEquals(log, []);
  socket.bufferedAmount = 5;
  await first;
  assertEquals([log, lasting.listeners], [["drain"], 0]);
  // And again.
  link.send("x", undefined);
  const second = assertRejects(() => link.drained(), WebSocketError);
  link.terminate();
  assertEquals((await second).code, "CLOSED");
  assertEquals((await assertRejects(() => link.drained(), WebSocketError)).code, "CLOSED");
});

Deno.test("native link has very many wait for its queue: none costs more for the others", async () => {
  const { socket, link } = rig({ highWaterMark: 10 });
  socket.readyState = 1;
  socket.onopen();
  socket.send = () => void (socket.bufferedAmount = 20);
  link.send("x", undefined);
  const { signal, counts } = countedSignal();
  const count = 2000;
  const wait = (given: AbortSignal) => link.drained({ signal: given });
  const drained = Promise.all(Array.from({ length: count }, () => wait(signal)));
  assertEquals(counts, { added: 1, removed: 0 });
  const controllers = Array.from({ length: count }, () => new AbortController());
  const given = Promise.allSettled(controllers.map((each) => wait(each.signal)));
  const work = await arrayWork(() => {
    for (const controller of controllers.reverse()) controller.abort();
  });
  assert((await given).every(({ status }) => status === "rejected"));
  assert(work < count, `${work}`);
  socket.bufferedAmount = 0;
  await drained;
  assertEquals(counts, { added: 1, removed: 1 });
  link.terminate();
});

Deno.test("native link tells one end, and 1006 for the runtime's 0", () => {
  const { socket, link, log } = rig();
  socket.readyState = 1;
  socket.onopen();
  socket.onmessage({ data: new Uint8Array([1]).buffer });
  socket.onclose({ code: 0, reason: "", wasClean: false });
  socket.onclose({ code: 1005, reason: "", wasClean: true });
  assertEquals(log, [new Uint8Array([1]), [1006, false, "CONNECTION_LOST"]]);
  assertThrows(() => link.send("x", undefined), WebSocketError);
  link.terminate();
  link.close(1000, "");
});

Deno.test("native link moves codes that the runtime does not send to the private range", () => {
  const { socket, link, log } = rig();
  socket.readyState = 1;
  socket.onopen();
  const error = new WebSocketError("x", { code: "CALLBACK", closeCode: 1011 });
  link.failWith(error);
  link.failWith(error);
  assertEquals([socket.closes, log], [[[4011, ""]], ["CALLBACK"]]);
  socket.onclose({ code: 4011, reason: "", wasClean: true });
  assertEquals(log[1], [4011, false, "CALLBACK"]);
});

Deno.test("native link that is ended with a code for private use sends that one", () => {
  const { socket, link } = rig();
  socket.readyState = 1;
  socket.onopen();
  link.failWith(new WebSocketError("x", { code: "CALLBACK", closeCode: 3000 }));
  assertEquals(socket.closes, [[3000, ""]]);
  link.terminate();
});

Deno.test("native link closes behind what is still being sent", async () => {
  const { socket, link, log } = rig();
  socket.readyState = 1;
  socket.onopen();
  const { promise: sent, resolve } = Promise.withResolvers<void>();
  link.close(4000, "done", sent);
  link.send("the last one", undefined);
  assertEquals([socket.sent, socket.closes], [["the last one"], []]);
  resolve();
  await sent;
  await Promise.resolve();
  assertEquals([socket.closes, link.open], [[[4000, "done"]], false]);
  socket.onclose({ code: 4000, reason: "done", wasClean: true });
  assertEquals(log, [[4000, true, undefined]]);
});

Deno.test("native link tells that its queue has drained though nobody waits for that", async () => {
  const { socket, link, log } = rig({ highWaterMark: 10 });
  socket.readyState = 1;
  socket.onopen();
  socket.send = () => void (socket.bufferedAmount = 20);
  link.send("x", undefined);
  socket.bufferedAmount = 0;
  for (let i = 0; log.length < 1 && i < 1000; i++) await new Promise((r) => setTimeout(r, 1));
  assertEquals(log, ["drain"]);
  link.terminate();
});

Deno.test("native link does not look after a peer that has taken all at once", () => {
  const { socket, link } = rig({}, { idleTimeout: 20 });
  socket.readyState = 1;
  socket.onopen();
  link.send("x", undefined);
  assertEquals([socket.sent, link.deadlineIndex], [["x"], -1]);
  // The last of the codes that there are.
  link.close(4999, "");
  assertEquals(socket.closes, [[4999, ""]]);
  link.terminate();
});

Deno.test("native link that ends cleanly with a full queue tells those who wait that it was not sent", async () => {
  const { socket, link, log } = rig({ highWaterMark: 10 });
  socket.readyState = 1;
  socket.onopen();
  socket.bufferedAmount = 10;
  const waiting = assertRejects(() => link.drained(), WebSocketError);
  socket.onclose({ code: 1000, reason: "", wasClean: true });
  assertEquals((await waiting).code, "CLOSED");
  assertEquals(log, [[1000, true, undefined]]);
});

Deno.test("native link says what it can't do", () => {
  const { link } = rig();
  assert(!link.canPause);
  for (const use of [() => link.sendPing(), () => link.sendPong(), () => link.sendFragment()]) {
    assertThrows(use, TypeError);
  }
  assertThrows(() => link.send("x", true), TypeError);
  assertThrows(() => link.close(1011, ""), RangeError);
  link.terminate();
});

Deno.test("native link is lost when the runtime's socket does not open", async () => {
  const { socket, link, log } = rig({}, { openTimeout: 5 });
  for (let i = 0; log.length < 2 && i < 1000; i++) await new Promise((r) => setTimeout(r, 1));
  assertEquals(log, ["CONNECTION_LOST", [1006, false, "CONNECTION_LOST"]]);
  assertEquals([link.open, link.deadlineIndex], [false, -1]);
  socket.onopen(); // too late
  assertEquals(socket.closes, [[]]);
  const opened = rig({}, { openTimeout: 5 });
  opened.socket.readyState = 1;
  opened.socket.onopen();
  assertEquals([opened.link.open, opened.link.deadlineIndex], [true, -1]);
});

Deno.test("native link is lost when its peer takes nothing of what is queued, and sends nothing", async () => {
  const { socket, link, log } = rig({}, { idleTimeout: 20 });
  socket.send = (data) => {
    socket.sent.push(data);
    socket.bufferedAmount += (data as string).length;
  };
  /** Waits for the link to have looked: it sets itself a new deadline then, or none. */
  const looked = async () => {
    const { deadline } = link;
    while (link.deadlineIndex >= 0 && link.deadline === deadline) {
      await new Promise((r) => setTimeout(r, 1));
    }
    return log.length;
  };
  link.send("early", undefined);
  socket.readyState = 1;
  socket.onopen();
  link.send("hello", undefined);
  socket.bufferedAmount -= 5;
  assertEquals(await looked(), 0); // it took something
  link.send("hello", undefined);
  socket.onmessage({ data: "I am here" });
  assertEquals(await looked(), 1); // it sent something
  socket.bufferedAmount = 0;
  assertEquals([await looked(), link.deadlineIndex], [1, -1]); // it has all: nobody looks any more
  link.send("hello", undefined);
  await looked();
  assertEquals(log.slice(1), ["CONNECTION_LOST", [1006, false, "CONNECTION_LOST"]]);
  assertEquals([socket.closes, link.open, link.deadlineIndex], [[[]], false, -1]);
});

Deno.test("native link is lost when the runtime's close frame waits for ever behind what is queued", async () => {
  const { socket, link, log } = rig({ closeTimeout: 20 }, { idleTimeout: 20 });
  socket.readyState = 1;
  socket.onopen();
  socket.send = () => void (socket.bufferedAmount = 5);
  link.send("hello", undefined);
  // No pong has come: it closes, and counts nothing any more.
  socket.readyState = 2;
  socket.bufferedAmount = 0;
  for (let i = 0; log.length < 2 && i < 1000; i++) await new Promise((r) => setTimeout(r, 1));
  assertEquals(log, ["CONNECTION_LOST", [1006, false, "CONNECTION_LOST"]]);
  assertEquals(link.deadlineIndex, -1);
});

Deno.test("native link that the runtime closes has the time to end as it does", async () => {
  const { socket, link, log } = rig({ closeTimeout: 60_000 }, { idleTimeout: 20 });
  socket.readyState = 1;
  socket.onopen();
  socket.send = () => void (socket.bufferedAmount = 5);
  link.send("hello", undefined);
  const { deadline } = link;
  socket.readyState = 2;
  while (link.deadline === deadline) await new Promise((r) => setTimeout(r, 1));
  assertEquals(log, []);
  socket.onclose({ code: 1000, reason: "", wasClean: true });
  assertEquals([log, link.deadlineIndex], [[[1000, true, undefined]], -1]);
});

Deno.test("native link has patience with its peer in the middle of a large message", async () => {
  const { socket, link, log } = rig({}, { idleTimeout: 20 });
  socket.readyState = 1;
  socket.onopen();
  socket.send = () => void (socket.bufferedAmount += 1600);
  const now = DEADLINES.now();
  for (let i = 0; i < 10; i++) link.send("large", undefined);
  // For one of them: those that have left are seen to have.
  const patience = link.deadline - now;
  assert(patience >= 120 && patience < 1000, `${patience} ms`);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assertEquals(log, []);
  for (let i = 0; log.length < 2 && i < 3000; i++) await new Promise((r) => setTimeout(r, 1));
  assertEquals(log, ["CONNECTION_LOST", [1006, false, "CONNECTION_LOST"]]);
});

Deno.test("native link without an idle timeout waits for its peer", () => {
  const { socket, link } = rig();
  socket.readyState = 1;
  socket.onopen();
  socket.send = () => void (socket.bufferedAmount = 5);
  link.send("hello", undefined);
  assertEquals(link.deadlineIndex, -1);
});
