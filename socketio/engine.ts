// Floor 3: driver.
import type {
  IncomingMessage,
  RequestListener,
  Server as HttpServer,
  ServerResponse,
} from "node:http";
import type { Http2SecureServer, Http2Server } from "node:http2";
import type { Server as HttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import { defineInspect } from "../buffer/define_inspect.ts";
import { AdmissionControl } from "../net/admission_control.ts";
import { checkPort } from "../net/host.ts";
import type { Pressure } from "../net/limits.ts";
import { listenTcp } from "../net/listen_tcp.ts";
import { listenTls, type TlsListening } from "../net/listen_tls.ts";
import { MAX_DELAY } from "../net/max_delay.ts";
import { NodeTransport } from "../net/node_transport.ts";
import { checkOptionNames } from "../net/option_names.ts";
import { toNetError } from "../net/os_error.ts";
import { acceptProxyProtocol, checkedProxyProtocol } from "../net/proxy_protocol_transport.ts";
import type {
  AdmissionControlOptions,
  ServerProxyProtocolOptions,
  TransportListener,
} from "../net/server_options.ts";
import type { TlsServerOptions } from "../net/tls_options.ts";
import type { Transport } from "../net/transport.ts";
import { checkWaitOptions, deadlineSignal, type WaitOptions } from "../net/wait.ts";
import {
  createRequestListener,
  type HttpHandler,
  watchResponse,
} from "../websocket/request_listener.ts";
import { isHostAllowed } from "../websocket/request_url.ts";
import { checkMiddleware, reportCallbackError } from "./_callback.ts";
import { Departures } from "./_departures.ts";
import { EngineCore } from "./_engine_core.ts";
import { resolveEngineOptions } from "./_engine_settings.ts";
import { FetchExchange, NativeUpgrade } from "./_fetch_exchange.ts";
import { fileRoutes } from "./_file_routes.ts";
import { FrontDoor, type FrontDoorOptions, toHead } from "./_front_door.ts";
import { NodeExchange, nodeRequest } from "./_node_exchange.ts";
import { inRange } from "./_option_kinds.ts";
import { pathOf } from "./_query.ts";
import type { RawSocketOptions } from "./_raw_socket.ts";
import { RawUpgrade } from "./_raw_upgrade.ts";
import { Scheduler } from "./_scheduler.ts";
import { addServerGuest } from "./_server_guests.ts";
import type { SocketIoEngineOptions } from "./engine_options.ts";
import type { EngineSocket } from "./engine_socket.ts";
import { SocketIoError } from "./errors.ts";
import type { EngineRequest, EngineResponse, SocketIoRequestInfo } from "./types.ts";

/** How long clients have to answer the close of their WebSocket, and last responses, when the engine closes and nothing else is said, in ms. */
const GRACE = 1_000;

/** Where, and how, an engine listens on a port of its own. */
export interface SocketIoListenOptions extends AdmissionControlOptions {
  /**
   * The port; 0 for any free one.
   *
   * @default {0}
   */
  port?: number;
  /**
   * The address of the interface.
   *
   * @default {"0.0.0.0"}
   */
  hostname?: string;
  /** The path of a Unix socket, in place of port and hostname. */
  path?: string;
  /**
   * TLS, with `port`: certificate and key, and what else there is to say. `handshakeTimeout` is `headTimeout` if not given. `implementation:
   * "deno"` takes about half the processor time of `"node"`, but nothing can then close the connection of a client that stalls in the
   * handshake or does not read: for trusted clients only.
   *
   * @default {none, the port is not encrypted}
   */
  tls?: TlsServerOptions;
  /**
   * Requires a PROXY protocol header, version 1 or 2, at the start of each connection, before TLS: `socket.handshake.address` is then
   * the client's. Connections without one, or from somebody who is not trusted, are dropped.
   *
   * @default {undefined}, none is expected
   */
  proxyProtocol?: ServerProxyProtocolOptions;
  /**
   * Answers the requests that are not the engine's: an app's `fetch`. What it throws is answered with 500 and goes to the console; a body
   * that fails later cuts the connection. When the engine closes, responses that are due have a second to leave.
   *
   * @default {404}
   */
  handler?: HttpHandler;
  /**
   * How long the head of a request may take, in ms.
   *
   * @default {10_000}
   */
  headTimeout?: number;
  /**
   * How long the body of a request may take, from the end of its head on, in ms: at least as long as a head. Then it is answered with 408. It holds for
   * those of the engine and for those of `handler`. While nothing is read because 100 responses wait to leave it does not run, and it begins anew behind that.
   *
   * @default {six times `headTimeout`, with `handler` 300_000 at the least}
   */
  requestTimeout?: number;
  /**
   * How long a connection may rest between a response and the next request, in ms. Unless told otherwise it outlasts the rests of a polling client that
   * has nothing to say but the answers to the heartbeat: a connection that is closed while its client begins to send costs the session.
   *
   * @default {`pingInterval` and `pingTimeout` together, 45_000}
   */
  keepAliveTimeout?: number;
  /**
   * The most connections whose first request has not come yet.
   *
   * @default {16_384}
   */
  maxWaiting?: number;
}

/** By a type that has them all: one that is missing here does not compile. */
const LISTEN_OPTIONS: Record<keyof SocketIoListenOptions, true> = {
  port: true,
  hostname: true,
  path: true,
  tls: true,
  proxyProtocol: true,
  handler: true,
  headTimeout: true,
  requestTimeout: true,
  keepAliveTimeout: true,
  maxWaiting: true,
  maxConnectionsPerAddress: true,
  ipv6PrefixLength: true,
  acceptRate: true,
  allowList: true,
  blockList: true,
  onDrop: true,
};

/** What servers of other libraries take, and where that is here. */
const FOREIGN_LISTEN_OPTIONS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ["cert", "key", "ca", "pfx", "passphrase", "requestCert", "rejectUnauthorized"]
      .map((name) => [name, "goes into `tls`"]),
  ),
  host: "is `hostname` here",
  interface: "is `hostname` here",
  fetch: "is `handler` here",
  server: "goes to attach()",
  http: "goes to attach()",
  signal: "is not supported: call close()",
};

