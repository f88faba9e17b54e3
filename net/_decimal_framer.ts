// Floor 1: codec.
import {
  DEFAULT_MAX_MESSAGE_LENGTH,
  type Framer,
  type FramerLimits,
  type FramingDecoder,
  type FramingSink,
} from "./framer.ts";
import { DecimalDecoder, decimalLength, putDecimal } from "./_decimal_decoder.ts";
import { checkBytes, checkMaxLength, copyInto, INLINE_LENGTH } from "./_framer_util.ts";

/** How a {@linkcode DecimalFramer} writes and reads. */
export interface DecimalFormat {
  /** What the format is called. */
  name: string;
  /** What stands before the number. */
  prefix?: Uint8Array;
  /** What stands between the number and the message. */
  separator: Uint8Array;
  /** What follows each message: one byte, or none. */
  trailer?: number;
  /** Whether a number may begin with zeros. */
  leadingZeros: boolean;
}

const NOTHING = new Uint8Array(0);

/** A format with a decimal length before each message: `<prefix?><digits><separator><bytes><trailer?>`. */
export class DecimalFramer implements Framer {
  readonly name: string;
  readonly #format: DecimalFormat;
  protected readonly maxLength: number;

  /** @throws {RangeError} when `maxLength` is no non-negative integer */
  constructor(format: DecimalFormat, { maxLength }: FramerLimits) {
    this.name = format.name;
    this.#format = format;
    this.maxLength = checkMaxLength(maxLength ?? DEFAULT_MAX_MESSAGE_LENGTH);
  }

  encode(message: Uint8Array, sink: FramingSink): void {
    checkBytes(message, "send message");
    const { prefix = NOTHING, separator, trailer } = this.#format;
    const { length } = message;
    const digits = decimalLength(length);
    const separated = prefix.length + digits;
    const head = separated + separator.length;
    const inline = length <= INLINE_LENGTH;
    const offset = sink.reserve(inline ? head + length + 1 : head);
    const { buffer } = sink;
    copyInto(buffer, offset, prefix);
    putDecimal(buffer, offset + prefix.length, length, digits);
    copyInto(buffer, offset + separated, separator);
    if (inline) {
      copyInto(buffer, offset + head, message);
      if (trailer === undefined) return sink.commit(head + length);
      buffer[offset + head + length] = trailer;
      return sink.commit(head + length + 1);
    }
    sink.commit(head);
    sink.write(message);
    if (trailer === undefined) return;
    const end = sink.reserve(1);
    sink.buffer[end] = trailer;
    sink.commit(1);
  }

  createDecoder(): FramingDecoder<Uint8Array> {
    return new DecimalDecoder(this.#format.separator, this.maxLength, this.#format);
  }
}
