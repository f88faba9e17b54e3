// Floor 1: codec.
import { encodeUtf8 } from "../buffer/utf8.ts";
import type { NetErrorCode } from "./errors.ts";
import { checkPort, parseHost } from "./host.ts";
import { formatIp, ipFromBytes } from "./ip.ts";

/** A host and a port, as SOCKS5 carries them: an IP address, or a name for the proxy to resolve. */
export interface Socks5Address {
  /** An IP address (IPv6 without brackets), or a name. */
  hostname: string;
  /** The port, 0 to 65535. */
  port: number;
}

/** What a SOCKS5 client can ask for (RFC 1928 §4). */
export type Socks5Command = "connect" | "bind" | "associate";

/** The commands by their number on the wire. */
export const SOCKS5_COMMANDS: Readonly<Record<Socks5Command, number>> = {
  connect: 1,
  bind: 2,
  associate: 3,
};

/** The version of the protocol, first byte of most of its messages. */
export const SOCKS5_VERSION = 5;

/** The version of the login (RFC 1929 §2). */
export const SOCKS5_AUTH_VERSION = 1;

/** The ways to authenticate that this package knows (RFC 1928 §3). */
export const SOCKS5_METHOD = {
  /** No authentication. */
  none: 0x00,
  /** User name and password (RFC 1929). */
  password: 0x02,
  /** The server's answer when it takes none of the methods offered. */
  noneAcceptable: 0xff,
} as const;

/** The reply codes (RFC 1928 §6). */
export const SOCKS5_REPLY = {
  /** The request is granted. */
  succeeded: 0,
  /** Any other failure of the proxy. */
  generalFailure: 1,
  /** The proxy's rules do not allow it. */
  notAllowed: 2,
  /** There is no way to the network. */
  networkUnreachable: 3,
  /** There is no way to the host, or its name does not resolve. */
  hostUnreachable: 4,
  /** Nobody listens there. */
  connectionRefused: 5,
  /** The packets got lost on the way. */
  ttlExpired: 6,
  /** The proxy does not know the command. */
  commandNotSupported: 7,
  /** The proxy does not know the address type. */
  addressTypeNotSupported: 8,
} as const;

const FAILURES: readonly (readonly [string, NetErrorCode])[] = [
  ["succeeded", "ERR_PROXY_PROTOCOL"],
  ["the proxy failed", "ERR_PROXY_REFUSED"],
  ["the proxy's rules do not allow it", "EACCES"],
  ["network unreachable", "ENETUNREACH"],
  ["host unreachable", "EHOSTUNREACH"],
  ["connection refused", "ECONNREFUSED"],
  ["TTL expired", "ETIMEDOUT"],
  ["the proxy does not support the command", "ERR_UNSUPPORTED"],
  ["the proxy does not support the address type", "EAFNOSUPPORT"],
];

/**
 * What a reply code other than 0 means: a text, and the error code that stands for it.
 *
 * @example
 * ```ts
 * import { SOCKS5_REPLY, socks5Failure } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(socks5Failure(SOCKS5_REPLY.connectionRefused).code, "ECONNREFUSED");
 * ```
 */
export function socks5Failure(reply: number): { text: string; code: NetErrorCode } {
  const known = FAILURES[reply];
  if (known === undefined) return { text: "unknown reply", code: "ERR_PROXY_PROTOCOL" };
  return { text: known[0], code: known[1] };
}

const IPV4 = 1;
const DOMAIN = 3;
const IPV6 = 4;

/**
 * Writes a host and a port as SOCKS5 does: address type, address, port (RFC 1928 §5). A host that is an IP address in any
 * spelling goes as an address, everything else as a name.
 *
 * @throws {TypeError} when the host is no valid one: empty, over 255 bytes, with a NUL or another character that no host has, or an
 * IPv6 address with a zone, which means nothing to another machine
 * @throws {RangeError} when the port is not an integer from 0 to 65535
 *
 * @example
 * ```ts
 * import { encodeSocks5Address, SOCKS5_COMMANDS, SOCKS5_VERSION } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const address = encodeSocks5Address({ hostname: "192.0.2.1", port: 80 });
 * const request = [SOCKS5_VERSION, SOCKS5_COMMANDS.connect, 0, ...address];
 * assertEquals(request, [5, 1, 0, 1, 192, 0, 2, 1, 0, 80]);
 * ```
 */
export function encodeSocks5Address(address: Socks5Address): Uint8Array {
  checkPort(address.port, 0);
  const host = parseHost(address.hostname);
  let head: Uint8Array;
  if (host.ip === undefined) {
    const name = encodeUtf8(host.absolute ? `${host.hostname}.` : host.hostname);
    if (name.length > 255) throw new TypeError("Cannot use host: it is longer than 255 bytes");
    head = new Uint8Array([DOMAIN, name.length, ...name]);
  } else {
    if (host.ip.zone !== undefined) {
      throw new TypeError(`Cannot use host "${host.hostname}" with a proxy: it has a zone`);
    }
    head = new Uint8Array([host.ip.family === 4 ? IPV4 : IPV6, ...host.ip.bytes]);
  }
  const bytes = new Uint8Array(head.length + 2);
  bytes.set(head);
  bytes[head.length] = address.port >> 8;
  bytes[head.length + 1] = address.port & 0xff;
  return bytes;
}

