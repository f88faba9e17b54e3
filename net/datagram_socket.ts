// Floor 3: driver.
import { createSocket, type Socket as NodeDatagramSocket } from "node:dgram";
import { captureRejectionSymbol, EventEmitter } from "node:events";
// Without it what an async listener throws is lost: it travels by `process.nextTick`.
import "node:process";
import { defineInspect } from "../buffer/define_inspect.ts";
import { watchAbort } from "./_abort_watch.ts";
import { checkText, codedRangeError, codedTypeError } from "./_connect_arguments.ts";
import {
  noBufferSizes,
  notConnected,
  notPermitted,
  sendError,
  socketClosed,
  tooLarge,
} from "./_datagram_errors.ts";
import { DatagramInbox } from "./_datagram_inbox.ts";
import { datagramLimits } from "./_datagram_limits.ts";
import { DatagramLookup } from "./_datagram_lookup.ts";
import { DatagramOutbox, type OutgoingDatagram } from "./_datagram_outbox.ts";
import { DatagramPeer } from "./_datagram_peer.ts";
import { checkGroup, checkInterface, checkSource } from "./_multicast.ts";
import { SEPARATE_FAMILIES } from "./_listen_on.ts";
import { mayReach, requireOwnAddress } from "./_net_permission.ts";
import { reportFault, tell } from "./_socket_util.ts";
import type {
  Datagram,
  DatagramAddress,
  DatagramBindOptions,
  DatagramMetrics,
  DatagramSocketEvents,
  DatagramSocketOptions,
  DatagramSocketType,
} from "./datagram_options.ts";
import { errorOf } from "./error_of.ts";
import { NetError } from "./errors.ts";
import { checkPort, parseHost } from "./host.ts";
import { checkOptionNames } from "./option_names.ts";
import { formatEndpoint, toNetError } from "./os_error.ts";
import { checkWaitOptions, deadlineSignal, isBounded, type WaitOptions } from "./wait.ts";
import { withZone, zoneOf } from "./_zone.ts";

const WHOSE = "a datagram socket";

/** Where a datagram goes, and how long it may wait. */
export interface DatagramSendOptions extends WaitOptions {
  /** The port; left out on a connected socket. */
  port?: number;
  /**
   * The address or the name; left out on a connected socket. No text is none in particular.
   *
   * @default {this machine}
   */
  address?: string;
}

const BIND_ERRORS = "Cannot bind";

/** With `exclusive` of Node's, which says what is so anyway, and the `family` of what a socket's `address()` gives. */
const BIND_OPTIONS: Record<keyof Required<DatagramBindOptions> | "exclusive" | "family", true> = {
  port: true,
  address: true,
  family: true,
  exclusive: true,
};

/** How other functions call the `address`. Unseen, a socket would be open to all, and a datagram go to this machine. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  host: "is `address` here",
  hostname: "is `address` here",
};

/**
 * A UDP socket with the methods of Node's `dgram`, made by {@linkcode createDatagramSocket}. What comes is to be had in three ways: as
 * `message` events; by {@linkcode DatagramSocket.receive}; by `for await`. The last two read from a queue of limited length, and
 * what finds it full is dropped and counted.
 *
 * A connected socket takes datagrams from its peer only. Deno does not connect in the system, so "port unreachable" is not
 * reported. Datagrams leave in the order of the calls of `send`.
 *
 * @example
 * ```ts
 * import { DatagramSocket } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using socket = await new DatagramSocket({ type: "udp4" }).bind(0, "127.0.0.1");
 * const { address, port } = socket.address();
 * await socket.send("to myself", { address, port });
 * for await (const { data } of socket) {
 *   assertEquals(new TextDecoder().decode(data), "to myself");
 *   break;
 * }
 * ```
 */
