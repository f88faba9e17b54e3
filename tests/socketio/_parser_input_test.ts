import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { toParserInput } from "../../socketio/_parser_input.ts";

Deno.test("parsers of npm get texts as they are, and bytes as a Buffer of the same memory", () => {
  assertStrictEquals(toParserInput("text"), "text");
  const bytes = new Uint8Array([0, 1, 2, 3]).subarray(1, 3);
  for (const given of [bytes, bytes.slice().buffer]) {
    const input = toParserInput(given);
    assert(input instanceof Buffer);
    assertEquals([input.readUInt16BE(0), input.length], [0x0102, 2]);
  }
  const input = toParserInput(bytes) as Uint8Array;
  assertStrictEquals(input.buffer, bytes.buffer);
});

Deno.test("parsers get plain bytes where the platform has no Buffer", () => {
  const there = Object.getOwnPropertyDescriptor(globalThis, "Buffer")!;
  Object.defineProperty(globalThis, "Buffer", { value: undefined, configurable: true });
  try {
    const bytes = new Uint8Array([1]);
    assertStrictEquals(toParserInput(bytes), bytes);
    assertEquals(toParserInput(bytes.buffer), bytes);
  } finally {
    Object.defineProperty(globalThis, "Buffer", there);
  }
});
