// Floor 3: driver.
import { findConnection, grantedLibc, isSending, resetConnection } from "./_tcp_descriptors.ts";
import { BELOW, type TransportExtras } from "./_transport_extras.ts";
import type { Transport } from "./transport.ts";

/** Deno's own connections, whose addresses are those of their sockets. */
const OWN: ReadonlySet<string> = new Set(["TcpConn", "TlsConn"]);

/**
 * The connection of Deno's that a transport stands before, if there is one. What other transports tell of their addresses may come from a
 * peer, or be those of a connection that many share: nothing is looked for by them.
 */
function ownConnection(transport: Transport & TransportExtras): Transport | undefined {
  let below = transport;
  while (below[BELOW] !== undefined) below = below[BELOW];
  return OWN.has(below.constructor?.name) && "hostname" in below.localAddr ? below : undefined;
}

/** How a transport is reset, so that it only has to be closed; undefined where it can't be. */
export function resetOf(transport: Transport & TransportExtras): (() => void) | undefined {
  if (transport.reset !== undefined) {
    return transport.resets === false ? undefined : () => transport.reset!();
  }
  const conn = ownConnection(transport);
  const libc = conn && grantedLibc();
  return libc && (() => void resetConnection(libc, conn!));
}

/** How to ask whether bytes that were written have not come to the other end's system yet; undefined where that can't be told. */
export function sendingOf(transport: Transport): (() => boolean) | undefined {
  const conn = ownConnection(transport);
  const libc = conn && grantedLibc();
  const fd = libc && findConnection(libc, conn!);
  return fd === undefined ? undefined : () => isSending(libc!, fd, conn!);
}
