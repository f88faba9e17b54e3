import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ByteReader } from "../../buffer/byte_reader.ts";
import { BufferUnderflowError } from "../../buffer/errors.ts";
import { ENCODINGS } from "../../buffer/types.ts";
import { encodeHex } from "../../buffer/_binary_text.ts";

function reader(...bytes: number[]): ByteReader {
  return new ByteReader(Uint8Array.from(bytes));
}

/** One of each kind of read with a fixed size: its bytes, the plain reader, the trying one and, if there is one, the peeking one. */
type Kind = [
  size: number,
  read: (r: ByteReader) => unknown,
  tryRead: (r: ByteReader) => unknown,
  peek?: (r: ByteReader) => unknown,
];
const FIXED: Record<string, Kind> = {
  int8: [1, (r) => r.readInt8(), (r) => r.tryReadInt8(), (r) => r.peekInt8()],
  int16: [2, (r) => r.readInt16(), (r) => r.tryReadInt16(), (r) => r.peekInt16()],
  int24: [3, (r) => r.readInt24(), (r) => r.tryReadInt24(), (r) => r.peekInt24()],
  int32: [4, (r) => r.readInt32(), (r) => r.tryReadInt32(), (r) => r.peekInt32()],
  int40: [5, (r) => r.readInt40(), (r) => r.tryReadInt40(), (r) => r.peekInt40()],
  int48: [6, (r) => r.readInt48(), (r) => r.tryReadInt48(), (r) => r.peekInt48()],
  int64: [8, (r) => r.readInt64(), (r) => r.tryReadInt64(), (r) => r.peekInt64()],
  uint8: [1, (r) => r.readUint8(), (r) => r.tryReadUint8(), (r) => r.peekUint8()],
  uint16: [2, (r) => r.readUint16(), (r) => r.tryReadUint16(), (r) => r.peekUint16()],
  uint24: [3, (r) => r.readUint24(), (r) => r.tryReadUint24(), (r) => r.peekUint24()],
  uint32: [4, (r) => r.readUint32(), (r) => r.tryReadUint32(), (r) => r.peekUint32()],
  uint40: [5, (r) => r.readUint40(), (r) => r.tryReadUint40(), (r) => r.peekUint40()],
  uint48: [6, (r) => r.readUint48(), (r) => r.tryReadUint48(), (r) => r.peekUint48()],
  uint64: [8, (r) => r.readUint64(), (r) => r.tryReadUint64(), (r) => r.peekUint64()],
  float16: [2, (r) => r.readFloat16(), (r) => r.tryReadFloat16(), (r) => r.peekFloat16()],
  float32: [4, (r) => r.readFloat32(), (r) => r.tryReadFloat32(), (r) => r.peekFloat32()],
  float64: [8, (r) => r.readFloat64(), (r) => r.tryReadFloat64(), (r) => r.peekFloat64()],
  raw: [7, (r) => r.read(7), (r) => r.tryRead(7), (r) => r.peek(7)],
  bytes: [7, (r) => r.readBytes(7), (r) => r.tryReadBytes(7)],
  text: [7, (r) => r.readText(7), (r) => r.tryReadText(7)],
  bits: [4, (r) => r.readBits(27), (r) => r.tryReadBits(27)],
  byte: [1, (r) => r.readByte(), (r) => r.tryReadUint8()],
  float: [4, (r) => r.readFloat(), (r) => r.tryReadFloat32()],
  double: [8, (r) => r.readDouble(), (r) => r.tryReadFloat64()],
};

Deno.test("byte reader of each fixed size takes exactly its bytes, or throws and stays where it is", () => {
  const source = Uint8Array.from({ length: 12 }, (_, i) => 0x41 + i);
  for (const [name, [size, read, tryRead, peek]] of Object.entries(FIXED)) {
    for (const lead of [0, 3]) {
      const whole = new ByteReader(source.subarray(0, lead + size)).skip(lead);
      if (peek) {
        const peeked = peek(whole);
        assertEquals(whole.position, lead, name);
        assertEquals(peeked, read(whole), name);
      } else read(whole);
      assertEquals(whole.position, lead + size, name);
      whole.position = lead;
      assertEquals(tryRead(whole), (whole.position = lead, read(whole)), name);
      assertEquals(whole.missing, 0, name);

      for (let short = 0; short < size; short++) {
        const cut = new ByteReader(source.subarray(0, lead + short)).skip(lead);
        const error = assertThrows(() => read(cut), RangeError);
        assert(error instanceof BufferUnderflowError);
        assertEquals(error.missing, size - short, name);
        if (peek) assertThrows(() => peek(cut), BufferUnderflowError);
        assertEquals(tryRead(cut), undefined, name);
        assertEquals(cut.missing, size - short, name);
        assertEquals(cut.position, lead, name);
      }
    }
  }
});

