import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { frameMessage } from "../../net/framer.ts";
import { netstringFramer } from "../../net/netstring_framer.ts";
import { hex, testFramerProperties, text, unframe, utf8 } from "../_support/framing.ts";

testFramerProperties(
  "netstring framer",
  netstringFramer({ maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }),
);

Deno.test("netstring framer writes the examples of its specification", () => {
  // 31 32 3a 68 65 6c 6c 6f 20 77 6f 72 6c 64 21 2c is "hello world!"; "0:," is the empty string.
  assertEquals(
    frameMessage(netstringFramer(), utf8("hello world!")),
    hex("31323a68656c6c6f20776f726c64212c"),
  );
  assertEquals(text(frameMessage(netstringFramer(), hex(""))), "0:,");
});

Deno.test("netstring framer sends a long message in pieces that read as one", () => {
  const message = new Uint8Array(100_000).fill(3);
  const bytes = frameMessage(netstringFramer(), message);
  assertEquals(unframe(netstringFramer(), [bytes]).messages, [message]);
});

Deno.test("netstring framer refuses what the specification forbids", () => {
  for (const input of ["05:hello,", "5hello,", "5:hello;", "-1:,", ":,", "5:helloo,"]) {
    assertEquals(unframe(netstringFramer(), [utf8(input)]).error?.fault, "malformed", input);
  }
});
