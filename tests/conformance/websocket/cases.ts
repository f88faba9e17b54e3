/**
 * The rules of RFC 6455 and RFC 7692 as cases, in the groups that the Autobahn test suite made customary: 1 framing,
 * 2 pings and pongs, 3 reserved bits, 4 opcodes, 5 fragmentation, 6 UTF-8, 7 closing, 9 sizes, 12 compression. What is
 * tested, a server or a client, sends back each message as it came.
 */
import { encodeFrame, type FrameInit, hex, type Peer, utf8 } from "./peer.ts";

const CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;

/** A message that must come back. */
export interface Expected {
  opcode: number;
  payload: Uint8Array;
}

export interface Case {
  id: string;
  title: string;
  /** Sent in writes of so many bytes. */
  chop?: number;
  /** The parameters of permessage-deflate, as the client's offer names them. */
  deflate?: string;
  frames(peer: Peer): (FrameInit | Uint8Array)[];
  /** What must come back. @default {[]} */
  messages?: Expected[];
  /** The payloads of pongs that must come back, in order; the last one is enough where `latestPong` is set. */
  pongs?: Uint8Array[];
  latestPong?: boolean;
  /** The connection must be failed, with one of these codes. */
  fails?: number[];
  /** The frames hold a close frame: this code must come back. */
  closes?: number;
}

const bytes = (payload: Uint8Array | string): Uint8Array =>
  typeof payload === "string" ? utf8(payload) : payload;
const text = (payload: Uint8Array | string): Expected => ({
  opcode: TEXT,
  payload: bytes(payload),
});
const binary = (payload: Uint8Array): Expected => ({ opcode: BINARY, payload });

/** Bytes without a pattern of a power of two. */
export function noise(size: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(size);
  for (let i = 0, x = 1; i < size; i++) out[i] = (x = x * 69_069 + 1 & 0x7fff_ffff) >> 16;
  return out;
}

/** Text of `size` bytes. */
const letters = (size: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: size }, (_, i) => 0x61 + i % 26);

/** A message in fragments of `size` bytes. */
function fragments(opcode: number, payload: Uint8Array, size: number): FrameInit[] {
  const out: FrameInit[] = [];
  for (let at = 0; at < payload.length || at === 0; at += size) {
    out.push({
      opcode: at === 0 ? opcode : CONTINUATION,
      payload: payload.subarray(at, at + size),
      fin: at + size >= payload.length,
    });
  }
  return out;
}

function closePayload(code: number, reason: string | Uint8Array = ""): Uint8Array {
  const tail = bytes(reason);
  const out = new Uint8Array(2 + tail.length);
  out.set([code >> 8, code & 0xff]);
  out.set(tail, 2);
  return out;
}

const SIZES = [0, 1, 125, 126, 127, 128, 65_535, 65_536];

function framing(): Case[] {
  const out: Case[] = [];
  SIZES.forEach((size, i) => {
    out.push({
      id: `1.1.${i + 1}`,
      title: `text of ${size} bytes`,
      frames: () => [{ opcode: TEXT, payload: letters(size) }],
      messages: [text(letters(size))],
    }, {
      id: `1.2.${i + 1}`,
      title: `binary message of ${size} bytes`,
      frames: () => [{ opcode: BINARY, payload: noise(size) }],
      messages: [binary(noise(size))],
    });
  });
  for (const [i, chop] of [1, 7, 997].entries()) {
    const size = chop === 1 ? 300 : 65_536;
    out.push({
      id: `1.3.${i + 1}`,
      title: `binary message of ${size} bytes, ${chop} bytes at a time`,
      chop,
      frames: () => [{ opcode: BINARY, payload: noise(size) }],
      messages: [binary(noise(size))],
    });
  }
  out.push({
    id: "1.4.1",
    title: "twenty messages at once",
    frames: () => Array.from({ length: 20 }, (_, i) => ({ opcode: TEXT, payload: `message ${i}` })),
    messages: Array.from({ length: 20 }, (_, i) => text(`message ${i}`)),
  }, {
    id: "1.4.2",
    title: "a length of 2^63 and above (RFC 6455 §5.2: the top bit must be 0)",
    frames: () => [{ opcode: BINARY, length: 1n << 63n, lengthBytes: 8 }],
    fails: [1002, 1009],
  }, {
    id: "1.4.3",
    title: "a length that no limit allows",
    frames: () => [{ opcode: BINARY, length: (1n << 62n) - 1n, lengthBytes: 8 }],
    fails: [1009],
  }, {
    id: "1.5.1",
    title: "a frame whose masking does not fit its sender's role (RFC 6455 §5.1)",
    frames: (peer) => {
      const right = encodeFrame({ opcode: TEXT, payload: "Hello" }, true);
      const wrong = encodeFrame({ opcode: TEXT, payload: "Hello" }, false);
      return [peer.isClient ? wrong : right];
    },
    fails: [1002],
  });
  return out;
}

