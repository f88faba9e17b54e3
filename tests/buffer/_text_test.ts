import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Cursor } from "../../buffer/_cursor.ts";
import {
  findCString,
  findLine,
  findString,
  findText,
  takeText,
  writeCString,
  writeLine,
  writeString,
  writeText,
} from "../../buffer/_text.ts";
import { encodeHex } from "../../buffer/_binary_text.ts";
import { BufferUnderflowError } from "../../buffer/errors.ts";
import type { Encoding } from "../../buffer/types.ts";

function cursor(encoding: Encoding = "utf8", fatal = false): Cursor {
  return new Cursor(new Uint8Array(0), encoding, "network", fatal);
}

/** A cursor over the bytes of an ASCII text. */
function over(text: string): Cursor {
  return new Cursor(new TextEncoder().encode(text), "utf8", "network", false);
}

function hex(c: Cursor): string {
  return encodeHex(c.bytes.subarray(0, c.length));
}

Deno.test("string has the length of its bytes before it, not of its characters", () => {
  const c = cursor();
  writeString(c, "é€");
  assertEquals(hex(c), "05c3a9e282ac");
  assertEquals(takeText(c, findString(c, Infinity), "a string"), "é€");
});

Deno.test("string of 128 bytes has a length of two bytes", () => {
  const c = cursor("latin1");
  writeString(c, "é".repeat(128));
  assertEquals(hex(c).slice(0, 6), "8001e9");
  assertEquals(takeText(c, findString(c, Infinity), "a string"), "é".repeat(128));
});

Deno.test("string tells how much is missing at every place where it is cut off", () => {
  const whole = cursor();
  writeString(whole, "x".repeat(200));
  const bytes = whole.bytes.slice(0, whole.length);
  for (let length = 0; length < bytes.length; length++) {
    const c = new Cursor(bytes.subarray(0, length), "utf8", "network", false);
    assertEquals(findString(c, Infinity), undefined);
    assertEquals(c.missing, length < 2 ? 1 : bytes.length - length);
    const error = assertThrows(() => takeText(c, findString(c, Infinity), "a string"));
    assertEquals((error as BufferUnderflowError).missing, c.missing);
    assertEquals(c.position, 0);
  }
});

Deno.test("string that is longer than the limit or the buffer may be is refused at once", () => {
  const c = over("\x05abcde");
  assertThrows(() => findString(c, 4), RangeError, "a string of 5 bytes: the limit is 4");
  assertThrows(() => findString(c, NaN), RangeError, "the limit is NaN");
  assertEquals(findString(c, 5), { start: 1, end: 6, next: 6 });
  const small = over("\x7f");
  small.limitTo(100);
  assertThrows(() => findString(small, Infinity), RangeError, "127 bytes: the limit is 100");
  const huge = new Cursor(Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x10), "utf8", "network", false);
  assertThrows(() => findString(huge, Infinity), RangeError, "limit is 4294967295");
  const long = new Cursor(Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x80, 1), "utf8", "network", false);
  assertThrows(() => findString(long, Infinity), RangeError, "longer than 5 bytes");
});

Deno.test("line ends with LF or CR LF, and a CR elsewhere is text", () => {
  const c = over("one\r\ntwo\n\n\r\na\rb\nrest\r");
  const lines: string[] = [];
  for (let span; (span = findLine(c, 10)) !== undefined;) lines.push(takeText(c, span, "a line"));
  assertEquals(lines, ["one", "two", "", "", "a\rb"]);
  assertEquals(c.available, 5);
  assertEquals(c.missing, 1);
  const error = assertThrows(() => takeText(c, undefined, "a line"), BufferUnderflowError);
  assertEquals(
    error.message,
    "Cannot read a line: it does not end within the 5 bytes that are left",
  );
});

Deno.test("line may be exactly as long as the limit, with either end, whole or still coming", () => {
  for (const end of ["\n", "\r\n"]) {
    for (let cut = 0; cut <= 5 + end.length; cut++) {
      const c = over(("abcde" + end).slice(0, cut));
      const span = findLine(c, 5);
      assertEquals(span === undefined, cut < 5 + end.length);
      if (cut > 0) {
        assertThrows(() => findLine(c, cut <= 2 ? -1 : cut - 3), RangeError, "a line of more");
      }
    }
    assertThrows(() => findLine(over("abcdef" + end), 5), RangeError, "more than 5 bytes");
  }
});

