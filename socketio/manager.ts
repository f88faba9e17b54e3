// Floor 3: driver.
import { defineInspect } from "../buffer/define_inspect.ts";
import { reportCallbackError } from "./_callback.ts";
import { networkThrough, newNetwork, type OpenNetwork, webSocketFor } from "./_client_network.ts";
import { EngineClient, type EngineClientHost, type EngineClientOptions } from "./_engine_client.ts";
import { checkForeignPacket } from "./_foreign_packet.ts";
import { Listeners } from "./_listeners.ts";
import {
  checkCallable,
  checkParser,
  checkRecord,
  checkTransports,
  flag,
  inRange,
} from "./_option_kinds.ts";
import { toParserInput } from "./_parser_input.ts";
import { timerTime } from "./_time.ts";
import { MAX_UNREAD_ANSWERS } from "./_unread_answers.ts";
import { SocketIoClientEngine } from "./client_engine.ts";
import type { SocketIoClientOptions } from "./client_options.ts";
import { PacketFault, SocketIoError } from "./errors.ts";
import { encodePacket, PacketDecoder, PacketType, type SocketIoPacket } from "./packet.ts";
import type { ClientDisconnectReason, Untyped } from "./types.ts";

/** The events of a {@linkcode SocketIoManager}. */
export interface ManagerEvents {
  /** The connection is there. */
  open: () => void;
  /** The connection could not be made. */
  error: (error: Error) => void;
  /** The server sent a ping. */
  ping: () => void;
  /** The connection is gone. */
  close: (reason: ClientDisconnectReason, error?: Error) => void;
  /** A WebSocket took over from polling. */
  upgrade: () => void;
  /** A new attempt begins: how many there were in a row, from 1. */
  reconnect_attempt: (attempt: number) => void;
  /** A new attempt failed. */
  reconnect_error: (error: Error) => void;
  /** The connection is back: after how many attempts. */
  reconnect: (attempt: number) => void;
  /** All attempts failed. */
  reconnect_failed: () => void;
}

/** The part of a socket that its connection knows. */
export interface ManagedSocket {
  /** The namespace. */
  readonly nsp: string;
  /** Whether it wants the connection. */
  readonly active: boolean;
  /** The connection is there. @ignore */
  _onOpen(): void;
  /** A packet for the namespace came, of so many characters and bytes. @ignore */
  _onPacket(packet: SocketIoPacket, size: number): void;
  /** The connection could not be made. @ignore */
  _onError(error: Error): void;
  /** The connection is gone; whether another one is due at once. @ignore */
  _onClose(reason: ClientDisconnectReason, error: Error | undefined): boolean;
  /** The connection is gone, and will not come back. @ignore */
  _onEnd(error: SocketIoError): void;
}

/** Encodes and decodes packets: the built-in codec, or one that the program gave. */
interface Codec {
  encode(packet: SocketIoPacket): (string | Uint8Array)[];
  decode(data: string | Uint8Array, found: (packet: SocketIoPacket) => void): Error | undefined;
  reset(): void;
}

function makeCodec(options: SocketIoClientOptions): Codec {
  const { parser } = options;
  if (!parser) {
    const decoder = new PacketDecoder({
      maxAttachments: options.maxAttachments ?? 10,
      maxAttachmentBytes: options.maxAttachmentBytes ?? 67_108_864,
    });
    return {
      encode: encodePacket,
      decode(data, found) {
        const packet = decoder.add(data);
        if (packet instanceof PacketFault) return packet.toError();
        if (packet !== undefined) found(packet);
        return undefined;
      },
      reset: () => decoder.reset(),
    };
  }
  const encoder = new parser.Encoder();
  let packets: (SocketIoPacket | PacketFault)[] = [];
  const makeDecoder = () => {
    const decoder = new parser.Decoder();
    decoder.on("decoded", (packet: unknown) => packets.push(checkForeignPacket(packet)));
    return decoder;
  };
  let decoder = makeDecoder();
  return {
    // In browsers that of npm's `socket.io-msgpack-parser` gives ArrayBuffers.
    encode: (packet) =>
      encoder.encode(packet).map((part) =>
        part instanceof ArrayBuffer ? new Uint8Array(part) : part
      ),
    decode(data, found) {
      let error: SocketIoError | undefined;
      try {
        decoder.add(toParserInput(data));
      } catch (cause) {
        error = new SocketIoError("ERR_PARSE", "Cannot decode a packet", { cause });
      }
      const decoded = packets;
      packets = [];
      for (const packet of decoded) {
        if (packet instanceof PacketFault) return packet.toError();
        found(packet);
      }
      return error;
    },
    reset() {
      decoder.destroy();
      packets = [];
      decoder = makeDecoder();
    },
  };
}

