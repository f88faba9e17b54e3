// Floor 3: driver.

/** Takes bytes from `p`, and resolves to how many. */
export type WriteBytes = (p: Uint8Array) => Promise<number>;

/** From so many bytes on that wait to be written whoever adds more has to wait. */
const HIGH = 1 << 20;
/** So many bytes are joined into one write. */
const JOINED = 65_536;

/** Bytes on their way into a file: written in order, one write after the other, several pieces at once. */
export class WriteQueue {
  readonly #write: WriteBytes;
  #pieces: Uint8Array[] = [];
  #queued = 0;
  #running: Promise<void> | undefined;
  #error: { error: unknown } | undefined;
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(write: WriteBytes) {
    this.#write = write;
  }

  /** How many bytes wait. */
  get queued(): number {
    return this.#queued;
  }

  /** Adds bytes, which must not change any more. When many wait it returns a promise, settled when they are fewer. @throws What writing has failed with. */
  push(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#error !== undefined) throw this.#error.error;
    if (bytes.length === 0) return undefined;
    this.#pieces.push(bytes);
    this.#queued += bytes.length;
    this.#running ??= this.#run();
    if (this.#queued < HIGH) return undefined;
    return (this.#waiting ??= Promise.withResolvers()).promise;
  }

  /** Resolves when all is written. @throws What writing has failed with. */
  async finish(): Promise<void> {
    await this.#running;
    if (this.#error !== undefined) throw this.#error.error;
  }

  async #run(): Promise<void> {
    // What else this turn brings leaves in the same write.
    await Promise.resolve();
    try {
      while (this.#pieces.length > 0) {
        const bytes = this.#next();
        for (let at = 0; at < bytes.length;) at += await this.#write(bytes.subarray(at));
        this.#queued -= bytes.length;
        if (this.#queued < HIGH / 2) this.#release();
      }
    } catch (error) {
      this.#error = { error };
      this.#pieces = [];
      this.#queued = 0;
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting?.reject(error);
    }
    this.#running = undefined;
  }

  #next(): Uint8Array {
    let count = 1;
    let size = this.#pieces[0].length;
    while (count < this.#pieces.length && size + this.#pieces[count].length <= JOINED) {
      size += this.#pieces[count++].length;
    }
    const taken = this.#pieces.splice(0, count);
    if (count === 1) return taken[0];
    const joined = new Uint8Array(size);
    let at = 0;
    for (const piece of taken) {
      joined.set(piece, at);
      at += piece.length;
    }
    return joined;
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve();
  }
}
