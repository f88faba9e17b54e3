// Floor 1: codec.
import type { DialPolicyInit } from "./dial_policy.ts";
import type { HostLookup } from "./lookup_options.ts";

/** The kind of a datagram socket: UDP over IPv4 or over IPv6. */
export type DatagramSocketType = "udp4" | "udp6";

/** One end of a datagram's way. */
export interface DatagramAddress {
  /** The IP address. */
  address: string;
  /** The port. */
  port: number;
  /** The family of the address. */
  family: "IPv4" | "IPv6";
}

/**
 * A datagram that came, with its sender. To answer it: `socket.send(reply, datagram)`. Deno does not tell the zone (interface) of a link-local
 * sender: the address has it where the socket is bound to a link-local address or group (`"fe80::1%eth0"`, `"ff02::1234%eth0"`), or connected to one.
 * On a machine with several interfaces a socket that is bound to all addresses can't answer such senders for certain: bind one to each interface.
 */
export interface Datagram extends DatagramAddress {
  /** What it carries: 0 to 65,527 bytes. They are the receiver's, to keep or to change. */
  data: Uint8Array<ArrayBuffer>;
}

/** Options of {@linkcode createDatagramSocket}. */
export interface DatagramSocketOptions {
  /**
   * IPv4 or IPv6.
   *
   * @default {"udp4"}
   */
  type?: DatagramSocketType;
  /**
   * Shares the port with other sockets that ask for the same (`SO_REUSEADDR`), as receivers of multicast do.
   *
   * @default {false}
   */
  reuseAddr?: boolean;
  /**
   * Not to be had in Deno without an unstable flag: `true` throws `ERR_UNSUPPORTED`.
   *
   * @default {false}
   */
  reusePort?: boolean;
  /**
   * An IPv6 socket that takes no IPv4 datagrams besides, and sends none. On Windows Deno has no others: `false` throws `ERR_UNSUPPORTED`.
   *
   * @default {false; on Windows true}
   */
  ipv6Only?: boolean;
  /** Not to be had in Deno, see {@linkcode DatagramSocket.setRecvBufferSize}: any value throws `ERR_UNSUPPORTED`. */
  recvBufferSize?: number;
  /** Not to be had in Deno: any value throws `ERR_UNSUPPORTED`. */
  sendBufferSize?: number;
  /**
   * The most datagrams that wait to be received.
   *
   * @default {1024}
   */
  maxQueue?: number;
  /**
   * The most bytes that wait to be received.
   *
   * @default {4 MiB}
   */
  maxQueueBytes?: number;
  /**
   * What is dropped when the queue is full: the datagram that comes, or those that wait longest.
   *
   * @default {"newest"}
   */
  drop?: "newest" | "oldest";
  /**
   * The most datagrams that wait to be sent; one more and `send` rejects with `ERR_BUFFER_LIMIT`.
   *
   * @default {1024}
   */
  maxSendQueue?: number;
  /**
   * The most bytes that wait to be sent.
   *
   * @default {4 MiB}
   */
  maxSendQueueBytes?: number;
  /**
   * The largest datagram, in bytes, to send or to let in.
   *
   * @default {65507, over IPv6 65527}
   */
  maxDatagramSize?: number;
  /**
   * Where datagrams may be sent.
   *
   * @default {everywhere}
   */
  policy?: DialPolicyInit;
  /**
   * Finds the addresses of names.
   *
   * @default {the system's lookup}
   */
  lookup?: HostLookup;
  /** Closes the socket when it fires. */
  signal?: AbortSignal;
}

/** Where a socket is bound. */
export interface DatagramBindOptions {
  /**
   * The port; 0 for any free one.
   *
   * @default {0}
   */
  port?: number;
  /**
   * The local address or name; no text is none in particular.
   *
   * @default {"0.0.0.0", over IPv6 "::"}
   */
  address?: string;
}

/** What went through a {@linkcode DatagramSocket}. */
export interface DatagramMetrics {
  /** Datagrams received, before any was dropped. */
  received: number;
  /** Bytes received. */
  bytesReceived: number;
  /** Datagrams sent. */
  sent: number;
  /** Bytes sent. */
  bytesSent: number;
  /** Datagrams that wait to be received. */
  queued: number;
  /** Bytes that wait to be received. */
  queuedBytes: number;
  /** Datagrams dropped because the queue was full. */
  dropped: number;
  /** Datagrams dropped because they were larger than `maxDatagramSize`. */
  oversize: number;
  /** Datagrams dropped by a connected socket because they came from somebody else. */
  foreign: number;
}

/** The events of a {@linkcode DatagramSocket}, with what their listeners are called with. */
export interface DatagramSocketEvents {
  /** A datagram came. While there is a listener, nothing is queued. */
  message: [data: Uint8Array<ArrayBuffer>, from: DatagramAddress];
  /** The socket is bound. */
  listening: [];
  /** The socket is connected. */
  connect: [];
  /** The system could not receive, or a listener threw; after the latter the socket is closed. */
  error: [error: Error & { code?: string; syscall?: string; address?: string; port?: number }];
  /** The socket is closed. */
  close: [];
}
