// Floor 1: codec.
import { bluetoothUuid } from "./bluetooth_uuid.ts";
import { type SdpElement, sdpSequence, sdpString, sdpText, sdpUint, sdpUuid } from "./sdp.ts";
import { SDP_ATTRIBUTE, type SdpRecord } from "./sdp_record.ts";

/** A service in plain terms: what {@linkcode serviceRecord} writes and {@linkcode describeService} reads. */
export interface BluetoothService {
  /** The service's UUID, whole, in lower case; the first of its classes. */
  uuid?: string;
  /** The protocol that carries it, if it is one of the two that this package speaks. */
  protocol?: "rfcomm" | "l2cap";
  /** Its RFCOMM channel (1 to 30) or its L2CAP PSM. */
  port?: number;
  /** Its name. */
  name?: string;
  /** What it does. */
  description?: string;
}

/** The service that {@linkcode serviceRecord} describes. */
export interface ServiceRecordOptions {
  /** The service's UUID, in any form that {@linkcode bluetoothUuid} takes. */
  uuid: string | number;
  /** The protocol that carries it. */
  protocol: "rfcomm" | "l2cap";
  /** Its RFCOMM channel or its L2CAP PSM. */
  port: number;
  /** Its name. */
  name?: string;
  /** What it does. */
  description?: string;
}

const RFCOMM_UUID = bluetoothUuid("RFCOMM");
const L2CAP_UUID = bluetoothUuid("L2CAP");
const SERIAL_PORT_UUID = bluetoothUuid("SerialPort");

/**
 * A record that a client needs to find a service and to reach it; it is listed under the public browse group.
 *
 * @example
 * ```ts
 * import { describeService, serviceRecord } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const record = serviceRecord({ uuid: "SerialPort", protocol: "rfcomm", port: 3, name: "Scale" });
 * const { protocol, port, name } = describeService(record);
 * assertEquals([protocol, port, name], ["rfcomm", 3, "Scale"]);
 * ```
 */
export function serviceRecord(options: ServiceRecordOptions): SdpRecord {
  const uuid = sdpUuid(options.uuid);
  const l2cap = [sdpUuid("L2CAP")];
  if (options.protocol === "l2cap") l2cap.push(sdpUint(options.port, 2));
  const stack = [sdpSequence(...l2cap)];
  if (options.protocol === "rfcomm") {
    stack.push(sdpSequence(sdpUuid("RFCOMM"), sdpUint(options.port, 1)));
  }
  const record: SdpRecord = new Map([
    [SDP_ATTRIBUTE.ServiceClassIDList, sdpSequence(uuid)],
    [SDP_ATTRIBUTE.ProtocolDescriptorList, sdpSequence(...stack)],
    [SDP_ATTRIBUTE.BrowseGroupList, sdpSequence(sdpUuid("PublicBrowseGroup"))],
    // "en", UTF-8 (MIBenum 106), attributes from 0x0100.
    [
      SDP_ATTRIBUTE.LanguageBaseAttributeIDList,
      sdpSequence(sdpUint(0x656e, 2), sdpUint(106, 2), sdpUint(0x0100, 2)),
    ],
  ]);
  if (uuid.type === "uuid" && uuid.value === SERIAL_PORT_UUID) {
    // Serial Port Profile 1.2; some clients skip a serial port without it.
    record.set(
      SDP_ATTRIBUTE.BluetoothProfileDescriptorList,
      sdpSequence(sdpSequence(uuid, sdpUint(0x0102, 2))),
    );
  }
  const texts: [number, string | undefined][] = [
    [SDP_ATTRIBUTE.ServiceName, options.name],
    [SDP_ATTRIBUTE.ServiceDescription, options.description],
  ];
  for (const [attribute, text] of texts) {
    if (text !== undefined) record.set(attribute, sdpText(text));
  }
  return record;
}

function elements(element: SdpElement | undefined): SdpElement[] {
  return element?.type === "sequence" ? element.value : [];
}

/** Channel and PSM in one protocol stack: `[[L2CAP, psm?], [RFCOMM, channel?], …]`. */
function readStack(stack: SdpElement[]): Pick<BluetoothService, "protocol" | "port"> {
  let found: Pick<BluetoothService, "protocol" | "port"> = {};
  for (const layer of stack) {
    const [protocol, parameter] = elements(layer);
    if (protocol?.type !== "uuid") continue;
    const port = parameter?.type === "uint" && parameter.size <= 2
      ? parameter.value as number
      : undefined;
    if (protocol.value === RFCOMM_UUID) {
      return port !== undefined && port >= 1 && port <= 30 ? { protocol: "rfcomm", port } : {};
    }
    if (protocol.value === L2CAP_UUID && port !== undefined) found = { protocol: "l2cap", port };
  }
  return found;
}

/**
 * Reads out of a record what is needed to reach its service; what the record doesn't say is left out.
 *
 * @example
 * ```ts
 * import { bluetoothUuid, describeService, serviceRecord } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const record = serviceRecord({ uuid: "OBEXObjectPush", protocol: "l2cap", port: 0x1001 });
 * assertEquals(describeService(record), {
 *   uuid: bluetoothUuid("OBEXObjectPush"),
 *   protocol: "l2cap",
 *   port: 0x1001,
 * });
 * ```
 */
export function describeService(record: SdpRecord): BluetoothService {
  const service: BluetoothService = {};
  const uuid = elements(record.get(SDP_ATTRIBUTE.ServiceClassIDList))[0];
  if (uuid?.type === "uuid") service.uuid = uuid.value;
  const protocols = record.get(SDP_ATTRIBUTE.ProtocolDescriptorList);
  // One stack, or a choice of several (§5.1.5).
  const stacks = protocols?.type === "alternative"
    ? protocols.value.map(elements)
    : [elements(protocols)];
  for (const stack of stacks) {
    const found = readStack(stack);
    if (found.protocol !== undefined) {
      Object.assign(service, found);
      break;
    }
  }
  for (
    const [key, attribute] of [
      ["name", SDP_ATTRIBUTE.ServiceName],
      ["description", SDP_ATTRIBUTE.ServiceDescription],
    ] as const
  ) {
    const text = sdpString(record.get(attribute));
    if (text !== undefined) service[key] = text;
  }
  return service;
}
