// Floor 3: driver.
import { defineInspect } from "../buffer/define_inspect.ts";
import type { Transport, TransportAddr } from "../net/transport.ts";
import { WriteHold } from "../net/write_hold.ts";
import {
  checkWaitOptions,
  deadlineSignal,
  isBounded,
  waitFor,
  type WaitOptions,
} from "../net/wait.ts";
import { createCompression } from "./_compression.ts";
import {
  bytesOf,
  closedError,
  type ConnectionHost,
  ConnectionParts,
  type Link,
  type LinkEvents,
} from "./_connection_parts.ts";
import { type AnyListener, isListener, ListenerLists, onceListener } from "./_emitter.ts";
import type { HandshakeInfo } from "./_handshake_info.ts";
import { Inbox } from "./_inbox.ts";
import { IncomingStream } from "./_incoming_stream.ts";
import { MessageStreams } from "./_message_streams.ts";
import { checkCastOptions } from "./_option_names.ts";
import {
  checkPingOptions,
  checkSendOptions,
  isParts,
  toBytes,
  toMessage,
  withOpcode,
} from "./_outgoing.ts";
import { PendingPings } from "./_pending_pings.ts";
import { RawLink } from "./_raw_link.ts";
import { queueFullError, SendLine } from "./_send_line.ts";
import { shownUrl } from "./_shown_url.ts";
import { reportUncaught } from "./_uncaught.ts";
import { type WaiterForm, Waiters, wholeStream } from "./_waiters.ts";
import { resolveConnectionOptions, type ResolvedConnectionOptions } from "./connection_options.ts";
import type {
  ReceivedClose,
  ReceivedMessage,
  ReceivedStream,
  WebSocketConnectionInit,
  WebSocketEvents,
  WebSocketOpenInfo,
  WebSocketSendable,
  WebSocketSendOptions,
} from "./connection_types.ts";
import { WebSocketError } from "./errors.ts";
import { checkDeflateOptions } from "./permessage_deflate.ts";
import type {
  WebSocketCloseInfo,
  WebSocketData,
  WebSocketMessageOpcode,
  WebSocketState,
} from "./types.ts";

/** What `send` returns when there is nothing to wait for. */
const DONE: Promise<void> = Promise.resolve();
/** Blobs up to this size are sent in one frame, in bytes; larger ones, too, where there are no parts. */
const SMALL_BLOB = 65_536;

/** What `publish` and `broadcast` take. */
const CAST_OPTIONS = { compress: true };

/** A promise that nobody has to catch: not awaiting `send` must not end the program. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

let createPort: (connection: WebSocketConnection) => LinkEvents;

/**
 * A WebSocket connection, on a client or on a server: one object that can be used in four styles.
 *
 * - **Events**: `on("message", …)`. Listeners are called synchronously as the bytes are parsed. It is the fastest way.
 * - **Pull**: `receive()`, or `for await (const message of ws)`.
 * - **Web streams**: `readable` and `writable`, as `WebSocketStream` has them.
 * - **Piece by piece**: `send` takes an iterable or a stream, `receiveStream()` gives a message while it comes.
 *
 * The styles mix by these rules. Each message goes to exactly one taker: to the one who has waited longest in
 * `receive()`, an iterator, `readable` or `receiveStream()`; if nobody waits, to the `message` listeners; if there are none, it is kept
 * for whoever comes next. What is kept is bounded: at `maxInboxBytes` bytes reading stops, and so does the peer.
 * A listener that is added gets what was kept first.
 *
 * A listener that throws, or whose promise rejects, ends this connection with 1011 and nothing else; `error` tells of it, or else the
 * console.
 *
 * @example Events
 * ```ts
 * import { pair } from "@sluice/sockets/net";
 * import { WebSocketConnection } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const [a, b] = pair();
 * const client = new WebSocketConnection(a, { role: "client" });
 * const server = new WebSocketConnection(b, { role: "server" });
 * server.on("message", (data) => server.send(`you said ${data}`));
 * await client.send("hello");
 * const { data } = await client.receive();
 * assertEquals(data, "you said hello");
 * const { wasClean, code } = await client.close(1000, "bye");
 * assertEquals([wasClean, code], [true, 1000]);
 * await server.closed;
 * ```
 *
 * @example Pull
 * ```ts
 * import { pair } from "@sluice/sockets/net";
 * import { WebSocketConnection } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const [a, b] = pair();
 * const client = new WebSocketConnection(a, { role: "client" });
 * const server = new WebSocketConnection(b, { role: "server" });
 * const got: unknown[] = [];
 * const reading = (async () => {
 *   for await (const message of server) got.push(message);
 * })();
 * await client.send("one");
 * await client.send("two");
 * await client.close();
 * await reading;
 * assertEquals(got, ["one", "two"]);
 * await server.closed;
 * ```
 */
