// Floor 1: codec.

/**
 * SHA-1 (RFC 3174) of ASCII text, in base64: what `Sec-WebSocket-Accept` is made of.
 *
 * It proves nothing but that the server has read the key, so that the weakness of SHA-1 does not matter. The platform's
 * own takes many times the memory of a connection for each call, and a promise.
 */
export function sha1Base64(text: string): string {
  const words = pad(text);
  hash.set(START);
  for (let at = 0; at < words.length; at += 16) block(hash, words, at);
  for (let i = 0; i < 20; i++) digest[i] = hash[i >> 2] >>> (24 - ((i & 3) << 3));
  return digest.toBase64();
}

const START = new Int32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]);
// What each call works in: nothing waits inside of one.
const hash = new Int32Array(5);
const schedule = new Int32Array(80);
const digest = new Uint8Array(20);
/** Room for a key and what is appended to it. */
const two = new Int32Array(32);

/** The text in blocks of 16 big-endian words, with the end mark and the length in bits. */
function pad(text: string): Int32Array {
  const { length } = text;
  const size = ((length + 8) >> 6) * 16 + 16;
  const words = size === two.length ? two.fill(0) : new Int32Array(size);
  for (let i = 0; i < length; i++) words[i >> 2] |= text.charCodeAt(i) << (24 - ((i & 3) << 3));
  words[length >> 2] |= 0x80 << (24 - ((length & 3) << 3));
  words[words.length - 1] = length << 3;
  return words;
}

function block(hash: Int32Array, words: Int32Array, at: number): void {
  const w = schedule;
  for (let t = 0; t < 80; t++) {
    if (t < 16) w[t] = words[at + t];
    else {
      const x = w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16];
      w[t] = x << 1 | x >>> 31;
    }
  }
  let a = hash[0];
  let b = hash[1];
  let c = hash[2];
  let d = hash[3];
  let e = hash[4];
  for (let t = 0; t < 80; t++) {
    const f = t < 20
      ? (b & c) | (~b & d)
      : t >= 40 && t < 60
      ? (b & c) | (b & d) | (c & d)
      : b ^ c ^ d;
    const k = t < 20 ? 0x5a827999 : t < 40 ? 0x6ed9eba1 : t < 60 ? 0x8f1bbcdc : 0xca62c1d6;
    const sum = ((a << 5 | a >>> 27) + f + e + w[t] + k) | 0;
    e = d;
    d = c;
    c = b << 30 | b >>> 2;
    b = a;
    a = sum;
  }
  hash[0] += a;
  hash[1] += b;
  hash[2] += c;
  hash[3] += d;
  hash[4] += e;
}