Deno.test("byte reader reads integers in both orders", () => {
  const bytes = Uint8Array.of(0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8);
  const big: [string, number | bigint][] = [
    ["uint8", 0xf1],
    ["uint16", 0xf1f2],
    ["uint24", 0xf1f2f3],
    ["uint32", 0xf1f2f3f4],
    ["uint40", 0xf1f2f3f4f5],
    ["uint48", 0xf1f2f3f4f5f6],
    ["uint64", 0xf1f2f3f4f5f6f7f8n],
    ["int8", 0xf1 - 2 ** 8],
    ["int16", 0xf1f2 - 2 ** 16],
    ["int24", 0xf1f2f3 - 2 ** 24],
    ["int32", 0xf1f2f3f4 - 2 ** 32],
    ["int40", 0xf1f2f3f4f5 - 2 ** 40],
    ["int48", 0xf1f2f3f4f5f6 - 2 ** 48],
    ["int64", 0xf1f2f3f4f5f6f7f8n - (1n << 64n)],
  ];
  for (const [name, value] of big) {
    const [size, read] = FIXED[name];
    assertEquals(read(new ByteReader(bytes, "utf8", "big")), value, name);
    assertEquals(read(new ByteReader(bytes, "utf8", "network")), value, name);
    const reversed = bytes.slice(0, size).reverse();
    assertEquals(read(new ByteReader(reversed, "utf8", "little")), value, name);
  }
});

Deno.test("byte reader reads floats", () => {
  const r = new ByteReader(
    Uint8Array.of(66, 246, 233, 121, 64, 94, 221, 47, 26, 159, 190, 119, 0x3c, 0x01),
  );
  assertEquals(r.peekFloat32(), Math.fround(123.456));
  assertEquals(r.readFloat32(), Math.fround(123.456));
  assertEquals(r.readFloat64(), 123.456);
  assertEquals(r.readFloat16(), 1 + 2 ** -10);
});

Deno.test("byte reader copies what it gives by read and peek, not by slice", () => {
  const source = Uint8Array.of(1, 2, 3, 4);
  const r = new ByteReader(source);
  const peeked = r.peek(2);
  const taken = r.read();
  assertStrictEquals(r.slice().buffer, source.buffer);
  source.fill(9);
  assertEquals(peeked, Uint8Array.of(1, 2));
  assertEquals(taken, Uint8Array.of(1, 2, 3, 4));
  assertEquals(r.slice(1, -1), Uint8Array.of(9, 9));
  assertEquals(r.toBytes(), source);
  assert(r.toBytes().buffer !== source.buffer);
});

Deno.test("byte reader of a part of an array sees only that", () => {
  const r = new ByteReader(Uint8Array.of(1, 2, 3, 4, 5).subarray(1, 4));
  assertEquals(r.length, 3);
  assertEquals(r.slice(), Uint8Array.of(2, 3, 4));
  assertEquals(r.slice(-2, 99), Uint8Array.of(3, 4));
  assertEquals(r.readUint16(), 0x0203);
  assertEquals(r.available, 1);
});

Deno.test("byte reader at counts from either end and never moves", () => {
  const r = reader(10, 20, 30).skip(2);
  assertEquals([0, 2, -1, -3].map((i) => r.at(i)), [10, 30, 30, 10]);
  assertEquals([3, -4, 1e9].map((i) => r.at(i)), [undefined, undefined, undefined]);
  assertEquals(r.position, 2);
});

Deno.test("byte reader indexOf finds bytes, runs and texts from the position or a given index", () => {
  const r = new ByteReader(new TextEncoder().encode("abcabcé"));
  assertEquals(r.indexOf(0x63), 2);
  assertEquals(r.skip(3).indexOf(0x63), 5);
  assertEquals(r.indexOf(0x63, 0), 2);
  assertEquals(r.indexOf(Uint8Array.of(0x63, 0x61), 0), 2);
  assertEquals(r.indexOf("é"), 6);
  assertEquals(r.indexOf("cé", -5), 5);
  assertEquals(r.indexOf("x"), -1);
  assertEquals(r.indexOf(new Uint8Array(0)), 3);
});

Deno.test("byte reader goes back to its mark, more than once", () => {
  const r = reader(1, 2, 3, 0b10100000);
  assertThrows(() => r.reset(), RangeError, "nothing is marked");
  r.skip(1).mark().skip(2);
  assertEquals(r.reset().readUint8(), 2);
  assertEquals(r.reset().readUint8(), 2);
  r.skip(1).readBits(2);
  r.mark().readBits(3);
  assertEquals(r.reset().readBits(3), 0b100);
});

