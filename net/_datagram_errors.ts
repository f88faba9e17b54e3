// Floor 1: codec.
import { NetError } from "./errors.ts";
import { parseIp } from "./ip.ts";
import { formatEndpoint, toNetError } from "./os_error.ts";

/** What can't be done with a datagram socket that is closed. */
export function socketClosed(what: string): NetError {
  return new NetError(`${what}: the socket is closed`, { code: "ERR_SOCKET_CLOSED" });
}

/** What can't be done without a peer. */
export function notConnected(what: string): NetError {
  return new NetError(`${what}: the socket is not connected`, { code: "ENOTCONN" });
}

/** Deno's node:dgram neither sets nor tells the system's buffers. */
export function noBufferSizes(verb: "set" | "tell"): NetError {
  return new NetError(`Cannot ${verb} the system's buffer sizes of a datagram socket: Deno can't`, {
    code: "ERR_UNSUPPORTED",
  });
}

/** The program may not send there. Deno reports that as UNKNOWN. */
export function notPermitted(cause: Error, address: string, port: number): NetError {
  return new NetError(`Cannot send to "${formatEndpoint(address, port)}": it needs --allow-net`, {
    code: "EPERM",
    syscall: "send",
    address,
    port,
    cause,
  });
}

/** A datagram of `size` bytes to `port` is too large. */
export function tooLarge(size: number, most: number, port: number): NetError {
  return new NetError(`Cannot send a datagram of ${size} bytes: the limit is ${most}`, {
    code: "EMSGSIZE",
    syscall: "send",
    port,
  });
}

/** The system did not send. `mayBroadcast` is false where a broadcast would have had to be allowed. */
export function sendError(
  cause: Error & { code?: string },
  address: string,
  port: number,
  mayBroadcast: boolean,
): NetError {
  const context = { syscall: "send", address, port };
  const what = `Cannot send to "${formatEndpoint(address, port)}"`;
  // Deno reports all but a size as UNKNOWN: a broadcast that was not asked for, and also a network that is not there.
  if (cause.code === "UNKNOWN") {
    const [code, why] = !mayBroadcast && mayBeBroadcast(address)
      ? ["EACCES", "the system refuses; a broadcast address needs setBroadcast(true)"] as const
      : ["EIO", "the system refuses: no route, no such interface, or a firewall"] as const;
    return new NetError(`${what}: ${why}`, { ...context, code, cause });
  }
  return toNetError(cause, { ...context, what });
}

/** Whether an address may be a broadcast's: its last bits are ones, two at least in every network that has a broadcast address. */
function mayBeBroadcast(address: string): boolean {
  const { family, bytes } = parseIp(address) ?? {};
  return family === 4 && bytes![0] >> 4 !== 14 && (bytes![3] & 3) === 3;
}
