import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { applyMask, rotateMaskKey } from "../../websocket/mask.ts";

/** The definition: "transformed-octet-i = original-octet-i XOR masking-key-octet-(i MOD 4)". RFC 6455 §5.3 */
function slowMask(bytes: Uint8Array, key: Uint8Array): Uint8Array {
  return bytes.map((byte, i) => byte ^ key[i % 4]);
}

function word(key: Uint8Array): number {
  return key[0] | key[1] << 8 | key[2] << 16 | key[3] << 24;
}

const KEY = fc.uint8Array({ minLength: 4, maxLength: 4 });

Deno.test("mask is the RFC's definition at any length and alignment", () => {
  fc.assert(fc.property(
    fc.uint8Array({ maxLength: 300 }),
    KEY,
    fc.nat(7),
    fc.nat(9),
    (bytes, key, before, after) => {
      const room = new Uint8Array(before + bytes.length + after).fill(0xee);
      room.set(bytes, before);
      applyMask(room, word(key), before, before + bytes.length);
      assertEquals(room.slice(before, before + bytes.length), slowMask(bytes, key));
      assertEquals(room.subarray(0, before), new Uint8Array(before).fill(0xee));
      assertEquals(room.subarray(before + bytes.length), new Uint8Array(after).fill(0xee));
    },
  ));
});

Deno.test("mask applied in pieces with a rotated key is the mask of the whole", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), KEY, fc.nat(200), (bytes, key, cut) => {
    const at = Math.min(cut, bytes.length);
    const whole = bytes.slice();
    applyMask(whole, word(key));
    const pieces = bytes.slice();
    applyMask(pieces, word(key), 0, at);
    applyMask(pieces, rotateMaskKey(word(key), at), at);
    assertEquals(pieces, whole);
  }));
});

Deno.test("mask tells whether the result is ASCII", () => {
  fc.assert(fc.property(
    fc.oneof(fc.uint8Array({ max: 127, maxLength: 200 }), fc.uint8Array({ maxLength: 200 })),
    KEY,
    (bytes, key) => {
      const masked = slowMask(bytes, key);
      const bits = applyMask(masked, word(key));
      assertEquals((bits & 0x80) === 0, bytes.every((byte) => byte < 128));
    },
  ));
});

Deno.test("mask works on two buffers in turn", () => {
  const a = new Uint8Array(64);
  const b = new Uint8Array(64);
  for (const bytes of [a, b, a]) applyMask(bytes, 0x04030201);
  assertEquals(a, new Uint8Array(64));
  assertEquals(b.subarray(0, 4), new Uint8Array([1, 2, 3, 4]));
});
