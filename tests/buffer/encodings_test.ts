import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  decodeText,
  encodeText,
  encodingUnitSize,
  IS_LITTLE_ENDIAN,
  isLittleEndian,
  normalizeByteOrder,
  normalizeEncoding,
} from "../../buffer/encodings.ts";
import { type Encoding, ENCODINGS } from "../../buffer/types.ts";
import { encodeHex } from "../../buffer/_binary_text.ts";

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const ONE_BYTE: Encoding[] = [
  "latin1",
  "latin2",
  "latin9",
  "windows1250",
  "windows1251",
  "windows1252",
];
const UNICODE: Encoding[] = ["utf8", "utf16", "utf32"];

function hex(text: string, encoding: Encoding): string {
  return encodeHex(encodeText(text, encoding));
}

/** Bytes of 16-bit or 32-bit units in the order of this machine. */
function native(units: Uint16Array | Uint32Array): Uint8Array {
  return new Uint8Array(units.buffer);
}

Deno.test("encodings write known characters as their standards say", () => {
  const vectors: [string, Encoding, string][] = [
    ["A~", "ascii", "417e"],
    ["ÿ\u0080", "latin1", "ff80"],
    ["Łódź", "latin2", "a3f364bc"],
    ["€ŠšŽžŒœŸ", "latin9", "a4a6a8b4b8bcbdbe"],
    ["€Łś", "windows1250", "80a39c"],
    ["Привет№", "windows1251", "cff0e8e2e5f2b9"],
    ["€–œ™", "windows1252", "80969c99"],
    ["é€😀", "utf8", "c3a9e282acf09f9880"],
    ["a1B2", "hex", "a1b2"],
    ["obI=", "base64", "a1b2"],
  ];
  for (const [text, encoding, expected] of vectors) {
    assertEquals(hex(text, encoding), expected, `${text} as ${encoding}`);
    const bytes = encodeText(text, encoding);
    assertEquals(decodeText(bytes, encoding), encoding === "hex" ? "a1b2" : text);
  }
});

Deno.test("utf16 and utf32 are in the order of the machine, without a byte order mark", () => {
  assertEquals(encodeText("a😀", "utf16"), native(Uint16Array.of(0x61, 0xd83d, 0xde00)));
  assertEquals(encodeText("a😀", "utf32"), native(Uint32Array.of(0x61, 0x1f600)));
  // A mark that is sent is text.
  assertEquals(decodeText(encodeText("\ufeffa", "utf16"), "utf16"), "\ufeffa");
  assertEquals(decodeText(encodeText("\ufeffa", "utf32"), "utf32"), "\ufeffa");
  assertEquals(decodeText(encodeText("\ufeffa", "utf8"), "utf8"), "\ufeffa");
});

Deno.test("one-byte encodings have a character for each byte and the byte for each such character", () => {
  for (const encoding of ONE_BYTE) {
    const text = decodeText(ALL_BYTES, encoding, { fatal: true });
    assertEquals(text.length, 256, encoding);
    assertEquals(new Set(text).size, 256, encoding);
    assertEquals(encodeText(text, encoding, { fatal: true }), ALL_BYTES, encoding);
  }
});

Deno.test("latin1 is the plain one, not the web's", () => {
  assertEquals(decodeText(Uint8Array.of(0x80, 0x9f), "latin1"), "\u0080\u009f");
  assertEquals(decodeText(Uint8Array.of(0x80, 0x9f), "windows1252"), "€Ÿ");
});

Deno.test("every encoding gives back the text that it wrote", () => {
  for (const encoding of UNICODE) {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 100 }), (text) => {
      assertEquals(decodeText(encodeText(text, encoding, { fatal: true }), encoding), text);
      assertEquals(decodeText(encodeText(text, encoding), encoding, { fatal: true }), text);
    }));
  }
  for (const encoding of ONE_BYTE) {
    const unit = fc.constantFrom(...decodeText(ALL_BYTES, encoding));
    fc.assert(fc.property(fc.string({ unit, maxLength: 100 }), (text) => {
      assertEquals(decodeText(encodeText(text, encoding), encoding), text);
    }));
  }
});

Deno.test("hex and base64 give back the bytes that they read", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    assertEquals(encodeText(decodeText(bytes, "hex"), "hex"), bytes);
    assertEquals(encodeText(decodeText(bytes, "base64"), "base64"), bytes);
  }));
  assertThrows(() => encodeText("a1b", "hex"), TypeError, "Cannot decode hex");
  assertThrows(() => encodeText("a1b", "base64", { fatal: false }), TypeError, "bits behind");
});

Deno.test("long texts come back whole", () => {
  for (const encoding of [...ONE_BYTE, ...UNICODE, "ascii"] as Encoding[]) {
    const unit = encoding === "ascii"
      ? "az"
      : decodeText(Uint8Array.of(0x61, 0xe9, 0xff), "latin1");
    const own = UNICODE.includes(encoding) ? unit + "日😀" : encoding === "ascii" ? unit : "a";
    const text = own.repeat(20_000);
    assertEquals(decodeText(encodeText(text, encoding), encoding), text, encoding);
  }
  const text = decodeText(ALL_BYTES, "latin1").repeat(100);
  assertEquals(decodeText(encodeText(text, "latin1"), "latin1"), text);
});

Deno.test("a character that the encoding lacks is written as one question mark", () => {
  for (const encoding of ["ascii", ...ONE_BYTE] as Encoding[]) {
    assertEquals(hex("a日b😀c", encoding), "613f623f63", encoding);
    assertEquals(hex("\ud800x\udc00", encoding), "3f783f", encoding);
  }
});

