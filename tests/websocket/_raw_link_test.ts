import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ManualClock } from "../../net/clock.ts";
import { Limits } from "../../net/limits.ts";
import { pair, type PairOptions } from "../../net/pair.ts";
import { TransportReader } from "../../net/reader.ts";
import { writeAll } from "../../net/write_all.ts";
import type { LinkEvents } from "../../websocket/_connection_parts.ts";
import { DeadlineQueue } from "../../websocket/_deadlines.ts";
import { RawLink } from "../../websocket/_raw_link.ts";
import { WebSocketConnection } from "../../websocket/connection.ts";
import {
  resolveConnectionOptions,
  type WebSocketConnectionOptions,
} from "../../websocket/connection_options.ts";
import { decodeFrame, encodeFrame } from "../../websocket/frame.ts";
import { WebSocketError } from "../../websocket/errors.ts";
import { tcpPair } from "../_support/tcp_pair.ts";
import { joined, toBytes } from "../_support/websocket_rig.ts";

/** A server's link on a clock of its own, and the far end of its transport. */
function rig(
  options: WebSocketConnectionOptions = {},
  limits?: Limits,
  wire: PairOptions | ReturnType<typeof pair> = {},
) {
  const [near, far] = Array.isArray(wire) ? wire : pair(wire);
  const clock = new ManualClock();
  const deadlines = new DeadlineQueue(clock);
  const link = new RawLink(near, {
    role: "server",
    protocol: "",
    extensions: "",
    compression: undefined,
    options: resolveConnectionOptions(options),
    limits,
    deadlines,
  });
  const log: string[] = [];
  const events = {
    message: (data) => void log.push(`message ${data}`),
    kept: 0,
    paused: false,
    piece: (bytes, _opcode, last) => void log.push(`piece ${bytes.length} ${last}`),
    ping: () => void log.push("ping"),
    pong: () => void log.push("pong"),
    drain: () => void log.push("drain"),
    error: (error) => void log.push(`error ${error.code}`),
    closed: (info) =>
      void log.push(`closed ${info.code} ${info.wasClean} ${info.error?.code ?? ""}`),
  } satisfies LinkEvents as LinkEvents & { paused: boolean };
  link.start(events);
  return { link, far, clock, deadlines, log, events };
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

async function opcodes(far: { read(p: Uint8Array): Promise<number | null> }): Promise<number[]> {
  const buffer = new Uint8Array(65_536);
  const n = await far.read(buffer);
  const found: number[] = [];
  for (let rest = buffer.subarray(0, n ?? 0); rest.length > 0;) {
    const frame = decodeFrame(rest);
    assert("payload" in frame);
    found.push(frame.opcode);
    rest = rest.subarray(frame.size);
  }
  return found;
}

const masked = (opcode: number, data: string, fin = true) =>
  encodeFrame(toBytes(data), { opcode, fin, maskKey: 77 });

Deno.test("link pings within the interval without a byte, and gives up after the timeout", async () => {
  const { far, clock, deadlines, log } = rig({ keepAliveInterval: 1000, keepAliveTimeout: 500 });
  clock.advance(600);
  await far.write(masked(1, "x"));
  await settle();
  clock.advance(400);
  await settle();
  assertEquals(log, ["message x"]);
  clock.advance(600);
  assertEquals(await opcodes(far), [9]);
  clock.advance(600);
  assertEquals(log, [
    "message x",
    "error KEEPALIVE_TIMEOUT",
    "closed 1006 false KEEPALIVE_TIMEOUT",
  ]);
  assertEquals([deadlines.size, clock.pending], [0, 0]);
  far.close();
});

Deno.test("link with no keep-alive timeout pings a silent peer on and on, and never gives up", async () => {
  const { link, far, clock, log } = rig({ keepAliveInterval: 1000, keepAliveTimeout: 0 });
  for (let i = 0; i < 5; i++) {
    clock.advance(1000);
    assert((await opcodes(far)).every((opcode) => opcode === 9));
  }
  assertEquals(log, []);
  link.terminate();
  far.close();
});

for (const keepAliveTimeout of [600, 1000, 9000]) {
  Deno.test(`link pings an idle peer that answers once an interval, with a timeout of ${keepAliveTimeout} ms`, async () => {
    const { link, far, clock, log } = rig({ keepAliveInterval: 1000, keepAliveTimeout });
    for (let i = 0; i < 5; i++) {
      clock.advance(1000);
      assertEquals(await opcodes(far), [9]);
      await far.write(masked(10, ""));
      await settle();
    }
    assertEquals(log, Array(5).fill("pong"));
    link.terminate();
    far.close();
  });
}

Deno.test("link takes any byte for a sign of life", async () => {
  const { link, far, clock, log } = rig({ keepAliveInterval: 1000, keepAliveTimeout: 500 });
  for (let i = 0; i < 10; i++) {
    clock.advance(700);
    await far.write(masked(10, ""));
    await settle();
  }
  assertEquals(log, Array(10).fill("pong"));
  link.terminate();
  far.close();
});

Deno.test("link takes it for a sign of life that a queue leaves, until it does not", async () => {
  const wire = pair({ capacity: 1000 });
  const { link, far, clock, log } = rig(
    { keepAliveInterval: 1000, keepAliveTimeout: 500 },
    undefined,
    wire,
  );
  link.send("x".repeat(60_000), undefined);
  await settle();
  const buffer = new Uint8Array(1000);
  for (let i = 0; i < 20; i++) {
    clock.advance(400);
    await far.read(buffer);
    await settle();
  }
  assertEquals(log, []);
  clock.advance(2000);
  assertEquals(log, ["error KEEPALIVE_TIMEOUT", "closed 1006 false KEEPALIVE_TIMEOUT"]);
  far.close();
});

Deno.test("link takes it for no sign of life that the system takes what is sent", async () => {
  const wire = pair();
  const [near, far] = wire;
  let take: (() => void) | undefined;
  near.write = (bytes) => new Promise((resolve) => take = () => resolve(bytes.length));
  const { link, clock, log } = rig(
    { keepAliveInterval: 1000, keepAliveTimeout: 500 },
    undefined,
    wire,
  );
  // Whenever somebody looks, a little is on its way.
  for (let now = 0; now < 3000 && link.open; now += 100) {
    link.send("x".repeat(1000), undefined);
    await settle();
    clock.advance(100);
    take?.();
    await settle();
  }
  take?.();
  assertEquals(log, ["error KEEPALIVE_TIMEOUT", "closed 1006 false KEEPALIVE_TIMEOUT"]);
  far.close();
});

Deno.test("link without keepalive and message timeout has no deadline", async () => {
  const { link, far, deadlines } = rig({ keepAliveInterval: 0, messageTimeout: 0 });
  await far.write(masked(1, "half", false));
  await settle();
  assertEquals(deadlines.size, 0);
  link.terminate();
  far.close();
});

Deno.test("link gives a message its time from its first byte, whatever comes meanwhile", async () => {
  const { far, clock, log } = rig({ keepAliveInterval: 0, messageTimeout: 1000 });
  await far.write(masked(1, "a", false));
  await settle();
  for (let i = 0; i < 9; i++) {
    clock.advance(100);
    await far.write(masked(0, "b", false));
    await settle();
  }
  assertEquals(log, []);
  clock.advance(200);
  await settle();
  assertEquals(log, ["error MESSAGE_TIMEOUT"]);
  assertEquals(await opcodes(far), [8]);
  far.close();
  await settle();
  assertEquals(log.at(-1), "closed 1006 false MESSAGE_TIMEOUT");
});

Deno.test("link gives a frame of which a byte came, and no more, the time of a message", async () => {
  for (const [opcode, bytes] of [[1, 1], [2, 5], [9, 1], [9, 7]]) {
    const { far, clock, log } = rig({ keepAliveInterval: 0, messageTimeout: 1000 });
    await far.write(masked(opcode, "late").subarray(0, bytes));
    await settle();
    clock.advance(900);
    assertEquals(log, []);
    clock.advance(200);
    await settle();
    assertEquals(log, ["error MESSAGE_TIMEOUT"]);
    far.close();
  }
});

Deno.test("link whose queue is full answers the last of the pings when it has drained", async () => {
  const { link, far } = rig({ keepAliveInterval: 0, highWaterMark: 1000 }, undefined, {
    capacity: 100,
  });
  link.send(new Uint8Array(3000), undefined);
  await far.write(joined(masked(9, "1"), masked(9, "2")));
  await settle();
  const frame = encodeFrame(toBytes("2"), { opcode: 10 });
  const got = new Uint8Array(3004 + frame.length);
  for (let at = 0; at < got.length;) at += (await far.read(got.subarray(at)))!;
  assertEquals(got.subarray(3004), frame);
  assertEquals(link.queued, 0);
  link.terminate();
  far.close();
});

Deno.test("link that is told to close again has no more time for it", () => {
  const { link, far, clock, log } = rig({ closeTimeout: 3000, keepAliveInterval: 0 });
  for (let i = 0; i < 4; i++) {
    assertEquals(log, []);
    link.close(1000, "");
    clock.advance(750);
  }
  assertEquals(log, ["error CLOSE_TIMEOUT", "closed 1006 false CLOSE_TIMEOUT"]);
  far.close();
});

Deno.test("link of a server ends the transport itself when both close frames have gone", async () => {
  const { far, clock, log } = rig({ keepAliveInterval: 0 });
  await far.write(encodeFrame(new Uint8Array([0x03, 0xe8]), { opcode: 8, maskKey: 77 }));
  await settle();
  assertEquals([log, clock.pending], [["closed 1000 true "], 0]);
  assertEquals(await opcodes(far), [8]);
  assertEquals(await far.read(new Uint8Array(1)), null);
  far.close();
});

Deno.test("link does not count time against the peer in which it does not read", async () => {
  const { link, far, clock, log } = rig({ keepAliveInterval: 0, messageTimeout: 1000 });
  await far.write(masked(1, "a", false));
  await settle();
  link.pause();
  clock.advance(5000);
  link.resume();
  await far.write(masked(0, "b"));
  await settle();
  assertEquals(log, ["message ab"]);
  link.terminate();
  far.close();
});

for (const began of ["before the pause", "in what was held"]) {
  Deno.test(`link gives a message that began ${began} its time from the end of the pause on`, async () => {
    const { link, far, clock, log, events } = rig({ keepAliveInterval: 0, messageTimeout: 1000 });
    if (began === "in what was held") {
      events.message = () => link.pause();
      await far.write(joined(masked(1, "whole"), masked(1, "a", false)));
    } else await far.write(masked(1, "a", false));
    await settle();
    link.pause();
    for (let i = 0; i < 50; i++) clock.advance(100);
    link.resume();
    for (let i = 0; i < 9; i++) clock.advance(100);
    assertEquals(log, []);
    // Nothing comes any more: the one who sent half of it is not waited for.
    for (let i = 0; i < 3; i++) clock.advance(100);
    assertEquals(log, ["error MESSAGE_TIMEOUT"]);
    far.close();
    await settle();
    assertEquals(log.at(-1), "closed 1006 false MESSAGE_TIMEOUT");
  });
}

for (const pauses of ["in a message", "as another one comes"]) {
  Deno.test(`link counts no time of a short pause ${pauses} against the peer`, async () => {
    const { link, far, clock, log, events } = rig({ keepAliveInterval: 0, messageTimeout: 1000 });
    if (pauses === "as another one comes") {
      events.message = () => link.pause();
      await far.write(joined(masked(1, "whole"), masked(1, "a", false)));
      await settle();
    } else {
      await far.write(masked(1, "a", false));
      await settle();
      link.pause();
    }
    for (let i = 0; i < 9; i++) clock.advance(100);
    events.message = (data) => log.push(String(data));
    link.resume();
    for (let i = 0; i < 9; i++) clock.advance(100);
    assertEquals(log, []);
    await far.write(masked(0, "b"));
    await settle();
    assertEquals(log, ["ab"]);
    far.close();
    await settle();
  });
}

for (const [stretch, pause] of [[10, 90], [0.25, 0.5], [300, 5000], [1, 1000 / 32 - 1]]) {
  Deno.test(`link that is paused ${pause} ms after every ${stretch} gives half a message no more time for that`, async () => {
    const { link, far, clock, log } = rig({ keepAliveInterval: 0, messageTimeout: 1000 });
    await far.write(masked(1, "a", false));
    await settle();
    let read = 0;
    for (; read < 2000 && log.length === 0; read += stretch) {
      clock.advance(stretch);
      link.pause();
      clock.advance(pause);
      link.resume();
    }
    assertEquals(log[0], "error MESSAGE_TIMEOUT");
    assert(read >= 990 && read <= 1200, `${read} ms`);
    far.close();
    await settle();
  });
}

Deno.test("link gives each message its whole time, whatever the last one has used in and before a pause", async () => {
  const { link, far, clock, log } = rig({ keepAliveInterval: 0, messageTimeout: 1000 });
  for (const end of ["b", "c"]) {
    await far.write(masked(1, "a", false));
    await settle();
    clock.advance(900);
    link.pause();
    clock.advance(5000);
    link.resume();
    await far.write(masked(0, end));
    await settle();
  }
  await far.write(masked(1, "a", false));
  await settle();
  clock.advance(900);
  assertEquals(log, ["message ab", "message ac"]);
  clock.advance(200);
  assertEquals(log.slice(2), ["error MESSAGE_TIMEOUT"]);
  far.close();
  await settle();
});

Deno.test("link cuts a peer off that does not answer the close frame", async () => {
  const { link, far, clock, deadlines, log } = rig({ closeTimeout: 3000 });
  link.close(1000, "");
  assertThrows(() => link.send("x", undefined), WebSocketError);
  clock.advance(2999);
  assertEquals(log, []);
  clock.advance(1);
  assertEquals(log, ["error CLOSE_TIMEOUT", "closed 1006 false CLOSE_TIMEOUT"]);
  assertEquals(deadlines.size, 0);
  far.close();
  await settle();
});

Deno.test("link that closes behind what never ends has its time for all of it", async () => {
  const { link, far, clock, log } = rig({ keepAliveInterval: 0, closeTimeout: 1000 });
  link.close(1000, "", new Promise(() => {}));
  clock.advance(900);
  assertEquals(log, []);
  clock.advance(200);
  await settle();
  assertEquals(log, ["error CLOSE_TIMEOUT", "closed 1006 false CLOSE_TIMEOUT"]);
  far.close();
});

Deno.test("link lets a peer that broke a rule read why for a second", async () => {
  const { far, clock, log } = rig();
  await far.write(masked(3, "x"));
  await settle();
  assertEquals(log, ["error RESERVED_OPCODE"]);
  clock.advance(999);
  assertEquals(log.length, 1);
  clock.advance(1);
  assertEquals(log[1], "closed 1006 false RESERVED_OPCODE");
  far.close();
});

Deno.test("link reads on with the reader of the handshake", async () => {
  const [near, far] = pair();
  const reader = new TransportReader(near, { data() {}, end() {}, error() {} });
  reader.pause();
  const link = new RawLink(near, {
    role: "client",
    protocol: "p",
    extensions: "e",
    compression: undefined,
    options: resolveConnectionOptions(),
    reader,
    rest: encodeFrame(toBytes("first"), { opcode: 1 }),
  });
  const log: unknown[] = [];
  const nothing = () => {};
  link.start({
    message: (data) => void log.push(data),
    kept: 0,
    paused: false,
    piece: nothing,
    ping: nothing,
    pong: nothing,
    drain: nothing,
    error: nothing,
    closed: nothing,
  });
  await far.write(encodeFrame(toBytes("second"), { opcode: 1 }));
  await settle();
  assertEquals([log, link.protocol, link.extensions], [["first", "second"], "p", "e"]);
  link.terminate();
  link.terminate();
  far.close();
});

Deno.test("link whose writing fails reads what the peer said before", async () => {
  const { link, far, log } = rig();
  await far.write(encodeFrame(new Uint8Array([0x0f, 0xa0]), { opcode: 8, maskKey: 1 }));
  await far.closeWrite();
  await settle();
  assertEquals(log, ["closed 4000 true "]);
  assertEquals(link.open, false);
  far.close();
});

/** A paused link that holds a message, and whose writing has failed. */
async function lostWhilePaused() {
  const parts = rig({ closeTimeout: 5000, keepAliveInterval: 0 });
  const { link, far } = parts;
  link.pause();
  await far.write(masked(1, "held"));
  far.close();
  link.send("to nobody", undefined);
  await settle();
  return parts;
}

Deno.test("link whose writing has failed is not open while it reads on, and takes nothing more to send", async () => {
  const { link, clock, log } = await lostWhilePaused();
  assertEquals([link.open, link.takesEncoded], [false, false]);
  const bytes = toBytes("more");
  for (
    const send of [
      () => link.send("more", undefined),
      () => link.sendFragment(bytes, 1, false, undefined),
      () => link.sendPing(bytes),
      () => link.sendPong(bytes),
    ]
  ) assertEquals(assertThrows(send, WebSocketError).code, "CLOSED");
  assertEquals((await assertRejects(() => link.drained(), WebSocketError)).code, "CLOSED");
  assertEquals(log, []);
  clock.advance(6000);
  assertEquals(log, ["error CONNECTION_LOST", "closed 1006 false CONNECTION_LOST"]);
});

Deno.test("link that is held back when its writing fails has the time to close for what had come", async () => {
  const { clock, deadlines, log } = await lostWhilePaused();
  clock.advance(4900);
  assertEquals(log, []);
  clock.advance(200);
  assertEquals(log, ["error CONNECTION_LOST", "closed 1006 false CONNECTION_LOST"]);
  assertEquals([deadlines.size, clock.pending], [0, 0]);
});

Deno.test("link that is paused when its writing fails keeps what had come, however long", async () => {
  const { link, clock, deadlines, log, events } = await lostWhilePaused();
  events.paused = true;
  clock.advance(60_000);
  assertEquals(log, []);
  events.paused = false;
  link.resume();
  assertEquals(log, ["message held"]);
  await settle();
  assertEquals(log.at(-1), "closed 1006 false CONNECTION_LOST");
  assertEquals([deadlines.size, clock.pending], [0, 0]);
});

Deno.test("link that is paused while the last is read has the time for it again afterwards", async () => {
  const [near, far] = pair();
  // A peer that is deaf, but does not leave.
  near.write = () => Promise.reject(new Error("deaf"));
  const { link, clock, log, events } = rig({ keepAliveInterval: 0 }, undefined, [near, far]);
  link.send("to nobody", undefined);
  await settle();
  clock.advance(900);
  events.paused = true;
  link.pause();
  clock.advance(60_000);
  await far.write(masked(1, "last"));
  events.paused = false;
  link.resume();
  clock.advance(900);
  await settle();
  assertEquals(log, ["message last"]);
  clock.advance(200);
  assertEquals(log.slice(1), ["error CONNECTION_LOST", "closed 1006 false CONNECTION_LOST"]);
  far.close();
});

Deno.test("link whose writing failed ends although the peer sends on and each message is paused for", async () => {
  for (const byProgram of [false, true]) {
    const [near, far] = pair();
    near.write = () => Promise.reject(new Error("deaf"));
    const options = { keepAliveInterval: 0, closeTimeout: 3000 };
    const { link, clock, log, events } = rig(options, undefined, [near, far]);
    link.send("to nobody", undefined);
    await settle();
    let steps = 0;
    for (; steps < 1000 && !log.some((line) => line.startsWith("closed")); steps++) {
      await far.write(masked(1, "more")).catch(() => {});
      await settle();
      events.paused = byProgram;
      link.pause();
      clock.advance(10);
      events.paused = false;
      link.resume();
      clock.advance(20);
      await settle();
    }
    assert(steps > 33 && steps < 500, `after ${steps} steps`);
    far.close();
  }
});

Deno.test("link passes a failure of the transport on as its cause", async () => {
  const [near, far] = pair({ back: { faults: [{ at: 0, action: "reset" }] } });
  const link = new RawLink(near, {
    role: "server",
    protocol: "",
    extensions: "",
    compression: undefined,
    options: resolveConnectionOptions(),
  });
  const errors: WebSocketError[] = [];
  const nothing = () => {};
  link.start({
    message: nothing,
    kept: 0,
    paused: false,
    piece: nothing,
    ping: nothing,
    pong: nothing,
    drain: nothing,
    error: (error) => void errors.push(error),
    closed: nothing,
  });
  await far.write(masked(1, "x")).catch(() => {});
  await settle();
  assertEquals(errors.map(({ code, cause }) => [code, (cause as { code?: string }).code]), [
    ["CONNECTION_LOST", "ECONNRESET"],
  ]);
  far.close();
});

/** Limits of which only what is received, or inflated, is small. */
const small = (policy: "wait" | "drop" | "close") =>
  new Limits({ receivedBytes: 100, policies: { receivedBytes: policy } });

Deno.test("link whose message has no room waits, goes on in its turn, and does not wait for ever", async () => {
  const limits = small("wait");
  const first = rig({ keepAliveInterval: 0, messageTimeout: 1000 }, limits);
  const second = rig({ keepAliveInterval: 0, messageTimeout: 1000 }, limits);
  await first.far.write(masked(1, "a".repeat(80), false));
  await second.far.write(masked(1, "b".repeat(80), false));
  await settle();
  assertEquals([limits.receivedBytes.used, limits.receivedBytes.waiting], [160, 0]);
  await second.far.write(masked(0, "b".repeat(20), false));
  await first.far.write(masked(0, "a", false));
  await settle();
  assertEquals(limits.receivedBytes.waiting, 1);
  assert(limits.receivedBytes.used >= 181, "what it takes of memory counts");
  await first.far.write(masked(0, "a"));
  await second.far.write(masked(0, "b"));
  await settle();
  await settle();
  assertEquals([first.log.length, second.log.length], [1, 1]);
  assertEquals([limits.receivedBytes.used, limits.receivedBytes.waiting], [0, 0]);
  // One that waits has a deadline, too, and is not blamed.
  limits.receivedBytes.add(500);
  limits.receivedBytes.ask({ onRoom() {} });
  await first.far.write(masked(1, "late", false));
  await settle();
  assertEquals(limits.receivedBytes.waiting, 1);
  first.clock.advance(1100);
  await settle();
  assertEquals(first.log.slice(1), ["error OVERLOADED"]);
  assertEquals([limits.receivedBytes.used, limits.receivedBytes.waiting], [500, 0]);
  first.far.close();
  await settle();
  assertEquals(first.log.at(-1), "closed 1006 false OVERLOADED");
  second.link.terminate();
  second.far.close();
});

Deno.test("link that the limits hold back counts that time against nobody, and not twice", async () => {
  const limits = new Limits({ receivedBytes: 50_000 });
  const { far, clock, log } = rig({ keepAliveInterval: 0, messageTimeout: 1000 }, limits);
  const more = async () => {
    await far.write(masked(0, "a".repeat(5000), false));
    await settle();
  };
  await far.write(masked(1, "a", false));
  await settle();
  clock.advance(300);
  for (let i = 0; i < 2; i++) {
    const other = { onRoom() {} };
    limits.receivedBytes.add(50_000);
    limits.receivedBytes.ask(other);
    await more();
    assertEquals(limits.receivedBytes.waiting, 1);
    clock.advance(450);
    limits.receivedBytes.remove(50_000);
    limits.receivedBytes.leave(other);
    await settle();
    assertEquals([limits.receivedBytes.waiting, log], [0, []]);
    clock.advance(300);
  }
  // 900 ms of its own are over, and 900 in which it waited.
  assertEquals(log, []);
  limits.receivedBytes.add(50_000);
  limits.receivedBytes.ask({ onRoom() {} });
  await more();
  assertEquals(limits.receivedBytes.waiting, 1);
  clock.advance(50);
  assertEquals(log, []);
  clock.advance(100);
  assertEquals(log, ["error OVERLOADED"]);
  far.close();
  await settle();
});

Deno.test("link goes on with a message's time where it was when the limits have room again", async () => {
  const limits = small("wait");
  const { far, clock, log } = rig({ keepAliveInterval: 0, messageTimeout: 1000 }, limits);
  await far.write(masked(1, "a", false));
  await settle();
  clock.advance(600);
  const other = { onRoom() {} };
  limits.receivedBytes.add(500);
  limits.receivedBytes.ask(other);
  await far.write(masked(0, "a", false));
  await settle();
  assertEquals(limits.receivedBytes.waiting, 1);
  clock.advance(900);
  assertEquals(log, []);
  limits.receivedBytes.leave(other);
  limits.receivedBytes.remove(500);
  await settle();
  clock.advance(300);
  assertEquals(log, []);
  clock.advance(200);
  assertEquals(log, ["error MESSAGE_TIMEOUT"]);
  far.close();
  await settle();
});

Deno.test("link that the application holds does not keep others from the room there is", async () => {
  const limits = small("wait");
  const [first, second] = [0, 1].map(() => rig({ keepAliveInterval: 0 }, limits));
  await first.far.write(masked(1, "a".repeat(120), false));
  await settle();
  await second.far.write(masked(1, "b".repeat(80), false));
  await settle();
  assertEquals(limits.receivedBytes.waiting, 1);
  first.link.pause();
  await second.far.write(masked(0, "b"));
  await settle();
  await settle();
  assertEquals([second.log.length, limits.receivedBytes.used], [1, 120]);
  first.link.resume();
  await first.far.write(masked(0, "a"));
  await settle();
  assertEquals([first.log.length, limits.receivedBytes.used], [1, 0]);
  for (const { link, far } of [first, second]) {
    link.terminate();
    far.close();
  }
});

/** Connections of one server, and the far ends of their transports. */
function served(limits: Limits, options: WebSocketConnectionOptions = {}) {
  return [0, 1].map(() => {
    const [near, far] = pair();
    const ws = new WebSocketConnection(near, {
      role: "server",
      keepAliveInterval: 0,
      limits,
      ...options,
    });
    return { ws, far };
  });
}

Deno.test("connection that ended among what had come is not counted for what it keeps", async () => {
  const limits = new Limits({ receivedBytes: 1000 });
  const [{ ws, far }, { ws: other, far: otherFar }] = served(limits);
  ws.on("ping", () => ws.terminate());
  await far.write(joined(masked(1, "a".repeat(80)), masked(9, "")));
  await ws.closed;
  assertEquals(limits.receivedBytes.used, 0);
  assertEquals((await ws.receive()).data?.length, 80);
  assertEquals(limits.receivedBytes.used, 0);
  other.terminate();
  far.close();
  otherFar.close();
});

Deno.test("link with whole messages that nobody takes does not keep others from the room there is", async () => {
  // With a small inbox it is held back, too.
  for (const maxInboxBytes of [64, 1_048_576]) {
    const limits = small("wait");
    const [first, second] = served(limits, { maxInboxBytes });
    await first.far.write(masked(1, "a".repeat(120)));
    await settle();
    const got = second.ws.receive({ timeout: 1000 });
    await second.far.write(masked(1, "b".repeat(80), false));
    await settle();
    await second.far.write(masked(0, "b"));
    assertEquals((await got).data?.length, 81);
    assertEquals((await first.ws.receive()).data?.length, 120);
    assertEquals([limits.receivedBytes.used, limits.receivedBytes.waiting], [0, 0]);
    for (const { ws, far } of [first, second]) {
      ws.terminate();
      far.close();
    }
  }
});

Deno.test("link that has woken for room it does not need lets the next one have it", async () => {
  const limits = small("wait");
  const [first, second] = served(limits);
  const holder = { onRoom() {} };
  limits.receivedBytes.add(500);
  limits.receivedBytes.ask(holder);
  await first.far.write(masked(1, "a"));
  await settle();
  await second.far.write(masked(1, "b", false));
  await settle();
  assertEquals(limits.receivedBytes.waiting, 2);
  // The one who went on is done, and there is no room all the same.
  limits.receivedBytes.leave(holder);
  await second.far.write(masked(0, "b"));
  assertEquals((await second.ws.receive({ timeout: 1000 })).data, "bb");
  limits.receivedBytes.remove(500);
  for (const { ws, far } of [first, second]) {
    ws.terminate();
    far.close();
  }
  assertEquals([limits.receivedBytes.used, limits.receivedBytes.waiting], [0, 0]);
});

Deno.test("link that waits for room goes on when all of its messages are taken", async () => {
  const limits = small("wait");
  const [first, second] = served(limits);
  await second.far.write(masked(1, "b".repeat(120), false));
  await settle();
  await first.far.write(masked(1, "a"));
  await settle();
  assertEquals(limits.receivedBytes.waiting, 1);
  assertEquals((await first.ws.receive()).data, "a");
  await first.far.write(masked(1, "next"));
  assertEquals((await first.ws.receive({ timeout: 1000 })).data, "next");
  for (const { ws, far } of [first, second]) {
    ws.terminate();
    far.close();
  }
  assertEquals([limits.receivedBytes.used, limits.receivedBytes.waiting], [0, 0]);
});

Deno.test("link gives back what was counted of a compressed message as soon as it is whole", async () => {
  const limits = new Limits();
  const [near, far] = pair({ capacity: 100 });
  const deflate = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
  };
  const options = { deflate, keepAliveInterval: 0 };
  const client = new WebSocketConnection(far, { role: "client", ...options });
  const server = new WebSocketConnection(near, { role: "server", limits, ...options });
  let most = 0;
  const parts = (async function* () {
    for (let i = 0; i < 3; i++) {
      yield "a".repeat(10_000);
      await settle();
      most = Math.max(most, limits.inflatingBytes.used);
    }
  })();
  client.send(parts);
  assertEquals((await server.receive()).data?.length, 30_000);
  assert(most >= 10_000);
  await settle();
  assertEquals([limits.inflatingBytes.used, limits.receivedBytes.used], [0, 0]);
  client.terminate();
  server.terminate();
});

