// Floor 3: driver.
import { EventEmitter } from "node:events";
import { StringDecoder } from "node:string_decoder";
import { checkPort, connectArguments } from "./_connect_arguments.ts";
import { Incoming } from "./_incoming.ts";
import { openTransport } from "./_open.ts";
import { addPipe, type Pipes, removePipes } from "./_pipe.ts";
import { incomingStream, outgoingStream } from "./_socket_streams.ts";
import { addressInfo, encodeChunk } from "./_socket_util.ts";
import type { ConnectOptions } from "./connect_options.ts";
import { NetError } from "./errors.ts";
import { toNetError } from "./os_error.ts";
import type {
  PipeDestination,
  PipeOptions,
  SocketAddressInfo,
  SocketEvents,
  SocketOpenInfo,
  SocketOptions,
  SocketReadyState,
} from "./socket_options.ts";
import type { Transport, TransportAddr } from "./transport.ts";
import { TransportWriter } from "./writer.ts";

/** What a transport may have beside its duty: `Deno.TcpConn` has most of it. */
interface TransportExtras {
  setNoDelay?(on: boolean): void;
  setKeepAlive?(on: boolean, initialDelay?: number): void;
  ref?(): void;
  unref?(): void;
  /** Closes with a reset (RST) instead of an ordinary end. */
  reset?(): void;
}

/** Text or bytes, as `write` takes them. */
export type SocketChunk = string | Uint8Array;

/** Called when a write has been handed to the system, or with the error that prevented it. */
export type SocketCallback = (error?: Error | null) => void;

/** How many bytes may be queued for sending where nothing else is said. */
const WRITE_LIMIT = 67_108_864;

/**
 * A connection: Node's and Luvit's `Socket`, and the web's streams, on one object.
 *
 * **Reading.** Choose one style for a socket: `"data"` events (with `pause`, `resume`, `pipe`), the web stream
 * `readable`, or `for await`. A second style throws a `TypeError`. Nothing is read before somebody reads, but one
 * chunk: a slow reader stops the sender at the other end. Chunks are `Buffer`s; they are views that nothing writes
 * again, and a kept one keeps up to 256 KiB alive.
 *
 * **Writing.** `write`, `end`, and the web stream `writable` may be mixed: everything leaves in the order of the
 * calls. Chunks are not copied: do not change one before it is written. `write` returns false from the high-water
 * mark on, and `drain` follows.
 *
 * **Ending.** `end()` ends the own direction; what the peer sends before its end still arrives. With
 * `allowHalfOpen: false` (the default) the peer's end also ends the own direction. When both have ended the socket
 * closes. `destroy()` closes at once. Both may be called again, which does nothing.
 *
 * **Errors.** `error` is emitted when something listens for it, then `close(true)`. With no listener nothing is thrown:
 * `closed`, `opened`, the streams and the callbacks of writes tell. Codes are Node's; see {@linkcode NetErrorCode}.
 *
 * @example
 * ```ts
 * import { connect, createServer } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const server = await createServer((socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
 * await using socket = connect(server.port, "127.0.0.1");
 * socket.end("hello");
 * let text = "";
 * for await (const chunk of socket) text += chunk;
 * assertEquals(text, "hello");
 * await server.close();
 * ```
 */
export class Socket extends EventEmitter<SocketEvents> implements AsyncDisposable {
  readonly #options: SocketOptions;
  #transport: (Transport & TransportExtras) | null = null;
  #incoming: Incoming;
  #writer: TransportWriter | null = null;
  #early: { chunk: Uint8Array; callback: SocketCallback | undefined }[] | null = null;
  #earlyBytes = 0;
  #corks = 0;
  #callbacks: { at: number; callback: SocketCallback }[] | null = null;
  #connecting: AbortController | null = null;
  #paused = false;
  #readEnded = false;
  #ending = false;
  #finished = false;
  #destroyed = false;
  #closed = false;
  #needDrain = false;
  #refed = true;
  #error: Error | null = null;
  #decoder: StringDecoder | null = null;
  #timeout = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #active = 0;
  #opened: PromiseWithResolvers<SocketOpenInfo> | null = null;
  #closing: PromiseWithResolvers<void> | null = null;
  #readable: ReadableStream<Uint8Array> | null = null;
  #writable: WritableStream<Uint8Array> | null = null;
  #pipes: Pipes | null = null;
  #read = 0;
  #wrote = 0;
  #unwatch: (() => void) | null = null;
  #consume = (chunk: Uint8Array): void => this.#emitData(chunk);