export class DatagramSocket extends EventEmitter<DatagramSocketEvents>
  implements AsyncIterable<Datagram>, AsyncDisposable, Disposable {
  static {
    // What an async listener throws comes here, and not to the program's end.
    Object.defineProperty(DatagramSocket.prototype, captureRejectionSymbol, {
      value(this: DatagramSocket, error: unknown): void {
        this.#threw(error);
      },
    });
    defineInspect(DatagramSocket, (socket) => ({
      type: socket.type,
      state: socket.#state,
      local: socket.#state === "bound" ? socket.address() : undefined,
      remote: socket.#remote && socket.remoteAddress(),
      received: socket.#counts.received,
      sent: socket.#outbox.sent,
      queued: socket.#inbox.length,
    }));
  }

  /** IPv4 or IPv6. */
  readonly type: DatagramSocketType;
  readonly #socket: NodeDatagramSocket;
  readonly #inbox: DatagramInbox;
  readonly #outbox: DatagramOutbox;
  readonly #maxSize: number;
  readonly #lookup: DatagramLookup;
  #state: "new" | "binding" | "bound" | "closed" = "new";
  #bound: Promise<void> | undefined;
  /** Over IPv6 there is nothing to allow. */
  #mayBroadcast: boolean;
  #remote: DatagramPeer | undefined;
  /** The zone of the own address, which Deno does not tell again; link-local datagrams come from nowhere else. */
  #zone: string | undefined;
  #counts = {
    received: 0,
    bytesReceived: 0,
    oversize: 0,
    foreign: 0,
  };
  #unlisten: (() => void) | undefined;
  #closed = Promise.withResolvers<void>();

  /**
   * Makes an unbound socket; {@linkcode createDatagramSocket} does the same.
   *
   * @throws What that throws.
   */
  constructor(options: DatagramSocketOptions = {}) {
    super({ captureRejections: true });
    if (typeof options !== "object" || options === null || Array.isArray(options)) {
      throw codedTypeError(
        "ERR_SOCKET_BAD_TYPE",
        "Cannot make a datagram socket: it takes a type or options",
      );
    }
    const { type = "udp4", reuseAddr = false, signal } = options;
    const limits = datagramLimits(type, options);
    const ipv6Only = options.ipv6Only ?? (SEPARATE_FAMILIES && type === "udp6");
    if (SEPARATE_FAMILIES && type === "udp6" && !ipv6Only) {
      throw new NetError("Cannot make a datagram socket for both families: Deno can't on Windows", {
        code: "ERR_UNSUPPORTED",
      });
    }
    this.type = type;
    this.#mayBroadcast = type === "udp6";
    this.#inbox = new DatagramInbox(limits);
    this.#outbox = new DatagramOutbox(limits, (datagram) => this.#transmit(datagram));
    this.#maxSize = limits.maxSize;
    this.#lookup = new DatagramLookup(type, { ...options, ipv6Only });
    this.#socket = createSocket({ type, reuseAddr, ipv6Only });
    this.#socket.on("message", (data, info) => this.#receive(data, info));
    this.#socket.on("error", (error) => this.#receiveFailed(error));
    // Whoever starts to listen gets what has been waiting.
    this.on(
      "newListener" as "message",
      ((name: string) => {
        if (name === "message") queueMicrotask(() => this.#drainToListeners());
      }) as () => void,
    );
    if (signal !== undefined) {
      const abort = () => void this.close();
      if (signal.aborted) abort();
      else this.#unlisten = watchAbort(signal, abort);
    }
  }

  /**
   * Binds the socket to a local port and address, and starts to receive. `send` and `connect` do it by themselves when it was not done.
   *
   * @throws {NetError} `EADDRINUSE`, `EADDRNOTAVAIL`, `ENOTFOUND`, `EACCES`, `EPERM`, `EINVAL` when it is bound already and for a link-local
   * address without its zone, `ERR_SOCKET_CLOSED`.
   * @throws {TypeError} For a host that is none; for options that there are not, as `hostname`; for a callback, as Node's takes it: this and other calls return promises instead.
   */
  bind(options?: DatagramBindOptions): Promise<this>;
  /** Binds the socket to a local port and address, as Node's `bind` takes them. */
  bind(port?: number, address?: string): Promise<this>;
  async bind(portOrOptions: number | DatagramBindOptions = {}, address?: string): Promise<this> {
    refuseCallbacks("bind", arguments);
    const options = typeof portOrOptions === "object"
      ? portOrOptions
      : { port: portOrOptions, address };
    if (this.#state !== "new") throw this.#stateError(BIND_ERRORS, "it is bound already");
    checkOptionNames(BIND_ERRORS, options, BIND_OPTIONS, OTHER_NAMES);
    checkPort(options.port ?? 0, 0);
    if (options.address) parseHost(options.address);
    this.#bound = this.#bind(options);
    this.#bound.catch(() => {}); // those who wait for it get it, too
    await this.#bound;
    return this;
  }

  async #bind(options: DatagramBindOptions): Promise<void> {
    this.#state = "binding";
    const port = options.port ?? 0;
    const any = this.type === "udp4" ? "0.0.0.0" : "::";
    const address = options.address || any;
    try {
      const local = address === any
        ? any
        : await this.#lookup.find(address, undefined, {}, BIND_ERRORS);
      if (this.#isClosed()) throw socketClosed(BIND_ERRORS);
      requireOwnAddress(local, port);
      await new Promise<void>((resolve, reject) => {
        this.#socket.once("error", reject);
        // A socket that is closed now never says that it is bound.
        void this.#closed.promise.then(() => reject(socketClosed(BIND_ERRORS)));
        this.#socket.bind({ port, address: local }, () => {
          this.#socket.off("error", reject);
          resolve();
        });
      });
      if (this.#isClosed()) throw socketClosed(BIND_ERRORS);
      this.#zone = zoneOf(local);
      this.#state = "bound";
    } catch (error) {
      const failure = bindError(error, address, port);
      this.#bound = undefined;
      if (this.#state === "binding") {
        this.#state = "new";
        this.#inbox.fail(failure);
      }
      throw failure;
    }
    this.#announce("listening");
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }

  async #ensureBound(what: string): Promise<void> {
    if (this.#state === "bound") return;
    if (this.#state === "closed") throw socketClosed(what);
    this.#bound ??= this.#bind({});
    await this.#bound;
  }

  /**
   * Sets the one peer: `send` needs no address any more, and datagrams from elsewhere are dropped and counted as `foreign`. A name is
   * resolved once.
   *
   * @throws {NetError} `ENOTFOUND`, `ERR_DIAL_POLICY`, `ETIMEDOUT`, `ABORT_ERR`, `EINVAL` when it is connected already, `ERR_SOCKET_CLOSED`.
   * @throws {RangeError} For a port or a timeout out of range.
   * @throws {TypeError} For a host or a signal that is none.
   */
  async connect(port: number, address?: string, options: WaitOptions = {}): Promise<this> {
    refuseCallbacks("connect", arguments);
    checkPort(port);
    checkWaitOptions("connect", options);
    isBounded("connect", options); // throws
    if (this.#remote !== undefined) {
      throw this.#stateError("Cannot connect", "it is connected already");
    }
    const host = address || this.#lookup.localhost;
    const found = await this.#lookup.find(host, port, options, "Cannot connect");
    await this.#ensureBound("Cannot connect");
    if (this.#isClosed()) throw socketClosed("Cannot connect");
    // Another call may have been faster.
    if (this.#remote !== undefined) {
      throw this.#stateError("Cannot connect", "it is connected already");
    }
    this.#remote = new DatagramPeer(found, port);
    this.#announce("connect");
    return this;
  }

  /**
   * Forgets the peer that {@linkcode DatagramSocket.connect} set.
   *
   * @throws {NetError} `ENOTCONN` when there is none.
   */
  disconnect(): void {
    if (this.#remote === undefined) throw notConnected("Cannot disconnect");
    this.#remote = undefined;
  }

  /**
   * Sends one datagram, and resolves to its size when the system has taken it. That says nothing of its arrival. A name is resolved at every
   * call: `connect` does it once. The bytes must not be changed before the promise is settled.
   *
   * @throws {TypeError} For data that is none; for a `host` or `hostname` in place of the `address`: it would go to this machine.
   * @throws {NetError} `EMSGSIZE` when it is too large, `ENOTCONN` without an address, `EACCES` for a broadcast that was not
   * allowed by `setBroadcast`, `EPERM`, `ENOTFOUND`, `ERR_DIAL_POLICY`, `ERR_BUFFER_LIMIT`, `ETIMEDOUT`, `ABORT_ERR`, `ERR_SOCKET_CLOSED`;
   * `EIO` for what the system refuses besides: Deno does not tell apart that there is no route, no such interface, or a firewall. The
   * socket lives on.
   */
  send(data: Uint8Array | string, to?: DatagramSendOptions): Promise<number>;
  /** Sends one datagram to a port and an address, in Node's order of arguments. */
  send(data: Uint8Array | string, port: number, address?: string): Promise<number>;
  async send(
    data: Uint8Array | string,
    portOrOptions: number | DatagramSendOptions = {},
    address?: string,
  ): Promise<number> {
    const to = typeof portOrOptions === "object" ? portOrOptions : { port: portOrOptions, address };
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    if (!(bytes instanceof Uint8Array)) {
      throw new TypeError("Cannot send: the data is no Uint8Array");
    }
    // What Node's also takes would be sent to somewhere else, or never be called.
    if (arguments.length > 3 || typeof (address ?? "") !== "string") {
      throw new TypeError(
        "Cannot send: it takes the data, a port and an address; there is no offset, length or callback",
      );
    }
    if (this.#isClosed()) throw socketClosed("Cannot send");
    const remote = this.#remote;
    refuseOtherNames(to);
    if (to.port !== undefined) checkPort(to.port);
    if (remote !== undefined && to.port !== undefined) {
      throw this.#stateError("Cannot send to another address", "the socket is connected");
    }
    const port = remote?.port ?? to.port;
    if (port === undefined) throw notConnected("Cannot send without an address");
    if (bytes.length > this.#maxSize) {
      throw tooLarge(bytes.length, this.#maxSize, port);
    }
    const deadline = deadlineSignal("send", to);
    try {
      if (deadline.fired !== null) throw deadline.fired;
      const host = remote?.address ?? (to.address || this.#lookup.localhost);
      const found = remote !== undefined;
      return await this.#outbox.add({ data: bytes, port, address: host, found }, deadline);
    } finally {
      deadline.clear();
    }
  }

  /** Finds out where a datagram goes, and hands it to the system. */
  async #transmit(item: OutgoingDatagram): Promise<void> {
    const address = item.found ? item.address : await this.#lookUpFor(item);
    if (this.#state !== "bound") await this.#ensureBound("Cannot send");
    if (this.#isClosed()) throw socketClosed("Cannot send");
    await this.#sendOne(item, address);
  }

  #sendOne(item: OutgoingDatagram, address: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(item.data, item.port, address, (error) => {
        if (error === null || error === undefined) resolve();
        else if (!mayReach(address, item.port)) reject(notPermitted(error, address, item.port));
        else reject(sendError(error, address, item.port, this.#mayBroadcast));
      });
    });
  }

  /** Where a datagram goes; whoever gives up waiting for that does not hold up the datagrams behind it. */
  #lookUpFor(item: OutgoingDatagram): Promise<string> {
    const { address, port } = item;
    const isName = parseHost(address).ip === undefined;
    if (isName) item.stop = new AbortController();
    return this.#lookup.find(address, port, { signal: item.stop?.signal }, "Cannot send");
  }

  #receive(bytes: Uint8Array, from: { address: string; port: number; family: string }): void {
    if (this.#isClosed()) return;
    const counts = this.#counts;
    counts.received++;
    counts.bytesReceived += bytes.length;
    if (bytes.length > this.#maxSize) {
      counts.oversize++;
      return;
    }
    if (this.#remote?.isSender(from) === false) {
      counts.foreign++;
      return;
    }
    // Deno gives every datagram a backing buffer of 64 KiB, which a kept one would hold.
    const data = bytes.length * 2 < bytes.buffer.byteLength
      ? new Uint8Array(bytes)
      : new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
    const { port } = from;
    const family = from.family === "IPv6" ? "IPv6" : "IPv4";
    const address = withZone(from.address, this.#zone ?? this.#remote?.zone);
    if (this.listenerCount("message") > 0) this.#deliver(data, { address, port, family });
    else this.#inbox.add({ data, address, port, family });
  }

  #drainToListeners(): void {
    while (this.#inbox.length > 0 && this.listenerCount("message") > 0) {
      const { data, ...from } = this.#inbox.take()!;
      this.#deliver(data, from);
    }
  }

  #deliver(data: Uint8Array<ArrayBuffer>, from: DatagramAddress): void {
    try {
      this.emit("message", data, from);
    } catch (error) {
      this.#threw(error);
    }
  }

  /** Says that the socket is bound, or connected. */
  #announce(event: "listening" | "connect"): void {
    try {
      this.emit(event);
    } catch (error) {
      this.#threw(error);
    }
  }

  /** A listener that throws, or rejects, ends its own socket, and nothing else. */
  #threw(thrown: unknown): void {
    const error = errorOf(thrown);
    if (this.#state === "closed") return reportFault(WHOSE, error);
    void this.close();
    this.#report(error);
  }

  #report(error: Error): void {
    if (this.listenerCount("error") > 0) tell(WHOSE, () => this.emit("error", error));
    else reportFault(WHOSE, error);
  }

  /** A failure of one receive: the socket lives on, whoever waits is told. */
  #receiveFailed(cause: Error): void {
    if (this.#state !== "bound") return; // bind's own error
    const error = toNetError(cause, { syscall: "recvmsg" });
    this.#inbox.fail(error);
    if (this.listenerCount("error") > 0) tell(WHOSE, () => this.emit("error", error));
  }

  /**
   * Takes the next datagram, out of the queue or when it comes.
   *
   * @throws {TypeError} While there are `message` listeners: they get everything.
   * @throws {NetError} `ETIMEDOUT`, `ABORT_ERR`, `ERR_SOCKET_CLOSED`, `EINVAL` when it is not bound; what `bind` throws where that is under
   * way and fails.
   */
  async receive(options: WaitOptions = {}): Promise<Datagram> {
    if (this.listenerCount("message") > 0) {
      throw new TypeError("Cannot receive: the datagrams go to the message listeners");
    }
    if (this.#isClosed()) throw socketClosed("Cannot receive");
    if (this.#state === "new") throw this.#stateError("Cannot receive", "it is not bound");
    checkWaitOptions("receive", options);
    const deadline = deadlineSignal("receive", options);
    if (deadline.fired !== null) throw deadline.fired;
    try {
      return this.#inbox.take() ?? await this.#inbox.next(deadline);
    } finally {
      deadline.clear();
    }
  }

  /** Gives every datagram that comes, until the socket is closed. Leaving the loop does not close it. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Datagram, void, undefined> {
    while (!this.#isClosed()) {
      try {
        yield await this.receive();
      } catch (error) {
        if (error instanceof NetError && error.code === "ERR_SOCKET_CLOSED") return;
        throw error;
      }
    }
  }

  /**
   * Where the socket is bound.
   *
   * @throws {NetError} `EINVAL` when it is not bound, `ERR_SOCKET_CLOSED`.
   */
  address(): DatagramAddress {
    this.#requireBound("Cannot tell the address");
    const { address, port, family } = this.#socket.address();
    return {
      address: withZone(address, this.#zone),
      port,
      family: family === "IPv6" ? "IPv6" : "IPv4",
    };
  }

  /**
   * The peer that {@linkcode DatagramSocket.connect} set.
   *
   * @throws {NetError} `ENOTCONN` when there is none.
   */
  remoteAddress(): DatagramAddress {
    const remote = this.#remote;
    if (remote === undefined) throw notConnected("Cannot tell the remote address");
    const family = this.type === "udp4" ? "IPv4" : "IPv6";
    return { address: remote.address, port: remote.port, family };
  }

  /** What went through so far. */
  metrics(): DatagramMetrics {
    const { length: queued, bytes: queuedBytes, dropped } = this.#inbox;
    const { sent, bytesSent } = this.#outbox;
    return { ...this.#counts, sent, bytesSent, queued, queuedBytes, dropped };
  }

  /** How many datagrams wait to be sent, with the one that the system is taking. */
  getSendQueueCount(): number {
    return this.#outbox.length;
  }

  /** How many bytes the datagrams have that wait to be sent. */
  getSendQueueSize(): number {
    return this.#outbox.bytes;
  }

  /** Allows to send to broadcast addresses. Over IPv6, which has none, it throws `ERR_UNSUPPORTED`. */
  setBroadcast(flag: boolean): void {
    this.#requireVersion4("broadcast");
    this.#configure("setBroadcast", () => this.#socket.setBroadcast(flag));
    this.#mayBroadcast = flag;
  }

  /**
   * Sets how many routers a datagram may pass: 1 to 255. Deno can do it for IPv4 only: over IPv6 it throws `ERR_UNSUPPORTED`.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE` for what is no number.
   * @throws {RangeError} `EINVAL` for any other. Both as in Node.
   */
  setTTL(ttl: number): void {
    this.#requireVersion4("setTTL");
    checkTtl("setTTL", ttl);
    this.#configure("setTTL", () => this.#socket.setTTL(ttl));
  }

  /**
   * Sets how many routers a multicast datagram may pass: 1 to 255, and 1 at first. IPv4 only, as `setTTL`.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE` for what is no number.
   * @throws {RangeError} `EINVAL` for any other. Both as in Node.
   * @throws {NetError} `ERR_UNSUPPORTED` for 0, which Deno refuses.
   */
  setMulticastTTL(ttl: number): void {
    this.#requireVersion4("setMulticastTTL");
    if (ttl === 0) {
      throw new NetError("Cannot setMulticastTTL 0: Deno can't", { code: "ERR_UNSUPPORTED" });
    }
    checkTtl("setMulticastTTL", ttl);
    this.#configure("setMulticastTTL", () => this.#socket.setMulticastTTL(ttl));
  }

  /**
   * Says whether this machine gets its own multicast datagrams, too.
   *
   * @default {true}
   */
  setMulticastLoopback(flag: boolean): void {
    this.#configure("setMulticastLoopback", () => this.#socket.setMulticastLoopback(flag));
  }

  /**
   * Sends multicast through one interface: its IPv4 address, or `"::%eth0"`. Deno takes a name that no interface has for the one that the
   * system chooses, as Node does.
   *
   * @throws {TypeError} For anything else.
   */
  setMulticastInterface(multicastInterface: string): void {
    checkInterface(this.type, checkText("multicastInterface", multicastInterface));
    this.#configure(
      "setMulticastInterface",
      () => this.#socket.setMulticastInterface(multicastInterface),
    );
  }

  /**
   * Joins a multicast group, on an interface (its IPv4 address, or `"::%eth0"`) or where the system chooses. For a name that no interface
   * has Deno lets the system choose, as Node does.
   *
   * @throws {TypeError} For what is no group, or no interface; for an interface's number, which Deno takes on Windows only.
   * @throws {NetError} `EINVAL` when it can't be joined: it is joined already, or there is no such interface, or no route to choose by.
   */
  addMembership(group: string, multicastInterface?: string): void {
    this.#member("addMembership", group, multicastInterface);
  }

  /** Leaves a multicast group. */
  dropMembership(group: string, multicastInterface?: string): void {
    this.#member("dropMembership", group, multicastInterface);
  }

  /** Joins a multicast group for one sender only. Deno can do it for IPv4 only: over IPv6 it throws `ERR_UNSUPPORTED`. */
  addSourceSpecificMembership(source: string, group: string, multicastInterface?: string): void {
    this.#sourceMember("addSourceSpecificMembership", source, group, multicastInterface);
  }

  /** Leaves what {@linkcode DatagramSocket.addSourceSpecificMembership} joined. */
  dropSourceSpecificMembership(source: string, group: string, multicastInterface?: string): void {
    this.#sourceMember("dropSourceSpecificMembership", source, group, multicastInterface);
  }

  /**
   * The system's receive buffer can be neither set nor told in Deno 2.9: its node:dgram keeps the number to itself (and cuts datagrams
   * that are longer). What protects against bursts here is the queue: see `maxQueue` and `maxQueueBytes`.
   *
   * @throws {NetError} `ERR_UNSUPPORTED`, always.
   */
  setRecvBufferSize(_size: number): never {
    throw noBufferSizes("set");
  }

  /**
   * As {@linkcode DatagramSocket.setRecvBufferSize}.
   *
   * @throws {NetError} `ERR_UNSUPPORTED`, always.
   */
  setSendBufferSize(_size: number): never {
    throw noBufferSizes("set");
  }

  /**
   * As {@linkcode DatagramSocket.setRecvBufferSize}.
   *
   * @throws {NetError} `ERR_UNSUPPORTED`, always.
   */
  getRecvBufferSize(): never {
    throw noBufferSizes("tell");
  }

  /**
   * As {@linkcode DatagramSocket.setRecvBufferSize}.
   *
   * @throws {NetError} `ERR_UNSUPPORTED`, always.
   */
  getSendBufferSize(): never {
    throw noBufferSizes("tell");
  }

  /** Keeps the program alive while the socket is open, which is the default. To be called before `bind`, as `unref`. */
  ref(): this {
    this.#requireUnbound("ref");
    this.#socket.ref();
    return this;
  }

  /**
   * Lets the program end although the socket is open. To be called before `bind`.
   *
   * @throws {NetError} `ERR_UNSUPPORTED` after `bind`: Deno would wait for one more datagram.
   */
  unref(): this {
    this.#requireUnbound("unref");
    this.#socket.unref();
    return this;
  }

  #requireUnbound(what: string): void {
    if (this.#isClosed()) throw socketClosed(`Cannot ${what}`);
    if (this.#state === "new") return;
    throw new NetError(`Cannot ${what} a bound datagram socket: Deno can do it before bind only`, {
      code: "ERR_UNSUPPORTED",
    });
  }

  /** Closes the socket. What is queued is discarded, and whoever waits gets `ERR_SOCKET_CLOSED`. */
  close(): Promise<void> {
    refuseCallbacks("close", arguments);
    if (this.#isClosed()) return this.#closed.promise;
    const bound = this.#state === "bound";
    this.#state = "closed";
    this.#unlisten?.();
    this.#lookup.stop();
    this.#inbox.clear();
    this.#inbox.fail(socketClosed("Cannot receive"));
    this.#outbox.fail(() => socketClosed("Cannot send"));
    const done = () => {
      this.#closed.resolve();
      tell(WHOSE, () => this.emit("close"));
    };
    if (bound) this.#socket.close(done);
    else {
      try {
        this.#socket.close();
      } catch {
        // never bound
      }
      queueMicrotask(done);
    }
    return this.#closed.promise;
  }

  /** Closes the socket. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Closes the socket. */
  [Symbol.dispose](): void {
    void this.close();
  }

  #member(
    name: "addMembership" | "dropMembership",
    group: string,
    multicastInterface: string | undefined,
  ): void {
    checkGroup(name, this.type, group);
    checkInterface(this.type, multicastInterface);
    checkInterfaceName(name, multicastInterface);
    this.#configure(name, () => this.#socket[name](group, multicastInterface));
  }

  #sourceMember(
    name: "addSourceSpecificMembership" | "dropSourceSpecificMembership",
    source: string,
    group: string,
    multicastInterface: string | undefined,
  ): void {
    this.#requireVersion4(name);
    checkSource(name, source);
    checkGroup(name, this.type, group);
    checkInterface(this.type, multicastInterface);
    this.#configure(name, () => this.#socket[name](source, group, multicastInterface));
  }

  #requireVersion4(what: string): void {
    if (this.type === "udp4") return;
    throw new NetError(`Cannot do ${what} on a udp6 socket: Deno can't`, {
      code: "ERR_UNSUPPORTED",
    });
  }

  #requireBound(what: string): void {
    if (this.#state !== "bound") throw this.#stateError(what, "it is not bound");
  }

  #configure<T>(name: string, call: () => T): T {
    this.#requireBound(`Cannot ${name}`);
    try {
      return call();
    } catch (error) {
      throw toNetError(error, { syscall: name });
    }
  }

  #stateError(what: string, why: string): NetError {
    if (this.#isClosed()) return socketClosed(what);
    return new NetError(`${what}: ${why}`, { code: "EINVAL" });
  }
}

/** Why a socket could not be bound. Deno says UNKNOWN for an interface that there is not, where it says ENOTFOUND for TCP. */
function bindError(error: unknown, address: string, port: number): NetError {
  const context = { syscall: "bind", address, port };
  const noInterface = (error as { code?: unknown }).code === "UNKNOWN" && address.includes("%");
  if (!noInterface) return toNetError(error, context);
  const what = `${BIND_ERRORS} "${formatEndpoint(address, port)}"`;
  return new NetError(`${what}: there is no such interface, or the address has none`, {
    ...context,
    code: "ENOTFOUND",
    cause: error,
  });
}

/** What Node's takes as well would never be called. */
function refuseCallbacks(what: string, args: ArrayLike<unknown>): void {
  if (Array.from(args).some((arg) => typeof arg === "function")) {
    throw new TypeError(`Cannot ${what}: it takes no callback; await the promise that it returns`);
  }
}

/** Where a datagram goes may be any object that has an address, a datagram that came for example: it is refused only without one. */
function refuseOtherNames(to: DatagramSendOptions): void {
  if (to.address !== undefined) return;
  for (const [name, instead] of Object.entries(OTHER_NAMES)) {
    if ((to as Record<string, unknown>)[name] === undefined) continue;
    throw codedTypeError("ERR_INVALID_ARG_VALUE", `Cannot send: \`${name}\` ${instead}`);
  }
}

/** Elsewhere than on Windows Deno joins, in silence, where the system chooses when it is told a number. */
function checkInterfaceName(what: string, text: string | undefined): void {
  if (text === undefined || Deno.build.os === "windows" || !/%\d+$/.test(text)) return;
  throw new TypeError(`Cannot ${what} on ${JSON.stringify(text)}: it takes the interface's name`);
}

function checkTtl(name: string, ttl: unknown): void {
  if (typeof ttl !== "number") {
    throw codedTypeError("ERR_INVALID_ARG_TYPE", `Cannot ${name}: "ttl" must be a number`);
  }
  if (!Number.isInteger(ttl) || ttl < 1 || ttl > 255) {
    throw codedRangeError("EINVAL", `Cannot ${name} ${ttl}: it is not an integer from 1 to 255`);
  }
}

/**
 * Makes a UDP socket, as Node's `dgram.createSocket` does. No unstable flag is needed.
 *
 * @throws {TypeError} `ERR_SOCKET_BAD_TYPE`, `ERR_INVALID_ARG_TYPE`; options that contradict one another.
 * @throws {RangeError} For limits that are none.
 * @throws {NetError} `ERR_UNSUPPORTED` when an option can't be honoured.
 *
 * @example
 * ```ts
 * import { createDatagramSocket } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = await createDatagramSocket({ type: "udp4" }).bind(0, "127.0.0.1");
 * await using client = await createDatagramSocket("udp4").connect(server.address().port);
 * await client.send("ping");
 * const datagram = await server.receive({ timeout: 1000 });
 * await server.send("pong", datagram);
 * const answer = await client.receive({ timeout: 1000 });
 * assertEquals(new TextDecoder().decode(answer.data), "pong");
 * ```
 */
export function createDatagramSocket(
  options: DatagramSocketOptions | DatagramSocketType = {},
  onmessage?: (data: Uint8Array<ArrayBuffer>, from: DatagramAddress) => void,
): DatagramSocket {
  const socket = new DatagramSocket(typeof options === "string" ? { type: options } : options);
  if (onmessage !== undefined) socket.on("message", onmessage);
  return socket;
}
