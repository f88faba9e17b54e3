import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { fileURLToPath } from "node:url";
import { ByteBuffer } from "../../../buffer/byte_buffer.ts";
import { decodeText, encodeText } from "../../../buffer/encodings.ts";
import { BYTE_ORDERS, type ByteOrder, type Encoding } from "../../../buffer/types.ts";
import { type PeerNeed, peerTest, runPeer, tempFolder } from "../../_support/peers.ts";

const POCO: PeerNeed = {
  name: "libpoco-dev",
  found(): boolean {
    try {
      return Deno.statSync("/usr/include/Poco/BinaryWriter.h").isFile;
    } catch {
      return false;
    }
  },
};
const needs = ["g++", POCO];

/** The ten encodings by their names there. */
const NAMES = {
  ascii: "ASCII",
  latin1: "Latin-1",
  latin2: "Latin-2",
  latin9: "Latin-9",
  utf8: "UTF-8",
  utf16: "UTF-16",
  utf32: "UTF-32",
  windows1250: "windows-1250",
  windows1251: "windows-1251",
  windows1252: "windows-1252",
} as const satisfies Partial<Record<Encoding, string>>;
type PocoEncoding = keyof typeof NAMES;
const ENCODINGS = Object.keys(NAMES) as PocoEncoding[];
const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte);
/** Bytes that stand for nothing in POCO and for the control of the same number in the Encoding Standard. */
const UNASSIGNED: Partial<Record<PocoEncoding, number[]>> = {
  windows1250: [0x81, 0x83, 0x88, 0x90, 0x98],
  windows1251: [0x98],
};

/** Bytes that POCO 1.11 reads but writes a question mark for: its table for writing lacks the character (U+02D9). */
const READ_ONLY: Partial<Record<PocoEncoding, number[]>> = { windows1250: [0xff] };