function pings(): Case[] {
  const ping = (payload: Uint8Array | string = ""): FrameInit => ({ opcode: PING, payload });
  const ten = Array.from({ length: 10 }, (_, i) => utf8(`ping ${i}`));
  return [
    { id: "2.1", title: "ping without payload", frames: () => [ping()], pongs: [utf8("")] },
    { id: "2.2", title: "ping with text", frames: () => [ping("Hello")], pongs: [utf8("Hello")] },
    {
      id: "2.3",
      title: "ping with bytes that are no text",
      frames: () => [ping(hex("00 ff fe fd fc fb 00 ff"))],
      pongs: [hex("00 ff fe fd fc fb 00 ff")],
    },
    {
      id: "2.4",
      title: "ping of 125 bytes",
      frames: () => [ping(noise(125))],
      pongs: [noise(125)],
    },
    { id: "2.5", title: "ping of 126 bytes", frames: () => [ping(noise(126))], fails: [1002] },
    {
      id: "2.6",
      title: "ping of 125 bytes, byte by byte",
      chop: 1,
      frames: () => [ping(noise(125))],
      pongs: [noise(125)],
    },
    {
      id: "2.7",
      title: "a pong that nobody asked for is no fault",
      frames: () => [{ opcode: PONG }, { opcode: TEXT, payload: "x" }],
      messages: [text("x")],
    },
    {
      id: "2.8",
      title: "a pong with payload that nobody asked for",
      frames: () => [{ opcode: PONG, payload: "unasked" }, { opcode: TEXT, payload: "x" }],
      messages: [text("x")],
    },
    {
      id: "2.9",
      title: "an unasked pong, then a ping",
      frames: () => [{ opcode: PONG, payload: "unasked" }, ping("asked")],
      pongs: [utf8("asked")],
    },
    {
      id: "2.10",
      title: "ten pings: at least the latest is answered (RFC 6455 §5.5.3)",
      frames: () => ten.map(ping),
      pongs: ten,
      latestPong: true,
    },
    {
      id: "2.11",
      title: "ten pings, byte by byte",
      chop: 1,
      frames: () => ten.map(ping),
      pongs: ten,
      latestPong: true,
    },
  ];
}

function reservedBits(): Case[] {
  const out: Case[] = [];
  for (let rsv = 1; rsv <= 7; rsv++) {
    for (const [i, opcode] of [TEXT, BINARY, PING, PONG, CLOSE].entries()) {
      out.push({
        id: `3.${rsv}.${i + 1}`,
        title: `reserved bits ${rsv} on opcode ${opcode}`,
        frames: () => [{ opcode, rsv, payload: opcode === CLOSE ? closePayload(1000) : "x" }],
        fails: [1002],
      });
    }
  }
  out.push({
    id: "3.8.1",
    title: "a good message before the bad frame is answered",
    frames: () => [{ opcode: TEXT, payload: "good" }, { opcode: TEXT, rsv: 1, payload: "bad" }],
    messages: [text("good")],
    fails: [1002],
  });
  return out;
}

function opcodes(): Case[] {
  return [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode, i): Case[] => [
    { id: `4.1.${i + 1}`, title: `opcode ${opcode}`, frames: () => [{ opcode }], fails: [1002] },
    {
      id: `4.2.${i + 1}`,
      title: `opcode ${opcode} with payload behind a good message`,
      frames: () => [{ opcode: TEXT, payload: "good" }, { opcode, payload: "bad" }],
      messages: [text("good")],
      fails: [1002],
    },
  ]);
}

