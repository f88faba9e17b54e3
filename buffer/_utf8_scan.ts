// Floor 1: codec.

/** Non-fatal decoding is the engine's fast path: 2 to 7 times a fatal one on Deno 2.9. Strictness is checked beside it. */
export const LOOSE_DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

/** Below this many bytes the view of words costs more than it saves. */
const WORD_SCAN_BYTES = 128;
/** Below this many bytes a loop in JavaScript beats decoding by the engine. */
const NATIVE_DECODE_BYTES = 256;
/** The engine decodes at most so many bytes at once, so that the text that is thrown away stays small. */
const PIECE_BYTES = 4096;
const NON_ASCII_WORD = 0x80808080;

/**
 * Returns the index of a byte before which all are ASCII: that of the first other one, or up to 32 less.
 * Looks at eight words at a time; a short run it leaves to the caller.
 */
export function skipAscii(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < WORD_SCAN_BYTES) return start;
  const first = (bytes.byteOffset + start + 3) & ~3;
  const words = new Uint32Array(bytes.buffer, first, (bytes.byteOffset + end - first) >> 2);
  const aligned = first - bytes.byteOffset;
  for (let i = start; i < aligned; i++) if (bytes[i] >= 0x80) return i;
  let w = 0;
  for (const last = words.length - 8; w <= last; w += 8) {
    const bits = words[w] | words[w + 1] | words[w + 2] | words[w + 3] | words[w + 4] |
      words[w + 5] | words[w + 6] | words[w + 7];
    if ((bits & NON_ASCII_WORD) !== 0) break;
  }
  return aligned + (w << 2);
}

/**
 * Returns the index of the first byte that is not part of a whole well-formed sequence: `end` if there is none,
 * otherwise the lead byte of a bad or cut-off sequence.
 */
export function scanUtf8(bytes: Uint8Array, start: number, end: number): number {
  let at = skipAscii(bytes, start, end);
  while (end - at > NATIVE_DECODE_BYTES) {
    let stop = Math.min(end, at + PIECE_BYTES);
    // Not inside a character. (Where a fourth continuation byte follows, the piece is bad anyway.)
    for (let k = 0; k < 3 && stop < end && (bytes[stop] & 0xc0) === 0x80; k++) stop--;
    if (LOOSE_DECODER.decode(bytes.subarray(at, stop)).includes("\ufffd")) {
      const bad = scanBySequence(bytes, at, stop);
      if (bad < stop) return bad;
    }
    at = skipAscii(bytes, stop, end);
  }
  return scanBySequence(bytes, at, end);
}

/** {@linkcode scanUtf8} by single sequences. Bounds of each byte: The Unicode Standard, table 3-7. */
function scanBySequence(bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  while (i < end) {
    const lead = bytes[i];
    if (lead < 0x80) {
      i++;
      continue;
    }
    if (lead < 0xe0) {
      if (lead < 0xc2 || i + 1 >= end || (bytes[i + 1] & 0xc0) !== 0x80) return i;
      i += 2;
      continue;
    }
    const second = i + 1 < end ? bytes[i + 1] : 0;
    if ((second & 0xc0) !== 0x80) return i;
    if (lead < 0xf0) {
      if (i + 2 >= end || (bytes[i + 2] & 0xc0) !== 0x80) return i;
      if ((lead === 0xe0 && second < 0xa0) || (lead === 0xed && second > 0x9f)) return i;
      i += 3;
      continue;
    }
    if (lead > 0xf4 || i + 3 >= end) return i;
    if ((bytes[i + 2] & 0xc0) !== 0x80 || (bytes[i + 3] & 0xc0) !== 0x80) return i;
    if ((lead === 0xf0 && second < 0x90) || (lead === 0xf4 && second > 0x8f)) return i;
    i += 4;
  }
  return end;
}

/** How many more bytes a sequence takes after its lead byte; -1 if no sequence starts so. */
export function continuationCount(lead: number): number {
  if (lead < 0x80) return 0;
  if (lead < 0xc2) return -1;
  if (lead < 0xe0) return 1;
  if (lead < 0xf0) return 2;
  return lead <= 0xf4 ? 3 : -1;
}

/** Whether `second` may follow `lead`. The Unicode Standard, table 3-7. */
function isSecondByte(lead: number, second: number): boolean {
  const lower = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const upper = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  return second >= lower && second <= upper;
}

/** Whether the bytes from `at` to `end` start a sequence that more bytes can complete. */
export function isCutOff(bytes: Uint8Array, at: number, end: number): boolean {
  const wanted = continuationCount(bytes[at]);
  const have = end - at - 1;
  if (wanted <= have) return false;
  if (have >= 1 && !isSecondByte(bytes[at], bytes[at + 1])) return false;
  return have < 2 || (bytes[at + 2] & 0xc0) === 0x80;
}
