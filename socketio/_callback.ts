// Floor 3: driver.
import { errorOf } from "../net/error_of.ts";
import { onRejection } from "./_thenable.ts";

/**
 * Where an error goes that a user's callback threw and that belongs to no connection: to the console, as `Deno.serve`
 * does with those of its handlers. It never ends the process.
 */
export function reportCallbackError(error: unknown): void {
  try {
    console.error(error);
  } catch (thrown) {
    // Not everything that can be thrown can be shown, nor has what is thrown then to be.
    console.error(errorOf(thrown).message);
  }
}

/** @throws {TypeError} For a middleware that is none: no client would be let in any more. */
export function checkMiddleware(middleware: unknown): void {
  if (typeof middleware !== "function") {
    throw new TypeError("Cannot use the middleware: it is not a function");
  }
}

/** Wraps a user's callback, so that what it throws, or rejects with, does not reach those who call it. */
export function guardCallback<A extends unknown[]>(
  callback: (...args: A) => unknown,
): (...args: A) => void {
  return (...args) => {
    try {
      reportRejection(callback(...args));
    } catch (error) {
      reportCallbackError(error);
    }
  };
}

/** Takes what a call returned that goes on by itself: if it is rejected, nobody else would hear of it. */
export function reportRejection(result: unknown): void {
  onRejection(result, reportCallbackError);
}
