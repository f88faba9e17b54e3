/**
 * Bytes: one growable buffer for numbers, bits, varints and texts ({@linkcode ByteBuffer}), the same for bytes that are there already
 * ({@linkcode ByteReader}), a queue of chunks ({@linkcode ByteQueue}), UTF-8 as it streams ({@linkcode Utf8Decoder},
 * {@linkcode Utf8Validator}), and {@linkcode hexdump}. Nothing of Deno or Node is needed: it runs in browsers, too.
 *
 * @example A message with a length, a number and a text
 * ```ts
 * import { ByteBuffer, ByteReader } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const message = new ByteBuffer().writeUint16(7).writeString("héllo").toBytes();
 * assertEquals(message.length, 9);
 *
 * const reader = new ByteReader(message);
 * assertEquals(reader.readUint16(), 7);
 * assertEquals(reader.readString(), "héllo");
 * assertEquals(reader.tryReadUint32(), undefined); // not there yet
 * assertEquals(reader.missing, 4);
 * ```
 *
 * @module
 */
export * from "./byte_buffer.ts";
export * from "./byte_queue.ts";
export * from "./byte_reader.ts";
export * from "./define_inspect.ts";
export * from "./encodings.ts";
export * from "./errors.ts";
export * from "./hexdump.ts";
export * from "./timing_safe_equal.ts";
export * from "./types.ts";
export * from "./utf8.ts";
export * from "./varint.ts";
