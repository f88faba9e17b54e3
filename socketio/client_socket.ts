// Floor 3: driver.
import { defineInspect } from "../buffer/define_inspect.ts";
import { AckMap } from "./_acks.ts";
import { hasBlob, isBlob, readBlobs } from "./_attachments.ts";
import { guardCallback, reportCallbackError } from "./_callback.ts";
import { EventQueue } from "./_event_queue.ts";
import { checkEventName } from "./_event_name.ts";
import { callListener, Listeners } from "./_listeners.ts";
import { inRange } from "./_option_kinds.ts";
import { isThenable } from "./_thenable.ts";
import { ackTime, timerTime } from "./_time.ts";
import type { SocketIoAuth, SocketIoSocketOptions } from "./client_options.ts";
import { SocketIoError } from "./errors.ts";
import type { ManagedSocket, SocketIoManager } from "./manager.ts";
import { PacketType, type SocketIoPacket } from "./packet.ts";
import type {
  AckResult,
  AllButLast,
  ClientDisconnectReason,
  DefaultEventMap,
  EventArgs,
  EventMap,
  EventNames,
  EventNamesWithAck,
  SocketIoListener,
  TimeoutEventMap,
  Untyped,
} from "./types.ts";

/** The events that every socket of a client has, beside those of the program. */
export interface ClientReservedEvents {
  /** The socket is connected, for the first time or again. */
  connect: () => void;
  /**
   * The socket could not be connected: the server refused, can't be reached, or is lost before it let the socket in. Unless
   * it refused, the socket tries again.
   */
  connect_error: (error: SocketIoError) => void;
  /** The connection is gone. Unless one side wanted that, it comes back by itself. */
  disconnect: (reason: ClientDisconnectReason, error?: Error) => void;
}

/** The listener of one event of a client's socket. */
export type ClientListener<M, E> = E extends keyof ClientReservedEvents ? ClientReservedEvents[E]
  : E extends keyof M ? M[E] & SocketIoListener
  : never;

interface ClientFlags {
  volatile?: boolean;
  compress?: boolean;
  timeout?: number;
}

interface Waiting {
  readonly packet: SocketIoPacket;
  readonly size: number;
}

interface Retried {
  readonly args: unknown[];
  readonly size: number;
  readonly flags: ClientFlags;
  readonly ack: ((...args: unknown[]) => void) | undefined;
  tries: number;
  pending: boolean;
}

const NO_FLAGS: ClientFlags = Object.freeze({});
/** How many events may wait for a loop. */
const MAX_UNFETCHED = 10_000;
/** How much they may have together, in characters and bytes. */
const MAX_UNFETCHED_BYTES = 67_108_864;
/** After how long it is looked again whether a full connection has room for what is sent until it is answered, in ms. */
const ROOM_PAUSE = 100;

/** The numbers among the options, and the least that each may be. */
const LEAST = {
  connectTimeout: Number.MIN_VALUE,
  maxBufferedEvents: Number.MIN_VALUE,
  maxBufferedBytes: Number.MIN_VALUE,
  maxBufferedPackets: Number.MIN_VALUE,
  maxPendingAcks: 1,
  retries: 0,
  ackTimeout: 0,
} as const;

/** @throws {RangeError} For a number that can't be. */
function checkNumbers(options: SocketIoSocketOptions): void {
  for (const [name, least] of Object.entries(LEAST)) {
    const value = options[name as keyof typeof LEAST] ?? undefined;
    inRange(name, value, least, least);
  }
}

/**
 * A client in one namespace of a server: sends events and gets them. It connects by itself, and comes back by itself
 * when the connection is lost; what is sent meanwhile waits.
 *
 * It is an async iterable too: `for await (const [event, ...args] of socket)` gives all events from then on, until the
 * socket is disconnected for good.
 *
 * @example
 * ```ts
 * import { connectSocketIo, SocketIoServer } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const io = new SocketIoServer();
 * io.on("connection", (socket) => socket.emit("news", { hello: "world" }));
 * const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
 *
 * const socket = connectSocketIo(`http://127.0.0.1:${port}`);
 * for await (const [event, data] of socket) {
 *   assertEquals([event, data], ["news", { hello: "world" }]);
 *   break;
 * }
 * await socket.close();
 * await io.close();
 * ```
 */
export class SocketIoClientSocket<
  ListenEvents extends EventMap<ListenEvents> = DefaultEventMap,
  EmitEvents extends EventMap<EmitEvents> = ListenEvents,
