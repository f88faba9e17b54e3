// Floor 1: codec.
import type { EnginePacket } from "./engine_packet.ts";
import type { EngineConnection, EngineWriteOptions, ServerDisconnectReason } from "./types.ts";

/** The transport that a connection has at the time. */
export interface EngineTransport {
  /** `polling` or `websocket`. */
  readonly name: "polling" | "websocket";
  /** Whether it takes a packet at once. */
  readonly writable: boolean;
}

/** The events of an {@linkcode EngineSocket}. */
export interface EngineSocketEvents {
  /** A message came. */
  data: (data: string | Uint8Array) => void;
  /** The same as `data`. */
  message: (data: string | Uint8Array) => void;
  /** A packet of any kind came. */
  packet: (packet: EnginePacket) => void;
  /** A packet of any kind is about to be sent. */
  packetCreate: (packet: EnginePacket) => void;
  /** The client answered a ping. */
  heartbeat: () => void;
  /** A WebSocket answered, and is about to take over from polling. */
  upgrading: (transport: EngineTransport) => void;
  /** A WebSocket took over from polling. */
  upgrade: (transport: EngineTransport) => void;
  /** What was written is sent, or on its way: there is room for more. */
  drain: () => void;
  /** Never emitted; npm's socket.io listens for it. */
  error: (error: Error) => void;
  /** The connection is closed. */
  close: (reason: ServerDisconnectReason, description?: unknown) => void;
}

/** One connection of an engine: messages in order, over polling or a WebSocket. */
export interface EngineSocket extends EngineConnection {
  /** The engine that the connection belongs to. */
  readonly server: {
    /** How many connections it has. */
    readonly clientsCount: number;
  };
  /** The transport in use. */
  readonly transport: EngineTransport;
  /** Whether a WebSocket is about to take over from polling. */
  readonly upgrading: boolean;
  /** Whether a WebSocket took over from polling. */
  readonly upgraded: boolean;
  /** How many bytes wait to be sent. */
  readonly bufferedAmount: number;
  /** Adds a listener. */
  on<E extends keyof EngineSocketEvents>(event: E, listener: EngineSocketEvents[E]): this;
  /** Adds a listener that is called once. */
  once<E extends keyof EngineSocketEvents>(event: E, listener: EngineSocketEvents[E]): this;
  /** Removes a listener. */
  off<E extends keyof EngineSocketEvents>(event: E, listener: EngineSocketEvents[E]): this;
  /** Removes all listeners of an event, or of all events. */
  removeAllListeners(event?: keyof EngineSocketEvents): this;
  /** How many listeners an event has. */
  listenerCount(event: keyof EngineSocketEvents): number;
  /** Sends a message: text as text, bytes as bytes. */
  write(data: string | ArrayBuffer | ArrayBufferView, options?: EngineWriteOptions): this;
  /** The same as `write`. */
  send(data: string | ArrayBuffer | ArrayBufferView, options?: EngineWriteOptions): this;
  /** Closes the connection, after what is queued unless `discard` is set. */
  close(discard?: boolean): this;
}
