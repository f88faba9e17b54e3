// Floor 0: vocabulary.
import type { TlsInfo } from "../net/tls_options.ts";

/** A value of any type, where the events are untyped: what their arguments are is between the two programs. */
// deno-lint-ignore no-explicit-any
export type Untyped = any;

/** Any function that is called for an event. */
export type SocketIoListener = (...args: never[]) => unknown;

/** What a map of events must look like: each property is the event's listener. */
export type EventMap<M> = { [K in keyof M]: (...args: never[]) => unknown };

/** The map for events without types: any name, any arguments. */
export interface DefaultEventMap {
  /** Any event, with any arguments. */
  [event: string]: (...args: Untyped[]) => void;
}

/** The names of a map's events. */
export type EventNames<M> = keyof M & string;

/** The arguments of an event, the acknowledgement callback included. */
export type EventArgs<M, E extends keyof M> = M[E] extends (...args: infer A) => unknown ? A
  : never;

/** The last type of a list, whether or not it may be left out. */
export type LastOf<A extends readonly unknown[]> = A extends readonly [...unknown[], infer L] ? L
  : number extends A["length"] ? A[number]
  : A extends readonly [] ? never
  : A extends readonly [(infer L)?] ? Exclude<L, undefined>
  : A extends readonly [unknown?, ...infer T] ? LastOf<T>
  : never;

/** A list without its last type; of what stands before it, nothing may be left out. */
export type AllButLast<A extends readonly unknown[]> = A extends readonly [...infer H, unknown] ? H
  : number extends A["length"] ? A
  : A extends readonly [unknown?] ? []
  : A extends readonly [(infer F)?, ...infer T] ? [Exclude<F, undefined>, ...AllButLast<T>]
  : A;

/** Whether a type is `any`. */
export type IsAny<T> = 0 extends (1 & T) ? true : false;

/** The names of a map's events whose last argument is an acknowledgement callback: what `emitWithAck` takes. */
export type EventNamesWithAck<M> = {
  [E in EventNames<M>]: [LastOf<EventArgs<M, E>>] extends [never] ? never
    : [LastOf<EventArgs<M, E>>] extends [(...args: never[]) => unknown] ? E
    : [unknown] extends [LastOf<EventArgs<M, E>>] ? E
    : never;
}[EventNames<M>];

/** The arguments of an acknowledgement callback without an error in front, such as `timeout()` puts there. */
export type AckAnswers<P extends readonly unknown[]> = P extends
  readonly [infer First, ...infer Others]
  ? [First] extends [null] ? P : [First] extends [Error | null] ? Others : P
  : P;

/** The first type of a list, or the second one behind the error that `timeout()` puts in front. */
export type FirstAnswer<P extends readonly unknown[]> = AckAnswers<P> extends readonly []
  ? undefined
  : AckAnswers<P>[0];

/** What `emitWithAck` resolves to: the first argument of an event's acknowledgement callback that is not an error. */
export type AckResult<M, E extends keyof M> = IsAny<LastOf<EventArgs<M, E>>> extends true ? Untyped
  : LastOf<EventArgs<M, E>> extends (...args: infer P) => unknown ? FirstAnswer<P>
  : Untyped;

/** The arguments of an event whose acknowledgement callback has an error in front. */
export type AckWithError<A extends readonly unknown[]> = {
  [I in keyof A]: IsAny<A[I]> extends true ? A[I]
    : NonNullable<A[I]> extends (...args: infer P) => infer R
      ? (error: Error | null, ...args: AckAnswers<P>) => R
    : A[I];
};

/** The arguments of an event whose acknowledgement callback takes an error and the answers of all clients. */
export type AckWithResponses<A extends readonly unknown[]> = {
  [I in keyof A]: IsAny<A[I]> extends true ? A[I]
    : NonNullable<A[I]> extends (...args: infer P) => infer R
      ? (error: Error | null, responses: FirstAnswer<P>[]) => R
    : A[I];
};

/** A map whose acknowledgement callbacks have an error in front: what `timeout()` makes of it. */
export type TimeoutEventMap<M> = {
  [K in keyof M]: M[K] extends (...args: infer A) => infer R ? (...args: AckWithError<A>) => R
    : M[K];
};

/** A map whose acknowledgement callbacks take an error and the answers of all clients: what a broadcast makes of it. */
export type BroadcastEventMap<M> = {
  [K in keyof M]: M[K] extends (...args: infer A) => infer R ? (...args: AckWithResponses<A>) => R
    : M[K];
};

/** The name of a room. */
export type Room = string;

/** The public id of a socket. */
export type SocketId = string;

