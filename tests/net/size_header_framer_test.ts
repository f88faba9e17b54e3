import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { frameMessage } from "../../net/framer.ts";
import { sizeHeaderFramer } from "../../net/size_header_framer.ts";
import { hex, testFramerProperties, text, unframe, utf8 } from "../_support/framing.ts";

testFramerProperties(
  "size header framer",
  sizeHeaderFramer({ maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }),
);

Deno.test("size header framer writes the length in bytes, CRLF and the bytes", () => {
  assertEquals(text(frameMessage(sizeHeaderFramer(), utf8("Hello World"))), "11\r\nHello World");
  assertEquals(text(frameMessage(sizeHeaderFramer(), utf8("é"))), "2\r\né");
  assertEquals(text(frameMessage(sizeHeaderFramer(), hex(""))), "0\r\n");
  const long = new Uint8Array(5000);
  assertEquals(frameMessage(sizeHeaderFramer(), long).length, 5006);
});

Deno.test("size header framer takes zeros in front of the length", () => {
  const { messages, error } = unframe(sizeHeaderFramer(), [utf8("005\r\nHello0\r\n00\r\n")]);
  assertEquals([messages, error], [[utf8("Hello"), hex(""), hex("")], undefined]);
});

Deno.test("size header framer tells how much is missing", () => {
  const { messages, error } = unframe(sizeHeaderFramer(), [utf8("1\r\na11\r\nHello")]);
  assertEquals(messages, [utf8("a")]);
  assertEquals([error?.fault, error?.received, error?.missing], ["truncated", 5, 6]);
});

Deno.test("size header framer refuses other protocols at their first bytes", () => {
  for (const input of ["GET / HTTP/1.1\r\n", "\x16\x03\x01", "\x05\x01\x00", "12\nabc", "\r\n"]) {
    assertEquals(unframe(sizeHeaderFramer(), [utf8(input)]).error?.fault, "malformed", input);
  }
  assertThrows(() => sizeHeaderFramer({ maxLength: NaN }), RangeError);
});
