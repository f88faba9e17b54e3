// Floor 3: driver.
import type { ConnectOptions } from "./connect_options.ts";
import { dial, type DialOptions } from "./dial.ts";
import { NetError } from "./errors.ts";
import type { Transport } from "./transport.ts";

/** Told what a lookup brought: the error, the first address and its family, and the name. */
export type LookupListener = (
  error: Error | null,
  address: string | null,
  family: 4 | 6 | null,
  host: string,
) => void;

/** Opens what a socket connects to: {@linkcode dial}, in the words of Node's options. */
export async function openTransport(
  options: ConnectOptions,
  signal: AbortSignal,
  onlookup: LookupListener,
): Promise<Transport> {
  const { path, tls, policy, connectTimeout: timeout } = options;
  const common: DialOptions = { timeout, signal, tls, policy };
  if (path !== undefined) return await dial({ path }, common);
  const { port, localAddress, localPort, family, noDelay, proxy, lookup } = options;
  const { keepAlive = false, keepAliveInitialDelay = 0 } = options;
  const hostname = options.host ?? options.hostname ?? "localhost";
  try {
    return await dial({ hostname, port: port! }, {
      ...common,
      localAddress,
      localPort,
      family,
      noDelay,
      proxy,
      lookup,
      keepAlive: keepAlive && keepAliveInitialDelay > 0 ? keepAliveInitialDelay : keepAlive,
      onlookup: (host, [address]) => {
        onlookup(null, address, address.includes(":") ? 6 : 4, host);
      },
    });
  } catch (error) {
    if (error instanceof NetError && error.syscall === "getaddrinfo") {
      onlookup(error, null, null, hostname);
    }
    if (error instanceof TypeError && error.message.startsWith("Cannot use host")) {
      throw badHost(hostname, port, error);
    }
    throw error;
  }
}

/** As Node has it: what can't be a host is not found. */
function badHost(address: string, port: number | undefined, cause: TypeError): NetError {
  return new NetError(cause.message, {
    code: "ENOTFOUND",
    syscall: "getaddrinfo",
    address,
    port,
    cause,
  });
}
