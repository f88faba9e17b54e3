import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  decodeUtf8,
  encodeUtf8,
  encodeUtf8Into,
  isAscii,
  isUtf8,
  tryDecodeUtf8,
  utf8ByteLength,
  Utf8Decoder,
  Utf8Validator,
} from "../../buffer/utf8.ts";
import { hex } from "../_support/hex.ts";

const encoder = new TextEncoder();

/** Splits `bytes` at the given fractions of its length. */
function split(bytes: Uint8Array, cuts: number[]): Uint8Array[] {
  const at = cuts.map((cut) => Math.floor(cut * (bytes.length + 1))).sort((a, b) => a - b);
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const to of [...at, bytes.length]) {
    parts.push(bytes.subarray(from, to));
    from = to;
  }
  return parts;
}

/** Offset of the first byte that the platform's own fatal decoder refuses; the length if it refuses none. */
function referenceOffset(bytes: Uint8Array): number {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (let i = 0; i < bytes.length; i++) {
    try {
      decoder.decode(bytes.subarray(i, i + 1), { stream: true });
    } catch {
      return i;
    }
  }
  return bytes.length;
}

function referenceIsUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), {
  maxLength: 12,
});
const unicode = fc.string({ unit: "binary", maxLength: 300 });
/** Long ASCII runs with other characters in between, so that the search by words starts and stops everywhere. */
const mixed = fc.array(
  fc.oneof(
    fc.nat({ max: 90 }).map((n) => "x".repeat(n)),
    fc.constantFrom("é", "€", "😀", "\u0000", "\ufffd", "\u07ff", "\u0800", "\ud7ff", "\u{10ffff}"),
  ),
  { maxLength: 20 },
).map((parts) => parts.join(""));
/** Bytes that are UTF-8 but for a few places. */
const damaged = fc.tuple(
  mixed,
  fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }),
  fc.nat({ max: 7 }),
).map(([text, damage, shift]) => {
  const encoded = encoder.encode(text);
  const bytes = new Uint8Array(encoded.length + shift).subarray(shift);
  bytes.set(encoded);
  for (const [at, byte] of damage) if (bytes.length > 0) bytes[at % bytes.length] = byte;
  return bytes;
});

Deno.test("utf8 validator accepts the first and last character of every length", () => {
  for (
    const sequence of ["00", "7f", "c2 80", "df bf", "e0 a0 80", "ed 9f bf", "ee 80 80", "ef bf bf"]
  ) {
    assert(isUtf8(hex(sequence)), sequence);
  }
  for (const sequence of ["f0 90 80 80", "f4 8f bf bf", "ef bb bf 61"]) {
    assert(isUtf8(hex(sequence)), sequence);
  }
});

Deno.test("utf8 validator fails at the first byte that nothing can make good", () => {
  // Sequence and offset of its first bad byte.
  const bad: [string, number][] = [
    ["80", 0],
    ["bf", 0],
    ["c0 af", 0],
    ["c1 bf", 0],
    ["c2 41", 1],
    ["c2 c2", 1],
    ["e0 9f bf", 1],
    ["e0 80 af", 1],
    ["ed a0 80", 1],
    ["ed bf bf", 1],
    ["e2 82 41", 2],
    ["e2 28 a1", 1],
    ["f0 8f bf bf", 1],
    ["f0 80 80 af", 1],
    ["f4 90 80 80", 1],
    ["f5 80 80 80", 0],
    ["f8 88 80 80 80", 0],
    ["fc 84 80 80 80 80", 0],
    ["fe", 0],
    ["ff", 0],
    ["f0 9f 98 41", 3],
    ["61 62 c3 a9 ff", 4],
  ];
  for (const [sequence, offset] of bad) {
    const bytes = hex(sequence);
    assertEquals(isUtf8(bytes), false, sequence);
    for (const lead of [0, 3, 200, 1001]) {
      const shifted = new Uint8Array(lead + bytes.length + 300).fill(0x61);
      shifted.set(bytes, lead);
      const whole = new Utf8Validator();
      assertEquals(whole.push(shifted), false, sequence);
      assertEquals(whole.offset, lead + offset, sequence);
      const byByte = new Utf8Validator();
      let at = 0;
      while (byByte.push(shifted, at, at + 1)) at++;
      assertEquals(at, lead + offset, sequence);
      assertEquals(byByte.offset, lead + offset, sequence);
    }
  }
});