export class WebSocketConnection implements AsyncDisposable, AsyncIterable<WebSocketData> {
  static {
    // The way in for the link, without a public method: it is told what comes, and nobody else.
    class Port implements LinkEvents {
      readonly #ws: WebSocketConnection;
      constructor(ws: WebSocketConnection) {
        this.#ws = ws;
      }
      message(data: WebSocketData, opcode: WebSocketMessageOpcode): void {
        this.#ws.#deliver(data, opcode);
      }
      piece(bytes: Uint8Array, opcode: WebSocketMessageOpcode, last: boolean): void {
        this.#ws.#deliverPiece(bytes, opcode, last);
      }
      ping(payload: Uint8Array): void {
        if (this.#ws.#listeners !== undefined) this.#ws.#emit("ping", payload);
      }
      pong(payload: Uint8Array): void {
        this.#ws.#pings?.answer(payload);
        if (this.#ws.#listeners !== undefined) this.#ws.#emit("pong", payload);
      }
      drain(): void {
        this.#ws.#draining = undefined;
        this.#ws.#emit("drain");
      }
      error(error: WebSocketError): void {
        this.#ws.#emit("error", error);
      }
      get kept(): number {
        const inbox = this.#ws.#inbox;
        return inbox === undefined ? 0 : inbox.size;
      }
      get paused(): boolean {
        return this.#ws.#paused;
      }
      closed(info: WebSocketCloseInfo): void {
        this.#ws.#end(info);
      }
    }
    createPort = (connection) => new Port(connection);
    const linkOf = (connection: object) => (connection as WebSocketConnection).#link;
    bytesOf.written = (connection) => linkOf(connection).written;
    bytesOf.queued = (connection) => linkOf(connection).queued;
    defineInspect(WebSocketConnection, (ws) => ({
      state: ws.state,
      url: shownUrl(ws.url) || undefined,
      protocol: ws.protocol || undefined,
      extensions: ws.extensions || undefined,
      localAddr: ws.localAddr,
      remoteAddr: ws.remoteAddr,
      bufferedAmount: ws.bufferedAmount,
    }));
  }

  readonly #link: Link;
  readonly #options: ResolvedConnectionOptions;
  readonly #info: HandshakeInfo | undefined;
  readonly #host: ConnectionHost | undefined;

  #listeners: ListenerLists<keyof WebSocketEvents> | undefined;
  #onmessage: readonly AnyListener[] | undefined;
  #inbox: Inbox | undefined;
  #waiters: Waiters | undefined;
  #incoming: IncomingStream | undefined;
  /** Reasons not to read. */
  #paused = false;
  #inboxFull = false;
  #streamFull = false;
  #betweenStreams = false;
  #closing = false;
  #closeInfo: WebSocketCloseInfo | undefined;
  #closed: PromiseWithResolvers<WebSocketCloseInfo> | undefined;

  /** Messages in line behind one that is sent in parts; `undefined` until there is one. */
  #line: SendLine | undefined;
  #draining: Promise<void> | undefined;
  #pings: PendingPings | undefined;
  #streams: MessageStreams | undefined;

  /** Somebody pulls messages out: what it sends is held back until it has taken all that came together. */
  #hold: WriteHold | undefined;

  /**
   * Makes a connection over a transport on which the opening handshake is done (or not wanted, as over `pair()`).
   * `connectWebSocket` and `serveWebSocket` make the handshake, too.
   *
   * @throws {RangeError} If a limit or a time is out of range.
   */
  constructor(transport: Transport, init: WebSocketConnectionInit);
  constructor(from: Transport | ConnectionParts, init?: WebSocketConnectionInit) {
    const parts = from instanceof ConnectionParts ? from : partsOver(from, init!);
    this.#link = parts.link;
    this.#options = parts.options;
    this.#info = parts.info;
    this.#host = parts.host;
    this.#link.start(createPort(this));
  }

  /** The subprotocol that was agreed on, or the empty string. */
  get protocol(): string {
    return this.#link.protocol;
  }

  /** The extensions that were agreed on, as the header says them, or the empty string. */
  get extensions(): string {
    return this.#link.extensions;
  }

  /** The URL of the connection; empty if the handshake was made elsewhere. */
  get url(): string {
    return this.#info?.url ?? "";
  }

  /** The headers of the peer's opening handshake: the client's request on a server, the server's response on a client. */
  get headers(): Headers {
    return this.#info?.headers ?? new Headers();
  }

  /** The client's opening request, on a server. A new object each time. */
  get request(): Request | undefined {
    return this.#info?.request;
  }

  /**
   * What `authorize` has let the client in with (`{ data }`), on a server: the user that a token stands for, perhaps.
   * `undefined` elsewhere.
   *
   * @example
   * ```ts
   * import { connectWebSocket, serveWebSocket } from "@sluice/sockets/websocket";
   * import { assertEquals } from "@std/assert";
   *
   * const users = new Map([["s3cret", { name: "ann" }]]); // your session store
   * await using server = await serveWebSocket({
   *   hostname: "127.0.0.1",
   *   authorize(request) {
   *     const user = users.get(request.headers.get("authorization") ?? "");
   *     return user !== undefined && { data: user };
   *   },
   *   default: (ws) => void ws.send(`hello ${(ws.data as { name: string }).name}`),
   * });
   * const headers = { authorization: "s3cret" };
   * await using ws = await connectWebSocket(`ws://127.0.0.1:${server.port}`, { headers });
   * assertEquals((await ws.receive()).data, "hello ann");
   * ```
   */
  get data(): unknown {
    return this.#info?.data;
  }

  /** The address of this end. */
  get localAddr(): TransportAddr {
    return this.#link.localAddr;
  }

  /** The address of the other end. */
  get remoteAddr(): TransportAddr {
    return this.#link.remoteAddr;
  }

  /** `"open"`, then `"closing"` from the first close frame on, then `"closed"`. */
  get state(): WebSocketState {
    if (this.#closeInfo !== undefined) return "closed";
    return this.#link.open && !this.#closing ? "open" : "closing";
  }

  /** The state by the number that browsers and npm's ws have for it: `WebSocket.OPEN`, `CLOSING` or `CLOSED`. */
  get readyState(): 1 | 2 | 3 {
    const { state } = this;
    return state === "open" ? 1 : state === "closing" ? 2 : 3;
  }

  /** Bytes that wait to be sent. */
  get bufferedAmount(): number {
    return this.#link.queued + (this.#line === undefined ? 0 : this.#line.bytes);
  }

  /**
   * Messages that were not sent because the peer reads too slowly, with the policies `"drop"` and `"close"`, and messages in
   * either direction for which the servers' `limits` had no room.
   */
  get dropped(): number {
    return this.#link.dropped;
  }

  // Events.

  /**
   * Adds a listener. A `message` listener gets the messages that were kept, and from then on all that nobody waits for.
   * A `close` listener that comes after the end is told of it, too, behind those messages. Listeners are called with the
   * connection as `this`.
   *
   * @throws {TypeError} If there is no such event, or the listener is not a function.
   */
  on<E extends keyof WebSocketEvents>(event: E, listener: WebSocketEvents[E]): this {
    checkEvent(event);
    if (event === "message") this.#addMessageListener(listener as AnyListener);
    else (this.#listeners ??= new ListenerLists()).add(event, listener as AnyListener);
    if (event === "close") this.#tellLate();
    return this;
  }

  /**
   * Adds a listener that is called once.
   *
   * @throws {TypeError} If there is no such event, or the listener is not a function.
   */
  once<E extends keyof WebSocketEvents>(event: E, listener: WebSocketEvents[E]): this {
    checkEvent(event);
    if (event === "message") this.#addMessageListener(onceMessage(this, listener as AnyListener));
    else (this.#listeners ??= new ListenerLists()).addOnce(event, listener as AnyListener);
    if (event === "close") this.#tellLate();
    return this;
  }

  /** Takes a listener off. Without a `message` listener messages are kept again. */
  off<E extends keyof WebSocketEvents>(event: E, listener: WebSocketEvents[E]): this {
    if (event === "message") this.#removeMessageListener(listener as AnyListener);
    else this.#listeners?.delete(event, listener as AnyListener);
    return this;
  }

  /** A peer may leave before whoever opened the connection has it: those who listen then are told of the end all the same. */
  #tellLate(): void {
    const info = this.#closeInfo;
    if (info === undefined) return;
    queueMicrotask(() => {
      this.#deliverKept();
      this.#emit("close", info);
    });
  }

  #addMessageListener(listener: AnyListener): void {
    if (typeof listener !== "function") {
      throw new TypeError('Cannot listen for "message": the listener is not a function');
    }
    // The usual connection has one listener for messages and none for anything else: it gets along without lists.
    const before = this.#onmessage;
    this.#onmessage = before === undefined ? [listener] : [...before, listener];
    if (before !== undefined || (this.#inbox === undefined && !this.#betweenStreams)) return;
    this.#betweenStreams = false;
    // Whoever adds a listener may want to add others before the first one is called.
    queueMicrotask(() => this.#deliverKept());
  }

  #removeMessageListener(listener: AnyListener): void {
    const index = this.#onmessage?.findLastIndex((one) => isListener(one, listener)) ?? -1;
    if (index < 0) return;
    const rest = this.#onmessage!.toSpliced(index, 1);
    this.#onmessage = rest.length === 0 ? undefined : rest;
  }

  /** Hands kept messages to the listeners, until one of them pauses or is gone. */
  #deliverKept(): void {
    const inbox = this.#inbox;
    while (
      inbox !== undefined && inbox.count > 0 && !this.#paused && this.#onmessage !== undefined
    ) {
      const data = inbox.shift();
      this.#dispatch(this.#onmessage, data, typeof data === "string" ? 1 : 2);
    }
    if (inbox !== undefined && inbox.count === 0) this.#link.taken();
    this.#makeRoom();
    this.#regulate();
  }

  #dispatch(
    listeners: readonly AnyListener[],
    data: WebSocketData,
    opcode: WebSocketMessageOpcode,
  ): void {
    try {
      for (let i = 0; i < listeners.length; i++) {
        const result = (listeners[i] as WebSocketEvents["message"]).call(this, data, opcode);
        if (result !== undefined) this.#watch(result);
      }
    } catch (error) {
      this.#callbackFailed(error);
    }
  }

  #emit<E extends keyof WebSocketEvents>(event: E, ...args: Parameters<WebSocketEvents[E]>): void {
    const listeners = this.#listeners?.of(event);
    if (listeners === undefined) return;
    // Told once: who listens from now on comes late.
    if (event === "close") this.#listeners!.clear(event);
    for (const listener of listeners) {
      try {
        const result = (listener as (...args: unknown[]) => unknown).apply(this, args);
        if (result !== undefined) this.#watch(result);
      } catch (error) {
        this.#callbackFailed(error);
      }
    }
  }

  /** A listener may be an async function: its failure is a failure, too. */
  #watch(result: unknown): void {
    if (typeof result === "object" && result !== null && "then" in result) {
      Promise.resolve(result).catch((error) => this.#callbackFailed(error));
    }
  }

  #callbackFailed(cause: unknown): void {
    if (this.state !== "open" || this.#listeners?.of("error") === undefined) {
      reportUncaught("a listener of a WebSocket", cause);
    }
    this.#link.failWith(
      new WebSocketError("The WebSocket was closed: a listener threw", {
        code: "CALLBACK",
        closeCode: 1011,
        cause,
      }),
    );
  }

