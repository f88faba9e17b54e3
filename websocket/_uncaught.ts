// Floor 3: driver.
import { errorOf } from "../net/error_of.ts";
import { WebSocketError } from "./errors.ts";

/**
 * Tells the console what a callback of the program threw, where nobody else would hear of it. What a connection's own end throws in a
 * callback, as a `send` to a peer that has left, is no fault of the program's, and peers could fill the console with it.
 */
export function reportUncaught(where: string, error: unknown): void {
  try {
    if (!(error instanceof WebSocketError)) console.error(`Uncaught error in ${where}:`, error);
  } catch (thrown) {
    // Not everything that can be thrown can be shown, nor has what is thrown then to be.
    console.error(`Uncaught error in ${where}:`, errorOf(thrown).message);
  }
}

/** Shows on the console what was thrown, or why it can't be shown. */
export function showThrown(error: unknown): void {
  try {
    console.error(error);
  } catch (thrown) {
    console.error(errorOf(thrown).message);
  }
}
