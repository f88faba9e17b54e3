import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { giveJoinBuffer, JOIN_MAX, JOIN_MIN, takeJoinBuffer } from "../../net/_join_pool.ts";

const POOL = new URL("../../net/_join_pool.ts", import.meta.url).href;

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
  assert(countKept(96) <= 40);
});

Deno.test("join pool keeps 2 MiB of a size for good, and more until V8 marks its heap", async () => {
  const code = `
    import { giveJoinBuffer, JOIN_MAX, takeJoinBuffer } from ${JSON.stringify(POOL)};
    const known = new WeakSet();
    const give = () => {
      const many = Array.from({ length: 96 }, () => new Uint8Array(JOIN_MAX));
      for (const buffer of many) known.add(buffer), giveJoinBuffer(buffer);
    };
    const count = () => Array.from({ length: 96 }, () => known.has(takeJoinBuffer(JOIN_MAX))).filter(Boolean).length;
    give();
    const busy = count();
    give();
    await new Promise((resolve) => setTimeout(resolve));
    gc();
    console.log(JSON.stringify([busy, count()]));
  `;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-config",
      "--v8-flags=--expose-gc",
      `data:text/javascript,${encodeURIComponent(code)}`,
    ],
  }).output();
  assertEquals(JSON.parse(new TextDecoder().decode(stdout)), [40, 8]);
});

/** How many of `count` large buffers that are given back come again. */
function countKept(count: number): number {
  const many: Uint8Array[] = Array.from({ length: count }, () => new Uint8Array(JOIN_MAX));
  many.forEach(giveJoinBuffer);
  let kept = 0;
  for (let i = 0; i < count; i++) if (many.includes(takeJoinBuffer(JOIN_MAX))) kept++;
  assert(kept > 0);
  return kept;
}
