// Floor 1: codec.

/** An IPv4 or IPv6 address. Make one with {@linkcode parseIp} or {@linkcode parseAnyIp}. */
export interface IpAddress {
  /** 4 or 6. */
  readonly family: 4 | 6;
  /** The address in network order: 4 or 16 bytes. */
  readonly bytes: Uint8Array;
  /** The zone (interface) of an IPv6 address, without the `%`. */
  readonly zone?: string;
}

/** A block of addresses: all whose first `prefix` bits are those of `address`. */
export interface IpBlock {
  /** The first address of the block. */
  readonly address: IpAddress;
  /** The number of leading bits that count: 0 to 32, or 0 to 128. */
  readonly prefix: number;
}

/**
 * What an address is for, after the registries of special-purpose addresses (RFC 6890 and its updates).
 *
 * | category | addresses |
 * | --- | --- |
 * | `"unspecified"` | `0.0.0.0/8`, `::`: on most systems another spelling of this machine |
 * | `"loopback"` | `127.0.0.0/8`, `::1` |
 * | `"private"` | `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`, `fc00::/7`, `fec0::/10`, `64:ff9b:1::/48` |
 * | `"shared"` | `100.64.0.0/10`, the space of carrier NAT |
 * | `"link-local"` | `169.254.0.0/16`, `fe80::/10` |
 * | `"metadata"` | where clouds serve a machine's own credentials, for example `169.254.169.254` |
 * | `"multicast"` | `224.0.0.0/4`, `ff00::/8` |
 * | `"broadcast"` | `255.255.255.255` |
 * | `"documentation"` | `192.0.2.0/24`, `198.51.100.0/24`, `203.0.113.0/24`, `2001:db8::/32`, `3fff::/20` |
 * | `"benchmarking"` | `198.18.0.0/15`, `2001:2::/48` |
 * | `"reserved"` | everything else that is not global unicast |
 * | `"global"` | the public internet |
 */
export type IpCategory =
  | "unspecified"
  | "loopback"
  | "private"
  | "shared"
  | "link-local"
  | "metadata"
  | "multicast"
  | "broadcast"
  | "documentation"
  | "benchmarking"
  | "reserved"
  | "global";

/**
 * Every {@linkcode IpCategory}.
 *
 * @example
 * ```ts
 * import { classifyIp, IP_CATEGORIES, parseIp } from "@sluice/sockets/net";
 * import { assert } from "@std/assert";
 *
 * assert(IP_CATEGORIES.includes(classifyIp(parseIp("192.0.2.1")!)));
 * ```
 */
export const IP_CATEGORIES: readonly IpCategory[] = [
  "unspecified",
  "loopback",
  "private",
  "shared",
  "link-local",
  "metadata",
  "multicast",
  "broadcast",
  "documentation",
  "benchmarking",
  "reserved",
  "global",
];

function parseDottedQuad(text: string): Uint8Array | undefined {
  const match = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/.exec(
    text,
  );
  if (match === null) return undefined;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    const value = Number(match[i + 1]);
    if (value > 255) return undefined;
    bytes[i] = value;
  }
  return bytes;
}

/** One side of a `::`, as 16-bit groups; a dotted quad may stand at the very end. */
function parseGroups(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(parseInt(part, 16));
      continue;
    }
    const quad = last && i === parts.length - 1 ? parseDottedQuad(part) : undefined;
    if (quad === undefined) return undefined;
    groups.push(quad[0] << 8 | quad[1], quad[2] << 8 | quad[3]);
  }
  return groups;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const gap = text.indexOf("::");
  const head = parseGroups(gap < 0 ? text : text.slice(0, gap), gap < 0);
  const tail = gap < 0 ? [] : parseGroups(text.slice(gap + 2), true);
  if (head === undefined || tail === undefined) return undefined;
  const count = head.length + tail.length;
  // "::" stands for one group or more (RFC 4291, 2.2).
  if (gap < 0 ? count !== 8 : count > 7) return undefined;
  const bytes = new Uint8Array(16);
  const put = (groups: number[], at: number) => {
    for (const group of groups) {
      bytes[at++] = group >> 8;
      bytes[at++] = group & 255;
    }
  };
  put(head, 0);
  put(tail, 16 - 2 * tail.length);
  return bytes;
}

/**
 * Parses an address in its standard form: four decimal numbers without leading zeros, or RFC 4291 text with an
 * optional `%zone`. `undefined` for anything else; see {@linkcode parseAnyIp} for the forms that systems take besides.
 *
 * @example
 * ```ts
 * import { formatIp, parseIp } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatIp(parseIp("2001:DB8:0::1")!), "2001:db8::1");
 * assertEquals(parseIp("127.1"), undefined);
 * ```
 */
