// Floor 2: protocol.
import { PacketFault, type SocketIoError } from "./errors.ts";
import type { EnginePacket } from "./engine_packet.ts";
import type { EngineReadyState, ServerDisconnectReason } from "./types.ts";

/** What a session needs from outside: a way to send, clocks, and somebody to tell. */
export interface EngineSessionHost {
  /** Sends a ping over the transport in use. */
  sendPing(): void;
  /** Starts the time until the next ping. */
  startPingInterval(): void;
  /** Starts the time until the other side must have answered. */
  startPingTimeout(): void;
  /** Both times are over, whatever becomes of the connection. */
  stopTimes(): void;
  /** The other side sent a message. */
  onMessage(data: string | Uint8Array): void;
  /** The other side answered a ping. */
  onHeartbeat(): void;
  /** The session is over. */
  onClose(reason: ServerDisconnectReason, description?: unknown): void;
}

/** What is to be done about a packet on a transport that wants to take over. */
export type ProbeAnswer = "pong" | "upgrade" | "refuse";

/**
 * The server's side of one Engine.IO session: its state, its heartbeat, and the upgrade of its transport.
 *
 * Source: Engine.IO protocol, revision 4, "Heartbeat" and "Upgrade".
 */
export class EngineSession {
  readonly #host: EngineSessionHost;
  #state: EngineReadyState = "open";
  #awaitsPong = false;
  #extended = false;
  #upgrade: "possible" | "probing" | "answered" | "done" = "possible";

  constructor(host: EngineSessionHost) {
    this.#host = host;
  }

  /** The state. */
  get state(): EngineReadyState {
    return this.#state;
  }

  /** Whether a probe is under way. */
  get upgrading(): boolean {
    return this.#upgrade === "probing" || this.#upgrade === "answered";
  }

  /** Whether a probe was answered, and the other transport waits for the client to let go of this one. */
  get probed(): boolean {
    return this.#upgrade === "answered";
  }

  /** Whether the transport was upgraded. */
  get upgraded(): boolean {
    return this.#upgrade === "done";
  }

  /** The session begins. */
  start(): void {
    this.#host.startPingInterval();
  }

  /** A message came over the transport in use: as `receive`, without a packet to be made. */
  receiveMessage(data: string | Uint8Array): void {
    if (this.#state !== "open") return;
    if (this.#awaitsPong) this.#extend();
    this.#host.onMessage(data);
  }

  /** A packet came over the transport in use. */
  receive(packet: EnginePacket): void {
    // What is still queued would wait for a client that has taken its leave.
    if (this.#state === "closing" && packet.type === "close") return this.close("transport close");
    if (this.#state !== "open") return;
    if (this.#awaitsPong && packet.type !== "pong") this.#extend();
    switch (packet.type) {
      case "message":
        return this.#host.onMessage(packet.data ?? "");
      case "pong":
        this.#awaitsPong = false;
        this.#host.startPingInterval();
        return this.#host.onHeartbeat();
      case "close":
        return this.close("transport close");
      case "noop":
        return;
      case "ping":
        return this.close("transport error", fault("a ping from the client"));
      default:
        return this.close("parse error", fault("a packet that only a server sends"));
    }
  }

  /** It is time for a ping. */
  pingDue(): void {
    if (this.#state === "closed") return;
    this.#awaitsPong = true;
    this.#extended = false;
    this.#host.sendPing();
    this.#host.startPingTimeout();
  }

  /** The other side did not answer in time. */
  pongOverdue(): void {
    this.close("ping timeout");
  }

  /** Another transport asks for this session: whether it may. */
  beginUpgrade(): boolean {
    if (this.#state !== "open" || this.#upgrade !== "possible") return false;
    this.#upgrade = "probing";
    return true;
  }

  /** A packet came over the transport that wants to take over. */
  receiveProbe(packet: EnginePacket): ProbeAnswer {
    if (this.upgrading && packet.type === "ping" && packet.data === "probe") {
      this.#upgrade = "answered";
      return "pong";
    }
    if (this.#upgrade === "answered" && packet.type === "upgrade" && this.#state !== "closed") {
      this.#upgrade = "done";
      return "upgrade";
    }
    return "refuse";
  }

  /** The other transport gave up: another one may try. */
  abortUpgrade(): void {
    if (this.upgrading) this.#upgrade = "possible";
  }

  /** Nothing more is taken in; what is queued is still to be sent. */
  beginClose(): boolean {
    if (this.#state !== "open") return false;
    this.#state = "closing";
    return true;
  }

  /** The session is over. */
  close(reason: ServerDisconnectReason, description?: unknown): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#host.stopTimes();
    this.#host.onClose(reason, description);
  }

  /** Any packet shows that the other side is there: once after each ping, it may have the whole time again. */
  #extend(): void {
    if (this.#extended) return;
    this.#extended = true;
    this.#host.startPingTimeout();
  }
}

function fault(reason: string): SocketIoError {
  return new PacketFault(reason).toError();
}
