import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { hex } from "../_support/hex.ts";
import { joined, toBytes } from "../_support/websocket_rig.ts";
import {
  clearCompressionPool,
  createCompression,
  deflateAlone,
} from "../../websocket/_compression.ts";
import type {
  PerMessageDeflateOptions,
  PerMessageDeflateParameters,
} from "../../websocket/permessage_deflate.ts";

const AGREED: PerMessageDeflateParameters = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};
const TAIL = hex("0000ffff");

function deflater(
  agreed: Partial<PerMessageDeflateParameters> = {},
  options?: PerMessageDeflateOptions,
) {
  return createCompression("server", { ...AGREED, ...agreed }, options).createDeflater();
}

function inflater(agreed: Partial<PerMessageDeflateParameters> = {}) {
  return createCompression("client", { ...AGREED, ...agreed }).createInflater();
}

function inflate(wire: Uint8Array, room = 1 << 20): Uint8Array | string {
  const one = inflater();
  const result = one.inflate(wire, 0, wire.length, true, room);
  one.close();
  return result;
}

const JSON_TEXT = toBytes(
  JSON.stringify(Array.from({ length: 20 }, (_, id) => ({ id, name: `user ${id}`, on: true }))),
);

Deno.test("inflater reads the examples of RFC 7692", () => {
  // §7.2.3.1 to §7.2.3.5: one block, no compression, BFINAL, two blocks.
  for (
    const wire of [
      "f2 48 cd c9 c9 07 00",
      "00 05 00 fa ff 48 65 6c 6c 6f 00",
      "f3 48 cd c9 c9 07 00 00",
      "f2 48 05 00 00 00 ff ff ca c9 c9 07 00",
    ]
  ) assertEquals(inflate(hex(wire)), toBytes("Hello"), wire);
  // §7.2.3.2: the second message refers to the first.
  const one = inflater();
  for (const wire of [hex("f2 48 cd c9 c9 07 00"), hex("f2 00 11 00 00")]) {
    assertEquals(one.inflate(wire, 0, wire.length, true, 100), toBytes("Hello"));
  }
  one.close();
});

Deno.test("deflater writes the example of RFC 7692, and refers back only with takeover", () => {
  const keeping = deflater();
  const forgetting = deflater({ serverNoContextTakeover: true });
  const hello = toBytes("Hello");
  assertEquals(keeping.deflate(hello, 0, 5, true).slice(), hex("f2 48 cd c9 c9 07 00"));
  assertEquals(keeping.deflate(hello, 0, 5, true).slice(), hex("f2 00 11 00 00"));
  for (let i = 0; i < 3; i++) {
    assertEquals(forgetting.deflate(hello, 0, 5, true).slice(), hex("f2 48 cd c9 c9 07 00"));
  }
  keeping.reset();
  assertEquals(keeping.deflate(hello, 0, 5, true).slice(), hex("f2 48 cd c9 c9 07 00"));
  keeping.close();
  clearCompressionPool();
});

const bits = fc.integer({ min: 8, max: 15 });
const parameters = fc.record({
  serverNoContextTakeover: fc.boolean(),
  clientNoContextTakeover: fc.boolean(),
  serverMaxWindowBits: bits,
  clientMaxWindowBits: bits,
});
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.integer({ min: 0, max: 200_000 }).map((n) => new Uint8Array(n).fill(n)),
  fc.integer({ min: 1, max: 40_000 }).map((n) =>
    Uint8Array.from({ length: n }, (_, i) => (i * i) >> 5)
  ),
);

Deno.test("inflate gives back what deflate took, with all parameters and in any pieces", () => {
  fc.assert(
    fc.property(
      parameters,
      fc.array(payload, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 7 }),
      (agreed, messages, level, parts) => {
        const out = deflater(agreed, { level, memLevel: 1 + (level + parts) % 9 });
        const back = inflater(agreed);
        for (const message of messages) {
          const wire: Uint8Array[] = [];
          const step = Math.ceil(message.length / parts) || 1;
          for (let at = 0; at < Math.max(1, message.length); at += step) {
            const end = Math.min(message.length, at + step);
            wire.push(out.deflate(message, at, end, end === message.length).slice());
          }
          const all = joined(...wire);
          const got: Uint8Array[] = [];
          for (let at = 0; at < Math.max(1, all.length); at += step) {
            const end = Math.min(all.length, at + step);
            const piece = back.inflate(all, at, end, end === all.length, 1 << 20);
            assert(typeof piece !== "string");
            got.push(piece);
          }
          assertEquals(joined(...got), message);
        }
        out.close();
        back.close();
      },
    ),
    { numRuns: 40 },
  );
  clearCompressionPool();
});

Deno.test("deflate keeps within the window that was agreed on", () => {
  // Repeats at every distance around the window's size tempt it to look too far back.
  for (const windowBits of [8, 9, 10, 12]) {
    const size = 1 << windowBits;
    const bytes = new Uint8Array(size * 40);
    let seed = 7;
    for (let i = 0; i < bytes.length; i++) {
      seed = Math.imul(seed, 1103515245) + 12345 >>> 0;
      const distance = size - 20 + (i >> 5) % 40;
      bytes[i] = i < distance || i % 9 === 8 ? seed >>> 24 : bytes[i - distance];
    }
    const wire = joined(deflateAlone(bytes, windowBits), TAIL);
    // A foreign inflater with just that window, which takes its output away 16 bytes at a time.
    const chunkSize = 64;
    const back = inflateRawSync(wire, { windowBits, chunkSize, finishFlush: 2 });
    assertEquals(new Uint8Array(back), bytes);
  }
  clearCompressionPool();
});

