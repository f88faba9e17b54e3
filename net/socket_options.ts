// Floor 0: vocabulary.
import type { Limits } from "./limits.ts";

/** Options of a socket, for both sides of a connection. */
export interface SocketOptions {
  /**
   * Whether the socket stays open for writing when the peer has ended its direction. When false, `end()` is called
   * by itself then.
   * @default {false}
   */
  allowHalfOpen?: boolean;
  /**
   * From how many queued bytes `write` returns false.
   *
   * @default {65536}
   */
  highWaterMark?: number;
  /**
   * How many bytes may be queued for sending: a `write` on a queue that is longer destroys the socket with
   * `ERR_BUFFER_LIMIT`. A single write may be larger.
   * @default {67108864}
   */
  maxSendQueueBytes?: number;
  /**
   * Sends small writes at once (`TCP_NODELAY`).
   *
   * @default {true}
   */
  noDelay?: boolean;
  /**
   * Has the system probe a silent connection (`SO_KEEPALIVE`). One whose probes are not answered ends with `ETIMEDOUT`; on Linux
   * that takes over two hours where nothing else is set.
   *
   * @default {false}
   */
  keepAlive?: boolean;
  /**
   * With `keepAlive`: how long a connection is silent before the first probe, in ms; 0 leaves it to the system. Deno's own
   * connections can't set it: those with a delay go over node:net, which is slower. How many probes follow, and how fast, is the
   * system's affair, other than in Node, which has ten follow each other by a second: Linux sends one in 75 s, and gives a dead
   * connection up eleven minutes after the first. `setTimeout()` tells of a silence sooner.
   * @default {0}
   */
  keepAliveInitialDelay?: number;
  /**
   * Where what the socket holds is counted: a budget for many connections.
   * @default {`Limits.shared` for the connections of a server, none for clients}
   */
  limits?: Limits;
}

/** The events of a socket, with what their listeners are called with. */
export interface SocketEvents {
  /** The host's name was resolved, or not: the error, the first address, its family (4 or 6), and the name. */
  lookup: [error: Error | null, address: string | null, family: 4 | 6 | null, host: string];
  /** The connection is there. */
  connect: [];
  /** The connection is there and can be used; after `connect`. */
  ready: [];
  /** TLS is on, on the client's side: after `connect` when it connected with TLS, or after `startTls`. */
  secureConnect: [];
  /** TLS is on, on either side. */
  secure: [];
  /** Bytes came (a `Buffer`), or text after `setEncoding`. */
  // deno-lint-ignore no-explicit-any
  data: [chunk: any];
  /** `pause()` was called, and the socket was not paused. */
  pause: [];
  /** `data` events begin, or go on after `pause()`: once before the first of them. */
  resume: [];
  /** The peer ended its direction, and everything it sent has been read. */
  end: [];
  /** Nothing passed for the time given to `setTimeout`. The socket stays open. */
  timeout: [];
  /** The queue has room again after `write` returned false. */
  drain: [];
  /** `end()` was called and everything has been handed to the system. */
  finish: [];
  /** What went wrong; `close` follows. */
  error: [error: Error & { code?: string; syscall?: string; address?: string; port?: number }];
  /** The socket is closed; the last event. */
  close: [hadError: boolean];
  /** A stream was piped into this socket. */
  pipe: [source: unknown];
  /** A stream was unpiped from this socket. */
  unpipe: [source: unknown];
}

/** What {@link https://github.com/WICG/direct-sockets | TCPSocket} tells once it is open: the two streams and the addresses. */
export interface SocketOpenInfo {
  /** The stream of what the peer sends. */
  readable: ReadableStream<Uint8Array>;
  /** The stream to the peer. */
  writable: WritableStream<Uint8Array>;
  /** The peer's IP address. */
  remoteAddress?: string;
  /** The peer's port. */
  remotePort?: number;
  /** The own IP address. */
  localAddress?: string;
  /** The own port. */
  localPort?: number;
}

/** An address as Node and Luvit tell it. */
export interface SocketAddressInfo {
  /** The IP address. */
  address: string;
  /** The IP address, by Luvit's name. */
  ip: string;
  /** `"IPv4"` or `"IPv6"`. */
  family: "IPv4" | "IPv6";
  /** The port. */
  port: number;
}

/** How far a socket has come: `"opening"`, `"open"`, half open in one direction, or `"closed"`. */
export type SocketReadyState = "opening" | "open" | "readOnly" | "writeOnly" | "closed";

/** What a socket can be piped into: a Node stream, or another socket. */
export interface PipeDestination {
  /** Takes a chunk; false when it is full. */
  write(chunk: Uint8Array): unknown;
  /** Ends it. */
  end(): unknown;
  /** Listens. */
  // deno-lint-ignore no-explicit-any
  on(event: any, listener: (...args: any[]) => void): unknown;
  /** Stops listening. */
  // deno-lint-ignore no-explicit-any
  off(event: any, listener: (...args: any[]) => void): unknown;
  /** Tells of the pipe. */
  // deno-lint-ignore no-explicit-any
  emit(event: any, source: any): unknown;
  /** How many listen. */
  // deno-lint-ignore no-explicit-any
  listenerCount(event: any): number;
}

/** Options of `Socket.pipe`. */
export interface PipeOptions {
  /**
   * Whether the destination is ended at the end.
   *
   * @default {true}
   */
  end?: boolean;
}
