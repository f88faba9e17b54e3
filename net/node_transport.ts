// Floor 3: driver.
import { Duplex } from "node:stream";
import { checkTimeout } from "./_connect_arguments.ts";
import { IdleTimer } from "./_idle_timer.ts";
import { Line } from "./_line.ts";
import { addressInfo } from "./_socket_util.ts";
import { takenCount } from "./_taken_count.ts";
import { BELOW, type TransportExtras } from "./_transport_extras.ts";
import { NetError } from "./errors.ts";
import { isDelay } from "./max_delay.ts";
import { toNetError } from "./os_error.ts";
import { TransportReader } from "./reader.ts";
import type { SocketAddressInfo, SocketReadyState } from "./socket_options.ts";
import type { Transport, TransportAddr } from "./transport.ts";
import { LateSettings } from "./transport_settings.ts";

/** What {@linkcode NodeTransport} uses of a node:net or node:tls socket, beside the stream. */
export interface NodeSocketLike {
  /** The peer's IP address. */
  readonly remoteAddress?: string | undefined;
  /** The peer's port. */
  readonly remotePort?: number | undefined;
  /** The own IP address. */
  readonly localAddress?: string | undefined;
  /** The own port. */
  readonly localPort?: number | undefined;
  /** Switches Nagle's algorithm off or on. */
  setNoDelay?(noDelay?: boolean): unknown;
  /** Has the system probe a silent connection. */
  setKeepAlive?(enable?: boolean, initialDelay?: number): unknown;
  /** Closes with a reset (RST). */
  resetAndDestroy?(): unknown;
  /** Keeps the program running. */
  ref?(): unknown;
  /** Lets the program end. */
  unref?(): unknown;
}

/** What {@linkcode NodeTransport} uses of a stream that is no `Duplex`: a `Socket` of this module has it. */
export interface NodeStreamLike extends NodeSocketLike {
  /** Listens for what comes. */
  on(event: "data", listener: (chunk: Uint8Array | string) => void): unknown;
  /** Listens for the beginning, where there is one, and the ends. */
  on(event: "connect" | "end" | "close", listener: () => void): unknown;
  /** Listens for the failure. */
  on(event: "error", listener: (error: Error) => void): unknown;
  /** Writes; `callback` is told when that is done, or could not be. */
  write(chunk: Uint8Array, callback: (error?: Error | null) => void): unknown;
  /** Ends the writing direction. */
  end(callback: (error?: Error | null) => void): unknown;
  /** Closes at once. */
  destroy(): unknown;
  /** Stops `data`. */
  pause(): unknown;
  /** Goes on. */
  resume(): unknown;
  /** Whether it was stopped. */
  isPaused(): boolean;
  /** Whether `end` was emitted. */
  readonly readableEnded: boolean;
  /** Whether `end()` was called. */
  readonly writableEnded: boolean;
  /** Whether all is written, the end, too. */
  readonly writableFinished: boolean;
  /** Whether it is closed, or about to be. */
  readonly destroyed: boolean;
  /** Whether the own direction stays open when the other end's ends. */
  allowHalfOpen?: boolean | undefined;
  /** What it failed with. */
  readonly errored?: Error | null | undefined;
  /** The address of the other end, where it is known in full. */
  readonly remoteAddr?: TransportAddr | undefined;
  /** The address of this end. */
  readonly localAddr?: TransportAddr | undefined;
}

/** Options of {@linkcode NodeTransport}. */
export interface NodeTransportOptions {
  /** Bytes that were read from the stream already, for example the `head` of an `upgrade` event: they come first. */
  head?: Uint8Array;
  /**
   * From how many bytes that nobody has read the stream is paused.
   *
   * @default {65536}
   */
  highWaterMark?: number;
  /** Asked when the stream ends: an error is given to the reader instead of the end. */
  checkEnd?: () => Error | undefined;
}

interface PendingRead {
  into: Uint8Array;
  resolve(size: number | null): void;
  reject(error: unknown): void;
}

const UNKNOWN: TransportAddr = { transport: "memory" };

