// Floor 3: driver.
import type { PipeDestination, PipeOptions } from "./socket_options.ts";

/** What of a socket a pipe needs. */
export interface PipeSource {
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  off(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  off(event: "end", listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
  isPaused(): boolean;
  destroy(error: Error): unknown;
}

/** The pipes of one socket: what comes goes into every destination, at the pace of the slowest. */
export class Pipes {
  readonly #source: PipeSource;
  readonly #removers = new Map<PipeDestination, () => void>();
  /** The destinations that are full. */
  readonly #full = new Set<PipeDestination>();

  constructor(source: PipeSource) {
    this.#source = source;
  }

  /** Begins a pipe; one to the same destination is replaced. */
  add(destination: PipeDestination, options: PipeOptions = {}): void {
    const source = this.#source;
    const data = (chunk: Uint8Array): void => {
      if (destination.write(chunk) !== false) return;
      // A listener before this one, or the write itself, may have ended the pipe: nobody waits for its `drain` then.
      if (this.#removers.get(destination) !== remove) return;
      this.#full.add(destination);
      source.pause();
    };
    const drain = (): void => {
      if (this.#full.delete(destination) && this.#full.size === 0) source.resume();
    };
    const end = (): void => {
      // As in Node, the pipe is over when the destination has finished.
      source.off("end", end);
      if (options.end === false || isStandard(destination)) remove();
      else destination.end();
    };
    const close = (): void => remove();
    const fail = (error: Error): void => {
      remove();
      // When nobody else hears of the failure, the source tells of it.
      if (destination.listenerCount("error") === 0) source.destroy(error);
    };
    const remove = (): void => {
      if (!this.#removers.delete(destination)) return;
      source.off("data", data);
      source.off("end", end);
      destination.off("drain", drain);
      destination.off("finish", close);
      destination.off("close", close);
      destination.off("error", fail);
      this.#full.delete(destination);
      // As in Node: what comes then waits for a new reader.
      if (this.#removers.size === 0) source.pause();
      else if (this.#full.size === 0) source.resume();
      destination.emit("unpipe", source);
    };
    // First: it throws when the source is read in another way, and then there is no pipe.
    source.on("data", data);
    this.remove(destination);
    this.#removers.set(destination, remove);
    destination.on("drain", drain);
    destination.on("finish", close);
    destination.on("close", close);
    destination.on("error", fail);
    destination.emit("pipe", source);
    source.on("end", end);
    // As in Node: a pipe sets what was paused going again, for example after the last pipe has ended.
    if (this.#full.size === 0 && source.isPaused()) source.resume();
  }

  /** Ends the pipe to `destination`, or all of them. */
  remove(destination?: PipeDestination): void {
    if (destination !== undefined) this.#removers.get(destination)?.();
    else for (const remove of [...this.#removers.values()]) remove();
  }
}

/** Whether it is the program's own output, which nobody ends, as in Node. */
function isStandard(destination: unknown): boolean {
  const { process } = globalThis as unknown as { process: { stdout: unknown; stderr: unknown } };
  return destination === process.stdout || destination === process.stderr;
}
