// Floor 3: driver.
import { ByteQueue } from "../buffer/byte_queue.ts";
import type { NetError } from "../net/errors.ts";
import { toNetError } from "../net/os_error.ts";
import { TransportReader } from "../net/reader.ts";
import type { Transport } from "../net/transport.ts";
import {
  type ConfigurableTransport,
  LateSettings,
  type TransportSettings,
} from "../net/transport_settings.ts";
import { type Deadline, deadlineSignal, waitFor, type WaitOptions } from "../net/wait.ts";
import { TransportWriter } from "../net/writer.ts";
import { closedByPeer, closedHere, CUT, SocketFailure } from "./_failure.ts";
import { incompleteTail } from "./_incomplete_tail.ts";
import {
  type NamedSocket,
  type PeerInfo,
  peerInfo,
  type ReadRequest,
  type WriteRequest,
} from "./_named_socket.ts";
import { type Transmission, TransmissionDecoder } from "./_transmission.ts";
import { TransmissionMode } from "./constants.ts";

/** How a stream is read and written. */
export interface StreamSettings {
  transmission: Transmission;
  /** The longest message, in bytes. */
  maxMessageBytes: number;
  /** How much is read ahead of the program, in bytes. */
  maxInboxBytes: number;
  /** How much may wait to be sent, in bytes. */
  maxSendQueueBytes: number;
}

interface Waiter {
  request: ReadRequest;
  resolve(message: Uint8Array | undefined): void;
  reject(error: unknown): void;
  deadline: Deadline;
  /** Until when it gathers, once something has come; 0 before. */
  gather: ReturnType<typeof setTimeout> | undefined;
  ripe: boolean;
}

/** What no count of bytes reaches: the bounds are kept by not reading. */
const UNBOUNDED = Number.MAX_SAFE_INTEGER;

/** A connection with messages in one of the transmission modes. Nothing is read before somebody reads. */
export class StreamSocket implements NamedSocket {
  readonly #transport: Transport;
  readonly #reader: TransportReader;
  readonly #writer: TransportWriter;
  readonly #queue = new ByteQueue({ maxBytes: UNBOUNDED, maxChunks: UNBOUNDED });
  readonly #decoder: TransmissionDecoder;
  readonly #maxInboxBytes: number;
  readonly #maxSendQueueBytes: number;
  readonly #late = new LateSettings();
  #transmission: Transmission;
  #waiters: Waiter[] = [];
  #started = false;
  /** Why nothing more will come. */
  #over: SocketFailure | NetError | undefined;
  #broken: unknown;
  #closing: Promise<void> | undefined;

