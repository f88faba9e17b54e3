import { assertEquals, assertMatch } from "@std/assert";
import { randomId } from "../../socketio/_random_id.ts";

Deno.test("ids are 20 characters of base64url: 120 random bits", () => {
  for (let i = 0; i < 200; i++) assertMatch(randomId(), /^[A-Za-z0-9_-]{20}$/);
});

Deno.test("ids are all different, and have no part that counts", () => {
  const ids = Array.from({ length: 5000 }, randomId);
  assertEquals(new Set(ids).size, ids.length);
  // Each position of the text takes every character of the alphabet.
  for (let at = 0; at < 20; at++) {
    assertEquals(new Set(ids.map((id) => id[at])).size, 64, `position ${at}`);
  }
});
