import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  checkInt,
  checkInt64,
  checkUint,
  checkUint64,
  getUint24,
  getUint40,
  getUint48,
  setInt24,
  setInt40,
  setInt48,
  toSigned,
} from "../../buffer/_integers.ts";
import { encodeHex } from "../../buffer/_binary_text.ts";

const WIDTHS = [
  { bits: 24, get: getUint24, set: setInt24, big: "010203", value: 0x010203 },
  { bits: 40, get: getUint40, set: setInt40, big: "0102030405", value: 0x0102030405 },
  { bits: 48, get: getUint48, set: setInt48, big: "010203040506", value: 0x010203040506 },
];

function fresh(): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(10).fill(0xaa);
  return { bytes, view: new DataView(bytes.buffer) };
}

Deno.test("integers of 24, 40 and 48 bits have their bytes in the order asked for, and touch no others", () => {
  for (const { bits, get, set, big, value } of WIDTHS) {
    const size = bits / 8;
    const little = big.match(/../g)!.reverse().join("");
    for (const [order, hex] of [[false, big], [true, little]] as const) {
      const { bytes, view } = fresh();
      set(view, 1, value, order);
      assertEquals(encodeHex(bytes), "aa" + hex + "aa".repeat(9 - size));
      assertEquals(get(view, 1, order), value);
    }
  }
});

Deno.test("integers of 24, 40 and 48 bits come back, signed and unsigned", () => {
  for (const { bits, get, set } of WIDTHS) {
    const range = { min: -(2 ** (bits - 1)), max: 2 ** bits - 1 };
    const borders = fc.constantFrom(
      range.min,
      range.max,
      -1,
      0,
      2 ** (bits - 1),
      2 ** (bits - 1) - 1,
    );
    const values = fc.oneof(borders, fc.maxSafeInteger().map((n) => n % (2 ** (bits - 1))));
    fc.assert(fc.property(values, fc.boolean(), (value, little) => {
      const { view } = fresh();
      set(view, 3, value, little);
      const read = get(view, 3, little);
      assertEquals(read, value < 0 ? value + 2 ** bits : value + 0);
      if (value < 2 ** (bits - 1)) assertEquals(toSigned(read, bits), value + 0);
    }));
  }
});

Deno.test("integer checks take the whole range and nothing beside it", () => {
  for (const bits of [8, 16, 24, 32, 40, 48]) {
    const [least, half, most] = [-(2 ** (bits - 1)), 2 ** (bits - 1), 2 ** bits - 1];
    for (const value of [0, half, most]) assertEquals(checkUint(value, bits), value);
    for (const value of [least, -1, 0, half, most]) assertEquals(checkInt(value, bits), value);
    for (const value of [-1, most + 1, 0.5, NaN, Infinity]) {
      assertThrows(() => checkUint(value, bits), RangeError, `Cannot write ${value}`);
    }
    for (const value of [least - 1, most + 1, 0.5, NaN, -Infinity]) {
      assertThrows(() => checkInt(value, bits), RangeError, `Cannot write ${value}`);
    }
  }
});

Deno.test("64-bit integer checks take bigints of the whole range and safe numbers", () => {
  const most = (1n << 64n) - 1n;
  const least = -(1n << 63n);
  assertEquals([checkUint64(0), checkUint64(5n), checkUint64(most)], [0n, 5n, most]);
  assertEquals([checkInt64(-5), checkInt64(least), checkInt64(most)], [-5n, least, most]);
  for (const value of [-1, -1n, most + 1n, 2 ** 53, 0.5, NaN]) {
    assertThrows(() => checkUint64(value), RangeError, `Cannot write ${value}`);
  }
  for (const value of [least - 1n, most + 1n, -(2 ** 53), 0.5, NaN]) {
    assertThrows(() => checkInt64(value), RangeError, `Cannot write ${value}`);
  }
});
