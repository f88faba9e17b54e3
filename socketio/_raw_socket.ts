// Floor 3: driver.
import { encodeUtf8Into } from "../buffer/utf8.ts";
import type { Budget } from "../net/budget.ts";
import { BudgetShare, type BudgetShareOwner } from "../net/budget_share.ts";
import { NetError } from "../net/errors.ts";
import type { Limits } from "../net/limits.ts";
import { TransportReader, type TransportSink } from "../net/reader.ts";
import type { Transport } from "../net/transport.ts";
import { TurnSlices } from "../net/turn_slices.ts";
import { TransportWriter, type TransportWriterOptions } from "../net/writer.ts";
import { frameHeaderSize, MAX_FRAME_HEADER_SIZE, writeFrameHeader } from "../websocket/frame.ts";
import type { PerMessageDeflateOptions } from "../websocket/permessage_deflate.ts";
import { WebSocketProtocol } from "../websocket/protocol.ts";
import type { WebSocketProtocolSink } from "../websocket/protocol_types.ts";
import { ConnectionLoss } from "./_connection_loss.ts";
import type { Departures } from "./_departures.ts";
import type { EngineWebSocket, EngineWebSocketHost, SharedMessage } from "./_exchange.ts";
import type { Delay } from "./_scheduler.ts";
import { SharedRun } from "./_shared_run.ts";
import { SERVER_TOOLS } from "./_websocket_tools.ts";
import { SocketIoError } from "./errors.ts";

/** From how many bytes on a client counts as slow. */
const HIGH_WATER_MARK = 65_536;
/** More than any limit of an engine, and still a small integer. */
const MAX_QUEUED = 2 ** 30;
/** Texts up to this many characters are encoded straight into the outgoing buffer. */
const DIRECT_TEXT = 8_192;
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
  /** Where what they hold is counted. @default {nowhere} */
  readonly limits?: Limits;
  /** How long a message may take, in ms. @default {no limit} */
  readonly messageTimeout?: number;
  /** Those whose message is not complete. */
  readonly messageDelay?: Delay<RawSocket>;
}

const NO_RUN = new SharedRun();
/** Sockets with frames that wait for the end of the turn, to go out together. */
let waiting: RawSocket[] = [];
/** Those who are being served, and how many of them were. */
let serving: RawSocket[] = [];
let served = 0;
const slices = new TurnSlices(serve);

/** Writes what waits for the next `count` sockets. Returns whether there are more. */
function serve(count: number): boolean {
  NO_RUN.forget();
  if (served === serving.length) {
    serving = waiting;
    waiting = [];
    served = 0;
  }
  const { length } = serving;
  for (const end = Math.min(length, served + count); served < end; served++) {
    const socket = serving[served];
    if (socket.idle) slices.probe = socket;
    socket.flush(length);
  }
  if (served < length) return true;
  serving = [];
  served = 0;
  return waiting.length > 0;
}

/**
 * A WebSocket under a connection: the package's own protocol on a raw connection. Lean, for servers with many idle
 * clients, and quick with what is sent to many: the frames of one turn are joined once for all who get the same.
 */
