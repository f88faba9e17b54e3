import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { hasBits, readBits, writeBits } from "../../buffer/_bits.ts";
import { Cursor } from "../../buffer/_cursor.ts";
import { BufferUnderflowError } from "../../buffer/errors.ts";

function cursor(...bytes: number[]): Cursor {
  return new Cursor(Uint8Array.from(bytes), "utf8", "network", false);
}

function bytesOf(c: Cursor): number[] {
  return [...c.bytes.subarray(0, c.length)];
}

/** Numbers with a count of bits that holds them. */
const fields = fc.array(
  fc.integer({ min: 0, max: 53 }).chain((count) =>
    fc.record({
      count: fc.constant(count),
      value: fc.nat({ max: Math.min(2 ** count - 1, 2 ** 31 - 1) }),
    })
  ),
  { maxLength: 30 },
);

Deno.test("bits are written from the highest of each byte down", () => {
  const c = cursor();
  writeBits(c, 0b1, 1);
  writeBits(c, 0b0011, 4);
  assertEquals(bytesOf(c), [0b10011000]);
  writeBits(c, 0b11110000_11, 10);
  assertEquals(bytesOf(c), [0b10011111, 0b10000110]);
  writeBits(c, 1, 1);
  assertEquals(bytesOf(c), [0b10011111, 0b10000111]);
});

Deno.test("bits come back in any split, and are those of the text of all digits", () => {
  fc.assert(fc.property(fields, (fields) => {
    const c = cursor();
    let digits = "";
    for (const { value, count } of fields) {
      writeBits(c, value, count);
      digits += count === 0 ? "" : value.toString(2).padStart(count, "0");
    }
    const expected = digits.padEnd(Math.ceil(digits.length / 8) * 8, "0").match(/.{8}/g) ?? [];
    assertEquals(bytesOf(c), expected.map((byte) => parseInt(byte, 2)));
    for (const { value, count } of fields) assertEquals(readBits(c, count), value);
  }));
});

Deno.test("53 bits at once are exact", () => {
  const c = cursor();
  writeBits(c, 1, 3);
  writeBits(c, Number.MAX_SAFE_INTEGER, 53);
  writeBits(c, Number.MAX_SAFE_INTEGER - 1, 53);
  assertEquals(readBits(c, 3), 1);
  assertEquals(readBits(c, 53), Number.MAX_SAFE_INTEGER);
  assertEquals(readBits(c, 53), Number.MAX_SAFE_INTEGER - 1);
});

Deno.test("too few bits leave the place inside the byte unchanged", () => {
  const c = cursor(0b10110011);
  assertEquals(readBits(c, 3), 0b101);
  assertEquals(hasBits(c, 5), true);
  assertEquals(hasBits(c, 6), false);
  assertEquals(c.missing, 1);
  assertEquals(hasBits(c, 14), false);
  assertEquals(c.missing, 2);
  assertThrows(() => readBits(c, 6), BufferUnderflowError);
  assertEquals(readBits(c, 5), 0b10011);
  assertEquals(readBits(c, 0), 0);
  assertEquals(hasBits(c, 0), true);
});

Deno.test("bits written over old bytes replace them", () => {
  const c = cursor();
  c.room(3);
  c.bytes.fill(0xff, 0, 3);
  c.end = 1;
  writeBits(c, 0b101, 3);
  assertEquals(bytesOf(c), [0xff, 0b10100000, 0xff]);
});

Deno.test("bits that do not fit are refused, and nothing is written", () => {
  const c = cursor();
  c.limitTo(1);
  for (const [value, count] of [[2, 1], [1, 0], [-1, 8], [0.5, 8], [NaN, 8], [256, 8]]) {
    assertThrows(() => writeBits(c, value, count), RangeError, `Cannot write ${value} in`);
  }
  for (const count of [-1, 54, 0.5, NaN]) {
    assertThrows(() => writeBits(c, 0, count), RangeError, "bits at once");
    assertThrows(() => readBits(c, count), RangeError, "bits at once");
    assertThrows(() => hasBits(c, count), RangeError, "bits at once");
  }
  writeBits(c, 1, 1);
  assertThrows(() => writeBits(c, 0xff, 8), RangeError, "the limit");
  assertEquals(bytesOf(c), [0x80]);
  writeBits(c, 0x7f, 7);
  assertEquals(bytesOf(c), [0xff]);
});
