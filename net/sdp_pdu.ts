// Floor 1: codec.
import { NetError } from "./errors.ts";
import {
  encodeSdpElement,
  readSdpElement,
  type SdpElement,
  type SdpLimits,
  sdpSequence,
  sdpUint,
  sdpUuid,
} from "./sdp.ts";

function protocolError(why: string): NetError {
  return new NetError(`Cannot decode an SDP PDU: ${why}`, { code: "EPROTO", syscall: "read" });
}

/** The kinds of SDP protocol data unit (Core specification, Vol 3, Part B, §4.2). */
export const SDP_PDU = {
  /** A refusal, with an error code. */
  ErrorResponse: 1,
  /** Asks for the handles of the records that match. */
  ServiceSearchRequest: 2,
  /** Answers with handles. */
  ServiceSearchResponse: 3,
  /** Asks for attributes of one record. */
  ServiceAttributeRequest: 4,
  /** Answers with one record's attributes. */
  ServiceAttributeResponse: 5,
  /** Asks for attributes of all records that match. */
  ServiceSearchAttributeRequest: 6,
  /** Answers with the attributes of all of them. */
  ServiceSearchAttributeResponse: 7,
} as const;

/** The codes of an SDP error response (§4.4.1). */
export const SDP_ERROR = {
  /** The version of SDP is not supported. */
  InvalidVersion: 1,
  /** No record has this handle. */
  InvalidRecordHandle: 2,
  /** The request can't be read. */
  InvalidSyntax: 3,
  /** The length in the header is not that of the request. */
  InvalidPduSize: 4,
  /** The continuation state is not one that this server gave. */
  InvalidContinuation: 5,
  /** The server lacks the means. */
  InsufficientResources: 6,
} as const;

/** A run of attribute numbers, both ends included. */
export type SdpAttributeRange = [first: number, last: number];

/**
 * One SDP protocol data unit; `kind` says which of {@linkcode SDP_PDU}.
 *
 * `continuation` is opaque to the client: empty in the first request and in the last answer, at most 16 bytes.
 * `attributes` in an answer is a piece of the encoded list: the pieces of all answers are joined before they are decoded.
 */
export type SdpPdu =
  & {
    /** Chosen by the client, repeated in the answer: 16 bits. */
    transaction: number;
  }
  & (
    | { kind: "error"; code: number }
    | { kind: "search"; uuids: readonly string[]; maxRecords: number; continuation: Uint8Array }
    | { kind: "searchResult"; total: number; handles: number[]; continuation: Uint8Array }
    | {
      kind: "attribute";
      handle: number;
      maxBytes: number;
      ranges: readonly SdpAttributeRange[];
      continuation: Uint8Array;
    }
    | { kind: "attributeResult"; attributes: Uint8Array; continuation: Uint8Array }
    | {
      kind: "searchAttribute";
      uuids: readonly string[];
      maxBytes: number;
      ranges: readonly SdpAttributeRange[];
      continuation: Uint8Array;
    }
    | { kind: "searchAttributeResult"; attributes: Uint8Array; continuation: Uint8Array }
  );

const KINDS = [
  undefined,
  "error",
  "search",
  "searchResult",
  "attribute",
  "attributeResult",
  "searchAttribute",
  "searchAttributeResult",
] as const;

/** The most bytes that a continuation state may have (§4.3). */
const MAX_CONTINUATION = 16;
/** The most UUIDs that a search pattern may have (§4.5.1). */
const MAX_PATTERN = 12;

function uint(value: number, size: 2 | 4): Uint8Array {
  return encodeSdpElement(sdpUint(value, size)).subarray(1);
}

function u16(value: number): Uint8Array {
  return uint(value, 2);
}

function patternBytes(uuids: readonly string[]): Uint8Array {
  if (uuids.length === 0 || uuids.length > MAX_PATTERN) {
    throw new RangeError(`An SDP search has 1 to ${MAX_PATTERN} UUIDs, not ${uuids.length}`);
  }
  return encodeSdpElement(sdpSequence(...uuids.map((uuid) => sdpUuid(uuid))));
}

function rangeBytes(ranges: readonly SdpAttributeRange[]): Uint8Array {
  return encodeSdpElement(sdpSequence(
    ...ranges.map(([first, last]) =>
      first === last ? sdpUint(first, 2) : sdpUint(first * 0x10000 + last, 4)
    ),
  ));
}

function bodyParts(pdu: SdpPdu): Uint8Array[] {
  switch (pdu.kind) {
    case "error":
      return [u16(pdu.code)];
    case "search":
      return [patternBytes(pdu.uuids), u16(pdu.maxRecords)];
    case "searchResult":
      return [
        u16(pdu.total),
        u16(pdu.handles.length),
        ...pdu.handles.map((handle) => uint(handle, 4)),
      ];
    case "attribute":
      return [uint(pdu.handle, 4), u16(pdu.maxBytes), rangeBytes(pdu.ranges)];
    case "searchAttribute":
      return [patternBytes(pdu.uuids), u16(pdu.maxBytes), rangeBytes(pdu.ranges)];
    default:
      return [u16(pdu.attributes.length), pdu.attributes];
  }
}

/**
 * The bytes of a protocol data unit: kind, transaction, length, and the parameters.
 *
 * @throws {RangeError} if a number, a pattern or a continuation state is too large.
 *
 * @example
 * ```ts
 * import { encodeSdpPdu, SDP_ERROR, SDP_PDU } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodeSdpPdu({
 *   kind: "error",
 *   transaction: 7,
 *   code: SDP_ERROR.InvalidSyntax,
 * });
 * assertEquals(bytes, new Uint8Array([SDP_PDU.ErrorResponse, 0, 7, 0, 2, 0, 3]));
 * ```
 */
