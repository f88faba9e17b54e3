// Floor 1: codec.
import { isLittleEndian, normalizeByteOrder, normalizeEncoding } from "./encodings.ts";
import { BufferUnderflowError } from "./errors.ts";
import type { ByteOrder, ByteOrderName, Encoding, EncodingName } from "./types.ts";

/** Room of the first allocation. */
const FIRST_CAPACITY = 64;
/** An empty buffer gives back more memory than this. */
const KEPT_CAPACITY = 65536;

/**
 * The bytes of a reader or buffer and the places in them. Everything that moves a place goes through here, and
 * checks before it moves.
 */
export class Cursor {
  /** The storage; data is in `0` to `length`. */
  bytes: Uint8Array;
  /** The storage by numbers. */
  view: DataView;
  /** Bytes of data. */
  length: number;
  /** The next byte to read. */
  position = 0;
  /** Bits of the byte before `position` that are not read yet, 0 to 7. */
  unreadBits = 0;
  /** The next byte to write. */
  end: number;
  /** Bits of the byte before `end` that are not written yet, 0 to 7. */
  unwrittenBits = 0;
  /** What the last attempt to read lacked. */
  missing = 0;
  /** Whether text that does not fit its encoding throws. */
  readonly fatal: boolean;
  /** Most bytes of data. */
  maxSize = Infinity;

  #encoding: Encoding = "utf8";
  #byteOrder: ByteOrder = "network";
  #little = false;
  #mark: number | undefined;
  #markBits = 0;
  /** Whether the storage is ours to write into. */
  #owned = false;

  constructor(
    bytes: Uint8Array,
    encoding: EncodingName,
    byteOrder: ByteOrderName,
    fatal: boolean,
  ) {
    this.encoding = encoding;
    this.byteOrder = byteOrder;
    this.fatal = fatal;
    this.bytes = bytes;
    this.view = viewOf(bytes);
    this.length = bytes.length;
    this.end = bytes.length;
  }

  /** Sets the most bytes of data. */
  limitTo(maxSize: number): void {
    if (!(maxSize === Infinity || (Number.isInteger(maxSize) && maxSize > 0))) {
      throw new RangeError(`Cannot make a buffer: maxSize is ${maxSize}, not a positive integer`);
    }
    this.maxSize = maxSize;
  }

  /** Holds `bytes`, which are not ours to write into, as the data of a new buffer. */
  adopt(bytes: Uint8Array): void {
    if (bytes.length > this.maxSize) {
      throw new RangeError(
        `Cannot make a buffer of ${bytes.length} bytes: the limit is ${this.maxSize}`,
      );
    }
    this.bytes = bytes;
    this.view = viewOf(bytes);
    this.length = bytes.length;
    this.end = bytes.length;
  }

  /** The encoding, by its first name. */
  get encoding(): Encoding {
    return this.#encoding;
  }
  set encoding(name: EncodingName) {
    this.#encoding = normalizeEncoding(name);
  }

  /** The byte order, by its first name. */
  get byteOrder(): ByteOrder {
    return this.#byteOrder;
  }
  set byteOrder(name: ByteOrderName) {
    this.#byteOrder = normalizeByteOrder(name);
    this.#little = isLittleEndian(name);
  }

  /** Whether numbers have their lowest byte first. */
  get little(): boolean {
    return this.#little;
  }

  /** Bytes that are not read yet. */
  get available(): number {
    return this.length - this.position;
  }

  /** Whether `length` bytes can be read; notes what is missing. */
  has(length: number): boolean {
    const lack = length - (this.length - this.position);
    this.missing = lack > 0 ? lack : 0;
    return lack <= 0;
  }

  /** Passes over `length` bytes and returns where they start. */
  take(length: number): number {
    const at = this.position;
    if (length > this.length - at) throw this.underflow(length);
    this.position = at + length;
    this.unreadBits = 0;
    return at;
  }

  /** Returns where the next `length` bytes start. */
  ahead(length: number): number {
    if (length > this.length - this.position) throw this.underflow(length);
    return this.position;
  }

  /** The error of reading `length` bytes where there are fewer. */
  underflow(length: number): BufferUnderflowError {
    const rest = this.available;
    return new BufferUnderflowError(`Cannot read ${length} bytes: ${rest} are left`, length - rest);
  }

  /** Goes on reading at `position`, which is known to be good. */
  moveTo(position: number, unreadBits: number = 0): void {
    this.position = position;
    this.unreadBits = unreadBits;
  }

  /** Goes on reading at `position`. */
  seek(position: number): void {
    this.checkPlace(position, "read");
    this.moveTo(position);
  }

  /** Throws if `place` is not one between the data's bytes. */
  checkPlace(place: number, verb: string): void {
    if (Number.isInteger(place) && place >= 0 && place <= this.length) return;
    throw new RangeError(`Cannot ${verb} at ${place}: the buffer has ${this.length} bytes`);
  }

  /** Returns `length`, or what is left if it is undefined, if it is a length at all. */
  wanted(length: number | undefined): number {
    if (length === undefined) return this.available;
    if (Number.isInteger(length) && length >= 0) return length;
    throw new RangeError(`Cannot read ${length} bytes: not a length`);
  }

  /** Notes the read position. */
  mark(): void {
    this.#mark = this.position;
    this.#markBits = this.unreadBits;
  }

  /** Goes back to the noted read position. */
  reset(): void {
    if (this.#mark === undefined) {
      throw new RangeError("Cannot reset the position: nothing is marked");
    }
    this.moveTo(this.#mark, this.#markBits);
  }

  /** Makes room for `length` bytes at the write position, passes over it and returns where it starts. */
  room(length: number): number {
    const at = this.end;
    const end = at + length;
    if (end > this.bytes.length || !this.#owned) this.#grow(end, length);
    this.end = end;
    this.unwrittenBits = 0;
    if (end > this.length) this.length = end;
    return at;
  }

  /** Drops what is read, but not a byte that has bits to read. */
  compact(): void {
    const from = this.unreadBits > 0 ? this.position - 1 : this.position;
    if (from > 0) {
      if (this.#owned) {
        this.bytes.copyWithin(0, from, this.length);
      } else {
        this.bytes = this.bytes.subarray(from);
        this.view = viewOf(this.bytes);
      }
    }
    this.length -= from;
    this.end = Math.max(0, this.end - from);
    if (this.end === 0) this.unwrittenBits = 0;
    this.position -= from;
    this.#mark = undefined;
    // An empty view of another's storage would keep all of it alive.
    if (this.length === 0 && (!this.#owned || this.bytes.length > KEPT_CAPACITY)) {
      this.#store(new Uint8Array(0));
    }
  }

  /** Drops everything. */
  clear(): void {
    this.moveTo(this.length);
    this.compact();
  }

  #grow(end: number, length: number): void {
    if (end > this.maxSize) {
      throw new RangeError(
        `Cannot write ${length} bytes: the buffer has ${this.end} and ${this.maxSize} is the limit`,
      );
    }
    const capacity = Math.max(end, this.length, FIRST_CAPACITY, this.bytes.length * 2);
    const grown = new Uint8Array(Math.min(capacity, this.maxSize));
    grown.set(this.bytes.subarray(0, this.length));
    this.#store(grown);
  }

  #store(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = viewOf(bytes);
    this.#owned = true;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
