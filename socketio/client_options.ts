// Floor 3: driver.
import type { DialPolicyInit } from "../net/dial_policy.ts";
import type { ProxyUrl } from "../net/proxy_url.ts";
import type { TlsClientOptions } from "../net/tls_options.ts";
import type { SocketIoParser, Untyped } from "./types.ts";

/**
 * What is sent to the server's middleware: an object, or a function that makes it anew for each connection, and calls `done` with it,
 * or, if it takes no argument, may return it. What that throws comes with `connect_error` (`ERR_LISTENER`), as the cause; so does why it
 * can't be encoded, and that it is no object.
 */
export type SocketIoAuth =
  | Record<string, Untyped>
  | ((done: (data: Record<string, Untyped>) => void) => void)
  | (() => Record<string, Untyped> | Promise<Record<string, Untyped>>);

/** Options of one socket of a client. */
export interface SocketIoSocketOptions {
  /** What is sent to the server's middleware. */
  auth?: SocketIoAuth;
  /**
   * How long `auth` and the server may take to let the socket in once the connection is there, in ms.
   *
   * @default {45_000}
   */
  connectTimeout?: number;
  /**
   * How often an event is sent again if no acknowledgement comes in time, or the connection is lost first; then it is given up, with that error.
   * Events are sent one after the other, each when the one before was acknowledged or given up; all others reach the server at least once. One
   * whose turn comes while the connection is full waits for room, for which `ackTimeout` does not run: it can last as long as the connection.
   *
   * @default {0}
   */
  retries?: number;
  /**
   * How long an event waits for its acknowledgement unless `timeout()` says otherwise, in ms.
   *
   * @default {no limit}
   */
  ackTimeout?: number;
  /**
   * The most events that wait while there is no connection; more are refused by `emit`. If the server sends more before it lets the socket in,
   * it is not connected (`ERR_LIMIT`), or comes without its session if it asked for that: npm's servers send what was missed in front.
   * @default {10_000}
   */
  maxBufferedEvents?: number;
  /**
   * The most bytes that wait to be sent; more are refused by `emit`. If the server sends more before it lets the socket in, in several events,
   * the same holds as for `maxBufferedEvents`. Acknowledgements to the server are none of these: 64 MiB of them may wait, or as much as this says for
   * the connection's first socket if that is more, each with 512 bytes added; with more the connection is lost (`ERR_LIMIT`).
   * @default {16_777_216}
   */
  maxBufferedBytes?: number;
  /**
   * The most packets that wait to be sent on a connection; more are refused by `emit`. An event is one, and one more for each of its attachments.
   * Platforms spend half a kB on each that waits, however small it is.
   * @default {262_144}
   */
  maxBufferedPackets?: number;
  /**
   * The most acknowledgements that are waited for; above it the oldest is given up.
   *
   * @default {10_000}
   */
  maxPendingAcks?: number;
}