  /** Makes a socket that is not connected yet. */
  constructor(options: SocketOptions = {}) {
    super();
    const { highWaterMark = 65_536, writeLimit = WRITE_LIMIT } = options;
    if (!(highWaterMark >= 0) || !(writeLimit >= highWaterMark)) {
      throw new RangeError(
        `Cannot make a socket with a high-water mark of ${highWaterMark} and a limit of ${writeLimit} bytes`,
      );
    }
    this.#options = options;
    this.#incoming = this.#newIncoming();
  }

  /**
   * Makes a socket over a transport that is connected already: an accepted connection, one end of `pair()`, a
   * connection through a proxy, Bluetooth. With `pauseOnConnect` nothing is read before somebody reads.
   */
  static from(
    transport: Transport,
    options: SocketOptions & { pauseOnConnect?: boolean } = {},
  ): Socket {
    const socket = new Socket(options);
    socket.#attach(transport);
    if (options.pauseOnConnect !== true) socket.#incoming.begin();
    return socket;
  }

  // ---- connecting

  /** Connects to a port of a host; `listener` is called once on `connect`. Returns at once. */
  connect(port: number | string, host?: string, listener?: () => void): this;
  /** Connects to a port of this machine, or to a socket file. */
  connect(portOrPath: number | string, listener?: () => void): this;
  /**
   * Connects as the options say.
   *
   * @throws {RangeError} `ERR_SOCKET_BAD_PORT`. @throws {NetError} `EISCONN` when connected or connecting already.
   */
  connect(options: ConnectOptions, listener?: () => void): this;
  connect(...args: unknown[]): this {
    const { options, listener } = connectArguments(args);
    if (options.path === undefined) checkPort(options.port, 1);
    if (this.#connecting !== null || (this.#transport !== null && !this.#destroyed)) {
      throw new NetError("Cannot connect: the socket is connected or connecting already", {
        code: "EISCONN",
        syscall: "connect",
      });
    }
    if (this.#destroyed) this.#renew();
    if (listener !== undefined) this.once("connect", listener);
    if (options.timeout) this.setTimeout(options.timeout);
    if (options.signal !== undefined) this.#watch(options.signal);
    this.#open({ ...this.#options, ...options });
    return this;
  }

  /** Whether `connect` was called and neither `connect` nor `close` has come yet. */
  get connecting(): boolean {
    return this.#connecting !== null;
  }

  /** Whether the socket is not connected yet. */
  get pending(): boolean {
    return this.#transport === null;
  }

  /** Whether `destroy()` was called, or the socket closed by itself. */
  get destroyed(): boolean {
    return this.#destroyed;
  }

  /** Whether `close` was emitted. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** How far the socket has come. */
  get readyState(): SocketReadyState {
    if (this.#connecting !== null) return "opening";
    if (this.#transport === null || this.#destroyed) return "closed";
    if (this.#ending) return this.#readEnded ? "closed" : "readOnly";
    return this.#readEnded ? "writeOnly" : "open";
  }

  /** Whether the own direction stays open when the peer's ends. */
  get allowHalfOpen(): boolean {
    return this.#options.allowHalfOpen === true;
  }

  /** Resolves when connected, with the streams and the addresses; rejects with the error when that fails. */
  get opened(): Promise<SocketOpenInfo> {
    if (this.#opened === null) {
      this.#opened = Promise.withResolvers();
      this.#opened.promise.catch(() => {});
      if (this.#destroyed) this.#opened.reject(this.#error ?? closedError("connect"));
      else if (this.#transport !== null) this.#opened.resolve(this.#openInfo());
    }
    return this.#opened.promise;
  }

  /** Resolves when the socket has closed; rejects when it closed with an error. */
  get closed(): Promise<void> {
    if (this.#closing === null) {
      this.#closing = Promise.withResolvers();
      this.#closing.promise.catch(() => {});
      if (this.#closed) this.#settleClosed();
    }
    return this.#closing.promise;
  }

  // ---- writing

  /**
   * Queues bytes, or text (UTF-8 when no encoding is named). Before the connection is there they wait for it.
   * `callback` is called when they have been handed to the system, or with the error.
   *
   * @returns Whether the queue is below the high-water mark; when not, `drain` follows.
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_UNKNOWN_ENCODING`.
   */
  write(chunk: SocketChunk, callback?: SocketCallback): boolean;
  /** Queues text in `encoding`. */
  write(chunk: SocketChunk, encoding?: string, callback?: SocketCallback): boolean;
  write(
    chunk: SocketChunk,
    encoding?: string | SocketCallback,
    callback?: SocketCallback,
  ): boolean {
    if (typeof encoding === "function") [encoding, callback] = [undefined, encoding];
    const bytes = encodeChunk(chunk, encoding);
    const writer = this.#writer;
    if (this.#destroyed || this.#ending) return this.#refuse(callback);
    if (writer === null) return this.#hold(bytes, callback);
    if (this.#timeout > 0) this.#active = Date.now();
    try {
      const below = writer.writeShared(bytes);
      if (!below) this.#needDrain = true;
      if (callback !== undefined) this.#whenWritten(callback);
      return below;
    } catch (error) {
      this.destroy(error as Error);
      callback?.(error as Error);
      return false;
    }
  }

  /** Writes `chunk`, if there is one, and ends the own direction (FIN) once all is written. Reading goes on. */
  end(callback?: () => void): this;
  /** Writes `chunk` and ends. */
  end(chunk: SocketChunk, callback?: () => void): this;
  /** Writes text in `encoding` and ends. */
  end(chunk: SocketChunk, encoding?: string, callback?: () => void): this;
  end(...args: unknown[]): this {
    const callback = typeof args.at(-1) === "function" ? args.pop() as () => void : undefined;
    const [chunk, encoding] = args as [SocketChunk | undefined, string | undefined];
    if (chunk !== undefined && chunk !== null) this.write(chunk, encoding);
    if (callback !== undefined) {
      if (this.#finished) queueMicrotask(callback);
      else this.once("finish", callback);
    }
    if (this.#ending || this.#destroyed) return this;
    this.#ending = true;
    this.#corks = 0;
    if (this.#writer !== null) this.#finish(this.#writer);
    else if (this.#connecting === null) this.destroy();
    return this;
  }

  /** Holds writes back until `uncork()`, so that they leave together. Calls nest. */
  cork(): void {
    this.#corks++;
    this.#writer?.cork();
  }

  /** Ends a `cork()`. */
  uncork(): void {
    if (this.#corks === 0) return;
    this.#corks--;
    this.#writer?.uncork();
  }

  /** How many bytes are queued for sending. */
  get writableLength(): number {
    return this.#writer === null ? this.#earlyBytes : this.#writer.queued;
  }

  /** How many bytes are queued for sending, by its old name. */
  get bufferSize(): number {
    return this.writableLength;
  }

  /** From how many queued bytes `write` returns false. */
  get writableHighWaterMark(): number {
    return this.#options.highWaterMark ?? 65_536;
  }

  /** Whether `write` returned false and `drain` has not come yet. */
  get writableNeedDrain(): boolean {
    return this.#needDrain;
  }

  /** Whether `end()` was called. */
  get writableEnded(): boolean {
    return this.#ending;
  }

  /** Whether all was written and the own direction has ended. */
  get writableFinished(): boolean {
    return this.#finished;
  }

  /** Whether the peer's direction has ended and all of it was read. */
  get readableEnded(): boolean {
    return this.#readEnded;
  }

  // ---- reading

  /** Listens; a listener for `"data"` makes the socket flow, unless `pause()` was called. */
  override on<K extends keyof SocketEvents>(
    event: K,
    listener: (...args: SocketEvents[K]) => void,
  ): this {
    if (event === "data") this.#listen();
    // deno-lint-ignore no-explicit-any
    return super.on(event as any, listener as any);
  }

  /** Listens, as `on`. */
  override addListener<K extends keyof SocketEvents>(
    event: K,
    listener: (...args: SocketEvents[K]) => void,
  ): this {
    return this.on(event, listener);
  }

  /** Listens for the next event only. */
  override once<K extends keyof SocketEvents>(
    event: K,
    listener: (...args: SocketEvents[K]) => void,
  ): this {
    if (event === "data") this.#listen();
    // deno-lint-ignore no-explicit-any
    return super.once(event as any, listener as any);
  }

  /** Stops `data` events and, with them, the sender at the other end. */
  pause(): this {
    this.#paused = true;
    this.#incoming.hold();
    return this;
  }

  /** Goes on after `pause()`; with no listener for `data` what comes is thrown away. */
  resume(): this {
    this.#incoming.claim("events");
    this.#paused = false;
    this.#incoming.flow(this.#consume);
    return this;
  }

  /** Whether `pause()` was called last. */
  isPaused(): boolean {
    return this.#paused;
  }

  /** Has `data` events, and `for await`, bring text; characters that are split over chunks are put together. */
  setEncoding(encoding: string = "utf8"): this {
    this.#decoder = new StringDecoder(encoding as BufferEncoding);
    return this;
  }

  /** Writes all that comes into `destination`, at its pace, and ends it at the end unless `end: false`. */
  pipe<T extends PipeDestination>(destination: T, options?: PipeOptions): T {
    addPipe(this.#pipes ??= new Map(), this, destination, options);
    return destination;
  }

  /** Ends a `pipe()`; all of them without a destination. */
  unpipe(destination?: PipeDestination): this {
    if (this.#pipes !== null) removePipes(this.#pipes, destination);
    return this;
  }

  /** What comes in, as a web stream. Cancelling it closes the socket. */
  get readable(): ReadableStream<Uint8Array> {
    return this.#readable ??= incomingStream(this.#incoming, () => this.destroy());
  }

  /** The way out, as a web stream. Closing it ends the own direction, aborting it destroys the socket. */
  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= outgoingStream({
      write: (chunk) => {
        if (this.#ending || this.#destroyed) throw this.#error ?? this.#writeError();
        const below = this.write(chunk);
        if (this.#destroyed) throw this.#error ?? this.#writeError();
        return below;
      },
      drained: () => this.#drained(),
      end: () => this.#ended(),
      abort: (reason) => void this.destroy(reason instanceof Error ? reason : undefined),
    });
  }

  /** Reads chunk by chunk: `Buffer`s, or text after `setEncoding`. Leaving the loop early destroys the socket. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array | string, void, undefined> {
    this.#incoming.claim("iterator");
    try {
      for (;;) {
        const chunk = await this.#incoming.next();
        if (chunk === null) break;
        const text = this.#decoder?.write(chunk as never);
        if (text !== "") yield text ?? chunk;
      }
      const rest = this.#decoder?.end();
      if (rest) yield rest;
    } finally {
      if (!this.#readEnded) this.destroy();
    }
  }

  // ---- closing

  /** Closes at once; what is queued is lost. With an error, `error` is emitted before `close`. */
  destroy(error?: Error | null): this {
    if (this.#destroyed) return this;
    this.#destroyed = true;
    this.#error = error ?? null;
    this.#connecting?.abort();
    this.#connecting = null;
    clearTimeout(this.#timer);
    this.#unwatch?.();
    this.#unwatch = null;
    this.#read = this.#incoming.bytesRead;
    const reason = error ?? closedError("use the socket");
    this.#incoming.stop(reason);
    if (this.#writer !== null) {
      this.#wrote = this.#writer.bytesWritten;
      this.#writer.stop(reason);
    }
    try {
      this.#transport?.close();
    } catch {
      // Closed by the system already.
    }
    queueMicrotask(() => this.#emitClose(reason));
    return this;
  }

  /** Ends the own direction and destroys the socket once all is written. */
  destroySoon(): void {
    if (!this.#ending) this.end();
    if (this.#finished || this.#destroyed) this.destroy();
    else this.once("finish", () => this.destroy());
  }

  /**
   * Closes with a reset (RST) instead of an end.
   *
   * @throws {NetError} `ERR_UNSUPPORTED` where the transport can't (a plain `Deno.TcpConn` can't), and `ENOTCONN`.
   */
  resetAndDestroy(): this {
    if (this.#transport === null) {
      throw new NetError("Cannot reset the connection: not connected", { code: "ENOTCONN" });
    }
    if (this.#transport.reset === undefined) {
      throw new NetError("Cannot reset the connection: this kind of connection has no reset", {
        code: "ERR_UNSUPPORTED",
      });
    }
    if (!this.#destroyed) this.#transport.reset();
    return this.destroy();
  }

  /** Ends the socket, waits up to five seconds until all is written, and closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#destroyed) {
      this.end();
      try {
        await this.#writer?.flushed({ timeout: 5000 });
      } catch {
        // Closed meanwhile, or the peer does not read: closed all the same.
      }
      this.destroy();
    }
    await this.closed.catch(() => {});
  }

  // ---- settings

  /** Emits `timeout` when nothing has passed for `ms` milliseconds; 0 switches it off. */
  setTimeout(ms: number, listener?: () => void): this {
    if (!(ms >= 0 && ms <= 2_147_483_647)) {
      throw new RangeError(`Cannot set the timeout: ${ms} ms is out of range`);
    }
    this.#timeout = ms;
    clearTimeout(this.#timer);
    if (listener !== undefined) {
      if (ms === 0) this.off("timeout", listener);
      else this.once("timeout", listener);
    }
    if (ms > 0 && !this.#destroyed) {
      this.#active = Date.now();
      this.#arm(ms);
    }
    return this;
  }

  /** The time of `setTimeout`, in ms; 0 for none. */
  get timeout(): number {
    return this.#timeout;
  }

  /** Sends small writes at once (the default), or lets the system gather them (Nagle). */
  setNoDelay(on = true): this {
    this.#options.noDelay = on;
    this.#transport?.setNoDelay?.(on);
    return this;
  }

  /**
   * Has the system probe a silent connection.
   *
   * @throws {NetError} `ERR_UNSUPPORTED` for an `initialDelay` (ms) where the transport can't set one: a plain
   * `Deno.TcpConn` can't.
   */
  setKeepAlive(on = false, initialDelay = 0): this {
    const { setKeepAlive } = this.#transport ?? {};
    if (initialDelay > 0 && (setKeepAlive?.length ?? 0) < 2) {
      throw new NetError(
        "Cannot set the keep-alive delay: Deno's connections take the system's delay only",
        { code: "ERR_UNSUPPORTED" },
      );
    }
    this.#options.keepAlive = on;
    this.#transport?.setKeepAlive?.(on, initialDelay);
    return this;
  }

  /** Lets the socket keep the program running (the default). */
  ref(): this {
    this.#refed = true;
    this.#transport?.ref?.();
    return this;
  }

  /** Lets the program end although the socket is open. */
  unref(): this {
    this.#refed = false;
    this.#transport?.unref?.();
    return this;
  }

  // ---- addresses and counters

  /** The own address, or an empty object when not connected. */
  address(): SocketAddressInfo | Record<string, never> {
    return addressInfo(this.#transport?.localAddr) ?? {};
  }

  /** The peer's IP address. */
  get remoteAddress(): string | undefined {
    return addressInfo(this.#transport?.remoteAddr)?.address;
  }

  /** The peer's port. */
  get remotePort(): number | undefined {
    return addressInfo(this.#transport?.remoteAddr)?.port;
  }

  /** The family of the peer's address. */
  get remoteFamily(): "IPv4" | "IPv6" | undefined {
    return addressInfo(this.#transport?.remoteAddr)?.family;
  }

  /** The own IP address. */
  get localAddress(): string | undefined {
    return addressInfo(this.#transport?.localAddr)?.address;
  }

  /** The own port. */
  get localPort(): number | undefined {
    return addressInfo(this.#transport?.localAddr)?.port;
  }

  /** The family of the own address. */
  get localFamily(): "IPv4" | "IPv6" | undefined {
    return addressInfo(this.#transport?.localAddr)?.family;
  }

  /** The transport's own account of the peer: for Unix paths, Bluetooth and memory, too. */
  get remoteAddr(): TransportAddr | undefined {
    return this.#transport?.remoteAddr;
  }

  /** The transport's own account of this end. */
  get localAddr(): TransportAddr | undefined {
    return this.#transport?.localAddr;
  }

  /** How many bytes came. */
  get bytesRead(): number {
    return this.#destroyed ? this.#read : this.#incoming.bytesRead;
  }

  /** How many bytes were written, with those that are queued. */
  get bytesWritten(): number {
    if (this.#destroyed) return this.#wrote;
    const writer = this.#writer;
    return writer === null ? this.#earlyBytes : writer.bytesWritten + writer.queued;
  }

  // ---- Luvit's names

  /** `setNoDelay`, by Luvit's name. */
  nodelay(on = true): this {
    return this.setNoDelay(on);
  }

  /** `setKeepAlive`, by Luvit's name; the delay is in seconds. */
  keepalive(on = false, delaySeconds = 0): this {
    return this.setKeepAlive(on, delaySeconds * 1000);
  }

  /** The own address, by Luvit's name. */
  getsockname(): SocketAddressInfo | Record<string, never> {
    return this.address();
  }

  /** `end()`, by Luvit's name: ends the own direction; `callback` is called when that is done. */
  shutdown(callback?: () => void): this {
    return callback === undefined ? this.end() : this.end(callback);
  }

  // ---- inner life

  #newIncoming(): Incoming {
    return new Incoming({
      onactivity: () => {
        if (this.#timeout > 0) this.#active = Date.now();
      },
      onend: () => this.#onend(),
      onfail: (error) => this.#fail(error, "read"),
    });
  }

  /** Makes a closed socket new, for another `connect`. */
  #renew(): void {
    this.#incoming = this.#newIncoming();
    this.#transport =
      this.#writer =
      this.#early =
      this.#callbacks =
        null;
    this.#opened =
      this.#closing =
      this.#readable =
      this.#writable =
        null;
    this.#error = this.#decoder = null;
    this.#earlyBytes =
      this.#read =
      this.#wrote =
      this.#corks =
        0;
    this.#readEnded =
      this.#ending =
      this.#finished =
      this.#needDrain =
        false;
    this.#destroyed = this.#closed = this.#paused = false;
    if (this.listenerCount("data") > 0) this.#listen();
  }

  async #open(options: ConnectOptions): Promise<void> {
    const controller = this.#connecting = new AbortController();
    let transport: Transport;
    try {
      transport = await openTransport(
        options,
        controller.signal,
        (error, address, family, host) => {
          if (this.#connecting === controller) this.emit("lookup", error, address, family, host);
        },
      );
    } catch (error) {
      if (this.#connecting === controller) {
        this.destroy(
          error instanceof TypeError ? error : toNetError(error, {
            syscall: "connect",
            address: options.path ?? options.host ?? options.hostname ?? "localhost",
            port: options.port,
          }),
        );
      }
      return;
    }
    if (this.#connecting !== controller) return transport.close();
    this.#connecting = null;
    this.#attach(transport);
    this.#opened?.resolve(this.#openInfo());
    this.emit("connect");
    if (!this.#destroyed) this.emit("ready");
    if (!this.#destroyed && !this.#paused) this.#incoming.begin();
  }

  #attach(transport: Transport): void {
    this.#transport = transport;
    const { noDelay = true, keepAlive, highWaterMark, writeLimit } = this.#options;
    if (noDelay) this.#transport.setNoDelay?.(true);
    if (keepAlive) this.#transport.setKeepAlive?.(true);
    if (!this.#refed) this.#transport.unref?.();
    const writer = this.#writer = new TransportWriter(transport, {
      highWaterMark,
      limit: writeLimit ?? WRITE_LIMIT,
      ondrain: () => this.#ondrain(),
      onwritten: (written) => this.#onwritten(written),
      onerror: (error) => this.#fail(error, "write"),
    });
    for (let i = 0; i < this.#corks; i++) writer.cork();
    this.#flushEarly(writer);
    if (this.#ending) this.#finish(writer);
    this.#incoming.attach(transport);
  }

  #flushEarly(writer: TransportWriter): void {
    const early = this.#early;
    this.#early = null;
    this.#earlyBytes = 0;
    if (early === null) return;
    writer.cork();
    for (const { chunk, callback } of early) {
      writer.write(chunk);
      if (callback !== undefined) this.#whenWritten(callback);
    }
    writer.uncork();
  }

  #hold(chunk: Uint8Array, callback: SocketCallback | undefined): boolean {
    const { highWaterMark = 65_536, writeLimit = WRITE_LIMIT } = this.#options;
    if (this.#earlyBytes > writeLimit) {
      const error = new NetError(
        `Cannot write: ${this.#earlyBytes} bytes are queued, above the limit of ${writeLimit}`,
        { code: "ERR_BUFFER_LIMIT" },
      );
      this.destroy(error);
      callback?.(error);
      return false;
    }
    (this.#early ??= []).push({ chunk, callback });
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes < highWaterMark) return true;
    this.#needDrain = true;
    return false;
  }

  #writeError(): NetError {
    return this.#destroyed
      ? new NetError("Cannot write: the socket is closed", { code: "ERR_STREAM_DESTROYED" })
      : new NetError("Cannot write: after end", { code: "ERR_STREAM_WRITE_AFTER_END" });
  }

  #refuse(callback: SocketCallback | undefined): false {
    const error = this.#writeError();
    queueMicrotask(() => {
      callback?.(error);
      if (!this.#destroyed) this.destroy(error);
    });
    return false;
  }

  #whenWritten(callback: SocketCallback): void {
    const writer = this.#writer!;
    (this.#callbacks ??= []).push({ at: writer.bytesWritten + writer.queued, callback });
    if (writer.idle) queueMicrotask(() => this.#onwritten(writer.bytesWritten));
  }

  #onwritten(written: number): void {
    if (this.#timeout > 0) this.#active = Date.now();
    const callbacks = this.#callbacks;
    if (callbacks === null) return;
    while (callbacks.length > 0 && callbacks[0].at <= written) callbacks.shift()!.callback(null);
    if (callbacks.length === 0) this.#callbacks = null;
  }

  #ondrain(): void {
    if (this.#needDrain && !this.#destroyed && !this.#ending) {
      this.#needDrain = false;
      this.emit("drain");
    }
  }

  #finish(writer: TransportWriter): void {
    writer.end().then(() => {
      if (this.#destroyed) return;
      this.#finished = true;
      this.emit("finish");
      if (this.#readEnded) this.destroy();
    }, () => {});
  }

  #drained(): Promise<void> {
    if (this.#writer !== null) return this.#writer.drained();
    return this.opened.then(() => this.#writer!.drained());
  }

  #ended(): Promise<void> {
    this.end();
    if (this.#finished) return Promise.resolve();
    if (this.#destroyed) return Promise.reject(this.#error ?? this.#writeError());
    return new Promise((resolve, reject) => {
      this.once("finish", resolve);
      this.once("close", () => reject(this.#error ?? this.#writeError()));
    });
  }

  #listen(): void {
    this.#incoming.claim("events");
    if (!this.#paused) this.#incoming.flow(this.#consume);
  }

  #emitData(chunk: Uint8Array): void {
    if (this.#decoder === null) this.emit("data", chunk);
    else {
      const text = this.#decoder.write(chunk as never);
      if (text !== "") this.emit("data", text);
    }
  }

  #onend(): void {
    if (this.#destroyed) return;
    const rest = this.#incoming.flowing ? this.#decoder?.end() : "";
    if (rest) this.emit("data", rest);
    this.#readEnded = true;
    this.emit("end");
    if (this.#destroyed) return;
    if (this.#finished) this.destroy();
    else if (this.#options.allowHalfOpen !== true) this.end();
  }

  #fail(error: unknown, syscall: string): void {
    if (this.#destroyed) return;
    // What a listener of the user threw comes this way, too: it ends this socket and no other.
    const { remoteAddress: address, remotePort: port } = this;
    const known = error instanceof Error && !isSystemError(error);
    this.destroy(known ? error : toNetError(error, { syscall, address, port }));
  }

  #emitClose(reason: Error): void {
    const error = this.#error;
    const callbacks = this.#callbacks ?? [];
    const early = this.#early ?? [];
    this.#callbacks = this.#early = null;
    for (const { callback } of callbacks) callback(reason);
    for (const { callback } of early) callback?.(reason);
    this.#opened?.reject(reason);
    try {
      if (error !== null && this.listenerCount("error") > 0) this.emit("error", error);
      else if (error !== null && !(error instanceof NetError) && this.#closing === null) {
        // Not the network's doing, and nobody listens: most likely a fault in a listener.
        console.error("Uncaught error in a socket's listener:", error);
      }
    } finally {
      this.#closed = true;
      if (this.#closing !== null) this.#settleClosed();
      this.emit("close", error !== null);
    }
  }

  #settleClosed(): void {
    if (this.#error === null) this.#closing!.resolve();
    else this.#closing!.reject(this.#error);
  }

  #openInfo(): SocketOpenInfo {
    const { readable, writable, remoteAddress, remotePort, localAddress, localPort } = this;
    return { readable, writable, remoteAddress, remotePort, localAddress, localPort };
  }

  #watch(signal: AbortSignal): void {
    const abort = (): void => {
      this.destroy(
        new NetError("Cannot go on: aborted", { code: "ABORT_ERR", cause: signal.reason }),
      );
    };
    if (signal.aborted) queueMicrotask(abort);
    signal.addEventListener("abort", abort, { once: true });
    this.#unwatch = () => signal.removeEventListener("abort", abort);
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(() => {
      const left = this.#active + this.#timeout - Date.now();
      if (left > 0) this.#arm(left);
      else {
        this.#active = Date.now();
        this.emit("timeout");
      }
    }, ms);
    if (!this.#refed) Deno.unrefTimer(this.#timer as unknown as number);
  }
}

function closedError(what: string): NetError {
  return new NetError(`Cannot ${what}: closed`, { code: "ERR_SOCKET_CLOSED" });
}

function isSystemError(error: Error): boolean {
  return error.name in Deno.errors || "code" in error || error.message.includes("os error");
}