Deno.test("utf8 validator stays failed until it is reset", () => {
  const validator = new Utf8Validator();
  assertEquals(validator.valid, true);
  assertEquals(validator.push(hex("61 ff")), false);
  assertEquals(validator.valid, false);
  assertEquals(validator.push(hex("61")), false);
  assertEquals(validator.finish(), false);
  assertEquals(validator.offset, 1);
  validator.reset();
  assertEquals(validator.valid, true);
  assertEquals(validator.push(hex("61")), true);
  assertEquals(validator.finish(), true);
});

Deno.test("utf8 validator reset forgets an open character", () => {
  const validator = new Utf8Validator();
  assert(validator.push(hex("e0")));
  assertEquals(validator.finish(), false);
  validator.reset();
  assert(validator.finish());
  // The narrow bound of E0's second byte must be gone too.
  assert(validator.push(hex("c2 80")));
  assert(validator.finish());
});

Deno.test("utf8 validator agrees with the platform at every bound, byte by byte, and after each reset", () => {
  const leads = hex("7f 80 bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 ff");
  const followers = hex("00 7f 80 8f 90 9f a0 bf c0 c2 ff");
  const validator = new Utf8Validator();
  const check = (...bytes: number[]): void => {
    validator.reset();
    for (const byte of bytes) validator.push(Uint8Array.of(byte));
    const expected = referenceIsUtf8(Uint8Array.from(bytes));
    if (validator.finish() !== expected) {
      throw new Error(`${bytes} is ${expected ? "good" : "bad"}`);
    }
  };
  for (const first of leads) {
    for (const second of followers) {
      check(first, second);
      for (const third of followers) {
        check(first, second, third);
        if (first >= 0xf0) { for (const fourth of followers) check(first, second, third, fourth); }
      }
    }
  }
});

Deno.test("utf8 validator looks only at the bytes from start to end", () => {
  const validator = new Utf8Validator();
  const bytes = hex("ff e2 82 ac ff");
  assert(validator.push(bytes, 1, 3));
  assertEquals(validator.finish(), false);
  assert(validator.push(bytes, 3, 4));
  assert(validator.finish());
  assertEquals(validator.offset, 3);
});

Deno.test("utf8 validator agrees with the platform on damaged text, at every alignment", () => {
  fc.assert(fc.property(damaged, (bytes) => {
    const validator = new Utf8Validator();
    const offset = referenceOffset(bytes);
    assertEquals(validator.push(bytes), offset === bytes.length);
    assertEquals(validator.offset, offset);
    assertEquals(validator.finish(), referenceIsUtf8(bytes));
    assertEquals(isUtf8(bytes), referenceIsUtf8(bytes));
  }));
});

Deno.test("utf8 validator agrees with the platform on long text, damaged near every inner border", () => {
  const unit = fc.constantFrom(
    "é",
    "日本語",
    "😀",
    "a€",
    "x".repeat(200) + "ü",
    "\ufffd",
    "ab\u0800",
  );
  const long = fc.record({
    unit,
    lead: fc.nat({ max: 9 }),
    at: fc.oneof(fc.integer({ min: 4080, max: 4110 }), fc.integer({ min: 0, max: 12_000 })),
    damage: fc.constantFrom([], [0x80], [0xff], [0xe2], [0x41], [0x80, 0x80, 0x80, 0x80]),
  });
  fc.assert(fc.property(long, ({ unit, lead, at, damage }) => {
    const bytes = encoder.encode("-".repeat(lead) + unit.repeat(12_100 / unit.length));
    bytes.set(damage, at);
    const validator = new Utf8Validator();
    const offset = referenceOffset(bytes);
    assertEquals(validator.push(bytes), offset === bytes.length);
    assertEquals(validator.offset, offset);
    assertEquals(isUtf8(bytes), referenceIsUtf8(bytes));
  }));
});

