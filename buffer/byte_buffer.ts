// Floor 1: codec.
import { bytesOf, wrongKind } from "./_bytes.ts";
import { writeBits } from "./_bits.ts";
import { float16ToBits } from "./_float16.ts";
import {
  checkInt,
  checkInt64,
  checkUint,
  checkUint64,
  setInt24,
  setInt40,
  setInt48,
} from "./_integers.ts";
import { writeCString, writeLine, writeString, writeText } from "./_text.ts";
import { writeVarint } from "./_varints.ts";
import { ByteReader, type ByteReaderOptions } from "./byte_reader.ts";
import type { ByteOrderName, BytesLike, EncodingName } from "./types.ts";
import { encodeZigzag } from "./varint.ts";

/** Options of {@linkcode ByteBuffer}. */
export interface ByteBufferOptions extends ByteReaderOptions {
  /**
   * Bytes that the buffer may hold, read or not. A write that would pass it throws a RangeError and changes nothing.
   *
   * @default {16777216} 16 MiB
   */
  maxSize?: number;
  /**
   * Whether a text that the encoding cannot express throws a TypeError on writing, and bytes that it has no text for do on reading.
   * If not, they become `?` and U+FFFD.
   *
   * @default {false}
   */
  fatal?: boolean;
}

const DEFAULT_MAX_SIZE = 16 * 1024 * 1024;

/**
 * A growing buffer of bytes with a position to read at and one to write at. It has every `read…`, `tryRead…` and `peek…` method of
 * {@linkcode ByteReader}, and a `write…` for each of them. Writes return the buffer, so that they can be chained.
 *
 * What is read stays in the buffer until {@linkcode ByteBuffer.compact | compact} drops it; a loop that receives calls that after each round.
 *
 * @example
 * ```ts
 * import { ByteBuffer } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const buffer = new ByteBuffer("utf16", "little");
 * buffer.writeUint16(258).writeString("abc");
 * assertEquals(buffer.toDecimalList(), "[2,1,6,97,0,98,0,99,0]");
 * assertEquals(buffer.readUint16(), 258);
 * assertEquals(buffer.readString(), "abc");
 * assertEquals(buffer.available, 0);
 * ```
 *
 * @example A receiving loop
 * ```ts
 * import { ByteBuffer } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const buffer = new ByteBuffer();
 * const lines: string[] = [];
 * for (const chunk of ["one\ntw", "o\nthr"]) {
 *   buffer.write(chunk);
 *   for (let line; (line = buffer.tryReadLine(1000)) !== undefined;) lines.push(line);
 *   buffer.compact();
 * }
 * assertEquals(lines, ["one", "two"]);
 * assertEquals(buffer.available, 3);
 * ```
 */
export class ByteBuffer extends ByteReader {
  /**
   * Makes an empty buffer.
   *
   * @param encoding how texts are encoded.
   * @param byteOrder the byte order of numbers.
   * @throws {TypeError} if there is no such encoding or byte order.
   * @throws {RangeError} if `maxSize` is not a positive integer or Infinity.
   */
  constructor(
    encoding: EncodingName = "utf8",
    byteOrder: ByteOrderName = "network",
    options: ByteBufferOptions = {},
  ) {
    super(new Uint8Array(0), encoding, byteOrder, options);
    this.cursor.limitTo(options.maxSize ?? DEFAULT_MAX_SIZE);
  }

  /**
   * Makes a buffer that holds `bytes`. They are not copied until the first write, which leaves them as they are.
   *
   * @throws {RangeError} if they are more than `maxSize`.
   * @throws {TypeError} if they are no bytes.
   */
  static from(
    bytes: BytesLike,
    encoding: EncodingName = "utf8",
    byteOrder: ByteOrderName = "network",
    options: ByteBufferOptions = {},
  ): ByteBuffer {
    const buffer = new ByteBuffer(encoding, byteOrder, options);
    buffer.cursor.adopt(bytesOf(bytes));
    return buffer;
  }

