// Floor 3: driver.
import { codedRangeError, codedTypeError } from "./_connect_arguments.ts";
import { isDelivered } from "./_delivery.ts";
import { Line } from "./_line.ts";
import type { Budget, BudgetEntry, BudgetHolder } from "./budget.ts";
import { NetError } from "./errors.ts";
import type { Limits } from "./limits.ts";
import type { Transport } from "./transport.ts";
import type { WaitOptions } from "./wait.ts";
import { TransportWriter, type TransportWriterOptions } from "./writer.ts";

/** Called when a write, or the end, has been handed to the system, or with the error that prevented it. */
export type WriteCallback = (error?: Error | null) => void;

/** What {@linkcode Outgoing} tells its socket. None of it throws. */
export interface OutgoingOwner {
  /** Bytes were handed to the system. */
  onactivity(): void;
  /** The queue has room again after `write` returned false. */
  ondrain(): void;
  /** All was written, and the own direction has ended. */
  onfinish(): void;
  /** Writing failed. */
  onwritefail(error: unknown): void;
  /** A callback of the user threw. */
  onthrow(error: unknown): void;
}

/** From how many queued bytes `write` returns false, where nothing else is said. */
export const HIGH_WATER_MARK = 65_536;
/** How many bytes may be queued for sending, where nothing else is said. */
const WRITE_LIMIT = 67_108_864;

/** What of a socket's options concerns writing. */
export interface OutgoingLimits {
  /** From how many queued bytes `write` returns false. */
  highWaterMark?: number;
  /** How many bytes may be queued. */
  maxSendQueueBytes?: number;
  /** Where the queued bytes are counted. */
  limits?: Limits;
}

/** A callback, and how many bytes must have been written before it is called. */
interface Pending {
  at: number;
  callback: WriteCallback;
}

/** What was written before the connection was there. */
class Early implements BudgetHolder {
  chunks: Uint8Array[] = [];
  size = 0;
  drained: PromiseWithResolvers<void> | null = null;
  /** Why nothing of it is written. */
  failure: NetError | null = null;
  entry: BudgetEntry | undefined = undefined;
  readonly #budget: Budget | undefined;
  readonly #onfail: (error: NetError) => void;

  constructor(budget: Budget | undefined, onfail: (error: NetError) => void) {
    this.#budget = budget;
    this.#onfail = onfail;
  }

  get held(): number {
    return this.size;
  }

  /** Adds a chunk; false when that makes the queue full. */
  add(chunk: Uint8Array, highWaterMark: number): boolean {
    const budget = this.#budget;
    this.chunks.push(chunk);
    this.size += chunk.length;
    budget?.add(chunk.length);
    if (!this.full(highWaterMark)) return true;
    if (budget !== undefined) {
      budget.watch(this);
      if (budget.full) budget.relieve();
    }
    return false;
  }