/** How a message is to be sent. */
export interface BroadcastFlags {
  /** May be dropped where the client can't take it at once. */
  volatile?: boolean;
  /** Whether the transport may compress it. */
  compress?: boolean;
  /** Stays on this server of a cluster. */
  local?: boolean;
  /** Goes to everyone but the sender. */
  broadcast?: boolean;
  /** Holds bytes. */
  binary?: boolean;
  /** How long to wait for acknowledgements, in ms. */
  timeout?: number;
  /** Whether one answer is expected in place of a list. */
  expectSingleResponse?: boolean;
}

/** To whom a broadcast goes. */
export interface BroadcastOptions {
  /** The rooms; none means everyone in the namespace. */
  rooms: Set<Room>;
  /** Rooms whose members are left out. */
  except?: Set<Room>;
  /** How it is sent. */
  flags?: BroadcastFlags;
}

/** Request headers by their lower-case names; a header that came more than once may be a list, but for those that are named here. */
export interface EngineHeaders {
  /** The credentials, as `Bearer …`. */
  authorization?: string | undefined;
  /** The cookies, all in one text. */
  cookie?: string | undefined;
  /** The host that the client asked for, with the port unless it is the default. */
  host?: string | undefined;
  /** The origin of the page that asks. */
  origin?: string | undefined;
  /** The page that asks. */
  referer?: string | undefined;
  /** The client's program. */
  "user-agent"?: string | undefined;
  /** Any other one. */
  [name: string]: string | string[] | undefined;
}

/**
 * The HTTP request that opened a connection. Under `io.attach()` it is node's own `IncomingMessage`; elsewhere it is
 * an object with the same fields.
 */
export interface EngineRequest {
  /** `GET` or `POST`. */
  readonly method?: string | undefined;
  /** The path with its query. */
  readonly url?: string | undefined;
  /** The headers, by lower-case name. */
  readonly headers: EngineHeaders;
  /** The query, parsed; a name that came more than once has its last value. */
  _query?: Record<string, string>;
  /** What is known of the connection under the request. */
  readonly connection: {
    /** Whether it came over TLS. */
    readonly encrypted?: boolean | undefined;
    /** The address of the other end. */
    readonly remoteAddress?: string | undefined;
    /**
     * What the TLS handshake came to, on a port of `listen()` that got `tls` and does it by node:tls: with `requestCert`, who the client
     * is by its certificate. Not with implementation `"deno"`; under `attach()` node's own methods tell
     * (`getPeerCertificate`, `authorized`).
     */
    readonly tls?: TlsInfo | undefined;
  };
  /** The same, by Node's newer name. */
  readonly socket: EngineRequest["connection"];
}

/** What a socket's first request and connect packet said. */
export interface SocketIoHandshake {
  /** The request's headers, by lower-case name. */
  headers: EngineHeaders;
  /** When the socket connected, as text. */
  time: string;
  /** The address of the client, or of the proxy in front. */
  address: string;
  /** Whether the request had an `Origin` header. */
  xdomain: boolean;
  /** Whether the request came over TLS. */
  secure: boolean;
  /** When the socket connected, in ms since the epoch. */
  issued: number;
  /** The request's path with its query. */
  url: string;
  /** The request's query. */
  query: Record<string, string>;
  /** What the client gave as `auth`. */
  auth: Record<string, Untyped>;
}

/** Why a socket of the server was disconnected. */
export type ServerDisconnectReason =
  | "transport error"
  | "transport close"
  | "forced close"
  | "ping timeout"
  | "parse error"
  | "server shutting down"
  | "forced server close"
  | "client namespace disconnect"
  | "server namespace disconnect";

/** Why a socket of the client was disconnected. */
export type ClientDisconnectReason =
  | "io server disconnect"
  | "io client disconnect"
  | "ping timeout"
  | "transport close"
  | "transport error"
  | "parse error"
  | "forced close";

/** What an adapter keeps of a socket, so that it can come back after a short loss of its connection. */
export interface SessionToPersist {
  /** The public id. */
  sid: SocketId;
  /** The private id, by which the client asks for its session. */
  pid: string;
  /** The rooms that it was in. */
  rooms: Room[];
  /** `socket.data`. */
  data: Untyped;
}

/** A session that an adapter found again. */
export interface RecoveredSession extends SessionToPersist {
  /** The events that the client missed: name and arguments. */
  missedPackets: unknown[][];
}

