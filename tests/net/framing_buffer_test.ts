import { assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { FramingBuffer } from "../../net/framing_buffer.ts";
import { hex } from "../_support/framing.ts";

Deno.test("framing buffer joins what is reserved and what is written", () => {
  const buffer = new FramingBuffer();
  const at = buffer.reserve(10);
  buffer.buffer.set([1, 2], at);
  buffer.commit(2);
  buffer.write(hex("0304"));
  assertEquals(buffer.length, 4);
  assertEquals(buffer.take(), hex("01020304"));
  assertEquals(buffer.length, 0);
  assertEquals(buffer.take(), new Uint8Array(0));
});

Deno.test("framing buffer never writes bytes again that were taken", () => {
  const buffer = new FramingBuffer();
  buffer.write(hex("01"));
  const first = buffer.take();
  for (let i = 0; i < 70; i++) buffer.write(new Uint8Array(1000).fill(9));
  assertEquals(first, hex("01"));
  assertEquals(buffer.take(), new Uint8Array(70_000).fill(9));
});

Deno.test("framing buffer keeps what it has when it grows", () => {
  const buffer = new FramingBuffer();
  buffer.write(hex("010203"));
  const before = buffer.buffer;
  const at = buffer.reserve(100_000);
  assertNotStrictEquals(buffer.buffer, before);
  assertEquals(at, 3);
  buffer.commit(1);
  assertEquals(buffer.take(), hex("01020300"));
});

Deno.test("framing buffer uses cleared room again", () => {
  const buffer = new FramingBuffer();
  buffer.write(hex("01"));
  const kept = buffer.take();
  buffer.write(hex("0203"));
  buffer.clear();
  assertEquals(buffer.length, 0);
  buffer.write(hex("04"));
  assertEquals(buffer.take(), hex("04"));
  assertEquals(kept, hex("01"));
  assertStrictEquals(kept.buffer, buffer.buffer.buffer);
});
