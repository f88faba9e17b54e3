// Floor 3: driver.
import { defineInspect } from "../buffer/define_inspect.ts";
import { abortError, deadlineSignal, isBounded, type WaitOptions } from "../net/wait.ts";
import { connectWebSocket } from "../websocket/client.ts";
import type { WebSocketConnection } from "../websocket/connection.ts";
import {
  type WebSocketCloseInfo,
  type WebSocketData,
  WebSocketOpcode,
} from "../websocket/types.ts";
import { FailedCalls } from "./_failed_calls.ts";
import { checkLuaOptions } from "./_lua_options.ts";
import { headerTable, isForeignScheme, luaText } from "./_lua_text.ts";
import type { LuaTlsParams, SyncWebSocketOptions } from "./lua_web_socket_options.ts";

/** What {@linkcode SyncWebSocket.connect} gives: `true`, the subprotocol and the response's headers; or `null` and what is wrong. */
export type SyncConnectResult =
  | [ok: true, protocol: string, headers: Record<string, string>]
  | [ok: null, error: string, headers?: undefined];

/** What {@linkcode SyncWebSocket.send} gives: `true`; or `null` and how the connection has ended. */
export type SyncSendResult =
  | [ok: true, wasClean?: undefined, code?: undefined, reason?: undefined]
  | [ok: null, wasClean: boolean, code: number, reason: string];

/** What {@linkcode SyncWebSocket.receive} gives: a message and its opcode; or two times `null` and how the connection has ended. */
export type SyncReceiveResult =
  | [
    message: WebSocketData,
    opcode: 1 | 2,
    wasClean?: undefined,
    code?: undefined,
    reason?: undefined,
  ]
  | [message: null, opcode: null, wasClean: boolean, code: number, reason: string];

/** What {@linkcode SyncWebSocket.close} gives: how the connection has ended. */
export type SyncCloseResult = [wasClean: boolean, code: number, reason: string];

/** What can be sent: text or bytes. */
export type SyncSendable = string | ArrayBuffer | ArrayBufferView;

/** What every call gives in a state that it does not fit. */
const WRONG_STATE: SyncCloseResult = [false, 1006, "wrong state"];

/**
 * The synchronous client of lua-websockets (`client.sync`, `client.new`): each call waits for its result and gives it as a list, as Lua's functions
 * return several values. Here the calls are awaited. Failures are results, too; only misuse throws.
 *
 * What differs from lua-websockets: `timeout` is in ms; pings are answered and never returned by `receive`, as RFC 6455 wants it; `close`
 * waits for the peer's close frame even if messages come before it; the masks and the codes of the peer are checked.
 *
 * @example
 * ```ts
 * import { SyncWebSocket } from "@sluice/sockets/socket";
 * import { serveWebSocket } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = await serveWebSocket({
 *   hostname: "127.0.0.1",
 *   protocols: { echo: (ws) => void ws.on("message", (data) => ws.send(data)) },
 * });
 *
 * const client = new SyncWebSocket({ timeout: 2000 });
 * const [ok, protocol] = await client.connect(`ws://127.0.0.1:${server.port}`, "echo");
 * assertEquals([ok, protocol], [true, "echo"]);
 * await client.send("hello");
 * const [message, opcode] = await client.receive();
 * assertEquals([message, opcode], ["hello", SyncWebSocket.TEXT]);
 * const [wasClean, code] = await client.close(4001, "lost interest");
 * assertEquals([wasClean, code], [true, 4001]);
 * ```
 */
export class SyncWebSocket implements AsyncDisposable {
  static {
    defineInspect(
      SyncWebSocket,
      ({ state, connection }) => ({ state, connection: connection ?? undefined }),
    );
  }

  /** The opcode of a further fragment: 0. */
  static readonly CONTINUATION: 0 = WebSocketOpcode.CONTINUATION;
  /** The opcode of a text message: 1. */
  static readonly TEXT: 1 = WebSocketOpcode.TEXT;
  /** The opcode of a binary message: 2. */
  static readonly BINARY: 2 = WebSocketOpcode.BINARY;
  /** The opcode of a close frame: 8. */
  static readonly CLOSE: 8 = WebSocketOpcode.CLOSE;
  /** The opcode of a ping: 9. */
  static readonly PING: 9 = WebSocketOpcode.PING;
  /** The opcode of a pong: 10. */
  static readonly PONG: 10 = WebSocketOpcode.PONG;

