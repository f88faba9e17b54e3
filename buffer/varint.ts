// Floor 1: codec.
import { MAX_BYTES, MAX_UINT64, varintBigValue, varintSize, varintValue } from "./_leb128.ts";

/** The most bytes of a varint: those of a 64-bit number. */
export const MAX_VARINT_BYTES: number = MAX_BYTES;

const MIN_INT64 = -(1n << 63n);
const MAX_INT64 = (1n << 63n) - 1n;

/** A varint and the number of bytes it took. */
export interface DecodedVarint<T extends number | bigint> {
  /** The number. */
  value: T;
  /** Its bytes. */
  length: number;
}

/**
 * The number of bytes of `value` as a varint, 1 to 10.
 *
 * @throws {RangeError} if it is not an integer from 0 to 2^64 - 1; a `number` only to 2^53 - 1.
 *
 * @example
 * ```ts
 * import { varintLength } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([varintLength(127), varintLength(128), varintLength(1n << 63n)], [1, 2, 10]);
 * ```
 */
export function varintLength(value: number | bigint): number {
  check(value);
  let length = 1;
  if (typeof value === "bigint") {
    for (let rest = value >> 7n; rest > 0n; rest >>= 7n) length++;
  } else {
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  }
  return length;
}

/**
 * Writes `value` into `target` as an unsigned LEB128 varint, low seven bits first, and returns the number of bytes, 1 to 10.
 * It is the format of Protocol Buffers and WebAssembly, and of the length prefixes of .NET and POCO.
 *
 * @throws {RangeError} if the value is not an integer from 0 to 2^64 - 1 (a `number` only to 2^53 - 1), or does not fit into the target.
 *
 * @example
 * ```ts
 * import { decodeVarint, encodeVarint } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new Uint8Array(2);
 * assertEquals(encodeVarint(300, bytes), 2);
 * assertEquals(bytes, new Uint8Array([0xac, 0x02]));
 * assertEquals(decodeVarint(bytes), { value: 300, length: 2 });
 * ```
 */
export function encodeVarint(
  value: number | bigint,
  target: Uint8Array,
  offset: number = 0,
): number {
  const length = varintLength(value);
  if (!(Number.isInteger(offset) && offset >= 0 && offset + length <= target.length)) {
    throw new RangeError(`Cannot write a varint of ${length} bytes at ${offset}: it does not fit`);
  }
  const last = offset + length - 1;
  if (typeof value === "bigint") {
    let rest = value;
    for (let i = offset; i < last; i++, rest >>= 7n) target[i] = Number(rest & 0x7fn) | 0x80;
    target[last] = Number(rest);
  } else {
    let rest = value;
    for (let i = offset; i < last; i++, rest = Math.floor(rest / 0x80)) {
      target[i] = (rest % 0x80) | 0x80;
    }
    target[last] = rest;
  }
  return length;
}

/**
 * Reads an unsigned varint at `offset`; `undefined` if the bytes end before it does.
 *
 * @param maxBytes the most bytes that it may have, 1 to 10.
 * @throws {RangeError} if it is longer than `maxBytes`, the number is above 2^53 - 1, or `offset` is not an integer from 0 up.
 *
 * @example
 * ```ts
 * import { decodeVarint } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(decodeVarint(new Uint8Array([0xac, 0x02])), { value: 300, length: 2 });
 * assertEquals(decodeVarint(new Uint8Array([0xac])), undefined); // it takes more bytes
 * ```
 */
export function decodeVarint(
  bytes: Uint8Array,
  offset: number = 0,
  maxBytes: number = MAX_VARINT_BYTES,
): DecodedVarint<number> | undefined {
  const length = varintSize(bytes, offset, bytes.length, maxBytes);
  return length < 0 ? undefined : { value: varintValue(bytes, offset, length), length };
}

/**
 * Reads an unsigned varint at `offset` as a bigint; `undefined` if the bytes end before it does.
 *
 * @param maxBytes the most bytes that it may have, 1 to 10.
 * @throws {RangeError} if it is longer than `maxBytes`, the number is above 2^64 - 1, or `offset` is not an integer from 0 up.
 *
 * @example
 * ```ts
 * import { decodeVarint64 } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new Uint8Array([0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
 * assertEquals(decodeVarint64(bytes, 1), { value: 18_446_744_073_709_551_615n, length: 10 });
 * ```
 */
export function decodeVarint64(
  bytes: Uint8Array,
  offset: number = 0,
  maxBytes: number = MAX_VARINT_BYTES,
): DecodedVarint<bigint> | undefined {
  const length = varintSize(bytes, offset, bytes.length, maxBytes);
  return length < 0 ? undefined : { value: varintBigValue(bytes, offset, length), length };
}

/**
 * Maps a signed number to the unsigned one that stands for it in a varint: 0, -1, 1, -2 become 0, 1, 2, 3, so that small
 * numbers of either sign are short.
 *
 * @throws {RangeError} if the value is not an integer from -2^63 to 2^63 - 1.
 *
 * @example
 * ```ts
 * import { decodeZigzag, encodeZigzag } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(encodeZigzag(-2), 3n);
 * assertEquals(decodeZigzag(3n), -2n);
 * ```
 */
export function encodeZigzag(value: number | bigint): bigint {
  if (typeof value !== "bigint" && !Number.isSafeInteger(value)) throw notInteger(value);
  const wide = BigInt(value);
  if (wide < MIN_INT64 || wide > MAX_INT64) throw notInteger(value);
  return wide >= 0n ? wide << 1n : (-wide << 1n) - 1n;
}

/**
 * Maps an unsigned number back to the signed one that {@linkcode encodeZigzag} made it of.
 *
 * @example
 * ```ts
 * import { decodeZigzag } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([0n, 1n, 2n, 3n].map(decodeZigzag), [0n, -1n, 1n, -2n]);
 * ```
 */
export function decodeZigzag(value: bigint): bigint {
  return (value & 1n) === 0n ? value >> 1n : -(value >> 1n) - 1n;
}

function check(value: number | bigint): void {
  const good = typeof value === "bigint"
    ? value >= 0n && value <= MAX_UINT64
    : Number.isSafeInteger(value) && value >= 0;
  if (!good) throw notInteger(value);
}

function notInteger(value: number | bigint): RangeError {
  return new RangeError(`Cannot write ${value} as a varint: not an integer in its range`);
}
