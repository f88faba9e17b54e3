// Floor 3: driver.
import type { ClientNetwork, OpenNetwork } from "./_client_network.ts";
import type {
  ClientTransport,
  ClientTransportHost,
  ClientTransportOptions,
} from "./_client_transport.ts";
import { CookieJar } from "./_cookie_jar.ts";
import { PollingClient } from "./_polling_client.ts";
import { timerTime } from "./_time.ts";
import { MAX_UNREAD_ANSWERS, unreadAnswersError, weightOfAnswer } from "./_unread_answers.ts";
import { WebSocketClient } from "./_websocket_client.ts";
import type { ClientEngineSource, SocketIoClientEngine } from "./client_engine.ts";
import { decodeEngineHandshake, type EngineHandshake } from "./engine_handshake.ts";
import type { EnginePacket } from "./engine_packet.ts";
import { PacketFault, SocketIoError } from "./errors.ts";
import type { ClientDisconnectReason } from "./types.ts";

/** What an engine's connection of a client is made with. */
export interface EngineClientOptions extends ClientTransportOptions {
  /** The transports to try, the first one first. */
  readonly transports: readonly ("polling" | "websocket")[];
  /** Whether a polling connection is to be upgraded. */
  readonly upgrade: boolean;
  /** Whether the other transports are tried if the first one fails. */
  readonly tryAllTransports: boolean;
  /** What the connection goes over in place of `fetch` and `WebSocket`. */
  readonly network?: OpenNetwork;
}

/** Who is told what happens on a connection. */
export interface EngineClientHost {
  onEngineOpen(): void;
  onEngineMessage(data: string | Uint8Array): void;
  onEnginePing(): void;
  onEngineUpgrade(): void;
  /** The connection is over, or could not be made. It says nothing afterwards. */
  onEngineClose(reason: ClientDisconnectReason, error: Error | undefined): void;
}

/**
 * The client's side of one Engine.IO connection: opens a transport, upgrades it, and watches the server's heartbeat.
 *
 * Source: Engine.IO protocol, revision 4.
 */
export class EngineClient implements ClientTransportHost, ClientEngineSource {
  /** Who looks on, if anybody does. */
  face: SocketIoClientEngine | undefined;
  readonly #options: EngineClientOptions;
  readonly #host: EngineClientHost;
  #transports: readonly ("polling" | "websocket")[];
  #state: "opening" | "open" | "closed" = "opening";
  #transport: ClientTransport;
  #probe: WebSocketClient | undefined;
  #changing = false;
  #handshake: EngineHandshake | undefined;
  #queue: EnginePacket[] = [];
  #queuedBytes = 0;
  /** What the answers among the queued packets weigh. */
  #queuedAnswers = 0;
  #heartbeat: ReturnType<typeof setTimeout> | undefined;
  /** When the server must have sent a ping: timers may sleep along with the computer. */
  #expires = Infinity;
  /** When the last message came. */
  #heardAt = -Infinity;
  readonly #closing: Promise<void>[] = [];
  readonly #network: ClientNetwork | undefined;

  constructor(options: EngineClientOptions, host: EngineClientHost) {
    const network = options.network?.(options.url, options.maxHttpBufferSize);
    this.#network = network;
    const { fetch, WebSocket } = network ?? options;
    const cookies = options.withCredentials ? new CookieJar() : undefined;
    this.#options = { ...options, fetch, WebSocket, cookies };
    this.#host = host;
    this.#transports = options.transports;
    this.#transport = this.#make(this.#transports[0]);
    this.#transport.open();
  }

  get id(): string | undefined {
    return this.#handshake?.sid;
  }

  get state(): "opening" | "open" | "closed" {
    return this.#state;
  }

  get open(): boolean {
    return this.#state === "open";
  }

  /** The name of the transport in use. */
  get transportName(): "polling" | "websocket" {
    return this.#transport.name;
  }

  /** Whether a message would leave at once. */
  get writable(): boolean {
    return this.#state === "open" && !this.#changing && this.#queue.length === 0 &&
      this.#transport.writable;
  }

  /** How many bytes wait. */
  get buffered(): number {
    return this.#queuedBytes + this.#transport.buffered;
  }

  /** How many packets wait. */
  get bufferedPackets(): number {
    return this.#queue.length + this.#transport.bufferedPackets;
  }

