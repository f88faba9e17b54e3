// Floor 1: codec.
import { deconstruct, hasBinary, reconstruct } from "./_attachments.ts";
import { NOT_JSON, parseJson } from "./_json.ts";
import { encodePacketHead } from "./_packet_head.ts";
import { PacketFault } from "./errors.ts";

/**
 * The kinds of Socket.IO packet, by their number on the wire. `BINARY_EVENT` and `BINARY_ACK` are an event and an
 * acknowledgement with attachments; a decoder hands them out as `EVENT` and `ACK`.
 *
 * Source: Socket.IO protocol, revision 5, "Packet types".
 */
export const PacketType = {
  /** Joins a namespace, or says that it was joined. */
  CONNECT: 0,
  /** Leaves a namespace. */
  DISCONNECT: 1,
  /** An event with its arguments. */
  EVENT: 2,
  /** The acknowledgement of an event. */
  ACK: 3,
  /** Refuses a namespace. */
  CONNECT_ERROR: 4,
  /** An event with attachments. */
  BINARY_EVENT: 5,
  /** An acknowledgement with attachments. */
  BINARY_ACK: 6,
} as const;

/** The number of a {@linkcode PacketType}. */
export type PacketTypeNumber = typeof PacketType[keyof typeof PacketType];

/** One Socket.IO packet. */
export interface SocketIoPacket {
  /** What the packet is for. */
  type: PacketTypeNumber;
  /** The namespace; `/` is the main one. */
  nsp: string;
  /** The acknowledgement number, 0 to 2^53 - 1; on an event it asks for one. */
  id?: number;
  /** An event's name and arguments, an acknowledgement's arguments, or the content of a connect packet. */
  data?: unknown;
}

/** What a packet is on the wire: its text, and then each attachment as a message of its own. */
export type EncodedPacket = [string, ...Uint8Array[]];

/**
 * Event names that never go over the wire, as both sides use them for themselves.
 *
 * Source: Socket.IO 4, "Emit cheatsheet", "Reserved events".
 *
 * @example
 * ```ts
 * import { RESERVED_EVENTS } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([RESERVED_EVENTS.has("disconnect"), RESERVED_EVENTS.has("news")], [true, false]);
 * ```
 */
export const RESERVED_EVENTS: ReadonlySet<string | symbol> = new Set<string | symbol>([
  "connect",
  "connect_error",
  "disconnect",
  "disconnecting",
  "newListener",
  "removeListener",
]);

/** Limits of a {@linkcode PacketDecoder}. */
export interface PacketDecoderOptions {
  /**
   * The most attachments that one packet may announce.
   *
   * @default {10}
   */
  maxAttachments?: number;
  /**
   * The most bytes that the attachments of one packet may have together.
   *
   * @default {10_000_000}
   */
  maxAttachmentBytes?: number;
}

function encodeText(
  type: PacketTypeNumber,
  packet: SocketIoPacket,
  data: unknown,
  count: number,
): string {
  const head = encodePacketHead(type, packet.nsp, packet.id, count);
  return data === undefined ? head : head + JSON.stringify(data);
}

/**
 * Encodes a packet. Bytes anywhere in the data of an event or an acknowledgement become attachments: they are not
 * copied, so leave them alone until they are sent.
 *
 * @throws {TypeError} if the data contains itself, nests deeper than 512 levels, or holds what JSON can't (a bigint).
 *
 * @example
 * ```ts
 * import { encodePacket, PacketType } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const packet = { type: PacketType.EVENT, nsp: "/", data: ["hello", 1] };
 * assertEquals(encodePacket(packet), ['2["hello",1]']);
 * ```
 */
export function encodePacket(packet: SocketIoPacket): EncodedPacket {
  const { type, data } = packet;
  if ((type !== PacketType.EVENT && type !== PacketType.ACK) || !hasBinary(data)) {
    return [encodeText(type, packet, data ?? undefined, 0)];
  }
  const attachments: Uint8Array[] = [];
  const rest = deconstruct(data, attachments);
  const binaryType = type === PacketType.EVENT ? PacketType.BINARY_EVENT : PacketType.BINARY_ACK;
  return [encodeText(binaryType, packet, rest, attachments.length), ...attachments];
}

interface Pending {
  packet: SocketIoPacket;
  count: number;
  attachments: Uint8Array[];
  bytes: number;
}

const MAX_ID_DIGITS = 16;
const MAX_NAMESPACE_LENGTH = 4096;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isEvent(data: unknown): boolean {
  if (!Array.isArray(data) || data.length === 0) return false;
  const name: unknown = data[0];
  return typeof name === "number" || (typeof name === "string" && !RESERVED_EVENTS.has(name));
}

