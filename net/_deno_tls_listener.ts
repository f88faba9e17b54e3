// Floor 3: driver.
import { makeClosable } from "./_deno_tls_transport.ts";
import { listenOn } from "./_listen_on.ts";
import { loadIdentity } from "./_tls_material.ts";
import { NetError } from "./errors.ts";
import { setListenerNoDelay } from "./listener_no_delay.ts";
import { formatEndpoint, toNetError } from "./os_error.ts";
import type { ListenOptions, TransportListener } from "./server_options.ts";
import type { TlsServerOptions } from "./tls_options.ts";

/** For an option that Deno's TLS can't honour. */
export function unsupportedByDeno(option: string, why?: string): NetError {
  const reason = why === undefined ? "" : `: ${why}`;
  return new NetError(`Cannot use the option "${option}" with Deno's TLS${reason}`, {
    code: "ERR_UNSUPPORTED",
  });
}

/**
 * Listens on a port with Deno's own TLS. With `noDelay` Nagle's algorithm is off, or it throws; without saying, where that can be had.
 *
 * @throws {NetError} `ERR_UNSUPPORTED` for what it can't do, and what listening throws.
 */
export function listenDenoTls(
  options: ListenOptions,
  tls: TlsServerOptions,
  noDelay?: boolean,
): TransportListener {
  for (const key of ["path", "backlog", "reusePort"] as const) {
    if (options[key] !== undefined && options[key] !== false) throw unsupportedByDeno(key);
  }
  const listener = openDenoTls(options, tls);
  if (noDelay !== false && !setListenerNoDelay(listener) && noDelay === true) {
    listener.close();
    throw unsupportedByDeno("noDelay", "it takes Linux and --allow-ffi");
  }
  const closable = makeClosable();
  return {
    addr: listener.addr,
    accept: async () => closable(await listener.accept()),
    close: () => listener.close(),
    ref: () => listener.ref(),
    unref: () => listener.unref(),
  };
}

/** Listens on a port with Deno's own TLS. @throws {TypeError} When certificate and key are no good. @throws {NetError} What listening throws. */
export function openDenoTls(options: ListenOptions, tls: TlsServerOptions): Deno.TlsListener {
  const { port = 0 } = options;
  const settings = {
    ...loadIdentity(tls),
    alpnProtocols: (tls.ALPNProtocols ?? undefined) as string[] | undefined,
  };
  const hostname = options.host ?? options.hostname;
  try {
    return listenOn(
      hostname,
      port,
      (hostname, port) => Deno.listenTls({ ...settings, hostname, port }),
    );
  } catch (error) {
    const address = hostname ?? "::";
    const what = `Cannot listen on "${formatEndpoint(address, port)}"`;
    throw toNetError(error, { syscall: "listen", address, port, what });
  }
}