> implements ManagedSocket {
  static {
    defineInspect(SocketIoClientSocket, (socket) => ({
      id: socket.id,
      nsp: socket.nsp,
      connected: socket.connected,
      active: socket.active,
      recovered: socket.recovered,
      waiting: socket.#waiting.length,
    }));
  }

  /** The connection, which sockets of other namespaces may share. */
  readonly io: SocketIoManager;
  /** The namespace. */
  readonly nsp: string;
  /** What is sent to the server's middleware when the socket connects the next time. */
  auth: SocketIoAuth | undefined;
  readonly #options: SocketIoSocketOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => void this.close();
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  readonly #maxPackets: number;
  readonly #connectTimeout: number;
  readonly #acks: AckMap;
  readonly #listeners: Listeners = new Listeners();
  #any: SocketIoListener[] = [];
  #anyOutgoing: SocketIoListener[] = [];
  #iterators: Set<EventQueue> = new Set();
  #id: string | undefined;
  #pid: string | undefined;
  #offset: string | undefined;
  #recovered = false;
  #connected = false;
  /** How often it was disconnected. */
  #losses = 0;
  #active = false;
  #nextAck = 0;
  #flags: ClientFlags = NO_FLAGS;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** The size of the packet that came last, in characters and bytes. */
  #size = 0;
  /** Events that came before the server let the socket in, and the size of their packets. */
  #early: { readonly args: unknown[]; readonly size: number }[] = [];
  #earlySize = 0;
  #retried: Retried[] = [];
  #retriedBytes = 0;
  /** Until it is looked again whether there is room for them. */
  #room: ReturnType<typeof setTimeout> | undefined;
  #blobs: Promise<void> | undefined;
  /** Events that wait until their blobs are read, or those before them, and their size. */
  #reading = 0;
  #readingBytes = 0;
  #joining: ReturnType<typeof setTimeout> | undefined;
  /** The connection on which the server has been asked for the namespace, until it answers. */
  #asked: number | undefined;
  /** Whether that was for an earlier connect(), and there is to be another request after the answer. */
  #stale = false;
  /** The last connection on which the server disconnected the socket. */
  #dismissed: number | undefined;

  /** Made by `connectSocketIo`. @ignore */
  constructor(
    io: SocketIoManager,
    nsp: string,
    options: SocketIoSocketOptions,
    signal?: AbortSignal,
  ) {
    this.io = io;
    this.nsp = nsp;
    this.auth = options.auth;
    this.#options = options;
    this.#signal = signal;
    this.#maxEvents = options.maxBufferedEvents ?? 10_000;
    this.#maxBytes = options.maxBufferedBytes ?? 16_777_216;
    this.#maxPackets = options.maxBufferedPackets ?? 262_144;
    this.#acks = new AckMap(options.maxPendingAcks ?? 10_000);
    this.#connectTimeout = options.connectTimeout ?? 45_000;
    checkNumbers(options);
    io._add(this);
  }

  /** The public id that the server gave; `undefined` while not connected. It is another one after each reconnection. */
  get id(): string | undefined {
    return this.#id;
  }

  /** Whether the socket is connected. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Whether the socket is not connected. */
  get disconnected(): boolean {
    return !this.#connected;
  }

  /** Whether the socket is connected, or connects by itself. */
  get active(): boolean {
    return this.#active;
  }

  /** Whether the server took the session of a lost connection up again: nothing that it sent was missed. */
  get recovered(): boolean {
    return this.#recovered;
  }

  /**
   * Connects, if the socket is not connected. While attempts follow by themselves it changes nothing, also in the
   * `connect_error` of the last one: who wants more of them calls it when the manager tells `reconnect_failed`.
   */
  connect(): this {
    if (this.#active) {
      this.io._wantAgain();
      return this;
    }
    this.#active = true;
    this.#signal?.addEventListener("abort", this.#abort);
    this.io._want(this);
    return this;
  }

  /** The same as `connect`. */
  open(): this {
    return this.connect();
  }

  /** Disconnects for good: it does not come back by itself. What waits to be sent is kept for a later `connect()`. */
  disconnect(): this {
    this.#disconnect();
    return this;
  }

  /** As `disconnect`; resolves when nothing is left of the connection, if no other socket shares it. */
  close(): Promise<void> {
    return this.#disconnect();
  }

  /** Disconnects at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Adds a listener for an event of the server, or for `connect`, `connect_error` and `disconnect`. */
  on<E extends EventNames<ListenEvents> | keyof ClientReservedEvents>(
    event: E,
    listener: ClientListener<ListenEvents, E>,
  ): this {
    this.#listeners.add(event, listener, false);
    return this;
  }

  /** The same as `on`. */
  addEventListener<E extends EventNames<ListenEvents> | keyof ClientReservedEvents>(
    event: E,
    listener: ClientListener<ListenEvents, E>,
  ): this {
    return this.on(event, listener);
  }

  /** Adds a listener that is called once. */
  once<E extends EventNames<ListenEvents> | keyof ClientReservedEvents>(
    event: E,
    listener: ClientListener<ListenEvents, E>,
  ): this {
    this.#listeners.add(event, listener, true);
    return this;
  }

  /** Removes a listener; without one all of the event, without an event all. */
  off<E extends EventNames<ListenEvents> | keyof ClientReservedEvents>(
    ...args: [event?: E, listener?: ClientListener<ListenEvents, E>]
  ): this {
    this.#listeners.off(args);
    return this;
  }

  /** The same as `off`. */
  removeListener<E extends EventNames<ListenEvents> | keyof ClientReservedEvents>(
    ...args: [event?: E, listener?: ClientListener<ListenEvents, E>]
  ): this {
    return this.off(...args);
  }

  /** The same as `off`. */
  removeEventListener<E extends EventNames<ListenEvents> | keyof ClientReservedEvents>(
    ...args: [event?: E, listener?: ClientListener<ListenEvents, E>]
  ): this {
    return this.off(...args);
  }

  /** The same as `off`: with a listener, as in npm's client, it removes that one alone. */
  removeAllListeners<E extends EventNames<ListenEvents> | keyof ClientReservedEvents>(
    ...args: [event?: E, listener?: ClientListener<ListenEvents, E>]
  ): this {
    return this.off(...args);
  }

  /** The listeners of an event. */
  listeners<E extends EventNames<ListenEvents> | keyof ClientReservedEvents>(
    event: E,
  ): ClientListener<ListenEvents, E>[] {
    return this.#listeners.list(event) as ClientListener<ListenEvents, E>[];
  }

  /** Whether an event has listeners. */
  hasListeners(event: EventNames<ListenEvents> | keyof ClientReservedEvents): boolean {
    return this.#listeners.count(event) > 0;
  }

  /** Adds a listener that is called with every event of the server: its name, and its arguments. */
  onAny(listener: (event: string, ...args: Untyped[]) => void): this {
    this.#any = [...this.#any, listener];
    return this;
  }

  /** As `onAny`, in front of the others. */
  prependAny(listener: (event: string, ...args: Untyped[]) => void): this {
    this.#any = [listener, ...this.#any];
    return this;
  }

  /** Removes a listener of `onAny`, or all of them. */
  offAny(listener?: (event: string, ...args: Untyped[]) => void): this {
    this.#any = without(this.#any, listener);
    return this;
  }

  /** The listeners of `onAny`. */
  listenersAny(): ((event: string, ...args: Untyped[]) => void)[] {
    return [...this.#any] as ((event: string, ...args: Untyped[]) => void)[];
  }

  /** Adds a listener that is called with every event to the server: its name, and its arguments. */
  onAnyOutgoing(listener: (event: string, ...args: Untyped[]) => void): this {
    this.#anyOutgoing = [...this.#anyOutgoing, listener];
    return this;
  }

  /** As `onAnyOutgoing`, in front of the others. */
  prependAnyOutgoing(listener: (event: string, ...args: Untyped[]) => void): this {
    this.#anyOutgoing = [listener, ...this.#anyOutgoing];
    return this;
  }

  /** Removes a listener of `onAnyOutgoing`, or all of them. */
  offAnyOutgoing(listener?: (event: string, ...args: Untyped[]) => void): this {
    this.#anyOutgoing = without(this.#anyOutgoing, listener);
    return this;
  }

  /** The listeners of `onAnyOutgoing`. */
  listenersAnyOutgoing(): ((event: string, ...args: Untyped[]) => void)[] {
    return [...this.#anyOutgoing] as ((event: string, ...args: Untyped[]) => void)[];
  }

  /**
   * Sends an event to the server; without a connection it waits for one. With a callback as the last argument, the server
   * is asked for an acknowledgement, whose arguments the callback gets; after `timeout()`, or with the option
   * `ackTimeout`, with an error in front.
   *
   * @throws {TypeError} if the event's name is reserved or no text, or an argument can't be encoded.
   * @throws {SocketIoError} `ERR_LIMIT` if too much waits already.
   */
  emit<E extends EventNames<EmitEvents>>(event: E, ...args: EventArgs<EmitEvents, E>): this {
    const data: unknown[] = [event, ...args];
    const last = data[data.length - 1];
    const ack = typeof last === "function" ? data.pop() as (...args: unknown[]) => void : undefined;
    this.#emit(data, ack);
    return this;
  }

  /**
   * Sends an event to the server and resolves to the first argument of its acknowledgement.
   *
   * @throws {SocketIoError} `ERR_TIMEOUT` after the time of `timeout()`, `ERR_DISCONNECTED` if the connection is lost
   * first, `ERR_LIMIT` if too much waits already.
   */
  emitWithAck<E extends EventNamesWithAck<EmitEvents>>(
    event: E,
    ...args: AllButLast<EventArgs<EmitEvents, E>>
  ): Promise<AckResult<EmitEvents, E>> {
    return new Promise((resolve, reject) => {
      this.#emit([event, ...args], (error: unknown, value: unknown) => {
        if (error) reject(error);
        else resolve(value as AckResult<EmitEvents, E>);
      }, true);
    });
  }

  /** Sends a `message` event, as `emit` does: with a callback as the last argument, it is asked for an acknowledgement. */
  send(...args: Untyped[]): this {
    const emit = this.emit as (event: string, ...args: unknown[]) => this;
    return emit.call(this, "message", ...args);
  }

  /** The next event may be dropped if it can't be sent at once. */
  get volatile(): this {
    this.#flags = { ...this.#flags, volatile: true };
    return this;
  }

  /** Whether the transport may compress the next event; without effect where the platform decides. */
  compress(compress: boolean): this {
    this.#flags = { ...this.#flags, compress };
    return this;
  }

  /**
   * How long the next event waits for its acknowledgement, in ms; its callback gets an error in front.
   *
   * @throws {RangeError} if it is negative or not a number.
   */
  timeout(timeout: number): SocketIoClientSocket<ListenEvents, TimeoutEventMap<EmitEvents>> {
    this.#flags = { ...this.#flags, timeout: ackTime(timeout) };
    return this as unknown as SocketIoClientSocket<ListenEvents, TimeoutEventMap<EmitEvents>>;
  }

  /** A socket of another namespace on the same connection. It is a new one, or the one that is there already. */
  of<
    L extends EventMap<L> = DefaultEventMap,
    E extends EventMap<E> = L,
  >(namespace: string, options: SocketIoSocketOptions = {}): SocketIoClientSocket<L, E> {
    const nsp = namespace.startsWith("/") ? namespace : `/${namespace}`;
    const present = this.io._get(nsp) as SocketIoClientSocket<L, E> | undefined;
    return (present ?? new SocketIoClientSocket<L, E>(this.io, nsp, options)).connect();
  }

  /**
   * All events of the server from now on, each as its name and its arguments; the last argument is a function where the
   * server asks for an acknowledgement. Ends when the socket is disconnected for good; events that are not fetched in
   * time, more than 10,000 or of more than 64 MiB, end it with an error.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<[event: string, ...args: Untyped[]]> {
    const limits = { maxEvents: MAX_UNFETCHED, maxBytes: MAX_UNFETCHED_BYTES };
    const queue = new EventQueue(limits, () => this.#iterators.delete(queue));
    this.#iterators.add(queue);
    return queue;
  }

  /** The connection is there: the namespace is joined. @ignore */
  _onOpen(): void {
    const { auth } = this;
    // A listener that is told of the connection may have asked for the namespace already.
    this.#stopJoining();
    const joining = this.#joining = setTimeout(() => {
      const message =
        `Cannot connect: no answer for the namespace "${this.nsp}" within ${this.#connectTimeout} ms`;
      this.#refused(new SocketIoError("ERR_TIMEOUT", message));
    }, timerTime(this.#connectTimeout));
    // A server takes a second request before its answer to the first one for a fault.
    this.#stale = this.#asked === this.io._connection;
    if (this.#stale) return;
    if (typeof auth !== "function") return this.#join(auth);
    let called = false;
    const done = (data: Record<string, Untyped>) => {
      // An answer may come when that connection is gone, and another one has asked for its own.
      if (called || this.#joining !== joining) return;
      called = true;
      this.#join(data);
    };
    const failed = (cause: unknown) => {
      const late = called || !this.#active || this.#connected || this.#joining !== joining;
      if (late) return reportCallbackError(cause);
      called = true;
      this.#authFailed(cause);
    };
    try {
      const result = auth(done);
      if (isThenable(result)) {
        Promise.resolve(result).then((data) => {
          if (data !== undefined) done(data as Record<string, Untyped>);
        }, failed);
      } else if (auth.length === 0 && result !== undefined) {
        // Who takes `done` may return anything: a timer, an emitter.
        done(result);
      }
    } catch (error) {
      failed(error);
    }
  }

  /**
   * Takes an event of the server. Libraries that look at all events, as Vue's plugins, put a function of theirs in place of this
   * one, which calls it; programs have `onAny()`.
   */
  onevent(packet: SocketIoPacket): void {
    this.#onEvent([...packet.data as unknown[]], packet.id);
  }

  /** A packet for the namespace came, of so many characters and bytes. @ignore */
  _onPacket(packet: SocketIoPacket, size: number): void {
    this.#size = size;
    const answer = packet.type === PacketType.CONNECT || packet.type === PacketType.CONNECT_ERROR;
    if (answer) this.#asked = undefined;
    if (!this.#active || (answer && this.#stale)) {
      // Too late: nobody waits for it any more, and the server must not think otherwise.
      if (packet.type === PacketType.CONNECT) {
        this.io._send({ type: PacketType.DISCONNECT, nsp: this.nsp });
      }
      if (!this.#active) return;
      this.#stopJoining();
      // Not in one payload: npm's server would still have the socket that leaves.
      this.#joining = setTimeout(() => this._onOpen(), 0);
      return;
    }
    switch (packet.type) {
      case PacketType.CONNECT:
        return this.#onConnect(packet.data);
      case PacketType.EVENT:
        if (!this.#connected) {
          if (this.#stale) return;
          if (!this.#takesEarly(size)) return this.#onTooMuchEarly();
        }
        if (this.onevent === ONEVENT) {
          return this.#onEvent(packet.data as unknown[], packet.id);
        }
        return callListener(this.onevent, this, [packet], reportCallbackError);
      case PacketType.ACK: {
        const ack = this.#acks.take(packet.id!);
        if (ack !== undefined) {
          callListener(ack, this, packet.data as unknown[], reportCallbackError);
        }
        return;
      }
      case PacketType.DISCONNECT:
        // Before the server lets this one in, only the socket that was left meanwhile can be meant.
        if (!this.#connected) return;
        this.#active = false;
        this.#dismissed = this.io._connection;
        this.#stopJoining();
        this.#unset();
        // Before the listeners: the server may close the connection next, and who connects again wants another one.
        this.io._release();
        this.#tellLoss("io server disconnect", undefined);
        return this.#forget();
      case PacketType.CONNECT_ERROR: {
        const { message, data } = typeof packet.data === "string"
          ? { message: packet.data, data: undefined }
          : packet.data as { message?: unknown; data?: unknown };
        this.#refused(
          new SocketIoError("ERR_REFUSED", reasonText(message, "the server told no reason"), {
            data,
          }),
        );
      }
    }
  }

  /** The server did not let the socket in. */
  #refused(error: SocketIoError): void {
    this.#active = false;
    this.#stopJoining();
    // It may have let it in before.
    this.#lose("io server disconnect", error);
    this.#tell("connect_error", error);
    this.#leave(error);
  }

  /** The connection could not be made. @ignore */
  _onError(error: Error): void {
    this.#tell("connect_error", error);
  }

  /** The connection is gone; whether another one is due at once. @ignore */
  _onClose(reason: ClientDisconnectReason, error: Error | undefined): boolean {
    this.#stopJoining();
    if (this.#connected) {
      this.#lose(reason, error);
      return false;
    }
    // The server was closing it when it disconnected the socket, which came back too early.
    if (this.#dismissed === this.io._connection) return true;
    const message = "Cannot connect: the connection was lost before the server let the socket in";
    this.#tell("connect_error", new SocketIoError("ERR_DISCONNECTED", message, { cause: error }));
    return false;
  }

  /** The connection is gone for good. @ignore */
  _onEnd(error: SocketIoError): void {
    this.#active = false;
    this.#stopJoining();
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#endIterators(error);
  }

  #join(auth: Record<string, Untyped> | undefined): void {
    if (!this.#active || this.#connected) return;
    // A server closes the connection for it, and without a word: it would be made again and again.
    if (typeof (auth ?? {}) !== "object" || Array.isArray(auth)) {
      return this.#authFailed(new TypeError("it gave no object"));
    }
    const data = this.#pid === undefined ? auth : { pid: this.#pid, offset: this.#offset, ...auth };
    this.#asked = this.io._connection;
    try {
      this.io._send({ type: PacketType.CONNECT, nsp: this.nsp, data });
    } catch (error) {
      // It can't be encoded: nothing was asked.
      this.#asked = undefined;
      this.#authFailed(error);
    }
  }

  #authFailed(cause: unknown): void {
    const why = reasonText(cause instanceof Error ? cause.message : cause, "it told no reason");
    this.#refused(
      new SocketIoError("ERR_LISTENER", `Cannot connect: auth failed: ${why}`, { cause }),
    );
  }

  #onConnect(data: unknown): void {
    if (this.#connected) return;
    const { sid, pid } = (data ?? {}) as { sid?: unknown; pid?: unknown };
    if (typeof sid !== "string") {
      const message = "Cannot connect: the server speaks an older revision of the protocol";
      return this.#refused(new SocketIoError("ERR_PARSE", message));
    }
    const early = this.#early;
    this.#stopJoining();
    this.#id = sid;
    this.#recovered = typeof pid === "string" && this.#pid === pid;
    this.#pid = typeof pid === "string" ? pid : undefined;
    if (!this.#recovered) this.#offset = undefined;
    this.#connected = true;
    // A listener may disconnect; what waits is then kept.
    for (const { args, size } of early) if (this.#connected) this.#deliver(args, size);
    while (this.#connected && this.#waiting.length > 0) this.#flush(this.#waiting.shift()!);
    this.#drainRetried();
    if (this.#connected) this.#tell("connect");
  }

  /** Sends what waited. It could be encoded when it was emitted; the program may have changed it since. */
  #flush({ packet, size }: Waiting): void {
    this.#waitingBytes -= size;
    try {
      this.#write(packet);
    } catch (error) {
      this.#unsent(packet, error);
    }
  }

  /** A packet can't be encoded, or a blob in it not be read: who waits for its answer is told, or else the console. */
  #unsent({ type, id }: SocketIoPacket, error: unknown): void {
    // The number of an answer is the server's.
    const asked = type === PacketType.EVENT && id !== undefined;
    if (!asked || !this.#acks.refuse(id, error)) reportCallbackError(error);
  }

  #onEvent(args: unknown[], id: number | undefined): void {
    if (id !== undefined) args.push(this.#makeAck(id));
    if (this.#connected) this.#deliver(args, this.#size);
    else this.#early.push({ args, size: this.#size });
  }

  /** Whether one more event may wait until the server lets the socket in. */
  #takesEarly(size: number): boolean {
    const before = this.#earlySize;
    this.#earlySize += size;
    return this.#early.length < this.#maxEvents &&
      (before === 0 || before + size <= this.#maxBytes);
  }

  #onTooMuchEarly(): void {
    const missed = this.#pid !== undefined && this.#asked !== undefined;
    if (!missed) return this.#refused(tooMuchEarly());
    // npm's server sends what a recovered session has missed before its answer: behind that, the socket asks for a new session.
    this.#pid = this.#offset = undefined;
    this.#stale = true;
    this.#forgetEarly();
  }

  #forgetEarly(): void {
    this.#early = [];
    this.#earlySize = 0;
  }

  /** The server need not answer any more, and what came before its answer is told or forgotten. */
  #stopJoining(): void {
    clearTimeout(this.#joining);
    this.#forgetEarly();
  }

  #deliver(args: unknown[], size: number): void {
    // The server's offset for recovery comes behind the arguments.
    const last = args[args.length - 1];
    if (this.#pid !== undefined && args.length > 1 && isOffset(last)) this.#offset = last;
    for (const listener of this.#any) callListener(listener, this, args, reportCallbackError);
    for (const iterator of this.#iterators) iterator.push(args as [string, ...unknown[]], size);
    const [event, ...rest] = args;
    this.#listeners.emit(String(event), this, rest, reportCallbackError);
  }

  #makeAck(id: number): (...args: unknown[]) => void {
    let sent = false;
    const losses = this.#losses;
    // On another connection it could be the number of another question.
    const late = () => !this.#connected || losses !== this.#losses;
    return (...data) => {
      if (sent || late()) return;
      sent = true;
      this.#inOrder({ type: PacketType.ACK, nsp: this.nsp, id, data }, (packet) => {
        if (!late()) this.io._send(packet);
      });
    };
  }

  #emit(
    data: unknown[],
    ack: ((...args: unknown[]) => void) | undefined,
    withError = false,
  ): void {
    const event = data[0] as string;
    checkEventName(event);
    const flags = this.#flags;
    this.#flags = NO_FLAGS;
    if (this.#options.retries && !flags.volatile) return this.#retry(data, flags, ack);
    this.#emitOnce(data, flags, ack, withError);
  }

  #emitOnce(
    data: unknown[],
    flags: ClientFlags,
    ack: ((...args: unknown[]) => void) | undefined,
    withError: boolean,
  ): void {
    const packet: SocketIoPacket = { type: PacketType.EVENT, nsp: this.nsp, data };
    const usable = this.#connected && !this.io._expired;
    if (flags.volatile && (!usable || !this.io._writable)) {
      return this.#dropped(String(data[0]), flags, ack, withError);
    }
    const event = String(data[0]);
    const size = approximateSize(data);
    if (this.#isFull(size)) throw tooMuchWaits(event);
    let unwanted = false;
    if (ack !== undefined) {
      packet.id = this.#nextAck++;
      this.#register(packet.id, event, flags, ack, withError, () => unwanted = true);
    }
    try {
      this.#inOrder(packet, (packet) => {
        // Its blob, or one before it, was read until its caller had been told that it is given up.
        if (unwanted) return;
        if (this.#connected && !this.io._expired) this.#write(packet);
        else {
          // Later nobody is there to catch it; and what is in an object is known only now.
          const size = this.io._measure(packet);
          if (this.#exceeds(this.#waitingBytes, size)) throw tooMuchWaits(event);
          this.#waiting.push({ packet, size });
          this.#waitingBytes += size;
        }
      }, size);
    } catch (error) {
      if (packet.id !== undefined) this.#acks.delete(packet.id);
      throw error;
    }
  }

  /** Whether one more event, of that size, has no room. */
  #isFull(size: number): boolean {
    const usable = this.#connected && !this.io._expired;
    const events = this.#waiting.length + (usable ? 0 : this.#reading);
    const packets = this.io._bufferedPackets + this.#reading;
    const held = this.#waitingBytes + this.#readingBytes + this.io._buffered;
    return events >= this.#maxEvents || packets >= this.#maxPackets || this.#exceeds(held, size);
  }

  /** Whether that much more is too much beside what is held; alone it never is. */
  #exceeds(held: number, size: number): boolean {
    return held > 0 && held + size > this.#maxBytes;
  }

  /** An event is not sent: who waits for its answer is told as if it had been lost on its way. */
  #dropped(
    event: string,
    flags: ClientFlags,
    ack: ((...args: unknown[]) => void) | undefined,
    withError: boolean,
  ): void {
    if (ack === undefined) return;
    const id = this.#nextAck++;
    this.#register(id, event, flags, ack, withError);
    const timed = (flags.timeout ?? this.#options.ackTimeout) !== undefined;
    if (!timed && !this.#connected) this.#acks.giveUp(id, "the socket is not connected");
  }

  #register(
    id: number,
    event: string,
    flags: ClientFlags,
    ack: (...args: unknown[]) => void,
    withError: boolean,
    ongivenup?: () => void,
  ): void {
    const timeout = flags.timeout ?? this.#options.ackTimeout;
    if (timeout === undefined && !withError) {
      this.#acks.set(id, ack);
      return;
    }
    this.#acks.wait(id, event, timeout, (...args: unknown[]) => ack(null, ...args), (error) => {
      this.#unbuffer(id);
      ongivenup?.();
      guardCallback(ack)(error);
    });
  }

  /** What nobody waits for any more is not sent. */
  #unbuffer(id: number): void {
    const at = this.#waiting.findIndex(({ packet }) => packet.id === id);
    if (at === -1) return;
    this.#waitingBytes -= this.#waiting[at].size;
    this.#waiting.splice(at, 1);
  }

  #write(packet: SocketIoPacket): void {
    for (const listener of this.#anyOutgoing) {
      callListener(listener, this, packet.data as unknown[], reportCallbackError);
    }
    this.io._send(packet);
  }

  /** Events leave in the order in which they were emitted, those with a blob too. */
  #inOrder(packet: SocketIoPacket, send: (packet: SocketIoPacket) => void, size = 0): void {
    if (this.#blobs === undefined && !hasBlob(packet.data)) return send(packet);
    this.#reading++;
    this.#readingBytes += size;
    const done: Promise<void> = Promise.all([readBlobs(packet.data), this.#blobs]).then(
      ([data]) => {
        packet.data = data;
        send(packet);
      },
    ).catch((error) => this.#unsent(packet, error)).finally(() => {
      this.#reading--;
      this.#readingBytes -= size;
      if (this.#blobs === done) this.#blobs = undefined;
    });
    this.#blobs = done;
  }

  #retry(
    args: unknown[],
    flags: ClientFlags,
    ack: ((...args: unknown[]) => void) | undefined,
  ): void {
    const event = String(args[0]);
    if (this.#retried.length >= this.#maxEvents) throw tooMuchWaits(event);
    const exact = hasBlob(args)
      ? 0
      : this.io._measure({ type: PacketType.EVENT, nsp: this.nsp, data: args });
    const size = Math.max(approximateSize(args), exact);
    if (this.#exceeds(this.#retriedBytes, size)) throw tooMuchWaits(event);
    const entry = { args, size, flags, ack, tries: 0, pending: false };
    this.#retried.push(entry);
    this.#retriedBytes += size;
    this.#drainRetried(entry);
  }

  /** Sends the first event that was not acknowledged; those that can't be sent at all are given up. */
  #drainRetried(fresh?: Retried): void {
    for (;;) {
      const entry = this.#retried[0];
      // What a dead connection does not take is no attempt.
      if (!this.#connected || this.io._expired || entry === undefined || entry.pending) return;
      if (this.#isFull(entry.size)) return this.#awaitRoom();
      try {
        return this.#sendRetried(entry);
      } catch (error) {
        this.#forgetRetried();
        // Its caller is still there, those of the others are not.
        if (entry === fresh) throw error;
        if (entry.ack === undefined) reportCallbackError(error);
        else guardCallback(entry.ack)(error);
      }
    }
  }

  /** Looks again after a while, if the connection is the same then. */
  #awaitRoom(): void {
    this.#room ??= setTimeout(() => {
      this.#room = undefined;
      this.#drainRetried();
    }, ROOM_PAUSE);
  }

  #forgetRetried(): void {
    const entry = this.#retried.shift();
    if (entry !== undefined) this.#retriedBytes -= entry.size;
  }

  #sendRetried(entry: Retried): void {
    entry.pending = true;
    entry.tries++;
    this.#emitOnce([...entry.args], entry.flags, (error: unknown, ...answer: unknown[]) => {
      if (this.#retried[0] !== entry || !entry.pending) return;
      entry.pending = false;
      // It can't be sent: the next time, it could not either.
      const unsent = error !== null && !(error instanceof SocketIoError);
      if (error === null || unsent || entry.tries > this.#options.retries!) {
        this.#forgetRetried();
        if (entry.ack !== undefined) guardCallback(entry.ack)(error, ...answer);
        else if (unsent) reportCallbackError(error);
      }
      this.#drainRetried();
    }, true);
  }

  #disconnect(): Promise<void> {
    if (this.#connected) this.io._send({ type: PacketType.DISCONNECT, nsp: this.nsp });
    this.#active = false;
    this.#stopJoining();
    this.#lose("io client disconnect", undefined);
    return this.#leave();
  }

  /** The socket does not come back by itself. */
  #leave(error?: SocketIoError): Promise<void> {
    const ended = this.io._release();
    this.#forget(error);
    return ended;
  }

  /** Lets go of what holds the socket, unless a listener has called connect() again. */
  #forget(error?: SocketIoError): void {
    if (this.#active) return;
    // A signal may outlive many sockets.
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#endIterators(error);
  }

  #lose(reason: ClientDisconnectReason, error: Error | undefined): void {
    if (!this.#connected) return;
    this.#unset();
    this.#tellLoss(reason, error);
  }

  #unset(): void {
    this.#connected = false;
    clearTimeout(this.#room);
    this.#room = undefined;
    this.#losses++;
    this.#id = undefined;
  }

  #tellLoss(reason: ClientDisconnectReason, error: Error | undefined): void {
    this.#tell("disconnect", reason, error);
    this.#acks.abandon(
      "the socket was disconnected",
      new Set(this.#waiting.map(({ packet }) => packet.id)),
    );
  }

  #endIterators(error?: SocketIoError): void {
    for (const iterator of [...this.#iterators]) iterator.end(error);
  }

  #tell(event: keyof ClientReservedEvents, ...args: unknown[]): void {
    this.#listeners.emit(event, this, args, reportCallbackError);
  }
}

