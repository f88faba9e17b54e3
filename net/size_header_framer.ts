// Floor 1: codec.
import {
  DEFAULT_MAX_MESSAGE_LENGTH,
  type Framer,
  type FramerLimits,
  type FramingDecoder,
  type FramingSink,
} from "./framer.ts";
import { DecimalDecoder, decimalLength, putDecimal } from "./_decimal_decoder.ts";
import { checkMaxLength, copyInto, INLINE_LENGTH } from "./_framer_util.ts";

const CRLF = new Uint8Array([13, 10]);

class SizeHeaderFramer implements Framer {
  readonly name = "size header";
  readonly #maxLength: number;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  encode(message: Uint8Array, sink: FramingSink): void {
    const { length } = message;
    const digits = decimalLength(length);
    const inline = length <= INLINE_LENGTH;
    const offset = sink.reserve(digits + 2 + (inline ? length : 0));
    const { buffer } = sink;
    putDecimal(buffer, offset, length, digits);
    buffer[offset + digits] = 13;
    buffer[offset + digits + 1] = 10;
    if (inline) copyInto(buffer, offset + digits + 2, message);
    sink.commit(digits + 2 + (inline ? length : 0));
    if (!inline) sink.write(message);
  }

  createDecoder(): FramingDecoder<Uint8Array> {
    return new DecimalDecoder(CRLF, this.#maxLength, { leadingZeros: true });
  }
}

/**
 * WLangage's size header (`SocketTailleDébut`, what WinDev sockets speak unless told otherwise): the length in bytes
 * as a decimal number, CRLF, and the bytes: `11\r\nHello World`.
 *
 * @throws {RangeError} when `maxLength` is no non-negative integer
 *
 * @example
 * ```ts
 * import { frameMessage, sizeHeaderFramer } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = frameMessage(sizeHeaderFramer(), new TextEncoder().encode("Hello World"));
 * assertEquals(new TextDecoder().decode(bytes), "11\r\nHello World");
 * ```
 */
export function sizeHeaderFramer(options: FramerLimits = {}): Framer {
  return new SizeHeaderFramer(checkMaxLength(options.maxLength ?? DEFAULT_MAX_MESSAGE_LENGTH));
}
