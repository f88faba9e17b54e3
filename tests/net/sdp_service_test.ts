import { assertEquals } from "@std/assert";
import { bluetoothUuid } from "../../net/bluetooth_uuid.ts";
import { encodeSdpElement, type SdpElement, sdpSequence, sdpUint, sdpUuid } from "../../net/sdp.ts";
import { SDP_ATTRIBUTE, type SdpRecord, sdpRecordToElement } from "../../net/sdp_record.ts";
import {
  type BluetoothService,
  describeService,
  serviceRecord,
  type ServiceRecordOptions,
} from "../../net/sdp_service.ts";
import { hex } from "../_support/hex.ts";

const OWN = "6fb4e2a0-0001-4b6e-9b62-2e1f5c0a0001";

Deno.test("serviceRecord writes a serial port's record as the profile wants it", () => {
  const record = serviceRecord({ uuid: 0x1101, protocol: "rfcomm", port: 3, name: "COM" });
  const expected = [
    "09 0001 35 03 19 1101", // ServiceClassIDList: SerialPort
    "09 0004 35 0c 35 03 19 0100 35 05 19 0003 08 03", // L2CAP; RFCOMM, channel 3
    "09 0005 35 03 19 1002", // PublicBrowseGroup
    "09 0006 35 09 09 656e 09 006a 09 0100", // "en", UTF-8, from 0x0100
    "09 0009 35 08 35 06 19 1101 09 0102", // SerialPort 1.2
    "09 0100 25 03 434f4d", // "COM"
  ].join("");
  const bytes = hex(expected);
  assertEquals(
    encodeSdpElement(sdpRecordToElement(record)),
    Uint8Array.of(0x35, bytes.length, ...bytes),
  );
});

Deno.test("describeService reads what serviceRecord wrote", () => {
  const services: (ServiceRecordOptions & BluetoothService)[] = [
    { uuid: bluetoothUuid("SerialPort"), protocol: "rfcomm", port: 30, name: "Sérial" },
    { uuid: OWN, protocol: "l2cap", port: 0x1001, name: "Own", description: "What it does" },
    { uuid: OWN, protocol: "rfcomm", port: 1 },
  ];
  for (const service of services) assertEquals(describeService(serviceRecord(service)), service);
});

function protocols(element: SdpElement): SdpRecord {
  return new Map([[SDP_ATTRIBUTE.ProtocolDescriptorList, element]]);
}

Deno.test("describeService finds the transport under other protocols and among alternatives", () => {
  const l2cap = sdpSequence(sdpUuid("L2CAP"));
  const rfcomm = sdpSequence(sdpUuid("RFCOMM"), sdpUint(12, 1));
  const obex = protocols(sdpSequence(l2cap, rfcomm, sdpSequence(sdpUuid("OBEX"))));
  assertEquals(describeService(obex), { protocol: "rfcomm", port: 12 });
  const bnep = sdpSequence(
    sdpSequence(sdpUuid("L2CAP"), sdpUint(0x000f, 2)),
    sdpSequence(sdpUuid("BNEP"), sdpUint(0x0100, 2)),
  );
  assertEquals(describeService(protocols(bnep)), { protocol: "l2cap", port: 15 });
  const choice: SdpElement = {
    type: "alternative",
    value: [sdpSequence(), sdpSequence(l2cap, rfcomm)],
  };
  assertEquals(describeService(protocols(choice)), { protocol: "rfcomm", port: 12 });
});

Deno.test("describeService leaves out what a strange record doesn't say", () => {
  const strange: SdpElement[] = [
    { type: "nil" },
    sdpSequence(),
    sdpSequence(sdpUint(1, 1)),
    sdpSequence(sdpSequence()),
    sdpSequence(sdpSequence(sdpUuid("L2CAP")), sdpSequence(sdpUuid("RFCOMM"))),
    sdpSequence(sdpSequence(sdpUuid("RFCOMM"), sdpUint(0, 1))),
    sdpSequence(sdpSequence(sdpUuid("RFCOMM"), sdpUint(31, 1))),
    sdpSequence(sdpSequence(sdpUuid("RFCOMM"), sdpUint(3, 4))),
    sdpSequence(sdpSequence(sdpUuid("RFCOMM"), sdpUuid("RFCOMM"))),
  ];
  for (const element of strange) assertEquals(describeService(protocols(element)), {});
  assertEquals(describeService(new Map()), {});
  assertEquals(describeService(new Map([[SDP_ATTRIBUTE.ServiceName, sdpUint(1, 1)]])), {});
});
