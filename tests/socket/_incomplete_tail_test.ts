import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { decodeText, encodeText } from "../../buffer/encodings.ts";
import type { EncodingName } from "../../buffer/types.ts";
import { incompleteTail } from "../../socket/_incomplete_tail.ts";

const tail = (bytes: number[], encoding: EncodingName = "utf8") =>
  incompleteTail(Uint8Array.from(bytes), encoding);

Deno.test("incomplete tail of UTF-8: the bytes of a character that has begun", () => {
  assertEquals(tail([]), 0);
  assertEquals(tail([0x61]), 0);
  assertEquals(tail([0xc3]), 1);
  assertEquals(tail([0xc3, 0xa9]), 0);
  assertEquals(tail([0x61, 0xe2, 0x82]), 2);
  assertEquals(tail([0xe2, 0x82, 0xac]), 0);
  assertEquals(tail([0xf0, 0x9f, 0x99]), 3);
  assertEquals(tail([0xf0, 0x9f, 0x99, 0x82]), 0);
});

Deno.test("incomplete tail of bytes that are no UTF-8 is nothing to wait for", () => {
  assertEquals(tail([0x80, 0x80, 0x80, 0x80]), 0);
  assertEquals(tail([0xff]), 0);
  assertEquals(tail([0xc3, 0xa9, 0x80]), 0);
});

Deno.test("incomplete tail of UTF-16 and UTF-32: half a unit, half a pair", () => {
  const smile = [...encodeText("🙂", "utf16")];
  assertEquals([1, 2, 3, 4].map((length) => tail(smile.slice(0, length), "utf16")), [1, 2, 3, 0]);
  assertEquals(tail([0x61], "utf16"), 1);
  assertEquals(tail([...encodeText("a", "utf16")], "utf-16"), 0);
  assertEquals([1, 2, 3, 4, 5].map((length) => tail(Array(length).fill(0), "utf32")), [
    1,
    2,
    3,
    0,
    1,
  ]);
});

Deno.test("incomplete tail of one-byte encodings is nothing", () => {
  for (const encoding of ["latin1", "windows1252", "ascii"] as const) {
    assertEquals(tail([0xe2, 0x82], encoding), 0);
  }
});

Deno.test("text cut anywhere and put together again by the tail is the same text", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme" }),
      fc.constantFrom<EncodingName>("utf8", "utf16", "utf32"),
      fc.integer({ min: 1, max: 5 }),
      (text, encoding, step) => {
        const bytes = encodeText(text.toWellFormed(), encoding);
        let out = "";
        let held = new Uint8Array(0);
        for (let at = 0; at < bytes.length; at += step) {
          const piece = Uint8Array.from([...held, ...bytes.subarray(at, at + step)]);
          const rest = incompleteTail(piece, encoding);
          out += decodeText(piece.subarray(0, piece.length - rest), encoding);
          held = piece.slice(piece.length - rest);
        }
        assertEquals(held.length, 0);
        assertEquals(out, text.toWellFormed());
      },
    ),
  );
});
