// Floor 3: driver.
import { lookup as systemLookup } from "node:dns/promises";
import { foreignText } from "./_foreign_text.ts";
import { errorOf } from "./error_of.ts";
import { NetError, type NetErrorCode } from "./errors.ts";
import { parseHost } from "./host.ts";
import { parseIp } from "./ip.ts";
import type { HostLookup, LookupHostOptions } from "./lookup_options.ts";
import { toNetError } from "./os_error.ts";
import { abortError, isBounded, waitFor } from "./wait.ts";

/**
 * Finds the addresses of a host as the system does (hosts file and DNS), best first. An address, in any spelling, comes
 * back as it is, in its canonical form.
 *
 * @throws {TypeError} When the host is malformed, or the family or the signal is none.
 * @throws {RangeError} For a timeout out of range.
 * @throws {NetError} `ENOTFOUND`, `EAI_AGAIN` when no name server answers, `ETIMEDOUT`, `ABORT_ERR`; `EPERM` without permission.
 *
 * @example
 * ```ts
 * import { lookupHost } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await lookupHost("0x7f.1"), ["127.0.0.1"]);
 * ```
 */
export async function lookupHost(
  hostname: string,
  options: LookupHostOptions = {},
): Promise<string[]> {
  return await lookupWith(systemHostLookup, hostname, options);
}

/**
 * {@linkcode lookupHost} by a lookup of the caller's own.
 *
 * @example
 * ```ts
 * import { lookupWith } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const lookup = (name: string) => Promise.resolve(name === "db.internal" ? ["10.0.0.7"] : []);
 * assertEquals(await lookupWith(lookup, "DB.internal", {}), ["10.0.0.7"]);
 * ```
 */
export async function lookupWith(
  lookup: HostLookup,
  hostname: string,
  options: LookupHostOptions,
): Promise<string[]> {
  const { family = 0, signal } = options;
  const what = `look up "${hostname}"`;
  const host = parseHost(hostname);
  if (typeof lookup !== "function") {
    throw new TypeError(`Cannot ${what}: the lookup must be a function`);
  }
  if (family !== 0 && family !== 4 && family !== 6) {
    throw new TypeError(`Cannot ${what}: the family ${String(family)} is not 0, 4 or 6`);
  }
  isBounded(what, options); // throws
  if (signal?.aborted) throw abortError(what, signal);
  if (host.ip !== undefined) {
    if (family === 0 || family === host.ip.family) return [host.hostname];
    throw notFound(hostname, `it is no IPv${family} address`);
  }
  // The hosts file, where localhost is, knows no final dots.
  const local = /(^|\.)localhost$/.test(host.hostname);
  const name = host.absolute && !local ? `${host.hostname}.` : host.hostname;
  const found = await waitFor(ask(lookup, name, options), what, options);
  if (!Array.isArray(found)) throw notFound(hostname, "the lookup gave no list");
  for (const address of found) {
    if (typeof address !== "string" || parseIp(address) === undefined) {
      const shown = typeof address === "string" ? JSON.stringify(address) : typeof address;
      throw notFound(hostname, `the lookup gave what is no IP address: ${shown}`);
    }
  }
  const addresses = found.filter((address) =>
    family === 0 || (address.includes(":") ? 6 : 4) === family
  );
  if (addresses.length === 0) throw notFound(hostname, "it has no address");
  return addresses;
}

/** Asks a lookup, which may be somebody's own; its errors get a code. */
async function ask(
  lookup: HostLookup,
  hostname: string,
  options: LookupHostOptions,
): Promise<readonly string[]> {
  try {
    return await lookup(hostname, options);
  } catch (error) {
    const known = toNetError(error, { syscall: "getaddrinfo", address: hostname });
    const vague = known.code === "EIO" || known.code === "ENOENT";
    throw vague ? notFound(hostname, errorOf(error).message, error) : known;
  }
}

/**
 * The lookup of the operating system.
 *
 * @example
 * ```ts
 * import { lookupWith, systemHostLookup } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await lookupWith(systemHostLookup, "localhost", { family: 4 }), ["127.0.0.1"]);
 * ```
 */
export const systemHostLookup: HostLookup = async (hostname, options): Promise<string[]> => {
  try {
    const found = await systemLookup(hostname, {
      all: true,
      family: options.family ?? 0,
      verbatim: true,
    });
    return found.map(({ address }) => address);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === "EPERM") {
      throw new NetError(`Cannot look up "${hostname}": it needs --allow-net`, {
        code: "EPERM",
        syscall: "getaddrinfo",
        address: hostname,
        cause: error,
      });
    }
    const later = code === "EAI_AGAIN" ? code : undefined;
    throw notFound(hostname, code ?? message, error, later);
  }
};

function notFound(
  hostname: string,
  why: string,
  cause?: unknown,
  code: NetErrorCode = "ENOTFOUND",
): NetError {
  return new NetError(`Cannot look up "${hostname}": ${foreignText(why)}`, {
    code,
    syscall: "getaddrinfo",
    address: hostname,
    cause,
  });
}
