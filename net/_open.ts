// Floor 3: driver.
import { checkFamily } from "./_connect_arguments.ts";
import { isThenable } from "./_thenable.ts";
import type { ConnectOptions } from "./connect_options.ts";
import { dial, type DialOptions } from "./dial.ts";
import { NetError } from "./errors.ts";
import { systemHostLookup } from "./lookup.ts";
import type { HostLookup, SocketLookup } from "./lookup_options.ts";
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
  const { port, localAddress, localPort, noDelay, proxy, proxyTls } = options;
  const { autoSelectFamilyAttemptDelay, autoSelectFamilyAttemptTimeout } = options;
  const attemptDelay = autoSelectFamilyAttemptDelay ?? autoSelectFamilyAttemptTimeout;
  const { keepAlive = false, keepAliveInitialDelay = 0 } = options;
  const hostname = options.host ?? options.hostname ?? "localhost";
  try {
    return await dial({ hostname, port: port! }, {
      ...common,
      localAddress,
      localPort,
      family: checkFamily(options.family),
      noDelay,
      proxy,
      proxyTls,
      lookup: lookupOf(options),
      attemptDelay: attemptDelay === undefined ? undefined : Math.max(10, attemptDelay),
      keepAlive: keepAlive && keepAliveInitialDelay > 0
        ? keepAliveInitialDelay
        : Boolean(keepAlive),
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

/** The lookup that options ask for; undefined for all that the system finds. */
function lookupOf({ lookup, autoSelectFamily = true }: ConnectOptions): HostLookup | undefined {
  const own: HostLookup | undefined = lookup &&
    ((hostname, options) => callLookup(lookup, hostname, options));
  if (autoSelectFamily) return own;
  return async (hostname, options) =>
    (await (own ?? systemHostLookup)(hostname, options)).slice(0, 1);
}

/** Calls a lookup that promises, or calls back; an async one that promises nothing calls back, too. */
function callLookup(
  lookup: SocketLookup,
  hostname: string,
  options: Parameters<HostLookup>[1],
): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const result: unknown = lookup(
      hostname,
      { ...options, family: options.family ?? 0, all: true, hints: 0 },
      (error, address) => {
        if (error) reject(error);
        else if (typeof address === "string") resolve([address]);
        // Thrown here it would go to whoever calls back, and the socket would wait for ever.
        else resolve(Array.isArray(address) ? address.map((each) => each?.address) : []);
      },
    );
    // What `dns.lookup` returns is neither.
    if (!Array.isArray(result) && !isThenable(result)) return;
    Promise.resolve(result).then((found) => {
      if (found !== undefined) resolve(found as readonly string[]);
    }, reject);
  });
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
