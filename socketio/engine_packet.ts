// Floor 1: codec.
import { base64ToBytes, bytesToBase64 } from "./_base64.ts";
import { PacketFault } from "./errors.ts";

/**
 * The kinds of Engine.IO packet, in the order of their numbers on the wire.
 *
 * Source: Engine.IO protocol, revision 4, "Packet encoding".
 */
export type EnginePacketType =
  | "open"
  | "close"
  | "ping"
  | "pong"
  | "message"
  | "upgrade"
  | "noop";

/** One Engine.IO packet. */
export interface EnginePacket {
  /** What the packet is for. */
  type: EnginePacketType;
  /** Its content; bytes only for a `message`. Absent when the packet is just its type. */
  data?: string | Uint8Array;
}

const TYPES: readonly EnginePacketType[] = [
  "open",
  "close",
  "ping",
  "pong",
  "message",
  "upgrade",
  "noop",
];

const NUMBERS: Readonly<Record<EnginePacketType, string>> = {
  open: "0",
  close: "1",
  ping: "2",
  pong: "3",
  message: "4",
  upgrade: "5",
  noop: "6",
};

/** The character between two packets of a polling payload: U+001E, record separator. */
export const ENGINE_PAYLOAD_SEPARATOR = "\x1e";

const BINARY_PREFIX = 0x62; // "b"

/**
 * Encodes a packet for a WebSocket frame: a string for a text frame, bytes for a binary one.
 *
 * The bytes of a binary message are the frame as they stand: not copied, and with no type in front.
 *
 * @throws {TypeError} if a packet other than a message carries bytes.
 *
 * @example
 * ```ts
 * import { encodeEnginePacket } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(encodeEnginePacket({ type: "message", data: "hello" }), "4hello");
 * assertEquals(encodeEnginePacket({ type: "ping" }), "2");
 * ```
 */
export function encodeEnginePacket(packet: EnginePacket): string | Uint8Array {
  const data = packet.data;
  if (data === undefined) return NUMBERS[packet.type];
  if (typeof data === "string") return NUMBERS[packet.type] + data;
  if (packet.type !== "message") {
    throw new TypeError(
      `Cannot encode a packet of type "${packet.type}": only a message has bytes`,
    );
  }
  return data;
}

/**
 * Encodes a packet as text alone, for polling: bytes become base64 behind a `b`.
 *
 * @example
 * ```ts
 * import { encodeEnginePacketAsText } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const data = new Uint8Array([1, 2, 3]);
 * assertEquals(encodeEnginePacketAsText({ type: "message", data }), "bAQID");
 * ```
 */
export function encodeEnginePacketAsText(packet: EnginePacket): string {
  const encoded = encodeEnginePacket(packet);
  return typeof encoded === "string" ? encoded : "b" + bytesToBase64(encoded);
}

/**
 * Decodes what one WebSocket message, or one part of a polling payload, holds. Linear in its length.
 *
 * Base64 (behind a `b`) is checked: a character outside of the alphabet is a fault.
 *
 * @example
 * ```ts
 * import { decodeEnginePacket } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(decodeEnginePacket("4hello"), { type: "message", data: "hello" });
 * assertEquals(decodeEnginePacket("2"), { type: "ping" });
 * ```
 */
export function decodeEnginePacket(encoded: string | Uint8Array): EnginePacket | PacketFault {
  if (typeof encoded !== "string") return { type: "message", data: encoded };
  if (encoded.length === 0) return new PacketFault("an empty Engine.IO packet");
  const first = encoded.charCodeAt(0);
  if (first === BINARY_PREFIX) {
    const bytes = base64ToBytes(encoded.slice(1));
    return bytes === undefined
      ? new PacketFault("invalid base64")
      : { type: "message", data: bytes };
  }
  const type = TYPES[first - 0x30];
  if (type === undefined) return new PacketFault("an unknown Engine.IO packet type");
  return encoded.length === 1 ? { type } : { type, data: encoded.slice(1) };
}

/**
 * Encodes packets as the body of a polling request or response.
 *
 * @example
 * ```ts
 * import { ENGINE_PAYLOAD_SEPARATOR, encodeEnginePayload } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const payload = encodeEnginePayload([{ type: "message", data: "hello" }, { type: "ping" }]);
 * assertEquals(payload, `4hello${ENGINE_PAYLOAD_SEPARATOR}2`);
 * ```
 */
export function encodeEnginePayload(packets: readonly EnginePacket[]): string {
  let payload = "";
  for (let i = 0; i < packets.length; i++) {
    if (i > 0) payload += ENGINE_PAYLOAD_SEPARATOR;
    payload += encodeEnginePacketAsText(packets[i]);
  }
  return payload;
}

/**
 * Decodes the body of a polling request or response, and hands out each packet as it is found: nothing is collected,
 * so a payload of a million tiny packets costs no more than its own length.
 *
 * Stops when `visit` returns `false`, and at the first packet that is not valid, whose fault it returns.
 *
 * @example
 * ```ts
 * import { decodeEnginePayload } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const types: string[] = [];
 * decodeEnginePayload("4hello\x1e2\x1ebAQID", (packet) => void types.push(packet.type));
 * assertEquals(types, ["message", "ping", "message"]);
 * ```
 */
export function decodeEnginePayload(
  payload: string,
  visit: (packet: EnginePacket) => boolean | void,
): PacketFault | undefined {
  for (let start = 0; start <= payload.length;) {
    let end = payload.indexOf(ENGINE_PAYLOAD_SEPARATOR, start);
    if (end === -1) end = payload.length;
    const packet = decodeEnginePacket(payload.slice(start, end));
    if (packet instanceof PacketFault) return packet;
    if (visit(packet) === false) return undefined;
    start = end + 1;
  }
  return undefined;
}
