// Floor 3: driver.
import type { Transport } from "../net/transport.ts";

/** Buffers begin with this size and fall back to it, in bytes: what an idle direction holds. */
const SMALLEST = 4096;
/** Buffers grow up to this size: larger ones no longer fit the processor's caches, in bytes. */
const LARGEST = 131_072;
/** After so many reads that leave three quarters of a buffer empty it shrinks. */
const PATIENCE = 16;

/** Who is told what a {@linkcode Pump} passes on. The calls are in order; none must throw. */
export interface PumpHooks {
  /**
   * Bytes are on their way. They are valid during the call only: the buffer is used again. When a promise is returned, the next bytes wait for it,
   * which must not reject.
   */
  data(chunk: Uint8Array): Promise<void> | undefined;
  /** The source has ended. Returns whether the target is to be told. */
  ended(): boolean;
  /** The target has got the end. */
  passedOn(): void;
  /** The source can't be read. */
  readFailed(error: unknown): void;
  /** The target can't be written to. */
  writeFailed(error: unknown): void;
}

/** Two buffers that take turns: one is read into while the other one is written. */
class BufferPair {
  #size = SMALLEST;
  #a: Uint8Array = new Uint8Array(SMALLEST);
  #b: Uint8Array | undefined;
  #idle = 0;

  /** The buffer to read into next; the one before it stays as it is. */
  take(): Uint8Array {
    const next = this.#b?.length === this.#size ? this.#b : new Uint8Array(this.#size);
    this.#b = this.#a;
    this.#a = next;
    return next;
  }

  /** Says how much a read has brought. */
  learn(n: number): void {
    if (n === this.#size) {
      this.#size = Math.min(LARGEST, this.#size * 4);
      this.#idle = 0;
    } else if (n * 4 > this.#size) this.#idle = 0;
    else if (this.#size > SMALLEST && ++this.#idle >= PATIENCE) {
      this.#size >>= 1;
      this.#idle = 0;
    }
  }
}

function isNotConnected(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === "NotConnected" || (error as { code?: unknown }).code === "ENOTCONN";
}

/**
 * Passes on what a transport sends to another one, in order, and its end. It reads on while it writes, and holds two buffers at most: a target that does
 * not take what comes pushes back the source.
 */
export class Pump {
  readonly #from: Transport;
  readonly #to: Transport;
  readonly #hooks: PumpHooks;
  #writing: Promise<boolean> | undefined;
  #stopped = false;

  constructor(from: Transport, to: Transport, hooks: PumpHooks) {
    this.#from = from;
    this.#to = to;
    this.#hooks = hooks;
  }

  /** Begins. Never rejects. */
  async run(): Promise<void> {
    const buffers = new BufferPair();
    for (;;) {
      const buffer = buffers.take();
      let n: number | null;
      try {
        n = await this.#from.read(buffer);
      } catch (error) {
        if (!this.#stopped) this.#hooks.readFailed(error);
        return;
      }
      if (this.#writing !== undefined && !await this.#writing) return;
      if (this.#stopped) return;
      if (n === null) return await this.#end();
      if (n === 0) continue;
      buffers.learn(n);
      const chunk = n === buffer.length ? buffer : buffer.subarray(0, n);
      this.#writing = this.#write(chunk);
      const hold = this.#hooks.data(chunk);
      if (hold !== undefined) await hold;
    }
  }

  /** Resolves when all that was read has been written, or can't be. */
  async drained(): Promise<void> {
    await this.#writing;
  }

  /** Passes on no more, and tells no more. */
  stop(): void {
    this.#stopped = true;
  }

  async #write(chunk: Uint8Array): Promise<boolean> {
    let rest = chunk;
    try {
      for (;;) {
        const n = await this.#to.write(rest);
        if (n === rest.length) return true;
        rest = rest.subarray(n);
      }
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  async #end(): Promise<void> {
    if (!this.#hooks.ended()) return;
    try {
      await this.#to.closeWrite();
    } catch (error) {
      // The target has gone, which reading from it tells: there is nothing left to end.
      if (!isNotConnected(error)) return this.#fail(error);
    }
    if (!this.#stopped) this.#hooks.passedOn();
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#hooks.writeFailed(error);
  }
}