/** The response, as middleware of the engine sees it: a part of what node's `ServerResponse` has. */
export interface EngineResponse {
  /** The status. */
  statusCode: number;
  /** Whether the headers are sent. */
  readonly headersSent: boolean;
  /** Sets a header. */
  setHeader(name: string, value: number | string | readonly string[]): unknown;
  /** A header that was set. */
  getHeader(name: string): number | string | string[] | undefined;
  /** Removes a header that was set. */
  removeHeader(name: string): void;
  /** Sets the status, and headers; a reason between them is sent by node's own response alone. */
  writeHead(
    status: number,
    reason?: string | Record<string, number | string | string[]>,
    headers?: Record<string, number | string | string[]>,
  ): unknown;
  /** Writes a part of the body. */
  write(chunk: string | Uint8Array): boolean;
  /** Ends the response: the request is answered, and goes no further. */
  end(chunk?: string | Uint8Array): unknown;
}

/** How a packet is handed to the engine. */
export interface EngineWriteOptions {
  /** May be dropped where the client can't take it at once. */
  volatile?: boolean;
  /**
   * Whether the transport may compress it, and what goes in the same polling response.
   *
   * @default {true}
   */
  compress?: boolean;
  /** Whether the same data goes to several clients with this very options object. */
  preEncoded?: boolean;
  /** A complete WebSocket frame of the data, in one piece or in several, as npm's adapters prepare it. */
  wsPreEncodedFrame?: Uint8Array | readonly Uint8Array[];
}

/** The state of an engine's connection. */
export type EngineReadyState = "opening" | "open" | "closing" | "closed";

/**
 * What the Socket.IO server needs of a connection: {@linkcode EngineSocket} is one, and so is a `Socket` of the npm
 * package `engine.io`.
 */
export interface EngineConnection {
  /** The session id: a secret between client and server. */
  readonly id: string;
  /** The revision of the Engine.IO protocol. */
  readonly protocol: number;
  /** The state. */
  readonly readyState: EngineReadyState;
  /** The request that opened the connection. */
  readonly request: EngineRequest;
  /** The address of the other end. */
  readonly remoteAddress: string;
  /** The engine that the connection belongs to, if it tells. */
  readonly server?: {
    /** How many connections it has. */
    readonly clientsCount: number;
  };
  /** The transport in use. */
  readonly transport: {
    /** `polling` or `websocket`. */
    readonly name: string;
    /** Whether it takes a packet at once. */
    readonly writable: boolean;
  };
  /** Queues one message: text as text, bytes as bytes. */
  write(
    data: string | ArrayBuffer | ArrayBufferView,
    options?: EngineWriteOptions,
  ): unknown;
  /** Closes the connection, after what is queued unless `discard` is set. */
  close(discard?: boolean): unknown;
  /** Adds a listener: `data`, `error` and `close` are used. */
  on(event: string, listener: (...args: Untyped[]) => void): unknown;
  /** Adds a listener that is called once. */
  once(event: string, listener: (...args: Untyped[]) => void): unknown;
  /** Removes a listener. */
  removeListener(event: string, listener: (...args: Untyped[]) => void): unknown;
}

/** What the Socket.IO server needs of an engine. */
export interface EngineServer {
  /** Calls the listener with each new {@linkcode EngineConnection}. */
  on(event: "connection", listener: (connection: Untyped) => void): unknown;
  /** Closes all connections, within the time of the options where it knows of such. */
  close(options?: { timeout?: number; signal?: AbortSignal }): unknown;
}

/** A packet as adapters pass it around: an event, or anything else for one client. */
export interface AdapterPacket {
  /** The number of the packet's type. */
  type: number;
  /** The event's name and arguments. */
  data?: Untyped;
  /** The namespace; set by the adapter. */
  nsp?: string;
  /** The acknowledgement number; set by the adapter. */
  id?: number;
}

/** What an adapter may use of a socket. */
export interface AdapterSocket {
  /** The public id. */
  readonly id: SocketId;
  /** The rooms that it is in. */
  readonly rooms: Set<Room>;
  /** The program's own data of the socket. */
  data: Untyped;
  /** What its first request and connect packet said. */
  readonly handshake: SocketIoHandshake;
  /** The acknowledgements that it still owes, by number. */
  readonly acks: Map<number, (...args: Untyped[]) => void>;
  /** The way to its client. */
  readonly client: {
    /** Hands an encoded packet to the connection. */
    writeToEngine(encoded: (string | Uint8Array)[], options: EngineWriteOptions): void;
  };
  /** Joins rooms. */
  join(rooms: Room | Room[]): Promise<void> | void;
  /** Leaves a room. */
  leave(room: Room): Promise<void> | void;
  /** Disconnects. */
  disconnect(close?: boolean): unknown;
  /** Tells the listeners of `onAnyOutgoing`. */
  notifyOutgoingListeners(packet: { data?: Untyped }): void;
}

