// Floor 3: driver.

const BYTES = 15;
const LENGTH = 20;
const COUNT = 64;
const pool = new Uint8Array(BYTES * COUNT);
let ids = "";
let used = COUNT;

/** An id of 20 characters that can't be guessed: 15 bytes from the system's random source, as base64url. */
export function randomId(): string {
  if (used === COUNT) {
    // One call for many ids: each call into the system costs more than an id.
    crypto.getRandomValues(pool);
    ids = pool.toBase64({ alphabet: "base64url" });
    used = 0;
  }
  const start = LENGTH * used++;
  return ids.slice(start, start + LENGTH);
}
