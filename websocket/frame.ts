// Floor 1: codec.
import { applyMask } from "./mask.ts";

/** The most bytes that a frame header takes: two, eight of length, four of masking key. */
export const MAX_FRAME_HEADER_SIZE = 14;

/**
 * The largest payload of a control frame, in bytes (RFC 6455 §5.5).
 *
 * @example
 * ```ts
 * import { pair } from "@sluice/sockets/net";
 * import { MAX_CONTROL_PAYLOAD, WebSocketConnection } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const [a, b] = pair();
 * const client = new WebSocketConnection(a, { role: "client" });
 * const server = new WebSocketConnection(b, { role: "server" });
 * const pong = new Promise<Uint8Array>((resolve) => server.on("pong", resolve));
 * client.pong(new Uint8Array(MAX_CONTROL_PAYLOAD));
 * assertEquals((await pong).length, 125);
 * await Promise.all([client.close(), server.close()]);
 * ```
 */
export const MAX_CONTROL_PAYLOAD = 125;

/**
 * The header of one frame (RFC 6455 §5.2), filled in by {@linkcode readFrameHeader}. One object serves for many frames.
 *
 * @example
 * ```ts
 * import { readFrameHeader, WebSocketFrameHeader } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const header = new WebSocketFrameHeader();
 * assertEquals(readFrameHeader(header, new Uint8Array([0x89, 0]), 0, 2), 2);
 * assertEquals([header.fin, header.opcode, header.length], [true, 9, 0]);
 * ```
 */
export class WebSocketFrameHeader {
  /** Whether this is the last frame of its message. */
  fin = true;
  /** The three reserved bits as they stand in the first byte: 0x40, 0x20 and 0x10. Compression uses 0x40. */
  rsv = 0;
  /** The opcode, 0 to 15. */
  opcode = 0;
  /** Whether the payload is masked. */
  masked = false;
  /** The masking key as a little-endian word, 0 if the payload is not masked. */
  maskKey = 0;
  /** The payload's length in bytes; `Infinity` if it is 2^53 or more. */
  length = 0;
  /** Whether the length was written in its shortest form with its top bit clear, as it must be. */
  lengthValid = true;
}

/**
 * Reads the header of a frame from `bytes`, from `start` and before `end`, into `header`.
 *
 * The first two bytes are told in `header` as soon as they are there, so that a bad frame can be refused early.
 *
 * @returns How many bytes the header takes, 2 to 14; or 0 if more bytes are needed to tell.
 *
 * @example
 * ```ts
 * import { readFrameHeader, WebSocketFrameHeader } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const header = new WebSocketFrameHeader();
 * const bytes = new Uint8Array([0x82, 0x7e, 0x01, 0x00]);
 * assertEquals(readFrameHeader(header, bytes, 0, 3), 0); // a byte of the length is missing
 * assertEquals(readFrameHeader(header, bytes, 0, 4), 4);
 * assertEquals([header.opcode, header.masked, header.length], [2, false, 256]);
 * ```
 */
export function readFrameHeader(
  header: WebSocketFrameHeader,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const have = end - start;
  if (have < 2) return 0;
  const first = bytes[start];
  const second = bytes[start + 1];
  header.fin = first >= 0x80;
  header.rsv = first & 0x70;
  header.opcode = first & 0x0f;
  header.masked = second >= 0x80;
  header.lengthValid = true;
  let at = start + 2;
  const short = second & 0x7f;
  const size = 2 + (short < 126 ? 0 : short === 126 ? 2 : 8) + (second >= 0x80 ? 4 : 0);
  if (have < size) return 0;
  if (short < 126) {
    header.length = short;
  } else if (short === 126) {
    header.length = bytes[at] << 8 | bytes[at + 1];
    header.lengthValid = header.length >= 126;
    at += 2;
  } else {
    readLongLength(header, bytes, at);
    at += 8;
  }
  header.maskKey = second >= 0x80
    ? bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24
    : 0;
  return size;
}

