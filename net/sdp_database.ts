// Floor 2: protocol.
import { NetError } from "./errors.ts";
import { encodeSdpElement, type SdpElement, sdpSequence, sdpUint, sdpUuid } from "./sdp.ts";
import { decodeSdpPdu, encodeSdpPdu, SDP_ERROR, type SdpPdu } from "./sdp_pdu.ts";
import { SDP_ATTRIBUTE, type SdpRecord, sdpRecordToElement } from "./sdp_record.ts";

const NO_BYTES = new Uint8Array(0);

function holds(element: SdpElement, uuid: string): boolean {
  if (element.type === "uuid") return element.value === uuid;
  if (element.type !== "sequence" && element.type !== "alternative") return false;
  return element.value.some((child) => holds(child, uuid));
}

type Visible = (handle: number) => boolean;
type Request = Extract<SdpPdu, { kind: "search" | "attribute" | "searchAttribute" }>;

/** What bounds an {@linkcode SdpDatabase}. */
export interface SdpDatabaseOptions {
  /**
   * The most records.
   *
   * @default {256}
   */
  maxRecords?: number;
}

/**
 * The server side of SDP, without I/O: holds service records and answers requests.
 *
 * It keeps nothing for a client: where an answer is continued, the client's own continuation state says where.
 *
 * @example
 * ```ts
 * import {
 *   decodeSdpPdu,
 *   encodeSdpPdu,
 *   SdpDatabase,
 *   serviceRecord,
 * } from "@sluice/sockets/net";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const database = new SdpDatabase();
 * const handle = database.add(serviceRecord({ uuid: "SerialPort", protocol: "rfcomm", port: 3 }));
 * const request = encodeSdpPdu({
 *   kind: "search",
 *   transaction: 1,
 *   uuids: ["SerialPort"],
 *   maxRecords: 10,
 *   continuation: new Uint8Array(0),
 * });
 * const answer = decodeSdpPdu(database.answer(request, 672));
 * assert(answer.kind === "searchResult");
 * assertEquals(answer.handles, [handle]);
 * ```
 */
export class SdpDatabase {
  readonly #records = new Map<number, SdpRecord>();
  readonly #maxRecords: number;
  #nextHandle = 0x10000; // lower ones are reserved (§5.1.1)
  #state = 0;

