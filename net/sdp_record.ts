// Floor 1: codec.
import { NetError } from "./errors.ts";
import { type SdpElement, sdpUint } from "./sdp.ts";

function protocolError(why: string): NetError {
  return new NetError(`Cannot decode an SDP record: ${why}`, { code: "EPROTO", syscall: "read" });
}

/** A service record: attribute numbers (16 bits) and their values. */
export type SdpRecord = Map<number, SdpElement>;

/** The attributes of a service record that everyone has (Assigned Numbers, "Service Discovery Attribute IDs"). */
export const SDP_ATTRIBUTE = {
  /** The record's number in its server. */
  ServiceRecordHandle: 0x0000,
  /** The UUIDs of what the service is, the most specific first. */
  ServiceClassIDList: 0x0001,
  /** The protocols to reach the service, the lowest first, each with its parameters. */
  ProtocolDescriptorList: 0x0004,
  /** The groups under which the service is found by browsing. */
  BrowseGroupList: 0x0005,
  /** Language, encoding and first attribute number of each set of texts. */
  LanguageBaseAttributeIDList: 0x0006,
  /** The profiles, each with its version. */
  BluetoothProfileDescriptorList: 0x0009,
  /** The service's name, in the first language. */
  ServiceName: 0x0100,
  /** What the service does, in the first language. */
  ServiceDescription: 0x0101,
  /** Who offers the service, in the first language. */
  ProviderName: 0x0102,
} as const;

/**
 * The attributes of a record as the sequence that goes over the wire, in ascending order.
 *
 * @example
 * ```ts
 * import {
 *   SDP_ATTRIBUTE,
 *   sdpRecordFromElement,
 *   sdpRecordToElement,
 *   serviceRecord,
 * } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const record = serviceRecord({ uuid: "SerialPort", protocol: "rfcomm", port: 3, name: "Scale" });
 * const name = sdpRecordToElement(record, (attribute) => attribute === SDP_ATTRIBUTE.ServiceName);
 * assertEquals([...sdpRecordFromElement(name).keys()], [SDP_ATTRIBUTE.ServiceName]);
 * ```
 */
export function sdpRecordToElement(
  record: SdpRecord,
  wanted: (attribute: number) => boolean = () => true,
): SdpElement {
  const value: SdpElement[] = [];
  for (const attribute of [...record.keys()].sort((a, b) => a - b)) {
    if (wanted(attribute)) value.push(sdpUint(attribute, 2), record.get(attribute)!);
  }
  return { type: "sequence", value };
}

/**
 * The record that a sequence of attribute numbers and values stands for.
 *
 * @throws {NetError} code `EPROTO` if it is not such a sequence.
 *
 * @example
 * ```ts
 * import {
 *   SDP_ATTRIBUTE,
 *   sdpRecordFromElement,
 *   sdpSequence,
 *   sdpText,
 *   sdpUint,
 * } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const element = sdpSequence(sdpUint(SDP_ATTRIBUTE.ServiceName, 2), sdpText("Scale"));
 * assertEquals(sdpRecordFromElement(element).get(SDP_ATTRIBUTE.ServiceName), sdpText("Scale"));
 * ```
 */
export function sdpRecordFromElement(element: SdpElement): SdpRecord {
  if (element.type !== "sequence" || element.value.length % 2 !== 0) {
    throw protocolError("a record is not a sequence of attributes and values");
  }
  const record: SdpRecord = new Map();
  for (let i = 0; i < element.value.length; i += 2) {
    const id = element.value[i];
    if (id.type !== "uint" || id.size !== 2) throw protocolError("an attribute number is missing");
    record.set(id.value, element.value[i + 1]);
  }
  return record;
}
