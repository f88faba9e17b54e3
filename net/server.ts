// Floor 3: driver.
import { captureRejectionSymbol, EventEmitter } from "node:events";
// Without it what an async listener throws is lost: it travels by `process.nextTick`.
import "node:process";
import { defineInspect } from "../buffer/define_inspect.ts";
import { Admission } from "./_admission.ts";
import { closeQuietly } from "./_close_quietly.ts";
import { type ClosedConnection, type CloseTeller, closeWatch } from "./_close_watch.ts";
import { codedTypeError, refuseOptions } from "./_connect_arguments.ts";
import { listenArguments, openListener } from "./_listen.ts";
import { checkServerOptionNames } from "./_server_option_names.ts";
import { addressInfo, dropInfo, reportFault } from "./_socket_util.ts";
import { AcceptFailures } from "./accept_failures.ts";
import { errorOf } from "./error_of.ts";
import { NetError } from "./errors.ts";
import { Limits, type Pressure } from "./limits.ts";
import { isDelay } from "./max_delay.ts";
import { toNetError } from "./os_error.ts";
import type {
  DropInfo,
  DropReason,
  ListenOptions,
  ServerCloseOptions,
  ServerMetrics,
  ServerOptions,
  TransportListener,
} from "./server_options.ts";
import { Socket } from "./socket.ts";
import type { SocketAddressInfo } from "./socket_options.ts";
import {
  acceptProxyProtocol,
  type AcceptProxyProtocolOptions,
  checkedProxyProtocol,
} from "./proxy_protocol_transport.ts";
import type { Transport } from "./transport.ts";

/** The events of a server, with what their listeners are called with. */
export interface ServerEvents {
  /** The server listens. */
  listening: [];
  /** A connection came. */
  connection: [socket: Socket];
  /** The server was closed, and its last connection, too. */
  close: [];
  /** Listening failed or broke down, or a listener of the server's own events threw this. */
  error: [error: Error & { code?: string; syscall?: string; address?: string; port?: number }];
  /** A connection was dropped: a cap, a list or the rate did not let it in. */
  drop: [info: DropInfo];
  /** The TLS handshake of a connection is done: of secure servers. */
  secureConnection: [socket: Socket];
  /** The TLS handshake of a connection failed, and the connection is gone: of secure servers. */
  tlsClientError: [error: Error, socket: Socket];
}

/** What closes other servers in time. Unseen, this one would wait without end. */
const FOREIGN_CLOSE_OPTIONS = {
  timeout: "it is `drain` here",
  signal: "there is `drain`, and closeAllConnections()",
};

/** When those of the connections that are still open then are destroyed. */
interface Drain {
  at: number;
  sockets: Set<Socket>;
  timer: ReturnType<typeof setTimeout>;
}

/** How long `accept` rests after it failed for want of resources, in ms. */
const ACCEPT_REST = 50;

/**
 * Accepts connections on a TCP port or on a Unix socket file: Node's and Luvit's `Server`, with limits.
 *
 * `listen` and `close` return the server, which can be awaited meanwhile: `await server.listen(0)` waits until it
 * listens and throws if it can't, `await server.close()` waits until the last connection has closed. When nobody waits
 * and nobody listens for `error`, a failure to listen ends the program, as in Node.
 *
 * What a listener for `connection` throws, also an `async` one, ends that connection and nothing else. When the system
 * runs out of file descriptors the server goes on with the connections it has, and accepts again when there are some;
 * with `keepAlive` and a `keepAliveInitialDelay` it does not: Deno's node:net, which accepts then, has stopped for good.
 *
 * @example
 * ```ts
 * import { createServer } from "@sluice/sockets/net";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const server = await createServer().listen(0, "127.0.0.1");
 * assert(server.listening && server.port > 0);
 * await server.close();
 * assertEquals(server.address(), null);
 * ```
 */
export class Server extends EventEmitter<ServerEvents> implements AsyncDisposable {
  #maxConnections = Infinity;
  readonly #options: ServerOptions & { limits: Limits };
  readonly #admission: Admission;
  readonly #sockets = new Set<Socket>();
  readonly #forget: CloseTeller = (socket, ended) => this.#remove(socket as Socket, ended);
  #listener: TransportListener | null = null;
  #opening: object | null = null;
  #loops = 0;
  #closing: PromiseWithResolvers<void> | null = null;
  #refed = true;
  #wake: (() => void) | null = null;
  /** The ends that calls of `close` have set to connections; each of these is in one of them at most. */
  readonly #drains = new Set<Drain>();
  #unwatch: (() => void) | null = null;
  #accepted = 0;
  #dropped = 0;
  #acceptErrors = 0;
  readonly #introduction: AcceptProxyProtocolOptions | undefined;
  /** How many connections have yet to say who they are. */
  #introducing = 0;
  #stopIntroducing: AbortController | null = null;
  /** How many connections the limits count here. */
  #counted = 0;
  #read = 0;
  #wrote = 0;