function fragmentation(): Case[] {
  const first = (payload: string): FrameInit => ({ opcode: TEXT, fin: false, payload });
  const middle = (payload: string): FrameInit => ({ opcode: CONTINUATION, fin: false, payload });
  const last = (payload: string): FrameInit => ({ opcode: CONTINUATION, payload });
  const ping: FrameInit = { opcode: PING, payload: "between" };
  const pongs = [utf8("between")];
  const cases: Omit<Case, "id">[] = [
    {
      title: "a fragmented ping",
      frames: () => [{ ...ping, fin: false }, last("x")],
      fails: [1002],
    },
    {
      title: "a fragmented pong",
      frames: () => [{ opcode: PONG, fin: false, payload: "x" }, last("x")],
      fails: [1002],
    },
    {
      title: "text in two frames",
      frames: () => [first("one "), last("two")],
      messages: [text("one two")],
    },
    {
      title: "text in two frames, byte by byte",
      chop: 1,
      frames: () => [first("one "), last("two")],
      messages: [text("one two")],
    },
    {
      title: "a ping between two fragments is answered at once",
      frames: () => [first("one "), ping, last("two")],
      messages: [text("one two")],
      pongs,
    },
    {
      title: "a ping between two fragments, byte by byte",
      chop: 1,
      frames: () => [first("one "), ping, last("two")],
      messages: [text("one two")],
      pongs,
    },
    { title: "a continuation with nothing to continue", frames: () => [last("x")], fails: [1002] },
    {
      title: "a continuation with nothing to continue, not final",
      frames: () => [middle("x")],
      fails: [1002],
    },
    {
      title: "a continuation behind a whole message",
      frames: () => [{ opcode: TEXT, payload: "whole" }, last("x")],
      messages: [text("whole")],
      fails: [1002],
    },
    {
      title: "a new text inside a fragmented one",
      frames: () => [first("one"), { opcode: TEXT, payload: "two" }],
      fails: [1002],
    },
    {
      title: "a new fragmented message inside another",
      frames: () => [first("one"), { opcode: BINARY, fin: false, payload: "two" }],
      fails: [1002],
    },
    {
      title: "five fragments with pings between them",
      frames: () => [first("1"), middle("2"), ping, middle("3"), middle("4"), ping, last("5")],
      messages: [text("12345")],
      pongs: [...pongs, ...pongs],
    },
    {
      title: "empty fragments",
      frames: () => [first(""), middle(""), last("")],
      messages: [text("")],
    },
    {
      title: "an empty first and last fragment around text",
      frames: () => [first(""), middle("middle"), last("")],
      messages: [text("middle")],
    },
    {
      title: "an unasked pong between fragments",
      frames: () => [first("a"), { opcode: PONG, payload: "x" }, last("b")],
      messages: [text("ab")],
    },
    {
      title: "two fragmented messages, binary behind text",
      frames: () => [
        first("a"),
        last("b"),
        { opcode: BINARY, fin: false, payload: hex("00 01") },
        { opcode: CONTINUATION, payload: hex("02") },
      ],
      messages: [text("ab"), binary(hex("00 01 02"))],
    },
  ];
  return cases.map((one, i) => ({ ...one, id: `5.${i + 1}` }));
}

const GOOD_TEXT: [string, string][] = [
  ["two bytes", "c3 a9 c2 80 df bf"],
  ["three bytes", "e0 a0 80 e2 82 ac ef bf bd"],
  ["four bytes", "f0 90 80 80 f0 9f 98 80 f4 8f bf bf"],
  ["around the surrogates", "ed 9f bf ee 80 80"],
  ["a byte order mark", "ef bb bf 78"],
  ["NUL and controls", "00 01 1f 7f"],
  ["characters that are never assigned", "ef bf be ef bf bf f0 9f bf be"],
];

const BAD_TEXT: [string, string][] = [
  ["a lone continuation byte", "80"],
  ["a lone continuation byte inside", "61 62 bf 63"],
  ["the first of two bytes alone", "c3"],
  ["the first of two bytes, then a letter", "c3 61"],
  ["two of three bytes", "e2 82"],
  ["three of four bytes", "f0 9f 98"],
  ["overlong NUL", "c0 80"],
  ["overlong slash in two bytes", "c0 af"],
  ["overlong slash in three bytes", "e0 80 af"],
  ["overlong slash in four bytes", "f0 80 80 af"],
  ["the first surrogate", "ed a0 80"],
  ["the last surrogate", "ed bf bf"],
  ["a surrogate pair", "ed a0 bd ed b8 80"],
  ["behind the last character", "f4 90 80 80"],
  ["five bytes", "f8 88 80 80 80"],
  ["six bytes", "fc 84 80 80 80 80"],
  ["byte fe", "fe"],
  ["byte ff", "61 ff"],
];

