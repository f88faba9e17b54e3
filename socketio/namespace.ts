// Floor 3: driver.
import { defineInspect } from "../buffer/define_inspect.ts";
import { errorOf } from "../net/error_of.ts";
import { waitFor } from "../net/wait.ts";
import { checkMiddleware, guardCallback, reportCallbackError } from "./_callback.ts";
import { Listeners } from "./_listeners.ts";
import { onRejection } from "./_thenable.ts";
import { clusterTime } from "./_time.ts";
import { BroadcastOperator } from "./broadcast_operator.ts";
import { Broadcaster } from "./broadcaster.ts";
import { SocketIoError } from "./errors.ts";
import { SessionAwareAdapter } from "./session_aware_adapter.ts";
import {
  type SocketClient,
  SocketIoSocket,
  type SocketNamespace,
  type SocketServer,
} from "./socket.ts";
import type {
  AckResult,
  AdapterNamespace,
  AllButLast,
  BroadcastEventMap,
  DefaultEventMap,
  EventArgs,
  EventMap,
  EventNames,
  EventNamesWithAck,
  RecoveredSession,
  SocketId,
  SocketIoAdapter,
  SocketIoListener,
  Untyped,
} from "./types.ts";

/** Event names that a program can't use between the servers of a cluster. */
const RESERVED: ReadonlySet<string> = new Set(["connect", "connection", "new_namespace"]);

/** How long an adapter may look for the session of a client that comes back, in ms; then it is let in as a new one. */
const SESSION_TIME = 5_000;

/** The events of a namespace. */
export interface NamespaceReservedEvents<
  ListenEvents extends EventMap<ListenEvents>,
  EmitEvents extends EventMap<EmitEvents>,
  ServerSideEvents extends EventMap<ServerSideEvents>,
  SocketData,