function networkOf(url: URL, options: SocketIoClientOptions): OpenNetwork | undefined {
  const { proxy, tls, proxyTls, policy, fetch, WebSocket } = options;
  // As with npm's options, null is none.
  if (proxy === undefined || proxy === null) {
    const name = (["tls", "proxyTls", "policy"] as const).find((name) => options[name]);
    if (name === undefined) return undefined;
    throw new TypeError(`Cannot use the option ${name}: it is for connections through a proxy`);
  }
  if (fetch !== undefined || WebSocket !== undefined) {
    throw new TypeError(
      "Cannot use the option proxy: `fetch` or `WebSocket` would not go through it",
    );
  }
  if (tls && url.protocol !== "https:") {
    throw new TypeError("Cannot use the option tls: it is for https: and wss: URLs");
  }
  return networkThrough({
    proxy,
    tls: tls ?? undefined,
    proxyTls: proxyTls ?? undefined,
    policy: policy ?? undefined,
  });
}

/**
 * The connection to one server, shared by the sockets of several namespaces. It comes back by itself when it is lost.
 * Programs find it at `socket.io`.
 *
 * @example
 * ```ts
 * import { connectSocketIo, SocketIoServer } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const io = new SocketIoServer();
 * io.of("/admin");
 * const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
 *
 * const options = { transports: ["websocket"] as const };
 * const socket = connectSocketIo(`http://127.0.0.1:${port}/`, options);
 * const admin = connectSocketIo(`http://127.0.0.1:${port}/admin`, options);
 * assertEquals(socket.io === admin.io, true); // one connection for both
 * await new Promise<void>((resolve) => void admin.once("connect", resolve));
 * assertEquals([socket.io.connected, socket.io.transport], [true, "websocket"]);
 * await Promise.all([socket.close(), admin.close()]);
 * await io.close();
 * ```
 */
export class SocketIoManager {
  static {
    defineInspect(SocketIoManager, (manager) => ({
      // Not the query or the password.
      url: manager.#engineOptions.url.origin + manager.#engineOptions.url.pathname,
      state: manager.#state,
      reconnecting: manager.#reconnecting,
      transport: manager.transport,
      namespaces: [...manager.#sockets.keys()],
    }));
  }

  readonly #options: SocketIoClientOptions;
  readonly #engineOptions: EngineClientOptions;
  readonly #codec: Codec;
  readonly #sockets: Map<string, ManagedSocket> = new Map();
  readonly #listeners: Listeners = new Listeners();
  readonly #host: EngineClientHost = {
    onEngineOpen: () => this.#onOpen(),
    onEngineMessage: (data) => this.#onMessage(data),
    onEnginePing: () => this.#emit("ping"),
    onEngineUpgrade: () => this.#emit("upgrade"),
    onEngineClose: (reason, error) => this.#onClose(reason, error),
  };
  #engine: EngineClient | undefined;
  /** What programs see of it, if they look. */
  #face: SocketIoClientEngine | undefined;
  #state: "closed" | "opening" | "open" = "closed";
  /** How much came of the packet under way, in characters and bytes. */
  #undecoded = 0;
  #connection = 0;
  #attempts = 0;
  #reconnecting = false;
  /** Whether a connection was lost, or could not be made. */
  #failed = false;
  #openTimer: ReturnType<typeof setTimeout> | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #ending: Promise<void> = Promise.resolve();
  readonly #onUse: () => void;
  readonly #onGone: () => void;

