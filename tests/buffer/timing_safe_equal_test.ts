import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { timingSafeEqual } from "../../buffer/timing_safe_equal.ts";

Deno.test("timing safe equal says what === says of texts, and of bytes byte by byte", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (a, b) => {
      const encoder = new TextEncoder();
      assertEquals(timingSafeEqual(a, b), a === b);
      assertEquals(timingSafeEqual(a, encoder.encode(a)), true);
      assertEquals(timingSafeEqual(encoder.encode(b), a), a === b);
    }),
  );
});

Deno.test("timing safe equal tells lengths apart, and what repeats", () => {
  assertEquals(timingSafeEqual("", ""), true);
  for (
    const [a, b] of [["", "a"], ["aa", "a"], ["abab", "ab"], ["a\0", "a"], ["secreu", "secret"]]
  ) {
    assertEquals(timingSafeEqual(a, b), false, `${a} and ${b}`);
    assertEquals(timingSafeEqual(b, a), false, `${b} and ${a}`);
  }
});

Deno.test("timing safe equal looks at every byte, wherever the first difference is", () => {
  const looks = (at: number): number => {
    let count = 0;
    const bytes = new Proxy(new Uint8Array(100), {
      get(target, name) {
        if (name === "length") return target.length;
        count++;
        return name === String(at) ? 1 : target[Number(name)];
      },
    });
    assertEquals(timingSafeEqual(bytes, new Uint8Array(100)), false);
    return count;
  };
  assertEquals([looks(0), looks(50), looks(99)], [100, 100, 100]);
});

Deno.test("timing safe equal refuses what is neither text nor bytes, instead of taking it for equal", () => {
  const odd: unknown[] = [
    Uint8Array.of(1, 2, 3).buffer,
    new DataView(Uint8Array.of(4, 5, 6).buffer),
    1234,
    true,
    {},
    null,
    undefined,
  ];
  for (const a of odd) {
    for (const b of [...odd, "", new Uint8Array(0)]) {
      assertThrows(() => timingSafeEqual(a as Uint8Array, b as Uint8Array), TypeError);
      assertThrows(() => timingSafeEqual(b as Uint8Array, a as Uint8Array), TypeError);
    }
  }
});
