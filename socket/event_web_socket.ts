// Floor 3: driver.
import { defineInspect } from "../buffer/define_inspect.ts";
import { errorOf } from "../net/error_of.ts";
import { NetError } from "../net/errors.ts";
import { deadlineSignal, isBounded } from "../net/wait.ts";
import { connectWebSocket } from "../websocket/client.ts";
import type { WebSocketConnection } from "../websocket/connection.ts";
import { WebSocketError, WebSocketHandshakeError } from "../websocket/errors.ts";
import type { WebSocketCloseInfo, WebSocketData } from "../websocket/types.ts";
import { CUT } from "./_failure.ts";
import { checkLuaOptions } from "./_lua_options.ts";
import { headerTable, isForeignScheme, luaText } from "./_lua_text.ts";
import { reportUncaught } from "./_uncaught.ts";
import type { EventWebSocketOptions, LuaTlsParams } from "./lua_web_socket_options.ts";

/** A handler of an {@linkcode EventWebSocket}. A promise that it returns and that rejects counts as thrown. */
export type EventWebSocketHandler<A extends unknown[]> = (
  ws: EventWebSocket,
  ...args: A
) => unknown;

interface EventHandlers {
  open?: EventWebSocketHandler<[protocol: string, headers: Record<string, string>]>;
  message?: EventWebSocketHandler<[message: WebSocketData, opcode: 1 | 2]>;
  close?: EventWebSocketHandler<[wasClean: boolean, code: number, reason: string]>;
  error: EventWebSocketHandler<[error: string]>;
}

/**
 * The event client of lua-websockets (`client.ev`): `connect`, `send` and `close` return at once, and handlers tell what becomes of it. Each
 * handler is set by a call, gets the client itself first, and is replaced by the next.
 *
 * What differs from lua-websockets: there is no loop to hand over; times are in ms; `wss:` URLs work; a clean close that began here tells the code
 * that the peer answered with, and not 1005. A handler that throws closes the connection with 1011, and `on_error` gets its text.
 *
 * @example
 * ```ts
 * import { EventWebSocket } from "@sluice/sockets/socket";
 * import { serveWebSocket } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = await serveWebSocket({
 *   hostname: "127.0.0.1",
 *   default: (ws) => void ws.on("message", (data) => ws.send(data)),
 * });
 * const closed = Promise.withResolvers<unknown[]>();
 *
 * const client = new EventWebSocket();
 * client.on_open((ws) => ws.send("hello"));
 * client.on_message((ws, message) => ws.close(1000, `got ${message}`));
 * client.on_close((_ws, wasClean, code) => closed.resolve([wasClean, code]));
 * client.on_error((_ws, error) => closed.reject(new Error(error)));
 * client.connect(`ws://127.0.0.1:${server.port}`);
 *
 * assertEquals(await closed.promise, [true, 1000]);
 * ```
 */
export class EventWebSocket {
  static {
    defineInspect(
      EventWebSocket,
      ({ state, connection }) => ({ state, connection: connection ?? undefined }),
    );
  }