Deno.test("links that wait for room all get their messages in the end, however these are taken", async () => {
  const one = fc.record({
    sizes: fc.array(fc.array(fc.nat(400), { minLength: 1, maxLength: 4 }), {
      minLength: 2,
      maxLength: 8,
    }),
    capacity: fc.constantFrom(100, 2000, 65_536),
    maxInboxBytes: fc.constantFrom(100, 1000, 10_000),
    compress: fc.boolean(),
    streams: fc.boolean(),
    delays: fc.array(fc.nat(8), { minLength: 1, maxLength: 5 }),
  });
  const deflate = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
  };
  const three = fc.tuple(one, one, one);
  await fc.assert(
    fc.asyncProperty(three, fc.constantFrom(100, 1000, 5000), async (all, receivedBytes) => {
      const limits = new Limits({
        receivedBytes,
        inflatingBytes: 100,
        policies: { inflatingBytes: "wait" },
      });
      const open: WebSocketConnection[] = [];
      await Promise.all(all.map(async ({ sizes, capacity, maxInboxBytes, compress, ...how }) => {
        const [near, far] = pair({ capacity });
        const options = { deflate: compress ? deflate : undefined, keepAliveInterval: 0 };
        const client = new WebSocketConnection(far, { role: "client", ...options });
        const server = new WebSocketConnection(near, {
          role: "server",
          limits,
          maxInboxBytes,
          ...options,
        });
        open.push(client, server);
        for (const parts of sizes) client.send(parts.map((size) => new Uint8Array(size)));
        for (const [i, parts] of sizes.entries()) {
          for (let turns = how.delays[i % how.delays.length]; turns > 0; turns--) await settle();
          let got: number | undefined;
          if (how.streams) {
            const message = await server.receiveStream({ timeout: 2000 });
            assert("readable" in message);
            got = (await new Response(message.readable).bytes()).length;
          } else got = (await server.receive({ timeout: 2000 })).data?.length;
          assertEquals(got, parts.reduce((sum, size) => sum + size));
        }
        await settle();
      })).finally(() => {
        for (const ws of open) ws.terminate();
      });
      assertEquals([limits.receivedBytes.used, limits.receivedBytes.waiting], [0, 0]);
      assertEquals([limits.inflatingBytes.used, limits.inflatingBytes.waiting], [0, 0]);
    }),
    // A failure waits for its deadline: to make the example smaller would take minutes.
    { numRuns: 40, endOnFailure: true },
  );
});

