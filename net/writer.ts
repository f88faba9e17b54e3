// Floor 3: driver.
import { giveJoinBuffer, JOIN_MAX, takeJoinBuffer } from "./_join_pool.ts";
import { takenCount } from "./_taken_count.ts";
import type { Budget, BudgetEntry, BudgetHolder } from "./budget.ts";
import { NetError } from "./errors.ts";
import type { Transport } from "./transport.ts";
import { deadlineSignal, type WaitOptions } from "./wait.ts";

/** Options of a {@linkcode TransportWriter}. */
export interface TransportWriterOptions {
  /**
   * From how many queued bytes `write` returns false; 0 for every write.
   *
   * @default {65536}
   */
  highWaterMark?: number;
  /**
   * Above how many queued bytes `write` throws. One write below it may pass it, however large.
   *
   * @default {16777216}
   */
  limit?: number;
  /** Counts the queued bytes of many writers. When it is tight `write` returns false as soon as anything is queued. */
  budget?: Budget;
  /** Called when the queue falls to half the high-water mark after it had reached it. */
  ondrain?(): void;
  /** Called after each write with all bytes written so far. */
  onwritten?(bytesWritten: number): void;
  /** Called once when writing failed. The writer is stopped then. */
  onerror?(error: unknown): void;
}

/** Fills bytes that were queued before they were known: see `TransportWriter.commitLate`. */
export interface LateBytes {
  /** Fills all of them. Called once. Returns those that there was no room for, if they have become more. */
  fill(): Uint8Array | undefined;
}

/** Chunks from this size on are queued by reference, smaller ones are copied, in bytes. */
const BY_REFERENCE = 16_384;
/**
 * How many bytes are handed to the transport at once at most. A longer write takes more room in the system than the
 * peer can make by reading meanwhile; and other connections get their turn between two.
 */
const MAX_WRITE = 557_056;
/** The budget hears of corked bytes when they leave, or when there are so many. */
const TELL_AT = 16_384;

/** How many slots, and places in a list, are kept for the next writers. */
const MAX_SLOTS = 1024;

/** The callbacks of a write: whoever writes borrows them. Each writer's own would be a sixth of an idle connection. */
interface Slot {
  writer: TransportWriter | null;
  onTaken(n: number): void;
  onFailed(error: unknown): void;
}

interface Waiter {
  at: number;
  resolve(): void;
  reject(error: unknown): void;
}

const EMPTY = new Uint8Array(0);

/**
 * Queues bytes for a transport: at most one `write` is under way, and what is queued meanwhile leaves in the next one.
 *
 * Small chunks are copied into one buffer at once, so the caller may reuse them; chunks of 16 KiB and more are kept
 * by reference and must not change until they are written. Writes made in one turn leave together at its end, or at
 * `uncork()`, or at `flush()`. `write` returns false from the high-water mark on; `drained()` waits. Above the hard
 * limit it throws. An idle writer holds no buffer.
 *
 * @example
 * ```ts
 * import { pair, TransportWriter } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const [a, b] = pair();
 * const writer = new TransportWriter(a);
 * writer.write(new Uint8Array([1, 2]));
 * writer.write(new Uint8Array([3]));
 * await writer.end();
 * const buffer = new Uint8Array(8);
 * assertEquals(await b.read(buffer), 3);
 * a.close();
 * b.close();
 * ```
 */
export class TransportWriter implements BudgetHolder {
  readonly #transport: Transport;
  readonly #options: TransportWriterOptions;
  readonly #high: number;
  readonly #limit: number;
  readonly #budget: Budget | undefined;
  /** Sealed pieces, oldest first; the join buffer's open part comes behind them. */
  #sealed: Uint8Array[] | null = null;
  /** Join buffers that were left, and how many bytes must have been written before they can be used again. */
  #left: { buffer: Uint8Array; at: number }[] | null = null;
  /** For the budget. */
  entry: BudgetEntry | undefined = undefined;
  /** The buffer that `reserve` gives room in. */
  buffer: Uint8Array = EMPTY;
  #start = 0;
  #pos = 0;
  #queued = 0;
  /** How many of the queued bytes the budget counts, and how many it is to be told of. */
  #counted = 0;
  #untold = 0;
  #written = 0;
  #flushTo = 0;
  #corks = 0;
  #writing = false;
  /** Told when the write that was begun last before the stop has come back. */
  #cameBack: (() => void) | null = null;
  /** What is being written, or, while `#lone`, what is all that will be at the end of the turn. */
  #piece: Uint8Array = EMPTY;
  #lone = false;
  /** Held while there is something to write. */
  #slot: Slot | null = null;
  #scheduled = false;
  #wasFull = false;
  #ending: PromiseWithResolvers<void> | null = null;
  #ended = false;
  #stopped: { error: unknown } | null = null;
  /** Who fills the last of the queued bytes. */
  #late: LateBytes | null = null;
  #waiters: Set<Waiter> | null = null;
  #drainWaiters: Set<Waiter> | null = null;

