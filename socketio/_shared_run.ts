// Floor 2: protocol.

/** Several frames in order, joined once for all who send the same ones. */
export class SharedRun {
  readonly #before: SharedRun | undefined;
  readonly #frame: Uint8Array | undefined;
  #joined: Uint8Array | undefined;
  #next: SharedRun | undefined;
  /** How many bytes the frames have. */
  readonly size: number;

  constructor(before?: SharedRun, frame?: Uint8Array) {
    this.#before = before;
    this.#frame = frame;
    this.size = (before?.size ?? 0) + (frame?.length ?? 0);
  }

  /** The run with one more frame. Those who ask for the same one after each other get the same. */
  with(frame: Uint8Array): SharedRun {
    const next = this.#next;
    if (next !== undefined && next.#frame === frame) return next;
    return this.#next = new SharedRun(this, frame);
  }

  /** Forgets what came next, at the end of a turn. */
  forget(): void {
    this.#next = undefined;
  }

  /** The bytes of all frames. They are shared: nobody may change them. */
  get bytes(): Uint8Array {
    return this.#joined ??= this.#join();
  }

  #join(): Uint8Array {
    const own = this.#frame ?? new Uint8Array(0);
    if (this.size === own.length) return own;
    const bytes = new Uint8Array(this.size);
    let at = this.size - own.length;
    bytes.set(own, at);
    for (let run = this.#before; run !== undefined; run = run.#before) {
      if (run.#frame === undefined) break;
      at -= run.#frame.length;
      bytes.set(run.#frame, at);
    }
    return bytes;
  }
}
