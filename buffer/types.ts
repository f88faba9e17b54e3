// Floor 0: vocabulary.

/**
 * How text becomes bytes.
 *
 * - `ascii`: one byte a character, up to U+007F.
 * - `latin1`, `latin2`, `latin9`: ISO 8859-1, -2 and -15. `latin1` is the plain one, byte for byte U+0000 to U+00FF;
 *   what the web calls so is `windows1252`.
 * - `utf8`.
 * - `utf16`, `utf32`: in the byte order of this machine and without a byte order mark, whatever {@linkcode ByteOrder} the buffer has.
 * - `windows1250`, `windows1251`, `windows1252`.
 * - `hex`, `base64`: the other way round, for bytes that travel as text: the text `"a1b2"` is the bytes A1 B2.
 */
export type Encoding =
  | "ascii"
  | "latin1"
  | "latin2"
  | "latin9"
  | "utf8"
  | "utf16"
  | "utf32"
  | "windows1250"
  | "windows1251"
  | "windows1252"
  | "hex"
  | "base64";

/** Other names of an {@linkcode Encoding}. */
export type EncodingAlias =
  | "us-ascii"
  | "latin-1"
  | "latin-2"
  | "latin-9"
  | "iso-8859-1"
  | "iso-8859-2"
  | "iso-8859-15"
  | "utf-8"
  | "utf-16"
  | "utf-32"
  | "windows-1250"
  | "windows-1251"
  | "windows-1252";

/** An {@linkcode Encoding} under any of its names. */
export type EncodingName = Encoding | EncodingAlias;

/** The order of the bytes of a number. `network` is `big`; `native` is that of this machine. */
export type ByteOrder = "little" | "big" | "network" | "native";

/** A {@linkcode ByteOrder}, also by its short name: `le` is `little`, `be` is `big`. */
export type ByteOrderName = ByteOrder | "le" | "be";

/** All encodings, by their first names. */
export const ENCODINGS: readonly Encoding[] = [
  "ascii",
  "latin1",
  "latin2",
  "latin9",
  "utf8",
  "utf16",
  "utf32",
  "windows1250",
  "windows1251",
  "windows1252",
  "hex",
  "base64",
];

/** All byte orders, by their first names. */
export const BYTE_ORDERS: readonly ByteOrder[] = ["little", "big", "network", "native"];

/** Bytes in any form that the platform has. */
export type BytesLike = Uint8Array | ArrayBufferLike | ArrayBufferView;
