// Floor 3: driver.
import { defineInspect } from "../buffer/define_inspect.ts";
import { AckMap } from "./_acks.ts";
import { hasBlob, readBlobs } from "./_attachments.ts";
import {
  checkMiddleware,
  guardCallback,
  reportCallbackError,
  reportRejection,
} from "./_callback.ts";
import { checkEventName } from "./_event_name.ts";
import { callListener, Listeners } from "./_listeners.ts";
import { roomList } from "./_room_list.ts";
import { ackTime } from "./_time.ts";
import { BroadcastOperator, type FetchedSocket } from "./broadcast_operator.ts";
import { type Broadcaster, RoomChooser } from "./broadcaster.ts";
import { SocketIoError } from "./errors.ts";
import { PacketType, type SocketIoPacket } from "./packet.ts";
import type {
  AckResult,
  AdapterNamespace,
  AdapterSocket,
  AllButLast,
  BroadcastFlags,
  DefaultEventMap,
  EngineConnection,
  EngineRequest,
  EngineWriteOptions,
  EventArgs,
  EventMap,
  EventNames,
  EventNamesWithAck,
  RecoveredSession,
  Room,
  ServerDisconnectReason,
  SocketId,
  SocketIoAdapter,
  SocketIoHandshake,
  SocketIoListener,
  TimeoutEventMap,
  Untyped,
} from "./types.ts";

/** The events that every socket of the server has, beside those of the program. */
export interface SocketReservedEvents {
  /** The socket was disconnected, and is in no room any more. */
  disconnect: (reason: ServerDisconnectReason, description?: unknown) => void;
  /** The socket is about to be disconnected, and still in its rooms. */
  disconnecting: (reason: ServerDisconnectReason, description?: unknown) => void;
  /** A middleware of the socket refused an event, the client sent what can't be decoded, or a listener threw. */
  error: (error: Error) => void;
}

/** The part of a namespace that a socket knows. */
export interface SocketNamespace<
  EmitEvents extends EventMap<EmitEvents> = DefaultEventMap,
  SocketData = Untyped,
> extends AdapterNamespace, Broadcaster<EmitEvents, SocketData> {
  /** The sockets that are connected to it here. */
  readonly sockets: ReadonlyMap<
    SocketId,
    SocketIoSocket<Untyped, EmitEvents, Untyped, SocketData>
  >;
  /** The adapter. */
  readonly adapter: SocketIoAdapter;
  /** The server. */
  readonly server: SocketServer<EmitEvents, SocketData>;
  /** Forgets a socket. @ignore */
  _remove(socket: { readonly id: SocketId }): void;
}

/** The part of a server that a socket knows. What it sends goes to its main namespace. */
export interface SocketServer<
  EmitEvents extends EventMap<EmitEvents> = DefaultEventMap,
  SocketData = Untyped,
> extends Broadcaster<EmitEvents, SocketData> {
  /** A namespace; it is made if it is not there yet. */
  of(name: string): SocketNamespace<EmitEvents, SocketData>;
  /** Encodes packets. */
  readonly encoder: {
    /** Encodes one packet. */
    encode(packet: Untyped): (string | Uint8Array)[];
  };
  /** The options that concern sockets. */
  readonly opts: {
    /** Set when connections may come back. */
    readonly connectionStateRecovery?: Untyped;
    /** How many acknowledgements a socket may wait for. */
    readonly maxPendingAcks: number;
  };
  /** Takes what a listener of a socket threw. @ignore */
  _onListenerError(
    error: unknown,
    socket: SocketIoSocket<Untyped, Untyped, Untyped, Untyped>,
  ): void;
  /** Takes what a middleware threw that looked at a socket. @ignore */
  _onMiddlewareError(
    error: unknown,
    socket: SocketIoSocket<Untyped, Untyped, Untyped, Untyped>,
  ): void;
  /** Makes an id that can't be guessed. @ignore */
  _generateId(): string;
}

