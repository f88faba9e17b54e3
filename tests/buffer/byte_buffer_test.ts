import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ByteBuffer } from "../../buffer/byte_buffer.ts";
import { ByteReader } from "../../buffer/byte_reader.ts";
import { decodeText } from "../../buffer/encodings.ts";
import { BufferUnderflowError } from "../../buffer/errors.ts";
import { BYTE_ORDERS, type Encoding, ENCODINGS } from "../../buffer/types.ts";

Deno.test("byte buffer has utf8, network order and 16 MiB by default", () => {
  const b = new ByteBuffer();
  assertEquals([b.encoding, b.byteOrder, b.maxSize], ["utf8", "network", 16 * 1024 * 1024]);
  assertEquals([b.length, b.available, b.position, b.writePosition], [0, 0, 0, 0]);
  assert(b instanceof ByteReader);
});

Deno.test("byte buffer gives the bytes of Unified Remote's manual", () => {
  const list = (write: (b: ByteBuffer) => ByteBuffer, encoding: Encoding = "utf8") =>
    write(new ByteBuffer(encoding)).toDecimalList();
  assertEquals(list((b) => b.writeBytes(12, 34, 56)), "[12,34,56]");
  assertEquals(new ByteBuffer().writeBytes(161, 178, 195).toHexList(), "[A1,B2,C3]");
  assertEquals(list((b) => b.write("abc")), "[97,98,99]");
  assertEquals(list((b) => b.writeBuffer(new ByteBuffer().write("abc"))), "[97,98,99]");
  assertEquals(list((b) => b.writeString("abc"), "utf16"), "[6,97,0,98,0,99,0]");
  assertEquals(list((b) => b.writeByte(123)), "[123]");
  assertEquals(list((b) => b.writeBytes(12, 34).writeBytes([56, 78])), "[12,34,56,78]");
  const two = Uint8Array.of(12, 34);
  assertEquals(list((b) => b.writeBytes(two).writeBytes(two, 56)), "[12,34,12,34,56]");
  assertEquals(list((b) => b.writeInt8(123)), "[123]");
  assertEquals(list((b) => b.writeInt16(123)), "[0,123]");
  assertEquals(list((b) => b.writeInt32(123)), "[0,0,0,123]");
  assertEquals(list((b) => b.writeInt64(123)), "[0,0,0,0,0,0,0,123]");
  // The manual prints the bytes of 250 here.
  assertEquals(list((b) => b.writeFloat(123.456)), "[66,246,233,121]");
  assertEquals(list((b) => b.writeDouble(123.456)), "[64,94,221,47,26,159,190,119]");
});

Deno.test("byte buffer reads the way Unified Remote's manual shows", () => {
  const b = new ByteBuffer().write("abc");
  assertEquals(b.readText(1), "a");
  assertEquals(b.readBuffer().toDecimalList(), "[98,99]");
  const at = new ByteBuffer().writeString("abc");
  assertEquals([at.at(0), at.at(2)], [3, 98]);
  assertEquals(at.readBytes(), [3, 97, 98, 99]);
  const line = new ByteBuffer().writeLine("foobar");
  assertEquals(line.tryReadLine(), "foobar");
  assertEquals(line.tryReadLine(), undefined);
  // A number that only fits without a sign is written bit for bit.
  assertEquals(new ByteBuffer().writeInt8(250).readUint8(), 250);
  assertEquals(new ByteBuffer().writeInt8(250).readInt8(), -6);
  assertEquals(new ByteBuffer().writeInt16(250).readInt16(), 250);
  assertEquals(new ByteBuffer().writeInt64(250).readInt64(), 250n);
});

/** A value, how it is written, how it is read, and what is then expected. */
interface Step {
  label: string;
  write(b: ByteBuffer): void;
  read(b: ByteBuffer): unknown;
  tryRead(b: ByteBuffer): unknown;
  expected: unknown;
}

