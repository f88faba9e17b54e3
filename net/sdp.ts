// Floor 1: codec.
import { bluetoothUuid, shortBluetoothUuid } from "./bluetooth_uuid.ts";
import { NetError } from "./errors.ts";

/**
 * One value of a Bluetooth service record (Core specification, Vol 3, Part B, §3).
 *
 * | type | `value` |
 * | --- | --- |
 * | `nil` | none |
 * | `uint`, `int` | a number for sizes 1, 2 and 4 bytes, a bigint for 8 and 16 |
 * | `uuid` | the whole UUID in lower case; `size` is how many bytes it takes on the wire |
 * | `text` | bytes, nearly always UTF-8: see {@linkcode sdpString} |
 * | `bool` | a boolean |
 * | `sequence`, `alternative` | more elements |
 * | `url` | a string |
 */
export type SdpElement =
  | { type: "nil" }
  | { type: "uint" | "int"; size: 1 | 2 | 4; value: number }
  | { type: "uint" | "int"; size: 8 | 16; value: bigint }
  | { type: "uuid"; size: 2 | 4 | 16; value: string }
  | { type: "text"; value: Uint8Array }
  | { type: "bool"; value: boolean }
  | { type: "sequence" | "alternative"; value: SdpElement[] }
  | { type: "url"; value: string };

/** What bounds the decoding of SDP data; a breach is a {@linkcode NetError} with code `EPROTO`. */
export interface SdpLimits {
  /**
   * How deep sequences may be nested.
   *
   * @default {16}
   */
  maxDepth?: number;
  /**
   * How many elements there may be in all.
   *
   * @default {4096}
   */
  maxElements?: number;
}

const TYPES = [
  "nil",
  "uint",
  "int",
  "uuid",
  "text",
  "bool",
  "sequence",
  "alternative",
  "url",
] as const;
const FIXED = [1, 2, 4, 8, 16];

const utf8 = new TextEncoder();

function protocolError(why: string): NetError {
  return new NetError(`Cannot decode SDP data: ${why}`, { code: "EPROTO", syscall: "read" });
}

/**
 * An unsigned integer element of `size` bytes (1, 2 or 4).
 *
 * @example
 * ```ts
 * import { encodeSdpElement, sdpUint } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(encodeSdpElement(sdpUint(3, 1)), new Uint8Array([0x08, 3]));
 * ```
 */
export function sdpUint(value: number, size: 1 | 2 | 4): SdpElement {
  return { type: "uint", size, value };
}

/**
 * A UUID element, as short on the wire as the UUID allows: 2, 4 or 16 bytes.
 *
 * @example
 * ```ts
 * import { encodeSdpElement, sdpUuid } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(encodeSdpElement(sdpUuid("RFCOMM")), new Uint8Array([0x19, 0x00, 0x03]));
 * ```
 */
export function sdpUuid(uuid: string | number): SdpElement {
  const value = bluetoothUuid(uuid);
  const short = shortBluetoothUuid(value);
  return { type: "uuid", size: short === undefined ? 16 : short <= 0xffff ? 2 : 4, value };
}

/**
 * A sequence element.
 *
 * @example
 * ```ts
 * import { encodeSdpElement, sdpSequence, sdpUint, sdpUuid } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = sdpSequence(sdpUuid("RFCOMM"), sdpUint(3, 1)); // channel 3
 * assertEquals(encodeSdpElement(layer), new Uint8Array([0x35, 5, 0x19, 0x00, 0x03, 0x08, 3]));
 * ```
 */
export function sdpSequence(...value: SdpElement[]): SdpElement {
  return { type: "sequence", value };
}

/**
 * A text element, from a string as UTF-8.
 *
 * @example
 * ```ts
 * import { sdpString, sdpText } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(sdpString(sdpText("Serial port")), "Serial port");
 * ```
 */
export function sdpText(text: string): SdpElement {
  return { type: "text", value: utf8.encode(text) };
}

/**
 * The string of a text or URL element, `undefined` for any other; bytes that are not UTF-8 become U+FFFD.
 *
 * @example
 * ```ts
 * import { sdpString, sdpText, sdpUint } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(sdpString(sdpText("Serial port\0")), "Serial port");
 * assertEquals(sdpString(sdpUint(7, 1)), undefined);
 * ```
 */