  readonly #options: EventWebSocketOptions;
  readonly #handlers: EventHandlers = {
    error: (_ws, error) => console.error("Error", error),
  };
  #state: "CLOSED" | "CONNECTING" | "OPEN" | "CLOSING" = "CLOSED";
  #ws: WebSocketConnection | null = null;
  #giveUp: AbortController | null = null;

  /**
   * Makes a client that is not connected.
   *
   * @throws {TypeError} for an option that goes to `connect`, or has another name here.
   * @throws {RangeError} if `connectTimeout` is negative or no number, or too long for a timer.
   */
  constructor(options: EventWebSocketOptions = {}) {
    checkLuaOptions(options, "connectTimeout");
    isBounded("connect", { timeout: options.connectTimeout });
    this.#options = options;
  }

  /** How far it has come. */
  get state(): "CLOSED" | "CONNECTING" | "OPEN" | "CLOSING" {
    return this.#state;
  }

  /** The connection below, with all that it can; `null` when there is none. */
  get connection(): WebSocketConnection | null {
    return this.#ws;
  }

  /** Sets what is called when the connection is there: with the subprotocol, and the headers of the response. */
  on_open(
    handler: EventWebSocketHandler<[protocol: string, headers: Record<string, string>]>,
  ): void {
    this.#handlers.open = handler;
  }

  /** Sets what is called for each message: with text or bytes, and the opcode, 1 or 2. */
  on_message(handler: EventWebSocketHandler<[message: WebSocketData, opcode: 1 | 2]>): void {
    this.#handlers.message = handler;
  }

  /** Sets what is called at the end: with whether it was clean, the code and the reason. */
  on_close(
    handler: EventWebSocketHandler<[wasClean: boolean, code: number, reason: string]>,
  ): void {
    this.#handlers.close = handler;
  }

  /**
   * Sets what is called when something goes wrong: with a text.
   *
   * @default {one that writes it to the console}
   */
  on_error(handler: EventWebSocketHandler<[error: string]>): void {
    this.#handlers.error = handler;
  }

  /**
   * Begins to connect. The errors are `wrong state` when it is connected or connecting, which changes nothing; `bad protocol` for a scheme other than
   * `ws:` and `wss:`; `accept failed` when the server does not answer as a WebSocket server has to; `connection refused`, `host not found`,
   * `timeout`, or a sentence.
   *
   * @param protocol the subprotocols to offer, best first.
   * @param tls how a `wss:` server is checked, and the client's certificate.
   */
  connect(url: string, protocol: string | readonly string[] = [], tls?: LuaTlsParams): void {
    if (this.#state !== "CLOSED") return void this.#error("wrong state");
    if (isForeignScheme(url)) return void this.#error("bad protocol");
    this.#state = "CONNECTING";
    void this.#connect(url, protocol === "" ? [] : protocol, tls);
  }

  async #connect(
    url: string,
    protocols: string | readonly string[],
    tls: LuaTlsParams | undefined,
  ): Promise<void> {
    const { connectTimeout: timeout = 20_000, ...options } = this.#options;
    const aborter = this.#giveUp = new AbortController();
    const deadline = deadlineSignal("connect", { timeout });
    deadline.onfire((error) => aborter.abort(error));
    let ws: WebSocketConnection;
    try {
      ws = await connectWebSocket(url, {
        ...options,
        protocols,
        tls,
        signal: aborter.signal,
        connectTimeout: 0,
        handshakeTimeout: 0,
      });
    } catch (error) {
      // Who closed meanwhile has been told, and may be connecting anew.
      if (this.#giveUp !== aborter) return;
      this.#giveUp = null;
      this.#state = "CLOSED";
      return await this.#error(deadline.fired ? "timeout" : connectText(error));
    } finally {
      deadline.clear();
    }
    if (this.#giveUp !== aborter) return ws.terminate();
    this.#giveUp = null;
    this.#open(ws);
  }

  #open(ws: WebSocketConnection): void {
    this.#ws = ws;
    this.#state = "OPEN";
    let told: WebSocketError | undefined;
    const tell = (error: WebSocketError | undefined): void => {
      if (error === undefined || error === told) return;
      told = error;
      if (error.code !== "CONNECTION_LOST") this.#error(textOf(error));
    };
    ws.on("error", tell);
    ws.on("close", (info) => {
      // What came together with the server's response may have failed before anybody listened.
      tell(info.error);
      this.#ended(ws, info);
    });
    const { open } = this.#handlers;
    if (open !== undefined) {
      this.#call(() => open(this, ws.protocol, headerTable(ws.headers)), () => {
        ws.close(1011).catch(() => {});
      });
    }
    ws.on("message", (message, opcode) => this.#handlers.message?.(this, message, opcode));
  }

  /** Calls a handler; what it throws goes to on_error, and then to `failed`. */
  async #call(handler: () => unknown, failed?: () => void): Promise<void> {
    try {
      await handler();
    } catch (error) {
      this.#error(errorOf(error).message);
      failed?.();
    }
  }

  #closed(wasClean: boolean, code: number, reason: string): void {
    const { close } = this.#handlers;
    this.#ws = null;
    this.#state = "CLOSED";
    if (close !== undefined) this.#call(() => close(this, wasClean, code, reason));
  }

  #ended(ws: WebSocketConnection, { wasClean, code, reason }: WebSocketCloseInfo): void {
    if (this.#ws === ws) this.#closed(wasClean, code, reason);
  }

  /**
   * Sends a message.
   *
   * @param opcode 1 for text, 2 for binary; by default what fits the message
   * @returns How many bytes wait to be sent. What goes wrong is told to `on_error`.
   * @throws {TypeError} for data that is neither text nor bytes, and bytes that are no UTF-8 as text.
   */
  send(data: string | ArrayBuffer | ArrayBufferView, opcode?: 1 | 2): number {
    const ws = this.#ws;
    if (ws === null || this.#state !== "OPEN") {
      this.#error("wrong state");
      return 0;
    }
    ws.send(data, { opcode }).catch((error) => {
      // That it has ended is told to on_close.
      if (this.#ws === ws && error.code !== "CLOSED") this.#error(textOf(error));
    });
    return ws.bufferedAmount;
  }

  /**
   * Closes the connection; `on_close` follows, at the latest after `timeout` ms, then with `false`, 1006 and `timeout`. While it is connecting, that is
   * given up, and `on_close` gets `false` and 1006. Otherwise it does nothing.
   *
   * @throws {RangeError} for a code that must not be sent.
   * @throws {TypeError} for a reason that is too long.
   */
  close(code: number = 1000, reason: string = "", timeout: number = 3000): void {
    const ws = this.#ws;
    if (this.#state === "CONNECTING") {
      const aborter = this.#giveUp;
      this.#giveUp = null;
      aborter?.abort();
      return this.#closed(false, 1006, "");
    }
    if (ws === null || this.#state !== "OPEN") return;
    const closing = ws.close(code, reason, { timeout });
    this.#state = "CLOSING";
    closing.catch(() => {
      if (this.#ws !== ws) return;
      this.#ws = null;
      ws.terminate();
      this.#closed(false, 1006, "timeout");
    });
  }

  async #error(text: string): Promise<void> {
    try {
      await this.#handlers.error(this, text);
    } catch (error) {
      reportUncaught("an on_error handler", error);
    }
  }
}

/** Why connecting failed. A server that cuts the connection has not accepted it. */
function connectText(error: unknown): string {
  const cut = error instanceof NetError && CUT.has(error.code);
  return cut || error instanceof WebSocketHandshakeError ? "accept failed" : luaText(error);
}

/** What a connection reports, or what a handler threw. */
function textOf(error: unknown): string {
  if (error instanceof WebSocketError && error.code === "CALLBACK") {
    const { cause } = error;
    return errorOf(cause).message;
  }
  return luaText(error);
}
