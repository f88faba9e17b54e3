/** Fuzz targets of the buffer module. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { ByteBuffer } from "../../../buffer/byte_buffer.ts";
import { ByteQueue } from "../../../buffer/byte_queue.ts";
import { decodeText, encodeText } from "../../../buffer/encodings.ts";
import { BufferUnderflowError } from "../../../buffer/errors.ts";
import { BYTE_ORDERS, ENCODINGS } from "../../../buffer/types.ts";
import {
  decodeUtf8,
  encodeUtf8,
  isUtf8,
  Utf8Decoder,
  Utf8Validator,
} from "../../../buffer/utf8.ts";
import { decodeVarint64, encodeVarint, varintLength } from "../../../buffer/varint.ts";
import {
  attempt,
  damagedBytes,
  type FuzzTarget,
  fuzzTarget,
  payload,
  pieces,
  sameForEverySplit,
  tell,
} from "../../_support/fuzz.ts";

/** One value to write, how it is written, and how it is read again. */
interface Field {
  write(buffer: ByteBuffer): void;
  read(buffer: ByteBuffer): unknown;
  value: unknown;
}

function field<T>(
  values: fc.Arbitrary<T>,
  write: (buffer: ByteBuffer, value: T) => unknown,
  read: (buffer: ByteBuffer) => unknown,
  wanted: (value: T) => unknown = (value) => value,
): fc.Arbitrary<Field> {
  return values.map((value) => ({
    write: (buffer) => void write(buffer, value),
    read,
    value: wanted(value),
  }));
}

const int = (bits: number) => fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });
const uint = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });
const big = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const signedBig = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
const ascii = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)),
  maxLength: 20,
});

/** Fields whose texts are ASCII, so that they come back in any encoding of text. */
const fields: fc.Arbitrary<Field>[] = [
  field(int(8), (b, v) => b.writeInt8(v), (b) => b.readInt8()),
  field(uint(16), (b, v) => b.writeUint16(v), (b) => b.readUint16()),
  field(int(24), (b, v) => b.writeInt24(v), (b) => b.readInt24()),
  field(uint(32), (b, v) => b.writeUint32(v), (b) => b.readUint32()),
  field(int(40), (b, v) => b.writeInt40(v), (b) => b.readInt40()),
  field(uint(48), (b, v) => b.writeUint48(v), (b) => b.readUint48()),
  field(signedBig, (b, v) => b.writeInt64(v), (b) => b.readInt64()),
  field(big, (b, v) => b.writeUint64(v), (b) => b.readUint64()),
  field(fc.double({ noNaN: true }), (b, v) => b.writeFloat64(v), (b) => b.readFloat64()),
  field(fc.float({ noNaN: true }), (b, v) => b.writeFloat32(v), (b) => b.readFloat32()),
  field(big, (b, v) => b.writeVarint(v), (b) => b.readVarint64()),
  field(signedBig, (b, v) => b.writeZigzag(v), (b) => b.readZigzag64()),
  field(uint(13), (b, v) => b.alignBits().writeBits(v, 13), (b) => b.alignBits().readBits(13)),
  field(ascii, (b, v) => b.writeString(v), (b) => b.readString()),
  field(ascii, (b, v) => b.writeLine(v), (b) => b.readLine()),
  field(ascii, (b, v) => b.writeCString(v), (b) => b.readCString()),
  field(payload(), (b, v) => b.writeVarint(v.length).write(v), (b) => b.read(b.readVarint())),
];

const textual = fc.constantFrom(
  ...ENCODINGS.filter((encoding) => encoding !== "hex" && encoding !== "base64"),
);
const record = fc.tuple(
  fc.array(fc.oneof(...fields), { maxLength: 8 }),
  textual,
  fc.constantFrom(...BYTE_ORDERS),
);

/** Reads of every kind; what they throw is a RangeError, or with `fatal` a TypeError. */
const READS: readonly ((buffer: ByteBuffer, n: number) => unknown)[] = [
  (b) => b.readInt8(),
  (b) => b.readUint16(),
  (b) => b.readInt24(),
  (b) => b.readUint32(),
  (b) => b.readInt40(),
  (b) => b.readUint48(),
  (b) => b.readInt64(),
  (b) => b.readFloat16(),
  (b) => b.readFloat32(),
  (b) => b.readFloat64(),
  (b) => b.readVarint(),
  (b) => b.readVarint64(),
  (b) => b.readZigzag(),
  (b) => b.readZigzag64(),
  (b, n) => b.readVarint(n % 10 + 1),
  (b, n) => b.readBits(n % 54),
  (b) => b.readString(),
  (b, n) => b.readString(n),
  (b) => b.readLine(),
  (b, n) => b.readLine(n),
  (b) => b.readCString(),
  (b, n) => b.readCString(n),
  (b, n) => b.readText(n),
  (b, n) => b.read(n),
  (b, n) => b.readBytes(n),
  (b, n) => b.readBuffer(n).length,
  (b, n) => void b.skip(n),
];

