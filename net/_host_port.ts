// Floor 1: codec.
import { checkPort, parseHost } from "./host.ts";

/**
 * `host:port` as URLs and HTTP have it: the host in its canonical form, IPv6 in brackets.
 *
 * @throws {TypeError} when the host is no valid one
 * @throws {RangeError} when the port is not an integer from 0 to 65535
 */
export function hostAndPort(hostname: string, port: number): string {
  checkPort(port, 0);
  const host = parseHost(hostname);
  const text = host.absolute && host.ip === undefined ? `${host.hostname}.` : host.hostname;
  return `${host.ip?.family === 6 ? `[${text}]` : text}:${port}`;
}