Deno.test("byte reader position can be set to any place in the data", () => {
  const r = reader(1, 2, 3);
  r.position = 3;
  assertEquals(r.available, 0);
  r.position = 1;
  assertEquals(r.readUint8(), 2);
  for (const bad of [-1, 4, 1.5]) {
    assertThrows(() => r.position = bad, RangeError, "the buffer has 3 bytes");
  }
  assertThrows(() => r.skip(-1), RangeError, "not a length");
  assertThrows(() => r.skip(2), BufferUnderflowError);
  assertEquals(r.position, 2);
});

Deno.test("byte reader tries a whole message, and goes back if any part of it is missing", () => {
  const message = (r: ByteReader) => ({ type: r.readUint8(), body: r.readText(r.readUint16()) });
  const bytes = Uint8Array.of(7, 0, 3, 0x61, 0x62, 0x63);
  for (let length = 0; length < bytes.length; length++) {
    const r = new ByteReader(bytes.subarray(0, length));
    assertEquals(r.tryRead(message), undefined);
    assertEquals(r.position, 0);
    assertEquals(r.missing, length < 1 ? 1 : length < 3 ? 3 - length : 6 - length);
  }
  const r = new ByteReader(bytes);
  assertEquals(r.tryRead(message), { type: 7, body: "abc" });
  assertEquals(r.missing, 0);
  assertEquals(r.available, 0);
});

Deno.test("byte reader passes on an error of the function that it tries, and goes back", () => {
  const r = reader(0b10100000, 2);
  r.readBits(2);
  const fail = () => {
    r.readUint8();
    throw new SyntaxError("mine");
  };
  assertThrows(() => r.tryRead(fail), SyntaxError, "mine");
  assertThrows(() => r.peek(fail), SyntaxError, "mine");
  assertEquals(r.readBits(2), 0b10);
});

Deno.test("byte reader peeks with a function, and goes back", () => {
  const r = reader(1, 2, 3);
  assertEquals(r.peek((r) => [r.readUint8(), r.readUint16()]), [1, 0x0203]);
  assertEquals(r.position, 0);
  assertThrows(() => r.peek((r) => r.readUint32()), BufferUnderflowError);
  assertEquals(r.position, 0);
  assertEquals(r.peek(), Uint8Array.of(1, 2, 3));
});

Deno.test("byte reader aligns to the next byte after bits, by itself or when told", () => {
  const r = reader(0b11000001, 2, 0b01000000, 3);
  assertEquals(r.readBits(2), 3);
  assertEquals(r.position, 1);
  assertEquals(r.readUint8(), 2);
  assertEquals(r.readBits(2), 1);
  assertEquals(r.alignBits().readBits(8), 3);
  assertEquals(r.alignBits().available, 0);
});

Deno.test("byte reader reads strings, lines and NUL-terminated texts, or undefined if they are cut off", () => {
  const r = new ByteReader(new TextEncoder().encode("\x02hia\r\nb\nc\0rest"));
  assertEquals(r.tryReadString(), "hi");
  assertEquals(r.readLine(), "a");
  assertEquals(r.tryReadLine(1), "b");
  assertEquals(r.tryReadCString(), "c");
  assertEquals(r.tryReadCString(), undefined);
  assertEquals(r.missing, 1);
  assertEquals(r.tryReadLine(), undefined);
  assertEquals(r.tryReadString(), undefined);
  assertEquals(r.missing, 0x72 - 3);
  for (const read of [() => r.readLine(), () => r.readCString(), () => r.readString()]) {
    assertThrows(read, BufferUnderflowError);
  }
  assertThrows(() => r.readString(5), RangeError, "the limit is 5");
  assertThrows(() => r.readLine(3), RangeError, "more than 3 bytes");
  assertThrows(() => r.tryReadCString(3), RangeError, "more than 3 bytes");
  assertEquals(r.readText(), "rest");
  assertEquals(r.readText(), "");
});

Deno.test("byte reader reads varints, or undefined if they are cut off", () => {
  const r = reader(0xac, 0x02, 3, 0xac, 0x02, 4, 0x80);
  assertEquals(r.tryReadVarint(), 300);
  assertEquals(r.tryReadZigzag(), -2);
  assertEquals(r.tryReadVarint64(), 300n);
  assertEquals(r.tryReadZigzag64(), 2n);
  for (
    const read of [
      () => r.tryReadVarint(),
      () => r.tryReadVarint64(),
      () => r.tryReadZigzag(),
      () => r.tryReadZigzag64(),
    ]
  ) {
    assertEquals(read(), undefined);
    assertEquals(r.missing, 1);
  }
  assertThrows(() => r.readVarint(), BufferUnderflowError);
  assertThrows(() => r.readVarint64(), BufferUnderflowError);
  assertThrows(() => r.readZigzag(), BufferUnderflowError);
  assertThrows(() => r.readZigzag64(), BufferUnderflowError);
  assertThrows(() => r.readVarint(1), RangeError, "longer than 1");
  assertEquals(r.position, 6);
});