  readonly #options: SyncWebSocketOptions;
  readonly #wait: WaitOptions;
  #ws: WebSocketConnection | null = null;
  #state: "CLOSED" | "CONNECTING" | "OPEN" = "CLOSED";
  readonly #failures = new FailedCalls();
  #giveUp: AbortController | null = null;
  /** Resolves when nothing is being connected. */
  #settled: Promise<void> = Promise.resolve();

  /**
   * Makes a client that is not connected.
   *
   * @throws {TypeError} for an option that goes to `connect`, or has another name here; for a signal that is none.
   * @throws {RangeError} if the timeout is negative or no number, or too long for a timer.
   */
  constructor(options: SyncWebSocketOptions = {}) {
    const { timeout, signal, ...rest } = options;
    checkLuaOptions(options, "timeout");
    isBounded("connect", { timeout, signal });
    this.#wait = { timeout, signal };
    this.#options = rest;
  }

  /** `"CLOSED"` before `connect` and after the end, `"OPEN"` in between. */
  get state(): "CLOSED" | "CONNECTING" | "OPEN" {
    return this.#state;
  }

  /** The connection below, with all that it can; `null` when there is none. Do not read from it beside `receive`. */
  get connection(): WebSocketConnection | null {
    return this.#ws;
  }

  /**
   * Connects to a `ws:` or `wss:` URL. The errors are `wrong state` when it is connected, `bad protocol` for other schemes, `connection refused`,
   * `host not found`, `timeout`, `aborted`, `closed`, `Websocket Handshake failed: …`, or a sentence.
   *
   * @param protocol the subprotocols to offer, best first.
   * @param tls how a `wss:` server is checked, and the client's certificate.
   * @throws {TypeError} (rejects) for what is no URL, a subprotocol that is no token, and options that can't be honoured.
   */
  async connect(
    url: string,
    protocol: string | readonly string[] = [],
    tls?: LuaTlsParams,
  ): Promise<SyncConnectResult> {
    if (this.#state !== "CLOSED") return this.#failed([null, "wrong state"]);
    if (isForeignScheme(url)) return this.#failed([null, "bad protocol"]);
    this.#state = "CONNECTING";
    const settled = Promise.withResolvers<void>();
    this.#settled = settled.promise;
    const deadline = deadlineSignal("connect", this.#wait);
    const aborter = this.#giveUp = new AbortController();
    deadline.onfire((error) => aborter.abort(error));
    try {
      const ws = await connectWebSocket(url, {
        ...this.#options,
        protocols: protocol === "" ? [] : protocol,
        tls,
        signal: aborter.signal,
        connectTimeout: 0,
        handshakeTimeout: 0,
      });
      // It was there already, and nobody waits for it any more.
      if (aborter.signal.aborted) {
        ws.terminate();
        throw abortError("connect", aborter.signal);
      }
      this.#ws = ws;
      this.#state = "OPEN";
      return [true, ws.protocol, headerTable(ws.headers)];
    } catch (error) {
      this.#state = "CLOSED";
      if (error instanceof TypeError || error instanceof RangeError) throw error;
      // With a signal that has fired it failed at once.
      return this.#failed([null, luaText(deadline.fired ?? error)]);
    } finally {
      deadline.clear();
      this.#giveUp = null;
      settled.resolve();
    }
  }

  /**
   * Sends a message, and waits while the peer reads too slowly. When that takes longer than the timeout the connection is cut.
   *
   * @param opcode `TEXT` or `BINARY`; or `PONG`, or `PING` without data: the pong to it is not waited for; by default `TEXT` for text, `BINARY` for bytes
   * @throws {TypeError} (rejects) for data that is neither text nor bytes, bytes that are no UTF-8 as `TEXT`, and other opcodes.
   * @throws {RangeError} (rejects) for more than 125 bytes as `PONG`.
   */
  async send(data: SyncSendable, opcode?: 1 | 2 | 9 | 10): Promise<SyncSendResult> {
    const ws = this.#ws;
    if (ws === null || this.#state !== "OPEN") return this.#failed([null, ...WRONG_STATE]);
    if (opcode === SyncWebSocket.PING || opcode === SyncWebSocket.PONG) {
      const payload = bytesOf(data);
      // What came before the end is still to be received, so the state is left to `receive`.
      if (ws.state === "closed") return this.#failed([null, ...endOf(await ws.closed)]);
      if (ws.state === "closing") return this.#failed([null, ...WRONG_STATE]);
      return sendControl(ws, payload, opcode);
    }
    if (opcode !== undefined && opcode !== 1 && opcode !== 2) {
      throw new TypeError(`Cannot send a message with the opcode ${String(opcode)}`);
    }
    try {
      await ws.send(data, { opcode, ...this.#wait });
      return [true];
    } catch (error) {
      if (error instanceof TypeError) throw error;
      // What came before the end is still to be received, so the state is left to `receive`.
      if (ws.state === "closed") return this.#failed([null, ...endOf(await ws.closed)]);
      this.#cut(ws);
      return [null, false, 1006, luaText(error)];
    }
  }

  /**
   * Waits for the next message: text as a string, binary as bytes. At the end of the connection, or when none comes within the timeout, it
   * gives two times `null`, and the connection is closed then.
   */
  async receive(): Promise<SyncReceiveResult> {
    const ws = this.#ws;
    if (ws === null || this.#state !== "OPEN") return this.#failed([null, null, ...WRONG_STATE]);
    try {
      const received = await ws.receive(this.#wait);
      if (received.data !== undefined) return [received.data, received.opcode];
      if (this.#ws === ws) this.#forget();
      return [null, null, ...endOf(received)];
    } catch (error) {
      this.#cut(ws);
      return [null, null, false, 1006, luaText(error)];
    }
  }

  /**
   * Closes the connection: sends a close frame, and waits for the peer's. Messages that come before it are dropped.
   *
   * @param code 1000, or another that may be sent; 1000 by default
   * @param reason up to 123 bytes of text.
   * @returns Whether the peer answered, and the code and the reason that it answered with.
   * @throws {RangeError} (rejects) for a code that must not be sent.
   * @throws {TypeError} (rejects) for a reason that is too long.
   */
  async close(code: number = 1000, reason: string = ""): Promise<SyncCloseResult> {
    const ws = this.#ws;
    if (ws === null || this.#state !== "OPEN") return this.#failed([...WRONG_STATE]);
    const closing = ws.close(code, reason, this.#wait);
    this.#forget();
    try {
      return endOf(await closing);
    } catch (error) {
      ws.terminate();
      await ws.closed;
      return [false, 1006, luaText(error)];
    }
  }

  /** Closes the connection, or gives up connecting. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#giveUp?.abort();
    await this.#settled;
    await this.close();
  }

  /** The result of a call that failed at once. */
  async #failed<T>(result: T): Promise<T> {
    await this.#failures.add();
    return result;
  }

  #forget(): void {
    this.#ws = null;
    this.#state = "CLOSED";
  }

  #cut(ws: WebSocketConnection): void {
    if (this.#ws === ws) this.#forget();
    ws.terminate();
  }
}

function sendControl(ws: WebSocketConnection, payload: Uint8Array, opcode: 9 | 10): SyncSendResult {
  if (opcode === SyncWebSocket.PONG) ws.pong(payload);
  else if (payload.length > 0) {
    throw new TypeError("Cannot send a ping with data: what it carries is the connection's own");
  } else void ws.ping();
  return [true];
}

function bytesOf(data: SyncSendable): Uint8Array {
  if (typeof data === "string") return new TextEncoder().encode(data);
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  throw new TypeError("Cannot send: the data is neither text nor bytes");
}

/** How the connection ended, as lua-websockets tells it. */
function endOf({ wasClean, code, reason, error }: WebSocketCloseInfo): SyncCloseResult {
  if (error === undefined) return [wasClean, code, reason];
  if (error.code === "CONTINUATION") return [false, 1002, "protocol error"];
  if (error.code === "CLOSE_TIMEOUT") return [false, code, "timeout"];
  const lost = error.code === "CONNECTION_LOST";
  return [false, code, reason || (lost ? "closed" : error.message)];
}