  full(highWaterMark: number): boolean {
    const { size } = this;
    return size >= highWaterMark || (size > 0 && this.#budget?.tight === true);
  }

  /** The chunks, which the budget counts here no more. */
  release(): Uint8Array[] {
    const { chunks, size } = this;
    this.chunks = [];
    this.size = 0;
    this.#budget?.unwatch(this);
    this.#budget?.remove(size);
    return chunks;
  }

  /** For the budget: the connection fails with `ERR_BUFFER_LIMIT`. */
  onOverBudget(): void {
    const failure = this.failure = overBudget(", and this one has the most");
    this.release();
    // Whoever wrote now is not the owner, and must not run into what the owner does.
    queueMicrotask(() => this.#onfail(failure));
  }
}

/** The writing side of a socket: a {@linkcode TransportWriter}, what is written before there is one, and the callbacks. */
export class Outgoing implements TransportWriterOptions {
  /** From how many queued bytes `write` returns false. */
  highWaterMark = HIGH_WATER_MARK;
  /** How many bytes may be queued. */
  limit = WRITE_LIMIT;
  /** What counts the queued bytes. */
  budget: Budget | undefined;
  /** Whether `write` returned false and `ondrain` has not come yet. */
  needDrain = false;
  /** Whether `end` was called. */
  ending = false;
  /** Whether all was written and the own direction has ended. */
  finished = false;
  readonly #owner: OutgoingOwner;
  #writer: TransportWriter | null = null;
  /** The one of the transport that is being let go of. */
  #last: TransportWriter | null = null;
  #before = 0;
  #leaving = 0;
  #early: Early | null = null;
  #corks = 0;
  #stopped: Error | null = null;
  #written: Line<Pending> | null = null;
  #ended: WriteCallback[] | null = null;

  constructor(owner: OutgoingOwner, options: OutgoingLimits) {
    this.#owner = owner;
    this.configure(options);
  }

  /** Sets the limits. To be called before `attach`. @throws {RangeError} `ERR_OUT_OF_RANGE`, when they don't fit. @throws {TypeError} `ERR_INVALID_ARG_TYPE`. */
  configure(options: OutgoingLimits): void {
    const highWaterMark = options.highWaterMark ?? HIGH_WATER_MARK;
    const maxSendQueueBytes = options.maxSendQueueBytes ?? WRITE_LIMIT;
    if (!(highWaterMark >= 0) || !(maxSendQueueBytes >= highWaterMark)) {
      throw codedRangeError(
        "ERR_OUT_OF_RANGE",
        `Cannot make a socket with a high-water mark of ${highWaterMark} and a limit of ${maxSendQueueBytes} bytes`,
      );
    }
    const limits = options.limits ?? undefined;
    if (limits !== undefined && typeof limits.queuedBytes !== "object") {
      throw codedTypeError("ERR_INVALID_ARG_TYPE", 'Cannot use "limits": they must be Limits');
    }
    this.highWaterMark = highWaterMark;
    this.limit = maxSendQueueBytes;
    this.budget = limits?.queuedBytes;
  }

  /** How many bytes are queued. */
  get queued(): number {
    return this.#writer === null ? this.#early?.size ?? 0 : this.#writer.queued;
  }

  /** How often `cork()` was called without its `uncork()`. */
  get corks(): number {
    return this.#corks;
  }

  /** How many bytes were written, with those that are queued. */
  get bytesWritten(): number {
    const writer = this.#writer;
    return this.queued + (writer === null ? this.#leaving : this.#before + writer.bytesWritten);
  }

  /** Says where to write to, and writes what has waited for it. */
  attach(transport: Transport): void {
    const writer = this.#writer = new TransportWriter(transport, this);
    const early = this.#early;
    this.#early = null;
    for (let i = 0; i < this.#corks; i++) writer.cork();
    if (early !== null) {
      const { failure } = early;
      if (failure !== null) writer.stop(failure);
      writer.cork();
      for (const chunk of early.release()) {
        // One of them may have passed what all connections together may queue: `onerror` tells.
        if (writer.stopped) break;
        writer.write(chunk);
      }
      writer.uncork();
      if (early.drained !== null) {
        writer.drained().then(early.drained.resolve, early.drained.reject);
      }
      // What made the queue full may be others' by now.
      if (this.needDrain && !writer.needDrain) queueMicrotask(() => this.#drainedSince(writer));
    }
    if (this.#written !== null && writer.idle) this.#callSoon(writer);
    if (this.ending) this.#finish(writer);
  }

  /**
   * Lets go of the transport, and resolves when all that was written before has been handed to it. What is written from
   * now on waits for the next `attach`.
   */
  async detach(options: WaitOptions): Promise<void> {
    const writer = this.#writer;
    if (writer === null) return;
    this.#leaving = this.bytesWritten;
    this.#writer = null;
    this.#last = writer;
    writer.flush();
    await writer.flushed(options);
    this.#last = null;
    this.#before = this.#leaving;
  }

  /** Queues a chunk, or a copy of a small one; false when the queue is full. */
  write(chunk: Uint8Array, callback: WriteCallback | undefined): boolean {
    const writer = this.#writer;
    try {
      if (this.needDrain && this.budget?.refuses && this.queued > 0) throw overBudget();
      const below = writer === null
        ? this.#hold(chunk)
        : isDelivered(chunk)
        ? writer.writeUnchanged(chunk)
        : writer.write(chunk);
      if (!below) this.needDrain = true;
      if (callback !== undefined) this.#later(callback);
      return below;
    } catch (error) {
      if (callback !== undefined) (this.#written ??= new Line()).push({ at: Infinity, callback });
      this.#owner.onwritefail(error);
      return false;
    }
  }

  /** Calls `callback` as soon as no write is under way, before the next one; or with the error. */
  afterWrite(callback: WriteCallback): void {
    (this.#written ??= new Line()).unshift({ at: 0, callback });
    const writer = this.#writer;
    if (writer !== null && writer.idle) this.#callSoon(writer);
  }

  /** Ends the own direction once all is written; `callback` is called then, or with the error. */
  end(callback: WriteCallback | undefined): void {
    if (callback !== undefined) (this.#ended ??= []).push(callback);
    if (this.ending) return;
    this.ending = true;
    this.#corks = 0;
    if (this.#writer !== null) this.#finish(this.#writer);
  }

  /** Holds what is queued back. Calls nest. */
  cork(): void {
    this.#corks++;
    this.#writer?.cork();
  }

  /** Ends a `cork()`. */
  uncork(): void {
    if (this.#corks === 0) return;
    this.#corks--;
    this.#writer?.uncork();
  }

  /** Waits until the queue has room. */
  drained(): Promise<void> {
    if (this.#writer !== null) return this.#writer.drained();
    if (this.#stopped !== null) return Promise.reject(this.#stopped);
    const early = this.#early;
    if (early === null) return Promise.resolve();
    if (early.failure !== null) return Promise.reject(early.failure);
    if (!early.full(this.highWaterMark)) return Promise.resolve();
    early.drained ??= Promise.withResolvers();
    return early.drained.promise;
  }

  /**
   * Ends all writing; `fail` is to follow. What was written in this turn goes out as far as the system takes it at once,
   * as in Node.
   *
   * @returns When the system has answered; undefined if nothing goes out.
   */
  stop(reason: Error): Promise<void> | undefined {
    this.#stopped = reason;
    const early = this.#early;
    this.#early = null;
    early?.release();
    early?.drained?.reject(reason);
    this.#last?.stop(reason);
    return this.#writer?.stopBehindFlush(reason);
  }

  /** Calls the callbacks of what was not written. */
  fail(reason: Error): void {
    const written = this.#written?.takeAll() ?? [];
    const ended = this.#ended ?? [];
    this.#written = this.#ended = null;
    for (const { callback } of written) this.#call(callback, reason);
    for (const callback of ended) this.#call(callback, reason);
  }

  /** For the writer: calls the callbacks of what has been written. */
  onwritten(bytesWritten: number): void {
    // A writer that was left for another transport is not stopped, and may tell of its last write behind the end.
    if (this.#stopped !== null) return;
    this.#owner.onactivity();
    const pending = this.#written;
    if (pending === null) return;
    const total = this.#before + bytesWritten;
    for (let next; (next = pending.first) !== undefined && next.at <= total;) {
      pending.shift();
      this.#call(next.callback, null);
      if (this.#stopped !== null) return;
    }
    if (pending.length === 0) this.#written = null;
  }

  /** For the writer. */
  ondrain(): void {
    if (!this.needDrain || this.ending || this.#stopped !== null) return;
    this.needDrain = false;
    this.#owner.ondrain();
  }

  /** For the writer. */
  onerror(error: unknown): void {
    this.#owner.onwritefail(error);
  }

  #hold(chunk: Uint8Array): boolean {
    const early = this.#early ??= new Early(this.budget, (error) => {
      if (this.#stopped === null) this.#owner.onwritefail(error);
    });
    if (early.failure !== null) return false;
    if (early.size > this.limit) {
      throw new NetError(
        `Cannot write: ${early.size} bytes are queued, above the limit of ${this.limit}`,
        { code: "ERR_BUFFER_LIMIT" },
      );
    }
    return early.add(chunk, this.highWaterMark);
  }

  #drainedSince(writer: TransportWriter): void {
    if (this.#writer === writer && !writer.needDrain && !writer.stopped) this.ondrain();
  }

  #later(callback: WriteCallback): void {
    const at = this.bytesWritten;
    (this.#written ??= new Line()).push({ at, callback });
    const writer = this.#writer;
    if (writer !== null && writer.idle) this.#callSoon(writer);
  }

  /** Calls the callbacks of chunks without bytes: no write will follow that tells of them. */
  #callSoon(writer: TransportWriter): void {
    queueMicrotask(() => {
      if (this.#stopped === null) this.onwritten(writer.bytesWritten);
    });
  }

  #finish(writer: TransportWriter): void {
    writer.end().then(() => {
      if (this.#stopped !== null) return;
      this.finished = true;
      const callbacks = this.#ended ?? [];
      this.#ended = null;
      for (const callback of callbacks) this.#call(callback, null);
      if (this.#stopped === null) this.#owner.onfinish();
    }, () => {});
  }

  #call(callback: WriteCallback, error: Error | null): void {
    try {
      callback(error);
    } catch (thrown) {
      this.#owner.onthrow(thrown);
    }
  }
}

/** Who goes on although `write` returned false takes what others need. */
function overBudget(why = ""): NetError {
  return new NetError(
    `Cannot write: all connections together are at their limit of queued bytes${why}`,
    { code: "ERR_BUFFER_LIMIT" },
  );
}