/** The method as it is here: libraries may put another one in its place, in one socket or in the prototype. */
const ONEVENT = SocketIoClientSocket.prototype.onevent;

function tooMuchWaits(event: string): SocketIoError {
  return new SocketIoError("ERR_LIMIT", `Cannot emit "${event}": too much waits to be sent`);
}

function tooMuchEarly(): SocketIoError {
  const message = "Cannot connect: too much came before the server let the socket in";
  return new SocketIoError("ERR_LIMIT", message);
}

/** Why a server or a program refuses, in its words. Not all that may stand there is a text, or can be made one. */
function reasonText(reason: unknown, otherwise: string): string {
  return typeof reason === "string" || typeof reason === "number" ? `${reason}` : otherwise;
}

/** Whether an argument may be a server's offset, which is short and without blanks. */
function isOffset(value: unknown): value is string {
  return typeof value === "string" && /^[!-~]{1,256}$/.test(value);
}

/** How many bytes the arguments of an event have, about. */
function approximateSize(args: readonly unknown[]): number {
  let size = 0;
  for (const arg of args) {
    if (typeof arg === "string") size += arg.length;
    else if (ArrayBuffer.isView(arg) || arg instanceof ArrayBuffer) size += arg.byteLength;
    else if (isBlob(arg)) size += arg.size;
    else size += 16;
  }
  return size;
}

function without(
  list: SocketIoListener[],
  listener: SocketIoListener | undefined,
): SocketIoListener[] {
  if (listener === undefined) return [];
  const at = list.indexOf(listener);
  return at === -1 ? list : list.toSpliced(at, 1);
}
