// Floor 1: codec.
import type { Framer, FramingDecoder, FramingSink } from "./framer.ts";
import { checkBytes } from "./_framer_util.ts";
import { DecoderBase } from "./_decoder_base.ts";

class RawDecoder extends DecoderBase<Uint8Array> {
  protected override step(): Uint8Array {
    const { chunk, pos } = this;
    this.pos = this.limit;
    return pos === 0 ? chunk : chunk.subarray(pos);
  }

  protected override finish(): undefined {}
}

class RawFramer implements Framer {
  readonly name = "raw";

  encode(message: Uint8Array, sink: FramingSink): void {
    checkBytes(message, "send message");
    sink.write(message);
  }

  createDecoder(): FramingDecoder<Uint8Array> {
    return new RawDecoder();
  }
}

/**
 * No framing: bytes are sent as they are, and each piece that arrives is a message, in whatever sizes the network
 * cuts them.
 *
 * @example
 * ```ts
 * import { frameMessage, rawFramer } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(frameMessage(rawFramer(), new Uint8Array([1, 2])), new Uint8Array([1, 2]));
 * ```
 */
export function rawFramer(): Framer {
  return new RawFramer();
}