const bufferRoundTrip = fuzzTarget(
  "buffer: ByteBuffer gives back what was written",
  fc.tuple(record, pieces),
  ([[values, encoding, order], sizes]) => {
    const buffer = new ByteBuffer(encoding, order);
    for (const { write } of values) write(buffer);
    const bytes = buffer.toBytes();
    for (const { read, value } of values) assertEquals(read(buffer), value);
    assertStrictEquals(buffer.available, 0);
    // The same from bytes that come in pieces: nothing is read before it is there.
    sameForEverySplit(bytes, sizes, (chunks) => {
      const growing = new ByteBuffer(encoding, order);
      const got: unknown[] = [];
      for (const chunk of chunks) {
        growing.write(chunk);
        while (got.length < values.length) {
          const value = growing.tryRead((reader) => ({ value: values[got.length].read(reader) }));
          if (value === undefined) {
            assert(growing.missing > 0);
            break;
          }
          got.push(value.value);
        }
        growing.compact();
      }
      return tell(got);
    });
  },
);

const bufferReads = fuzzTarget(
  "buffer: ByteBuffer reads damaged bytes",
  fc.record({
    bytes: damagedBytes(
      record.map(([values, encoding, order]) => {
        const buffer = new ByteBuffer(encoding, order);
        for (const { write } of values) write(buffer);
        return buffer.toBytes();
      }),
      [0, 0x0a, 0x0d, 0x80, 0xff],
    ),
    encoding: fc.constantFrom(...ENCODINGS),
    order: fc.constantFrom(...BYTE_ORDERS),
    fatal: fc.boolean(),
    reads: fc.array(
      fc.tuple(fc.constantFrom(...READS), fc.integer({ min: 0, max: 60 })),
      { maxLength: 20 },
    ),
  }),
  ({ bytes, encoding, order, fatal, reads }) => {
    const buffer = ByteBuffer.from(bytes, encoding, order, { fatal });
    for (const [read, n] of reads) {
      const before = buffer.position;
      const tried = attempt(() => buffer.peek((reader) => read(reader, n)), RangeError, TypeError);
      assertStrictEquals(buffer.position, before, "peeking moved the position");
      const done = attempt(() => read(buffer, n), RangeError, TypeError);
      assertStrictEquals(tell(tried), tell(done), "peeking gave something else than reading");
      if ("error" in done) {
        assertStrictEquals(buffer.position, before, "a failed read moved the position");
        const { error } = done;
        // A text of bytes that may be anything has no end: that is misuse, with `fatal` or without.
        if (error instanceof TypeError) {
          assert(fatal || encoding === "hex" || encoding === "base64");
        }
        if (error instanceof BufferUnderflowError) {
          assert(error.missing > 0);
          assertStrictEquals(buffer.tryRead((reader) => read(reader, n)), undefined);
        }
      }
      assert(buffer.position >= before && buffer.position <= bytes.length);
    }
  },
);

/** What is done to a queue: its name, and a number. */
const QUEUE_STEPS = [
  "push",
  "read",
  "peek",
  "skip",
  "at",
  "indexOf",
  "run",
  "into",
  "unread",
  "compact",
] as const;

const queue = fuzzTarget(
  "buffer: ByteQueue against an array",
  fc.record({
    steps: fc.array(
      fc.record({
        what: fc.constantFrom(...QUEUE_STEPS, "push", "push", "push"),
        bytes: fc.uint8Array({ maxLength: 90 }),
        n: fc.integer({ min: -2, max: 120 }),
      }),
      { maxLength: 40 },
    ),
    maxBytes: fc.integer({ min: 1, max: 400 }),
    maxChunks: fc.integer({ min: 1, max: 8 }),
    copyUpTo: fc.integer({ min: 0, max: 70 }),
  }),
  ({ steps, ...limits }) => {
    const queue = new ByteQueue(limits);
    let model: number[] = [];
    /** What was handed out, and what it held: it must never be written again. */
    const given: [Uint8Array, string][] = [];
    const give = (bytes: Uint8Array, wanted: number[]): void => {
      assertEquals([...bytes], wanted);
      given.push([bytes, bytes.toHex()]);
    };
    for (const { what, bytes, n } of steps) {
      if (what === "push") {
        const fits = model.length + bytes.length <= limits.maxBytes;
        if (queue.tryPush(bytes)) {
          assert(fits || bytes.length === 0);
          model.push(...bytes);
        } else assert(!fits || queue.chunks >= limits.maxChunks);
      } else if (what === "read" || what === "peek") {
        const done = attempt(() => what === "read" ? queue.read(n) : queue.peek(n), RangeError);
        if ("value" in done) {
          give(done.value, model.slice(0, n));
          if (what === "read") model = model.slice(n);
        } else assert(n < 0 || n > model.length);
      } else if (what === "skip") {
        if ("value" in attempt(() => queue.skip(n), RangeError)) model = model.slice(n);
        else assert(n < 0 || n > model.length);
      } else if (what === "at") assertStrictEquals(queue.at(n), model.at(n));
      else if (what === "indexOf") {
        const needle = bytes.subarray(0, 3);
        const text = String.fromCharCode(...model);
        const found = text.indexOf(String.fromCharCode(...needle), Math.max(0, n));
        assertStrictEquals(queue.indexOf(needle, n), found);
      } else if (what === "run") {
        const run = queue.readRun(n);
        assertStrictEquals(run === undefined, model.length === 0 || n <= 0);
        if (run !== undefined) {
          assert(run.length > 0 && run.length <= n);
          give(run, model.slice(0, run.length));
          model = model.slice(run.length);
        }
      } else if (what === "into") {
        const into = new Uint8Array(Math.max(0, n));
        const length = queue.readInto(into);
        assertEquals([...into.subarray(0, length)], model.slice(0, into.length));
        model = model.slice(length);
      } else if (what === "unread") {
        queue.unread(bytes);
        model = [...bytes, ...model];
      } else queue.compact();
      assertStrictEquals(queue.length, model.length);
      assertStrictEquals(queue.missing(200), Math.max(0, 200 - model.length));
    }
    assertEquals([...queue.read()], model);
    for (const [bytes, hex] of given) assertStrictEquals(bytes.toHex(), hex, "a run was changed");
  },
);

