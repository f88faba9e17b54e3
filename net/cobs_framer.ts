// Floor 1: codec.
import {
  DEFAULT_MAX_MESSAGE_LENGTH,
  type Framer,
  type FramerLimits,
  type FramingDecoder,
  type FramingSink,
} from "./framer.ts";
import { checkBytes, checkMaxLength } from "./_framer_util.ts";
import { DelimitedDecoder } from "./_delimited_decoder.ts";
import { checkOptionNames } from "./option_names.ts";

const SLAB_SIZE = 16 * 1024;

/** Bytes that `length` bytes take at most when stuffed. */
function stuffedLength(length: number): number {
  return length + Math.floor(length / 254) + 1;
}

class CobsDecoder extends DelimitedDecoder<Uint8Array> {
  #slab = new Uint8Array(0);
  #used = 0;

  constructor(maxLength: number) {
    super(new Uint8Array(1), maxLength, false, stuffedLength(maxLength));
  }

  protected override decode(bytes: Uint8Array): Uint8Array | undefined {
    const { length } = bytes;
    if (length === 0) return undefined;
    if (this.#slab.length - this.#used < length) {
      this.#slab = new Uint8Array(length > SLAB_SIZE / 4 ? length : SLAB_SIZE);
      this.#used = 0;
    }
    const slab = this.#slab;
    const start = this.#used;
    let to = start;
    for (let from = 0; from < length;) {
      const code = bytes[from];
      const end = from + code;
      if (end > length) {
        return this.fail("a block goes beyond its end", { fault: "malformed" });
      }
      for (from++; from < end;) slab[to++] = bytes[from++];
      if (code < 0xff && end < length) slab[to++] = 0;
    }
    if (to - start > this.maxLength) return this.failTooLong();
    this.#used = to;
    return slab.subarray(start, to);
  }
}

class CobsFramer implements Framer {
  readonly name = "COBS";
  readonly #maxLength: number;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  encode(message: Uint8Array, sink: FramingSink): void {
    checkBytes(message, "send message");
    const { length } = message;
    const offset = sink.reserve(stuffedLength(length) + 1);
    const { buffer } = sink;
    let code = offset;
    let to = offset + 1;
    for (let i = 0; i < length; i++) {
      const byte = message[i];
      if (byte !== 0) {
        buffer[to++] = byte;
        // A full block stands for no zero; none follows it at the end.
        if (to - code < 0xff || i === length - 1) continue;
      }
      buffer[code] = to - code;
      code = to++;
    }
    buffer[code] = to - code;
    buffer[to++] = 0;
    sink.commit(to - offset);
  }

  createDecoder(): FramingDecoder<Uint8Array> {
    return new CobsDecoder(this.#maxLength);
  }
}

/**
 * COBS, consistent overhead byte stuffing (Cheshire and Baker, 1999), with a zero byte after each message: no byte of
 * a message is special, and it grows by at most one byte in 254. Zero bytes without a message between them are skipped.
 *
 * @throws {TypeError} for an option that there is not
 * @throws {RangeError} when `maxLength` is no non-negative integer
 *
 * @example
 * ```ts
 * import { cobsFramer, frameMessage } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = frameMessage(cobsFramer(), new Uint8Array([0x11, 0, 0x22]));
 * assertEquals(bytes, new Uint8Array([2, 0x11, 2, 0x22, 0]));
 * ```
 */
export function cobsFramer(options: FramerLimits = {}): Framer {
  checkOptionNames("Cannot make framer", options, { maxLength: true });
  return new CobsFramer(checkMaxLength(options.maxLength ?? DEFAULT_MAX_MESSAGE_LENGTH));
}
