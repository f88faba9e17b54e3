// Floor 3: driver.
import { setImmediate } from "node:timers";
import { connectWebSocket, type ConnectWebSocketOptions } from "../websocket/client.ts";
import type { WebSocketConnection } from "../websocket/connection.ts";
import type { WebSocketCloseInfo, WebSocketData } from "../websocket/types.ts";

/** What Socket.IO's own bounds stand for: `maxBufferedBytes`, `timeout`, and the server's heartbeat. */
const LEFT_TO_THE_CLIENT: ConnectWebSocketOptions = {
  maxSendQueueBytes: Infinity,
  connectTimeout: 0,
  handshakeTimeout: 0,
  messageTimeout: 0,
  keepAliveInterval: 0,
  slowReader: "close",
};
/** From how many bytes on that wait to be told the server is held back. */
const MAX_UNTOLD = 65_536;
/** Headers that the handshake has of its own. Deno's WebSocket and `fetch` leave a program's out, where the handshake would refuse them. */
const OF_THE_HANDSHAKE =
  /^(?:host|connection|upgrade|content-length|transfer-encoding|sec-websocket-.*)$/;

/**
 * As much of the browsers' `WebSocket` as the client uses, over a connection of this package. Each message is told in a turn of its own, so that
 * who awaits one can listen for the next one; the first of those that come together is told at once.
 */
export class DirectWebSocket {
  binaryType = "arraybuffer";
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: WebSocketData }) => void) | null = null;
  onerror: ((event: { error: unknown; message: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  readonly #abort = new AbortController();
  #connection: WebSocketConnection | undefined;
  #state: 0 | 1 | 2 | 3 = 0;
  /** A message was told a moment ago: the next one waits. */
  #told = false;
  #untold: WebSocketData[] = [];
  #next = 0;
  #untoldBytes = 0;
  #end: WebSocketCloseInfo | undefined;

  constructor(url: string, options: ConnectWebSocketOptions) {
    const headers = [...new Headers(options.headers)]
      .filter(([name]) => !OF_THE_HANDSHAKE.test(name));
    const { signal } = this.#abort;
    this.#open(url, { ...options, headers, ...LEFT_TO_THE_CLIENT, signal });
  }

  get readyState(): number {
    return this.#state === 1 && this.#connection!.state !== "open" ? 2 : this.#state;
  }

  /** What is sent and not handed to the system yet. */
  get bufferedAmount(): number {
    return this.#connection?.bufferedAmount ?? 0;
  }

  /** Messages for a connection that has ended go nowhere, as in browsers. */
  send(data: string | Uint8Array): void {
    // `close` tells of what kept it from being sent.
    this.#connection!.send(data).catch(() => {});
  }

  close(): void {
    if (this.#state > 1) return;
    this.#state = 2;
    this.#forget();
    if (this.#connection === undefined) this.#abort.abort();
    else this.#connection.close().catch(() => {});
  }

  async #open(url: string, options: ConnectWebSocketOptions): Promise<void> {
    let ws: WebSocketConnection;
    try {
      ws = await connectWebSocket(url, options);
    } catch (error) {
      // Who has just called `close` can still wait for the end.
      setImmediate(() => this.#finish({ code: 1006, reason: "" }, error));
      return;
    }
    this.#connection = ws;
    ws.on("close", (info) => {
      this.#end = info;
      if (!this.#told) this.#nextTurn();
    });
    if (this.#state === 2) return ws.terminate();
    this.#state = 1;
    ws.on("message", (data) => this.#onMessage(ws, data));
    this.#tell(() => this.onopen?.());
  }

  #onMessage(ws: WebSocketConnection, data: WebSocketData): void {
    // As in browsers, who has called `close` is told no more; a server may send on without end meanwhile.
    if (this.#state !== 1) return;
    if (!this.#told) return this.#tell(() => this.onmessage?.({ data }));
    this.#untold.push(data);
    this.#untoldBytes += weigh(data);
    // Behind a close frame there is nothing to hold back.
    if (this.#untoldBytes >= MAX_UNTOLD && ws.state === "open") ws.pause();
  }

  #tell(event: () => void): void {
    this.#told = true;
    setImmediate(() => this.#nextTurn());
    event();
  }

  #nextTurn(): void {
    this.#told = false;
    if (this.#next < this.#untold.length) {
      const data = this.#untold[this.#next++];
      this.#untoldBytes -= weigh(data);
      if (this.#next === this.#untold.length) this.#forget();
      return this.#tell(() => this.onmessage?.({ data }));
    }
    if (this.#end !== undefined) this.#finish(this.#end, this.#end.error);
    else this.#connection!.resume();
  }

  #forget(): void {
    this.#untold = [];
    this.#next = this.#untoldBytes = 0;
  }

  #finish({ code, reason }: { code: number; reason: string }, error: unknown): void {
    this.#state = 3;
    if (error !== undefined) this.onerror?.({ error, message: (error as Error).message });
    this.onclose?.({ code, reason });
  }
}

/** What a message counts for while it waits: an empty one takes room, too. */
function weigh(data: WebSocketData): number {
  return data.length + 1;
}