  /** Made by `connectSocketIo`. @ignore */
  constructor(
    url: URL,
    options: SocketIoClientOptions,
    onUse: () => void,
    onGone: () => void,
  ) {
    this.#options = options;
    this.#onUse = onUse;
    this.#onGone = onGone;
    const transports = options.transports ?? ["polling", "websocket"];
    checkTransports(transports);
    checkCallable("fetch", options.fetch);
    checkCallable("WebSocket", options.WebSocket);
    checkParser(options.parser);
    checkRecord("extraHeaders", options.extraHeaders);
    flag("reconnection", options.reconnection, true);
    inRange("reconnectionAttempts", options.reconnectionAttempts, Infinity);
    inRange("reconnectionDelay", options.reconnectionDelay, 1000);
    inRange("reconnectionDelayMax", options.reconnectionDelayMax, 5000);
    inRange("randomizationFactor", options.randomizationFactor, 0.5, 0, 1);
    inRange("timeout", options.timeout, 20_000, 1);
    const { maxHttpBufferSize: size } = options;
    const maxHttpBufferSize = inRange("maxHttpBufferSize", size, 67_108_864, 1);
    this.#engineOptions = {
      url,
      transports,
      upgrade: flag("upgrade", options.upgrade, true),
      tryAllTransports: flag("tryAllTransports", options.tryAllTransports, false),
      headers: options.extraHeaders ?? undefined,
      withCredentials: flag("withCredentials", options.withCredentials, false),
      fetch: options.fetch ?? ((input, init) => fetch(input, init)),
      WebSocket: options.WebSocket ?? webSocketFor(url, maxHttpBufferSize),
      network: networkOf(url, options),
      maxHttpBufferSize,
      maxUnreadAnswers: Math.max(MAX_UNREAD_ANSWERS, options.maxBufferedBytes ?? 0),
    };
    this.#codec = makeCodec(options);
  }

  /** Whether the connection is there. */
  get connected(): boolean {
    return this.#state === "open";
  }

  /** Whether the connection is lost, and is being made again. */
  get reconnecting(): boolean {
    return this.#reconnecting;
  }

  /** The transport in use; `undefined` without a connection. */
  get transport(): "polling" | "websocket" | undefined {
    return this.#engine?.transportName;
  }

  /** The connection under this one, with a new one each time that it is made: npm's name for it. */
  get engine(): SocketIoClientEngine {
    if (this.#face === undefined) {
      this.#face = new SocketIoClientEngine(this.#engineOptions.transports[0]);
      if (this.#engine !== undefined) this.#show(this.#engine, this.#face);
    }
    return this.#face;
  }

  #show(engine: EngineClient, face: SocketIoClientEngine): void {
    engine.face = face;
    face._show(engine);
  }

  /** Adds a listener. */
  on<E extends keyof ManagerEvents>(event: E, listener: ManagerEvents[E]): this {
    this.#listeners.add(event, listener, false);
    return this;
  }

  /** Adds a listener that is called once. */
  once<E extends keyof ManagerEvents>(event: E, listener: ManagerEvents[E]): this {
    this.#listeners.add(event, listener, true);
    return this;
  }

  /** Removes a listener; without one all of the event, without an event all. */
  off<E extends keyof ManagerEvents>(...args: [event?: E, listener?: ManagerEvents[E]]): this {
    this.#listeners.off(args);
    return this;
  }

  /** The same as `on`. */
  addEventListener<E extends keyof ManagerEvents>(event: E, listener: ManagerEvents[E]): this {
    return this.on(event, listener);
  }

  /** The same as `off`. */
  removeEventListener<E extends keyof ManagerEvents>(
    ...args: [event?: E, listener?: ManagerEvents[E]]
  ): this {
    return this.off(...args);
  }

  /** The same as `off`. */
  removeListener<E extends keyof ManagerEvents>(
    ...args: [event?: E, listener?: ManagerEvents[E]]
  ): this {
    return this.off(...args);
  }

  /** The same as `off`: with a listener, as in npm's client, it removes that one alone. */
  removeAllListeners<E extends keyof ManagerEvents>(
    ...args: [event?: E, listener?: ManagerEvents[E]]
  ): this {
    return this.off(...args);
  }

  /** The listeners of an event. */
  listeners<E extends keyof ManagerEvents>(event: E): ManagerEvents[E][] {
    return this.#listeners.list(event) as ManagerEvents[E][];
  }

  /** Whether an event has listeners. */
  hasListeners(event: keyof ManagerEvents): boolean {
    return this.#listeners.count(event) > 0;
  }

  /** A socket of a namespace. @ignore */
  _get(nsp: string): ManagedSocket | undefined {
    return this.#sockets.get(nsp);
  }

  /** Takes a socket in. @ignore */
  _add(socket: ManagedSocket): void {
    this.#sockets.set(socket.nsp, socket);
  }

  /** A socket wants the connection. @ignore */
  _want(socket: ManagedSocket): void {
    if (this.#state === "open") socket._onOpen();
    else if (this.#state === "closed" && !this.#reconnecting) this.#open();
  }

  /** A socket that is told that the connection is lost for good wants it all the same. @ignore */
  _wantAgain(): void {
    if (this.#state !== "closed" || this.#reconnecting || this.#triesAgain) return;
    this.#attempts = 0;
    this.#open();
  }

  /** A socket does not want the connection any more: with the last one, it ends. @ignore */
  _release(): Promise<void> {
    if (this.#wanted) return this.#ending;
    return this.#end("io client disconnect");
  }

  /** Sends a packet. @ignore */
  _send(packet: SocketIoPacket): void {
    const engine = this.#engine;
    if (engine === undefined || !engine.open) return;
    const answer = packet.type !== PacketType.EVENT;
    for (const part of this.#codec.encode(packet)) engine.write(part, answer);
  }

  /** How large a packet is when it is sent, in characters and bytes. Throws if it can't be encoded. @ignore */
  _measure(packet: SocketIoPacket): number {
    return this.#codec.encode(packet).reduce((size, part) => size + part.length, 0);
  }

  /** Which connection this is: each has a number of its own. @ignore */
  get _connection(): number {
    return this.#connection;
  }

  /** Whether a packet would leave at once. @ignore */
  get _writable(): boolean {
    return this.#engine?.writable === true;
  }

  /** How many bytes wait. @ignore */
  get _buffered(): number {
    return this.#engine?.buffered ?? 0;
  }

  /** How many packets wait. @ignore */
  get _bufferedPackets(): number {
    return this.#engine?.bufferedPackets ?? 0;
  }

  /** Whether the connection is dead, though nobody has noticed: the server has been silent for too long. @ignore */
  get _expired(): boolean {
    return this.#engine?.expired === true;
  }

  /** The engine's connection is there. */
  #onOpen(): void {
    clearTimeout(this.#openTimer);
    this.#state = "open";
    this.#connection++;
    const attempts = this.#attempts;
    const back = this.#reconnecting;
    this.#attempts = 0;
    this.#reconnecting = false;
    // Those that a listener connects ask by themselves.
    const waiting = [...this.#sockets.values()].filter((socket) => socket.active);
    this.#emit("open");
    if (back) this.#emit("reconnect", attempts);
    for (const socket of waiting) if (socket.active) socket._onOpen();
  }

  /** A message came. */
  #onMessage(data: string | Uint8Array): void {
    const engine = this.#engine;
    this.#undecoded += data.length;
    const error = this.#codec.decode(data, (packet) => {
      const size = this.#undecoded;
      this.#undecoded = 0;
      // A listener may have ended the connection between two packets of one message.
      if (this.#engine === engine) this.#sockets.get(packet.nsp)?._onPacket(packet, size);
    });
    if (error !== undefined && this.#engine === engine) {
      this.#lose("parse error", error);
      this.#close(engine);
    }
  }

  /** The engine's connection is gone. */
  #onClose(reason: ClientDisconnectReason, error: Error | undefined): void {
    this.#close(this.#engine);
    if (this.#state === "open") this.#lose(reason, error);
    else this.#failAttempt(error ?? new SocketIoError("ERR_CONNECT", `Cannot connect: ${reason}`));
  }

  #open(): void {
    this.#onUse();
    this.#state = "opening";
    const { timeout = 20_000 } = this.#options;
    this.#openTimer = setTimeout(() => {
      const engine = this.#engine;
      this.#engine = undefined;
      this.#close(engine);
      const message = `Cannot connect: timed out after ${timeout} ms`;
      this.#failAttempt(new SocketIoError("ERR_TIMEOUT", message));
    }, timerTime(timeout));
    this.#engine = new EngineClient(
      this.#failed ? this.#optionsAfterLoss : this.#engineOptions,
      this.#host,
    );
    if (this.#face?._used) this.#face = undefined;
    if (this.#face !== undefined) this.#show(this.#engine, this.#face);
  }

  get #optionsAfterLoss(): EngineClientOptions {
    const options = this.#engineOptions;
    if (options.network !== undefined || this.#options.fetch !== undefined) return options;
    return { ...options, network: newNetwork(options.WebSocket) };
  }

  #failAttempt(error: Error): void {
    this.#failed = true;
    clearTimeout(this.#openTimer);
    this.#state = "closed";
    this.#engine = undefined;
    const again = this.#reconnecting;
    this.#emit("error", error);
    if (again) this.#emit("reconnect_error", error);
    for (const socket of [...this.#sockets.values()]) if (socket.active) socket._onError(error);
    this.#retry(error);
  }

  #lose(reason: ClientDisconnectReason, error: Error | undefined): void {
    this.#failed = true;
    this.#state = "closed";
    this.#engine = undefined;
    this.#resetCodec();
    this.#emit("close", reason, error);
    let due = false;
    for (const socket of [...this.#sockets.values()]) {
      if (socket.active && socket._onClose(reason, error)) due = true;
    }
    // That is no attempt: nothing has failed yet. A listener may have ended it all, or have opened it.
    if (due && this.#state === "closed" && this.#wanted) this.#open();
    else this.#retry(error);
  }

  /** Whether a socket wants the connection. */
  get #wanted(): boolean {
    for (const socket of this.#sockets.values()) if (socket.active) return true;
    return false;
  }

  /** Whether another attempt follows when the connection is lost, or can't be made. */
  get #triesAgain(): boolean {
    const { reconnection = true, reconnectionAttempts = Infinity } = this.#options;
    return reconnection && this.#attempts < reconnectionAttempts;
  }

  #retry(cause: Error | undefined): void {
    if (this.#state !== "closed" || !this.#wanted) return;
    if (!this.#triesAgain) {
      this.#reconnecting = false;
      if (this.#options.reconnection !== false) this.#emit("reconnect_failed");
      this.#attempts = 0;
      if (this.#state !== "closed") return; // a listener connects again
      const message = "Cannot go on: the connection is lost, and is not made again";
      const error = new SocketIoError("ERR_DISCONNECTED", message, { cause });
      for (const socket of [...this.#sockets.values()]) if (socket.active) socket._onEnd(error);
      return this.#onGone();
    }
    this.#reconnecting = true;
    const delay = this.#nextDelay();
    this.#retryTimer = setTimeout(() => {
      this.#emit("reconnect_attempt", this.#attempts);
      // A listener may have ended it all.
      if (this.#reconnecting && this.#state === "closed") this.#open();
    }, timerTime(delay));
  }

  /** As long as the options say, give or take what they leave to chance, and then no longer than the longest, as with npm's. */
  #nextDelay(): number {
    const { reconnectionDelay = 1_000, reconnectionDelayMax = 5_000, randomizationFactor = 0.5 } =
      this.#options;
    // Infinity, times 0, would be no number.
    const full = reconnectionDelay * 2 ** Math.min(this.#attempts++, 64);
    const delay = full * (1 + randomizationFactor * (2 * Math.random() - 1));
    return Math.min(delay, reconnectionDelayMax);
  }

  #end(reason: ClientDisconnectReason): Promise<void> {
    const wasOpen = this.#state === "open";
    clearTimeout(this.#openTimer);
    clearTimeout(this.#retryTimer);
    this.#reconnecting = false;
    this.#attempts = 0;
    this.#state = "closed";
    this.#resetCodec();
    const engine = this.#engine;
    this.#engine = undefined;
    this.#close(engine);
    // Before the listeners: one may connect again.
    this.#onGone();
    if (wasOpen) this.#emit("close", reason);
    return this.#ending;
  }

  /** Closes a connection. What is left of those before it, which still tell the server of their ends, is waited for as well. */
  #close(engine: EngineClient | undefined): void {
    if (engine === undefined) return;
    this.#ending = Promise.allSettled([this.#ending, engine.close()]).then(() => {});
  }

  #resetCodec(): void {
    this.#codec.reset();
    this.#undecoded = 0;
  }

  #emit(event: keyof ManagerEvents, ...args: Untyped[]): void {
    this.#listeners.emit(event, this, args, reportCallbackError);
  }
}