/** @throws {TypeError} For two places to listen at, and for none that can be. */
function checkPlace({ path, port, hostname, tls }: SocketIoListenOptions): void {
  if (tls !== undefined && (typeof tls !== "object" || tls === null)) {
    throw new TypeError("Cannot listen: `tls` is no object");
  }
  if (typeof (hostname ?? "") !== "string") {
    throw new TypeError("Cannot listen: `hostname` is not a text");
  }
  if (path === undefined) return;
  if (tls !== undefined) {
    throw new TypeError("Cannot listen: TLS on a Unix socket is not possible");
  }
  if (port !== undefined || hostname !== undefined) {
    throw new TypeError(
      "Cannot listen: give one of `port` and `path`; `hostname` goes with `port`",
    );
  }
  // For an empty one the system makes an address up.
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw new TypeError("Cannot listen: `path` is not the path of a Unix socket file");
  }
}

/** Where an engine listens. */
export interface SocketIoAddress {
  /** The address of the interface; empty for a Unix socket. */
  hostname: string;
  /** The port; 0 for a Unix socket. */
  port: number;
  /** The path of the Unix socket. */
  path?: string;
}

/** What is told about a connection that was refused. */
export interface EngineConnectionError {
  /** The request. */
  req: EngineRequest;
  /** The number of npm's engine.io: 0 to 5. */
  code: number;
  /** What the number means. */
  message: string;
  /** What led to it. */
  context: Record<string, unknown>;
}

/** The events of a {@linkcode SocketIoEngine}. */
export interface SocketIoEngineEvents {
  /** A connection was made. */
  connection: (socket: EngineSocket) => void;
  /** A connection, or a request of one, was refused. */
  connection_error: (error: EngineConnectionError) => void;
  /** The headers of the first response of a connection; the listener may add to them. */
  initial_headers: (headers: Record<string, string | string[]>, request: EngineRequest) => void;
  /** The headers of a response; the listener may add to them. */
  headers: (headers: Record<string, string | string[]>, request: EngineRequest) => void;
}

