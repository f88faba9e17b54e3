// Floor 3: driver.
import { setImmediate } from "node:timers";
import { defineInspect } from "../buffer/define_inspect.ts";
import { bytesOf } from "./_connection_parts.ts";
import { Inbox } from "./_inbox.ts";
import { shownUrl } from "./_shown_url.ts";
import { expectedChoice } from "./_tokens.ts";
import { UnsentMessages } from "./_unsent_messages.ts";
import { connectWebSocket, type ConnectWebSocketOptions } from "./client.ts";
import type { WebSocketConnection } from "./connection.ts";
import { WebSocketHandshakeError } from "./errors.ts";
import { checkSubprotocols } from "./handshake.ts";
import type { WebSocketCloseInfo, WebSocketData } from "./types.ts";
import { parseWebSocketUrl } from "./url.ts";

/** Options of {@linkcode StandardWebSocket}, beyond what the browser's has. `slowReader` is `"close"` unless it is set: nobody would hear of a message that is refused. */
export interface StandardWebSocketOptions extends Omit<ConnectWebSocketOptions, "signal"> {}

/**
 * The events that the `EventTarget` below can tell. A page that is imitated (jsdom, happy-dom) may put its own in `globalThis` later.
 */
const EVENTS = { Event, MessageEvent, CloseEvent, ErrorEvent };

/** From how many bytes on that wait to be told the server is held back. */
const MAX_UNTOLD = 65_536;

/** What the `on…` properties of {@linkcode StandardWebSocket} take. */
export type StandardWebSocketHandler<E extends Event> =
  | ((this: WebSocket, event: E) => unknown)
  | null;

/**
 * The browser's `WebSocket` over our own connection: for libraries that take a WebSocket constructor, or expect one in
 * `globalThis`.
 *
 * Events come one in a turn of the event loop: who awaits one can listen for the next one then. `connectWebSocket` is faster.
 *
 * It checks the handshake, compresses if asked to, has the limits of `connectWebSocket`, and closes with the codes of the RFC.
 * As in browsers, a server that chooses none of the subprotocols that were offered is refused.
 * Its third parameter takes `connectWebSocket`'s options; so may its second.
 *
 * @example
 * ```ts
 * import { serveWebSocket, StandardWebSocket } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = await serveWebSocket({
 *   hostname: "127.0.0.1",
 *   default: (ws) => void ws.on("message", (data) => ws.send(data)),
 * });
 * const ws = new StandardWebSocket(`ws://127.0.0.1:${server.port}`);
 * const data = await new Promise((resolve) => {
 *   ws.onopen = () => ws.send("hello");
 *   ws.onmessage = (event) => resolve(event.data);
 * });
 * assertEquals(data, "hello");
 * const closed = new Promise<CloseEvent>((resolve) => ws.onclose = resolve);
 * ws.close(1000);
 * assertEquals((await closed).wasClean, true);
 * ```
 */
export class StandardWebSocket extends EventTarget {
  /** The connection is being opened. */
  declare static readonly CONNECTING: 0;
  /** Messages can be sent. */
  declare static readonly OPEN: 1;
  /** The closing handshake is under way. */
  declare static readonly CLOSING: 2;
  /** The connection has ended, or was never opened. */
  declare static readonly CLOSED: 3;
  /** The connection is being opened. */
  declare readonly CONNECTING: 0;
  /** Messages can be sent. */
  declare readonly OPEN: 1;
  /** The closing handshake is under way. */
  declare readonly CLOSING: 2;
  /** The connection has ended, or was never opened. */
  declare readonly CLOSED: 3;

  static {
    // Where Web IDL has them: the class and the prototype, and nobody can change them.
    ["CONNECTING", "OPEN", "CLOSING", "CLOSED"].forEach((name, value) => {
      for (const holder of [this, this.prototype]) {
        Object.defineProperty(holder, name, { value, enumerable: true });
      }
    });
    const { constructor: _, ...members } = Object.getOwnPropertyDescriptors(this.prototype);
    for (const [name, member] of Object.entries(members)) {
      Object.defineProperty(this.prototype, name, { ...member, enumerable: true });
    }
    Object.defineProperty(this.prototype, Symbol.toStringTag, {
      value: "WebSocket",
      configurable: true,
    });
    defineInspect(StandardWebSocket, (ws) => ({
      readyState: ws.readyState,
      url: shownUrl(ws.#url),
      protocol: ws.protocol || undefined,
      extensions: ws.extensions || undefined,
      binaryType: ws.binaryType,
      bufferedAmount: ws.bufferedAmount,
    }));
  }

  readonly #url: string;
  readonly #origin: string;
  readonly #abort = new AbortController();
  #state: 0 | 1 | 2 | 3 = 0;
  #connection: WebSocketConnection | undefined;
  /** `open` or `message` is being told: it is of the time before the server began to close. */
  #telling = false;
  #binaryType: BinaryType = "blob";
  /** An event was told in this turn of the event loop: the next one waits for another turn. */
  #told = false;
  /** What waits to be told, and how the connection ended if it has. */
  readonly #untold = new Inbox();
  #end: WebSocketCloseInfo | undefined;
  /** Bytes that were given to `send` after the connection had begun to close: they count, and go nowhere. */
  #lost = 0;
  /** What was given to `send` before, and may not be sent yet. */
  #unsent: UnsentMessages | undefined;
  /** How many messages wait behind a Blob that is being read, and the Blob: they have no place on the wire yet. */
  #waiting = 0;
  readonly #handlers = new Map<string, StandardWebSocketHandler<Event>>();
  readonly #callHandler = (event: Event): void => {
    const handler = this.#handlers.get(event.type);
    // HTML standard, "the event handler processing algorithm": an object is kept and not called, and `false` cancels.
    if (typeof handler !== "function") return;
    if (handler.call(this as never, event) === false) event.preventDefault();
  };

