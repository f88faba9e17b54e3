import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { shareMessage } from "../../socketio/_shared_message.ts";
import { readFrameHeader, WebSocketFrameHeader } from "../../websocket/frame.ts";

Deno.test("a message is made once for all who get it with the same options", () => {
  const options = { preEncoded: true };
  const first = shareMessage("2[1]", options);
  assertStrictEquals(shareMessage("2[1]", options), first);
  assertStrictEquals(shareMessage("2[1]", options).frame, first.frame);
  assert(shareMessage("2[2]", options) !== first);
  assertStrictEquals(shareMessage("2[1]", options), first, "several parts of one packet");
  assert(shareMessage("2[1]", { preEncoded: true }) !== first);
});

Deno.test("a message's frame is final, unmasked and of the right length", () => {
  for (const length of [0, 1, 124, 125, 126, 65_534, 65_535, 65_536]) {
    for (const data of ["a".repeat(length), new Uint8Array(length)]) {
      const { frame } = shareMessage(data, {});
      const header = new WebSocketFrameHeader();
      const size = readFrameHeader(header, frame, 0, frame.length);
      const payload = length + (typeof data === "string" ? 1 : 0);
      assertEquals(header.length, payload);
      assertEquals(frame.length, size + payload);
      assertEquals(header.opcode, typeof data === "string" ? 1 : 2);
      assertEquals([header.fin, header.masked, header.rsv], [true, false, 0]);
      if (typeof data === "string") assertEquals(frame[size], 0x34);
    }
  }
});

Deno.test("a frame that was prepared already is used as it is", () => {
  const wsPreEncodedFrame = new Uint8Array([0x81, 2, 0x34, 0x32]);
  const message = shareMessage("2", { wsPreEncodedFrame });
  assertStrictEquals(message.frame, wsPreEncodedFrame);
  assertEquals(message.payload, "42");
  const pieces = [wsPreEncodedFrame.subarray(0, 2), wsPreEncodedFrame.subarray(2)];
  assertEquals(shareMessage("2", { wsPreEncodedFrame: pieces }).frame, wsPreEncodedFrame);
});

Deno.test("what was shared is forgotten after the turn", async () => {
  const options = {};
  const first = shareMessage("2[1]", options);
  await Promise.resolve();
  assert(shareMessage("2[1]", options) !== first);
});
