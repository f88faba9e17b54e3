// Floor 1: codec.
// One class is one page of documentation, so the methods are all here, a line each; the work is in the files with an underscore.
import { encodeHex } from "./_binary_text.ts";
import { bytesOf, copyOf, indexOfRun } from "./_bytes.ts";
import { hasBits, readBits } from "./_bits.ts";
import { Cursor } from "./_cursor.ts";
import { bitsToFloat16 } from "./_float16.ts";
import { getUint24, getUint40, getUint48, toSigned } from "./_integers.ts";
import { findCString, findLine, findString, findText, takeText } from "./_text.ts";
import { hasVarint, readVarint, readVarint64, readZigzag, readZigzag64 } from "./_varints.ts";
import { defineInspect } from "./define_inspect.ts";
import { decodeText, encodeText } from "./encodings.ts";
import { BufferUnderflowError } from "./errors.ts";
import { hexdump, type HexdumpOptions } from "./hexdump.ts";
import { MAX_VARINT_BYTES } from "./varint.ts";
import type { ByteOrder, ByteOrderName, BytesLike, Encoding, EncodingName } from "./types.ts";

/** How many of the bytes that are not read are shown. */
const SHOWN_BYTES = 16;

/** Options of {@linkcode ByteReader}. */
export interface ByteReaderOptions {
  /**
   * Whether reading bytes that the encoding has no text for throws a TypeError. If not, they become U+FFFD.
   *
   * @default {false}
   */
  fatal?: boolean;
}

/**
 * Reads numbers, texts and raw bytes one after the other out of bytes that are all there. Nothing is copied to make it.
 * {@linkcode ByteBuffer} is one that also writes and grows.
 *
 * Each kind of value has up to three methods:
 * - `read…` takes it. If its bytes are not all there it throws a {@linkcode BufferUnderflowError}, which is a RangeError; and if they are there but
 *   can't be such a value, a plain RangeError. Either leaves the position unchanged.
 * - `tryRead…` returns `undefined` where `read…` finds too little, and {@linkcode ByteReader.missing} tells how many bytes must come at least.
 * - `peek…` is `read…` without taking.
 *
 * Reads start at {@linkcode ByteReader.position}. What takes an index or gives one (`at`, `slice`, `indexOf`) counts from the first byte.
 *
 * @example
 * ```ts
 * import { ByteReader } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const reader = new ByteReader(new Uint8Array([0x01, 0x02, 0x03, 0x68, 0x69, 0x21]));
 * assertEquals(reader.readUint16(), 258);
 * assertEquals(reader.readString(), "hi!");
 * assertEquals(reader.tryReadUint8(), undefined);
 * assertEquals(reader.missing, 1);
 * ```
 */
export class ByteReader {
  static {
    defineInspect(ByteReader, ({ length, position, available, encoding, byteOrder, cursor }) => {
      const start = cursor.bytes.subarray(position, position + Math.min(available, SHOWN_BYTES));
      const more = available > SHOWN_BYTES ? " …" : "";
      return { length, position, unread: encodeHex(start, " ") + more, encoding, byteOrder };
    });
  }

  /** @internal */
  protected readonly cursor: Cursor;

  /**
   * Makes a reader at the first of `bytes`, which it does not copy.
   *
   * @param encoding how texts are encoded.
   * @param byteOrder the byte order of numbers.
   * @throws {TypeError} if there is no such encoding or byte order, or `bytes` are none.
   */
  constructor(
    bytes: BytesLike,
    encoding: EncodingName = "utf8",
    byteOrder: ByteOrderName = "network",
    options: ByteReaderOptions = {},
  ) {
    this.cursor = new Cursor(bytesOf(bytes), encoding, byteOrder, options.fatal === true);
  }

  /** How texts are encoded. It may be changed between reads. */
  get encoding(): Encoding {
    return this.cursor.encoding;
  }
  set encoding(name: EncodingName) {
    this.cursor.encoding = name;
  }

