// Floor 3: driver.
import { closeQuietly } from "./_close_quietly.ts";
import { JoinedListener } from "./_joined_listener.ts";
import { parseAnyIp } from "./ip.ts";
import { toNetError } from "./os_error.ts";

/** Whether a socket of IPv6 has nothing to do with IPv4 unless it is told to, which Deno never does. */
export const SEPARATE_FAMILIES = Deno.build.os === "windows";

/** How many ports are tried where the one that is free for IPv6 is taken for IPv4. */
const TRIES = 16;

/** Whether these are all addresses of IPv6. */
export function isAllOfIpv6(hostname: string): boolean {
  const ip = parseAnyIp(hostname);
  return ip?.family === 6 && ip.bytes.every((byte) => byte === 0);
}

/** Whether a listener failed as there is no such address: the system has no IPv6, for example. */
export function lacksAddress(error: unknown): boolean {
  const { code } = toNetError(error, { syscall: "listen" });
  return code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL";
}

/**
 * Opens a listener on one address, or on all, of IPv6 and of IPv4: also where that takes two, and of IPv4 alone where there is no IPv6.
 *
 * @param hostname Where; without, or with `::`, on all.
 */
export function listenOn<T extends Deno.Conn>(
  hostname: string | undefined,
  port: number,
  open: (hostname: string, port: number) => Deno.Listener<T, Deno.NetAddr>,
  separate: boolean = SEPARATE_FAMILIES,
): Deno.Listener<T, Deno.NetAddr> {
  if (hostname !== undefined && !(separate && isAllOfIpv6(hostname))) return open(hostname, port);
  for (let tries = TRIES;; tries--) {
    let first: Deno.Listener<T, Deno.NetAddr>;
    try {
      first = open("::", port);
    } catch (error) {
      if (hostname !== undefined || !lacksAddress(error)) throw error;
      return open("0.0.0.0", port);
    }
    if (!separate) return first;
    try {
      return new JoinedListener(first, open("0.0.0.0", first.addr.port));
    } catch (error) {
      closeQuietly(first);
      if (port !== 0 || tries === 0 || !(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