type Value =
  | { type: "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "f32" | "f64" | "v32"; value: number }
  | { type: "i64" | "u64" | "v64"; value: bigint }
  | { type: "string" | "raw"; value: string };
interface Case {
  encoding: PocoEncoding;
  order: ByteOrder;
  values: Value[];
}

/** The peer, compiled once for all tests of this file and run by each. */
async function withPeer(use: (run: (script: string) => Promise<string[]>) => Promise<void>) {
  await using folder = await tempFolder();
  const program = `${folder.path}/peer`;
  const source = fileURLToPath(new URL("peer.cpp", import.meta.url));
  const compiled = await runPeer("g++", ["-std=c++17", "-o", program, source, "-lPocoFoundation"]);
  assertEquals(compiled.code, 0, compiled.stderr);
  await use(async (script) => {
    const result = await runPeer(program, [], { stdin: script });
    assertEquals(result.code, 0, result.stderr);
    // A line for each case: that of one which writes nothing is empty, and may be the last.
    return result.stdout.replace(/\n$/, "").split("\n");
  });
}

function hexOf(text: string): string {
  return new ByteBuffer().writeText(text).toHex();
}

/** The bits of a float in hex, as the peer wants them. */
function bitsOf({ type, value }: Value): string {
  const buffer = new ByteBuffer();
  if (type === "f32") return buffer.writeFloat32(value).readUint32().toString(16);
  return buffer.writeFloat64(value as number).readUint64().toString(16);
}

function isFloat(value: Value): boolean {
  return value.type === "f32" || value.type === "f64";
}

/** How the value stands in the peer's lines. */
function word(value: Value): string {
  if (isFloat(value)) return bitsOf(value);
  return typeof value.value === "string" ? hexOf(value.value) : String(value.value);
}

/** The same values, written by us. */
function written({ encoding, order, values }: Case): ByteBuffer {
  const buffer = new ByteBuffer(encoding, order);
  for (const { type, value } of values) {
    if (type === "i8") buffer.writeInt8(value);
    else if (type === "u8") buffer.writeUint8(value);
    else if (type === "i16") buffer.writeInt16(value);
    else if (type === "u16") buffer.writeUint16(value);
    else if (type === "i32") buffer.writeInt32(value);
    else if (type === "u32") buffer.writeUint32(value);
    else if (type === "i64") buffer.writeInt64(value);
    else if (type === "u64") buffer.writeUint64(value);
    else if (type === "f32") buffer.writeFloat32(value);
    else if (type === "f64") buffer.writeFloat64(value);
    else if (type === "v32" || type === "v64") buffer.writeVarint(value);
    else if (type === "string") buffer.writeString(value);
    else buffer.write(new TextEncoder().encode(String(value)));
  }
  return buffer;
}

/** Reads values of the same types. */
function read(buffer: ByteBuffer, values: Value[]): Value[] {
  return values.map(({ type, value }): Value => {
    if (type === "i8") return { type, value: buffer.readInt8() };
    if (type === "u8") return { type, value: buffer.readUint8() };
    if (type === "i16") return { type, value: buffer.readInt16() };
    if (type === "u16") return { type, value: buffer.readUint16() };
    if (type === "i32") return { type, value: buffer.readInt32() };
    if (type === "u32") return { type, value: buffer.readUint32() };
    if (type === "i64") return { type, value: buffer.readInt64() };
    if (type === "u64") return { type, value: buffer.readUint64() };
    if (type === "f32") return { type, value: buffer.readFloat32() };
    if (type === "f64") return { type, value: buffer.readFloat64() };
    if (type === "v32") return { type, value: buffer.readVarint() };
    if (type === "v64") return { type, value: buffer.readVarint64() };
    if (type === "string") return { type, value: buffer.readString() };
    const length = new TextEncoder().encode(String(value)).length;
    return { type, value: new TextDecoder().decode(buffer.read(length)) };
  });
}

/** Texts of characters that the encoding has. */
function texts(encoding: PocoEncoding): fc.Arbitrary<string> {
  if (encoding.startsWith("utf")) return fc.string({ unit: "binary", maxLength: 200 });
  const last = encoding === "ascii" ? 0x7f : 0xff;
  const unusable = [...UNASSIGNED[encoding] ?? [], ...READ_ONLY[encoding] ?? []];
  const bytes = ALL_BYTES.filter((byte) => byte <= last && !unusable.includes(byte));
  return fc.string({
    unit: fc.constantFrom(...decodeText(bytes, encoding)),
    maxLength: 200,
  });
}

function values(encoding: PocoEncoding): fc.Arbitrary<Value[]> {
  const number = (type: "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "v32") => {
    const bits = parseInt(type.slice(1));
    const signed = type.startsWith("i");
    return fc.integer({
      min: signed ? -(2 ** (bits - 1)) : 0,
      max: 2 ** (signed ? bits - 1 : bits) - 1,
    }).map((value): Value => ({ type, value }));
  };
  const big = (type: "i64" | "u64" | "v64", min: bigint, max: bigint) =>
    fc.bigInt({ min, max }).map((value): Value => ({ type, value }));
  return fc.array(
    fc.oneof(
      ...(["i8", "u8", "i16", "u16", "i32", "u32", "v32"] as const).map(number),
      big("i64", -(1n << 63n), (1n << 63n) - 1n),
      big("u64", 0n, (1n << 64n) - 1n),
      big("v64", 0n, (1n << 64n) - 1n),
      fc.float({ noNaN: true }).map((value): Value => ({ type: "f32", value })),
      fc.double({ noNaN: true }).map((value): Value => ({ type: "f64", value })),
      fc.string({ maxLength: 20 }).map((value): Value => ({ type: "raw", value })),
      { weight: 6, arbitrary: texts(encoding).map((value): Value => ({ type: "string", value })) },
    ),
    { minLength: 1, maxLength: 8 },
  );
}

/** One case for each encoding and byte order: forty. */
const cases: fc.Arbitrary<Case[]> = fc.tuple(
  ...ENCODINGS.flatMap((encoding) =>
    BYTE_ORDERS.map((order) => values(encoding).map((values) => ({ encoding, order, values })))
  ),
);

function describe({ encoding, order }: Case): string {
  return `${encoding}, ${order}`;
}

peerTest("byte buffer writes the bytes that POCO writes, in all encodings and byte orders", {
  needs,
}, async () => {
  await withPeer(async (run) => {
    await fc.assert(
      fc.asyncProperty(cases, async (cases) => {
        const script = cases.flatMap((one) => [
          `W ${NAMES[one.encoding]} ${one.order}`,
          ...one.values.map((value) => `${value.type} ${word(value)}`),
          ".",
        ]);
        const answers = await run(script.join("\n") + "\n");
        assertEquals(answers.length, cases.length);
        cases.forEach((one, i) => {
          assertEquals(written(one).toHex(), answers[i], describe(one));
          const theirs = ByteBuffer.from(encodeText(answers[i], "hex"), one.encoding, one.order);
          assertEquals(read(theirs, one.values), one.values, describe(one));
          assertEquals(theirs.available, 0);
        });
      }),
      { numRuns: 25 },
    );
  });
});

peerTest("POCO reads what byte buffer writes, in all encodings and byte orders", {
  needs,
}, async () => {
  await withPeer(async (run) => {
    await fc.assert(
      fc.asyncProperty(cases, async (all) => {
        // The peer reads raw bytes only at the end.
        const cases = all.map((one) => ({
          ...one,
          values: one.values.filter((value) => value.type !== "raw"),
        }));
        const script = cases.flatMap((one) => [
          `R ${NAMES[one.encoding]} ${one.order} ${written(one).toHex()}ff`,
          ...one.values.map((value) => value.type),
          ".",
        ]);
        const expected = cases.flatMap((one) => [...one.values.map(word), "ff"]);
        assertEquals(await run(script.join("\n") + "\n"), expected);
      }),
      { numRuns: 25 },
    );
  });
});

peerTest("one-byte encodings are POCO's for every byte that it has a character for", {
  needs,
}, async () => {
  await withPeer(async (run) => {
    const encodings = ENCODINGS.filter((encoding) => !encoding.startsWith("utf"));
    const tables = await run(encodings.map((encoding) => `T ${NAMES[encoding]}\n`).join(""));
    encodings.forEach((encoding, i) => {
      const theirs = tables[i].split(" ").map(Number);
      const ours = Array.from(decodeText(ALL_BYTES, encoding), (text) => text.codePointAt(0)!);
      for (let byte = 0; byte < 256; byte++) {
        const where = `${encoding} ${byte.toString(16)}`;
        if (encoding === "ascii" && byte > 0x7f) {
          assertEquals([theirs[byte], ours[byte]], [-1, 0xfffd], where);
        } else if (UNASSIGNED[encoding]?.includes(byte)) {
          assertEquals([theirs[byte], ours[byte]], [0xfffe, byte], where);
        } else {
          assertEquals(ours[byte], theirs[byte], where);
        }
      }
    });
  });
});

peerTest("one-byte encodings write what POCO writes for every character that it can write", {
  needs,
}, async () => {
  await withPeer(async (run) => {
    for (const encoding of ENCODINGS.filter((encoding) => !encoding.startsWith("utf"))) {
      const characters = [...decodeText(ALL_BYTES, encoding)];
      const answers = await run(
        characters.map((c) => `W ${NAMES[encoding]} big\nstring ${hexOf(c)}\n.\n`).join(""),
      );
      characters.forEach((character, byte) => {
        const theirs = parseInt(answers[byte].slice(2), 16);
        const [ours] = encodeText(character, encoding);
        const where = `${encoding} ${byte.toString(16)}`;
        const lacks = UNASSIGNED[encoding]?.includes(byte) || READ_ONLY[encoding]?.includes(byte);
        // Where POCO has none, both ends agree on "?" only if we have none either.
        assertEquals(theirs, lacks || character === "\ufffd" ? 0x3f : byte, where);
        assertEquals(ours, character === "\ufffd" ? 0x3f : byte, where);
      });
    }
  });
});

peerTest("POCO and byte buffer write the same for characters that the encoding lacks", {
  needs,
}, async () => {
  const text = "a日ж😀\u0301z";
  await withPeer(async (run) => {
    const encodings = ENCODINGS.filter((encoding) => !encoding.startsWith("utf"));
    const script = encodings.map((encoding) =>
      `W ${NAMES[encoding]} big\nstring ${hexOf(text)}\n.\n`
    );
    const ours = encodings.map((encoding) => new ByteBuffer(encoding).writeString(text).toHex());
    assertEquals(ours, await run(script.join("")));
  });
});