  /** The byte order of numbers. It may be changed between reads. */
  get byteOrder(): ByteOrder {
    return this.cursor.byteOrder;
  }
  set byteOrder(name: ByteOrderName) {
    this.cursor.byteOrder = name;
  }

  /** Bytes of data, read or not. */
  get length(): number {
    return this.cursor.length;
  }

  /**
   * The index of the next byte to read, which may be set. While bits are read, that of the byte behind theirs.
   *
   * @throws {RangeError} if it is set to anything but an integer from 0 to the length.
   */
  get position(): number {
    return this.cursor.position;
  }
  set position(index: number) {
    this.cursor.seek(index);
  }

  /** Bytes that are not read yet. */
  get available(): number {
    return this.cursor.available;
  }

  /** How many bytes the last `tryRead…` lacked at least; 0 if it found all that it needed. */
  get missing(): number {
    return this.cursor.missing;
  }

  /** The byte at `index`, counted from the first, or from the end if negative; `undefined` if there is none. */
  at(index: number): number | undefined {
    const { bytes, length } = this.cursor;
    const place = index < 0 ? length + index : index;
    return place < length ? bytes[place] : undefined;
  }

  /**
   * The bytes from `start` up to but not including `end`, as a view: nothing is copied. Indexes count and may be negative as for arrays.
   * It shows the buffer's memory of now, and is no longer good after the next write, `compact` or `clear` of a ByteBuffer.
   */
  slice(start: number = 0, end: number = this.cursor.length): Uint8Array {
    return this.cursor.bytes.subarray(0, this.cursor.length).subarray(start, end);
  }

  /** A copy of all bytes, read or not. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return copyOf(this.slice());
  }

  /**
   * The index of the first place at or after `from` where `search` stands; -1 if there is none.
   *
   * @param search a byte, a run of bytes, or a text in the reader's encoding.
   * @param from where to start, as an index. If left out, at the next byte to read.
   */
  indexOf(search: number | Uint8Array | string, from: number = this.cursor.position): number {
    const bytes = this.slice();
    const start = Math.max(0, from);
    if (typeof search === "number") return bytes.indexOf(search, start);
    const run = typeof search === "string" ? encodeText(search, this.encoding) : search;
    return indexOfRun(bytes, run, start);
  }

  /** Notes the position, for {@linkcode ByteReader.reset | reset}. */
  mark(): this {
    this.cursor.mark();
    return this;
  }

  /**
   * Goes back to where {@linkcode ByteReader.mark | mark} was called last; this can be done more than once.
   *
   * @throws {RangeError} if nothing is marked.
   */
  reset(): this {
    this.cursor.reset();
    return this;
  }

  /** Passes over `length` bytes. */
  skip(length: number): this {
    this.cursor.take(this.cursor.wanted(length));
    return this;
  }

  /** Takes a copy of the next `length` bytes, of all that are left if left out. */
  read(length?: number): Uint8Array<ArrayBuffer> {
    const c = this.cursor;
    const size = c.wanted(length);
    const at = c.take(size);
    return copyOf(c.bytes.subarray(at, at + size));
  }

  /** Like {@linkcode ByteReader.read | read}, but `undefined` if bytes are missing. */
  tryRead(length: number): Uint8Array<ArrayBuffer> | undefined;
  /**
   * Runs `read`, which may read any number of values. If one of them lacks bytes, the position is set back to where it was and the result is `undefined`.
   *
   * @example
   * ```ts
   * import { ByteBuffer } from "@sluice/sockets/buffer";
   * import { assertEquals } from "@std/assert";
   *
   * const buffer = new ByteBuffer().writeUint16(3).writeText("ab");
   * const message = () => buffer.tryRead((b) => b.readText(b.readUint16()));
   * assertEquals(message(), undefined);
   * assertEquals(buffer.missing, 1);
   * buffer.writeText("c");
   * assertEquals(message(), "abc");
   * ```
   */
  tryRead<T>(read: (reader: this) => T): T | undefined;
  tryRead<T>(wanted: number | ((reader: this) => T)): T | Uint8Array<ArrayBuffer> | undefined {
    const c = this.cursor;
    if (typeof wanted === "number") return c.has(c.wanted(wanted)) ? this.read(wanted) : undefined;
    const { position, unreadBits } = c;
    try {
      const value = wanted(this);
      c.missing = 0;
      return value;
    } catch (error) {
      c.moveTo(position, unreadBits);
      if (!(error instanceof BufferUnderflowError)) throw error;
      c.missing = error.missing;
      return undefined;
    }
  }

