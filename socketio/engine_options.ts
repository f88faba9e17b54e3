// Floor 1: codec.
import type { Limits } from "../net/limits.ts";
import type { PerMessageDeflateOptions } from "../websocket/permessage_deflate.ts";
import type { EngineRequest } from "./types.ts";

/** Which origins a function lets in: as {@linkcode CorsOrigin}, but for functions. */
export type CorsOriginAnswer = boolean | string | RegExp | readonly (string | RegExp)[];

/**
 * Which origins are let in: a text (`*` for all), patterns, `true` for all and `false` for none, or a function.
 *
 * A function returns its answer or a promise of it, or gives it to its callback, as those for npm's cors; the first answer counts, and
 * `undefined` and `null` are `false`. Declare the callback as the second parameter, without a default: only the callback of such a function
 * answers, and what it returns does not: a promise that rejects, or gives an answer though the callback was not called, is an error (one that gives `undefined`, an empty list or what is no answer is not: the callback
 * is waited for). Of a function that declares less, what it returns is the answer,
 * unless it has called its callback before. An error for the callback refuses the request with 403, and `connection_error` tells it; what the
 * function throws, and an answer of another type, such as the 1 of a database, is an error of the program, answered with 500.
 */
export type CorsOrigin =
  | CorsOriginAnswer
  | ((
    origin: string | undefined,
    callback: (error: Error | null, answer?: CorsOriginAnswer) => void,
  ) => CorsOriginAnswer | void | Promise<CorsOriginAnswer | void>);

/** Which web pages of other origins may use the server. */
export interface CorsOptions {
  /**
   * The origins that are let in, for polling and for WebSocket.
   *
   * @default {"*"}
   */
  origin?: CorsOrigin;
  /**
   * Whether a page may send cookies. Not possible with the origin `*`.
   *
   * @default {false}
   */
  credentials?: boolean;
  /**
   * The methods that are let in.
   *
   * @default {["GET", "POST"]}
   */
  methods?: string | readonly string[];
  /**
   * The headers that a page may send.
   *
   * @default {those that it asks for}
   */
  allowedHeaders?: string | readonly string[];
  /** `allowedHeaders`, by an older name that npm's cors has for it. */
  headers?: string | readonly string[];
  /** The headers of the response that a page may read. */
  exposedHeaders?: string | readonly string[];
  /** How long a browser may keep the answer, in seconds; a text has digits alone. */
  maxAge?: number | string;
  /**
   * The status of the answer to a preflight request.
   *
   * @default {204}
   */
  optionsSuccessStatus?: number;
}

/** The transports of a connection. */
export type EngineTransportName = "polling" | "websocket";

/** The cookie that names the session, so that a load balancer can send all its requests to one server. */
export interface EngineCookieOptions {
  /**
   * The name.
   *
   * @default {"io"}
   */
  name?: string;
  /**
   * The path; with `false` it is that of the requests.
   *
   * @default {"/"}
   */
  path?: string | false;
  /**
   * Whether scripts of the page can't read it.
   *
   * @default {true}
   */
  httpOnly?: boolean;
  /**
   * Which requests of other sites carry it. Browsers take `"none"` with `secure` only. `true` is `"strict"`, and with `false` it is the browser's
   * default.
   *
   * @default {"lax"}
   */
  sameSite?: "strict" | "lax" | "none" | boolean;
  /**
   * Whether it goes over TLS only.
   *
   * @default {false}
   */
  secure?: boolean;
  /**
   * Whether the browser keeps one for each site that has the page in a frame (CHIPS). Browsers take such a cookie with `secure` only, so that
   * without it this throws.
   *
   * @default {false}
   */
  partitioned?: boolean;
  /**
   * How long the browser keeps it, in seconds.
   *
   * @default {as long as the browser runs}
   */
  maxAge?: number;
  /**
   * The host that it is for.
   *
   * @default {the host of the request}
   */
  domain?: string;
}

/** Whether a connection is let in: an answer, or a call of `decide` as in npm's engine.io. */
export type AllowRequest = (
  request: EngineRequest,
  decide: (message: string | null | undefined, allowed: boolean) => void,
) => unknown;