/** The part of a client's connection that a socket knows. */
export interface SocketClient {
  /** The id of the connection: a secret between client and server. */
  readonly id: string;
  /** The connection. */
  readonly conn: EngineConnection;
  /** The request that opened it. */
  readonly request: EngineRequest;
  /** Hands an encoded packet to the connection. */
  writeToEngine(encoded: (string | Uint8Array)[], options: EngineWriteOptions): void;
  /** Encodes a packet and hands it to the connection. @ignore */
  _packet(packet: SocketIoPacket, options: EngineWriteOptions): void;
  /** Forgets a socket. @ignore */
  _remove(socket: { readonly id: SocketId }): void;
  /** Disconnects all sockets and closes the connection. @ignore */
  _disconnect(): void;
}

/** A middleware of a socket: it may look at an event, change it, or refuse it by giving `next` an error. */
export type SocketMiddleware = (
  event: [name: string, ...args: Untyped[]],
  next: (error?: Error) => void,
) => unknown;

const RECOVERABLE: ReadonlySet<ServerDisconnectReason> = new Set<ServerDisconnectReason>([
  "transport error",
  "transport close",
  "forced close",
  "ping timeout",
  "server shutting down",
  "forced server close",
]);

const NO_FLAGS: BroadcastFlags = Object.freeze({});
const NO_ROOMS: ReadonlySet<Room> = new Set();

/**
 * One client in one namespace, as the server sees it.
 *
 * Listeners are called at once, in the order of the events, while the bytes that brought them are read. A listener that
 * throws, or returns a promise that is rejected, ends this connection and no other: see `onListenerError` of the
 * server's options.
 *
 * The bytes in an event's arguments (`Uint8Array`) are views into what was read: use `slice()` to keep a small part of
 * them for long.
 *
 * @example
 * ```ts
 * import { connectSocketIo, SocketIoServer } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const io = new SocketIoServer();
 * io.on("connection", (socket) => {
 *   socket.emit("news", { hello: "world" });
 *   socket.on("my other event", (data, answer) => answer(`got ${data}`));
 *   socket.join("room1");
 *   socket.to("room1").emit("joined", socket.id); // to all others in the room
 * });
 * const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
 *
 * const socket = connectSocketIo(`http://127.0.0.1:${port}`);
 * const news = new Promise((resolve) => socket.on("news", resolve));
 * assertEquals(await socket.timeout(5000).emitWithAck("my other event", "it"), "got it");
 * assertEquals(await news, { hello: "world" });
 * await socket.close();
 * await io.close();
 * ```
 */
export class SocketIoSocket<
  ListenEvents extends EventMap<ListenEvents> = DefaultEventMap,
  EmitEvents extends EventMap<EmitEvents> = ListenEvents,
  ServerSideEvents extends EventMap<ServerSideEvents> = DefaultEventMap,
  SocketData = Untyped,