function utf8Cases(): Case[] {
  const out: Case[] = [];
  GOOD_TEXT.forEach(([title, code], i) => {
    const payload = hex(code);
    out.push({
      id: `6.1.${i + 1}`,
      title: `good text: ${title}`,
      frames: () => [{ opcode: TEXT, payload }],
      messages: [text(payload)],
    }, {
      id: `6.2.${i + 1}`,
      title: `good text, a frame a byte: ${title}`,
      frames: () => fragments(TEXT, payload, 1),
      messages: [text(payload)],
    });
  });
  BAD_TEXT.forEach(([title, code], i) => {
    const payload = hex(code);
    out.push({
      id: `6.3.${i + 1}`,
      title: `bad text: ${title}`,
      frames: () => [{ opcode: TEXT, payload }],
      fails: [1007],
    }, {
      id: `6.4.${i + 1}`,
      title: `bad text, a frame a byte: ${title}`,
      frames: () => fragments(TEXT, payload, 1),
      fails: [1007],
    });
  });
  out.push({
    id: "6.5.1",
    title: "fails at the first bad byte, though the message goes on",
    frames: () => [{ opcode: TEXT, fin: false, payload: hex("61 ce ba f4 90 80 80") }],
    fails: [1007],
  }, {
    id: "6.5.2",
    title: "fails at the first bad byte inside a frame that is not complete",
    frames: () => [encodeText(hex("61 62 f4 90 80 80 63 64 65 66"))],
    fails: [1007],
  }, {
    id: "6.5.3",
    title: "a binary message may hold anything",
    frames: () => [{ opcode: BINARY, payload: hex("ff fe c0 80 ed a0 80") }],
    messages: [binary(hex("ff fe c0 80 ed a0 80"))],
  });
  return out;
}

/** A text frame that tells a longer payload than comes. */
function encodeText(payload: Uint8Array): FrameInit {
  return { opcode: TEXT, payload, length: payload.length + 40 };
}