function step<T>(
  label: string,
  values: fc.Arbitrary<T>,
  write: (b: ByteBuffer, value: T) => ByteBuffer,
  read: (b: ByteBuffer) => unknown,
  tryRead: (b: ByteBuffer) => unknown,
  expected: (value: T) => unknown = (value) => value,
): fc.Arbitrary<Step> {
  return values.map((value) => ({
    label,
    write: (b) => assertStrictEquals(write(b, value), b, `${label} can be chained`),
    read,
    tryRead,
    expected: expected(value),
    toString: () => `${label} ${value}`,
  }));
}

/** An integer of so many bits; borders come often. */
function integer(bits: number, signed: boolean): fc.Arbitrary<number> {
  const min = signed ? -(2 ** (bits - 1)) : 0;
  const max = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  return fc.oneof(
    fc.constantFrom(min, max, 0, 1),
    fc.double({ min, max, noNaN: true }).map((value) => Math.floor(value) + 0),
  );
}

function bigint(signed: boolean): fc.Arbitrary<bigint> {
  return fc.bigInt(
    signed ? { min: -(1n << 63n), max: (1n << 63n) - 1n } : { min: 0n, max: (1n << 64n) - 1n },
  );
}

/** Texts that the encoding can express and give back. */
function texts(encoding: Encoding): fc.Arbitrary<string> {
  if (encoding === "hex" || encoding === "base64") {
    return fc.uint8Array({ maxLength: 200 }).map((bytes) => decodeText(bytes, encoding));
  }
  if (encoding.startsWith("utf")) return fc.string({ unit: "binary", maxLength: 150 });
  const bytes = Uint8Array.from({ length: encoding === "ascii" ? 128 : 256 }, (_, i) => i);
  return fc.string({ unit: fc.constantFrom(...decodeText(bytes, encoding)), maxLength: 150 });
}