  // Uncorked writers with something to write: flushed together at the end of the microtask turn.
  static #dirty: (TransportWriter | null)[] = [];
  static #dirtyCount = 0;
  /** The list that is not in use: the two take turns. */
  static #spare: (TransportWriter | null)[] | null = null;
  static readonly #flushDirty = (): void => {
    const writers = TransportWriter.#dirty;
    const count = TransportWriter.#dirtyCount;
    TransportWriter.#dirty = TransportWriter.#spare ?? [];
    TransportWriter.#spare = null;
    TransportWriter.#dirtyCount = 0;
    // What has to be done before a write, and with what it returns, is done for all before and behind them, so that they
    // are issued one right after the other: a peer who gets several finds the next one there before it goes to sleep.
    const issued = TransportWriter.#issued;
    let ready = 0;
    for (let i = 0; i < count; i++) {
      const writer = writers[i]!;
      writers[i] = null;
      writer.#scheduled = false;
      if (writer.#corks === 0 && writer.#prepare()) writers[ready++] = writer;
    }
    for (let i = 0; i < ready; i++) issued[i] = writers[i]!.#issue();
    for (let i = 0; i < ready; i++) {
      const slot = writers[i]!.#slot!;
      issued[i]!.then(slot.onTaken, slot.onFailed);
      writers[i] = issued[i] = null;
    }
    // Lists that were long once are not kept.
    if (count <= MAX_SLOTS) TransportWriter.#spare = writers;
    else issued.length = 0;
  };

  /** What the writes of a turn return. */
  static readonly #issued: (Promise<number> | null)[] = [];

