import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { giveJoinBuffer, JOIN_MAX, JOIN_MIN, takeJoinBuffer } from "../../net/_join_pool.ts";

Deno.test("join pool gives buffers of three sizes, and larger ones as they are asked for", () => {
  const sizes = [1, JOIN_MIN, JOIN_MIN + 1, JOIN_MIN * 4, JOIN_MIN * 4 + 1, JOIN_MAX, JOIN_MAX + 1];
  assertEquals(sizes.map((size) => takeJoinBuffer(size).length), [
    JOIN_MIN,
    JOIN_MIN,
    JOIN_MIN * 4,
    JOIN_MIN * 4,
    JOIN_MAX,
    JOIN_MAX,
    JOIN_MAX + 1,
  ]);
});

Deno.test("join pool gives a returned buffer again, to one taker only", () => {
  const buffer = takeJoinBuffer(1);
  giveJoinBuffer(buffer);
  const again = takeJoinBuffer(1);
  assertStrictEquals(again, buffer);
  assertNotStrictEquals(takeJoinBuffer(1), again);
});

Deno.test("join pool takes back no buffer of another size, and not without end", () => {
  const odd = new Uint8Array(JOIN_MIN + 5);
  giveJoinBuffer(odd);
  for (let i = 0; i < 100; i++) assert(takeJoinBuffer(JOIN_MIN + 1) !== odd);
  const many: Uint8Array[] = Array.from({ length: 64 }, () => new Uint8Array(JOIN_MAX));
  many.forEach(giveJoinBuffer);
  let kept = 0;
  for (let i = 0; i < 64; i++) if (many.includes(takeJoinBuffer(JOIN_MAX))) kept++;
  assert(kept > 0 && kept <= 8, `${kept} were kept`);
});
