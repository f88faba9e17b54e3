// Floor 3: driver.
import { nextTick } from "node:process";
import { defineInspect } from "../buffer/define_inspect.ts";
import { toBytes } from "./_attachments.ts";
import { reportCallbackError } from "./_callback.ts";
import { isConnectionLoss } from "./_connection_loss.ts";
import { EngineSession, type EngineSessionHost } from "./_engine_session.ts";
import type { EngineSettings } from "./_engine_settings.ts";
import type { HttpExchange, ResponseHeaders, SharedMessage } from "./_exchange.ts";
import { type Listener, Listeners } from "./_listeners.ts";
import { PacketQueue } from "./_packet_queue.ts";
import { type PollingHost, PollingTransport } from "./_polling_transport.ts";
import type { Delay } from "./_scheduler.ts";
import { shareMessage } from "./_shared_message.ts";
import type { SocketTransportHost, WebSocketTransport } from "./_websocket_transport.ts";
import { encodeEngineHandshake } from "./engine_handshake.ts";
import type { EnginePacket } from "./engine_packet.ts";
import type { EngineSocket, EngineSocketEvents, EngineTransport } from "./engine_socket.ts";
import { SocketIoError } from "./errors.ts";
import type {
  EngineReadyState,
  EngineRequest,
  EngineWriteOptions,
  ServerDisconnectReason,
} from "./types.ts";

/** The same for all: thousands may be due at once, and none of them takes a buffer of its own. */
const PING: SharedMessage = { payload: "2", frame: new Uint8Array([0x81, 1, 0x32]) };

/** Who takes the messages of a connection, faster than a listener. */
export interface EngineSink {
  onEngineData(data: string | Uint8Array): void;
  onEngineClose(reason: ServerDisconnectReason, description?: unknown): void;
}

/** The part of an engine that a connection knows. */
export interface EngineSocketHost {
  /** The engine itself. */
  readonly engine: EngineSocket["server"];
  readonly settings: EngineSettings;
  readonly pingInterval: Delay<ServerEngineSocket>;
  readonly pingTimeout: Delay<ServerEngineSocket>;
  readonly upgradeTimeout: Delay<ServerEngineSocket>;
  readonly noopDelay: Delay<ServerEngineSocket>;
  readonly closeTimeout: Delay<ServerEngineSocket>;
  /** The connection is over. */
  onSocketGone(socket: ServerEngineSocket): void;
  /** Lets the program add headers to a response. */
  onHeaders(headers: ResponseHeaders, request: EngineRequest, sid: string): void;
}

