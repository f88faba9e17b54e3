// Floor 3: driver.
import { defineInspect } from "../buffer/define_inspect.ts";
import { reportCallbackError } from "./_callback.ts";
import { Listeners } from "./_listeners.ts";
import type { EnginePacket } from "./engine_packet.ts";
import type { EngineTransport } from "./engine_socket.ts";

/** The events of a {@linkcode SocketIoClientEngine}. */
export interface SocketIoClientEngineEvents {
  /** The connection is there. */
  open: () => void;
  /** A message came. */
  data: (data: string | Uint8Array) => void;
  /** The same as `data`. */
  message: (data: string | Uint8Array) => void;
  /** A packet of any kind came. */
  packet: (packet: EnginePacket) => void;
  /** A packet of any kind is about to be sent. */
  packetCreate: (packet: EnginePacket) => void;
  /** The server asked whether the client is there. */
  ping: () => void;
  /** A WebSocket answered, and is about to take over from polling. */
  upgrading: (transport: EngineTransport) => void;
  /** A WebSocket took over from polling. */
  upgrade: (transport: EngineTransport) => void;
  /** No WebSocket could take over: polling goes on. */
  upgradeError: (error: Error) => void;
  /** What was written is handed over: to the server by polling, to the system with a WebSocket. */
  drain: () => void;
  /** What ended the connection, or kept it from being made, if that is known. `close` follows. */
  error: (error: Error) => void;
  /** The connection is closed: by this side, `forced close`, or as `disconnect` of a socket says it. */
  close: (reason: string, description?: Error) => void;
}

/** The connection that a {@linkcode SocketIoClientEngine} shows. */
export interface ClientEngineSource {
  /** Its id, once it is open. */
  readonly id: string | undefined;
  /** How far it is. */
  readonly state: "opening" | "open" | "closed";
  /** The name of the transport in use. */
  readonly transportName: "polling" | "websocket";
  /** Whether a message would leave at once. */
  readonly writable: boolean;
  /** How many bytes wait. */
  readonly buffered: number;
  /** Ends it as if it had been lost. */
  lose(): void;
}

/**
 * One Engine.IO connection of a client, to look at: `socket.io.engine`. Each time that the connection is made anew there is another one.
 *
 * @example
 * ```ts
 * import { connectSocketIo, SocketIoServer } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const io = new SocketIoServer();
 * const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
 *
 * const socket = connectSocketIo(`http://127.0.0.1:${port}/`);
 * const names: string[] = [];
 * await new Promise<void>((resolve) => {
 *   socket.once("connect", () => {
 *     const { engine } = socket.io;
 *     names.push(engine.transport.name);
 *     engine.once("upgrade", ({ name }) => resolve(void names.push(name)));
 *   });
 * });
 * assertEquals(names, ["polling", "websocket"]);
 * await socket.close();
 * await io.close();
 * ```
 */
export class SocketIoClientEngine {
  static {
    defineInspect(SocketIoClientEngine, ({ readyState, transport }) => ({
      readyState,
      transport: transport.name,
    }));
  }

  readonly #first: "polling" | "websocket";
  readonly #listeners: Listeners = new Listeners();
  #source: ClientEngineSource | undefined;
  #closed = false;

  /** Made by `connectSocketIo`. @ignore */
  constructor(first: "polling" | "websocket") {
    this.#first = first;
  }

  /** The id that the server gave the connection, not the one of a socket; `undefined` until it is open. */
  get id(): string | undefined {
    return this.#source?.id;
  }

  /** How far the connection is. */
  get readyState(): "opening" | "open" | "closed" {
    return this.#source?.state ?? "closed";
  }

  /** The transport in use. */
  get transport(): EngineTransport {
    const { transportName = this.#first, writable = false } = this.#source ?? {};
    return { name: transportName, writable };
  }

  /** How many bytes wait to be sent. */
  get bufferedAmount(): number {
    return this.#source?.buffered ?? 0;
  }

  /** Ends the connection, after what is queued: sockets tell `disconnect` with `forced close`, and it is made anew. To try what happens then. */
  close(): this {
    this.#source?.lose();
    return this;
  }

  /** Adds a listener. */
  on<E extends keyof SocketIoClientEngineEvents>(
    event: E,
    listener: SocketIoClientEngineEvents[E],
  ): this {
    this.#listeners.add(event, listener, false);
    return this;
  }

  /** Adds a listener that is called once. */
  once<E extends keyof SocketIoClientEngineEvents>(
    event: E,
    listener: SocketIoClientEngineEvents[E],
  ): this {
    this.#listeners.add(event, listener, true);
    return this;
  }

  /** Removes a listener; without one all of the event, without an event all. */
  off<E extends keyof SocketIoClientEngineEvents>(
    ...args: [event?: E, listener?: SocketIoClientEngineEvents[E]]
  ): this {
    this.#listeners.off(args);
    return this;
  }

  /** The same as `off`. */
  removeListener<E extends keyof SocketIoClientEngineEvents>(
    ...args: [event?: E, listener?: SocketIoClientEngineEvents[E]]
  ): this {
    return this.off(...args);
  }

  /** Removes all listeners of an event, or of all events. */
  removeAllListeners(event?: keyof SocketIoClientEngineEvents): this {
    this.#listeners.clear(event);
    return this;
  }

  /** How many listeners an event has. */
  listenerCount(event: keyof SocketIoClientEngineEvents): number {
    return this.#listeners.count(event);
  }

  /** Whether it shows a connection, or showed one. @ignore */
  get _used(): boolean {
    return this.#source !== undefined;
  }

  /** Shows a connection. @ignore */
  _show(source: ClientEngineSource): void {
    this.#source = source;
  }

  /** Tells the listeners of an event; `close` is the last one, wherever it was closed. @ignore */
  _tell<E extends keyof SocketIoClientEngineEvents>(
    event: E,
    ...args: Parameters<SocketIoClientEngineEvents[E]>
  ): void {
    if (this.#closed) return;
    if (event === "close") this.#closed = true;
    this.#listeners.emit(event, this, args, reportCallbackError);
  }
}
