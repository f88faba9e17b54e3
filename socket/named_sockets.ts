// Floor 3: driver.
import { defineInspect } from "../buffer/define_inspect.ts";
import { decodeText, encodeText, normalizeEncoding } from "../buffer/encodings.ts";
import type { Encoding } from "../buffer/types.ts";
import { connectBluetooth } from "../net/bluetooth.ts";
import { listenBluetooth } from "../net/bluetooth_listener.ts";
import { createDatagramSocket } from "../net/datagram_socket.ts";
import { dial, type DialOptions } from "../net/dial.ts";
import { checkPort } from "../net/host.ts";
import { connectInfrared, listenInfrared } from "../net/infrared.ts";
import { parseIp } from "../net/ip.ts";
import { listenTcp } from "../net/listen_tcp.ts";
import { isDelay } from "../net/max_delay.ts";
import type { ProxyUrl } from "../net/proxy_url.ts";
import { SecureContext } from "../net/secure_context.ts";
import { startServerTls } from "../net/start_tls.ts";
import type { TlsIdentity } from "../net/tls_options.ts";
import type { Transport } from "../net/transport.ts";
import { configureTransport } from "../net/transport_settings.ts";
import { deadlineSignal, type WaitOptions } from "../net/wait.ts";
import { connectWebSocket } from "../websocket/client.ts";
import type { WebSocketConnection } from "../websocket/connection.ts";
import { checkBookOptions, checkCallOptions, checkListenOptions } from "./_book_option_names.ts";
import { changeParameters, DEFAULT_PARAMETERS } from "./_book_parameters.ts";
import { proxyOf, webSocketUrl } from "./_book_targets.ts";
import { DatagramName } from "./_datagram_name.ts";
import { SocketFailure, toBookError } from "./_failure.ts";
import { type ListenerSettings, ListenerSocket } from "./_listener_socket.ts";
import type { ReadRequest } from "./_named_socket.ts";
import { type MadeSocket, Registry } from "./_registry.ts";
import { StreamSocket } from "./_stream_socket.ts";
import { type Transmission, transmission } from "./_transmission.ts";
import { type TlsVersions, tlsVersions } from "./_tls_versions.ts";
import { WebSocketName } from "./_websocket_name.ts";
import { ClientInfo, SocketBookEvent, TransmissionMode } from "./constants.ts";
import { SocketBookError } from "./errors.ts";
import type {
  ConnectionParameters,
  ConnectNamedBluetoothOptions,
  ConnectTlsOptions,
  CreateBluetoothOptions,
  CreateSocketOptions,
  CreateTlsOptions,
  CreateUdpOptions,
  ReadSocketOptions,
  SocketBookOptions,
  SocketBookParameters,
  SocketWait,
  WebSocketClientOptions,
  WebSocketClientTlsOptions,
  WriteSocketOptions,
} from "./socket_book_options.ts";
import { type SocketData, socketDataBytes } from "./socket_data.ts";

const SIZE_HEADER = transmission(TransmissionMode.SIZE_HEADER);

/**
 * Sockets that are known by their names, with the functions of WLangage in English. {@linkcode SocketBook} has the French names, too,
 * and tells about all of it.
 *
 * @example
 * ```ts
 * import { NamedSockets } from "@sluice/sockets/socket";
 * import { assertEquals } from "@std/assert";
 *
 * await using book = new NamedSockets({ throws: true });
 * await book.create("SERVER", 0, { address: "127.0.0.1" });
 * await book.connect("CLIENT", book.localPort("SERVER"), "127.0.0.1");
 * await book.write("CLIENT", "Hello World");
 * assertEquals(await book.read("SERVER"), "Hello World");
 * assertEquals(book.names, ["SERVER", "CLIENT"]);
 * ```
 */
export class NamedSockets implements AsyncDisposable {
  static {
    defineInspect(
      NamedSockets,
      ({ names, lastError }) => ({ names, lastError: lastError?.message }),
    );
  }

  readonly #registry: Registry;
  readonly #encoding: Encoding;
  readonly #certificates: Readonly<Record<string, TlsIdentity>>;
  readonly #maxMessageBytes: number;
  readonly #maxInboxBytes: number;
  readonly #maxSendQueueBytes: number;
  readonly #maxPending: number;
  #parameters: Required<SocketBookParameters> = DEFAULT_PARAMETERS;
  #proxy: ProxyUrl | undefined;

