// Floor 3: driver.
import type { Server as HttpServer } from "node:http";
import type { Http2SecureServer, Http2Server } from "node:http2";
import type { Server as HttpsServer } from "node:https";
import { defineInspect } from "../buffer/define_inspect.ts";
import { Limits, type Pressure } from "../net/limits.ts";
import { checkOptionNames, checkOptionSpelling } from "../net/option_names.ts";
import { checkWaitOptions, deadlineSignal, type WaitOptions } from "../net/wait.ts";
import { guardCallback, reportCallbackError, reportRejection } from "./_callback.ts";
import { clientFileName, serveClientFile } from "./_client_files.ts";
import { fileRoutes } from "./_file_routes.ts";
import {
  checkCallable,
  checkParser,
  checkPath,
  checkRecord,
  flag,
  positive,
} from "./_option_kinds.ts";
import { randomId } from "./_random_id.ts";
import { Scheduler } from "./_scheduler.ts";
import { type ClientServer, ServerClient } from "./_server_client.ts";
import { onRejection } from "./_thenable.ts";
import type { BroadcastOperator } from "./broadcast_operator.ts";
import { Broadcaster } from "./broadcaster.ts";
import { type SocketIoAddress, SocketIoEngine, type SocketIoListenOptions } from "./engine.ts";
import type { SocketIoEngineOptions } from "./engine_options.ts";
import { SocketIoError } from "./errors.ts";
import { InMemoryAdapter } from "./in_memory_adapter.ts";
import {
  type NamespaceEvent,
  type NamespaceListener,
  type NamespaceMiddleware,
  type NamespaceServer,
  SocketIoNamespace,
} from "./namespace.ts";
import { encodePacket, type SocketIoPacket } from "./packet.ts";
import { type NamespaceMatcher, ParentNamespace } from "./parent_namespace.ts";
import {
  type ConnectionStateRecoveryOptions,
  SessionAwareAdapter,
} from "./session_aware_adapter.ts";
import type { SocketIoSocket } from "./socket.ts";
import type {
  AckResult,
  AdapterNamespace,
  AllButLast,
  BroadcastEventMap,
  DefaultEventMap,
  EngineConnection,
  EngineServer,
  EventArgs,
  EventMap,
  EventNames,
  EventNamesWithAck,
  SocketIoAdapter,
  SocketIoAdapterFactory,
  SocketIoParser,
  SocketIoRequestInfo,
  Untyped,
} from "./types.ts";

/** How long a server that closes waits for its adapters, in ms. */
const ADAPTER_TIME = 5_000;
/** How long a server of `attach()` has to close when nothing is said, in ms. */
const GRACE = 1_000;

/** Options of a {@linkcode SocketIoServer}; those of its engine are among them. */
export interface SocketIoServerOptions extends SocketIoEngineOptions {
  /**
   * The path of all requests.
   *
   * @default {"/socket.io"}
   */
  path?: string;
  /**
   * Whether the browser's client is served, at `/socket.io/socket.io.js` (and `.min.js`, `.esm.min.js`,
   * `.msgpack.min.js`, with their maps). It is read from npm's package `socket.io-client`, which the first request for it
   * loads; the program needs `--allow-read` for that.
   *
   * @default {true}
   */
  serveClient?: boolean;
  /**
   * What keeps the rooms, and carries broadcasts to other servers.
   *
   * @default {InMemoryAdapter}
   */
  adapter?: SocketIoAdapterFactory;
  /** A codec in place of the built-in one, as npm's `socket.io-msgpack-parser`. Clients need the same. */
  parser?: SocketIoParser;
  /**
   * How long a connection may go without joining a namespace, in ms, and how long one more namespace may let it wait before it
   * refuses it.
   *
   * @default {45_000}
   */
  connectTimeout?: number;
  /**
   * Lets clients take up their session again after a short loss of the connection. Listeners and `for await` get the event's offset, a text,
   * as one more argument behind its own, as with npm's server.
   *
   * @default {off}
   */
  connectionStateRecovery?: ConnectionStateRecoveryOptions;
  /**
   * Whether a namespace that was made for a client goes with its last socket.
   *
   * @default {false}
   */
  cleanupEmptyChildNamespaces?: boolean;
  /**
   * The most namespaces that are made because clients ask for them (those of a pattern or a function). At the limit the empty ones go
   * first, as with `cleanupEmptyChildNamespaces`; a client that asks for one more is then told that there is none.
   *
   * @default {10_000}
   */
  maxChildNamespaces?: number;
  /**
   * The most namespaces that one client may join.
   *
   * @default {128}
   */
  maxNamespacesPerClient?: number;
  /**
   * The most acknowledgements that one socket waits for; above it the oldest is given up.
   *
   * @default {10_000}
   */
  maxPendingAcks?: number;
  /**
   * The most attachments of one packet.
   *
   * @default {10}
   */
  maxAttachments?: number;
  /**
   * The most bytes that the attachments of one packet have together.
   *
   * @default {10_000_000}
   */
  maxAttachmentBytes?: number;
  /**
   * How long the attachments of a packet may take to come, in ms. One that is coming over a WebSocket then has its
   * `messageTimeout`, not with `perMessageDeflate` nor in a `handler()`.
   *
   * @default {30_000}
   */
  attachmentTimeout?: number;
  /**
   * Takes what a listener of a socket threw, or the promise that it returned was rejected with. The socket's connection
   * is closed afterwards; all others go on. Takes what a namespace's middleware threw, too, which keeps that socket out.
   *
   * @default {`console.error`}
   */
  onListenerError?: (error: unknown, socket: SocketIoSocket) => void;
}