Deno.test("link drops a message that has no room, and takes the next one", async () => {
  const limits = small("drop");
  const { link, far, log } = rig({ keepAliveInterval: 0 }, limits);
  await far.write(masked(1, "a".repeat(80), false));
  await settle();
  await far.write(masked(0, "a".repeat(80), false));
  await settle();
  assertEquals([link.dropped, limits.receivedBytes.used], [1, 0]);
  await far.write(masked(0, "a".repeat(80), false));
  await far.write(masked(0, "the end"));
  await far.write(masked(1, "next"));
  await settle();
  assertEquals([log, link.dropped, limits.receivedBytes.used], [["message next"], 1, 0]);
  link.terminate();
  far.close();
});

Deno.test("link that holds the most is closed with 1013, and not the one that needs room", async () => {
  const limits = small("close");
  const [first, second] = [0, 1].map(() => rig({ keepAliveInterval: 0 }, limits));
  await first.far.write(masked(1, "a".repeat(80), false));
  await settle();
  await second.far.write(masked(1, "b".repeat(30), false));
  await settle();
  assertEquals([first.log, second.log], [["error OVERLOADED"], []]);
  const frame = new Uint8Array(100);
  const n = await first.far.read(frame);
  assertEquals([...frame.subarray(0, 4)], [0x88, n! - 2, 1013 >> 8, 1013 & 0xff]);
  assertEquals(limits.receivedBytes.used, 30);
  for (const { link, far } of [first, second]) {
    link.terminate();
    far.close();
  }
  assertEquals(limits.receivedBytes.used, 0);
});

