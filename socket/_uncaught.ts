// Floor 3: driver.
import { errorOf } from "../net/error_of.ts";

/** Says on the console what a handler threw that hears of errors itself. */
export function reportUncaught(where: string, error: unknown): void {
  try {
    console.error(`Uncaught error in ${where}:`, error);
  } catch (thrown) {
    // Not everything that can be thrown can be shown, nor has what is thrown then to be.
    console.error(`Uncaught error in ${where}:`, errorOf(thrown).message);
  }
}
