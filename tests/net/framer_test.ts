import { assertEquals, assertThrows } from "@std/assert";
import { cobsFramer } from "../../net/cobs_framer.ts";
import { contentLengthFramer } from "../../net/content_length_framer.ts";
import { delimiterFramer } from "../../net/delimiter_framer.ts";
import { fixedSizeFramer } from "../../net/fixed_size_framer.ts";
import { DEFAULT_MAX_MESSAGE_LENGTH, frameMessage, unframeMessages } from "../../net/framer.ts";
import { FramingBuffer } from "../../net/framing_buffer.ts";
import { FramingError } from "../../net/framing_error.ts";
import { lengthPrefixFramer } from "../../net/length_prefix_framer.ts";
import { lineFramer } from "../../net/line_framer.ts";
import { netstringFramer } from "../../net/netstring_framer.ts";
import { rawFramer } from "../../net/raw_framer.ts";
import { sizeHeaderFramer } from "../../net/size_header_framer.ts";
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

Deno.test("framers refuse text where they take bytes, and bytes where they take text, and send nothing", () => {
  const ofBytes = {
    lengthPrefix: lengthPrefixFramer(),
    delimiter: delimiterFramer(),
    netstring: netstringFramer(),
    sizeHeader: sizeHeaderFramer(),
    contentLength: contentLengthFramer(),
    cobs: cobsFramer(),
    fixedSize: fixedSizeFramer(4),
    raw: rawFramer(),
  };
  const sink = new FramingBuffer();
  for (const [name, framer] of Object.entries(ofBytes)) {
    for (const wrong of ["text", [1, 2, 3, 4], new ArrayBuffer(4), undefined]) {
      const send = () => framer.encode(wrong as unknown as Uint8Array, sink);
      assertThrows(send, TypeError, "Cannot send message: it takes a Uint8Array, not ", name);
      const push = () => framer.createDecoder().push(wrong as unknown as Uint8Array);
      assertThrows(push, TypeError, "Cannot push bytes: it takes a Uint8Array, not ", name);
    }
  }
  for (const wrong of [utf8("text"), 4, null, undefined]) {
    const send = () => lineFramer().encode(wrong as unknown as string, sink);
    assertThrows(send, TypeError, "Cannot send line: it takes text, not ");
  }
  assertEquals(sink.length, 0);
});