Deno.test("link with the longest queue is lost when another one needs room, and tells why", async () => {
  const limits = new Limits({ queuedBytes: 200_000 });
  const slow = rig({ keepAliveInterval: 0 }, limits, { capacity: 100 });
  const other = rig({ keepAliveInterval: 0 }, limits, { capacity: 100 });
  slow.link.send(new Uint8Array(150_000), undefined);
  other.link.send(new Uint8Array(100_000), undefined);
  assertEquals([slow.link.open, other.link.open], [false, true]);
  const error = assertThrows(() => slow.link.send("x", undefined), WebSocketError);
  assertEquals(error.code, "CLOSED");
  assertEquals(slow.log, [], "nobody is told in the middle of what another one does");
  await settle();
  assertEquals(slow.log, ["error SLOW_READER", "closed 1006 false SLOW_READER"]);
  assertEquals(other.log, []);
  for (const { link, far } of [slow, other]) {
    link.terminate();
    far.close();
  }
  assertEquals(limits.pressure.queuedBytes.used, 0);
});

Deno.test("link that passes the limits in the middle of a message tells of it as of any that is lost", () => {
  for (const whole of [true, false]) {
    const limits = new Limits({ queuedBytes: 100_000 });
    const { link, far } = rig({ keepAliveInterval: 0 }, limits, { capacity: 100 });
    link.send(new Uint8Array(99_990), undefined);
    const data = new Uint8Array(20_000);
    const error = assertThrows(
      () => whole ? link.send(data, undefined) : link.sendFragment(data, 2, true, undefined),
      WebSocketError,
    );
    assertEquals(error.code, "CLOSED");
    link.terminate();
    far.close();
  }
});