function steps(encoding: Encoding): fc.Arbitrary<Step>[] {
  const lines = encoding === "hex" || encoding === "base64" ? [] : [
    step(
      "line",
      texts(encoding).map((text) => text.replaceAll("\n", "").replace(/\r+$/, "")),
      (b, v) => b.writeLine(v, v.length % 2 === 0 ? "\n" : "\r\n"),
      (b) => b.readLine(),
      (b) => b.tryReadLine(),
    ),
    step(
      "C string",
      texts(encoding).map((text) => text.replaceAll("\0", "")),
      (b, v) => b.writeCString(v),
      (b) => b.readCString(),
      (b) => b.tryReadCString(),
    ),
  ];
  return [
    ...lines,
    step(
      "i8",
      integer(8, true),
      (b, v) => b.writeInt8(v),
      (b) => b.readInt8(),
      (b) => b.tryReadInt8(),
    ),
    step(
      "i16",
      integer(16, true),
      (b, v) => b.writeInt16(v),
      (b) => b.readInt16(),
      (b) => b.tryReadInt16(),
    ),
    step(
      "i24",
      integer(24, true),
      (b, v) => b.writeInt24(v),
      (b) => b.readInt24(),
      (b) => b.tryReadInt24(),
    ),
    step(
      "i32",
      integer(32, true),
      (b, v) => b.writeInt32(v),
      (b) => b.readInt32(),
      (b) => b.tryReadInt32(),
    ),
    step(
      "i40",
      integer(40, true),
      (b, v) => b.writeInt40(v),
      (b) => b.readInt40(),
      (b) => b.tryReadInt40(),
    ),
    step(
      "i48",
      integer(48, true),
      (b, v) => b.writeInt48(v),
      (b) => b.readInt48(),
      (b) => b.tryReadInt48(),
    ),
    step(
      "i64",
      bigint(true),
      (b, v) => b.writeInt64(v),
      (b) => b.readInt64(),
      (b) => b.tryReadInt64(),
    ),
    step(
      "u8",
      integer(8, false),
      (b, v) => b.writeUint8(v),
      (b) => b.readUint8(),
      (b) => b.tryReadUint8(),
    ),
    step(
      "u16",
      integer(16, false),
      (b, v) => b.writeUint16(v),
      (b) => b.readUint16(),
      (b) => b.tryReadUint16(),
    ),
    step(
      "u24",
      integer(24, false),
      (b, v) => b.writeUint24(v),
      (b) => b.readUint24(),
      (b) => b.tryReadUint24(),
    ),
    step(
      "u32",
      integer(32, false),
      (b, v) => b.writeUint32(v),
      (b) => b.readUint32(),
      (b) => b.tryReadUint32(),
    ),
    step(
      "u40",
      integer(40, false),
      (b, v) => b.writeUint40(v),
      (b) => b.readUint40(),
      (b) => b.tryReadUint40(),
    ),
    step(
      "u48",
      integer(48, false),
      (b, v) => b.writeUint48(v),
      (b) => b.readUint48(),
      (b) => b.tryReadUint48(),
    ),
    step(
      "u64",
      bigint(false),
      (b, v) => b.writeUint64(v),
      (b) => b.readUint64(),
      (b) => b.tryReadUint64(),
    ),
    step(
      "u64 of a number",
      fc.maxSafeNat(),
      (b, v) => b.writeUint64(v),
      (b) => b.readUint64(),
      (b) => b.tryReadUint64(),
      BigInt,
    ),
    step(
      "f16",
      fc.integer({ min: -2048, max: 2048 }).map((n) => n / 16),
      (b, v) => b.writeFloat16(v),
      (b) => b.readFloat16(),
      (b) => b.tryReadFloat16(),
    ),
    step(
      "f32",
      fc.float(),
      (b, v) => b.writeFloat32(v),
      (b) => b.readFloat32(),
      (b) => b.tryReadFloat32(),
    ),
    step(
      "f64",
      fc.double(),
      (b, v) => b.writeFloat64(v),
      (b) => b.readFloat64(),
      (b) => b.tryReadFloat64(),
    ),
    step(
      "varint",
      fc.maxSafeNat(),
      (b, v) => b.writeVarint(v),
      (b) => b.readVarint(),
      (b) => b.tryReadVarint(),
    ),
    step(
      "varint64",
      bigint(false),
      (b, v) => b.writeVarint(v),
      (b) => b.readVarint64(),
      (b) => b.tryReadVarint64(),
    ),
    step(
      "zigzag",
      fc.maxSafeInteger(),
      (b, v) => b.writeZigzag(v),
      (b) => b.readZigzag(),
      (b) => b.tryReadZigzag(),
    ),
    step(
      "zigzag64",
      bigint(true),
      (b, v) => b.writeZigzag(v),
      (b) => b.readZigzag64(),
      (b) => b.tryReadZigzag64(),
    ),
    step(
      "string",
      texts(encoding),
      (b, v) => b.writeString(v),
      (b) => b.readString(),
      (b) => b.tryReadString(),
    ),
    step(
      "three bytes",
      fc.uint8Array({ minLength: 3, maxLength: 3 }),
      (b, v) => b.write(v),
      (b) => b.read(3),
      (b) => b.tryRead(3),
    ),
    step(
      "three numbers",
      fc.uint8Array({ minLength: 3, maxLength: 3 }),
      (b, v) => b.writeBytes(...v),
      (b) => b.readBytes(3),
      (b) => b.tryReadBytes(3),
      (v) => [...v],
    ),
    step(
      "buffer",
      fc.uint8Array({ minLength: 3, maxLength: 3 }),
      (b, v) => b.writeBuffer(ByteBuffer.from(v)),
      (b) => b.readBuffer(3).toBytes(),
      (b) => b.tryReadBuffer(3)?.toBytes(),
    ),
    step(
      "bits",
      fc.nat({ max: 2 ** 13 - 1 }),
      (b, v) => b.writeBits(v, 13),
      (b) => b.readBits(13),
      (b) => b.tryReadBits(13),
    ),
  ];
}

