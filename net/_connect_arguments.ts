// Floor 0: vocabulary.
import type { ConnectOptions } from "./connect_options.ts";

/** A `TypeError` with Node's `code`. */
export function codedTypeError(code: string, message: string): TypeError {
  return Object.assign(new TypeError(message), { code });
}

/** A `RangeError` with Node's `code`. */
export function codedRangeError(code: string, message: string): RangeError {
  return Object.assign(new RangeError(message), { code });
}

/** A port as a number, from a number or a numeric text. @throws {RangeError} `ERR_SOCKET_BAD_PORT`. */
export function checkPort(port: unknown, lowest = 0): number {
  const number = typeof port === "string" && /^\s*\d+\s*$/.test(port) ? Number(port) : port;
  if (
    typeof number !== "number" || !Number.isInteger(number) || number < lowest || number > 65_535
  ) {
    throw codedRangeError(
      "ERR_SOCKET_BAD_PORT",
      `Cannot use port ${String(port)}: it must be a whole number from ${lowest} to 65535`,
    );
  }
  return number;
}

/** A path that the system can take. @throws {TypeError} `ERR_INVALID_ARG_VALUE`. */
export function checkPath(path: string): string {
  if (path === "" || path.includes("\0")) {
    throw codedTypeError(
      "ERR_INVALID_ARG_VALUE",
      "Cannot use the path: it is empty or holds a NUL character",
    );
  }
  return path;
}

/** Takes `(options | port [, host] | path [, listener])` apart, as Node's `connect` and Luvit's do. */
export function connectArguments(
  args: readonly unknown[],
): { options: ConnectOptions; listener?: () => void } {
  const rest = [...args];
  const last = rest.at(-1);
  const listener = typeof last === "function" ? rest.pop() as () => void : undefined;
  const [first, second] = rest;
  if (typeof first === "object" && first !== null) {
    return { options: first as ConnectOptions, listener };
  }
  if (typeof first === "string" && !/^\s*\d+\s*$/.test(first)) {
    return { options: { path: first }, listener };
  }
  if (first === undefined) {
    throw codedTypeError(
      "ERR_MISSING_ARGS",
      'Cannot connect: "port" or "path" must be given',
    );
  }
  return { options: { port: checkPort(first), host: second as string | undefined }, listener };
}