Deno.test("connection that has just passed the limits can be closed, and is lost", async () => {
  const limits = new Limits({ queuedBytes: 100_000 });
  const [{ ws, far }, { ws: other, far: otherFar }] = served(limits);
  for (let i = 0; i < 4; i++) ws.send(new Uint8Array(60_000));
  const { code, error } = await ws.close(1000, "bye");
  assertEquals([code, error?.code], [1006, "SLOW_READER"]);
  other.on("message", () => {
    for (let i = 0; i < 4; i++) other.send(new Uint8Array(60_000));
    throw new Error("of the listener");
  });
  await otherFar.write(masked(1, "go"));
  assertEquals((await other.closed).error?.code, "SLOW_READER");
  assertEquals(limits.queuedBytes.used, 0);
  far.close();
  otherFar.close();
});

Deno.test("link that goes on sending before its queue has drained is refused, or what it sends is dropped", async () => {
  for (const policy of ["wait", "drop"] as const) {
    const limits = new Limits({ queuedBytes: 50_000, policies: { queuedBytes: policy } });
    const { link, far } = rig({ keepAliveInterval: 0 }, limits, { capacity: 100 });
    assertEquals(link.send(new Uint8Array(60_000), undefined), "sent");
    const outcome = policy === "wait" ? "refused" : "dropped";
    assertEquals(link.send("x", undefined), outcome);
    assertEquals(link.sendEncoded(new Uint8Array(2), false), "dropped");
    assertEquals(link.dropped, policy === "wait" ? 1 : 2);
    const buffer = new Uint8Array(70_000);
    for (let got = 0; got < 60_004;) got += (await far.read(buffer))!;
    await link.drained();
    assertEquals(link.send("x", undefined), "sent");
    link.terminate();
    far.close();
    assertEquals(limits.pressure.queuedBytes.used, 0);
  }
});

