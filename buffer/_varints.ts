// Floor 1: codec.
import type { Cursor } from "./_cursor.ts";
import { varintBigValue, varintSize, varintValue } from "./_leb128.ts";
import { decodeZigzag, encodeVarint, varintLength } from "./varint.ts";

/** Whether a varint ends within the data; notes a missing byte. */
export function hasVarint(cursor: Cursor, maxBytes: number): boolean {
  const found = varintSize(cursor.bytes, cursor.position, cursor.length, maxBytes) > 0;
  cursor.missing = found ? 0 : 1;
  return found;
}

/** Reads an unsigned varint as a number. */
export function readVarint(cursor: Cursor, maxBytes: number): number {
  const size = sizeOf(cursor, maxBytes);
  const value = varintValue(cursor.bytes, cursor.position, size);
  cursor.take(size);
  return value;
}

/** Reads an unsigned varint as a bigint. */
export function readVarint64(cursor: Cursor, maxBytes: number): bigint {
  const size = sizeOf(cursor, maxBytes);
  const value = varintBigValue(cursor.bytes, cursor.position, size);
  cursor.take(size);
  return value;
}

/** Reads a signed varint as a number. */
export function readZigzag(cursor: Cursor, maxBytes: number): number {
  const size = sizeOf(cursor, maxBytes);
  const value = Number(decodeZigzag(varintBigValue(cursor.bytes, cursor.position, size)));
  if (!Number.isSafeInteger(value)) {
    throw new RangeError("Cannot read the varint as a number: it is beyond 2^53 - 1");
  }
  cursor.take(size);
  return value;
}

/** Reads a signed varint as a bigint. */
export function readZigzag64(cursor: Cursor, maxBytes: number): bigint {
  return decodeZigzag(readVarint64(cursor, maxBytes));
}

/** Writes an unsigned varint. */
export function writeVarint(cursor: Cursor, value: number | bigint): void {
  const at = cursor.room(varintLength(value));
  encodeVarint(value, cursor.bytes, at);
}

function sizeOf(cursor: Cursor, maxBytes: number): number {
  const size = varintSize(cursor.bytes, cursor.position, cursor.length, maxBytes);
  if (size < 0) throw cursor.underflow(cursor.available + 1);
  return size;
}