const texts = fuzzTarget(
  "buffer: texts in every encoding",
  fc.record({
    bytes: damagedBytes(fc.string({ unit: "binary", maxLength: 24 }).map(encodeUtf8), [
      0x80,
      0xbf,
      0xc2,
      0xe0,
      0xed,
      0xf0,
      0xf4,
      0xff,
    ]),
    encoding: fc.constantFrom(...ENCODINGS),
  }),
  ({ bytes, encoding }) => {
    const text = decodeText(bytes, encoding);
    const strict = attempt(() => decodeText(bytes, encoding, { fatal: true }), TypeError);
    // What decodes strictly has one meaning, and these bytes.
    if ("value" in strict) {
      assertStrictEquals(strict.value, text);
      assertEquals(encodeText(text, encoding, { fatal: true }), Uint8Array.from(bytes));
    }
    // Texts that were typed instead of made: hex and base64 check theirs.
    attempt(() => encodeText(text, "hex"), TypeError);
    attempt(() => encodeText(text, "base64"), TypeError);
  },
);

const platform = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const utf8 = fuzzTarget(
  "buffer: UTF-8 in pieces",
  fc.tuple(
    damagedBytes(fc.string({ unit: "binary", maxLength: 40 }).map(encodeUtf8), [
      0x80,
      0x8f,
      0x90,
      0x9f,
      0xa0,
      0xbf,
      0xc1,
      0xc2,
      0xe0,
      0xed,
      0xf0,
      0xf4,
      0xf5,
    ]),
    pieces,
  ),
  ([bytes, sizes]) => {
    const wanted = attempt(() => platform.decode(bytes), TypeError);
    assertStrictEquals(isUtf8(bytes), "value" in wanted);
    sameForEverySplit(bytes, sizes, (chunks) => {
      const validator = new Utf8Validator();
      let offset = 0;
      for (const chunk of chunks) {
        if (!validator.push(chunk)) break;
        offset += chunk.length;
      }
      assertStrictEquals(validator.finish(), "value" in wanted);
      assert(validator.offset >= Math.min(offset, bytes.length) || !validator.valid);
      const decoder = new Utf8Decoder();
      const text = chunks.map((chunk) => decoder.push(chunk)).join("") + decoder.finish();
      assertStrictEquals(text, decodeUtf8(bytes));
      return tell([validator.valid, validator.offset, text]);
    });
  },
);

const varints = fuzzTarget(
  "buffer: varints",
  fc.tuple(
    damagedBytes(
      big.map((value) => {
        const bytes = new Uint8Array(varintLength(value));
        encodeVarint(value, bytes);
        return bytes;
      }),
      [0x00, 0x7f, 0x80, 0xff],
    ),
    fc.integer({ min: 1, max: 10 }),
  ),
  ([bytes, maxBytes]) => {
    const done = attempt(() => decodeVarint64(bytes, 0, maxBytes), RangeError);
    if ("error" in done || done.value === undefined) return;
    const { value, length } = done.value;
    assert(length >= 1 && length <= Math.min(maxBytes, bytes.length));
    assert(value >= 0n && value < 1n << 64n);
    const again = new Uint8Array(varintLength(value));
    encodeVarint(value, again);
    assert(again.length <= length);
    assertEquals(decodeVarint64(again)?.value, value);
  },
);

/** All of them. */
export const BUFFER_TARGETS: readonly FuzzTarget[] = [
  bufferRoundTrip,
  bufferReads,
  queue,
  texts,
  utf8,
  varints,
];
