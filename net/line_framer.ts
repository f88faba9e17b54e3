// Floor 1: codec.
import {
  DEFAULT_MAX_MESSAGE_LENGTH,
  type Framer,
  type FramerLimits,
  type FramingDecoder,
  type FramingSink,
} from "./framer.ts";
import { tryDecodeUtf8 } from "../buffer/utf8.ts";
import { checkMaxLength, checkUnterminated, described, putText } from "./_framer_util.ts";
import { DecoderBase } from "./_decoder_base.ts";
import { DelimitedDecoder } from "./_delimited_decoder.ts";
import { checkOptionNames } from "./option_names.ts";

const LF = 10;
const CR = 13;

/** Options of {@linkcode lineFramer}. */
export interface LineFramerOptions extends FramerLimits {
  /**
   * What is written after each line.
   *
   * @default {"\n"}
   */
  ending?: "\n" | "\r\n" | "\r";
  /**
   * What ends a line that is read:
   * - `"lf"`: LF; one CR right before it belongs to the ending. A CR elsewhere belongs to the line.
   * - `"crlf"`: CR and LF together. A CR or LF alone belongs to the line.
   * - `"any"`: LF, CRLF, or a CR alone. A line is given out at its CR, without waiting for the byte after it.
   *
   * @default {"lf"}
   */
  accept?: "lf" | "crlf" | "any";
  /**
   * What becomes of text after the last ending when the stream ends: an error with the fault `truncated`, or a line.
   * @default {"error"}
   */
  unterminated?: "error" | "message";
}

const OPTIONS: Record<keyof Required<LineFramerOptions>, true> = {
  maxLength: true,
  ending: true,
  accept: true,
  unterminated: true,
};

const ENDINGS: Record<string, Uint8Array> = {
  "\n": new Uint8Array([LF]),
  "\r\n": new Uint8Array([CR, LF]),
  "\r": new Uint8Array([CR]),
};

const BAD_TEXT = "it is no valid UTF-8";

class LineDecoder extends DelimitedDecoder<string> {
  readonly #dropCarriageReturn: boolean;

  constructor(crlf: boolean, maxLength: number, unterminated: boolean) {
    // A CR that belongs to the ending does not count.
    const maxBytes = crlf ? maxLength : maxLength + 1;
    super(ENDINGS[crlf ? "\r\n" : "\n"], maxLength, unterminated, maxBytes);
    this.#dropCarriageReturn = !crlf;
  }

  protected override decode(bytes: Uint8Array): string | undefined {
    let { length } = bytes;
    if (this.#dropCarriageReturn && length > 0 && bytes[length - 1] === CR) length--;
    if (length > this.maxLength) return this.failTooLong();
    const line = length === bytes.length ? bytes : bytes.subarray(0, length);
    return tryDecodeUtf8(line) ?? this.fail(BAD_TEXT, { fault: "malformed" });
  }
}

class AnyLineDecoder extends DecoderBase<string> {
  readonly #maxLength: number;
  readonly #unterminated: boolean;
  /** The last line ended with CR, so an LF right after it belongs to that ending. */
  #afterCarriageReturn = false;

  constructor(maxLength: number, unterminated: boolean) {
    super();
    this.#maxLength = maxLength;
    this.#unterminated = unterminated;
  }

  protected override step(): string | undefined {
    const { chunk, limit, partial } = this;
    let { pos } = this;
    if (this.#afterCarriageReturn) {
      this.#afterCarriageReturn = false;
      if (chunk[pos] === LF) this.pos = ++pos;
      if (pos === limit) return undefined;
    }
    let end = pos;
    while (end < limit && chunk[end] !== LF && chunk[end] !== CR) end++;
    if (partial.length + end - pos > this.#maxLength) {
      return this.fail(`it is longer than the limit of ${this.#maxLength} bytes`, {
        fault: "too-long",
      });
    }
    if (end === limit) {
      partial.append(chunk, pos, limit, 0);
      this.pos = limit;
      return undefined;
    }
    this.#afterCarriageReturn = chunk[end] === CR;
    this.pos = end + 1;
    let line: Uint8Array;
    if (partial.length === 0) {
      line = chunk.subarray(pos, end);
    } else {
      partial.append(chunk, pos, end, 0);
      line = partial.take();
    }
    return tryDecodeUtf8(line) ?? this.fail(BAD_TEXT, { fault: "malformed" });
  }

  protected override finish(): string | undefined {
    const received = this.partial.length;
    if (received === 0) return undefined;
    if (!this.#unterminated) return this.failTruncated(received, 1, false);
    return tryDecodeUtf8(this.partial.take()) ??
      this.fail(BAD_TEXT, { fault: "malformed" });
  }
}

class LineFramer implements Framer<string> {
  readonly name = "line";
  readonly #ending: Uint8Array;
  readonly #accept: "lf" | "crlf" | "any";
  readonly #maxLength: number;
  readonly #unterminated: boolean;

  constructor(options: LineFramerOptions) {
    this.#ending = ENDINGS[options.ending ?? "\n"];
    this.#accept = options.accept ?? "lf";
    this.#maxLength = checkMaxLength(options.maxLength ?? DEFAULT_MAX_MESSAGE_LENGTH);
    this.#unterminated = options.unterminated === "message";
  }

  encode(message: string, sink: FramingSink): void {
    if (typeof message !== "string") {
      throw new TypeError(`Cannot send line: it takes text, not ${described(message)}`);
    }
    if (message.includes("\n") || message.includes("\r")) {
      throw new TypeError("Cannot send line: it holds a line ending");
    }
    putText(message, this.#ending, sink);
  }

  createDecoder(): FramingDecoder<string> {
    return this.#accept === "any"
      ? new AnyLineDecoder(this.#maxLength, this.#unterminated)
      : new LineDecoder(this.#accept === "crlf", this.#maxLength, this.#unterminated);
  }
}

/**
 * Lines of UTF-8 text, without their endings. A line that holds a line ending can't be sent.
 *
 * `TextLineStream` of `@std/streams` cuts text in a similar way, but takes lines of any length, so that a peer that
 * never ends its line fills the memory; it hands out an unfinished last line like any other; and it cannot take CRLF
 * alone as the ending.
 *
 * @throws {TypeError} for an option that there is not, an unknown `ending`, `accept` or `unterminated`
 * @throws {RangeError} when `maxLength` is no non-negative integer
 *
 * @example
 * ```ts
 * import { lineFramer, unframeMessages } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new TextEncoder().encode("one\rtwo\r\nthree\n");
 * assertEquals(unframeMessages(lineFramer({ accept: "any" }), bytes), ["one", "two", "three"]);
 * ```
 */
export function lineFramer(options: LineFramerOptions = {}): Framer<string> {
  checkOptionNames("Cannot make framer", options, OPTIONS);
  checkUnterminated(options.unterminated);
  if (!Object.hasOwn(ENDINGS, options.ending ?? "\n")) {
    throw new TypeError("Cannot make framer: unknown line ending");
  }
  if (!["lf", "crlf", "any"].includes(options.accept ?? "lf")) {
    throw new TypeError(`Cannot make framer: unknown accept "${options.accept}"`);
  }
  return new LineFramer(options);
}