  /**
   * Makes an empty book.
   *
   * @throws {TypeError} if there is no such encoding or option.
   * @throws {RangeError} if a limit is not a positive integer.
   */
  constructor(options: SocketBookOptions = {}) {
    checkBookOptions(options);
    const maxSockets = limit("maxSockets", options.maxSockets ?? 4096);
    this.#registry = new Registry(options.throws === true, maxSockets);
    this.#encoding = normalizeEncoding(options.encoding ?? "utf8");
    this.#certificates = options.certificates ?? {};
    this.#maxMessageBytes = limit("maxMessageBytes", options.maxMessageBytes ?? 1_048_576);
    this.#maxInboxBytes = limit("maxInboxBytes", options.maxInboxBytes ?? 65_536);
    this.#maxSendQueueBytes = limit("maxSendQueueBytes", options.maxSendQueueBytes ?? 16_777_216);
    this.#maxPending = limit("maxPending", options.maxPending ?? 16);
  }

  /**
   * Why the last call that has ended failed; `null` when it did not. Where several tasks use the book at once, another one's call may
   * have ended meanwhile: see {@linkcode NamedSockets.lastErrorOf | lastErrorOf}.
   */
  get lastError(): SocketBookError | null {
    return this.#registry.lastError;
  }

  /**
   * Why the last call for this name failed; `null` when it did not. A `close` that succeeds leaves what is there, so that a task whose
   * `read` it ended can look. The errors of the last 1024 names are remembered.
   */
  lastErrorOf(name: string): SocketBookError | null {
    return this.#registry.errorOf(name);
  }

  /** Whether the last call that has ended failed: WLangage's `ErreurDétectée`. */
  get errorOccurred(): boolean {
    return this.#registry.lastError !== null;
  }

  /** The names of all sockets, in the order in which they were made. */
  get names(): string[] {
    return this.#registry.names;
  }

  // Making sockets.

