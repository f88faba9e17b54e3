// Floor 1: codec.
import {
  BYTE_ORDERS,
  type ByteOrder,
  type ByteOrderName,
  type Encoding,
  type EncodingName,
  ENCODINGS,
} from "./types.ts";
import { decodeUtf8, encodeUtf8, isAscii } from "./utf8.ts";
import { decodeBase64, decodeHex, encodeBase64, encodeHex } from "./_binary_text.ts";

/** Options of {@linkcode encodeText} and {@linkcode decodeText}. */
export interface TextCodingOptions {
  /**
   * Whether text that the encoding has no bytes for, and bytes that it has no text for, throw. If not, such a character is written as `?`
   * and such bytes are read as U+FFFD.
   *
   * @default {false}
   */
  fatal?: boolean;
}

/** Whether numbers are little-endian on this machine. */
export const IS_LITTLE_ENDIAN: boolean = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Labels by which `TextDecoder` knows the encodings that a table serves. */
const TABLE_LABELS: Partial<Record<Encoding, string>> = {
  latin2: "iso-8859-2",
  latin9: "iso-8859-15",
  windows1250: "windows-1250",
  windows1251: "windows-1251",
  windows1252: "windows-1252",
};

/** The names that are not simply the first one with a hyphen. */
const ALIASES: ReadonlyMap<string, Encoding> = new Map<string, Encoding>([
  ["usascii", "ascii"],
  ["iso88591", "latin1"],
  ["iso88592", "latin2"],
  ["iso885915", "latin9"],
]);

const REPLACEMENT = "\ufffd";
const QUESTION_MARK = 0x3f;
/** Units that `String.fromCharCode` takes at once without straining the stack. */
const UNITS_AT_ONCE = 4096;

/**
 * Returns the first name of an encoding. Case and hyphens do not matter.
 *
 * @throws {TypeError} if there is no such encoding.
 *
 * @example
 * ```ts
 * import { normalizeEncoding } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(normalizeEncoding("Windows-1252"), "windows1252");
 * assertEquals(normalizeEncoding("iso-8859-15"), "latin9");
 * ```
 */
export function normalizeEncoding(name: string): Encoding {
  if ((ENCODINGS as readonly string[]).includes(name)) return name as Encoding;
  const plain = typeof name === "string" ? name.toLowerCase().replaceAll("-", "") : "";
  const found = ENCODINGS.find((encoding) => encoding === plain) ?? ALIASES.get(plain);
  if (found !== undefined) return found;
  throw new TypeError(
    `Cannot use the encoding ${shown(name)}: known are ${ENCODINGS.join(", ")}`,
  );
}

/**
 * Returns the first name of a byte order. Case does not matter.
 *
 * @throws {TypeError} if there is no such byte order.
 *
 * @example
 * ```ts
 * import { BYTE_ORDERS, normalizeByteOrder } from "@sluice/sockets/buffer";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(normalizeByteOrder("LE"), "little");
 * assertEquals(BYTE_ORDERS, ["little", "big", "network", "native"]);
 * assertThrows(() => normalizeByteOrder("middle"), TypeError);
 * ```
 */
export function normalizeByteOrder(name: string): ByteOrder {
  const plain = typeof name === "string" ? name.toLowerCase() : "";
  const found = plain === "le"
    ? "little"
    : plain === "be"
    ? "big"
    : BYTE_ORDERS.find((o) => o === plain);
  if (found !== undefined) return found;
  throw new TypeError(
    `Cannot use the byte order ${shown(name)}: known are ${BYTE_ORDERS.join(", ")}`,
  );
}

/** A name as an error tells it; also what is no text. */
function shown(name: unknown): string {
  return typeof name === "string" ? JSON.stringify(name) : String(name);
}

/**
 * Whether a byte order puts the lowest byte first on this machine.
 *
 * @example
 * ```ts
 * import { IS_LITTLE_ENDIAN, isLittleEndian } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([isLittleEndian("le"), isLittleEndian("network")], [true, false]);
 * assertEquals(isLittleEndian("native"), IS_LITTLE_ENDIAN);
 * ```
 */
export function isLittleEndian(order: ByteOrderName): boolean {
  const plain = normalizeByteOrder(order);
  return plain === "little" || (plain === "native" && IS_LITTLE_ENDIAN);
}

