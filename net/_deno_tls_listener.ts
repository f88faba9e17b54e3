// Floor 3: driver.
import { loadIdentity } from "./_tls_material.ts";
import { NetError } from "./errors.ts";
import { formatEndpoint, toNetError } from "./os_error.ts";
import type { ListenOptions, TransportListener } from "./server_options.ts";
import type { TlsServerOptions } from "./tls_options.ts";

/**
 * Listens on a port with Deno's own TLS.
 *
 * @throws {NetError} `ERR_UNSUPPORTED` for what it can't do, and what listening throws.
 */
export function listenDenoTls(options: ListenOptions, tls: TlsServerOptions): TransportListener {
  for (const key of ["path", "backlog", "reusePort"] as const) {
    if (options[key] !== undefined && options[key] !== false) {
      throw new NetError(`Cannot use the option ${key} with Deno's TLS`, {
        code: "ERR_UNSUPPORTED",
        syscall: "listen",
      });
    }
  }
  const { port = 0 } = options;
  const settings = {
    ...loadIdentity(tls),
    port,
    alpnProtocols: tls.ALPNProtocols as string[] | undefined,
  };
  const hostname = options.host ?? options.hostname;
  try {
    if (hostname !== undefined) return Deno.listenTls({ ...settings, hostname });
    try {
      return Deno.listenTls({ ...settings, hostname: "::" });
    } catch (error) {
      const { code } = toNetError(error, { syscall: "listen" });
      if (code !== "EAFNOSUPPORT" && code !== "EADDRNOTAVAIL") throw error;
      return Deno.listenTls({ ...settings, hostname: "0.0.0.0" });
    }
  } catch (error) {
    const address = hostname ?? "::";
    const what = `Cannot listen on "${formatEndpoint(address, port)}"`;
    throw toNetError(error, { syscall: "listen", address, port, what });
  }
}
