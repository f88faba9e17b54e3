// Floor 0: vocabulary.

/** Whether a value is a promise, or what another library or realm has for one. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

/**
 * Whether a value is a promise, of this realm or another one. What a callback returns that is not waited for may have a `then` and be none:
 * queries of databases and requests begin their work, a second time, when it is called.
 */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== "object" || value === null) return false;
  return value instanceof Promise || Object.prototype.toString.call(value) === "[object Promise]";
}

/** Calls `failed` when what a callback returned goes on by itself, and is rejected: nobody else would hear of it. */
export function onRejection(result: unknown, failed: (error: unknown) => void): void {
  if (isPromise(result)) Promise.resolve(result).catch(failed);
}