  /** The slots that no writer needs now. */
  static readonly #slots: Slot[] = [];
  static #makeSlot(): Slot {
    const slot: Slot = {
      writer: null,
      onTaken: (n) => slot.writer!.#taken(n),
      onFailed: (error) => slot.writer!.#failed(error),
    };
    return slot;
  }

  /**
   * Makes a writer for `transport`.
   *
   * @throws {RangeError} When a limit is negative, or the hard limit below the high-water mark.
   */
  constructor(transport: Transport, options: TransportWriterOptions = {}) {
    this.#transport = transport;
    this.#options = options;
    this.#high = options.highWaterMark ?? 65_536;
    this.#limit = options.limit ?? 16_777_216;
    this.#budget = options.budget;
    if (!(this.#high >= 0) || !(this.#limit >= this.#high)) {
      throw new RangeError(
        `Cannot make a writer with a high-water mark of ${this.#high} and a limit of ${this.#limit} bytes`,
      );
    }
  }

  /** How many bytes are queued or under way. */
  get queued(): number {
    return this.#queued;
  }

  /** How many bytes the transport has taken. */
  get bytesWritten(): number {
    return this.#written;
  }

  /** Whether nothing is queued and nothing is under way. */
  get idle(): boolean {
    return this.#queued === 0;
  }

  /**
   * Whether the queue is at or above the high-water mark, or not empty while the budget is tight. Whoever learns so is told by
   * `ondrain` when there is room again.
   */
  get full(): boolean {
    const queued = this.#queued;
    const full = queued >= this.#high ||
      (queued > 0 && this.#budget !== undefined && this.#budget.tight);
    // Others may have made the budget tight, since this one wrote last.
    if (full && queued > 0) this.#watch();
    return full;
  }

  /** Whether the queue was full, and has not drained since. */
  get needDrain(): boolean {
    return this.#wasFull;
  }

  /** For the budget: how many bytes it counts here. */
  get held(): number {
    return this.#counted;
  }

  /** For the budget: writing fails with `ERR_BUFFER_LIMIT`. */
  onOverBudget(): void {
    if (this.#stopped !== null) return;
    const error = new NetError(
      "Cannot write: all connections together are at their limit of queued bytes, and this one has the most",
      { code: "ERR_BUFFER_LIMIT" },
    );
    this.stop(error);
    // Whoever wrote now is not the owner, and must not run into what the owner does.
    queueMicrotask(() => this.#options.onerror?.(error));
  }

  /** Whether `stop` was called, writing failed, or everything was written after `end`. */
  get stopped(): boolean {
    return this.#stopped !== null;
  }

  /**
   * Queues `chunk`. Returns false from the high-water mark on; the bytes are queued all the same.
   *
   * @throws {NetError} `ERR_BUFFER_LIMIT` when the queue is above its hard limit already, `ERR_STREAM_WRITE_AFTER_END`
   * after `end()`, and `ERR_SOCKET_CLOSED` after `stop()`.
   */
  write(chunk: Uint8Array): boolean {
    const { length } = chunk;
    if (length < BY_REFERENCE) {
      const at = this.reserve(length);
      this.buffer.set(chunk, at);
      return this.commit(length);
    }
    this.#check();
    this.#seal();
    (this.#sealed ??= []).push(chunk);
    return this.#added(length);
  }

  /**
   * Queues bytes that must not change until they are written, whatever their size, and that other writers may have
   * queued, too: an idle writer passes them on without a copy, at the end of the turn.
   *
   * @param cost How many bytes the budget counts then: less for bytes that others count, too.
   * @throws {NetError} As `write` does.
   */
  writeUnchanged(chunk: Uint8Array, cost: number = chunk.length): boolean {
    const { length } = chunk;
    if (this.#writing || this.#queued !== 0 || length === 0) return this.write(chunk);
    this.#check();
    this.#piece = chunk;
    this.#lone = true;
    return this.#added(length, cost);
  }

  /**
   * Makes room for `max` bytes in `buffer` and returns the offset of it. Fill it and call `commit` before anything
   * else is called.
   *
   * @throws {NetError} As `write` does.
   */
  reserve(max: number): number {
    this.#check();
    if (this.#late !== null) this.settle();
    if (this.buffer.length - this.#pos < max) this.#grow(max);
    return this.#pos;
  }

  /**
   * Queues the first `n` bytes of what was reserved. Returns false from the high-water mark on.
   *
   * @throws {RangeError} When `n` is negative or more than there is room for.
   */
  commit(n: number): boolean {
    if (!(n >= 0 && n <= this.buffer.length - this.#pos)) {
      throw new RangeError(`Cannot queue ${n} bytes: they were not reserved`);
    }
    this.#pos += n;
    return this.#added(n);
  }

  /**
   * Queues `n` bytes, of what was reserved or right behind, that `late` fills when they are needed: before anything else is
   * queued, and before they leave. Meanwhile more can be queued for the same `late` to fill.
   *
   * @returns Whether they are queued: not if there is no room for them in `buffer`, or others are to be filled first.
   * @throws {NetError} As `write` does.
   */
  commitLate(n: number, late: LateBytes): boolean {
    this.#check();
    if (this.#late !== null && this.#late !== late) return false;
    if (!(n > 0 && n <= this.buffer.length - this.#pos)) return false;
    this.#late = late;
    this.#pos += n;
    this.#added(n);
    return true;
  }

  /** Has the bytes filled that were queued by `commitLate`, which may make them more. */
  settle(): void {
    const late = this.#late;
    if (late === null) return;
    this.#late = null;
    const more = late.fill();
    if (more === undefined || more.length === 0) return;
    this.#seal();
    (this.#sealed ??= []).push(more);
    this.#queued += more.length;
    this.#untold += more.length;
    const tight = this.#budget !== undefined && this.#tell(this.#budget);
    // Nobody is closed for it here: it is between two steps of a write.
    if (tight || this.#queued >= this.#high) this.#watch();
  }

  /** Holds everything back until the matching `uncork()`. Calls nest. */
  cork(): void {
    this.#corks++;
  }

  /** Ends a `cork()`; the last one writes what is queued. */
  uncork(): void {
    if (this.#corks > 0 && --this.#corks === 0 && this.#queued > 0) this.flush();
  }

  /** Writes what is queued now, unless a write is under way: then it follows at once. Corks do not hold it. */
  flush(): void {
    if (this.#prepare()) this.#hand();
  }

  /**
   * Waits until the queue is below the high-water mark: at once when it is.
   *
   * @throws {NetError} `ETIMEDOUT` or `ABORT_ERR`, or what stopped the writer.
   */
  drained(options: WaitOptions = {}): Promise<void> {
    if (this.#stopped !== null) return Promise.reject(this.#stopped.error);
    if (!this.full || this.#queued === 0) return Promise.resolve();
    this.#watch();
    return this.#wait(this.#drainWaiters ??= new Set(), 0, "wait for the queue to drain", options);
  }

  /**
   * Waits until all that is queued now has been written.
   *
   * @throws {NetError} `ETIMEDOUT` or `ABORT_ERR`, or what stopped the writer; nothing after an `end()` that went well.
   */
  flushed(options: WaitOptions = {}): Promise<void> {
    if (this.#stopped !== null && !this.#ended) return Promise.reject(this.#stopped.error);
    if (this.#queued === 0) return Promise.resolve();
    this.settle();
    const at = this.#written + this.#queued;
    return this.#wait(this.#waiters ??= new Set(), at, "wait for the queue to be written", options);
  }

  /**
   * Writes what is queued, corked or not, and then ends the writing direction. A second call gives the same promise.
   *
   * @throws {NetError} What stopped the writer.
   */
  end(): Promise<void> {
    if (this.#stopped !== null) {
      return this.#ending?.promise ?? Promise.reject(this.#stopped.error);
    }
    if (this.#ending === null) {
      this.#ending = Promise.withResolvers();
      this.#ending.promise.catch(() => {});
      if (!this.#writing && this.#queued === 0) this.#finish();
      else this.flush();
    }
    return this.#ending.promise;
  }

  /** Drops what is queued and lets nothing more in; who waits gets `error`. A second call does nothing. */
  stop(error?: unknown): void {
    if (this.#stopped !== null) return;
    const reason = error ?? new NetError("Cannot write: closed", { code: "ERR_SOCKET_CLOSED" });
    this.#stopped = { error: reason };
    // Whoever would have filled them must know that it is over.
    this.#late?.fill();
    this.#late = null;
    if (this.#lone) {
      this.#lone = false;
      this.#piece = EMPTY;
    }
    this.#sealed = this.#left = null;
    this.buffer = EMPTY;
    this.#start =
      this.#pos =
      this.#queued =
      this.#untold =
        0;
    if (this.#counted > 0) this.#giveBack();
    if (this.#wasFull) this.#budget?.unwatch(this);
    this.#ending?.reject(reason);
    for (const waiters of [this.#waiters, this.#drainWaiters]) {
      if (waiters !== null) { for (const waiter of waiters) waiter.reject(reason); }
    }
    this.#waiters = this.#drainWaiters = null;
  }

  /**
   * Begins to write what is queued, unless a write is under way or it is corked, and stops. Nothing follows that write.
   *
   * @returns When that write, or the first of all that is still under way, has come back, well or not; undefined if there is neither.
   */
  stopBehindFlush(error?: unknown): Promise<void> | undefined {
    const before = this.#writing;
    if (this.#corks === 0) this.flush();
    // A connection that has just come takes its first write a moment later; any other one under way is held up by the peer.
    const passing = this.#writing && (!before || this.#written === 0);
    this.stop(error);
    if (!passing) return undefined;
    return new Promise((resolve) => {
      this.#cameBack = resolve;
    });
  }

  /** Whether more can be queued. It comes behind what is there. */
  #check(): void {
    if (this.#lone) {
      this.#lone = false;
      this.#sealed = [this.#piece];
      this.#piece = EMPTY;
    }
    if (this.#stopped !== null && !this.#ended) {
      const { error } = this.#stopped;
      if (error instanceof NetError && error.code === "ERR_BUFFER_LIMIT") throw error;
      throw new NetError("Cannot write: closed", {
        code: "ERR_SOCKET_CLOSED",
        cause: this.#stopped.error,
      });
    }
    if (this.#ending !== null) {
      throw new NetError("Cannot write: after end", { code: "ERR_STREAM_WRITE_AFTER_END" });
    }
    if (this.#queued > this.#limit) {
      throw new NetError(
        `Cannot write: ${this.#queued} bytes are queued, above the limit of ${this.#limit}`,
        { code: "ERR_BUFFER_LIMIT" },
      );
    }
  }

  #added(n: number, cost: number = n): boolean {
    const queued = this.#queued += n;
    const untold = this.#untold += cost;
    const tight = this.#budget !== undefined && (this.#corks === 0 || untold >= TELL_AT) &&
      this.#tell(this.#budget);
    if (!this.#writing && !this.#scheduled && this.#corks === 0 && queued > 0) {
      this.#scheduled = true;
      const count = TransportWriter.#dirtyCount++;
      TransportWriter.#dirty[count] = this;
      if (count === 0) queueMicrotask(TransportWriter.#flushDirty);
    }
    if ((queued < this.#high && !tight) || queued === 0) return true;
    this.#fill();
    return false;
  }

  #tell(budget: Budget): boolean {
    const untold = this.#untold;
    this.#untold = 0;
    this.#counted += untold;
    return budget.add(untold);
  }

  /** What is gone was counted first: what the budget is still to be told of is not counted yet. */
  #giveBack(): void {
    const counted = this.#counted;
    this.#counted = this.#queued - this.#untold;
    this.#budget!.remove(counted - this.#counted);
  }

  /** The queue is long, or too long for the budget. */
  #fill(): void {
    this.#watch();
    if (this.#budget?.full) this.#budget.relieve();
  }

  #watch(): void {
    if (this.#wasFull) return;
    this.#wasFull = true;
    this.#budget?.watch(this);
  }

  /** Closes the open part of the join buffer, so that something can be queued behind it. */
  #seal(): void {
    if (this.#late !== null) this.settle();
    if (this.#pos > this.#start) {
      (this.#sealed ??= []).push(this.buffer.subarray(this.#start, this.#pos));
      this.#start = this.#pos;
    }
  }

  #grow(max: number): void {
    const old = this.buffer;
    const open = this.#pos - this.#start;
    const free = old.length > 0 && this.#queued === open && !this.#writing && this.#start === 0;
    if (open > 0 && open + max > JOIN_MAX) {
      this.#seal();
      this.#leave(old);
      this.buffer = takeJoinBuffer(max);
      this.#start = this.#pos = 0;
      return;
    }
    this.buffer = takeJoinBuffer(open + max);
    if (open > 0) this.buffer.set(old.subarray(this.#start, this.#pos));
    if (free) giveJoinBuffer(old);
    else if (old.length > 0) this.#leave(old);
    this.#start = 0;
    this.#pos = open;
  }

  /** A join buffer is left: it can be used again when all that is queued now has been written. */
  #leave(buffer: Uint8Array): void {
    (this.#left ??= []).push({ buffer, at: this.#written + this.#queued });
  }

  /** The next piece to be written; small neighbours joined. */
  #next(): Uint8Array {
    if (this.#late !== null) this.settle();
    if (this.#sealed === null) {
      const piece = this.buffer.subarray(this.#start, this.#pos);
      this.#start = this.#pos;
      return piece;
    }
    this.#seal();
    const sealed = this.#sealed;
    let count = 0;
    let size = 0;
    while (count < sealed.length && size + sealed[count].length <= JOIN_MAX) {
      size += sealed[count++].length;
    }
    if (count < 2) {
      if (sealed.length === 1) this.#sealed = null;
      return sealed.shift()!;
    }
    // One write of a copy costs less than a write for each.
    const joined = takeJoinBuffer(size);
    let at = 0;
    for (let i = 0; i < count; i++) {
      joined.set(sealed[i], at);
      at += sealed[i].length;
    }
    if (count === sealed.length) this.#sealed = null;
    else sealed.splice(0, count);
    this.#leave(joined);
    return joined.subarray(0, size);
  }

  #run(piece: Uint8Array): void {
    this.#piece = piece;
    this.#hand();
  }

  /** Makes ready what `flush` writes. Returns whether there is something to be handed over now. */
  #prepare(): boolean {
    if (this.#late !== null) this.settle();
    if (this.#untold > 0 && this.#budget !== undefined && this.#tell(this.#budget)) this.#fill();
    this.#flushTo = this.#written + this.#queued;
    if (this.#writing || this.#queued === 0) return false;
    this.#writing = true;
    if (this.#lone) this.#lone = false;
    else this.#piece = this.#next();
    if (this.#slot === null) {
      const slot = this.#slot = TransportWriter.#slots.pop() ?? TransportWriter.#makeSlot();
      slot.writer = this;
    }
    return true;
  }

  /** Hands the piece to the transport. Callbacks that are used again, instead of an async function: it is the hot path. */
  #hand(): void {
    const slot = this.#slot!;
    this.#issue().then(slot.onTaken, slot.onFailed);
  }

  /** Begins to write the piece, or a part of it. */
  #issue(): Promise<number> {
    const piece = this.#piece;
    const { length } = piece;
    try {
      return this.#transport.write(
        length > MAX_WRITE ? piece.subarray(0, portion(length)) : piece,
      );
    } catch (error) {
      // Told as any other failure is: its listeners must not run between the writes of others.
      return Promise.reject(error);
    }
  }

  #failed(error: unknown): void {
    this.#writing = false;
    this.#piece = EMPTY;
    this.#slot = null;
    if (this.#stopped !== null) {
      this.#cameBack?.();
      return;
    }
    this.stop(error);
    this.#options.onerror?.(error);
  }

  #taken(n: number): void {
    if (this.#stopped !== null) {
      // It was under way then: it has left all the same.
      if (n > 0 && n <= this.#piece.length) this.#written += n;
      this.#cameBack?.();
      return;
    }
    const piece = this.#piece;
    try {
      this.#count(takenCount(n, portion(piece.length)));
    } catch (error) {
      return this.#failed(error);
    }
    if (this.#stopped !== null) return;
    if (n < piece.length) return this.#run(piece.subarray(n));
    if (this.#queued > 0) {
      const held = this.#corks > 0 && this.#ending === null && this.#written >= this.#flushTo;
      if (!held) return this.#run(this.#next());
      this.#writing = false;
      this.#piece = EMPTY;
      return;
    }
    this.#rest();
    if (this.#ending !== null) this.#finish();
  }

  /** All is written: an idle writer holds no buffer and no slot. */
  #rest(): void {
    this.#writing = false;
    this.#piece = EMPTY;
    const slot = this.#slot!;
    this.#slot = slot.writer = null;
    if (TransportWriter.#slots.length < MAX_SLOTS) TransportWriter.#slots.push(slot);
    if (this.buffer.length > 0) {
      giveJoinBuffer(this.buffer);
      this.buffer = EMPTY;
      this.#start = this.#pos = 0;
    }
    if (this.#left !== null) {
      for (const { buffer } of this.#left) giveJoinBuffer(buffer);
      this.#left = null;
    }
  }

  /** Counts what was written, and tells who waits for it. */
  #count(n: number): void {
    this.#written += n;
    this.#queued -= n;
    if (this.#untold > this.#queued) this.#untold = this.#queued;
    if (this.#counted + this.#untold > this.#queued) this.#giveBack();
    if (this.#left !== null) this.#reuse(this.#left);
    if (this.#waiters !== null) this.#settle(this.#waiters);
    if (this.#wasFull && this.#queued <= this.#high / 2) {
      this.#wasFull = false;
      this.#budget?.unwatch(this);
      const waiters = this.#drainWaiters;
      this.#drainWaiters = null;
      if (waiters !== null) { for (const waiter of waiters) waiter.resolve(); }
      this.#options.ondrain?.();
      if (this.#stopped !== null) return;
    }
    this.#options.onwritten?.(this.#written);
  }

  #settle(waiters: Set<Waiter>): void {
    for (const waiter of waiters) {
      if (waiter.at > this.#written) return;
      waiters.delete(waiter);
      waiter.resolve();
    }
    this.#waiters = null;
  }

  #reuse(left: { buffer: Uint8Array; at: number }[]): void {
    while (left.length > 0 && left[0].at <= this.#written) giveJoinBuffer(left.shift()!.buffer);
    if (left.length === 0) this.#left = null;
  }

  async #finish(): Promise<void> {
    const ending = this.#ending!;
    try {
      await this.#transport.closeWrite();
    } catch (error) {
      if (this.#stopped !== null) return;
      // The peer has reset the connection, which reading tells: there is nothing left to end.
      if (!isNotConnected(error)) {
        this.stop(error);
        this.#options.onerror?.(error);
        return;
      }
    }
    if (this.#stopped !== null) return;
    this.#ended = true;
    ending.resolve();
    this.stop(new NetError("Cannot write: after end", { code: "ERR_STREAM_WRITE_AFTER_END" }));
  }

  #wait(list: Set<Waiter>, at: number, what: string, options: WaitOptions): Promise<void> {
    const deadline = deadlineSignal(what, options);
    return new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        at,
        resolve: () => {
          deadline.clear();
          resolve();
        },
        reject: (error) => {
          deadline.clear();
          reject(error);
        },
      };
      deadline.onfire((error) => {
        list.delete(waiter);
        reject(error);
      });
      if (!deadline.fired) list.add(waiter);
    });
  }
}

/** How much of `length` bytes is handed over at once: equal parts, so that none is small. */
function portion(length: number): number {
  return length > MAX_WRITE ? Math.ceil(length / Math.ceil(length / MAX_WRITE)) : length;
}

function isNotConnected(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === "NotConnected" || (error as { code?: unknown }).code === "ENOTCONN";
}