Deno.test("link hands out views that nothing changes later, among texts whose place is used again", async () => {
  const message = fc.record({
    kind: fc.constantFrom("text", "text", "text", "binary", "ping", "parts"),
    size: fc.oneof(fc.nat(40), fc.nat(3000)),
    pauseAfter: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { minLength: 1, maxLength: 25 }),
      fc.integer({ min: 1, max: 2000 }),
      async (messages, split) => {
        const [near, far] = pair({ split });
        const link = new RawLink(near, {
          role: "server",
          protocol: "",
          extensions: "",
          compression: undefined,
          options: resolveConnectionOptions({}),
          deadlines: new DeadlineQueue(new ManualClock()),
        });
        const got: Array<string | Uint8Array> = [];
        const over = Promise.withResolvers<void>();
        const pauses = new Set(messages.flatMap(({ pauseAfter }, i) => pauseAfter ? [i] : []));
        link.start({
          kept: 0,
          paused: false,
          message: (data) => {
            if (pauses.has(got.push(data))) {
              link.pause();
              setTimeout(() => link.resume(), 0);
            }
          },
          ping: (payload) => void got.push(payload),
          piece: () => {},
          pong: () => {},
          drain: () => {},
          error: over.reject,
          closed: () => over.resolve(),
        });
        const sent: Array<string | Uint8Array> = [];
        const wire: number[] = [];
        const add = (payload: Uint8Array, opcode: number, fin = true) => {
          for (
            const byte of encodeFrame(payload, { opcode, fin, maskKey: 0x1b2c3d4e + sent.length })
          ) {
            wire.push(byte);
          }
        };
        messages.forEach(({ kind, size }, i) => {
          const text = `${i}é`.repeat(size).slice(0, size);
          if (kind === "text") {
            sent.push(text);
            add(toBytes(text), 1);
          } else if (kind === "parts") {
            const ping = new Uint8Array([i, 1, 2, 3]);
            sent.push(ping, text);
            const bytes = toBytes(text);
            add(bytes.subarray(0, size >> 1), 1, false);
            add(ping, 9);
            add(bytes.subarray(size >> 1), 0);
          } else {
            const bytes = Uint8Array.from({ length: size % 126 }, (_, at) => i + at);
            sent.push(bytes);
            add(bytes, kind === "ping" ? 9 : 2);
          }
        });
        add(new Uint8Array([3, 0xe8]), 8);
        const bytes = Uint8Array.from(wire);
        const draining = (async () => {
          const rest = new Uint8Array(4096);
          while (await far.read(rest) !== null);
        })();
        await writeAll(far, bytes);
        await draining;
        far.close();
        await over.promise;
        assertEquals(got, sent);
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("link hands out large messages that nothing changes later, those too that came in one read", async () => {
  const { link, far, events } = rig({ keepAliveInterval: 0 });
  const got: Uint8Array[] = [];
  events.message = (data) => void got.push(data as Uint8Array);
  for (let i = 0; i < 40; i++) {
    const data = new Uint8Array(20_000).fill(i);
    await writeAll(far, encodeFrame(data, { opcode: 2, maskKey: 0x1b2c3d4e }));
    await settle();
  }
  assertEquals(
    got.map((data) => [data.length, new Set(data)]),
    got.map((_, i) => [20_000, new Set([i])]),
  );
  assertEquals(got.length, 40);
  link.terminate();
  far.close();
});

Deno.test("link whose transport somebody else has closed ends as one that is lost", async () => {
  for (const terminated of [false, true]) {
    const [conn, peer] = await tcpPair();
    const ws = new WebSocketConnection(conn, { role: "client" });
    conn.close();
    if (terminated) ws.terminate();
    const { code, error } = await ws.closed;
    assertEquals([code, error?.code], [1006, terminated ? undefined : "CONNECTION_LOST"]);
    peer.close();
  }
});