  /** Like {@linkcode ByteReader.read | read}, but does not take the bytes. */
  peek(length?: number): Uint8Array<ArrayBuffer>;
  /** Runs `read`, which may read any number of values, and then sets the position back to where it was. */
  peek<T>(read: (reader: this) => T): T;
  peek<T>(wanted?: number | ((reader: this) => T)): T | Uint8Array<ArrayBuffer> {
    const c = this.cursor;
    if (typeof wanted !== "function") {
      const size = c.wanted(wanted);
      const at = c.ahead(size);
      return copyOf(c.bytes.subarray(at, at + size));
    }
    const { position, unreadBits } = c;
    try {
      return wanted(this);
    } finally {
      c.moveTo(position, unreadBits);
    }
  }

  /** Takes the next `length` bytes as numbers, all that are left if left out. */
  readBytes(length?: number): number[] {
    return Array.from(this.read(length));
  }

  /** Like {@linkcode ByteReader.readBytes | readBytes}, but `undefined` if bytes are missing. */
  tryReadBytes(length: number): number[] | undefined {
    return this.cursor.has(this.cursor.wanted(length)) ? this.readBytes(length) : undefined;
  }

  /** The same as {@linkcode ByteReader.readUint8 | readUint8}. */
  readByte(): number {
    return this.readUint8();
  }

  /** The same as {@linkcode ByteReader.readFloat32 | readFloat32}. */
  readFloat(): number {
    return this.readFloat32();
  }

  /** The same as {@linkcode ByteReader.readFloat64 | readFloat64}. */
  readDouble(): number {
    return this.readFloat64();
  }

  /** Reads a signed integer of 8 bits. */
  readInt8(): number {
    const c = this.cursor;
    return c.view.getInt8(c.take(1));
  }

  /** Like {@linkcode ByteReader.readInt8 | readInt8}, but `undefined` if bytes are missing. */
  tryReadInt8(): number | undefined {
    return this.cursor.has(1) ? this.readInt8() : undefined;
  }

  /** Like {@linkcode ByteReader.readInt8 | readInt8}, but does not take the bytes. */
  peekInt8(): number {
    const c = this.cursor;
    return c.view.getInt8(c.ahead(1));
  }

  /** Reads a signed integer of 16 bits. */
  readInt16(): number {
    const c = this.cursor;
    return c.view.getInt16(c.take(2), c.little);
  }

  /** Like {@linkcode ByteReader.readInt16 | readInt16}, but `undefined` if bytes are missing. */
  tryReadInt16(): number | undefined {
    return this.cursor.has(2) ? this.readInt16() : undefined;
  }

  /** Like {@linkcode ByteReader.readInt16 | readInt16}, but does not take the bytes. */
  peekInt16(): number {
    const c = this.cursor;
    return c.view.getInt16(c.ahead(2), c.little);
  }

  /** Reads a signed integer of 24 bits. */
  readInt24(): number {
    const c = this.cursor;
    return toSigned(getUint24(c.view, c.take(3), c.little), 24);
  }

  /** Like {@linkcode ByteReader.readInt24 | readInt24}, but `undefined` if bytes are missing. */
  tryReadInt24(): number | undefined {
    return this.cursor.has(3) ? this.readInt24() : undefined;
  }

  /** Like {@linkcode ByteReader.readInt24 | readInt24}, but does not take the bytes. */
  peekInt24(): number {
    const c = this.cursor;
    return toSigned(getUint24(c.view, c.ahead(3), c.little), 24);
  }

  /** Reads a signed integer of 32 bits. */
  readInt32(): number {
    const c = this.cursor;
    return c.view.getInt32(c.take(4), c.little);
  }

