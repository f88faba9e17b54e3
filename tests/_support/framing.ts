/** What the tests of all framers share: decoding of pieces, and the properties that each framer has. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { concat as join } from "@std/bytes";
import fc from "fast-check";
import { frameMessage, type Framer } from "../../net/framer.ts";
import type { FramingError } from "../../net/framing_error.ts";

export { hex } from "./hex.ts";
export { join };

/** Text as UTF-8. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** UTF-8 as text. */
export function text(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

/** Pieces of `bytes` of the sizes given, again and again; each in memory of its own. */
export function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length];
    chunks.push(bytes.slice(at, at + size));
    at += size;
  }
  return chunks;
}

/** What a decoder makes of `chunks` and, unless `open`, the end of the stream. */
export function unframe<T>(
  framer: Framer<T>,
  chunks: readonly Uint8Array[],
  options: { open?: boolean; late?: boolean } = {},
): { messages: T[]; error: FramingError | undefined } {
  const decoder = framer.createDecoder();
  const messages: T[] = [];
  const drain = () => {
    for (let message; (message = decoder.next()) !== undefined;) messages.push(message);
  };
  for (const chunk of chunks) {
    decoder.push(chunk);
    if (!options.late) drain();
  }
  if (!options.open) decoder.end();
  drain();
  return { messages, error: decoder.error };
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });

/** Runs as a test each: what holds for every framer. `message` makes messages that the framer can carry. */
export function testFramerProperties<T>(
  name: string,
  framer: Framer<T>,
  message: fc.Arbitrary<T>,
): void {
  Deno.test(`${name} gives back what it was given, however the bytes are cut`, () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), sizes, fc.boolean(), (sent, cuts, late) => {
        const bytes = join(sent.map((one) => frameMessage(framer, one)));
        const { messages, error } = unframe(framer, cut(bytes, cuts), { late });
        assertStrictEquals(error, undefined);
        assertEquals(messages, sent);
      }),
    );
  });

  Deno.test(`${name} makes the same of the same random bytes, however they are cut, and never throws`, () => {
    // Bytes that formats have a meaning for come often.
    const byte = fc.oneof(
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom(0, 1, 2, 10, 13, 0x2c, 0x30, 0x31, 0x3a, 0x7b, 0x7d, 0x80, 0xff),
    );
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 200 }), sizes, fc.boolean(), (random, cuts, late) => {
        const bytes = new Uint8Array(random);
        const whole = unframe(framer, bytes.length === 0 ? [] : [bytes.slice()]);
        const split = unframe(framer, cut(bytes, cuts), { late });
        assertEquals(split.messages, whole.messages);
        assertEquals(split.error?.fault, whole.error?.fault);
        assertEquals(split.error?.message, whole.error?.message);
      }),
    );
  });

  Deno.test(`${name} counts what it holds, and holds nothing after whole messages`, () => {
    fc.assert(fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), (sent) => {
      const bytes = join(sent.map((one) => frameMessage(framer, one)));
      const decoder = framer.createDecoder();
      decoder.push(bytes);
      assertEquals(decoder.buffered, bytes.length);
      for (let i = 0; i < sent.length; i++) assert(decoder.next() !== undefined);
      assertStrictEquals(decoder.next(), undefined);
      assertEquals(decoder.buffered, 0);
      assertStrictEquals(decoder.error, undefined);
    }));
  });
}
