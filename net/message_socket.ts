// Floor 3: driver.
import type { Duplex } from "node:stream";
import { defineInspect } from "../buffer/define_inspect.ts";
import { Line } from "./_line.ts";
import { NetError } from "./errors.ts";
import type { Framer, FramingDecoder } from "./framer.ts";
import { NodeTransport } from "./node_transport.ts";
import { checkOptionNames } from "./option_names.ts";
import { toNetError } from "./os_error.ts";
import { TransportReader } from "./reader.ts";
import type { Socket } from "./socket.ts";
import type { Transport, TransportAddr } from "./transport.ts";
import {
  abortError,
  checkWaitOptions,
  type Deadline,
  deadlineSignal,
  waitFor,
  type WaitOptions,
} from "./wait.ts";
import { WriteHold } from "./write_hold.ts";
import { TransportWriter } from "./writer.ts";

/** Options of a {@linkcode MessageSocket}. */
export interface MessageSocketOptions {
  /**
   * From how many received bytes that nobody has read the transport is not read any more, so that the peer is pushed
   * back. What one more read brings, at most as much again, comes on top.
   * @default {64 KiB}
   */
  maxInboxBytes?: number;
  /**
   * From how many queued bytes `write` waits.
   *
   * @default {64 KiB}
   */
  highWaterMark?: number;
  /**
   * From how many queued bytes `write` fails, for callers that do not wait for it.
   *
   * @default {16 MiB}
   */
  maxSendQueueBytes?: number;
}

const OPTIONS: Record<keyof Required<MessageSocketOptions>, true> = {
  maxInboxBytes: true,
  highWaterMark: true,
  maxSendQueueBytes: true,
};

interface Waiter<T> {
  resolve(message: T | undefined): void;
  reject(error: unknown): void;
  deadline: Deadline;
}

const DONE = Promise.resolve();
const UNKNOWN: TransportAddr = { transport: "memory" };

/**
 * Messages over a transport or a {@linkcode Socket}: what a framer makes of its bytes, in both directions.
 *
 * Received messages may be views into larger memory, which they keep alive: `slice()` what is to live long. Bytes are
 * turned into messages only as they are read. Closing is the caller's part: also after an error, and after a loop.
 *
 * @example
 * ```ts
 * import { jsonLinesFramer, MessageSocket, pair } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const [here, there] = pair();
 * await using client = new MessageSocket(here, jsonLinesFramer());
 * await using server = new MessageSocket(there, jsonLinesFramer());
 * await client.write({ question: "6 * 9" });
 * assertEquals(await server.read({ timeout: 1000 }), { question: "6 * 9" });
 * await server.write({ answer: 42 });
 * await server.closeWrite();
 * assertEquals(await Array.fromAsync(client), [{ answer: 42 }]);
 * ```
 */
export class MessageSocket<T = Uint8Array> implements AsyncIterable<T, void>, AsyncDisposable {
  static {
    defineInspect(MessageSocket, (socket) => ({
      closed: socket.#closed,
      localAddr: socket.localAddr,
      remoteAddr: socket.remoteAddr,
      received: socket.received,
      queued: socket.queued,
    }));
  }

  readonly #transport: Transport;
  readonly #over: Transport | Socket;
  readonly #framer: Framer<T>;
  readonly #decoder: FramingDecoder<T>;
  readonly #reader: TransportReader;
  readonly #writer: TransportWriter;
  /** What a reader writes is held back until it has read all that came together. */
  readonly #hold: WriteHold;
  readonly #maxInboxBytes: number;
  readonly #maxSendQueueBytes: number;
  readonly #waiters: Line<Waiter<T>> = new Line();
  /** The input has ended, well or with `#readError`, which counts once all messages before it are read. */
  #ended = false;
  #readError: NetError | undefined;
  #writeError: NetError | undefined;
  #writeEnded = false;
  #closing: Promise<void> | undefined;
  #closed = false;

