// Floor 0: vocabulary.
import type { Transport, TransportAddr } from "./transport.ts";
import type { SocketOptions } from "./socket_options.ts";

/** What an address is checked against: `BlockList` of `node:net` is one. */
export interface AddressList {
  /** Whether the list holds the address; now, and not by a promise. What throws here ends the connection, and `error` tells. */
  check(address: string, family: "ipv4" | "ipv6"): boolean;
}

/** How fast connections are accepted: a bucket of `burst` that refills with `perSecond`. */
export interface AcceptRate {
  /** Connections a second on the average. */
  perSecond: number;
  /**
   * Connections at once.
   *
   * @default {perSecond, and 1 at the least}
   */
  burst?: number;
}

/** How a server behind proxies learns who its clients are: by the PROXY protocol, version 1 or 2. */
export interface ServerProxyProtocolOptions {
  /**
   * The proxies that may connect, as IP addresses and blocks (`"10.0.0.0/8"`), `"unix"` for a socket file, or a function. Everybody
   * else is dropped: who can write a header can claim any address.
   */
  trusted: readonly string[] | ((peer: TransportAddr) => boolean);
  /**
   * How long a connection's header may take, in ms.
   *
   * @default {5000}
   */
  timeout?: number;
  /**
   * The longest header, in bytes.
   *
   * @default {4096}
   */
  maxLength?: number;
}

/**
 * Who is let in, by address and in time. A connection without an IP address, over a Unix socket for one, is neither counted nor looked up in a
 * list: the rate alone holds for it.
 */
export interface AdmissionOptions {
  /**
   * The most connections at once from one IP address.
   *
   * @default {Infinity}
   */
  maxConnectionsPerAddress?: number;
  /**
   * How many bits of a global IPv6 address make it one for `maxConnectionsPerAddress`: whoever has one of them has a whole block, and could come
   * from another one each time. 128 tells all apart, for servers whose own network has many clients.
   *
   * @default {64}
   */
  ipv6PrefixLength?: number;
  /** Addresses that are dropped. */
  blockList?: AddressList;
  /** The only addresses that are let in, where given. */
  allowList?: AddressList;
  /**
   * How fast connections are accepted; faster ones are dropped.
   *
   * @default {undefined}, no limit
   */
  acceptRate?: AcceptRate;
}

/** Options of a server; those of a socket hold for every connection. */
export interface ServerOptions extends SocketOptions, AdmissionOptions {
  /**
   * Whether a connection begins paused: listeners for `data` get nothing before `resume()`. Who takes the chunks (`for await`,
   * `readable`, `pipe`, a `MessageSocket`) need not resume it.
   * @default {false}
   */
  pauseOnConnect?: boolean;
  /**
   * The most connections at once; more are dropped.
   *
   * @default {65536}
   */
  maxConnections?: number;
  /**
   * Requires a PROXY protocol header at the start of each connection; caps, lists and the rate then count the client's
   * address, and the socket tells it as its own.
   * @default {undefined}, none is expected
   */
  proxyProtocol?: ServerProxyProtocolOptions;
}

/** Where a server listens: on a `port`, or on the socket file `path`. One of the two has to be there. */
export interface ListenOptions {
  /** The port; 0, or a value of `undefined`, for any free one. */
  port?: number | undefined;
  /**
   * The local address to listen on.
   *
   * @default {`"::"`, which takes IPv4 too, or `"0.0.0.0"` without IPv6}
   */
  host?: string;
  /** The local address, by the web's name. */
  hostname?: string;
  /** The path of a Unix socket file, instead of port and host. */
  path?: string;
  /**
   * How many connections the system holds until they are accepted.
   *
   * @default {511}
   */
  backlog?: number;
  /**
   * Whether several processes may listen on the port and share its connections (`SO_REUSEPORT`).
   *
   * @default {false}
   */
  reusePort?: boolean;
  /**
   * Whether a socket file that nobody listens on is removed first: a crashed server leaves it.
   *
   * @default {false}
   */
  removeStale?: boolean;
  /** Closes the server when it fires. */
  signal?: AbortSignal;
}

/** Why a connection was dropped. */
export type DropReason =
  | "maxConnections"
  | "maxConnectionsPerAddress"
  | "limits"
  | "blocked"
  | "acceptRate"
  | "proxyProtocol";

/** What the event `drop` tells of a connection. */
export interface DropInfo {
  /** Why. */
  reason: DropReason;
  /** The own IP address. */
  localAddress?: string;
  /** The own port. */
  localPort?: number;
  /** The family of the own address. */
  localFamily?: "IPv4" | "IPv6";
  /** The peer's IP address. */
  remoteAddress?: string;
  /** The peer's port. */
  remotePort?: number;
  /** The family of the peer's address. */
  remoteFamily?: "IPv4" | "IPv6";
}

/** Options of an `AdmissionControl`, and of the servers that have one. */
export interface AdmissionControlOptions extends AdmissionOptions {
  /** Told of each connection that is not let in, and why. What it throws, or rejects with, goes to the console. */
  onDrop?: (info: DropInfo) => void;
}

/** Options of `Server.close`. */
export interface ServerCloseOptions {
  /**
   * How long open connections may go on, in ms; then they are destroyed.
   *
   * @default {Infinity}
   */
  drain?: number;
}

/** What `Server.metrics` counts. */
export interface ServerMetrics {
  /** Connections open now. */
  open: number;
  /** Connections accepted so far. */
  accepted: number;
  /** Connections dropped so far. */
  dropped: number;
  /** Failed attempts to accept, for example for want of file descriptors; not clients that reset before they were accepted. */
  acceptErrors: number;
  /** Bytes that came, over all connections. */
  bytesRead: number;
  /** Bytes that were written, over all connections. */
  bytesWritten: number;
}

/** What accepts connections: `Deno.Listener` is one. */
export interface TransportListener {
  /** The next connection. */
  accept(): Promise<Transport>;
  /** Stops listening; an `accept` under way rejects. */
  close(): void;
  /** The local address. */
  readonly addr: TransportAddr;
  /** Lets the listener keep the program running. */
  ref?(): void;
  /** Lets the program end although it listens. */
  unref?(): void;
}