function closing(): Case[] {
  const close = (payload: Uint8Array): FrameInit => ({ opcode: CLOSE, payload });
  const out: Case[] = [
    { id: "7.1.1", title: "close without code", frames: () => [{ opcode: CLOSE }], closes: 1005 },
    {
      id: "7.1.2",
      title: "close with a reason",
      frames: () => [close(closePayload(1000, "enough"))],
      closes: 1000,
    },
    {
      id: "7.1.3",
      title: "a reason of 123 bytes",
      frames: () => [close(closePayload(1000, letters(123)))],
      closes: 1000,
    },
    {
      id: "7.1.4",
      title: "what comes behind the close frame is ignored",
      frames: () => [
        { opcode: TEXT, payload: "before" },
        close(closePayload(1000)),
        { opcode: TEXT, payload: "behind" },
        { opcode: PING },
        { opcode: 3 },
      ],
      messages: [text("before")],
      closes: 1000,
    },
    {
      id: "7.1.5",
      title: "close inside a fragmented message",
      frames: () => [{ opcode: TEXT, fin: false, payload: "half" }, close(closePayload(1000))],
      closes: 1000,
    },
    {
      id: "7.2.1",
      title: "a payload of one byte",
      frames: () => [close(hex("03"))],
      fails: [1002],
    },
    {
      id: "7.2.2",
      title: "a reason of 124 bytes",
      frames: () => [close(closePayload(1000, letters(124)))],
      fails: [1002],
    },
    {
      id: "7.2.3",
      title: "a reason that is no UTF-8",
      frames: () => [close(closePayload(1000, hex("ce ba ed a0 80")))],
      fails: [1007],
    },
    {
      id: "7.2.4",
      title: "a fragmented close frame",
      frames: () => [{ ...close(closePayload(1000)), fin: false }],
      fails: [1002],
    },
  ];
  [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
    .forEach((code, i) =>
      out.push({
        id: `7.3.${i + 1}`,
        title: `close code ${code}`,
        frames: () => [close(closePayload(code))],
        closes: code,
      })
    );
  [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].forEach((code, i) =>
    out.push({
      id: `7.4.${i + 1}`,
      title: `close code ${code}, which nobody may send`,
      frames: () => [close(closePayload(code))],
      fails: [1002],
    })
  );
  return out;
}

function sizes(): Case[] {
  const out: Case[] = [];
  [65_536, 262_144, 1_048_576].forEach((size, i) => {
    out.push({
      id: `9.1.${i + 1}`,
      title: `text of ${size} bytes`,
      frames: () => [{ opcode: TEXT, payload: letters(size) }],
      messages: [text(letters(size))],
    }, {
      id: `9.2.${i + 1}`,
      title: `binary message of ${size} bytes`,
      frames: () => [{ opcode: BINARY, payload: noise(size) }],
      messages: [binary(noise(size))],
    });
  });
  [1024, 4096, 65_536].forEach((size, i) => {
    out.push({
      id: `9.3.${i + 1}`,
      title: `1 MiB in fragments of ${size} bytes`,
      frames: () => fragments(BINARY, noise(1_048_576), size),
      messages: [binary(noise(1_048_576))],
    }, {
      id: `9.4.${i + 1}`,
      title: `256 KiB of text in writes of ${size - 1} bytes`,
      chop: size - 1,
      frames: () => [{ opcode: TEXT, payload: letters(262_144) }],
      messages: [text(letters(262_144))],
    });
  });
  return out;
}

/** Offers of permessage-deflate that cover each parameter in both directions. */
const DEFLATE_OFFERS = [
  "",
  "server_no_context_takeover",
  "client_no_context_takeover",
  "server_no_context_takeover; client_no_context_takeover",
  "client_max_window_bits",
  ...[8, 9, 10, 12, 15].map((bits) => `server_max_window_bits=${bits}`),
  ...[9, 12, 15].map((bits) => `client_max_window_bits=${bits}`),
  "server_max_window_bits=9; client_max_window_bits=9; server_no_context_takeover",
];

function compression(): Case[] {
  const out: Case[] = [];
  const json = utf8(
    JSON.stringify(Array.from({ length: 60 }, (_, id) => ({ id, name: `n${id}` }))),
  );
  const bodies: [string, Uint8Array][] = [
    ["empty", utf8("")],
    ["short", utf8("Hello")],
    ["JSON", json],
    ["64 KiB of letters", letters(65_536)],
  ];
  DEFLATE_OFFERS.forEach((deflate, i) => {
    bodies.forEach(([title, body], k) =>
      out.push({
        id: `12.${i + 1}.${k + 1}`,
        title: `three times ${title}, offer "${deflate}"`,
        deflate,
        frames: (peer) =>
          Array.from({ length: 3 }, () => ({ opcode: TEXT, rsv: 4, payload: peer.compress(body) })),
        messages: [text(body), text(body), text(body)],
      })
    );
    out.push({
      id: `12.${i + 1}.5`,
      title:
        `compressed fragments with a ping, and a message that is not compressed, offer "${deflate}"`,
      deflate,
      frames: (peer) => {
        const body = peer.compress(json);
        const cut = body.length >> 1;
        return [
          { opcode: TEXT, rsv: 4, fin: false, payload: body.subarray(0, cut) },
          { opcode: PING, payload: "p" },
          { opcode: CONTINUATION, payload: body.subarray(cut) },
          { opcode: BINARY, payload: noise(300) },
        ];
      },
      messages: [text(json), binary(noise(300))],
      pongs: [utf8("p")],
    });
  });
  const bad = (
    id: string,
    title: string,
    fails: number[],
    frames: (peer: Peer) => FrameInit[],
  ): Case => ({ id, title, deflate: "", fails, frames });
  out.push(
    bad("13.1", "data that is no deflate stream", [1002, 1007], () => [
      { opcode: TEXT, rsv: 4, payload: hex("ff ff ff ff") },
    ]),
    bad("13.2", "RSV1 on a continuation (RFC 7692 §6.1)", [1002], (peer) => [
      { opcode: TEXT, rsv: 4, fin: false, payload: peer.compress("a") },
      { opcode: CONTINUATION, rsv: 4, payload: "b" },
    ]),
    bad("13.3", "RSV1 on a ping", [1002], () => [{ opcode: PING, rsv: 4, payload: "p" }]),
    bad("13.4", "RSV2 although compression is on", [1002], (peer) => [
      { opcode: TEXT, rsv: 6, payload: peer.compress("a") },
    ]),
    bad("13.5", "compressed text that is no UTF-8", [1007], (peer) => [
      { opcode: TEXT, rsv: 4, payload: peer.compress(hex("61 ed a0 80")) },
    ]),
    bad("13.6", "a small frame that inflates beyond the limit", [1009], (peer) => [
      { opcode: BINARY, rsv: 4, payload: peer.compress(new Uint8Array(50_000_000)) },
    ]),
  );
  return out;
}

/** All cases, in order. */
export const CASES: readonly Case[] = [
  ...framing(),
  ...pings(),
  ...reservedBits(),
  ...opcodes(),
  ...fragmentation(),
  ...utf8Cases(),
  ...closing(),
  ...sizes(),
  ...compression(),
];
