import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { FramingError } from "../../net/framing_error.ts";
import { FramingDecoderStream, FramingEncoderStream } from "../../net/framing_stream.ts";
import { jsonLinesFramer } from "../../net/json_lines_framer.ts";
import { lengthPrefixFramer } from "../../net/length_prefix_framer.ts";
import { lineFramer } from "../../net/line_framer.ts";
import { cut, hex, join, utf8 } from "../_support/framing.ts";

Deno.test("framing streams give back what went in, however the bytes are cut", async () => {
  const framer = lengthPrefixFramer({ prefix: "u16" });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 }),
      async (messages, sizes) => {
        const bytes = join(
          await Array.fromAsync(
            ReadableStream.from(messages).pipeThrough(new FramingEncoderStream(framer)),
          ),
        );
        const got = await Array.fromAsync(
          ReadableStream.from(cut(bytes, sizes)).pipeThrough(new FramingDecoderStream(framer)),
        );
        assertEquals(got, messages);
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("framing encoder stream gives one chunk for each message", async () => {
  const chunks = await Array.fromAsync(
    ReadableStream.from([1, { a: 2 }]).pipeThrough(new FramingEncoderStream(jsonLinesFramer())),
  );
  assertEquals(chunks, [utf8("1\n"), utf8('{"a":2}\n')]);
});

Deno.test("framing encoder stream fails for a message that the framing can't carry", async () => {
  const stream = ReadableStream.from(["fine", "not\nfine"])
    .pipeThrough(new FramingEncoderStream(lineFramer()));
  const reader = stream.getReader();
  assertEquals((await reader.read()).value, utf8("fine\n"));
  await assertRejects(() => reader.read(), TypeError);
});

Deno.test("framing decoder stream gives the messages before a fault, then fails", async () => {
  const stream = ReadableStream.from([utf8("1\n2\n{")])
    .pipeThrough(new FramingDecoderStream(jsonLinesFramer()));
  const seen: unknown[] = [];
  const error = await assertRejects(async () => {
    for await (const value of stream) seen.push(value);
  }, FramingError);
  assertEquals([seen, error.fault, error.received], [[1, 2], "truncated", 1]);
});

Deno.test("framing decoder stream fails the writing side for bytes that do not fit", async () => {
  const stream = new FramingDecoderStream(lengthPrefixFramer({ prefix: "u8", maxLength: 2 }));
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  const read = assertRejects(() => reader.read(), FramingError);
  await assertRejects(() => writer.write(hex("03")), FramingError);
  await read;
  await assertRejects(() => writer.closed, FramingError);
});