  /**
   * Takes over `transport`, and begins to read it. A `Socket` may still be connecting; its `allowHalfOpen` is set, so that
   * what the peer asked before it ended is answered.
   *
   * @throws {TypeError} for what is neither a transport nor a `Socket`, and an option that there is not
   * @throws {RangeError} when a limit is not a positive number, or `maxSendQueueBytes` is below `highWaterMark`
   */
  constructor(
    transport: Transport | Socket,
    framer: Framer<T>,
    options: MessageSocketOptions = {},
  ) {
    checkOptionNames("Cannot make message socket", options, OPTIONS);
    const { maxInboxBytes = 65_536, highWaterMark = 65_536, maxSendQueueBytes = 16_777_216 } =
      options;
    for (
      const [name, value] of Object.entries({ maxInboxBytes, highWaterMark, maxSendQueueBytes })
    ) {
      if (!(value > 0)) {
        throw new RangeError(`Cannot make message socket: ${name} ${value} is not positive`);
      }
    }
    if (maxSendQueueBytes < highWaterMark) {
      throw new RangeError("Cannot make message socket: maxSendQueueBytes is below highWaterMark");
    }
    this.#over = transport;
    this.#transport = transportOf(transport);
    this.#framer = framer;
    this.#decoder = framer.createDecoder();
    this.#maxInboxBytes = maxInboxBytes;
    this.#maxSendQueueBytes = maxSendQueueBytes;
    // The limit is checked before a message: in the middle of one the writer must not refuse.
    this.#writer = new TransportWriter(this.#transport, {
      highWaterMark,
      limit: Infinity,
      onerror: (error) => {
        this.#writeError ??= this.#wrap(error, "write");
      },
    });
    this.#hold = new WriteHold(this.#writer);
    this.#reader = new TransportReader(this.#transport, {
      data: (chunk) => {
        this.#decoder.push(chunk);
        this.#serve();
      },
      end: () => this.#endInput(undefined),
      error: (error) => this.#endInput(this.#wrap(error, "read")),
    }, { maxSlab: Math.min(262_144, Math.max(512, maxInboxBytes)) });
    this.#reader.start();
  }

  /** The address of this end. */
  get localAddr(): TransportAddr {
    return this.#over.localAddr ?? UNKNOWN;
  }

  /** The address of the other end. */
  get remoteAddr(): TransportAddr {
    return this.#over.remoteAddr ?? UNKNOWN;
  }

  /** Received bytes that are not read as messages yet. */
  get received(): number {
    return this.#decoder.buffered;
  }

  /** Bytes that wait to be sent. */
  get queued(): number {
    return this.#writer.queued;
  }

  /**
   * The next message; `undefined` at the end of the stream. Several calls are served in order.
   *
   * A call that gives up takes nothing: the message that it waited for goes to the next one.
   *
   * @throws {FramingError} when the peer's bytes do not fit the framing, or end inside a message
   * @throws {NetError} `ETIMEDOUT`, `ABORT_ERR`, `ERR_SOCKET_CLOSED` after `close`, or what broke the transport
   */
  read(options: WaitOptions = {}): Promise<T | undefined> {
    if (this.#closed) return Promise.reject(this.#closedError("read"));
    if (options.signal?.aborted) return Promise.reject(abortError("read message", options.signal));
    const message = this.#take();
    if (message !== undefined) return Promise.resolve(message);
    this.#hold.end();
    if (this.#waiters.length === 0) {
      if (this.#finished()) {
        return this.#readError === undefined
          ? Promise.resolve(undefined)
          : Promise.reject(this.#readError);
      }
    }
    return new Promise((resolve, reject) => {
      checkWaitOptions("read message", options);
      const deadline = deadlineSignal("read message", options);
      const waiter: Waiter<T> = { resolve, reject, deadline };
      const place = this.#waiters.push(waiter);
      // It may have fired already, and tells at once then.
      deadline.onfire((error) => {
        this.#waiters.remove(place);
        reject(error);
      });
    });
  }

  /**
   * Queues a message, and waits while the queue is at its high-water mark. A message of 16 KiB or more may be kept by
   * reference: it must not change before it is {@linkcode MessageSocket.flushed | flushed}.
   *
   * A call that gives up waiting has queued its message all the same.
   *
   * @throws {TypeError} when the framing can't carry the message
   * @throws {RangeError} when the message is too long for the framing
   * @throws {NetError} `ERR_BUFFER_LIMIT` when the queue is at `maxSendQueueBytes`; `ETIMEDOUT`, `ABORT_ERR`,
   * `ERR_SOCKET_CLOSED`, `ERR_STREAM_WRITE_AFTER_END`, or what broke the transport
   */
  write(message: T, options: WaitOptions = {}): Promise<void> {
    try {
      if (this.#closed || this.#closing !== undefined) throw this.#closedError("write");
      if (this.#writeError !== undefined) throw this.#writeError;
      if (this.#writeEnded) {
        throw new NetError("Cannot write message: the writing direction was ended", {
          code: "ERR_STREAM_WRITE_AFTER_END",
          syscall: "write",
        });
      }
      if (this.#writer.queued >= this.#maxSendQueueBytes) {
        throw new NetError(
          `Cannot write message: ${this.#writer.queued} bytes are queued already, the limit is ${this.#maxSendQueueBytes}`,
          { code: "ERR_BUFFER_LIMIT", syscall: "write" },
        );
      }
      this.#framer.encode(message, this.#writer);
    } catch (error) {
      return Promise.reject(error);
    }
    if (!this.#writer.full) return DONE;
    this.#hold.end();
    return this.#told(this.#writer.drained(options));
  }

  /**
   * Waits until all queued messages are handed to the system.
   *
   * @throws {NetError} `ETIMEDOUT`, `ABORT_ERR`, `ERR_SOCKET_CLOSED`, or what broke the transport
   */
  flushed(options: WaitOptions = {}): Promise<void> {
    this.#hold.end();
    return this.#told(this.#writer.flushed(options));
  }

  /**
   * Sends what is queued, and ends the writing direction; reading goes on. Who waits no longer takes nothing back: the direction ends when
   * the rest is sent.
   *
   * @throws {NetError} `ETIMEDOUT`, `ABORT_ERR`, or what broke the transport
   */
  closeWrite(options: WaitOptions = {}): Promise<void> {
    this.#writeEnded = true;
    return this.#told(waitFor(this.#writer.end(), "close write", options));
  }

  /**
   * Sends what is queued, ends the writing direction, and closes the transport. Messages not read yet are lost, and
   * pending reads reject. When the peer does not take the rest in time, or the signal fires, the transport is closed
   * all the same. Never rejects; a second call waits for the first.
   *
   * `timeout` is in ms, 5000 by default.
   */
  close(options: WaitOptions = {}): Promise<void> {
    if (this.#closed) return DONE;
    const { timeout = 5000, signal } = options;
    return this.#closing ??= this.#close({ timeout, signal });
  }

  async #close(options: WaitOptions): Promise<void> {
    this.#stopReading();
    try {
      await waitFor(this.#writer.end(), "close", options);
    } catch {
      // The peer is gone or does not read: nothing more can be done for what is queued.
    }
    this.destroy();
  }

  /** Closes the transport at once. What is queued is lost, and pending reads reject. */
  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopReading();
    this.#writer.stop(this.#writeError ?? this.#closedError("write"));
    try {
      this.#transport.close();
    } catch {
      // It is closed already.
    }
  }

  /** All messages until the end of the stream, or until the socket is closed. Leaving the loop early does not close it. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, void, void> {
    const give = (message: T | undefined): IteratorResult<T, void> =>
      message === undefined ? { done: true, value: undefined } : { done: false, value: message };
    const fail = (error: unknown): IteratorResult<T, void> => {
      const closed = this.#closed || this.#closing !== undefined;
      if (!closed || (error as NetError).code !== "ERR_SOCKET_CLOSED") throw error;
      return { done: true, value: undefined };
    };
    return {
      next: () => {
        const message = this.#take();
        if (message !== undefined) return Promise.resolve({ done: false, value: message });
        return this.read().then(give, fail);
      },
      return: () => Promise.resolve({ done: true, value: undefined }),
      // Who has taken the first message by hand goes through the others.
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** {@linkcode MessageSocket.close | close()}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A message that is there, for who comes first. */
  #take(): T | undefined {
    if (this.#closed || this.#waiters.length > 0) return undefined;
    const message = this.#next();
    if (message !== undefined && this.#decoder.buffered > 0) this.#hold.begin();
    return message;
  }

  /** A message from what has come; lets more come when it is time. */
  #next(): T | undefined {
    let message = this.#decoder.next();
    while (
      this.#reader.paused && !this.#finished() &&
      (message === undefined || this.#decoder.buffered <= this.#maxInboxBytes / 2)
    ) {
      // What was held back comes at once, and may fill the inbox again.
      this.#reader.resume();
      if (message !== undefined) break;
      message = this.#decoder.next();
    }
    return message;
  }

  /** Whether there will be no more messages. */
  #finished(): boolean {
    const fault = this.#decoder.error;
    // It came before what has broken the transport since.
    const open = !this.#closed && this.#closing === undefined;
    if (fault !== undefined && fault !== this.#readError && open) {
      this.#readError = fault;
      this.#ended = true;
      this.#reader.stop();
    }
    return this.#ended;
  }

  /** Gives what has come to those who wait for it. */
  #serve(): void {
    while (this.#waiters.length > 0) {
      const message = this.#decoder.next();
      if (message === undefined) break;
      const waiter = this.#waiters.shift()!;
      waiter.deadline.clear();
      if (this.#decoder.buffered > 0) this.#hold.begin();
      waiter.resolve(message);
    }
    if (this.#waiters.length === 0) {
      if (this.#decoder.buffered >= this.#maxInboxBytes) this.#reader.pause();
      return;
    }
    if (!this.#finished()) return;
    for (const waiter of this.#waiters.takeAll()) {
      waiter.deadline.clear();
      if (this.#readError === undefined) waiter.resolve(undefined);
      else waiter.reject(this.#readError);
    }
  }

  #endInput(error: NetError | undefined): void {
    // A broken transport explains an unfinished message, so that is not reported besides.
    if (error === undefined) this.#decoder.end();
    else this.#readError = error;
    this.#ended = true;
    this.#serve();
  }

  #stopReading(): void {
    this.#reader.stop();
    this.#ended = true;
    this.#readError ??= this.#closedError("read");
    for (const waiter of this.#waiters.takeAll()) {
      waiter.deadline.clear();
      waiter.reject(this.#closedError("read"));
    }
  }

  /** What the writer reports, as a NetError. */
  async #told(promise: Promise<void>): Promise<void> {
    try {
      await promise;
    } catch (error) {
      throw this.#wrap(error, "write");
    }
  }

  #closedError(what: string): NetError {
    return new NetError(`Cannot ${what} message: the socket is closed`, {
      code: "ERR_SOCKET_CLOSED",
      syscall: what,
    });
  }

  #wrap(error: unknown, syscall: string): NetError {
    return toNetError(error, { syscall, what: `Cannot ${syscall} message` });
  }
}

function transportOf(given: Transport | Socket): Transport {
  const { closeWrite, pipe } = Object(given) as { closeWrite?: unknown; pipe?: unknown };
  if (typeof closeWrite === "function") return given as Transport;
  if (typeof pipe !== "function") {
    throw new TypeError("Cannot make message socket: it takes a transport or a Socket");
  }
  (given as Socket).allowHalfOpen = true;
  // A socket has all of a stream that is used there.
  return new NodeTransport(given as unknown as Duplex);
}
