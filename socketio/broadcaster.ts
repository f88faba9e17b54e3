// Floor 3: driver.
import type { BroadcastOperator, FetchedSocket } from "./broadcast_operator.ts";
import type {
  AckResult,
  AllButLast,
  BroadcastEventMap,
  DefaultEventMap,
  EventArgs,
  EventMap,
  EventNames,
  EventNamesWithAck,
  Room,
  SocketId,
  Untyped,
} from "./types.ts";

/**
 * What begins a choice of sockets by rooms: a server, a namespace, or a socket, which leaves itself out.
 *
 * @example
 * ```ts
 * import { BroadcastOperator, RoomChooser, SocketIoServer } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const io = new SocketIoServer();
 * const choosers: RoomChooser[] = [io, io.of("/admin")];
 * for (const chooser of choosers) assertEquals(chooser.to("room1") instanceof BroadcastOperator, true);
 * ```
 */
export abstract class RoomChooser<
  EmitEvents extends EventMap<EmitEvents> = DefaultEventMap,
  SocketData = Untyped,
> {
  /** A choice of all that this stands for. @ignore */
  abstract _choose(): BroadcastOperator<EmitEvents, SocketData>;

  /** Chooses the members of rooms: nobody, for an empty list. */
  to(room: Room | readonly Room[]): BroadcastOperator<EmitEvents, SocketData> {
    return this._choose().to(room);
  }

  /** The same as `to`; it reads better with `fetchSockets` and the like. */
  in(room: Room | readonly Room[]): BroadcastOperator<EmitEvents, SocketData> {
    return this._choose().in(room);
  }

  /** Chooses everyone but the members of rooms. */
  except(room: Room | readonly Room[]): BroadcastOperator<EmitEvents, SocketData> {
    return this._choose().except(room);
  }

  /** Chooses those who are connected to this server of a cluster. */
  get local(): BroadcastOperator<EmitEvents, SocketData> {
    return this._choose().local;
  }

  /** Sends a `message` event to whom `emit` sends. */
  send(...args: Untyped[]): this {
    const { emit } = this as unknown as { emit(event: string, ...args: unknown[]): void };
    emit.call(this, "message", ...args);
    return this;
  }

  /** The same as `send`. */
  write(...args: Untyped[]): this {
    return this.send(...args);
  }
}

/**
 * What sends to all sockets of a namespace, on all servers of a cluster: a namespace, or a server, which stands for its
 * main namespace.
 *
 * @example
 * ```ts
 * import { Broadcaster, connectSocketIo, SocketIoServer } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const io = new SocketIoServer();
 * const greet = (to: Broadcaster) => to.emit("greeting", "hello, everybody");
 * const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
 * const socket = connectSocketIo(`http://127.0.0.1:${port}`);
 * socket.on("connect", () => greet(io));
 * assertEquals(await new Promise((resolve) => socket.on("greeting", resolve)), "hello, everybody");
 * await socket.close();
 * await io.close();
 * ```
 */
export abstract class Broadcaster<
  EmitEvents extends EventMap<EmitEvents> = DefaultEventMap,
  SocketData = Untyped,
> extends RoomChooser<EmitEvents, SocketData> {
  /**
   * Sends an event to all sockets. With a callback as the last argument, it waits for the acknowledgement of every
   * client: `(error, responses)`.
   *
   * @throws {TypeError} if the event's name is reserved or no text, or an argument can't be encoded.
   */
  emit<E extends EventNames<EmitEvents>>(
    event: E,
    ...args: EventArgs<BroadcastEventMap<EmitEvents>, E>
  ): boolean {
    return this._choose().emit(event, ...args);
  }

  /**
   * Sends an event to all sockets, and resolves to the acknowledgements of the clients.
   *
   * @throws {SocketIoError} `ERR_TIMEOUT` if some do not come in time; `responses` of the error has those that did.
   */
  emitWithAck<E extends EventNamesWithAck<EmitEvents>>(
    event: E,
    ...args: AllButLast<EventArgs<EmitEvents, E>>
  ): Promise<AckResult<EmitEvents, E>[]> {
    return this._choose().emitWithAck(event, ...args);
  }

  /**
   * Whether the transport may compress the next message, where it can.
   *
   * @default {true}
   */
  compress(compress: boolean): BroadcastOperator<EmitEvents, SocketData> {
    return this._choose().compress(compress);
  }

  /** The message may be dropped for clients that can't take it at once. */
  get volatile(): BroadcastOperator<EmitEvents, SocketData> {
    return this._choose().volatile;
  }

  /**
   * How long to wait for acknowledgements, in ms.
   *
   * @default {5_000}
   */
  timeout(timeout: number): BroadcastOperator<EmitEvents, SocketData> {
    return this._choose().timeout(timeout);
  }

  /** All sockets, those of other servers of the cluster included. */
  fetchSockets(): Promise<FetchedSocket<EmitEvents, SocketData>[]> {
    return this._choose().fetchSockets();
  }

  /** The ids of all sockets, those of other servers of the cluster included. */
  allSockets(): Promise<Set<SocketId>> {
    return this._choose().allSockets();
  }

  /** Makes all sockets join rooms. */
  socketsJoin(room: Room | readonly Room[]): void {
    this._choose().socketsJoin(room);
  }

  /** Makes all sockets leave rooms. */
  socketsLeave(room: Room | readonly Room[]): void {
    this._choose().socketsLeave(room);
  }

  /** Disconnects all sockets: from the namespace, or with `close` their connections. */
  disconnectSockets(close = false): void {
    this._choose().disconnectSockets(close);
  }
}
