import { assertEquals, assertThrows } from "@std/assert";
import { bluetoothUuid } from "../../net/bluetooth_uuid.ts";
import { NetError } from "../../net/errors.ts";
import { decodeSdpPdu, encodeSdpPdu, SDP_ERROR, SDP_PDU, type SdpPdu } from "../../net/sdp_pdu.ts";
import { hex } from "../_support/hex.ts";
import { damaged } from "../_support/sdp.ts";
import fc from "fast-check";

const NONE = new Uint8Array(0);
const SERIAL_PORT = bluetoothUuid("SerialPort");

// Core specification, Vol 3, Part B, §4.4 to §4.7.
const VECTORS: [string, SdpPdu][] = [
  ["01 0007 0002 0003", { kind: "error", transaction: 7, code: 3 }],
  [
    "02 0001 0008 3503191101 0010 00",
    { kind: "search", transaction: 1, uuids: [SERIAL_PORT], maxRecords: 16, continuation: NONE },
  ],
  [
    "03 0001 000d 0002 0002 00010000 00010001 00",
    {
      kind: "searchResult",
      transaction: 1,
      total: 2,
      handles: [0x10000, 0x10001],
      continuation: NONE,
    },
  ],
  [
    "04 fffe 0013 00010000 0040 35080900010a00040009 02abcd",
    {
      kind: "attribute",
      transaction: 0xfffe,
      handle: 0x10000,
      maxBytes: 64,
      ranges: [[1, 1], [4, 9]],
      continuation: hex("abcd"),
    },
  ],
  [
    "05 fffe 0005 0002 3500 00",
    { kind: "attributeResult", transaction: 0xfffe, attributes: hex("3500"), continuation: NONE },
  ],
  [
    "06 0000 000f 3503191101 ffff 35050a0000ffff 00",
    {
      kind: "searchAttribute",
      transaction: 0,
      uuids: [SERIAL_PORT],
      maxBytes: 0xffff,
      ranges: [[0, 0xffff]],
      continuation: NONE,
    },
  ],
  [
    "07 0000 0006 0001 35 02abcd",
    {
      kind: "searchAttributeResult",
      transaction: 0,
      attributes: hex("35"),
      continuation: hex("abcd"),
    },
  ],
];

Deno.test("SDP PDUs encode to the bytes of the specification, and back", () => {
  for (const [bytes, pdu] of VECTORS) {
    assertEquals(encodeSdpPdu(pdu), hex(bytes), bytes);
    assertEquals(decodeSdpPdu(hex(bytes)), pdu, bytes);
  }
});

Deno.test("SDP PDU decoder rejects malformed PDUs with EPROTO", () => {
  const wrong = [
    "",
    "06 0000 00",
    "06 0000 0001",
    "06 0000 0000 00",
    "00 0000 0000",
    "08 0000 0001 00",
    "01 0000 0001 00",
    "02 0001 0004 3500 0010", // no UUID in the pattern, no continuation
    "02 0001 0005 3500 0010 00", // no UUID in the pattern
    "02 0001 0007 35020801 0010 00", // a number in the pattern
    "02 0001 0006 191101 0010 00", // not a sequence
    "03 0001 0009 0002 0002 00010000 00", // handles cut short
    "03 0001 0005 ffff ffff 00",
    "05 0001 0005 0003 3500 00", // a list cut short
    "05 0001 0004 0002 3500", // no continuation
    "05 0001 0006 0002 3500 0100 00", // bytes left over
    "06 0000 0010 3503191101 ffff 3502191101 00", // a UUID as an attribute
    "07 0000 0015 0001 35 11 0000000000000000000000000000000000", // 17 bytes of continuation
    "06 0000 000c 3503191101 ffff 35020801 00", // an attribute number of one byte
    "06 0000 0013 3503191101 ffff 3509 0b0000000000000001 00", // one of eight
    "02 0001 0009 3503191101 0010 00 00", // a byte behind the continuation
  ];
  for (const bytes of wrong) {
    const error = assertThrows(() => decodeSdpPdu(hex(bytes)), NetError, "Cannot decode an SDP");
    assertEquals(error.code, "EPROTO", bytes);
  }
});

Deno.test("SDP PDU decoder keeps the limits that it is given", () => {
  const bytes = hex("02 0001 000b 3506191101191102 0010 00");
  assertEquals(decodeSdpPdu(bytes, { maxElements: 3 }).kind, "search");
  const error = assertThrows(() => decodeSdpPdu(bytes, { maxElements: 2 }), NetError);
  assertEquals(error.code, "EPROTO");
});

