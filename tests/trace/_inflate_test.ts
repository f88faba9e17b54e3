import { deflateRawSync } from "node:zlib";
import { assertEquals } from "@std/assert";
import { inflateRaw } from "../../trace/_inflate.ts";

const packed = new Uint8Array(deflateRawSync(new Uint8Array(1000).fill(7), { finishFlush: 2 }));

Deno.test("inflating gives what was deflated", () => {
  assertEquals(inflateRaw(packed, 1000), new Uint8Array(1000).fill(7));
});

Deno.test("inflating without a limit, or one that no buffer has, gives what was deflated", () => {
  for (const limit of [2 ** 53, Infinity]) {
    assertEquals(inflateRaw(packed, limit), new Uint8Array(1000).fill(7));
  }
});

Deno.test("inflating gives nothing beyond the limit, nor of what is corrupt", () => {
  assertEquals(inflateRaw(packed, 999), undefined);
  assertEquals(inflateRaw(packed, 0), undefined);
  assertEquals(inflateRaw(Uint8Array.of(0xff, 0xff), 1000), undefined);
});
