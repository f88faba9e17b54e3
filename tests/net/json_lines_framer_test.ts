import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import fc from "fast-check";
import { frameMessage } from "../../net/framer.ts";
import { jsonLinesFramer } from "../../net/json_lines_framer.ts";
import { hex, testFramerProperties, text, unframe, utf8 } from "../_support/framing.ts";

testFramerProperties(
  "JSON lines framer",
  jsonLinesFramer({ maxLength: 100_000 }),
  fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown),
);

Deno.test("JSON lines framer writes one value a line", () => {
  assertEquals(text(frameMessage(jsonLinesFramer(), { a: "x\ny" })), '{"a":"x\\ny"}\n');
  assertEquals(text(frameMessage(jsonLinesFramer(), null)), "null\n");
});

Deno.test("JSON lines framer skips blank lines and takes CRLF", () => {
  const { messages, error } = unframe(jsonLinesFramer(), [utf8('\n{"a":1}\r\n\r\n  \nnull\n')]);
  assertEquals(messages, [{ a: 1 }, null]);
  assertEquals(error, undefined);
});

Deno.test("JSON lines framer refuses what is no JSON or no UTF-8", () => {
  const bad = unframe(jsonLinesFramer(), [utf8("1\n{a}\n2\n")]);
  assertEquals(bad.messages, [1]);
  assertEquals(bad.error?.message, "Cannot read message: it is no valid JSON");
  assertInstanceOf(bad.error?.cause, SyntaxError);
  assertEquals(unframe(jsonLinesFramer(), [hex("22ff220a")]).error?.fault, "malformed");
});

Deno.test("JSON lines framer makes __proto__ an ordinary property", () => {
  const { messages } = unframe(jsonLinesFramer(), [utf8('{"__proto__":{"x":1}}\n')]);
  assertEquals((messages[0] as { x?: number }).x, undefined);
  assertEquals(Object.keys(messages[0] as object), ["__proto__"]);
});

Deno.test("JSON lines framer throws for what JSON can't hold", () => {
  for (const value of [undefined, () => 1, Symbol("x"), 1n]) {
    assertThrows(() => frameMessage(jsonLinesFramer(), value), TypeError);
  }
});

Deno.test("JSON lines framer limits a line, and reports or takes an unterminated one", () => {
  assertEquals(
    unframe(jsonLinesFramer({ maxLength: 3 }), [utf8("1234\n")]).error?.fault,
    "too-long",
  );
  assertEquals(unframe(jsonLinesFramer(), [utf8("1\n2")]).error?.fault, "truncated");
  assertEquals(unframe(jsonLinesFramer({ unterminated: "message" }), [utf8("1\n2")]).messages, [
    1,
    2,
  ]);
  assertThrows(() => jsonLinesFramer({ unterminated: "x" as "error" }), TypeError);
});