  /** Bytes that the buffer may hold. */
  get maxSize(): number {
    return this.cursor.maxSize;
  }

  /**
   * The index that the next write goes to: the end of the data, unless it is set back to write over what is there.
   *
   * @throws {RangeError} if it is set to anything but an integer from 0 to the length.
   *
   * @example
   * ```ts
   * import { ByteBuffer } from "@sluice/sockets/buffer";
   * import { assertEquals } from "@std/assert";
   *
   * const buffer = new ByteBuffer().writeUint16(0).writeText("body");
   * buffer.writePosition = 0;
   * buffer.writeUint16(buffer.length - 2);
   * buffer.writePosition = buffer.length;
   * assertEquals(buffer.toHex(" "), "00 04 62 6f 64 79");
   * ```
   */
  get writePosition(): number {
    return this.cursor.end;
  }
  set writePosition(index: number) {
    const c = this.cursor;
    c.checkPlace(index, "write");
    c.end = index;
    c.unwrittenBits = 0;
  }

  /**
   * Drops the bytes that are read, which moves the rest to the front: `position` becomes 0, and a mark is forgotten.
   * A byte that {@linkcode ByteReader.readBits | readBits} has left bits of stays, and `position` is 1 then.
   * A buffer that has become empty gives back memory of more than 64 KiB, and lets go of the bytes that it was made {@linkcode ByteBuffer.from | from}.
   */
  compact(): this {
    this.cursor.compact();
    return this;
  }

  /** Drops all bytes, read or not. */
  clear(): this {
    this.cursor.clear();
    return this;
  }

  /**
   * Writes bytes as they are, or a text like {@linkcode ByteBuffer.writeText | writeText}.
   *
   * @throws {TypeError} if it is neither.
   */
  write(data: BytesLike | string): this {
    if (typeof data === "string") return this.writeText(data);
    const c = this.cursor;
    const bytes = bytesOf(data);
    const at = c.room(bytes.length);
    c.bytes.set(bytes, at);
    return this;
  }

  /**
   * Writes bytes that are given as numbers, alone or in lists.
   *
   * @throws {RangeError} if one is not an integer from 0 to 255. Then none is written.
   *
   * @example
   * ```ts
   * import { ByteBuffer } from "@sluice/sockets/buffer";
   * import { assertEquals } from "@std/assert";
   *
   * const buffer = new ByteBuffer().writeBytes(12, 34).writeBytes([56, 78]);
   * assertEquals(buffer.toDecimalList(), "[12,34,56,78]");
   * ```
   */
  writeBytes(...values: (number | Iterable<number>)[]): this {
    // Those of an array of bytes need no look.
    if (values.length === 1 && values[0] instanceof Uint8Array) return this.write(values[0]);
    const bytes: number[] = [];
    for (const value of values) {
      if (typeof value === "number") bytes.push(checkUint(value, 8));
      else for (const byte of value) bytes.push(checkUint(byte, 8));
    }
    return this.write(Uint8Array.from(bytes));
  }

  /** Writes what `buffer` has not read yet; it stays unread there. */
  writeBuffer(buffer: ByteReader): this {
    return this.write(buffer.slice(buffer.position));
  }

  /** Takes the next `length` bytes, all that are left if left out, as a new buffer with the same settings. */
  readBuffer(length?: number): ByteBuffer {
    const { encoding, byteOrder, fatal, maxSize } = this.cursor;
    return ByteBuffer.from(this.read(length), encoding, byteOrder, { fatal, maxSize });
  }

  /** Like {@linkcode ByteBuffer.readBuffer | readBuffer}, but `undefined` if bytes are missing. */
  tryReadBuffer(length: number): ByteBuffer | undefined {
    return this.cursor.has(this.cursor.wanted(length)) ? this.readBuffer(length) : undefined;
  }

  /** The same as {@linkcode ByteBuffer.writeUint8 | writeUint8}. */
  writeByte(value: number): this {
    return this.writeUint8(value);
  }