  static {
    // What an async listener throws comes here, and not to the program's end.
    Object.defineProperty(Server.prototype, captureRejectionSymbol, {
      value(this: Server, error: unknown, event: string, subject: unknown): void {
        if (subject instanceof Socket) blame(subject, error);
        else this.#complain(event, error);
      },
    });
    defineInspect(Server, (server) => ({
      listening: server.listening,
      addr: server.#listener?.addr,
      connections: server.#sockets.size,
      accepted: server.#accepted,
      dropped: server.#dropped,
    }));
  }

  /**
   * Makes a server that does not listen yet; `listener`, which may come first and alone, is called with every connection.
   *
   * @throws {RangeError} When a cap, a rate or a limit is out of range.
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`.
   */
  constructor(
    given?: ServerOptions | ((socket: Socket) => void) | null,
    listener?: ((socket: Socket) => void) | null,
  ) {
    super({ captureRejections: true });
    if (typeof given === "function") [given, listener] = [{}, given];
    const options = given ?? {};
    if (typeof options !== "object") {
      throw codedTypeError("ERR_INVALID_ARG_TYPE", "Cannot make a server: options are an object");
    }
    const maxConnections = checkMost(options.maxConnections ?? 65_536);
    new Socket(options); // checks what of the options is the sockets'
    checkServerOptionNames(options);
    this.#options = { ...options, limits: Limits._of(options.limits) };
    this.#maxConnections = maxConnections;
    this.#admission = new Admission(options);
    const { proxyProtocol } = options;
    if (proxyProtocol !== undefined) {
      this.#introduction = checkedProxyProtocol(proxyProtocol);
    }
    if (listener !== undefined && listener !== null) this.on("connection", listener);
  }

  /** Listens on a free port. */
  listen(listener: () => void): this & PromiseLike<this>;
  /** Listens on a port; 0 or nothing takes a free one. */
  listen(port?: number | string, listener?: () => void): this & PromiseLike<this>;
  /** Listens on a port of the local address `host`. */
  listen(port: number | string, host?: string, listener?: () => void): this & PromiseLike<this>;
  /** Listens on a port, with a queue of `backlog` connections. */
  listen(
    port: number | string,
    host?: string | number,
    backlog?: number | (() => void),
    listener?: () => void,
  ): this & PromiseLike<this>;
  /**
   * Listens as the options say. `listener` is called once on `listening`.
   *
   * @throws {RangeError} `ERR_SOCKET_BAD_PORT`.
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`.
   * @throws {NetError} `ERR_SERVER_ALREADY_LISTEN`, and, to who awaits it, what kept the server from listening.
   */
  listen(options: ListenOptions, listener?: () => void): this & PromiseLike<this>;
  listen(...args: unknown[]): this & PromiseLike<this> {
    const { options, listener } = listenArguments(args);
    if (this.#listener !== null || this.#opening !== null) {
      throw new NetError("Cannot listen: the server listens already", {
        code: "ERR_SERVER_ALREADY_LISTEN",
      });
    }
    if (listener !== undefined) this.once("listening", listener);
    return this.#thenable(this.#open(options), (error) => this.emit("error", error as Error));
  }

  /** Whether the server accepts connections. */
  get listening(): boolean {
    return this.#listener !== null;
  }

  /** The own address (the path of a socket file), or null when not listening. */
  address(): SocketAddressInfo | string | null {
    const addr = this.#listener?.addr;
    if (addr === undefined) return null;
    if ("path" in addr) return addr.path;
    return addressInfo(addr) ?? null;
  }

