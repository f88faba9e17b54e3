// Floor 1: codec.
import {
  DEFAULT_MAX_MESSAGE_LENGTH,
  type Framer,
  type FramerLimits,
  type FramingDecoder,
  type FramingSink,
} from "./framer.ts";
import {
  checkBytes,
  checkMaxLength,
  checkUnterminated,
  copyInto,
  indexOfByte,
  indexOfBytes,
  INLINE_LENGTH,
  toBytes,
} from "./_framer_util.ts";
import { DelimitedDecoder } from "./_delimited_decoder.ts";
import { checkOptionNames } from "./option_names.ts";

/** Options of {@linkcode delimiterFramer}. */
export interface DelimiterFramerOptions extends FramerLimits {
  /**
   * The bytes that end each message; text stands for its UTF-8. At least 1 byte.
   *
   * @default {"\r\n"}
   */
  marker?: string | Uint8Array;
  /**
   * What becomes of bytes after the last marker when the stream ends: an error with the fault `truncated`, or a
   * message.
   * @default {"error"}
   */
  unterminated?: "error" | "message";
  /**
   * Whether a message may be sent although the peer will cut it, since it holds the marker. Danger: who writes the
   * message's text can then forge further messages.
   * @default {false}
   */
  allowMarkerInside?: boolean;
}

const OPTIONS: Record<keyof Required<DelimiterFramerOptions>, true> = {
  maxLength: true,
  marker: true,
  unterminated: true,
  allowMarkerInside: true,
};

const { marker: _, ...NUL_OPTIONS } = OPTIONS;

class BytesDecoder extends DelimitedDecoder<Uint8Array> {
  protected override decode(bytes: Uint8Array): Uint8Array {
    return bytes;
  }
}

class DelimiterFramer implements Framer {
  readonly name: string;
  readonly #marker: Uint8Array;
  readonly #maxLength: number;
  readonly #unterminated: boolean;
  readonly #allowMarkerInside: boolean;

  constructor(name: string, marker: Uint8Array, options: DelimiterFramerOptions) {
    this.name = name;
    this.#marker = marker;
    this.#maxLength = checkMaxLength(options.maxLength ?? DEFAULT_MAX_MESSAGE_LENGTH);
    this.#unterminated = options.unterminated === "message";
    this.#allowMarkerInside = options.allowMarkerInside ?? false;
  }

  encode(message: Uint8Array, sink: FramingSink): void {
    checkBytes(message, "send message");
    const marker = this.#marker;
    const { length } = message;
    if (!this.#allowMarkerInside && this.#cutsShort(message)) {
      throw new TypeError("Cannot send message: it holds the marker that ends messages");
    }
    const inline = length <= INLINE_LENGTH;
    if (!inline) sink.write(message);
    const offset = sink.reserve(marker.length + (inline ? length : 0));
    const { buffer } = sink;
    if (inline) copyInto(buffer, offset, message);
    copyInto(buffer, inline ? offset + length : offset, marker);
    sink.commit(marker.length + (inline ? length : 0));
  }

  /** Whether a reader of `message` and the marker would find the marker too early. */
  #cutsShort(message: Uint8Array): boolean {
    const marker = this.#marker;
    const { length } = message;
    if (marker.length === 1) return indexOfByte(message, marker[0], 0, length) >= 0;
    if (indexOfBytes(message, marker, 0, length) >= 0) return true;
    // With a marker like "aa", the message "xa" makes "xaaa", which is cut after the "x".
    for (let shift = Math.max(1, marker.length - length); shift < marker.length; shift++) {
      const overlap = marker.length - shift;
      let i = 0;
      while (i < overlap && message[length - overlap + i] === marker[i]) i++;
      if (i < overlap) continue;
      while (i < marker.length && marker[i - overlap] === marker[i]) i++;
      if (i === marker.length) return true;
    }
    return false;
  }

  createDecoder(): FramingDecoder<Uint8Array> {
    return new BytesDecoder(this.#marker, this.#maxLength, this.#unterminated);
  }
}

/**
 * Messages with an end marker after them, which the messages themselves can't hold. The marker may arrive split over
 * any pieces.
 *
 * `DelimiterStream` of `@std/streams` cuts a stream in the same way, but takes messages of any length, so that a peer
 * that never sends the marker fills the memory; and it hands out an unfinished last message like any other.
 *
 * @throws {TypeError} when the marker is empty, `unterminated` unknown, or an option none
 * @throws {RangeError} when `maxLength` is no non-negative integer
 *
 * @example
 * ```ts
 * import { delimiterFramer, unframeMessages } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new TextEncoder().encode("one||two||");
 * const messages = unframeMessages(delimiterFramer({ marker: "||" }), bytes);
 * assertEquals(messages.map((message) => new TextDecoder().decode(message)), ["one", "two"]);
 * ```
 */
export function delimiterFramer(options: DelimiterFramerOptions = {}): Framer {
  checkOptionNames("Cannot make framer", options, OPTIONS);
  const marker = toBytes(options.marker ?? "\r\n");
  if (marker.length === 0) throw new TypeError("Cannot make framer: the marker is empty");
  checkUnterminated(options.unterminated);
  return new DelimiterFramer("end marker", marker, options);
}

/** Options of {@linkcode nulFramer}. */
export type NulFramerOptions = Omit<DelimiterFramerOptions, "marker">;

/**
 * Messages that end with a NUL byte, as C strings do.
 *
 * @throws {TypeError} when `unterminated` is unknown, or an option none
 * @throws {RangeError} when `maxLength` is no non-negative integer
 *
 * @example
 * ```ts
 * import { frameMessage, nulFramer } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(frameMessage(nulFramer(), new Uint8Array([65, 66])), new Uint8Array([65, 66, 0]));
 * ```
 */
export function nulFramer(options: NulFramerOptions = {}): Framer {
  checkOptionNames("Cannot make framer", options, NUL_OPTIONS, { marker: "is NUL here" });
  checkUnterminated(options.unterminated);
  return new DelimiterFramer("NUL-terminated", new Uint8Array(1), options);
}
