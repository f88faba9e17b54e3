// Floor 3: driver.
import type { Framer, FramingDecoder } from "./framer.ts";
import { FramingBuffer } from "./framing_buffer.ts";

function giveAll<T>(
  decoder: FramingDecoder<T>,
  controller: TransformStreamDefaultController<T>,
): void {
  for (let message; (message = decoder.next()) !== undefined;) controller.enqueue(message);
  if (decoder.error !== undefined) throw decoder.error;
}

/**
 * Turns a stream of bytes into a stream of messages: pipe a byte stream through it.
 *
 * Bytes that do not fit the framing, and an end inside a message, fail both sides with a {@linkcode FramingError}.
 * Messages may be views into the chunks written, so a chunk must not change afterwards.
 *
 * `@std/streams` has `DelimiterStream` and `TextLineStream`; see {@linkcode delimiterFramer} and {@linkcode lineFramer}
 * for what is different here.
 *
 * @example
 * ```ts
 * import { FramingDecoderStream, lineFramer } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = ReadableStream.from(["o", "ne\ntw", "o\n"]).pipeThrough(new TextEncoderStream());
 * const lines = bytes.pipeThrough(new FramingDecoderStream(lineFramer()));
 * assertEquals(await Array.fromAsync(lines), ["one", "two"]);
 * ```
 */
export class FramingDecoderStream<T = Uint8Array> extends TransformStream<Uint8Array, T> {
  /** Makes a stream that reads the format of `framer`. */
  constructor(framer: Framer<T>) {
    const decoder = framer.createDecoder();
    super({
      transform(chunk: Uint8Array, controller: TransformStreamDefaultController<T>): void {
        decoder.push(chunk);
        giveAll(decoder, controller);
      },
      flush(controller: TransformStreamDefaultController<T>): void {
        decoder.end();
        giveAll(decoder, controller);
      },
    });
  }
}

/**
 * Turns a stream of messages into a stream of bytes, one chunk for each message.
 *
 * A message that the format can't carry fails both sides with the TypeError or RangeError of the framer.
 *
 * @example
 * ```ts
 * import { FramingEncoderStream, netstringFramer } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const messages = ReadableStream.from(["one", ""]).pipeThrough(new TextEncoderStream());
 * const bytes = messages.pipeThrough(new FramingEncoderStream(netstringFramer()));
 * assertEquals(await new Response(bytes).text(), "3:one,");
 * ```
 */
export class FramingEncoderStream<T = Uint8Array> extends TransformStream<T, Uint8Array> {
  /** Makes a stream that writes the format of `framer`. */
  constructor(framer: Framer<T>) {
    const buffer = new FramingBuffer();
    super({
      transform(message: T, controller: TransformStreamDefaultController<Uint8Array>): void {
        framer.encode(message, buffer);
        if (buffer.length > 0) controller.enqueue(buffer.take());
      },
    });
  }
}