function addrOf(address: string | undefined, port: number | undefined): TransportAddr {
  if (address === undefined || port === undefined) return UNKNOWN;
  return { transport: "tcp", hostname: address, port };
}

/**
 * A transport over a Node stream: a node:net or node:tls socket, such as the `upgrade` event of a `node:http` server hands out,
 * or any other `Duplex`. The stream belongs to the transport from then on. With a `Socket` of this module, for example one that a `Server` has
 * accepted, `new TransportDuplex(new NodeTransport(socket))` is what libraries take that want a real `Duplex`.
 *
 * The stream's `allowHalfOpen` is switched on: when the peer's end has come, what came before it may not have been read yet, and its answer is
 * still to be written. Whoever has the transport ends the own direction, or closes it: who only reads to `null` leaves the connection half
 * open, as with a `Deno.Conn`.
 *
 * @example
 * ```ts
 * import { NodeTransport } from "@sluice/sockets/net";
 * import { PassThrough } from "node:stream";
 * import { assertEquals } from "@std/assert";
 *
 * const transport = new NodeTransport(new PassThrough());
 * await transport.write(Uint8Array.of(1, 2, 3));
 * await transport.closeWrite();
 * const p = new Uint8Array(8);
 * let size = 0;
 * for (let n; (n = await transport.read(p)) !== null;) size += n;
 * transport.close(); // the peer's end alone does not close it
 * assertEquals(size, 3);
 * ```
 */
export class NodeTransport implements Transport {
  readonly #stream: NodeStreamLike;
  readonly #highWaterMark: number;
  readonly #chunks: Line<Uint8Array> = new Line();
  #queued = 0;
  #pending: PendingRead | null = null;
  #writers = new Set<(error: unknown) => void>();
  #ended = false;
  #paused = false;
  #closed = false;
  #failure: Error | null = null;
  #localAddr = UNKNOWN;
  #remoteAddr = UNKNOWN;