Deno.test("byte reader shows all of its bytes, read or not", () => {
  const r = reader(0x61, 0xa1, 0xb2).skip(2);
  r.encoding = "latin1";
  assertEquals(r.toString(), "a¡²");
  assertEquals(String(r), "a¡²");
  assertEquals(r.toHex(), "61a1b2");
  assertEquals(r.toHex(":"), "61:a1:b2");
  assertEquals(r.toDecimalList(), "[97,161,178]");
  assertEquals(r.toHexList(), "[61,A1,B2]");
  assertEquals(r.hexdump({ width: 3 }), "00000000  61 a1 b2  |a..|\n");
  assertEquals(reader().toDecimalList(), "[]");
  assertEquals(reader().toHexList(), "[]");
});

Deno.test("byte reader changes encoding and byte order between reads", () => {
  const r = reader(0, 1, 1, 0, 0xa4, 0xa4);
  assertEquals([r.encoding, r.byteOrder], ["utf8", "network"]);
  assertEquals(r.readUint16(), 1);
  r.byteOrder = "le";
  assertEquals(r.byteOrder, "little");
  assertEquals(r.readUint16(), 1);
  r.encoding = "iso-8859-15";
  assertEquals(r.encoding, "latin9");
  assertEquals(r.readText(1), "€");
  r.encoding = "latin-1";
  assertEquals(r.readText(1), "¤");
  assertThrows(() => r.encoding = "utf7" as "utf8", TypeError, "Cannot use the encoding");
  assertThrows(() => r.byteOrder = "middle" as "le", TypeError, "Cannot use the byte order");
  assertThrows(() => new ByteReader(new Uint8Array(0), "x" as "hex"), TypeError);
});

Deno.test("byte reader that is fatal throws for bytes without a text, and stays where it is", () => {
  const r = new ByteReader(Uint8Array.of(0xff, 0x0a), "utf8", "big", { fatal: true });
  assertThrows(() => r.readText(1), TypeError);
  assertThrows(() => r.tryReadLine(), TypeError);
  assertThrows(() => r.toString(), TypeError);
  assertEquals(r.position, 0);
  assertEquals(new ByteReader(Uint8Array.of(0xff)).readText(), "\ufffd");
});

Deno.test("byte reader of random bytes throws nothing but RangeErrors, and then has not moved", () => {
  const reads: ((r: ByteReader) => unknown)[] = [
    ...Object.values(FIXED).flatMap(([, read, tryRead]) => [read, tryRead]),
    (r) => r.readVarint(),
    (r) => r.tryReadVarint(3),
    (r) => r.readVarint64(),
    (r) => r.readZigzag(),
    (r) => r.tryReadZigzag64(),
    (r) => r.readString(),
    (r) => r.tryReadString(20),
    (r) => r.readBits(3),
    (r) => r.tryReadBits(50),
    (r) => r.readText(),
    (r) => r.tryRead((r) => [r.readUint16(), r.readString(), r.readBits(7), r.readVarint()]),
    (r) => r.peek((r) => r.readZigzag64()),
  ];
  const lines: ((r: ByteReader) => unknown)[] = [
    (r) => r.readLine(),
    (r) => r.tryReadLine(6),
    (r) => r.readCString(),
    (r) => r.tryReadCString(6),
  ];
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.array(fc.constantFrom(0, 1, 3, 0x0a, 0x0d, 0x7f, 0x80, 0xff), { maxLength: 60 })
      .map((values) => Uint8Array.from(values)),
  );
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(999), { maxLength: 40 }), (bytes, picks) => {
      const copy = encodeHex(bytes);
      for (const encoding of ENCODINGS) {
        const r = new ByteReader(bytes, encoding, "little");
        const usable = encoding === "hex" || encoding === "base64" ? reads : [...reads, ...lines];
        for (const pick of picks) {
          const before = r.position;
          try {
            usable[pick % usable.length](r);
            assert(r.position >= before && r.position <= r.length);
          } catch (error) {
            assert(error instanceof RangeError, String(error));
            assertEquals(r.position, before);
          }
        }
      }
      assertEquals(encodeHex(bytes), copy);
    }),
    { numRuns: 300 },
  );
});
