import { assertEquals, assertThrows } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import {
  decodeSdpElement,
  encodeSdpElement,
  readSdpElement,
  type SdpElement,
  sdpSequence,
  sdpString,
  sdpText,
  sdpUint,
  sdpUuid,
} from "../../net/sdp.ts";
import { hex } from "../_support/hex.ts";
import { anyElement, bytesOf, damaged } from "../_support/sdp.ts";
import fc from "fast-check";

// Core specification, Vol 3, Part B, §3: one byte of type (5 bits) and size index (3 bits), then the value, big-endian.
const VECTORS: [string, SdpElement][] = [
  ["00", { type: "nil" }],
  ["08 2a", sdpUint(42, 1)],
  ["09 01 00", sdpUint(0x0100, 2)],
  ["0a 00 00 ff ff", sdpUint(0xffff, 4)],
  ["0b 00 00 00 00 00 00 01 00", { type: "uint", size: 8, value: 256n }],
  [
    "0c ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff fe",
    { type: "uint", size: 16, value: 2n ** 128n - 2n },
  ],
  ["10 ff", { type: "int", size: 1, value: -1 }],
  ["11 80 00", { type: "int", size: 2, value: -32768 }],
  ["12 ff ff ff fe", { type: "int", size: 4, value: -2 }],
  ["13 ff ff ff ff ff ff ff ff", { type: "int", size: 8, value: -1n }],
  ["19 11 01", sdpUuid("SerialPort")],
  ["1a 12 34 56 78", sdpUuid(0x12345678)],
  [
    "1c 12 34 56 78 9a bc de f0 12 34 56 78 9a bc de f0",
    sdpUuid("12345678-9abc-def0-1234-56789abcdef0"),
  ],
  ["25 03 43 4f 4d", sdpText("COM")],
  ["28 01", { type: "bool", value: true }],
  ["35 00", sdpSequence()],
  ["35 03 19 01 00", sdpSequence(sdpUuid("L2CAP"))],
  ["3d 02 08 07", { type: "alternative", value: [sdpUint(7, 1)] }],
  ["45 03 61 3a 62", { type: "url", value: "a:b" }],
];

Deno.test("SDP elements encode to the bytes of the specification, and back", () => {
  for (const [bytes, element] of VECTORS) {
    assertEquals(encodeSdpElement(element), hex(bytes), bytes);
    assertEquals(decodeSdpElement(hex(bytes)), element, bytes);
  }
});

Deno.test("SDP elements take a longer length field when they need it", () => {
  for (
    const [length, head] of [[255, "25 ff"], [256, "26 01 00"], [65536, "27 00 01 00 00"]] as const
  ) {
    const element: SdpElement = { type: "text", value: new Uint8Array(length).fill(65) };
    const bytes = encodeSdpElement(element);
    assertEquals(bytes.subarray(0, bytes.length - length), hex(head));
    assertEquals(decodeSdpElement(bytes), element);
  }
});

Deno.test("SDP decoder takes a shorter value in a longer length field", () => {
  assertEquals(decodeSdpElement(hex("37 00 00 00 03 19 01 00")), sdpSequence(sdpUuid("L2CAP")));
  assertEquals(decodeSdpElement(hex("26 00 01 41")), sdpText("A"));
});

Deno.test("SDP decoder rejects malformed data with EPROTO", () => {
  const wrong = [
    "", // nothing
    "01", // nil with a size
    "09 01", // cut short
    "0d 01 00", // an integer with a length field
    "18 01", // a UUID of one byte
    "1b 00 00 00 00 00 00 00 00", // a UUID of eight
    "20 41", // text of a fixed size
    "29 00 01", // a boolean of two bytes
    "30", // a sequence of a fixed size
    "35 03 19 01", // cut short inside
    "35 02 19 01 00", // an element reaches out of its sequence
    "35 01 25", // a length field reaches out of its sequence
    "27 ff ff ff ff 41", // far more than there is
    "48 00", // unknown type
    "f8", // unknown type
    "08 2a 00", // left over
  ];
  for (const bytes of wrong) {
    const error = assertThrows(() => decodeSdpElement(hex(bytes)), NetError);
    assertEquals(error.code, "EPROTO", bytes);
  }
});

Deno.test("SDP decoder keeps its limits of depth and count", () => {
  const nested = (depth: number) =>
    Array.from({ length: depth }).reduce<SdpElement>((inner) => sdpSequence(inner), sdpUint(1, 1));
  assertEquals(decodeSdpElement(encodeSdpElement(nested(16))), nested(16));
  assertThrows(() => decodeSdpElement(encodeSdpElement(nested(17))), NetError, "nested too deep");
  // Two bytes a level: as deep as a packet can go.
  const bomb = hex("35ff".repeat(30_000));
  assertThrows(() => decodeSdpElement(bomb), NetError);
  const many = encodeSdpElement(sdpSequence(...Array.from({ length: 4095 }, () => sdpUint(1, 1))));
  assertEquals(decodeSdpElement(many).type, "sequence");
  assertThrows(() => decodeSdpElement(many, { maxElements: 4095 }), NetError, "too many elements");
});

Deno.test("SDP encoder refuses values that don't fit", () => {
  const wrong: SdpElement[] = [
    sdpUint(256, 1),
    sdpUint(-1, 2),
    sdpUint(1.5, 4),
    { type: "int", size: 1, value: 128 },
    { type: "uint", size: 8, value: 2n ** 64n },
    { type: "uint", size: 3 as 2, value: 1 },
    { type: "uuid", size: 2, value: "12345678-9abc-def0-1234-56789abcdef0" },
    { type: "uuid", size: 2, value: "12345678-0000-1000-8000-00805f9b34fb" },
  ];
  for (const element of wrong) assertThrows(() => encodeSdpElement(element), RangeError);
});

Deno.test("SDP decode undoes encode, wherever the element begins", () => {
  fc.assert(fc.property(anyElement, fc.nat(5), (element, at) => {
    const bytes = encodeSdpElement(element);
    const shifted = new Uint8Array(bytes.length + at + 3);
    shifted.set(bytes, at);
    assertEquals(readSdpElement(shifted, at), { element, end: at + bytes.length });
  }));
});

Deno.test("SDP decoder throws nothing but EPROTO, whatever the bytes", () => {
  const check = (bytes: Uint8Array) => {
    try {
      decodeSdpElement(bytes);
    } catch (error) {
      if (!(error instanceof NetError && error.code === "EPROTO")) throw error;
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check), { numRuns: 500 });
  fc.assert(fc.property(damaged(anyElement.map(encodeSdpElement)), check), { numRuns: 500 });
});

Deno.test("SDP decoder hands out text that later changes to the packet leave alone", () => {
  const packet = hex("25 03 43 4f 4d");
  const element = decodeSdpElement(packet);
  packet.fill(0);
  assertEquals(element, sdpText("COM"));
});

Deno.test("sdpString reads text and URLs, and cuts the NUL of C off", () => {
  assertEquals(sdpString(sdpText("Sérial")), "Sérial");
  assertEquals(sdpString({ type: "text", value: bytesOf("COM\0") }), "COM");
  assertEquals(sdpString({ type: "text", value: hex("43 ff") }), "C\ufffd");
  assertEquals(sdpString({ type: "url", value: "a:b" }), "a:b");
  assertEquals(sdpString(sdpUint(1, 1)), undefined);
  assertEquals(sdpString(undefined), undefined);
});
