// Floor 1: codec.

const HEX_DIGITS = "0123456789abcdef";
const BASE64_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const NO_DIGIT = 0xff;

/** Two hex digits for each byte. */
const HEX_PAIRS: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => HEX_DIGITS[byte >> 4] + HEX_DIGITS[byte & 15],
);
const HEX_VALUES = valuesOf(HEX_DIGITS);
for (let i = 10; i < 16; i++) HEX_VALUES[HEX_DIGITS[i].toUpperCase().charCodeAt(0)] = i;
const BASE64_VALUES = valuesOf(BASE64_DIGITS);

/** The value of each ASCII digit. */
function valuesOf(digits: string): Uint8Array {
  const values = new Uint8Array(128).fill(NO_DIGIT);
  for (let i = 0; i < digits.length; i++) values[digits.charCodeAt(i)] = i;
  return values;
}

/** The value of the digit at `index` of `text`. */
function digit(values: Uint8Array, text: string, index: number, what: string): number {
  const value = values[text.charCodeAt(index)] ?? NO_DIGIT;
  if (value === NO_DIGIT) {
    throw new TypeError(`Cannot decode ${what}: character ${index} is not a digit of it`);
  }
  return value;
}

/** Bytes as hex, two lower-case digits each, with `separator` between bytes. */
export function encodeHex(bytes: Uint8Array, separator: string = ""): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) {
    text += i === 0 ? HEX_PAIRS[bytes[i]] : separator + HEX_PAIRS[bytes[i]];
  }
  return text;
}

/**
 * Hex as bytes; either case, nothing but digits.
 *
 * @throws {TypeError} if it is not hex.
 */
export function decodeHex(text: string): Uint8Array<ArrayBuffer> {
  if (text.length % 2 !== 0) {
    throw new TypeError(`Cannot decode hex: ${text.length} digits are not whole bytes`);
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (digit(HEX_VALUES, text, i * 2, "hex") << 4) |
      digit(HEX_VALUES, text, i * 2 + 1, "hex");
  }
  return bytes;
}

/** Bytes as base64 with padding (RFC 4648 §4). */
export function encodeBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const group = (bytes[i] << 16) | (left > 1 ? bytes[i + 1] << 8 : 0) |
      (left > 2 ? bytes[i + 2] : 0);
    text += BASE64_DIGITS[group >> 18] + BASE64_DIGITS[(group >> 12) & 63];
    text += left > 1 ? BASE64_DIGITS[(group >> 6) & 63] : "=";
    text += left > 2 ? BASE64_DIGITS[group & 63] : "=";
  }
  return text;
}

/**
 * Base64 as bytes (RFC 4648 §4). Padding may be left out, but not be wrong; bits behind the last byte must be 0.
 *
 * @throws {TypeError} if it is not base64.
 */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  let digits = text.length;
  if (digits % 4 === 0 && text.endsWith("=")) digits -= text.endsWith("==") ? 2 : 1;
  const left = digits % 4;
  if (left === 1) throw new TypeError(`Cannot decode base64: ${digits} digits are not whole bytes`);
  const bytes = new Uint8Array(Math.floor(digits * 3 / 4));
  let group = 0;
  for (let i = 0, at = 0; i < digits; i++) {
    group = (group << 6) | digit(BASE64_VALUES, text, i, "base64");
    if (i % 4 === 3) {
      bytes[at++] = group >> 16;
      bytes[at++] = group >> 8;
      bytes[at++] = group;
      group = 0;
    } else if (i === digits - 1) {
      const spare = left === 2 ? 4 : 2;
      if ((group & ((1 << spare) - 1)) !== 0) {
        throw new TypeError("Cannot decode base64: bits behind the last byte are not 0");
      }
      group >>= spare;
      if (left === 3) bytes[at++] = group >> 8;
      bytes[at++] = group;
    }
  }
  return bytes;
}