export function encodeSdpPdu(pdu: SdpPdu): Uint8Array {
  const parts = bodyParts(pdu);
  if (pdu.kind !== "error") {
    if (pdu.continuation.length > MAX_CONTINUATION) {
      throw new RangeError(`A continuation state has at most ${MAX_CONTINUATION} bytes`);
    }
    parts.push(Uint8Array.of(pdu.continuation.length), pdu.continuation);
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const out = new Uint8Array(5 + length);
  out[0] = KINDS.indexOf(pdu.kind);
  out.set(u16(pdu.transaction), 1);
  out.set(u16(length), 3);
  let at = 5;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

class PduReader {
  #at = 5;
  #view: DataView;
  #limits: SdpLimits;

  constructor(readonly bytes: Uint8Array, limits: SdpLimits) {
    this.#limits = limits;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.bytes.length - this.#at;
  }

  #take(length: number): number {
    if (length > this.left) throw protocolError("cut short");
    this.#at += length;
    return this.#at - length;
  }

  raw(length: number): Uint8Array {
    const at = this.#take(length);
    return this.bytes.slice(at, at + length);
  }

  uint(size: 2 | 4): number {
    const at = this.#take(size);
    return size === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  continuation(): Uint8Array {
    const length = this.raw(1)[0];
    if (length > MAX_CONTINUATION) throw protocolError(`a continuation state of ${length} bytes`);
    return this.raw(length);
  }

  #sequence(): SdpElement[] {
    const { element, end } = readSdpElement(this.bytes, this.#at, this.#limits);
    this.#at = end;
    if (element.type !== "sequence") throw protocolError("a sequence is missing");
    return element.value;
  }

  pattern(): string[] {
    const uuids = this.#sequence().map((element) => {
      if (element.type !== "uuid") throw protocolError("a search pattern holds more than UUIDs");
      return element.value;
    });
    if (uuids.length === 0 || uuids.length > MAX_PATTERN) {
      throw protocolError(`a search pattern of ${uuids.length} UUIDs`);
    }
    return uuids;
  }

  ranges(): SdpAttributeRange[] {
    return this.#sequence().map((element): SdpAttributeRange => {
      if (element.type !== "uint" || (element.size !== 2 && element.size !== 4)) {
        throw protocolError("an attribute list holds more than attribute numbers");
      }
      return element.size === 2
        ? [element.value, element.value]
        : [Math.floor(element.value / 0x10000), element.value % 0x10000];
    });
  }
}

/**
 * The protocol data unit that `bytes` hold, all of them: one L2CAP packet carries one.
 *
 * @throws {NetError} code `EPROTO`: of an unknown kind, cut short, too long, or past a limit.
 *
 * @example
 * ```ts
 * import { decodeSdpPdu, encodeSdpPdu } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const pdu = encodeSdpPdu({ kind: "error", transaction: 7, code: 3 });
 * assertEquals(pdu, Uint8Array.of(1, 0, 7, 0, 2, 0, 3));
 * assertEquals(decodeSdpPdu(pdu), { kind: "error", transaction: 7, code: 3 });
 * ```
 */
export function decodeSdpPdu(bytes: Uint8Array, limits: SdpLimits = {}): SdpPdu {
  if (bytes.length < 5) throw protocolError("cut short");
  const transaction = bytes[1] << 8 | bytes[2];
  const length = bytes[3] << 8 | bytes[4];
  if (length !== bytes.length - 5) {
    throw protocolError(`it says ${length} bytes and has ${bytes.length - 5}`);
  }
  const reader = new PduReader(bytes, limits);
  const pdu = decodeBody(KINDS[bytes[0]], transaction, reader);
  if (reader.left !== 0) throw protocolError(`${reader.left} bytes too many`);
  return pdu;
}

function decodeBody(kind: typeof KINDS[number], transaction: number, reader: PduReader): SdpPdu {
  switch (kind) {
    case "error": {
      const code = reader.uint(2);
      // Further details may follow (§4.4.1); no code defines any.
      reader.raw(reader.left);
      return { kind, transaction, code };
    }
    case "search": {
      const uuids = reader.pattern();
      const maxRecords = reader.uint(2);
      return { kind, transaction, uuids, maxRecords, continuation: reader.continuation() };
    }
    case "searchResult": {
      const total = reader.uint(2);
      const count = reader.uint(2);
      if (count * 4 > reader.left) throw protocolError("a list of handles is cut short");
      const handles = Array.from({ length: count }, () => reader.uint(4));
      return { kind, transaction, total, handles, continuation: reader.continuation() };
    }
    case "attribute": {
      const handle = reader.uint(4);
      const maxBytes = reader.uint(2);
      const ranges = reader.ranges();
      return { kind, transaction, handle, maxBytes, ranges, continuation: reader.continuation() };
    }
    case "searchAttribute": {
      const uuids = reader.pattern();
      const maxBytes = reader.uint(2);
      const ranges = reader.ranges();
      return { kind, transaction, uuids, maxBytes, ranges, continuation: reader.continuation() };
    }
    case "attributeResult":
    case "searchAttributeResult": {
      const attributes = reader.raw(reader.uint(2));
      return { kind, transaction, attributes, continuation: reader.continuation() };
    }
    default:
      throw protocolError("of an unknown kind");
  }
}
