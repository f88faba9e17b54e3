// Floor 1: codec.

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
/** From this length on a view of words pays for itself, in bytes. */
const WORDS_FROM = 48;

/** The words of the buffer that was masked last: with many frames in one slab, the view is made once. */
let lastBuffer: ArrayBufferLike | undefined;
let lastWords: Int32Array = new Int32Array(0);

function wordsOf(buffer: ArrayBufferLike): Int32Array {
  if (buffer !== lastBuffer) {
    lastBuffer = buffer;
    lastWords = new Int32Array(buffer, 0, buffer.byteLength >> 2);
  }
  return lastWords;
}

/**
 * Turns a masking key around, so that the payload byte number `by` (of those that it has passed) comes first again.
 *
 * @example
 * ```ts
 * import { applyMask, rotateMaskKey } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * // The masked "Hello" of RFC 6455 §5.7, in two pieces.
 * const bytes = new Uint8Array([0x7f, 0x9f, 0x4d, 0x51, 0x58]);
 * applyMask(bytes, 0x3d21fa37, 0, 3);
 * applyMask(bytes, rotateMaskKey(0x3d21fa37, 3), 3);
 * assertEquals(new TextDecoder().decode(bytes), "Hello");
 * ```
 */
export function rotateMaskKey(key: number, by: number): number {
  const bits = (by & 3) << 3;
  return bits === 0 ? key : (key >>> bits) | (key << (32 - bits));
}

/**
 * Masks or unmasks `bytes` from `start` up to `end` in place (RFC 6455 §5.3), four bytes at a time where it can.
 *
 * `key` is the masking key as a little-endian 32-bit word: the byte that comes first on the wire is the lowest.
 *
 * @returns All bytes of the result ORed together (above bit 7 is noise): `(result & 0x80) === 0` means that the result is ASCII.
 *
 * @example
 * ```ts
 * import { applyMask } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * // The masked "Hello" of RFC 6455 §5.7.
 * const bytes = new Uint8Array([0x7f, 0x9f, 0x4d, 0x51, 0x58]);
 * applyMask(bytes, 0x3d21fa37);
 * assertEquals(new TextDecoder().decode(bytes), "Hello");
 * ```
 */
export function applyMask(
  bytes: Uint8Array,
  key: number,
  start: number = 0,
  end: number = bytes.length,
): number {
  let bits = 0;
  let i = start;
  let k = key;
  if (end - start >= WORDS_FROM && LITTLE_ENDIAN) {
    const offset = bytes.byteOffset;
    while (((offset + i) & 3) !== 0) {
      bits |= bytes[i] ^= k;
      k = (k >>> 8) | (k << 24);
      i++;
    }
    const words = wordsOf(bytes.buffer);
    let w = (offset + i) >> 2;
    const last = (offset + end) >> 2;
    i += (last - w) << 2;
    let wide = 0;
    for (const unrolled = last - 3; w < unrolled; w += 4) {
      wide |= (words[w] ^= k) | (words[w + 1] ^= k) | (words[w + 2] ^= k) | (words[w + 3] ^= k);
    }
    for (; w < last; w++) wide |= words[w] ^= k;
    bits |= wide | (wide >>> 8) | (wide >>> 16) | (wide >>> 24);
  }
  for (; i < end; i++) {
    bits |= bytes[i] ^= k;
    k = (k >>> 8) | (k << 24);
  }
  return bits & 0xff;
}
