// Floor 0: vocabulary.
import { NetError } from "./errors.ts";

/**
 * Why bytes did not fit the framing.
 *
 * | fault | meaning |
 * | --- | --- |
 * | `malformed` | the bytes break the format: a length that is no number, bad UTF-8, a missing separator |
 * | `too-long` | a message is longer than the decoder's limit |
 * | `truncated` | the stream ended inside a message |
 */
export type FramingFault = "malformed" | "too-long" | "truncated";

/** What a {@linkcode FramingError} knows beside its text. */
export interface FramingErrorOptions extends ErrorOptions {
  /** Why the bytes did not fit. */
  fault: FramingFault;
  /** Bytes of the unfinished message that had arrived. */
  received?: number;
  /** Bytes that were missing at least. */
  missing?: number;
}

/**
 * What a framing decoder reports when the peer's bytes do not fit the framing; its `code` is `ERR_FRAMING`.
 *
 * @example
 * ```ts
 * import { FramingError, lengthPrefixFramer, unframeMessages } from "@sluice/sockets/net";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const framer = lengthPrefixFramer({ prefix: "u8" });
 * const error = assertThrows(
 *   () => unframeMessages(framer, new Uint8Array([5, 1, 2])),
 *   FramingError,
 * );
 * assertEquals(error.fault, "truncated");
 * assertEquals(error.missing, 3);
 * ```
 */
export class FramingError extends NetError {
  /** The name of the class. */
  override readonly name: string = "FramingError";
  /** Why the bytes did not fit. */
  readonly fault: FramingFault;
  /** For `truncated`: bytes of the unfinished message that had arrived. */
  declare readonly received?: number;
  /** For `truncated`: bytes that were missing at least, as far as the format lets one know. */
  declare readonly missing?: number;

  /** Makes an error with the text `message`, and the facts of `options`. */
  constructor(message: string, options: FramingErrorOptions) {
    super(message, { code: "ERR_FRAMING", cause: options.cause });
    this.fault = options.fault;
    if (options.received !== undefined) this.received = options.received;
    if (options.missing !== undefined) this.missing = options.missing;
  }
}