export function parseIp(text: string): IpAddress | undefined {
  const quad = parseDottedQuad(text);
  if (quad !== undefined) return { family: 4, bytes: quad };
  if (!text.includes(":")) return undefined;
  const percent = text.indexOf("%");
  const bytes = parseIpv6(percent < 0 ? text : text.slice(0, percent));
  if (bytes === undefined) return undefined;
  if (percent < 0) return { family: 6, bytes };
  const zone = text.slice(percent + 1);
  return /^[\w.~-]{1,64}$/.test(zone) ? { family: 6, bytes, zone } : undefined;
}

/** One part of a BSD-style IPv4 address: decimal, `0` octal, `0x` hexadecimal. */
function parseLoosePart(text: string): number {
  if (/^0[xX][0-9a-fA-F]*$/.test(text)) return text.length === 2 ? 0 : parseInt(text.slice(2), 16);
  if (/^0[0-7]*$/.test(text)) return parseInt(text, 8);
  return /^[1-9]\d*$/.test(text) ? parseInt(text, 10) : NaN;
}

function parseLooseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length > 1 && parts[parts.length - 1] === "") parts.pop();
  if (parts.length > 4) return undefined;
  const values = parts.map(parseLoosePart);
  const last = values[values.length - 1];
  const open = 5 - values.length;
  if (!(last < 256 ** open) || values.slice(0, -1).some((value) => !(value < 256))) {
    return undefined;
  }
  const bytes = new Uint8Array(4);
  values.slice(0, -1).forEach((value, i) => bytes[i] = value);
  for (let i = 0; i < open; i++) bytes[3 - i] = Math.floor(last / 256 ** i) & 255;
  return bytes;
}

/**
 * Parses an address in any spelling that systems and URLs take for one: beside the standard forms, one to four
 * decimal, octal or hexadecimal numbers (`2130706433`, `0x7f.1`, `017700000001`), a final dot, brackets around IPv6.
 * `undefined` when it is none, so a name.
 *
 * @example
 * ```ts
 * import { formatIp, parseAnyIp } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * for (const text of ["2130706433", "0x7f000001", "127.1", "017700000001", "127.0.0.1."]) {
 *   assertEquals(formatIp(parseAnyIp(text)!), "127.0.0.1");
 * }
 * ```
 */
export function parseAnyIp(text: string): IpAddress | undefined {
  const bare = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  const standard = parseIp(bare);
  if (standard !== undefined) return bare === text || standard.family === 6 ? standard : undefined;
  if (bare !== text || text === "") return undefined;
  const bytes = parseLooseIpv4(text);
  return bytes === undefined ? undefined : { family: 4, bytes };
}

/**
 * Makes an address of 4 or 16 bytes, which are copied.
 *
 * @throws {RangeError} For any other length.
 *
 * @example
 * ```ts
 * import { formatIp, ipFromBytes } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatIp(ipFromBytes(new Uint8Array([192, 0, 2, 1]))), "192.0.2.1");
 * ```
 */
export function ipFromBytes(bytes: Uint8Array): IpAddress {
  if (bytes.length !== 4 && bytes.length !== 16) {
    throw new RangeError(`Cannot make an IP address of ${bytes.length} bytes: it has 4 or 16`);
  }
  return { family: bytes.length === 4 ? 4 : 6, bytes: bytes.slice() };
}

/**
 * Writes an address in its canonical form (RFC 5952 for IPv6), without brackets, with its zone.
 *
 * @example
 * ```ts
 * import { formatIp, parseIp } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatIp(parseIp("2001:DB8:0:0:0:0:0:1")!), "2001:db8::1");
 * ```
 */
