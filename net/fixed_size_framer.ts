// Floor 1: codec.
import type { Framer, FramingDecoder, FramingSink } from "./framer.ts";
import { checkBytes } from "./_framer_util.ts";
import { SizedDecoder } from "./_sized_decoder.ts";

class FixedSizeDecoder extends SizedDecoder {
  readonly #size: number;

  constructor(size: number) {
    super(size);
    this.#size = size;
  }

  protected override readSize(): number {
    return this.#size;
  }

  protected override headerState(): { received: number; missing: number } {
    return { received: 0, missing: 0 };
  }
}

class FixedSizeFramer implements Framer {
  readonly name = "fixed size";
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  encode(message: Uint8Array, sink: FramingSink): void {
    checkBytes(message, "send message");
    if (message.length !== this.#size) {
      throw new RangeError(
        `Cannot send message: its length of ${message.length} bytes is not ${this.#size}`,
      );
    }
    sink.write(message);
  }

  createDecoder(): FramingDecoder<Uint8Array> {
    return new FixedSizeDecoder(this.#size);
  }
}

/**
 * Messages that all have the same `size`, in bytes, at least 1; nothing is added to them.
 *
 * @throws {RangeError} when `size` is no positive integer
 *
 * @example
 * ```ts
 * import { fixedSizeFramer, unframeMessages } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const messages = unframeMessages(fixedSizeFramer(2), new Uint8Array([1, 2, 3, 4]));
 * assertEquals(messages, [new Uint8Array([1, 2]), new Uint8Array([3, 4])]);
 * ```
 */
export function fixedSizeFramer(size: number): Framer {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new RangeError(`Cannot make framer: size ${size} is no positive integer`);
  }
  return new FixedSizeFramer(size);
}
