// Floor 3: driver.
import { defineInspect } from "../buffer/define_inspect.ts";
import { forgetAcks } from "./_acks.ts";
import { hasBlob, readBlobs } from "./_attachments.ts";
import { guardCallback, reportCallbackError, reportRejection } from "./_callback.ts";
import { checkEventName } from "./_event_name.ts";
import { randomId } from "./_random_id.ts";
import { roomList } from "./_room_list.ts";
import { ackTime, clusterTime, timerTime } from "./_time.ts";
import { SocketIoError } from "./errors.ts";
import { PacketType } from "./packet.ts";
import type {
  AckResult,
  AllButLast,
  BroadcastEventMap,
  BroadcastFlags,
  DefaultEventMap,
  EventArgs,
  EventMap,
  EventNames,
  EventNamesWithAck,
  Room,
  SocketId,
  SocketIoAdapter,
  SocketIoHandshake,
  TimeoutEventMap,
  Untyped,
} from "./types.ts";

/**
 * How long a broadcast waits for acknowledgements unless `timeout()` says otherwise, in ms.
 *
 * @example
 * ```ts
 * import { DEFAULT_BROADCAST_TIMEOUT } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(DEFAULT_BROADCAST_TIMEOUT, 5000);
 * ```
 */
export const DEFAULT_BROADCAST_TIMEOUT = 5_000;

/** A room that nobody can join: adapters take no rooms for everybody. */
const NOBODY: Room = `nobody ${randomId()}`;

type Ack = (...args: unknown[]) => void;

/** Broadcasts that wait for the bytes of a `Blob`: later ones of the same namespace stay behind them. */
const blobQueues = new WeakMap<SocketIoAdapter, Promise<void>>();

/**
 * A choice of sockets, and what can be done to all of them. Each step returns a new operator, so one can be kept and
 * used again.
 *
 * `to` and `in` add rooms (a socket in several of them is reached once), `except` leaves out the members of rooms, and
 * without any room the whole namespace is meant.
 *
 * @example
 * ```ts
 * import { connectSocketIo, SocketIoServer } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const io = new SocketIoServer();
 * io.on("connection", (socket) => void socket.join("room1"));
 * const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
 * const socket = connectSocketIo(`http://127.0.0.1:${port}`);
 * socket.on("are you there?", (answer) => answer("yes"));
 * await new Promise<void>((resolve) => void socket.once("connect", resolve));
 *
 * const room = io.to("room1").to("room2").except("room3");
 * room.emit("news", { hello: "world" });
 * assertEquals(await room.timeout(5000).emitWithAck("are you there?"), ["yes"]);
 * socket.disconnect();
 * await io.close();
 * ```
 */
export class BroadcastOperator<
  EmitEvents extends EventMap<EmitEvents> = DefaultEventMap,
  SocketData = Untyped,
