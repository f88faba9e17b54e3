// Floor 3: driver.
import { defineInspect } from "../buffer/define_inspect.ts";
import { decodeText, normalizeEncoding } from "../buffer/encodings.ts";
import type { Encoding, EncodingName } from "../buffer/types.ts";
import { errorOf } from "../net/error_of.ts";
import { NetError } from "../net/errors.ts";
import { checkOptionNames } from "../net/option_names.ts";
import type { ProxyUrl } from "../net/proxy_url.ts";
import { Socket } from "../net/socket.ts";
import type { TlsClientOptions } from "../net/tls_options.ts";
import { checkWaitOptions, isBounded, waitFor, type WaitOptions } from "../net/wait.ts";
import { incompleteTail } from "./_incomplete_tail.ts";
import { reportUncaught } from "./_uncaught.ts";
import { type SocketData, socketDataBytes } from "./socket_data.ts";

/** Options of a {@linkcode SimpleSocket}. */
export interface SimpleSocketOptions {
  /**
   * The encoding of text, written and for `ontext`.
   *
   * @default {"utf8"}
   */
  encoding?: EncodingName;
  /**
   * Speaks TLS, and checks the certificate for the host; with an object, as it says.
   *
   * @default {false}
   */
  tls?: boolean | TlsClientOptions;
  /**
   * A proxy to connect through, by its URL: `socks5://`, `http://` or `https://`.
   *
   * @default {none}
   */
  proxy?: string | URL | ProxyUrl;
  /**
   * How long `connect` may take, in ms, unless it is told otherwise; 0 for no limit.
   *
   * @default {20000}
   */
  connectTimeout?: number;
  /**
   * How long `close` may take to send what is queued, in ms.
   *
   * @default {5000}
   */
  closeTimeout?: number;
  /**
   * How many bytes may be queued for sending; a `write` on a longer queue ends the connection.
   *
   * @default {16777216}
   */
  maxSendQueueBytes?: number;
}

const OPTIONS: Readonly<Record<keyof SimpleSocketOptions, true>> = {
  encoding: true,
  tls: true,
  proxy: true,
  connectTimeout: true,
  closeTimeout: true,
  maxSendQueueBytes: true,
};

const FOREIGN_OPTIONS = { ssl: "is `tls` here", timeout: "is `connectTimeout` here" };

/** What a handler may be: a function, or nothing to take it off. Its result is not looked at, but a promise that rejects is a failure. */
export type SimpleSocketHandler<A extends unknown[]> = ((...args: A) => unknown) | null | undefined;

interface Handlers {
  connect?: SimpleSocketHandler<[]>;
  data?: SimpleSocketHandler<[Uint8Array]>;
  text?: SimpleSocketHandler<[string]>;
  close?: SimpleSocketHandler<[]>;
  error?: SimpleSocketHandler<[Error]>;
}

/** Marks a promise as heard: who does not await it must not end the program. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/**
 * A TCP (or TLS) socket with nothing to learn: connect, write, and a handler for what happens. It is the `socket` of Unified Remote's
 * custom remotes.
 *
 * Each handler is set by a call, and setting it again replaces it. What goes wrong is told to the `onerror` handler, and rejects the
 * promise of the call that it went wrong in; a promise that nobody awaits never ends the program. A handler that throws ends its
 * own connection, and `onerror` gets what it threw.
 *
 * A socket that was closed can be connected again.
 *
 * @example
 * ```ts
 * import { createServer } from "@sluice/sockets/net";
 * import { SimpleSocket } from "@sluice/sockets/socket";
 * import { assertEquals } from "@std/assert";
 *
 * const server = await createServer((peer) => peer.pipe(peer)).listen(0, "127.0.0.1");
 * const got = Promise.withResolvers<string>();
 * const socket = new SimpleSocket();
 * socket.onconnect(() => socket.write("hello"));
 * socket.ondata((data) => got.resolve(`${data}`));
 * socket.onerror((error) => got.reject(error));
 * socket.connect("127.0.0.1", server.port);
 * assertEquals(await got.promise, "hello");
 * await socket.close();
 * await server.close();
 * ```
 */
export class SimpleSocket implements AsyncDisposable {
  static {
    defineInspect(SimpleSocket, (socket) => ({
      state: socket.#state,
      encoding: socket.#encoding,
      localAddr: socket.#socket?.localAddr,
      remoteAddr: socket.#socket?.remoteAddr,
    }));
  }

  readonly #encoding: Encoding;
  readonly #options: SimpleSocketOptions;
  readonly #handlers: Handlers = {};
  #socket: Socket | null = null;
  #state: "idle" | "connecting" | "abandoned" | "open" | "closing" = "idle";
  #connecting: Promise<void> = Promise.resolve();
  #tail: Uint8Array | null = null;