/** What a server has beside its engine. By a type that has them all: one that is missing here does not compile. */
const OPTIONS: Record<Exclude<keyof SocketIoServerOptions, keyof SocketIoEngineOptions>, true> = {
  serveClient: true,
  adapter: true,
  parser: true,
  connectTimeout: true,
  connectionStateRecovery: true,
  cleanupEmptyChildNamespaces: true,
  maxChildNamespaces: true,
  maxNamespacesPerClient: true,
  maxPendingAcks: true,
  maxAttachments: true,
  maxAttachmentBytes: true,
  attachmentTimeout: true,
  onListenerError: true,
};

/** By such a type, too. */
const RECOVERY_OPTIONS: Record<keyof ConnectionStateRecoveryOptions, true> = {
  maxDisconnectionDuration: true,
  skipMiddlewares: true,
  maxPackets: true,
  maxBytes: true,
  maxSessions: true,
};

/** The options of a server as its parts see them. */
export interface ResolvedServerOptions extends SocketIoServerOptions {
  /** The most acknowledgements that one socket waits for. */
  readonly maxPendingAcks: number;
}

/**
 * A Socket.IO server, protocol revision 5: events with acknowledgements, namespaces and rooms, for every client of
 * Socket.IO 3 and 4 in browsers, phones and programs.
 *
 * `listen()` opens a port of its own, `attach()` uses a server of `node:http`, and `handler()` makes a handler for
 * `Deno.serve` and frameworks. `bind()` takes another engine.
 *
 * What it sends, and to whom ({@linkcode Broadcaster}), is its main namespace's: `io.emit(…)`, `io.to("room1").emit(…)`.
 *
 * The type parameters type the events: those from clients, those to clients, those between the servers of a cluster, and
 * `socket.data`.
 *
 * @example
 * ```ts
 * import { connectSocketIo, SocketIoServer } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const io = new SocketIoServer();
 * io.on("connection", (socket) => {
 *   socket.on("hello", (name, answer) => answer(`hello, ${name}`));
 * });
 * const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
 *
 * const socket = connectSocketIo(`http://127.0.0.1:${port}`);
 * assertEquals(await socket.emitWithAck("hello", "world"), "hello, world");
 * socket.disconnect();
 * await io.close();
 * ```
 */
export class SocketIoServer<
  ListenEvents extends EventMap<ListenEvents> = DefaultEventMap,
  EmitEvents extends EventMap<EmitEvents> = ListenEvents,
  ServerSideEvents extends EventMap<ServerSideEvents> = DefaultEventMap,
  SocketData = Untyped,