> {
  static {
    defineInspect(BroadcastOperator, (operator) => ({
      rooms: [...operator.#rooms],
      except: [...operator.#except],
      flags: operator.#flags,
    }));
  }

  readonly #adapter: SocketIoAdapter;
  readonly #rooms: Set<Room>;
  readonly #except: Set<Room>;
  readonly #flags: BroadcastFlags;

  /** Makes an operator; programs get theirs from a server, a namespace or a socket. */
  constructor(
    adapter: SocketIoAdapter,
    rooms: Set<Room> = new Set(),
    except: Set<Room> = new Set(),
    flags: BroadcastFlags = {},
  ) {
    this.#adapter = adapter;
    this.#rooms = rooms;
    this.#except = except;
    this.#flags = flags;
  }

  /** Adds rooms. An empty list alone chooses nobody. */
  to(room: Room | readonly Room[]): BroadcastOperator<EmitEvents, SocketData> {
    const rooms = new Set([...this.#rooms, ...roomList(room)]);
    if (rooms.size === 0) rooms.add(NOBODY);
    return new BroadcastOperator(this.#adapter, rooms, this.#except, this.#flags);
  }

  /** The same as `to`; it reads better with `fetchSockets` and the like. */
  in(room: Room | readonly Room[]): BroadcastOperator<EmitEvents, SocketData> {
    return this.to(room);
  }

  /** Leaves out the members of rooms. */
  except(room: Room | readonly Room[]): BroadcastOperator<EmitEvents, SocketData> {
    const except = new Set([...this.#except, ...roomList(room)]);
    return new BroadcastOperator(this.#adapter, this.#rooms, except, this.#flags);
  }

  /**
   * Whether the transport may compress the message, where it can.
   *
   * @default {true}
   */
  compress(compress: boolean): BroadcastOperator<EmitEvents, SocketData> {
    return this.#with({ compress });
  }

  /** The message may be dropped for clients that can't take it at once. */
  get volatile(): BroadcastOperator<EmitEvents, SocketData> {
    return this.#with({ volatile: true });
  }

  /** The message stays on this server of a cluster. */
  get local(): BroadcastOperator<EmitEvents, SocketData> {
    return this.#with({ local: true });
  }

  /**
   * How long to wait for acknowledgements, in ms.
   *
   * @default {5_000}
   * @throws {RangeError} if it is negative or not a number.
   */
  timeout(timeout: number): BroadcastOperator<EmitEvents, SocketData> {
    return this.#with({ timeout: ackTime(timeout) });
  }

  /**
   * Sends an event to all chosen sockets; encoded once, and its bytes shared. With a callback as the last argument, it
   * waits for the acknowledgement of every client: `(error, responses)`, where the error has the code `ERR_TIMEOUT` if
   * some did not come in time.
   *
   * A message with a `Blob` is sent once the blob is read; later broadcasts of the namespace wait for it.
   *
   * @throws {TypeError} if the event's name is reserved or no text, or an argument can't be encoded.
   */
  emit<E extends EventNames<EmitEvents>>(
    event: E,
    ...args: EventArgs<BroadcastEventMap<EmitEvents>, E>
  ): boolean {
    checkEventName(event);
    const data: unknown[] = [event, ...args];
    const last = data[data.length - 1];
    // It is called by timers and promises, too, where nobody would catch what it throws.
    const ack = typeof last === "function" ? guardCallback(data.pop() as Ack) : undefined;
    const queue = blobQueues.get(this.#adapter);
    if (queue === undefined && !hasBlob(data)) this.#emit(data, ack);
    else this.#emitLater(queue, data, ack);
    return true;
  }

  /**
   * Sends an event to all chosen sockets and resolves to the acknowledgements of the clients, in the order in which
   * they come.
   *
   * @throws {SocketIoError} `ERR_TIMEOUT` if some do not come in time; `responses` of the error has those that did.
   */
  emitWithAck<E extends EventNamesWithAck<EmitEvents>>(
    event: E,
    ...args: AllButLast<EventArgs<EmitEvents, E>>
  ): Promise<AckResult<EmitEvents, E>[]> {
    return new Promise((resolve, reject) => {
      const ack = (error: Error | null, responses: AckResult<EmitEvents, E>[]) => {
        if (error === null) resolve(responses);
        else reject(error);
      };
      this.emit(event, ...[...args, ack] as EventArgs<BroadcastEventMap<EmitEvents>, E>);
    });
  }

  /**
   * The chosen sockets, those of the other servers of a cluster included. A socket of another server is a
   * {@linkcode RemoteSocket}: its data is a copy.
   *
   * It waits as long as `timeout()` says, or 30 s, or twice the `requestsTimeout` of an adapter that has a longer one; most adapters give
   * up earlier, with an error of their own.
   *
   * @throws {SocketIoError} `ERR_TIMEOUT` if the adapter does not answer in time.
   */
  async fetchSockets(): Promise<FetchedSocket<EmitEvents, SocketData>[]> {
    const found = await this.#find();
    return found.map((socket: FetchedSocket<EmitEvents, SocketData> & { server?: unknown }) =>
      socket.server ? socket : new RemoteSocket<EmitEvents, SocketData>(this.#adapter, socket)
    );
  }

  /** The ids of the chosen sockets, on all servers of a cluster. It costs as much as {@linkcode BroadcastOperator.fetchSockets | fetchSockets}. */
  async allSockets(): Promise<Set<SocketId>> {
    // Adapters have a call for the ids alone; those for clusters answer it with what their own server has.
    const found: { id: SocketId }[] = await this.#find();
    return new Set(found.map(({ id }) => id));
  }

  /** Makes the chosen sockets join rooms. */
  socketsJoin(room: Room | readonly Room[]): void {
    reportRejection(this.#adapter.addSockets(this.#options(), [...roomList(room)]));
  }

  /** Makes the chosen sockets leave rooms. */
  socketsLeave(room: Room | readonly Room[]): void {
    reportRejection(this.#adapter.delSockets(this.#options(), [...roomList(room)]));
  }

  /** Disconnects the chosen sockets: from the namespace, or with `close` their connections. */
  disconnectSockets(close = false): void {
    reportRejection(this.#adapter.disconnectSockets(this.#options(), close));
  }

  #with(flags: BroadcastFlags): BroadcastOperator<EmitEvents, SocketData> {
    return new BroadcastOperator(this.#adapter, this.#rooms, this.#except, {
      ...this.#flags,
      ...flags,
    });
  }

  #options(): { rooms: Set<Room>; except: Set<Room>; flags: BroadcastFlags } {
    return { rooms: this.#rooms, except: this.#except, flags: this.#flags };
  }

  async #find(): Promise<Untyped[]> {
    const { timeout = clusterTime(this.#adapter) } = this.#flags;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const message = `Cannot fetch the sockets: no answer from the adapter within ${timeout} ms`;
      late.reject(new SocketIoError("ERR_TIMEOUT", message));
    }, timerTime(timeout));
    try {
      return await Promise.race([this.#adapter.fetchSockets(this.#options()), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #emit(data: unknown[], ack: Ack | undefined): void {
    const packet: { type: number; data: unknown[]; id?: number } = {
      type: PacketType.EVENT,
      data,
    };
    if (ack === undefined) reportRejection(this.#adapter.broadcast(packet, this.#options()));
    else this.#emitWithAck(packet, ack);
  }

  #emitLater(queue: Promise<void> | undefined, data: unknown[], ack: Ack | undefined): void {
    const adapter = this.#adapter;
    const done = Promise.all([readBlobs(data), queue]).then(
      ([read]) => this.#emit(read as unknown[], ack),
    ).catch((error) => {
      if (ack === undefined) reportCallbackError(error);
      else ack(error, this.#flags.expectSingleResponse ? undefined : []);
    }).finally(() => {
      if (blobQueues.get(adapter) === done) blobQueues.delete(adapter);
    });
    blobQueues.set(adapter, done);
  }

  #emitWithAck(packet: { type: number; data: unknown[]; id?: number }, ack: Ack): void {
    const timeout = this.#flags.timeout ?? DEFAULT_BROADCAST_TIMEOUT;
    const single = this.#flags.expectSingleResponse === true;
    const name = String(packet.data[0]);
    const responses: unknown[] = [];
    let settled = false;
    let servers = -1;
    let answeredServers = 0;
    let clients = 0;

    const settle = (error: SocketIoError | null) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      ack(error, single ? responses[0] : responses);
    };
    const check = () => {
      if (servers === answeredServers && responses.length === clients) settle(null);
    };
    const timer = setTimeout(() => {
      forgetAcks(this.#adapter, packet);
      const message = `Cannot emit "${name}": no answer from every client within ${timeout} ms`;
      settle(new SocketIoError("ERR_TIMEOUT", message, { responses }));
    }, timerTime(timeout));

    const options = { ...this.#options(), flags: { ...this.#flags, timeout } };
    try {
      this.#adapter.broadcastWithAck(packet, options, (count) => {
        clients += count;
        answeredServers++;
        check();
      }, (response: unknown) => {
        if (settled) return;
        responses.push(response);
        check();
      });
    } catch (error) {
      settled = true;
      clearTimeout(timer);
      throw error;
    }
    if (this.#flags.local && answeredServers > 0) {
      // Nobody else was asked.
      servers = answeredServers;
      return check();
    }
    this.#adapter.serverCount().then((count) => {
      servers = count;
      check();
    }, (cause) => {
      const message = `Cannot emit "${name}": the servers of the cluster could not be counted`;
      settle(new SocketIoError("ERR_TRANSPORT", message, { cause, responses }));
    });
  }
}

/** Sends events to one socket, and waits for their acknowledgements for some time only. */
export interface TimedEmitter<EmitEvents extends EventMap<EmitEvents> = DefaultEventMap> {
  /** Sends an event; the acknowledgement callback has an error in front. */
  emit<E extends EventNames<EmitEvents>>(event: E, ...args: EventArgs<EmitEvents, E>): boolean;
  /**
   * Sends an event and resolves to its acknowledgement.
   *
   * @throws {SocketIoError} `ERR_TIMEOUT` if there is none in time.
   */
  emitWithAck<E extends EventNamesWithAck<EmitEvents>>(
    event: E,
    ...args: AllButLast<EventArgs<EmitEvents, E>>
  ): Promise<AckResult<EmitEvents, E>>;
}

/** What `fetchSockets` finds: a socket of this server, or of another one of the cluster. */
export interface FetchedSocket<
  EmitEvents extends EventMap<EmitEvents> = DefaultEventMap,
  SocketData = Untyped,
> {
  /** The public id. */
  readonly id: SocketId;
  /** What its first request and connect packet said. */
  readonly handshake: SocketIoHandshake;
  /** The rooms that it is in; of a socket of another server, when it was fetched. */
  readonly rooms: Set<Room>;
  /** The program's own data; of a socket of another server, a copy. */
  data: SocketData;
  /** How long to wait for the acknowledgement of the event that is sent by what this returns, in ms. */
  timeout(timeout: number): TimedEmitter<TimeoutEventMap<EmitEvents>>;
  /** Sends it an event. */
  emit<E extends EventNames<EmitEvents>>(event: E, ...args: EventArgs<EmitEvents, E>): boolean;
  /** Makes it join rooms. */
  join(room: Room | readonly Room[]): Promise<void> | void;
  /** Makes it leave a room. */
  leave(room: Room): Promise<void> | void;
  /** Disconnects it: from the namespace, or with `close` its connection. */
  disconnect(close?: boolean): unknown;
}

/**
 * A socket of another server of the cluster.
 *
 * @example
 * ```ts
 * import { InMemoryAdapter, RemoteSocket, SocketIoServer } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * // Programs get theirs from `fetchSockets`; adapters make them from what other servers tell.
 * const io = new SocketIoServer();
 * const handshake = { auth: {}, headers: {}, query: {}, address: "192.0.2.1" } as never;
 * const details = { id: "a", handshake, rooms: ["a", "room1"], data: { name: "ann" } };
 * const remote = new RemoteSocket(new InMemoryAdapter(io.sockets), details);
 * assertEquals([remote.id, remote.rooms.has("room1"), remote.data], ["a", true, { name: "ann" }]);
 * ```
 */
export class RemoteSocket<
  EmitEvents extends EventMap<EmitEvents> = DefaultEventMap,
  SocketData = Untyped,
> implements FetchedSocket<EmitEvents, SocketData> {
  static {
    // Not what the handshake said, nor the program's own data.
    defineInspect(RemoteSocket, ({ id, rooms }) => ({
      id,
      rooms: [...rooms].filter((room) => room !== id),
    }));
  }

  /** The public id. */
  readonly id: SocketId;
  /** What its first request and connect packet said. */
  readonly handshake: SocketIoHandshake;
  /** The rooms that it was in when it was fetched. */
  readonly rooms: Set<Room>;
  /** A copy of the program's own data. */
  data: SocketData;
  readonly #operator: BroadcastOperator<EmitEvents, SocketData>;

  /** Makes one from what an adapter tells; programs get theirs from `fetchSockets`. */
  constructor(
    adapter: SocketIoAdapter,
    details: {
      id: SocketId;
      handshake: SocketIoHandshake;
      rooms: Iterable<Room>;
      data: SocketData;
    },
  ) {
    this.id = details.id;
    this.handshake = details.handshake;
    this.rooms = new Set(details.rooms);
    this.data = details.data;
    this.#operator = new BroadcastOperator<EmitEvents, SocketData>(
      adapter,
      new Set([this.id]),
      new Set(),
      { expectSingleResponse: true },
    );
  }

  /**
   * How long to wait for its acknowledgement, in ms.
   *
   * @default {5_000}
   */
  timeout(timeout: number): TimedEmitter<TimeoutEventMap<EmitEvents>> {
    // It has one answer in place of a list.
    return this.#operator.timeout(timeout) as unknown as TimedEmitter<TimeoutEventMap<EmitEvents>>;
  }

  /** Sends it an event; an acknowledgement callback gets an error, and the one answer. */
  emit<E extends EventNames<EmitEvents>>(event: E, ...args: EventArgs<EmitEvents, E>): boolean {
    return this.#operator.emit(
      event,
      ...args as unknown as EventArgs<BroadcastEventMap<EmitEvents>, E>,
    );
  }

  /** Makes it join rooms. */
  join(room: Room | readonly Room[]): void {
    this.#operator.socketsJoin(room);
  }

  /** Makes it leave rooms. */
  leave(room: Room | readonly Room[]): void {
    this.#operator.socketsLeave(room);
  }

  /** Disconnects it: from the namespace, or with `close` its connection. */
  disconnect(close = false): this {
    this.#operator.disconnectSockets(close);
    return this;
  }
}
