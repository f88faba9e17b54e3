// Floor 2: protocol.
import { bluetoothUuid } from "./bluetooth_uuid.ts";
import { NetError } from "./errors.ts";
import { decodeSdpElement } from "./sdp.ts";
import { decodeSdpPdu, encodeSdpPdu, type SdpAttributeRange } from "./sdp_pdu.ts";
import { type SdpRecord, sdpRecordFromElement } from "./sdp_record.ts";

const NO_BYTES = new Uint8Array(0);

/** What an {@linkcode SdpQuery} asks, and what bounds its answer. */
export interface SdpQueryOptions {
  /** The UUIDs that a record must all hold; 1 to 12, in any form that {@linkcode bluetoothUuid} takes. */
  uuids: readonly (string | number)[];
  /**
   * The attributes wanted.
   *
   * @default {[[0, 0xffff]]}
   */
  ranges?: readonly SdpAttributeRange[];
  /**
   * The number that ties answers to requests, 16 bits.
   *
   * @default {1}
   */
  transaction?: number;
  /**
   * The most bytes of attributes that all answers may bring together.
   *
   * @default {64 KiB}
   */
  maxBytes?: number;
  /**
   * The most answers.
   *
   * @default {256}
   */
  maxAnswers?: number;
}

/**
 * The client side of one SDP search (ServiceSearchAttribute), without I/O: send {@linkcode SdpQuery.request}, give each
 * packet that comes to {@linkcode SdpQuery.receive}, and repeat until that says that all is there.
 *
 * @example
 * ```ts
 * import { SdpDatabase, SdpQuery, serviceRecord } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const server = new SdpDatabase();
 * server.add(serviceRecord({ uuid: "SerialPort", protocol: "rfcomm", port: 3, name: "Printer" }));
 * const query = new SdpQuery({ uuids: ["SerialPort"] });
 * while (!query.receive(server.answer(query.request(), 48))); // 48: the answer comes in pieces
 * assertEquals(query.records.length, 1);
 * ```
 */
export class SdpQuery {
  /** The records found; complete once {@linkcode SdpQuery.receive} has returned `true`. */
  records: SdpRecord[] = [];
  readonly #uuids: readonly string[];
  readonly #ranges: readonly SdpAttributeRange[];
  readonly #maxBytes: number;
  #answersLeft: number;
  #transaction: number;
  #continuation: Uint8Array = NO_BYTES;
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  /** Prepares a search. */
  constructor(options: SdpQueryOptions) {
    this.#uuids = options.uuids.map(bluetoothUuid);
    this.#ranges = options.ranges ?? [[0, 0xffff]];
    this.#transaction = options.transaction ?? 1;
    this.#maxBytes = options.maxBytes ?? 64 * 1024;
    this.#answersLeft = options.maxAnswers ?? 256;
  }

  /** The next request to send, as one packet. */
  request(): Uint8Array {
    return encodeSdpPdu({
      kind: "searchAttribute",
      transaction: this.#transaction,
      uuids: this.#uuids,
      maxBytes: 0xffff,
      ranges: this.#ranges,
      continuation: this.#continuation,
    });
  }

  /**
   * Takes the answer to the request before, one packet; returns whether it was the last.
   *
   * @throws {NetError} code `EPROTO`: refused by the server, not an answer to the request, malformed, or past a limit.
   */
  receive(packet: Uint8Array): boolean {
    const pdu = decodeSdpPdu(packet);
    if (pdu.transaction !== this.#transaction) throw queryError("the answer is to another request");
    if (pdu.kind === "error") throw queryError(`the server refuses with error ${pdu.code}`);
    if (pdu.kind !== "searchAttributeResult") throw queryError("the answer is of another kind");
    if (--this.#answersLeft < 0) throw queryError("the answer comes in too many pieces");
    this.#bytes += pdu.attributes.length;
    if (this.#bytes > this.#maxBytes) {
      throw queryError(`the answer is longer than ${this.#maxBytes} bytes`);
    }
    this.#pieces.push(pdu.attributes);
    this.#continuation = pdu.continuation;
    this.#transaction = (this.#transaction + 1) & 0xffff;
    if (pdu.continuation.length > 0) return false;
    this.#finish();
    return true;
  }

  #finish(): void {
    const all = new Uint8Array(this.#bytes);
    let at = 0;
    for (const piece of this.#pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [];
    const list = decodeSdpElement(all);
    if (list.type !== "sequence") throw queryError("the answer is not a list of records");
    this.records = list.value.map(sdpRecordFromElement);
  }
}

function queryError(why: string): NetError {
  return new NetError(`Cannot query Bluetooth services: ${why}`, {
    code: "EPROTO",
    syscall: "read",
  });
}