/**
 * How many bytes the address at `offset` has in all, by its first two bytes, which must be there; `undefined` when its type is
 * none that RFC 1928 knows.
 *
 * @example
 * ```ts
 * import { socks5AddressLength } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(socks5AddressLength(new Uint8Array([3, 11]), 0), 15); // a name of 11 bytes
 * assertEquals(socks5AddressLength(new Uint8Array([9, 0]), 0), undefined);
 * ```
 */
export function socks5AddressLength(bytes: Uint8Array, offset: number): number | undefined {
  const type = bytes[offset];
  if (type === IPV4) return 1 + 4 + 2;
  if (type === IPV6) return 1 + 16 + 2;
  return type === DOMAIN ? 1 + 1 + bytes[offset + 1] + 2 : undefined;
}

/**
 * Reads the address at `offset`, which must be there in full. `undefined` when it is a name that no host can have.
 *
 * @example
 * ```ts
 * import { decodeSocks5Address, encodeSocks5Address } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodeSocks5Address({ hostname: "example.org", port: 443 });
 * assertEquals(decodeSocks5Address(bytes, 0), { hostname: "example.org", port: 443 });
 * ```
 */
export function decodeSocks5Address(bytes: Uint8Array, offset: number): Socks5Address | undefined {
  const length = socks5AddressLength(bytes, offset);
  if (length === undefined || bytes.length < offset + length) return undefined;
  const end = offset + length;
  const port = bytes[end - 2] << 8 | bytes[end - 1];
  if (bytes[offset] !== DOMAIN) {
    return { hostname: formatIp(ipFromBytes(bytes.subarray(offset + 1, end - 2))), port };
  }
  let name = "";
  for (let i = offset + 2; i < end - 2; i++) {
    if (bytes[i] >= 0x80) return undefined;
    name += String.fromCharCode(bytes[i]);
  }
  try {
    const host = parseHost(name);
    return { hostname: host.absolute && !host.ip ? `${host.hostname}.` : host.hostname, port };
  } catch {
    return undefined;
  }
}

/** A datagram as it goes between a client and a SOCKS5 proxy (RFC 1928 §7). */
export interface Socks5Datagram {
  /** Where it goes, or where it came from. */
  address: Socks5Address;
  /** The position in a sequence of fragments; 0 for a datagram on its own, which is all that this package sends. */
  fragment: number;
  /** The payload; decoded, it is a view. */
  data: Uint8Array;
}

/**
 * Puts the header of SOCKS5 before a datagram.
 *
 * @throws {TypeError} when the host is no valid one
 * @throws {RangeError} when the port is not an integer from 0 to 65535
 *
 * @example
 * ```ts
 * import { decodeSocks5Datagram, encodeSocks5Datagram } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodeSocks5Datagram({ hostname: "192.0.2.1", port: 53 }, new Uint8Array([7]));
 * assertEquals(bytes, new Uint8Array([0, 0, 0, 1, 192, 0, 2, 1, 0, 53, 7]));
 * assertEquals(decodeSocks5Datagram(bytes)?.address, { hostname: "192.0.2.1", port: 53 });
 * ```
 */
export function encodeSocks5Datagram(address: Socks5Address, data: Uint8Array): Uint8Array {
  const to = encodeSocks5Address(address);
  const bytes = new Uint8Array(3 + to.length + data.length);
  bytes.set(to, 3);
  bytes.set(data, 3 + to.length);
  return bytes;
}

/**
 * Takes the header off a datagram; `undefined` when there is no valid one.
 *
 * @example
 * ```ts
 * import { decodeSocks5Datagram } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new Uint8Array([0, 0, 0, 1, 192, 0, 2, 1, 0, 53, 7]);
 * assertEquals(decodeSocks5Datagram(bytes)?.data, new Uint8Array([7]));
 * assertEquals(decodeSocks5Datagram(bytes.subarray(0, 6)), undefined);
 * ```
 */
export function decodeSocks5Datagram(bytes: Uint8Array): Socks5Datagram | undefined {
  if (bytes.length < 3 + 2 || bytes[0] !== 0 || bytes[1] !== 0) return undefined;
  const address = decodeSocks5Address(bytes, 3);
  if (address === undefined) return undefined;
  const length = socks5AddressLength(bytes, 3)!;
  return { address, fragment: bytes[2], data: bytes.subarray(3 + length) };
}

/**
 * The bytes of a user name or password (RFC 1929 §2: 1 to 255 bytes; an empty password is in use, and taken).
 *
 * @throws {TypeError} when it is too long, or an empty user name; the text does not show it
 *
 * @example
 * ```ts
 * import { SOCKS5_AUTH_VERSION, SOCKS5_METHOD, socks5Credential } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(SOCKS5_METHOD.password, 2); // what the server has to choose
 * const user = socks5Credential("username", "ann");
 * const password = socks5Credential("password", "pw");
 * const login = [SOCKS5_AUTH_VERSION, user.length, ...user, password.length, ...password];
 * assertEquals(login, [1, 3, 0x61, 0x6e, 0x6e, 2, 0x70, 0x77]);
 * ```
 */
export function socks5Credential(what: "username" | "password", value: string): Uint8Array {
  const bytes = encodeUtf8(value);
  if (bytes.length > 255) {
    throw new TypeError(`Cannot use proxy ${what}: it is longer than 255 bytes`);
  }
  if (bytes.length === 0 && what === "username") {
    throw new TypeError(`Cannot use proxy ${what}: it is empty`);
  }
  return bytes;
}
