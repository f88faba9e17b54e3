import { assertEquals, assertLessOrEqual, assertStrictEquals, assertThrows } from "@std/assert";
import { DecoderBase, PartialMessage } from "../../net/_decoder_base.ts";
import { hex } from "../_support/framing.ts";

/** Each byte is a message; 0xff is a fault. */
class ByteDecoder extends DecoderBase<number> {
  protected override step(): number | undefined {
    const byte = this.chunk[this.pos++];
    return byte === 0xff ? this.fail("it is 255", { fault: "malformed" }) : byte;
  }

  protected override finish(): number {
    return -1;
  }
}

Deno.test("decoder gives messages of queued chunks in order, and the last one after the end", () => {
  const decoder = new ByteDecoder();
  assertStrictEquals(decoder.next(), undefined);
  decoder.push(hex("0102"));
  decoder.push(hex(""));
  decoder.push(hex("03"));
  assertEquals(decoder.buffered, 3);
  assertEquals([decoder.next(), decoder.next()], [1, 2]);
  assertEquals(decoder.buffered, 1);
  decoder.push(hex("04"));
  decoder.end();
  assertEquals([decoder.next(), decoder.next(), decoder.next(), decoder.next()], [
    3,
    4,
    -1,
    undefined,
  ]);
  assertThrows(() => decoder.push(hex("05")), TypeError, "Cannot push bytes: the input was ended");
});

Deno.test("decoder keeps order over thousands of queued chunks", () => {
  const decoder = new ByteDecoder();
  const seen: (number | undefined)[] = [];
  const sent: number[] = [];
  for (let i = 0; i < 5000; i++) {
    decoder.push(new Uint8Array([i % 251]));
    sent.push(i % 251);
    if (i % 3 === 0) seen.push(decoder.next());
  }
  while (seen.length < sent.length) seen.push(decoder.next());
  assertEquals(seen, sent);
  assertEquals(decoder.buffered, 0);
});

Deno.test("decoder discards everything after the first error", () => {
  const decoder = new ByteDecoder();
  decoder.push(hex("01ff02"));
  decoder.push(hex("03"));
  assertEquals(decoder.next(), 1);
  assertStrictEquals(decoder.next(), undefined);
  assertEquals(decoder.error?.message, "Cannot read message: it is 255");
  decoder.push(hex("04"));
  decoder.end();
  assertEquals(decoder.buffered, 0);
  assertStrictEquals(decoder.next(), undefined);
  assertEquals(decoder.error?.fault, "malformed");
});

Deno.test("partial message takes memory as bytes come, not as a length promises", () => {
  const partial = new PartialMessage();
  partial.append(hex("0102"), 0, 2, 1 << 30);
  assertLessOrEqual(partial.bytes.length, 64 * 1024);
  partial.take();
  partial.append(hex("01020304"), 1, 3, 5);
  assertEquals(partial.bytes.length, 5);
  partial.append(hex("050607"), 0, 3, 5);
  const bytes = partial.take();
  assertEquals(bytes, hex("0203050607"));
  assertEquals(partial.length, 0);
  assertEquals(partial.take().length, 0);
});

Deno.test("partial message of a length not known grows by doubling", () => {
  const partial = new PartialMessage();
  let blocks = 0;
  let last = partial.bytes;
  for (let i = 0; i < 10_000; i++) {
    partial.append(new Uint8Array([i]), 0, 1, 0);
    if (partial.bytes !== last) blocks++;
    last = partial.bytes;
  }
  assertLessOrEqual(blocks, 10);
  assertEquals(partial.take(), Uint8Array.from({ length: 10_000 }, (_, i) => i));
});
