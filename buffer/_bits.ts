// Floor 1: codec.
import type { Cursor } from "./_cursor.ts";

/** The most bits of one value: those of a safe integer. */
const MAX_BITS = 53;

/** Reads `count` bits, the highest first. */
export function readBits(cursor: Cursor, count: number): number {
  checkCount(count);
  if (count > cursor.unreadBits) cursor.ahead(bytesFor(cursor, count));
  let value = 0;
  for (let left = count; left > 0;) {
    if (cursor.unreadBits === 0) {
      cursor.position++;
      cursor.unreadBits = 8;
    }
    const size = Math.min(left, cursor.unreadBits);
    cursor.unreadBits -= size;
    left -= size;
    const bits = cursor.bytes[cursor.position - 1] >> cursor.unreadBits & ((1 << size) - 1);
    // Not by shifts: they end at 32 bits.
    value = value * 2 ** size + bits;
  }
  return value;
}

/** Whether `count` bits can be read; notes the whole bytes that are missing. */
export function hasBits(cursor: Cursor, count: number): boolean {
  checkCount(count);
  return cursor.has(Math.max(0, bytesFor(cursor, count)));
}

/** Writes the low `count` bits of `value`, the highest first. The rest of the last byte is 0 for now. */
export function writeBits(cursor: Cursor, value: number, count: number): void {
  checkCount(count);
  if (!(Number.isInteger(value) && value >= 0 && value < 2 ** count)) {
    throw new RangeError(
      `Cannot write ${value} in ${count} bits: not an integer from 0 to 2^${count} - 1`,
    );
  }
  let left = count;
  // Where the first of these bits lie: behind those of the last write, or in new bytes.
  let free = cursor.unwrittenBits;
  let at = cursor.end - 1;
  const fresh = Math.ceil((count - free) / 8);
  if (fresh > 0) {
    const start = cursor.room(fresh);
    cursor.bytes.fill(0, start, start + fresh);
  }
  while (left > 0) {
    if (free === 0) {
      at++;
      free = 8;
    }
    const size = Math.min(left, free);
    left -= size;
    free -= size;
    cursor.bytes[at] |= (Math.floor(value / 2 ** left) % 2 ** size) << free;
  }
  cursor.unwrittenBits = free;
}

function bytesFor(cursor: Cursor, count: number): number {
  return Math.ceil((count - cursor.unreadBits) / 8);
}

function checkCount(count: number): void {
  if (Number.isInteger(count) && count >= 0 && count <= MAX_BITS) return;
  throw new RangeError(`Cannot use ${count} bits at once: not an integer from 0 to ${MAX_BITS}`);
}