  /**
   * Makes a socket that is not connected yet.
   *
   * @throws {TypeError} if there is no such encoding or option.
   * @throws {RangeError} if `maxSendQueueBytes` or a time is negative or no number, or a time is too long for a timer.
   */
  constructor(options: SimpleSocketOptions = {}) {
    checkOptionNames("Cannot make a socket", options, OPTIONS, FOREIGN_OPTIONS);
    this.#encoding = normalizeEncoding(options.encoding ?? "utf8");
    const { maxSendQueueBytes = 0 } = options;
    if (!(maxSendQueueBytes >= 0)) {
      throw new RangeError(`Cannot make a socket with a write limit of ${maxSendQueueBytes} bytes`);
    }
    isBounded("connect", { timeout: options.connectTimeout });
    isBounded("close", { timeout: options.closeTimeout });
    this.#options = options;
  }

  /**
   * Connects to a port of a host. Returns at once: `onconnect` is called when the connection is there, and the promise resolves after it.
   *
   * `timeout` is in ms, 20000 by default.
   *
   * @throws {NetError} (rejects) `ECONNREFUSED`, `ENOTFOUND`, `ETIMEDOUT`, `ABORT_ERR`, `EISCONN` when it is connected or connecting
   * already, `ERR_SOCKET_CLOSED` when it is closed meanwhile, and others.
   */
  connect(host: string, port: number, options: WaitOptions = {}): Promise<void> {
    if (this.#state === "idle") {
      return this.#connecting = quiet(this.#connect(host, port, options));
    }
    const error = new NetError("Cannot connect: the socket is connected or connecting already", {
      code: "EISCONN",
      syscall: "connect",
    });
    this.#report(error);
    return quiet(Promise.reject(error));
  }

  /** Whether the connection is there. */
  connected(): boolean {
    return this.#state === "open";
  }

  /** The connection below: its addresses, settings and counters. `null` when there is none. */
  get connection(): Socket | null {
    return this.#socket;
  }

