/** Input that is made to be slow, sixteen times as large: it must not take much more than sixteen times as long. In one piece, and byte by byte. */
import { ByteBuffer } from "../../buffer/byte_buffer.ts";
import { ByteQueue } from "../../buffer/byte_queue.ts";
import { Utf8Decoder, Utf8Validator } from "../../buffer/utf8.ts";
import { cobsFramer } from "../../net/cobs_framer.ts";
import { contentLengthFramer } from "../../net/content_length_framer.ts";
import { delimiterFramer } from "../../net/delimiter_framer.ts";
import type { Framer } from "../../net/framer.ts";
import { HttpConnectHandshake } from "../../net/http_connect_handshake.ts";
import { jsonLinesFramer } from "../../net/json_lines_framer.ts";
import { lengthPrefixFramer } from "../../net/length_prefix_framer.ts";
import { lineFramer } from "../../net/line_framer.ts";
import { netstringFramer } from "../../net/netstring_framer.ts";
import { matchesNoProxy } from "../../net/no_proxy.ts";
import { decodeSdpElement, encodeSdpElement } from "../../net/sdp.ts";
import { sizeHeaderFramer } from "../../net/size_header_framer.ts";
import { transmission, TransmissionDecoder } from "../../socket/_transmission.ts";
import { TransmissionMode } from "../../socket/constants.ts";
import { parseQuery } from "../../socketio/_query.ts";
import { decodeEnginePayload } from "../../socketio/engine_packet.ts";
import { secretNames } from "../../trace/_secrets.ts";
import { HttpTap } from "../../trace/_http_tap.ts";
import { RecordingDecoder } from "../../trace/recording.ts";
import type { WebSocketProtocol } from "../../websocket/protocol.ts";
import { encodeFrame } from "../../websocket/frame.ts";
import { HttpHeadReader, parseRequestHead } from "../../websocket/http_head.ts";
import { assertLinear } from "../_support/attack.ts";
import { joinBytes, latin1Bytes } from "../_support/fuzz.ts";
import { Rig } from "../_support/websocket_rig.ts";

const repeat = (text: string, size: number): Uint8Array =>
  latin1Bytes(text.repeat(Math.ceil(size / text.length)).slice(0, size));

/** Gives `take` the bytes whole, or one by one. */
function feed(bytes: Uint8Array, piece: number, take: (chunk: Uint8Array) => void): void {
  for (let at = 0; at < bytes.length; at += piece) take(bytes.subarray(at, at + piece));
}

function unframe<T>(framer: Framer<T>, bytes: Uint8Array, piece: number): void {
  const decoder = framer.createDecoder();
  feed(bytes, piece, (chunk) => {
    decoder.push(chunk);
    while (decoder.next() !== undefined);
  });
}

const maxLength = 1 << 24;
const head = { maxHeadSize: maxLength, maxLineSize: maxLength, maxHeaderCount: maxLength };

function readHead(bytes: Uint8Array, piece: number): void {
  const reader = new HttpHeadReader("request", head);
  feed(bytes, piece, (chunk) => reader.push(chunk));
  if (reader.text !== "") parseRequestHead(reader.text);
}

function receive(frames: Uint8Array, piece: number): void {
  const rig = new Rig("server", {
    maxMessageSize: maxLength,
    maxFragments: maxLength,
    maxChunks: maxLength,
  });
  const protocol: WebSocketProtocol = rig.protocol;
  feed(frames.slice(), piece, (chunk) => protocol.receive(chunk));
  protocol.dispose();
}

/** So many fragments of one message; the first byte tells what it is. */
function fragments(count: number, payload: Uint8Array): Uint8Array {
  const one = encodeFrame(payload, { opcode: 0, fin: false, maskKey: 5 });
  const all = new Uint8Array(count * one.length);
  for (let i = 0; i < count; i++) all.set(one, i * one.length);
  return joinBytes(encodeFrame(payload, { opcode: 2, fin: false, maskKey: 5 }), all);
}

