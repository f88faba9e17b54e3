// Floor 3: driver.
import { Buffer } from "node:buffer";
import type { CloseTeller } from "./_close_watch.ts";
import { delivery } from "./_delivery.ts";
import { TakenOver } from "./_taken_over.ts";
import type { Budget } from "./budget.ts";
import { TransportReader, type TransportSink } from "./reader.ts";
import type { Transport } from "./transport.ts";

/** Who reads a socket: one style at a time, for the connection's whole life. */
export type ReadStyle = "events" | "stream" | "iterator";

const STYLE_NAMES: Record<ReadStyle, string> = {
  events: 'by "data" events',
  stream: "through `readable`",
  iterator: "by `for await`",
};

/** What {@linkcode Incoming} tells its socket. None of it throws. */
export interface IncomingOwner {
  /** Something came. */
  onactivity(): void;
  /** Chunks flow again, or for the first time; before the first of them. */
  onflow(): void;
  /** A chunk, while it flows. */
  ondata(chunk: Uint8Array): void;
  /** The peer ended, and all it sent has been taken. */
  onend(): void;
  /** Reading failed. */
  onreadfail(error: unknown): void;
}

interface Waiter {
  resolve(chunk: Uint8Array | null): void;
  reject(error: unknown): void;
}

const allocate = (size: number): Uint8Array => Buffer.from(new ArrayBuffer(size));

/**
 * The reading side of a socket. Until somebody reads, it takes one chunk from the transport and holds it, so that the
 * peer is pushed back but an end without data is noticed.
 *
 * Who pulls chunks (`take`, `next`) is told of the end when it asks for what comes after the last chunk, and only then
 * is the owner told: a loop that answers each chunk has answered the last one by then.
 */
export class Incoming implements TransportSink {
  /**
   * For the socket: told when this connection has closed, by a call that `removeAllListeners` does not take away. It is kept here
   * because the socket may be connected anew before that.
   */
  watcher: CloseTeller | null = null;
  readonly #owner: IncomingOwner;
  #reader: TransportReader | null = null;
  #before = 0;
  #style: ReadStyle | null = null;
  #waiter: Waiter | null = null;
  #flowing = false;
  /** Whether flowing is about to be told of. */
  #starting = false;
  #held: Uint8Array | null = null;
  /** How many bytes came that went to nobody. */
  #unread = 0;
  /** What counts the bytes that are held. */
  #budget: Budget | undefined;
  #eof = false;
  #done = false;
  #stopped: { error: unknown } | null = null;

  constructor(owner: IncomingOwner) {
    this.#owner = owner;
  }

  /** How many bytes came. */
  get bytesRead(): number {
    return this.#before + (this.#reader?.bytesRead ?? 0);
  }

  /** Whether chunks go to the owner as they come. */
  get flowing(): boolean {
    return this.#flowing;
  }

  /** Whether chunks go to the owner, now or when it flows again. */
  get byEvents(): boolean {
    return this.#style === "events";
  }

  /** How many bytes are held. */
  get held(): number {
    return this.#held?.length ?? 0;
  }

  /** Whether anything that came was taken. */
  get everRead(): boolean {
    return this.bytesRead > this.#unread + this.held;
  }

  /** Whether somebody waits for the next chunk. */
  get awaited(): boolean {
    return this.#waiter !== null;
  }

  /** Whether the owner was told of the end. */
  get done(): boolean {
    return this.#done;
  }