  constructor(transport: Transport, settings: StreamSettings) {
    this.#transport = transport;
    this.#transmission = settings.transmission;
    this.#maxInboxBytes = settings.maxInboxBytes;
    this.#maxSendQueueBytes = settings.maxSendQueueBytes;
    this.#decoder = new TransmissionDecoder(this.#queue, settings.maxMessageBytes);
    // The limit is checked before a message: in the middle of one the writer must not refuse.
    this.#writer = new TransportWriter(transport, {
      limit: Infinity,
      onwritten: () => this.#late.repeat(transport),
      onerror: (error) => this.#broken ??= error,
    });
    this.#reader = new TransportReader(transport, {
      data: (chunk) => {
        this.#queue.push(chunk);
        this.#serve();
      },
      end: () => this.#end(closedByPeer()),
      error: (error) => this.#end(toNetError(error, { syscall: "read", what: "Cannot read" })),
    }, { maxSlab: Math.min(262_144, Math.max(512, settings.maxInboxBytes)) });
  }

  /** Sets the connection, after the write if one is under way; false when it is none that has settings. */
  configure(settings: TransportSettings): boolean {
    const { setNoDelay, setKeepAlive } = this.#transport as ConfigurableTransport;
    if (setNoDelay === undefined || setKeepAlive === undefined) return false;
    this.#late.set(this.#transport, settings);
    return true;
  }

  get transmission(): Transmission {
    return this.#transmission;
  }

  /** Changes how the next message is read and written; what has come already is looked at anew. */
  set transmission(transmission: Transmission) {
    this.#transmission = transmission;
    this.#decoder.reset();
    this.#serve();
  }

  /** Whether all that the peer sent is read, and nothing more will come. */
  get finished(): boolean {
    return this.#over !== undefined && this.#queue.length === 0;
  }

  peer(): PeerInfo {
    return peerInfo(this.#transport.remoteAddr);
  }

  read(request: ReadRequest): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      const { timeout, signal } = request;
      const deadline = deadlineSignal("read", { timeout, signal });
      const waiter: Waiter = {
        request,
        resolve,
        reject,
        deadline,
        gather: undefined,
        ripe: request.receiveDelay === 0,
      };
      this.#waiters.push(waiter);
      deadline.onfire((error) => this.#giveUp(waiter, error));
      this.#serve();
      if (this.#waiters.length === 0 || this.#over !== undefined) return;
      this.#started = true;
      if (this.#reader.paused) this.#reader.resume();
      else this.#reader.start();
    });
  }

  #giveUp(waiter: Waiter, error: NetError): void {
    const at = this.#waiters.indexOf(waiter);
    if (at < 0) return;
    // What has been gathered so far is better than nothing.
    waiter.ripe = true;
    if (at === 0) this.#serve();
    if (this.#waiters[at] !== waiter) return;
    this.#waiters.splice(at, 1);
    clearTimeout(waiter.gather);
    if (error.code === "ETIMEDOUT") waiter.resolve(undefined);
    else waiter.reject(error);
    // What it could not use, half a character, may be what the next one waits for.
    if (at === 0) this.#serve();
  }

  /** Gives what has come to those who wait, in the order of their calls. */
  #serve(): void {
    for (let waiter; (waiter = this.#waiters[0]) !== undefined;) {
      let message: Uint8Array | undefined;
      let failure: unknown;
      try {
        message = this.#take(waiter);
      } catch (error) {
        failure = error;
      }
      if (message === undefined && failure === undefined) return;
      this.#waiters.shift();
      clearTimeout(waiter.gather);
      waiter.deadline.clear();
      if (message !== undefined) waiter.resolve(message);
      else waiter.reject(failure);
    }
    if (this.#started && this.#queue.length >= this.#maxInboxBytes) this.#reader.pause();
  }

  #take(waiter: Waiter): Uint8Array | undefined {
    const message = this.#transmission.mode === TransmissionMode.NO_MARKER
      ? this.#takeBytes(waiter)
      : this.#decoder.next(this.#transmission);
    if (message !== undefined || this.#over === undefined) return message;
    try {
      // A broken connection explains an unfinished message, so that is not reported besides.
      if (this.#over instanceof SocketFailure) this.#decoder.end(this.#transmission);
    } finally {
      this.#queue.clear();
    }
    throw this.#over;
  }

  #takeBytes(waiter: Waiter): Uint8Array | undefined {
    const { request } = waiter;
    const queue = this.#queue;
    const most = Math.min(request.maxBytes, this.#maxInboxBytes);
    const available = Math.min(queue.length, most);
    if (available === 0) return undefined;
    const all = this.#over !== undefined;
    if (!waiter.ripe && available < most && !all) {
      // A timer would take an endless delay for none.
      if (request.receiveDelay !== Infinity) {
        waiter.gather ??= setTimeout(() => {
          waiter.ripe = true;
          this.#serve();
        }, request.receiveDelay);
      }
      return undefined;
    }
    let length = available;
    if (request.encoding !== undefined && !(all && available === queue.length)) {
      length -= incompleteTail(queue.peek(available), request.encoding);
      if (length === 0) {
        if (available < most) return undefined;
        length = available;
      }
    }
    return queue.read(length);
  }

  #end(reason: SocketFailure | NetError): void {
    this.#over = reason;
    this.#serve();
  }

  async write(bytes: Uint8Array, request: WriteRequest): Promise<void> {
    if (request.port !== undefined || request.address !== undefined) {
      throw new SocketFailure("WRONG_KIND", "a destination is for UDP sockets");
    }
    if (this.#closing !== undefined) throw closedHere();
    const writer = this.#writer;
    if (writer.queued >= this.#maxSendQueueBytes) {
      throw new SocketFailure(
        "LIMIT_REACHED",
        `${writer.queued} bytes wait to be sent already, the limit is ${this.#maxSendQueueBytes}`,
      );
    }
    try {
      if (this.#broken !== undefined) throw this.#broken;
      this.#transmission.framer.encode(bytes, writer);
      await writer.flushed(request);
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) throw error;
      if (this.#closing !== undefined) throw closedHere();
      const failure = toNetError(error, { syscall: "write", what: "Cannot write" });
      // That it can't be written to any more follows from what was read.
      const ended = this.#over instanceof SocketFailure;
      throw ended && CUT.has(failure.code) ? this.#over : failure;
    }
  }

  close(options: WaitOptions): Promise<void> {
    return this.#closing ??= this.#close(options);
  }

  async #close(options: WaitOptions): Promise<void> {
    this.#reader.stop();
    this.#over = closedHere();
    this.#queue.clear();
    this.#serve();
    try {
      await waitFor(this.#writer.end(), "close", options);
    } catch {
      // The peer is gone or does not read: nothing more can be done for what is queued.
    }
    this.#writer.stop();
    try {
      this.#transport.close();
    } catch {
      // It is closed already.
    }
  }
}
