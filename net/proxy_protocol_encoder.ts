// Floor 1: codec.
import { encodeUtf8 } from "../buffer/utf8.ts";
import { crc32c } from "./_crc32c.ts";
import {
  INET6_FAMILY,
  INET_FAMILY,
  UNIX_FAMILY,
  UNIX_PATH,
  V2_FIXED,
  V2_SIGNATURE,
} from "./_proxy_protocol_wire.ts";
import { unmapped } from "./_unmapped.ts";
import { checkPort } from "./host.ts";
import { formatIp, type IpAddress, parseIp } from "./ip.ts";
import {
  PROXY_PROTOCOL_TLV,
  type ProxyProtocolHeader,
  type ProxyProtocolTlv,
} from "./proxy_protocol.ts";
import type { InetAddr, UnixAddr } from "./transport.ts";

/** Options of {@linkcode encodeProxyProtocol}. */
export interface ProxyProtocolEncodeOptions {
  /**
   * 1 is text and knows TCP only, 2 is binary.
   *
   * @default {2}
   */
  version?: 1 | 2;
  /**
   * Whether to add a checksum; version 2 only.
   *
   * @default {false}
   */
  checksum?: boolean;
}

/**
 * Writes a header of the PROXY protocol. Addresses that are both IPv4, or v4-mapped (`::ffff:192.0.2.1`, as IPv4 clients have it on a
 * listener for both families), are written as IPv4.
 *
 * @throws {TypeError} when the addresses are not of one kind, or version 1 is to carry what it can't: TLVs, UDP, Unix sockets
 * @throws {RangeError} when a port, a path or the header is out of range
 *
 * @example
 * ```ts
 * import { encodeProxyProtocol } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodeProxyProtocol({
 *   source: { transport: "tcp", hostname: "2001:db8::1", port: 5000 },
 *   destination: { transport: "tcp", hostname: "2001:db8::2", port: 80 },
 * }, { version: 1 });
 * assertEquals(
 *   new TextDecoder().decode(bytes),
 *   "PROXY TCP6 2001:db8::1 2001:db8::2 5000 80\r\n",
 * );
 * ```
 */
export function encodeProxyProtocol(
  header: Partial<Omit<ProxyProtocolHeader, "version">>,
  options: ProxyProtocolEncodeOptions = {},
): Uint8Array {
  const { version = 2, checksum = false } = options;
  const { command = "proxy", source, destination, tlvs = [] } = header;
  if (version !== 1 && version !== 2) {
    throw new RangeError(`Cannot write PROXY protocol: there is no version ${version}`);
  }
  if ((source === undefined) !== (destination === undefined)) {
    throw new TypeError("Cannot write PROXY protocol: one of the addresses is missing");
  }
  if (source?.transport !== destination?.transport) {
    throw new TypeError("Cannot write PROXY protocol: the addresses are of different kinds");
  }
  if (version === 1) {
    if (tlvs.length > 0 || checksum) {
      throw new TypeError("Cannot write PROXY protocol: version 1 has no TLVs and no checksum");
    }
    return encodeText(command, source, destination);
  }
  return encodeBinary(command, source, destination, tlvs, checksum);
}

interface InetEnd {
  ip: IpAddress;
  port: number;
}

function inet(address: InetAddr): InetEnd {
  const ip = parseIp(address.hostname);
  if (ip === undefined || ip.zone !== undefined) {
    throw new TypeError(
      `Cannot write PROXY protocol: ${
        JSON.stringify(address.hostname)
      } is no IP address without zone`,
    );
  }
  return { ip, port: checkPort(address.port, 0) };
}

/** Both ends, as IPv4 where they are v4-mapped: many who read the header know no such addresses. */
function inetEnds(source: InetAddr, destination: InetAddr): [from: InetEnd, to: InetEnd] {
  const told: [InetEnd, InetEnd] = [inet(source), inet(destination)];
  const [from, to] = told.map(({ ip, port }) => ({ ip: parseIp(unmapped(formatIp(ip)))!, port }));
  if (from.ip.family === 4 && to.ip.family === 4) return [from, to];
  if (told[0].ip.family === told[1].ip.family) return told;
  throw new TypeError("Cannot write PROXY protocol: one address is IPv4, the other IPv6");
}

