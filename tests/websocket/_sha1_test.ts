import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { createHash } from "node:crypto";
import { sha1Base64 } from "../../websocket/_sha1.ts";

Deno.test("SHA-1 gives the values of RFC 3174 and RFC 6455", () => {
  assertEquals(
    sha1Base64("abc"),
    Uint8Array.fromHex("a9993e364706816aba3e25717850c26c9cd0d89d").toBase64(),
  );
  assertEquals(
    sha1Base64("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
    Uint8Array.fromHex("84983e441c3bd26ebaae4aa1f95129e5e54670f1").toBase64(),
  );
  assertEquals(
    sha1Base64("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"),
    "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
  );
});

Deno.test("SHA-1 agrees with the platform's at every length", () => {
  fc.assert(fc.property(fc.string({ unit: "binary-ascii", maxLength: 200 }), (text) => {
    assertEquals(sha1Base64(text), createHash("sha1").update(text).digest("base64"));
  }));
  for (let length = 0; length < 200; length++) {
    const text = "x".repeat(length);
    assertEquals(sha1Base64(text), createHash("sha1").update(text).digest("base64"));
  }
});
