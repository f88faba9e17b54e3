// Floor 3: driver.
import type { Limits } from "../net/limits.ts";
import type { Transport } from "../net/transport.ts";
import { WebSocketConnection } from "../websocket/connection.ts";
import type {
  PerMessageDeflateOptions,
  PerMessageDeflateParameters,
} from "../websocket/permessage_deflate.ts";
import type { Departures } from "./_departures.ts";
import type { EngineWebSocket, EngineWebSocketHost, SharedMessage } from "./_exchange.ts";

/** More than any limit of an engine. */
const MAX_QUEUED = 2 ** 30;

/** What a compressed WebSocket is made with. */
export interface DeflatedSocketInit {
  readonly maxMessageSize: number;
  readonly departures: Departures;
  /** What both ends agreed on. */
  readonly deflate: PerMessageDeflateParameters;
  readonly perMessageDeflate: PerMessageDeflateOptions;
  readonly limits?: Limits;
  readonly messageTimeout?: number;
  /** Bytes that came behind the handshake. */
  readonly rest: Uint8Array;
}

/** A WebSocket under a connection that compresses: a whole connection of the websocket module. */
export class DeflatedSocket implements EngineWebSocket {
  readonly #connection: WebSocketConnection;
  readonly #departures: Departures;

  constructor(transport: Transport, init: DeflatedSocketInit) {
    const { departures, ...rest } = init;
    this.#departures = departures;
    this.#connection = new WebSocketConnection(transport, {
      ...rest,
      role: "server",
      maxInboxBytes: MAX_QUEUED,
      maxSendQueueBytes: MAX_QUEUED,
      // The heartbeat is the engine's.
      keepAliveInterval: 0,
    });
  }

  get queued(): number {
    return this.#connection.bufferedAmount;
  }

  get full(): boolean {
    return this.#connection.bufferedAmount >= 65_536;
  }

  start(host: EngineWebSocketHost): void {
    this.#connection.on("drain", () => host.onSocketDrain());
    this.#connection.on("close", ({ error }) => {
      this.#departures.delete(this);
      host.onSocketClose(error);
    });
    this.#connection.on("message", (data) => host.onSocketMessage(data));
  }

  send(data: string | Uint8Array, compress: boolean): void {
    // Without the option it is compressed from the threshold on.
    this.#connection.send(data, compress ? undefined : { compress: false });
  }

  sendText(head: string, body: string, compress: boolean): void {
    this.send(head + body, compress);
  }

  sendShared(message: SharedMessage, compress: boolean): void {
    this.send(message.payload, compress);
  }

  close(code?: number, reason?: string): void {
    this.#departures.add(this);
    this.#connection.close(code, reason).finally(() => this.#departures.delete(this));
  }

  terminate(): void {
    this.#connection.terminate();
  }
}
