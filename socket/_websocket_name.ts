// Floor 3: driver.
import { NetError } from "../net/errors.ts";
import type { WaitOptions } from "../net/wait.ts";
import type { WebSocketConnection } from "../websocket/connection.ts";
import type { WebSocketCloseInfo } from "../websocket/types.ts";
import { closedByPeer, closedHere, SocketFailure } from "./_failure.ts";
import {
  type NamedSocket,
  type PeerInfo,
  peerInfo,
  type ReadRequest,
  type WriteRequest,
} from "./_named_socket.ts";
import { SocketBookEvent } from "./constants.ts";
import type { WebSocketCallback } from "./socket_book_options.ts";

/** A WebSocket with a name. Messages are its own: there is no transmission mode. */
export class WebSocketName implements NamedSocket {
  readonly #ws: WebSocketConnection;
  readonly #callback: WebSocketCallback | undefined;
  #closing: Promise<void> | undefined;

  constructor(ws: WebSocketConnection, callback: WebSocketCallback | undefined) {
    this.#ws = ws;
    this.#callback = callback;
  }

  /**
   * Has the callback called from now on, first for the opening. What it throws ends the connection, and is told to `failed`.
   */
  listen(failed: (error: unknown) => void): void {
    const callback = this.#callback;
    if (callback === undefined) return;
    const ws = this.#ws;
    const call = async (event: SocketBookEvent, message: string | Uint8Array): Promise<void> => {
      try {
        await callback(event, message);
      } catch (error) {
        failed(error);
        // As the connection does with a listener of its own; a second time it does nothing.
        ws.close(1011).catch(() => {});
      }
    };
    ws.on("error", (error) => void call(SocketBookEvent.ERROR, error.message));
    ws.on("close", ({ reason }) => void call(SocketBookEvent.CLOSING, reason));
    void call(SocketBookEvent.OPENING, "");
    ws.on("message", (data) => void call(SocketBookEvent.MESSAGE, data));
  }

  async read({ timeout, signal }: ReadRequest): Promise<Uint8Array | string | undefined> {
    if (this.#callback !== undefined) {
      throw new SocketFailure("WRONG_KIND", "its messages go to the callback");
    }
    if (this.#closing !== undefined) throw closedHere();
    try {
      const received = await this.#ws.receive({ timeout, signal });
      if (received.data !== undefined) return received.data;
      throw this.#closing === undefined ? endOf(received) : closedHere();
    } catch (error) {
      if (error instanceof NetError && error.code === "ETIMEDOUT") return undefined;
      throw error;
    }
  }

  async write(bytes: Uint8Array, request: WriteRequest, text?: string): Promise<void> {
    if (request.port !== undefined || request.address !== undefined) {
      throw new SocketFailure("WRONG_KIND", "a destination is for UDP sockets");
    }
    if (this.#closing !== undefined) throw closedHere();
    if (this.#ws.state !== "open") throw endOf(await this.#ws.closed);
    await this.#ws.send(text ?? bytes, request);
  }

  peer(): PeerInfo {
    return peerInfo(this.#ws.remoteAddr);
  }

  close(options: WaitOptions): Promise<void> {
    return this.#closing ??= this.#close(options);
  }

  async #close(options: WaitOptions): Promise<void> {
    try {
      await this.#ws.close(1000, "", options);
    } catch {
      // The peer does not answer in time.
      this.#ws.terminate();
      await this.#ws.closed;
    }
  }
}

/** The close codes for what breaks the protocol, is not UTF-8, or is too long. */
const BAD: ReadonlySet<number> = new Set([1002, 1007, 1009]);

/** How the connection ended, as whoever reads or writes is told. */
function endOf({ wasClean, code, reason, error }: WebSocketCloseInfo): SocketFailure {
  if (wasClean) return closedByPeer();
  const why = reason || (error?.message ?? `code ${code}`);
  const bad = error !== undefined && BAD.has(error.closeCode ?? 0);
  const kind = bad ? "BAD_MESSAGE" : "CONNECTION_LOST";
  return new SocketFailure(kind, `the connection was lost: ${why}`, error);
}
