// Floor 1: codec.
// The few commands and events of the host controller interface that finding devices takes
// (Core specification, Vol 4, Part E; section numbers of version 5.4).
import { addressFromBytes, addressToBytes } from "./_bluetooth_sys.ts";

const HCI_COMMAND = 1;
const HCI_EVENT = 4;

export const INQUIRY = 0x0401;
const INQUIRY_CANCEL = 0x0402;
export const REMOTE_NAME_REQUEST = 0x0419;
const REMOTE_NAME_REQUEST_CANCEL = 0x041a;

const EVENT = {
  inquiryComplete: 0x01,
  inquiryResult: 0x02,
  remoteName: 0x07,
  commandComplete: 0x0e,
  commandStatus: 0x0f,
  inquiryResultRssi: 0x22,
  extendedInquiryResult: 0x2f,
} as const;

function command(opcode: number, parameters: Uint8Array | number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(HCI_COMMAND, opcode & 0xff, opcode >> 8, parameters.length, ...parameters);
}

/** Inquiry (§7.1.1): general access code, `length` units of 1.28 s, at most `limit` answers (0: no limit). */
export function encodeInquiry(length: number, limit: number): Uint8Array<ArrayBuffer> {
  return command(INQUIRY, [0x33, 0x8b, 0x9e, length, limit]);
}

/** Inquiry Cancel (§7.1.2). */
export function encodeInquiryCancel(): Uint8Array<ArrayBuffer> {
  return command(INQUIRY_CANCEL, []);
}

/** Remote Name Request (§7.1.19); `scanMode` and `clockOffset` as the inquiry found them, which speeds the call up. */
export function encodeRemoteNameRequest(
  address: string,
  scanMode: number,
  clockOffset: number,
): Uint8Array<ArrayBuffer> {
  const clock = clockOffset | 0x8000; // bit 15: the offset is valid
  return command(REMOTE_NAME_REQUEST, [
    ...addressToBytes(address),
    scanMode,
    0,
    clock & 0xff,
    clock >> 8,
  ]);
}

/** Remote Name Request Cancel (§7.1.20). */
export function encodeRemoteNameCancel(address: string): Uint8Array<ArrayBuffer> {
  return command(REMOTE_NAME_REQUEST_CANCEL, addressToBytes(address));
}

/** struct hci_filter (Linux): events only, and just those that are decoded here. */
export function encodeHciFilter(): Uint8Array<ArrayBuffer> {
  const filter = new DataView(new ArrayBuffer(16));
  filter.setUint32(0, 1 << HCI_EVENT, true);
  for (const event of Object.values(EVENT)) {
    const at = 4 + (event >> 5) * 4;
    filter.setUint32(at, (filter.getUint32(at, true) | 1 << (event & 31)) >>> 0, true);
  }
  return new Uint8Array(filter.buffer);
}

/** A device that answered an inquiry. */
export interface HciInquiryResult {
  address: string;
  deviceClass: number;
  scanMode: number;
  clockOffset: number;
  rssi?: number;
  name?: string;
}

export type HciEvent =
  | { type: "inquiryComplete"; status: number }
  | { type: "inquiryResult"; devices: HciInquiryResult[] }
  | { type: "remoteName"; status: number; address: string; name: string }
  | { type: "status"; opcode: number; status: number }
  | { type: "complete"; opcode: number; status: number; parameters: Uint8Array };

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** The name in extended inquiry data (Core specification, Vol 3, Part C, §8): whole (9) before shortened (8). */
function nameInEir(data: Uint8Array): string | undefined {
  let short: string | undefined;
  for (let at = 0; at + 1 < data.length && data[at] > 0; at += 1 + data[at]) {
    const value = data.subarray(at + 2, at + 1 + data[at]);
    if (data[at + 1] === 9) return text(value);
    if (data[at + 1] === 8) short = text(value);
  }
  return short;
}

function result(
  bytes: Uint8Array,
  at: number,
  layout: { class: number; rssi: boolean },
): HciInquiryResult {
  const classAt = at + layout.class;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const device: HciInquiryResult = {
    address: addressFromBytes(bytes, at),
    deviceClass: bytes[classAt] | bytes[classAt + 1] << 8 | bytes[classAt + 2] << 16,
    scanMode: bytes[at + 6],
    clockOffset: view.getUint16(classAt + 3, true) & 0x7fff,
  };
  if (layout.rssi) device.rssi = view.getInt8(classAt + 5);
  return device;
}

function results(body: Uint8Array, rssi: boolean): HciInquiryResult[] | undefined {
  const count = body[0];
  if (count === undefined || count === 0) return undefined;
  // 14 bytes each; with signal strength, old controllers put a page scan mode in front of the class: 15 bytes.
  const size = rssi && body.length - 1 === count * 15 ? 15 : 14;
  if (body.length - 1 < count * size) return undefined;
  const layout = { class: rssi && size === 14 ? 8 : 9, rssi };
  return Array.from({ length: count }, (_, i) => result(body, 1 + i * size, layout));
}

/** The event in a packet of a raw HCI socket; `undefined` for one that is malformed or of no interest. */
export function decodeHciEvent(packet: Uint8Array): HciEvent | undefined {
  if (packet.length < 3 || packet[0] !== HCI_EVENT || packet[2] !== packet.length - 3) {
    return undefined;
  }
  const body = packet.subarray(3);
  switch (packet[1]) {
    case EVENT.inquiryComplete:
      return body.length < 1 ? undefined : { type: "inquiryComplete", status: body[0] };
    case EVENT.inquiryResult:
    case EVENT.inquiryResultRssi: {
      const devices = results(body, packet[1] === EVENT.inquiryResultRssi);
      return devices && { type: "inquiryResult", devices };
    }
    case EVENT.extendedInquiryResult: {
      if (body.length < 15) return undefined;
      const device = result(body, 1, { class: 8, rssi: true });
      const name = nameInEir(body.subarray(15));
      if (name !== undefined) device.name = name;
      return { type: "inquiryResult", devices: [device] };
    }
    case EVENT.remoteName:
      if (body.length < 7) return undefined;
      return {
        type: "remoteName",
        status: body[0],
        address: addressFromBytes(body, 1),
        name: text(body.subarray(7)),
      };
    case EVENT.commandStatus:
      if (body.length < 4) return undefined;
      return { type: "status", status: body[0], opcode: body[2] | body[3] << 8 };
    case EVENT.commandComplete:
      if (body.length < 4) return undefined;
      return {
        type: "complete",
        opcode: body[1] | body[2] << 8,
        status: body[3],
        parameters: body.slice(4),
      };
    default:
      return undefined;
  }
}
