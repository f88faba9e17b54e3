// Floor 3: driver.
import { setImmediate } from "node:timers";
import { encodeUtf8 } from "../buffer/utf8.ts";
import { closedError } from "./_connection_parts.ts";
import { isWebSocketCloseCode } from "./close_code.ts";
import type { ReceivedClose, ReceivedMessage, WebSocketSendable } from "./connection_types.ts";
import type { WebSocketCloseInfo, WebSocketData } from "./types.ts";

/** What web streams need of a connection. */
export interface StreamedConnection {
  /** Waits for the next message, or the end. */
  receive(): Promise<ReceivedMessage | ReceivedClose>;
  /** Sends a message. */
  send(data: WebSocketSendable): Promise<void>;
  /** Closes the connection. */
  close(code?: number | { closeCode: number; reason: string }): Promise<WebSocketCloseInfo>;
}

/** The messages of a connection as web streams. */
export class MessageStreams {
  /** The messages that come. */
  readonly readable: ReadableStream<WebSocketData>;
  /** Takes the messages to be sent. */
  readonly writable: WritableStream<WebSocketSendable>;
  #sink!: WritableStreamDefaultController;

  /** Makes the streams; `abortCode` is what the connection is closed with when `writable` is aborted without a code. */
  constructor(connection: StreamedConnection, abortCode: number) {
    this.readable = new ReadableStream<WebSocketData>({
      async pull(controller) {
        const got = await connection.receive();
        if (got.data !== undefined) controller.enqueue(got.data);
        else if (got.wasClean) controller.close();
        else controller.error(got.error ?? closedError());
      },
      async cancel(reason) {
        await connection.close(streamEnd(reason) ?? 1000);
      },
    }, { highWaterMark: 0 });
    let aborting: Promise<unknown> | undefined;
    const abort = (reason: unknown): Promise<unknown> =>
      aborting ??= connection.close(streamEnd(reason) ?? abortCode);
    this.writable = new WritableStream<WebSocketSendable>({
      start: (controller) => {
        this.#sink = controller;
        // `abort` is not called before the message under way is sent, and a peer that is gone takes none.
        const { signal } = controller;
        signal.addEventListener(
          "abort",
          () => queueMicrotask(() => abort(signal.reason).catch(() => {})),
        );
      },
      write: (chunk) => connection.send(chunk),
      async close() {
        await connection.close();
      },
      async abort(reason) {
        await abort(reason);
      },
    });
  }

  /** The connection has ended: tells the writers. The readers hear of it as they read. */
  end({ wasClean, error }: WebSocketCloseInfo): void {
    // What is piped from `readable` ends as it does, and closes this by itself.
    if (wasClean) setImmediate(() => this.#sink.error(closedError()));
    else this.#sink.error(error ?? closedError());
  }
}

/** How a stream that is given up wants the connection to end: with a code that programs may use. */
function streamEnd(cause: unknown): { closeCode: number; reason: string } | undefined {
  if (!(cause instanceof Error) || !("closeCode" in cause)) return undefined;
  const { closeCode, reason = "" } = cause as { closeCode: unknown; reason?: unknown };
  if (typeof closeCode !== "number" || typeof reason !== "string") return undefined;
  if (closeCode !== 1000 && !(closeCode >= 3000 && isWebSocketCloseCode(closeCode))) {
    return undefined;
  }
  return { closeCode, reason: encodeUtf8(reason).length > 123 ? "" : reason };
}
