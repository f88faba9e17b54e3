// Floor 0: vocabulary.

/** The longest time that a timer waits, in ms: some 24.8 days. Asked for more, it fires at once. */
export const MAX_DELAY = 2_147_483_647;

/**
 * Whether this is a time that can be waited: from 0 to {@linkcode MAX_DELAY} ms, or `Infinity` for no limit.
 *
 * @example
 * ```ts
 * import { isDelay, MAX_DELAY } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([0, MAX_DELAY, Infinity].map(isDelay), [true, true, true]);
 * assertEquals([-1, NaN, MAX_DELAY + 1].map(isDelay), [false, false, false]);
 * ```
 */
export function isDelay(ms: number): boolean {
  return typeof ms === "number" && ((ms >= 0 && ms <= MAX_DELAY) || ms === Infinity);
}
