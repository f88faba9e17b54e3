import { assert, assertEquals } from "@std/assert";
import {
  continuationCount,
  isCutOff,
  LOOSE_DECODER,
  scanUtf8,
  skipAscii,
} from "../../buffer/_utf8_scan.ts";

Deno.test("scan stops at the lead byte of what is bad or cut off, and looks at no byte outside", () => {
  const bytes = Uint8Array.of(0xff, 0x61, 0xe2, 0x82, 0xac, 0xe2, 0x82, 0xff);
  assertEquals(scanUtf8(bytes, 1, 5), 5);
  assertEquals(scanUtf8(bytes, 1, 7), 5);
  assertEquals(scanUtf8(bytes, 1, 4), 2);
  assertEquals(scanUtf8(bytes, 3, 5), 3);
  assertEquals(scanUtf8(bytes, 5, 5), 5);
});

Deno.test("scan by pieces finds a bad byte behind megabytes of good ones", () => {
  const bytes = new TextEncoder().encode("é".repeat(600_000));
  assertEquals(scanUtf8(bytes, 0, bytes.length), bytes.length);
  bytes[1_000_000] = 0x41; // where a lead byte was
  assertEquals(scanUtf8(bytes, 0, bytes.length), 1_000_001);
});

Deno.test("skipAscii never passes a byte that is not ASCII, and comes near the first", () => {
  const bytes = new Uint8Array(500).fill(0x61);
  for (let start = 0; start < 9; start++) {
    for (let high = start; high < 400; high += 7) {
      bytes[high] = 0x80;
      const at = skipAscii(bytes, start, 500);
      assert(at >= start && at <= high, `from ${start}, high byte at ${high}: ${at}`);
      assert(high - at < 36, `from ${start}, high byte at ${high}: only ${at}`);
      bytes[high] = 0x61;
    }
    assertEquals(skipAscii(bytes, start, start + 20), start);
    assert(skipAscii(bytes, start, 500) > 460);
  }
});

Deno.test("continuationCount tells the length of a sequence by its lead byte", () => {
  const counts = Array.from({ length: 256 }, (_, lead) => continuationCount(lead));
  assertEquals(counts.lastIndexOf(0), 0x7f);
  assertEquals([counts.indexOf(1), counts.lastIndexOf(1)], [0xc2, 0xdf]);
  assertEquals([counts.indexOf(2), counts.lastIndexOf(2)], [0xe0, 0xef]);
  assertEquals([counts.indexOf(3), counts.lastIndexOf(3)], [0xf0, 0xf4]);
  assertEquals(counts.filter((count) => count === -1).length, 0xc2 - 0x80 + 0x100 - 0xf5);
});

Deno.test("a sequence is cut off if it has a good start and lacks its end", () => {
  const cut = ["c3", "e2", "e282", "e0a0", "ed9f", "f0", "f09f", "f09f98", "f48f"];
  const not = [
    "41",
    "c3a9",
    "e282ac",
    "e09f",
    "eda0",
    "e241",
    "e28241",
    "f08f",
    "f490",
    "f09f41",
    "80",
    "c0",
    "f5",
  ];
  const bytes = (hex: string) => Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16));
  for (const hex of cut) assertEquals(isCutOff(bytes(hex), 0, hex.length / 2), true, hex);
  for (const hex of not) assertEquals(isCutOff(bytes(hex), 0, hex.length / 2), false, hex);
});

Deno.test("the loose decoder keeps a byte order mark and replaces bad bytes", () => {
  assertEquals(LOOSE_DECODER.decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0xff)), "\ufeff\ufffd");
});
