// Floor 1: codec.
import type { DialPolicyInit } from "./dial_policy.ts";
import type { SocketLookup } from "./lookup_options.ts";
import type { ProxyUrl } from "./proxy_url.ts";
import type { SocketOptions } from "./socket_options.ts";
import type { TlsClientOptions } from "./tls_options.ts";

/** Where and how a socket connects: to a `port` on a `host`, or to the socket file `path`. */
export interface ConnectOptions extends SocketOptions {
  /** The port, 1 to 65535. */
  port?: number;
  /**
   * The host: a name or an address.
   *
   * @default {"localhost"}
   */
  host?: string;
  /** The host, by the web's name. */
  hostname?: string;
  /** The path of a Unix socket file, instead of port and host. */
  path?: string;
  /** The own address to connect from; not a link-local one of IPv6, which Deno can't (`ERR_UNSUPPORTED`). */
  localAddress?: string;
  /** The own port to connect from; as `localAddress` and a keep-alive delay not to an address with a zone (`ERR_UNSUPPORTED`). */
  localPort?: number;
  /**
   * Only addresses of this family: 4, 6, or 0 for both; also by the names that an address has.
   *
   * @default {0}
   */
  family?: 0 | 4 | 6 | "IPv4" | "IPv6";
  /**
   * Gives up after so many milliseconds, the name's resolution included.
   *
   * @default {0}, no limit but the system's
   */
  connectTimeout?: number;
  /**
   * Connects with TLS; `secureConnect` follows `connect`. `connectTls` takes its options without this level.
   *
   * @default {false}
   */
  tls?: boolean | TlsClientOptions;
  /** A proxy by its URL (`socks5://`, `http://`, `https://`), or a chain of them, the nearest first. */
  proxy?: string | URL | ProxyUrl | readonly (string | URL | ProxyUrl)[];
  /**
   * How TLS to `https` proxies is done.
   *
   * @default {{}}
   */
  proxyTls?: TlsClientOptions;
  /**
   * Where the host may be: see `dial`.
   *
   * @default {everywhere}
   */
  policy?: DialPolicyInit;
  /**
   * Finds the addresses of the host: by a promise, or by a callback as Node has it.
   *
   * @default {the system's lookup}
   */
  lookup?: SocketLookup;
  /**
   * Whether further addresses of the host are tried while the first ones have not answered; if not, only the first is.
   *
   * @default {true}
   */
  autoSelectFamily?: boolean;
  /**
   * How long one address is waited for before the next one is tried, too, in ms; less than 10 means 10.
   *
   * @default {250}
   */
  autoSelectFamilyAttemptDelay?: number;
  /** The same by Node's name; `autoSelectFamilyAttemptDelay` counts where both are given. */
  autoSelectFamilyAttemptTimeout?: number;
  /**
   * The idle time after which `timeout` is emitted, in ms, as `setTimeout` sets it.
   *
   * @default {0}, never
   */
  timeout?: number;
  /** Destroys the socket when it fires, also later. */
  signal?: AbortSignal;
}
