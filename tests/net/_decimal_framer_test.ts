import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { DecimalFramer } from "../../net/_decimal_framer.ts";
import { INLINE_LENGTH } from "../../net/_framer_util.ts";
import { frameMessage, unframeMessages } from "../../net/framer.ts";
import { text, utf8 } from "../_support/framing.ts";

const ARROW = { name: "arrow", separator: utf8("=>"), leadingZeros: true };
const CLOSED = { ...ARROW, trailer: 0x3b };

Deno.test("decimal framer writes number, separator, message and trailer", () => {
  assertEquals(text(frameMessage(new DecimalFramer(ARROW, {}), utf8("abc"))), "3=>abc");
  assertEquals(text(frameMessage(new DecimalFramer(CLOSED, {}), utf8("abc"))), "3=>abc;");
  assertEquals(text(frameMessage(new DecimalFramer(CLOSED, {}), utf8(""))), "0=>;");
});

Deno.test("decimal framer reads what it has written, whatever the length", () => {
  const lengths = fc.oneof(
    fc.integer({ min: 0, max: 12 }),
    fc.integer({ min: INLINE_LENGTH - 2, max: INLINE_LENGTH + 2 }),
  );
  fc.assert(
    fc.property(fc.constantFrom(ARROW, CLOSED), fc.array(lengths), (format, sizes) => {
      const framer = new DecimalFramer(format, {});
      const messages = sizes.map((size, i) => new Uint8Array(size).fill(i));
      const bytes = messages.flatMap((message) => [...frameMessage(framer, message)]);
      assertEquals(unframeMessages(framer, Uint8Array.from(bytes)), messages);
    }),
    { numRuns: 40 },
  );
});

Deno.test("decimal framer keeps to its limit, its format and its separator", () => {
  const decode = (bytes: string): unknown =>
    unframeMessages(new DecimalFramer(CLOSED, { maxLength: 3 }), utf8(bytes));
  assertThrows(() => decode("4=>abcd;"), Error, "over the limit of 3");
  assertThrows(() => decode("3=>abc,"), Error, "the byte after it");
  assertThrows(() => decode("3:abc;"), Error, "no decimal number");
  assertThrows(() => new DecimalFramer(ARROW, { maxLength: -1 }), RangeError);
});
