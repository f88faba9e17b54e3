// Floor 3: driver.
// Deno does not tell the descriptors of its sockets: they are found by their addresses.
import { type Libc, loadLibc } from "./_bluetooth_libc.ts";
import { parseIp } from "./ip.ts";
import type { Transport, TransportAddr } from "./transport.ts";

// <sys/socket.h> of Linux
const AF_INET = 2;
const AF_INET6 = 10;
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_ACCEPTCONN = 30;
const SOCK_STREAM = 1;
const SHUT_RDWR = 2;
/** Asks how many bytes the other end has not acknowledged (tcp(7)). */
const SIOCOUTQ = 0x5411;
/** The size of a `sockaddr_in6`, in bytes. */
const ADDRESS_SIZE = 28;
/** The system gives the lowest descriptor that is free: behind such a gap there are no more sockets. */
const LARGEST_GAP = 4096;
const MAPPED = "0,0,0,0,0,0,0,0,0,0,255,255,";

/** What a connection is found by. */
type Ends = Pick<Transport, "localAddr" | "remoteAddr">;

/** The C library, where it may be called without asking: on Linux with `--allow-ffi`. */
export function grantedLibc(): Libc | undefined {
  if (Deno.build.os !== "linux") return undefined;
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
  try {
    return loadLibc("Cannot look at sockets");
  } catch {
    return undefined; // a system with another C library
  }
}

/**
 * The address and port of an end; IPv4 as IPv6 has it, since sockets of IPv6 take both. Ends of connections from `Deno.startTls` do not
 * say that they are of TCP.
 */
function keyOf(addr: TransportAddr): string | undefined {
  if (!("hostname" in addr)) return undefined;
  const bytes = parseIp(addr.hostname)?.bytes;
  return bytes && `${bytes.length === 4 ? MAPPED : ""}${bytes}/${addr.port}`;
}

function portOf(sockaddr: Uint8Array): number {
  return sockaddr[2] << 8 | sockaddr[3];
}

/** The same of a `sockaddr`. */
function keyOfSockaddr(sockaddr: Uint8Array): string | undefined {
  const family = sockaddr[0] | sockaddr[1] << 8;
  const port = portOf(sockaddr);
  if (family === AF_INET) return `${MAPPED}${sockaddr.subarray(4, 8)}/${port}`;
  return family === AF_INET6 ? `${sockaddr.subarray(8, 24)}/${port}` : undefined;
}

/** The descriptor of the socket of this process that listens on `addr`; undefined when there is none. */
export function findListener(libc: Libc, addr: TransportAddr): number | undefined {
  const wanted = keyOf(addr);
  for (let fd = 3, last = 3; fd < last + LARGEST_GAP; fd++) {
    const local = localKey(libc, fd);
    if (local === undefined) continue;
    last = fd;
    if (local !== wanted || !isStream(libc, fd)) continue;
    if (libc.getOption(fd, SOL_SOCKET, SO_ACCEPTCONN, 4)[0] === 1) return fd;
  }
  return undefined;
}

function isStream(libc: Libc, fd: number): boolean {
  return libc.getOption(fd, SOL_SOCKET, SO_TYPE, 4)[0] === SOCK_STREAM;
}

function localKey(libc: Libc, fd: number): string | undefined {
  try {
    return keyOfSockaddr(libc.localAddress(fd, ADDRESS_SIZE));
  } catch {
    return undefined; // no descriptor, or not that of a socket
  }
}

/** Where the last connection was found: those that are closed together have mostly come together. */
let near = 3;
const NEAR = 64;

/** The descriptor of a connection of this process. With thousands of connections it may take some milliseconds to find. */
export function findConnection(
  libc: Libc,
  { localAddr: local, remoteAddr: remote }: Ends,
): number | undefined {
  const [localEnd, remoteEnd] = [keyOf(local), keyOf(remote)];
  if (!("hostname" in remote) || localEnd === undefined || remoteEnd === undefined) {
    return undefined;
  }
  const ranges = [[Math.max(3, near - NEAR), near + NEAR], [3, Infinity]];
  for (const [from, to] of ranges) {
    for (let fd = from, last = from; fd < to && fd < last + LARGEST_GAP; fd++) {
      const sockaddr = libc.remoteAddress(fd, ADDRESS_SIZE);
      if (sockaddr === undefined) continue;
      last = fd;
      if (portOf(sockaddr) !== remote.port || keyOfSockaddr(sockaddr) !== remoteEnd) continue;
      if (localKey(libc, fd) !== localEnd || !isStream(libc, fd)) continue;
      near = fd;
      return fd;
    }
  }
  return undefined;
}

/**
 * Ends both directions of a connection of Deno's, so that Deno's TLS, which would otherwise wait for the peer, lets go of it. What the
 * system has taken still leaves. Returns whether there was one.
 */
export function cutConnection(libc: Libc, ends: Ends): boolean {
  const fd = findConnection(libc, ends);
  if (fd === undefined) return false;
  try {
    libc.shutdown(fd, SHUT_RDWR);
    return true;
  } catch {
    return false; // the peer has reset it
  }
}

/**
 * Ends a connection of Deno's with a reset, so that it only has to be closed. Returns whether there was one.
 *
 * Connecting a socket to nowhere drops its connection, and the other end is told by a reset (connect(2), AF_UNSPEC).
 */
export function resetConnection(libc: Libc, ends: Ends): boolean {
  const fd = findConnection(libc, ends);
  return fd !== undefined && libc.connect(fd, new Uint8Array(16)) === 0;
}

/** Whether bytes that were written to the connection `fd` have not come to the other end's system yet; not if it is another one by now. */
export function isSending(libc: Libc, fd: number, { remoteAddr }: Ends): boolean {
  const sockaddr = libc.remoteAddress(fd, ADDRESS_SIZE);
  if (sockaddr === undefined || keyOfSockaddr(sockaddr) !== keyOf(remoteAddr)) return false;
  const unsent = new Int32Array(1);
  return libc.control(fd, SIOCOUTQ, new Uint8Array(unsent.buffer)) >= 0 && unsent[0] > 0;
}
