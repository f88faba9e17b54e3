// Floor 3: driver.
import { reportCallbackError } from "./_callback.ts";
import { Listeners } from "./_listeners.ts";
import type {
  AdapterNamespace,
  AdapterPacket,
  AdapterSocket,
  BroadcastOptions,
  EngineWriteOptions,
  RecoveredSession,
  Room,
  SessionToPersist,
  SocketId,
  SocketIoAdapter,
  Untyped,
} from "./types.ts";

/** The events of an adapter. */
export interface AdapterEvents {
  /** The first socket joined a room. */
  "create-room": (room: Room) => void;
  /** The last socket left a room. */
  "delete-room": (room: Room) => void;
  /** A socket joined a room. */
  "join-room": (room: Room, id: SocketId) => void;
  /** A socket left a room. */
  "leave-room": (room: Room, id: SocketId) => void;
}

/**
 * Keeps the rooms of a namespace in memory: the adapter of a server that stands alone.
 *
 * A packet is encoded once for a broadcast, whatever the number of clients, and its bytes are shared by all of them.
 *
 * @example
 * ```ts
 * import { InMemoryAdapter, type Room, SocketIoServer } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const joined: Room[] = [];
 * class TellingAdapter extends InMemoryAdapter {
 *   override addAll(id: string, rooms: Set<Room>): void {
 *     joined.push(...rooms);
 *     super.addAll(id, rooms);
 *   }
 * }
 * const io = new SocketIoServer({ adapter: TellingAdapter });
 * io.sockets.adapter.addAll("a", new Set(["a", "room1"]));
 * assertEquals(joined, ["a", "room1"]);
 * ```
 */
export class InMemoryAdapter implements SocketIoAdapter {
  /** The namespace. */
  readonly nsp: AdapterNamespace;
  /** The members of each room. */
  readonly rooms: Map<Room, Set<SocketId>> = new Map();
  /** The rooms of each socket. */
  readonly sids: Map<SocketId, Set<Room>> = new Map();
  #listeners: Listeners | undefined;

  /** Makes an adapter for a namespace. */
  constructor(nsp: AdapterNamespace) {
    this.nsp = nsp;
  }

