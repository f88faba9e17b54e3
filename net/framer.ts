// Floor 1: codec.
import type { FramingError } from "./framing_error.ts";
import { FramingBuffer } from "./framing_buffer.ts";

/**
 * Where a {@linkcode Framer} puts the bytes of a message. {@linkcode FramingBuffer} is one, and so is the writer of
 * a transport, so that a message is encoded straight into what leaves next.
 */
export interface FramingSink {
  /** Makes room for `max` bytes in `buffer`, and returns the offset where they go. */
  reserve(max: number): number;
  /** The bytes to encode into; valid from one `reserve` to the next call. */
  readonly buffer: Uint8Array;
  /** Adds the first `length` bytes at the reserved offset to the output. */
  commit(length: number): void;
  /** Adds `chunk` to the output; a large one may be kept by reference until it is sent. */
  write(chunk: Uint8Array): unknown;
}

/**
 * One direction of one connection: bytes in, in pieces of any size, and messages out.
 *
 * It never throws for what the peer sent: a fault is kept in `error`, and the rest of the input is discarded.
 */
export interface FramingDecoder<T> {
  /**
   * Takes the next bytes. Messages may be views into them, so they must not change afterwards.
   *
   * @throws {TypeError} for what is no bytes, and after `end`
   */
  push(chunk: Uint8Array): void;
  /** Says that no more bytes come. An unfinished message becomes an error with `fault: "truncated"`. */
  end(): void;
  /** The next message, or `undefined` when it takes more bytes, at the end, or after an error. */
  next(): T | undefined;
  /** What was wrong with the input, once `next` has come to it. */
  readonly error: FramingError | undefined;
  /** Bytes taken and not yet given out as messages. */
  readonly buffered: number;
}

/**
 * A message format over a stream of bytes. It has no state of its own, so that one object serves any number of
 * connections.
 *
 * @example Code that works with any framing of bytes.
 * ```ts
 * import { fixedSizeFramer, type Framer, frameMessage, netstringFramer } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * function overhead(framer: Framer): number {
 *   return frameMessage(framer, new Uint8Array(1)).length - 1;
 * }
 * assertEquals([fixedSizeFramer(1), netstringFramer()].map(overhead), [0, 3]);
 * ```
 */
export interface Framer<T = Uint8Array> {
  /** What the format is called in errors, for example `"netstring"`. */
  readonly name: string;
  /**
   * Writes one message with its framing into `sink`; all of it or, when it throws, nothing.
   *
   * @throws {TypeError} when the format can't carry this message
   * @throws {RangeError} when the message is too long for the format
   */
  encode(message: T, sink: FramingSink): void;
  /** A decoder for one stream of bytes. */
  createDecoder(): FramingDecoder<T>;
}

/**
 * The longest message, in bytes, that decoders take unless told otherwise: 1 MiB.
 *
 * @example
 * ```ts
 * import {
 *   DEFAULT_MAX_MESSAGE_LENGTH,
 *   frameMessage,
 *   lengthPrefixFramer,
 * } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = frameMessage(lengthPrefixFramer(), new Uint8Array(DEFAULT_MAX_MESSAGE_LENGTH + 1));
 * const decoder = lengthPrefixFramer().createDecoder();
 * decoder.push(bytes);
 * assertEquals([decoder.next(), decoder.error?.fault], [undefined, "too-long"]);
 * ```
 */
export const DEFAULT_MAX_MESSAGE_LENGTH: number = 1024 * 1024;

/** Options that every framer with unbounded messages takes. */
export interface FramerLimits {
  /**
   * The longest message that the decoder takes, in bytes without the framing. It does not bound what is sent.
   * @default {1 MiB}
   */
  maxLength?: number;
}

/**
 * The bytes of one message with its framing, for example to send the same bytes to many.
 *
 * @throws {TypeError} when the format can't carry this message
 * @throws {RangeError} when the message is too long for the format
 *
 * @example
 * ```ts
 * import { frameMessage, netstringFramer } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = frameMessage(netstringFramer(), new TextEncoder().encode("hello"));
 * assertEquals(new TextDecoder().decode(bytes), "5:hello,");
 * ```
 */
export function frameMessage<T>(framer: Framer<T>, message: T): Uint8Array {
  const buffer = new FramingBuffer();
  framer.encode(message, buffer);
  return buffer.take();
}

/**
 * All messages in `bytes`, which must hold whole messages only. They may be views into `bytes`.
 *
 * @throws {FramingError} when `bytes` do not fit the format, or end inside a message
 *
 * @example
 * ```ts
 * import { lineFramer, unframeMessages } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new TextEncoder().encode("one\r\ntwo\n");
 * assertEquals(unframeMessages(lineFramer(), bytes), ["one", "two"]);
 * ```
 */
export function unframeMessages<T>(framer: Framer<T>, bytes: Uint8Array): T[] {
  const decoder = framer.createDecoder();
  decoder.push(bytes);
  decoder.end();
  const messages: T[] = [];
  for (let message; (message = decoder.next()) !== undefined;) messages.push(message);
  if (decoder.error !== undefined) throw decoder.error;
  return messages;
}
