import { assertEquals, assertThrows } from "@std/assert";
import { Cursor } from "../../buffer/_cursor.ts";
import {
  hasVarint,
  readVarint,
  readVarint64,
  readZigzag,
  readZigzag64,
  writeVarint,
} from "../../buffer/_varints.ts";
import { BufferUnderflowError } from "../../buffer/errors.ts";
import { encodeZigzag } from "../../buffer/varint.ts";

function cursor(): Cursor {
  return new Cursor(new Uint8Array(0), "utf8", "network", false);
}

Deno.test("varints of a cursor are read one after the other", () => {
  const c = cursor();
  for (const value of [1, 300, 2 ** 40, (1n << 64n) - 1n]) writeVarint(c, value);
  for (const value of [-1, -(1n << 63n)]) writeVarint(c, encodeZigzag(value));
  assertEquals(readVarint(c, 10), 1);
  assertEquals(readVarint(c, 10), 300);
  assertEquals(readVarint(c, 10), 2 ** 40);
  assertEquals(readVarint64(c, 10), (1n << 64n) - 1n);
  assertEquals(readZigzag(c, 10), -1);
  assertEquals(readZigzag64(c, 10), -(1n << 63n));
  assertEquals(c.available, 0);
});

Deno.test("varint does not run on into the room behind the data", () => {
  const c = cursor();
  writeVarint(c, 5);
  c.bytes[0] = 0x85; // as if cut off; the storage behind it is zeros
  assertEquals(hasVarint(c, 10), false);
  assertEquals(c.missing, 1);
  for (const read of [readVarint, readVarint64, readZigzag, readZigzag64]) {
    const error = assertThrows(() => read(c, 10), BufferUnderflowError);
    assertEquals(error.missing, 1);
  }
  assertEquals(c.position, 0);
});

Deno.test("varint that is too long or too large leaves the position unchanged", () => {
  const c = cursor();
  writeVarint(c, (1n << 64n) - 1n);
  assertThrows(() => readVarint(c, 9), RangeError, "longer than 9");
  assertThrows(() => readVarint(c, 10), RangeError, "2^53 - 1");
  assertThrows(() => readZigzag(c, 10), RangeError, "2^53 - 1");
  assertThrows(() => hasVarint(c, 9), RangeError, "longer than 9");
  assertEquals(hasVarint(c, 10), true);
  assertEquals(c.missing, 0);
  assertEquals(c.position, 0);
});

Deno.test("zigzag is read as a number up to the last safe integer of either sign", () => {
  const c = cursor();
  const borders = [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
  for (const value of borders) writeVarint(c, encodeZigzag(value));
  for (const value of borders) assertEquals(readZigzag(c, 10), value);
});