  /**
   * Begins to open a connection. What is wrong with the options is told by an `error` event.
   *
   * @throws {DOMException} `SyntaxError` for a bad URL or subprotocol.
   * @throws {TypeError} Without a URL, and for a symbol.
   */
  constructor(
    url: string | URL,
    protocols: string | Iterable<string> | StandardWebSocketOptions = [],
    options: StandardWebSocketOptions = {},
  ) {
    super();
    if (arguments.length === 0) throw new TypeError("Cannot open a WebSocket: there is no URL");
    const address = `${url}`;
    const given = typeof protocols !== "object" || Symbol.iterator in Object(protocols);
    const settings: StandardWebSocketOptions =
      (given ? options : protocols as StandardWebSocketOptions) ?? {};
    const offered = subprotocols(given ? protocols as Iterable<string> : settings.protocols ?? []);
    try {
      checkSubprotocols(offered);
      parseWebSocketUrl(address);
    } catch (error) {
      throw new DOMException((error as Error).message, "SyntaxError");
    }
    const parsed = new URL(address);
    if (parsed.protocol === "http:") parsed.protocol = "ws:";
    if (parsed.protocol === "https:") parsed.protocol = "wss:";
    this.#url = parsed.href;
    this.#origin = parsed.origin;
    this.#open(address, {
      ...settings,
      // As the standard has it: what can't be queued any more ends the connection.
      slowReader: settings.slowReader ?? "close",
      protocols: offered,
      signal: this.#abort.signal,
    });
  }

  async #open(
    url: string,
    options: ConnectWebSocketOptions & { protocols: readonly string[] },
  ): Promise<void> {
    let ws: WebSocketConnection;
    try {
      ws = await connectWebSocket(url, options);
      checkChoice(ws, options.protocols);
    } catch (error) {
      // Who has just called `close` can listen for the end, as for all other events.
      setImmediate(() =>
        this.#tellEnd({ code: 1006, reason: "", wasClean: false }, error as Error)
      );
      return;
    }
    this.#connection = ws;
    ws.on("close", (info) => {
      this.#end = info;
      if (!this.#told) this.#nextTurn();
    });
    if (this.#state === 2) {
      ws.terminate();
      return;
    }
    this.#state = 1;
    ws.on("message", (data) => this.#onMessage(ws, data));
    this.#tell(new EVENTS.Event("open"));
  }

  #tell(event: Event): void {
    this.#telling = true;
    this.dispatchEvent(event);
    this.#telling = false;
    this.#told = true;
    setImmediate(() => this.#nextTurn());
  }

  /**
   * Each event is a task of its own, as the standard has it: who awaits one can listen for the next one then, although
   * both came together.
   */
  #onMessage(ws: WebSocketConnection, data: WebSocketData): void {
    if (!this.#told) return this.#tellMessage(data);
    this.#untold.push(data);
    // Behind a close frame there is nothing to hold back.
    if (this.#untold.size >= MAX_UNTOLD && ws.state === "open") ws.pause();
  }

  #nextTurn(): void {
    this.#told = false;
    while (!this.#told && this.#untold.count > 0) this.#tellMessage(this.#untold.shift()!);
    if (this.#told) return;
    if (this.#end !== undefined) this.#onClose(this.#end);
    else this.#connection!.resume();
  }

  #tellMessage(data: WebSocketData): void {
    // "If ready state is not OPEN (1), then return." WebSockets standard, §"Feedback from the protocol"
    if (this.#state !== 1) return;
    let value: string | ArrayBuffer | Blob;
    if (typeof data === "string") value = data;
    else if (this.#binaryType === "blob") value = new Blob([data as Uint8Array<ArrayBuffer>]);
    else value = (data as Uint8Array<ArrayBuffer>).slice().buffer;
    this.#tell(new EVENTS.MessageEvent("message", { data: value, origin: this.#origin }));
  }

  #onClose(info: WebSocketCloseInfo): void {
    // What is under way may still be told of as written: it counts as lost.
    this.#lost = this.bufferedAmount;
    this.#unsent = undefined;
    this.#tellEnd(info, info.error);
  }

  /** In browsers microtasks run between `error` and `close`; here a turn does, for those who await the one and then the other. */
  #tellEnd({ code, reason, wasClean }: CloseEventInit, error: Error | undefined): void {
    this.#state = 3;
    const close = () => {
      this.dispatchEvent(new EVENTS.CloseEvent("close", { code, reason, wasClean }));
    };
    if (wasClean) return close();
    this.dispatchEvent(new EVENTS.ErrorEvent("error", { error, message: error?.message }));
    setImmediate(close);
  }

  /** The URL, without a fragment. */
  get url(): string {
    return this.#url;
  }

  /** 0 (CONNECTING), 1 (OPEN), 2 (CLOSING) or 3 (CLOSED). */
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#telling || this.#untold.count > 0 ? this.#state : this.#sendState;
  }

  /** The same, but without regard to what is being told. */
  get #sendState(): 0 | 1 | 2 | 3 {
    return this.#state === 1 && this.#connection!.state !== "open" ? 2 : this.#state;
  }

  /**
   * Bytes that were given to `send` and are not sent. What frames add does not count, nor does what is refused while the connection
   * lives on (with `slowReader: "wait"`). Once the connection has ended it goes down no more.
   */
  get bufferedAmount(): number {
    const ws = this.#connection;
    if (ws === undefined) return this.#lost;
    return (this.#unsent?.bytes(bytesOf.written(ws)) ?? 0) + this.#lost;
  }

  /** The extensions that the server chose. */
  get extensions(): string {
    return this.#connection?.extensions ?? "";
  }

  /** The subprotocol that the server chose. */
  get protocol(): string {
    return this.#connection?.protocol ?? "";
  }

  /**
   * What binary messages are given as: `"blob"` or `"arraybuffer"`.
   *
   * @default {"blob"}
   */
  get binaryType(): BinaryType {
    return this.#binaryType;
  }
  set binaryType(value: BinaryType) {
    const type = `${value}`;
    if (type === "blob" || type === "arraybuffer") this.#binaryType = type;
  }

  /** Called when the connection is open. */
  get onopen(): StandardWebSocketHandler<Event> {
    return this.#handlers.get("open") ?? null;
  }
  set onopen(handler: StandardWebSocketHandler<Event>) {
    this.#handle("open", handler);
  }

  /** Called for each message. */
  get onmessage(): StandardWebSocketHandler<MessageEvent> {
    return this.#handlers.get("message") as StandardWebSocketHandler<MessageEvent> ?? null;
  }
  set onmessage(handler: StandardWebSocketHandler<MessageEvent>) {
    this.#handle("message", handler as StandardWebSocketHandler<Event>);
  }

  /** Called when the connection failed; `close` follows. */
  get onerror(): StandardWebSocketHandler<Event> {
    return this.#handlers.get("error") ?? null;
  }
  set onerror(handler: StandardWebSocketHandler<Event>) {
    this.#handle("error", handler);
  }

  /** Called when the connection has ended. */
  get onclose(): StandardWebSocketHandler<CloseEvent> {
    return this.#handlers.get("close") as StandardWebSocketHandler<CloseEvent> ?? null;
  }
  set onclose(handler: StandardWebSocketHandler<CloseEvent>) {
    this.#handle("close", handler as StandardWebSocketHandler<Event>);
  }

  /** A handler keeps its place among the listeners when it is exchanged, and loses it when it is taken off. */
  #handle(type: string, handler: StandardWebSocketHandler<Event>): void {
    if (Object(handler) === handler) {
      this.#handlers.set(type, handler);
      super.addEventListener(type, this.#callHandler as EventListener);
    } else {
      this.#handlers.delete(type);
      super.removeEventListener(type, this.#callHandler as EventListener);
    }
  }

  /**
   * Sends a message. Once the connection is closing it is dropped without a word, as the standard says.
   *
   * @throws {DOMException} `InvalidStateError` while the connection is being opened.
   * @throws {TypeError} Without a message, and for a symbol.
   */
  send(data: string | ArrayBuffer | ArrayBufferView | Blob): void {
    if (arguments.length === 0) throw new TypeError("Cannot send: there is no message");
    const message = typeof data === "string" || data instanceof ArrayBuffer ||
        ArrayBuffer.isView(data) || data instanceof Blob
      ? data
      : `${data}`;
    const state = this.#sendState;
    if (state === 0) {
      throw new DOMException("Cannot send: the connection is not open yet", "InvalidStateError");
    }
    if (state !== 1) this.#lost += sizeOf(message);
    else this.#send(this.#connection!, message);
  }

  #send(ws: WebSocketConnection, message: string | ArrayBuffer | ArrayBufferView | Blob): void {
    const compressed = ws.extensions !== "";
    const unsent = this.#unsent ??= new UnsentMessages(compressed);
    const written = bytesOf.written(ws);
    const before = ws.bufferedAmount;
    const sent = ws.send(message);
    const after = ws.bufferedAmount;
    if (after <= before) {
      // The queue was full: it is refused, or has ended the connection.
      if (ws.state !== "open") this.#lost += sizeOf(message);
    } else if (this.#waiting > 0 || message instanceof Blob) {
      const waiting = unsent.add(sizeOf(message), null, written);
      this.#waiting++;
      sent.then(() => {
        this.#waiting--;
        waiting.end = bytesOf.written(ws) + bytesOf.queued(ws);
      }, () => {
        this.#waiting--;
        // It was refused (the Blob can't be read, or the queue is full); what the end of the connection came before still counts.
        if (ws.state === "open") unsent.remove(waiting);
      });
    } else {
      // A text that is sent as it is need not be measured again.
      const measured = typeof message === "string" && !compressed;
      const size = measured ? payloadOf(after - before) : sizeOf(message);
      unsent.add(size, written + after, written);
    }
  }

  /**
   * Begins the closing handshake, or gives up opening.
   *
   * @throws {DOMException} `InvalidAccessError` for a code other than 1000 and 3000 to 4999, `SyntaxError` for a reason of more than 123 bytes.
   * @throws {TypeError} For a symbol, and a bigint as the code.
   */
  close(code?: number, reason: string = ""): void {
    const status = code === undefined ? undefined : toUnsignedShort(code);
    // As browsers have it, anything is a reason that can be made a string of.
    const text = `${reason}`;
    if (status !== undefined && status !== 1000 && !(status >= 3000 && status <= 4999)) {
      throw new DOMException(
        `Cannot close with code ${code}: it takes 1000, or 3000 to 4999`,
        "InvalidAccessError",
      );
    }
    if (new TextEncoder().encode(text).length > 123) {
      throw new DOMException("Cannot close: the reason has more than 123 bytes", "SyntaxError");
    }
    if (this.#state >= 2) return;
    if (this.#state === 0) {
      this.#state = 2;
      this.#abort.abort();
      return;
    }
    this.#state = 2;
    if (status === undefined && text === "") this.#connection!.close({});
    else this.#connection!.close(status ?? 1000, text);
  }
}

/** The listeners that an `EventTarget` has, with the types of the four events. */
export interface StandardWebSocket {
  /** Adds a listener; those of the four events know what they get. */
  addEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: (this: WebSocket, event: WebSocketEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** Adds a listener. */
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** Takes a listener away. */
  removeEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: (this: WebSocket, event: WebSocketEventMap[K]) => unknown,
    options?: boolean | EventListenerOptions,
  ): void;
  /** Takes a listener away. */
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/**
 * RFC 6455 lets a server choose none of the subprotocols that it was offered; browsers do not.
 * WebSockets standard, §"Opening handshake"
 */
function checkChoice(ws: WebSocketConnection, offered: readonly string[]): void {
  if (offered.length === 0 || ws.protocol !== "") return;
  ws.terminate();
  const expected = expectedChoice(offered);
  throw new WebSocketHandshakeError(
    `Cannot open the WebSocket to "${
      parseWebSocketUrl(ws.url).display
    }": the server's header "Sec-WebSocket-Protocol" has to be ${expected}, it is absent`,
    { code: "HANDSHAKE_PROTOCOL", header: "Sec-WebSocket-Protocol", expected },
  );
}

/** What browsers make of anything that is given as a code: Web IDL, `[Clamp] unsigned short`. */
function toUnsignedShort(value: unknown): number {
  // Not by `Number()`: that takes a bigint, too.
  const number = Math.min(Math.max(+(value as number) || 0, 0), 65_535);
  const rounded = Math.round(number);
  // A half goes to the even neighbour.
  return rounded - number === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

/** What a client's frame of so many bytes carries: a text need not be measured again. */
function payloadOf(frame: number): number {
  return Math.max(0, frame - (frame <= 131 ? 6 : frame <= 65_543 ? 8 : 14));
}

function sizeOf(data: string | ArrayBuffer | ArrayBufferView | Blob): number {
  if (typeof data === "string") return new TextEncoder().encode(data).length;
  return data instanceof Blob ? data.size : data.byteLength;
}

/** One name, or several: the standard takes whatever can be gone through, and makes text of it (of symbols it can't). */
function subprotocols(given: string | Iterable<string>): string[] {
  const names = typeof given === "object" ? given : [given];
  return Array.from(names, (name) => `${name}`);
}
