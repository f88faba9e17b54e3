// Floor 1: codec.

/** Options of {@linkcode hexdump}. */
export interface HexdumpOptions {
  /**
   * Bytes in a line, 1 to 256.
   *
   * @default {16}
   */
  width?: number;
  /**
   * What the first byte's offset is called.
   *
   * @default {0}
   */
  offset?: number;
  /**
   * Bytes shown; a last line tells how many more there are.
   *
   * @default {65536}
   */
  maxBytes?: number;
}

/**
 * Shows bytes the way debuggers do: in each line the offset in hex, the bytes in hex, and those that are printable ASCII as such.
 * Lines end with LF; no bytes give an empty text.
 *
 * @throws {RangeError} if an option is out of range.
 *
 * @example
 * ```ts
 * import { hexdump } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(
 *   hexdump(new TextEncoder().encode("GET / HTTP/1.1\r\n")),
 *   "00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  |GET / HTTP/1.1..|\n",
 * );
 * ```
 */
export function hexdump(bytes: Uint8Array, options: HexdumpOptions = {}): string {
  const { width = 16, offset = 0, maxBytes = 65536 } = options;
  if (!(Number.isInteger(width) && width >= 1 && width <= 256)) {
    throw new RangeError(`Cannot dump ${width} bytes in a line: not an integer from 1 to 256`);
  }
  if (!(Number.isSafeInteger(offset) && offset >= 0)) {
    throw new RangeError(`Cannot dump from offset ${offset}: not an integer from 0 up`);
  }
  if (!(maxBytes >= 0)) {
    throw new RangeError(`Cannot dump ${maxBytes} bytes: not a number from 0 up`);
  }
  const shown = bytes.subarray(0, Math.min(bytes.length, maxBytes));
  let text = "";
  for (let at = 0; at < shown.length; at += width) {
    text += line(shown.subarray(at, at + width), offset + at, width);
  }
  if (shown.length < bytes.length) text += `(${bytes.length - shown.length} more bytes)\n`;
  return text;
}

function line(bytes: Uint8Array, offset: number, width: number): string {
  let hex = "";
  let plain = "";
  for (let i = 0; i < width; i++) {
    // A gap every eight bytes, for the eye.
    const gap = i > 0 && i % 8 === 0 ? "  " : " ";
    hex += gap + (i < bytes.length ? bytes[i].toString(16).padStart(2, "0") : "  ");
  }
  for (const byte of bytes) plain += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".";
  return `${offset.toString(16).padStart(8, "0")} ${hex}  |${plain}|\n`;
}
