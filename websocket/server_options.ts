// Floor 3: driver.
import type { Server as HttpServer } from "node:http";
import type { Limits } from "../net/limits.ts";
import type {
  AdmissionControlOptions,
  ServerProxyProtocolOptions,
  TransportListener,
} from "../net/server_options.ts";
import type { TlsInfo, TlsServerOptions } from "../net/tls_options.ts";
import type { TransportAddr } from "../net/transport.ts";
import type { WebSocketConnection } from "./connection.ts";
import type { WebSocketConnectionOptions } from "./connection_options.ts";
import type { HttpHeadLimits } from "./http_head.ts";
import type { OriginPolicy } from "./origin.ts";
import type { PerMessageDeflateOptions } from "./permessage_deflate.ts";
import type { HttpHandler } from "./request_listener.ts";

/**
 * Takes a connection. What it throws, or rejects with, ends that connection with 1011 and goes to `onError`; when it
 * is done the connection stays open.
 */
export type WebSocketHandler = (ws: WebSocketConnection) => unknown;

/** What a server knows of a client that asks to be let in. */
export interface WebSocketRequestInfo {
  /** The client's address. */
  remoteAddr: TransportAddr;
  /** The subprotocols that the client offers. */
  protocols: readonly string[];
  /** The subprotocol that was chosen, or the empty string. */
  protocol: string;
  /**
   * What the TLS handshake came to, on a server that got `tls` and does it by node:tls: with `requestCert`, who the client is by its
   * certificate. Not with implementation `"deno"`, and not for `attachWebSocket`.
   */
  tls?: TlsInfo;
}

/** What `authorize` may say beside yes and no. */
export interface WebSocketAdmission {
  /** Headers for the response, for example `Set-Cookie`. */
  headers?: HeadersInit;
  /** What is known of the client now, for its handler: it becomes `ws.data`. */
  data?: unknown;
}

/**
 * The answer of `authorize`: `false` refuses with 403, a `Response` with its status, headers and text (up to 64 KiB, and as far as it comes
 * within a second); `true`, nothing and `{ headers, data }` let the client in; all else, and what it throws, refuses with 500 and goes to `onError`.
 * So compare what may be undefined: `users.get(name)?.admitted === true`.
 */
export type AuthorizeResult = boolean | undefined | void | Response | WebSocketAdmission;

/** What a WebSocket server does with those who connect, wherever the connections come from. */
export interface WebSocketAcceptOptions extends WebSocketConnectionOptions {
  /** Handlers by subprotocol. The first subprotocol that the client offers and the server has is taken. */
  protocols?: Readonly<Record<string, WebSocketHandler>>;
  /**
   * The handler for clients that offer no subprotocol, or none that the server has. Without it they are refused with 400.
   * No subprotocol is chosen for them: browsers that have offered some end the connection then.
   */
  default?: WebSocketHandler;
  /**
   * Only this path is served; other upgrade requests get 404 (or are left alone, by `attachWebSocket`).
   *
   * @default {all paths}
   */
  pathname?: string;
  /**
   * Which pages may connect.
   *
   * @default {"same-host"}
   */
  origin?: OriginPolicy;
  /**
   * The only hosts that clients may ask for by their `Host` header: `"example.org"`, with a port for that one alone, or
   * `"*.example.org"` for every name below it. Others get 421, from `handler` as well. With the origin `"same-host"` it keeps pages
   * out that have their own name bound to this server's address (DNS rebinding), which matters where no TLS does: set it for servers
   * that trust everybody who reaches them, as on `localhost` or in an inner network.
   *
   * @default {all hosts}
   */
  allowedHosts?: readonly string[];
  /**
   * Decides about a client before the handshake is answered. What it throws refuses with 500; a promise that does not
   * settle refuses at the handshake's deadline. When the client leaves before it is answered, or its time is over, `request.signal` fires.
   * Its listeners must not throw or reject: nobody can catch that, and it ends the process when a client leaves. Await instead.
   */
  authorize?: (
    request: Request,
    info: WebSocketRequestInfo,
  ) => AuthorizeResult | Promise<AuthorizeResult>;
  /** Headers for each accepting response. */
  headers?: HeadersInit;
  /**
   * Compresses messages with clients that can; `true` for the defaults. See the danger told there.
   *
   * @default {false}
   */
  perMessageDeflate?: boolean | PerMessageDeflateOptions;
  /**
   * How long a client has from connecting to the end of the handshake, in ms, and for the head of each later request that `handler`
   * answers.
   *
   * @default {10_000}
   */
  handshakeTimeout?: number;
  /**
   * The most connections, those in the handshake included; more are refused with 503.
   *
   * @default {16_384}
   */
  maxConnections?: number;
  /**
   * The budget that this server shares with others.
   *
   * @default {Limits.shared}
   */
  limits?: Limits;
  /**
   * Told what handlers and `authorize` throw, and what goes wrong while accepting.
   *
   * @default {`console.error`, but for a `WebSocketError`: peers that leave have handlers throw those}
   */
  onError?: (error: unknown) => void;
}

/**
 * Options of `serveWebSocket`. Those of {@linkcode AdmissionControlOptions} drop connections before a byte of theirs is read: behind a proxy
 * that speaks HTTP all clients have its address.
 */
export interface ServeWebSocketOptions extends WebSocketAcceptOptions, AdmissionControlOptions {
  /**
   * The port; 0 lets the system choose.
   *
   * @default {0}
   */
  port?: number;
  /**
   * The address to listen on.
   *
   * @default {"0.0.0.0"}
   */
  hostname?: string;
  /** A Unix socket file, instead of a port. */
  path?: string;
  /** Anything that accepts transports, instead of a port. The server closes it. */
  listener?: TransportListener;
  /**
   * Speaks TLS (`wss:`). With implementation `"deno"` it takes about half the processor time, but nothing can then close the connection of
   * a client that stalls in the handshake or does not read: for trusted clients only.
   */
  tls?: TlsServerOptions;
  /**
   * Requires a PROXY protocol header, version 1 or 2, at the start of each connection, before TLS: addresses are then those of the clients.
   * Connections without one, or from somebody who is not trusted, are dropped.
   *
   * @default {undefined}, none is expected
   */
  proxyProtocol?: ServerProxyProtocolOptions;
  /**
   * Limits for the heads of the client's requests. With `http` those of that server hold for later plain requests on a connection. Of
   * requests behind the first the space around values is not counted, but for one in front of each.
   */
  head?: HttpHeadLimits;
  /**
   * Answers plain HTTP requests on the same port. Without it, and without `http`, they get 426. What it throws is answered with 500 and
   * told to `onError`; a body that fails later cuts the connection. What it has not read of the request's body when its response has left is
   * thrown away. A request has 300 s to come whole. It also gets requests that offer another protocol (`Upgrade: h2c`).
   */
  handler?: HttpHandler;
  /**
   * A `node:http` server that answers plain HTTP requests on the same port, instead of `handler`. It need not listen;
   * WebSockets do not pass through it. Its `headersTimeout`, `requestTimeout` and `keepAliveTimeout` hold.
   */
  http?: HttpServer;
  /** Closes the server when it fires, as `close()` does. */
  signal?: AbortSignal;
}
