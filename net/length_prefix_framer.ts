// Floor 1: codec.
import {
  DEFAULT_MAX_MESSAGE_LENGTH,
  type Framer,
  type FramerLimits,
  type FramingDecoder,
  type FramingSink,
} from "./framer.ts";
import { checkBytes, checkMaxLength, copyInto, INLINE_LENGTH } from "./_framer_util.ts";
import { SizedDecoder } from "./_sized_decoder.ts";
import { checkOptionNames } from "./option_names.ts";

/** Options of {@linkcode lengthPrefixFramer}. */
export interface LengthPrefixFramerOptions extends FramerLimits {
  /**
   * The number before each message: unsigned with 8, 16, 24 or 32 bits, or a varint (LEB128: 7 bits a byte, the
   * lowest first, as Protocol Buffers have it; up to 5 bytes and 32 bits).
   * @default {"u32"}
   */
  prefix?: "u8" | "u16" | "u24" | "u32" | "varint";
  /**
   * Whether the lowest byte of the number comes first. A varint has one order only.
   *
   * @default {false}
   */
  littleEndian?: boolean;
  /**
   * Whether the number counts its own bytes too.
   *
   * @default {false}
   */
  includesPrefix?: boolean;
}

const OPTIONS: Record<keyof Required<LengthPrefixFramerOptions>, true> = {
  maxLength: true,
  prefix: true,
  littleEndian: true,
  includesPrefix: true,
};

const PREFIX_BYTES = { u8: 1, u16: 2, u24: 3, u32: 4, varint: 0 };

const MAX_U32 = 0xffff_ffff;

const MAX_VARINT_BYTES = 5;

/** Bytes of `value` as a varint. */
function varintLength(value: number): number {
  return value < 0x80
    ? 1
    : value < 0x4000
    ? 2
    : value < 0x20_0000
    ? 3
    : value < 0x1000_0000
    ? 4
    : 5;
}

class FixedPrefixDecoder extends SizedDecoder {
  readonly #width: number;
  readonly #littleEndian: boolean;
  readonly #own: number;
  /** A prefix that is spread over several chunks: its value so far, and its bytes so far. */
  #value = 0;
  #have = 0;

  constructor(width: number, littleEndian: boolean, includesPrefix: boolean, maxLength: number) {
    super(maxLength);
    this.#width = width;
    this.#littleEndian = littleEndian;
    this.#own = includesPrefix ? width : 0;
  }

  protected override readSize(): number {
    const width = this.#width;
    const { chunk, pos } = this;
    let value: number;
    if (this.#have === 0 && this.limit - pos >= width) {
      this.pos = pos + width;
      if (width === 4) {
        value = this.#littleEndian
          ? chunk[pos] + (chunk[pos + 1] << 8) + (chunk[pos + 2] << 16) +
            chunk[pos + 3] * 0x100_0000
          : chunk[pos] * 0x100_0000 + (chunk[pos + 1] << 16) + (chunk[pos + 2] << 8) +
            chunk[pos + 3];
      } else if (width === 2) {
        value = this.#littleEndian
          ? chunk[pos] | chunk[pos + 1] << 8
          : chunk[pos] << 8 | chunk[pos + 1];
      } else if (width === 1) {
        value = chunk[pos];
      } else {
        value = this.#littleEndian
          ? chunk[pos] | chunk[pos + 1] << 8 | chunk[pos + 2] << 16
          : chunk[pos] << 16 | chunk[pos + 1] << 8 | chunk[pos + 2];
      }
    } else {
      while (this.#have < width) {
        if (this.pos === this.limit) return -1;
        const byte = chunk[this.pos++];
        this.#value = this.#littleEndian
          ? this.#value + byte * 2 ** (8 * this.#have)
          : this.#value * 256 + byte;
        this.#have++;
      }
      value = this.#value;
      this.#value = this.#have = 0;
    }
    if (value < this.#own) {
      this.fail(`its length of ${value} does not even count the length itself`, {
        fault: "malformed",
      });
      return -1;
    }
    return value - this.#own;
  }

  protected override headerState(): { received: number; missing: number } {
    return { received: this.#have, missing: this.#width - this.#have };
  }
}

class VarintPrefixDecoder extends SizedDecoder {
  readonly #includesPrefix: boolean;
  #value = 0;
  #have = 0;

  constructor(includesPrefix: boolean, maxLength: number) {
    super(maxLength);
    this.#includesPrefix = includesPrefix;
  }

