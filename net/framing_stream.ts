// Floor 3: driver.
import type { Framer, FramingDecoder } from "./framer.ts";
import { FramingBuffer } from "./framing_buffer.ts";

/**
 * The two sides of a decoder stream. A TransformStream would not do: a fault discards what it has given out and nobody has
 * read yet, so that it depended on the chunks which messages before the fault are seen.
 */
function decoderSides<T>(decoder: FramingDecoder<T>): ReadableWritablePair<T, Uint8Array> {
  let writing: WritableStreamDefaultController;
  let reading: ReadableStreamDefaultController<T>;
  /** The reader waits, and there is nothing for it. */
  let hungry = false;
  /** A write, or the close, that is not done yet. */
  let pending: PromiseWithResolvers<void> | undefined;
  let giving = false;
  let ended = false;

  const fail = (error: unknown): void => {
    reading.error(error);
    writing.error(error);
    pending?.reject(error);
    pending = undefined;
  };
  const give = (): void => {
    // Each message may have the reader ask for the next one at once.
    giving = true;
    hungry = false;
    let given = false;
    try {
      for (let message; (message = decoder.next()) !== undefined; given = true) {
        reading.enqueue(message);
      }
    } catch (error) {
      return fail(error);
    } finally {
      giving = false;
    }
    const unread = reading.desiredSize !== 0;
    hungry = !unread && (hungry || !given);
    if (decoder.error !== undefined) {
      if (!unread) fail(decoder.error);
      return;
    }
    if (ended) reading.close();
    pending?.resolve();
    pending = undefined;
  };
  const take = (put: () => void, now: boolean): Promise<void> => {
    const { promise } = pending = Promise.withResolvers<void>();
    try {
      put();
      if (now) give();
    } catch (error) {
      fail(error);
    }
    return promise;
  };

  const readable = new ReadableStream<T>({
    start: (controller) => void (reading = controller),
    pull: () => {
      hungry = true;
      if (pending !== undefined && !giving) give();
    },
    cancel: (reason) => fail(reason),
  }, { highWaterMark: 0 });
  const writable = new WritableStream<Uint8Array>({
    start: (controller) => void (writing = controller),
    write: (chunk) => take(() => decoder.push(chunk), hungry),
    close: () => {
      ended = true;
      return take(() => decoder.end(), true);
    },
    abort: (reason) => reading.error(reason),
  });
  return { readable, writable };
}

/**
 * Turns a stream of bytes into a stream of messages: pipe a byte stream through it.
 *
 * Bytes that do not fit the framing, and an end inside a message, fail both sides with a {@linkcode FramingError}, once the
 * messages before them were read. Messages may be views into the chunks written, so a chunk must not change afterwards.
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
  /** The messages. */
  override readonly readable: ReadableStream<T>;
  /** Takes the bytes. */
  override readonly writable: WritableStream<Uint8Array>;

  /** Makes a stream that reads the format of `framer`. */
  constructor(framer: Framer<T>) {
    super();
    const { readable, writable } = decoderSides(framer.createDecoder());
    this.readable = readable;
    this.writable = writable;
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