> extends RoomChooser<EmitEvents, SocketData>
  implements AdapterSocket, FetchedSocket<EmitEvents, SocketData> {
  static {
    // Not the connection's id, which is a secret, nor what the handshake said, nor the program's own data.
    defineInspect(SocketIoSocket, (socket) => ({
      id: socket.id,
      nsp: socket.nsp.name,
      connected: socket.connected,
      recovered: socket.recovered,
      rooms: [...socket.rooms].filter((room) => room !== socket.id),
      transport: socket.conn.transport.name,
      remoteAddress: socket.conn.remoteAddress,
    }));
  }

  /** The public id: random, and another one after each reconnection unless the session was recovered. */
  readonly id: SocketId;
  /** The namespace. */
  readonly nsp: SocketNamespace<EmitEvents, SocketData>;
  /** The connection, which several sockets of different namespaces may share. */
  readonly client: SocketClient;
  /** Whether the session of a lost connection was taken up again: rooms, data and missed events. */
  readonly recovered: boolean = false;
  #data: SocketData | undefined;
  readonly #pid: string | undefined;
  readonly #auth: Record<string, unknown> | undefined;
  readonly #issued: number = Date.now();
  #session: RecoveredSession | undefined;
  #state: "new" | "connected" | "disconnected" = "new";
  #closing = false;
  /** Until when events are kept for a client that lost its connection: it may come back with another socket of the same id. */
  #keptUntil = 0;
  #handshake: SocketIoHandshake | undefined;
  #acks: AckMap | undefined;
  #flags: BroadcastFlags = NO_FLAGS;
  #middleware: SocketMiddleware[] | undefined;
  #listeners: Listeners | undefined;
  #any: SocketIoListener[] | undefined;
  #anyOutgoing: SocketIoListener[] | undefined;
  #blobs: Promise<void> | undefined;

  /** Made by the namespace. @ignore */
  constructor(
    nsp: SocketNamespace<EmitEvents, SocketData>,
    client: SocketClient,
    auth: Record<string, unknown> | undefined,
    session?: RecoveredSession,
  ) {
    super();
    this.nsp = nsp;
    this.client = client;
    this.#auth = auth;
    const { server } = nsp;
    if (session !== undefined) {
      this.id = session.sid;
      this.#pid = session.pid;
      this.#data = session.data;
      this.recovered = true;
      this.#session = session;
      reportRejection(nsp.adapter.addAll(this.id, new Set(session.rooms)));
    } else {
      // The id of the connection is a secret between the two ends; this one is for everybody.
      this.id = server._generateId();
      if (server.opts.connectionStateRecovery) this.#pid = server._generateId();
    }
  }

  /** The program's own data, empty at first; `fetchSockets` of other servers gets a copy of it. */
  get data(): SocketData {
    return this.#data ??= {} as SocketData;
  }

  set data(data: SocketData) {
    this.#data = data;
  }

  /** The server. */
  get server(): SocketServer<EmitEvents, SocketData> {
    return this.nsp.server;
  }

  /** The namespace's adapter. */
  get adapter(): SocketIoAdapter {
    return this.nsp.adapter;
  }

  /** Whether the socket is connected. */
  get connected(): boolean {
    return this.#state === "connected";
  }

  /** Whether the socket is not connected. */
  get disconnected(): boolean {
    return this.#state !== "connected";
  }

  /** The engine's connection. */
  get conn(): EngineConnection {
    return this.client.conn;
  }

  /** The request that opened the connection. */
  get request(): EngineRequest {
    return this.client.request;
  }

  /** The rooms that the socket is in, its own included, which has the name of its id. */
  get rooms(): Set<Room> {
    return this.nsp.adapter.socketRooms(this.id) ?? new Set(NO_ROOMS);
  }

  /** What the first request and the connect packet said. */
  get handshake(): SocketIoHandshake {
    return this.#handshake ??= this.#buildHandshake();
  }

  /** The acknowledgements that the client still owes, by number. */
  get acks(): Map<number, (...args: Untyped[]) => void> {
    return this.#acks ??= new AckMap(this.nsp.server.opts.maxPendingAcks);
  }

  /** Adds a listener for an event of the client, or for `disconnect`, `disconnecting` and `error`. */
  on<E extends EventNames<ListenEvents> | keyof SocketReservedEvents>(
    event: E,
    listener: SocketListener<ListenEvents, E>,
  ): this {
    (this.#listeners ??= new Listeners()).add(event, listener, false);
    return this;
  }

  /** Adds a listener that is called once. */
  once<E extends EventNames<ListenEvents> | keyof SocketReservedEvents>(
    event: E,
    listener: SocketListener<ListenEvents, E>,
  ): this {
    (this.#listeners ??= new Listeners()).add(event, listener, true);
    return this;
  }

  /** Removes a listener. */
  off<E extends EventNames<ListenEvents> | keyof SocketReservedEvents>(
    event: E,
    listener: SocketListener<ListenEvents, E>,
  ): this {
    this.#listeners?.remove(event, listener);
    return this;
  }

  /** The same as `on`. */
  addListener<E extends EventNames<ListenEvents> | keyof SocketReservedEvents>(
    event: E,
    listener: SocketListener<ListenEvents, E>,
  ): this {
    return this.on(event, listener);
  }

  /** The same as `off`. */
  removeListener<E extends EventNames<ListenEvents> | keyof SocketReservedEvents>(
    event: E,
    listener: SocketListener<ListenEvents, E>,
  ): this {
    return this.off(event, listener);
  }

  /** As `on`, in front of the others. */
  prependListener<E extends EventNames<ListenEvents> | keyof SocketReservedEvents>(
    event: E,
    listener: SocketListener<ListenEvents, E>,
  ): this {
    (this.#listeners ??= new Listeners()).add(event, listener, false, true);
    return this;
  }

  /** As `once`, in front of the others. */
  prependOnceListener<E extends EventNames<ListenEvents> | keyof SocketReservedEvents>(
    event: E,
    listener: SocketListener<ListenEvents, E>,
  ): this {
    (this.#listeners ??= new Listeners()).add(event, listener, true, true);
    return this;
  }

  /** Removes all listeners of an event, or of all events. */
  removeAllListeners(
    ...args: [event?: EventNames<ListenEvents> | keyof SocketReservedEvents]
  ): this {
    this.#listeners?.off(args);
    return this;
  }

  /** The listeners of an event. */
  listeners<E extends EventNames<ListenEvents> | keyof SocketReservedEvents>(
    event: E,
  ): SocketListener<ListenEvents, E>[] {
    return (this.#listeners?.list(event) ?? []) as SocketListener<ListenEvents, E>[];
  }

  /** How many listeners an event has. */
  listenerCount(event: EventNames<ListenEvents> | keyof SocketReservedEvents): number {
    return this.#listeners?.count(event) ?? 0;
  }

  /** The events that have listeners. */
  eventNames(): (string | symbol)[] {
    return this.#listeners?.events() ?? [];
  }

  /** Changes nothing: there is no number of listeners from which on there would be a warning, as Node's emitters give. */
  setMaxListeners(_count: number): this {
    return this;
  }

  /** Adds a listener that is called with every event of the client: its name, and its arguments. */
  onAny(listener: (event: string, ...args: Untyped[]) => void): this {
    this.#any = [...this.#any ?? [], listener];
    return this;
  }

  /** As `onAny`, in front of the others. */
  prependAny(listener: (event: string, ...args: Untyped[]) => void): this {
    this.#any = [listener, ...this.#any ?? []];
    return this;
  }

  /** Removes a listener of `onAny`, or all of them. */
  offAny(listener?: (event: string, ...args: Untyped[]) => void): this {
    this.#any = without(this.#any, listener);
    return this;
  }

  /** The listeners of `onAny`. */
  listenersAny(): ((event: string, ...args: Untyped[]) => void)[] {
    return [...this.#any ?? []] as ((event: string, ...args: Untyped[]) => void)[];
  }

  /** Adds a listener that is called with every event to the client: its name, and its arguments. */
  onAnyOutgoing(listener: (event: string, ...args: Untyped[]) => void): this {
    this.#anyOutgoing = [...this.#anyOutgoing ?? [], listener];
    return this;
  }

  /** As `onAnyOutgoing`, in front of the others. */
  prependAnyOutgoing(listener: (event: string, ...args: Untyped[]) => void): this {
    this.#anyOutgoing = [listener, ...this.#anyOutgoing ?? []];
    return this;
  }

  /** Removes a listener of `onAnyOutgoing`, or all of them. */
  offAnyOutgoing(listener?: (event: string, ...args: Untyped[]) => void): this {
    this.#anyOutgoing = without(this.#anyOutgoing, listener);
    return this;
  }

  /** The listeners of `onAnyOutgoing`. */
  listenersAnyOutgoing(): ((event: string, ...args: Untyped[]) => void)[] {
    return [...this.#anyOutgoing ?? []] as ((event: string, ...args: Untyped[]) => void)[];
  }

  /**
   * Adds a middleware for the events of the client.
   *
   * @throws {TypeError} if it is not a function.
   */
  use(middleware: SocketMiddleware): this {
    checkMiddleware(middleware);
    this.#middleware = [...this.#middleware ?? [], middleware];
    return this;
  }

  /**
   * Sends an event to the client. With a callback as the last argument, the client is asked for an acknowledgement,
   * whose arguments the callback gets; after `timeout()`, with an error in front.
   *
   * A message with a `Blob` is sent once the blob is read; later messages of this socket wait for it. If it can't be read, or what is beside
   * it not be encoded, who waits for an acknowledgement is told, or else the console.
   *
   * With `connectionStateRecovery`, what is sent after the connection was lost, and wants no acknowledgement, is kept as broadcasts are: the
   * client gets it when it comes back in time.
   *
   * @throws {TypeError} if the event's name is reserved or no text, or an argument can't be encoded.
   */
  emit<E extends EventNames<EmitEvents>>(event: E, ...args: EventArgs<EmitEvents, E>): boolean {
    checkEventName(event);
    const data: unknown[] = [event, ...args];
    const flags = this.#flags;
    this.#flags = NO_FLAGS;
    const last = data[data.length - 1];
    const packet: SocketIoPacket = { type: PacketType.EVENT, nsp: this.nsp.name, data };
    if (typeof last === "function") {
      data.pop();
      packet.id = this.nsp._ids++;
      this.#register(packet.id, event, flags.timeout, last as (...args: unknown[]) => void);
    }
    try {
      this.#send(packet, flags);
    } catch (error) {
      if (packet.id !== undefined) this.#acks!.delete(packet.id);
      throw error;
    }
    return true;
  }

  /**
   * Sends an event to the client and resolves to the first argument of its acknowledgement.
   *
   * @throws {SocketIoError} `ERR_TIMEOUT` after the time of `timeout()`, `ERR_DISCONNECTED` if the socket is
   * disconnected first.
   */
  emitWithAck<E extends EventNamesWithAck<EmitEvents>>(
    event: E,
    ...args: AllButLast<EventArgs<EmitEvents, E>>
  ): Promise<AckResult<EmitEvents, E>> {
    checkEventName(event);
    const flags = this.#flags;
    this.#flags = NO_FLAGS;
    return new Promise((resolve, reject) => {
      if (this.#state === "disconnected") {
        const message = `Cannot emit "${event}" with an answer: the socket is disconnected`;
        return reject(new SocketIoError("ERR_DISCONNECTED", message));
      }
      const id = this.nsp._ids++;
      const acks = this.acks as AckMap;
      acks.wait(id, event, flags.timeout, resolve as (value: unknown) => void, reject);
      try {
        this.#send(
          { type: PacketType.EVENT, nsp: this.nsp.name, id, data: [event, ...args] },
          flags,
        );
      } catch (error) {
        acks.delete(id);
        reject(error);
      }
    });
  }

  /** Chooses everyone but this socket. */
  get broadcast(): BroadcastOperator<EmitEvents, SocketData> {
    return this._choose();
  }

  /** The next message may be dropped if the client can't take it at once. */
  get volatile(): this {
    this.#flags = { ...this.#flags, volatile: true };
    return this;
  }

  /**
   * Whether the transport may compress the next message, where it can.
   *
   * @default {true}
   */
  compress(compress: boolean): this {
    this.#flags = { ...this.#flags, compress };
    return this;
  }

  /**
   * How long the next message waits for its acknowledgement, in ms; its callback gets an error in front.
   *
   * @throws {RangeError} if it is negative or not a number.
   */
  timeout(
    timeout: number,
  ): SocketIoSocket<ListenEvents, TimeoutEventMap<EmitEvents>, ServerSideEvents, SocketData> {
    this.#flags = { ...this.#flags, timeout: ackTime(timeout) };
    return this as unknown as SocketIoSocket<
      ListenEvents,
      TimeoutEventMap<EmitEvents>,
      ServerSideEvents,
      SocketData
    >;
  }

  /** Joins rooms. Nothing happens once the socket is disconnected. */
  join(room: Room | readonly Room[]): Promise<void> | void {
    if (this.#state === "disconnected") return;
    return this.nsp.adapter.addAll(this.id, new Set(roomList(room ?? [])));
  }

  /** Leaves a room. */
  leave(room: Room): Promise<void> | void {
    return this.nsp.adapter.del(this.id, room);
  }

  /** Disconnects from the namespace; with `close` the connection itself, and so all its sockets. */
  disconnect(close = false): this {
    if (this.#state !== "connected") return this;
    if (close) this.client._disconnect();
    else {
      this.client._packet({ type: PacketType.DISCONNECT, nsp: this.nsp.name }, {});
      this._onClose("server namespace disconnect");
    }
    return this;
  }

  /** A choice of everyone but this socket, with the flags of the next message. @ignore */
  _choose(): BroadcastOperator<EmitEvents, SocketData> {
    const flags = this.#flags;
    this.#flags = NO_FLAGS;
    return new BroadcastOperator(this.nsp.adapter, new Set(), new Set([this.id]), { ...flags });
  }

  /** Tells the listeners of `onAnyOutgoing`; called by adapters. @ignore */
  notifyOutgoingListeners(packet: { data?: Untyped }): void {
    if (this.#anyOutgoing === undefined) return;
    for (const listener of this.#anyOutgoing) {
      callListener(listener, this, packet.data as unknown[], fail);
    }
  }

  /** The namespace lets the socket in. @ignore */
  _onConnect(): void {
    this.#state = "connected";
    reportRejection(this.join(this.id));
    const data = this.#pid === undefined ? { sid: this.id } : { sid: this.id, pid: this.#pid };
    this.client._packet({ type: PacketType.CONNECT, nsp: this.nsp.name, data }, {});
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    const replay = guardCallback((data: unknown[]) =>
      this.client._packet({ type: PacketType.EVENT, nsp: this.nsp.name, data }, {})
    );
    // One that can't be encoded, or not any more, stops neither the others nor the socket.
    for (const data of session.missedPackets) replay(data);
  }

  /** The namespace refuses the socket. @ignore */
  _refuse(error: { message: string; data?: unknown }): void {
    const { message, data } = error;
    this.client._packet(
      { type: PacketType.CONNECT_ERROR, nsp: this.nsp.name, data: { message, data } },
      {},
    );
  }

  /**
   * Takes an event of the client. Libraries that look at all events, as those for metrics, put a function of theirs in place of
   * this one, which calls it; programs have `onAny()`.
   */
  onevent(packet: SocketIoPacket): void {
    this.#onEvent([...packet.data as unknown[]], packet.id);
  }

  /** The client sent a packet. @ignore */
  _onPacket(packet: SocketIoPacket): void {
    switch (packet.type) {
      case PacketType.EVENT:
        if (this.onevent === ONEVENT) {
          this.#onEvent(packet.data as unknown[], packet.id);
        } else callListener(this.onevent, this, [packet], fail);
        break;
      case PacketType.ACK:
        this.#onAck(packet.id!, packet.data as unknown[]);
        break;
      case PacketType.DISCONNECT:
        this._onClose("client namespace disconnect");
        break;
    }
  }

  /** Something is wrong with what the client sent. @ignore */
  _onError(error: Error): void {
    this.#listeners?.emit("error", this, [error], fail);
  }

  /** The socket is over. @ignore */
  _onClose(reason: ServerDisconnectReason, description?: unknown): void {
    if (this.#state !== "connected" || this.#closing) return;
    this.#closing = true;
    this.#listeners?.emit("disconnecting", this, [reason, description], fail);
    const { nsp } = this;
    if (nsp.server.opts.connectionStateRecovery && RECOVERABLE.has(reason)) {
      const session = {
        sid: this.id,
        pid: this.#pid!,
        rooms: [...this.rooms],
        data: this.data,
      };
      guardCallback(() => nsp.adapter.persistSession(session))();
      if (reason !== "server shutting down") {
        const { maxDisconnectionDuration } = nsp.server.opts.connectionStateRecovery;
        this.#keptUntil = performance.now() + maxDisconnectionDuration;
      }
    }
    this._cleanUp();
    this.client._remove(this);
    this.#listeners?.emit("disconnect", this, [reason, description], fail);
    this.#acks?.abandon("the socket was disconnected");
  }

  /** Leaves everything. @ignore */
  _cleanUp(): void {
    reportRejection(this.nsp.adapter.delAll(this.id));
    this.nsp._remove(this);
    this.#state = "disconnected";
  }

  #onEvent(args: unknown[], id: number | undefined): void {
    if (id !== undefined) args.push(this.#makeAck(id));
    if (this.#any !== undefined) {
      for (const listener of this.#any) callListener(listener, this, args, fail);
    }
    if (this.#middleware === undefined) this.#dispatch(args);
    else this.#runMiddleware(this.#middleware, 0, args);
  }

  #runMiddleware(middleware: SocketMiddleware[], index: number, args: unknown[]): void {
    // A copy: middleware may look at the event when it was dispatched, too.
    if (index === middleware.length) return this.#dispatch([...args]);
    let called = false;
    const next = (error?: Error) => {
      if (called) return;
      called = true;
      if (error) this._onError(error);
      else this.#runMiddleware(middleware, index + 1, args);
    };
    callListener(middleware[index], this, [args, next], fail);
  }

  #dispatch(args: unknown[]): void {
    if (this.#state !== "connected" || this.#listeners === undefined) return;
    const event = args.shift();
    this.#listeners.emit(
      typeof event === "string" ? event : String(event),
      this,
      args,
      fail,
    );
  }

  #makeAck(id: number): (...args: unknown[]) => void {
    let sent = false;
    return (...data) => {
      if (sent || this.#state !== "connected") return;
      sent = true;
      this.#sendInOrder({ type: PacketType.ACK, nsp: this.nsp.name, id, data }, NO_FLAGS);
    };
  }

  #onAck(id: number, args: unknown[]): void {
    const ack = this.#acks?.take(id);
    if (ack !== undefined) callListener(ack, this, args, fail);
  }

  #register(
    id: number,
    event: string,
    timeout: number | undefined,
    callback: (...args: unknown[]) => void,
  ): void {
    const acks = this.acks as AckMap;
    if (timeout === undefined) acks.set(id, callback);
    else {
      const fail = guardCallback(callback);
      acks.wait(
        id,
        event,
        timeout,
        (...args: unknown[]) => callback.call(this, null, ...args),
        fail,
      );
      if (this.#state === "disconnected") acks.abandon("the socket is disconnected");
    }
  }

  /** Whether nobody will ever get a packet. */
  #isLost(packet: SocketIoPacket): boolean {
    if (this.#state !== "disconnected") return false;
    return packet.id !== undefined || performance.now() > this.#keptUntil;
  }

  #send(packet: SocketIoPacket, flags: BroadcastFlags): void {
    if (this.#isLost(packet)) return;
    if (this.nsp.server.opts.connectionStateRecovery) {
      // Through the adapter, so that it is there after a reconnection.
      const options = { rooms: new Set([this.id]), except: new Set<Room>(), flags };
      const send = () => reportRejection(this.nsp.adapter.broadcast(packet, options));
      return this.#blobs !== undefined || hasBlob(packet.data) ? this.#later(packet, send) : send();
    }
    this.notifyOutgoingListeners(packet);
    this.#sendInOrder(packet, flags);
  }

  #sendInOrder(packet: SocketIoPacket, flags: BroadcastFlags): void {
    if (this.#blobs === undefined && !hasBlob(packet.data)) {
      this.client._packet(packet, flags);
    } else this.#later(packet, () => this.client._packet(packet, flags));
  }

  #later(packet: SocketIoPacket, send: () => void): void {
    const done: Promise<void> = Promise.all([readBlobs(packet.data), this.#blobs]).then(
      ([data]) => {
        packet.data = data;
        if (!this.#isLost(packet)) send();
      },
    ).catch((error) => this.#unsent(packet, error)).finally(() => {
      if (this.#blobs === done) this.#blobs = undefined;
    });
    this.#blobs = done;
  }

  /** A blob can't be read, or what is beside it not be encoded: who waits for the answer is told, or else the console. */
  #unsent({ type, id }: SocketIoPacket, error: unknown): void {
    // The number of an answer is the client's.
    const asked = type === PacketType.EVENT && id !== undefined;
    if (!asked || !this.#acks?.refuse(id, error)) reportCallbackError(error);
  }

  #buildHandshake(): SocketIoHandshake {
    const { request } = this;
    const headers = request?.headers ?? {};
    return {
      headers,
      time: new Date(this.#issued).toString(),
      address: this.client.conn.remoteAddress,
      xdomain: headers.origin !== undefined,
      secure: request?.connection?.encrypted === true,
      issued: this.#issued,
      url: request?.url ?? "",
      query: request?._query ?? {},
      auth: this.#auth ?? {},
    };
  }
}

/** The method as it is here: libraries may put another one in its place, in one socket or in the prototype. */
const ONEVENT = SocketIoSocket.prototype.onevent;

/** The listener of one event of a socket. */
export type SocketListener<M, E> = E extends keyof SocketReservedEvents ? SocketReservedEvents[E]
  : E extends keyof M ? M[E] & SocketIoListener
  : never;

type AnySocket = SocketIoSocket<Untyped, Untyped, Untyped, Untyped>;

/** A listener of the program failed: its connection ends. */
function fail(error: unknown, socket: AnySocket): void {
  socket.nsp.server._onListenerError(error, socket);
}

function without(
  list: SocketIoListener[] | undefined,
  listener: SocketIoListener | undefined,
): SocketIoListener[] | undefined {
  if (list === undefined || listener === undefined) return undefined;
  const at = list.indexOf(listener);
  const rest = at === -1 ? list : list.toSpliced(at, 1);
  return rest.length === 0 ? undefined : rest;
}