  /** Like {@linkcode ByteReader.readInt32 | readInt32}, but `undefined` if bytes are missing. */
  tryReadInt32(): number | undefined {
    return this.cursor.has(4) ? this.readInt32() : undefined;
  }

  /** Like {@linkcode ByteReader.readInt32 | readInt32}, but does not take the bytes. */
  peekInt32(): number {
    const c = this.cursor;
    return c.view.getInt32(c.ahead(4), c.little);
  }

  /** Reads a signed integer of 40 bits. */
  readInt40(): number {
    const c = this.cursor;
    return toSigned(getUint40(c.view, c.take(5), c.little), 40);
  }

  /** Like {@linkcode ByteReader.readInt40 | readInt40}, but `undefined` if bytes are missing. */
  tryReadInt40(): number | undefined {
    return this.cursor.has(5) ? this.readInt40() : undefined;
  }

  /** Like {@linkcode ByteReader.readInt40 | readInt40}, but does not take the bytes. */
  peekInt40(): number {
    const c = this.cursor;
    return toSigned(getUint40(c.view, c.ahead(5), c.little), 40);
  }

  /** Reads a signed integer of 48 bits. */
  readInt48(): number {
    const c = this.cursor;
    return toSigned(getUint48(c.view, c.take(6), c.little), 48);
  }

  /** Like {@linkcode ByteReader.readInt48 | readInt48}, but `undefined` if bytes are missing. */
  tryReadInt48(): number | undefined {
    return this.cursor.has(6) ? this.readInt48() : undefined;
  }

  /** Like {@linkcode ByteReader.readInt48 | readInt48}, but does not take the bytes. */
  peekInt48(): number {
    const c = this.cursor;
    return toSigned(getUint48(c.view, c.ahead(6), c.little), 48);
  }

  /** Reads a signed integer of 64 bits. */
  readInt64(): bigint {
    const c = this.cursor;
    return c.view.getBigInt64(c.take(8), c.little);
  }

  /** Like {@linkcode ByteReader.readInt64 | readInt64}, but `undefined` if bytes are missing. */
  tryReadInt64(): bigint | undefined {
    return this.cursor.has(8) ? this.readInt64() : undefined;
  }

  /** Like {@linkcode ByteReader.readInt64 | readInt64}, but does not take the bytes. */
  peekInt64(): bigint {
    const c = this.cursor;
    return c.view.getBigInt64(c.ahead(8), c.little);
  }

  /** Reads an unsigned integer of 8 bits. */
  readUint8(): number {
    const c = this.cursor;
    return c.view.getUint8(c.take(1));
  }

  /** Like {@linkcode ByteReader.readUint8 | readUint8}, but `undefined` if bytes are missing. */
  tryReadUint8(): number | undefined {
    return this.cursor.has(1) ? this.readUint8() : undefined;
  }

  /** Like {@linkcode ByteReader.readUint8 | readUint8}, but does not take the bytes. */
  peekUint8(): number {
    const c = this.cursor;
    return c.view.getUint8(c.ahead(1));
  }

  /** Reads an unsigned integer of 16 bits. */
  readUint16(): number {
    const c = this.cursor;
    return c.view.getUint16(c.take(2), c.little);
  }

  /** Like {@linkcode ByteReader.readUint16 | readUint16}, but `undefined` if bytes are missing. */
  tryReadUint16(): number | undefined {
    return this.cursor.has(2) ? this.readUint16() : undefined;
  }

  /** Like {@linkcode ByteReader.readUint16 | readUint16}, but does not take the bytes. */
  peekUint16(): number {
    const c = this.cursor;
    return c.view.getUint16(c.ahead(2), c.little);
  }

  /** Reads an unsigned integer of 24 bits. */
  readUint24(): number {
    const c = this.cursor;
    return getUint24(c.view, c.take(3), c.little);
  }

  /** Like {@linkcode ByteReader.readUint24 | readUint24}, but `undefined` if bytes are missing. */
  tryReadUint24(): number | undefined {
    return this.cursor.has(3) ? this.readUint24() : undefined;
  }

