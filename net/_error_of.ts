// Floor 0: vocabulary.

/** What was thrown, as an error: programs throw anything, and not everything can be made a text. */
export function errorOf(thrown: unknown): Error {
  try {
    return thrown instanceof Error ? thrown : new Error(String(thrown));
  } catch {
    return new Error("what was thrown has no text");
  }
}