Deno.test("utf8 validator gives the same answer however the bytes are split", () => {
  fc.assert(fc.property(damaged, cuts, (bytes, at) => {
    const validator = new Utf8Validator();
    let good = true;
    for (const part of split(bytes, at)) good = validator.push(part) && good;
    assertEquals(good, referenceOffset(bytes) === bytes.length);
    assertEquals(validator.offset, referenceOffset(bytes));
    assertEquals(validator.finish(), referenceIsUtf8(bytes));
  }));
});

Deno.test("isUtf8 agrees with the platform on every two and three byte sequence", () => {
  const decoder = new TextDecoder();
  // No replacement character is among the sequences itself, so one in the text means a bad byte.
  const reference = (bytes: Uint8Array) => !decoder.decode(bytes).includes("\ufffd");
  const bytes = new Uint8Array(3);
  const interesting = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xff];
  for (let lead = 0x80; lead < 0x100; lead++) {
    for (let second = 0; second < 0x100; second++) {
      bytes[0] = lead;
      bytes[1] = second;
      const pair = bytes.subarray(0, 2);
      assertStrictEquals(isUtf8(pair), reference(pair));
      for (const third of interesting) {
        bytes[2] = third;
        assertStrictEquals(isUtf8(bytes), reference(bytes));
      }
    }
  }
});

Deno.test("isAscii finds one high byte at any place and alignment", () => {
  const bytes = new Uint8Array(700).fill(0x7f);
  for (let start = 0; start < 5; start++) {
    for (const length of [0, 1, 5, 127, 128, 129, 163, 600]) {
      const view = bytes.subarray(start, start + length);
      assert(isAscii(view));
      for (let at = 0; at < length; at++) {
        view[at] = 0x80;
        assertEquals(isAscii(view), false, `${length} bytes from ${start}, high byte at ${at}`);
        view[at] = 0x7f;
      }
      bytes[start + length] = 0xff;
      assert(isAscii(view), "the byte behind the view is not looked at");
      bytes[start + length] = 0x7f;
    }
  }
});

Deno.test("decodeUtf8 is the platform's decoder, but keeps a byte order mark", () => {
  assertEquals(decodeUtf8(hex("ef bb bf 61")), "\ufeffa");
  assertEquals(decodeUtf8(hex("ef bb bf 61"), { fatal: true }), "\ufeffa");
  fc.assert(fc.property(damaged, (bytes) => {
    const reference = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    assertEquals(decodeUtf8(bytes), reference);
    if (referenceIsUtf8(bytes)) {
      assertEquals(decodeUtf8(bytes, { fatal: true }), reference);
      assertEquals(tryDecodeUtf8(bytes), reference);
    } else {
      assertThrows(() => decodeUtf8(bytes, { fatal: true }), TypeError, "not well-formed UTF-8");
      assertEquals(tryDecodeUtf8(bytes), undefined);
    }
  }));
});

Deno.test("decodeUtf8 strict keeps a replacement character that was sent as itself", () => {
  assertEquals(decodeUtf8(hex("61 ef bf bd"), { fatal: true }), "a\ufffd");
  assertEquals(tryDecodeUtf8(hex("61 ef bf bd ff")), undefined);
});

