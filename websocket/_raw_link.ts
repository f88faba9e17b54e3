// Floor 3: driver.
import type { Budget, BudgetAnswer } from "../net/budget.ts";
import { BudgetShare, type BudgetShareOwner } from "../net/budget_share.ts";
import { NetError } from "../net/errors.ts";
import type { Limits } from "../net/limits.ts";
import { TransportReader, type TransportSink } from "../net/reader.ts";
import type { Transport, TransportAddr } from "../net/transport.ts";
import type { WaitOptions } from "../net/wait.ts";
import { TransportWriter, type TransportWriterOptions } from "../net/writer.ts";
import { type DeadlineQueue, DEADLINES, type Expiring } from "./_deadlines.ts";
import {
  type Link,
  type LinkEvents,
  type SendOutcome,
  slowReaderError,
} from "./_connection_parts.ts";
import { closeQuietly } from "./_head_exchange.ts";
import { RUN_GROWTH } from "./_text_run.ts";
import { PLATFORM_TOOLS } from "./_tools.ts";
import type { ResolvedConnectionOptions } from "./connection_options.ts";
import { WebSocketError, type WebSocketProtocolError } from "./errors.ts";
import { WebSocketProtocol } from "./protocol.ts";
import type { WebSocketCompression, WebSocketProtocolSink } from "./protocol_types.ts";
import type {
  WebSocketCloseInfo,
  WebSocketData,
  WebSocketMessageOpcode,
  WebSocketRole,
} from "./types.ts";

/** How long a peer that was told of a fault may go on sending, in ms: closing at once would destroy what it was told. */
const LINGER = 1000;
/** What may be queued on a link, whatever the limits say, in bytes. */
const OVERDRAFT = 16_384;
/** Deadlines are rounded up to this part of their length, so that many connections share one wake-up. */
const ROUNDING = 32;
/** How much of the keep-alive interval is between two looks: two of them, rounded up, are no longer than the interval. */
const LOOK = 15 / 32;
/** From how many bytes on what waits to leave is a queue, by which a peer that takes it shows that it is there. */
const QUEUE = 32_768;

/** Whoever broadcasts over a link keeps its frames back for a moment; what else is sent must go behind them. */
export interface BroadcastSource {
  /** Whether frames wait. */
  readonly pending: boolean;
  /** Sends those that wait for this link. */
  catchUp(): void;
}

/** What a {@linkcode RawLink} is made from. */
export interface RawLinkInit {
  /** Which end this is. */
  role: WebSocketRole;
  /** The subprotocol, or the empty string. */
  protocol: string;
  /** The extensions, or the empty string. */
  extensions: string;
  /** Compression, if it was agreed on. */
  compression: WebSocketCompression | undefined;
  /** Limits and deadlines; one object serves many links. */
  options: ResolvedConnectionOptions;
  /** The reader that the handshake began with, paused. */
  reader?: TransportReader;
  /** Bytes that came behind the handshake. */
  rest?: Uint8Array;
  /** Where what it holds is counted. */
  limits?: Limits;
  /** Where its deadlines are. @default {the queue of all} */
  deadlines?: DeadlineQueue;
}

/**
 * Our own protocol over a transport: reads, writes, keeps alive, and ends what takes too long.
 *
 * It is its reader's sink, its writer's options, its protocol's sink and its own entry in the queue of deadlines, so
 * that an idle connection is five objects and no closures.
 */
