import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  closePayload,
  HEADROOM,
  LARGE_PAYLOAD,
  LostOutput,
  tryWriteTextFrame,
  writeFrame,
  writeOwnedFrame,
  writeTextFrame,
} from "../../websocket/_frame_output.ts";
import { decodeFrame } from "../../websocket/frame.ts";
import { joined, plainTools, RecordedOutput, toBytes } from "../_support/websocket_rig.ts";

const TOOLS = plainTools();

function only(output: RecordedOutput) {
  const bytes = output.take();
  const frame = decodeFrame(bytes);
  assert("payload" in frame);
  assertEquals(frame.size, bytes.length);
  return frame;
}

Deno.test("frames are written as they are read, of all sizes and for both roles", () => {
  const output = new RecordedOutput();
  for (const client of [false, true]) {
    for (const size of [0, 32, 33, 125, 126, LARGE_PAYLOAD - 1, LARGE_PAYLOAD, 65_535, 65_536]) {
      const payload = Uint8Array.from({ length: size }, (_, i) => i * 3);
      writeFrame(output, TOOLS, client, 0x82, payload);
      const whole = only(output);
      assertEquals([whole.payload, whole.masked, whole.opcode], [payload, client, 2]);
      writeOwnedFrame(output, TOOLS, client, 0x01, joined(new Uint8Array(HEADROOM), payload));
      const owned = only(output);
      assertEquals([owned.payload, owned.masked, owned.fin], [payload, client, false]);
    }
  }
});

Deno.test("text is written in place, whatever its header turns out to need", () => {
  const output = new RecordedOutput();
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), fc.boolean(), (text, client) => {
      writeTextFrame(output, TOOLS, client, text);
      const frame = only(output);
      assertEquals([frame.payload, frame.opcode, frame.masked], [toBytes(text), 1, client]);
    }),
  );
});

Deno.test("long text is written in place where there is room for it, or not at all", () => {
  const output = new RecordedOutput();
  const part = fc.string({ unit: "binary", minLength: 1, maxLength: 5 });
  const text = fc.tuple(part, fc.constantFrom(1, 30, 130, 20_000, 66_000), fc.boolean());
  let fitted = 0;
  fc.assert(
    fc.property(text, fc.boolean(), ([part, size, ascii], client) => {
      const text = (ascii ? "x" : "") + (ascii ? "y" : part).repeat(Math.ceil(size / part.length));
      const bytes = toBytes(text);
      const written = tryWriteTextFrame(output, TOOLS, client, text);
      if (bytes.length === text.length) assertEquals(written, true);
      if (!written) {
        assertEquals(output.take().length, 0);
        return;
      }
      fitted++;
      const frame = only(output);
      assertEquals([frame.payload, frame.opcode, frame.masked], [bytes, 1, client]);
    }),
    { numRuns: 60 },
  );
  assert(fitted > 0);
  const buffer = new Uint8Array(10_014);
  const never = () => {
    throw new Error("nothing is to be written");
  };
  const roomless = { buffer, full: false, reserve: () => 0, commit: never, write: never };
  assertEquals(tryWriteTextFrame(roomless, TOOLS, false, "€".repeat(10_000)), false);
});

Deno.test("payload of a close frame has its code and reason, or is refused", () => {
  assertEquals(closePayload(undefined, "", TOOLS), new Uint8Array(0));
  assertEquals(closePayload(1000, "é", TOOLS), new Uint8Array([3, 0xe8, 0xc3, 0xa9]));
  assertThrows(() => closePayload(1005, "", TOOLS), RangeError);
  assertThrows(() => closePayload(1000, "x".repeat(124), TOOLS), TypeError);
  assertThrows(() => closePayload(undefined, "x", TOOLS), TypeError);
});

Deno.test("lost output takes everything", () => {
  const output = new LostOutput();
  writeFrame(output, TOOLS, true, 0x89, new Uint8Array(125));
  writeFrame(output, TOOLS, false, 0x82, new Uint8Array(LARGE_PAYLOAD));
  assertEquals(output.full, false);
});
