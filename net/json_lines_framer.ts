// Floor 1: codec.
import {
  DEFAULT_MAX_MESSAGE_LENGTH,
  type Framer,
  type FramerLimits,
  type FramingDecoder,
  type FramingSink,
} from "./framer.ts";
import { tryDecodeUtf8 } from "../buffer/utf8.ts";
import { checkMaxLength, checkUnterminated, putText } from "./_framer_util.ts";
import { DelimitedDecoder } from "./_delimited_decoder.ts";
import { checkOptionNames } from "./option_names.ts";

/** Options of {@linkcode jsonLinesFramer}. */
export interface JsonLinesFramerOptions extends FramerLimits {
  /**
   * What becomes of text after the last LF when the stream ends: an error with the fault `truncated`, or a message.
   * @default {"error"}
   */
  unterminated?: "error" | "message";
}

const OPTIONS: Record<keyof Required<JsonLinesFramerOptions>, true> = {
  maxLength: true,
  unterminated: true,
};

const LF = new Uint8Array([10]);

class JsonLinesDecoder<T> extends DelimitedDecoder<T> {
  protected override decode(bytes: Uint8Array): T | undefined {
    const text = tryDecodeUtf8(bytes);
    if (text === undefined) return this.fail("it is no valid UTF-8", { fault: "malformed" });
    if (text.trim() === "") return undefined;
    try {
      return JSON.parse(text);
    } catch (cause) {
      return this.fail("it is no valid JSON", { fault: "malformed", cause });
    }
  }
}

class JsonLinesFramer<T> implements Framer<T> {
  readonly name = "JSON lines";
  readonly #maxLength: number;
  readonly #unterminated: boolean;

  constructor(options: JsonLinesFramerOptions) {
    this.#maxLength = checkMaxLength(options.maxLength ?? DEFAULT_MAX_MESSAGE_LENGTH);
    this.#unterminated = options.unterminated === "message";
  }

  encode(message: T, sink: FramingSink): void {
    const text: string | undefined = JSON.stringify(message);
    if (text === undefined) {
      throw new TypeError(`Cannot send message: JSON has no ${typeof message}`);
    }
    putText(text, LF, sink);
  }

  createDecoder(): FramingDecoder<T> {
    return new JsonLinesDecoder<T>(LF, this.#maxLength, this.#unterminated);
  }
}

/**
 * JSON values, one a line, in UTF-8 with LF after each (jsonlines.org, NDJSON). A CR before the LF is taken too, and
 * blank lines are skipped.
 *
 * The type `T` is the caller's claim: what the peer sends is not checked against it.
 *
 * @throws {TypeError} when `unterminated` is unknown, or an option none
 * @throws {RangeError} when `maxLength` is no non-negative integer
 *
 * @example
 * ```ts
 * import { frameMessage, jsonLinesFramer, unframeMessages } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const framer = jsonLinesFramer();
 * const bytes = frameMessage(framer, { id: 1 });
 * assertEquals(new TextDecoder().decode(bytes), '{"id":1}\n');
 * assertEquals(unframeMessages(framer, bytes), [{ id: 1 }]);
 * ```
 */
export function jsonLinesFramer<T = unknown>(options: JsonLinesFramerOptions = {}): Framer<T> {
  checkOptionNames("Cannot make framer", options, OPTIONS);
  checkUnterminated(options.unterminated);
  return new JsonLinesFramer<T>(options);
}
