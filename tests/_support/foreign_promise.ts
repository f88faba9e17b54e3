import { runInNewContext } from "node:vm";

/** A promise that is none of this realm, rejected with `error`. If nobody listens to it, a test fails, as with any other. */
export function foreignRejection(error: unknown): Promise<never> {
  return runInNewContext("Promise.reject(error)", { error });
}

/** A promise that is none of this realm, fulfilled with `value`. */
export function foreignPromise<T>(value: T): Promise<T> {
  return runInNewContext("Promise.resolve(value)", { value });
}
