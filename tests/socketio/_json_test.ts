import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { NOT_JSON, parseJson } from "../../socketio/_json.ts";

Deno.test("JSON parser returns what JSON.parse does for any value", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const text = JSON.stringify(value);
    if (text.includes("__proto__")) return;
    assertEquals(parseJson(text), JSON.parse(text));
  }));
});

Deno.test("JSON parser leaves out __proto__, plain or escaped, at any depth", () => {
  const texts = [
    '{"a":{"__proto__":{"polluted":1},"b":2}}',
    '{"a":{"\\u005f_proto__":{"polluted":1},"b":2}}',
    '{"a":{"__\\u0070roto__":{"polluted":1},"b":2}}',
  ];
  for (const text of texts) {
    const value = parseJson(text) as { a: Record<string, unknown> };
    assertEquals(Object.keys(value.a), ["b"]);
    assertStrictEquals(Object.getPrototypeOf(value.a), Object.prototype);
    assert(!("polluted" in {}));
  }
});

Deno.test("JSON parser keeps the name __proto__ where it is a value", () => {
  assertEquals(parseJson('["__proto__","\\u0041"]'), ["__proto__", "A"]);
});

Deno.test("JSON parser returns a mark, not an exception, for what is not JSON", () => {
  for (const text of ["", "{", "[1,]", "undefined", "'a'", "NaN", '{"__proto__":']) {
    assertStrictEquals(parseJson(text), NOT_JSON);
  }
});
