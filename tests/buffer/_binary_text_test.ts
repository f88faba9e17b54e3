import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import { decodeBase64, decodeHex, encodeBase64, encodeHex } from "../../buffer/_binary_text.ts";

const bytes = fc.uint8Array({ maxLength: 70 });

Deno.test("hex and base64 are those of node:buffer, and decode to the same bytes", () => {
  fc.assert(fc.property(bytes, (bytes) => {
    const node = Buffer.from(bytes);
    assertEquals(encodeHex(bytes), node.toString("hex"));
    assertEquals(decodeHex(encodeHex(bytes)), bytes);
    assertEquals(decodeHex(encodeHex(bytes).toUpperCase()), bytes);
    assertEquals(encodeBase64(bytes), node.toString("base64"));
    assertEquals(decodeBase64(encodeBase64(bytes)), bytes);
    assertEquals(decodeBase64(encodeBase64(bytes).replaceAll("=", "")), bytes);
  }));
});

Deno.test("base64 has the vectors of RFC 4648 §10", () => {
  const vectors = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
  vectors.forEach((text, length) => {
    const plain = new TextEncoder().encode("foobar".slice(0, length));
    assertEquals(encodeBase64(plain), text);
    assertEquals(decodeBase64(text), plain);
  });
});

Deno.test("hex takes a separator", () => {
  assertEquals(encodeHex(Uint8Array.of(1, 0xab, 0xff), " "), "01 ab ff");
  assertEquals(encodeHex(new Uint8Array(0), " "), "");
});

Deno.test("hex that is none is refused", () => {
  for (const text of ["a", "0g", "g0", "0x", " 00", "00 ", "é0", "0日", "\u0130\u0131"]) {
    assertThrows(() => decodeHex(text), TypeError, "Cannot decode hex");
  }
});

Deno.test("base64 that is none is refused: wrong digits, wrong padding, bits left over", () => {
  for (
    const text of [
      "A",
      "AAAAA",
      "A===",
      "=",
      "====",
      "AA=",
      "AAA==",
      "AA==AA==",
      "A-A_",
      "AA A",
      "Zh==",
      "Zm9=",
      "日AAA",
    ]
  ) {
    assertThrows(() => decodeBase64(text), TypeError, "Cannot decode base64");
  }
});