> {
  /** A client connected. */
  connection: (
    socket: SocketIoSocket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
  ) => void;
  /** The same as `connection`. */
  connect: (socket: SocketIoSocket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void;
  /** A namespace was made; only the main namespace has this event. */
  new_namespace: (
    namespace: SocketIoNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
  ) => void;
}

/** The name of an event of a namespace: one of its own, or one from another server of the cluster. */
export type NamespaceEvent<
  L extends EventMap<L>,
  E extends EventMap<E>,
  S extends EventMap<S>,
  D,
> = keyof NamespaceReservedEvents<L, E, S, D> | EventNames<S>;

/** A listener of one event of a namespace: one of its own, or one from another server of the cluster. */
export type NamespaceListener<
  L extends EventMap<L>,
  E extends EventMap<E>,
  S extends EventMap<S>,
  D,
  Ev,
> = Ev extends keyof NamespaceReservedEvents<L, E, S, D> ? NamespaceReservedEvents<L, E, S, D>[Ev]
  : Ev extends keyof S ? S[Ev] & SocketIoListener
  : never;

/** The error of a middleware: its message goes to the client, and its `data`. */
export interface MiddlewareError extends Error {
  /** Anything that JSON can hold. */
  data?: Untyped;
}

/** A middleware of a namespace: it lets a socket in by calling `next()`, and keeps it out by giving `next` an error. */
export type NamespaceMiddleware<
  L extends EventMap<L> = DefaultEventMap,
  E extends EventMap<E> = L,
  S extends EventMap<S> = DefaultEventMap,
  D = Untyped,
> = (socket: SocketIoSocket<L, E, S, D>, next: (error?: MiddlewareError) => void) => unknown;

/** The part of a server that a namespace knows. */
export interface NamespaceServer<
  EmitEvents extends EventMap<EmitEvents> = DefaultEventMap,
  SocketData = Untyped,
> extends SocketServer<EmitEvents, SocketData> {
  /** Makes an adapter. @ignore */
  _makeAdapter(namespace: AdapterNamespace): SocketIoAdapter;
}

/**
 * A channel of its own over the connections of the server: with its own sockets, rooms, middleware and events. The
 * program gets one from `io.of("/name")`.
 *
 * @example
 * ```ts
 * import { timingSafeEqual } from "@sluice/sockets/buffer";
 * import { connectSocketIo, SocketIoServer } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const io = new SocketIoServer();
 * const admin = io.of("/admin");
 * admin.use((socket, next) => {
 *   if (timingSafeEqual(String(socket.handshake.auth.token), "secret")) next();
 *   else next(new Error("not allowed"));
 * });
 * admin.on("connection", (socket) => {
 *   socket.join("staff");
 *   admin.to("staff").emit("news", "hello");
 * });
 * const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
 *
 * const socket = connectSocketIo(`http://127.0.0.1:${port}/admin`, { auth: { token: "secret" } });
 * assertEquals(await new Promise((resolve) => socket.on("news", resolve)), "hello");
 * await socket.close();
 * await io.close();
 * ```
 */
export class SocketIoNamespace<
  ListenEvents extends EventMap<ListenEvents> = DefaultEventMap,
  EmitEvents extends EventMap<EmitEvents> = ListenEvents,
  ServerSideEvents extends EventMap<ServerSideEvents> = DefaultEventMap,
  SocketData = Untyped,
> extends Broadcaster<EmitEvents, SocketData> implements SocketNamespace<EmitEvents, SocketData> {
  static {
    defineInspect(SocketIoNamespace, ({ name, sockets }) => ({ name, sockets: sockets.size }));
  }

  /** The name; the main namespace is `/`. */
  readonly name: string;
  /** The server. */
  readonly server: NamespaceServer<EmitEvents, SocketData>;
  /** The sockets that are connected here, by id. */
  readonly sockets: Map<
    SocketId,
    SocketIoSocket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
  > = new Map();
  /** What keeps the rooms. */
  adapter!: SocketIoAdapter;
  /** The next acknowledgement number. @ignore */
  _ids = 0;
  /** Sockets that middleware still looks at. */
  readonly #pending: Map<
    SocketClient,
    SocketIoSocket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
  > = new Map();
  /** Clients whose former session is being looked for, and what ends the wait for it. */
  readonly #searching: Map<SocketClient, AbortController> = new Map();
  #middleware: NamespaceMiddleware<ListenEvents, EmitEvents, ServerSideEvents, SocketData>[] = [];
  readonly #listeners: Listeners = new Listeners();
  /** Called when the last socket is gone; set by a parent namespace. @ignore */
  _onEmpty: (() => void) | undefined;

  /** Whether nobody is here, or about to be. @ignore */
  get _empty(): boolean {
    return this.sockets.size === 0 && this.#pending.size === 0 && this.#searching.size === 0;
  }

  /** Made by the server. @ignore */
  constructor(server: NamespaceServer<EmitEvents, SocketData>, name: string) {
    super();
    this.server = server;
    this.name = name;
    this._initAdapter();
  }

  /** Makes the adapter anew. @ignore */
  _initAdapter(): void {
    this.adapter = this.server._makeAdapter(this);
    Promise.resolve(this.adapter.init()).catch(reportCallbackError);
  }

  /** A choice of all sockets of the namespace. @ignore */
  _choose(): BroadcastOperator<EmitEvents, SocketData> {
    return new BroadcastOperator(this.adapter);
  }

  /**
   * Adds a middleware: it is run for each socket that wants to join, in the order of adding.
   *
   * @throws {TypeError} if it is not a function.
   */
  use(
    middleware: NamespaceMiddleware<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
  ): this {
    checkMiddleware(middleware);
    this.#middleware = [...this.#middleware, middleware];
    return this;
  }

  /** Adds a listener for `connection`, or for an event from another server of the cluster. */
  on<Ev extends NamespaceEvent<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>(
    event: Ev,
    listener: NamespaceListener<ListenEvents, EmitEvents, ServerSideEvents, SocketData, Ev>,
  ): this {
    this.#listeners.add(event, listener, false);
    return this;
  }

  /** Adds a listener that is called once. */
  once<Ev extends NamespaceEvent<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>(
    event: Ev,
    listener: NamespaceListener<ListenEvents, EmitEvents, ServerSideEvents, SocketData, Ev>,
  ): this {
    this.#listeners.add(event, listener, true);
    return this;
  }

  /** Removes a listener. */
  off<Ev extends NamespaceEvent<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>(
    event: Ev,
    listener: NamespaceListener<ListenEvents, EmitEvents, ServerSideEvents, SocketData, Ev>,
  ): this {
    this.#listeners.remove(event, listener);
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
    this.#listeners.add(event, listener, false, true);
    return this;
  }

  /** As `once`, in front of the others. */
  prependOnceListener<
    Ev extends NamespaceEvent<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
  >(
    event: Ev,
    listener: NamespaceListener<ListenEvents, EmitEvents, ServerSideEvents, SocketData, Ev>,
  ): this {
    this.#listeners.add(event, listener, true, true);
    return this;
  }

  /** Removes all listeners of an event, or of all events. */
  removeAllListeners(...args: [event?: string]): this {
    this.#listeners.off(args);
    return this;
  }

  /** The listeners of an event. */
  listeners<Ev extends NamespaceEvent<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>(
    event: Ev,
  ): NamespaceListener<ListenEvents, EmitEvents, ServerSideEvents, SocketData, Ev>[] {
    return this.#listeners.list(event as string) as NamespaceListener<
      ListenEvents,
      EmitEvents,
      ServerSideEvents,
      SocketData,
      Ev
    >[];
  }

  /** How many listeners an event has. */
  listenerCount(event: string): number {
    return this.#listeners.count(event);
  }

  /** The events that have listeners. */
  eventNames(): (string | symbol)[] {
    return this.#listeners.events();
  }

  /** Changes nothing: there is no number of listeners from which on there would be a warning, as Node's emitters give. */
  setMaxListeners(_count: number): this {
    return this;
  }

  /**
   * Sends an event to the namespace of the same name on the other servers of the cluster. With a callback as the last
   * argument, it waits for their answers: `(error, responses)`. After 30 s without a word from the adapter, which most give earlier, or
   * twice its `requestsTimeout` if that is longer, the error is a `SocketIoError` with the code `ERR_TIMEOUT`.
   *
   * @throws {TypeError} if the event's name is reserved.
   */
  serverSideEmit<E extends EventNames<ServerSideEvents>>(
    event: E,
    ...args: EventArgs<BroadcastEventMap<ServerSideEvents>, E>
  ): boolean {
    if (RESERVED.has(event)) {
      throw new TypeError(`Cannot emit "${event}" to other servers: it is a reserved event name`);
    }
    const data: unknown[] = [event, ...args];
    const last = data[data.length - 1];
    if (typeof last === "function") {
      data.pop();
      this.#askServers(event, data, last as (...args: unknown[]) => unknown);
    } else onRejection(this.adapter.serverSideEmit(data), reportCallbackError);
    return true;
  }

  /** Sends an event to the other servers of the cluster, and resolves to their answers. */
  serverSideEmitWithAck<E extends EventNamesWithAck<ServerSideEvents>>(
    event: E,
    ...args: AllButLast<EventArgs<ServerSideEvents, E>>
  ): Promise<AckResult<ServerSideEvents, E>[]> {
    return new Promise((resolve, reject) => {
      const ack = (cause: Error | null, responses: AckResult<ServerSideEvents, E>[]) => {
        if (cause === null) return resolve(responses);
        const message = `Cannot emit "${event}" to other servers: some did not answer`;
        reject(new SocketIoError("ERR_TIMEOUT", message, { cause, responses }));
      };
      this.serverSideEmit(
        event,
        ...[...args, ack] as unknown as EventArgs<BroadcastEventMap<ServerSideEvents>, E>,
      );
    });
  }

  /** An event of another server came. @ignore */
  _onServerSideEmit(args: [string, ...unknown[]]): void {
    const [event, ...rest] = args;
    if (!RESERVED.has(event)) this.#listeners.emit(event, this, rest, reportCallbackError);
  }

  /** Tells the listeners of the main namespace about a new one. @ignore */
  _onNewNamespace(
    namespace: SocketIoNamespace<Untyped, Untyped, Untyped, Untyped>,
  ): void {
    this.#listeners.emit("new_namespace", this, [namespace], reportCallbackError);
  }

  /** Takes over middleware and listeners for connections from a parent namespace. @ignore */
  _inherit(
    parent: SocketIoNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
  ): void {
    this.#middleware = parent.#middleware;
    for (const event of ["connect", "connection"] as const) {
      for (const listener of parent.listeners(event)) this.#listeners.add(event, listener, false);
    }
  }

  /**
   * A client wants to join. `done` is called with the socket once it is let in, or without one: always so when it is not
   * `wanted` any more.
   * @ignore
   */
  _add(
    client: SocketClient,
    auth: Record<string, Untyped> | undefined,
    wanted: () => boolean,
    done: (
      socket: SocketIoSocket<ListenEvents, EmitEvents, ServerSideEvents, SocketData> | undefined,
    ) => void,
  ): void {
    const session = this.#findSession(auth);
    if (session === undefined) return this.#admit(client, auth, undefined, wanted, done);
    const gone = new AbortController();
    const { signal } = gone;
    this.#searching.set(client, gone);
    const search = Promise.resolve(session).catch((error) => {
      // Not to be found is no failure: adapters of the npm world reject for it.
      if (error instanceof TypeError) reportCallbackError(error);
      return null;
    });
    waitFor(search, "find a session", { timeout: SESSION_TIME, signal }).catch(() => {
      // By then it is nobody's.
      search.then((late) => late && this.adapter.delAll(late.sid)).catch(reportCallbackError);
      return null;
    }).then((found) => {
      if (this.#searching.get(client) === gone) this.#searching.delete(client);
      if (signal.aborted || client.conn.readyState !== "open" || !wanted()) {
        if (found) this.adapter.delAll(found.sid);
        return done(undefined);
      }
      this.#admit(client, auth, found ?? undefined, wanted, done);
    }).catch(reportCallbackError);
  }

  /** A client has gone while its session was looked for, or middleware looked at it, which may never end. @ignore */
  _forget(client: SocketClient): void {
    this.#searching.get(client)?.abort();
    const socket = this.#pending.get(client);
    this.#pending.delete(client);
    socket?._cleanUp();
  }

  /** A socket is gone. @ignore */
  _remove(socket: { readonly id: SocketId }): void {
    this.sockets.delete(socket.id);
    if (this._empty) this._onEmpty?.();
  }

  #askServers(event: string, data: unknown[], callback: (...args: unknown[]) => unknown): void {
    // Adapters call it in timers, too, where nobody would catch what it throws.
    const ack = guardCallback(callback);
    let timer: ReturnType<typeof setTimeout> | undefined;
    let settled = false;
    const settle = (error: unknown, responses: unknown[]) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      ack(error, responses);
    };
    const sent = this.adapter.serverSideEmit([...data, settle]);
    if (!settled) {
      const time = clusterTime(this.adapter);
      timer = setTimeout(() => {
        const message =
          `Cannot emit "${event}" to other servers: no answer from the adapter within ${time} ms`;
        settle(new SocketIoError("ERR_TIMEOUT", message), []);
      }, time);
    }
    onRejection(sent, (error) => settle(error, []));
  }

  /** The session that the client asks for, if it does. */
  #findSession(
    auth: Record<string, unknown> | undefined,
  ): Promise<RecoveredSession | null> | RecoveredSession | null | undefined {
    if (!this.server.opts.connectionStateRecovery || auth === undefined) return undefined;
    const { pid, offset } = auth;
    if (typeof pid !== "string") return undefined;
    try {
      if (typeof offset === "string") return this.adapter.restoreSession(pid, offset);
      if (offset === undefined && this.adapter instanceof SessionAwareAdapter) {
        return this.adapter.restoreSession(pid, undefined);
      }
    } catch (error) {
      reportCallbackError(error);
    }
    return undefined;
  }

  #admit(
    client: SocketClient,
    auth: Record<string, unknown> | undefined,
    session: RecoveredSession | undefined,
    wanted: () => boolean,
    done: (
      socket: SocketIoSocket<ListenEvents, EmitEvents, ServerSideEvents, SocketData> | undefined,
    ) => void,
  ): void {
    const socket = new SocketIoSocket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>(
      this,
      client,
      auth,
      session,
    );
    const skip = session !== undefined &&
      this.server.opts.connectionStateRecovery.skipMiddlewares === true;
    if (skip || this.#middleware.length === 0) return this.#connect(socket, done);
    this.#pending.set(client, socket);
    this.#runMiddleware(this.#middleware, 0, socket, (error) => {
      // A client that asked again has a newer one by now.
      if (this.#pending.get(client) === socket) this.#pending.delete(client);
      if (client.conn.readyState !== "open" || !wanted()) {
        socket._cleanUp();
        done(undefined);
      } else if (error) {
        socket._cleanUp();
        done(undefined);
        try {
          // Not all that may stand there can be made a text.
          const message = typeof error === "string" ? error : errorOf(error.message).message;
          socket._refuse({ message, data: error.data });
        } catch (fault) {
          // Its data can't be encoded. Where `next` was called, nobody may be there to catch it.
          this.server._onMiddlewareError(fault, socket);
          socket._refuse({ message: "Internal error" });
        }
      } else this.#connect(socket, done);
    });
  }

  #runMiddleware(
    middleware: NamespaceMiddleware<ListenEvents, EmitEvents, ServerSideEvents, SocketData>[],
    index: number,
    socket: SocketIoSocket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    done: (error?: MiddlewareError) => void,
  ): void {
    if (index === middleware.length) return done();
    let called = false;
    const next = (error?: MiddlewareError) => {
      if (called) return;
      called = true;
      if (error) done(error);
      else this.#runMiddleware(middleware, index + 1, socket, done);
    };
    const failed = (error: unknown) => {
      this.server._onMiddlewareError(error, socket);
      next(new Error("Internal error"));
    };
    try {
      const result = middleware[index](socket, next);
      onRejection(result, failed);
    } catch (error) {
      failed(error);
    }
  }

  #connect(
    socket: SocketIoSocket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    done: (socket: SocketIoSocket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void,
  ): void {
    this.sockets.set(socket.id, socket);
    // The client must know of the socket before listeners can use it or disconnect it.
    done(socket);
    socket._onConnect();
    this.#listeners.emit("connect", socket, [socket], fail);
    this.#listeners.emit("connection", socket, [socket], fail);
  }
}

/** A listener for connections failed: the connection ends. */
function fail(error: unknown, socket: SocketIoSocket<Untyped, Untyped, Untyped, Untyped>): void {
  socket.server._onListenerError(error, socket);
}