/** Options of `connectSocketIo`: those of the connection, and those of the socket. */
export interface SocketIoClientOptions extends SocketIoSocketOptions {
  /**
   * The path of the server's requests.
   *
   * @default {"/socket.io"}
   */
  path?: string;
  /**
   * Whether the path ends with a slash.
   *
   * @default {true}
   */
  addTrailingSlash?: boolean;
  /**
   * The transports, the one to begin with first.
   *
   * @default {["polling", "websocket"]}
   */
  transports?: readonly ("polling" | "websocket")[];
  /**
   * Whether a polling connection is upgraded to a WebSocket.
   *
   * @default {true}
   */
  upgrade?: boolean;
  /**
   * Whether the next transport is tried where the first one fails.
   *
   * @default {false}
   */
  tryAllTransports?: boolean;
  /** Further parameters of the query. */
  query?: Record<string, string>;
  /**
   * Further headers. Browsers send them with polling only: with their WebSocket it is an error. Polling with them follows no redirects,
   * which would take them along.
   */
  extraHeaders?: Record<string, string>;
  /**
   * Whether cookies are sent to another origin. Where `fetch` keeps none (Deno, Node), those that the server or a balancer sets while polling go
   * along with the later requests of the same connection, its WebSocket included, as with npm's client: for sticky sessions by cookie. So they
   * do where `fetch` is the program's own, which may only add a certificate. One that keeps cookies itself wants `false` outside of browsers: else
   * they are sent twice, with what they were in this connection first.
   * @default {false}
   */
  withCredentials?: boolean;
  /**
   * Whether a lost connection is made again.
   *
   * @default {true}
   */
  reconnection?: boolean;
  /**
   * How often in a row that is tried.
   *
   * @default {Infinity}
   */
  reconnectionAttempts?: number;
  /**
   * How long the first wait before a new attempt is, in ms; it doubles each time.
   *
   * @default {1_000}
   */
  reconnectionDelay?: number;
  /**
   * How long the longest wait before a new attempt is, in ms.
   *
   * @default {5_000}
   */
  reconnectionDelayMax?: number;
  /**
   * How much longer or shorter chance may make a wait, from 0 to 1: by half of it, for 0.5. The longest wait is no longer.
   *
   * @default {0.5}
   */
  randomizationFactor?: number;
  /**
   * How long one attempt to connect may take, in ms.
   *
   * @default {20_000}
   */
  timeout?: number;
  /**
   * Whether to connect at once; else `connect()` does.
   *
   * @default {true}
   */
  autoConnect?: boolean;
  /**
   * Whether sockets of several namespaces share a connection to the server.
   *
   * @default {true}
   */
  multiplex?: boolean;
  /**
   * Whether the socket has a connection of its own: the opposite of `multiplex`.
   *
   * @default {false}
   */
  forceNew?: boolean;
  /**
   * The most bytes of one polling response, and of one WebSocket message.
   *
   * @default {67_108_864}
   */
  maxHttpBufferSize?: number;
  /**
   * The most attachments of one packet.
   *
   * @default {10}
   */
  maxAttachments?: number;
  /**
   * The most bytes that the attachments of one packet have together.
   *
   * @default {67_108_864}
   */
  maxAttachmentBytes?: number;
  /** Ends the connection for good when it is aborted. */
  signal?: AbortSignal;
  /** A codec in place of the built-in one, as npm's `socket.io-msgpack-parser`. The server needs the same. */
  parser?: SocketIoParser;
  /**
   * A proxy by its URL (`socks5://`, `http://` for CONNECT, `https://`; with `user:password@` where it wants that), or a chain of them, the nearest
   * first. Both transports go through it, and only through it: the environment is not asked (`proxyFromEnvironment` of `net` does). Redirects are not followed. The
   * error's `cause` tells why a connection could not be made: a `ProxyError` or another `NetError`, or of the WebSocket a `WebSocketHandshakeError`; a polling
   * request that is answered with another status than 200 has none.
   *
   * In Deno only, and not with the client alone (`@sluice/sockets/socketio/client`). Beside `fetch` or `WebSocket`, which would go another way, it is a TypeError.
   */
  proxy?: string | URL | ProxyUrl | readonly (string | URL | ProxyUrl)[];
  /**
   * How TLS to an `https:` server is done through a `proxy`, for example with the `ca` to trust. Without a `proxy` it is a TypeError: `fetch` and `WebSocket`
   * have their own ways (`DENO_CERT`, `Deno.createHttpClient`, `StandardWebSocket`).
   * @default {{}}
   */
  tls?: TlsClientOptions;
  /**
   * How TLS to `https:` proxies is done; only with a `proxy`.
   *
   * @default {{}}
   */
  proxyTls?: TlsClientOptions;
  /**
   * Where the server may be; only with a `proxy`. The name is then resolved here, judged, and the proxy gets the address. The proxies themselves are not judged.
   * @default {everywhere}
   */
  policy?: DialPolicyInit;
  /** What is used in place of the global `fetch`. */
  fetch?: typeof fetch;
  /**
   * The class of the WebSockets.
   *
   * @default {one of this package in Deno, where the environment is known to have no proxy; else the global `WebSocket`}
   */
  WebSocket?: typeof WebSocket;
}
