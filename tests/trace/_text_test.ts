import { assertEquals, assertNotMatch } from "@std/assert";
import fc from "fast-check";
import { escapeText, showText, textLines } from "../../trace/_text.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

Deno.test("shown text keeps what is harmless", () => {
  assertEquals(showText(bytes("GET / HTTP/1.1\tx é 漢 😀")), "GET / HTTP/1.1\tx é 漢 😀");
});

Deno.test("shown text has no escape sequence, no C1 control and no turn of direction", () => {
  assertEquals(
    showText(bytes("\x1b[2J\x07\0\x9b\u202e\ufeff")),
    "\\x1b[2J\\x07\\0\\x9b\\u202e\\ufeff",
  );
  // All that Unicode calls Bidi_Control.
  for (
    const control of "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
  ) {
    assertEquals(
      showText(bytes(control)),
      `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
  }
  // What takes no place.
  assertEquals(showText(bytes("\xad\u180e\ufff9")), "\\xad\\u180e\\ufff9");
});

Deno.test("shown text writes bytes that are not UTF-8 as numbers", () => {
  const mixed = Uint8Array.of(0x61, 0xff, 0xe2, 0x82, 0xac, 0xe2, 0x82, 0x0d, 0x0a, 0xc0);
  assertEquals(showText(mixed), "a\\xff€\\xe2\\x82\n\\xc0");
});

Deno.test("text lines end at LF and at CR LF, a lone CR is shown", () => {
  assertEquals(textLines(bytes("a\r\nb\nc\rd\n")), ["a", "b", "c\\rd"]);
  assertEquals(textLines(bytes("\n")), [""]);
  assertEquals(textLines(bytes("")), [""]);
});

Deno.test("what is text is shown as that text, escaped", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const wellFormed = new TextDecoder().decode(bytes(text));
    assertEquals(showText(bytes(text)), escapeText(wellFormed.replaceAll("\r\n", "\n")));
  }));
  assertEquals(showText(bytes("\x1b\u07ff\u0800\uffff\u{10000}\u{10ffff}")).length, 11);
});

Deno.test("escaping text twice is escaping it once", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assertEquals(escapeText(escapeText(text)), escapeText(text));
  }));
});

Deno.test("no bytes bring a control character through", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
    // deno-lint-ignore no-control-regex
    assertNotMatch(showText(noise), /[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
  }));
});
