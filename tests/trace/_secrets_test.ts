import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import { maskRanges, schemeLength, secretNames } from "../../trace/_secrets.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);

Deno.test("secret names hold the usual headers, and others in any case", () => {
  const names = secretNames(["X-Mine"]);
  assert(names.has("authorization") && names.has("set-cookie") && names.has("x-mine"));
  assertFalse(names.has("host"));
});

Deno.test("masking overwrites the ranges in a copy", () => {
  const original = bytes("a secret b c");
  assertEquals(text(maskRanges(original, [2, 8, 11, 12])), "a ****** b *");
  assertEquals(text(original), "a secret b c");
  assertStrictEquals(maskRanges(original, []), original);
});

Deno.test("a known scheme in front of a secret is told, anything else is not", () => {
  assertEquals(schemeLength(bytes("x: Bearer abc"), 3), 7);
  assertEquals(schemeLength(bytes("SCRAM-sha-256 x"), 0), 14);
  for (const value of ["abc def", "Bearer", "Bearerabc", "", "basi"]) {
    assertEquals(schemeLength(bytes(value), 0), 0, value);
  }
});
