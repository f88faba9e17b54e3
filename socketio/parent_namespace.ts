// Floor 3: driver.
import { defineInspect } from "../buffer/define_inspect.ts";
import { forgetAcks } from "./_acks.ts";
import { reportRejection } from "./_callback.ts";
import { InMemoryAdapter } from "./in_memory_adapter.ts";
import { type NamespaceServer, SocketIoNamespace } from "./namespace.ts";
import type {
  AdapterNamespace,
  AdapterPacket,
  AdapterSocket,
  BroadcastOptions,
  DefaultEventMap,
  EventMap,
  Room,
  SocketId,
  SocketIoAdapter,
  Untyped,
} from "./types.ts";

/** Says whether a client may have a namespace of this name: calls `next(null, true)` if it may. */
export type NamespaceMatcher = (
  name: string,
  auth: Record<string, Untyped>,
  next: (error: Error | null, allow?: boolean) => void,
) => void;

let count = 0;

/** Hands everything on to the adapters of the children. */
class ParentAdapter extends InMemoryAdapter {
  readonly #children: () => Iterable<{ readonly adapter: SocketIoAdapter }>;
  /** What the children made of a packet that is to be acknowledged: each has a number of its own. */
  readonly #copies: WeakMap<AdapterPacket, [SocketIoAdapter, AdapterPacket][]> = new WeakMap();

  constructor(
    nsp: AdapterNamespace,
    children: () => Iterable<{ readonly adapter: SocketIoAdapter }>,
  ) {
    super(nsp);
    this.#children = children;
  }

  override async serverCount(): Promise<number> {
    const counts = await Promise.all(
      Array.from(this.#children(), (child) => child.adapter.serverCount()),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  override broadcast(packet: AdapterPacket, options: BroadcastOptions): void {
    for (const { adapter } of this.#children()) {
      reportRejection(adapter.broadcast({ ...packet, data: [...packet.data] }, options));
    }
  }

  override broadcastWithAck(
    packet: AdapterPacket,
    options: BroadcastOptions,
    clientCount: (count: number) => void,
    ack: (...args: Untyped[]) => void,
  ): void {
    const copies: [SocketIoAdapter, AdapterPacket][] = [];
    this.#copies.set(packet, copies);
    for (const { adapter } of this.#children()) {
      const copy = { ...packet, data: [...packet.data] };
      copies.push([adapter, copy]);
      adapter.broadcastWithAck(copy, options, clientCount, ack);
    }
  }

  _forgetAcks(packet: AdapterPacket): void {
    for (const [adapter, copy] of this.#copies.get(packet) ?? []) forgetAcks(adapter, copy);
  }

  override async sockets(rooms: Set<Room>): Promise<Set<SocketId>> {
    const sets = await Promise.all(
      Array.from(this.#children(), (child) => child.adapter.sockets(rooms)),
    );
    return new Set(sets.flatMap((set) => [...set]));
  }

  override async fetchSockets(options: BroadcastOptions): Promise<AdapterSocket[]> {
    const lists = await Promise.all(
      Array.from(this.#children(), (child) => child.adapter.fetchSockets(options)),
    );
    return lists.flat();
  }

  override addSockets(options: BroadcastOptions, rooms: Room[]): void {
    for (const { adapter } of this.#children()) reportRejection(adapter.addSockets(options, rooms));
  }

  override delSockets(options: BroadcastOptions, rooms: Room[]): void {
    for (const { adapter } of this.#children()) reportRejection(adapter.delSockets(options, rooms));
  }

  override disconnectSockets(options: BroadcastOptions, close: boolean): void {
    for (const { adapter } of [...this.#children()]) {
      reportRejection(adapter.disconnectSockets(options, close));
    }
  }
}

/**
 * The common parent of namespaces that are made as clients ask for them; a program gets one from `io.of()` with a
 * regular expression or a function. Its middleware and its listeners for connections are those of its children too, and
 * what is done to it is done to all of them that exist on this server.
 *
 * @example
 * ```ts
 * import { connectSocketIo, SocketIoServer } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const io = new SocketIoServer();
 * const rooms = io.of(/^\/room-\d+$/);
 * rooms.on("connection", (socket) => socket.emit("hello", socket.nsp.name));
 * const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
 *
 * const socket = connectSocketIo(`http://127.0.0.1:${port}/room-7`);
 * assertEquals(await new Promise((resolve) => socket.on("hello", resolve)), "/room-7");
 * await socket.close();
 * await io.close();
 * ```
 */
export class ParentNamespace<
  ListenEvents extends EventMap<ListenEvents> = DefaultEventMap,
  EmitEvents extends EventMap<EmitEvents> = ListenEvents,
  ServerSideEvents extends EventMap<ServerSideEvents> = DefaultEventMap,
  SocketData = Untyped,
> extends SocketIoNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
  static {
    defineInspect(ParentNamespace, ({ name, children }) => ({
      name,
      children: [...children].map((child) => child.name),
    }));
  }

  /** The namespaces that were made and still exist. */
  readonly children: Set<
    SocketIoNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
  > = new Set();

  /** Made by the server. @ignore */
  constructor(server: NamespaceServer<EmitEvents, SocketData>) {
    super(server, `/_${count++}`);
  }

  /** @ignore */
  override _initAdapter(): void {
    this.adapter = new ParentAdapter(this, () => this.children);
  }

  /** Makes a child. @ignore */
  _createChild(
    name: string,
  ): SocketIoNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    const child = new SocketIoNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>(
      this.server,
      name,
    );
    child._inherit(this);
    this.children.add(child);
    return child;
  }
}