  /**
   * Whether the server should have been heard of long ago: the connection is dead, and nobody has noticed yet. From then on it is
   * over, whatever still comes: what is not sent for this reason is sent over the next one.
   */
  get expired(): boolean {
    if (this.#state !== "open") return false;
    if (this.#expires > -Infinity) {
      const now = performance.now();
      if (!this.#isOver(now)) return false;
      this.#expires = -Infinity;
      queueMicrotask(() => this.#fail("ping timeout"));
    }
    return true;
  }

  /** Sends a message; the server decides how many of those that answer it there are, and they have a limit of their own. */
  write(data: string | Uint8Array, answer = false): void {
    if (this.#state !== "open" || (answer && !this.#mayAnswer(data.length))) return;
    const packet: EnginePacket = { type: "message", data };
    this.face?._tell("packetCreate", packet);
    if (!this.open) return;
    this.#queue.push(packet);
    this.#queuedBytes += data.length;
    if (this.#queue.length === 1) queueMicrotask(() => this.#flush());
  }

  /** Ends the connection, after what is queued. Resolves when nothing of it is left. */
  async close(): Promise<void> {
    if (this.#state !== "closed") {
      this.#sendRest();
      this.#end();
      this.face?._tell("close", "forced close");
    }
    await Promise.allSettled(this.#closing);
  }

  lose(): void {
    if (this.#state !== "closed") this.#sendRest();
    this.#fail("forced close");
  }

  /** A transport that ends still sends what it is given, also while it waits for an answer or gives way to another. */
  #sendRest(): void {
    this.#queuedAnswers = 0;
    if (this.#queue.length > 0) this.#sendQueue();
  }

  onTransportOpen(transport: ClientTransport): void {
    if (transport === this.#probe) transport.send([{ type: "ping", data: "probe" }]);
  }

  onTransportPacket(transport: ClientTransport, packet: EnginePacket): void {
    if (transport === this.#probe) return this.#onProbe(packet);
    if (transport !== this.#transport) return;
    if (this.#state === "opening") return this.#onHandshake(packet);
    if (this.#state !== "open") return;
    this.face?._tell("packet", packet);
    if (!this.open) return;
    switch (packet.type) {
      case "message":
        this.#hear();
        this.#host.onEngineMessage(packet.data ?? "");
        this.face?._tell("data", packet.data ?? "");
        return this.face?._tell("message", packet.data ?? "");
      case "ping": {
        if (!this.#mayAnswer(0)) return;
        this.#watch();
        const pong: EnginePacket = { type: "pong" };
        this.face?._tell("packetCreate", pong);
        if (!this.open) return;
        this.#queue.push(pong);
        this.#flush();
        this.#host.onEnginePing();
        return this.face?._tell("ping");
      }
      case "close":
        return this.#fail("transport close");
      case "noop":
        return;
      default:
        return this.#fail("parse error", new PacketFault("an unexpected packet").toError());
    }
  }

  onTransportDrain(transport: ClientTransport): void {
    if (transport !== this.#transport) return;
    this.#flush();
    if (this.writable) this.face?._tell("drain");
  }

  onTransportClose(transport: ClientTransport, error: Error | undefined, lost = false): void {
    if (transport === this.#probe) return this.#dropProbe(error);
    if (transport !== this.#transport) return;
    if (this.#state === "opening" && this.#tryNext()) return;
    const opening = this.#state === "opening";
    this.#fail(
      (error === undefined || lost) && !opening ? "transport close" : "transport error",
      error ??
        (opening
          ? new SocketIoError("ERR_CONNECT", "Cannot connect: the server closed the connection")
          : undefined),
    );
  }

  #make(name: "polling" | "websocket"): ClientTransport {
    return name === "polling"
      ? new PollingClient(this.#options, this)
      : new WebSocketClient(this.#options, this, undefined);
  }

  #tryNext(): boolean {
    if (!this.#options.tryAllTransports || this.#transports.length < 2) return false;
    this.#transports = this.#transports.slice(1);
    if (!this.#transports.includes("polling")) this.#network?.close();
    this.#transport = this.#make(this.#transports[0]);
    this.#transport.open();
    return true;
  }

  #onHandshake(packet: EnginePacket): void {
    const handshake = packet.type === "open" && typeof packet.data === "string"
      ? decodeEngineHandshake(packet.data)
      : new PacketFault("a first packet that is no handshake");
    if (handshake instanceof PacketFault) return this.#fail("parse error", handshake.toError());
    this.#handshake = handshake;
    this.#state = "open";
    const transport = this.#transport;
    if (transport instanceof PollingClient) {
      transport.sid = handshake.sid;
      transport.maxPayload = handshake.maxPayload;
      // Whoever has no pong for so long has given the client up.
      transport.postTimeout = handshake.pingInterval + handshake.pingTimeout;
    }
    this.#watch();
    this.face?._tell("packet", packet);
    if (!this.open) return;
    this.#host.onEngineOpen();
    this.face?._tell("open");
    const canUpgrade = this.#options.upgrade && transport.name === "polling" &&
      this.#transports.includes("websocket") && handshake.upgrades.includes("websocket");
    if (canUpgrade && this.open) {
      this.#probe = new WebSocketClient(this.#options, this, handshake.sid);
      this.#probe.open();
    }
  }

  #onProbe(packet: EnginePacket): void {
    const probe = this.#probe!;
    if (packet.type !== "pong" || packet.data !== "probe" || this.#changing) {
      return this.#dropProbe();
    }
    this.#changing = true;
    this.face?._tell("upgrading", { name: probe.name, writable: false });
    if (!this.open) return;
    this.#transport.pause(() => {
      if (this.#state !== "open" || this.#probe !== probe) return;
      probe.send([{ type: "upgrade" }]);
      this.#transport = probe;
      this.#probe = undefined;
      this.#changing = false;
      this.#network?.close();
      this.#flush();
      this.#host.onEngineUpgrade();
      this.face?._tell("upgrade", { name: probe.name, writable: this.writable });
    });
  }

  #dropProbe(cause?: Error): void {
    const probe = this.#probe;
    this.#probe = undefined;
    if (probe !== undefined) this.#closing.push(probe.close());
    if (this.face !== undefined) {
      const message = "Cannot upgrade: the WebSocket did not answer as it should";
      this.face._tell("upgradeError", new SocketIoError("ERR_TRANSPORT", message, { cause }));
    }
    // Polling that was told to stop can't go on: the connection is made anew.
    if (this.#changing && this.#state === "open") {
      const message = "Cannot go on: the WebSocket was lost while it took over";
      this.#fail("transport error", new SocketIoError("ERR_TRANSPORT", message));
    }
  }

  #flush(): void {
    const transport = this.#transport;
    if (this.#queue.length === 0 || this.#changing || this.#state !== "open") return;
    if (transport.name === "polling" && !transport.writable) return;
    this.#sendQueue();
  }

  #sendQueue(): void {
    const packets = this.#queue;
    const answers = this.#queuedAnswers;
    this.#queue = [];
    this.#queuedBytes = this.#queuedAnswers = 0;
    this.#transport.send(packets, answers);
    // Polling says itself when its request is through.
    if (this.face !== undefined && this.#transport.name === "websocket") {
      queueMicrotask(() => this.open && this.face?._tell("drain"));
    }
  }

  /** Counts an answer; ends the connection if the server has too many of them wait. */
  #mayAnswer(bytes: number): boolean {
    const before = this.#queuedAnswers;
    this.#queuedAnswers += weightOfAnswer(bytes);
    const { maxUnreadAnswers = MAX_UNREAD_ANSWERS } = this.#options;
    if (before === 0 || this.#queuedAnswers <= maxUnreadAnswers) return true;
    this.#fail("transport error", unreadAnswersError());
    return false;
  }

  /** The server has given a sign of life: until when the next one is due. */
  #watch(): void {
    if (this.#expires === -Infinity) return;
    const { pingInterval, pingTimeout } = this.#handshake!;
    clearTimeout(this.#heartbeat);
    const delay = pingInterval + pingTimeout;
    this.#expires = performance.now() + delay;
    this.#heartbeat = setTimeout(this.#overdue, timerTime(delay));
  }

  /** A message came: the ping may be behind it. One that waited while the computer slept shows no more than that the connection was there before. */
  #hear(): void {
    const now = performance.now();
    if (!this.#isOver(now)) this.#heardAt = now;
  }

  /** Whether the ping is overdue, and no message has it wait. */
  #isOver(now: number): boolean {
    return now > this.#expires && this.#patience(now) < 0;
  }

  /** How long a ping may still wait behind the messages that come: as long after each as an answer to a ping has, in ms. */
  #patience(now: number): number {
    return this.#heardAt + this.#handshake!.pingTimeout - now;
  }

  readonly #overdue = (): void => {
    const patience = this.#patience(performance.now());
    if (patience > 0) this.#heartbeat = setTimeout(this.#overdue, timerTime(patience));
    else this.#fail("ping timeout");
  };

  #fail(reason: ClientDisconnectReason, error?: Error): void {
    if (this.#state === "closed") return;
    this.#end();
    this.#host.onEngineClose(reason, error);
    if (error !== undefined) this.face?._tell("error", error);
    this.face?._tell("close", reason, error);
  }

  #end(): void {
    this.#state = "closed";
    clearTimeout(this.#heartbeat);
    this.#closing.push(this.#transport.close());
    const probe = this.#probe;
    this.#probe = undefined;
    if (probe !== undefined) this.#closing.push(probe.close());
    Promise.allSettled(this.#closing).then(() => this.#network?.close());
    this.#queue = [];
    this.#queuedBytes = 0;
  }
}
