// Floor 1: codec.
// The widths that DataView lacks, and the check of all of them.

/** Reads an unsigned integer of 24 bits. */
export function getUint24(view: DataView, at: number, little: boolean): number {
  return little
    ? view.getUint16(at, true) | (view.getUint8(at + 2) << 16)
    : (view.getUint8(at) << 16) | view.getUint16(at + 1);
}

/** Reads an unsigned integer of 40 bits. */
export function getUint40(view: DataView, at: number, little: boolean): number {
  return little
    ? view.getUint32(at, true) + view.getUint8(at + 4) * 0x1_0000_0000
    : view.getUint8(at) * 0x1_0000_0000 + view.getUint32(at + 1);
}

/** Reads an unsigned integer of 48 bits. */
export function getUint48(view: DataView, at: number, little: boolean): number {
  return little
    ? view.getUint32(at, true) + view.getUint16(at + 4, true) * 0x1_0000_0000
    : view.getUint16(at) * 0x1_0000_0000 + view.getUint32(at + 2);
}

/** The signed integer that has the same `bits` bits as the unsigned one. */
export function toSigned(value: number, bits: number): number {
  const half = 2 ** (bits - 1);
  return value >= half ? value - 2 * half : value;
}

/** Writes the low 24 bits of an integer. */
export function setInt24(view: DataView, at: number, value: number, little: boolean): void {
  if (little) {
    view.setUint16(at, value, true);
    view.setUint8(at + 2, value >> 16);
  } else {
    view.setUint8(at, value >> 16);
    view.setUint16(at + 1, value);
  }
}

/** Writes the low 40 bits of an integer. */
export function setInt40(view: DataView, at: number, value: number, little: boolean): void {
  // DataView takes each value modulo its width, so the high part only has to be rounded down.
  view.setUint32(little ? at : at + 1, value, little);
  view.setUint8(little ? at + 4 : at, Math.floor(value / 0x1_0000_0000));
}

/** Writes the low 48 bits of an integer. */
export function setInt48(view: DataView, at: number, value: number, little: boolean): void {
  view.setUint32(little ? at : at + 2, value, little);
  view.setUint16(little ? at + 4 : at, Math.floor(value / 0x1_0000_0000), little);
}

/**
 * Returns `value` if it is an integer of `bits` bits without a sign.
 *
 * @throws {RangeError} if not.
 */
export function checkUint(value: number, bits: number): number {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** bits) return value;
  throw outside(value, `0 to 2^${bits} - 1`);
}

/**
 * Returns `value` if it is an integer of `bits` bits with a sign, or an unsigned one of so many bits.
 *
 * @throws {RangeError} if not.
 */
export function checkInt(value: number, bits: number): number {
  if (Number.isInteger(value) && value >= -(2 ** (bits - 1)) && value < 2 ** bits) return value;
  throw outside(value, `-2^${bits - 1} to 2^${bits} - 1`);
}

/**
 * Returns `value` as a bigint if it is an integer of 64 bits without a sign. A number must be a safe integer.
 *
 * @throws {RangeError} if not.
 */
export function checkUint64(value: number | bigint): bigint {
  if (
    typeof value === "bigint" ? value >= 0n && value >> 64n === 0n : isSafe(value) && value >= 0
  ) {
    return BigInt(value);
  }
  throw outside(value, "0 to 2^64 - 1");
}

/**
 * Returns `value` as a bigint if it is an integer of 64 bits with a sign, or an unsigned one. A number must be a safe integer.
 *
 * @throws {RangeError} if not.
 */
export function checkInt64(value: number | bigint): bigint {
  if (
    typeof value === "bigint"
      ? value >= -(1n << 63n) && (value < 0n || value >> 64n === 0n)
      : isSafe(value)
  ) return BigInt(value);
  throw outside(value, "-2^63 to 2^64 - 1");
}

function isSafe(value: number): boolean {
  return Number.isSafeInteger(value);
}

function outside(value: number | bigint, range: string): RangeError {
  return new RangeError(`Cannot write ${value}: not an integer from ${range}`);
}