Deno.test("a lone surrogate is written as a replacement character", () => {
  for (const text of ["\ud800", "\udc00", "\udc00\ud800", "a\ud83d"]) {
    for (const encoding of UNICODE) {
      assertEquals(decodeText(encodeText(text, encoding), encoding), text.toWellFormed(), encoding);
    }
  }
});

Deno.test("bytes without a text are read as replacement characters", () => {
  assertEquals(decodeText(Uint8Array.of(0x61, 0x80, 0xff), "ascii"), "a\ufffd\ufffd");
  assertEquals(decodeText(Uint8Array.of(0x61, 0xff), "utf8"), "a\ufffd");
  assertEquals(decodeText(native(Uint16Array.of(0xdc00, 0x61)), "utf16"), "\ufffda");
  assertEquals(decodeText(Uint8Array.of(0x61), "utf16"), "\ufffd");
  assertEquals(
    decodeText(native(Uint32Array.of(0x110000, 0xd800, 0x61)), "utf32"),
    "\ufffd\ufffda",
  );
  assertEquals(decodeText(Uint8Array.of(1, 2, 3), "utf32"), "\ufffd");
});

Deno.test("fatal throws a TypeError for text that the encoding lacks", () => {
  const fatal = { fatal: true };
  for (const encoding of ["ascii", ...ONE_BYTE] as Encoding[]) {
    const error = assertThrows(() => encodeText("a😀", encoding, fatal), TypeError);
    assertEquals(
      error.message,
      `Cannot encode U+1F600 as ${encoding}: the encoding does not have it`,
    );
  }
  for (const encoding of UNICODE) {
    assertThrows(() => encodeText("a\ud800", encoding, fatal), TypeError, "U+D800");
  }
});

Deno.test("fatal throws a TypeError for bytes without a text, and only for those", () => {
  const fatal = { fatal: true };
  const bad: [Uint8Array, Encoding][] = [
    [Uint8Array.of(0x80), "ascii"],
    [Uint8Array.of(0xff), "utf8"],
    [native(Uint16Array.of(0xd800)), "utf16"],
    [native(Uint16Array.of(0xfffd, 0xdc00)), "utf16"],
    [Uint8Array.of(0x61), "utf16"],
    [native(Uint32Array.of(0x110000)), "utf32"],
    [native(Uint32Array.of(0xdfff)), "utf32"],
    [Uint8Array.of(0x61, 0, 0), "utf32"],
  ];
  for (const [bytes, encoding] of bad) {
    assertThrows(() => decodeText(bytes, encoding, fatal), TypeError, "Cannot decode the bytes");
  }
  for (const encoding of UNICODE) {
    assertEquals(decodeText(encodeText("a\ufffd", encoding), encoding, fatal), "a\ufffd");
  }
});

Deno.test("random bytes are read in every encoding without an error", () => {
  for (const encoding of ENCODINGS) {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      assertEquals(typeof decodeText(bytes, encoding), "string");
    }));
  }
});

Deno.test("texts are read from views at odd offsets", () => {
  for (const encoding of UNICODE) {
    const bytes = encodeText("né😀", encoding);
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    assertEquals(decodeText(shifted.subarray(3), encoding), "né😀");
  }
});

Deno.test("names of encodings do not depend on case and hyphens", () => {
  for (const name of ["UTF-8", "utf8", "Utf-8"]) assertEquals(normalizeEncoding(name), "utf8");
  assertEquals(normalizeEncoding("WINDOWS-1251"), "windows1251");
  assertEquals(normalizeEncoding("ISO-8859-15"), "latin9");
  for (const name of ["", "utf7", "latin15", "__proto__", "toString"]) {
    assertThrows(() => normalizeEncoding(name), TypeError, `encoding ${JSON.stringify(name)}`);
    assertThrows(() => decodeText(ALL_BYTES, name as Encoding), TypeError);
    assertThrows(() => encodeText("a", name as Encoding), TypeError);
  }
});

Deno.test("byte orders have short names, and native is that of the machine", () => {
  assertEquals(["LE", "be", "Network"].map(normalizeByteOrder), ["little", "big", "network"]);
  assertThrows(() => normalizeByteOrder("middle"), TypeError, 'byte order "middle"');
  assertEquals(isLittleEndian("le"), true);
  assertEquals(isLittleEndian("network"), false);
  assertEquals(isLittleEndian("big"), false);
  assertEquals(isLittleEndian("native"), IS_LITTLE_ENDIAN);
  assert(native(Uint16Array.of(1))[IS_LITTLE_ENDIAN ? 0 : 1] === 1);
});

Deno.test("units are as wide as the encoding's NUL", () => {
  for (const encoding of ENCODINGS) {
    if (encoding === "hex" || encoding === "base64") assertEquals(encodingUnitSize(encoding), 1);
    else assertEquals(encodingUnitSize(encoding), encodeText("\0", encoding).length);
  }
});

Deno.test("encodings: what is no name, no text and no bytes is told as that", () => {
  for (const name of [null, 5, {}, ["utf8"]]) {
    assertThrows(() => normalizeEncoding(name as never), TypeError, "Cannot use the encoding");
    assertThrows(() => normalizeByteOrder(name as never), TypeError, "Cannot use the byte order");
  }
  for (const value of [undefined, 5, ["a"], new Date(0)]) {
    for (const encoding of ["utf8", "utf16", "ascii", "hex", "base64", "latin2"] as const) {
      assertThrows(() => encodeText(value as never, encoding), TypeError, "no text");
      assertThrows(() => decodeText(value as never, encoding), TypeError, "no Uint8Array");
    }
  }
});
