// Floor 3: driver.
import type { EngineWebSocket, EngineWebSocketHost, SharedMessage } from "./_exchange.ts";
import { decodeEnginePacket, encodeEnginePacket, type EnginePacket } from "./engine_packet.ts";
import { PacketFault } from "./errors.ts";

/** Who is told what comes over a WebSocket. */
export interface SocketTransportHost {
  /** The content of a message packet came. */
  onTransportMessage(transport: WebSocketTransport, data: string | Uint8Array): void;
  /** Any other packet came. */
  onTransportPacket(transport: WebSocketTransport, packet: EnginePacket): void;
  /** What came is no packet. */
  onTransportFault(transport: WebSocketTransport, error: Error): void;
  /** The queue has room again. */
  onTransportDrain(transport: WebSocketTransport): void;
  /** The socket is closed. */
  onTransportClose(transport: WebSocketTransport, error: Error | undefined): void;
}

const MESSAGE = 0x34; // "4"

/** Engine.IO packets over a WebSocket: text frames, and binary frames for the bytes of a message. */
export class WebSocketTransport implements EngineWebSocketHost {
  readonly name = "websocket";
  readonly #socket: EngineWebSocket;
  #host: SocketTransportHost;
  readonly #onclose: (() => void) | undefined;

  /** `onclose` is called once the socket is closed, whoever the host is then. */
  constructor(socket: EngineWebSocket, host: SocketTransportHost, onclose?: () => void) {
    this.#socket = socket;
    this.#host = host;
    this.#onclose = onclose;
  }

  /** Whether the socket takes more without having it wait for long. */
  get writable(): boolean {
    return !this.#socket.full;
  }

  /** How many bytes wait. */
  get queued(): number {
    return this.#socket.queued;
  }

  /** Whether a message is coming, or a queue leaving, and more of it than when this was asked last. */
  advanced(): boolean {
    return this.#socket.advanced?.() === true;
  }

  /** Whether a part of a message has come, and its end has not. */
  get receiving(): boolean {
    return this.#socket.receiving === true;
  }

  /** Packets are handed on from now on. */
  start(): void {
    this.#socket.start(this);
  }

  /** The host wants to be told when there is room again. */
  watchDrain(): void {
    this.#socket.watchDrain?.();
  }

  /** Somebody else is told from now on. */
  handOver(host: SocketTransportHost): void {
    this.#host = host;
  }

  /** Sends the content of a message packet. */
  sendMessage(data: string | Uint8Array, compress: boolean): void {
    this.#socket.send(typeof data === "string" ? "4" + data : data, compress);
  }

  /** Sends the content of a message packet in two parts, as `sendMessage(head + body)` would. */
  sendText(head: string, body: string, compress: boolean): void {
    this.#socket.sendText("4" + head, body, compress);
  }

  /** Sends a message packet that others are sent too. */
  sendShared(message: SharedMessage, compress: boolean): void {
    this.#socket.sendShared(message, compress);
  }

  /** Sends any packet. */
  send(packet: EnginePacket): void {
    this.#socket.send(encodeEnginePacket(packet), false);
  }

  /** Sends what is queued, and closes. */
  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason);
  }

  /** Closes at once. */
  terminate(): void {
    this.#socket.terminate();
  }

  onSocketMessage(data: string | Uint8Array): void {
    if (typeof data !== "string") return this.#host.onTransportMessage(this, data);
    if (data.charCodeAt(0) === MESSAGE) {
      return this.#host.onTransportMessage(this, data.slice(1));
    }
    const packet = decodeEnginePacket(data);
    if (packet instanceof PacketFault) this.#host.onTransportFault(this, packet.toError());
    else if (packet.type === "message") this.#host.onTransportMessage(this, packet.data ?? "");
    else this.#host.onTransportPacket(this, packet);
  }

  onSocketDrain(): void {
    this.#host.onTransportDrain(this);
  }

  onSocketClose(error: Error | undefined): void {
    this.#host.onTransportClose(this, error);
    this.#onclose?.();
  }
}
