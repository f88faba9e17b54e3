import { parseArgs, type ParseArgsConfig } from "node:util";

/**
 * What `read` makes of the command line. `--help` shows `usage` and ends the program with 0; what is wrong is told in a
 * line, with the usage below it, and ends it with 2.
 */
export function readArguments<const T extends ParseArgsConfig, R>(
  usage: string,
  config: T,
  read: (parsed: ReturnType<typeof parseArgs<T>>) => R,
): R {
  const args = config.args ?? Deno.args;
  const end = args.indexOf("--");
  const options = end < 0 ? args : args.slice(0, end);
  if (options.includes("--help") || options.includes("-h")) {
    console.log(usage);
    Deno.exit(0);
  }
  try {
    return read(parseArgs(config));
  } catch (error) {
    console.error(`${(error as Error).message.replaceAll(/\s+/g, " ")}\n\n${usage}`);
    Deno.exit(2);
  }
}

/** The port that an option gives. */
export function portNumber(name: string, text: string): number {
  return wholeNumber(name, text, 0, 65_535);
}

/**
 * A whole number from the command line. `name` is that of the option, as it is typed.
 *
 * @throws RangeError that names the option and the range
 */
export function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isInteger(value) && value >= least && value <= most) {
    return value;
  }
  throw new RangeError(
    `${name} must be a whole number from ${least} to ${most}, not "${text}"`,
  );
}

/** A host as URLs have it. */
export function inUrl(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/**
 * Where this machine finds what listens on `host`. 0.0.0.0 and :: mean all of its addresses, and are none that one can
 * go to.
 */
export function findable(host: string): string {
  return host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
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
