// Floor 3: driver.
import { type Libc, loadLibc } from "./_bluetooth_libc.ts";
import { parseIp } from "./ip.ts";
import type { TransportAddr } from "./transport.ts";

// <sys/socket.h> and <netinet/tcp.h> of Linux
const AF_INET = 2;
const AF_INET6 = 10;
const SOL_SOCKET = 1;
const SO_ACCEPTCONN = 30;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
/** The size of a `sockaddr_in6`, in bytes. */
const ADDRESS_SIZE = 28;
/** The system gives the lowest descriptor that is free: behind such a gap there are no more. */
const LARGEST_GAP = 4096;

/** What {@linkcode setListenerNoDelay} needs of a listener. */
export interface AddressedListener {
  /** The address it listens on. */
  readonly addr: TransportAddr;
}

/**
 * Switches Nagle's algorithm off (or on) for all TCP connections that a listener of Deno's accepts from now on. Deno itself can do it for
 * the connections of `Deno.listen`, one by one, but not for those of `Deno.listenTls`: there what is written right after something else,
 * and the end of a message of more than 16 KiB, waits until the peer has acknowledged the former, up to 40 ms.
 *
 * Linux lets connections inherit it from their listener, where the C library can set it. So it takes `--allow-ffi`, which is never asked
 * for. Returns false, and does nothing, where it can't be done.
 *
 * @example
 * ```ts
 * import { setListenerNoDelay } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * assertEquals(setListenerNoDelay(listener), Deno.build.os === "linux");
 * listener.close();
 * ```
 */
export function setListenerNoDelay(listener: AddressedListener, noDelay = true): boolean {
  if (Deno.build.os !== "linux") return false;
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return false;
  try {
    const libc = loadLibc("Cannot set the listener's noDelay");
    const fd = findListener(libc, listener.addr);
    if (fd < 0) return false;
    const value = new Uint8Array(Int32Array.of(noDelay ? 1 : 0).buffer);
    libc.setOption(fd, IPPROTO_TCP, TCP_NODELAY, value);
    return true;
  } catch {
    return false; // a system with another C library
  }
}

/** Deno does not tell the descriptor: it is found by its address. */
function findListener(libc: Libc, addr: TransportAddr): number {
  if (!("hostname" in addr) || addr.transport !== "tcp") return -1;
  const wanted = parseIp(addr.hostname)?.bytes;
  if (wanted === undefined) return -1;
  for (let fd = 3, last = 3; fd < last + LARGEST_GAP; fd++) {
    const own = localAddress(libc, fd);
    if (own === undefined) continue;
    last = fd;
    if (isAddress(own, wanted, addr.port) && isListening(libc, fd)) return fd;
  }
  return -1;
}

function localAddress(libc: Libc, fd: number): Uint8Array | undefined {
  try {
    return libc.localAddress(fd, ADDRESS_SIZE);
  } catch {
    return undefined; // no descriptor, or not that of a socket
  }
}

/** Whether a `sockaddr` holds this address and port. */
function isAddress(sockaddr: Uint8Array, ip: Uint8Array, port: number): boolean {
  const family = sockaddr[0] | sockaddr[1] << 8;
  if (family !== (ip.length === 4 ? AF_INET : AF_INET6)) return false;
  if ((sockaddr[2] << 8 | sockaddr[3]) !== port) return false;
  const at = family === AF_INET ? 4 : 8;
  return ip.every((byte, i) => byte === sockaddr[at + i]);
}

function isListening(libc: Libc, fd: number): boolean {
  return libc.getOption(fd, SOL_SOCKET, SO_ACCEPTCONN, 4)[0] === 1;
}
