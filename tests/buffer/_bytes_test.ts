import { assertEquals, assertNotStrictEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { bytesOf, copyOf, indexOfRun } from "../../buffer/_bytes.ts";

Deno.test("bytes of a view are the same memory, of its part only", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4);
  assertStrictEquals(bytesOf(bytes), bytes);
  const part = bytesOf(new DataView(bytes.buffer, 1, 2));
  assertEquals(part, Uint8Array.of(2, 3));
  part[0] = 9;
  assertEquals(bytes[1], 9);
  assertEquals(bytesOf(bytes.buffer).length, 4);
});

Deno.test("what is neither a buffer nor a view has no bytes", () => {
  for (const value of [123, NaN, "text", true, 1n, null, undefined, {}, [1, 2], { length: 3 }]) {
    assertThrows(() => bytesOf(value as never), TypeError, "as bytes");
  }
  assertEquals(bytesOf(new SharedArrayBuffer(2)), Uint8Array.of(0, 0));
});

Deno.test("a copy has a buffer of its own", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const copy = copyOf(bytes.subarray(1, 3));
  assertEquals(copy, Uint8Array.of(2, 3));
  assertNotStrictEquals(copy.buffer, bytes.buffer);
  assertEquals(copy.buffer.byteLength, 2);
});

Deno.test("index of a run is that of the same text in a string", () => {
  // Few different bytes, so that false starts and overlaps are frequent.
  const text = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 20 });
  fc.assert(
    fc.property(text, fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 4 }), fc.nat(22), (
      text,
      run,
      start,
    ) => {
      const encoder = new TextEncoder();
      assertEquals(
        indexOfRun(encoder.encode(text), encoder.encode(run), start),
        text.indexOf(run, start),
      );
    }),
    { numRuns: 1000 },
  );
});