/**
 * Encodes `text` into a new array.
 *
 * A character that the encoding does not have becomes `?`, a lone surrogate U+FFFD (or `?`).
 *
 * @throws {TypeError} if there is no such encoding or it is no text; if the text is not the hex or base64 that the encoding calls for; with `fatal`, also for each character that the encoding does not have.
 *
 * @example
 * ```ts
 * import { encodeText } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(encodeText("10 €", "latin9"), new Uint8Array([0x31, 0x30, 0x20, 0xa4]));
 * assertEquals(encodeText("a1b2", "hex"), new Uint8Array([0xa1, 0xb2]));
 * ```
 */
export function encodeText(
  text: string,
  encoding: EncodingName,
  options: TextCodingOptions = {},
): Uint8Array<ArrayBuffer> {
  if (typeof text !== "string") {
    throw new TypeError(`Cannot encode what is no text: ${String(text)}`);
  }
  const fatal = options.fatal === true;
  const plain = normalizeEncoding(encoding);
  switch (plain) {
    case "utf8":
      return encodeUtf8(wellFormed(text, plain, fatal));
    case "utf16":
      return encodeUtf16(wellFormed(text, plain, fatal));
    case "utf32":
      return encodeUtf32(wellFormed(text, plain, fatal));
    case "ascii":
      return encodeUpTo(text, 0x7f, plain, fatal);
    case "latin1":
      return encodeUpTo(text, 0xff, plain, fatal);
    case "hex":
      return decodeHex(text);
    case "base64":
      return decodeBase64(text);
    default:
      return encodeByTable(text, plain, fatal);
  }
}

/**
 * Decodes `bytes` into text. A byte order mark is a character like any other and stays.
 *
 * @throws {TypeError} if there is no such encoding, or they are no bytes; with `fatal`, if the encoding has no text for them.
 *
 * @example
 * ```ts
 * import { decodeText } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(decodeText(new Uint8Array([0xcf, 0xf0, 0xe8]), "windows1251"), "При");
 * assertEquals(decodeText(new Uint8Array([0xa1, 0xb2]), "base64"), "obI=");
 * ```
 */
export function decodeText(
  bytes: Uint8Array,
  encoding: EncodingName,
  options: TextCodingOptions = {},
): string {
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError("Cannot decode what is no Uint8Array");
  }
  const fatal = options.fatal === true;
  const plain = normalizeEncoding(encoding);
  switch (plain) {
    case "utf8":
      return decodeUtf8(bytes, { fatal });
    case "utf16":
      return decodeUtf16(bytes, fatal);
    case "utf32":
      return decodeUtf32(bytes, fatal);
    case "hex":
      return encodeHex(bytes);
    case "base64":
      return encodeBase64(bytes);
    default:
      // The one-byte encodings all agree on ASCII, which the UTF-8 decoder is fastest at.
      return isAscii(bytes) ? decodeUtf8(bytes) : decodeOneByte(bytes, plain, fatal);
  }
}

/**
 * The size in bytes of the smallest unit of an encoding: that of a line end or of the NUL behind a text.
 *
 * @example
 * ```ts
 * import { ENCODINGS, encodingUnitSize } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const wide = ENCODINGS.filter((encoding) => encodingUnitSize(encoding) > 1);
 * assertEquals(wide, ["utf16", "utf32"]);
 * ```
 */
export function encodingUnitSize(encoding: EncodingName): 1 | 2 | 4 {
  const plain = normalizeEncoding(encoding);
  return plain === "utf16" ? 2 : plain === "utf32" ? 4 : 1;
}

const decoders = new Map<string, TextDecoder>();

function decoder(label: string): TextDecoder {
  let found = decoders.get(label);
  if (found === undefined) {
    found = new TextDecoder(label, { ignoreBOM: true });
    decoders.set(label, found);
  }
  return found;
}

/** By encoding, the byte of each UTF-16 unit; 0 for none, and for U+0000. */
const tables = new Map<Encoding, Uint8Array>();

/** The encoding table of a one-byte encoding: the decoder's, inverted. */
function table(encoding: Encoding): Uint8Array {
  let found = tables.get(encoding);
  if (found === undefined) {
    const all = decoder(TABLE_LABELS[encoding]!).decode(
      Uint8Array.from({ length: 256 }, (_, i) => i),
    );
    const units = Array.from(all, (character) => character.charCodeAt(0));
    found = new Uint8Array(Math.max(...units) + 1);
    for (let byte = 0; byte < 256; byte++) found[units[byte]] = byte;
    tables.set(encoding, found);
  }
  return found;
}

function encodeByTable(text: string, encoding: Encoding, fatal: boolean): Uint8Array<ArrayBuffer> {
  const byteOf = table(encoding);
  return encodeUnits(text, encoding, fatal, (unit) => byteOf[unit] || (unit === 0 ? 0 : -1));
}

