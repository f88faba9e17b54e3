import { assert, assertEquals, assertThrows } from "@std/assert";
import { DEADLINES } from "../../websocket/_deadlines.ts";
import { NativeLink, type NativeTimes } from "../../websocket/_native_link.ts";
import type { LinkEvents } from "../../websocket/_connection_parts.ts";
import { resolveConnectionOptions } from "../../websocket/connection_options.ts";
import { WebSocketError } from "../../websocket/errors.ts";

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
  const events: Partial<LinkEvents> = {
    message: (data) => void log.push(data),
    error: (error) => void log.push(error.code),
    drain: () => void log.push("drain"),
    closed: ({ code, wasClean, error }) => void log.push([code, wasClean, error?.code]),
  };
  link.start(events as LinkEvents);
  return { socket, link, log };
}

Deno.test("native link sends what was queued before it was open, and closes after that", () => {
  const { socket, link } = rig();
  const bytes = new Uint8Array([1]);
  link.send("a", undefined);
  link.send(bytes, undefined);
  bytes[0] = 9;
  link.close(1000, "x");
  assertEquals([socket.sent, socket.closes, link.open, link.queued], [[], [], false, 2]);
  socket.readyState = 1;
  socket.onopen();
  assertEquals([socket.sent, socket.closes], [["a", new Uint8Array([1])], [[1000, "x"]]]);
  socket.onclose({ code: 1000, reason: "", wasClean: true });
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