/** What an adapter may use of a namespace. */
export interface AdapterNamespace {
  /** The name, `/` for the main one. */
  readonly name: string;
  /** The sockets that are connected to it here. */
  readonly sockets: ReadonlyMap<SocketId, AdapterSocket>;
  /** The next acknowledgement number. */
  _ids: number;
  /** The server. */
  readonly server: {
    /** Encodes packets. */
    readonly encoder: {
      /** Encodes one packet. */
      encode(packet: Untyped): (string | Uint8Array)[];
    };
    /** The server's options. */
    readonly opts: { readonly connectionStateRecovery?: Untyped };
  };
  /** Hands an event of another server of the cluster to the namespace's listeners. */
  _onServerSideEmit(args: Untyped): void;
}

/**
 * What keeps the rooms of a namespace, and carries broadcasts to the other servers of a cluster.
 *
 * The contract is that of the npm package `socket.io-adapter`, version 2.5: its `Adapter`, and what extends it
 * (`@socket.io/redis-adapter` and others), are adapters as they stand.
 */
export interface SocketIoAdapter {
  /** The members of each room. */
  readonly rooms: Map<Room, Set<SocketId>>;
  /** The rooms of each socket. */
  readonly sids: Map<SocketId, Set<Room>>;
  /** Adds a listener for `create-room`, `delete-room`, `join-room` or `leave-room`. */
  on(event: string, listener: (...args: Untyped[]) => void): unknown;
  /** Removes a listener. */
  off(event: string, listener: (...args: Untyped[]) => void): unknown;
  /** Called once the adapter is made. */
  init(): Promise<void> | void;
  /** Called when the namespace goes. */
  close(): Promise<void> | void;
  /** How many servers the cluster has. */
  serverCount(): Promise<number>;
  /** Puts a socket into rooms. */
  addAll(id: SocketId, rooms: Set<Room>): Promise<void> | void;
  /** Takes a socket out of a room. */
  del(id: SocketId, room: Room): Promise<void> | void;
  /** Takes a socket out of all rooms. */
  delAll(id: SocketId): void;
  /** Sends a packet. */
  broadcast(packet: Untyped, options: BroadcastOptions): unknown;
  /** Sends a packet and gathers the acknowledgements. */
  broadcastWithAck(
    packet: Untyped,
    options: BroadcastOptions,
    clientCount: (count: number) => void,
    ack: (...args: Untyped[]) => void,
  ): void;
  /** The ids of the sockets in rooms. */
  sockets(rooms: Set<Room>): Promise<Set<SocketId>>;
  /** The rooms of a socket. */
  socketRooms(id: SocketId): Set<Room> | undefined;
  /** The matching sockets, of all servers. */
  fetchSockets(options: BroadcastOptions): Promise<Untyped[]>;
  /** Makes the matching sockets join rooms. */
  addSockets(options: BroadcastOptions, rooms: Room[]): unknown;
  /** Makes the matching sockets leave rooms. */
  delSockets(options: BroadcastOptions, rooms: Room[]): unknown;
  /** Disconnects the matching sockets. */
  disconnectSockets(options: BroadcastOptions, close: boolean): unknown;
  /** Sends an event to the other servers; the last argument may take their answers. */
  serverSideEmit(packet: Untyped[]): unknown;
  /** Keeps a session for a while. */
  persistSession(session: SessionToPersist): void;
  /** Finds a session, and what it missed since `offset`. */
  restoreSession(pid: string, offset: string): Promise<Untyped> | Untyped;
}

/** Makes an adapter for a namespace: a class, or a function as npm's `createAdapter()` returns. */
export type SocketIoAdapterFactory =
  | (new (nsp: Untyped) => SocketIoAdapter)
  | ((nsp: Untyped) => SocketIoAdapter);

/** A codec in place of the built-in one, in the form of npm's `socket.io-parser` and `socket.io-msgpack-parser`. */
export interface SocketIoParser {
  /** Makes what encodes packets. */
  Encoder: new () => {
    /** Encodes one packet. */
    encode(packet: Untyped): Untyped[];
  };
  /** Makes what decodes messages. */
  Decoder: new () => {
    /**
     * Takes one message: a text, or bytes, which are a `Buffer` unless the platform has none; throws for what it can't
     * decode.
     */
    add(message: Untyped): void;
    /** Frees what waits for attachments. */
    destroy(): void;
    /** Calls the listener with each packet (`decoded`). */
    on(event: "decoded", listener: (packet: Untyped) => void): unknown;
  };
}

/** What is known about a request beside itself; what `Deno.serve` gives to its handler fits. */
export interface SocketIoRequestInfo {
  /** The address of the other end. */
  readonly remoteAddr?: { readonly hostname?: string } | object;
}