  /** Like {@linkcode ByteReader.readUint24 | readUint24}, but does not take the bytes. */
  peekUint24(): number {
    const c = this.cursor;
    return getUint24(c.view, c.ahead(3), c.little);
  }

  /** Reads an unsigned integer of 32 bits. */
  readUint32(): number {
    const c = this.cursor;
    return c.view.getUint32(c.take(4), c.little);
  }

  /** Like {@linkcode ByteReader.readUint32 | readUint32}, but `undefined` if bytes are missing. */
  tryReadUint32(): number | undefined {
    return this.cursor.has(4) ? this.readUint32() : undefined;
  }

  /** Like {@linkcode ByteReader.readUint32 | readUint32}, but does not take the bytes. */
  peekUint32(): number {
    const c = this.cursor;
    return c.view.getUint32(c.ahead(4), c.little);
  }

  /** Reads an unsigned integer of 40 bits. */
  readUint40(): number {
    const c = this.cursor;
    return getUint40(c.view, c.take(5), c.little);
  }

  /** Like {@linkcode ByteReader.readUint40 | readUint40}, but `undefined` if bytes are missing. */
  tryReadUint40(): number | undefined {
    return this.cursor.has(5) ? this.readUint40() : undefined;
  }

  /** Like {@linkcode ByteReader.readUint40 | readUint40}, but does not take the bytes. */
  peekUint40(): number {
    const c = this.cursor;
    return getUint40(c.view, c.ahead(5), c.little);
  }

  /** Reads an unsigned integer of 48 bits. */
  readUint48(): number {
    const c = this.cursor;
    return getUint48(c.view, c.take(6), c.little);
  }

  /** Like {@linkcode ByteReader.readUint48 | readUint48}, but `undefined` if bytes are missing. */
  tryReadUint48(): number | undefined {
    return this.cursor.has(6) ? this.readUint48() : undefined;
  }

  /** Like {@linkcode ByteReader.readUint48 | readUint48}, but does not take the bytes. */
  peekUint48(): number {
    const c = this.cursor;
    return getUint48(c.view, c.ahead(6), c.little);
  }

  /** Reads an unsigned integer of 64 bits. */
  readUint64(): bigint {
    const c = this.cursor;
    return c.view.getBigUint64(c.take(8), c.little);
  }

  /** Like {@linkcode ByteReader.readUint64 | readUint64}, but `undefined` if bytes are missing. */
  tryReadUint64(): bigint | undefined {
    return this.cursor.has(8) ? this.readUint64() : undefined;
  }

  /** Like {@linkcode ByteReader.readUint64 | readUint64}, but does not take the bytes. */
  peekUint64(): bigint {
    const c = this.cursor;
    return c.view.getBigUint64(c.ahead(8), c.little);
  }

  /** Reads a floating-point number of 16 bits (IEEE 754 binary16). */
  readFloat16(): number {
    const c = this.cursor;
    return bitsToFloat16(c.view.getUint16(c.take(2), c.little));
  }

  /** Like {@linkcode ByteReader.readFloat16 | readFloat16}, but `undefined` if bytes are missing. */
  tryReadFloat16(): number | undefined {
    return this.cursor.has(2) ? this.readFloat16() : undefined;
  }

  /** Like {@linkcode ByteReader.readFloat16 | readFloat16}, but does not take the bytes. */
  peekFloat16(): number {
    const c = this.cursor;
    return bitsToFloat16(c.view.getUint16(c.ahead(2), c.little));
  }

  /** Reads a floating-point number of 32 bits (IEEE 754 binary32). */
  readFloat32(): number {
    const c = this.cursor;
    return c.view.getFloat32(c.take(4), c.little);
  }

  /** Like {@linkcode ByteReader.readFloat32 | readFloat32}, but `undefined` if bytes are missing. */
  tryReadFloat32(): number | undefined {
    return this.cursor.has(4) ? this.readFloat32() : undefined;
  }

