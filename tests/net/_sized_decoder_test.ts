import { assertEquals, assertStrictEquals } from "@std/assert";
import { SizedDecoder } from "../../net/_sized_decoder.ts";
import { hex } from "../_support/framing.ts";

/** One byte tells the length; 0x2c ends each message if `trailer`. */
class Decoder extends SizedDecoder {
  constructor(maxLength: number, trailer?: number) {
    super(maxLength, trailer);
  }

  protected override readSize(): number {
    return this.chunk[this.pos++];
  }

  protected override headerState(): { received: number; missing: number } {
    return { received: 0, missing: 0 };
  }
}

Deno.test("sized decoder hands out a view for a message in one piece, and memory of its own for others", () => {
  const decoder = new Decoder(10);
  const chunk = hex("0201020305");
  decoder.push(chunk);
  const first = decoder.next()!;
  assertStrictEquals(first.buffer, chunk.buffer);
  assertStrictEquals(decoder.next(), undefined);
  decoder.push(hex("0607"));
  const second = decoder.next()!;
  assertEquals([first, second], [hex("0102"), hex("050607")]);
  assertEquals(second.buffer.byteLength, 3);
});

Deno.test("sized decoder gives out an empty message at the very end of a chunk", () => {
  const decoder = new Decoder(10);
  decoder.push(hex("00"));
  assertEquals(decoder.next(), hex(""));
  assertStrictEquals(decoder.next(), undefined);
});

Deno.test("sized decoder refuses a length over the limit before any byte of the message", () => {
  const decoder = new Decoder(4);
  decoder.push(hex("0401020304 05"));
  assertEquals(decoder.next(), hex("01020304"));
  assertStrictEquals(decoder.next(), undefined);
  assertEquals(
    decoder.error?.message,
    "Cannot read message: its length of 5 bytes is over the limit of 4",
  );
});

Deno.test("sized decoder checks the byte after the message", () => {
  const decoder = new Decoder(4, 0x2c);
  decoder.push(hex("04010203042c002c01"));
  assertEquals([decoder.next(), decoder.next(), decoder.next()], [
    hex("01020304"),
    hex(""),
    undefined,
  ]);
  decoder.push(hex("05"));
  assertStrictEquals(decoder.next(), undefined);
  assertEquals(decoder.error, undefined);
  decoder.push(hex("2d"));
  assertStrictEquals(decoder.next(), undefined);
  assertEquals(decoder.error?.fault, "malformed");
});

Deno.test("sized decoder tells how much of the message and its last byte is missing at the end", () => {
  const decoder = new Decoder(4, 0x2c);
  decoder.push(hex("0401"));
  decoder.end();
  assertStrictEquals(decoder.next(), undefined);
  assertEquals([decoder.error?.received, decoder.error?.missing], [1, 4]);
});
