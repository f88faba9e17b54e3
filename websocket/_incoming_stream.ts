// Floor 3: driver.

/** How many bytes of a streamed message wait for the reader before the peer is held back. */
const HIGH_WATER_MARK = 65_536;

/** A message that is read while it comes. */
export class IncomingStream {
  /** The message's bytes. */
  readonly readable: ReadableStream<Uint8Array>;
  readonly #onpull: () => void;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #cancelled = false;

  /** Makes the stream; `onpull` is called when its reader wants more. */
  constructor(onpull: () => void) {
    this.#onpull = onpull;
    this.readable = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#onpull(),
      cancel: () => {
        this.#cancelled = true;
        this.#onpull();
      },
    }, new ByteLengthQueuingStrategy({ highWaterMark: HIGH_WATER_MARK }));
  }

  /** Whether more bytes are wanted now. What comes after a cancellation is thrown away. */
  get wants(): boolean {
    return this.#cancelled || (this.#controller.desiredSize ?? 1) > 0;
  }

  /** Adds bytes. */
  push(bytes: Uint8Array, last: boolean): void {
    if (this.#cancelled) return;
    if (bytes.length > 0) this.#controller.enqueue(bytes);
    if (last) this.#controller.close();
  }

  /** The message will never be complete. */
  fail(error: Error): void {
    if (!this.#cancelled) this.#controller.error(error);
  }
}