  /**
   * Listens on a TCP port: for `waitForConnection` and `accept`, or as a simplified server, which is read and written under this name.
   * Port 0 takes a free one: see {@linkcode NamedSockets.localPort | localPort}.
   *
   * @returns Whether it listens.
   */
  create(name: string, port: number, options: CreateSocketOptions = {}): Promise<boolean> {
    return this.#make("create", name, () => {
      checkListenOptions(options, "tcp");
      const { address, backlog } = options;
      const source = listenTcp({ port: checkPort(port, 0), hostname: address, backlog });
      return this.#listener({ source }, source.addr.port);
    });
  }

  /**
   * Makes a UDP socket on a port; 0 takes a free one. It is not connected: each `write` tells the destination, and after a `read`
   * `clientInfo` tells the sender.
   *
   * @returns Whether it listens.
   */
  createUdp(name: string, port: number, options: CreateUdpOptions = {}): Promise<boolean> {
    return this.#make("create", name, async () => {
      checkListenOptions(options, "udp");
      const { address, broadcast = false } = options;
      const type = address !== undefined && parseIp(address)?.family === 6 ? "udp6" : "udp4";
      const socket = createDatagramSocket({ type });
      try {
        await socket.bind({ port, address });
        if (broadcast) socket.setBroadcast(true);
      } catch (error) {
        await socket.close();
        throw error;
      }
      return { socket: new DatagramName(socket, broadcast), port: socket.address().port };
    });
  }

  /**
   * Listens on a TCP port for TLS clients. Nobody is told of a client before its handshake is done; one that fails is dropped.
   *
   * @param certificate the certificate chain and its key in PEM form, or what the book's `certificates` know it by.
   * @returns Whether it listens.
   */
  createTls(
    name: string,
    port: number,
    certificate: TlsIdentity | string,
    options: CreateTlsOptions = {},
  ): Promise<boolean> {
    return this.#make("create", name, () => {
      checkListenOptions(options, "tls");
      const { address, backlog, protocols, ...tls } = options;
      const identity = this.#identity(certificate);
      // Made now, so that a certificate that is no good is told of here, and not by every client.
      const context = new SecureContext({ ...this.#tlsVersions(protocols), ...tls, ...identity });
      const source = listenTcp({ port: checkPort(port, 0), hostname: address, backlog });
      const prepare: ListenerSettings["prepare"] = (transport, signal) => {
        const { handshakeTimeout: timeout } = this.#parameters;
        return startServerTls(transport, context, { signal, timeout });
      };
      return this.#listener({ source, prepare }, source.addr.port);
    });
  }

  /**
   * Offers a Bluetooth service (RFCOMM), under its UUID or a name such as `"SerialPortServiceClass_UUID"`. Linux, with `--allow-ffi`.
   *
   * @returns Whether it listens.
   */
  createBluetooth(
    name: string,
    service: string | number,
    options: CreateBluetoothOptions = {},
  ): Promise<boolean> {
    return this.#make("create", name, () => {
      checkListenOptions(options, "bluetooth");
      const { channel, adapter, serviceName, publish = true } = options;
      const source = listenBluetooth({
        channel,
        localAddress: adapter,
        ...(publish ? { uuid: service, name: serviceName } : {}),
      });
      return this.#listener({ source }, source.addr.port);
    });
  }

  /**
   * Offers an infrared (IrDA) service, where the kernel has such sockets: Linux up to 4.16, with `--allow-ffi`.
   *
   * @returns Whether it listens.
   */
  createInfrared(name: string, service: string): Promise<boolean> {
    return this.#make(
      "create",
      name,
      () => this.#listener({ source: listenInfrared({ service }) }, undefined),
    );
  }

  /**
   * Connects to a TCP port, through the proxy if one is set.
   *
   * @param address the host's name or address; this machine by default
   * @param wait how long to wait, in ms, or options with it and a signal; 20000 by default
   * @returns Whether it is connected.
   */
  connect(
    name: string,
    port: number,
    address: string = "localhost",
    wait: SocketWait = {},
  ): Promise<boolean> {
    return this.#make("connect", name, async (signal) => {
      const options = this.#dialOptions(waitOptions(wait), signal);
      return this.#connected(await dial({ hostname: address, port }, options));
    }, signalOf(wait));
  }

  /**
   * Connects to a TCP port with TLS, and checks the certificate for `address`.
   *
   * @returns Whether it is connected.
   */
  connectTls(
    name: string,
    port: number,
    address: string,
    options: ConnectTlsOptions = {},
  ): Promise<boolean> {
    return this.#make("connect", name, async (own) => {
      checkCallOptions(options, "tls");
      const { timeout, signal: _, protocols, certificate, ...tls } = options;
      const identity = certificate === undefined ? {} : this.#identity(certificate);
      return this.#connected(
        await dial({ hostname: address, port }, {
          ...this.#dialOptions({ timeout }, own),
          tls: { ...this.#tlsVersions(protocols), ...tls, ...identity },
        }),
      );
    }, signalOf(options));
  }

  /**
   * Connects to a service of a Bluetooth device (RFCOMM): by the service's UUID or a name such as `"SerialPortServiceClass_UUID"`, and the
   * device's address. Linux, with `--allow-ffi`.
   *
   * @returns Whether it is connected.
   */
  connectBluetooth(
    name: string,
    service: string | number,
    address: string,
    options: ConnectNamedBluetoothOptions = {},
  ): Promise<boolean> {
    return this.#make("connect", name, async (signal) => {
      checkCallOptions(options, "bluetooth");
      const { adapter: localAddress, channel } = options;
      const port = channel === undefined ? { uuid: service } : { channel };
      const target = { address, localAddress, ...port };
      return this.#connected(await connectBluetooth(target, this.#connectWait(options, signal)));
    }, signalOf(options));
  }

  /**
   * Connects to an infrared (IrDA) service, where the kernel has such sockets: Linux up to 4.16, with `--allow-ffi`.
   *
   * @returns Whether it is connected.
   */
  connectInfrared(name: string, service: string, wait: SocketWait = {}): Promise<boolean> {
    return this.#make("connect", name, async (signal) => {
      const options = this.#connectWait(waitOptions(wait), signal);
      return this.#connected(await connectInfrared({ service }, options));
    }, signalOf(wait));
  }

  /**
   * Opens a WebSocket to a server, through the proxy if one is set. Its messages are told apart without a transmission mode.
   *
   * With a `callback`, that is called for what happens and gets the messages, and `read` does not. The name is known when it is called
   * first.
   *
   * @param address the server's name or address, or a whole `ws:` URL.
   * @returns Whether it is open.
   */
  webSocketClientConnect(
    name: string,
    address: string,
    options: WebSocketClientOptions = {},
  ): Promise<boolean> {
    return this.#openWebSocket(name, "ws:", address, options);
  }

  /**
   * Opens a WebSocket with TLS, as `webSocketClientConnect` does without.
   *
   * @param address the server's name or address, or a whole `wss:` URL.
   * @returns Whether it is open.
   */
  webSocketClientConnectTls(
    name: string,
    address: string,
    options: WebSocketClientTlsOptions = {},
  ): Promise<boolean> {
    return this.#openWebSocket(name, "wss:", address, options);
  }

  // A listening socket's clients.

  /**
   * Waits until a client asks to be connected.
   *
   * @param wait how long, in ms, or options with it and a signal; 0 only looks; for ever by default
   * @returns Whether one does. That none came in time is no error.
   */
  waitForConnection(name: string, wait: SocketWait = {}): Promise<boolean> {
    return this.#registry.run("wait for a connection on", name, false, async () => {
      const listener = this.#registry.get(name);
      if (!(listener instanceof ListenerSocket)) throw wrongKind("it does not listen");
      return await listener.pending(lookOptions(waitOptions(wait)));
    });
  }

  /**
   * Accepts the client that has waited longest, and waits for one if there is none. A book that is full fails with `LIMIT_REACHED` when no
   * other socket is closed within 50 ms, and the client waits on.
   *
   * @param wait how long, in ms, or options with it and a signal; 0 only looks; for ever by default
   * @returns The name of the channel to it, a new socket; `""` when no client came. The channel begins in the mode of the listening socket.
   */
  accept(name: string, wait: SocketWait = {}): Promise<string> {
    return this.#registry.run("accept a connection on", name, "", async () => {
      const listener = this.#registry.get(name);
      if (!(listener instanceof ListenerSocket)) throw wrongKind("it does not listen");
      const { timeout, signal } = lookOptions(waitOptions(wait));
      // A client that waits is told of at once: a loop over both calls would do nothing else.
      if (this.#registry.full) {
        await this.#registry.room({ timeout: Math.min(timeout ?? Infinity, ROOM_WAIT), signal });
      }
      const channel = this.#registry.channelName(name);
      await this.#registry.make(channel, async (own) => {
        const socket = await listener.accept({ timeout, signal: own });
        if (socket !== undefined) return { socket };
        throw new SocketFailure("NO_REQUEST", "no client asks to be connected");
      }, signal);
      return channel;
    });
  }

  /**
   * Refuses the client that has waited longest: its connection is closed.
   *
   * @returns Whether there was one.
   */
  refuse(name: string): Promise<boolean> {
    return this.#registry.run("refuse a connection on", name, false, () => {
      const listener = this.#registry.get(name);
      if (!(listener instanceof ListenerSocket)) throw wrongKind("it does not listen");
      if (listener.refuse()) return true;
      throw new SocketFailure("NO_REQUEST", "no client asks to be connected");
    });
  }

  // Reading and writing.

  /** Reads a message as bytes. */
  read(name: string, options: ReadSocketOptions & { bytes: true }): Promise<Uint8Array>;
  /**
   * Reads a message: one that the transmission mode tells apart, a datagram, or a WebSocket's message. Several reads of one socket are served in
   * their order. A simplified server goes on to its next client when one has ended, or has sent what is no message in the mode: that is told once.
   *
   * @returns The message; `""` when none came in time, which is no error, and when the connection has ended, which is error 100031 or 100032.
   */
  read(name: string, options?: ReadSocketOptions): Promise<string>;
  /** Reads a message, as text or as bytes. */
  read(name: string, options?: ReadSocketOptions): Promise<string | Uint8Array>;
  read(name: string, options: ReadSocketOptions = {}): Promise<string | Uint8Array> {
    const { bytes = false } = options;
    const nothing = bytes ? new Uint8Array(0) : "";
    return this.#registry.run<string | Uint8Array>("read from", name, nothing, async () => {
      const encoding = normalizeEncoding(options.encoding ?? this.#encoding);
      const message = await this.#registry.get(name).read(
        this.#readRequest(options, bytes ? undefined : encoding),
      );
      if (message === undefined) return nothing;
      if (bytes) return typeof message === "string" ? encodeText(message, "utf8") : message;
      return typeof message === "string" ? message : decodeText(message, encoding);
    });
  }

  /**
   * Writes a message in the transmission mode, as a datagram, or as a WebSocket's message (text as text, bytes as binary), and waits until the
   * system has taken it. Bytes must not be changed meanwhile.
   *
   * @param data text, bytes, or what a `ByteBuffer` has not read yet.
   * @returns Whether it was written.
   */
  write(name: string, data: SocketData, options: WriteSocketOptions = {}): Promise<boolean> {
    return this.#registry.run("write to", name, false, async () => {
      checkCallOptions(options, "write");
      const { address, port, signal, timeout = this.#parameters.writeTimeout } = options;
      const bytes = socketDataBytes(data, options.encoding ?? this.#encoding);
      const text = typeof data === "string" ? data : undefined;
      await this.#registry.get(name).write(bytes, { address, port, signal, timeout }, text);
      return true;
    });
  }

  /**
   * Changes how the messages of a connection are told apart on the wire; what has come and is not read yet is looked at in the new mode. On
   * a listening socket it holds for the connections that are accepted afterwards, and for the client of the simplified server.
   *
   * Careful with end markers: a message that holds the marker is sent as it is, and is several messages for who reads it.
   *
   * @param marker in the two modes with an end marker: text in the book's encoding, or bytes; the byte 0x1A by default
   * @returns Whether that is the mode now. UDP sockets and WebSockets, which have messages of their own, take `NO_MARKER` alone, which changes nothing.
   */
  changeTransmissionMode(
    name: string,
    mode: TransmissionMode,
    marker?: string | Uint8Array,
  ): boolean {
    return this.#registry.runNow("change the transmission mode of", name, false, () => {
      const socket = this.#registry.get(name);
      const bytes = typeof marker === "string" ? encodeText(marker, this.#encoding) : marker;
      const changed = transmission(mode, bytes);
      if (socket instanceof StreamSocket || socket instanceof ListenerSocket) {
        socket.transmission = changed;
      } else if (mode !== TransmissionMode.NO_MARKER) {
        throw wrongKind("its messages are told apart without a mode");
      }
      return true;
    });
  }

  // Asking and telling.

  /**
   * Who is at the other end: of a connection, of the simplified server's client, or of the datagram that was read last. Through a proxy it is
   * the proxy.
   *
   * @returns The address or the port, as text; `""` when there is nobody.
   */
  clientInfo(name: string, what: ClientInfo = ClientInfo.ADDRESS): string {
    return this.#registry.runNow("tell the client of", name, "", () => {
      const peer = this.#registry.get(name).peer();
      if (what !== ClientInfo.ADDRESS && what !== ClientInfo.PORT) {
        throw new TypeError(`Cannot tell the client: there is no information ${String(what)}`);
      }
      if (peer === undefined) throw new SocketFailure("NO_CLIENT", "there is none yet");
      return what === ClientInfo.ADDRESS ? peer.address : peer.port;
    });
  }

  /** The port that a socket listens on, or its Bluetooth channel; 0 when it does not listen. */
  localPort(name: string): number {
    return this.#registry.find(name)?.port ?? 0;
  }

  /** Whether there is a socket of that name: it was made and not closed, even if its peer has gone. */
  exists(name: string): boolean {
    return this.#registry.find(name) !== undefined;
  }

  /**
   * Closes a socket once what was written is sent, and forgets its name. Calls that wait for it fail with 100032. One that is being connected
   * is given up. Closing a listening socket leaves the accepted channels open.
   *
   * @returns Whether there was one.
   */
  close(name: string): Promise<boolean> {
    return this.#registry.run("close", name, false, async () => {
      await this.#registry.close(name, this.#parameters.closeTimeout);
      return true;
    });
  }

  /** Closes all sockets. */
  closeAll(): Promise<void> {
    return this.#registry.closeAll(this.#parameters.closeTimeout);
  }

  /** {@linkcode NamedSockets.closeAll | closeAll()}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.closeAll();
  }

  /**
   * Sets how sockets are made from now on; what is left out stays as it is. The flags of {@linkcode SocketBookOption} stand for
   * `nagle: false` and `uniqueAddress: true`, a flag that is not set for the opposite of the former and for nothing.
   *
   * @returns Whether the parameters are good; if not, nothing is changed.
   */
  parameter(parameters: SocketBookParameters | number): boolean;
  /**
   * Changes a connection that is there; one that writes, after that write.
   *
   * @returns Whether that could be done.
   */
  parameter(name: string, parameters: ConnectionParameters): boolean;
  parameter(
    ...args: [SocketBookParameters | number] | [string, ConnectionParameters]
  ): boolean {
    if (args.length === 2) return this.#configure(...args);
    return this.#registry.runNow("set the parameters", ALL_SOCKETS, false, () => {
      this.#parameters = changeParameters(this.#parameters, args[0]);
      return true;
    });
  }

  #configure(name: string, parameters: ConnectionParameters): boolean {
    return this.#registry.runNow("set the parameters of", name, false, () => {
      const socket = this.#registry.get(name);
      const { nagle, keepAlive, ...others } = parameters;
      if (Object.keys(others).length > 0) {
        throw new TypeError(
          "Only nagle and keepAlive can be changed on a connection that is there",
        );
      }
      const settings = { noDelay: nagle === undefined ? undefined : !nagle, keepAlive };
      if (socket instanceof StreamSocket && socket.configure(settings)) return true;
      throw wrongKind("it is no TCP connection");
    });
  }

  /**
   * Has the TCP connections and WebSockets that are made from now on go through a SOCKS5 proxy, which also resolves the names.
   *
   * @param address the proxy's name or address, or its URL (`socks5://user:password@host:port`, `http://host:port`); `""` for none again.
   * @param port 1080 by default
   * @returns Whether that can be a proxy; if not, nothing is changed.
   */
  proxy(address: string, port?: number, user?: string, password?: string): boolean {
    return this.#registry.runNow("set the proxy", ALL_SOCKETS, false, () => {
      this.#proxy = address === "" ? undefined : proxyOf(address, port, user, password);
      return true;
    });
  }

  // How all that is done.

  #make(
    operation: "create" | "connect",
    name: string,
    action: (signal: AbortSignal) => MadeSocket | Promise<MadeSocket>,
    signal?: AbortSignal,
  ): Promise<boolean> {
    return this.#registry.run(operation, name, false, async () => {
      await this.#registry.make(name, action, signal);
      return true;
    });
  }

  async #openWebSocket(
    name: string,
    scheme: "ws:" | "wss:",
    address: string,
    options: WebSocketClientTlsOptions,
  ): Promise<boolean> {
    const { callback } = options;
    let socket: WebSocketName | undefined;
    const made = await this.#make("connect", name, async (own) => {
      try {
        const ws = await this.#dialWebSocket(scheme, address, options, own);
        return { socket: socket = new WebSocketName(ws, callback) };
      } catch (error) {
        const { message } = toBookError(error, "connect", name);
        if (callback !== undefined) {
          this.#guard(name, () => callback(SocketBookEvent.ERROR, message));
        }
        throw error;
      }
    }, signalOf(options));
    if (made) socket?.listen((error) => this.#callbackFailed(name, error));
    return made;
  }

  async #dialWebSocket(
    scheme: "ws:" | "wss:",
    address: string,
    options: WebSocketClientTlsOptions,
    own: AbortSignal,
  ): Promise<WebSocketConnection> {
    const secure = scheme === "wss:";
    checkCallOptions(options, secure ? "webSocketTls" : "webSocket");
    const { port, path, protocols = [], callback: _, timeout, signal: __, ...rest } = options;
    const url = webSocketUrl(scheme, address, { port, path });
    const { tlsProtocols, ...tls } = rest;
    const wait = this.#connectWait({ timeout }, own);
    const deadline = deadlineSignal(`connect to "${url.origin}"`, wait);
    const aborter = new AbortController();
    deadline.onfire((error) => aborter.abort(error));
    try {
      return await connectWebSocket(url, {
        protocols: typeof protocols === "string"
          ? protocols.split(",").map((each) => each.trim()).filter((each) => each !== "")
          : protocols,
        tls: secure ? { ...this.#tlsVersions(tlsProtocols), ...tls } : undefined,
        proxy: this.#proxy,
        signal: aborter.signal,
        // One deadline is for all of it.
        connectTimeout: 0,
        handshakeTimeout: 0,
        maxMessageSize: this.#maxMessageBytes,
        maxInboxBytes: this.#maxInboxBytes,
        maxSendQueueBytes: this.#maxSendQueueBytes,
        highWaterMark: Math.min(65_536, this.#maxSendQueueBytes),
      });
    } catch (error) {
      throw deadline.fired ?? error;
    } finally {
      deadline.clear();
    }
  }

  /** Calls a callback of the program. */
  async #guard(name: string, call: () => unknown): Promise<void> {
    try {
      await call();
    } catch (error) {
      this.#callbackFailed(name, error);
    }
  }

  #callbackFailed(name: string, cause: unknown): void {
    this.#registry.remember(
      new SocketBookError(`The callback of the socket ${JSON.stringify(name)} threw`, {
        kind: "CALLBACK_FAILED",
        socketName: name,
        cause,
      }),
    );
  }

  #openStream(transport: Transport, mode: Transmission = SIZE_HEADER): StreamSocket {
    return new StreamSocket(transport, {
      transmission: mode,
      maxMessageBytes: this.#maxMessageBytes,
      maxInboxBytes: this.#maxInboxBytes,
      maxSendQueueBytes: this.#maxSendQueueBytes,
    });
  }

  #connected(transport: Transport): MadeSocket {
    return { socket: this.#openStream(transport) };
  }

  #listener(from: Pick<ListenerSettings, "source" | "prepare">, port?: number): MadeSocket {
    const { nagle, keepAlive } = this.#parameters;
    const socket = new ListenerSocket({
      ...from,
      maxPending: this.#maxPending,
      transmission: SIZE_HEADER,
      open: (transport, mode) => {
        configureTransport(transport, { noDelay: !nagle, keepAlive: keepAlive || undefined });
        return this.#openStream(transport, mode);
      },
    });
    return { socket, port };
  }

  #tlsVersions(protocols: number | undefined): TlsVersions {
    const { minVersion, maxVersion } = this.#parameters;
    return protocols === undefined ? { minVersion, maxVersion } : tlsVersions(protocols);
  }

  #identity(certificate: TlsIdentity | string): TlsIdentity {
    if (typeof certificate !== "string") return certificate;
    if (Object.hasOwn(this.#certificates, certificate)) return this.#certificates[certificate];
    throw new TypeError(
      `Cannot use TLS: the book has no certificate ${JSON.stringify(certificate)}`,
    );
  }

  #connectWait({ timeout }: WaitOptions, signal: AbortSignal): WaitOptions {
    return { timeout: timeout ?? this.#parameters.connectTimeout, signal };
  }

  #dialOptions(wait: WaitOptions, own: AbortSignal): DialOptions {
    const { nagle, keepAlive } = this.#parameters;
    return {
      ...this.#connectWait(wait, own),
      noDelay: !nagle,
      keepAlive,
      proxy: this.#proxy,
    };
  }

  #readRequest(options: ReadSocketOptions, encoding: Encoding | undefined): ReadRequest {
    checkCallOptions(options, "read");
    const { wait, maxBytes = 4096, receiveDelay = 0, signal } = options;
    if (wait === true && options.timeout !== undefined) {
      throw new TypeError("Cannot read: it is to wait for ever, and has a timeout");
    }
    const fallback = wait === false ? this.#parameters.readTimeout : undefined;
    const timeout = options.timeout ?? fallback;
    if (!(maxBytes >= 1)) throw new RangeError(`Cannot read ${maxBytes} bytes: it is below 1`);
    if (!isDelay(receiveDelay)) {
      throw new RangeError(`Cannot gather for ${receiveDelay} ms: it is out of range`);
    }
    return { ...lookOptions({ timeout, signal }), maxBytes, receiveDelay, encoding };
  }
}

/** How long `accept` waits for room in a book that is full, in ms. */
const ROOM_WAIT = 50;

/** The name of the book itself in its errors. */
const ALL_SOCKETS = "*";

function wrongKind(why: string): SocketFailure {
  return new SocketFailure("WRONG_KIND", why);
}

function waitOptions(wait: SocketWait): WaitOptions {
  if (typeof wait === "number") return { timeout: wait };
  checkCallOptions(wait, "wait");
  return wait;
}

function signalOf(wait: SocketWait): AbortSignal | undefined {
  return typeof wait === "number" ? undefined : wait?.signal;
}

/** A wait of 0 ms is a look at what is there, which takes a turn of the event loop. */
function lookOptions(
  { timeout, signal }: WaitOptions,
): { timeout: number | undefined; signal: AbortSignal | undefined } {
  return { timeout: timeout === 0 ? 1 : timeout, signal };
}

function limit(name: string, value: number): number {
  if (value > 0 && Number.isInteger(value)) return value;
  throw new RangeError(`Cannot make a book of sockets: ${name} ${value} is not a positive integer`);
}