for (const encoding of ENCODINGS) {
  Deno.test(`byte buffer reads what it wrote, whatever it was (${encoding})`, () => {
    const any = fc.array(fc.oneof(...steps(encoding)), { maxLength: 25 });
    fc.assert(
      fc.property(fc.constantFrom(...BYTE_ORDERS), any, fc.boolean(), (order, steps, late) => {
        const b = new ByteBuffer(encoding, order);
        if (late) {
          // All is written, then all is read.
          for (const { write } of steps) write(b);
          for (const { read, expected, label } of steps) assertEquals(read(b), expected, label);
        } else {
          for (const { write, tryRead, expected, label } of steps) {
            write(b);
            assertEquals(tryRead(b), expected, label);
            assertEquals(b.missing, 0);
            b.alignBits();
            if (b.length > 500) b.compact();
          }
        }
        assertEquals(b.available, 0);
      }),
    );
  });

  Deno.test(`byte buffer that gets a value byte by byte tells truly what is missing (${encoding})`, () => {
    fc.assert(fc.property(fc.oneof(...steps(encoding)), ({ write, tryRead, expected, label }) => {
      const whole = new ByteBuffer(encoding, "little");
      write(whole);
      const bytes = whole.toBytes();
      const b = new ByteBuffer(encoding, "little").writeByte(1);
      b.readByte();
      for (let given = 0; given < bytes.length; given++) {
        assertEquals(tryRead(b), undefined, label);
        assertEquals(b.position, 1);
        assert(b.missing >= 1 && given + b.missing <= bytes.length, `${label}: ${b.missing}`);
        b.write(bytes.subarray(given, given + 1));
      }
      assertEquals(tryRead(b), expected, label);
      assertEquals(b.available, 0);
    }));
  });
}

Deno.test("byte buffer refuses integers out of range, and writes nothing", () => {
  const b = new ByteBuffer();
  for (const bits of [8, 16, 24, 32, 40, 48] as const) {
    for (const value of [-1, 2 ** bits, 0.5, NaN]) {
      assertThrows(() => b[`writeUint${bits}`](value), RangeError, `Cannot write ${value}`);
    }
    for (const value of [-(2 ** (bits - 1)) - 1, 2 ** bits, 0.5, Infinity]) {
      assertThrows(() => b[`writeInt${bits}`](value), RangeError, `Cannot write ${value}`);
    }
  }
  assertThrows(() => b.writeUint64(-1n), RangeError);
  assertThrows(() => b.writeInt64(1n << 64n), RangeError);
  assertThrows(() => b.writeInt64(2 ** 53), RangeError);
  assertThrows(() => b.writeVarint(-1), RangeError);
  assertThrows(() => b.writeZigzag(1n << 63n), RangeError);
  assertThrows(() => b.writeBytes(1, 256), RangeError);
  assertThrows(() => b.writeBytes([1, -1]), RangeError);
  assertThrows(() => b.writeBits(8, 3), RangeError);
  assertEquals(b.length, 0);
});

Deno.test("byte buffer refuses to grow beyond its maximum size, and writes nothing", () => {
  const b = new ByteBuffer("utf8", "big", { maxSize: 6 }).writeUint32(1);
  const writes: (() => unknown)[] = [
    () => b.writeUint24(1),
    () => b.writeInt64(1),
    () => b.writeFloat32(1),
    () => b.writeVarint(2 ** 21),
    () => b.writeString("ab"),
    () => b.writeText("abc"),
    () => b.writeLine("ab"),
    () => b.writeCString("ab"),
    () => b.writeBits(0, 17),
    () => b.write(new Uint8Array(3)),
    () => b.writeBytes(1, 2, 3),
    () => b.writeBuffer(b),
  ];
  for (const write of writes) {
    const error = assertThrows(write, RangeError, "the buffer has 4 and 6 is the limit");
    assert(!(error instanceof BufferUnderflowError));
    assertEquals(b.toHex(), "00000001");
  }
  b.writeUint16(2);
  b.readUint32();
  assertThrows(() => b.writeByte(1), RangeError);
  b.compact().writeUint32(3);
  assertEquals(b.toHex(), "000200000003");
  assertThrows(() => new ByteBuffer("utf8", "big", { maxSize: 0 }), RangeError, "maxSize is 0");
  assertThrows(() => ByteBuffer.from(new Uint8Array(7), "utf8", "big", { maxSize: 6 }), RangeError);
});

