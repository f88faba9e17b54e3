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

Deno.test("framing decoder stream gives all messages before a fault, also to a reader that is slow", async () => {
  const cases = [["1\n2\n3\nx\n4\n", "malformed"], ["1\n2\n3\n{", "truncated"]];
  for (const [text, fault] of cases) {
    for (const size of [1, 2, 3, 5, text.length]) {
      const stream = ReadableStream.from(cut(utf8(text), [size]))
        .pipeThrough(new FramingDecoderStream(jsonLinesFramer()));
      const seen: unknown[] = [];
      const error = await assertRejects(async () => {
        for await (const value of stream) {
          seen.push(value);
          await new Promise((resolve) => setTimeout(resolve));
        }
      }, FramingError);
      assertEquals([size, seen, error.fault], [size, [1, 2, 3], fault]);
    }
  }
});

Deno.test("framing decoder stream takes a chunk when the last one was read", async () => {
  const stream = new FramingDecoderStream(lineFramer());
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  const reads = [reader.read(), reader.read(), reader.read()];
  await writer.write(utf8("one\ntw"));
  await writer.write(utf8("o\nthree\nfour\nfi"));
  assertEquals((await Promise.all(reads)).map(({ value }) => value), ["one", "two", "three"]);
  let taken = false;
  const write = writer.write(utf8("ve\n")).then(() => taken = true);
  assertEquals((await reader.read()).value, "four");
  assertEquals(taken, false);
  const last = reader.read();
  await write;
  assertEquals((await last).value, "five");
  await writer.close();
  assertEquals((await reader.read()).done, true);
});

Deno.test("framing decoder stream that is cancelled or aborted ends its other side", async () => {
  const cancelled = new FramingDecoderStream(lineFramer());
  const writer = cancelled.writable.getWriter();
  const write = assertRejects(() => writer.write(utf8("one\n")), Error, "enough");
  await cancelled.readable.cancel(new Error("enough"));
  await write;
  await assertRejects(() => writer.closed, Error, "enough");

  const aborted = new FramingDecoderStream(lineFramer());
  const read = assertRejects(() => aborted.readable.getReader().read(), Error, "broken");
  await aborted.writable.abort(new Error("broken"));
  await read;
});

Deno.test("framing decoder stream fails both sides for what a decoder of the program throws", async () => {
  const framer = lineFramer();
  const stream = new FramingDecoderStream<string>({
    name: "broken",
    encode: (message, sink) => framer.encode(message, sink),
    createDecoder: () => {
      const decoder = framer.createDecoder();
      decoder.next = () => {
        throw new Error("a mistake");
      };
      return decoder;
    },
  });
  const writer = stream.writable.getWriter();
  const read = assertRejects(() => stream.readable.getReader().read(), Error, "a mistake");
  await assertRejects(() => writer.write(utf8("one\n")), Error, "a mistake");
  await read;
  await assertRejects(() => writer.closed, Error, "a mistake");
});

Deno.test("framing decoder stream fails for text, which it does not take", async () => {
  const chunks = ReadableStream.from(["one\n"]) as unknown as ReadableStream<Uint8Array>;
  const lines = chunks.pipeThrough(new FramingDecoderStream(lineFramer()));
  await assertRejects(
    () => Array.fromAsync(lines),
    TypeError,
    "it takes a Uint8Array, not a string",
  );
});
