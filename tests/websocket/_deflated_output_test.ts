import { assert, assertEquals } from "@std/assert";
import { textToDeflate, writeDeflatedFrame } from "../../websocket/_deflated_output.ts";
import { LARGE_PAYLOAD } from "../../websocket/_frame_output.ts";
import { decodeFrame } from "../../websocket/frame.ts";
import type { WebSocketDeflater } from "../../websocket/protocol_types.ts";
import { plainTools, RecordedOutput, toBytes } from "../_support/websocket_rig.ts";

const TOOLS = plainTools();

Deno.test("text that may reach the threshold is encoded, whatever its characters take", () => {
  for (const char of ["a", "é", "€", "😀"]) {
    for (const count of [0, 1, 1365, 4096, 8192, 8193, 30_000]) {
      const text = char.repeat(count);
      assertEquals(textToDeflate(text, 0, TOOLS), toBytes(text));
      assertEquals(textToDeflate(text, text.length * 3, TOOLS), toBytes(text));
      assertEquals(textToDeflate(text, text.length * 3 + 1, TOOLS), undefined);
      assertEquals(textToDeflate(text, Infinity, TOOLS), undefined);
    }
  }
});

Deno.test("texts to be compressed share their memory unless they are long", () => {
  textToDeflate("x".repeat(8192), 0, TOOLS);
  const one = textToDeflate("one", 0, TOOLS)!;
  assertEquals(textToDeflate("second", 0, TOOLS)!.buffer === one.buffer, true);
  assertEquals(one, toBytes("sec"));
  const long = textToDeflate("x".repeat(8193), 0, TOOLS)!;
  assert(long.buffer !== one.buffer);
});

Deno.test("deflated frame has a copy of what came out, masked by a client, of any size", () => {
  const output = new RecordedOutput();
  /** Always gives the same memory, as compressors do. */
  const memory = new Uint8Array(LARGE_PAYLOAD + 1);
  let asked: unknown[] = [];
  let size = 0;
  const deflater: WebSocketDeflater = {
    deflate(_bytes, ...how) {
      asked = how;
      return memory.subarray(0, size);
    },
    reset() {},
    close() {},
  };
  for (const client of [false, true]) {
    for (size of [0, 5, LARGE_PAYLOAD - 1, LARGE_PAYLOAD, LARGE_PAYLOAD + 1]) {
      for (const last of [false, true]) {
        const expected = Uint8Array.from({ length: size }, (_, i) => i * 7);
        memory.set(expected);
        const written: Uint8Array[] = [];
        const write = output.write;
        output.write = (bytes) => {
          written.push(bytes);
          write.call(output, bytes);
        };
        writeDeflatedFrame(output, TOOLS, client, 0x41, new Uint8Array(9), last, deflater);
        output.write = write;
        for (const bytes of written) assert(bytes.buffer !== memory.buffer);
        const frame = decodeFrame(output.take());
        assert("payload" in frame);
        assertEquals([frame.payload, frame.masked, frame.rsv, frame.opcode], [
          expected,
          client,
          0x40,
          1,
        ]);
        assertEquals(asked, [0, 9, last]);
        // What came out was not changed, by the mask for example.
        assertEquals(memory.subarray(0, size), expected);
      }
    }
  }
});