  // Receiving.

  #deliver(data: WebSocketData, opcode: WebSocketMessageOpcode): void {
    const waiters = this.#waiters;
    if (waiters !== undefined && waiters.some) {
      waiters.give(data, opcode);
      this.#chooseForm();
      return;
    }
    const listeners = this.#onmessage;
    const inbox = this.#inbox;
    if (listeners !== undefined && !this.#paused && (inbox === undefined || inbox.count === 0)) {
      this.#dispatch(listeners, data, opcode);
      return;
    }
    this.#keep(data);
  }

  #keep(data: WebSocketData): void {
    // Whoever closes does not want the peer to be held back: what there is no room for is not wanted either.
    if ((this.#closing && this.#inboxFull) || this.#link.dropsUnwanted()) return;
    const inbox = this.#inbox ??= new Inbox();
    inbox.push(data);
    this.#hold?.begin();
    if (!this.#inboxFull && inbox.size >= this.#options.maxInboxBytes) {
      this.#inboxFull = true;
      if (this.#link.canPause) this.#regulate();
      else this.#link.failWith(inboxError());
    }
  }

  /** Takes a kept message; there has to be one. */
  #take(): WebSocketData {
    const inbox = this.#inbox!;
    const data = inbox.shift();
    if (inbox.count === 0) this.#link.taken();
    if (this.#makeRoom()) this.#regulate();
    return data;
  }

  /** The inbox is not full any more once half of it was taken. Returns whether that has changed. */
  #makeRoom(): boolean {
    if (!this.#inboxFull || this.#inbox!.size > this.#options.maxInboxBytes >> 1) return false;
    this.#inboxFull = false;
    return true;
  }

  /** Stops or starts reading, after one of the reasons has changed. */
  #regulate(): void {
    if (this.#closeInfo !== undefined) return;
    const stop = !this.#closing &&
      (this.#paused || this.#inboxFull || this.#streamFull || this.#betweenStreams);
    if (stop) this.#link.pause();
    else this.#link.resume();
  }

  /** The next message is handed on in pieces if who gets it asked for that. */
  #chooseForm(): void {
    this.#link.streaming = this.#waiters!.wantsStream;
  }

  #wait<T>(form: WaiterForm, options: WaitOptions | undefined): Promise<T> {
    const waiters = this.#waiters ??= new Waiters();
    let waiting;
    if (options === undefined) waiting = waiters.wait<T>(form);
    else {
      const deadline = deadlineSignal("receive", options);
      if (deadline.fired !== null) return Promise.reject(deadline.fired);
      const between = this.#betweenStreams && form === "stream";
      waiting = waiters.wait<T>(form, deadline, () => {
        this.#chooseForm();
        // Who streams and gives up for now is between two messages as before.
        if (between) this.#standBetween();
      });
    }
    this.#betweenStreams = false;
    this.#chooseForm();
    this.#regulate();
    return waiting;
  }

  #standBetween(): void {
    this.#betweenStreams = !this.#awaited() && this.#onmessage === undefined;
    if (this.#betweenStreams) this.#regulate();
  }

  /** Whether somebody waits for the next message. */
  #awaited(): boolean {
    return this.#waiters !== undefined && this.#waiters.some;
  }

  /** Whether there is a message that was kept, for who comes now. */
  #hasKept(): boolean {
    return this.#inbox !== undefined && this.#inbox.count > 0 && !this.#awaited();
  }

  /**
   * Waits for the next message. At the end of the connection it resolves to how it ended, each time it is called.
   *
   * @throws {NetError} `ETIMEDOUT` or `ABORT_ERR`; the message then stays for who comes next.
   */
  receive(options?: WaitOptions): Promise<ReceivedMessage | ReceivedClose> {
    if (options !== undefined) checkWaitOptions("receive", options);
    const bounded = options !== undefined && isBounded("receive", options);
    const hold = this.#hold ??= new WriteHold(this.#link);
    if (this.#hasKept()) {
      const data = this.#take();
      return Promise.resolve({ data, opcode: typeof data === "string" ? 1 : 2 });
    }
    hold.end();
    if (this.#closeInfo !== undefined) return Promise.resolve(this.#closeInfo);
    return this.#wait("message", bounded ? options : undefined);
  }

  /**
   * Waits for the next message, and gives it while it comes: its size is not limited, and the peer is held back as
   * long as its bytes are not read.
   *
   * A message that had begun before is given as a whole, and `maxMessageSize` holds for it: a larger one ends the
   * connection with 1009. So call this before the peer may send; or call `pause()` at once when there is something else to
   * wait for first, and `resume()` after this.
   *
   * While one who streams is between two messages, nothing is read; so call it again, or `close()`.
   *
   * @throws {NetError} `ETIMEDOUT` or `ABORT_ERR`.
   *
   * @example
   * ```ts
   * import { pair } from "@sluice/sockets/net";
   * import { WebSocketConnection } from "@sluice/sockets/websocket";
   * import { assert, assertEquals } from "@std/assert";
   *
   * const [a, b] = pair();
   * const client = new WebSocketConnection(a, { role: "client" });
   * const server = new WebSocketConnection(b, { role: "server" });
   * const received = server.receiveStream();
   * await client.send(["a ", "few ", "parts"]);
   * const message = await received;
   * assert("readable" in message);
   * assertEquals(await new Response(message.readable).text(), "a few parts");
   * await Promise.all([client.close(), server.close()]);
   * ```
   */
  receiveStream(options?: WaitOptions): Promise<ReceivedStream | ReceivedClose> {
    if (options !== undefined) checkWaitOptions("receive", options);
    const bounded = options !== undefined && isBounded("receive", options);
    if (this.#hasKept()) {
      const data = this.#take();
      return Promise.resolve({
        readable: wholeStream(data),
        opcode: typeof data === "string" ? 1 : 2,
      });
    }
    if (this.#closeInfo !== undefined) return Promise.resolve(this.#closeInfo);
    return this.#wait("stream", bounded ? options : undefined);
  }

  #deliverPiece(bytes: Uint8Array, opcode: WebSocketMessageOpcode, last: boolean): void {
    let incoming = this.#incoming;
    if (incoming === undefined) {
      incoming = new IncomingStream(() => {
        if (this.#incoming !== undefined && this.#incoming !== incoming) return;
        this.#streamFull = false;
        this.#regulate();
      });
      this.#incoming = incoming;
      this.#waiters!.giveStream(incoming.readable, opcode);
      this.#chooseForm();
    }
    incoming.push(bytes, last);
    if (last) {
      this.#incoming = undefined;
      this.#streamFull = false;
      this.#betweenStreams = !this.#awaited() && this.#onmessage === undefined;
    } else this.#streamFull = !incoming.wants;
    if (this.#streamFull || this.#betweenStreams) this.#regulate();
  }

  /** The messages as they come, until the connection ends. Leaving the loop does not close the connection. */
  [Symbol.asyncIterator](): AsyncIterableIterator<WebSocketData, undefined> {
    return {
      next: () => {
        const hold = this.#hold ??= new WriteHold(this.#link);
        if (this.#hasKept()) {
          return Promise.resolve({ done: false, value: this.#take() });
        }
        hold.end();
        if (this.#closeInfo !== undefined) return Promise.resolve({ done: true, value: undefined });
        return this.#wait("next", undefined);
      },
      return: () => Promise.resolve({ done: true, value: undefined }),
      // Who has taken the first message by hand goes through the others.
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /**
   * Stops reading from the peer, who is held back in turn. Until `resume` no message comes, and no close either.
   *
   * @throws {TypeError} If the connection is one of `upgradeWebSocket`.
   */
  pause(): void {
    if (!this.#link.canPause) {
      throw new TypeError("Cannot pause: the runtime's own WebSocket under this connection can't");
    }
    this.#paused = true;
    this.#regulate();
  }

  /** Goes on reading. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#deliverKept();
  }

  /** Whether `pause` was called. */
  get isPaused(): boolean {
    return this.#paused;
  }

  // Sending.

  /**
   * Sends a message: text, bytes, a Blob, or parts as they are made (an iterable, a generator, a stream), each part in
   * a frame of its own.
   *
   * The promise resolves at once while the send queue is below the high-water mark, and otherwise when it has drained:
   * who awaits it can't fill the memory. It rejects, and the message is not sent, if the connection is closed or the
   * queue is at its limit. A rejection that nobody awaits does no harm.
   *
   * Bytes of 16 KiB and more are not copied on a server: leave them unchanged until they are sent.
   * `signal` and `timeout` end the waiting only; but parts that come too slowly end the connection with them, because
   * half a message can't be taken back.
   *
   * @throws {TypeError} At once, for what can't be sent, for the callback and the `binary` of npm's ws, and for options that there are not.
   * @throws {RangeError} At once, for a timeout that is negative or not a number.
   * @throws {WebSocketError} `CLOSED` or `SEND_QUEUE_FULL`.
   * @throws {NetError} `ETIMEDOUT` or `ABORT_ERR`.
   */
  send(data: WebSocketSendable, options?: WebSocketSendOptions): Promise<void> {
    if (this.#closing) return quiet(Promise.reject(closedError()));
    if (
      (this.#line === undefined || this.#line.end === undefined) && options === undefined &&
      (typeof data === "string" || data instanceof Uint8Array)
    ) return this.#sendNow(data, undefined, undefined);
    return this.#sendAny(data, options ?? {});
  }

  #sendNow(
    data: string | Uint8Array,
    compress: boolean | undefined,
    options: WaitOptions | undefined,
  ): Promise<void> {
    let outcome;
    try {
      outcome = this.#link.send(data, compress);
    } catch (error) {
      return quiet(Promise.reject(error));
    }
    if (outcome === "refused") {
      const error = queueFullError(this.bufferedAmount, this.#options.maxSendQueueBytes);
      return quiet(Promise.reject(error));
    }
    if (!this.#link.full || outcome === "dropped") return DONE;
    this.#hold?.end();
    if (options !== undefined && isBounded("send", options)) {
      return quiet(this.#link.drained(options));
    }
    return this.#draining ??= quiet(this.#link.drained());
  }

  #sendAny(data: WebSocketSendable, options: WebSocketSendOptions): Promise<void> {
    checkSendOptions(options);
    const bounded = isBounded("send", options);
    const bytes = typeof data === "string" ? data : toBytes(data);
    if (bytes !== undefined) {
      const message = withOpcode(bytes, options.opcode);
      if (this.#line?.end === undefined) return this.#sendNow(message, options.compress, options);
      const { compress } = options;
      // It is encoded later, and the caller may reuse its bytes.
      const kept = typeof message === "string" ? message : message.slice();
      const sent = this.#enqueue(kept.length, () => this.#sendNow(kept, compress, undefined));
      return bounded ? quiet(waitFor(sent, "send", options)) : sent;
    }
    if (data instanceof Blob) {
      if (options.opcode === 1) throw new TypeError("Cannot send a Blob as text");
      return this.#enqueue(64, async (line) => {
        // The runtime's own WebSocket has no parts.
        const inParts = data.size > SMALL_BLOB && this.#link.canPause;
        if (inParts) return line.sendParts(data.stream(), options);
        // Not `bytes()`, which happy-dom's Blob does not have.
        const whole = new Uint8Array(await data.arrayBuffer());
        await this.#sendNow(whole, options.compress, options);
      });
    }
    if (!isParts(data)) {
      throw new TypeError(
        "Cannot send: a message is a string, bytes, a Blob, or an iterable of strings or bytes",
      );
    }
    return this.#enqueue(64, (line) => line.sendParts(data, options));
  }

  #enqueue(size: number, run: (line: SendLine) => Promise<void>): Promise<void> {
    const line = this.#line ??= new SendLine(this.#link, this.#options.maxSendQueueBytes);
    return quiet(line.add(size, () => run(line)));
  }

  /**
   * Sends a message if it can be sent without waiting: the connection is open, and its queue below the high-water mark.
   *
   * @returns Whether it was sent.
   * @throws {TypeError} For anything but a string or bytes, and for options as `send` does.
   */
  trySend(
    data: string | ArrayBuffer | ArrayBufferView,
    options: WebSocketSendOptions = {},
  ): boolean {
    checkSendOptions(options);
    const bytes = typeof data === "string" ? data : toBytes(data);
    if (bytes === undefined) throw new TypeError("Cannot send: a message is a string or bytes");
    const link = this.#link;
    if (this.#line?.end !== undefined || this.#closing || !link.open || link.full) return false;
    return link.send(withOpcode(bytes, options.opcode), options.compress) === "sent";
  }

  /**
   * Sends a ping, and resolves to the time until its answer came, in ms. Its payload is its number.
   *
   * @throws {TypeError} If the options are none, as a payload or a callback.
   * @throws {WebSocketError} `CLOSED` if the connection is closed, or closes meanwhile; `PENDING_PINGS` if too many are unanswered.
   * @throws {NetError} `ETIMEDOUT` or `ABORT_ERR`.
   */
  ping(options: WaitOptions = {}): Promise<number> {
    checkPingOptions(options);
    checkWaitOptions("ping", options);
    const bounded = isBounded("ping", options);
    const pings = this.#pings ??= new PendingPings();
    const unanswered = pings.count;
    if (unanswered >= this.#options.maxPendingPings) {
      return quiet(Promise.reject(
        new WebSocketError(`Cannot ping: ${unanswered} pings are unanswered`, {
          code: "PENDING_PINGS",
        }),
      ));
    }
    const payload = pings.nextPayload();
    try {
      this.#link.sendPing(payload);
    } catch (error) {
      return quiet(Promise.reject(error));
    }
    const answered = quiet(pings.sent(payload));
    return bounded ? quiet(waitFor(answered, "ping", options)) : answered;
  }

  /**
   * Sends a pong that nobody asked for; pings are answered without it.
   *
   * @throws {RangeError} For a payload of more than 125 bytes.
   * @throws {TypeError} For a payload that is no `Uint8Array`; if the connection is one of `upgradeWebSocket`.
   * @throws {WebSocketError} `CLOSED`
   */
  pong(payload: Uint8Array = new Uint8Array(0)): void {
    this.#link.sendPong(payload);
  }

  // Topics, on a server.

  /** The topics that this connection is subscribed to, on a server. */
  get topics(): ReadonlySet<string> {
    return this.#host?.topics ?? new Set();
  }

  /**
   * Subscribes to a topic of the server: `server.publish(topic, …)` then reaches this connection. Twice is once. The
   * end of the connection ends its subscriptions, and after it this does nothing.
   *
   * @throws {TypeError} If the connection is not one of `serveWebSocket` or `attachWebSocket`.
   */
  subscribe(topic: string): void {
    this.#needHost().subscribe(topic);
  }

  /**
   * Ends a subscription.
   *
   * @throws {TypeError} As `subscribe` does.
   */
  unsubscribe(topic: string): void {
    this.#needHost().unsubscribe(topic);
  }

  /**
   * Sends to all other subscribers of a topic.
   *
   * @returns To how many.
   * @throws {TypeError} As `subscribe` does; for options that there are not.
   */
  publish(
    topic: string,
    data: string | ArrayBuffer | ArrayBufferView,
    options?: { compress?: boolean },
  ): number {
    checkCastOptions("publish", options, CAST_OPTIONS);
    return this.#needHost().publish(topic, toMessage(data), options?.compress);
  }

  /**
   * Sends to all connections of the server with the same subprotocol, this one included.
   *
   * @returns To how many.
   * @throws {TypeError} As `subscribe` does; for options that there are not.
   */
  broadcast(
    data: string | ArrayBuffer | ArrayBufferView,
    options?: { compress?: boolean },
  ): number {
    checkCastOptions("broadcast", options, CAST_OPTIONS);
    return this.#needHost().broadcast(toMessage(data), options?.compress);
  }

  #needHost(): ConnectionHost {
    if (this.#host === undefined) {
      throw new TypeError("Cannot use topics: the connection belongs to no server that has them");
    }
    return this.#host;
  }

  // Web streams.

  /**
   * The messages that come, as a web stream with backpressure. It ends when the connection was closed cleanly, and
   * errors if it was lost. Cancelling it closes the connection: with the code and reason that a `WebSocketError` says, as with
   * `WebSocketStream`, and otherwise with 1000.
   */
  get readable(): ReadableStream<WebSocketData> {
    return this.#webStreams().readable;
  }

  /**
   * Takes messages to be sent, with backpressure. Closing it closes the connection with 1000, aborting it with 1011 (4011 for
   * one of `upgradeWebSocket`), or with what a `WebSocketError` says. It errors when the connection ends, so that what is piped
   * into it is given up. A `pipeTo` whose signal fires waits for the message under way before it aborts: where the peer takes nothing,
   * `close` or `terminate` ends it.
   */
  get writable(): WritableStream<WebSocketSendable> {
    return this.#webStreams().writable;
  }

  /** The streams, subprotocol and extensions, in the shape of `WebSocketStream`. */
  get opened(): Promise<WebSocketOpenInfo> {
    const { readable, writable } = this.#webStreams();
    const { protocol, extensions } = this;
    return Promise.resolve({ readable, writable, protocol, extensions });
  }

  #webStreams(): MessageStreams {
    if (this.#streams === undefined) {
      this.#streams = new MessageStreams(this, this.#link.codeFor(1011));
      if (this.#closeInfo !== undefined) this.#streams.end(this.#closeInfo);
    }
    return this.#streams;
  }

  // The end.

  /** Resolves to how the connection ended. It never rejects. */
  get closed(): Promise<WebSocketCloseInfo> {
    if (this.#closed === undefined) {
      this.#closed = Promise.withResolvers();
      if (this.#closeInfo !== undefined) this.#closed.resolve(this.#closeInfo);
    }
    return this.#closed.promise;
  }

  /**
   * Closes the connection: sends what is queued and then a close frame, waits for the peer's, and closes the transport.
   * Takes `closeTimeout` at most. Called again, it sends nothing more and waits for the same end.
   *
   * Messages that the peer had sent before still come; those that nobody takes and that have no room are dropped.
   *
   * @param code 1000, 1001, 1003, 1007 to 1014, or 3000 to 4999; 1000 by default
   * @param reason Up to 123 bytes of text for the peer.
   * @returns How the connection ended: with the code and reason that the peer sent.
   * @throws {RangeError} At once, for a code that must not be sent.
   * @throws {TypeError} At once, for a reason that is too long, and what is no code or reason at all.
   * @throws {NetError} `ETIMEDOUT` or `ABORT_ERR`, when `options` say not to wait so long; the connection goes on closing.
   */
  close(
    code: number | { closeCode?: number; reason?: string } = 1000,
    reason: string = "",
    options?: WaitOptions,
  ): Promise<WebSocketCloseInfo> {
    if (typeof code !== "number" && (typeof code !== "object" || code === null)) {
      throw new TypeError("Cannot close: the code is not a number");
    }
    if (options !== undefined) checkWaitOptions("close", options);
    const bounded = options !== undefined && isBounded("close", options);
    const closeCode = typeof code === "number" ? code : code.closeCode;
    const closeReason = typeof code === "number" ? reason : code.reason ?? "";
    this.#link.catchUp();
    // Messages that are being sent in parts are sent to their end.
    this.#link.close(
      closeCode ?? (closeReason === "" ? undefined : 1000),
      closeReason,
      this.#line?.end,
    );
    if (!this.#closing) {
      this.#closing = true;
      this.#regulate();
    }
    return bounded ? quiet(waitFor(this.closed, "close", options)) : this.closed;
  }

  /** Ends the connection at once, without a close frame. What is queued is lost. */
  terminate(): void {
    this.#closing = true;
    this.#link.terminate();
  }

  /** Closes with 1000, and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #end(info: WebSocketCloseInfo): void {
    // Messages that a pause held back come before the end.
    if (this.#onmessage !== undefined) {
      this.#paused = false;
      this.#deliverKept();
    }
    this.#closeInfo = info;
    this.#incoming?.fail(info.error ?? closedError());
    this.#incoming = undefined;
    this.#waiters?.end(info);
    this.#pings?.fail(closedError);
    this.#line?.abort(closedError());
    this.#streams?.end(info);
    this.#closed?.resolve(info);
    this.#host?.closed();
    this.#emit("close", info);
  }
}

const EVENTS: readonly string[] = ["message", "ping", "pong", "drain", "error", "close"];

/** Refuses what would never be told, as npm's `open` of a connection that is open. */
function checkEvent(event: string): void {
  if (EVENTS.includes(event)) return;
  throw new TypeError(
    `Cannot listen for "${String(event)}": the events of an open WebSocket are ${
      EVENTS.join(", ")
    }`,
  );
}

/** A message listener that takes itself off. */
function onceMessage(ws: WebSocketConnection, listener: AnyListener): AnyListener {
  return onceListener(
    listener,
    (wrapper) => ws.off("message", wrapper as WebSocketEvents["message"]),
  );
}

function inboxError(): WebSocketError {
  return new WebSocketError(
    "The WebSocket was closed: messages came faster than they were taken, and the peer can't be held back",
    { code: "INBOX_FULL", closeCode: 1008 },
  );
}

function partsOver(transport: Transport, init: WebSocketConnectionInit): ConnectionParts {
  const { role, protocol = "", deflate, perMessageDeflate, rest, limits } = init;
  const options = resolveConnectionOptions(init);
  if (perMessageDeflate !== undefined) checkDeflateOptions(perMessageDeflate);
  const compression = deflate && createCompression(role, deflate, perMessageDeflate);
  const extensions = deflate === undefined ? "" : "permessage-deflate";
  const link = new RawLink(transport, {
    role,
    protocol,
    extensions,
    compression,
    options,
    rest,
    limits,
  });
  return new ConnectionParts(link, options, undefined, undefined);
}