  /** Like {@linkcode ByteReader.readFloat32 | readFloat32}, but does not take the bytes. */
  peekFloat32(): number {
    const c = this.cursor;
    return c.view.getFloat32(c.ahead(4), c.little);
  }

  /** Reads a floating-point number of 64 bits (IEEE 754 binary64). */
  readFloat64(): number {
    const c = this.cursor;
    return c.view.getFloat64(c.take(8), c.little);
  }

  /** Like {@linkcode ByteReader.readFloat64 | readFloat64}, but `undefined` if bytes are missing. */
  tryReadFloat64(): number | undefined {
    return this.cursor.has(8) ? this.readFloat64() : undefined;
  }

  /** Like {@linkcode ByteReader.readFloat64 | readFloat64}, but does not take the bytes. */
  peekFloat64(): number {
    const c = this.cursor;
    return c.view.getFloat64(c.ahead(8), c.little);
  }

  /**
   * Reads an unsigned varint (LEB128).
   *
   * @param maxBytes the most bytes that it may have, 1 to 10.
   * @throws {RangeError} if it is longer or the number is above 2^53 - 1.
   */
  readVarint(maxBytes: number = MAX_VARINT_BYTES): number {
    return readVarint(this.cursor, maxBytes);
  }

  /** Like {@linkcode ByteReader.readVarint | readVarint}, but `undefined` if bytes are missing. */
  tryReadVarint(maxBytes: number = MAX_VARINT_BYTES): number | undefined {
    return hasVarint(this.cursor, maxBytes) ? this.readVarint(maxBytes) : undefined;
  }

  /**
   * Reads an unsigned varint (LEB128) as a bigint.
   *
   * @param maxBytes the most bytes that it may have, 1 to 10.
   * @throws {RangeError} if it is longer or the number is above 2^64 - 1.
   */
  readVarint64(maxBytes: number = MAX_VARINT_BYTES): bigint {
    return readVarint64(this.cursor, maxBytes);
  }

  /** Like {@linkcode ByteReader.readVarint64 | readVarint64}, but `undefined` if bytes are missing. */
  tryReadVarint64(maxBytes: number = MAX_VARINT_BYTES): bigint | undefined {
    return hasVarint(this.cursor, maxBytes) ? this.readVarint64(maxBytes) : undefined;
  }

  /**
   * Reads a signed varint (zigzag, LEB128).
   *
   * @param maxBytes the most bytes that it may have, 1 to 10.
   * @throws {RangeError} if it is longer or the number is beyond 2^53 - 1 or -(2^53 - 1).
   */
  readZigzag(maxBytes: number = MAX_VARINT_BYTES): number {
    return readZigzag(this.cursor, maxBytes);
  }

  /** Like {@linkcode ByteReader.readZigzag | readZigzag}, but `undefined` if bytes are missing. */
  tryReadZigzag(maxBytes: number = MAX_VARINT_BYTES): number | undefined {
    return hasVarint(this.cursor, maxBytes) ? this.readZigzag(maxBytes) : undefined;
  }

  /**
   * Reads a signed varint (zigzag, LEB128) as a bigint.
   *
   * @param maxBytes the most bytes that it may have, 1 to 10.
   * @throws {RangeError} if it is longer or the number has more than 64 bits.
   */
  readZigzag64(maxBytes: number = MAX_VARINT_BYTES): bigint {
    return readZigzag64(this.cursor, maxBytes);
  }

  /** Like {@linkcode ByteReader.readZigzag64 | readZigzag64}, but `undefined` if bytes are missing. */
  tryReadZigzag64(maxBytes: number = MAX_VARINT_BYTES): bigint | undefined {
    return hasVarint(this.cursor, maxBytes) ? this.readZigzag64(maxBytes) : undefined;
  }

  /**
   * Reads the next `count` bits as an unsigned integer, the highest first; 0 to 53. Any other read goes on at the next whole byte.
   *
   * @throws {RangeError} if `count` is out of range.
   */
  readBits(count: number): number {
    return readBits(this.cursor, count);
  }

  /** Like {@linkcode ByteReader.readBits | readBits}, but `undefined` if bytes are missing. */
  tryReadBits(count: number): number | undefined {
    return hasBits(this.cursor, count) ? this.readBits(count) : undefined;
  }