/** "If 127, the following 8 bytes interpreted as a 64-bit unsigned integer (the most significant bit MUST be 0)". §5.2 */
function readLongLength(header: WebSocketFrameHeader, bytes: Uint8Array, at: number): void {
  const high = (bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3]) >>> 0;
  const low = (bytes[at + 4] << 24 | bytes[at + 5] << 16 | bytes[at + 6] << 8 | bytes[at + 7]) >>>
    0;
  header.length = high >= 0x200000 ? Infinity : high * 0x100000000 + low;
  header.lengthValid = high < 0x80000000 && (high > 0 || low >= 0x10000);
}

/**
 * How many bytes the header of a frame with this payload takes, 2 to 14.
 *
 * @example
 * ```ts
 * import { frameHeaderSize, MAX_FRAME_HEADER_SIZE } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([frameHeaderSize(125, false), frameHeaderSize(126, true)], [2, 8]);
 * assertEquals(frameHeaderSize(2 ** 40, true), MAX_FRAME_HEADER_SIZE);
 * ```
 */
export function frameHeaderSize(length: number, masked: boolean): number {
  return (length < 126 ? 2 : length < 0x10000 ? 4 : 10) + (masked ? 4 : 0);
}

/**
 * Writes the header of an unmasked frame, or of a masked one without its key, into `target` at `at`.
 *
 * @param first The first byte: 0x80 if it is the last frame of its message, the reserved bits, and the opcode.
 * @param maskBit 0x80 if the frame is masked, and otherwise 0.
 * @returns The offset behind what was written, where the key or the payload comes.
 *
 * @example
 * ```ts
 * import { writeFrameHeader } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new Uint8Array(4);
 * assertEquals(writeFrameHeader(bytes, 0, 0x82, 0, 256), 4);
 * assertEquals(bytes, new Uint8Array([0x82, 0x7e, 0x01, 0x00]));
 * ```
 */
export function writeFrameHeader(
  target: Uint8Array,
  at: number,
  first: number,
  maskBit: number,
  length: number,
): number {
  target[at] = first;
  if (length < 126) {
    target[at + 1] = maskBit | length;
    return at + 2;
  }
  if (length < 0x10000) {
    target[at + 1] = maskBit | 126;
    target[at + 2] = length >>> 8;
    target[at + 3] = length;
    return at + 4;
  }
  const high = Math.floor(length / 0x100000000);
  target[at + 1] = maskBit | 127;
  target[at + 2] = 0;
  target[at + 3] = high >>> 16;
  target[at + 4] = high >>> 8;
  target[at + 5] = high;
  target[at + 6] = length >>> 24;
  target[at + 7] = length >>> 16;
  target[at + 8] = length >>> 8;
  target[at + 9] = length;
  return at + 10;
}

/**
 * Writes a masking key, lowest byte first, and returns the offset behind it.
 *
 * @example
 * ```ts
 * import { writeMaskKey } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new Uint8Array(4);
 * assertEquals(writeMaskKey(bytes, 0, 0x3d21fa37), 4);
 * assertEquals(bytes, new Uint8Array([0x37, 0xfa, 0x21, 0x3d]));
 * ```
 */
export function writeMaskKey(target: Uint8Array, at: number, key: number): number {
  target[at] = key;
  target[at + 1] = key >>> 8;
  target[at + 2] = key >>> 16;
  target[at + 3] = key >>> 24;
  return at + 4;
}

/** Options of {@linkcode encodeFrame}. */
export interface EncodeFrameOptions {
  /**
   * The opcode.
   *
   * @default {2}
   */
  opcode?: number;
  /**
   * Whether it is the last frame of its message.
   *
   * @default {true}
   */
  fin?: boolean;
  /**
   * The reserved bits, as they stand in the first byte.
   *
   * @default {0}
   */
  rsv?: number;
  /** The masking key as a little-endian word; without one the frame is not masked. */
  maskKey?: number;
}