export function sdpString(element: SdpElement | undefined): string | undefined {
  if (element?.type === "url") return element.value;
  // Some devices end their strings with a NUL, as C does.
  return element?.type === "text"
    ? new TextDecoder().decode(element.value).replace(/\0+$/, "")
    : undefined;
}

// --- encoding -------------------------------------------------------------------------------------------------------

function bigBytes(value: bigint, size: number, signed: boolean): Uint8Array {
  const bits = BigInt(size * 8);
  const fits = signed ? BigInt.asIntN(size * 8, value) : BigInt.asUintN(size * 8, value);
  if (fits !== value) throw new RangeError(`${value} does not fit ${bits} bits of an SDP element`);
  const bytes = new Uint8Array(size);
  let rest = BigInt.asUintN(size * 8, value);
  for (let i = size - 1; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}

function integerBytes(value: number | bigint, size: number, signed: boolean): Uint8Array {
  if (!FIXED.includes(size)) throw new RangeError(`An SDP integer can't have ${size} bytes`);
  if (typeof value === "number" && !Number.isInteger(value)) {
    throw new RangeError(`${value} is not an integer`);
  }
  return bigBytes(BigInt(value), size, signed);
}

function uuidBytes(uuid: string, size: number): Uint8Array {
  const whole = bluetoothUuid(uuid);
  if (size === 16) return bigBytes(BigInt(`0x${whole.replaceAll("-", "")}`), 16, false);
  const short = shortBluetoothUuid(whole);
  if (short === undefined) throw new RangeError(`UUID ${whole} does not fit ${size} bytes`);
  return integerBytes(short, size, false);
}

function fixed(type: number, bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(1 + bytes.length);
  out[0] = type << 3 | FIXED.indexOf(bytes.length);
  out.set(bytes, 1);
  return out;
}

function variable(type: number, parts: Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = length <= 0xff ? 1 : length <= 0xffff ? 2 : 4;
  const out = new Uint8Array(1 + head + length);
  out[0] = type << 3 | (head === 1 ? 5 : head === 2 ? 6 : 7);
  out.set(integerBytes(length, head, false), 1);
  let at = 1 + head;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/**
 * The bytes of a data element: one byte of type and size, then the value, big-endian.
 *
 * @throws {RangeError} if a value does not fit its size.
 *
 * @example
 * ```ts
 * import { decodeSdpElement, encodeSdpElement, sdpUuid } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodeSdpElement(sdpUuid("SerialPort"));
 * assertEquals(bytes, Uint8Array.of(0x19, 0x11, 0x01));
 * assertEquals(decodeSdpElement(bytes), sdpUuid(0x1101));
 * ```
 */
export function encodeSdpElement(element: SdpElement): Uint8Array {
  const type = TYPES.indexOf(element.type);
  switch (element.type) {
    case "nil":
      return Uint8Array.of(0);
    case "uint":
    case "int":
      return fixed(type, integerBytes(element.value, element.size, element.type === "int"));
    case "uuid":
      return fixed(type, uuidBytes(element.value, element.size));
    case "bool":
      return Uint8Array.of(type << 3, element.value ? 1 : 0);
    case "text":
      return variable(type, [element.value]);
    case "url":
      return variable(type, [utf8.encode(element.value)]);
    case "sequence":
    case "alternative":
      return variable(type, element.value.map(encodeSdpElement));
  }
}

// --- decoding -------------------------------------------------------------------------------------------------------

class Decoder {
  #left: number;
  #maxDepth: number;
  #view: DataView;

  constructor(readonly bytes: Uint8Array, public at: number, limits: SdpLimits) {
    this.#left = limits.maxElements ?? 4096;
    this.#maxDepth = limits.maxDepth ?? 16;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #take(length: number, end: number): number {
    const at = this.at;
    if (length > end - at) {
      throw protocolError(`an element of ${length} bytes ends outside the data`);
    }
    this.at = at + length;
    return at;
  }

  #length(index: number, end: number): number {
    if (index < 5) return FIXED[index];
    const size = index === 5 ? 1 : index === 6 ? 2 : 4;
    const at = this.#take(size, end);
    if (size === 1) return this.#view.getUint8(at);
    return size === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  #number(at: number, size: number, signed: boolean): number {
    const view = this.#view;
    if (size === 1) return signed ? view.getInt8(at) : view.getUint8(at);
    if (size === 2) return signed ? view.getInt16(at) : view.getUint16(at);
    return signed ? view.getInt32(at) : view.getUint32(at);
  }

  #big(at: number, size: number, signed: boolean): bigint {
    let value = 0n;
    for (let i = 0; i < size; i++) value = value << 8n | BigInt(this.bytes[at + i]);
    return signed ? BigInt.asIntN(size * 8, value) : value;
  }

  #uuid(at: number, size: number): string {
    if (size < 16) return bluetoothUuid(this.#number(at, size, false));
    return bluetoothUuid(this.#big(at, 16, false).toString(16).padStart(32, "0"));
  }

  element(end: number, depth = 0): SdpElement {
    if (--this.#left < 0) throw protocolError("too many elements");
    if (depth > this.#maxDepth) throw protocolError("nested too deep");
    const head = this.bytes[this.#take(1, end)];
    const type = TYPES[head >> 3];
    const index = head & 7;
    if (type === undefined) throw protocolError(`unknown element type ${head >> 3}`);
    if (type === "nil") {
      if (index !== 0) throw protocolError(`an element of type nil with size index ${index}`);
      return { type };
    }
    const isFixed = type === "uint" || type === "int" || type === "uuid" || type === "bool";
    const fits = !isFixed
      ? index >= 5
      : type === "bool"
      ? index === 0
      : type === "uuid"
      ? index === 1 || index === 2 || index === 4
      : index < 5;
    if (!fits) throw protocolError(`an element of type ${type} with size index ${index}`);
    const size = this.#length(index, end);
    const at = this.#take(size, end);
    switch (type) {
      case "uint":
      case "int":
        return size <= 4
          ? { type, size: size as 1 | 2 | 4, value: this.#number(at, size, type === "int") }
          : { type, size: size as 8 | 16, value: this.#big(at, size, type === "int") };
      case "uuid":
        return { type, size: size as 2 | 4 | 16, value: this.#uuid(at, size) };
      case "bool":
        return { type, value: this.bytes[at] !== 0 };
      case "text":
        return { type, value: this.bytes.slice(at, at + size) };
      case "url":
        return { type, value: new TextDecoder().decode(this.bytes.subarray(at, at + size)) };
      default: {
        const value: SdpElement[] = [];
        this.at = at;
        while (this.at < at + size) value.push(this.element(at + size, depth + 1));
        return { type, value };
      }
    }
  }
}

/**
 * The data element that begins at `at` in `bytes`, and where it ends.
 *
 * @throws {NetError} code `EPROTO`: cut short, of an unknown type or size, or past a limit.
 *
 * @example
 * ```ts
 * import { readSdpElement, sdpUint } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new Uint8Array([0x08, 3, 0x08, 4]);
 * const { element, end } = readSdpElement(bytes, 0);
 * assertEquals([element, end], [sdpUint(3, 1), 2]);
 * assertEquals(readSdpElement(bytes, end).element, sdpUint(4, 1));
 * ```
 */
export function readSdpElement(
  bytes: Uint8Array,
  at: number,
  limits: SdpLimits = {},
): { element: SdpElement; end: number } {
  const decoder = new Decoder(bytes, at, limits);
  const element = decoder.element(bytes.length);
  return { element, end: decoder.at };
}

/**
 * The data element that `bytes` hold, all of them.
 *
 * @throws {NetError} code `EPROTO`: cut short, of an unknown type or size, past a limit, or with bytes left over.
 *
 * @example
 * ```ts
 * import { decodeSdpElement, NetError } from "@sluice/sockets/net";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(decodeSdpElement(new Uint8Array([0x28, 1])), { type: "bool", value: true });
 * assertThrows(() => decodeSdpElement(new Uint8Array([0x28])), NetError);
 * ```
 */
export function decodeSdpElement(bytes: Uint8Array, limits: SdpLimits = {}): SdpElement {
  const { element, end } = readSdpElement(bytes, 0, limits);
  if (end !== bytes.length) throw protocolError(`${bytes.length - end} bytes too many`);
  return element;
}