Deno.test("inflate stops at its limit, with and without takeover, in fragments too", () => {
  const bomb = new Uint8Array(deflateRawSync(new Uint8Array(50 << 20), { finishFlush: 2 }));
  for (const clientNoContextTakeover of [false, true]) {
    for (const step of [bomb.length, 1000, 7]) {
      const one = createCompression("server", { ...AGREED, clientNoContextTakeover })
        .createInflater();
      let size = 0;
      let result: Uint8Array | string = "";
      for (let at = 0; at < bomb.length; at += step) {
        const end = Math.min(bomb.length, at + step);
        result = one.inflate(bomb, at, end, end === bomb.length, (1 << 20) - size);
        if (typeof result === "string") break;
        size += result.length;
      }
      assertEquals(result, "too big");
      assert(size <= 1 << 20);
      one.close();
    }
  }
  assertEquals(inflate(deflateAlone(new Uint8Array(1 << 20), 15), 1 << 20).length, 1 << 20);
  assertEquals(inflate(deflateAlone(new Uint8Array((1 << 20) + 1), 15), 1 << 20), "too big");
  clearCompressionPool();
});

Deno.test("inflate refuses what is no deflate stream, and never throws", () => {
  assertEquals(inflate(hex("ff ff ff")), "corrupt");
  assertEquals(inflate(hex("f3 48 cd c9 c9 07 00 ff ff ff")), "corrupt");
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    const result = inflate(bytes, 5000);
    assert(result === "corrupt" || result === "too big" || result instanceof Uint8Array);
  }));
  clearCompressionPool();
});

Deno.test("inflate takes no byte at all for an empty message, and goes on behind it", () => {
  const nothing = new Uint8Array(0);
  for (const takeover of [true, false]) {
    const own = { serverNoContextTakeover: !takeover, clientNoContextTakeover: !takeover };
    const inflating = inflater(own);
    const deflating = deflater(own);
    const take = (wire: Uint8Array, last = true) =>
      inflating.inflate(wire, 0, wire.length, last, 1 << 20) as Uint8Array;
    for (const part of [1, 2, 3]) {
      const wire = deflating.deflate(JSON_TEXT, 0, JSON_TEXT.length, true).slice();
      const pieces = [nothing, wire.subarray(0, part), wire.subarray(part)];
      // Here the tail is due, though the last fragment is empty.
      const whole = joined(...pieces.map((piece) => take(piece, false)), take(nothing));
      assertEquals(whole, JSON_TEXT);
      assertEquals(joined(take(nothing, false), take(nothing)), nothing);
      const empty = take(nothing);
      assertEquals(empty, nothing);
      // Others get one of their own, whatever becomes of this one.
      structuredClone(empty, { transfer: [empty.buffer as ArrayBuffer] });
      assertEquals(new Uint8Array(take(nothing).buffer), nothing);
    }
    inflating.close();
    deflating.close();
  }
  clearCompressionPool();
});

Deno.test("inflate reads many final blocks and many empty ones in linear time", () => {
  const finals = new Uint8Array(200_001).map((_, i) => i % 2 === 0 && i < 200_000 ? 3 : 0);
  const empties = joined(...Array<Uint8Array>(40_000).fill(hex("00 00 00 ff ff")), hex("00"));
  for (const wire of [finals, empties]) {
    const start = performance.now();
    assertEquals(inflate(wire), new Uint8Array(0));
    assert(performance.now() - start < 5000);
  }
});

Deno.test("inflated messages are never written again", () => {
  const one = inflater();
  const wire = deflateAlone(JSON_TEXT, 15);
  const kept: Uint8Array[] = [];
  for (let i = 0; i < 500; i++) {
    kept.push(one.inflate(wire, 0, wire.length, true, 1 << 20) as Uint8Array);
  }
  for (const message of kept) assertEquals(message, JSON_TEXT);
  one.close();
  clearCompressionPool();
});

Deno.test("message compressed alone can be read in the middle of a conversation", () => {
  const out = deflater();
  const back = inflater();
  const read = (wire: Uint8Array) => back.inflate(wire, 0, wire.length, true, 1 << 20);
  assertEquals(read(out.deflate(JSON_TEXT, 0, JSON_TEXT.length, true)), JSON_TEXT);
  assertEquals(read(deflateAlone(JSON_TEXT, 15)), JSON_TEXT);
  out.reset();
  assertEquals(read(out.deflate(JSON_TEXT, 0, JSON_TEXT.length, true)), JSON_TEXT);
  out.close();
  back.close();
  clearCompressionPool();
});

Deno.test("what is inflated for a moment leaves what was inflated to stay as it is", () => {
  const one = inflater();
  const sender = deflater();
  const wires = ["first", "second", "third", "x".repeat(100_000)].map((text) =>
    sender.deflate(toBytes(text), 0, text.length, true).slice()
  );
  const read = (i: number, transient: boolean) =>
    one.inflate(wires[i], 0, wires[i].length, true, 1 << 20, transient) as Uint8Array;
  const kept = read(0, false);
  const passing = read(1, true);
  assertEquals(passing, toBytes("second"));
  const alsoKept = read(2, false);
  assertEquals(read(3, true), toBytes("x".repeat(100_000)));
  assertEquals([kept, alsoKept], [toBytes("first"), toBytes("third")]);
  one.close();
  sender.close();
});
