// Floor 1: codec.

/** The most bytes of a varint: those of a 64-bit number. */
export const MAX_BYTES = 10;

/** The largest number of 64 bits. */
export const MAX_UINT64: bigint = (1n << 64n) - 1n;

/**
 * The number of bytes of the varint at `offset`; -1 if it goes on behind `end`.
 *
 * @throws {RangeError} if it is longer than `maxBytes`, or that is not 1 to 10, or `offset` is no index.
 */
export function varintSize(
  bytes: Uint8Array,
  offset: number,
  end: number,
  maxBytes: number,
): number {
  if (!(maxBytes >= 1 && maxBytes <= MAX_BYTES)) {
    throw new RangeError(`Cannot read a varint of up to ${maxBytes} bytes: not 1 to ${MAX_BYTES}`);
  }
  if (!(Number.isInteger(offset) && offset >= 0)) {
    throw new RangeError(`Cannot read a varint at ${offset}: not an index`);
  }
  for (let size = 1; size <= maxBytes; size++) {
    const at = offset + size - 1;
    if (at >= end) return -1;
    if (bytes[at] < 0x80) return size;
  }
  throw new RangeError(`Cannot read the varint: it is longer than ${maxBytes} bytes`);
}

/**
 * The value of a varint of `size` bytes.
 *
 * @throws {RangeError} if it is above 2^53 - 1.
 */
export function varintValue(bytes: Uint8Array, offset: number, size: number): number {
  let value = 0;
  for (let i = offset + size - 1; i >= offset; i--) value = value * 0x80 + (bytes[i] & 0x7f);
  if (value <= Number.MAX_SAFE_INTEGER) return value;
  throw new RangeError("Cannot read the varint as a number: it is above 2^53 - 1");
}

/**
 * The value of a varint of `size` bytes, as a bigint.
 *
 * @throws {RangeError} if it is above 2^64 - 1.
 */
export function varintBigValue(bytes: Uint8Array, offset: number, size: number): bigint {
  let value = 0n;
  for (let i = offset + size - 1; i >= offset; i--) value = (value << 7n) | BigInt(bytes[i] & 0x7f);
  if (value <= MAX_UINT64) return value;
  throw new RangeError("Cannot read the varint: it is above 2^64 - 1");
}
