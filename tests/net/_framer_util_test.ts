import { Buffer } from "node:buffer";
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  checkBytes,
  checkMaxLength,
  checkUnterminated,
  copyInto,
  described,
  indexOfByte,
  indexOfBytes,
  putText,
  toBytes,
} from "../../net/_framer_util.ts";
import { FramingBuffer } from "../../net/framing_buffer.ts";
import { hex, text, utf8 } from "../_support/framing.ts";

Deno.test("maxLength must be a non-negative integer", () => {
  assertEquals(checkMaxLength(0), 0);
  for (const bad of [-1, 1.5, NaN, Infinity]) {
    assertThrows(() => checkMaxLength(bad), RangeError, "no non-negative integer");
  }
});

Deno.test("unterminated must be one of two words", () => {
  checkUnterminated(undefined);
  checkUnterminated("error");
  checkUnterminated("message");
  assertThrows(() => checkUnterminated("drop"), TypeError);
});

Deno.test("bytes are a Uint8Array of any kind, and nothing else", () => {
  checkBytes(new Uint8Array(1), "send");
  checkBytes(Buffer.from("a"), "send");
  const others: [unknown, string][] = [
    ["text", "a string"],
    [1, "a number"],
    [null, "null"],
    [undefined, "undefined"],
    [[1, 2], "[object Array]"],
    [new ArrayBuffer(2), "[object ArrayBuffer]"],
  ];
  for (const [other, what] of others) {
    assertEquals(described(other), what);
    const text = `Cannot send: it takes a Uint8Array, not ${what}`;
    assertThrows(() => checkBytes(other as Uint8Array, "send"), TypeError, text);
  }
});

Deno.test("copyInto copies short and long bytes", () => {
  for (const length of [0, 1, 32, 33, 100]) {
    const bytes = Uint8Array.from({ length }, (_, i) => i + 1);
    const buffer = new Uint8Array(length + 2);
    copyInto(buffer, 1, bytes);
    assertEquals(buffer, Uint8Array.from([0, ...bytes, 0]));
  }
});

Deno.test("toBytes copies bytes, so that a marker can't change later", () => {
  const marker = hex("0102");
  const own = toBytes(marker);
  marker[0] = 9;
  assertEquals(own, hex("0102"));
  assertEquals(toBytes("é"), hex("c3a9"));
});

Deno.test("indexOfByte finds near and far bytes, and none beyond the bounds", () => {
  const bytes = new Uint8Array(300);
  bytes[5] = bytes[200] = 7;
  assertEquals(indexOfByte(bytes, 7, 0, 300), 5);
  assertEquals(indexOfByte(bytes, 7, 6, 300), 200);
  assertEquals(indexOfByte(bytes, 7, 6, 200), -1);
  assertEquals(indexOfByte(bytes, 7, 201, 300), -1);
  assertEquals(indexOfByte(bytes, 7, 300, 200), -1);
});

Deno.test("indexOfBytes finds what a search in text finds", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 100 });
  fc.assert(fc.property(
    word,
    fc.string({ unit: fc.constantFrom("a", "b"), minLength: 2, maxLength: 5 }),
    fc.nat(10),
    (hay, needle, from) => {
      const found = indexOfBytes(utf8(hay), utf8(needle), from, hay.length);
      assertStrictEquals(found, from > hay.length ? -1 : hay.indexOf(needle, from));
    },
  ));
});

Deno.test("putText writes short and long text with its ending", () => {
  for (const line of ["", "aé€😀", "x".repeat(8192), "é".repeat(8193)]) {
    const buffer = new FramingBuffer();
    putText(line, utf8("\r\n"), buffer);
    assertEquals(text(buffer.take()), `${line}\r\n`);
  }
});
