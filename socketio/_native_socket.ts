// Floor 3: driver.
import type { EngineWebSocket, EngineWebSocketHost, SharedMessage } from "./_exchange.ts";
import { isLarger } from "./_message_size.ts";
import { SocketIoError } from "./errors.ts";

/** From how many bytes on a client counts as slow. */
const HIGH_WATER_MARK = 65_536;
/** The runtime tells nobody when its queue has drained: one has to look, every so many ms. */
const POLL = 20;

/**
 * A WebSocket of the platform under a connection. The platform checks less than the package's own does, holds messages
 * of up to 64 MiB before their size can be looked at, and can't be closed by force: see `SocketIoServer.handler()`.
 */
export class NativeEngineSocket implements EngineWebSocket {
  readonly #socket: WebSocket;
  readonly #maxMessageSize: number;
  #host: EngineWebSocketHost | undefined;
  /** What came before somebody was there to be told. */
  #early: (string | Uint8Array)[] = [];
  #closed = false;
  #error: Error | undefined;
  #watched = false;
  /** Runs while the client is slow, and somebody wants to know when it is not any more. */
  #polling: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: WebSocket, maxMessageSize: number) {
    this.#socket = socket;
    this.#maxMessageSize = maxMessageSize;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onerror = (event) => {
      const text = (event as ErrorEvent).message ?? "unknown";
      this.#error = new SocketIoError("ERR_TRANSPORT", `Cannot go on with a WebSocket: ${text}`);
    };
    socket.onclose = () => this.#end(this.#error);
  }

  /** Waits until a WebSocket is open. */
  static open(socket: WebSocket, maxMessageSize: number): Promise<NativeEngineSocket> {
    return new Promise((resolve, reject) => {
      const native = new NativeEngineSocket(socket, maxMessageSize);
      if (socket.readyState === WebSocket.OPEN) return resolve(native);
      socket.onopen = () => resolve(native);
      socket.addEventListener("close", () => reject(native.#error), { once: true });
    });
  }

  get queued(): number {
    return this.#socket.bufferedAmount;
  }

  get full(): boolean {
    return this.#socket.bufferedAmount >= HIGH_WATER_MARK;
  }

  start(host: EngineWebSocketHost): void {
    this.#host = host;
    const early = this.#early;
    this.#early = [];
    for (const data of early) host.onSocketMessage(data);
    if (this.#closed) host.onSocketClose(this.#error);
  }

  watchDrain(): void {
    this.#watched = true;
    if (this.full) this.#poll();
  }

  send(data: string | Uint8Array): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(data as string | Uint8Array<ArrayBuffer>);
    if (this.#watched && this.full) this.#poll();
  }

  sendText(head: string, body: string): void {
    this.send(head + body);
  }

  sendShared(message: SharedMessage): void {
    this.send(message.payload);
  }

  close(code?: number, reason?: string): void {
    if (this.#socket.readyState <= WebSocket.OPEN) this.#socket.close(nativeCode(code), reason);
  }

  terminate(): void {
    this.close();
    this.#end(undefined);
  }

  #poll(): void {
    if (this.#closed) return;
    this.#polling ??= setTimeout(() => {
      this.#polling = undefined;
      // What the runtime says while it closes means nothing.
      if (this.#socket.readyState !== WebSocket.OPEN) return;
      if (this.queued > HIGH_WATER_MARK >> 1) this.#poll();
      else this.#host?.onSocketDrain();
    }, POLL);
  }

  #receive(data: string | ArrayBuffer): void {
    const message = typeof data === "string" ? data : new Uint8Array(data);
    if (isLarger(message, this.#maxMessageSize)) {
      this.#error = new SocketIoError("ERR_LIMIT", "Cannot accept a message: it is too large");
      this.#socket.close();
      return this.#end(this.#error);
    }
    if (this.#host === undefined) this.#early.push(message);
    else if (!this.#closed) this.#host.onSocketMessage(message);
  }

  #end(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#polling);
    this.#host?.onSocketClose(error);
  }
}

/** The codes that a program may give to the platform's `close()`. */
function nativeCode(code: number | undefined): number | undefined {
  return code === 1000 || (code !== undefined && code >= 3000 && code <= 4999) ? code : undefined;
}