export function formatIp(ip: IpAddress): string {
  const { bytes } = ip;
  if (ip.family === 4) return bytes.join(".");
  const zone = ip.zone === undefined ? "" : `%${ip.zone}`;
  // A v4-mapped address keeps its dotted quad (RFC 5952, 5).
  if (isV4Mapped(bytes)) return `::ffff:${bytes.subarray(12).join(".")}${zone}`;
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(bytes[i] << 8 | bytes[i + 1]);
  let start = -1;
  let length = 1; // one zero group alone is not shortened (RFC 5952, 4.2.2)
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) {
      start = i;
      length = end - i;
    }
    if (end > i) i = end;
  }
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (start < 0) return text(groups) + zone;
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}${zone}`;
}

/**
 * Whether two addresses are the same, zone included.
 *
 * @example
 * ```ts
 * import { equalIp, parseAnyIp, parseIp } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(equalIp(parseIp("127.0.0.1")!, parseAnyIp("0x7f.1")!), true);
 * assertEquals(equalIp(parseIp("fe80::1%eth0")!, parseIp("fe80::1")!), false);
 * ```
 */
export function equalIp(a: IpAddress, b: IpAddress): boolean {
  return a.family === b.family && a.zone === b.zone &&
    a.bytes.every((byte, i) => byte === b.bytes[i]);
}

/**
 * Parses a block such as `10.0.0.0/8` or `fe80::/10`; an address alone is the block that holds only itself.
 * `undefined` when it is neither. Bits behind the prefix are cleared.
 *
 * @example
 * ```ts
 * import { parseIpBlock } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseIpBlock("10.1.2.3/8")?.prefix, 8);
 * assertEquals(parseIpBlock("10.0.0.0/33"), undefined);
 * ```
 */
export function parseIpBlock(text: string): IpBlock | undefined {
  const slash = text.indexOf("/");
  const address = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined || address.zone !== undefined) return undefined;
  const bits = address.bytes.length * 8;
  if (slash < 0) return { address, prefix: bits };
  const suffix = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(suffix) || Number(suffix) > bits) return undefined;
  const prefix = Number(suffix);
  const bytes = address.bytes.map((byte, i) => {
    const kept = Math.min(8, Math.max(0, prefix - 8 * i));
    return byte & (0xff00 >> kept);
  });
  return { address: { family: address.family, bytes }, prefix };
}

/**
 * Whether `block` holds `ip`. A v4-mapped IPv6 address counts as the IPv4 address that it is.
 *
 * @example
 * ```ts
 * import { type IpBlock, ipInBlock, parseIp, parseIpBlock } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const block: IpBlock = parseIpBlock("10.0.0.0/8")!;
 * assertEquals(ipInBlock(parseIp("10.1.2.3")!, block), true);
 * assertEquals(ipInBlock(parseIp("::ffff:10.1.2.3")!, block), true);
 * assertEquals(ipInBlock(parseIp("11.0.0.1")!, block), false);
 * ```
 */
export function ipInBlock(ip: IpAddress, block: IpBlock): boolean {
  const own = block.address.bytes;
  const bytes = ip.bytes.length === 16 && own.length === 4 && isV4Mapped(ip.bytes)
    ? ip.bytes.subarray(12)
    : ip.bytes;
  if (bytes.length !== own.length) return false;
  const whole = block.prefix >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== own[i]) return false;
  const rest = block.prefix & 7;
  return rest === 0 || ((bytes[whole] ^ own[whole]) & (0xff00 >> rest) & 255) === 0;
}

function isV4Mapped(bytes: Uint8Array): boolean {
  return bytes.length === 16 && bytes[10] === 0xff && bytes[11] === 0xff &&
    startsWithZeros(bytes, 10);
}

function startsWithZeros(bytes: Uint8Array, count: number): boolean {
  for (let i = 0; i < count; i++) if (bytes[i] !== 0) return false;
  return true;
}

type Table = readonly (readonly [IpBlock, IpCategory])[];

function table(rows: readonly (readonly [string, IpCategory])[]): Table {
  return rows.map(([text, category]) => [parseIpBlock(text) as IpBlock, category]);
}

// The first row that fits counts.
const V4: Table = table([
  ["0.0.0.0/8", "unspecified"],
  ["10.0.0.0/8", "private"],
  ["100.100.100.200/32", "metadata"], // Alibaba Cloud
  ["100.64.0.0/10", "shared"],
  ["127.0.0.0/8", "loopback"],
  ["168.63.129.16/32", "metadata"], // Azure's platform address
  ["169.254.169.254/32", "metadata"], // AWS, Azure, Google Cloud, Oracle and others
  ["169.254.170.2/32", "metadata"], // AWS ECS task credentials
  ["169.254.170.23/32", "metadata"], // AWS EKS pod credentials
  ["169.254.0.0/16", "link-local"],
  ["172.16.0.0/12", "private"],
  ["192.0.0.192/32", "metadata"], // Oracle Cloud, classic
  ["192.0.0.0/24", "reserved"],
  ["192.0.2.0/24", "documentation"],
  ["192.88.99.0/24", "reserved"],
  ["192.168.0.0/16", "private"],
  ["198.18.0.0/15", "benchmarking"],
  ["198.51.100.0/24", "documentation"],
  ["203.0.113.0/24", "documentation"],
  ["224.0.0.0/4", "multicast"],
  ["255.255.255.255/32", "broadcast"],
  ["240.0.0.0/4", "reserved"],
]);

const V6: Table = table([
  ["::/128", "unspecified"],
  ["::1/128", "loopback"],
  ["64:ff9b:1::/48", "private"], // NAT64 of the local network, whatever it leads to (RFC 8215)
  ["fd00:ec2::/32", "metadata"], // AWS
  ["fd20:ce::254/128", "metadata"], // Google Cloud
  ["fd00:c1::a9fe:a9fe/128", "metadata"], // Oracle Cloud
  ["fc00::/7", "private"],
  ["fe80::/10", "link-local"],
  ["fec0::/10", "private"],
  ["ff00::/8", "multicast"],
  ["2001:2::/48", "benchmarking"],
  ["2001:db8::/32", "documentation"],
  ["3fff::/20", "documentation"],
  ["2001::/23", "reserved"], // IETF protocol assignments; Teredo is looked into before
  ["2000::/3", "global"],
]);

function lookUp(ip: IpAddress, rows: Table): IpCategory | undefined {
  for (const [block, category] of rows) if (ipInBlock(ip, block)) return category;
  return undefined;
}

/**
 * The IPv4 addresses inside an IPv6 address that a router or a translator would send it on to: v4-mapped and
 * v4-compatible (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380: server and client), ISATAP (RFC 5214).
 * Empty for plain ones.
 *
 * @example
 * ```ts
 * import { embeddedIpv4, formatIp, parseIp } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(embeddedIpv4(parseIp("64:ff9b::7f00:1")!).map(formatIp), ["127.0.0.1"]);
 * assertEquals(embeddedIpv4(parseIp("2001:db8::1")!), []);
 * ```
 */
export function embeddedIpv4(ip: IpAddress): IpAddress[] {
  const { bytes } = ip;
  if (bytes.length !== 16) return [];
  const at = (offset: number, mask = 0): IpAddress => ({
    family: 4,
    bytes: bytes.slice(offset, offset + 4).map((byte) => byte ^ mask),
  });
  if (isV4Mapped(bytes)) return [at(12)];
  // v4-compatible, but not :: and ::1; and the stateless translation's ::ffff:0:a.b.c.d (RFC 2765)
  if (startsWithZeros(bytes, 12)) {
    return bytes[12] === 0 && bytes[13] === 0 && bytes[14] === 0 && bytes[15] < 2 ? [] : [at(12)];
  }
  if (startsWithZeros(bytes, 8) && bytes[8] === 0xff && bytes[9] === 0xff) return [at(12)];
  const head = bytes[0] << 8 | bytes[1];
  const second = bytes[2] << 8 | bytes[3];
  if (head === 0x2002) return [at(2)];
  if (head === 0x2001 && second === 0) return [at(4), at(12, 255)];
  if (head === 0x64 && second === 0xff9b && startsWithZeros(bytes.subarray(4), 8)) return [at(12)];
  if ((bytes[8] & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe) {
    return [at(12)];
  }
  return [];
}

/**
 * Says what an address is for. An IPv6 address that carries an IPv4 address (see {@linkcode embeddedIpv4}) is what the
 * carried one is, unless that is global.
 *
 * @example
 * ```ts
 * import { classifyIp, parseAnyIp } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(classifyIp(parseAnyIp("0x7f.1")!), "loopback");
 * assertEquals(classifyIp(parseAnyIp("[64:ff9b::a9fe:a9fe]")!), "metadata");
 * assertEquals(classifyIp(parseAnyIp("9.9.9.9")!), "global");
 * ```
 */
export function classifyIp(ip: IpAddress): IpCategory {
  if (ip.bytes.length === 4) return lookUp(ip, V4) ?? "global";
  const carried = embeddedIpv4(ip);
  for (const inner of carried) {
    const category = lookUp(inner, V4);
    if (category !== undefined) return category;
  }
  if (isV4Mapped(ip.bytes)) return "global";
  const own = lookUp(ip, V6);
  if (own !== undefined && own !== "reserved") return own;
  // What carries a global IPv4 address leads to it: Teredo and NAT64. v4-compatible addresses lead nowhere any more.
  return carried.length > 0 && !startsWithZeros(ip.bytes, 8) ? "global" : "reserved";
}