  /** The same as {@linkcode ByteBuffer.writeFloat32 | writeFloat32}. */
  writeFloat(value: number): this {
    return this.writeFloat32(value);
  }

  /** The same as {@linkcode ByteBuffer.writeFloat64 | writeFloat64}. */
  writeDouble(value: number): this {
    return this.writeFloat64(value);
  }

  /** Writes a signed integer of 8 bits; an unsigned one of 8 bits is taken too, bit for bit. */
  writeInt8(value: number): this {
    const c = this.cursor;
    const checked = checkInt(value, 8);
    const at = c.room(1);
    c.view.setInt8(at, checked);
    return this;
  }

  /** Writes a signed integer of 16 bits; an unsigned one of 16 bits is taken too, bit for bit. */
  writeInt16(value: number): this {
    const c = this.cursor;
    const checked = checkInt(value, 16);
    const at = c.room(2);
    c.view.setInt16(at, checked, c.little);
    return this;
  }

  /** Writes a signed integer of 24 bits; an unsigned one of 24 bits is taken too, bit for bit. */
  writeInt24(value: number): this {
    const c = this.cursor;
    const checked = checkInt(value, 24);
    const at = c.room(3);
    setInt24(c.view, at, checked, c.little);
    return this;
  }

  /** Writes a signed integer of 32 bits; an unsigned one of 32 bits is taken too, bit for bit. */
  writeInt32(value: number): this {
    const c = this.cursor;
    const checked = checkInt(value, 32);
    const at = c.room(4);
    c.view.setInt32(at, checked, c.little);
    return this;
  }

  /** Writes a signed integer of 40 bits; an unsigned one of 40 bits is taken too, bit for bit. */
  writeInt40(value: number): this {
    const c = this.cursor;
    const checked = checkInt(value, 40);
    const at = c.room(5);
    setInt40(c.view, at, checked, c.little);
    return this;
  }

  /** Writes a signed integer of 48 bits; an unsigned one of 48 bits is taken too, bit for bit. */
  writeInt48(value: number): this {
    const c = this.cursor;
    const checked = checkInt(value, 48);
    const at = c.room(6);
    setInt48(c.view, at, checked, c.little);
    return this;
  }

  /** Writes a signed integer of 64 bits; an unsigned one of 64 bits is taken too, bit for bit. */
  writeInt64(value: number | bigint): this {
    const c = this.cursor;
    const checked = checkInt64(value);
    const at = c.room(8);
    c.view.setBigInt64(at, checked, c.little);
    return this;
  }

  /** Writes an unsigned integer of 8 bits. */
  writeUint8(value: number): this {
    const c = this.cursor;
    const checked = checkUint(value, 8);
    const at = c.room(1);
    c.view.setUint8(at, checked);
    return this;
  }

  /** Writes an unsigned integer of 16 bits. */
  writeUint16(value: number): this {
    const c = this.cursor;
    const checked = checkUint(value, 16);
    const at = c.room(2);
    c.view.setUint16(at, checked, c.little);
    return this;
  }

  /** Writes an unsigned integer of 24 bits. */
  writeUint24(value: number): this {
    const c = this.cursor;
    const checked = checkUint(value, 24);
    const at = c.room(3);
    setInt24(c.view, at, checked, c.little);
    return this;
  }

  /** Writes an unsigned integer of 32 bits. */
  writeUint32(value: number): this {
    const c = this.cursor;
    const checked = checkUint(value, 32);
    const at = c.room(4);
    c.view.setUint32(at, checked, c.little);
    return this;
  }

  /** Writes an unsigned integer of 40 bits. */
  writeUint40(value: number): this {
    const c = this.cursor;
    const checked = checkUint(value, 40);
    const at = c.room(5);
    setInt40(c.view, at, checked, c.little);
    return this;
  }

  /** Writes an unsigned integer of 48 bits. */
  writeUint48(value: number): this {
    const c = this.cursor;
    const checked = checkUint(value, 48);
    const at = c.room(6);
    setInt48(c.view, at, checked, c.little);
    return this;
  }