export class RawLink
  implements
    Link,
    TransportSink,
    TransportWriterOptions,
    WebSocketProtocolSink,
    Expiring,
    BudgetShareOwner {
  /** The subprotocol, or the empty string. */
  readonly protocol: string;
  /** The extensions, or the empty string. */
  readonly extensions: string;
  /** When its next deadline is. */
  deadline = 0;
  /** Where in the queue of deadlines it is. */
  deadlineIndex = -1;
  /** Who broadcasts over this link, if somebody does. */
  source: BroadcastSource | undefined;
  /** Whether messages are waiting behind one that is sent in parts. */
  reserved = false;
  /** Messages dropped because the queue was at its limit. */
  dropped = 0;

  readonly #transport: Transport;
  readonly #reader: TransportReader;
  readonly #writer: TransportWriter;
  readonly #core: WebSocketProtocol;
  readonly #options: ResolvedConnectionOptions;
  readonly #deadlines: DeadlineQueue;
  readonly #client: boolean;
  readonly #limits: Limits | undefined;
  /** What it holds of messages that came and were not taken, and of those that are being inflated. */
  #received: BudgetShare | undefined;
  #inflated: BudgetShare | undefined;
  /** Nothing is read because the limits have no room. */
  #starved = false;
  #events: LinkEvents | undefined;
  #rest: Uint8Array | undefined;
  #paused = false;
  #ending = false;
  #ended = false;
  #finished = false;
  #writeFailed = false;
  /** When what came before writing failed has had its time. */
  #giveUpAt = 0;
  /** Whether reading was held back since the last look. */
  #heldLately = false;
  #error: WebSocketError | undefined;
  /** Deadlines, in ms; 0 for none. */
  #closeAt = 0;
  #messageAt = 0;
  /** What a message that is not complete has left, in ms: of the peer's time, and of that in which the limits hold it back. */
  #messageLeft = 0;
  #roomLeft = 0;
  #keepAliveAt = 0;
  #messagesSeen = -1;
  #readSeen = -1;
  #writtenSeen = 0;
  /** When the peer that was pinged is given up, in ms; 0 when it is not waited for. */
  #lostAt = 0;

  /** Makes a link; nothing is read before {@linkcode start}. */
  constructor(transport: Transport, init: RawLinkInit) {
    const { options, reader } = init;
    this.#transport = transport;
    this.#options = options;
    this.#client = init.role === "client";
    this.protocol = init.protocol;
    this.extensions = init.extensions;
    this.#deadlines = init.deadlines ?? DEADLINES;
    this.#rest = init.rest;
    this.#limits = init.limits;
    this.#writer = new TransportWriter(transport, this);
    this.#core = new WebSocketProtocol(init.role, this, this.#writer, PLATFORM_TOOLS, {
      maxMessageSize: options.maxMessageSize,
      maxFragments: options.maxFragments,
      maxChunks: options.maxChunks,
      compression: init.compression,
    });
    reader?.redirect(this);
    this.#reader = reader ?? new TransportReader(transport, this);
  }

  /** The writer's high-water mark. */
  get highWaterMark(): number {
    return this.#options.highWaterMark;
  }

  /** The writer's own limit: this link has its own policy. */
  get limit(): number {
    return Infinity;
  }

  /** What counts the writer's bytes. */
  get budget(): Budget | undefined {
    return this.#limits?.queuedBytes;
  }

  /** The peer can be held back. */
  get canPause(): boolean {
    return true;
  }

  /** The address of this end. */
  get localAddr(): TransportAddr {
    return this.#transport.localAddr;
  }

  /** The address of the other end. */
  get remoteAddr(): TransportAddr {
    return this.#transport.remoteAddr;
  }

  /** Whether messages can be sent. */
  get open(): boolean {
    return this.#core.open && !this.#writeFailed && !this.#writer.stopped;
  }

  /** Bytes that wait to be sent. */
  get queued(): number {
    // Texts that are encoded later may have more bytes than they were queued with.
    this.#writer.settle();
    return this.#writer.queued;
  }

  /** Bytes that the transport has taken. */
  get written(): number {
    return this.#writer.bytesWritten;
  }

  /** Whether nothing waits to be sent. */
  get idle(): boolean {
    return this.#writer.idle;
  }

  /** Whether {@linkcode queued} is at the high-water mark. */
  get full(): boolean {
    if (this.#writer.queued + RUN_GROWTH >= this.highWaterMark) this.#writer.settle();
    return this.#writer.full;
  }

  /** Whether a message that begins now is handed on in pieces. */
  get streaming(): boolean {
    return this.#core.streaming;
  }
  set streaming(value: boolean) {
    this.#core.streaming = value;
  }

  /** The protocol, for who broadcasts. */
  get core(): WebSocketProtocol {
    return this.#core;
  }

  /** The writer, for who broadcasts and for the handshake. */
  get writer(): TransportWriter {
    return this.#writer;
  }

  /** Begins to receive, with what came behind the handshake. */
  start(events: LinkEvents): void {
    this.#events = events;
    const { keepAliveInterval } = this.#options;
    if (keepAliveInterval > 0) {
      this.#keepAliveAt = this.#later(keepAliveInterval * LOOK);
      this.#schedule(this.#keepAliveAt);
    }
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined && rest.length > 0) this.data(rest);
    this.#read();
  }

  #read(): void {
    if (this.#finished || this.#paused || this.#starved) return;
    if (this.#reader.paused) this.#reader.resume();
    else this.#reader.start();
  }

  // What the reader tells.

  /**
   * Bytes came. What is sent while they are worked off leaves in one write at the end of the turn: all connections that
   * have something are read, and then all are written to, which keeps each of the two paths in the processor's caches.
   */
  data(chunk: Uint8Array): void {
    const core = this.#core;
    core.receive(chunk);
    if (core.exposed) {
      core.exposed = false;
      this.#reader.keep();
    } else this.#rewind(chunk);
    if (core.midMessage) {
      this.#watchMessage();
      if (core.missing > 0) this.#expect(core.missing);
      if (this.#limits !== undefined) this.#account(this.#limits);
    } else {
      this.#forgetMessage();
      if (
        this.#limits !== undefined &&
        (this.#received !== undefined || this.#inflated !== undefined || this.#paused ||
          this.#events!.kept > 0)
      ) this.#account(this.#limits);
    }
  }

  /** Texts are copied as they are decoded: what they came in can be read into again, but for an unfinished one. */
  #rewind(chunk: Uint8Array): void {
    const core = this.#core;
    const needed = core.needed(chunk);
    if (needed < 0) return;
    if (needed === 0) this.#reader.rewind(chunk, 0);
    else if (!this.#reader.fits(core.missing)) {
      const there = this.#reader.rewind(chunk, needed);
      if (there !== undefined) core.moved(there);
    }
  }

  /** The rest of a large message is read behind its beginning, or else to where the message is put together. */
  #expect(missing: number): void {
    const room = this.#reader.fits(missing) ? undefined : this.#core.room();
    if (room === undefined) this.#reader.expect(missing);
    else this.#reader.lend(room);
  }

  /** Has the limits count what this link holds, and does what they say. */
  #account(limits: Limits): void {
    if (this.#finished) return;
    const core = this.#core;
    const assembled = core.assembledBytes;
    const inflated = core.inflating ? assembled : 0;
    if (inflated > 0 || this.#inflated !== undefined) {
      const share = this.#inflated ??= new BudgetShare(limits.inflatingBytes, this);
      this.#obey(share.set(inflated), share);
    }
    const held = this.#paused ? core.heldBytes : 0;
    const received = assembled - inflated + held + (this.#events?.kept ?? 0);
    if (received > 0 || this.#received !== undefined) {
      const share = this.#received ??= new BudgetShare(limits.receivedBytes, this);
      this.#obey(share.set(received), share);
    }
    this.#yield();
  }

  /** Others need not wait for a link that holds its peer back, or has whole messages only: it needs nothing to go on. */
  #yield(): void {
    if (!this.#paused && (this.#starved || this.#core.midMessage)) return;
    this.#received?.yield();
    this.#inflated?.yield();
  }

  #obey(answer: BudgetAnswer, share: BudgetShare): void {
    if (answer === "go") return;
    if (answer === "drop" && this.#core.dropMessage()) {
      this.dropped++;
      share.set(share === this.#inflated ? 0 : this.#events!.kept);
    } else if (answer === "wait" && !this.#paused && !this.#starved) {
      this.#stopMessageClock();
      this.#starved = true;
      this.#reader.pause();
      this.#watchMessage();
    }
  }

  /** For the limits: this link holds the most. */
  onOverBudget(): void {
    // Whoever needs the room must not run into what this link's own listeners do.
    queueMicrotask(() =>
      this.failWith(
        new WebSocketError(
          "The WebSocket was closed: all connections together hold as much as the limits allow, and this one the most",
          { code: "OVERLOADED", closeCode: 1013 },
        ),
      )
    );
  }

  /** For the limits: there is room again. */
  onRoom(): void {
    queueMicrotask(() => {
      if (this.#starved) this.#unstarve();
      this.#yield();
    });
  }

  /** Whether a message that nobody waits for is dropped, because the limits have no room. It is counted. */
  dropsUnwanted(): boolean {
    const received = this.#limits?.receivedBytes;
    if (received === undefined || !received.refuses || received.policy !== "drop") return false;
    this.dropped++;
    return true;
  }

  /** The messages that had come were taken. */
  taken(): void {
    const share = this.#received;
    if (share === undefined || this.#limits === undefined) return;
    this.#account(this.#limits);
    // Who holds nothing does not wait in the budget's line any more: nobody would wake it.
    if (this.#starved && share.held === 0) this.#unstarve();
  }

  #unstarve(): void {
    this.#stopMessageClock();
    this.#starved = false;
    this.#watchMessage();
    this.#read();
  }

  /** The transport ended. */
  end(): void {
    this.#ended = true;
    if (!this.#core.end() && !this.#ending) {
      this.#error ??= new WebSocketError(
        "The WebSocket was lost: the peer left without closing it",
        {
          code: "CONNECTION_LOST",
          closeCode: 1006,
        },
      );
    }
    // What was still to be written, a close frame perhaps, is written if it can be.
    if (!this.#ending || this.#writer.idle) this.#finish();
  }

  /** Reading failed, or who was told of a message threw. */
  error(cause: unknown): void {
    if (this.#finished) return;
    if (!this.#core.done) this.#lost(cause);
    this.#finish();
  }

  // What the writer tells.

  /** The queue has drained. */
  ondrain(): void {
    this.#core.drained();
    this.#events?.drain();
  }

  /** Writing failed: the peer is gone, or at least deaf. What it said before may still be read. */
  onerror(cause: unknown): void {
    if (this.#finished) return;
    if (cause instanceof NetError && cause.code === "ERR_BUFFER_LIMIT") {
      this.#error = new WebSocketError(
        "The WebSocket was closed: all connections together have as much to send as the limits allow, and this one the most",
        { code: "SLOW_READER", closeCode: 1008, cause },
      );
      this.#events?.error(this.#error);
      this.terminate();
      return;
    }
    const { closeTimeout } = this.#options;
    this.#writeFailed = true;
    this.#giveUpAt = Math.ceil(this.#deadlines.now() + closeTimeout);
    this.#heldLately = this.#paused;
    this.#core.loseOutput();
    if (this.#ending) {
      if (!this.#core.done) this.#lost(cause);
      this.#finish();
    } else {
      this.#error ??= lostError(cause);
      this.#closeWithin(Math.min(LINGER, closeTimeout));
    }
  }

  /**
   * Whether what came before writing failed gets more time: until all is over while this end itself holds it back; and while the
   * program has paused it, that time stands still.
   */
  #staysForLast(now: number): boolean {
    if (!this.#writeFailed) return false;
    const stopped = this.#paused && this.#events!.paused;
    if (stopped) this.#giveUpAt += LINGER;
    else if (!(this.#paused || this.#heldLately) || now >= this.#giveUpAt) return false;
    this.#heldLately = stopped;
    this.#closeWithin(stopped ? LINGER : Math.min(LINGER, this.#giveUpAt - now));
    return true;
  }

  // What the protocol tells.

  /** A message came. Its bytes stand in what the reader or zlib made, which is never shared. */
  message(data: WebSocketData, opcode: WebSocketMessageOpcode): void {
    this.#events!.message(data, opcode);
  }

  /** A part of a message came. */
  piece(bytes: Uint8Array, opcode: WebSocketMessageOpcode, last: boolean): void {
    this.#events!.piece(bytes, opcode, last);
  }

  /** The peer's close frame came, and is answered. */
  closing(): void {
    this.#error = undefined;
    this.#shutDown(this.#options.closeTimeout);
  }

  /** The peer broke a rule, and has been told. */
  fail(error: WebSocketProtocolError): void {
    this.#error = error;
    this.#events?.error(error);
    this.#shutDown(Math.min(LINGER, this.#options.closeTimeout));
  }

  /** A ping came, and is answered. */
  ping(payload: Uint8Array): void {
    this.#events!.ping(payload);
  }

  /** A pong came. */
  pong(payload: Uint8Array): void {
    this.#events!.pong(payload);
  }

  // What the connection wants.

  /** Sends a message, or does with it what the policy says when the queue is at its limit. */
  send(data: string | Uint8Array, compress: boolean | undefined): SendOutcome {
    this.#checkOpen();
    const { maxSendQueueBytes } = this.#options;
    if (this.#writer.queued + RUN_GROWTH >= maxSendQueueBytes && this.queued >= maxSendQueueBytes) {
      return this.overLimit(true);
    }
    if (this.#writer.needDrain && this.#overdrawn) {
      return this.#refuse(this.#limits!.queuedBytes.policy === "wait");
    }
    this.catchUp();
    try {
      this.#core.send(data, compress);
    } catch (error) {
      this.#checkOpen();
      throw error;
    }
    return "sent";
  }

  /** Sends what broadcasts left for this link. */
  catchUp(): void {
    const { source } = this;
    if (source !== undefined && source.pending) source.catchUp();
  }

  /** Sends a fragment. The queue's limit is for the connection to see to: it waits between fragments. */
  sendFragment(
    bytes: Uint8Array,
    opcode: WebSocketMessageOpcode,
    fin: boolean,
    compress: boolean | undefined,
  ): void {
    this.#checkOpen();
    try {
      this.#core.sendFragment(bytes, opcode, fin, compress);
    } catch (error) {
      this.#checkOpen();
      throw error;
    }
  }

  /** Sends frames that several links share. Nobody waits here: at the queue's limit, `"wait"` is `"close"`. */
  sendEncoded(
    frames: Uint8Array,
    compressed: boolean,
    cost: number = frames.length,
    count: number = 1,
  ): SendOutcome {
    const writer = this.#writer;
    if (this.queued >= this.#options.maxSendQueueBytes) return this.overLimit(false, count);
    if (writer.needDrain && this.#overdrawn) return this.#refuse(false, count);
    if (compressed) this.#core.forgetWindow();
    writer.writeUnchanged(frames, cost);
    return "sent";
  }

  /** Whether frames of somebody else may go out now. */
  get takesEncoded(): boolean {
    return this.open && !this.reserved && !this.#core.sendingFragments;
  }

  /** Sends a ping. */
  sendPing(payload: Uint8Array): void {
    this.#checkOpen();
    this.#core.ping(payload);
  }

  /** Sends a pong. */
  sendPong(payload: Uint8Array): void {
    this.#checkOpen();
    this.#core.pong(payload);
  }

  /** Begins the closing handshake. */
  close(code: number | undefined, reason: string, after?: Promise<void>): void {
    if (after !== undefined) {
      this.#core.checkClose(code, reason);
      if (this.#closeAt === 0) this.#closeWithin(this.#options.closeTimeout);
      after.then(() => this.close(code, reason));
      return;
    }
    this.catchUp();
    this.#forgetStopped();
    this.#core.close(code, reason);
    if (this.#finished || this.#ending) return;
    this.resume();
    if (this.#closeAt === 0) this.#closeWithin(this.#options.closeTimeout);
  }

  /** All codes can be sent. */
  codeFor(code: number): number {
    return code;
  }

  /** Ends everything at once. */
  terminate(): void {
    this.#core.end();
    this.#finish();
  }

  /** Ends the connection with a close code for a reason of this end's own. */
  failWith(error: WebSocketError): void {
    if (this.#finished || this.#core.done) return;
    this.catchUp();
    this.#forgetStopped();
    this.#error = error;
    // It is over before anybody is told: a listener of this error may throw, too.
    this.#core.abandon(error.closeCode ?? 1011);
    this.#events?.error(error);
    this.#shutDown(Math.min(LINGER, this.#options.closeTimeout));
  }

  /** Stops reading. */
  pause(): void {
    if (this.#ending || this.#finished || this.#paused) return;
    // The time in which this end holds the peer back is not the peer's.
    this.#stopMessageClock();
    this.#paused = true;
    this.#core.pause();
    this.#reader.pause();
    this.#heldLately = true;
    this.#yield();
  }

  /** Goes on reading, with what was held first. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = this.#starved = false;
    this.#writer.cork();
    this.#core.resume();
    this.#writer.uncork();
    // A pause stopped its time, or it began in what was held.
    this.#watchMessage();
    if (this.#limits !== undefined && this.#received !== undefined) this.#account(this.#limits);
    this.#read();
  }

  /** Holds back what is sent. */
  cork(): void {
    this.#writer.cork();
  }

  /** Sends what was held back. */
  uncork(): void {
    this.#writer.uncork();
  }

  /** Waits until there is room to send. */
  async drained(options?: WaitOptions): Promise<void> {
    try {
      await this.#writer.drained(options);
    } catch (cause) {
      if (!this.#finished && !this.#writeFailed && !this.#writer.stopped) throw cause;
      throw new WebSocketError("Cannot send: the connection ended", {
        code: "CLOSED",
        closeCode: this.#core.closeCode,
        cause,
      });
    }
  }

  // Its own affairs.

  #checkOpen(): void {
    if (this.#writeFailed || (this.#writer.stopped && this.#core.open)) {
      throw new WebSocketError("Cannot send: the connection was lost", {
        code: "CLOSED",
        closeCode: 1006,
      });
    }
  }

  /** The limits have stopped the writer, and the end is about to be told: what is sent meanwhile goes nowhere. */
  #forgetStopped(): void {
    if (this.#writer.stopped) this.#core.loseOutput();
  }

  /** Does with messages that the queue has no room for what the policy says. */
  overLimit(mayWait: boolean, count: number = 1): SendOutcome {
    const { slowReader, maxSendQueueBytes } = this.#options;
    if (slowReader === "wait" && mayWait) return "refused";
    this.dropped += count;
    if (slowReader !== "drop") {
      this.#error = slowReaderError(maxSendQueueBytes);
      this.#events?.error(this.#error);
      // A close frame would have to queue behind everything that is not being read.
      this.terminate();
    }
    return "dropped";
  }

  /** Whether the limits refuse who has something queued. A handshake, or a few small messages, are nobody's fault. */
  get #overdrawn(): boolean {
    return this.#limits !== undefined && this.#limits.queuedBytes.refuses &&
      this.#writer.queued >= OVERDRAFT;
  }

  /** The limits have no room for what is sent before the queue has drained. */
  #refuse(mayWait: boolean, count = 1): SendOutcome {
    if (mayWait) return "refused";
    this.dropped += count;
    return "dropped";
  }

  #lost(cause: unknown): void {
    this.#error ??= lostError(cause);
    this.#events?.error(this.#error);
  }

  /** Both close frames went, or the peer was told of a fault: writes what is left, and ends. */
  #shutDown(within: number): void {
    if (this.#ending || this.#finished) return;
    this.#ending = true;
    if (this.#limits !== undefined) this.#account(this.#limits);
    this.#closeWithin(within);
    // A fault's remains are read and thrown away, or closing would destroy the close frame under way. A client waits
    // for the server to end the transport (RFC 6455 §7.1.1).
    if (this.#paused || this.#starved) {
      this.#paused = this.#starved = false;
      this.#read();
    }
    const waits = this.#client || !this.#core.wasClean;
    this.#writer.end().then(() => {
      if (!waits || this.#ended) this.#finish();
    }, () => this.#finish());
  }

  #closeWithin(delay: number): void {
    // Whole numbers: a fraction would cost every connection an object for the field.
    this.#closeAt = Math.ceil(this.#deadlines.now() + delay);
    this.#schedule(this.#closeAt);
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#deadlines.delete(this);
    this.#reader.stop();
    this.#writer.stop();
    // Whoever made the transport may have closed it: Deno's then throw.
    closeQuietly(this.#transport);
    const core = this.#core;
    core.end();
    core.dispose();
    this.#received?.close();
    this.#inflated?.close();
    const { wasClean, closeCode, closeReason } = core;
    const info: WebSocketCloseInfo = {
      wasClean,
      code: closeCode,
      reason: closeReason,
      closeCode,
    };
    if (!wasClean && this.#error !== undefined) info.error = this.#error;
    this.#events?.closed(info);
  }

  // Deadlines.

  /**
   * A message that is under way has its time from its first byte on, less what this end did not read in. While the limits hold it
   * back it has as long once more: what it holds must come free in the end.
   */
  #watchMessage(): void {
    const { messageTimeout } = this.#options;
    const { messagesReceived, midMessage } = this.#core;
    if (messageTimeout === 0 || this.#paused || !midMessage) return;
    if (messagesReceived !== this.#messagesSeen) {
      this.#messagesSeen = messagesReceived;
      this.#messageLeft = this.#roomLeft = Math.ceil(messageTimeout);
    } else if (this.#messageAt > 0) return;
    const left = this.#starved ? this.#roomLeft : this.#messageLeft;
    // Rounded here and at the stop alike: many short stretches add up to what they are.
    this.#messageAt = Math.ceil(this.#deadlines.now()) + left;
    this.#schedule(rounded(this.#messageAt, messageTimeout));
  }

  /** Before reading stops or goes on. */
  #stopMessageClock(): void {
    const left = this.#messageAt - Math.ceil(this.#deadlines.now());
    // What is over already ends at the wake-up, whatever comes between.
    if (left <= 0) return;
    if (this.#starved) this.#roomLeft = left;
    else this.#messageLeft = left;
    this.#messageAt = 0;
  }

  /** The next message has its whole time. */
  #forgetMessage(): void {
    this.#messageAt = 0;
    this.#messagesSeen = -1;
  }

  #later(delay: number): number {
    return rounded(this.#deadlines.now() + delay, delay);
  }

  #schedule(at: number): void {
    if (this.#finished) return;
    if (this.deadlineIndex < 0 || at < this.deadline) this.#deadlines.set(this, at);
  }

  /** One of the deadlines has come. */
  onDeadline(now: number): void {
    if (this.#closeAt > 0 && now >= this.#closeAt) {
      if (!this.#staysForLast(now)) this.#closeTimedOut();
      return;
    }
    if (this.#messageAt > 0 && now >= this.#messageAt) {
      this.#forgetMessage();
      // Nor is that of a reader that takes the message as it comes.
      if (!this.#core.receivingStream && this.#core.midMessage) this.#messageTimedOut();
    }
    if (this.#keepAliveAt > 0 && now >= this.#keepAliveAt) this.#keepAlive(now);
    if (this.#finished) return;
    const next = Math.min(
      this.#closeAt || Infinity,
      rounded(this.#messageAt, this.#options.messageTimeout) || Infinity,
      this.#keepAliveAt || Infinity,
    );
    if (next < Infinity) this.#schedule(next);
  }

  #messageTimedOut(): void {
    if (!this.#starved) {
      this.#core.fail("MESSAGE_TIMEOUT", 1008, "a message was not complete in time");
      return;
    }
    this.failWith(
      new WebSocketError(
        "The WebSocket was closed: all connections together hold as much as the limits allow, and the rest of a message waited too long for room",
        { code: "OVERLOADED", closeCode: 1013 },
      ),
    );
  }

  #closeTimedOut(): void {
    if (!this.#core.done && this.#error === undefined) {
      this.#error = new WebSocketError(
        "The WebSocket was closed: the peer did not answer in time",
        {
          code: "CLOSE_TIMEOUT",
          closeCode: 1006,
        },
      );
      this.#events?.error(this.#error);
    } else if (this.#writeFailed && this.#error !== undefined) this.#events?.error(this.#error);
    this.#finish();
  }

  /** Something came since the last look: all is well. If nothing came, a ping; if nothing comes after that, the end. */
  #keepAlive(now: number): void {
    const { keepAliveInterval, keepAliveTimeout } = this.#options;
    const { bytesRead } = this.#reader;
    const { bytesWritten, idle, queued } = this.#writer;
    // A peer that takes in what is queued for it is alive, even if it says nothing. What the system takes at once tells nothing, and a little
    // is on its way to it at any time where thousands are sent something all the time.
    const waits = !idle && queued >= Math.min(QUEUE, this.highWaterMark);
    const alive = bytesRead !== this.#readSeen || (waits && bytesWritten !== this.#writtenSeen);
    this.#readSeen = bytesRead;
    this.#writtenSeen = bytesWritten;
    if (this.#paused || this.#starved || this.#ending || alive) this.#lostAt = 0;
    else if (this.#lostAt === 0) {
      if (keepAliveTimeout > 0) this.#lostAt = this.#later(keepAliveTimeout);
      if (this.open) this.#core.ping();
    } else if (now >= this.#lostAt) {
      this.#error = new WebSocketError(
        `The WebSocket was lost: nothing came from the peer for ${keepAliveTimeout} ms after a ping`,
        { code: "KEEPALIVE_TIMEOUT", closeCode: 1006 },
      );
      this.#events?.error(this.#error);
      return this.terminate();
    }
    // Looks go on while an answer is waited for: it begins the next interval.
    const next = this.#later(keepAliveInterval * LOOK);
    this.#keepAliveAt = Math.min(next, this.#lostAt || Infinity);
  }
}

/** A time, rounded up to a part of the delay that it ends: see {@linkcode ROUNDING}. */
function rounded(at: number, delay: number): number {
  const step = Math.max(1, Math.floor(delay / ROUNDING));
  return Math.ceil(at / step) * step;
}

function lostError(cause: unknown): WebSocketError {
  return new WebSocketError("The WebSocket was lost: the transport failed", {
    code: "CONNECTION_LOST",
    closeCode: 1006,
    cause,
  });
}