Deno.test("SDP PDUs and errors have the numbers of the specification", () => {
  assertEquals(SDP_PDU, {
    ErrorResponse: 1,
    ServiceSearchRequest: 2,
    ServiceSearchResponse: 3,
    ServiceAttributeRequest: 4,
    ServiceAttributeResponse: 5,
    ServiceSearchAttributeRequest: 6,
    ServiceSearchAttributeResponse: 7,
  });
  assertEquals(SDP_ERROR, {
    InvalidVersion: 1,
    InvalidRecordHandle: 2,
    InvalidSyntax: 3,
    InvalidPduSize: 4,
    InvalidContinuation: 5,
    InsufficientResources: 6,
  });
});

Deno.test("SDP PDU decoder rejects a pattern of more than 12 UUIDs", () => {
  const pattern = (count: number) => {
    const body = `35${(count * 3).toString(16).padStart(2, "0")}${"191101".repeat(count)}001000`;
    const length = (body.length / 2).toString(16).padStart(4, "0");
    return hex(`020001${length}${body}`);
  };
  const most = decodeSdpPdu(pattern(12));
  assertEquals(most.kind === "search" && most.uuids.length, 12);
  assertThrows(() => decodeSdpPdu(pattern(13)), NetError, "a search pattern of 13 UUIDs");
});

Deno.test("SDP PDU encoder refuses what no PDU can carry", () => {
  const search = { kind: "search", transaction: 1, maxRecords: 1, continuation: NONE } as const;
  assertThrows(() => encodeSdpPdu({ ...search, uuids: [] }), RangeError);
  assertThrows(() => encodeSdpPdu({ ...search, uuids: Array(13).fill(SERIAL_PORT) }), RangeError);
  assertThrows(
    () => encodeSdpPdu({ ...search, uuids: [SERIAL_PORT], maxRecords: 65536 }),
    RangeError,
  );
  const long = { ...search, uuids: [SERIAL_PORT], continuation: new Uint8Array(17) };
  assertThrows(() => encodeSdpPdu(long), RangeError);
  assertThrows(() => encodeSdpPdu({ kind: "error", transaction: -1, code: 1 }), RangeError);
});

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const uuids = fc.array(u32.map(bluetoothUuid), { minLength: 1, maxLength: 12 });
const ranges = fc.array(
  fc.tuple(u16, u16).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]),
  { maxLength: 6 },
);
const continuation = fc.uint8Array({ maxLength: 16 });
const attributes = fc.uint8Array({ maxLength: 60 });

function variant<K extends SdpPdu["kind"]>(
  kind: K,
  fields: {
    [F in Exclude<keyof Extract<SdpPdu, { kind: K }>, "kind" | "transaction">]: fc.Arbitrary<
      unknown
    >;
  },
): fc.Arbitrary<SdpPdu> {
  return fc.record({ kind: fc.constant(kind), transaction: u16, ...fields }) as fc.Arbitrary<
    unknown
  > as fc.Arbitrary<SdpPdu>;
}

const anyPdu = fc.oneof(
  variant("error", { code: u16 }),
  variant("search", { uuids, maxRecords: u16, continuation }),
  variant("searchResult", { total: u16, handles: fc.array(u32, { maxLength: 9 }), continuation }),
  variant("attribute", { handle: u32, maxBytes: u16, ranges, continuation }),
  variant("attributeResult", { attributes, continuation }),
  variant("searchAttribute", { uuids, maxBytes: u16, ranges, continuation }),
  variant("searchAttributeResult", { attributes, continuation }),
);

Deno.test("SDP PDU decode undoes encode", () => {
  fc.assert(fc.property(anyPdu, (pdu) => assertEquals(decodeSdpPdu(encodeSdpPdu(pdu)), pdu)));
});

Deno.test("SDP PDU decoder throws nothing but EPROTO, whatever the bytes", () => {
  const check = (bytes: Uint8Array) => {
    try {
      decodeSdpPdu(bytes);
    } catch (error) {
      if (!(error instanceof NetError && error.code === "EPROTO")) throw error;
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), check), { numRuns: 500 });
  fc.assert(fc.property(damaged(anyPdu.map(encodeSdpPdu)), check), { numRuns: 1000 });
});
