// Floor 1: codec.
import { formatIp, type IpAddress, parseAnyIp } from "./ip.ts";

/** A host as {@linkcode parseHost} understands it: an address, or a name. */
export interface ParsedHost {
  /** The address, when the host is one in any of its spellings. */
  readonly ip?: IpAddress;
  /** The canonical text: the address (IPv6 without brackets), or the name in lower case, ASCII form, without a final dot. */
  readonly hostname: string;
  /** Whether the name had a final dot: it is complete, and no search domain is to be tried. */
  readonly absolute: boolean;
}

/** The longest host name, in bytes: what SOCKS5 can carry (RFC 1928 §5); DNS itself stops at 253. */
export const MAX_HOST_BYTES = 255;

// What a name never holds: controls, spaces, and the characters that separate parts of a URL.
// deno-lint-ignore no-control-regex
const FORBIDDEN = /[\x00-\x20\x7f#%/:<>?@[\\\]^|"`{}]/;

/**
 * Takes a host apart: an IP address in any spelling, or a name. Names become lower case and ASCII (IDNA); what remains
 * of a name that ends in a number must be a valid address, so no spelling of one passes for a name.
 *
 * @throws {TypeError} When it is empty, longer than {@linkcode MAX_HOST_BYTES}, or holds a NUL, a line break, a space, `%` or another
 * character that no host name has.
 *
 * @example
 * ```ts
 * import { parseHost } from "@sluice/sockets/net";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(parseHost("EXAMPLE.com.").hostname, "example.com");
 * assertEquals(parseHost("0x7f.1").hostname, "127.0.0.1");
 * assertThrows(() => parseHost("good.example\0.evil.example"), TypeError);
 * ```
 */
export function parseHost(host: string): ParsedHost {
  if (typeof host !== "string") {
    throw new TypeError(`Cannot use host ${String(host)}: it must be a string`);
  }
  const ip = parseAnyIp(host);
  if (ip !== undefined) return { ip, hostname: formatIp(ip), absolute: true };
  const fail = (why: string): never => {
    throw new TypeError(`Cannot use host ${show(host)}: ${why}`);
  };
  if (host === "" || host === ".") fail("it is empty");
  if (host.length > MAX_HOST_BYTES) fail(`it is longer than ${MAX_HOST_BYTES} bytes`);
  let name = host;
  // deno-lint-ignore no-control-regex
  if (/[^\x00-\x7f]/.test(name)) {
    if (FORBIDDEN.test(name)) fail("it holds a character that no host name has");
    try {
      name = new URL(`http://${name}`).hostname;
    } catch {
      fail("it is not a valid international name");
    }
    if (name.length > MAX_HOST_BYTES) fail(`it is longer than ${MAX_HOST_BYTES} bytes`);
    // The full stops of other scripts, and what is left out altogether.
    if (name === "" || name === ".") fail("it is empty");
    const folded = parseAnyIp(name);
    if (folded !== undefined) return { ip: folded, hostname: formatIp(folded), absolute: true };
  }
  if (FORBIDDEN.test(name)) fail("it holds a character that no host name has");
  const absolute = name.endsWith(".");
  if (absolute) name = name.slice(0, -1);
  if (name.startsWith(".") || name.endsWith(".") || name.includes("..")) fail("a label is empty");
  // A name whose last label is a number would be taken for an address by some resolvers (WHATWG URL, 3.5).
  if (/(^|\.)(\d+|0[xX][0-9a-fA-F]*)$/.test(name)) fail("it is not a valid IP address");
  return { hostname: name.toLowerCase(), absolute };
}

// What JSON leaves as it is: further controls, and marks that turn text round.
const GARBLING = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Escapes what would garble a message, and cuts what would fill it. */
function show(host: string): string {
  const text = JSON.stringify(host.length > 80 ? `${host.slice(0, 77)}...` : host);
  return text.replace(
    GARBLING,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * Checks a port number.
 *
 * @throws {RangeError} `ERR_SOCKET_BAD_PORT` when it is not an integer from `lowest` to 65535.
 *
 * @example
 * ```ts
 * import { checkPort } from "@sluice/sockets/net";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(checkPort(443), 443);
 * assertEquals(checkPort(0, 0), 0); // any free one, where one listens
 * assertThrows(() => checkPort(65_536), RangeError);
 * ```
 */
export function checkPort(port: number, lowest = 1): number {
  if (!Number.isInteger(port) || port < lowest || port > 65535) {
    const given = typeof port === "number" ? port : `${typeof port} "${port}"`;
    const message = `Cannot use port ${given}: it is not an integer from ${lowest} to 65535`;
    throw Object.assign(new RangeError(message), { code: "ERR_SOCKET_BAD_PORT" });
  }
  return port;
}
