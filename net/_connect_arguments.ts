// Floor 1: codec.
import type { ConnectOptions } from "./connect_options.ts";
import { parseIp } from "./ip.ts";
import { MAX_DELAY } from "./max_delay.ts";
import { checkOptionSpelling } from "./option_names.ts";
import { parseProxyUrl, ProxyUrl } from "./proxy_url.ts";
import type { SocketOptions } from "./socket_options.ts";

/** A `TypeError` with Node's `code`. */
export function codedTypeError(code: string, message: string): TypeError {
  return Object.assign(new TypeError(message), { code });
}

/** A `RangeError` with Node's `code`. */
export function codedRangeError(code: string, message: string): RangeError {
  return Object.assign(new RangeError(message), { code });
}

/** Whether a value is a path, where a port may be, too. As in Node blank text is none, and neither is any notation of a number. */
export function isPath(value: unknown): value is string {
  return typeof value === "string" && !(Number(value) >= 0);
}

/** Whether a value is text that stands for a number. */
function isNumeric(value: unknown): value is string {
  return typeof value === "string" && /^\s*\d+\s*$/.test(value);
}

/** A port as a number, from a number or a numeric text. @throws {RangeError} `ERR_SOCKET_BAD_PORT`. */
export function checkPort(port: unknown, lowest = 0): number {
  const number = isNumeric(port) ? Number(port) : port;
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

/** A path that the system can take. @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`. */
export function checkPath(path: unknown): string {
  const text = checkText("path", path);
  if (text === "" || text.includes("\0")) {
    throw codedTypeError(
      "ERR_INVALID_ARG_VALUE",
      "Cannot use the path: it is empty or holds a NUL character",
    );
  }
  return text;
}

/** A value that must be text. @throws {TypeError} `ERR_INVALID_ARG_TYPE`. */
export function checkText(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw codedTypeError("ERR_INVALID_ARG_TYPE", `Cannot use "${name}": it must be a string`);
}

/**
 * A time in ms that a timer can take; 0 for none.
 *
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`.
 * @throws {RangeError} `ERR_OUT_OF_RANGE`.
 */
export function checkTimeout(ms: unknown, name = "the timeout"): number {
  if (typeof ms !== "number") {
    throw codedTypeError("ERR_INVALID_ARG_TYPE", `Cannot set ${name}: it must be a number`);
  }
  if (!(ms >= 0 && ms <= MAX_DELAY)) {
    throw codedRangeError("ERR_OUT_OF_RANGE", `Cannot set ${name}: ${ms} ms is out of range`);
  }
  return ms;
}

/**
 * A value that must be a signal, if there is one. As in Node also one of a polyfill's or of another realm, of no class that is known here.
 *
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`.
 */
export function checkSignal(signal: unknown): void {
  if (signal === undefined) return;
  if (typeof signal === "object" && signal !== null) {
    const { aborted, addEventListener } = signal as Partial<AbortSignal>;
    if (typeof aborted === "boolean" && typeof addEventListener === "function") return;
  }
  throw codedTypeError("ERR_INVALID_ARG_TYPE", 'Cannot use "signal": it must be an AbortSignal');
}

/** A delay of keep-alive probes, if there is one. @throws {TypeError} `ERR_INVALID_ARG_TYPE`. */
export function checkKeepAlive({ keepAliveInitialDelay: delay }: SocketOptions): void {
  if (delay === undefined || typeof delay === "number") return;
  throw codedTypeError(
    "ERR_INVALID_ARG_TYPE",
    'Cannot use "keepAliveInitialDelay": it must be a number',
  );
}

/**
 * Refuses options of Node's that nothing here can honour, unless they ask for nothing.
 *
 * @throws {TypeError} `ERR_INVALID_ARG_VALUE`.
 */
export function refuseOptions(
  options: object,
  names: readonly string[],
  instead: Readonly<Record<string, string>> = {},
): void {
  for (const name of names) {
    const value = (options as Record<string, unknown>)[name];
    if (value !== undefined && value !== null && value !== false) {
      const why = instead[name] ?? "it is not supported";
      throw codedTypeError("ERR_INVALID_ARG_VALUE", `Cannot use "${name}": ${why}`);
    }
  }
}

/** A family of addresses as a number, from its number or, as an address tells it, its name. @throws {TypeError} `ERR_INVALID_ARG_VALUE`. */
export function checkFamily(family: ConnectOptions["family"] = 0): 0 | 4 | 6 {
  if (family === "IPv4") return 4;
  if (family === "IPv6") return 6;
  if (family === 0 || family === 4 || family === 6) return family;
  throw codedTypeError(
    "ERR_INVALID_ARG_VALUE",
    `Cannot connect with family ${String(family)}: it is 0, 4 or 6, or "IPv4" or "IPv6"`,
  );
}

/** What a socket of Node's takes, or refuses, beside what is taken here. */
export const FOREIGN_SOCKET_OPTIONS: readonly string[] = [
  "fd",
  "handle",
  "onread",
  "objectMode",
  "readableObjectMode",
  "writableObjectMode",
];

/** What a socket of Node's takes beside it when it connects; on a server it means something else. */
export const FOREIGN_CONNECT_OPTIONS: readonly string[] = ["blockList"];

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
  if (isPath(first)) {
    return { options: { path: first }, listener };
  }
  const host = typeof second === "string" ? second : undefined;
  return { options: { port: first as number | undefined, host }, listener };
}

