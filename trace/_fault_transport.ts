// Floor 3: driver.
import type { Clock } from "../net/clock.ts";
import { NetError } from "../net/errors.ts";
import type { Transport, TransportAddr } from "../net/transport.ts";
import type { TraceFaults } from "./tracer_options.ts";

/** The most bytes that are on their way, when they are delayed. */
const ON_THE_WAY = 1 << 20;
/** With a limited rate, bytes are written in pieces of so many ms. */
const SLICE = 50;

/** Decides when what comes may go on. */
export class Pace {
  readonly #delay: number;
  readonly #rate: number;
  #free = -Infinity;

  constructor({ delay = 0, rate = Infinity }: TraceFaults) {
    this.#delay = delay;
    this.#rate = rate;
  }

  /** The most bytes that should go at once. */
  get slice(): number {
    return Math.max(1, Math.floor(this.#rate * SLICE / 1000));
  }

  /** When `size` bytes that come at `now` are due. */
  due(size: number, now: number): number {
    const start = Math.max(now, this.#free);
    this.#free = start + size / this.#rate * 1000;
    // A slow line is busy with the bytes until they have gone through.
    return this.#free + this.#delay;
  }
}

interface Piece {
  bytes: Uint8Array;
  due: number;
}

/** A transport whose writing is disturbed: late, slow, in small pieces, and up to a certain byte only. What is written arrives whole and in order. */
export class FaultTransport implements Transport {
  readonly #inner: Transport;
  readonly #clock: Clock;
  readonly #pace: Pace;
  readonly #split: number;
  readonly #room: number;
  readonly #delays: boolean;
  readonly #oncut: () => void;
  #uncut: number;
  #pieces: Piece[] = [];
  #queued = 0;
  #running = false;
  #closed = false;
  #error: unknown;
  #wake: (() => void) | null = null;
  #timer: unknown;
  #changed = Promise.withResolvers<void>();

  /** @param oncut Called when the direction has reached `cutAfter`. */
  constructor(inner: Transport, faults: TraceFaults, clock: Clock, oncut: () => void) {
    const { delay = 0, split = Infinity, cutAfter = Infinity } = faults;
    this.#inner = inner;
    this.#clock = clock;
    this.#pace = new Pace(faults);
    this.#split = Math.min(split, this.#pace.slice);
    this.#delays = delay > 0;
    // Without a delay a piece has to be written before the next one is taken.
    this.#room = this.#delays ? ON_THE_WAY : 0;
    this.#uncut = cutAfter;
    this.#oncut = oncut;
  }

  get localAddr(): TransportAddr {
    return this.#inner.localAddr;
  }

  get remoteAddr(): TransportAddr {
    return this.#inner.remoteAddr;
  }

  read(p: Uint8Array): Promise<number | null> {
    return this.#inner.read(p);
  }

  async write(p: Uint8Array): Promise<number> {
    this.#check();
    if (p.length === 0) return 0;
    const size = Math.min(p.length, this.#split, this.#uncut);
    if (size > 0) {
      const part = p.subarray(0, size);
      const due = this.#pace.due(size, this.#clock.now());
      // Whoever writes may use the bytes again as soon as they are taken.
      this.#pieces.push({ bytes: this.#delays ? part.slice() : part, due });
      this.#queued += size;
      this.#uncut -= size;
    }
    const cut = this.#uncut === 0;
    if (!this.#running) void this.#run();
    while (this.#queued > (cut ? 0 : this.#room)) await this.#change();
    this.#check();
    if (cut) {
      // Never within the call: who writes has yet to tell of what is written.
      await null;
      this.#check();
      this.#closed = true;
      this.#oncut();
      throw new NetError("Cannot write: cut, as asked for", { code: "ERR_SOCKET_CLOSED" });
    }
    return size;
  }

  async closeWrite(): Promise<void> {
    await this.drained();
    await this.#inner.closeWrite();
  }

  /** Whether it is here that bytes wait, and not for the other side to take them. */
  get holds(): boolean {
    return this.#pieces.length > 0 && this.#pieces[0].due > this.#clock.now();
  }

  /** Resolves when all that was taken has been written, and what comes now would be due. */
  async drained(): Promise<void> {
    this.#check();
    if (this.#delays) {
      // The end is on its way as long as bytes are.
      this.#pieces.push({
        bytes: new Uint8Array(0),
        due: this.#pace.due(0, this.#clock.now()),
      });
      if (!this.#running) void this.#run();
    }
    while (this.#pieces.length > 0) await this.#change();
    this.#check();
  }

  close(): void {
    this.#closed = true;
    this.#pieces = [];
    this.#queued = 0;
    this.#clock.clearTimeout(this.#timer);
    this.#wake?.();
    this.#tell();
    this.#inner.close();
  }

  #check(): void {
    if (this.#error !== undefined) throw this.#error;
    if (this.#closed) throw new NetError("Cannot write: closed", { code: "ERR_SOCKET_CLOSED" });
  }

  async #change(): Promise<void> {
    await this.#changed.promise;
    this.#check();
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      for (let piece; (piece = this.#pieces[0]) !== undefined;) {
        await this.#until(piece.due);
        for (let { bytes } = piece; bytes.length > 0 && !this.#closed;) {
          bytes = bytes.subarray(await this.#inner.write(bytes));
        }
        if (this.#closed) return;
        this.#pieces.shift();
        this.#queued -= piece.bytes.length;
        this.#tell();
      }
    } catch (error) {
      this.#error ??= error;
      this.#tell();
    } finally {
      this.#running = false;
    }
  }

  #until(due: number): Promise<void> {
    const ms = due - this.#clock.now();
    if (!(ms > 0) || this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#timer = this.#clock.setTimeout(resolve, ms);
    });
  }
}
