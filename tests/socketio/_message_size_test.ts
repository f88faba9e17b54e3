import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { isLarger } from "../../socketio/_message_size.ts";

Deno.test("message size is that in bytes, of texts in UTF-8", () => {
  assertEquals([isLarger("abc", 3), isLarger("abcd", 3)], [false, true]);
  assertEquals([isLarger("é€", 5), isLarger("é€", 4)], [false, true]);
  assertEquals([isLarger("😀", 4), isLarger("😀", 3)], [false, true]);
  assertEquals([isLarger("", 0), isLarger(new Uint8Array(4), 4)], [false, false]);
  assertEquals(isLarger(new Uint8Array(5), 4), true);
});

Deno.test("message size is compared as if it were encoded", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), fc.nat(40), (text, limit) => {
    assertEquals(isLarger(text, limit), new TextEncoder().encode(text).length > limit);
  }));
});
