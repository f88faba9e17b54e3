import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { bitsToFloat16, float16ToBits } from "../../buffer/_float16.ts";

/** The engine's own conversion, as the reference. */
const view = new DataView(new ArrayBuffer(2));

function engineBits(value: number): number {
  view.setFloat16(0, value);
  return view.getUint16(0);
}

function engineFloat(bits: number): number {
  view.setUint16(0, bits);
  return view.getFloat16(0);
}

Deno.test("float16 reads all 65536 patterns as the engine does, and writes each back", () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = bitsToFloat16(bits);
    if (!Object.is(value, engineFloat(bits))) {
      throw new Error(`bits ${bits.toString(16)} are ${engineFloat(bits)}, not ${value}`);
    }
    if (Number.isNaN(value)) assertEquals(float16ToBits(value), 0x7e00);
    else if (float16ToBits(value) !== bits) throw new Error(`${value} is not ${bits.toString(16)}`);
  }
});

Deno.test("float16 rounds like the engine at and around every midpoint", () => {
  for (let bits = 0; bits < 0x7c00; bits++) {
    const middle = (bitsToFloat16(bits) + (bits === 0x7bff ? 65536 : bitsToFloat16(bits + 1))) / 2;
    for (const value of [middle, middle * (1 + 2 ** -50), middle * (1 - 2 ** -50)]) {
      if (float16ToBits(value) !== engineBits(value)) throw new Error(`${value} of ${bits}`);
      if (float16ToBits(-value) !== engineBits(-value)) throw new Error(`-${value} of ${bits}`);
    }
  }
});

Deno.test("float16 rounds like the engine beside every power of two", () => {
  for (let exponent = -26; exponent <= 17; exponent++) {
    for (const factor of [1, 1 + 2 ** -52, 1 - 2 ** -53, 1 - 2 ** -50, 1 - 2 ** -12]) {
      const value = 2 ** exponent * factor;
      assertEquals(float16ToBits(value), engineBits(value), `2^${exponent} * ${factor}`);
    }
  }
});

Deno.test("float16 rounds any number as the engine does", () => {
  const numbers = fc.oneof(
    fc.double(),
    fc.double({ min: -70000, max: 70000 }),
    fc.double({ min: -1e-4, max: 1e-4 }),
  );
  fc.assert(
    fc.property(numbers, (value) => {
      const bits = float16ToBits(value);
      assert(Number.isNaN(value) ? bits === 0x7e00 : bits === engineBits(value), String(value));
    }),
    { numRuns: 2000 },
  );
});
