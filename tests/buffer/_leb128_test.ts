import { assertEquals, assertThrows } from "@std/assert";
import { MAX_BYTES, varintBigValue, varintSize, varintValue } from "../../buffer/_leb128.ts";

const bytes = Uint8Array.of(0xff, 0xac, 0x02, 0x05);

Deno.test("varint size stops at the given end, not at the end of the array", () => {
  assertEquals(varintSize(bytes, 1, 4, MAX_BYTES), 2);
  assertEquals(varintSize(bytes, 1, 3, MAX_BYTES), 2);
  assertEquals(varintSize(bytes, 1, 2, MAX_BYTES), -1);
  assertEquals(varintSize(bytes, 1, 1, MAX_BYTES), -1);
  assertEquals(varintSize(bytes, 3, 4, MAX_BYTES), 1);
});

Deno.test("varint size refuses a longer one only when its last allowed byte goes on", () => {
  assertEquals(varintSize(bytes, 0, 1, 2), -1);
  assertThrows(() => varintSize(bytes, 0, 2, 2), RangeError, "longer than 2 bytes");
  assertEquals(varintSize(bytes, 0, 4, 3), 3);
});

Deno.test("varint value is exact to 2^53 - 1 and refused above", () => {
  const most = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f);
  assertEquals(varintValue(most, 0, 8), Number.MAX_SAFE_INTEGER);
  most[7] = 0x10;
  assertThrows(() => varintValue(most, 0, 8), RangeError, "2^53 - 1");
  assertEquals(varintBigValue(most, 0, 8), (1n << 53n) + (1n << 49n) - 1n);
});
