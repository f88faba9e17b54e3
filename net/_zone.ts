// Floor 1: codec.
import { type IpAddress, parseIp } from "./ip.ts";

/** Whether an address means nothing without its zone: it is link-local (RFC 4291, 2.5.6), or a group of no wider scope (2.7). */
export function needsZone({ family, bytes }: IpAddress): boolean {
  if (family === 4) return false;
  return bytes[0] === 0xff ? (bytes[1] & 15) <= 2 : bytes[0] === 0xfe && bytes[1] >> 6 === 2;
}

/** The zone of an address that needs one. */
export function zoneOf(address: string): string | undefined {
  const ip = parseIp(address);
  return ip !== undefined && needsZone(ip) ? ip.zone : undefined;
}

/** An address with its zone, if it needs one and has none. */
export function withZone(address: string, zone: string | undefined): string {
  if (zone === undefined || address.includes("%")) return address;
  const ip = parseIp(address);
  return ip !== undefined && needsZone(ip) ? `${address}%${zone}` : address;
}