> extends Broadcaster<EmitEvents, SocketData> implements NamespaceServer<EmitEvents, SocketData> {
  static {
    // The getter `engine` would start one.
    defineInspect(SocketIoServer, (io) => ({
      path: io.opts.path,
      clients: (io.#engine as Partial<SocketIoEngine> | undefined)?.clientsCount ?? 0,
      sockets: io.sockets.sockets.size,
      namespaces: [...io._nsps.keys()],
    }));
  }

  /** The options. */
  readonly opts: ResolvedServerOptions;
  /** Encodes packets. */
  readonly encoder: {
    /** Encodes one packet: its text, and then its attachments. */
    encode(packet: SocketIoPacket): (string | Uint8Array)[];
  };
  /** The main namespace. */
  readonly sockets: SocketIoNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>;
  /** All namespaces, by name. @ignore */
  readonly _nsps: Map<
    string,
    SocketIoNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
  > = new Map();
  readonly #parents: Map<
    NamespaceMatcher,
    ParentNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
  > = new Map();
  readonly #patterns: Map<
    RegExp,
    ParentNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
  > = new Map();
  /** Namespaces that were made for clients: how to remove each. */
  readonly #made: Map<{ readonly _empty: boolean }, () => void> = new Map();
  readonly #maxMade: number;
  #adapter: SocketIoAdapterFactory;
  #engine: EngineServer | undefined;
  /** The servers of `attach()` that have not closed. */
  readonly #attached: Set<HttpServer> = new Set();
  readonly #ownEngine: SocketIoEngine;
  readonly #clientServer: ClientServer;

  /**
   * Makes a server that does not run yet.
   *
   * @throws {TypeError} for an option that can't be honoured, those of npm's `socket.io` included that are not here, and for one of `listen()`.
   * @throws {RangeError} for a number out of range.
   */
  constructor(given?: SocketIoServerOptions | null) {
    super();
    const options = given ?? {};
    // npm's takes a port or an HTTP server here: nothing would listen, and nobody would be told.
    if (typeof options !== "object" || "listen" in options || arguments.length > 1) {
      throw new TypeError(
        "Cannot make a Socket.IO server: it takes options alone; a port goes to listen(), a server of node:http to attach()",
      );
    }
    checkOptionSpelling("Cannot make a Socket.IO server", options, OPTIONS);
    // As with npm's, what is false is none.
    const recovery = options.connectionStateRecovery || undefined;
    checkRecord("connectionStateRecovery", recovery);
    checkPath(options.path);
    checkCallable("adapter", options.adapter ?? undefined);
    checkCallable("onListenerError", options.onListenerError);
    checkParser(options.parser);
    flag("serveClient", options.serveClient, true);
    if (recovery) {
      checkOptionNames("Cannot use the option connectionStateRecovery", recovery, RECOVERY_OPTIONS);
    }
    flag("skipMiddlewares", recovery?.skipMiddlewares, true);
    this.opts = {
      ...options,
      path: (options.path ?? "/socket.io").replace(/\/$/, ""),
      cleanupEmptyChildNamespaces: flag(
        "cleanupEmptyChildNamespaces",
        options.cleanupEmptyChildNamespaces,
        false,
      ),
      maxPendingAcks: positive("maxPendingAcks", options.maxPendingAcks, 10_000),
      ...recovery && {
        connectionStateRecovery: {
          ...recovery,
          maxDisconnectionDuration: recovery.maxDisconnectionDuration ?? 120_000,
          skipMiddlewares: recovery.skipMiddlewares ?? true,
        },
      },
    };
    this.#maxMade = positive("maxChildNamespaces", options.maxChildNamespaces, 10_000);
    this.#adapter = options.adapter ?? (recovery ? SessionAwareAdapter : InMemoryAdapter);
    this.encoder = options.parser ? new options.parser.Encoder() : { encode: encodePacket };
    this.#clientServer = this.#makeClientServer(options);
    // The options of the engine are looked at now, not when the first client comes, and before an adapter begins to work.
    this.#ownEngine = this.#makeEngine();
    this.sockets = this.of("/");
  }

  /** How close this server, and all that share its `limits`, are to them. */
  get pressure(): Pressure {
    return Limits._of(this.opts.limits).pressure;
  }

  /** The engine: its events, its middleware, and how many connections there are. */
  get engine(): SocketIoEngine {
    if (this.#engine !== undefined) return this.#engine as SocketIoEngine;
    this.bind(this.#ownEngine);
    return this.#ownEngine;
  }

  /**
   * Opens a port, and lets clients in. Returns where it listens.
   *
   * @throws {NetError} what the system refuses: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, …
   * @throws {TypeError} for options that can't be or are not known, for a server of `node:http` (that is `attach`), and for a second argument.
   * @throws {RangeError} `ERR_SOCKET_BAD_PORT`, and for another number out of range.
   */
  listen(options: number | SocketIoListenOptions = {}): Promise<SocketIoAddress> {
    return this.engine.listen(...arguments as unknown as [typeof options]); // refuses what is too many
  }

  /**
   * Takes the requests on the server's path from a server of `node:http`, `node:https` or `node:http2`, for example that of Express;
   * all others stay with its own listeners. WebSockets need HTTP/1.1: a secure server of `node:http2` has it with `allowHTTP1`. `close()`
   * closes that server.
   *
   * @throws {TypeError} for what is no server, and for a second argument: options go to the constructor.
   */
  attach(server: HttpServer | HttpsServer | Http2Server | Http2SecureServer): this {
    this.engine.attach(...arguments as unknown as [typeof server]); // refuses what is too many
    // An emitter of a program's own may have nothing to close.
    if (typeof server.close === "function") this.#attached.add(server as HttpServer);
    return this;
  }

  /**
   * Makes a handler for `Deno.serve`, or for a route of Hono, Oak or Fresh. See {@linkcode SocketIoEngine.handler} for
   * the limits of the platform's WebSockets.
   *
   * @throws {TypeError} if compression of WebSockets is on.
   */
  handler(): (request: Request, info?: SocketIoRequestInfo) => Promise<Response> {
    return this.engine.handler();
  }

  /**
   * Takes connections of an engine: a {@linkcode SocketIoEngine} with options of its own, or a server of npm's package
   * `engine.io`.
   */
  bind(engine: EngineServer): this {
    this.#engine = engine;
    engine.on("connection", (conn: EngineConnection) => {
      new ServerClient(this.#clientServer, conn);
    });
    return this;
  }

  /**
   * Disconnects all clients, and closes the ports of `listen()` and the servers of `attach()`: from the call on nobody is let in. Clients that take
   * their time, and responses of `listen()`'s handler and of those servers that are under way, have a second, or, where one of the two is given, until
   * `timeout` ms have passed (0: as long as it takes) or `signal` fires; then they are cut. What others have upgraded on those servers is theirs, and
   * a server of `node:http2`, whose connections can't be cut, is not waited for any longer then.
   * A server that was attached to the engine, by `io.engine.attach(server)`, is left open.
   * Adapters have 5 s to close at most; those that take longer are not waited for. A callback is called as well, once all is closed.
   *
   * @throws {RangeError} If the timeout is out of range; nothing is closed then.
   * @throws {TypeError} For options that there are not; nothing is closed then.
   */
  close(options?: WaitOptions, done?: (error?: Error) => void): Promise<void>;
  /** The same, with a callback alone. */
  close(done?: (error?: Error) => void): Promise<void>;
  close(
    first?: WaitOptions | ((error?: Error) => void),
    second?: (error?: Error) => void,
  ): Promise<void> {
    const [options, done] = typeof first === "function"
      ? [undefined, first]
      : [first ?? undefined, second];
    const closed = this.#close(options);
    if (typeof done === "function") {
      const tell = guardCallback(done);
      // Who has a callback hears of a failure there, and needs no `catch` beside it.
      closed.then(() => tell(), tell);
    }
    return closed;
  }

  async #close(options: WaitOptions | undefined): Promise<void> {
    // As with npm's, what else a listener of some event is called with is passed over.
    if (typeof options === "object") checkWaitOptions("close the server", options);
    const deadline = deadlineSignal("close the server", options ?? {});
    const closing: Promise<void>[] = [];
    const attached = this.#closeAttached(options ?? {});
    for (const namespace of [...this._nsps.values()]) {
      for (const socket of [...namespace.sockets.values()]) socket._onClose("server shutting down");
      // One that throws, or rejects, keeps the ports open as little as one that rejects.
      closing.push((async () => await namespace.adapter.close())());
    }
    // Beside the adapters: whoever came while they close would be let in.
    // Another's engine may take something else.
    const given = options === undefined ? [] : [options];
    const engine = (async () => void await this.#engine?.close(...given))();
    const { promise: overdue, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ADAPTER_TIME);
    deadline.onfire(() => resolve());
    await Promise.allSettled([engine, Promise.race([Promise.allSettled(closing), overdue])]);
    clearTimeout(timer);
    deadline.clear();
    await attached;
    await engine;
  }

  /** Closes the servers of `attach()`, and cuts their connections when the time is over. It never rejects. */
  async #closeAttached(options: WaitOptions): Promise<void> {
    const servers = [...this.#attached];
    if (servers.length === 0) return;
    const { timeout, signal } = options;
    const told = timeout !== undefined || signal !== undefined;
    const deadline = deadlineSignal("close the server", told ? options : { timeout: GRACE });
    // One that does not listen is closed already.
    const closed = servers.map((server) =>
      new Promise<void>((resolve, reject) => {
        const result: unknown = server.close(() => {
          this.#attached.delete(server);
          resolve();
        });
        onRejection(result, reject);
      })
    );
    const { promise: overdue, resolve } = Promise.withResolvers<void>();
    deadline.onfire(() => {
      // Those that others have upgraded are no more the server's, and may stay.
      resolve();
      // One of node:http2 has no such method, and one that throws keeps the others as little here.
      for (const server of servers) guardCallback(() => server.closeAllConnections?.())();
    });
    // One that throws keeps the others as little as one that does not end.
    await Promise.race([Promise.allSettled(closed), overdue]);
    deadline.clear();
  }

  /** Closes the server at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Changes what keeps the rooms: for all namespaces, before clients come. */
  adapter(factory: SocketIoAdapterFactory): this {
    this.#adapter = factory;
    for (const namespace of this._nsps.values()) {
      reportRejection(namespace.adapter.close());
      namespace._initAdapter();
    }
    return this;
  }

  /**
   * A namespace; it is made if it is not there yet. With a regular expression or a function, clients may ask for any
   * namespace that it lets pass, and its parent is returned.
   *
   * @throws {TypeError} if the regular expression has the flag `g` or `y`, for a name with a comma (but with a `parser`), and for what is no
   * name, expression or function.
   */
  of(
    name: string,
    listener?: (
      socket: SocketIoSocket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    ) => void,
  ): SocketIoNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>;
  /** The parent of all namespaces that a regular expression or a function lets pass. */
  of(
    match: RegExp | NamespaceMatcher,
    listener?: (
      socket: SocketIoSocket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    ) => void,
  ): ParentNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>;
  of(
    name: string | RegExp | NamespaceMatcher,
    listener?: (
      socket: SocketIoSocket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    ) => void,
  ): SocketIoNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    const namespace = typeof name === "string" ? this.#static(name) : this.#dynamic(name);
    if (listener !== undefined) namespace.on("connection", listener);
    return namespace;
  }

  /** Adds a listener for `connection` of the main namespace, `new_namespace`, or an event of another server. */
  on<Ev extends NamespaceEvent<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>(
    event: Ev,
    listener: NamespaceListener<ListenEvents, EmitEvents, ServerSideEvents, SocketData, Ev>,
  ): this {
    this.sockets.on(event, listener);
    return this;
  }

  /** Adds a listener that is called once. */
  once<Ev extends NamespaceEvent<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>(
    event: Ev,
    listener: NamespaceListener<ListenEvents, EmitEvents, ServerSideEvents, SocketData, Ev>,
  ): this {
    this.sockets.once(event, listener);
    return this;
  }

  /** Removes a listener. */
  off<Ev extends NamespaceEvent<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>(
    event: Ev,
    listener: NamespaceListener<ListenEvents, EmitEvents, ServerSideEvents, SocketData, Ev>,
  ): this {
    this.sockets.off(event, listener);
    return this;
  }

  /** The same as `on`. */
  addListener<Ev extends NamespaceEvent<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>(
    event: Ev,
    listener: NamespaceListener<ListenEvents, EmitEvents, ServerSideEvents, SocketData, Ev>,
  ): this {
    return this.on(event, listener);
  }

  /** The same as `off`. */
  removeListener<Ev extends NamespaceEvent<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>(
    event: Ev,
    listener: NamespaceListener<ListenEvents, EmitEvents, ServerSideEvents, SocketData, Ev>,
  ): this {
    return this.off(event, listener);
  }

  /** As `on`, in front of the others. */
  prependListener<
    Ev extends NamespaceEvent<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
  >(
    event: Ev,
    listener: NamespaceListener<ListenEvents, EmitEvents, ServerSideEvents, SocketData, Ev>,
  ): this {
    this.sockets.prependListener(event, listener);
    return this;
  }

  /** As `once`, in front of the others. */
  prependOnceListener<
    Ev extends NamespaceEvent<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
  >(
    event: Ev,
    listener: NamespaceListener<ListenEvents, EmitEvents, ServerSideEvents, SocketData, Ev>,
  ): this {
    this.sockets.prependOnceListener(event, listener);
    return this;
  }

  /** Removes all listeners of an event of the main namespace, or of all its events. */
  removeAllListeners(...args: [event?: string]): this {
    this.sockets.removeAllListeners(...args);
    return this;
  }

  /** The listeners of an event of the main namespace. */
  listeners<Ev extends NamespaceEvent<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>(
    event: Ev,
  ): NamespaceListener<ListenEvents, EmitEvents, ServerSideEvents, SocketData, Ev>[] {
    return this.sockets.listeners(event);
  }

  /** How many listeners an event of the main namespace has. */
  listenerCount(event: string): number {
    return this.sockets.listenerCount(event);
  }

  /** The events of the main namespace that have listeners. */
  eventNames(): (string | symbol)[] {
    return this.sockets.eventNames();
  }

  /** Changes nothing: there is no number of listeners from which on there would be a warning, as Node's emitters give. */
  setMaxListeners(_count: number): this {
    return this;
  }

  /**
   * Adds a middleware to the main namespace.
   *
   * @throws {TypeError} if it is not a function.
   */
  use(
    middleware: NamespaceMiddleware<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
  ): this {
    this.sockets.use(middleware);
    return this;
  }

  /** Sends an event to the other servers of the cluster; see {@linkcode SocketIoNamespace.serverSideEmit}. */
  serverSideEmit<E extends EventNames<ServerSideEvents>>(
    event: E,
    ...args: EventArgs<BroadcastEventMap<ServerSideEvents>, E>
  ): boolean {
    return this.sockets.serverSideEmit(event, ...args);
  }

  /** Sends an event to the other servers of the cluster, and resolves to their answers. */
  serverSideEmitWithAck<E extends EventNamesWithAck<ServerSideEvents>>(
    event: E,
    ...args: AllButLast<EventArgs<ServerSideEvents, E>>
  ): Promise<AckResult<ServerSideEvents, E>[]> {
    return this.sockets.serverSideEmitWithAck(event, ...args);
  }

  /** A choice of all sockets of the main namespace. @ignore */
  _choose(): BroadcastOperator<EmitEvents, SocketData> {
    return this.sockets._choose();
  }

  /** Makes the adapter of a namespace. @ignore */
  _makeAdapter(namespace: AdapterNamespace): SocketIoAdapter {
    const factory = this.#adapter;
    // A function in the old form can be called both ways, a class and an arrow function in one way each.
    return factory.prototype === undefined
      ? (factory as (namespace: AdapterNamespace) => SocketIoAdapter)(namespace)
      : new (factory as new (namespace: AdapterNamespace) => SocketIoAdapter)(
        namespace,
      );
  }

  /** A listener of a socket failed. @ignore */
  _onListenerError(
    cause: unknown,
    socket: SocketIoSocket<Untyped, Untyped, Untyped, Untyped>,
  ): void {
    this._onMiddlewareError(cause, socket);
    const message = `Cannot go on with the socket "${socket.id}": a listener failed`;
    const client = socket.client as ServerClient;
    client._close("forced server close", new SocketIoError("ERR_LISTENER", message, { cause }));
  }

  /** A middleware of a namespace failed. @ignore */
  _onMiddlewareError(
    cause: unknown,
    socket: SocketIoSocket<Untyped, Untyped, Untyped, Untyped>,
  ): void {
    guardCallback(this.opts.onListenerError ?? reportCallbackError)(cause, socket);
  }

  /** Makes an id that can't be guessed. @ignore */
  _generateId(): string {
    return randomId();
  }

  #makeEngine(): SocketIoEngine {
    const engine = new SocketIoEngine({ ...this.opts, path: this.opts.path });
    if (this.opts.serveClient !== false) {
      fileRoutes.set(engine, (path) => {
        const name = clientFileName(path, this.opts.path!);
        return name === undefined ? undefined : (exchange) => serveClientFile(name, exchange);
      });
    }
    return engine;
  }

  #makeClientServer(options: SocketIoServerOptions): ClientServer {
    const scheduler = new Scheduler();
    const connectTimeout = positive("connectTimeout", options.connectTimeout, 45_000);
    const attachmentTimeout = positive("attachmentTimeout", options.attachmentTimeout, 30_000);
    return {
      encoder: this.encoder,
      parser: options.parser ?? undefined,
      decoderOptions: {
        maxAttachments: positive("maxAttachments", options.maxAttachments, 10),
        maxAttachmentBytes: positive("maxAttachmentBytes", options.maxAttachmentBytes, 10_000_000),
      },
      maxNamespaces: positive("maxNamespacesPerClient", options.maxNamespacesPerClient, 128),
      connectDelay: scheduler.delay<ServerClient>(
        connectTimeout,
        (client) => client.onConnectTimeout(),
      ),
      joinDelay: scheduler.delay(
        connectTimeout,
        (joining) => joining.client.onJoinTimeout(joining),
      ),
      receivedBytes: Limits._of(options.limits).receivedBytes,
      attachmentDelay: scheduler.delay<ServerClient>(
        attachmentTimeout,
        (client) => client.onAttachmentTimeout(),
      ),
      namespaces: this._nsps,
      makeNamespace: (name, auth, found) => this.#make(name, auth, found),
    };
  }

  #static(
    given: string,
  ): SocketIoNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    const name = given.startsWith("/") ? given : `/${given}`;
    const present = this._nsps.get(name);
    if (present !== undefined) return present;
    if (name.includes(",") && !this.opts.parser) {
      throw new TypeError(
        `Cannot make the namespace ${
          JSON.stringify(name)
        }: it has a comma, which packets can't carry`,
      );
    }
    for (const [pattern, parent] of this.#patterns) {
      if (pattern.test(name)) return this.#createChild(parent, name, false);
    }
    const namespace = new SocketIoNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>(
      this,
      name,
    );
    this._nsps.set(name, namespace);
    if (name !== "/") this.sockets._onNewNamespace(namespace);
    return namespace;
  }

  #dynamic(
    match: RegExp | NamespaceMatcher,
  ): ParentNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    if (typeof match !== "function" && typeof match?.test !== "function") {
      throw new TypeError(
        "Cannot match namespaces: it is neither a name, a regular expression nor a function",
      );
    }
    const parent = new ParentNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>(
      this,
    );
    if (typeof match === "function") this.#parents.set(match, parent);
    else {
      if (match.global || match.sticky) {
        throw new TypeError(
          "Cannot match namespaces: the regular expression keeps a state (g or y)",
        );
      }
      this.#parents.set((name, _auth, next) => next(null, match.test(name)), parent);
      this.#patterns.set(match, parent);
    }
    return parent;
  }

  #createChild(
    parent: ParentNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    name: string,
    forClient: boolean,
  ): SocketIoNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    const child = parent._createChild(name);
    this._nsps.set(name, child);
    const remove = () => {
      if (this._nsps.get(name) !== child) return;
      this._nsps.delete(name);
      this.#made.delete(child);
      parent.children.delete(child);
      reportRejection(child.adapter.close());
    };
    if (forClient) this.#made.set(child, remove);
    if (this.opts.cleanupEmptyChildNamespaces) child._onEmpty = remove;
    this.sockets._onNewNamespace(child);
    return child;
  }

  /** Whether one more namespace may be made for a client. */
  #hasRoom(): boolean {
    if (this.#made.size >= this.#maxMade) {
      for (const [child, remove] of this.#made) if (child._empty) remove();
    }
    return this.#made.size < this.#maxMade;
  }

  /** Makes the namespace that a client asks for, if a parent lets it. */
  #make(
    name: string,
    auth: Record<string, Untyped>,
    found: (
      namespace:
        | SocketIoNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
        | undefined,
    ) => void,
  ): void {
    const parents = [...this.#parents];
    const ask = (index: number): void => {
      if (index === parents.length) return found(undefined);
      const [match, parent] = parents[index];
      let called = false;
      const next = (error: Error | null, allow?: boolean) => {
        if (called) return;
        called = true;
        if (error || !allow) return ask(index + 1);
        const present = this._nsps.get(name);
        if (present === undefined && !this.#hasRoom()) return found(undefined);
        found(present ?? this.#createChild(parent, name, true));
      };
      try {
        const result: unknown = match(name, auth, next);
        onRejection(result, (error) => {
          reportCallbackError(error);
          next(error as Error);
        });
      } catch (error) {
        reportCallbackError(error);
        next(error instanceof Error ? error : new Error("Internal error"));
      }
    };
    ask(0);
  }
}
