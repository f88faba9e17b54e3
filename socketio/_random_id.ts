// Floor 3: driver.

const BYTES = 15;
const pool = new Uint8Array(BYTES * 256);
let used = pool.length;

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** An id of 20 characters that can't be guessed: 15 bytes from the system's random source, as base64url. */
export function randomId(): string {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  const start = used;
  used += BYTES;
  let id = "";
  for (let at = start; at < used; at += 3) {
    const bits = pool[at] << 16 | pool[at + 1] << 8 | pool[at + 2];
    id += ALPHABET[bits >> 18] + ALPHABET[bits >> 12 & 63] + ALPHABET[bits >> 6 & 63] +
      ALPHABET[bits & 63];
  }
  pool.fill(0, start, used);
  return id;
}