Deno.test("byte buffer with a maximum size refuses a string that could never fit", () => {
  const b = new ByteBuffer("utf8", "big", { maxSize: 100 }).writeVarint(101);
  assertThrows(() => b.tryReadString(), RangeError, "a string of 101 bytes: the limit is 100");
  assertEquals(b.position, 0);
});

Deno.test("byte buffer grows to large contents", () => {
  const b = new ByteBuffer();
  for (let i = 0; i < 300_000; i++) b.writeUint32(i);
  assertEquals(b.length, 1_200_000);
  for (let i = 0; i < 300_000; i++) if (b.readUint32() !== i) throw new Error(`number ${i}`);
});

Deno.test("byte buffer from bytes does not copy them, nor ever change them", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const b = ByteBuffer.from(bytes, "latin1", "little");
  assertStrictEquals(b.slice().buffer, bytes.buffer);
  assertEquals(b.readUint16(), 0x0201);
  b.compact().writePosition = 0;
  b.writeUint8(9);
  assertEquals(b.toHex(), "0904");
  b.clear().writeUint32(0);
  assertEquals(bytes, Uint8Array.of(1, 2, 3, 4));
});

Deno.test("byte buffer write takes bytes in any form, and texts in its encoding", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const b = new ByteBuffer("utf16").write(bytes.subarray(1, 2)).write(bytes.buffer)
    .write(new DataView(bytes.buffer, 2, 1)).write("a");
  assertEquals(b.toHex(), "0201020304036100");
});

Deno.test("byte buffer can be written to itself, also while it grows", () => {
  const b = new ByteBuffer().write("0123456789");
  for (let i = 0; i < 6; i++) b.writeBuffer(b);
  assertEquals(b.length, 640);
  assertEquals(b.toString(), "0123456789".repeat(64));
});

Deno.test("byte buffer writeBuffer takes the unread rest, and leaves it unread", () => {
  const other = new ByteReader(Uint8Array.of(1, 2, 3)).skip(1);
  assertEquals(new ByteBuffer().writeBuffer(other).toHex(), "0203");
  assertEquals(other.position, 1);
});

Deno.test("byte buffer readBuffer makes one of its own with the same settings", () => {
  const options = { maxSize: 50, fatal: true };
  const b = new ByteBuffer("latin9", "little", options).writeUint16(1).write("€x");
  const taken = b.readBuffer(3);
  assertEquals([taken.encoding, taken.byteOrder, taken.maxSize], ["latin9", "little", 50]);
  assertThrows(() => taken.writeText("日"), TypeError);
  assertEquals([taken.readUint16(), taken.readText()], [1, "€"]);
  assertEquals(b.readText(), "x");
  assertEquals(b.tryReadBuffer(1), undefined);
  assertEquals(b.missing, 1);
  assertThrows(() => b.readBuffer(1), BufferUnderflowError);
  b.clear().write("ab");
  b.readBuffer(1).writePosition = 0;
  assertEquals(b.toString(), "ab");
});

Deno.test("byte buffer write position writes over what is there, and behind it", () => {
  const b = new ByteBuffer().write("abcdef");
  b.writePosition = 4;
  b.write("XYZ");
  assertEquals([b.toString(), b.length, b.writePosition], ["abcdXYZ", 7, 7]);
  b.writePosition = 0;
  b.write("_");
  assertEquals([b.toString(), b.length, b.writePosition], ["_bcdXYZ", 7, 1]);
  for (const bad of [-1, 8, 0.5]) {
    assertThrows(() => b.writePosition = bad, RangeError, `Cannot write at ${bad}`);
  }
});

Deno.test("byte buffer compact drops what is read and the mark, clear drops all", () => {
  const b = new ByteBuffer().write("abcdef");
  b.mark().skip(4).compact();
  assertEquals([b.toString(), b.position, b.writePosition], ["ef", 0, 2]);
  assertThrows(() => b.reset(), RangeError, "nothing is marked");
  b.write("g");
  assertEquals(b.readText(), "efg");
  b.compact();
  assertEquals(b.length, 0);
  b.write("xyz").skip(1).clear();
  assertEquals([b.length, b.position, b.writePosition], [0, 0, 0]);
});

