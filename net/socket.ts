// Floor 3: driver.
import { captureRejectionSymbol, EventEmitter } from "node:events";
// Without it what an async listener throws is lost: it travels by `process.nextTick`.
import "node:process";
import { StringDecoder } from "node:string_decoder";
import { setImmediate } from "node:timers";
import { defineInspect } from "../buffer/define_inspect.ts";
import { watchAbort } from "./_abort_watch.ts";
import { closeQuietly } from "./_close_quietly.ts";
import { closeWatch } from "./_close_watch.ts";
import {
  checkConnect,
  checkKeepAlive,
  checkSignal,
  checkTimeout,
  codedTypeError,
  connectArguments,
  FOREIGN_CONNECT_OPTIONS,
  FOREIGN_SOCKET_OPTIONS,
  refuseOptions,
} from "./_connect_arguments.ts";
import { IdleTimer } from "./_idle_timer.ts";
import { Incoming, type IncomingOwner } from "./_incoming.ts";
import { openTransport } from "./_open.ts";
import { HIGH_WATER_MARK, Outgoing, type OutgoingOwner } from "./_outgoing.ts";
import { Pipes } from "./_pipe.ts";
import { resetOf } from "./_reset.ts";
import {
  closedError,
  connectedError,
  endedError,
  noReset,
  startTlsError,
  writeError,
} from "./_socket_errors.ts";
import { beginSettings, checkKeepAliveDelay, lastingOptions } from "./_socket_settings.ts";
import { IncomingStream, OutgoingStream } from "./_socket_streams.ts";
import { addressInfo, encodeChunk, reportFault } from "./_socket_util.ts";
import {
  checkTlsClientOptions,
  clientHandshakeTimeout,
  serverHandshakeTimeout,
} from "./_tls_start.ts";
import type { TransportExtras } from "./_transport_extras.ts";
import type { ConnectOptions } from "./connect_options.ts";
import { DialPolicy } from "./dial_policy.ts";
import { errorOf } from "./error_of.ts";
import type { NetError } from "./errors.ts";
import { toNetError } from "./os_error.ts";
import type { SecureContext } from "./secure_context.ts";
import type {
  PipeDestination,
  PipeOptions,
  SocketAddressInfo,
  SocketEvents,
  SocketOpenInfo,
  SocketOptions,
  SocketReadyState,
} from "./socket_options.ts";
import { startServerTls, startTls, tlsInfo } from "./start_tls.ts";
import type { StartServerTlsOptions, StartTlsOptions } from "./start_tls_options.ts";
import type { PeerCertificate, TlsCipher, TlsInfo, TlsServerOptions } from "./tls_options.ts";
import type { Transport, TransportAddr } from "./transport.ts";
import { LateSettings, type TransportSettings } from "./transport_settings.ts";
import {
  abortError,
  type Deadline,
  deadlineSignal,
  isBounded,
  waitFor,
  type WaitOptions,
} from "./wait.ts";

/** Text or bytes, as `write` takes them: of a view of another kind the bytes that it shows. */
export type SocketChunk = string | ArrayBufferView;

/** Called when a write has been handed to the system, or with the error that prevented it. */
export type SocketCallback = (error?: Error | null) => void;

/** How long `await using` waits until all is written, in ms. */
const DISPOSE_TIMEOUT = 5000;

/**
 * How long `destroy` lets the system take what its turn has written, in ms: a connection that has just come takes its
 * first write a moment later only.
 */
const LAST_WRITE = 100;

/** Errors that listeners threw: nobody may hear of them but through the console. */
const thrownByListeners = new WeakSet<Error>();

