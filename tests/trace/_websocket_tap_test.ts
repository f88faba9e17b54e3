import { constants, createDeflateRaw, deflateRawSync, inflateRawSync } from "node:zlib";
import { assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import {
  agreedDeflate,
  type InflateRaw,
  type TappedMessage,
  WebSocketTap,
} from "../../trace/_websocket_tap.ts";
import { encodeFrame } from "../../websocket/frame.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);

const inflate: InflateRaw = (input, maxOutputLength) => {
  try {
    return new Uint8Array(inflateRawSync(input, { finishFlush: 2, maxOutputLength }));
  } catch {
    return undefined;
  }
};

/** A message as permessage-deflate sends it, compressed without a past. */
function deflated(message: string): Uint8Array {
  const all = deflateRawSync(bytes(message), { finishFlush: 2 });
  return new Uint8Array(all.subarray(0, -4));
}

const TAKEOVER = agreedDeflate("permessage-deflate");

function tapped(
  pieces: Iterable<Uint8Array>,
  options: { maxMessage?: number; deflate?: typeof TAKEOVER } = {},
): TappedMessage[] {
  const { maxMessage = 1000, deflate } = options;
  const tap = new WebSocketTap({ from: "client", deflate, maxMessage, inflate });
  const told: TappedMessage[] = [];
  for (const piece of pieces) tap.push(piece, (message) => told.push(message));
  return told;
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

Deno.test("websocket tap tells a masked text message", () => {
  const frame = encodeFrame(bytes("Hello"), { opcode: 1, maskKey: 0x3d21fa37 });
  assertEquals(tapped([frame]), [
    { kind: "text", bytes: bytes("Hello"), size: 5, frames: 1, compressed: false },
  ]);
});

Deno.test("websocket tap puts fragments together, with a ping between them", () => {
  const told = tapped([
    encodeFrame(bytes("ab"), { opcode: 2, fin: false }),
    encodeFrame(bytes("?"), { opcode: 9 }),
    encodeFrame(bytes(""), { opcode: 0, fin: false }),
    encodeFrame(bytes("cd"), { opcode: 0, maskKey: 7 }),
    encodeFrame(Uint8Array.of(3, 232), { opcode: 8 }),
  ]);
  assertEquals(told.map(({ kind, size, frames }) => [kind, size, frames]), [
    ["ping", 1, 1],
    ["binary", 4, 3],
    ["close", 2, 1],
  ]);
  assertEquals(text(told[1].bytes), "abcd");
});

Deno.test("websocket tap keeps the beginning of a message that is too large", () => {
  const [message, next] = tapped([
    encodeFrame(new Uint8Array(70_000).fill(97), { opcode: 1, maskKey: -5 }),
    encodeFrame(bytes("x"), { opcode: 1 }),
  ], { maxMessage: 10 });
  assertEquals(text(message.bytes), "a".repeat(10));
  assertEquals([message.size, message.note], [70_000, "its first 10 bytes"]);
  assertEquals([next.size, next.note], [1, undefined]);
});

/** Messages as permessage-deflate sends them with context takeover. */
async function deflatedTogether(messages: string[]): Promise<Uint8Array[]> {
  const stream = createDeflateRaw();
  let parts: Uint8Array[] = [];
  stream.on("data", (part: Uint8Array) => parts.push(part));
  const all: Uint8Array[] = [];
  for (const message of messages) {
    parts = [];
    stream.write(message);
    await new Promise<void>((resolve) => stream.flush(constants.Z_SYNC_FLUSH, resolve));
    all.push(concat(...parts).slice(0, -4));
  }
  stream.close();
  return all;
}

Deno.test("websocket tap inflates messages that refer back to those before them", async () => {
  const once = "a first message with words in it";
  const messages = [once, once, "x".repeat(100_000), once];
  const compressed = await deflatedTogether(messages);
  assertLess(compressed[1].length, compressed[0].length / 2);
  const told = tapped(
    compressed.map((payload) => encodeFrame(payload, { opcode: 1, rsv: 0x40 })),
    { deflate: TAKEOVER, maxMessage: 100_000 },
  );
  assertEquals(told.map((message) => text(message.bytes)), messages);
  assertEquals(told.map(({ compressed, note }) => compressed && note === undefined), [
    true,
    true,
    true,
    true,
  ]);
});

Deno.test("websocket tap can't inflate what is corrupt or too much, nor with takeover what follows it", () => {
  const bomb = encodeFrame(deflated("a".repeat(100_000)), { opcode: 1, rsv: 0x40 });
  const small = encodeFrame(deflated("small"), { opcode: 1, rsv: 0x40 });
  const corrupt = encodeFrame(bytes("\xff\xff"), { opcode: 1, rsv: 0x40 });
  const note = "compressed, can't be inflated here";
  for (const bad of [bomb, corrupt]) {
    assertEquals(tapped([bad, small], { deflate: TAKEOVER }).map((m) => m.note), [note, note]);
    const deflate = agreedDeflate("permessage-deflate; client_no_context_takeover");
    assertEquals(tapped([bad, small], { deflate }).map((m) => m.note), [note, undefined]);
  }
});

Deno.test("websocket tap does not inflate a compressed message that it holds in part", () => {
  const told = tapped([
    encodeFrame(deflated("abcdefghijklmnopqrstuvwxyz"), { opcode: 1, rsv: 0x40 }),
    encodeFrame(deflated("b"), { opcode: 1, rsv: 0x40 }),
  ], { deflate: TAKEOVER, maxMessage: 10 });
  assertEquals(told.map((message) => message.note), [
    "compressed, its first 10 bytes",
    "compressed, can't be inflated here",
  ]);
});

Deno.test("websocket tap agrees on nothing that it does not know", () => {
  for (const header of [undefined, "", "other", "permessage-deflate; odd", 'a;b="']) {
    assertEquals(agreedDeflate(header), undefined);
  }
  assertEquals(TAKEOVER?.serverNoContextTakeover, false);
});

Deno.test("websocket tap says nothing after bytes were lost, nor after a length beyond reason", () => {
  const tap = new WebSocketTap({ from: "server", deflate: undefined, maxMessage: 10, inflate });
  tap.lose();
  tap.push(encodeFrame(bytes("x"), { opcode: 1 }), () => {
    throw new Error("told");
  });
  assertEquals(tapped([Uint8Array.of(0x82, 127, ...new Array(20).fill(255))]), []);
});

Deno.test("websocket tap holds no more than it may of an endless control frame", () => {
  const head = Uint8Array.of(0x89, 127, 0, 0, 0, 1, 0, 0, 0, 0);
  assertEquals(tapped([head, new Uint8Array(100_000), new Uint8Array(100_000)]), []);
});

Deno.test("websocket tap tells the same in any pieces", () => {
  const stream = concat(
    encodeFrame(bytes("one"), { opcode: 1, maskKey: 0x01020304 }),
    encodeFrame(new Uint8Array(300).map((_, i) => i), { opcode: 2, fin: false, maskKey: -9 }),
    encodeFrame(new Uint8Array(0), { opcode: 9, maskKey: 5 }),
    encodeFrame(bytes("end"), { opcode: 0, maskKey: 0x7f3f1f0f }),
  );
  const whole = tapped([stream]);
  fc.assert(fc.property(fc.integer({ min: 1, max: 30 }), (size) => {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < stream.length; at += size) pieces.push(stream.slice(at, at + size));
    assertEquals(tapped(pieces), whole);
  }));
});

Deno.test("websocket tap takes any bytes", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (pieces) => {
    tapped(pieces, { deflate: TAKEOVER });
  }));
});