  /** Passes over the bits that {@linkcode ByteReader.readBits | readBits} left of its last byte. */
  alignBits(): this {
    this.cursor.unreadBits = 0;
    return this;
  }

  /**
   * Reads a text with its length in bytes before it, as a varint: the format of .NET's and POCO's BinaryWriter.
   *
   * @param limit the most bytes of the text. A ByteBuffer's maximum size is a limit too.
   * @throws {RangeError} if the text is longer, or the varint is longer than 5 bytes.
   */
  readString(limit: number = Infinity): string {
    return takeText(this.cursor, findString(this.cursor, limit), "a string");
  }

  /** Like {@linkcode ByteReader.readString | readString}, but `undefined` if bytes are missing. */
  tryReadString(limit: number = Infinity): string | undefined {
    const span = findString(this.cursor, limit);
    return span && takeText(this.cursor, span, "a string");
  }

  /** Reads the next `length` bytes as text, all that are left if left out. */
  readText(length?: number): string {
    const c = this.cursor;
    return takeText(c, findText(c, c.wanted(length)), "a text");
  }

  /** Like {@linkcode ByteReader.readText | readText}, but `undefined` if bytes are missing. */
  tryReadText(length: number): string | undefined {
    const c = this.cursor;
    const span = findText(c, c.wanted(length));
    return span && takeText(c, span, "a text");
  }

  /**
   * Reads the text up to the next line end, LF or CR LF, which is taken too but not returned.
   *
   * @param limit the most bytes of the line without its end.
   * @throws {RangeError} if the line is longer.
   * @throws {TypeError} if the encoding is hex or base64, which have no line ends.
   */
  readLine(limit: number = Infinity): string {
    return takeText(this.cursor, findLine(this.cursor, limit), "a line");
  }

  /** Like {@linkcode ByteReader.readLine | readLine}, but `undefined` if there is no line end yet. */
  tryReadLine(limit: number = Infinity): string | undefined {
    const span = findLine(this.cursor, limit);
    return span && takeText(this.cursor, span, "a line");
  }

  /**
   * Reads the text up to the next NUL, which is taken too but not returned. In utf16 and utf32 the NUL is as wide as a unit.
   *
   * @param limit the most bytes of the text.
   * @throws {RangeError} if the text is longer.
   * @throws {TypeError} if the encoding is hex or base64.
   */
  readCString(limit: number = Infinity): string {
    return takeText(this.cursor, findCString(this.cursor, limit), "a NUL-terminated text");
  }

  /** Like {@linkcode ByteReader.readCString | readCString}, but `undefined` if there is no NUL yet. */
  tryReadCString(limit: number = Infinity): string | undefined {
    const span = findCString(this.cursor, limit);
    return span && takeText(this.cursor, span, "a NUL-terminated text");
  }

  /** All bytes, read or not, as text in the reader's encoding. Other forms: {@linkcode ByteReader.toHex | toHex}, {@linkcode ByteReader.toDecimalList | toDecimalList}. */
  toString(): string {
    const { encoding, fatal } = this.cursor;
    return decodeText(this.slice(), encoding, { fatal });
  }

  /** All bytes, read or not, in hex: two lower-case digits each, with `separator` between bytes. */
  toHex(separator: string = ""): string {
    return encodeHex(this.slice(), separator);
  }

  /** All bytes, read or not, as a list of decimal numbers like `[12,34]`: the `tostring` of Unified Remote's buffer. */
  toDecimalList(): string {
    return `[${this.slice().join(",")}]`;
  }

  /** All bytes, read or not, as a list of hex numbers like `[A1,B2]`: the `tohex` of Unified Remote's buffer. */
  toHexList(): string {
    return `[${encodeHex(this.slice(), ",").toUpperCase()}]`;
  }

  /** All bytes, read or not, as {@linkcode hexdump} shows them. */
  hexdump(options?: HexdumpOptions): string {
    return hexdump(this.slice(), options);
  }
}
