import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { frameMessage } from "../../net/framer.ts";
import { fixedSizeFramer } from "../../net/fixed_size_framer.ts";
import { hex, testFramerProperties, unframe } from "../_support/framing.ts";

testFramerProperties(
  "fixed size framer",
  fixedSizeFramer(7),
  fc.uint8Array({ minLength: 7, maxLength: 7 }),
);

Deno.test("fixed size framer adds nothing", () => {
  assertEquals(frameMessage(fixedSizeFramer(3), hex("010203")), hex("010203"));
});

Deno.test("fixed size framer tells how much of the last message is missing", () => {
  const { messages, error } = unframe(fixedSizeFramer(4), [hex("010203040506")]);
  assertEquals(messages, [hex("01020304")]);
  assertEquals([error?.fault, error?.received, error?.missing], ["truncated", 2, 2]);
  assertStrictEquals(unframe(fixedSizeFramer(4), []).error, undefined);
});

Deno.test("fixed size framer refuses messages and sizes that do not fit", () => {
  assertThrows(() => frameMessage(fixedSizeFramer(3), hex("0102")), RangeError, "is not 3");
  for (const size of [0, -1, 1.5, NaN, Infinity]) {
    assertThrows(() => fixedSizeFramer(size), RangeError);
  }
});
