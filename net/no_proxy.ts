// Floor 1: codec.
import { parseHost } from "./host.ts";
import { ipInBlock, parseAnyIp, parseIpBlock } from "./ip.ts";

/**
 * Whether a list as `NO_PROXY` holds it names a host. Its entries, between commas or spaces, are:
 * - `*`: every host
 * - `example.org`, `.example.org` or `*.example.org`: that name, and every name below it
 * - `192.0.2.1`, `2001:db8::1`: that address, in any of its spellings; `::ffff:192.0.2.1` is one of the first
 * - `10.0.0.0/8`, `fc00::/7`: a block of addresses. Names are not resolved to compare them.
 * - any of the names and addresses, and `*`, with `:port`: on that port only; IPv6 then in brackets
 *
 * Entries that are none of these name nobody.
 *
 * @throws {TypeError} when `hostname` is no valid host
 *
 * @example
 * ```ts
 * import { matchesNoProxy } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(matchesNoProxy("localhost,.corp.example,10.0.0.0/8", "www.corp.example", 443), true);
 * assertEquals(matchesNoProxy("localhost,.corp.example,10.0.0.0/8", "corp.example.org", 443), false);
 * ```
 */
export function matchesNoProxy(list: string, hostname: string, port: number): boolean {
  const host = parseHost(hostname);
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === "") return false;
    const block = entry.includes("/") ? parseIpBlock(entry) : undefined;
    if (block !== undefined) return host.ip !== undefined && ipInBlock(host.ip, block);
    const [name, only] = splitPort(entry);
    if (only !== undefined && only !== port) return false;
    if (name === "*") return true;
    const ip = parseAnyIp(name);
    if (ip !== undefined) {
      // As a block, which a v4-mapped host is in by the IPv4 address that it is.
      return host.ip !== undefined && host.ip.zone === ip.zone &&
        ipInBlock(host.ip, { address: ip, prefix: 8 * ip.bytes.length });
    }
    if (host.ip !== undefined) return false;
    const domain = canonical(name.replace(/^\*?\./, ""));
    return host.hostname === domain || host.hostname.endsWith(`.${domain}`);
  });
}

/** A name as hosts are compared; what can be none stays, and is no host's ending. */
function canonical(name: string): string {
  try {
    return parseHost(name).hostname;
  } catch {
    return name;
  }
}

/** The entry without its port, and the port. */
function splitPort(entry: string): [string, number | undefined] {
  const match = /^(\[[^\]]*\]|[^:]*):(\d{1,5})$/.exec(entry);
  return match === null ? [entry, undefined] : [match[1], Number(match[2])];
}
