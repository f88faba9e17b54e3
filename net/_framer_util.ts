// Floor 1: codec.
import { encodeUtf8, encodeUtf8Into } from "../buffer/utf8.ts";
import type { FramingSink } from "./framer.ts";

/** Messages up to this length are copied beside their header; longer ones are handed on as they are. */
export const INLINE_LENGTH = 4096;

/** Checks the option `maxLength` of a framer. */
export function checkMaxLength(maxLength: number): number {
  if (!Number.isSafeInteger(maxLength) || maxLength < 0) {
    throw new RangeError(`Cannot make framer: maxLength ${maxLength} is no non-negative integer`);
  }
  return maxLength;
}

/** Checks the option `unterminated` of a framer. */
export function checkUnterminated(value: string | undefined): void {
  if (value !== undefined && value !== "error" && value !== "message") {
    throw new TypeError(`Cannot make framer: unterminated is neither "error" nor "message"`);
  }
}

/**
 * Checks what is to be sent, or has come. Text has a length and no bytes, and would go as zeros.
 *
 * @throws {TypeError} when it is no Uint8Array
 */
export function checkBytes(bytes: Uint8Array, doing: string): void {
  if (bytes instanceof Uint8Array) return;
  throw new TypeError(`Cannot ${doing}: it takes a Uint8Array, not ${described(bytes)}`);
}

/** What a value is, for an error. */
export function described(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === "object" ? Object.prototype.toString.call(value) : `a ${typeof value}`;
}

/** `buffer.set(bytes, offset)`, which for few bytes costs more than a loop. */
export function copyInto(buffer: Uint8Array, offset: number, bytes: Uint8Array): void {
  const { length } = bytes;
  if (length > 32) {
    buffer.set(bytes, offset);
    return;
  }
  for (let i = 0; i < length; i++) buffer[offset + i] = bytes[i];
}

/** The bytes of an option that is text or bytes. */
export function toBytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? encodeUtf8(value) : value.slice();
}

/** Where `byte` is in `bytes[from..to]`, or -1. */
export function indexOfByte(bytes: Uint8Array, byte: number, from: number, to: number): number {
  // The built-in search is fast but dear to call: short messages are found by the loop.
  const near = Math.min(to, from + 64);
  for (let i = from; i < near; i++) if (bytes[i] === byte) return i;
  if (near === to) return -1;
  const found = bytes.indexOf(byte, near);
  return found < to ? found : -1;
}

/** Where `marker` is in `bytes[from..to]`, or -1. */
export function indexOfBytes(
  bytes: Uint8Array,
  marker: Uint8Array,
  from: number,
  to: number,
): number {
  const { length } = marker;
  const last = to - length + 1;
  for (let at = from; (at = indexOfByte(bytes, marker[0], at, last)) >= 0; at++) {
    let i = 1;
    while (i < length && bytes[at + i] === marker[i]) i++;
    if (i === length) return at;
  }
  return -1;
}

/** Longer text is encoded on its own, since room for the worst case is three times its length. */
const LONG_TEXT = 8192;

/** Writes `text` as UTF-8, and `ending`, into `sink`. */
export function putText(text: string, ending: Uint8Array, sink: FramingSink): void {
  const inline = text.length <= LONG_TEXT;
  if (!inline) sink.write(encodeUtf8(text));
  const offset = sink.reserve((inline ? text.length * 3 : 0) + ending.length);
  const { buffer } = sink;
  const written = inline ? encodeUtf8Into(text, buffer, offset) : 0;
  copyInto(buffer, offset + written, ending);
  sink.commit(written + ending.length);
}
