// Floor 3: driver.
import type { TransportAddr } from "../net/transport.ts";
import { deadlineSignal, type WaitOptions } from "../net/wait.ts";
import {
  type Link,
  type LinkEvents,
  type SendOutcome,
  slowReaderError,
} from "./_connection_parts.ts";
import { DEADLINES, type Expiring } from "./_deadlines.ts";
import { isWebSocketCloseCode } from "./close_code.ts";
import type { ResolvedConnectionOptions } from "./connection_options.ts";
import { WebSocketError } from "./errors.ts";
import type { WebSocketCloseInfo, WebSocketData } from "./types.ts";

/** The runtime tells nobody when its queue has drained: one has to look, every so many ms. */
const POLL = 5;

/** The addresses of a connection that `Deno.serve` accepted. */
export interface NativeAddresses {
  /** This end. */
  localAddr: TransportAddr;
  /** The other end. */
  remoteAddr: TransportAddr;
}

function unsupported(what: string): TypeError {
  return new TypeError(`Cannot ${what}: the runtime's own WebSocket under this connection can't`);
}

/** How long the socket may take to open, in ms. The runtime tells nothing of a client who has gone before. */
const OPEN_TIMEOUT = 10_000;

/**
 * How slowly a client may take a message, in bytes a millisecond. The runtime tells only of those that have left as a whole, so that in the
 * middle of a large one a slow client looks like one that takes nothing.
 */
const SLOWEST = 16;

/** How long a {@linkcode NativeLink} waits, in ms. */
export interface NativeTimes {
  /** For the socket to open. @default {10_000} */
  openTimeout?: number;
  /** For a client that takes nothing of what is queued, and sends nothing; 0 for ever. @default {0} */
  idleTimeout?: number;
}

/** The runtime's WebSocket, as far as it goes. */
export class NativeLink implements Link, Expiring {
  readonly canPause = false;
  readonly protocol: string;
  readonly localAddr: TransportAddr;
  readonly remoteAddr: TransportAddr;
  streaming = false;
  reserved = false;
  dropped = 0;
  deadline = 0;
  deadlineIndex = -1;

  taken(): void {}

  dropsUnwanted(): boolean {
    return false;
  }

  readonly #socket: WebSocket;
  readonly #options: ResolvedConnectionOptions;
  readonly #openTimeout: number;
  readonly #idleTimeout: number;
  #events: LinkEvents | undefined;
  /** What was sent before the socket was open. */
  #early: WebSocketData[] = [];
  #earlySize = 0;
  #closing = false;
  /** Whether the runtime was seen to close by itself. */
  #ending = false;
  #finished = false;
  #error: WebSocketError | undefined;
  #wasFull = false;
  #polling: ReturnType<typeof setTimeout> | undefined;
  readonly #waiting = new Set<(error?: Error) => void>();
  /** How many bytes the runtime was handed, as it counts them, and how many of them the client had when that was last looked at. */
  #handedOver = 0;
  #taken = 0;
  /** The most that one message took, since the queue was empty. */
  #largest = 0;
  /** Whether the client has sent something since. */
  #heard = false;

  /** Takes a socket that `Deno.upgradeWebSocket` made. */
  constructor(
    socket: WebSocket,
    protocol: string,
    options: ResolvedConnectionOptions,
    { localAddr, remoteAddr }: NativeAddresses,
    { openTimeout = OPEN_TIMEOUT, idleTimeout = 0 }: NativeTimes = {},
  ) {
    this.#openTimeout = openTimeout;
    this.#idleTimeout = idleTimeout;
    this.#socket = socket;
    this.protocol = protocol;
    this.#options = options;
    this.localAddr = localAddr;
    this.remoteAddr = remoteAddr;
    socket.binaryType = "arraybuffer";
  }

  get extensions(): string {
    return this.#socket.extensions;
  }

  get open(): boolean {
    return !this.#closing && !this.#finished && this.#socket.readyState <= 1;
  }

  get queued(): number {
    return this.#socket.bufferedAmount + this.#earlySize;
  }

  get written(): number {
    return 0; // the platform does not tell
  }

  get full(): boolean {
    return this.queued >= this.#options.highWaterMark;
  }