  /** The port that the server listens on; 0 when it does not, or not on a port. */
  get port(): number {
    return addressInfo(this.#listener?.addr)?.port ?? 0;
  }

  /**
   * The most connections at once; more are dropped, and told of by `drop`. As in Node null and `undefined` are none but those of
   * the server's limits: `Infinity`.
   *
   * @throws {RangeError} When it is set to what is negative or not a number.
   */
  get maxConnections(): number {
    return this.#maxConnections;
  }
  set maxConnections(most: number | null | undefined) {
    this.#maxConnections = checkMost(most ?? Infinity);
  }

  /** The open connections. */
  get connections(): ReadonlySet<Socket> {
    return this.#sockets;
  }

  /**
   * How many connections are open: the result, and what `callback` is called with.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE` for a callback that is no function.
   */
  getConnections(callback?: (error: Error | null, count: number) => void): Promise<number> {
    const count = this.#sockets.size;
    if (callback !== undefined && typeof callback !== "function") {
      throw codedTypeError(
        "ERR_INVALID_ARG_TYPE",
        "Cannot count the connections: the callback must be a function",
      );
    }
    if (callback !== undefined) {
      queueMicrotask(() => {
        try {
          callback(null, count);
        } catch (error) {
          this.#complain("getConnections", error);
        }
      });
    }
    return Promise.resolve(count);
  }

  /** How close this server, and all that share its `limits`, are to them. */
  get pressure(): Pressure {
    return this.#options.limits.pressure;
  }

  /** What happened so far, in numbers. */
  metrics(): ServerMetrics {
    let bytesRead = this.#read;
    let bytesWritten = this.#wrote;
    for (const socket of this.#sockets) {
      bytesRead += socket.bytesRead;
      bytesWritten += socket.bytesWritten;
    }
    return {
      open: this.#sockets.size,
      accepted: this.#accepted,
      dropped: this.#dropped,
      acceptErrors: this.#acceptErrors,
      bytesRead,
      bytesWritten,
    };
  }

  /**
   * Stops accepting. Open connections go on; when the last has closed, `close` is emitted and `callback` called. With
   * `drain` they are destroyed after so many milliseconds; a later call may only shorten that. When the server does not
   * listen, `callback` gets `ERR_SERVER_NOT_RUNNING`; awaiting is fine.
   *
   * @throws {RangeError} When `drain` is negative, not a number, or above {@linkcode MAX_DELAY}.
   * @throws {TypeError} `ERR_INVALID_ARG_VALUE` for a `timeout` and a `signal`: there is `drain`, and `closeAllConnections()`.
   */
  close(
    options?: ServerCloseOptions | ((error?: Error) => void),
    callback?: (error?: Error) => void,
  ): this & PromiseLike<this> {
    if (typeof options === "function") [options, callback] = [undefined, options];
    const { drain = Infinity } = options ?? {};
    refuseOptions(options ?? {}, Object.keys(FOREIGN_CLOSE_OPTIONS), FOREIGN_CLOSE_OPTIONS);
    if (!isDelay(drain)) {
      throw new RangeError(`Cannot close: a drain of ${drain} ms is out of range`);
    }
    const running = this.listening || this.#opening !== null;
    // As in Node what is no function is none.
    if (typeof callback === "function") {
      const error = running ? undefined : new NetError(
        "Cannot close the server: it does not listen",
        { code: "ERR_SERVER_NOT_RUNNING" },
      );
      const told = callback;
      this.once("close", () => told.call(this, error));
    }
    const { promise } = this.#closing ??= Promise.withResolvers();
    this.#stopListening();
    if (drain < Infinity) this.#drainWithin(drain);
    return this.#thenable(promise);
  }

  /** Destroys all open connections. */
  closeAllConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Stops accepting, gives open connections five seconds, and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close({ drain: 5000 });
  }

  /** Lets the server keep the program running (the default). */
  ref(): this {
    this.#refed = true;
    this.#listener?.ref?.();
    return this;
  }

  /** Lets the program end although the server listens. */
  unref(): this {
    this.#refed = false;
    this.#listener?.unref?.();
    return this;
  }

