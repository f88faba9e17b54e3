import { assertEquals, assertThrows } from "@std/assert";
import { DEFAULT_MAX_MESSAGE_LENGTH, frameMessage, unframeMessages } from "../../net/framer.ts";
import { FramingError } from "../../net/framing_error.ts";
import { lengthPrefixFramer } from "../../net/length_prefix_framer.ts";
import { netstringFramer } from "../../net/netstring_framer.ts";
import { hex, text, utf8 } from "../_support/framing.ts";

Deno.test("frameMessage returns one message with its framing", () => {
  assertEquals(frameMessage(lengthPrefixFramer({ prefix: "u16" }), hex("0102")), hex("00020102"));
});

Deno.test("unframeMessages returns all messages, as views where they lie in one piece", () => {
  const bytes = utf8("3:abc,1:x,");
  const messages = unframeMessages(netstringFramer(), bytes);
  assertEquals(messages.map(text), ["abc", "x"]);
  assertEquals(messages[0].buffer, bytes.buffer);
  bytes[2] = 0x7a;
  assertEquals(text(messages[0]), "zbc");
});

Deno.test("unframeMessages throws for an end inside a message", () => {
  const error = assertThrows(
    () => unframeMessages(netstringFramer(), utf8("3:abc,5:ab")),
    FramingError,
    "Cannot read message: the stream ended 2 bytes into it, 4 bytes missing",
  );
  assertEquals([error.fault, error.received, error.missing], ["truncated", 2, 4]);
});

Deno.test("messages are limited to 1 MiB unless told otherwise", () => {
  assertEquals(DEFAULT_MAX_MESSAGE_LENGTH, 1048576);
  const error = assertThrows(
    () => unframeMessages(lengthPrefixFramer(), hex("00100001")),
    FramingError,
  );
  assertEquals(error.fault, "too-long");
});
