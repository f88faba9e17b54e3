import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { MessageAssembly } from "../../websocket/_message_assembly.ts";

Deno.test("assembly of neighbours in one slab is a view of it", () => {
  const slab = Uint8Array.from({ length: 100 }, (_, i) => i);
  const assembly = new MessageAssembly(2, false, false);
  assembly.append(slab.subarray(10, 40), 0, 10, 20);
  assembly.append(slab.subarray(20, 60), 0, 20, 0);
  const bytes = assembly.bytes();
  assertEquals(bytes, slab.slice(10, 40));
  assert(bytes.buffer === slab.buffer);
});

Deno.test("assembly of parts from anywhere is their concatenation", () => {
  const part = fc.record({ bytes: fc.uint8Array({ maxLength: 50 }), toCome: fc.nat(100) });
  fc.assert(fc.property(fc.array(part), fc.boolean(), (parts, oneSlab) => {
    const whole = parts.flatMap(({ bytes }) => [...bytes]);
    const slab = Uint8Array.from(whole);
    const assembly = new MessageAssembly(2, false, false);
    let at = 0;
    for (const { bytes, toCome } of parts) {
      if (oneSlab && at % 3 !== 0) assembly.append(slab, at, at + bytes.length, toCome);
      else assembly.append(bytes, 0, bytes.length, toCome);
      at += bytes.length;
    }
    assertEquals(assembly.bytes(), Uint8Array.from(whole));
    assertEquals(assembly.size, whole.length);
  }));
});

Deno.test("assembly takes at most four times what is there on the word of a header", () => {
  const assembly = new MessageAssembly(2, false, false);
  const part = new Uint8Array(100_000);
  assembly.append(part.slice(), 0, 50_000, 1e9);
  assembly.append(part.slice(), 0, 50_000, 1e9);
  assert(assembly.bytes().buffer.byteLength <= 400_016);
  assert(assembly.headroom);
});

Deno.test("assembly that doubles its memory takes no more than a message may have", () => {
  const assembly = new MessageAssembly(2, true, false, 1000);
  const footprints: number[] = [];
  for (const size of [300, 100, 300, 200, 100]) {
    assembly.append(new Uint8Array(size), 0, size, 0);
    footprints.push(assembly.footprint);
  }
  assertEquals(footprints, [300, 400, 800, 1000, 1000]);
  assertEquals(assembly.bytes().length, 1000);
});

Deno.test("assembly has room for what follows, and does not copy what was put there", () => {
  const slab = Uint8Array.from({ length: 100_000 }, (_, i) => i);
  const assembly = new MessageAssembly(2, false, false);
  assembly.append(slab, 0, 40_000, 60_000);
  let at = 40_000;
  let rooms = 0;
  while (at < slab.length) {
    const room = assembly.room(slab.length - at);
    rooms++;
    // A read fills a part of it only.
    const n = Math.min(room.length, 7_000);
    room.set(slab.subarray(at, at + n));
    assert(assembly.room(slab.length - at).byteOffset === room.byteOffset);
    assembly.append(room, 0, n, slab.length - at - n);
    at += n;
  }
  assertEquals(rooms, 9);
  assertEquals(assembly.bytes(), slab);
  assert(assembly.headroom);
});