Deno.test("line ends in wide encodings are whole units", () => {
  for (const encoding of ["utf16", "utf32"] as const) {
    const c = cursor(encoding);
    // U+0A0A and U+0A00 have LF's byte at every place.
    for (const line of ["\u0a0a\u0a00x", "", "\u000d\u0d0d"]) writeLine(c, line, "\r\n");
    writeText(c, "\u0a0a");
    const lines = Array.from({ length: 3 }, () => takeText(c, findLine(c, 100), "a line"));
    assertEquals(lines, ["\u0a0a\u0a00x", "", "\u000d\u0d0d"]);
    assertEquals(findLine(c, 100), undefined);
    assertEquals(c.missing, encoding === "utf16" ? 2 : 4);
  }
});

Deno.test("a unit that is cut off counts as part of what is missing", () => {
  const c = new Cursor(Uint8Array.of(1, 2, 3, 4, 5), "utf32", "network", false);
  assertEquals(findCString(c, 100), undefined);
  assertEquals(c.missing, 3);
});

Deno.test("NUL-terminated text ends at the first NUL within its limit", () => {
  const c = over("ab\0\0cde");
  assertEquals(takeText(c, findCString(c, 2), "a text"), "ab");
  assertEquals(takeText(c, findCString(c, 0), "a text"), "");
  assertEquals(findCString(c, 3), undefined);
  assertEquals(c.missing, 1);
  assertThrows(() => findCString(c, 2), RangeError, "a NUL-terminated text of more than 2 bytes");
  assertThrows(() => findCString(over("abc\0"), 2), RangeError, "more than 2 bytes");
});

Deno.test("terminators are not looked for in the room behind the data", () => {
  const c = cursor();
  writeText(c, "abc");
  assertEquals(c.bytes[3], 0);
  assertEquals(findCString(c, 10), undefined);
});

Deno.test("a text must not contain its own end", () => {
  const c = cursor();
  assertThrows(() => writeLine(c, "a\nb", "\n"), TypeError, "a line end in it");
  assertThrows(() => writeLine(c, "a", "\r"), TypeError, "Cannot end a line");
  assertThrows(() => writeCString(c, "a\0b"), TypeError, "a NUL in it");
  assertEquals(c.length, 0);
});

Deno.test("hex and base64 have no lines and no terminators", () => {
  for (const encoding of ["hex", "base64"] as const) {
    const c = cursor(encoding);
    assertThrows(() => writeLine(c, "ab", "\n"), TypeError, "Cannot use a line");
    assertThrows(() => writeCString(c, "ab"), TypeError, "Cannot use a NUL-terminated text");
    assertThrows(() => findLine(c, 1), TypeError);
    assertThrows(() => findCString(c, 1), TypeError);
    writeString(c, "abcd");
    assertEquals(hex(c), encoding === "hex" ? "02abcd" : "0369b71d");
    assertEquals(takeText(c, findString(c, 9), "a string"), "abcd");
  }
});

Deno.test("fatal text leaves the position unchanged where it throws", () => {
  const c = cursor("utf8", true);
  c.room(2);
  c.bytes.set([0xff, 0x0a]);
  assertThrows(() => takeText(c, findLine(c, 9), "a line"), TypeError, "not well-formed");
  assertThrows(() => takeText(c, findText(c, 1), "a text"), TypeError);
  assertEquals(c.position, 0);
  assertThrows(() => writeText(c, "\ud800"), TypeError);
  assertEquals(c.length, 2);
});

Deno.test("a text that does not fit writes nothing", () => {
  const c = cursor();
  c.limitTo(4);
  assertThrows(() => writeString(c, "abcd"), RangeError, "Cannot write 5 bytes");
  assertThrows(() => writeText(c, "ééé"), RangeError, "Cannot write 6 bytes");
  assertEquals(c.length, 0);
  writeString(c, "abc");
  assertEquals(hex(c), "03616263");
});

Deno.test("a line is found however it was split into writes", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "\r", "\n"), maxLength: 12 });
  fc.assert(fc.property(text, (text) => {
    const whole = over(text);
    const expected: string[] = [];
    for (let span; (span = findLine(whole, 99));) expected.push(takeText(whole, span, "a line"));
    const c = cursor();
    const lines: string[] = [];
    for (const character of text) {
      writeText(c, character);
      const span = findLine(c, 99);
      if (span) lines.push(takeText(c, span, "a line"));
    }
    assertEquals(lines, expected);
    assertEquals(lines, text.split("\n").slice(0, -1).map((line) => line.replace(/\r$/, "")));
  }));
});
