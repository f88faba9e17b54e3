import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { formatExtension, parseExtensions } from "../../websocket/extensions.ts";

Deno.test("extension list has names, parameters and values, quoted or not", () => {
  assertEquals(parseExtensions("a"), [{ name: "a", params: [] }]);
  assertEquals(parseExtensions('a ; b = 1;c="d\\e" , f;g'), [
    { name: "a", params: [["b", "1"], ["c", "de"]] },
    { name: "f", params: [["g", undefined]] },
  ]);
  assertEquals(parseExtensions(",, a ,,b,"), [{ name: "a", params: [] }, {
    name: "b",
    params: [],
  }]);
});

Deno.test("extension list keeps duplicates for whoever knows what they mean", () => {
  assertEquals(parseExtensions("a;x=1;x=2"), [{ name: "a", params: [["x", "1"], ["x", "2"]] }]);
});

for (
  const bad of [
    "",
    " ",
    ",",
    "a b",
    "a;",
    "a;;b",
    "a;=1",
    "a;b=",
    "a;b= ,c",
    'a;b="',
    'a;b="c',
    'a;b="c\\',
    'a;b="c d"',
    'a;b=""',
    'a;b="c"d',
    "a;b=c d",
    "a=b",
    "a;b=c;é",
    "(a)",
    "a\0",
  ]
) {
  Deno.test(`extension list refuses ${JSON.stringify(bad)}`, () => {
    assertEquals(parseExtensions(bad), undefined);
  });
}

Deno.test("extension names and parameters of Object.prototype are names like any other", () => {
  assertEquals(parseExtensions("constructor; __proto__=toString; hasOwnProperty"), [{
    name: "constructor",
    params: [["__proto__", "toString"], ["hasOwnProperty", undefined]],
  }]);
});

Deno.test("extension list that was formatted parses to itself", () => {
  const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/);
  const extension = fc.record({
    name: token,
    params: fc.array(fc.tuple(token, fc.option(token, { nil: undefined }))),
  });
  fc.assert(fc.property(fc.array(extension, { minLength: 1 }), (extensions) => {
    assertEquals(parseExtensions(extensions.map(formatExtension).join(", ")), extensions);
  }));
});

Deno.test("extension parser never throws", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
    parseExtensions(text);
    parseExtensions(`a; b="${text}`);
  }));
});

Deno.test("extension list with an open quote and many backslashes is refused in linear time", () => {
  const time = (n: number) => {
    const text = `a; b="${"\\".repeat(n)}`;
    let best = Infinity;
    for (let run = 0; run < 5; run++) {
      const start = performance.now();
      assertEquals(parseExtensions(text), undefined);
      best = Math.min(best, performance.now() - start);
    }
    return best;
  };
  time(2000);
  assert(time(64_000) < time(2000) * 300 + 20);
});
