import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { inflateRawSync } from "node:zlib";
import { clientFrame, type Load, Script, Wire } from "../../bench/_wire.ts";

const ECHO: Load = { protocol: "ws", pattern: "echo", connections: 1, size: 5, pipeline: 3 };

/** What a server would answer: the frames of a batch without masks. */
function answer(script: Script): Uint8Array {
  const { batch } = script;
  const out: number[] = [];
  for (let at = 0; at < batch.length;) {
    const short = batch[at + 1] & 0x7f;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    const view = new DataView(batch.buffer, batch.byteOffset + at);
    const length = short < 126
      ? short
      : short === 126
      ? view.getUint16(2)
      : Number(view.getBigUint64(2));
    out.push(batch[at], short, ...batch.subarray(at + 2, at + head));
    for (let i = 0; i < length; i++) {
      out.push(batch[at + head + 4 + i] ^ batch[at + head + (i & 3)]);
    }
    at += head + 4 + length;
  }
  return new Uint8Array(out);
}

function feed(wire: Wire, bytes: Uint8Array, sizes: number[]): void {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const chunk = bytes.slice(at, at + (sizes[i % sizes.length] || 1));
    wire.take(chunk, chunk.length);
    at += chunk.length;
  }
}

Deno.test("bench wire counts the messages of a batch, however the bytes are cut", () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(
      cuts,
      fc.constantFrom(0, 1, 5, 125, 126, 300, 70_000),
      fc.boolean(),
      (sizes, size, text) => {
        const script = new Script({ ...ECHO, size, text });
        const wire = new Wire(script);
        wire.missing = 3;
        feed(wire, answer(script), size > 1000 ? sizes.map((n) => n * 1000) : sizes);
        assertEquals([wire.seen, wire.missing], [3, 0]);
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("bench wire counts bytes of a TCP echo, and finds one that differs", () => {
  const script = new Script({ ...ECHO, protocol: "tcp" });
  const wire = new Wire(script);
  wire.missing = 15;
  feed(wire, script.batch, [4, 7]);
  assertEquals([wire.seen, wire.missing], [15, 0]);
  const other = new Wire(script);
  other.missing = 15;
  const bytes = script.batch.slice();
  bytes[9]++;
  assertThrows(() => feed(other, bytes, [4]), Error, "the answer differs");
});

Deno.test("bench wire refuses what no honest echo sends", () => {
  const cases: [number[], string][] = [
    [[0x82, 0x85, 1, 2, 3, 4, 0, 0, 0, 0, 0], "masks its frames"],
    [[0x88, 0], "closed the WebSocket"],
    [[0x82, 4, 97, 98, 99, 100], "a message of 4 bytes"],
    [[0x82, 5, 97, 98, 99, 100, 0], "the answer differs"],
  ];
  for (const [bytes, text] of cases) {
    const wire = new Wire(new Script(ECHO));
    wire.missing = 3;
    assertThrows(() => wire.take(new Uint8Array(bytes), bytes.length), Error, text);
  }
  const script = new Script(ECHO);
  const wire = new Wire(script);
  wire.missing = 2;
  assertThrows(() => feed(wire, answer(script), [100]), Error, "a message too many");
});

Deno.test("bench wire passes over pings, joins fragments, and counts compressed messages", () => {
  const wire = new Wire(new Script(ECHO));
  wire.missing = 2;
  const bytes = [0x89, 1, 7, 0x02, 2, 97, 98, 0x80, 3, 99, 100, 101, 0xc2, 2, 0x4b, 0x04];
  feed(wire, new Uint8Array(bytes), [3]);
  assertEquals([wire.seen, wire.missing, wire.pings], [2, 0, 0]);
});

Deno.test("bench wire answers Engine.IO pings and checks Socket.IO packets whole", () => {
  const script = new Script({ ...ECHO, protocol: "sio" });
  assertEquals(new TextDecoder().decode(script.expected), '42["echo","abcde"]');
  const wire = new Wire(script);
  wire.missing = 3;
  feed(wire, new Uint8Array([0x81, 1, 0x32, ...answer(script)]), [1]);
  assertEquals([wire.seen, wire.missing, wire.pings], [3, 0, 1]);
});

Deno.test("bench script compresses each message by itself", () => {
  const script = new Script({ ...ECHO, size: 1000, pipeline: 2, text: true, deflate: true });
  assertEquals(script.expected.length, 1000);
  const frame = answer(new Script({ ...ECHO, size: 1000, pipeline: 1, text: true, deflate: true }));
  assertEquals(frame[0], 0xc1);
  const packed = frame.subarray(frame[1] === 126 ? 4 : 2);
  const tail = new Uint8Array([...packed, 0, 0, 0xff, 0xff, 3, 0]);
  assertEquals(new Uint8Array(inflateRawSync(tail)), script.expected);
  assert(script.batch.length < 1400);
});

Deno.test("bench script's handshake is refused without what the load needs", () => {
  const script = new Script({ ...ECHO, deflate: true, path: "/x" });
  assert(new TextDecoder().decode(script.request(80)).startsWith("GET /x HTTP/1.1\r\n"));
  script.checkResponse("HTTP/1.1 101 S\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
  assertThrows(() => script.checkResponse("HTTP/1.1 101 S\r\n\r\n"), Error, "does not compress");
  assertThrows(() => script.checkResponse("HTTP/1.1 400 Bad\r\n\r\n"), Error, "HTTP/1.1 400");
  assertEquals([...clientFrame(0x82, new Uint8Array(0)).subarray(0, 2)], [0x82, 0x80]);
});

Deno.test("bench wire tells of pings between messages", () => {
  const script = new Script(ECHO);
  const wire = new Wire(script);
  wire.missing = 3;
  const bytes = answer(script);
  const ping = new Uint8Array([0x89, 2, 1, 2]);
  feed(wire, new Uint8Array([...bytes.subarray(0, 7), ...ping, ...bytes.subarray(7)]), [3]);
  assertEquals([wire.seen, wire.missing, wire.wsPings], [3, 0, 1]);
});
