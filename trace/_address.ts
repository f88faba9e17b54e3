// Floor 1: codec.
import { checkPort, parseHost } from "../net/host.ts";
import { checkOptionNames } from "../net/option_names.ts";
import type { TransportAddr } from "../net/transport.ts";
import type { TraceEndpoint } from "./tracer_options.ts";

/** What an endpoint may hold. `transport` is that of an address, of `Deno.listen()` say: the options tell which one is used. */
const ENDPOINT = { hostname: true, port: true, path: true, transport: true };
const FOREIGN = { host: "is `hostname` here" };

/**
 * Checks where to listen, or to connect to: `name` is the option's, `lowest` the lowest port.
 *
 * @throws {TypeError} For what is no address, a name in it that is none, a host or a path that is none.
 * @throws {RangeError} For a port out of range.
 */
export function checkEndpoint(name: string, endpoint: TraceEndpoint, lowest: number): void {
  if (typeof endpoint !== "object" || endpoint === null) {
    throw new TypeError(
      `Cannot use the option ${name}: it is an object with a port, or with a path`,
    );
  }
  checkOptionNames(`Cannot use the option ${name}`, endpoint, ENDPOINT, FOREIGN);
  if ("path" in endpoint) {
    if (endpoint.path === "" || endpoint.path.includes("\0")) {
      throw new TypeError("Cannot use the path: it is empty or holds a NUL character");
    }
    return;
  }
  checkPort(endpoint.port, lowest);
  if (endpoint.hostname !== undefined) parseHost(endpoint.hostname);
}

/** The names that a certificate is made for, so that clients that know one of the endpoints by its name find it there. */
export function certificateNames(...endpoints: readonly TraceEndpoint[]): string[] {
  const names = ["localhost", "127.0.0.1", "::1"];
  for (const endpoint of endpoints) {
    if ("path" in endpoint || endpoint.hostname === undefined) continue;
    const { hostname } = parseHost(endpoint.hostname);
    if (hostname !== "0.0.0.0" && hostname !== "::") names.unshift(hostname);
  }
  return names;
}

/** Host and port, as people write them. */
export function showEndpoint(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** An address, as people write it. */
export function showAddr(addr: TransportAddr): string {
  if ("hostname" in addr) return showEndpoint(addr.hostname, addr.port);
  if ("path" in addr) return addr.path || "unix";
  const { transport, address = "", port } = addr;
  return `${transport}${address === "" ? "" : `:${address}`}${
    port === undefined ? "" : `:${port}`
  }`;
}