Deno.test("utf8 decoder gives the text of the whole however the bytes are split", () => {
  fc.assert(fc.property(damaged, cuts, (bytes, at) => {
    const decoder = new Utf8Decoder();
    let text = "";
    for (const part of split(bytes, at)) text += decoder.push(part);
    text += decoder.finish();
    assertEquals(text, new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
  }));
});

Deno.test("utf8 decoder gives the text of random bytes in chunks of one byte", () => {
  // Leads and continuations are frequent, so that broken sequences follow each other closely.
  const noise = fc.array(
    fc.constantFrom(0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc2, 0xe0, 0xe2, 0xed, 0xf0, 0xf4),
    { maxLength: 30 },
  );
  fc.assert(fc.property(noise, (values) => {
    const bytes = Uint8Array.from(values);
    const decoder = new Utf8Decoder();
    let text = "";
    for (let i = 0; i < bytes.length; i++) text += decoder.push(bytes.subarray(i, i + 1));
    text += decoder.finish();
    assertEquals(text, new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
  }));
});

Deno.test("utf8 decoder that is fatal throws for bad bytes and only for those", () => {
  fc.assert(fc.property(damaged, cuts, (bytes, at) => {
    const decoder = new Utf8Decoder({ fatal: true });
    let text: string | undefined = "";
    try {
      for (const part of split(bytes, at)) text += decoder.push(part);
      text += decoder.finish();
    } catch (error) {
      assert(error instanceof TypeError);
      text = undefined;
    }
    assertEquals(text, tryDecodeUtf8(bytes));
  }));
});

Deno.test("utf8 decoder that is fatal throws at the border where a character breaks off", () => {
  const decoder = new Utf8Decoder({ fatal: true });
  assertEquals(decoder.push(hex("61 e2 82")), "a");
  assertThrows(() => decoder.push(hex("41")), TypeError, "not well-formed UTF-8");
  decoder.reset();
  assertEquals(decoder.push(hex("e2")), "");
  assertThrows(() => decoder.finish(), TypeError, "not well-formed UTF-8");
  assertEquals(decoder.push(hex("62")), "b");
  assertEquals(decoder.finish(), "");
});

Deno.test("utf8 decoder tells how many bytes it holds back, and forgets them on reset", () => {
  const decoder = new Utf8Decoder();
  assertEquals(decoder.push(hex("61 f0 9f")), "a");
  assertEquals(decoder.pending, 2);
  assertEquals(decoder.push(hex("98")), "");
  assertEquals(decoder.pending, 3);
  decoder.reset();
  assertEquals(decoder.pending, 0);
  assertEquals(decoder.push(hex("62")), "b");
  assertEquals(decoder.finish(), "");
  decoder.push(hex("e2"));
  assertEquals(decoder.finish(), "\ufffd");
  assertEquals(decoder.finish(), "");
});

Deno.test("utf8ByteLength is the length that the platform encodes to", () => {
  fc.assert(fc.property(fc.oneof(unicode, mixed), (text) => {
    assertEquals(utf8ByteLength(text), encoder.encode(text).length);
  }));
  for (const text of ["\ud800", "\udc00", "\udc00\ud800", "a\ud800b", "\ud800\ud800\udc00"]) {
    assertEquals(utf8ByteLength(text), encoder.encode(text).length);
    const long = text.repeat(5000);
    assertEquals(utf8ByteLength(long), encoder.encode(long).length);
  }
  // A pair across the border of two measured pieces.
  const border = "x".repeat(4095) + "😀" + "y".repeat(5000);
  assertEquals(utf8ByteLength(border), encoder.encode(border).length);
});

Deno.test("encodeUtf8Into writes what the platform encodes, at an offset, and nothing else", () => {
  fc.assert(
    fc.property(
      fc.oneof(unicode, mixed),
      fc.nat({ max: 9 }),
      fc.boolean(),
      (text, offset, tight) => {
        const expected = encoder.encode(text);
        const room = tight ? expected.length : text.length * 3 + 5;
        const target = new Uint8Array(offset + room).fill(0xaa);
        assertEquals(encodeUtf8Into(text, target, offset), expected.length);
        assertEquals(target.subarray(offset, offset + expected.length), expected);
        assert(target.subarray(0, offset).every((byte) => byte === 0xaa));
      },
    ),
  );
});

Deno.test("encodeUtf8Into throws if the text does not fit", () => {
  for (const text of ["aé", "a".repeat(50), "€".repeat(60), "x" + "😀"]) {
    const length = encoder.encode(text).length;
    for (const room of [0, 1, text.length - 1, length - 1]) {
      assertThrows(() => encodeUtf8Into(text, new Uint8Array(room)), RangeError, "Cannot encode");
    }
    assertEquals(encodeUtf8Into(text, new Uint8Array(length)), length);
  }
  assertThrows(() => encodeUtf8Into("a", new Uint8Array(4), -1), RangeError);
  assertThrows(() => encodeUtf8Into("a", new Uint8Array(4), 5), RangeError);
});

Deno.test("encodeUtf8 returns an array of its own with the exact length", () => {
  fc.assert(fc.property(fc.oneof(unicode, mixed), (text) => {
    const bytes = encodeUtf8(text);
    assertEquals(bytes, encoder.encode(text));
    assertEquals(bytes.byteLength, bytes.buffer.byteLength);
  }));
  const long = "日本語".repeat(3000);
  assertEquals(encodeUtf8(long), encoder.encode(long));
});
