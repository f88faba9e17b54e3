// Floor 3: driver.
import { Buffer } from "node:buffer";
import { TransportReader, type TransportSink } from "./reader.ts";
import type { Transport } from "./transport.ts";

/** Who reads a socket: one style at a time, for the socket's whole life. */
export type ReadStyle = "events" | "stream" | "iterator";

const STYLE_NAMES: Record<ReadStyle, string> = {
  events: 'by "data" events',
  stream: "through `readable`",
  iterator: "by `for await`",
};

/** What `Incoming` tells its socket. */
export interface IncomingOwner {
  /** Something came. */
  onactivity(): void;
  /** The peer ended, and all it sent has been taken. */
  onend(): void;
  /** Reading failed. */
  onfail(error: unknown): void;
}

interface Waiter {
  resolve(chunk: Uint8Array | null): void;
  reject(error: unknown): void;
}

const allocate = (size: number): Uint8Array => Buffer.from(new ArrayBuffer(size));

/**
 * The reading side of a socket. Until somebody reads, it takes one chunk from the transport and holds it, so that the
 * peer is pushed back but an end without data is noticed.
 */
export class Incoming implements TransportSink {
  readonly #owner: IncomingOwner;
  #reader: TransportReader | null = null;
  #style: ReadStyle | null = null;
  #consumer: ((chunk: Uint8Array) => void) | null = null;
  #waiter: Waiter | null = null;
  #flowing = false;
  #held: Uint8Array[] | null = null;
  #eof = false;
  #done = false;
  #error: { error: unknown } | null = null;

  constructor(owner: IncomingOwner) {
    this.#owner = owner;
  }

  /** How many bytes came. */
  get bytesRead(): number {
    return this.#reader?.bytesRead ?? 0;
  }

  /** Whether chunks go to the consumer as they come. */
  get flowing(): boolean {
    return this.#flowing;
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
  attach(transport: Transport): void {
    this.#reader = new TransportReader(transport, this, { allocate });
    if (!this.#flowing && this.#waiter === null) this.#reader.pause();
    this.#reader.start();
  }

  /** Takes the first chunk, or the end, although nobody reads yet. */
  begin(): void {
    this.#reader?.resume();
  }

  /** Gives chunks to `consumer` as they come, what is held first. */
  flow(consumer: (chunk: Uint8Array) => void): void {
    this.#consumer = consumer;
    if (this.#flowing) return;
    this.#flowing = true;
    queueMicrotask(() => this.#drain());
  }

  /** Holds chunks back, and the peer with them. */
  hold(): void {
    this.#flowing = false;
    this.#reader?.pause();
  }

  /** The next chunk; null at the end. Only one call at a time. */
  next(): Promise<Uint8Array | null> {
    const chunk = this.take();
    if (chunk !== undefined) return Promise.resolve(chunk);
    if (this.#error !== null) return Promise.reject(this.#error.error);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      this.#reader?.resume();
    });
  }

  /** The next chunk if it is there, null at the end, undefined when it has to be waited for. */
  take(): Uint8Array | null | undefined {
    const chunk = this.#held?.shift();
    if (chunk !== undefined) {
      if (this.#eof && this.#held!.length === 0) queueMicrotask(() => this.#finish());
      return chunk;
    }
    if (this.#done) return null;
    if (this.#eof) {
      this.#finish();
      return null;
    }
    return undefined;
  }

  /** Ends all reading: who waits gets `error`, and so does who asks later, unless the end was reached. */
  stop(error: unknown): void {
    this.#reader?.stop();
    this.#held = null;
    this.#flowing = false;
    this.#error ??= { error };
    const waiter = this.#waiter;
    this.#waiter = null;
    if (this.#done) waiter?.resolve(null);
    else waiter?.reject(error);
  }

  /** Chunks from the transport. */
  data(chunk: Uint8Array): void {
    this.#owner.onactivity();
    if (this.#flowing) return this.#consumer!(chunk);
    const waiter = this.#waiter;
    if (waiter !== null) {
      this.#waiter = null;
      waiter.resolve(chunk);
      return;
    }
    (this.#held ??= []).push(chunk);
    this.#reader!.pause();
  }

  /** The transport's end. */
  end(): void {
    this.#eof = true;
    if (this.#held === null || this.#held.length === 0) this.#finish();
  }

  /** The transport's failure. */
  error(error: unknown): void {
    this.#owner.onfail(error);
  }

  #finish(): void {
    if (this.#done || this.#error !== null) return;
    this.#done = true;
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.resolve(null);
    this.#owner.onend();
  }

  #drain(): void {
    while (this.#flowing && this.#held !== null && this.#held.length > 0) {
      this.#consumer!(this.#held.shift()!);
    }
    if (!this.#flowing || this.#error !== null) return;
    if (this.#eof) this.#finish();
    else this.#reader?.resume();
  }
}
