// Floor 3: driver.
import { findListener, grantedLibc } from "./_tcp_descriptors.ts";
import type { TransportAddr } from "./transport.ts";

// <netinet/tcp.h> of Linux
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;

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
  const libc = grantedLibc();
  const fd = libc && findListener(libc, listener.addr);
  if (fd === undefined) return false;
  libc!.setOption(fd, IPPROTO_TCP, TCP_NODELAY, new Uint8Array(Int32Array.of(+noDelay).buffer));
  return true;
}