  /** Writes an unsigned integer of 64 bits. */
  writeUint64(value: number | bigint): this {
    const c = this.cursor;
    const checked = checkUint64(value);
    const at = c.room(8);
    c.view.setBigUint64(at, checked, c.little);
    return this;
  }

  /** Writes a floating-point number of 16 bits (IEEE 754 binary16), rounded to the nearest. */
  writeFloat16(value: number): this {
    const c = this.cursor;
    const bits = float16ToBits(checkNumber(value));
    const at = c.room(2);
    c.view.setUint16(at, bits, c.little);
    return this;
  }

  /** Writes a floating-point number of 32 bits (IEEE 754 binary32), rounded to the nearest. Which of NaN's forms it writes is the processor's choice. */
  writeFloat32(value: number): this {
    const c = this.cursor;
    const checked = checkNumber(value);
    const at = c.room(4);
    c.view.setFloat32(at, checked, c.little);
    return this;
  }

  /** Writes a floating-point number of 64 bits (IEEE 754 binary64). Which of NaN's forms it writes is the processor's choice. */
  writeFloat64(value: number): this {
    const c = this.cursor;
    const checked = checkNumber(value);
    const at = c.room(8);
    c.view.setFloat64(at, checked, c.little);
    return this;
  }

  /**
   * Writes an unsigned varint (LEB128) of 1 to 10 bytes.
   *
   * @throws {RangeError} if it is not an integer from 0 to 2^64 - 1; a `number` only to 2^53 - 1.
   */
  writeVarint(value: number | bigint): this {
    writeVarint(this.cursor, value);
    return this;
  }

  /**
   * Writes a signed varint (zigzag, LEB128) of 1 to 10 bytes.
   *
   * @throws {RangeError} if it is not an integer of 64 bits; a `number` only to 53.
   */
  writeZigzag(value: number | bigint): this {
    writeVarint(this.cursor, encodeZigzag(value));
    return this;
  }

  /**
   * Writes the low `count` bits of an unsigned integer, the highest first; 0 to 53. The bits that it leaves of its last byte are 0 until the next call
   * fills them; any other write goes on at the next whole byte.
   *
   * @throws {RangeError} if `count` is out of range or the value does not fit in it.
   *
   * @example
   * ```ts
   * import { ByteBuffer } from "@sluice/sockets/buffer";
   * import { assertEquals } from "@std/assert";
   *
   * const buffer = new ByteBuffer().writeBits(1, 1).writeBits(2, 4).writeUint8(255);
   * assertEquals(buffer.toHex(" "), "90 ff");
   * assertEquals(buffer.readBits(5), 0b10010);
   * assertEquals(buffer.readUint8(), 255);
   * ```
   */
  writeBits(value: number, count: number): this {
    writeBits(this.cursor, value, count);
    return this;
  }

  /** Goes to the next whole byte, for bits that are read and for bits that are written. */
  override alignBits(): this {
    this.cursor.unwrittenBits = 0;
    return super.alignBits();
  }

  /** Writes a text with its length in bytes before it, as a varint: the format of .NET's and POCO's BinaryWriter. */
  writeString(text: string): this {
    writeString(this.cursor, text);
    return this;
  }

  /** Writes a text as it is. */
  writeText(text: string): this {
    writeText(this.cursor, text);
    return this;
  }

  /**
   * Writes a text and a line end.
   *
   * @param end the line end.
   * @throws {TypeError} if the text has an LF in it, or the encoding is hex or base64, which have no line ends.
   */
  writeLine(text: string, end: "\n" | "\r\n" = "\n"): this {
    writeLine(this.cursor, text, end);
    return this;
  }

  /**
   * Writes a text and a NUL, which in utf16 and utf32 is as wide as a unit.
   *
   * @throws {TypeError} if the text has a NUL in it, or the encoding is hex or base64.
   */
  writeCString(text: string): this {
    writeCString(this.cursor, text);
    return this;
  }
}

function checkNumber(value: number): number {
  if (typeof value === "number") return value;
  throw wrongKind(value, "a number");
}
