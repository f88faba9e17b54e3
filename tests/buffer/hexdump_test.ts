import { assertEquals, assertThrows } from "@std/assert";
import { hexdump } from "../../buffer/hexdump.ts";

const ALL = Uint8Array.from({ length: 256 }, (_, i) => i);

Deno.test("hexdump shows offset, bytes and printable characters in full and in part lines", () => {
  assertEquals(
    hexdump(new TextEncoder().encode("0123456789abcdef\x00~\x7f\xff")),
    "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n" +
      "00000010  00 7e 7f c3 bf                                    |.~...|\n",
  );
});

Deno.test("hexdump of nothing is empty", () => {
  assertEquals(hexdump(new Uint8Array(0)), "");
});

Deno.test("hexdump takes another width and a first offset", () => {
  assertEquals(
    hexdump(ALL.subarray(0x40, 0x46), { width: 4, offset: 0x1234 }),
    "00001234  40 41 42 43  |@ABC|\n00001238  44 45        |DE|\n",
  );
});

Deno.test("hexdump shows no more than maxBytes and tells how many it left out", () => {
  assertEquals(
    hexdump(ALL, { maxBytes: 4, width: 4 }),
    "00000000  00 01 02 03  |....|\n(252 more bytes)\n",
  );
  assertEquals(hexdump(ALL, { maxBytes: 0 }), "(256 more bytes)\n");
  assertEquals(hexdump(ALL, { maxBytes: Infinity }).split("\n").length, 17);
  assertEquals(hexdump(new Uint8Array(70_000)).split("\n").at(-2), "(4464 more bytes)");
});

Deno.test("hexdump keeps its columns aligned for every length of the last line", () => {
  for (let length = 1; length <= 16; length++) {
    const line = hexdump(ALL.subarray(0, length));
    assertEquals(line.indexOf("|"), 60, `${length} bytes`);
  }
});

Deno.test("hexdump refuses options out of range", () => {
  for (const width of [0, 257, 1.5, NaN]) {
    assertThrows(() => hexdump(ALL, { width }), RangeError, "Cannot dump");
  }
  for (const offset of [-1, 0.5, Infinity]) {
    assertThrows(() => hexdump(ALL, { offset }), RangeError, "Cannot dump");
  }
  for (const maxBytes of [-1, NaN]) {
    assertThrows(() => hexdump(ALL, { maxBytes }), RangeError, "Cannot dump");
  }
});