/**
 * Connections of Engine.IO, protocol revision 4, without Socket.IO on top: sessions over polling and WebSocket.
 *
 * It stands alone, or under npm's Socket.IO server: `io.bind(engine)`.
 *
 * There are three ways to run it. `listen()` opens a port of its own: WebSockets run on raw connections there, which is
 * the fastest way. `attach()` uses a server of `node:http` or `node:https`. `handler()` makes a handler for `Deno.serve`
 * and frameworks; WebSockets are those of the platform then, with their limits.
 *
 * @example
 * ```ts
 * import { SocketIoEngine } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const engine = new SocketIoEngine();
 * engine.on("connection", (socket) => socket.on("data", (data) => socket.write(data)));
 * const { port } = await engine.listen({ port: 0, hostname: "127.0.0.1" });
 *
 * const ws = new WebSocket(`ws://127.0.0.1:${port}/engine.io/?EIO=4&transport=websocket`);
 * const messages: string[] = [];
 * const closed = new Promise((resolve) => ws.onclose = resolve);
 * ws.onmessage = ({ data }) => {
 *   messages.push(data[0]);
 *   if (data[0] === "0") ws.send("4hello");
 *   else ws.close();
 * };
 * await closed;
 * assertEquals(messages, ["0", "4"]);
 * await engine.close();
 * ```
 */
export class SocketIoEngine {
  static {
    defineInspect(SocketIoEngine, ({ path, clientsCount }) => ({ path, clientsCount }));
  }

  readonly #core: EngineCore;
  readonly #socketOptions: RawSocketOptions;
  readonly #doors: Set<FrontDoor> = new Set();
  readonly #attached: Set<() => void> = new Set();
  /** How often the engine was closed. */
  #closed = 0;