  /** Makes a database that holds but the record of the server itself. */
  constructor(options: SdpDatabaseOptions = {}) {
    this.#maxRecords = options.maxRecords ?? 256;
    this.#records.set(
      0,
      new Map<number, SdpElement>([
        [SDP_ATTRIBUTE.ServiceRecordHandle, sdpUint(0, 4)],
        [SDP_ATTRIBUTE.ServiceClassIDList, sdpSequence(sdpUuid("ServiceDiscoveryServer"))],
        [0x0200, sdpSequence(sdpUint(0x0100, 2))], // VersionNumberList: 1.0
      ]),
    );
  }

  /** How many records there are, without the server's own. */
  get size(): number {
    return this.#records.size - 1;
  }

  /**
   * Adds a record, and returns the handle that it gets.
   *
   * @throws {RangeError} if there are `maxRecords` already.
   */
  add(record: SdpRecord): number {
    if (this.size >= this.#maxRecords) {
      throw new RangeError(`Cannot add a service record: there are ${this.#maxRecords} already`);
    }
    const handle = this.#nextHandle++;
    this.#records.set(
      handle,
      new Map(record).set(SDP_ATTRIBUTE.ServiceRecordHandle, sdpUint(handle, 4)),
    );
    this.#state = (this.#state + 1) & 0xffff;
    return handle;
  }

  /** Removes the record with this handle; returns whether there was one. */
  remove(handle: number): boolean {
    if (handle === 0 || !this.#records.delete(handle)) return false;
    this.#state = (this.#state + 1) & 0xffff;
    return true;
  }

  /**
   * The answer to one request, each one packet; the answer has at most `mtu` bytes (48 at least).
   * A request that can't be read gets an error response. Records whose handle `visible` denies are left out; always the same for
   * one client.
   */
  answer(
    packet: Uint8Array,
    mtu: number,
    visible: (handle: number) => boolean = () => true,
  ): Uint8Array {
    const transaction = packet.length >= 3 ? packet[1] << 8 | packet[2] : 0;
    let result: SdpPdu | number;
    if (packet.length >= 5 && (packet[3] << 8 | packet[4]) !== packet.length - 5) {
      result = SDP_ERROR.InvalidPduSize;
    } else {
      try {
        result = this.#answer(
          decodeSdpPdu(packet, { maxElements: 512 }),
          Math.max(mtu, 48),
          visible,
        );
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
        result = SDP_ERROR.InvalidSyntax;
      }
    }
    return encodeSdpPdu(
      typeof result === "number" ? { kind: "error", transaction, code: result } : result,
    );
  }

  #answer(pdu: SdpPdu, mtu: number, visible: Visible): SdpPdu | number {
    switch (pdu.kind) {
      case "search":
        return this.#search(pdu, mtu, visible);
      case "attribute":
      case "searchAttribute":
        return this.#attributes(pdu, mtu, visible);
      default:
        return SDP_ERROR.InvalidSyntax;
    }
  }

  /** Where a continued answer goes on: the state of the database when it began, and an offset. */
  #offset(request: Request): number | undefined {
    const state = request.continuation;
    if (state.length === 0) return 0;
    const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
    if (state.length !== 6 || view.getUint16(0) !== this.#state) return undefined;
    return view.getUint32(2);
  }

  #continuation(offset: number, total: number): Uint8Array {
    if (offset >= total) return NO_BYTES;
    const state = new DataView(new ArrayBuffer(6));
    state.setUint16(0, this.#state);
    state.setUint32(2, offset);
    return new Uint8Array(state.buffer);
  }

  #matching(uuids: readonly string[], visible: Visible): SdpRecord[] {
    const matching: SdpRecord[] = [];
    for (const [handle, record] of this.#records) {
      if (handle !== 0 && !visible(handle)) continue;
      const values = [...record.values()];
      if (uuids.every((uuid) => values.some((value) => holds(value, uuid)))) matching.push(record);
    }
    return matching;
  }

  #search(
    request: Extract<Request, { kind: "search" }>,
    mtu: number,
    visible: Visible,
  ): SdpPdu | number {
    if (request.maxRecords === 0) return SDP_ERROR.InvalidSyntax;
    const all = this.#matching(request.uuids, visible).slice(0, request.maxRecords)
      .map((record) => record.get(SDP_ATTRIBUTE.ServiceRecordHandle)!)
      .map((element) => element.type === "uint" ? Number(element.value) : 0);
    const from = this.#offset(request);
    if (from === undefined || (from > 0 && from >= all.length)) {
      return SDP_ERROR.InvalidContinuation;
    }
    // Header 5, two counts 4, continuation state 7.
    const handles = all.slice(from, from + Math.floor((mtu - 16) / 4));
    return {
      kind: "searchResult",
      transaction: request.transaction,
      total: all.length,
      handles,
      continuation: this.#continuation(from + handles.length, all.length),
    };
  }

  #attributes(
    request: Extract<Request, { kind: "attribute" | "searchAttribute" }>,
    mtu: number,
    visible: Visible,
  ): SdpPdu | number {
    if (request.maxBytes < 7) return SDP_ERROR.InvalidSyntax; // §4.6.1
    const wanted = (attribute: number) =>
      request.ranges.some(([first, last]) => attribute >= first && attribute <= last);
    let element: SdpElement;
    if (request.kind === "attribute") {
      const record = this.#records.get(request.handle);
      if (record === undefined || (request.handle !== 0 && !visible(request.handle))) {
        return SDP_ERROR.InvalidRecordHandle;
      }
      element = sdpRecordToElement(record, wanted);
    } else {
      const lists = this.#matching(request.uuids, visible).map((record) =>
        sdpRecordToElement(record, wanted)
      );
      element = sdpSequence(
        ...lists.filter((list) => list.type === "sequence" && list.value.length > 0),
      );
    }
    const all = encodeSdpElement(element);
    const from = this.#offset(request);
    if (from === undefined || (from > 0 && from >= all.length)) {
      return SDP_ERROR.InvalidContinuation;
    }
    // Header 5, count 2, continuation state 7.
    const attributes = all.subarray(from, from + Math.min(request.maxBytes, mtu - 14, 0xffff));
    return {
      kind: request.kind === "attribute" ? "attributeResult" : "searchAttributeResult",
      transaction: request.transaction,
      attributes,
      continuation: this.#continuation(from + attributes.length, all.length),
    };
  }
}