/** What is slow if anything is: by size in bytes, and that of the pieces. */
const CASES: Record<string, (size: number, piece: number) => void> = {
  "lines without an end": (size, piece) =>
    unframe(lineFramer({ maxLength }), repeat("a", size), piece),
  "lines, one empty after the other": (size, piece) =>
    unframe(lineFramer({ accept: "any" }), repeat("\r\n\n\r", size), piece),
  "an end marker that begins again and again": (size, piece) =>
    unframe(delimiterFramer({ maxLength, marker: "aaaaaaab" }), repeat("a", size), piece),
  "a length prefix and its message": (size, piece) =>
    unframe(
      lengthPrefixFramer({ prefix: "u32", maxLength }),
      joinBytes(new Uint8Array([0, 255, 255, 255]), repeat("a", size)),
      piece,
    ),
  "netstrings without content": (size, piece) =>
    unframe(netstringFramer({ maxLength }), repeat("0:,", size), piece),
  "size headers with zeros": (size, piece) =>
    unframe(sizeHeaderFramer({ maxLength }), repeat("0000000\r\n", size), piece),
  "heads of language servers": (size, piece) =>
    unframe(
      contentLengthFramer({ maxLength }),
      repeat(`A: ${" ".repeat(3000)}b\r\nContent-Length: 0\r\n\r\n`, size),
      piece,
    ),
  "COBS without an end": (size, piece) =>
    unframe(cobsFramer({ maxLength }), repeat("\x01", size), piece),
  "JSON lines of blanks": (size, piece) =>
    unframe(jsonLinesFramer({ maxLength }), repeat(" \n", size), piece),
  "a transmission mode with a marker that begins again and again": (size, piece) => {
    const mode = transmission(TransmissionMode.END_MARKER, "aaab");
    const queue = new ByteQueue({ maxChunks: Infinity });
    const decoder = new TransmissionDecoder(queue, maxLength);
    feed(repeat("a", size), piece, (chunk) => {
      queue.push(chunk);
      decoder.next(mode);
    });
  },
  "a head of one long header": (size, piece) =>
    readHead(joinBytes(latin1Bytes("GET / HTTP/1.1\r\nA: "), repeat(" \t,", size)), piece),
  "a head of very many headers": (size, piece) =>
    readHead(
      joinBytes(
        latin1Bytes("GET / HTTP/1.1\r\n"),
        repeat("a:\r\n", size & ~3),
        latin1Bytes("\r\n"),
      ),
      piece,
    ),
  "an answer of an HTTP proxy without an end": (size, piece) => {
    const handshake = new HttpConnectHandshake({ hostname: "a.test", port: 1 }, {
      maxHeadLength: maxLength,
    });
    const answer = joinBytes(latin1Bytes("HTTP/1.1 200 OK\r\nA: "), repeat(" ", size));
    feed(answer, piece, (chunk) => handshake.receive(chunk));
  },
  "a message of one frame": (size, piece) =>
    receive(encodeFrame(repeat("a", size), { opcode: 1, maskKey: 5 }), piece),
  "a message of empty fragments": (size, piece) =>
    receive(fragments(size / 8, new Uint8Array(0)), piece),
  "a message of fragments of one byte": (size, piece) =>
    receive(fragments(size / 8, new Uint8Array(1)), piece),
  "UTF-8 of four bytes a character": (size, piece) => {
    const validator = new Utf8Validator();
    const decoder = new Utf8Decoder();
    feed(repeat("\xf0\x9f\x98\x80", size), piece, (chunk) => {
      validator.push(chunk);
      decoder.push(chunk);
    });
  },
  "a buffer that is filled and read": (size, piece) => {
    const buffer = new ByteBuffer("utf8", "network", { maxSize: maxLength });
    feed(repeat("a\n", size), piece, (chunk) => {
      buffer.write(chunk);
      while (buffer.tryReadLine() !== undefined);
      buffer.compact();
    });
  },
  "a traced head that never ends": (size, piece) => {
    const tap = new HttpTap(secretNames());
    const bytes = joinBytes(
      latin1Bytes("GET / HTTP/1.1\r\n"),
      repeat("Upgrade: \r\nCookie: a\r\n", size),
    );
    feed(bytes, piece, (chunk) => tap.push("client", chunk, []));
  },
};

for (const [name, run] of Object.entries(CASES)) {
  Deno.test(`${name}: linear work, in one piece and byte by byte`, () => {
    assertLinear((size) => run(size, Infinity), 16_384);
    assertLinear((size) => run(size, 1), 2048);
  });
}

Deno.test("texts that are parsed as a whole: linear work", () => {
  assertLinear((size) => void decodeEnginePayload("4\x1e".repeat(size / 2), () => {}), 65_536);
  assertLinear((size) => void parseQuery(`/?${"a=%41&".repeat(size / 6)}`), 65_536);
  assertLinear((size) => void matchesNoProxy(`${".a,".repeat(size / 3)}b`, "x.test", 1), 65_536);
  const nil = encodeSdpElement({ type: "nil" });
  const element = encodeSdpElement({ type: "sequence", value: [] });
  if (nil.length + element.length !== 3) throw new Error("another encoding");
  assertLinear((size) => {
    const bytes = new Uint8Array(5 + size);
    bytes.set([0x37, size >>> 24, size >>> 16, size >>> 8, size]);
    decodeSdpElement(bytes, { maxElements: Infinity });
  }, 16_384);
  assertLinear((size) => {
    const decoder = new RecordingDecoder();
    for (let i = 0; i < size; i++) decoder.push(" ");
  }, 16_384);
});