export class RawSocket
  implements
    EngineWebSocket,
    TransportSink,
    TransportWriterOptions,
    WebSocketProtocolSink,
    BudgetShareOwner {
  readonly highWaterMark = HIGH_WATER_MARK;
  /** The engine has limits of its own. */
  readonly limit = MAX_QUEUED;
  readonly #transport: Transport;
  readonly #options: RawSocketOptions;
  readonly #reader: TransportReader;
  readonly #writer: TransportWriter;
  readonly #protocol: WebSocketProtocol;
  #host: EngineWebSocketHost | undefined;
  #rest: Uint8Array | undefined;
  #run: SharedRun | undefined;
  /** What it holds of a message that is not complete, of which number, and whether that has to wait for room. */
  #share: BudgetShare | undefined;
  #message = -1;
  /** How many parts of such messages came, and how many when somebody last asked. */
  #parts = 0;
  #partsTold = 0;
  /** How many bytes had been written when somebody last asked, and whether many more waited then. */
  #writtenTold = 0;
  #waitedTold = false;
  #starved = false;
  /** How long the limits have held that message back, in ms, since when they do, and whether it had its time twice for that. */
  #held = 0;
  #heldSince = 0;
  #late = false;
  #ending = false;
  #finished = false;
  /** Whether the other side has ended its direction. */
  #peerEnded = false;
  #error: Error | undefined;

  constructor(transport: Transport, rest: Uint8Array, options: RawSocketOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#rest = rest.length > 0 ? rest : undefined;
    this.#writer = new TransportWriter(transport, this);
    this.#reader = new TransportReader(transport, this, READING);
    this.#protocol = new WebSocketProtocol("server", this, this.#writer, SERVER_TOOLS, {
      maxMessageSize: options.maxMessageSize,
    });
  }

  /** What counts the writer's bytes. */
  get budget(): Budget | undefined {
    return this.#options.limits?.queuedBytes;
  }

  get queued(): number {
    // What was broadcast in this turn is not written yet.
    return this.#writer.queued + (this.#run?.size ?? 0);
  }

  /** Whether nothing is being written. */
  get idle(): boolean {
    return this.#writer.idle;
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
    if (!this.#mayWrite()) return;
    try {
      this.#protocol.send(data);
    } catch (error) {
      this.#failedToWrite(error);
    }
  }

  sendText(head: string, body: string): void {
    if (head.length + body.length > DIRECT_TEXT) return this.send(head + body);
    if (!this.#mayWrite()) return;
    try {
      this.#writeText(head, body);
    } catch (error) {
      this.#failedToWrite(error);
    }
  }

  sendShared(message: SharedMessage): void {
    if (!this.#protocol.open) return;
    const run = this.#run;
    if (run === undefined) {
      waiting.push(this);
      slices.start();
    }
    this.#run = (run ?? NO_RUN).with(message.frame);
  }

  /** Writes the frames that wait for the end of the turn: of about so many sockets with the same. */
  flush(sharers = 1): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    if (!this.#protocol.open || this.#writer.stopped) return;
    const { bytes } = run;
    this.#writer.writeUnchanged(bytes, Math.ceil(bytes.length / sharers));
  }

  close(code?: number, reason?: string): void {
    if (this.#finished || this.#ending) return;
    if (this.#run !== undefined) this.flush();
    if (this.#writer.stopped) return this.#finish();
    this.#protocol.close(code, reason);
    this.#options.departures.add(this);
  }

  terminate(): void {
    this.#protocol.end();
    this.#finish();
  }

  // What the reader tells.

  data(chunk: Uint8Array): void {
    // What is sent meanwhile leaves in one write, and only when all connections that have something are served: to read
    // them all and then to write to them all keeps each of the two paths in the processor's caches.
    const protocol = this.#protocol;
    protocol.receive(chunk);
    if (this.#message >= 0 || protocol.midMessage) this.#account();
    // Texts were copied as they were decoded: what they came in can be read into again.
    if (protocol.exposed) {
      protocol.exposed = false;
      this.#reader.keep();
    } else if (protocol.needed(chunk) === 0) this.#reader.rewind(chunk, 0);
  }

  /** Has the limits count the message that is not complete, if there is one, and watches how long it takes. */
  #account(): void {
    const { limits, messageDelay } = this.#options;
    const protocol = this.#protocol;
    this.#parts++;
    const message = protocol.midMessage && !this.#finished ? protocol.messagesReceived : -1;
    if (message !== this.#message) {
      this.#message = message;
      this.#held = 0;
      this.#late = false;
      if (message < 0) messageDelay?.stop(this);
      else messageDelay?.start(this);
    }
    const bytes = protocol.assembledBytes;
    if (limits === undefined || (bytes === 0 && this.#share === undefined)) return;
    const share = this.#share ??= new BudgetShare(limits.receivedBytes, this);
    const answer = share.set(bytes);
    if (answer === "drop" && protocol.dropMessage()) share.set(0);
    else if (answer === "wait" && !this.#ending) {
      this.#starved = true;
      this.#heldSince = performance.now();
      this.#reader.pause();
    }
  }

  get receiving(): boolean {
    return this.#protocol.midMessage && !this.#finished;
  }

  advanced(): boolean {
    const told = this.#partsTold;
    this.#partsTold = this.#parts;
    const { bytesWritten, needDrain } = this.#writer;
    // What the system holds of a long queue has still to leave when the queue is short. What it takes at once tells nothing, and a
    // little is on its way to it at any time where thousands are sent something all the time.
    const taken = bytesWritten !== this.#writtenTold && (needDrain || this.#waitedTold);
    this.#writtenTold = bytesWritten;
    this.#waitedTold = needDrain;
    if (this.#finished) return false;
    return taken || (this.#message >= 0 && (this.#starved || this.#parts !== told));
  }

  /** A message takes too long. One that the limits have held back has as long once more: that time is not its sender's. */
  overdue(): void {
    const { messageDelay, messageTimeout = 0 } = this.#options;
    const held = this.#held + (this.#starved ? performance.now() - this.#heldSince : 0);
    if (held > 0 && !this.#late) {
      this.#late = true;
      messageDelay?.start(this);
    } else if (held >= messageTimeout && held > 0) {
      const reason = "there was no room for the rest of a message in time";
      this.#protocol.fail("OVERLOADED", 1013, reason);
    } else this.#protocol.fail("MESSAGE_TIMEOUT", 1008, "a message was not complete in time");
  }

  /** For the limits: of all connections this one holds the most. */
  onOverBudget(): void {
    // Whoever needs the room must not run into what this connection's own listeners do.
    queueMicrotask(() =>
      this.#protocol.fail("OVERLOADED", 1013, "all connections hold as much as the limits allow")
    );
  }

  /** For the limits: there is room again. */
  onRoom(): void {
    queueMicrotask(() => this.#feed());
  }

  #feed(): void {
    if (!this.#starved || this.#finished) return;
    this.#starved = false;
    this.#held += performance.now() - this.#heldSince;
    this.#reader.resume();
  }

  end(): void {
    this.#peerEnded = true;
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
    if (cause instanceof NetError && cause.code === "ERR_BUFFER_LIMIT" && !this.#finished) {
      const message = "Cannot send: the client is too slow, and what waits for all is at the limit";
      this.#error ??= new SocketIoError("ERR_LIMIT", message, { cause });
      return this.#finish();
    }
    this.error(cause);
  }

  // What the protocol tells.

  message(data: string | Uint8Array): void {
    // Whoever gets it counts it, if it is kept.
    if (this.#share !== undefined) this.#share.set(0);
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

  /** Whether a message can be sent now: behind the shared ones. */
  #mayWrite(): boolean {
    if (!this.#protocol.open || this.#writer.stopped) return false;
    if (this.#run !== undefined) this.flush();
    return true;
  }

  #failedToWrite(error: unknown): void {
    // The limits may have had no room for it: then it is closed in a moment.
    if (!this.#writer.stopped) throw error;
  }

  /** Writes a text message straight into the outgoing buffer: RFC 6455 §5.2, final, unmasked. */
  #writeText(head: string, body: string): void {
    const writer = this.#writer;
    const units = head.length + body.length;
    const at = writer.reserve(MAX_FRAME_HEADER_SIZE + units * 3);
    const { buffer } = writer;
    // Most text is ASCII: the header is written last, and the payload is moved if it needed another size.
    const guess = at + frameHeaderSize(units, false);
    const middle = guess + encodeUtf8Into(head, buffer, guess);
    const end = middle + encodeUtf8Into(body, buffer, middle);
    const length = end - guess;
    const payload = at + frameHeaderSize(length, false);
    if (payload !== guess) buffer.copyWithin(payload, guess, end);
    writeFrameHeader(buffer, at, 0x81, 0, length);
    writer.commit(payload + length - at);
  }

  /** The closing handshake is over, or will never be: what is queued is written, and then the connection ends. */
  #shutDown(): void {
    if (this.#ending || this.#finished) return;
    this.#ending = true;
    this.#run = undefined;
    this.#options.departures.add(this);
    this.#account();
    this.#feed();
    // After a fault, what still comes is read and thrown away: closing at once would destroy the close frame.
    const clean = this.#protocol.wasClean;
    this.#writer.end().then(() => {
      if (clean || this.#peerEnded) this.#finish();
    }, () => this.#finish());
  }

  #lose(why: string, cause?: unknown): void {
    this.#error ??= new ConnectionLoss(why, cause);
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#options.departures.delete(this);
    if (this.#message >= 0) this.#options.messageDelay?.stop(this);
    this.#share?.close();
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
