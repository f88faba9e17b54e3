import { assert, assertEquals, assertThrows } from "@std/assert";
import { NativeLink } from "../../websocket/_native_link.ts";
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

function rig(options = {}, openWithin?: number) {
  const socket = new FakeSocket();
  const memory = { transport: "memory" as const };
  const link = new NativeLink(
    socket as unknown as WebSocket,
    "p",
    resolveConnectionOptions(options),
    { localAddr: memory, remoteAddr: memory },
    openWithin,
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
  const { socket, link, log } = rig({}, 5);
  for (let i = 0; log.length < 2 && i < 1000; i++) await new Promise((r) => setTimeout(r, 1));
  assertEquals(log, ["CONNECTION_LOST", [1006, false, "CONNECTION_LOST"]]);
  assertEquals([link.open, link.deadlineIndex], [false, -1]);
  socket.onopen(); // too late
  assertEquals(socket.closes, [[]]);
  const opened = rig({}, 5);
  opened.socket.readyState = 1;
  opened.socket.onopen();
  assertEquals([opened.link.open, opened.link.deadlineIndex], [true, -1]);
});
