import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { joined, toBytes } from "../_support/websocket_rig.ts";
import { acceptKey, newKey, PLATFORM_TOOLS } from "../../websocket/_tools.ts";

Deno.test("accept key is the RFC's", () => {
  assertEquals(acceptKey("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
});

Deno.test("keys are 16 bytes in base64, each time others", () => {
  const keys = new Set(Array.from({ length: 100 }, newKey));
  assertEquals(keys.size, 100);
  for (const key of keys) assertEquals(Uint8Array.fromBase64(key).length, 16);
});

Deno.test("masks use all 32 bits and do not repeat", () => {
  const masks = Array.from({ length: 5000 }, () => PLATFORM_TOOLS.nextMask());
  assert(new Set(masks).size > 4990);
  assertEquals(masks.reduce((a, b) => a | b), -1);
  assertEquals(masks.reduce((a, b) => a & b), 0);
});

Deno.test("text is decoded strictly, at any length", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: "binary" }).map((s) => s.repeat(100)),
    fc.string().map((s) => s.repeat(100)),
    fc.constant("\ufffd"),
    fc.constant("\ufeffx"),
  );
  fc.assert(fc.property(text, fc.nat(5), (text, before) => {
    const encoded = toBytes(text);
    const bytes = joined(new Uint8Array(before).fill(0xff), encoded, new Uint8Array([0xff]));
    const expected = text.toWellFormed();
    const end = before + encoded.length;
    assertEquals(PLATFORM_TOOLS.decodeText(bytes, before, end, false), expected);
    assertEquals(PLATFORM_TOOLS.decodeValidText(encoded), expected);
    assertEquals(PLATFORM_TOOLS.decodeText(bytes, before, end + 1, false), undefined);
    if (encoded.every((byte) => byte < 128)) {
      assertEquals(PLATFORM_TOOLS.decodeText(bytes, before, end, true), expected);
    }
  }));
});

Deno.test("text is encoded with and without headroom", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), fc.constantFrom(0, 2, 14), (text, room) => {
    const bytes = toBytes(text);
    assertEquals(PLATFORM_TOOLS.encodeText(text, room).slice(room), bytes);
    const target = new Uint8Array(5 + text.length * 3);
    assertEquals(PLATFORM_TOOLS.encodeTextInto(text, target, 5), bytes.length);
    assertEquals(target.slice(5, 5 + bytes.length), bytes);
    const exact = new Uint8Array(5 + bytes.length);
    assertEquals(PLATFORM_TOOLS.tryEncodeTextInto!(text, exact, 5), bytes.length);
    assertEquals(exact.slice(5), bytes);
    if (bytes.length > 0) {
      assertEquals(PLATFORM_TOOLS.tryEncodeTextInto!(text, exact.subarray(1), 5), -1);
    }
  }));
});
