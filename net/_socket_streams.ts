// Floor 3: driver.
import type { Incoming } from "./_incoming.ts";

/** What comes in as a web stream: nothing is read ahead of its reader but the first chunk. */
export class IncomingStream {
  /** The stream. */
  readonly stream: ReadableStream<Uint8Array>;
  readonly #incoming: Incoming;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #open = true;

  /** Makes the stream; `cancel` is called when its reader gives it up. */
  constructor(incoming: Incoming, cancel: () => void) {
    this.#incoming = incoming;
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: (): void | Promise<void> => {
        incoming.claim("stream");
        const chunk = incoming.take();
        if (chunk === undefined) return incoming.next().then((next) => this.#put(next));
        this.#put(chunk);
      },
      cancel: () => {
        this.#open = false;
        cancel();
      },
    }, { highWaterMark: 0 });
  }

  /** The socket has closed: the stream ends if all was read, and fails with `reason` if not. */
  stop(reason: Error): void {
    if (this.#incoming.done) this.#put(null);
    else if (this.#open) {
      this.#open = false;
      this.#controller.error(reason);
    }
  }

  #put(chunk: Uint8Array | null): void {
    // Refused to its reader, because the socket is read in another way, the stream has failed already.
    if (!this.#open || this.#controller.desiredSize === null) return;
    if (chunk !== null) return this.#controller.enqueue(chunk);
    this.#open = false;
    this.#controller.close();
  }
}

/** What an {@linkcode OutgoingStream} writes to. */
export interface OutgoingSink {
  /** Queues a chunk; false when the queue is full. @throws When it can't. */
  write(chunk: Uint8Array): boolean;
  /** Resolves when the queue has room. */
  drained(): Promise<void>;
  /** Ends the writing direction once all is written. */
  end(): Promise<void>;
  /** Gives the connection up. */
  abort(reason: unknown): void;
}

/** The way out as a web stream: `ready` follows the queue's high-water mark. */
export class OutgoingStream {
  /** The stream. */
  readonly stream: WritableStream<Uint8Array>;
  #controller!: WritableStreamDefaultController;
  #closing = false;

  /** Makes the stream. */
  constructor(sink: OutgoingSink) {
    let aborted = false;
    const abort = (reason: unknown): void => {
      if (!aborted) sink.abort(reason);
      aborted = true;
    };
    this.stream = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        // `abort` is not called before the write under way is done, and a peer that is gone takes none.
        const { signal } = controller;
        signal.addEventListener("abort", () => queueMicrotask(() => abort(signal.reason)));
      },
      write: (chunk): void | Promise<void> => {
        if (!(chunk instanceof Uint8Array)) {
          throw new TypeError("Cannot write to the socket: the chunk is no Uint8Array");
        }
        if (!sink.write(chunk)) return sink.drained();
      },
      close: () => {
        this.#closing = true;
        return sink.end();
      },
      abort,
    });
  }

  /** The socket has closed: the stream fails with `reason`, unless it was closed; then its `close` tells. */
  stop(reason: Error): void {
    if (!this.#closing) this.#controller.error(reason);
  }
}
