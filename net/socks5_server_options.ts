// Floor 1: codec.
import type { DialPolicyInit } from "./dial_policy.ts";
import type { HostLookup } from "./lookup_options.ts";
import type { ProxyTarget } from "./proxy_error.ts";
import type { AdmissionControlOptions } from "./server_options.ts";
import type { Transport, TransportAddr } from "./transport.ts";

/**
 * What holds for a {@linkcode Socks5ServerOptions} where an option is left out.
 *
 * @example
 * ```ts
 * import { SOCKS5_SERVER_DEFAULTS } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(SOCKS5_SERVER_DEFAULTS.maxConnections, 1024);
 * ```
 */
export const SOCKS5_SERVER_DEFAULTS = {
  /** Clients at a time. */
  maxConnections: 1024,
  /** Destinations of one relay of datagrams. */
  maxDestinations: 1024,
  /** From the connection to the request, in ms. */
  handshakeTimeout: 10_000,
  /** For `authorize` and the connection together, in ms. */
  connectTimeout: 30_000,
  /** For nothing to pass, in ms. */
  idleTimeout: 300_000,
} as const;

/** Who a client is that asks a {@linkcode Socks5Server}. */
export interface Socks5Client {
  /** Where it connects from. */
  address: TransportAddr;
  /** The user name that it logged in with; missing without authentication. */
  username?: string;
}

/** What a client asks a {@linkcode Socks5Server} for, as `authorize` gets it. */
export interface Socks5Authorization extends Socks5Client {
  /**
   * `"connect"`: a connection to `hostname` and `port`. `"associate"`: a relay of datagrams, which are to come from there;
   * mostly zeros, and of no account when it is not the client's address, as behind a NAT. `"datagram"`: the first datagram of such a
   * relay to `hostname` and `port`.
   */
  command: "connect" | "associate" | "datagram";
  /** A name, or an IP address in its canonical form. */
  hostname: string;
  /** The port. */
  port: number;
}

/** Options of {@linkcode createSocks5Server}. */
export interface Socks5ServerOptions extends AdmissionControlOptions {
  /**
   * Decides whether a login is right. With it every client must log in; without it none can. Compare secrets by `timingSafeEqual` of `@sluice/sockets/buffer`.
   * @default {undefined}, no authentication
   */
  authenticate?(
    credentials: { username: string; password: string },
    client: Socks5Client,
  ): boolean | Promise<boolean>;
  /**
   * Decides what a client may have.
   *
   * @default {everything that `policy` allows}
   */
  authorize?(request: Socks5Authorization): boolean | Promise<boolean>;
  /**
   * Where the server connects and sends to. Without it everywhere, and that includes this machine and its network: set it, for
   * example to `"public"`, when clients are not to be trusted with them.
   */
  policy?: DialPolicyInit;
  /**
   * Connects in place of the server. What `policy` and `lookup` say then holds for datagrams only; without `udp` they are refused beside
   * it, since they would do nothing.
   * @default {a TCP connection}
   */
  dial?(target: ProxyTarget, options: { signal: AbortSignal }): Promise<Transport>;
  /**
   * Finds the addresses of names.
   *
   * @default {the system's lookup}
   */
  lookup?: HostLookup;
  /**
   * Whether to relay datagrams (UDP ASSOCIATE).
   *
   * @default {false}
   */
  udp?: boolean;
  /**
   * The most clients at a time; more are turned away at once.
   *
   * @default {1024}
   */
  maxConnections?: number;
  /**
   * The most destinations that a relay of datagrams remembers.
   *
   * @default {1024}
   */
  maxDestinations?: number;
  /**
   * How long a client may take from its connection to its request, login included, in ms.
   *
   * @default {10000}
   */
  handshakeTimeout?: number;
  /**
   * How long `authorize` and the connection may take together, in ms. Both end before when the client leaves; a client that ends its direction
   * before the answer, and has sent nothing beside its request, is taken to have left.
   * @default {30000}
   */
  connectTimeout?: number;
  /**
   * How long nothing may pass before a connection is closed, in ms; 0 for ever.
   *
   * @default {300000}
   */
  idleTimeout?: number;
  /**
   * Told about clients that failed, and hooks that threw.
   *
   * @default {nobody is}
   */
  onerror?(error: unknown, client: Socks5Client): void;
}

/** Where a {@linkcode Socks5Server} is to listen. */
export interface Socks5ListenOptions {
  /**
   * The local address or name.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string;
  /**
   * The port; 0 for any free one.
   *
   * @default {0}
   */
  port?: number;
}

/** Where a {@linkcode Socks5Server} listens; `Deno.connect` takes it as it is. */
export interface Socks5ServerAddr {
  /** The protocol. */
  transport: "tcp";
  /** The IP address. */
  hostname: string;
  /** The port. */
  port: number;
}
