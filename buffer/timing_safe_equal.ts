// Floor 1: codec.

const ENCODER = new TextEncoder();

/**
 * Whether two secrets are the same, in a time that tells nothing of where they differ: for passwords, tokens and signatures that a
 * peer may try again and again. With `===` it could find them byte by byte from how long the answer takes.
 *
 * Their lengths may show. Text counts as UTF-8.
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
  const left = typeof a === "string" ? ENCODER.encode(a) : a;
  const right = typeof b === "string" ? ENCODER.encode(b) : b;
  let difference = left.length ^ right.length;
  // Every byte of the first is looked at, whatever the second is.
  for (let i = 0; i < left.length; i++) difference |= left[i] ^ (right[i % right.length] ?? 0);
  return difference === 0;
}
