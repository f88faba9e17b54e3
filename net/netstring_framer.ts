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

const COLON = 0x3a;
const COMMA = 0x2c;

class NetstringFramer implements Framer {
  readonly name = "netstring";
  readonly #maxLength: number;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  encode(message: Uint8Array, sink: FramingSink): void {
    const { length } = message;
    const digits = decimalLength(length);
    const inline = length <= INLINE_LENGTH;
    const offset = sink.reserve(digits + 1 + (inline ? length + 1 : 0));
    const { buffer } = sink;
    putDecimal(buffer, offset, length, digits);
    buffer[offset + digits] = COLON;
    if (inline) {
      copyInto(buffer, offset + digits + 1, message);
      buffer[offset + digits + 1 + length] = COMMA;
      sink.commit(digits + 2 + length);
      return;
    }
    sink.commit(digits + 1);
    sink.write(message);
    const end = sink.reserve(1);
    sink.buffer[end] = COMMA;
    sink.commit(1);
  }

  createDecoder(): FramingDecoder<Uint8Array> {
    const separator = new Uint8Array([COLON]);
    return new DecimalDecoder(separator, this.#maxLength, { leadingZeros: false, trailer: COMMA });
  }
}

/**
 * Netstrings (D. J. Bernstein, 1997): the length in bytes as a decimal number, a colon, the bytes, a comma.
 *
 * @throws {RangeError} when `maxLength` is no non-negative integer
 *
 * @example
 * ```ts
 * import { netstringFramer, unframeMessages } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new TextEncoder().encode("12:hello world!,0:,");
 * const messages = unframeMessages(netstringFramer(), bytes);
 * assertEquals(messages.map((message) => new TextDecoder().decode(message)), ["hello world!", ""]);
 * ```
 */
export function netstringFramer(options: FramerLimits = {}): Framer {
  return new NetstringFramer(checkMaxLength(options.maxLength ?? DEFAULT_MAX_MESSAGE_LENGTH));
}