function encodeText(
  command: "proxy" | "local",
  source: InetAddr | UnixAddr | undefined,
  destination: InetAddr | UnixAddr | undefined,
): Uint8Array {
  if (command === "local" || source === undefined) return encodeUtf8("PROXY UNKNOWN\r\n");
  if (source.transport !== "tcp") {
    throw new TypeError("Cannot write PROXY protocol: version 1 knows TCP only");
  }
  const [from, to] = inetEnds(source, destination as InetAddr);
  const words = [
    "PROXY",
    `TCP${from.ip.family}`,
    formatIp(from.ip),
    formatIp(to.ip),
    from.port,
    to.port,
  ];
  return encodeUtf8(`${words.join(" ")}\r\n`);
}

function encodeBinary(
  command: "proxy" | "local",
  source: InetAddr | UnixAddr | undefined,
  destination: InetAddr | UnixAddr | undefined,
  tlvs: readonly ProxyProtocolTlv[],
  checksum: boolean,
): Uint8Array {
  const known = command === "proxy" && source !== undefined && destination !== undefined;
  if (!known && (tlvs.length > 0 || checksum)) {
    throw new TypeError("Cannot write PROXY protocol: TLVs and checksum need addresses");
  }
  const addresses = known ? encodeAddresses(source, destination) : { type: 0, bytes: EMPTY };
  const all = tlvs.filter((tlv) => tlv.type !== PROXY_PROTOCOL_TLV.crc32c);
  if (checksum) all.push({ type: PROXY_PROTOCOL_TLV.crc32c, value: new Uint8Array(4) });
  const size = all.reduce((sum, tlv) => sum + 3 + tlv.value.length, addresses.bytes.length);
  if (size > 0xffff) throw new RangeError("Cannot write PROXY protocol: the TLVs are too long");
  const bytes = new Uint8Array(V2_FIXED + size);
  bytes.set(V2_SIGNATURE);
  bytes[12] = command === "local" ? 0x20 : 0x21;
  bytes[13] = addresses.type;
  bytes[14] = size >> 8;
  bytes[15] = size & 0xff;
  bytes.set(addresses.bytes, V2_FIXED);
  let at = V2_FIXED + addresses.bytes.length;
  for (const { type, value } of all) {
    if (!Number.isInteger(type) || type < 0 || type > 255) {
      throw new RangeError(`Cannot write PROXY protocol: there is no TLV type ${type}`);
    }
    bytes[at] = type;
    bytes[at + 1] = value.length >> 8;
    bytes[at + 2] = value.length & 0xff;
    bytes.set(value, at + 3);
    at += 3 + value.length;
  }
  if (checksum) new DataView(bytes.buffer).setUint32(at - 4, crc32c(bytes));
  return bytes;
}

const EMPTY = new Uint8Array(0);

function encodeAddresses(
  source: InetAddr | UnixAddr,
  destination: InetAddr | UnixAddr,
): { type: number; bytes: Uint8Array } {
  if ("path" in source || "path" in destination) {
    const bytes = new Uint8Array(2 * UNIX_PATH);
    [source, destination].forEach((address, i) => {
      const path = encodeUtf8("path" in address ? address.path ?? "" : "");
      if (path.length > UNIX_PATH) {
        throw new RangeError(`Cannot write PROXY protocol: a path is over ${UNIX_PATH} bytes`);
      }
      bytes.set(path, i * UNIX_PATH);
    });
    return { type: UNIX_FAMILY << 4 | (source.transport === "unix" ? 1 : 2), bytes };
  }
  const [from, to] = inetEnds(source, destination);
  const bytes = new Uint8Array([
    ...from.ip.bytes,
    ...to.ip.bytes,
    from.port >> 8,
    from.port & 0xff,
    to.port >> 8,
    to.port & 0xff,
  ]);
  const family = from.ip.family === 4 ? INET_FAMILY : INET6_FAMILY;
  return { type: family << 4 | (source.transport === "tcp" ? 1 : 2), bytes };
}