  /** Opens what `listen` accepts from, at once or later; a server over another kind of transport overrides it. */
  protected openListener(options: ListenOptions): TransportListener | Promise<TransportListener> {
    const { keepAlive, keepAliveInitialDelay = 0 } = this.#options;
    const viaNode = keepAlive === true && keepAliveInitialDelay > 0;
    // It takes them although the limits have this server wait, and is full of them.
    return openListener(options, viaNode, (transport) => this.#drop(transport, "limits"));
  }

  /** Makes the socket of a connection that was let in. */
  protected makeSocket(transport: Transport, options: ServerOptions): Socket {
    return Socket.from(transport, options);
  }

  /** Announces a connection that was let in. */
  protected welcome(socket: Socket): void {
    this.emit("connection", socket);
  }

  async #open(options: ListenOptions): Promise<void> {
    const opening = this.#opening = {};
    let listener: TransportListener;
    try {
      const opened = this.openListener(options);
      listener = opened instanceof Promise ? await opened : opened;
    } catch (error) {
      if (this.#opening !== opening) return;
      this.#opening = null;
      // A closing that was under way has waited for this.
      queueMicrotask(() => this.#finish());
      throw error;
    }
    if (this.#opening !== opening) return listener.close();
    this.#opening = null;
    this.#listener = listener;
    if (!this.#refed) listener.unref?.();
    this.#watch(options.signal);
    await undefined;
    if (this.#listener !== listener) return;
    this.#tell("listening");
    this.#accept(listener);
  }

  async #accept(listener: TransportListener): Promise<void> {
    this.#loops++;
    await this.#acceptAll(listener);
    this.#loops--;
    this.#finish();
  }

  async #acceptAll(listener: TransportListener): Promise<void> {
    const { connections } = this.#options.limits;
    const failures = new AcceptFailures();
    while (this.#listener === listener) {
      let transport: Transport;
      if (connections.full && connections.policy === "wait") {
        await this.#room();
        continue;
      }
      try {
        transport = await listener.accept();
        failures.clear();
      } catch (error) {
        // The next client has no part in it, and does not wait.
        if (await failures.passOver(error)) continue;
        if (this.#listener !== listener) return;
        // Out of descriptors, perhaps: those that are served go on, and so does this.
        this.#acceptErrors++;
        if (error instanceof Deno.errors.BadResource) {
          this.#complain("accept", toNetError(error, { syscall: "accept" }));
          return this.#stopListening();
        }
        await this.#pause();
        continue;
      }
      if (this.#listener !== listener) return transport.close();
      if (connections.full && connections.policy !== "wait") this.#drop(transport, "limits");
      else if (this.#introduction === undefined) this.#admit(transport);
      else this.#introduce(transport, this.#introduction);
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), ACCEPT_REST);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
    });
  }

  /** Waits until there is room for one more connection, in all servers that share the limits. */
  #room(): Promise<void> {
    const { connections } = this.#options.limits;
    return new Promise((resolve) => {
      const waiter = { onRoom: (): void => this.#wake?.() };
      this.#wake = () => {
        connections.leave(waiter);
        this.#wake = null;
        resolve();
      };
      connections.wait(waiter);
    });
  }

  /** Has the limits count the connections that there are. */
  #count(): void {
    const { connections } = this.#options.limits;
    const count = this.#sockets.size + this.#introducing;
    const more = count - this.#counted;
    this.#counted = count;
    if (more > 0) connections.add(more);
    else if (more < 0) connections.remove(-more);
  }

  /** Learns from the proxy's header who the client is, before it is let in. */
  async #introduce(transport: Transport, options: AcceptProxyProtocolOptions): Promise<void> {
    if (this.#sockets.size + this.#introducing >= this.#maxConnections) {
      return this.#drop(transport, "maxConnections");
    }
    const stop = this.#stopIntroducing ??= new AbortController();
    this.#introducing++;
    this.#count();
    const introduced = await acceptProxyProtocol(transport, { ...options, signal: stop.signal })
      .catch(() => undefined);
    // From here on it counts as a socket, or not at all: listeners that ask for `pressure` see it once.
    this.#introducing--;
    if (introduced === undefined) this.#drop(transport, "proxyProtocol");
    else if (stop.signal.aborted) introduced.close();
    else this.#admit(introduced);
    this.#count();
    this.#finish();
  }

  #admit(transport: Transport): void {
    const remote = addressInfo(transport.remoteAddr);
    let reason: DropReason | undefined;
    try {
      const full = this.#sockets.size >= this.#maxConnections;
      reason = this.#admission.enter(remote?.address, performance.now(), full);
    } catch (error) {
      return this.#giveUp(transport, error);
    }
    if (reason !== undefined) return this.#drop(transport, reason);
    let socket: Socket;
    try {
      socket = this.makeSocket(transport, this.#options);
    } catch (error) {
      this.#admission.leave(remote?.address);
      return this.#giveUp(transport, error);
    }
    this.#accepted++;
    this.#sockets.add(socket);
    this.#count();
    closeWatch.set(socket, this.#forget);
    try {
      this.welcome(socket);
    } catch (error) {
      blame(socket, error);
    }
  }

  /** A list of the user threw, or no socket could be made: that is the end of this connection, and not of the server. */
  #giveUp(transport: Transport, error: unknown): void {
    this.#acceptErrors++;
    closeQuietly(transport);
    this.#complain("accept", error);
  }