Deno.test("byte buffer compact keeps the bits that are not read yet", () => {
  const b = new ByteBuffer().writeBytes(1, 0xab, 0xcd).skip(1);
  assertEquals(b.readBits(4), 0xa);
  assertEquals([b.compact().position, b.length, b.available], [1, 2, 1]);
  assertEquals([b.compact().readBits(8), b.compact().readBits(4)], [0xbc, 0xd]);
  assertEquals([b.compact().position, b.length], [0, 0]);
  // What is missing of a byte can still be written.
  b.writeBits(0b101, 3);
  assertEquals(b.readBits(3), 0b101);
  assertEquals(b.compact().writeBits(0b10011, 5).readBits(5), 0b10011);
  assertEquals([b.clear().length, b.writeBytes(7).compact().readBits(8)], [0, 7]);
  b.writeBytes(1, 2).readBits(3);
  assertEquals([b.clear().position, b.writeBytes(9).readBits(8)], [0, 9]);
});

Deno.test("byte buffer bits: any other write goes on at the next byte, and so does align", () => {
  const b = new ByteBuffer().writeBits(1, 1).writeByte(2).writeBits(1, 2).alignBits().writeBits(
    3,
    2,
  );
  assertEquals(b.toHex(" "), "80 02 40 c0");
  b.readBits(1);
  assertEquals(b.alignBits().readByte(), 2);
  b.clear().writeBits(1, 1).clear().writeBits(1, 2);
  assertEquals(b.toHex(), "40");
  b.readBits(1);
  b.writeBits(0b111111, 6);
  assertEquals(b.toHex(), "7f");
  assertEquals(b.readBits(7), 127);
});

Deno.test("byte buffer bits after a setting back of the write position start at its byte", () => {
  const b = new ByteBuffer().writeBits(1, 4);
  b.writePosition = 0;
  b.writeBits(1, 1);
  assertEquals(b.toHex(), "80");
});

Deno.test("byte buffer that is fatal refuses a text that its encoding lacks", () => {
  for (const write of ["writeString", "writeText", "writeLine", "writeCString", "write"] as const) {
    const b = new ByteBuffer("latin1", "big", { fatal: true });
    assertThrows(() => b[write]("日"), TypeError, "Cannot encode U+65E5 as latin1");
    assertEquals(b.length, 0);
    assertEquals(new ByteBuffer("latin1")[write]("日").toString().includes("?"), true);
  }
});

Deno.test("byte buffer gives the same lines however the bytes came", () => {
  const chunks = fc.array(fc.string({ unit: fc.constantFrom("a", "é", "\r", "\n"), maxLength: 8 }));
  fc.assert(fc.property(chunks, fc.boolean(), (chunks, compact) => {
    const b = new ByteBuffer();
    const lines: string[] = [];
    for (const chunk of chunks) {
      b.write(chunk);
      for (let line; (line = b.tryReadLine()) !== undefined;) lines.push(line);
      if (compact) b.compact();
    }
    const expected = chunks.join("").split("\n").slice(0, -1).map((line) =>
      line.replace(/\r$/, "")
    );
    assertEquals(lines, expected);
  }));
});

Deno.test("byte buffer refuses to write what is no bytes, text or number, and is as it was", () => {
  const b = new ByteBuffer();
  for (const value of [null, undefined, {}, [1, 2], true]) {
    assertThrows(() => b.write(value as never), TypeError, "as bytes");
    assertThrows(() => ByteBuffer.from(value as never), TypeError, "as bytes");
    assertThrows(() => b.writeText(value as never), TypeError, "as text");
    assertThrows(() => b.writeString(value as never), TypeError, "as text");
    assertThrows(() => b.writeFloat16(value as never), TypeError, "as a number");
    assertThrows(() => b.writeFloat32(value as never), TypeError, "as a number");
    assertThrows(() => b.writeFloat64(value as never), TypeError, "as a number");
  }
  // So many zero bytes, if it came to the constructor of the array.
  assertThrows(() => b.write(123 as never), TypeError, "as bytes");
  assertEquals(b.length, 0);
});
