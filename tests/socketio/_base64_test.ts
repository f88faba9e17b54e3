import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { base64ToBytes, bytesToBase64 } from "../../socketio/_base64.ts";

Deno.test("base64 decodes what it encodes, for any bytes", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    assertEquals(base64ToBytes(bytesToBase64(bytes)), new Uint8Array(bytes));
  }));
});

Deno.test("base64 refuses characters outside of the alphabet", () => {
  assertEquals(base64ToBytes("AQ*D"), undefined);
  assertEquals(base64ToBytes("é"), undefined);
  assertEquals(base64ToBytes("A"), undefined);
});

Deno.test("base64 takes lines and missing padding", () => {
  assertEquals(base64ToBytes("AQ\nI="), new Uint8Array([1, 2]));
  assertEquals(base64ToBytes("AQI"), new Uint8Array([1, 2]));
});

Deno.test("base64 falls back on btoa and atob where the engine has no methods of its own", () => {
  const { toBase64 } = Uint8Array.prototype;
  const { fromBase64 } = Uint8Array;
  const bytes = new Uint8Array(100_000).map((_, i) => i);
  const expected = bytesToBase64(bytes);
  // deno-lint-ignore no-explicit-any
  const proto = Uint8Array.prototype as any, ctor = Uint8Array as any;
  try {
    proto.toBase64 = undefined;
    ctor.fromBase64 = undefined;
    assertEquals(bytesToBase64(bytes), expected);
    assertEquals(base64ToBytes(" " + expected), bytes);
    assertEquals(base64ToBytes("*"), undefined);
  } finally {
    proto.toBase64 = toBase64;
    ctor.fromBase64 = fromBase64;
  }
});
