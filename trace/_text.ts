// Floor 1: codec.
import { tryDecodeUtf8 } from "../buffer/utf8.ts";

/**
 * What may not reach a terminal or a page as it is: control characters (escape sequences begin with one), and those that turn
 * the direction of text round or can't be seen.
 */
// deno-lint-ignore no-control-regex
const UNSAFE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

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

function showDecoded(text: string): string {
  return escapeText(text.replaceAll("\r\n", "\n"));
}

/** How many bytes the character takes that begins with `first`; 0 if none does. */
function sequenceLength(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 3;
  return first < 0xf5 ? 4 : 0;
}

/** Bytes that are not all UTF-8: what is not is written as `\xff`. */
function decodeMixed(bytes: Uint8Array): string {
  let text = "";
  let good = 0;
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes[at]);
    const part = bytes.subarray(at, at + length);
    if (length === 1 || (length > 1 && part.length === length && tryDecodeUtf8(part))) {
      at += length;
      continue;
    }
    text += showDecoded(tryDecodeUtf8(bytes.subarray(good, at))!);
    text += `\\x${bytes[at].toString(16).padStart(2, "0")}`;
    good = ++at;
  }
  return text + showDecoded(tryDecodeUtf8(bytes.subarray(good))!);
}

/** Shows bytes as text that is safe for a terminal. Line ends (CR LF and LF) become LF. */
export function showText(bytes: Uint8Array): string {
  const text = tryDecodeUtf8(bytes);
  return text === undefined ? decodeMixed(bytes) : showDecoded(text);
}

/** Like {@linkcode showText}, in lines. An empty last line is left out. */
export function textLines(bytes: Uint8Array): string[] {
  const lines = showText(bytes).split("\n");
  if (lines.length > 1 && lines.at(-1) === "") lines.pop();
  return lines;
}
