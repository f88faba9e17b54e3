import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { acceptKey, SERVER_TOOLS } from "../../socketio/_websocket_tools.ts";

const encoder = new TextEncoder();

Deno.test("the accept value is that of RFC 6455", () => {
  assertEquals(acceptKey("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
});

Deno.test("text is decoded as it was encoded, of any length and anywhere in a buffer", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 600 });
  fc.assert(fc.property(text, fc.nat({ max: 9 }), (text, offset) => {
    const bytes = encoder.encode(text);
    const buffer = new Uint8Array(offset + bytes.length + 3);
    buffer.set(bytes, offset);
    const end = offset + bytes.length;
    assertEquals(SERVER_TOOLS.decodeText(buffer, offset, end, false), text);
    assertEquals(SERVER_TOOLS.decodeValidText(bytes), text);
    assertEquals(SERVER_TOOLS.encodeText(text, offset).subarray(offset), bytes);
    const target = new Uint8Array(offset + text.length * 3);
    assertEquals(SERVER_TOOLS.encodeTextInto(text, target, offset), bytes.length);
    assertEquals(target.subarray(offset, end), bytes);
  }));
  assertEquals(SERVER_TOOLS.decodeText(encoder.encode("abc"), 1, 3, true), "bc");
});

Deno.test("what is no UTF-8 is found, and a real replacement character is none", () => {
  const decode = (bytes: Uint8Array) => SERVER_TOOLS.decodeText(bytes, 0, bytes.length, false);
  for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
    assertEquals(decode(new Uint8Array(bytes)), undefined);
    assertEquals(decode(new Uint8Array([...new Array(600).fill(97), ...bytes])), undefined);
  }
  assertEquals(decode(encoder.encode("\ufffd")), "\ufffd");
});

Deno.test("a server does not mask", () => {
  assertThrows(() => SERVER_TOOLS.nextMask(), TypeError);
});