  /** Says how the socket is read. @throws {TypeError} When it is read in another style already. */
  claim(style: ReadStyle): void {
    if (this.#style === style) return;
    if (this.#style !== null) {
      throw new TypeError(
        `Cannot read the socket ${STYLE_NAMES[style]}: it is read ${STYLE_NAMES[this.#style]}`,
      );
    }
    this.#style = style;
  }

  /** Says what to read from; nothing is read before `begin`, or before somebody reads. */
  attach(transport: Transport, budget?: Budget): void {
    this.#budget = budget;
    this.#reader = new TransportReader(transport, this, { allocate });
    if (!this.#flowing && this.#waiter === null) this.#reader.pause();
    this.#reader.start();
  }

  /**
   * Lets go of the transport, for somebody who goes on reading it: what comes from now on, and what is held, goes there.
   * To be followed by another `attach`.
   */
  handOver(transport: Transport): Transport {
    const taken = new TakenOver(transport, this.#reader!, this.#held);
    this.#before = this.bytesRead;
    this.#reader = null;
    this.#unread += this.#letGo()?.length ?? 0;
    return taken;
  }

  /** Takes the first chunk, or the end, although nobody reads yet. */
  begin(): void {
    if (this.#held === null) this.#reader?.resume();
  }

  /** Gives chunks to the owner as they come, from the next turn on, what is held first. */
  flow(): void {
    if (this.#flowing) return;
    this.#flowing = true;
    if (this.#starting) return;
    this.#starting = true;
    queueMicrotask(() => this.#drain());
  }

  /**
   * Holds chunks back, and the peer with them; who waits for a chunk gets it all the same. A read that is under way goes
   * on: what it brings is held and counted, and an end is told of, as in Node. In a delivery none is, and with `watch` one is begun.
   */
  hold(watch = false): void {
    this.#flowing = false;
    if (watch) this.begin();
    else if (this.#waiter === null && delivery.reader === this.#reader) this.#reader?.pause();
  }

  /** The next chunk; null at the end. @throws {TypeError} When another call waits. */
  next(): Promise<Uint8Array | null> {
    const chunk = this.take();
    if (chunk !== undefined) return Promise.resolve(chunk);
    if (this.#stopped !== null) return Promise.reject(this.#stopped.error);
    if (this.#waiter !== null) {
      return Promise.reject(new TypeError("Cannot read the socket: somebody else waits for it"));
    }
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      this.#reader?.resume();
    });
  }

  /** The next chunk if it is there, null at the end, undefined when it has to be waited for. */
  take(): Uint8Array | null | undefined {
    const chunk = this.#letGo();
    if (chunk !== null) return chunk;
    if (this.#eof) this.#finish();
    return this.#done ? null : undefined;
  }

  /** Ends all reading: who waits gets `error`, and so does who asks later, unless the end was reached. */
  stop(error: unknown): void {
    this.#reader?.stop();
    this.#unread += this.#letGo()?.length ?? 0;
    this.#eof = this.#flowing = false;
    this.#stopped ??= { error };
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.reject(error);
  }

  /** A chunk from the transport. */
  data(chunk: Uint8Array): void {
    const owner = this.#owner;
    owner.onactivity();
    if (this.#flowing) return owner.ondata(chunk);
    const waiter = this.#waiter;
    if (waiter !== null) {
      this.#waiter = null;
      // No more before it is asked for: the next chunk would only push this one out of the processor's cache.
      this.#reader!.pause();
      waiter.resolve(chunk);
      return;
    }
    this.#held = chunk;
    if (this.#budget !== undefined) this.#budget.add(chunk.length);
    this.#reader!.pause();
  }

  /** The transport's end. */
  end(): void {
    const pulled = this.#style === "stream" || this.#style === "iterator";
    if (pulled && this.#waiter === null) this.#eof = true;
    else this.#finish();
  }

  /** The transport's failure. */
  error(error: unknown): void {
    this.#owner.onreadfail(error);
  }

  /** The chunk that was held, if there was one. */
  #letGo(): Uint8Array | null {
    const chunk = this.#held;
    if (chunk === null) return null;
    this.#held = null;
    if (this.#budget !== undefined) this.#budget.remove(chunk.length);
    return chunk;
  }

  #finish(): void {
    this.#eof = false;
    this.#done = true;
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.resolve(null);
    this.#owner.onend();
  }

  #drain(): void {
    this.#starting = false;
    if (this.#flowing) this.#owner.onflow();
    if (this.#flowing) {
      const chunk = this.#letGo();
      if (chunk !== null) this.#owner.ondata(chunk);
    }
    if (this.#flowing) this.#reader?.resume();
  }
}