  /**
   * Sends text (in the socket's encoding), bytes, or what a `ByteBuffer` has not read yet. Before the connection is there it waits for it.
   * The promise resolves when all has been handed to the system. Bytes are not copied: do not change them before.
   *
   * @throws {TypeError} At once, for data of another kind.
   * @throws {NetError} (rejects) `ENOTCONN` when there is no connection, `ERR_BUFFER_LIMIT`, or what broke the connection.
   */
  write(data: SocketData): Promise<void> {
    const bytes = socketDataBytes(data, this.#encoding);
    const socket = this.#socket;
    // After `close` the socket below must not see it: it would break off what is queued.
    if (socket === null || socket.destroyed || this.#state === "closing") {
      const error = new NetError("Cannot write: not connected", { code: "ENOTCONN" });
      // One that broke just now is told of already.
      if (!socket?.destroyed) this.#report(error);
      return quiet(Promise.reject(error));
    }
    return quiet(
      new Promise<void>((resolve, reject) => {
        socket.write(bytes, (error) => error ? reject(error) : resolve());
      }),
    );
  }

  /**
   * Closes the connection, once what was written is sent; `onclose` follows, and then the promise resolves. Data that comes meanwhile is dropped.
   * A connection that is being made is given up. Closing again does nothing.
   */
  close(): Promise<void> {
    const socket = this.#socket;
    return socket === null ? Promise.resolve() : quiet(this.#close(socket));
  }

  /** {@linkcode SimpleSocket.close | close()}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Sets what is called when the connection is there. */
  onconnect(handler: SimpleSocketHandler<[]>): this {
    this.#handlers.connect = handler;
    return this;
  }

  /**
   * Sets what is called with the bytes that come, in the pieces that they come in. They are a `Buffer`: `${data}` is their UTF-8 text. They belong
   * to the handler, but a kept piece keeps up to 256 KiB alive.
   */
  ondata(handler: SimpleSocketHandler<[data: Uint8Array]>): this {
    this.#handlers.data = handler;
    return this;
  }

  /** Sets what is called with the text that comes, in the socket's encoding; characters that come in two parts are put together. */
  ontext(handler: SimpleSocketHandler<[text: string]>): this {
    this.#handlers.text = handler;
    return this;
  }

  /** Sets what is called when a connection that was there has ended, from either side. */
  onclose(handler: SimpleSocketHandler<[]>): this {
    this.#handlers.close = handler;
    return this;
  }

  /** Sets what is called when connecting, writing or reading fails, or a handler throws. */
  onerror(handler: SimpleSocketHandler<[error: Error]>): this {
    this.#handlers.error = handler;
    return this;
  }

  async #connect(host: string, port: number, options: WaitOptions): Promise<void> {
    const { maxSendQueueBytes = 16_777_216 } = this.#options;
    const socket = new Socket({
      maxSendQueueBytes,
      highWaterMark: Math.min(65_536, maxSendQueueBytes),
    });
    try {
      this.#socket = socket;
      this.#state = "connecting";
      this.#listen(socket);
      const { tls, proxy } = this.#options;
      checkWaitOptions("connect", options);
      socket.connect({ host, port, tls, proxy });
      await waitFor(socket.opened, `connect to "${host}:${port}"`, {
        ...options,
        timeout: options.timeout ?? this.#options.connectTimeout ?? 20_000,
      });
      // It was there, and is gone again.
      if (socket.destroyed) {
        throw socket.errored ??
          new NetError("Cannot connect: closed", { code: "ERR_SOCKET_CLOSED" });
      }
    } catch (error) {
      socket.destroy();
      // A port that can't be is told after `connect` has returned, too.
      await null;
      const abandoned = this.#state === "abandoned";
      this.#forget();
      // Closed by the owner: that is no failure to tell of. The handler may connect again.
      if (!abandoned) this.#report(error as Error);
      throw error;
    }
    this.#state = "open";
    // Not before: what came together with a proxy's answer would come too early.
    socket.on("data", (data: Uint8Array) => this.#received(data));
    this.#call("connect");
  }

  #listen(socket: Socket): void {
    socket.on("end", () => this.#text(null));
    socket.on("error", (error) => {
      // What goes wrong before, `connect` tells.
      if (this.#state === "open" || this.#state === "closing") this.#report(error);
    });
    socket.on("close", () => {
      if (this.#state !== "open" && this.#state !== "closing") return;
      this.#forget();
      this.#call("close");
    });
  }

  #received(data: Uint8Array): void {
    if (this.#state !== "open") return;
    this.#call("data", data);
    if (this.#handlers.text) this.#text(data);
  }

  #forget(): void {
    this.#socket = null;
    this.#tail = null;
    this.#state = "idle";
  }

  /** Gives `ontext` what is whole of what came; `null` for the end. */
  #text(data: Uint8Array | null): void {
    const held = this.#tail;
    this.#tail = null;
    let bytes = data ?? new Uint8Array(0);
    if (held !== null) {
      bytes = new Uint8Array(held.length + (data?.length ?? 0));
      bytes.set(held);
      if (data !== null) bytes.set(data, held.length);
    }
    const rest = data === null ? 0 : incompleteTail(bytes, this.#encoding);
    if (rest > 0) this.#tail = bytes.slice(bytes.length - rest);
    const text = decodeText(bytes.subarray(0, bytes.length - rest), this.#encoding);
    if (text !== "") this.#call("text", text);
  }

  async #close(socket: Socket): Promise<void> {
    if (this.#state === "connecting") {
      this.#state = "abandoned";
      socket.destroy();
      // It is the failed `connect` that forgets the socket.
      await this.#connecting.catch(() => {});
      return;
    }
    if (this.#state === "open") {
      this.#state = "closing";
      socket.destroySoon();
    }
    const { closeTimeout = 5000 } = this.#options;
    try {
      await waitFor(socket.closed, "close", { timeout: closeTimeout });
    } catch {
      // It is broken, or the peer does not read: closed all the same.
      socket.destroy();
      await socket.closed.catch(() => {});
    }
  }

  #call(name: "connect" | "close"): void;
  #call(name: "data", data: Uint8Array): void;
  #call(name: "text", text: string): void;
  #call(name: Exclude<keyof Handlers, "error">, arg?: Uint8Array | string): void {
    const handler = this.#handlers[name] as ((arg?: unknown) => unknown) | null | undefined;
    const socket = this.#socket;
    const failed = (error: unknown): void => {
      const reason = errorOf(error);
      if (socket === null || socket.destroyed) this.#report(reason);
      else socket.destroy(reason);
    };
    try {
      const result = handler?.(arg);
      onRejection(result, failed);
    } catch (error) {
      failed(error);
    }
  }

  #report(error: Error): void {
    const { error: handler } = this.#handlers;
    try {
      const result = handler?.(error);
      onRejection(result, uncaught);
    } catch (reason) {
      uncaught(reason);
    }
  }
}

function uncaught(reason: unknown): void {
  reportUncaught("a socket's onerror handler", reason);
}

/** Hears of it when what a handler returned is rejected; it may be a promise of another library or realm. */
function onRejection(result: unknown, failed: (error: unknown) => void): void {
  const thenable = typeof (result as { then?: unknown } | null | undefined)?.then === "function";
  if (thenable) Promise.resolve(result).catch(failed);
}
