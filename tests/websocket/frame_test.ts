import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  type DecodedFrame,
  decodeFrame,
  encodeFrame,
  frameHeaderSize,
  readFrameHeader,
  WebSocketFrameHeader,
  writeFrameHeader,
} from "../../websocket/frame.ts";
import { hex } from "../_support/hex.ts";

function decode(bytes: Uint8Array): DecodedFrame {
  const frame = decodeFrame(bytes);
  assert(frame.missing === 0);
  return frame as DecodedFrame;
}

const HELLO = new TextEncoder().encode("Hello");

// RFC 6455 §5.7.
const RFC_EXAMPLES: Array<
  [name: string, wire: string, frame: Partial<DecodedFrame>, key?: number]
> = [
  ["an unmasked text message", "81 05 48 65 6c 6c 6f", { opcode: 1, fin: true, masked: false }],
  [
    "a masked text message",
    "81 85 37 fa 21 3d 7f 9f 4d 51 58",
    { opcode: 1, fin: true, masked: true },
    0x3d21fa37,
  ],
  ["a first fragment", "01 03 48 65 6c", {
    opcode: 1,
    fin: false,
    payload: HELLO.slice(0, 3),
  }],
  ["a last fragment", "80 02 6c 6f", { opcode: 0, fin: true, payload: HELLO.slice(3) }],
  ["an unmasked ping", "89 05 48 65 6c 6c 6f", { opcode: 9, fin: true }],
  ["a masked pong", "8a 85 37 fa 21 3d 7f 9f 4d 51 58", { opcode: 10, masked: true }, 0x3d21fa37],
];

for (const [name, wire, expected, maskKey] of RFC_EXAMPLES) {
  Deno.test(`frame codec reads and writes the RFC's example of ${name}`, () => {
    const { payload = HELLO, opcode, fin = true } = expected;
    const frame = decode(hex(wire));
    assertEquals(frame.payload, payload);
    assertEquals([frame.opcode, frame.fin, frame.rsv], [opcode, fin, 0]);
    assertEquals(encodeFrame(payload, { opcode, fin, maskKey }), hex(wire));
  });
}

Deno.test("frame header has the RFC's lengths of 256 bytes and of 64 KiB", () => {
  assertEquals(encodeFrame(new Uint8Array(256)).subarray(0, 4), hex("82 7e 01 00"));
  assertEquals(
    encodeFrame(new Uint8Array(65536)).subarray(0, 10),
    hex("82 7f 00 00 00 00 00 01 00 00"),
  );
});

Deno.test("frame codec gives back what it was given", () => {
  fc.assert(fc.property(
    fc.oneof(fc.nat(130), fc.integer({ min: 65530, max: 65540 })),
    fc.constantFrom(0, 1, 2, 8, 9, 10),
    fc.boolean(),
    fc.constantFrom(0, 0x40, 0x70),
    fc.option(fc.integer(), { nil: undefined }),
    (length, opcode, fin, rsv, maskKey) => {
      const payload = Uint8Array.from({ length }, (_, i) => i * 7);
      const bytes = encodeFrame(payload, { opcode, fin, rsv, maskKey });
      assertEquals(bytes.length, frameHeaderSize(length, maskKey !== undefined) + length);
      const frame = decode(bytes);
      assertEquals(frame.payload, payload);
      assertEquals([frame.opcode, frame.fin, frame.rsv, frame.masked, frame.size], [
        opcode,
        fin,
        rsv,
        maskKey !== undefined,
        bytes.length,
      ]);
    },
  ));
});

Deno.test("frame decoder says how many bytes are missing, at any cut", () => {
  for (const length of [0, 1, 125, 126, 65535, 65536]) {
    for (const maskKey of [undefined, 0x01020304]) {
      const bytes = encodeFrame(new Uint8Array(length), { maskKey });
      const header = frameHeaderSize(length, maskKey !== undefined);
      for (let cut = 0; cut <= header + 1 && cut < bytes.length; cut++) {
        const { missing } = decodeFrame(bytes.subarray(0, cut));
        assertEquals(missing, (cut < 2 ? 2 : cut < header ? header : bytes.length) - cut);
      }
    }
  }
});

Deno.test("frame header with eight bytes of length keeps every bit up to 2^53", () => {
  const bytes = new Uint8Array(14);
  for (const length of [0x10000, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1]) {
    writeFrameHeader(bytes, 0, 0x82, 0, length);
    const header = new WebSocketFrameHeader();
    assertEquals(readFrameHeader(header, bytes, 0, 14), 10);
    assertEquals([header.length, header.lengthValid], [length, true]);
  }
});

Deno.test("frame header tells lengths above 2^53, with the top bit, and not in their shortest form", () => {
  const read = (wire: string) => {
    const header = new WebSocketFrameHeader();
    const bytes = hex(wire);
    assertEquals(readFrameHeader(header, bytes, 0, bytes.length), bytes.length);
    return [header.length, header.lengthValid];
  };
  assertEquals(read("82 7f 00 20 00 00 00 00 00 00"), [Infinity, true]);
  assertEquals(read("82 7f 7f ff ff ff ff ff ff ff"), [Infinity, true]);
  assertEquals(read("82 7f 80 00 00 00 00 00 00 00"), [Infinity, false]);
  assertEquals(read("82 7f ff ff ff ff ff ff ff ff"), [Infinity, false]);
  assertEquals(read("82 7f 00 00 00 00 00 00 ff ff"), [65535, false]);
  assertEquals(read("82 7e 00 7d"), [125, false]);
  assertEquals(read("82 7e 00 7e"), [126, true]);
  assertThrows(() => decodeFrame(hex("82 7f 00 20 00 00 00 00 00 00")), RangeError);
});

Deno.test("frame header tells its first two bytes before the rest is there", () => {
  const header = new WebSocketFrameHeader();
  assertEquals(readFrameHeader(header, hex("f3 fe 00"), 0, 3), 0);
  assertEquals([header.fin, header.rsv, header.opcode, header.masked], [true, 0x70, 3, true]);
});
