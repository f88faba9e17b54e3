// Floor 1: codec.
import { wrongKind } from "./_bytes.ts";
import type { Cursor } from "./_cursor.ts";
import { varintSize, varintValue } from "./_leb128.ts";
import { decodeText, encodeText, encodingUnitSize, IS_LITTLE_ENDIAN } from "./encodings.ts";
import { BufferUnderflowError } from "./errors.ts";
import { encodeUtf8Into, utf8ByteLength } from "./utf8.ts";
import { encodeVarint, varintLength } from "./varint.ts";

/** The length before a string is that of a 32-bit number at most, as in .NET and POCO. */
const MAX_PREFIX_BYTES = 5;
const MAX_STRING_BYTES = 0xffff_ffff;
const CR = 0x0d;
const LF = 0x0a;

/** Where a text lies, and where reading goes on behind it. */
export interface Span {
  start: number;
  end: number;
  next: number;
}

/** Finds the string with a length before it; `undefined` if it is not all there, and notes what is missing. */
export function findString(cursor: Cursor, limit: number): Span | undefined {
  const { bytes, position } = cursor;
  const size = varintSize(bytes, position, cursor.length, MAX_PREFIX_BYTES);
  if (size < 0) {
    cursor.missing = 1;
    return undefined;
  }
  const length = varintValue(bytes, position, size);
  const most = Math.min(limit, cursor.maxSize, MAX_STRING_BYTES);
  if (!(length <= most)) {
    throw new RangeError(`Cannot read a string of ${length} bytes: the limit is ${most}`);
  }
  if (!cursor.has(size + length)) return undefined;
  const start = position + size;
  return { start, end: start + length, next: start + length };
}

/** Finds the next `length` bytes of text. */
export function findText(cursor: Cursor, length: number): Span | undefined {
  if (!cursor.has(length)) return undefined;
  const start = cursor.position;
  return { start, end: start + length, next: start + length };
}

/** Finds the text up to the next LF, without the CR before it. */
export function findLine(cursor: Cursor, limit: number): Span | undefined {
  const unit = unitOfText(cursor, "a line");
  const start = cursor.position;
  const at = indexOfUnit(cursor, LF, unit);
  // A last CR may yet turn out to be part of the line end.
  const stop = at < 0 ? lastWhole(cursor, unit) : at;
  const end = stop - start >= unit && unitAt(cursor, stop - unit, unit) === CR ? stop - unit : stop;
  checkLimit(end - start, limit, "a line");
  return at < 0 ? noEnd(cursor, unit) : { start, end, next: at + unit };
}

/** Finds the text up to the next NUL. */
export function findCString(cursor: Cursor, limit: number): Span | undefined {
  const unit = unitOfText(cursor, "a NUL-terminated text");
  const start = cursor.position;
  const at = indexOfUnit(cursor, 0, unit);
  const end = at < 0 ? lastWhole(cursor, unit) : at;
  checkLimit(end - start, limit, "a NUL-terminated text");
  return at < 0 ? noEnd(cursor, unit) : { start, end, next: at + unit };
}

/** Takes the text of a span, which is not all there if it is undefined. */
export function takeText(cursor: Cursor, span: Span | undefined, what: string): string {
  if (span === undefined) {
    const { available, missing } = cursor;
    throw new BufferUnderflowError(
      `Cannot read ${what}: it does not end within the ${available} bytes that are left`,
      missing,
    );
  }
  const { encoding, fatal } = cursor;
  const text = decodeText(cursor.bytes.subarray(span.start, span.end), encoding, { fatal });
  cursor.moveTo(span.next);
  cursor.missing = 0;
  return text;
}

/** Writes a string with its length in bytes before it. */
export function writeString(cursor: Cursor, text: string): void {
  if (typeof text !== "string") throw wrongKind(text, "text");
  const plainUtf8 = cursor.encoding === "utf8" && !cursor.fatal;
  const bytes = plainUtf8 ? undefined : encoded(cursor, text);
  const length = bytes?.length ?? utf8ByteLength(text);
  const prefix = varintLength(length);
  const at = cursor.room(prefix + length);
  encodeVarint(length, cursor.bytes, at);
  if (bytes === undefined) encodeUtf8Into(text, cursor.bytes, at + prefix);
  else cursor.bytes.set(bytes, at + prefix);
}

/** Writes a text as it is. */
export function writeText(cursor: Cursor, text: string): void {
  if (typeof text !== "string") throw wrongKind(text, "text");
  if (cursor.encoding === "utf8" && !cursor.fatal) {
    const at = cursor.room(utf8ByteLength(text));
    encodeUtf8Into(text, cursor.bytes, at);
    return;
  }
  const bytes = encoded(cursor, text);
  const at = cursor.room(bytes.length);
  cursor.bytes.set(bytes, at);
}

/** Writes a text and a line end. */
export function writeLine(cursor: Cursor, text: string, end: string): void {
  unitOfText(cursor, "a line");
  if (text.includes("\n")) {
    throw new TypeError("Cannot write a line: the text has a line end in it");
  }
  if (end !== "\n" && end !== "\r\n") {
    throw new TypeError(`Cannot end a line with ${JSON.stringify(end)}`);
  }
  writeText(cursor, text + end);
}

/** Writes a text and a NUL. */
export function writeCString(cursor: Cursor, text: string): void {
  unitOfText(cursor, "a NUL-terminated text");
  if (text.includes("\0")) {
    throw new TypeError("Cannot write a NUL-terminated text: it has a NUL in it");
  }
  writeText(cursor, text + "\0");
}

function encoded(cursor: Cursor, text: string): Uint8Array {
  return encodeText(text, cursor.encoding, { fatal: cursor.fatal });
}

/** The size of a unit of text; hex and base64 have no terminators, for any byte may stand in them. */
function unitOfText(cursor: Cursor, what: string): number {
  const { encoding } = cursor;
  if (encoding === "hex" || encoding === "base64") {
    throw new TypeError(`Cannot use ${what} in ${encoding}: its bytes may be anything`);
  }
  return encodingUnitSize(encoding);
}

function unitAt(cursor: Cursor, at: number, unit: number): number {
  if (unit === 1) return cursor.bytes[at];
  return unit === 2
    ? cursor.view.getUint16(at, IS_LITTLE_ENDIAN)
    : cursor.view.getUint32(at, IS_LITTLE_ENDIAN);
}

/** The index of a unit of text at a whole number of units from the position on; -1 if there is none. */
function indexOfUnit(cursor: Cursor, wanted: number, unit: number): number {
  const start = cursor.position;
  if (unit === 1) {
    const found = cursor.bytes.subarray(start, cursor.length).indexOf(wanted);
    return found < 0 ? -1 : start + found;
  }
  for (let at = start; at + unit <= cursor.length; at += unit) {
    if (unitAt(cursor, at, unit) === wanted) return at;
  }
  return -1;
}

/** Where the last whole unit of the data ends, counted from the position. */
function lastWhole(cursor: Cursor, unit: number): number {
  return cursor.length - cursor.available % unit;
}

/** Notes that at least the terminator is missing. */
function noEnd(cursor: Cursor, unit: number): undefined {
  cursor.missing = unit - cursor.available % unit;
}

function checkLimit(length: number, limit: number, what: string): void {
  if (length <= limit) return;
  throw new RangeError(
    `Cannot read ${what} of more than ${limit} bytes: it has at least ${length}`,
  );
}
