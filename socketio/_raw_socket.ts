// Floor 3: driver.
import { TransportReader, type TransportSink } from "../net/reader.ts";
import type { Transport } from "../net/transport.ts";
import { TransportWriter, type TransportWriterOptions } from "../net/writer.ts";
import type { PerMessageDeflateOptions } from "../websocket/permessage_deflate.ts";
import { WebSocketProtocol } from "../websocket/protocol.ts";
import type { WebSocketProtocolSink } from "../websocket/protocol_types.ts";
import type { Departures } from "./_departures.ts";
import type { EngineWebSocket, EngineWebSocketHost, SharedMessage } from "./_exchange.ts";
import { SharedRun } from "./_shared_run.ts";
import { SERVER_TOOLS } from "./_websocket_tools.ts";
import { SocketIoError } from "./errors.ts";

/** From how many bytes on a client counts as slow. */
const HIGH_WATER_MARK = 65_536;
/** More than any limit of an engine, and still a small integer. */
const MAX_QUEUED = 2 ** 30;
/** Buffers of idle clients are small; they grow with what comes. */
const READING = { minSlab: 128 };

/** What all sockets of an engine share. */
export interface RawSocketOptions {
  /** The largest message, in bytes. */
  readonly maxMessageSize: number;
  /** Those that are closing. */
  readonly departures: Departures;
  /** Whether, and how, messages are compressed: not by this class. */
  readonly deflate: PerMessageDeflateOptions | undefined;
}

const NO_RUN = new SharedRun();
/** Sockets with frames that wait for the end of the turn, to go out together. */
let waiting: RawSocket[] = [];

function flushWaiting(): void {
  const sockets = waiting;
  waiting = [];
  NO_RUN.forget();
  for (const socket of sockets) socket.flush();
}

/**
 * A WebSocket under a connection: the package's own protocol on a raw connection. Lean, for servers with many idle
 * clients, and quick with what is sent to many: the frames of one turn are joined once for all who get the same.
 */
export class RawSocket
  implements EngineWebSocket, TransportSink, TransportWriterOptions, WebSocketProtocolSink {
  readonly highWaterMark = HIGH_WATER_MARK;
  /** The engine has limits of its own. */
  readonly limit = MAX_QUEUED;
  readonly #transport: Transport;
  readonly #departures: Departures;
  readonly #reader: TransportReader;
  readonly #writer: TransportWriter;
  readonly #protocol: WebSocketProtocol;
  #host: EngineWebSocketHost | undefined;
  #rest: Uint8Array | undefined;
  #run: SharedRun | undefined;
  #ending = false;
  #finished = false;
  #error: Error | undefined;

  constructor(transport: Transport, rest: Uint8Array, options: RawSocketOptions) {
    this.#transport = transport;
    this.#departures = options.departures;
    this.#rest = rest.length > 0 ? rest : undefined;
    this.#writer = new TransportWriter(transport, this);
    this.#reader = new TransportReader(transport, this, READING);
    this.#protocol = new WebSocketProtocol("server", this, this.#writer, SERVER_TOOLS, {
      maxMessageSize: options.maxMessageSize,
    });
  }

  get queued(): number {
    return this.#writer.queued;
  }

  get full(): boolean {
    return this.#writer.full;
  }

  start(host: EngineWebSocketHost): void {
    this.#host = host;
    if (this.#finished) return host.onSocketClose(this.#error);
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) this.data(rest);
    if (!this.#finished) this.#reader.start();
  }

  /** Writes the answer to the handshake in front of everything. It is Latin-1. */
  greet(text: string): void {
    const at = this.#writer.reserve(text.length);
    const { buffer } = this.#writer;
    for (let i = 0; i < text.length; i++) buffer[at + i] = text.charCodeAt(i);
    this.#writer.commit(text.length);
  }

  send(data: string | Uint8Array): void {
    if (!this.#protocol.open) return;
    if (this.#run !== undefined) this.flush();
    this.#protocol.send(data);
  }

  sendShared(message: SharedMessage): void {
    if (!this.#protocol.open) return;
    const run = this.#run;
    if (run === undefined && waiting.push(this) === 1) queueMicrotask(flushWaiting);
    this.#run = (run ?? NO_RUN).with(message.frame);
  }

  /** Writes the frames that wait for the end of the turn. */
  flush(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    if (this.#protocol.open && !this.#writer.stopped) this.#writer.writeShared(run.bytes);
  }

  close(code?: number, reason?: string): void {
    if (this.#finished || this.#ending) return;
    if (this.#run !== undefined) this.flush();
    this.#protocol.close(code, reason);
    this.#departures.add(this);
  }

  terminate(): void {
    this.#protocol.end();
    this.#finish();
  }

  // What the reader tells.

  data(chunk: Uint8Array): void {
    // All that is sent while these bytes are worked off leaves in one write.
    const writer = this.#writer;
    writer.cork();
    this.#protocol.receive(chunk);
    writer.uncork();
  }

  end(): void {
    if (!this.#protocol.end() && !this.#ending) {
      this.#lose("the other side left without closing it");
    }
    if (!this.#ending || this.#writer.idle) this.#finish();
  }

  error(cause: unknown): void {
    if (this.#finished) return;
    if (!this.#protocol.done) this.#lose("the connection failed", cause);
    this.#finish();
  }

  // What the writer tells.

  ondrain(): void {
    this.#protocol.drained();
    this.#host?.onSocketDrain();
  }

  onerror(cause: unknown): void {
    this.error(cause);
  }

  // What the protocol tells.

  message(data: string | Uint8Array): void {
    this.#host!.onSocketMessage(data);
  }

  piece(): void {}

  ping(): void {}

  pong(): void {}

  closing(): void {
    this.#shutDown();
  }

  fail(error: Error): void {
    this.#error = error;
    this.#shutDown();
    this.#host?.onSocketClose(error);
    this.#host = undefined;
  }

  /** The closing handshake is over, or will never be: what is queued is written, and then the connection ends. */
  #shutDown(): void {
    if (this.#ending || this.#finished) return;
    this.#ending = true;
    this.#run = undefined;
    this.#departures.add(this);
    // After a fault, what still comes is read and thrown away: closing at once would destroy the close frame.
    const wait = !this.#protocol.wasClean;
    this.#writer.end().then(() => wait || this.#finish(), () => this.#finish());
  }

  #lose(why: string, cause?: unknown): void {
    this.#error ??= new SocketIoError("ERR_TRANSPORT", `The WebSocket was lost: ${why}`, { cause });
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#departures.delete(this);
    this.#reader.stop();
    this.#writer.stop();
    this.#transport.close();
    this.#protocol.end();
    this.#protocol.dispose();
    const host = this.#host;
    this.#host = undefined;
    host?.onSocketClose(this.#error);
  }
}