  /** Takes a stream over. */
  constructor(
    given: Duplex & NodeSocketLike | NodeStreamLike,
    options: NodeTransportOptions = {},
  ) {
    const stream: NodeStreamLike = given;
    this.#stream = stream;
    this.#highWaterMark = options.highWaterMark ?? 65_536;
    // By its default the stream would end the own direction as soon as the peer's end is here, and nobody has read what waits here.
    if ("allowHalfOpen" in stream) stream.allowHalfOpen = true;
    if (options.head !== undefined && options.head.length > 0) {
      this.#chunks.push(options.head);
      this.#queued = options.head.length;
    }
    this.#look();
    stream.on("connect", () => this.#look());
    stream.on("data", (chunk: Uint8Array | string) => {
      if (typeof chunk !== "string") return this.#ondata(chunk);
      this.#fail(new TypeError("the stream gives text, since its setEncoding was called"));
      stream.destroy();
    });
    stream.on("end", () => {
      const error = options.checkEnd?.();
      if (error !== undefined) return this.#fail(error);
      this.#ended = true;
      if (this.#queued === 0) this.#settle(null);
    });
    stream.on("error", (error: Error) => this.#fail(error));
    stream.on("close", () => {
      if (!this.#ended || this.#writers.size > 0) this.#fail(closedError());
    });
    if (stream.readableEnded) this.#ended = true;
    else if (stream.errored) this.#fail(stream.errored);
    else if (stream.destroyed) this.#fail(closedError());
    // A server with `pauseOnConnect`, or who looked at it before, has stopped it: a listener alone does not start it then.
    else if (stream.isPaused()) stream.resume();
  }

  /** The address of this end, once the stream is connected. */
  get localAddr(): TransportAddr {
    this.#look();
    return this.#localAddr;
  }

  /** The address of the other end, once the stream is connected. */
  get remoteAddr(): TransportAddr {
    this.#look();
    return this.#remoteAddr;
  }

  /** Reads into `p`; `null` at the end of the stream. */
  read(p: Uint8Array): Promise<number | null> {
    if (this.#closed) return Promise.reject(closedError());
    if (this.#pending !== null) {
      return Promise.reject(new TypeError("Cannot read: another read is under way"));
    }
    if (this.#queued > 0) return Promise.resolve(this.#take(p));
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#ended) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#pending = { into: p, resolve, reject };
    });
  }

  /** Writes all of `p`; resolves when the stream has handed it on. */
  write(p: Uint8Array): Promise<number> {
    if (this.#closed) return Promise.reject(closedError());
    if (this.#failure !== null) return Promise.reject(this.#failure);
    // Deno's TLSSocket never says that it has written nothing, which node:http writes at the end of a response.
    if (p.length === 0) return Promise.resolve(0);
    // A stream that is written to after its end is destroyed, with what can still be read.
    if (this.#stream.writableEnded) return Promise.reject(endedError());
    return new Promise((resolve, reject) => {
      this.#writers.add(reject);
      this.#stream.write(p, (error) => {
        if (!this.#writers.delete(reject)) return;
        if (error) reject(this.#writeFailure(error, "write"));
        else resolve(p.length);
      });
    });
  }

  /**
   * What a write has failed with. When the connection breaks under a write, or is destroyed or reset here, Deno's node:net cancels it
   * (ECANCELED) before it emits what broke the connection.
   */
  #writeFailure(error: Error, syscall: string): Error {
    if (this.#failure !== null) return this.#failure;
    const broken: Error & { code?: unknown } = this.#stream.errored ?? error;
    return broken.code === "ECANCELED" ? closedError() : toNetError(broken, { syscall });
  }

  /** Ends the writing direction. */
  closeWrite(): Promise<void> {
    if (this.#closed) return Promise.reject(closedError());
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#stream.writableFinished) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#writers.add(reject);
      // node:stream gives an error to this callback, whatever its types say.
      this.#stream.end((error?: Error | null) => {
        if (!this.#writers.delete(reject)) return;
        if (error) reject(this.#writeFailure(error, "shutdown"));
        else resolve();
      });
    });
  }

  /** Destroys the stream. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#chunks.takeAll();
    this.#queued = 0;
    this.#fail(closedError());
    this.#stream.destroy();
  }

  /** Switches Nagle's algorithm off (the default) or on, where the stream can. */
  setNoDelay(noDelay = true): void {
    this.#stream.setNoDelay?.(noDelay);
  }

  /** Has the system probe a silent connection, where the stream can; the first probe after `initialDelay` ms. */
  setKeepAlive(enable: boolean, initialDelay: number): void {
    this.#stream.setKeepAlive?.(enable, initialDelay);
  }

  /** Whether the stream has a reset; sockets of node:net have one while they are connected by TCP. */
  get resets(): boolean {
    const stream = this.#stream;
    const connected = stream.remotePort !== undefined || !("remotePort" in stream);
    return stream.resetAndDestroy !== undefined && connected;
  }

  /** Closes with a reset (RST), or, where the stream has none, at once. */
  reset(): void {
    if (this.#closed) return;
    try {
      this.#stream.resetAndDestroy?.();
    } catch {
      // a socket of this module, where Deno has no reset
    }
    this.close();
  }

  /** Keeps the program running while the stream is open. */
  ref(): void {
    this.#stream.ref?.();
  }

  /** Lets the program end although the stream is open. */
  unref(): void {
    this.#stream.unref?.();
  }

  /** Stops the stream, and with it the peer: called when too much waits to be read. */
  protected pauseReading(): void {
    this.#stream.pause();
  }

  /** Lets the stream go on. */
  protected resumeReading(): void {
    this.#stream.resume();
  }

  /** Keeps the addresses, which a socket of node:net forgets when it closes. */
  #look(): void {
    const stream = this.#stream;
    if (this.#localAddr === UNKNOWN) {
      this.#localAddr = stream.localAddr ?? addrOf(stream.localAddress, stream.localPort);
    }
    if (this.#remoteAddr === UNKNOWN) {
      this.#remoteAddr = stream.remoteAddr ?? addrOf(stream.remoteAddress, stream.remotePort);
    }
  }

  #ondata(chunk: Uint8Array): void {
    const pending = this.#pending;
    if (pending !== null && chunk.length <= pending.into.length) {
      this.#pending = null;
      pending.into.set(chunk);
      pending.resolve(chunk.length);
      return;
    }
    this.#chunks.push(chunk);
    this.#queued += chunk.length;
    if (pending !== null) {
      this.#pending = null;
      pending.resolve(this.#take(pending.into));
    }
    if (this.#queued >= this.#highWaterMark && !this.#paused) {
      this.#paused = true;
      this.pauseReading();
    }
  }

  #take(p: Uint8Array): number {
    let size = 0;
    for (let chunk; size < p.length && (chunk = this.#chunks.shift()) !== undefined;) {
      const n = Math.min(chunk.length, p.length - size);
      p.set(n === chunk.length ? chunk : chunk.subarray(0, n), size);
      size += n;
      if (n < chunk.length) this.#chunks.unshift(chunk.subarray(n));
    }
    this.#queued -= size;
    if (this.#paused && this.#queued < this.#highWaterMark) {
      this.#paused = false;
      this.resumeReading();
    }
    return size;
  }

  #settle(size: number | null): void {
    const pending = this.#pending;
    this.#pending = null;
    pending?.resolve(size);
  }

  #fail(cause: Error): void {
    const error = this.#failure ??= toNetError(cause, { syscall: "read" });
    const pending = this.#pending;
    this.#pending = null;
    pending?.reject(error);
    const writers = [...this.#writers];
    this.#writers.clear();
    for (const reject of writers) reject(error);
  }
}

function endedError(): NetError {
  return new NetError("Cannot write: the writing direction was ended", {
    code: "EPIPE",
    syscall: "write",
  });
}

function closedError(): NetError {
  return new NetError("Cannot use the transport: it is closed", { code: "ERR_SOCKET_CLOSED" });
}

/** Options of {@linkcode TransportDuplex}. */
export interface TransportDuplexOptions {
  /** Bytes that were read from the transport already: they come first. */
  head?: Uint8Array;
  /**
   * From how many bytes on it pushes back, in both directions.
   *
   * @default {65536}
   */
  highWaterMark?: number;
  /**
   * Whether the own direction stays open when the peer's ends. Servers of node:http have it on. Without it, as in node:net, what
   * `duplex.pipe(transform).pipe(duplex)` has not written back by then is lost.
   *
   * @default {false}
   */
  allowHalfOpen?: boolean;
  /**
   * Whether a chunk is valid only while `data` is emitted, so that one buffer serves for all.
   *
   * @default {false}
   */
  transient?: boolean;
  /**
   * How long the transport may take nothing of what is written before the stream is destroyed, in ms.
   *
   * @default {Infinity}
   */
  writeTimeout?: number;
}

/**
 * How much is written at once to a transport that takes all it is given, in bytes: only between two writes can be told that bytes pass,
 * and a timeout may be set at any time. Several times what node:tls has under way before a write waits: each write waits until nothing is.
 */
const SLICE = 262_144;
/** Up to so many bytes chunks leave in one write. */
const MOST_JOINED = 65_536;
/** How long a peer that was told the end may be silent before it ends as well, in ms. */
const LINGER = 5_000;
/** How long it may send on, in ms. */
const LINGER_MOST = 300_000;

/** Whether a transport keeps a write under way until all of it is gone, instead of taking what it has room for. */
function takesAll(transport: Transport & TransportExtras): boolean {
  for (let at: typeof transport | undefined = transport; at !== undefined; at = at[BELOW]) {
    if (at instanceof NodeTransport) return true;
  }
  return false;
}

/** Whether an error with a code is one of the system's: a plain one, or one with a code that is known here. */
function isSystemError(error: Error, code: string): boolean {
  if (!/^E[A-Z0-9]+$/.test(code)) return false;
  return error.constructor === Error || toNetError(error, { syscall: "" }).code === code;
}

/**
 * The other way round: a Node `Duplex` over a transport, for code that wants a node:net socket. It has the addresses, the
 * setters and the idle time of one. The transport belongs to it from then on: destroying it closes the transport. As with a socket, the peer's end ends
 * the own direction, too, and then `close` comes, unless there is `allowHalfOpen`.
 *
 * @example
 * ```ts
 * import { pair, TransportDuplex } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const [a, b] = pair();
 * const duplex = new TransportDuplex(a);
 * duplex.end("hello");
 * const p = new Uint8Array(16);
 * assertEquals(new TextDecoder().decode(p.subarray(0, (await b.read(p))!)), "hello");
 * duplex.destroy();
 * b.close();
 * ```
 */
export class TransportDuplex extends Duplex implements NodeSocketLike {
  readonly #transport: Transport & TransportExtras;
  readonly #reader: TransportReader;
  readonly #takesAll: boolean;
  readonly #writeTimeout: number;
  readonly #late = new LateSettings();
  #head: Uint8Array | null;
  #started = false;
  #held = false;
  #leaving = false;
  #refed = true;
  #bytesRead = 0;
  #bytesWritten = 0;
  /** What has been written of several chunks that the stream still counts as waiting, in bytes. */
  #ahead = 0;
  #idle: IdleTimer | null = null;

  /** Takes a transport over. */
  constructor(transport: Transport, options: TransportDuplexOptions = {}) {
    const { highWaterMark = 65_536, head, transient = false, writeTimeout = Infinity } = options;
    super({ allowHalfOpen: options.allowHalfOpen === true, highWaterMark, emitClose: true });
    if (!(writeTimeout > 0 && isDelay(writeTimeout))) {
      throw new RangeError(`Cannot wait ${writeTimeout} ms for a write`);
    }
    this.#transport = transport;
    this.#takesAll = takesAll(transport);
    this.#writeTimeout = writeTimeout;
    this.#head = head === undefined || head.length === 0 ? null : head;
    let buffer = new Uint8Array(0);
    const allocate = (size: number): Uint8Array =>
      buffer.length === size ? buffer : buffer = new Uint8Array(size);
    this.#reader = new TransportReader(transport, {
      data: (chunk) => {
        this.#idle?.touch();
        this.#bytesRead += chunk.length;
        if (transient && this.readableFlowing && this.readableLength === 0) {
          this.emit("data", chunk);
        } else if (!this.push(transient ? chunk.slice() : chunk)) this.#reader.pause();
      },
      end: () => {
        this.push(null);
      },
      error: (error) => {
        this.destroy(this.#netError(error, "read"));
      },
    }, transient ? { allocate, maxSlab: 131_072 } : {});
  }

  /** The address of the other end, as the transport tells it: that of a Unix socket, too. */
  get remoteAddr(): TransportAddr {
    return this.#transport.remoteAddr;
  }

  /** The address of this end, as the transport tells it. */
  get localAddr(): TransportAddr {
    return this.#transport.localAddr;
  }

  /** The peer's IP address. */
  get remoteAddress(): string | undefined {
    return hostnameOf(this.#transport.remoteAddr);
  }

  /** The peer's port. */
  get remotePort(): number | undefined {
    return portOf(this.#transport.remoteAddr);
  }

  /** The family of the peer's address, `"IPv4"` or `"IPv6"`. */
  get remoteFamily(): string | undefined {
    return familyOf(this.remoteAddress);
  }

  /** The own IP address. */
  get localAddress(): string | undefined {
    return hostnameOf(this.#transport.localAddr);
  }

  /** The own port. */
  get localPort(): number | undefined {
    return portOf(this.#transport.localAddr);
  }

  /** The family of the own address. */
  get localFamily(): string | undefined {
    return familyOf(this.localAddress);
  }

  /** The own address, or an empty object where the transport has no port. */
  address(): SocketAddressInfo | Record<string, never> {
    return addressInfo(this.#transport.localAddr) ?? {};
  }

  /** Whether it is being connected: never, since its transport stands. */
  get connecting(): boolean {
    return false;
  }
  /** Changes nothing: it is there since code for node:net, where it is a plain property, may assign it. */
  set connecting(_connecting: boolean) {
    // as it was
  }

  /** Whether it is not connected any more. */
  get pending(): boolean {
    return this.destroyed;
  }

  /** Which directions are open, in the words of a socket. */
  get readyState(): SocketReadyState {
    if (this.readable) return this.writable ? "open" : "readOnly";
    return this.writable ? "writeOnly" : "closed";
  }

  /** How many bytes came from the transport. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** How many bytes were written, with those that are queued. */
  get bytesWritten(): number {
    return this.#bytesWritten + this.writableLength - this.#ahead;
  }

  /** Switches Nagle's algorithm off (the default) or on, where the transport can. */
  setNoDelay(noDelay = true): this {
    // As with a socket, there is nothing to set any more: libraries call it by themselves, and may come too late.
    if (!this.destroyed) this.#late.set(this.#transport, { noDelay });
    return this;
  }

  /**
   * Has the system probe a silent connection, where the transport can; the first time after `initialDelay` ms, where it takes a delay: a
   * {@linkcode NodeTransport} over a socket of node:net does, a `Deno.TcpConn` leaves it to the system.
   */
  setKeepAlive(enable = false, initialDelay = 0): this {
    const keepAliveInitialDelay = enable && initialDelay > 0 ? initialDelay : undefined;
    if (!this.destroyed) {
      this.#late.set(this.#transport, { keepAlive: enable, keepAliveInitialDelay });
    }
    return this;
  }

  /**
   * Emits `timeout` when nothing has passed for `ms` milliseconds, and again after that only when something has passed meanwhile; 0
   * switches it off. The stream stays open.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE`.
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`.
   */
  setTimeout(ms: number, listener?: () => void): this {
    checkTimeout(ms);
    this.#idle?.stop();
    this.#idle = ms === 0 || this.destroyed
      ? null
      : new IdleTimer(ms, this.#refed, () => this.emit("timeout"));
    this.#idle?.touch();
    if (listener !== undefined) {
      if (ms === 0) this.off("timeout", listener);
      else this.once("timeout", listener);
    }
    return this;
  }

  /** The time of `setTimeout`, in ms; 0 for none. */
  get timeout(): number {
    return this.#idle?.ms ?? 0;
  }
  /** Changes nothing, as in node:net, where assigning it sets no timer. */
  set timeout(_ms: number) {
    // as it was
  }

  /** Keeps the program running while the transport is open. */
  ref(): this {
    this.#refed = true;
    this.#idle?.keep(true);
    this.#transport.ref?.();
    return this;
  }

  /** Lets the program end although the transport is open. */
  unref(): this {
    this.#refed = false;
    this.#idle?.keep(false);
    this.#transport.unref?.();
    return this;
  }

  /** Stops reading from the transport, until {@linkcode TransportDuplex.release}; `pause` stops the stream only. */
  hold(): void {
    this.#held = true;
    if (this.#started) this.#reader.pause();
  }

  /** Goes on after {@linkcode TransportDuplex.hold}. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    if (this.#started) this.#reader.resume();
    else this._read();
  }

  /** For the stream's machinery. */
  override _read(): void {
    if (this.#held) return;
    const head = this.#head;
    if (head !== null) {
      this.#head = null;
      this.push(head);
      return;
    }
    if (this.#started) this.#reader.resume();
    else {
      this.#started = true;
      this.#reader.start();
    }
  }

  /** For the stream's machinery. */
  override _write(
    chunk: Uint8Array,
    _encoding: string,
    callback: (error?: Error | null) => void,
  ): void {
    this.#writeAll(chunk).then(
      () => {
        this.#bytesWritten += chunk.length;
        callback();
      },
      (error) => callback(this.#netError(error, "write")),
    );
  }

  /** For the stream's machinery: what waited while another write was under way, or corked, as node:http has a head and its body. */
  override _writev(
    chunks: { chunk: Uint8Array; encoding: string }[],
    callback: (error?: Error | null) => void,
  ): void {
    const waiting = chunks.map(({ chunk }) => chunk).filter(({ length }) => length > 0);
    let at = 0;
    const next = (error?: Error | null): void => {
      if (error || at === waiting.length) {
        this.#ahead = 0;
        callback(error);
        return;
      }
      const start = at;
      let { length } = waiting[at++];
      while (at < waiting.length && length + waiting[at].length <= MOST_JOINED) {
        length += waiting[at++].length;
      }
      const piece = at - start === 1 ? waiting[start] : joined(waiting.slice(start, at), length);
      this._write(piece, "buffer", (error) => {
        this.#ahead += length;
        next(error);
      });
    };
    next();
  }

  /** For the stream's machinery. */
  override _final(callback: (error?: Error | null) => void): void {
    // A transport may keep some of what it took until its peer takes that.
    this.#inTime(this.#transport.closeWrite()).then(
      () => callback(),
      (error) => callback(this.#netError(error, "shutdown")),
    );
  }

  /**
   * Ends the own direction, and closes when all is written and the peer has ended as well, or has sent nothing for 5 seconds, or
   * after five minutes: to close while it still sends would cost it what it has not read yet. `node:http` calls it behind the
   * last response of a connection.
   */
  destroySoon(): void {
    if (this.#leaving || this.destroyed) return;
    this.#leaving = true;
    if (this.writableFinished) return this.#linger();
    this.once("finish", () => this.#linger());
    this.end();
  }

  #linger(): void {
    if (this.destroyed) return;
    const last = performance.now() + LINGER_MOST;
    let seen = this.#bytesRead;
    let timer: ReturnType<typeof setTimeout>;
    const wait = () => {
      timer = setTimeout(() => {
        // Who reads it may hold it back: then it is not the peer that says nothing.
        const silent = seen === this.#bytesRead && !this.isPaused();
        if (silent || performance.now() >= last) return void this.destroy();
        seen = this.#bytesRead;
        wait();
      }, LINGER);
      if (!this.#refed) Deno.unrefTimer(timer);
    };
    wait();
    this.once("close", () => clearTimeout(timer));
  }

  /** For the stream's machinery. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#idle?.stop();
    this.#idle = null;
    this.#reader.stop();
    try {
      this.#transport.close();
    } catch {
      // closed already
    }
    callback(error);
  }

  /** What the transport failed with, with Node's code, as a socket has it; who has given it a code of its own, gets that error. */
  #netError(error: unknown, syscall: string): Error {
    // The system's do not tell the address; Deno has classes for some of them, and throws the others as plain errors.
    if (error instanceof Error && !(error.name in Deno.errors)) {
      const { code } = error as { code?: unknown };
      if (typeof code === "string" && !isSystemError(error, code)) return error;
    }
    return toNetError(error, { syscall, address: this.remoteAddress, port: this.remotePort });
  }

  async #writeAll(chunk: Uint8Array): Promise<void> {
    // node:http ends each response with an empty chunk, which would cost as much as one with bytes.
    if (chunk.length === 0) return;
    let rest = chunk;
    this.#idle?.touch();
    for (;;) {
      const slice = this.#takesAll ? rest.subarray(0, SLICE) : rest;
      const n = takenCount(await this.#inTime(this.#transport.write(slice)), slice.length);
      this.#late.repeat(this.#transport);
      this.#idle?.touch();
      if (n === rest.length) return;
      rest = rest.subarray(n);
    }
  }

  async #inTime<T>(step: Promise<T>): Promise<T> {
    if (this.#writeTimeout === Infinity) return await step;
    const timer = setTimeout(() => {
      this.destroy(
        new NetError(`Cannot write: the peer took nothing for ${this.#writeTimeout} ms`, {
          code: "ETIMEDOUT",
        }),
      );
    }, this.#writeTimeout);
    try {
      return await step;
    } finally {
      clearTimeout(timer);
    }
  }
}

function joined(chunks: Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function hostnameOf(addr: TransportAddr): string | undefined {
  return "hostname" in addr ? addr.hostname : undefined;
}

function portOf(addr: TransportAddr): number | undefined {
  return "hostname" in addr ? addr.port : undefined;
}

function familyOf(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  return address.includes(":") ? "IPv6" : "IPv4";
}
