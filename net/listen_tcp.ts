// Floor 3: driver.
import { listenOn } from "./_listen_on.ts";
import { formatEndpoint, toNetError } from "./os_error.ts";
import { checkOptionNames } from "./option_names.ts";

/** Where {@linkcode listenTcp} listens. */
export interface ListenTcpOptions {
  /**
   * The port.
   *
   * @default {any that is free}
   */
  port?: number;
  /**
   * The address or the name to listen on.
   *
   * @default {all addresses of IPv6 and of IPv4}
   */
  hostname?: string;
  /**
   * How many connections may wait until they are accepted.
   *
   * @default {the runtime's, 511}
   */
  backlog?: number;
}

const OPTIONS: Record<keyof ListenTcpOptions, true> = { port: true, hostname: true, backlog: true };

const FOREIGN_OPTIONS = {
  host: "is `hostname` here",
  path: "goes to `Deno.listen`",
  tcpBacklog: "is `backlog` here",
};

/**
 * Listens on a TCP port, of one address or of all. `Deno.listen` takes IPv4 alone without a `hostname`, and with `::`, which is all of
 * IPv6 and of IPv4 elsewhere, IPv6 alone on Windows; here it is both everywhere, or IPv4 where there is no IPv6.
 *
 * @throws {NetError} With Node's code: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, …
 * @throws {RangeError} For a port that is none.
 * @throws {TypeError} `ERR_INVALID_ARG_VALUE` for options that there are not.
 *
 * @example
 * ```ts
 * import { dial, listenTcp } from "@sluice/sockets/net";
 *
 * using listener = listenTcp();
 * const { port } = listener.addr;
 * const connecting = dial({ hostname: "127.0.0.1", port });
 * (await listener.accept()).close();
 * (await connecting).close();
 * ```
 */
export function listenTcp(options: ListenTcpOptions = {}): Deno.TcpListener {
  checkOptionNames("Cannot listen", options, OPTIONS, FOREIGN_OPTIONS);
  const { port = 0, hostname, backlog } = options;
  try {
    return listenOn(
      hostname,
      port,
      (hostname, port) => Deno.listen({ hostname, port, tcpBacklog: backlog }),
    );
  } catch (error) {
    if (error instanceof RangeError || (error instanceof TypeError && !("code" in error))) {
      throw error;
    }
    const address = hostname ?? "::";
    const what = `Cannot listen on "${formatEndpoint(address, port)}"`;
    throw toNetError(error, { syscall: "listen", address, port, what });
  }
}
