// Floor 3: driver.
import { delivery } from "./_delivery.ts";
import { heapBallast } from "./_heap_ballast.ts";
import { heapTrim } from "./_heap_trim.ts";
import type { Place } from "./_line.ts";
import { ReadTurns } from "./_read_turns.ts";
import type { Transport } from "./transport.ts";

/**
 * Who gets what a {@linkcode TransportReader} reads. The calls are synchronous and in order; after `end` or `error`
 * there are none, but for an `error` with what `end` threw.
 */
export interface TransportSink {
  /** Bytes came. They are the receiver's: the reader never writes them again (unless `rewind` is called), so views may be kept, handed on or changed in place. */
  data(chunk: Uint8Array): void;
  /** The peer ended its direction. */
  end(): void;
  /** Reading failed, or `data` or `end` threw this. Must not throw. */
  error(error: unknown): void;
}

/** Options of a {@linkcode TransportReader}. */
export interface TransportReaderOptions {
  /**
   * The size of the first and of the smallest read buffer, in bytes. What an idle connection holds.
   *
   * @default {512}
   */
  minSlab?: number;
  /**
   * The size of the largest read buffer, in bytes.
   *
   * @default {262144}
   */
  maxSlab?: number;
  /**
   * Makes a slab, where it shall be of a class of its own, for example `Buffer`.
   *
   * @default {`new Uint8Array(size)`}
   */
  allocate?(size: number): Uint8Array;
}

const NOTHING = new Uint8Array(0);
/** A slab that lasted longer than this was too large for the traffic, in ms. */
const LONG = 1000;
/** When `QUICK_SLABS` slabs in a row are used up faster than this, each, the next one is larger, in ms. */
const SHORT = 100;
/** How many. What comes of a handshake alone shall not make an idle connection dear. */
const QUICK_SLABS = 3;
/** Slabs for small reads grow at least to this, in bytes. */
const SMALL_READS = 4096;
/** Slabs up to this don't count as large, in bytes. */
const NOT_LARGE = 16_384;
/**
 * How many bytes are read at once at most. A longer read holds the connection's lock while the peer wants to send on,
 * and brings more than the processor's cache holds until it is looked at.
 */
const MAX_READ = 278_528;
/** How many reads of the usual size a slab shall hold; a TLS connection reads 16 KiB at most. */
const READS_PER_SLAB = 8;
/** The same for reads that are small enough for it: making a slab costs as much as ten of them. */
const SMALL_READS_PER_SLAB = 16;
/**
 * How many bytes all slabs above `NOT_LARGE` may hold together. A read under way can't be called back, so a
 * connection that goes quiet after a burst keeps its large slab: this bounds what many such connections cost.
 */
const LARGE_LIMIT = 67_108_864;
let large = 0;
let readOn: (reader: TransportReader) => void;
const turns = new ReadTurns<TransportReader>((reader) => readOn(reader));

/**
 * Drives `transport.read` in a loop and hands what comes to a sink, synchronously, as views into a slab.
 *
 * The slab starts small, grows while reads fill it or use it up quickly, and shrinks again when the connection goes
 * quiet. All large slabs together take at most 64 MiB; with more connections than that allows, some read in smaller
 * ones. Bytes once handed out are never written again: reading goes on behind them, and in a new slab when the old
 * one is used up. A view that is kept keeps its slab (up to `maxSlab` bytes) alive: copy what is to live long.
 *
 * `pause()` stops reading from the transport, so that the peer is pushed back; at most one read that was under way
 * still delivers. A sink that throws stops the reader and gets the exception through `error`.
 *
 * @example
 * ```ts
 * import { pair, TransportReader } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const [a, b] = pair();
 * const got = Promise.withResolvers<string>();
 * let text = "";
 * new TransportReader(b, {
 *   data: (chunk) => text += new TextDecoder().decode(chunk),
 *   end: () => got.resolve(text),
 *   error: got.reject,
 * }).start();
 * await a.write(new TextEncoder().encode("hello"));
 * await a.closeWrite();
 * assertEquals(await got.promise, "hello");
 * a.close();
 * b.close();
 * ```
 */