/** One connection of the engine: a session, with the transport that it has at the time. */
export class ServerEngineSocket
  implements EngineSocket, EngineSessionHost, PollingHost, SocketTransportHost {
  static {
    // By the name that programs know, and without its id, which is a secret.
    const shown = { prototype: ServerEngineSocket.prototype, name: "EngineSocket" };
    defineInspect(shown, (socket) => ({
      readyState: socket.readyState,
      transport: socket.#transport.name,
      upgrading: socket.upgrading,
      remoteAddress: socket.remoteAddress,
      bufferedAmount: socket.bufferedAmount,
    }));
  }

  readonly id: string;
  readonly protocol = 4;
  readonly request: EngineRequest;
  readonly remoteAddress: string;
  _sink: EngineSink | undefined;
  readonly #engine: EngineSocketHost;
  readonly #session: EngineSession;
  #transport: PollingTransport | WebSocketTransport;
  /** The transport that wants to take over. */
  #probe: WebSocketTransport | undefined;
  /** Packets that wait for a polling client. */
  #queue: PacketQueue | undefined;
  /** Whether what waits may be compressed: not with a message in it that may not, since that is often a secret. */
  #compress = true;
  #listeners: Listeners | undefined;
  #tapped = false;
  /** Whether somebody wants to know when what was written has gone, and whether that will be told soon. */
  #drains = false;
  #drainDue = false;
  /** Whether a request came after the probe was answered. */
  #crossed = false;

  constructor(
    engine: EngineSocketHost,
    id: string,
    request: EngineRequest,
    remoteAddress: string,
    transport?: WebSocketTransport,
  ) {
    this.#engine = engine;
    this.id = id;
    this.request = request;
    this.remoteAddress = remoteAddress;
    this.#session = new EngineSession(this);
    if (transport === undefined) {
      this.#transport = new PollingTransport(this, engine.settings);
      this.#queue = this.#makeQueue();
    } else this.#transport = transport;
  }

  get readyState(): EngineReadyState {
    return this.#session.state;
  }

  get server(): EngineSocket["server"] {
    return this.#engine.engine;
  }

  get transport(): EngineTransport {
    return this.#transport;
  }

  get upgrading(): boolean {
    return this.#session.upgrading;
  }

  get upgraded(): boolean {
    return this.#session.upgraded;
  }

  get bufferedAmount(): number {
    const transport = this.#transport;
    return transport.name === "websocket" ? transport.queued : this.#queue?.bytes ?? 0;
  }

  on<E extends keyof EngineSocketEvents>(event: E, listener: EngineSocketEvents[E]): this {
    return this.#add(event, listener, false);
  }

  once<E extends keyof EngineSocketEvents>(event: E, listener: EngineSocketEvents[E]): this {
    return this.#add(event, listener, true);
  }

  off<E extends keyof EngineSocketEvents>(event: E, listener: EngineSocketEvents[E]): this {
    this.#listeners?.remove(event, listener);
    return this;
  }

  removeListener(event: string, listener: Listener): this {
    this.#listeners?.remove(event, listener);
    return this;
  }

  removeAllListeners(...args: [event?: keyof EngineSocketEvents]): this {
    this.#listeners?.off(args);
    return this;
  }

  listenerCount(event: keyof EngineSocketEvents): number {
    return this.#listeners?.count(event) ?? 0;
  }

  write(data: string | ArrayBuffer | ArrayBufferView, options?: EngineWriteOptions): this {
    if (this.#session.state !== "open") return this;
    const message = typeof data === "string" ? data : toBytes(data);
    if (this.#tapped) this.#emit("packetCreate", { type: "message", data: message });
    const transport = this.#transport;
    const compress = options === undefined || options.compress !== false;
    if (transport.name === "polling") {
      if (!compress) this.#compress = false;
      this.#enqueue({ type: "message", data: message });
      return this;
    }
    if (!this.#hasRoom(transport)) return this;
    if (options !== undefined && options.preEncoded === true) {
      transport.sendShared(shareMessage(data, options), compress);
    } else transport.sendMessage(message, compress);
    this.#tellDrain();
    return this;
  }

  send(data: string | ArrayBuffer | ArrayBufferView, options?: EngineWriteOptions): this {
    return this.write(data, options);
  }

  /** Writes a text in two parts, as `write(head + body)` would: they are joined only where they have to be. */
  _writeText(head: string, body: string, options: EngineWriteOptions): void {
    const transport = this.#transport;
    if (this.#tapped || transport.name === "polling") this.write(head + body, options);
    else if (this.#session.state === "open" && this.#hasRoom(transport)) {
      transport.sendText(head, body, options.compress !== false);
      this.#tellDrain();
    }
  }

  close(discard = false): this {
    const session = this.#session;
    const transport = this.#transport;
    if (!session.beginClose()) {
      if (discard && session.state === "closing") session.close("forced close");
      return this;
    }
    const quiet = transport.name === "polling" && transport.writable && this.#queue!.length === 0;
    if (transport.name === "websocket" || discard || quiet) session.close("forced close");
    else {
      // What is queued goes with the client's request, and that this is the end with the one after it: npm's client ends
      // as soon as it sees that, before it has handed on what came in the same response.
      this.#engine.closeTimeout.start(this);
    }
    return this;
  }

  // For the engine.

  /** The connection begins. */
  start(): void {
    const { settings } = this.#engine;
    const canUpgrade = this.#transport.name === "polling" && settings.allowUpgrades &&
      settings.transports.has("websocket");
    const data = encodeEngineHandshake({
      sid: this.id,
      upgrades: canUpgrade ? ["websocket"] : [],
      pingInterval: settings.pingInterval,
      pingTimeout: settings.pingTimeout,
      maxPayload: settings.maxHttpBufferSize,
    });
    this.#sendPacket({ type: "open", data });
    this.#session.start();
  }

  /** Packets of the WebSocket are handed on from now on. */
  startTransport(): void {
    if (this.#transport.name === "websocket") this.#transport.start();
  }

  /** A polling request of the session. */
  handle(exchange: HttpExchange): void {
    if (this.#transport.name === "polling") this.#transport.handle(exchange);
    else exchange.respond(400, {});
  }

  /** Whether a WebSocket may try to take over now; if so, it is waited for. */
  beginUpgrade(): boolean {
    if (!this.#session.beginUpgrade()) return false;
    this.#engine.upgradeTimeout.start(this);
    this.#crossed = false;
    return true;
  }

  /** The WebSocket is there. */
  probe(transport: WebSocketTransport): void {
    if (!this.#session.upgrading) return transport.close(1000);
    this.#probe = transport;
    transport.start();
  }

  /** The WebSocket does not come, or not in time. */
  abortUpgrade(): void {
    const probe = this.#probe;
    this.#probe = undefined;
    this.#session.abortUpgrade();
    this.#engine.upgradeTimeout.stop(this);
    this.#engine.noopDelay.stop(this);
    probe?.close(1000);
  }

  pingDue(): void {
    // From now on it counts what comes and leaves.
    if (this.#transport.name === "websocket") this.#transport.advanced();
    this.#session.pingDue();
  }

  /** Whether a message is coming now: such a one has a time of its own (`messageTimeout`). */
  get _receiving(): boolean {
    const transport = this.#transport;
    return transport.name === "websocket" && transport.receiving;
  }

  pongOverdue(): void {
    const transport = this.#transport;
    // The answer waits behind a message that is still coming, which has a time of its own (`messageTimeout`), or the ping behind a queue.
    if (transport.name === "websocket" && transport.advanced()) return this.startPingTimeout();
    this.#session.pongOverdue();
  }

  /** The client did not fetch what was queued when the connection was closed. */
  closeOverdue(): void {
    this.#session.close("forced close");
  }

  /** A probe was answered: a request that still waits is let go, so that the client can change over. */
  releasePoll(): void {
    if (!this.#session.probed || this.#transport.name !== "polling") return;
    this.#transport.send([{ type: "noop" }]);
    this.#engine.noopDelay.start(this);
  }

  /** Answers the request that waits with what is queued, if there is any. */
  flush(): void {
    const transport = this.#transport;
    const queue = this.#queue;
    if (transport.name !== "polling" || !transport.writable || !queue?.length) return;
    const compress = this.#compress;
    this.#compress = true;
    transport.send(queue.take(), compress);
    this.#emit("drain");
  }

  // What the session asks for.

  sendPing(): void {
    const transport = this.#transport;
    if (this.#tapped || transport.name === "polling") this.#sendPacket({ type: "ping" });
    else transport.sendShared(PING, false);
  }

  startPingInterval(): void {
    this.#engine.pingTimeout.stop(this);
    this.#engine.pingInterval.start(this);
  }

  startPingTimeout(): void {
    this.#engine.pingTimeout.start(this);
  }

  stopTimes(): void {
    this.#engine.pingInterval.stop(this);
    this.#engine.pingTimeout.stop(this);
    this.#engine.closeTimeout.stop(this);
  }

  onMessage(data: string | Uint8Array): void {
    if (this._sink !== undefined) this._sink.onEngineData(data);
    if (this.#listeners === undefined) return;
    if (this.#tapped) this.#emit("packet", { type: "message", data });
    this.#emit("data", data);
    this.#emit("message", data);
  }

  onHeartbeat(): void {
    this.#emit("heartbeat");
  }

  onClose(reason: ServerDisconnectReason, description?: unknown): void {
    this.abortUpgrade();
    const transport = this.#transport;
    if (transport.name === "polling") {
      const last: EnginePacket = { type: reason === "transport close" ? "noop" : "close" };
      transport.send([...this.#queue!.take(), last], this.#compress);
      transport.close(last);
    } else if (reason === "ping timeout" || reason === "transport error") transport.terminate();
    else if (reason === "parse error") transport.close(1002, "parse error");
    else transport.close(1000);
    this.#engine.onSocketGone(this);
    const tell = () => this.#emit("close", reason, description);
    // npm's server handles a packet one tick after it came: the goodbye in front of this is to be heard first.
    if (this._sink === undefined) return nextTick(tell);
    this._sink.onEngineClose(reason, description);
    tell();
  }

  // What the polling transport tells.

  onPollingPacket(packet: EnginePacket): boolean {
    if (this.#tapped && packet.type !== "message") this.#emit("packet", packet);
    this.#session.receive(packet);
    return this.#session.state !== "closed";
  }

  onPollingReady(): void {
    const queue = this.#queue!;
    const transport = this.#transport as PollingTransport;
    if (queue.length > 0) this.flush();
    else if (this.#session.state === "closing") {
      transport.send([{ type: "close" }]);
      this.#session.close("forced close");
    } else if (this.#session.probed) {
      // It crossed the answer to the probe. Another one after it did not.
      if (this.#crossed) this.#engine.noopDelay.start(this);
      else this.releasePoll();
      this.#crossed = true;
    }
  }

  onPollingError(reason: ServerDisconnectReason, error: Error): void {
    this.#session.close(reason, error);
  }

  onPollingHeaders(headers: ResponseHeaders, request: EngineRequest): void {
    this.#engine.onHeaders(headers, request, this.id);
  }

  // What a WebSocket tells.

  onTransportMessage(transport: WebSocketTransport, data: string | Uint8Array): void {
    if (transport === this.#transport) this.#session.receiveMessage(data);
    else this.abortUpgrade();
  }

  onTransportPacket(transport: WebSocketTransport, packet: EnginePacket): void {
    if (transport !== this.#transport) return this.#onProbePacket(transport, packet);
    if (this.#tapped) this.#emit("packet", packet);
    this.#session.receive(packet);
  }

  onTransportFault(transport: WebSocketTransport, error: Error): void {
    if (transport === this.#transport) this.#session.close("parse error", error);
    else this.abortUpgrade();
  }

  onTransportDrain(transport: WebSocketTransport): void {
    if (transport === this.#transport) this.#emit("drain");
  }

  onTransportClose(transport: WebSocketTransport, error: Error | undefined): void {
    if (transport === this.#transport) {
      // As with npm's server: a client whose network is gone has closed, too.
      const lost = isConnectionLoss(error);
      if (lost) transport.terminate();
      const closed = error === undefined || lost;
      this.#session.close(closed ? "transport close" : "transport error", error);
    } else if (transport === this.#probe) this.abortUpgrade();
  }

  #onProbePacket(transport: WebSocketTransport, packet: EnginePacket): void {
    if (transport !== this.#probe) return transport.close(1000);
    switch (this.#session.receiveProbe(packet)) {
      case "pong":
        transport.send({ type: "pong", data: "probe" });
        this.#emit("upgrading", transport);
        return this.releasePoll();
      case "upgrade":
        return this.#changeOver(transport);
      default:
        this.abortUpgrade();
    }
  }

  #changeOver(transport: WebSocketTransport): void {
    const polling = this.#transport as PollingTransport;
    const queued = this.#queue!.take();
    this.#probe = undefined;
    this.#queue = undefined;
    this.#engine.upgradeTimeout.stop(this);
    this.#engine.noopDelay.stop(this);
    this.#transport = transport;
    if (this.#drains) transport.watchDrain();
    polling.close({ type: "noop" });
    for (const packet of queued) transport.send(packet);
    if (queued.length > 0) this.#tellDrain();
    this.#emit("upgrade", transport);
    if (this.#session.state === "closing") this.#session.close("forced close");
  }

  #makeQueue(): PacketQueue {
    const { maxBufferedBytes, maxBufferedPackets, limits } = this.#engine.settings;
    return new PacketQueue({ maxBytes: maxBufferedBytes, maxPackets: maxBufferedPackets }, {
      budget: limits.queuedBytes,
      onOverBudget: () => queueMicrotask(() => this.#closeSlow()),
    });
  }

  #sendPacket(packet: EnginePacket): void {
    if (this.#tapped) this.#emit("packetCreate", packet);
    const transport = this.#transport;
    if (transport.name === "websocket") transport.send(packet);
    else this.#enqueue(packet);
  }

  #enqueue(packet: EnginePacket): void {
    const queue = this.#queue!;
    if (!queue.push(packet)) this.#overflow();
    else if (this.#transport.writable) {
      // What is written in the same turn goes in the same response.
      if (queue.length === 1) queueMicrotask(() => this.flush());
    }
  }

  /** Tells once for a turn that the WebSocket has taken what was written; where it is full, it tells itself when there is room. */
  #tellDrain(): void {
    if (!this.#drains || this.#drainDue) return;
    this.#drainDue = true;
    queueMicrotask(() => {
      this.#drainDue = false;
      if (this.#session.state !== "closed" && this.#transport.writable) this.#emit("drain");
    });
  }

  /** Whether more may be queued. A client that is too slow misses it, or is given up, as the options say. */
  #hasRoom(transport: WebSocketTransport): boolean {
    const { maxBufferedBytes, limits } = this.#engine.settings;
    const { queued } = transport;
    if (queued <= maxBufferedBytes) return queued === 0 || !limits.queuedBytes.refuses;
    this.#overflow();
    return false;
  }

  #overflow(): void {
    const { slowClient, limits } = this.#engine.settings;
    // Where the shared limits refuse, it is not for this client to pay.
    if (slowClient === "close" && !limits.queuedBytes.refuses) this.#closeSlow();
  }

  #closeSlow(): void {
    const message = "Cannot send: the client is too slow, and what waits for it is at the limit";
    this.#session.close("transport error", new SocketIoError("ERR_LIMIT", message));
  }

  #add(event: string, listener: Listener, once: boolean): this {
    (this.#listeners ??= new Listeners()).add(event, listener, once);
    if (event === "packet" || event === "packetCreate") this.#tapped = true;
    else if (event === "drain" && !this.#drains) {
      this.#drains = true;
      if (this.#transport.name === "websocket") this.#transport.watchDrain();
    }
    return this;
  }

  #emit(event: keyof EngineSocketEvents, ...args: unknown[]): void {
    this.#listeners?.emit(event, this, args, reportCallbackError);
  }
}
