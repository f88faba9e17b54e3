// Floor 1: codec.
// The part of DER (ITU-T X.690) that certificates need.
import { concat } from "@std/bytes";

/** The tags of universal types. */
const TAG = {
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  OBJECT_IDENTIFIER: 0x06,
  UTF8_STRING: 0x0c,
  SEQUENCE: 0x30,
  SET: 0x31,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
} as const;

/** A value with its tag and its length. */
export function derValue(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = concat(parts);
  const { length } = content;
  const head = length < 0x80
    ? [tag, length]
    : length < 0x100
    ? [tag, 0x81, length]
    : length < 0x10000
    ? [tag, 0x82, length >> 8, length & 255]
    : [tag, 0x83, length >> 16, (length >> 8) & 255, length & 255];
  return concat([Uint8Array.from(head), content]);
}

/** An ordered list. */
export function derSequence(...parts: readonly Uint8Array[]): Uint8Array {
  return derValue(TAG.SEQUENCE, ...parts);
}

/** A set of one. */
export function derSet(part: Uint8Array): Uint8Array {
  return derValue(TAG.SET, part);
}

/** A whole number that is not negative, from its bytes, highest first. */
export function derInteger(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const digits = bytes.length === 0 ? Uint8Array.of(0) : bytes.subarray(start);
  return derValue(TAG.INTEGER, digits[0] >= 0x80 ? Uint8Array.of(0) : new Uint8Array(0), digits);
}

/** Bits, of which there are eight in every byte. */
export function derBitString(bytes: Uint8Array): Uint8Array {
  return derValue(TAG.BIT_STRING, Uint8Array.of(0), bytes);
}

/** Bytes. */
export function derOctetString(bytes: Uint8Array): Uint8Array {
  return derValue(TAG.OCTET_STRING, bytes);
}

/** Text. */
export function derText(text: string): Uint8Array {
  return derValue(TAG.UTF8_STRING, new TextEncoder().encode(text));
}

/** An object identifier, from its dotted form. */
export function derObjectId(dotted: string): Uint8Array {
  const [first, second, ...rest] = dotted.split(".").map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const digits = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      digits.unshift((left & 0x7f) | 0x80);
    }
    bytes.push(...digits);
  }
  return derValue(TAG.OBJECT_IDENTIFIER, Uint8Array.from(bytes));
}

/** A moment, to the second: in the short form until 2049, as certificates want it (RFC 5280 §4.1.2.5). */
export function derTime(date: Date): Uint8Array {
  const text = date.toISOString().replace(/\.\d+/, "").replace(/[-:T]/g, "");
  const short = date.getUTCFullYear() < 2050;
  const bytes = new TextEncoder().encode(short ? text.slice(2) : text);
  return derValue(short ? TAG.UTC_TIME : TAG.GENERALIZED_TIME, bytes);
}
