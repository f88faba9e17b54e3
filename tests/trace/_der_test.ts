import { assertEquals } from "@std/assert";
import {
  derBitString,
  derInteger,
  derObjectId,
  derOctetString,
  derSequence,
  derSet,
  derText,
  derTime,
  derValue,
} from "../../trace/_der.ts";

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

Deno.test("DER writes lengths in their shortest form", () => {
  for (
    const [size, head] of [
      [0, "04 00"],
      [127, "04 7f"],
      [128, "04 81 80"],
      [255, "04 81 ff"],
      [256, "04 82 01 00"],
      [65_536, "04 83 01 00 00"],
    ] as const
  ) {
    const value = derOctetString(new Uint8Array(size));
    assertEquals(hex(value.subarray(0, value.length - size)), head);
  }
});

Deno.test("DER integers are positive, and have no needless zeros", () => {
  assertEquals(hex(derInteger(Uint8Array.of(1))), "02 01 01");
  assertEquals(hex(derInteger(Uint8Array.of(0, 0, 1))), "02 01 01");
  assertEquals(hex(derInteger(Uint8Array.of(0x80))), "02 02 00 80");
  assertEquals(hex(derInteger(Uint8Array.of(0, 0))), "02 01 00");
  assertEquals(hex(derInteger(new Uint8Array(0))), "02 01 00");
});

Deno.test("DER object identifiers", () => {
  assertEquals(hex(derObjectId("1.2.840.10045.4.3.2")), "06 08 2a 86 48 ce 3d 04 03 02");
  assertEquals(hex(derObjectId("2.5.29.17")), "06 03 55 1d 11");
});

Deno.test("DER times are short until 2049", () => {
  const text = (date: string): string => new TextDecoder().decode(derTime(new Date(date)));
  assertEquals(text("2049-12-31T23:59:59.9Z"), "\x17\x0d491231235959Z");
  assertEquals(text("2050-01-01T00:00:00Z"), "\x18\x0f20500101000000Z");
});

Deno.test("DER containers and strings", () => {
  assertEquals(
    hex(derSequence(derSet(derText("é")), derBitString(Uint8Array.of(5)))),
    "30 0a 31 04 0c 02 c3 a9 03 02 00 05",
  );
  assertEquals(hex(derValue(0xa0)), "a0 00");
});
