// Floor 1: codec.
import { FOREIGN_SOCKET_OPTIONS, SOCKET_OPTIONS } from "./_connect_arguments.ts";
import { checkOptionNames } from "./option_names.ts";
import type { ServerOptions } from "./server_options.ts";

const OPTIONS: Record<keyof Required<ServerOptions>, true> = {
  ...SOCKET_OPTIONS,
  pauseOnConnect: true,
  maxConnections: true,
  maxConnectionsPerAddress: true,
  ipv6PrefixLength: true,
  blockList: true,
  allowList: true,
  acceptRate: true,
  proxyProtocol: true,
};

/** Sockets say themselves what they don't take of Node's. */
const KNOWN: Readonly<Record<string, unknown>> = {
  ...OPTIONS,
  ...Object.fromEntries(FOREIGN_SOCKET_OPTIONS.map((name) => [name, true])),
};

/** What says where to listen, and with which certificate. */
const FOREIGN: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ["backlog", "host", "hostname", "path", "port", "removeStale", "reusePort", "signal"]
      .map((name) => [name, "goes to `listen()`"]),
  ),
  ...Object.fromEntries(
    ["ALPNProtocols", "ca", "cert", "key", "passphrase", "pfx", "requestCert", "secureContext"]
      .concat("SNICallback", "sni")
      .map((name) => [name, "goes to `createSecureServer()`"]),
  ),
  tls: "is none here: `cert` and `key` go to `createSecureServer()`",
  timeout: "is `setTimeout()` of a socket here",
};

/** @throws {TypeError} For options of a server that there are not: with an `allowlist` everybody would be let in. */
export function checkServerOptionNames(options: ServerOptions): void {
  checkOptionNames("Cannot make a server", options, KNOWN, FOREIGN);
}
