// Floor 1: codec.
import type { ByteQueue } from "../buffer/byte_queue.ts";
import { encodeUtf8 } from "../buffer/utf8.ts";
import { delimiterFramer } from "../net/delimiter_framer.ts";
import type { Framer } from "../net/framer.ts";
import { FramingError } from "../net/framing_error.ts";
import { rawFramer } from "../net/raw_framer.ts";
import { sizeHeaderFramer } from "../net/size_header_framer.ts";
import { DEFAULT_END_MARKER, TransmissionMode } from "./constants.ts";

/** A transmission mode with its marker, and the framer that writes it. */
export interface Transmission {
  readonly mode: TransmissionMode;
  /** Empty in the modes that have none. */
  readonly marker: Uint8Array;
  readonly framer: Framer;
}

const NO_BYTES = new Uint8Array(0);
/** Digits of the longest length that is taken; a header of more can't be one. */
const MAX_DIGITS = 16;
const CRLF = Uint8Array.of(13, 10);

/** Checks a mode and its marker. @throws {TypeError} For an unknown mode, or a marker where there can be none, or an empty one. */
export function transmission(mode: TransmissionMode, marker?: string | Uint8Array): Transmission {
  const hasMarker = mode === TransmissionMode.END_MARKER ||
    mode === TransmissionMode.END_MARKER_BUFFERED;
  if (!hasMarker) {
    if (marker !== undefined) throw new TypeError("This transmission mode has no marker");
    if (mode === TransmissionMode.SIZE_HEADER) {
      return { mode, marker: NO_BYTES, framer: sizeHeaderFramer() };
    }
    if (mode === TransmissionMode.NO_MARKER) {
      return { mode, marker: NO_BYTES, framer: rawFramer() };
    }
    throw new TypeError(`There is no transmission mode ${String(mode)}`);
  }
  const given = marker ?? DEFAULT_END_MARKER;
  const bytes = typeof given === "string" ? encodeUtf8(given) : given.slice();
  if (bytes.length === 0) throw new TypeError("An end marker has at least one byte");
  // As in WLangage, a message that holds the marker is sent all the same, and is cut there by who reads it.
  return {
    mode,
    marker: bytes,
    framer: delimiterFramer({ marker: bytes, allowMarkerInside: true }),
  };
}

/**
 * Takes messages out of the bytes that came. It keeps nothing of them itself, so that the mode can be changed between two messages.
 */
export class TransmissionDecoder {
  readonly #queue: ByteQueue;
  readonly #maxLength: number;
  /** Up to where the marker was looked for in vain. */
  #searched = 0;

  constructor(queue: ByteQueue, maxLength: number) {
    this.#queue = queue;
    this.#maxLength = maxLength;
  }

  /** Forgets what it knows of the message under way: the mode has changed. */
  reset(): void {
    this.#searched = 0;
  }

  /**
   * The next message in a mode that has messages, or `undefined` while it is not whole.
   *
   * @throws {FramingError} when the bytes do not fit the mode, or the message is too long
   */
  next({ mode, marker }: Transmission): Uint8Array | undefined {
    return mode === TransmissionMode.SIZE_HEADER ? this.#bySize() : this.#byMarker(marker);
  }

  /** What is missing when the stream ends here. @throws {FramingError} when it is in the middle of a message */
  end(transmission: Transmission): void {
    const received = this.#queue.length;
    if (received === 0) return;
    throw new FramingError(
      `Cannot read message: the stream ended ${received} byte${
        received === 1 ? "" : "s"
      } into it, ${this.#missing(transmission)}`,
      { fault: "truncated", received },
    );
  }

  #missing({ mode }: Transmission): string {
    if (mode !== TransmissionMode.SIZE_HEADER) return "its end marker missing";
    const size = this.#size();
    if (size === undefined) return "its size not whole yet";
    return `${size.header + size.length - this.#queue.length} missing`;
  }

  #bySize(): Uint8Array | undefined {
    const size = this.#size();
    if (size === undefined || this.#queue.length < size.header + size.length) return undefined;
    this.#queue.skip(size.header);
    return this.#queue.read(size.length);
  }

  /** The size in front, and how many bytes it takes itself; `undefined` while it is not whole. */
  #size(): { header: number; length: number } | undefined {
    const queue = this.#queue;
    let length = 0;
    for (let at = 0;; at++) {
      const byte = queue.at(at);
      if (byte === undefined) return undefined;
      if (byte >= 0x30 && byte <= 0x39 && at < MAX_DIGITS) {
        length = length * 10 + byte - 0x30;
        // No need to wait for the rest of a number that is too large already.
        if (length > this.#maxLength) throw this.#tooLong();
        continue;
      }
      if (at === 0 || byte !== CRLF[0]) throw malformed();
      const next = queue.at(at + 1);
      if (next === undefined) return undefined;
      if (next !== CRLF[1]) throw malformed();
      return { header: at + 2, length };
    }
  }

  #byMarker(marker: Uint8Array): Uint8Array | undefined {
    const queue = this.#queue;
    const at = queue.indexOf(marker, this.#searched);
    if ((at < 0 ? queue.length - marker.length + 1 : at) > this.#maxLength) throw this.#tooLong();
    if (at < 0) {
      this.#searched = Math.max(0, queue.length - marker.length + 1);
      return undefined;
    }
    this.#searched = 0;
    const message = queue.read(at);
    queue.skip(marker.length);
    return message;
  }

  #tooLong(): FramingError {
    return new FramingError(
      `Cannot read message: it is longer than the limit of ${this.#maxLength} bytes`,
      { fault: "too-long" },
    );
  }
}

function malformed(): FramingError {
  return new FramingError("Cannot read message: the size before it is no decimal number", {
    fault: "malformed",
  });
}