  /** Adds a listener. */
  on<E extends keyof AdapterEvents>(event: E, listener: AdapterEvents[E]): this {
    (this.#listeners ??= new Listeners()).add(event, listener, false);
    return this;
  }

  /** Removes a listener. */
  off<E extends keyof AdapterEvents>(event: E, listener: AdapterEvents[E]): this {
    this.#listeners?.remove(event, listener);
    return this;
  }

  /** Nothing needs to be made ready. */
  init(): void {}

  /** Nothing needs to be closed. */
  close(): void {}

  /** One: this server. */
  serverCount(): Promise<number> {
    return Promise.resolve(1);
  }

  /** Puts a socket into rooms. The adapter may keep the set. */
  addAll(id: SocketId, rooms: Set<Room>): void {
    let own = this.sids.get(id);
    if (own === undefined) {
      if (rooms.size === 1 && rooms.has(id) && !this.rooms.has(id)) {
        return this.#addAlone(id, rooms);
      }
      this.sids.set(id, own = new Set());
    }
    for (const room of rooms) {
      if (own.has(room)) continue;
      own = this.#part(id);
      own.add(room);
      let members = this.rooms.get(room);
      if (members === undefined) {
        this.rooms.set(room, members = new Set());
        this.#tell("create-room", room);
      } else if (members === this.sids.get(room)) {
        this.#part(room);
        members = this.rooms.get(room)!;
      }
      members.add(id);
      this.#tell("join-room", room, id);
    }
  }

  /** Takes a socket out of a room. */
  del(id: SocketId, room: Room): void {
    if (!this.sids.get(id)?.has(room)) return;
    this.#part(id).delete(room);
    this.#remove(id, room);
  }

  /** Takes a socket out of all rooms. */
  delAll(id: SocketId): void {
    const own = this.sids.get(id);
    if (own === undefined) return;
    this.sids.delete(id);
    for (const room of [...own]) this.#remove(id, room);
  }

  /** Sends a packet. */
  broadcast(packet: AdapterPacket, options: BroadcastOptions): void {
    packet.nsp = this.nsp.name;
    const encoded = this.nsp.server.encoder.encode(packet);
    const write = writeOptions(options);
    this.apply(options, (socket) => {
      socket.notifyOutgoingListeners(packet);
      socket.client.writeToEngine(encoded, write);
    });
  }

  /** Sends a packet, and calls `ack` with each acknowledgement. */
  broadcastWithAck(
    packet: AdapterPacket,
    options: BroadcastOptions,
    clientCount: (count: number) => void,
    ack: (...args: Untyped[]) => void,
  ): void {
    packet.nsp = this.nsp.name;
    const id = packet.id = this.nsp._ids++;
    const encoded = this.nsp.server.encoder.encode(packet);
    const write = writeOptions(options);
    let count = 0;
    this.apply(options, (socket) => {
      count++;
      socket.acks.set(id, ack);
      socket.notifyOutgoingListeners(packet);
      socket.client.writeToEngine(encoded, write);
    });
    clientCount(count);
  }

  /** The ids of the sockets in rooms, or of all. */
  sockets(rooms: Set<Room>): Promise<Set<SocketId>> {
    const ids = new Set<SocketId>();
    this.apply({ rooms }, (socket) => ids.add(socket.id));
    return Promise.resolve(ids);
  }

  /** The rooms of a socket. */
  socketRooms(id: SocketId): Set<Room> | undefined {
    return this.sids.get(id);
  }

  /** The matching sockets. */
  fetchSockets(options: BroadcastOptions): Promise<AdapterSocket[]> {
    const sockets: AdapterSocket[] = [];
    this.apply(options, (socket) => sockets.push(socket));
    return Promise.resolve(sockets);
  }

  /** Makes the matching sockets join rooms. */
  addSockets(options: BroadcastOptions, rooms: Room[]): void {
    this.apply(options, (socket) => socket.join(rooms));
  }

  /** Makes the matching sockets leave rooms. */
  delSockets(options: BroadcastOptions, rooms: Room[]): void {
    this.apply(options, (socket) => rooms.forEach((room) => socket.leave(room)));
  }

  /** Disconnects the matching sockets. */
  disconnectSockets(options: BroadcastOptions, close: boolean): void {
    this.apply(options, (socket) => socket.disconnect(close));
  }

  /** There is no other server: who asks for answers gets none. */
  serverSideEmit(packet: Untyped[]): void {
    const ack: unknown = packet[packet.length - 1];
    if (typeof ack === "function") queueMicrotask(() => ack(null, []));
  }

  /** Sessions are not kept. */
  persistSession(_session: SessionToPersist): void {}

  /** Sessions are not kept. */
  restoreSession(
    _pid: string,
    _offset: string | undefined,
  ): Promise<RecoveredSession | null> | null {
    return null;
  }

  /** Calls back with each matching socket, once. */
  protected apply(options: BroadcastOptions, each: (socket: AdapterSocket) => void): void {
    const { rooms } = options;
    const { sockets } = this.nsp;
    const except = this.#membersOf(options.except);
    if (rooms.size === 0) {
      for (const socket of sockets.values()) {
        if (except === undefined || !except.has(socket.id)) each(socket);
      }
      return;
    }
    const ids = rooms.size === 1
      ? this.rooms.get(rooms.values().next().value as Room)
      : this.#membersOf(rooms);
    if (ids === undefined) return;
    // A copy is not needed: a set may be changed while it is walked through. Who joins comes last,
    // so that a listener that leaves and joins again is not walked through for ever.
    let left = ids.size;
    for (const id of ids) {
      if (left-- === 0) return;
      if (except?.has(id)) continue;
      const socket = sockets.get(id);
      if (socket !== undefined) each(socket);
    }
  }

  /**
   * Most sockets are in their own room alone, and alone in it: the rooms of such a socket and the members of such a room
   * are the same set of one id, and kept once.
   */
  #addAlone(id: SocketId, both: Set<string>): void {
    this.sids.set(id, both);
    this.rooms.set(id, both);
    this.#tell("create-room", id);
    this.#tell("join-room", id, id);
  }

  /** The rooms of a socket, which are about to change: a set of their own. */
  #part(id: SocketId): Set<Room> {
    const own = this.sids.get(id)!;
    if (own !== this.rooms.get(id)) return own;
    const copy = new Set(own);
    this.sids.set(id, copy);
    return copy;
  }

  #membersOf(rooms: Set<Room> | undefined): Set<SocketId> | undefined {
    if (rooms === undefined || rooms.size === 0) return undefined;
    if (rooms.size === 1) return this.rooms.get(rooms.values().next().value as Room);
    const ids = new Set<SocketId>();
    for (const room of rooms) {
      const members = this.rooms.get(room);
      if (members !== undefined) { for (const id of members) ids.add(id); }
    }
    return ids;
  }

  #remove(id: SocketId, room: Room): void {
    const members = this.rooms.get(room);
    if (members === undefined || !members.delete(id)) return;
    this.#tell("leave-room", room, id);
    if (members.size === 0 && this.rooms.delete(room)) this.#tell("delete-room", room);
  }

  #tell(event: keyof AdapterEvents, ...args: string[]): void {
    this.#listeners?.emit(event, this, args, reportCallbackError);
  }
}

function writeOptions(options: BroadcastOptions): EngineWriteOptions {
  return {
    preEncoded: true,
    volatile: options.flags?.volatile,
    compress: options.flags?.compress,
  };
}