  /**
   * Makes an engine that does not run yet.
   *
   * @throws {TypeError} for an option that can't be honoured.
   * @throws {RangeError} for a number out of range.
   */
  constructor(options?: SocketIoEngineOptions | null) {
    const settings = resolveEngineOptions(options ?? {}, "/engine.io");
    this.#core = new EngineCore(settings, this);
    this.#socketOptions = {
      maxMessageSize: settings.maxHttpBufferSize,
      departures: new Departures(settings.closeTimeout),
      limits: settings.limits,
      messageTimeout: settings.messageTimeout,
      messageDelay: new Scheduler().delay(settings.messageTimeout, (socket) => socket.overdue()),
      deflate: settings.deflate,
    };
  }

  /** How many connections there are. */
  get clientsCount(): number {
    return this.#core.sockets.size;
  }

  /** How close this server, and all that share its `limits`, are to them. */
  get pressure(): Pressure {
    return this.#core.settings.limits.pressure;
  }

  /** The connections, by id: a Map, where npm's engine.io has an object. */
  get clients(): ReadonlyMap<string, EngineSocket> {
    return this.#core.sockets;
  }

  /** The path of the engine's requests, as `/engine.io/`. */
  get path(): string {
    return this.#core.settings.path;
  }

  /**
   * Makes the id of a connection: it is its only secret, so it must be unique, and nobody may guess it. The default is
   * 15 random bytes.
   */
  get generateId(): (request: EngineRequest) => string | Promise<string> {
    return this.#core.generateId;
  }

  set generateId(generate: (request: EngineRequest) => string | Promise<string>) {
    this.#core.generateId = generate;
  }

  /** Adds a listener. */
  on<E extends keyof SocketIoEngineEvents>(event: E, listener: SocketIoEngineEvents[E]): this {
    this.#core.listeners.add(event, listener, false);
    return this;
  }

  /** Adds a listener that is called once. */
  once<E extends keyof SocketIoEngineEvents>(event: E, listener: SocketIoEngineEvents[E]): this {
    this.#core.listeners.add(event, listener, true);
    return this;
  }

  /** Removes a listener. */
  off<E extends keyof SocketIoEngineEvents>(event: E, listener: SocketIoEngineEvents[E]): this {
    this.#core.listeners.remove(event, listener);
    return this;
  }

  /** The same as `off`. */
  removeListener<E extends keyof SocketIoEngineEvents>(
    event: E,
    listener: SocketIoEngineEvents[E],
  ): this {
    return this.off(event, listener);
  }

  /**
   * Adds a middleware, as of Express, for every HTTP request of the engine and every request for a WebSocket. A
   * middleware that needs all of node's request and response works under `attach()`, and for polling under `listen()`.
   *
   * @throws {TypeError} if it is not a function.
   */
  use(
    middleware: (
      request: EngineRequest,
      response: EngineResponse,
      next: (error?: unknown) => void,
    ) => unknown,
  ): this {
    checkMiddleware(middleware);
    this.#core.middleware.push(middleware);
    return this;
  }

  /**
   * Opens a port, and lets connections in. Returns where it listens.
   *
   * @throws {NetError} what the system refuses: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, …
   * @throws {TypeError} for options that can't be or are not known, for a server of `node:http` (that is `attach`), and for a second argument.
   * @throws {RangeError} `ERR_SOCKET_BAD_PORT`, and for another number out of range.
   */
  listen(options: number | SocketIoListenOptions = {}): Promise<SocketIoAddress> {
    // What npm's takes besides: nothing would be attached, no option honoured, no callback called.
    const known = typeof options === "number" || (typeof options === "object" && options !== null);
    if (!known || arguments.length > 1 || typeof options === "object" && "listen" in options) {
      throw new TypeError(
        "Cannot listen: it takes one argument, a port (a number) or options; a server of node:http goes to attach()",
      );
    }
    const all = typeof options === "number" ? { port: options } : options;
    checkOptionNames("Cannot listen", all, LISTEN_OPTIONS, FOREIGN_LISTEN_OPTIONS);
    checkPlace(all);
    if (all.proxyProtocol !== undefined) {
      checkedProxyProtocol(all.proxyProtocol); // throws now, and not when it listens
      if (all.tls?.implementation === "deno") {
        throw new TypeError("Cannot listen: proxyProtocol can't be read before Deno's TLS");
      }
    }
    if (all.handler !== undefined && typeof all.handler !== "function") {
      throw new TypeError("Cannot listen: handler is not a function");
    }
    const { port = 0, hostname = "0.0.0.0", path } = all;
    checkPort(port, 0);
    const { maxWaiting = 16_384 } = all;
    inRange("maxWaiting", maxWaiting, 1, 1);
    requestTimes(all, this.#core.settings); // throws now, and not when the port is open
    const admission = AdmissionControl._of(all);
    if (all.tls !== undefined) return this.#listenTls({ port, hostname }, all.tls, all, admission);
    try {
      return Promise.resolve(
        this.#open(all, { listener: openListener(port, hostname, path) }, admission),
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #listenTls(
    where: { port: number; hostname: string },
    tls: TlsServerOptions,
    options: SocketIoListenOptions,
    admission: AdmissionControl,
  ): Promise<SocketIoAddress> {
    const closed = this.#closed;
    const { headTimeout = 10_000 } = options;
    // HTTP/1.1 and nothing else: a browser must not try HTTP/2 here.
    const settings = { ALPNProtocols: ["http/1.1"], ...tls };
    if (tls.implementation !== "deno") settings.handshakeTimeout ??= headTimeout;
    const listening = await listenTls(where, settings);
    if (closed !== this.#closed) {
      listening.listener.close();
      throw new SocketIoError("ERR_DISCONNECTED", "Cannot listen: the engine was closed meanwhile");
    }
    return this.#open(options, listening, admission);
  }

  #open(
    all: SocketIoListenOptions,
    { listener, startTls, tlsInfo }: TlsListening,
    admission: AdmissionControl,
  ): SocketIoAddress {
    this.#core.reopen();
    const closed = this.#closed;
    const door = new FrontDoor({
      listener,
      encrypted: all.tls !== undefined,
      ...entrance(all, startTls, admission, () => this.#closed !== closed),
      onDrop: (transport, reason) => admission.tell(transport, reason),
      tlsInfo,
      ...requestTimes(all, this.#core.settings),
      maxWaiting: all.maxWaiting ?? 16_384,
      connections: this.#core.settings.limits.connections,
      takesUpgrade: (target) => this.#isEnginePath(target),
      onUpgrade: (raw) => this.#core.handleUpgrade(new RawUpgrade(raw, this.#socketOptions)),
      onRequest: this.#makeListener(all.handler),
      onLateUpgrade: (request, socket, head) => this.#onUpgrade(request, socket, head),
    });
    this.#doors.add(door);
    const { addr } = listener;
    return addr.transport === "tcp"
      ? { hostname: addr.hostname, port: addr.port }
      : { hostname: "", port: 0, path: all.path };
  }

  /**
   * Takes the engine's requests of a server of `node:http`, `node:https` or `node:http2`; all others stay with its own listeners. A request for another
   * protocol that nobody takes is ended: see `destroyUpgrade`.
   * Closing that server is up to the program.
   *
   * @throws {TypeError} for what is no server, and for a second argument: options go to the constructor.
   */
  attach(server: HttpServer | HttpsServer | Http2Server | Http2SecureServer): this {
    if (typeof server?.on !== "function") {
      throw new TypeError("Cannot attach: it takes a server of node:http; a port goes to listen()");
    }
    // It has `on`, and would never call the listeners.
    if (typeof server === "function") {
      throw new TypeError("Cannot attach: an app of Express goes to createServer() of node:http");
    }
    if (arguments[1] !== undefined) {
      throw new TypeError("Cannot attach: it takes a server alone; options go to the constructor");
    }
    this.#core.reopen();
    const leave = addServerGuest(server as HttpServer, {
      takesRequest: (request, response) => this.#takes(request, response),
      takesUpgrade: (request, socket, head) => {
        if (!this.#isEnginePath(request.url)) return false;
        this.#onUpgrade(request, socket, head);
        return true;
      },
      patience: this.#core.settings.destroyUpgradeTimeout,
    });
    this.#attached.add(leave);
    return this;
  }

  /**
   * Makes a handler for `Deno.serve`, or for a route of Hono, Oak or Fresh. It answers requests on the engine's path, and
   * all others with 404.
   *
   * WebSockets are the platform's then (`Deno.upgradeWebSocket`): they are slower, they hold up to 64 MiB before the size
   * of a message can be looked at, they can't be closed by force, and they can't be compressed. A client that leaves while `allowRequest` or
   * another function decides about it counts until the decision, or for `decisionTimeout`.
   *
   * @throws {TypeError} if compression of WebSockets is on.
   */
  handler(): (request: Request, info?: SocketIoRequestInfo) => Promise<Response> {
    const { settings } = this.#core;
    if (settings.deflate !== undefined) {
      throw new TypeError(
        "Cannot use the option perMessageDeflate: the platform's WebSockets don't",
      );
    }
    this.#core.reopen();
    return (request, info) => {
      const { pathname } = new URL(request.url);
      if (this.#isEnginePath(pathname)) {
        if (request.headers.get("upgrade")?.toLowerCase() === "websocket") {
          const upgrade = new NativeUpgrade(request, settings.maxHttpBufferSize, info);
          this.#core.handleUpgrade(upgrade);
          return upgrade.result;
        }
        const exchange = new FetchExchange(request, info);
        this.#core.handleRequest(exchange);
        return exchange.result;
      }
      const exchange = new FetchExchange(request, info);
      const serve = fileRoutes.get(this)?.(pathname);
      if (serve === undefined) exchange.respond(404, {});
      else this.#core.handleFile(exchange, serve);
      return exchange.result;
    };
  }

  /**
   * Closes all connections, and the ports of `listen()`. Lets go of the servers of `attach()`. WebSockets whose clients have not said yet
   * that they close, and responses of a port's handler that are under way, have a second, or, where one of the two is given, until `timeout`
   * ms have passed (0: as long as it takes) or `signal` fires; then they are cut. A second call waits as well, and may cut them earlier.
   *
   * @throws {RangeError} if the timeout is out of range; nothing is closed then.
   * @throws {TypeError} for options that there are not; nothing is closed then.
   */
  async close(options: WaitOptions = {}): Promise<void> {
    checkWaitOptions("close the engine", options);
    const { timeout, signal } = options;
    const told = timeout !== undefined || signal !== undefined;
    const deadline = deadlineSignal("close the engine", told ? options : { timeout: GRACE });
    this.#closed++;
    for (const door of this.#doors) door.stop();
    for (const detach of this.#attached) detach();
    this.#attached.clear();
    this.#core.close();
    const doors = [...this.#doors];
    const { departures } = this.#socketOptions;
    const ends = [departures.wait(), ...doors.map((door) => door.close())];
    deadline.onfire(() => {
      departures.terminate();
      for (const door of doors) door.cut();
    });
    await Promise.all(ends);
    deadline.clear();
    for (const door of doors) this.#doors.delete(door);
  }

  #isEnginePath(url: string | undefined): boolean {
    const path = pathOf(url ?? "");
    const own = this.#core.settings.path;
    return path === own || (own.endsWith("/") && path === own.slice(0, -1));
  }

  /** Takes a request of a node server if it is for the engine, or for one of its files. */
  #takes(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#isEnginePath(request.url)) {
      const { queuedBytes } = this.#core.settings.limits;
      this.#core.handleRequest(new NodeExchange(request, response, queuedBytes));
      return true;
    }
    const serve = fileRoutes.get(this)?.(pathOf(request.url ?? ""));
    if (serve === undefined) return false;
    this.#core.handleFile(new NodeExchange(request, response), serve);
    return true;
  }

  /** What answers the requests on a port of the engine's own. */
  #makeListener(handler: HttpHandler | undefined): RequestListener {
    const answer = handler && createRequestListener(handler, { onError: reportCallbackError });
    const { allowedHosts } = this.#core.settings;
    const refused = new WeakSet<IncomingMessage["socket"]>();
    return (request, response) => {
      // "A server MUST respond with a 400 […] to any request message that contains more than one Host header field line" RFC 9112 §3.2
      const { socket } = request;
      if (countOf("host", request) > 1) refused.add(socket);
      if (refused.has(socket) || socket.writableEnded) {
        // Nor is anything answered that came behind it, or behind the last response.
        watchResponse(request, response);
        response.writeHead(400, { connection: "close", "content-length": "0" }).end();
        return;
      }
      if (this.#takes(request, response)) return;
      const { host } = request.headers;
      if (answer === undefined) new NodeExchange(request, response).respond(404, {});
      else if (allowedHosts === undefined || isHostAllowed(allowedHosts, host)) {
        answer(request, response);
      } else new NodeExchange(request, response).respond(421, {});
    };
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    socket.on("error", () => {});
    const transport: Transport = new NodeTransport(socket, { head });
    const raw = {
      head: toHead(request),
      text: "",
      transport,
      rest: new Uint8Array(0),
      encrypted: (socket as { encrypted?: boolean }).encrypted === true,
    };
    this.#core.handleUpgrade(new RawUpgrade(raw, this.#socketOptions, nodeRequest(request)));
  }
}

/** What is done with a connection before its first request is read. */
function entrance(
  { proxyProtocol }: SocketIoListenOptions,
  startTls: ((transport: Transport) => Promise<Transport>) | undefined,
  admission: AdmissionControl,
  closed: () => boolean,
): Pick<FrontDoorOptions, "admit" | "prepare"> {
  const admit = (transport: Transport): Transport | undefined => {
    try {
      return admission.admit(transport);
    } catch (error) {
      reportCallbackError(error);
      return undefined;
    }
  };
  if (proxyProtocol === undefined) return { admit, prepare: startTls };
  const options = checkedProxyProtocol(proxyProtocol);
  return {
    async prepare(transport) {
      const proxied = await acceptProxyProtocol(transport, options).catch((error) => {
        if (!closed()) admission.tell(transport, "proxyProtocol");
        throw error;
      });
      const admitted = admit(proxied);
      if (admitted === undefined) throw new Error("The connection was dropped");
      if (startTls === undefined) return admitted;
      try {
        return await startTls(admitted);
      } catch (error) {
        admitted.close();
        throw error;
      }
    },
  };
}

function openListener(port: number, hostname: string, path?: string): TransportListener {
  try {
    return path === undefined
      ? listenTcp({ port, hostname })
      : Deno.listen({ transport: "unix", path });
  } catch (error) {
    // Deno's have a code: a path that is too long, for one.
    if ((error instanceof TypeError || error instanceof RangeError) && !("code" in error)) {
      throw error;
    }
    const where = path === undefined ? { address: hostname, port } : { address: path };
    throw toNetError(error, { syscall: "listen", ...where });
  }
}

/** How many header lines of a name, in lower case, a request has. node:http gives the first one of some. */
function countOf(name: string, { rawHeaders }: IncomingMessage): number {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i].length === name.length && rawHeaders[i].toLowerCase() === name) count++;
  }
  return count;
}

/**
 * How long requests may take.
 *
 * @throws {RangeError} when that is no time, or too short for the head.
 */
function requestTimes(
  { headTimeout = 10_000, requestTimeout, keepAliveTimeout, handler }: SocketIoListenOptions,
  { pingInterval, pingTimeout }: { pingInterval: number; pingTimeout: number },
): { headTimeout: number; requestTimeout: number; keepAliveTimeout: number } {
  const usual = Math.min(
    MAX_DELAY,
    Math.max(headTimeout * 6, handler === undefined ? 0 : 300_000),
  );
  const times = {
    headTimeout,
    requestTimeout: requestTimeout ?? usual,
    keepAliveTimeout: keepAliveTimeout ??
      Math.min(MAX_DELAY, Math.ceil(pingInterval + pingTimeout)),
  };
  for (const [name, time] of Object.entries(times)) {
    if (!Number.isInteger(time) || time < 1 || time > MAX_DELAY) {
      throw new RangeError(`Cannot listen: ${name} has to be a whole number of ms, and is ${time}`);
    }
  }
  if (times.requestTimeout < headTimeout) {
    throw new RangeError("Cannot listen: requestTimeout is less than headTimeout");
  }
  return times;
}
