// Floor 0: vocabulary.

/**
 * What was thrown, as an error that has a text: programs throw anything, and not everything can be made a text. An `Error` comes
 * back as it is. It never throws.
 *
 * @example
 * ```ts
 * import { errorOf } from "@sluice/sockets/net";
 * import { assertEquals, assertStrictEquals } from "@std/assert";
 *
 * const error = new RangeError("too much");
 * assertStrictEquals(errorOf(error), error);
 * assertEquals(errorOf("too much").message, "too much");
 * // String() would throw.
 * assertEquals(errorOf(Object.create(null)).message, "what was thrown has no text");
 * ```
 */
export function errorOf(thrown: unknown): Error {
  try {
    if (!(thrown instanceof Error)) return new Error(String(thrown));
    if (typeof thrown.message === "string") return thrown;
  } catch {
    // Not even its text can be asked for.
  }
  return new Error("what was thrown has no text", { cause: thrown });
}