  protected override readSize(): number {
    const { chunk } = this;
    for (;;) {
      if (this.pos === this.limit) return -1;
      const byte = chunk[this.pos++];
      this.#value += (byte & 0x7f) * 2 ** (7 * this.#have++);
      if (this.#value > MAX_U32 || (byte >= 0x80 && this.#have === MAX_VARINT_BYTES)) {
        this.fail("its varint length is over 32 bits", { fault: "malformed" });
        return -1;
      }
      if (byte < 0x80) break;
    }
    const value = this.#value;
    const own = this.#includesPrefix ? this.#have : 0;
    this.#value = this.#have = 0;
    if (value < own) {
      this.fail(`its length of ${value} does not even count the length itself`, {
        fault: "malformed",
      });
      return -1;
    }
    return value - own;
  }

  protected override headerState(): { received: number; missing: number } {
    return { received: this.#have, missing: 1 };
  }
}

class LengthPrefixFramer implements Framer {
  readonly name = "length prefix";
  readonly #width: number;
  readonly #littleEndian: boolean;
  readonly #includesPrefix: boolean;
  readonly #maxLength: number;
  readonly #maxValue: number;

  constructor(width: number, littleEndian: boolean, includesPrefix: boolean, maxLength: number) {
    this.#width = width;
    this.#littleEndian = littleEndian;
    this.#includesPrefix = includesPrefix;
    this.#maxLength = maxLength;
    this.#maxValue = width === 0 ? MAX_U32 : 2 ** (8 * width) - 1;
  }

  encode(message: Uint8Array, sink: FramingSink): void {
    checkBytes(message, "send message");
    const { length } = message;
    let width = this.#width;
    let value = length;
    if (width === 0) {
      width = varintLength(value);
      // The number grows by its own bytes, and may so need one byte more.
      if (this.#includesPrefix) {
        if (varintLength(length + width) > width) width++;
        value += width;
      }
    } else if (this.#includesPrefix) {
      value += width;
    }
    if (value > this.#maxValue) {
      throw new RangeError(
        `Cannot send message: its ${length} bytes do not fit the length prefix (at most ${this.#maxValue})`,
      );
    }
    const inline = length <= INLINE_LENGTH;
    const offset = sink.reserve(inline ? width + length : width);
    const { buffer } = sink;
    this.#putPrefix(buffer, offset, value);
    if (inline) {
      copyInto(buffer, offset + width, message);
      sink.commit(width + length);
    } else {
      sink.commit(width);
      sink.write(message);
    }
  }

  #putPrefix(buffer: Uint8Array, offset: number, value: number): void {
    const width = this.#width;
    if (width === 0) {
      while (value >= 0x80) {
        buffer[offset++] = value % 0x80 | 0x80;
        value = Math.floor(value / 0x80);
      }
      buffer[offset] = value;
    } else if (this.#littleEndian) {
      for (let i = 0; i < width; i++) buffer[offset + i] = value >>> (8 * i);
    } else {
      for (let i = 0; i < width; i++) buffer[offset + i] = value >>> (8 * (width - 1 - i));
    }
  }

  createDecoder(): FramingDecoder<Uint8Array> {
    return this.#width === 0
      ? new VarintPrefixDecoder(this.#includesPrefix, this.#maxLength)
      : new FixedPrefixDecoder(
        this.#width,
        this.#littleEndian,
        this.#includesPrefix,
        this.#maxLength,
      );
  }
}

/**
 * Messages with a binary number before them that tells their length in bytes.
 *
 * A message is a view into the received bytes where it lies in one piece there, and the numbers are checked before
 * memory is taken.
 *
 * @throws {TypeError} for an option that there is not, an unknown `prefix`, or `littleEndian` with a varint
 * @throws {RangeError} when `maxLength` is no non-negative integer
 *
 * @example
 * ```ts
 * import { frameMessage, lengthPrefixFramer } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const framer = lengthPrefixFramer({ prefix: "u16", includesPrefix: true });
 * assertEquals(frameMessage(framer, new Uint8Array([7])), new Uint8Array([0, 3, 7]));
 * ```
 */
export function lengthPrefixFramer(options: LengthPrefixFramerOptions = {}): Framer {
  checkOptionNames("Cannot make framer", options, OPTIONS);
  const { prefix = "u32", littleEndian = false, includesPrefix = false } = options;
  if (!Object.hasOwn(PREFIX_BYTES, prefix)) {
    throw new TypeError(`Cannot make framer: unknown prefix "${prefix}"`);
  }
  if (prefix === "varint" && options.littleEndian !== undefined) {
    throw new TypeError("Cannot make framer: a varint has no choice of byte order");
  }
  const maxLength = checkMaxLength(options.maxLength ?? DEFAULT_MAX_MESSAGE_LENGTH);
  return new LengthPrefixFramer(PREFIX_BYTES[prefix], littleEndian, includesPrefix, maxLength);
}
