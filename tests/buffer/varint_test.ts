import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  decodeVarint,
  decodeVarint64,
  decodeZigzag,
  encodeVarint,
  encodeZigzag,
  MAX_VARINT_BYTES,
  varintLength,
} from "../../buffer/varint.ts";
import { decodeHex, encodeHex } from "../../buffer/_binary_text.ts";

function encode(value: number | bigint): string {
  const bytes = new Uint8Array(varintLength(value));
  assertEquals(encodeVarint(value, bytes), bytes.length);
  return encodeHex(bytes);
}

/** Unsigned numbers of every length. */
const uint64 = fc.nat({ max: 64 }).chain((bits) =>
  fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n })
);

Deno.test("varint has the bytes of the protocol buffers documentation and of LEB128's borders", () => {
  const vectors: [number | bigint, string][] = [
    [0, "00"],
    [1, "01"],
    [127, "7f"],
    [128, "8001"],
    [150, "9601"],
    [300, "ac02"],
    [16383, "ff7f"],
    [16384, "808001"],
    [624485, "e58e26"],
    [2 ** 32 - 1, "ffffffff0f"],
    [Number.MAX_SAFE_INTEGER, "ffffffffffffff0f"],
    [(1n << 63n) - 1n, "ffffffffffffffff7f"],
    [(1n << 64n) - 1n, "ffffffffffffffffff01"],
  ];
  for (const [value, hex] of vectors) {
    assertEquals(encode(value), hex);
    assertEquals(encode(BigInt(value)), hex);
    assertEquals(decodeVarint64(decodeHex(hex)), { value: BigInt(value), length: hex.length / 2 });
    if (typeof value === "number") {
      assertEquals(decodeVarint(decodeHex(hex)), { value, length: hex.length / 2 });
    }
  }
});

Deno.test("varint of every number decodes to it, at any offset", () => {
  fc.assert(fc.property(uint64, fc.nat({ max: 5 }), (value, offset) => {
    const length = varintLength(value);
    const bytes = new Uint8Array(offset + length + 2).fill(0xff);
    assertEquals(encodeVarint(value, bytes, offset), length);
    assertEquals(decodeVarint64(bytes, offset), { value, length });
    if (value <= Number.MAX_SAFE_INTEGER) {
      const number = Number(value);
      assertEquals(varintLength(number), length);
      assertEquals(decodeVarint(bytes, offset), { value: number, length });
    } else {
      assertThrows(() => decodeVarint(bytes, offset), RangeError, "above 2^53 - 1");
    }
    assertEquals(bytes.subarray(0, offset), new Uint8Array(offset).fill(0xff));
    assertEquals(bytes.subarray(offset + length), new Uint8Array(2).fill(0xff));
  }));
});

Deno.test("varint that is cut off is undefined, at every length", () => {
  const bytes = decodeHex("ffffffffffffffffff01");
  for (let length = 0; length < 10; length++) {
    assertEquals(decodeVarint64(bytes.subarray(0, length)), undefined);
    assertEquals(decodeVarint(bytes.subarray(0, length)), undefined);
  }
  assertEquals(decodeVarint(bytes, 10), undefined);
});

Deno.test("varint is refused as soon as it is longer than allowed", () => {
  assertThrows(() => decodeVarint64(new Uint8Array(10).fill(0x80)), RangeError, "longer than 10");
  assertThrows(() => decodeVarint(decodeHex("8080"), 0, 2), RangeError, "longer than 2 bytes");
  assertEquals(decodeVarint(decodeHex("80"), 0, 2), undefined);
  // Not the shortest form, but allowed: some writers pad a length that they fill in later.
  assertEquals(decodeVarint(decodeHex("818000"), 0, 3), { value: 1, length: 3 });
  for (const maxBytes of [0, -1, 11, NaN]) {
    assertThrows(() => decodeVarint(decodeHex("01"), 0, maxBytes), RangeError, "not 1 to 10");
  }
  assertEquals(MAX_VARINT_BYTES, 10);
});

Deno.test("varint of more than 64 bits is refused", () => {
  assertThrows(() => decodeVarint64(decodeHex("ffffffffffffffffff02")), RangeError, "2^64 - 1");
});

Deno.test("varint refuses to write what is no unsigned integer or does not fit", () => {
  const target = new Uint8Array(4);
  for (const value of [-1, 0.5, NaN, Infinity, 2 ** 53, -1n, 1n << 64n]) {
    assertThrows(() => encodeVarint(value, target), RangeError, `Cannot write ${value}`);
    assertThrows(() => varintLength(value), RangeError);
  }
  assertThrows(() => encodeVarint(300, target, 3), RangeError, "does not fit");
  assertThrows(() => encodeVarint(3, target, -1), RangeError, "does not fit");
  assertEquals(target, new Uint8Array(4));
});

Deno.test("zigzag has the numbers of the protocol buffers documentation", () => {
  const vectors: [number | bigint, bigint][] = [
    [0, 0n],
    [-1, 1n],
    [1, 2n],
    [-2, 3n],
    [0x7fffffff, 0xfffffffen],
    [-0x80000000, 0xffffffffn],
    [(1n << 63n) - 1n, (1n << 64n) - 2n],
    [-(1n << 63n), (1n << 64n) - 1n],
  ];
  for (const [value, unsigned] of vectors) {
    assertEquals(encodeZigzag(value), unsigned);
    assertEquals(decodeZigzag(unsigned), BigInt(value));
  }
});

Deno.test("zigzag of every number maps back to it, and small ones stay small", () => {
  const int64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
  fc.assert(fc.property(int64, (value) => {
    assertEquals(decodeZigzag(encodeZigzag(value)), value);
  }));
  for (let value = -64; value < 64; value++) assertEquals(varintLength(encodeZigzag(value)), 1);
});

Deno.test("zigzag refuses what is no integer of 64 bits", () => {
  for (const value of [0.5, NaN, 2 ** 53, 1n << 63n, -(1n << 63n) - 1n]) {
    assertThrows(() => encodeZigzag(value), RangeError, `Cannot write ${value}`);
  }
});

Deno.test("varint is neither read nor written at what is no index", () => {
  const bytes = Uint8Array.of(5, 6, 7);
  for (const offset of [-1, 0.5, NaN, Infinity]) {
    assertThrows(() => decodeVarint(bytes, offset), RangeError, `at ${offset}`);
    assertThrows(() => decodeVarint64(bytes, offset), RangeError, `at ${offset}`);
    assertThrows(() => encodeVarint(1, bytes, offset), RangeError, `at ${offset}`);
  }
  assertEquals(decodeVarint(bytes, 3), undefined);
  assertEquals(bytes, Uint8Array.of(5, 6, 7));
});

Deno.test("zigzag refuses what is no number", () => {
  for (const value of ["5", "x", true, [], {}, null, undefined]) {
    assertThrows(() => encodeZigzag(value as never), RangeError);
  }
});