export class TransportReader {
  static {
    readOn = (reader) => {
      reader.#place = null;
      reader.#goOn();
    };
  }

  readonly #transport: Transport;
  #sink: TransportSink;
  readonly #min: number;
  readonly #max: number;
  readonly #allocate: ((size: number) => Uint8Array) | undefined;
  #slab: Uint8Array | null = null;
  /** The slab's memory: to ask the slab for it takes longer. */
  #bytes: ArrayBufferLike = NOTHING.buffer;
  #pos = 0;
  #size: number;
  #born = 0;
  #last = 0;
  #reads = 0;
  #quick = 0;
  #usual = 0;
  #expected = 0;
  #lent: Uint8Array | null = null;
  /** How much is being read, and into what if that was lent. */
  #asked = 0;
  #intoLent: Uint8Array | null = null;
  #onRead: ((n: number | null) => void) | null = null;
  #onFailed: ((error: unknown) => void) | null = null;
  #kept = false;
  #state: 0 | 1 | 2 = 0; // 0 not reading, 1 loop under way, 2 stopped for good
  #paused = false;
  #held: Uint8Array | "end" | { error: unknown } | null = null;
  #bytesRead = 0;
  /** Where it waits for its turn. */
  #place: Place<TransportReader> | null = null;

  /** Makes a reader of `transport`; nothing is read before `start()`. */
  constructor(transport: Transport, sink: TransportSink, options: TransportReaderOptions = {}) {
    this.#transport = transport;
    this.#sink = sink;
    this.#min = options.minSlab ?? 512;
    this.#max = options.maxSlab ?? 262_144;
    if (!(this.#min >= 16 && this.#max >= this.#min)) {
      throw new RangeError(
        `Cannot read with slabs of ${this.#min} to ${this.#max} bytes: at least 16, and in order`,
      );
    }
    this.#size = this.#min;
    this.#allocate = options.allocate;
    heapTrim.opened();
  }

  /** Whether reading is paused. */
  get paused(): boolean {
    return this.#paused;
  }

  /** How many bytes were delivered to the sink. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Delivers to another sink from now on: what a read under way brings, too. */
  redirect(sink: TransportSink): void {
    this.#sink = sink;
  }

  /**
   * Tells how many bytes more belong to those that were delivered last: of a large message, for example. If the slab
   * has room for them, they are read behind the others, so that all of it lies in one place. It holds for one read.
   */
  expect(bytes: number): void {
    this.#expected = bytes;
  }

  /** Whether `bytes` more can be read behind those that were delivered last. */
  fits(bytes: number): boolean {
    return this.#slab !== null && this.#slab.length - this.#pos >= bytes;
  }

  /**
   * Has the next bytes read into `buffer`, and delivered as views of it, until it is full; the slabs follow again then.
   * For the rest of a large message, which is so read to where it belongs.
   */
  lend(buffer: Uint8Array): void {
    if (this.#state === 2) return;
    this.#lent = buffer.length === 0 ? null : buffer;
    heapBallast.passed(buffer.length);
  }

  /** Whether these are the last bytes that were delivered, or their end. */
  isLast(chunk: Uint8Array): boolean {
    const slab = this.#slab;
    return slab !== null && chunk.buffer === slab.buffer &&
      chunk.byteOffset + chunk.length === slab.byteOffset + this.#pos;
  }

  /** Somebody may hold views of this slab: its bytes are not written again. */
  keep(): void {
    this.#kept = true;
  }

  /**
   * Nobody holds what was delivered from this slab, but for its last `held` bytes: they are moved to its start, and
   * reading goes on behind them. So a slab serves as long as nothing of it is handed on.
   *
   * @param chunk What was delivered last.
   * @returns Where the bytes are now; `undefined` if nothing was moved, after {@linkcode TransportReader.keep | keep} for example.
   */
  rewind(chunk: Uint8Array, held: number): Uint8Array | undefined {
    const slab = this.#slab;
    const pos = this.#pos;
    if (this.#kept || slab === null || !this.isLast(chunk)) return undefined;
    // A larger slab is wanted: the next one.
    if (this.#size > slab.length) return undefined;
    this.#pos = held;
    if (held === 0) return NOTHING;
    slab.copyWithin(0, pos - held, pos);
    return slab.subarray(0, held);
  }

  /** Begins to read. A second call does nothing. */
  start(): void {
    if (this.#state === 0 && !this.#paused) {
      this.#state = 1;
      this.#read();
    }
  }

  /** Delivers nothing more and stops reading until `resume()`. What a read under way brings is kept until then. */
  pause(): void {
    this.#paused = true;
  }

  /** Goes on after `pause()`; delivers what was kept meanwhile first. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#state === 1 && this.#held !== null) this.#release();
    else this.start();
  }

  /** Stops for good and lets go of the buffers. The transport stays open: closing it ends the read under way. */
  stop(): void {
    this.#state = 2;
    this.#held = this.#lent = null;
    if (this.#place !== null) turns.leave(this.#place);
    this.#place = null;
    this.#drop();
    if (large === 0) heapBallast.release();
  }

  /** Begins a read. Callbacks that are made once, instead of an async function: it is the hot path. */
  #read(): void {
    this.#onRead ??= (n) => this.#came(n);
    this.#onFailed ??= (error) => this.#failed(error);
    try {
      const lent = this.#intoLent = this.#lent;
      const window = lent === null ? this.#window() : upTo(lent, MAX_READ);
      this.#asked = window.length;
      this.#transport.read(window).then(this.#onRead, this.#onFailed);
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#deliver({ error });
  }

  /** A read brought `n` bytes, or the end. */
  #came(n: number | null): void {
    heapTrim.reads++;
    if (--turns.left < 0) {
      this.#cameInTurn(n);
      return;
    }
    if (n === null) {
      this.#deliver("end");
      return;
    }
    if (n === 0 || this.#take(n)) this.#goOn();
  }

  /** The same where it is looked at how many read, or they do it in turns. */
  #cameInTurn(n: number | null): void {
    turns.came(this);
    if (n === null) this.#deliver("end");
    else if (n !== 0 && !this.#take(n)) return;
    else if (turns.crowded && this.#state === 1) this.#place = turns.wait(this);
    else this.#goOn();
  }

  /** Delivers what was read. Returns whether reading goes on. */
  #take(n: number): boolean {
    const lent = this.#intoLent;
    if (lent !== null) {
      this.#intoLent = null;
      this.#lent = n === lent.length ? null : lent.subarray(n);
      return this.#deliver(lent.subarray(0, n));
    }
    const slab = this.#slab;
    if (slab === null) return true;
    const at = this.#pos;
    this.#learn(n, this.#asked);
    return this.#deliver(
      this.#allocate === undefined ? new Uint8Array(this.#bytes, at, n) : slab.subarray(at, at + n),
    );
  }

  /** The rest of the slab where it is long enough for what usually comes, or else a new slab. */
  #window(): Uint8Array {
    const slab = this.#slab;
    if (slab !== null && slab.length <= this.#size) {
      const pos = this.#pos;
      if (pos === 0) return upTo(slab, MAX_READ);
      const rest = slab.length - pos;
      const expected = this.#expected;
      this.#expected = 0;
      const fits = expected > 0 && rest >= expected;
      // Half of the longest read is enough: a slab that is used to its end can be rewound.
      const wanted = Math.min(this.#usual * 1.1, MAX_READ / 2);
      if (fits || (rest >= 64 && rest >= wanted)) {
        return new Uint8Array(this.#bytes, slab.byteOffset + pos, Math.min(rest, MAX_READ));
      }
      this.#resize(Date.now() - this.#born);
    }
    this.#drop();
    let size = this.#size;
    if (size > NOT_LARGE && large + size > LARGE_LIMIT) size = NOT_LARGE;
    const fresh = this.#slab = this.#allocate?.(size) ?? new Uint8Array(size);
    this.#bytes = fresh.buffer;
    if (fresh.length > NOT_LARGE) {
      large += fresh.length;
      heapBallast.passed(fresh.length);
    } else {
      // Slabs of the smallest size are those of quiet connections, which stay.
      if (size > this.#min) heapBallast.passedSmall(fresh.length);
      if (large === 0) heapBallast.release();
    }
    this.#pos = 0;
    this.#kept = false;
    this.#reads = 0;
    this.#born = this.#last = Date.now();
    return upTo(fresh, MAX_READ);
  }

  #drop(): void {
    if (this.#slab !== null && this.#slab.length > NOT_LARGE) large -= this.#slab.length;
    this.#slab = null;
    this.#bytes = NOTHING.buffer;
  }

  /** A slab was used up in `age` ms: the next one is larger, as large, or smaller. */
  #resize(age: number): void {
    if (age < SHORT) {
      const usual = this.#usual;
      const wanted = Math.max(
        SMALL_READS,
        Math.min(usual * SMALL_READS_PER_SLAB, NOT_LARGE),
        usual * READS_PER_SLAB,
      );
      if (++this.#quick >= QUICK_SLABS && this.#size < wanted) {
        this.#size = Math.min(this.#max, this.#size * 4, wanted);
      }
      return;
    }
    this.#quick = 0;
    if (age > LONG) this.#size = Math.max(this.#min, this.#size >> 1);
  }

  #learn(n: number, asked: number): void {
    this.#pos += n;
    const reads = ++this.#reads;
    this.#usual = n > this.#usual ? n : this.#usual - ((this.#usual - n) >> 3);
    if (n === asked && asked >= this.#size >> 1) {
      this.#size = Math.min(this.#max, this.#size * 4);
    } else if ((reads & 3) === 0 && this.#size > this.#min) {
      // Looked at now and then only: the time is dear on this path.
      const now = Date.now();
      if (now - this.#last > LONG) {
        // The connection has become quiet: go on with the smallest slab.
        this.#size = this.#min;
        this.#usual = 0;
      }
      this.#last = now;
    }
  }

  /** Hands an event to the sink, or keeps it while paused. Returns whether the loop goes on. */
  #deliver(event: Uint8Array | "end" | { error: unknown }): boolean {
    if (this.#state !== 1) return false;
    if (this.#paused) {
      this.#held = event;
      return false;
    }
    let failure: { error: unknown };
    try {
      if (event instanceof Uint8Array) {
        this.#bytesRead += event.length;
        delivery.reader = this;
        delivery.chunk = event;
        this.#sink.data(event);
        delivery.reader = delivery.chunk = null;
        return true;
      }
      this.stop();
      if (event === "end") {
        this.#sink.end();
        return false;
      }
      failure = event;
    } catch (error) {
      delivery.reader = delivery.chunk = null;
      this.stop();
      failure = { error };
    }
    this.#sink.error(failure.error);
    return false;
  }

  #release(): void {
    const event = this.#held!;
    this.#held = null;
    if (this.#deliver(event)) this.#goOn();
  }

  /** Reads on, if it was not stopped or paused meanwhile. */
  #goOn(): void {
    if (this.#state !== 1) return;
    if (this.#paused) this.#state = 0;
    else this.#read();
  }
}

/** The first `max` bytes, or all of them if there are no more. */
function upTo(bytes: Uint8Array, max: number): Uint8Array {
  return bytes.length > max ? bytes.subarray(0, max) : bytes;
}