/** Checks the content against the type; the reason if it does not fit. */
function checkContent(packet: SocketIoPacket): string | undefined {
  const { type, id, data } = packet;
  switch (type) {
    case PacketType.EVENT:
      return isEvent(data) ? undefined : "an event without a valid name";
    case PacketType.ACK:
      if (id === undefined) return "an acknowledgement without a number";
      return Array.isArray(data) ? undefined : "an acknowledgement without a list of arguments";
    case PacketType.CONNECT:
      if (id !== undefined) return "a connect packet with a number";
      return data === undefined || isObject(data)
        ? undefined
        : "a connect packet without an object";
    case PacketType.DISCONNECT:
      return id === undefined && data === undefined
        ? undefined
        : "a disconnect packet with content";
    default:
      if (id !== undefined) return "a connect error with a number";
      return typeof data === "string" || isObject(data)
        ? undefined
        : "a connect error without content";
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/**
 * Turns messages back into packets: one text, and then as many attachments as it announced.
 *
 * Strict, linear in the length of the text, and bounded: see {@linkcode PacketDecoderOptions}. After a fault the
 * decoder is of no more use; end the connection.
 *
 * @example
 * ```ts
 * import { PacketDecoder } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const decoder = new PacketDecoder();
 * assertEquals(decoder.add('51-["file",{"_placeholder":true,"num":0}]'), undefined);
 * assertEquals(decoder.add(new Uint8Array([1, 2])), {
 *   type: 2,
 *   nsp: "/",
 *   data: ["file", new Uint8Array([1, 2])],
 * });
 * ```
 */
export class PacketDecoder {
  #maxAttachments: number;
  #maxAttachmentBytes: number;
  #pending: Pending | undefined;

  /**
   * Makes a decoder with its limits.
   *
   * @throws {RangeError} For one that is negative or no number.
   */
  constructor(options: PacketDecoderOptions = {}) {
    const { maxAttachments, maxAttachmentBytes } = options;
    for (const [name, value] of Object.entries({ maxAttachments, maxAttachmentBytes })) {
      if (!((value ?? 0) >= 0)) {
        throw new RangeError(`Cannot use the option ${name}: ${value} is out of range`);
      }
    }
    this.#maxAttachments = maxAttachments ?? 10;
    this.#maxAttachmentBytes = maxAttachmentBytes ?? 10_000_000;
  }

  /** Whether a packet still waits for attachments. */
  get waiting(): boolean {
    return this.#pending !== undefined;
  }

  /** How many bytes of attachments wait for the others of their packet. */
  get waitingBytes(): number {
    return this.#pending === undefined ? 0 : this.#pending.bytes;
  }

  /** Takes one message: returns the packet that it completes, `undefined` if more is to come, or a fault. */
  add(message: string | Uint8Array): SocketIoPacket | PacketFault | undefined {
    if (typeof message !== "string") return this.#addAttachment(message);
    if (this.#pending !== undefined) return new PacketFault("text in place of an attachment");
    return this.#decodeText(message);
  }

  /** Forgets a packet that waits for attachments. */
  reset(): void {
    this.#pending = undefined;
  }

  #addAttachment(bytes: Uint8Array): SocketIoPacket | PacketFault | undefined {
    const pending = this.#pending;
    if (pending === undefined) return new PacketFault("an attachment that was not announced");
    pending.bytes += bytes.length;
    if (pending.bytes > this.#maxAttachmentBytes) {
      return new PacketFault("attachments over the limit in bytes");
    }
    pending.attachments.push(bytes);
    if (pending.attachments.length < pending.count) return undefined;
    this.#pending = undefined;
    const whole = reconstruct(pending.packet.data, pending.attachments);
    if (whole instanceof PacketFault) return whole;
    const { packet } = pending;
    packet.data = whole.value;
    return packet;
  }

  #decodeText(text: string): SocketIoPacket | PacketFault | undefined {
    let type = text.charCodeAt(0) - 0x30;
    if (!(type >= PacketType.CONNECT && type <= PacketType.BINARY_ACK)) {
      return new PacketFault("an unknown Socket.IO packet type");
    }
    let at = 1;
    let count = 0;
    if (type === PacketType.BINARY_EVENT || type === PacketType.BINARY_ACK) {
      // The count ends at the first character that is not a digit, and can't be longer than the limit has digits.
      while (isDigit(text.charCodeAt(at)) && at <= MAX_ID_DIGITS) at++;
      count = at === 1 ? 0 : Number(text.slice(1, at));
      if (text.charCodeAt(at++) !== 0x2d || count < 1) {
        return new PacketFault("an invalid count of attachments");
      }
      if (count > this.#maxAttachments) return new PacketFault("too many attachments");
      type -= 3;
    }
    let nsp = "/";
    if (text.charCodeAt(at) === 0x2f) {
      const comma = text.indexOf(",", at);
      nsp = text.slice(at, comma === -1 ? text.length : comma);
      if (nsp.length > MAX_NAMESPACE_LENGTH) {
        return new PacketFault("a namespace name that is too long");
      }
      at = comma === -1 ? text.length : comma + 1;
    }
    const packet: SocketIoPacket = { type: type as PacketTypeNumber, nsp };
    const digits = at;
    while (isDigit(text.charCodeAt(at)) && at - digits <= MAX_ID_DIGITS) at++;
    if (at > digits) {
      packet.id = Number(text.slice(digits, at));
      if (!Number.isSafeInteger(packet.id)) {
        return new PacketFault("an acknowledgement number over 2^53 - 1");
      }
    }
    if (at < text.length) {
      packet.data = parseJson(text.slice(at));
      if (packet.data === NOT_JSON) return new PacketFault("content that is not JSON");
    }
    const wrong = checkContent(packet);
    if (wrong !== undefined) return new PacketFault(wrong);
    if (count === 0) return packet;
    this.#pending = { packet, count, attachments: [], bytes: 0 };
    return undefined;
  }
}
