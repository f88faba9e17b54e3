import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { Cursor } from "../../buffer/_cursor.ts";
import { BufferUnderflowError } from "../../buffer/errors.ts";

function cursor(...bytes: number[]): Cursor {
  return new Cursor(Uint8Array.from(bytes), "utf8", "network", false);
}

Deno.test("cursor takes bytes only if they are all there", () => {
  const c = cursor(1, 2, 3);
  assertEquals(c.take(2), 0);
  assertEquals(c.ahead(1), 2);
  const error = assertThrows(() => c.take(3), BufferUnderflowError);
  assertEquals(error.message, "Cannot read 3 bytes: 1 are left");
  assertEquals(error.missing, 2);
  assertThrows(() => c.ahead(2), BufferUnderflowError);
  assertEquals(c.position, 2);
  assertEquals(c.take(1), 2);
  assertEquals(c.take(0), 3);
});

Deno.test("cursor notes what is missing, and that nothing is", () => {
  const c = cursor(1, 2, 3);
  assertEquals(c.has(5), false);
  assertEquals(c.missing, 2);
  assertEquals(c.has(3), true);
  assertEquals(c.missing, 0);
});

Deno.test("cursor copies bytes that are not its own before it writes", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const c = new Cursor(bytes, "utf8", "network", false);
  c.end = 1;
  const at = c.room(1);
  c.bytes[at] = 9;
  assertEquals(bytes, Uint8Array.of(1, 2, 3));
  assertEquals(c.bytes.subarray(0, c.length), Uint8Array.of(1, 9, 3));
});

Deno.test("cursor grows by doubling, but not beyond its limit", () => {
  const c = cursor();
  c.limitTo(100);
  c.room(1);
  assertEquals(c.bytes.length, 64);
  c.room(70);
  assertEquals(c.bytes.length, 100);
  assertThrows(() => c.room(30), RangeError, "Cannot write 30 bytes: the buffer has 71 and 100");
  assertEquals(c.end, 71);
  assertEquals(c.length, 71);
  c.room(29);
  assertEquals(c.length, 100);
});

Deno.test("cursor does not allocate again while there is room", () => {
  const c = cursor();
  c.room(10);
  const { bytes, view } = c;
  for (let i = 0; i < 54; i++) c.room(1);
  assertStrictEquals(c.bytes, bytes);
  assertStrictEquals(c.view, view);
});

Deno.test("cursor compacts its own storage in place, and another's by a view", () => {
  const given = Uint8Array.of(1, 2, 3, 4);
  const foreign = new Cursor(given, "utf8", "network", false);
  foreign.take(3);
  foreign.compact();
  assertEquals([foreign.position, foreign.length, foreign.end], [0, 1, 1]);
  assertEquals(foreign.view.getUint8(0), 4);
  assertStrictEquals(foreign.bytes.buffer, given.buffer);
  assertEquals(given, Uint8Array.of(1, 2, 3, 4));

  const own = cursor();
  const start = own.room(3);
  own.bytes.set([1, 2, 3], start);
  const storage = own.bytes;
  own.take(2);
  own.compact();
  assertStrictEquals(own.bytes, storage);
  assertEquals(own.bytes.subarray(0, own.length), Uint8Array.of(3));
});

Deno.test("cursor gives back much memory once it is empty", () => {
  const c = cursor();
  c.room(65536);
  c.clear();
  assertEquals(c.bytes.length, 65536);
  c.room(65537);
  c.compact();
  assertEquals(c.length, 65537);
  c.clear();
  assertEquals(c.bytes.length, 0);
  assertEquals([c.length, c.end, c.position], [0, 0, 0]);
});

Deno.test("cursor lets go of storage that is not its own once it is empty", () => {
  for (const size of [4, 1_000_000]) {
    const storage = new Uint8Array(size);
    const c = new Cursor(storage.subarray(1, 3), "utf8", "network", false);
    c.take(1);
    c.compact();
    assertStrictEquals(c.bytes.buffer, storage.buffer);
    c.take(1);
    c.compact();
    assertEquals([c.bytes.buffer.byteLength, c.view.buffer.byteLength], [0, 0]);
    assertEquals([c.length, c.end, c.position], [0, 0, 0]);
    c.bytes[c.room(1)] = 7;
    assertEquals(storage, new Uint8Array(size));
  }
});

Deno.test("cursor compact keeps a write position that was set back", () => {
  const c = cursor(1, 2, 3, 4);
  c.end = 3;
  c.take(2);
  c.compact();
  assertEquals([c.end, c.length], [1, 2]);
  c.take(2);
  c.end = 1;
  c.compact();
  assertEquals([c.end, c.length], [0, 0]);
});

Deno.test("cursor refuses limits, places and lengths that are none", () => {
  for (const bad of [0, -1, 1.5, NaN]) assertThrows(() => cursor().limitTo(bad), RangeError);
  cursor().limitTo(Infinity);
  const c = cursor(1, 2);
  for (const bad of [-1, 3, 0.5, NaN]) {
    assertThrows(() => c.seek(bad), RangeError, `Cannot read at ${bad}`);
  }
  for (const bad of [-1, 0.5, NaN]) {
    assertThrows(() => c.wanted(bad), RangeError, `Cannot read ${bad} bytes: not a length`);
  }
  assertEquals(c.wanted(undefined), 2);
  assertThrows(() => c.reset(), RangeError, "nothing is marked");
  c.limitTo(1);
  assertThrows(() => c.adopt(Uint8Array.of(1, 2)), RangeError, "the limit is 1");
});
