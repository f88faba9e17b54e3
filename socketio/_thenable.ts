// Floor 0: vocabulary.

/** Whether a value is a promise, or what another library or realm has for one. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

/** Calls `failed` when what a callback returned goes on by itself, and is rejected: nobody else would hear of it. */
export function onRejection(result: unknown, failed: (error: unknown) => void): void {
  if (isThenable(result)) Promise.resolve(result).catch(failed);
}
