// Floor 1: codec.
// DataView has float16 only since ECMAScript 2025, and this module runs on older engines too.

/** The smallest normal number of the format. */
const SMALLEST_NORMAL = 2 ** -14;
/** The distance between subnormal numbers. */
const SUBNORMAL_STEP = 2 ** -24;
/** From here on a number rounds to infinity: half a step above the largest, 65504. */
const OVERFLOW = 65520;

/** The bits of `value` in IEEE 754 binary16, rounded to the nearest, ties to even. */
export function float16ToBits(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size >= OVERFLOW) return sign | 0x7c00;
  if (size < SMALLEST_NORMAL) return sign | roundHalfEven(size / SUBNORMAL_STEP);
  // log2 may be off by one beside a power of two. That does no harm: there the mantissa rounds to 1024 or 2048,
  // and carries into the exponent.
  const exponent = Math.floor(Math.log2(size));
  return sign | (((exponent + 14) << 10) + roundHalfEven(size / 2 ** (exponent - 10)));
}

/** The number that binary16 `bits` stand for. */
export function bitsToFloat16(bits: number): number {
  const sign = (bits & 0x8000) !== 0 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0x1f) return mantissa !== 0 ? NaN : sign * Infinity;
  if (exponent === 0) return sign * mantissa * SUBNORMAL_STEP;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