/** Options of a {@linkcode SocketIoEngine}. */
export interface SocketIoEngineOptions {
  /**
   * The path of the engine's requests.
   *
   * @default {"/engine.io"; under a Socket.IO server "/socket.io"}
   */
  path?: string;
  /**
   * Whether the path ends with a slash.
   *
   * @default {true}
   */
  addTrailingSlash?: boolean;
  /**
   * The time from a pong to the next ping, in ms.
   *
   * @default {25_000}
   */
  pingInterval?: number;
  /**
   * How long after a ping the client may take to answer, in ms; once as long again from what it sends meanwhile. While a long message comes over
   * a WebSocket its answer waits behind that, and the time begins anew as long as more of it comes: `messageTimeout` ends it. That is not so with
   * `perMessageDeflate`, for polling, and in a `handler()`, where large messages over slow networks want more.
   *
   * @default {20_000}
   */
  pingTimeout?: number;
  /**
   * How long an upgrade to another transport may take, and a WebSocket of the platform to open, in ms.
   *
   * @default {10_000}
   */
  upgradeTimeout?: number;
  /**
   * How long the program may take to decide on a request, in ms: middleware, a function in `cors`, `allowRequest` and
   * `generateId`. Who is not decided on by then is refused with 503.
   *
   * @default {10_000}
   */
  decisionTimeout?: number;
  /**
   * Whether, under `attach()`, a request for another protocol is ended that nobody takes: at once where nobody else listens to the
   * server's `upgrade` event, else when nobody has begun to read it or to answer within `destroyUpgradeTimeout`. With `false` that is up
   * to the program, also where another engine on the same server has `true`. Where nobody else listens, one that offers no WebSocket (HTTP/2,
   * for example) is a plain request for the server's own listeners.
   *
   * @default {true}
   */
  destroyUpgrade?: boolean;
  /**
   * How long others who listen to `upgrade` have to take such a request, in ms. Of several engines on one server the longest time holds.
   *
   * @default {1_000}
   */
  destroyUpgradeTimeout?: number;
  /**
   * How long the orderly close of a polling connection, or of a WebSocket, may take, in ms.
   *
   * @default {30_000}
   */
  closeTimeout?: number;
  /**
   * The most bytes of one message, and of one polling request. Checked while they are read.
   *
   * @default {1_000_000}
   */
  maxHttpBufferSize?: number;
  /**
   * The transports that are offered.
   *
   * @default {["polling", "websocket"]}
   */
  transports?: readonly EngineTransportName[];
  /**
   * Whether polling connections may be upgraded.
   *
   * @default {true}
   */
  allowUpgrades?: boolean;
  /**
   * Decides on each new connection, before it is made. A function that throws refuses. `request.connection.tls` tells who the client is
   * by its certificate.
   *
   * Only a session's first request is asked about. The further ones, and an upgrade to WebSocket, need the session's id alone, and may come
   * from a client with another certificate, or, with `rejectUnauthorized: false`, with none. A middleware of the engine (`engine.use`)
   * is asked about each request: check the certificate there.
   */
  allowRequest?: AllowRequest;
  /**
   * Which web pages of other origins may connect, by polling and by WebSocket. A WebSocket request whose `Origin` is
   * neither its own host nor let in here is refused with 403: browsers don't check that by themselves.
   *
   * @default {none}
   */
  cors?: CorsOptions;
  /**
   * The only hosts that requests may be for by their `Host` header: `"example.org"`, with a port for that one alone, or
   * `"*.example.org"` for every name below it; others get 421. It keeps pages out that have their own name bound to this server's
   * address (DNS rebinding), and are then of one origin with it: set it for servers that trust everybody who reaches them, as on
   * `localhost` or in an inner network.
   *
   * @default {all hosts}
   */
  allowedHosts?: readonly string[];
  /**
   * Whether a cookie names the session.
   *
   * @default {false}
   */
  cookie?: boolean | EngineCookieOptions;
  /**
   * Whether WebSocket messages are compressed, and how. It costs much memory for each connection: see
   * `PerMessageDeflateOptions` of the websocket module. Messages shorter than `threshold`, 1,024 bytes by default, are
   * sent as they are.
   *
   * @default {false}
   */
  perMessageDeflate?: boolean | PerMessageDeflateOptions;
  /**
   * Whether, and from how many bytes on, polling responses are compressed.
   *
   * @default {threshold 1_024}
   */
  httpCompression?: boolean | {
    /**
     * Shorter responses are sent as they are, in bytes.
     *
     * @default {1_024}
     */
    threshold?: number;
  };
  /**
   * The most bytes that wait for one slow client.
   *
   * @default {16_777_216}
   */
  maxBufferedBytes?: number;
  /**
   * The most packets that wait for one polling client.
   *
   * @default {65_536}
   */
  maxBufferedPackets?: number;
  /**
   * What becomes of a client that takes less than it is sent, once a limit is reached: its connection is closed, or
   * what does not fit is dropped.
   *
   * @default {"close"}
   */
  slowClient?: "close" | "drop";
  /**
   * The most connections at a time; more are refused with 503.
   *
   * @default {no limit of its own: that of `limits` holds}
   */
  maxConnections?: number;
  /**
   * The budget that this server shares with others. A client counts as one connection, and so does each HTTP connection
   * that it has on a port of `listen()`.
   *
   * @default {Limits.shared}
   */
  limits?: Limits;
  /**
   * How long a WebSocket message may take from its first byte to its last, in ms: twice as long if `limits` have held it back. Without
   * compression; with it the time stands still then.
   *
   * @default {60_000}
   */
  messageTimeout?: number;
}
