// Floor 1: codec.
import { checkText } from "./_connect_arguments.ts";
import type { DatagramSocketType } from "./datagram_options.ts";
import { parseIp } from "./ip.ts";

/** Checks a group that `what` is to be done with. @throws {TypeError} When it is no multicast address of the socket's type; `ERR_INVALID_ARG_TYPE`. */
export function checkGroup(what: string, type: DatagramSocketType, group: unknown): void {
  const { family, bytes } = parseIp(checkText("groupAddress", group)) ?? { family: 0, bytes: [0] };
  const fits = type === "udp4"
    ? family === 4 && bytes[0] >> 4 === 14
    : family === 6 && bytes[0] === 255;
  if (!fits) {
    throw new TypeError(
      `Cannot ${what}: ${JSON.stringify(group)} is no multicast address of ${type}`,
    );
  }
}

/** Checks the one sender of a group. @throws {TypeError} When it is no IPv4 address: Deno can't do it for others; `ERR_INVALID_ARG_TYPE`. */
export function checkSource(what: string, source: unknown): void {
  if (parseIp(checkText("sourceAddress", source))?.family !== 4) {
    throw new TypeError(`Cannot ${what}: ${JSON.stringify(source)} is no IPv4 address`);
  }
}

/**
 * Checks the interface that multicast goes through: Deno takes one that it can't make out for "any", in silence.
 *
 * @throws {TypeError} When it is no IPv4 address, or over IPv6 not of the form `"::%eth0"`; `ERR_INVALID_ARG_TYPE`.
 */
export function checkInterface(type: DatagramSocketType, text: unknown): void {
  if (text === undefined) return;
  const ip = parseIp(checkText("multicastInterface", text));
  const fits = type === "udp4" ? ip?.family === 4 : ip?.zone !== undefined;
  if (!fits) {
    const form = type === "udp4" ? "an IPv4 address" : 'of the form "::%eth0"';
    throw new TypeError(
      `Cannot use multicast interface ${JSON.stringify(text)}: it is not ${form}`,
    );
  }
}
