// Floor 1: codec.
import { tryDecodeUtf8 } from "../buffer/utf8.ts";

/**
 * What may not reach a terminal or a page as it is: control characters (escape sequences begin with one), and those that turn
 * the direction of text round or can't be seen. Line feeds and tabs may.
 */
const UNSAFE =
  // deno-lint-ignore no-control-regex
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

function escapeCharacter(char: string): string {
  const code = char.charCodeAt(0);
  if (code === 13) return "\\r";
  if (code === 0) return "\\0";
  return code < 256
    ? `\\x${code.toString(16).padStart(2, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** Makes text safe to show: what could steer a terminal is written as `\x1b`, line feeds and tabs stay. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, escapeCharacter);
}

/** What each byte is shown as where it stands for itself: as ASCII, or as a number. */
const SHOWN = Array.from({ length: 256 }, (_, byte) => {
  const char = String.fromCharCode(byte);
  return byte < 0x80 ? escapeText(char) : escapeCharacter(char);
});

const CR = 13;
const LF = 10;

/** The code point of the character at `at` of more than one byte (RFC 3629 §4), or -1. */
function codePointAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  const size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (size === 0 || at + size > bytes.length) return -1;
  let point = first & (0xff >> (size + 1));
  for (let i = 1; i < size; i++) {
    if ((bytes[at + i] & 0xc0) !== 0x80) return -1;
    point = point << 6 | bytes[at + i] & 0x3f;
  }
  const least = size === 3 ? 0x800 : size === 4 ? 0x10000 : 0;
  const surrogate = point >= 0xd800 && point < 0xe000;
  return point < least || point > 0x10ffff || surrogate ? -1 : point;
}

/** Byte by byte, for what is not all text: what is no UTF-8 is written as `\xff`. */
function showMixed(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === CR && bytes[at + 1] === LF) continue;
    const point = byte < 0x80 ? -1 : codePointAt(bytes, at);
    if (point < 0) {
      text += SHOWN[byte];
      continue;
    }
    text += escapeText(String.fromCodePoint(point));
    at += point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  }
  return text;
}

/** Shows bytes as text that is safe for a terminal. Line ends (CR LF and LF) become LF. */
export function showText(bytes: Uint8Array): string {
  const text = tryDecodeUtf8(bytes)?.replaceAll("\r\n", "\n");
  return text === undefined || text.search(UNSAFE) >= 0 ? showMixed(bytes) : text;
}

/** Like {@linkcode showText}, in lines. An empty last line is left out. */
export function textLines(bytes: Uint8Array): string[] {
  const lines = showText(bytes).split("\n");
  if (lines.length > 1 && lines.at(-1) === "") lines.pop();
  return lines;
}
