// Floor 1: codec.

const ENCODER = new TextEncoder();

/**
 * Whether two secrets are the same, in a time that tells nothing of where they differ: for passwords, tokens and signatures that a
 * peer may try again and again. With `===` it could find them byte by byte from how long the answer takes.
 *
 * Their lengths may show. Text counts as UTF-8.
 *
 * @throws {TypeError} for what is neither text nor a Uint8Array.
 *
 * @example
 * ```ts
 * import { timingSafeEqual } from "@sluice/sockets/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(timingSafeEqual("secret", "secret"), true);
 * assertEquals(timingSafeEqual("secret", new Uint8Array([1, 2, 3])), false);
 * ```
 */
export function timingSafeEqual(a: string | Uint8Array, b: string | Uint8Array): boolean {
  const left = secretBytes(a);
  const right = secretBytes(b);
  let difference = left.length ^ right.length;
  // Every byte of the first is looked at, whatever the second is.
  for (let i = 0; i < left.length; i++) difference |= left[i] ^ (right[i % right.length] ?? 0);
  return difference === 0;
}

/** What has no bytes to go through, like an ArrayBuffer or a number, would equal anything of its kind. */
function secretBytes(secret: string | Uint8Array): Uint8Array {
  if (typeof secret === "string") return ENCODER.encode(secret);
  if (secret instanceof Uint8Array) return secret;
  throw new TypeError("Cannot compare secrets: one is neither a text nor a Uint8Array");
}