/**
 * Encodes one frame into a buffer of its own. It is for tools and tests: anything can be said with it, wrong things too.
 *
 * @example
 * ```ts
 * import { decodeFrame, encodeFrame } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodeFrame(new Uint8Array([1, 2, 3]), { maskKey: 0x01020304 });
 * assertEquals(bytes.length, 9);
 * const frame = decodeFrame(bytes);
 * assertEquals("payload" in frame && frame.payload, new Uint8Array([1, 2, 3]));
 * ```
 */
export function encodeFrame(payload: Uint8Array, options: EncodeFrameOptions = {}): Uint8Array {
  const { opcode = 2, fin = true, rsv = 0, maskKey } = options;
  const masked = maskKey !== undefined;
  const frame = new Uint8Array(frameHeaderSize(payload.length, masked) + payload.length);
  const first = (fin ? 0x80 : 0) | (rsv & 0x70) | (opcode & 0x0f);
  let at = writeFrameHeader(frame, 0, first, masked ? 0x80 : 0, payload.length);
  if (masked) at = writeMaskKey(frame, at, maskKey);
  frame.set(payload, at);
  if (masked) applyMask(frame, maskKey, at);
  return frame;
}

/** A frame that {@linkcode decodeFrame} took apart. */
export interface DecodedFrame {
  /** Always 0: the frame is complete. */
  missing: 0;
  /** Whether it is the last frame of its message. */
  fin: boolean;
  /** The reserved bits, as they stand in the first byte. */
  rsv: number;
  /** The opcode, 0 to 15. */
  opcode: number;
  /** Whether it was masked. */
  masked: boolean;
  /** The payload, unmasked, in a buffer of its own. */
  payload: Uint8Array;
  /** How many of the bytes the frame took; what follows it starts there. */
  size: number;
}

/** How many bytes are missing, at least, from what {@linkcode decodeFrame} was given. */
export interface IncompleteFrame {
  /** At least so many bytes more make a frame. */
  missing: number;
}

/**
 * Decodes the first frame in `bytes`, or says how many bytes are missing. It checks nothing: it is for tools and tests.
 *
 * @throws {RangeError} If the payload's length is 2^53 or more.
 *
 * @example
 * ```ts
 * import { decodeFrame } from "@sluice/sockets/websocket";
 * import { assert, assertEquals } from "@std/assert";
 *
 * // The masked "Hello" of RFC 6455 §5.7.
 * const bytes = Uint8Array.fromHex("818537fa213d7f9f4d5158");
 * const frame = decodeFrame(bytes);
 * assert("payload" in frame);
 * assertEquals([frame.masked, new TextDecoder().decode(frame.payload)], [true, "Hello"]);
 * assertEquals(decodeFrame(bytes.subarray(0, 8)), { missing: 3 });
 * ```
 */
export function decodeFrame(bytes: Uint8Array): DecodedFrame | IncompleteFrame {
  const header = new WebSocketFrameHeader();
  const headerSize = readFrameHeader(header, bytes, 0, bytes.length);
  if (headerSize === 0) {
    if (bytes.length < 2) return { missing: 2 - bytes.length };
    const short = bytes[1] & 0x7f;
    const wanted = frameHeaderSize(
      short < 126 ? 0 : short === 126 ? 126 : 0x10000,
      bytes[1] >= 0x80,
    );
    return { missing: wanted - bytes.length };
  }
  if (header.length === Infinity) {
    throw new RangeError("Cannot decode a frame of 2^53 bytes or more");
  }
  const size = headerSize + header.length;
  if (bytes.length < size) return { missing: size - bytes.length };
  const payload = bytes.slice(headerSize, size);
  if (header.masked) applyMask(payload, header.maskKey);
  const { fin, rsv, opcode, masked } = header;
  return { missing: 0, fin, rsv, opcode, masked, payload, size };
}
