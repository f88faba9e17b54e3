// Floor 0: vocabulary.

/** Whether a value is a promise, or what another library or realm has for one. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
