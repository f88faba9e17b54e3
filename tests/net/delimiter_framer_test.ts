import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { frameMessage, unframeMessages } from "../../net/framer.ts";
import { delimiterFramer, nulFramer } from "../../net/delimiter_framer.ts";
import { FramingBuffer } from "../../net/framing_buffer.ts";
import { hex, testFramerProperties, text, unframe, utf8 } from "../_support/framing.ts";

/** Bytes without any byte of CRLF, or NUL. */
const plain = fc.array(fc.integer({ min: 14, max: 255 }), { maxLength: 100 })
  .map((bytes) => new Uint8Array(bytes));

testFramerProperties("delimiter framer", delimiterFramer({ maxLength: 100 }), plain);
testFramerProperties("NUL framer", nulFramer({ maxLength: 100 }), plain);

Deno.test("delimiter framer writes CRLF unless told otherwise, and any marker", () => {
  assertEquals(text(frameMessage(delimiterFramer(), utf8("a"))), "a\r\n");
  assertEquals(text(frameMessage(delimiterFramer({ marker: "\x1a" }), utf8("a"))), "a\x1a");
  assertEquals(
    frameMessage(delimiterFramer({ marker: hex("fffe") }), hex("00")),
    hex("00fffe"),
  );
  assertEquals(frameMessage(nulFramer(), utf8("C")), hex("4300"));
});

Deno.test("delimiter framer sends a long message and its marker", () => {
  const message = new Uint8Array(10_000).fill(65);
  assertEquals(unframeMessages(delimiterFramer(), frameMessage(delimiterFramer(), message)), [
    message,
  ]);
});

Deno.test("delimiter framer sends no message that its reader would cut elsewhere", () => {
  const unit = fc.constantFrom("a", "b", "c");
  fc.assert(fc.property(
    fc.string({ unit, maxLength: 12 }),
    fc.string({ unit, minLength: 1, maxLength: 4 }),
    (message, marker) => {
      const framer = delimiterFramer({ marker });
      const cutEarly = (message + marker).indexOf(marker) !== message.length;
      const buffer = new FramingBuffer();
      if (cutEarly) {
        assertThrows(() => framer.encode(utf8(message), buffer), TypeError, "holds the marker");
        assertEquals(buffer.length, 0);
      } else {
        framer.encode(utf8(message), buffer);
        assertEquals(unframeMessages(framer, buffer.take()).map(text), [message]);
      }
    },
  ));
});

Deno.test("delimiter framer sends the marker inside a message when asked to", () => {
  const framer = delimiterFramer({ marker: ";", allowMarkerInside: true });
  assertEquals(text(frameMessage(framer, utf8("a;b"))), "a;b;");
});

Deno.test("delimiter framer refuses a message that is too long although its marker begins in time", () => {
  const framer = delimiterFramer({ marker: "abc", maxLength: 3 });
  assertEquals(unframe(framer, [utf8("xxxa"), utf8("bc")]).messages.map(text), ["xxx"]);
  const { messages, error } = unframe(framer, [utf8("xxxxa"), utf8("bc")]);
  assertEquals([messages, error?.fault], [[], "too-long"]);
});

Deno.test("delimiter framer gives out an unterminated end when asked to", () => {
  const framer = delimiterFramer({ marker: ";", unterminated: "message" });
  assertEquals(unframe(framer, [utf8("a;b")]).messages.map(text), ["a", "b"]);
  assertEquals(unframe(nulFramer(), [hex("4100 42")]).error?.fault, "truncated");
});

Deno.test("delimiter framer refuses options that it can't honour", () => {
  assertThrows(() => delimiterFramer({ marker: "" }), TypeError, "the marker is empty");
  assertThrows(() => delimiterFramer({ unterminated: "drop" as "error" }), TypeError);
  assertThrows(() => delimiterFramer({ maxLength: 0.5 }), RangeError);
  assertThrows(() => nulFramer({ unterminated: "drop" as "error" }), TypeError);
});
