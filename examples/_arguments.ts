/**
 * A whole number from the command line.
 *
 * @throws RangeError that names the option and the range
 */
export function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isInteger(value) && value >= least && value <= most) {
    return value;
  }
  throw new RangeError(
    `--${name} must be a whole number from ${least} to ${most}, not "${text}"`,
  );
}

/** What `read` gives; what it throws is said without a stack trace, and ends the program. */
export function orExit<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(1);
  }
}
