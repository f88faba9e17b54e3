import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { maskLarge } from "../../websocket/_large_mask.ts";

Deno.test("maskLarge is the RFC's definition at any length and alignment", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      fc.integer({ min: 0, max: 9000 }),
      fc.nat(17),
      fc.nat(17),
      fc.nat(9),
      (key, length, offset, before, after) => {
        const room = new Uint8Array(offset + before + length + after).subarray(offset);
        for (let i = 0; i < room.length; i++) room[i] = i * 7;
        const expected = room.slice();
        for (let i = 0; i < length; i++) expected[before + i] ^= key >>> 8 * (i & 3);
        maskLarge(room, key, before, before + length);
        assertEquals(room, expected);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("maskLarge twice is nothing", () => {
  const bytes = crypto.getRandomValues(new Uint8Array(65_536));
  const before = bytes.slice();
  maskLarge(bytes, 0x89abcdef | 0, 3, 65_533);
  maskLarge(bytes, 0x89abcdef | 0, 3, 65_533);
  assertEquals(bytes, before);
});