  start(events: LinkEvents): void {
    this.#events = events;
    const socket = this.#socket;
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#message(data);
    socket.onerror = (event) => {
      const { message } = event as ErrorEvent;
      this.#error ??= new WebSocketError(`The WebSocket was lost: ${message || "no reason told"}`, {
        code: "CONNECTION_LOST",
        closeCode: 1006,
      });
    };
    socket.onclose = ({ code, reason, wasClean }) => this.#closed(code, reason, wasClean);
    if (socket.readyState === 0) DEADLINES.set(this, DEADLINES.now() + this.#openTimeout);
  }

  #opened(): void {
    if (!this.#closing) DEADLINES.delete(this);
    const early = this.#early;
    this.#early = [];
    this.#earlySize = 0;
    for (const data of early) this.#handOver(data, this.queued);
    if (this.#closing) this.#closeNow?.();
  }
  #closeNow: (() => void) | undefined;

  #message(data: string | ArrayBuffer): void {
    if (this.#finished) return;
    this.#heard = true;
    const message = typeof data === "string" ? data : new Uint8Array(data);
    const { maxMessageSize } = this.#options;
    // A text has at most three bytes for each of its units: most need not be measured.
    if (
      message.length > maxMessageSize ||
      (typeof message === "string" && message.length * 3 > maxMessageSize &&
        new TextEncoder().encode(message).length > maxMessageSize)
    ) {
      this.failWith(
        new WebSocketError(
          `The WebSocket failed: a message is larger than ${maxMessageSize} bytes`,
          {
            code: "MESSAGE_TOO_BIG",
            closeCode: 1009,
          },
        ),
      );
    } else this.#events!.message(message, typeof message === "string" ? 1 : 2);
  }

  #closed(code: number, reason: string, wasClean: boolean): void {
    if (this.#finished) return;
    // It tells 0 where the RFC has 1006.
    const known = isWebSocketCloseCode(code) || code === 1005 ? code : 1006;
    this.#finish(known, reason, wasClean && known !== 1006);
  }

  #finish(code: number, reason: string, wasClean: boolean): void {
    if (this.#finished) return;
    this.#finished = true;
    DEADLINES.delete(this);
    clearTimeout(this.#polling);
    const socket = this.#socket;
    socket.onmessage = null;
    // Closed before it is open, it would leave its client connected to nobody.
    socket.onopen = socket.readyState === 0 ? () => socket.close() : null;
    const clean = wasClean && this.#error === undefined;
    const info: WebSocketCloseInfo = { wasClean: clean, code, reason, closeCode: code };
    if (!clean) {
      this.#error ??= new WebSocketError("The WebSocket was lost: it ended without a close frame", {
        code: "CONNECTION_LOST",
        closeCode: 1006,
      });
      info.error = this.#error;
    }
    // Nobody has looked at the queue since the last time: it may have drained before the end.
    const error = this.full || !clean ? closedError() : undefined;
    this.#wake(error);
    this.#events?.closed(info);
  }

  send(data: string | Uint8Array, compress: boolean | undefined): SendOutcome {
    if (compress === true) throw unsupported("compress");
    if (!this.open) throw closedError();
    const { queued } = this;
    if (queued >= this.#options.maxSendQueueBytes) return this.overLimit(true);
    if (this.#socket.readyState === 0) {
      this.#early.push(typeof data === "string" ? data : data.slice());
      this.#earlySize += data.length;
    } else this.#handOver(data, queued);
    if (this.full && !this.#wasFull) {
      this.#wasFull = true;
      this.#poll();
    }
    return "sent";
  }

  #handOver(data: string | Uint8Array, queued: number): void {
    this.#socket.send(data as Uint8Array<ArrayBuffer>);
    if (this.#idleTimeout === 0) return;
    const now = this.queued;
    const size = now - queued;
    this.#handedOver += size;
    this.#largest = queued === 0 ? size : Math.max(this.#largest, size);
    if (this.deadlineIndex < 0 && now > 0) this.#watch(now);
  }

  /** Looks again later: the runtime's own pings wait behind what is queued, so a client that takes nothing of it is never given up. */
  #watch(queued: number): void {
    this.#taken = this.#handedOver - queued;
    this.#heard = false;
    DEADLINES.set(this, DEADLINES.now() + this.#idleTimeout + this.#largest / SLOWEST);
  }

  /** Whether the client is still there: it has all, or took or sent something in the meantime. */
  #goesOn(): boolean {
    const { queued } = this;
    if (queued === 0) return true;
    if (this.#handedOver - queued <= this.#taken && !this.#heard) return false;
    this.#watch(queued);
    return true;
  }

  overLimit(mayWait: boolean): SendOutcome {
    const { maxSendQueueBytes, slowReader } = this.#options;
    if (slowReader === "wait" && mayWait) return "refused";
    this.dropped++;
    if (slowReader !== "drop") {
      this.#error = slowReaderError(maxSendQueueBytes);
      this.#events?.error(this.#error);
      this.terminate();
    }
    return "dropped";
  }

  sendFragment(): void {
    throw unsupported("send in parts");
  }

  sendPing(): void {
    throw unsupported("ping");
  }

  sendPong(): void {
    throw unsupported("send a pong");
  }

  close(code: number | undefined, reason: string, after?: Promise<void>): void {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
      throw new RangeError(
        `Cannot close with code ${code}: the runtime's own WebSocket under this connection takes 1000, or 3000 to 4999`,
      );
    }
    if (new TextEncoder().encode(reason).length > 123) {
      throw new TypeError("Cannot close: the reason has more than 123 bytes");
    }
    if (this.#finished || this.#closing) return;
    if (after !== undefined) {
      after.then(() => this.close(code, reason));
      return;
    }
    this.#startClosing(code, reason);
  }

  #startClosing(code: number | undefined, reason: string): void {
    this.#closing = true;
    DEADLINES.set(this, DEADLINES.now() + this.#options.closeTimeout);
    this.#closeNow = () => {
      if (code === undefined) this.#socket.close();
      else this.#socket.close(code, reason);
    };
    // A socket that is closed before it is open is never opened, and what was sent before would be lost.
    if (this.#socket.readyState !== 0) this.#closeNow();
  }

  /** The codes that the runtime lets through; others are moved to the range for private use. */
  codeFor(code: number): number {
    return code === 1000 || code >= 3000 ? code : code + 3000;
  }

  terminate(): void {
    if (this.#finished) return;
    if (this.#socket.readyState !== 0) this.#socket.close();
    this.#finish(1006, "", false);
  }

  failWith(error: WebSocketError): void {
    if (this.#finished || this.#error !== undefined) return;
    this.#error = error;
    this.#events?.error(error);
    if (!this.#closing) this.#startClosing(this.codeFor(error.closeCode ?? 1011), "");
  }

  catchUp(): void {}

  pause(): void {}

  resume(): void {}

  cork(): void {}

  uncork(): void {}

  /** The peer did not answer the close frame, has gone before the socket was open, or takes nothing. */
  onDeadline(): void {
    const { readyState } = this.#socket;
    const opened = readyState !== 0;
    if (!this.#closing && opened) {
      if (readyState > 1 && !this.#ending) {
        // No pong has come, or it answers a close frame: its own waits behind what is queued, and it counts nothing any more.
        this.#ending = true;
        DEADLINES.set(this, DEADLINES.now() + this.#options.closeTimeout);
        return;
      }
      if (!this.#ending && this.#goesOn()) return;
    }
    this.#error ??= this.#closing
      ? new WebSocketError("The WebSocket was closed: the peer did not answer in time", {
        code: "CLOSE_TIMEOUT",
        closeCode: 1006,
      })
      : new WebSocketError(
        opened
          ? "The WebSocket was lost: the peer has taken nothing of what is queued for too long"
          : "The WebSocket was lost: it did not open in time",
        { code: "CONNECTION_LOST", closeCode: 1006 },
      );
    this.#events?.error(this.#error);
    this.terminate();
  }

  drained(options: WaitOptions = {}): Promise<void> {
    if (this.#finished) return Promise.reject(closedError());
    if (!this.full) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const deadline = deadlineSignal("wait for the queue to drain", options);
      const end = (error?: Error) => {
        deadline.clear();
        if (error === undefined) resolve();
        else reject(error);
      };
      this.#waiting.add(end);
      deadline.onfire((error) => {
        this.#waiting.delete(end);
        end(error);
      });
      this.#poll();
    });
  }

  #wake(error?: Error): void {
    const all = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of all) wake(error);
  }

  #poll(): void {
    if (this.#polling !== undefined || this.#finished) return;
    this.#polling = setTimeout(() => {
      this.#polling = undefined;
      // What the runtime says while it closes means nothing; the end will tell.
      if (this.#closing) return;
      if (this.queued > this.#options.highWaterMark >> 1) return this.#poll();
      this.#wake();
      if (!this.#wasFull) return;
      this.#wasFull = false;
      this.#events?.drain();
    }, POLL);
  }
}

function closedError(): WebSocketError {
  return new WebSocketError("Cannot send: the connection is closing or closed", {
    code: "CLOSED",
    closeCode: 1006,
  });
}