function encodeUpTo(
  text: string,
  last: number,
  encoding: Encoding,
  fatal: boolean,
): Uint8Array<ArrayBuffer> {
  return encodeUnits(text, encoding, fatal, (unit) => unit <= last ? unit : -1);
}

/** One byte for each character; `byteOf` gives -1 where there is none. */
function encodeUnits(
  text: string,
  encoding: Encoding,
  fatal: boolean,
  byteOf: (unit: number) => number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    let byte = byteOf(text.charCodeAt(i));
    if (byte < 0) {
      const point = text.codePointAt(i)!;
      if (fatal) throw noBytesFor(point, encoding);
      byte = QUESTION_MARK;
      if (point > 0xffff) i++;
    }
    bytes[length++] = byte;
  }
  return length === bytes.length ? bytes : bytes.slice(0, length);
}

function noBytesFor(point: number, encoding: Encoding): TypeError {
  const hex = point.toString(16).toUpperCase().padStart(4, "0");
  return new TypeError(`Cannot encode U+${hex} as ${encoding}: the encoding does not have it`);
}

function noTextFor(encoding: Encoding): TypeError {
  return new TypeError(`Cannot decode the bytes: they are not ${encoding}`);
}

function wellFormed(text: string, encoding: Encoding, fatal: boolean): string {
  if (!fatal) return text;
  for (const character of text) {
    const point = character.codePointAt(0)!;
    if (point >= 0xd800 && point < 0xe000) throw noBytesFor(point, encoding);
  }
  return text;
}

function encodeUtf16(text: string): Uint8Array<ArrayBuffer> {
  const units = new Uint16Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    units[i] = unit;
    if (unit < 0xd800 || unit >= 0xe000) continue;
    const next = unit < 0xdc00 ? text.charCodeAt(i + 1) : 0;
    if (next >= 0xdc00 && next < 0xe000) units[++i] = next;
    else units[i] = 0xfffd;
  }
  return new Uint8Array(units.buffer);
}

function decodeUtf16(bytes: Uint8Array, fatal: boolean): string {
  const text = decoder(IS_LITTLE_ENDIAN ? "utf-16le" : "utf-16be").decode(bytes);
  if (!fatal || !text.includes(REPLACEMENT)) return text;
  // A replacement character may also have been sent as itself: then the same bytes come back.
  const again = encodeUtf16(text);
  if (again.length !== bytes.length || again.some((byte, i) => byte !== bytes[i])) {
    throw noTextFor("utf16");
  }
  return text;
}

function encodeUtf32(text: string): Uint8Array<ArrayBuffer> {
  const points = new Uint32Array(text.length);
  let length = 0;
  for (const character of text) {
    const point = character.codePointAt(0)!;
    points[length++] = point >= 0xd800 && point < 0xe000 ? 0xfffd : point;
  }
  return new Uint8Array(points.buffer.slice(0, length * 4));
}

function decodeUtf32(bytes: Uint8Array, fatal: boolean): string {
  const whole = bytes.length >> 2;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const parts: string[] = [];
  let units: number[] = [];
  for (let i = 0; i < whole; i++) {
    let point = view.getUint32(i * 4, IS_LITTLE_ENDIAN);
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
      if (fatal) throw noTextFor("utf32");
      point = 0xfffd;
    }
    units.push(point);
    if (units.length === UNITS_AT_ONCE) {
      parts.push(String.fromCodePoint(...units));
      units = [];
    }
  }
  parts.push(String.fromCodePoint(...units));
  if ((bytes.length & 3) !== 0) {
    if (fatal) throw noTextFor("utf32");
    parts.push(REPLACEMENT);
  }
  return parts.join("");
}

function decodeOneByte(bytes: Uint8Array, encoding: Encoding, fatal: boolean): string {
  if (encoding === "latin1") return fromUnits(bytes);
  if (encoding !== "ascii") return decoder(TABLE_LABELS[encoding]!).decode(bytes);
  if (fatal) throw noTextFor(encoding);
  return fromUnits(Uint16Array.from(bytes, (byte) => byte < 0x80 ? byte : 0xfffd));
}

function fromUnits(units: Uint8Array | Uint16Array): string {
  let text = "";
  for (let at = 0; at < units.length; at += UNITS_AT_ONCE) {
    text += String.fromCharCode(...units.subarray(at, at + UNITS_AT_ONCE));
  }
  return text;
}
