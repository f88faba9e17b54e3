// Floor 1: codec.
import type { TransportAddr } from "../net/transport.ts";

/** Host and port, as people write them. */
export function showEndpoint(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** An address, as people write it. */
export function showAddr(addr: TransportAddr): string {
  if ("hostname" in addr) return showEndpoint(addr.hostname, addr.port);
  if ("path" in addr) return addr.path === "" ? "unix" : addr.path;
  const { transport, address = "", port } = addr;
  return `${transport}${address === "" ? "" : `:${address}`}${
    port === undefined ? "" : `:${port}`
  }`;
}