  #drop(transport: Transport, reason: DropReason): void {
    this.#dropped++;
    const info = dropInfo(transport, reason);
    // It may be closed already: its header was no good.
    closeQuietly(transport);
    this.#count();
    this.#tell("drop", info);
  }

  #remove(socket: Socket, ended: ClosedConnection): void {
    if (!this.#sockets.delete(socket)) return;
    // Its socket may be connected anew: that is none of this server's connections.
    if (this.#drains.size > 0) this.#spare(socket);
    this.#count();
    this.#admission.leave(ended.remoteAddress);
    this.#read += ended.bytesRead;
    this.#wrote += ended.bytesWritten;
    this.#finish();
  }

  #stopListening(): void {
    const listener = this.#listener;
    this.#listener = this.#opening = null;
    this.#unwatch?.();
    this.#unwatch = null;
    this.#wake?.();
    this.#stopIntroducing?.abort();
    this.#stopIntroducing = null;
    listener?.close();
    this.#closing ??= Promise.withResolvers();
    queueMicrotask(() => this.#finish());
  }

  #drainWithin(ms: number): void {
    if (ms === 0) return this.closeAllConnections();
    // Who comes later, to a server that listens again, may stay; and a later call that sets a later end takes back nothing.
    const sockets = new Set(this.#sockets);
    const at = performance.now() + ms;
    for (const drain of this.#drains) {
      if (drain.at > at) this.#endDrain(drain);
      else for (const socket of drain.sockets) sockets.delete(socket);
    }
    if (sockets.size === 0) return;
    const timer = setTimeout(() => {
      this.#drains.delete(drain);
      for (const socket of sockets) socket.destroy();
    }, ms);
    const drain: Drain = { at, sockets, timer };
    this.#drains.add(drain);
  }

  #spare(socket: Socket): void {
    for (const drain of this.#drains) {
      if (drain.sockets.delete(socket) && drain.sockets.size === 0) this.#endDrain(drain);
    }
  }

  #endDrain(drain: Drain): void {
    clearTimeout(drain.timer);
    this.#drains.delete(drain);
  }

  /** Ends the closing when nothing is left: no listener, no accept under way, no connection. */
  #finish(): void {
    const closing = this.#closing;
    const busy = this.#listener !== null || this.#opening !== null ||
      this.#loops > 0 || this.#introducing > 0;
    if (closing === null || busy || this.#sockets.size > 0) return;
    this.#closing = null;
    closing.resolve();
    this.#tell("close");
  }

  #watch(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const abort = (): void => {
      if (this.#unwatch === unwatch) this.close();
    };
    const unwatch = this.#unwatch = () => signal.removeEventListener?.("abort", abort);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) queueMicrotask(abort);
  }

  /** Emits. What a listener throws goes no further. */
  #tell<K extends keyof ServerEvents>(event: K, ...args: ServerEvents[K]): void {
    try {
      // deno-lint-ignore no-explicit-any
      this.emit(event as any, ...args as any);
    } catch (error) {
      this.#complain(event, error);
    }
  }

  /** Tells of an error that belongs to no connection. */
  #complain(event: string, error: unknown): void {
    const known = errorOf(error);
    if (event !== "error" && this.listenerCount("error") > 0) this.#tell("error", known);
    else reportFault("a server", known);
  }

  /** Lets the server itself be awaited until `promise` is settled. */
  #thenable(promise: Promise<void>, unheard?: (error: unknown) => void): this & PromiseLike<this> {
    let awaited = false;
    const then: PromiseLike<this>["then"] = (onfulfilled, onrejected) => {
      awaited = true;
      return promise.then(() => this).then(onfulfilled, onrejected);
    };
    Object.defineProperty(this, "then", { value: then, configurable: true });
    const done = (): void => {
      const own = Object.getOwnPropertyDescriptor(this, "then");
      if (own?.value === then) delete (this as { then?: unknown }).then;
    };
    promise.then(done, async (error) => {
      done();
      // An `await` right behind the call takes a turn of its own until it is heard of.
      for (let i = 0; i < 3; i++) await null;
      if (unheard !== undefined && (!awaited || this.listenerCount("error") > 0)) unheard(error);
    });
    return this as this & PromiseLike<this>;
  }
}

/**
 * How many connections a server may have.
 *
 * @throws {RangeError} When that is none: it would be no cap at all.
 */
function checkMost(most: number): number {
  if (most >= 0) return most;
  throw new RangeError(`Cannot make a server for ${most} connections`);
}

/** A listener for a connection threw: that ends the connection and nothing else. */
function blame(socket: Socket, thrown: unknown): void {
  const error = errorOf(thrown);
  if (socket.destroyed || socket.listenerCount("error") === 0) reportFault("a server", error);
  socket.destroy(error);
}
