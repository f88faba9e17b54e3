import { assertEquals } from "@std/assert";
import {
  decodeHciEvent,
  encodeHciFilter,
  encodeInquiry,
  encodeInquiryCancel,
  encodeRemoteNameCancel,
  encodeRemoteNameRequest,
  INQUIRY,
} from "../../net/_bluetooth_hci.ts";
import { hex } from "../_support/hex.ts";
import { bytesOf } from "../_support/sdp.ts";
import fc from "fast-check";

const ADDRESS = "00:1A:7D:DA:71:13";
const ON_AIR = "1371da7d1a00";

Deno.test("HCI commands have the bytes of the specification", () => {
  assertEquals(encodeInquiry(8, 0), hex("01 0104 05 338b9e 08 00"));
  assertEquals(encodeInquiryCancel(), hex("01 0204 00"));
  assertEquals(encodeRemoteNameRequest(ADDRESS, 1, 0x1234), hex(`01 1904 0a ${ON_AIR} 01 00 3492`));
  assertEquals(encodeRemoteNameCancel(ADDRESS), hex(`01 1a04 06 ${ON_AIR}`));
});

Deno.test("the HCI filter lets through just the events that are decoded", () => {
  const filter = new DataView(encodeHciFilter().buffer);
  assertEquals(filter.byteLength, 16);
  assertEquals(filter.getUint32(0, true), 1 << 4);
  const events = Array.from({ length: 64 }, (_, event) => event)
    .filter((event) => filter.getUint32(4 + (event >> 5) * 4, true) >>> (event & 31) & 1);
  assertEquals(events, [0x01, 0x02, 0x07, 0x0e, 0x0f, 0x22, 0x2f]);
});

Deno.test("HCI inquiry results are read, one or several, with and without signal strength", () => {
  const plain = decodeHciEvent(hex(
    `04 02 1d 02 ${ON_AIR} 01 00 00 0c025a 3412 ffffffffffff 02 00 00 000000 0080`,
  ));
  assertEquals(plain, {
    type: "inquiryResult",
    devices: [
      { address: ADDRESS, deviceClass: 0x5a020c, scanMode: 1, clockOffset: 0x1234 },
      { address: "FF:FF:FF:FF:FF:FF", deviceClass: 0, scanMode: 2, clockOffset: 0 },
    ],
  });
  const device = {
    address: ADDRESS,
    deviceClass: 0x5a020c,
    scanMode: 1,
    clockOffset: 0x1234,
    rssi: -60,
  };
  const expected = { type: "inquiryResult" as const, devices: [device] };
  assertEquals(decodeHciEvent(hex(`04 22 0f 01 ${ON_AIR} 01 00 0c025a 3412 c4`)), expected);
  // Of an old controller, with a page scan mode.
  assertEquals(decodeHciEvent(hex(`04 22 10 01 ${ON_AIR} 01 00 00 0c025a 3412 c4`)), expected);
});

Deno.test("HCI extended inquiry results give the name, the whole one before the short one", () => {
  const extended = (eir: string) => {
    const body = hex(`01 ${ON_AIR} 01 00 0c025a 3412 c4 ${eir}`);
    const event = decodeHciEvent(Uint8Array.of(4, 0x2f, body.length, ...body));
    return event?.type === "inquiryResult" ? event.devices[0].name : "not decoded";
  };
  assertEquals(extended("03 09 4142 0000"), "AB");
  assertEquals(extended("02 08 41 03 09 4142"), "AB");
  assertEquals(extended("03 09 4142 02 08 41"), "AB");
  assertEquals(extended("02 01 06 02 08 41"), "A");
  assertEquals(extended("02 0a 04"), undefined);
  assertEquals(extended(""), undefined);
  assertEquals(extended("ff 09 41"), "A"); // cut short
  assertEquals(extended("00 03 09 4142"), undefined); // behind the end mark
});

Deno.test("HCI answers to commands are read", () => {
  assertEquals(decodeHciEvent(hex("04 01 01 00")), { type: "inquiryComplete", status: 0 });
  assertEquals(decodeHciEvent(hex("04 0f 04 0c 01 0104")), {
    type: "status",
    status: 12,
    opcode: INQUIRY,
  });
  assertEquals(decodeHciEvent(hex(`04 0e 0a 01 0910 00 ${ON_AIR}`)), {
    type: "complete",
    opcode: 0x1009,
    status: 0,
    parameters: hex(ON_AIR),
  });
  const name = bytesOf("Drücker");
  const body = [0, ...hex(ON_AIR), ...name, ...new Uint8Array(248 - name.length)];
  assertEquals(decodeHciEvent(Uint8Array.of(4, 7, body.length, ...body)), {
    type: "remoteName",
    status: 0,
    address: ADDRESS,
    name: "Drücker",
  });
});

Deno.test("HCI packets that are malformed or of no interest give nothing", () => {
  const packets = [
    "",
    "04",
    "04 01",
    "04 01 00", // without a status
    "04 01 02 00", // shorter than it says
    "02 01 01 00", // not an event
    "04 02 00",
    "04 02 01 00", // no device
    `04 02 0e 01 ${ON_AIR} 01 00 00 0c025a 34`,
    `04 02 0f 02 ${ON_AIR} 01 00 00 0c025a 3412`, // two devices, one there
    "04 2f 01 01",
    `04 07 06 00 1371da7d1a`,
    "04 0f 03 00 01 01",
    "04 0e 03 01 09 10",
    "04 3e 01 02", // low energy
  ];
  for (const packet of packets) assertEquals(decodeHciEvent(hex(packet)), undefined, packet);
});

Deno.test("the HCI decoder throws at nothing", () => {
  const kinds = fc.constantFrom(1, 2, 7, 0x0e, 0x0f, 0x22, 0x2f, 0x3e);
  fc.assert(
    fc.property(kinds, fc.uint8Array({ maxLength: 60 }), (kind, body) => {
      const event = decodeHciEvent(Uint8Array.of(4, kind, body.length, ...body));
      if (event?.type === "inquiryResult") {
        for (const { address } of event.devices) assertEquals(address.length, 17);
      }
    }),
    { numRuns: 1000 },
  );
});