/**
 * A connection: Node's and Luvit's `Socket`, and the web's streams, on one object.
 *
 * **Reading.** Choose one style for a connection: `"data"` events (with `pause`, `resume`, `pipe`), the web stream
 * `readable`, or `for await`. A second style throws a `TypeError`. Nothing is read before somebody reads, but one
 * chunk: a slow reader stops the sender at the other end. Chunks are `Buffer`s; they are views that nothing writes
 * again, and a kept one keeps up to 256 KiB alive.
 *
 * **Writing.** `write`, `end`, and the web stream `writable` may be mixed: everything leaves in the order of the
 * calls. Chunks are not copied: do not change one before it is written. `write` returns false from the high-water
 * mark on, and `drain` follows.
 *
 * **Ending.** `end()` ends the own direction; what the peer sends before its end still arrives. With
 * `allowHalfOpen: false` (the default) the peer's end also ends the own direction, unless `writable` is locked: then its
 * holder ends it. When both have ended the socket closes. `destroy()` closes at once. Both may be called again.
 *
 * **Errors.** `error` is emitted when something listens for it, then `close(true)`. With no listener nothing is thrown:
 * `closed`, `opened`, the streams and the callbacks of writes tell. What a listener throws, also an `async` one, ends its
 * socket and nothing else; when nobody listens for `error` it goes to the console. Codes are Node's; see
 * {@linkcode NetErrorCode}.
 *
 * `remoteAddress` and its like stay known after the socket has closed. `connect()` may be called again then.
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
  #options: ConnectOptions;
  /** The constructor's, until `connect` takes it for its first connection. */
  #signal: AbortSignal | undefined;
  readonly #owner: IncomingOwner & OutgoingOwner;
  #incoming: Incoming;
  #outgoing: Outgoing;
  #transport: (Transport & TransportExtras) | null = null;
  #connecting: AbortController | null = null;
  #securing = false;
  /** Settings that wait for the end of a write. */
  #late: LateSettings | null = null;
  #paused = false;
  #readEnded = false;
  #destroyed = false;
  #closed = false;
  #refed = true;
  #error: Error | null = null;
  #decoder: StringDecoder | null = null;
  #idle: IdleTimer | null = null;
  #opened: PromiseWithResolvers<SocketOpenInfo> | null = null;
  #closing: PromiseWithResolvers<void> | null = null;
  #readable: IncomingStream | null = null;
  #writable: OutgoingStream | null = null;
  #pipes: Pipes | null = null;
  #unwatch: (() => void) | null = null;

  // What the two directions tell comes in here: one object, and not a closure for each.
  static readonly #Owner = class implements IncomingOwner, OutgoingOwner {
    readonly #socket: Socket;
    constructor(socket: Socket) {
      this.#socket = socket;
    }
    onactivity(): void {
      const idle = this.#socket.#idle;
      if (idle !== null) idle.touch();
    }
    onflow(): void {
      this.#socket.#tell("resume");
    }
    ondata(chunk: Uint8Array): void {
      this.#socket.#ondata(chunk);
    }
    onend(): void {
      this.#socket.#onend();
    }
    onreadfail(error: unknown): void {
      this.#socket.#fail(error, "read");
    }
    ondrain(): void {
      this.#socket.#tell("drain");
    }
    onfinish(): void {
      this.#socket.#onfinish();
    }
    onwritefail(error: unknown): void {
      this.#socket.#fail(error, "write");
    }
    onthrow(error: unknown): void {
      this.#socket.#threw(error);
    }
  };

  static {
    closeWatch.set = (socket, told) => {
      if (socket instanceof Socket) socket.#incoming.watcher = told;
    };
    // What an async listener throws comes here, and not to the program's end.
    Object.defineProperty(Socket.prototype, captureRejectionSymbol, {
      value(this: Socket, error: unknown): void {
        this.#threw(error);
      },
    });
    defineInspect(Socket, (socket) => ({
      readyState: socket.readyState,
      encrypted: socket.encrypted,
      localAddr: socket.localAddr,
      remoteAddr: socket.remoteAddr,
      bytesRead: socket.bytesRead,
      bytesWritten: socket.bytesWritten,
      writableLength: socket.writableLength,
      errored: socket.#error?.message,
    }));
  }

  /**
   * Makes a socket that is not connected yet. When `signal` fires it destroys the first connection that `connect()` makes; when it
   * has fired before, as soon as that is called.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE`, when the limit of the queue is below its high-water mark, or one is negative.
   * @throws {TypeError} `ERR_INVALID_ARG_VALUE` for Node's `fd`, `handle` and `onread`, and for object mode, which are not to be had;
   * `ERR_INVALID_ARG_TYPE` for a `signal` that is none and a `keepAliveInitialDelay` that is no number.
   */
  constructor(options: SocketOptions & { signal?: AbortSignal } = {}) {
    super({ captureRejections: true });
    refuseOptions(options, FOREIGN_SOCKET_OPTIONS);
    checkKeepAlive(options);
    this.#signal = options.signal ?? undefined;
    checkSignal(this.#signal);
    this.#options = options;
    this.#owner = new Socket.#Owner(this);
    this.#incoming = new Incoming(this.#owner);
    this.#outgoing = new Outgoing(this.#owner, options);
  }

  /**
   * Makes a socket over a transport that is connected already: an accepted connection, one end of `pair()`, a
   * connection through a proxy, Bluetooth. With `pauseOnConnect` it begins paused.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE` for what is no transport.
   */
  static from(
    transport: Transport,
    options: SocketOptions & { pauseOnConnect?: boolean } = {},
  ): Socket {
    const { read, write, close } = Object(transport) as Partial<Transport>;
    if (![read, write, close].every((method) => typeof method === "function")) {
      throw codedTypeError("ERR_INVALID_ARG_TYPE", "Cannot make a socket: it is no transport");
    }
    const socket = new Socket(options);
    socket.#attach(transport);
    if (options.pauseOnConnect === true) socket.#paused = true;
    else socket.#incoming.begin();
    return socket;
  }

  // ---- connecting

  /** Connects to a port of a host; `listener` is called once on `connect`. Returns at once. */
  connect(port: number | string, host?: string, listener?: () => void): this;
  /** Connects to a port of this machine, or to a socket file. */
  connect(portOrPath: number | string, listener?: () => void): this;
  /**
   * Connects as the options say. What is set in the same turn (`setKeepAlive`, `setNoDelay`) counts, too.
   *
   * @throws {RangeError} `ERR_SOCKET_BAD_PORT`; `ERR_OUT_OF_RANGE` for a time or a limit.
   * @throws {TypeError} `ERR_MISSING_ARGS`, `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_INVALID_IP_ADDRESS`; a proxy that
   * is no URL of one; a policy that is malformed; TLS options that are malformed or not supported.
   * @throws {NetError} `EISCONN` when connected or connecting already; `ERR_UNSUPPORTED` for what the chosen TLS can't do.
   */
  connect(options: ConnectOptions, listener?: () => void): this;
  connect(...args: unknown[]): this {
    const { options: given, listener } = connectArguments(args);
    const options = checkConnect(given);
    if (options.tls && options.tls !== true) checkTlsClientOptions(options.tls);
    if (options.proxyTls !== undefined) checkTlsClientOptions(options.proxyTls);
    if (this.#connecting !== null || (this.#transport !== null && !this.#destroyed)) {
      throw connectedError();
    }
    // Of a connection that was accepted they are its server's.
    if (this.#transport === null) refuseOptions(this.#options, FOREIGN_CONNECT_OPTIONS);
    const policy = DialPolicy.from(options.policy);
    const all = { ...lastingOptions(this.#options), ...options, policy };
    this.#outgoing.configure(all); // throws before anything has changed
    const signals = new Set([options.signal, this.#signal]);
    this.#signal = undefined;
    this.#options = all;
    if (this.#destroyed) this.#renew();
    if (listener !== undefined) this.once("connect", listener);
    if (options.timeout) this.setTimeout(options.timeout);
    this.#watch([...signals].filter((signal) => signal !== undefined));
    this.#open();
    return this;
  }

  /** The error that the socket was destroyed with, or null; `closed` tells when it has closed. */
  get errored(): Error | null {
    return this.#error;
  }

  /** Whether `connect` was called and neither `connect` nor `close` has come yet. */
  get connecting(): boolean {
    return this.#connecting !== null;
  }

  /** Whether the socket is not connected: not yet, or not any more. */
  get pending(): boolean {
    return this.#transport === null || this.#destroyed;
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
    if (this.#outgoing.ending) return this.#readEnded ? "closed" : "readOnly";
    return this.#readEnded ? "writeOnly" : "open";
  }

  /** Whether the own direction stays open when the peer's ends. */
  get allowHalfOpen(): boolean {
    return this.#options.allowHalfOpen === true;
  }
  set allowHalfOpen(allow: boolean) {
    this.#options = { ...this.#options, allowHalfOpen: allow };
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
   * Queues bytes, or text (UTF-8 when no encoding is named). While the socket is connecting they wait for it.
   * `callback` is called when they have been handed to the system, or with the error. Bytes of 16 KiB and more are not
   * copied, and a chunk is not that is written inside its own `data` event: they must not change until then.
   *
   * @returns Whether the queue is below the high-water mark; when not, `drain` follows.
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_UNKNOWN_ENCODING`, `ERR_STREAM_NULL_VALUES`.
   */
  write(chunk: SocketChunk, callback?: SocketCallback): boolean;
  /** Queues text in `encoding`. */
  write(chunk: SocketChunk, encoding?: string | null, callback?: SocketCallback | null): boolean;
  write(
    chunk: SocketChunk,
    encoding?: string | null | SocketCallback,
    callback?: SocketCallback | null,
  ): boolean {
    if (typeof encoding === "function") [encoding, callback] = [undefined, encoding];
    // As in Node what is no function is none.
    if (typeof callback !== "function") callback = undefined;
    const bytes = chunk instanceof Uint8Array ? chunk : encodeChunk(chunk, encoding);
    if (this.#refuses) return this.#refuse(callback);
    if (this.#idle !== null) this.#idle.touch();
    return this.#outgoing.write(bytes, callback);
  }

  /**
   * Writes `chunk`, if there is one, and ends the own direction (FIN) once all is written. Reading goes on.
   * `callback` is called then, or with the error.
   */
  end(callback?: SocketCallback): this;
  /** Writes `chunk` and ends. */
  end(chunk: SocketChunk, callback?: SocketCallback): this;
  /** Writes text in `encoding` and ends. */
  end(chunk: SocketChunk, encoding?: string | null, callback?: SocketCallback): this;
  end(...args: unknown[]): this {
    const callback = typeof args.at(-1) === "function" ? args.pop() as SocketCallback : undefined;
    const [chunk, encoding] = args as [SocketChunk?, (string | null)?];
    const filled = chunk !== undefined && chunk !== null;
    // The callback hears why its own chunk was not taken.
    const refused = filled && this.#refuses;
    if (filled) this.write(chunk, encoding, refused ? callback : undefined);
    if (refused) return this;
    if (this.#outgoing.finished || this.#destroyed) {
      if (callback !== undefined) {
        const error = this.#outgoing.finished ? endedError() : writeError("closed");
        this.#soon(() => callback(error));
      }
      return this;
    }
    this.#outgoing.end(callback);
    if (this.#offline) this.destroy();
    // Who has paused in a `data` event and is done would never see that the peer is, too.
    else if (this.#paused) this.#incoming.begin();
    return this;
  }

  /** Holds writes back until `uncork()`, so that they leave together. Calls nest. */
  cork(): void {
    this.#outgoing.cork();
  }

  /** Ends a `cork()`. */
  uncork(): void {
    this.#outgoing.uncork();
  }

  /** How many calls of `cork()` still wait for their `uncork()`. */
  get writableCorked(): number {
    return this.#outgoing.corks;
  }

  /** How many bytes are queued for sending. */
  get writableLength(): number {
    return this.#outgoing.queued;
  }

  /** How many bytes are queued for sending, by its old name. */
  get bufferSize(): number {
    return this.writableLength;
  }

  /** From how many queued bytes `write` returns false. */
  get writableHighWaterMark(): number {
    return this.#options.highWaterMark ?? HIGH_WATER_MARK;
  }

  /** Whether `write` returned false and `drain` has not come yet. */
  get writableNeedDrain(): boolean {
    return this.#outgoing.needDrain && !this.#outgoing.ending && !this.#destroyed;
  }

  /** Whether `end()` was called. */
  get writableEnded(): boolean {
    return this.#outgoing.ending;
  }

  /** Whether all was written and the own direction has ended. */
  get writableFinished(): boolean {
    return this.#outgoing.finished;
  }

  /** False: chunks are bytes and text. */
  get writableObjectMode(): boolean {
    return false;
  }

  /** Whether the peer's direction has ended and all of it was read. */
  get readableEnded(): boolean {
    return this.#readEnded;
  }

  // ---- reading

  /**
   * As Node tells it: true when chunks go to `"data"` listeners, false after `pause()`, null before either, and
   * where the socket is read by `for await` or through `readable`.
   */
  get readableFlowing(): boolean | null {
    return this.#paused ? false : this.#incoming.byEvents ? true : null;
  }

  /** How many bytes have come and wait for a reader. */
  get readableLength(): number {
    return this.#incoming.held;
  }

  /** Whether anything that came was read, or thrown away by `resume()` without a listener. */
  get readableDidRead(): boolean {
    return this.#incoming.everRead;
  }

  /** Whether the socket was destroyed before the end of the peer's direction was read. */
  get readableAborted(): boolean {
    return this.#destroyed && !this.#readEnded;
  }

  /** What `setEncoding` was called with, or null. */
  get readableEncoding(): string | null {
    return encodingOf(this.#decoder);
  }

  /** False: chunks are bytes and text. */
  get readableObjectMode(): boolean {
    return false;
  }

  /** Listens; a listener for `"data"` makes the socket flow, unless `pause()` was called. */
  // @ts-ignore: the base class has other types where a program also loads @types/node
  override on<K extends keyof SocketEvents>(
    event: K,
    listener: (...args: SocketEvents[K]) => void,
  ): this {
    this.#onListener(event);
    // deno-lint-ignore no-explicit-any
    return super.on(event as any, listener as any);
  }

  /** Listens, as `on`. */
  // @ts-ignore: the base class has other types where a program also loads @types/node
  override addListener<K extends keyof SocketEvents>(
    event: K,
    listener: (...args: SocketEvents[K]) => void,
  ): this {
    return this.on(event, listener);
  }

  /** Listens for the next event only. */
  // @ts-ignore: the base class has other types where a program also loads @types/node
  override once<K extends keyof SocketEvents>(
    event: K,
    listener: (...args: SocketEvents[K]) => void,
  ): this {
    this.#onListener(event);
    // deno-lint-ignore no-explicit-any
    return super.once(event as any, listener as any);
  }

  /**
   * Stops `data` events and, with them, the sender at the other end. One chunk that is on its way is held until `resume()`;
   * an end without one is told of at once; a socket that is paused before it is connected reads nothing, and tells of no end, until then. In a `data` event nothing is on its way: then the end, too, waits for `resume()`, unless
   * the own side has ended (`end()`): then one chunk, or the end, is read all the same, as in Node. Who takes the chunks (`for await`, `readable`) goes on taking them, as in Node.
   */
  pause(): this {
    const news = !this.#paused;
    this.#paused = true;
    this.#incoming.hold(this.#outgoing.ending);
    if (news) this.#tell("pause");
    return this;
  }

  /** Goes on after `pause()`; with no listener for `data` what comes is thrown away. */
  resume(): this {
    this.#incoming.claim("events");
    this.#paused = false;
    this.#incoming.flow();
    return this;
  }

  /** Whether `pause()` was called last, or the server has `pauseOnConnect`. */
  isPaused(): boolean {
    return this.#paused;
  }

  /**
   * Has `data` events, and `for await`, bring text; characters that are split over chunks are put together. The web
   * stream goes on bringing bytes. The encoding stays when the socket connects anew.
   *
   * @throws {TypeError} `ERR_UNKNOWN_ENCODING`.
   */
  setEncoding(encoding: string = "utf8"): this {
    this.#decoder = new StringDecoder(encoding as BufferEncoding);
    return this;
  }

  /**
   * Writes all that comes into `destination`, at its pace, and ends it at the end unless `end: false`, or unless it
   * is `process.stdout` or `process.stderr`. It resumes a socket that was paused. When the destination fails the pipe
   * ends and the socket is paused; when nobody listens for the failure, the socket is destroyed with it.
   */
  pipe<T extends PipeDestination>(destination: T, options?: PipeOptions): T {
    (this.#pipes ??= new Pipes(this)).add(destination, options);
    return destination;
  }

  /** Ends a `pipe()`; all of them without a destination. The socket is paused after the last one. */
  unpipe(destination?: PipeDestination): this {
    this.#pipes?.remove(destination);
    return this;
  }

  /** What comes in, as a web stream. Cancelling it closes the socket. */
  get readable(): ReadableStream<Uint8Array> {
    if (this.#readable === null) {
      this.#readable = new IncomingStream(this.#incoming, () => this.destroy());
      if (this.#destroyed) this.#readable.stop(this.#error ?? closedError("read"));
    }
    return this.#readable.stream;
  }

  /**
   * The way out, as a web stream. Closing it ends the own direction, aborting it destroys the socket. A `pipeTo` whose signal fires waits
   * for the write under way before it aborts: where the peer takes nothing, `destroy` ends it.
   */
  get writable(): WritableStream<Uint8Array> {
    if (this.#writable === null) {
      this.#writable = new OutgoingStream({
        write: (chunk) => {
          if (this.#destroyed || this.#outgoing.ending) throw this.#error ?? this.#writeError();
          const below = this.write(chunk);
          if (this.#destroyed) throw this.#error ?? this.#writeError();
          return below;
        },
        drained: () => this.#outgoing.drained(),
        end: () => this.#ended(),
        abort: (reason) => void this.destroy(reason instanceof Error ? reason : undefined),
      });
      if (this.#destroyed) this.#writable.stop(this.#error ?? this.#writeError());
    }
    return this.#writable.stream;
  }

  /** Reads chunk by chunk: `Buffer`s, or text after `setEncoding`. Leaving the loop early destroys the socket. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array | string, void, undefined> {
    const incoming = this.#incoming;
    incoming.claim("iterator");
    let intruding = false;
    try {
      for (;;) {
        intruding = incoming.awaited;
        const chunk = await incoming.next();
        if (chunk === null) break;
        const text = this.#decoder?.write(chunk as never);
        if (text !== "") yield text ?? chunk;
      }
      const rest = this.#decoder?.end();
      if (rest) yield rest;
    } finally {
      // A second loop at a time is refused, and the first one goes on.
      if (!intruding && !incoming.done && incoming === this.#incoming) this.destroy();
    }
  }

  // ---- TLS

  /**
   * Starts TLS as the client, on the connection that stands (STARTTLS). What was written before leaves as it is; what is written from
   * now on, and what comes, is TLS: so are bytes that have come and that nobody has read yet. Listeners stay. `secureConnect`
   * and `secure` are emitted; a failure destroys the socket, whose `error` tells who does not wait for the promise.
   *
   * @throws {TypeError} For options that are malformed or not supported.
   * @throws {NetError} What `startTls` throws; `ENOTCONN` when the socket is not connected, or the peer has ended, which
   * destroys it; `EINVAL` while TLS is being started.
   */
  startTls(options: StartTlsOptions = {}): Promise<this> {
    const hostname = options.hostname ?? this.#options.host ?? this.#options.hostname;
    return this.#secure(
      (raw, until) => startTls(raw, { ...options, hostname, ...until }),
      options,
      () => clientHandshakeTimeout(options),
      true,
    );
  }

  /**
   * Starts TLS as the server, on the connection that stands: the other side of {@linkcode Socket.startTls}. `secure` is emitted;
   * a failure destroys the socket, whose `error` tells who does not wait for the promise.
   *
   * @throws {TypeError} For options that are malformed or not supported, certificates and keys that are no good.
   * @throws {NetError} What `startServerTls` throws; `ENOTCONN`, `EINVAL`.
   */
  startServerTls(
    certificates: TlsServerOptions | SecureContext,
    options: StartServerTlsOptions = {},
  ): Promise<this> {
    return this.#secure(
      (raw, until) => startServerTls(raw, certificates, { ...options, ...until }),
      options,
      () => serverHandshakeTimeout(certificates),
      false,
    );
  }

  /** What the TLS handshake came to; `undefined` without TLS. */
  get tls(): TlsInfo | undefined {
    return this.#transport === null ? undefined : tlsInfo(this.#transport);
  }

  /** Whether TLS is on. */
  get encrypted(): boolean {
    return this.tls !== undefined;
  }

  /** Whether the peer's certificate verifies; false for a server that asked for none. */
  get authorized(): boolean {
    return this.tls?.authorized ?? false;
  }

  /** Why the peer's certificate does not verify, as Node calls it; null when it does, or when there is none to verify. */
  get authorizationError(): string | null {
    return this.tls?.authorizationError ?? null;
  }

  /** The protocol that ALPN agreed on; false when there is none. */
  get alpnProtocol(): string | false {
    return this.tls?.alpnProtocol ?? false;
  }

  /** The name that the client asked for by SNI; false when there is none. */
  get servername(): string | false {
    return this.tls?.servername ?? false;
  }

  /** The TLS version, or null where it is not known. */
  getProtocol(): string | null {
    return this.tls?.protocol ?? null;
  }

  /** The TLS version, by Luvit's name. */
  version(): string | null {
    return this.getProtocol();
  }

  /** The cipher suite, or null where it is not known. */
  getCipher(): TlsCipher | null {
    return this.tls?.cipher ?? null;
  }

  /**
   * The peer's certificate; null when it has shown none, or was not asked for one.
   *
   * @throws {NetError} `ERR_UNSUPPORTED` with implementation `"deno"`.
   */
  getPeerCertificate(): PeerCertificate | null {
    return this.tls?.getPeerCertificate() ?? null;
  }

  // ---- closing

  /** Closes at once; what is queued is lost. With an error, `error` is emitted before `close`. */
  destroy(error?: Error | null): this {
    if (this.#destroyed) return this;
    this.#destroyed = true;
    // As a listener for another one's "close" it is called with false.
    error ||= null;
    this.#error = error;
    this.#connecting?.abort();
    this.#connecting = null;
    this.#idle?.stop();
    this.#unwatch?.();
    this.#unwatch = null;
    const reason = error ?? closedError("use the socket");
    const incoming = this.#incoming;
    const outgoing = this.#outgoing;
    incoming.stop(reason);
    const lastWrite = outgoing.stop(reason);
    this.#readable?.stop(reason);
    this.#writable?.stop(reason);
    this.#opened?.reject(reason);
    const transport = this.#transport;
    const close = (): void => {
      if (transport !== null) closeQuietly(transport);
      queueMicrotask(() => {
        this.#emitClose(transport, incoming, outgoing, error, reason);
      });
    };
    if (lastWrite === undefined) close();
    else atMost(LAST_WRITE, lastWrite).then(close);
    return this;
  }

  /** Ends the own direction and destroys the socket once all is written. */
  destroySoon(): void {
    if (!this.#outgoing.ending) this.end();
    if (this.#outgoing.finished || this.#destroyed) this.destroy();
    else this.#onceHere("finish", () => this.destroy());
  }

  /**
   * Closes with a reset (RST) instead of an end. While connecting, as soon as it is connected.
   *
   * @throws {NetError} `ERR_UNSUPPORTED` where the transport can't. Deno's own TCP connections can on Linux with `--allow-ffi`; those that were
   * opened with `keepAlive` and `keepAliveInitialDelay`, and a `NodeTransport` over a socket of node:net, everywhere.
   */
  resetAndDestroy(): this {
    if (this.#connecting !== null) {
      this.#onceHere("connect", () => this.resetAndDestroy());
      return this;
    }
    if (this.#transport === null || this.#destroyed) return this.destroy(closedError("reset"));
    const reset = resetOf(this.#transport);
    if (reset === undefined) throw noReset();
    reset();
    return this.destroy();
  }

  /**
   * Ends the socket, waits up to five seconds until all is written, and closes it. It never rejects: an error, also one that the socket was
   * destroyed with, is told by the `error` event and by `closed`.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#destroyed) {
      try {
        await waitFor(this.#ended(), "close the socket", { timeout: DISPOSE_TIMEOUT });
      } catch {
        // Closed meanwhile, or the peer does not read: closed all the same.
      }
      this.destroy();
    }
    await this.closed.catch(() => {});
  }

  // ---- settings

  /**
   * Emits `timeout` when nothing has passed for `ms` milliseconds, and again after that only when something has passed
   * meanwhile; 0 switches it off. The socket stays open. A socket is timed from `connect()` on.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE`.
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`.
   */
  setTimeout(ms: number, listener?: () => void): this {
    checkTimeout(ms);
    this.#idle?.stop();
    this.#idle = ms === 0 ? null : new IdleTimer(ms, this.#refed, () => this.#tell("timeout"));
    if (listener !== undefined) {
      if (ms === 0) this.off("timeout", listener);
      else this.once("timeout", listener);
    }
    if (!this.pending || this.#connecting !== null) this.#idle?.touch();
    return this;
  }

  /** The time of `setTimeout`, in ms; 0 for none. */
  get timeout(): number {
    return this.#idle?.ms ?? 0;
  }

  /** Sends small writes at once (the default), or lets the system gather them (Nagle). */
  setNoDelay(on = true): this {
    this.#options = { ...this.#options, noDelay: on };
    this.#adjust({ noDelay: on });
    return this;
  }

  /**
   * Has the system probe a silent connection, the first time after `initialDelay` ms; 0 leaves that to the system.
   *
   * A delay needs a connection that was opened with one: call this before `connect()` or right after it, or set `keepAlive`
   * and `keepAliveInitialDelay`.
   *
   * @throws {NetError} `ERR_UNSUPPORTED` for an `initialDelay` on a connection that can't set one: one of Deno's own can't.
   */
  setKeepAlive(on = false, initialDelay = 0): this {
    const transport = this.#destroyed ? null : this.#transport;
    if (on && initialDelay > 0 && transport !== null) checkKeepAliveDelay(transport);
    this.#options = { ...this.#options, keepAlive: on, keepAliveInitialDelay: initialDelay };
    this.#adjust({ keepAlive: on, keepAliveInitialDelay: initialDelay });
    return this;
  }

  /** Lets the socket keep the program running (the default). */
  ref(): this {
    this.#refed = true;
    this.#idle?.keep(true);
    this.#transport?.ref?.();
    return this;
  }

  /** Lets the program end although the socket is open. */
  unref(): this {
    this.#refed = false;
    this.#idle?.keep(false);
    this.#transport?.unref?.();
    return this;
  }

  // ---- addresses and counters

  /** The own address, or an empty object when not connected. */
  address(): SocketAddressInfo | Record<string, never> {
    return addressInfo(this.#transport?.localAddr) ?? {};
  }

  /** The peer's IP address; without the zone of a link-local one, which Deno does not tell. */
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
    return this.#incoming.bytesRead;
  }

  /** How many bytes were written, with those that are queued. */
  get bytesWritten(): number {
    return this.#outgoing.bytesWritten;
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
  shutdown(callback?: SocketCallback): this {
    return callback === undefined ? this.end() : this.end(callback);
  }

  // ---- inner life

  /** Makes a socket that has closed ready for another connection. */
  #renew(): void {
    if (!this.#closed) this.#settleClosed();
    this.#transport = this.#error = null;
    // As in Node the encoding stays; half a character of the former connection does not.
    const encoding = encodingOf(this.#decoder);
    if (encoding !== null) this.setEncoding(encoding);
    this.#opened = this.#closing = null;
    this.#readable = this.#writable = null;
    this.#destroyed =
      this.#closed =
      this.#readEnded =
      this.#securing =
        false;
    this.#incoming = new Incoming(this.#owner);
    this.#outgoing = new Outgoing(this.#owner, this.#options);
    if (this.listenerCount("data") > 0) this.#listen();
  }

  async #open(): Promise<void> {
    const controller = this.#connecting = new AbortController();
    this.#idle?.touch();
    // What is set in the same turn counts, too.
    await undefined;
    if (controller.signal.aborted) return;
    const options = this.#options;
    let transport: Transport;
    try {
      transport = await openTransport(
        options,
        controller.signal,
        (error, address, family, host) => {
          if (this.#connecting === controller) this.#tell("lookup", error, address, family, host);
        },
      );
    } catch (error) {
      if (this.#connecting !== controller) return;
      this.destroy(
        toNetError(error, {
          syscall: "connect",
          address: options.path ?? options.host ?? options.hostname ?? "localhost",
          port: options.port,
        }),
      );
      return;
    }
    if (this.#connecting !== controller) return closeQuietly(transport);
    this.#connecting = null;
    this.#attach(transport);
    this.#opened?.resolve(this.#openInfo());
    const incoming = this.#incoming;
    this.#tell("connect");
    // A listener may have connected anew: what follows is not of the new connection.
    if (this.#incoming !== incoming) return;
    this.#tell("ready");
    if (this.encrypted && !this.#destroyed) {
      this.#tell("secureConnect");
      this.#tell("secure");
    }
    if (this.#incoming === incoming && (!this.#paused || this.#outgoing.ending)) incoming.begin();
  }

  #secure(
    start: (raw: Transport, until: Required<WaitOptions>) => Promise<Transport>,
    waiting: WaitOptions,
    limitOf: () => number,
    client: boolean,
  ): Promise<this> {
    // Quiet, what is written next would leave in the clear.
    if (this.#transport === null && !this.#destroyed) {
      return Promise.reject(startTlsError("offline"));
    }
    const secured = this.#handshake(start, waiting, limitOf, client);
    // The peer can bring it about, and `error` tells of it, too: it must not end the program of who does not wait.
    secured.catch(() => {});
    return secured;
  }

  async #handshake(
    start: (raw: Transport, until: Required<WaitOptions>) => Promise<Transport>,
    waiting: WaitOptions,
    limitOf: () => number,
    client: boolean,
  ): Promise<this> {
    const transport = this.#transport;
    if (transport === null || this.#destroyed || this.#outgoing.ending) {
      throw startTlsError("offline");
    }
    if (this.#securing) throw startTlsError("starting");
    if (this.#readEnded) {
      const error = startTlsError("offline");
      this.destroy(error);
      throw error;
    }
    this.#securing = true;
    const incoming = this.#incoming;
    const raw = incoming.handOver(transport);
    let deadline: Deadline | undefined;
    try {
      // Options that are wrong are told of before anything is waited for.
      isBounded("start TLS", waiting); // throws
      const limit = limitOf();
      // One time for both, or a peer that reads late would have it twice.
      deadline = deadlineSignal("start TLS", waiting);
      const aborter = new AbortController();
      deadline.onfire((error) => aborter.abort(error));
      const { signal } = aborter;
      // A peer that does not read holds the handshake up as well as one that says nothing.
      await this.#outgoing.detach({ timeout: limit, signal });
      const secure = await start(raw, { timeout: 0, signal });
      if (this.#incoming !== incoming || this.#destroyed) {
        closeQuietly(secure);
        throw closedError("start TLS");
      }
      const { flowing } = incoming;
      incoming.hold();
      this.#attach(secure);
      if (client) this.#tell("secureConnect");
      this.#tell("secure");
      if (this.#incoming !== incoming || this.#paused) return this;
      if (!flowing) incoming.begin();
      // What came together with the handshake's end waits until who awaits this has gone on, and listens again, perhaps.
      else {
        setImmediate(() => {
          if (this.#incoming === incoming && !this.#paused && !this.#destroyed) incoming.flow();
        });
      }
      return this;
    } catch (thrown) {
      const error = deadline?.fired ?? thrown;
      if (this.#incoming === incoming) this.destroy(error as Error);
      throw error;
    } finally {
      deadline?.clear();
      if (this.#incoming === incoming) this.#securing = false;
    }
  }

  #attach(transport: Transport & TransportExtras): void {
    this.#transport = transport;
    beginSettings(transport, this.#options, this.#refed);
    this.#outgoing.attach(transport);
    this.#incoming.attach(transport, this.#options.limits?.receivedBytes);
  }

  /** Sets something on the connection. Deno's own refuses that while they write: then it is set after the write. */
  #adjust(settings: TransportSettings): void {
    if (this.#transport === null || this.#destroyed) return;
    const late = this.#late ?? new LateSettings();
    if (late.set(this.#transport, settings) || this.#late !== null) return;
    this.#late = late;
    this.#outgoing.afterWrite((error) => {
      this.#late = null;
      if (!error && this.#transport !== null) late.repeat(this.#transport);
    });
  }

  /** Emits. What a listener throws ends this socket and goes no further. */
  #tell<K extends keyof SocketEvents>(event: K, ...args: SocketEvents[K]): void {
    try {
      // deno-lint-ignore no-explicit-any
      this.emit(event as any, ...args as any);
    } catch (error) {
      this.#threw(error);
    }
  }

  /** Listens once, within the life of this connection. */
  #onceHere(event: "connect" | "finish", listener: () => void): void {
    this.once(event, listener);
    this.once("close", () => this.off(event, listener));
  }

  /** A listener or a callback of the user threw. */
  #threw(thrown: unknown): void {
    const error = errorOf(thrown);
    if (this.#destroyed) return reportFault("a socket", error);
    thrownByListeners.add(error);
    this.destroy(error);
  }

  /** Calls a callback of the user after this turn. */
  #soon(callback: () => void): void {
    queueMicrotask(() => {
      try {
        callback();
      } catch (error) {
        this.#threw(error);
      }
    });
  }

  get #offline(): boolean {
    return this.#transport === null && this.#connecting === null;
  }

  get #refuses(): boolean {
    return this.#destroyed || this.#outgoing.ending || this.#offline;
  }

  #writeError(): NetError {
    // As in Node: who has not ended anything is not told that it has, and who has, also behind the close.
    if (this.#outgoing.ending) {
      return writeError(this.#readEnded && !this.allowHalfOpen ? "gone" : "ended");
    }
    return writeError(this.#destroyed ? "closed" : "offline");
  }

  #refuse(callback: SocketCallback | null | undefined): false {
    const error = this.#writeError();
    // Before the error is told of; and at once, or an end that comes first would have nobody told.
    if (callback) this.#soon(() => callback(error));
    if (!this.#destroyed) this.destroy(error);
    return false;
  }

  /** Ends the own direction; resolves when that is done. */
  #ended(): Promise<void> {
    if (this.#outgoing.finished) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.end((error) => {
        if (error) reject(this.#error ?? error);
        else resolve();
      });
    });
  }

  #onListener(event: string): void {
    if (event === "data") this.#listen();
    else if (event === "readable") {
      // Whoever listens for it reads nothing in another way, and would wait without end.
      throw codedTypeError(
        "ERR_INVALID_ARG_VALUE",
        'Cannot listen for "readable": a Socket has no read(); listen for "data", or make it a stream.Duplex by `new TransportDuplex(new NodeTransport(socket))`',
      );
    }
  }

  #listen(): void {
    this.#incoming.claim("events");
    if (!this.#paused) this.#incoming.flow();
  }

  #ondata(chunk: Uint8Array): void {
    try {
      if (this.#decoder === null) this.emit("data", chunk);
      else {
        const text = this.#decoder.write(chunk as never);
        if (text !== "") this.emit("data", text);
      }
    } catch (error) {
      this.#threw(error);
    }
  }

  #onend(): void {
    const rest = this.#incoming.flowing ? this.#decoder?.end() : "";
    if (rest) this.#tell("data", rest);
    if (this.#destroyed) return;
    this.#readEnded = true;
    this.#tell("end");
    if (this.#destroyed) return;
    if (this.#outgoing.finished) this.destroy();
    else if (this.#options.allowHalfOpen !== true && this.#writable?.stream.locked !== true) {
      this.end();
    }
  }

  #onfinish(): void {
    this.#tell("finish");
    if (this.#readEnded) this.destroy();
  }

  #fail(error: unknown, syscall: string): void {
    if (this.#destroyed) return;
    const { remoteAddress: address, remotePort: port } = this;
    this.destroy(toNetError(error, { syscall, address, port }));
  }

  #emitClose(
    transport: Transport | null,
    incoming: Incoming,
    outgoing: Outgoing,
    error: Error | null,
    reason: Error,
  ): void {
    outgoing.fail(reason);
    if (error !== null) {
      if (this.listenerCount("error") > 0) this.#tell("error", error);
      else if (thrownByListeners.has(error) && this.#closing === null) {
        reportFault("a socket", error);
      }
    }
    // A listener may have connected anew: then this is the end of the former connection only.
    if (this.#outgoing === outgoing) {
      this.#closed = true;
      this.#settleClosed();
    }
    const { watcher } = incoming;
    incoming.watcher = null;
    watcher?.(this, {
      remoteAddress: addressInfo(transport?.remoteAddr)?.address,
      bytesRead: incoming.bytesRead,
      bytesWritten: outgoing.bytesWritten,
    });
    this.#tell("close", error !== null);
  }

  #settleClosed(): void {
    if (this.#error === null) this.#closing?.resolve();
    else this.#closing?.reject(this.#error);
  }

  #openInfo(): SocketOpenInfo {
    const { readable, writable, remoteAddress, remotePort, localAddress, localPort } = this;
    return { readable, writable, remoteAddress, remotePort, localAddress, localPort };
  }

  #watch(signals: AbortSignal[]): void {
    if (signals.length === 0) return;
    const abort = (signal: AbortSignal): void => {
      if (this.#unwatch !== unwatch) return;
      this.destroy(abortError(this.#transport === null ? "connect" : "go on", signal));
    };
    // Not `AbortSignal.any`, which takes none of a polyfill's.
    const ends: Array<() => void> = [];
    for (const signal of signals) {
      if (signal.aborted) queueMicrotask(() => abort(signal));
      else ends.push(watchAbort(signal, () => abort(signal)));
    }
    const unwatch = this.#unwatch = () => {
      for (const end of ends) end();
    };
  }
}

function encodingOf(decoder: StringDecoder | null): string | null {
  return (decoder as (StringDecoder & { encoding: string }) | null)?.encoding ?? null;
}

/** Waits for what never fails, but no longer than `ms`. */
async function atMost(ms: number, what: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout>;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([what, over]);
  clearTimeout(timer!);
}