/** What every socket takes, also those that a server accepts. */
export const SOCKET_OPTIONS: Record<keyof Required<SocketOptions>, true> = {
  allowHalfOpen: true,
  highWaterMark: true,
  maxSendQueueBytes: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: true,
  limits: true,
};

const CONNECT_OPTIONS: Record<keyof Required<ConnectOptions>, true> = {
  ...SOCKET_OPTIONS,
  port: true,
  host: true,
  hostname: true,
  path: true,
  localAddress: true,
  localPort: true,
  family: true,
  connectTimeout: true,
  tls: true,
  proxy: true,
  proxyTls: true,
  policy: true,
  lookup: true,
  autoSelectFamily: true,
  autoSelectFamilyAttemptDelay: true,
  autoSelectFamilyAttemptTimeout: true,
  timeout: true,
  signal: true,
};

/** What of Node's options may be null there, and is as good as not given then. */
const NULLABLE = [
  "path",
  "host",
  "hostname",
  "localAddress",
  "localPort",
  "family",
  "lookup",
  "autoSelectFamily",
  "autoSelectFamilyAttemptTimeout",
  "timeout",
  "signal",
] as const;

/** What of them may be empty besides. */
const MAY_BE_EMPTY: readonly string[] = ["path", "host", "hostname", "localAddress"];

/** The options without what asks for nothing: as in Node null, and no text for an address or a path. */
function withoutBlanks(options: ConnectOptions): ConnectOptions {
  const rest = { ...options };
  for (const name of NULLABLE) {
    const value: unknown = rest[name];
    if (value === null || (value === "" && MAY_BE_EMPTY.includes(name))) delete rest[name];
  }
  return rest;
}

/** Checks how the addresses of a host are found and tried. */
function checkLookup(options: ConnectOptions): void {
  const { lookup, autoSelectFamily } = options;
  if (lookup !== undefined && typeof lookup !== "function") {
    throw codedTypeError("ERR_INVALID_ARG_TYPE", 'Cannot connect: "lookup" must be a function');
  }
  if (autoSelectFamily !== undefined && typeof autoSelectFamily !== "boolean") {
    throw codedTypeError(
      "ERR_INVALID_ARG_TYPE",
      'Cannot connect: "autoSelectFamily" must be a boolean',
    );
  }
  for (const name of ["autoSelectFamilyAttemptDelay", "autoSelectFamilyAttemptTimeout"] as const) {
    const delay = options[name];
    if (delay !== undefined && checkTimeout(delay, `"${name}"`) < 1) {
      throw codedRangeError(
        "ERR_OUT_OF_RANGE",
        `Cannot connect: "${name}" of ${delay} ms is out of range`,
      );
    }
  }
  // Only flags ask for something.
  if ((options as { hints?: unknown }).hints !== 0) refuseOptions(options, ["hints"]);
}

/**
 * Checks what `connect` was given; ports come back as numbers, and what is null or empty, as Node takes it for not given, not at all.
 *
 * @throws {RangeError} `ERR_SOCKET_BAD_PORT`, `ERR_OUT_OF_RANGE`.
 * @throws {TypeError} `ERR_MISSING_ARGS`, `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_INVALID_IP_ADDRESS`; a proxy that
 * is no URL of one.
 */
export function checkConnect(given: ConnectOptions): ConnectOptions {
  const options = withoutBlanks(given);
  const { path, port, host, hostname, localAddress, localPort } = options;
  refuseOptions(options, FOREIGN_SOCKET_OPTIONS);
  refuseOptions(options, FOREIGN_CONNECT_OPTIONS);
  checkOptionSpelling("Cannot connect", options, CONNECT_OPTIONS);
  if (options.connectTimeout !== undefined) {
    checkTimeout(options.connectTimeout, '"connectTimeout"');
  }
  if (options.timeout !== undefined) checkTimeout(options.timeout);
  checkLookup(options);
  checkSignal(options.signal);
  checkKeepAlive(options);
  if (path !== undefined) {
    for (const name of ["localAddress", "localPort", "lookup", "proxy", "proxyTls"] as const) {
      if (options[name] !== undefined) {
        throw codedTypeError("ERR_INVALID_ARG_VALUE", `Cannot use "${name}" with a socket file`);
      }
    }
    return { ...options, path: checkPath(path) };
  }
  if (port === undefined) {
    throw codedTypeError("ERR_MISSING_ARGS", 'Cannot connect: "port" or "path" must be given');
  }
  if (typeof port !== "number" && typeof port !== "string") {
    throw codedTypeError(
      "ERR_INVALID_ARG_TYPE",
      'Cannot connect: "port" must be a number or a string',
    );
  }
  if (host !== undefined) checkText("host", host);
  if (hostname !== undefined) checkText("hostname", hostname);
  if (
    localAddress !== undefined && parseIp(checkText("localAddress", localAddress)) === undefined
  ) {
    throw codedTypeError(
      "ERR_INVALID_IP_ADDRESS",
      `Cannot connect from ${JSON.stringify(localAddress)}: it is no IP address`,
    );
  }
  const { proxy = [] } = options;
  for (const each of Array.isArray(proxy) ? proxy : [proxy]) {
    if (!(each instanceof ProxyUrl)) parseProxyUrl(each);
  }
  return {
    ...options,
    port: checkPort(port, 1),
    family: checkFamily(options.family),
    localPort: localPort === undefined ? undefined : checkPort(localPort),
  };
}
