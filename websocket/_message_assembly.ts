// Floor 2: protocol.
import type { Utf8Validator } from "../buffer/utf8.ts";
import type { WebSocketMessageOpcode } from "./types.ts";

/** Up to this many bytes are taken on the word of a frame's header; for more, a quarter has to be there first. */
const TRUSTED = 65_536;
/** Room in front of the bytes for a header, should they be sent on. */
const HEADROOM = 16;

/**
 * A message that comes in parts: what is there, and what the limits count.
 *
 * As long as the parts lie one behind the other in memory, it is a view of them; only then a buffer of its own.
 */
export class MessageAssembly {
  /** Frames that have begun. */
  fragments = 0;
  /** Parts that came. */
  chunks = 0;
  /** Payload bytes that came, compressed as they were. */
  received = 0;
  /** Bytes of the message that are there. */
  size = 0;
  /** Whether there is room for a frame header in front of the bytes. */
  headroom = false;
  /** Whether its bytes are not kept, because there is no room: nobody will get it. */
  dropped = false;
  /** Whether somebody was given a part of it. */
  begun = false;
  /** Checks text as it comes. */
  validator: Utf8Validator | undefined;
  /** The bytes while they lie in somebody else's memory. */
  #run: Uint8Array | undefined;
  /** The bytes in memory of their own, with room behind them. */
  #own: Uint8Array | undefined;

  /** Begins a message. */
  constructor(
    /** 1 for text, 2 for binary. */
    readonly opcode: WebSocketMessageOpcode,
    /** Whether its payload is compressed. */
    readonly compressed: boolean,
    /** Whether its parts are handed on as they come, and not kept. It can be changed until it has {@linkcode begun}. */
    public streamed: boolean,
    /** How large it may become, in bytes: no more is taken beforehand. */
    readonly maxSize = Infinity,
  ) {}

  /** Adds bytes that nobody will change. `toCome` bytes more are expected behind them, if that is known. */
  append(bytes: Uint8Array, start: number, end: number, toCome: number): void {
    const n = end - start;
    if (n === 0) return;
    const size = this.size;
    this.size += n;
    const run = this.#run;
    if (size === 0 && this.#own === undefined) {
      this.#run = bytes.subarray(start, end);
      return;
    }
    if (run !== undefined) {
      if (
        run.buffer === bytes.buffer && run.byteOffset + run.length === bytes.byteOffset + start
      ) {
        this.#run = new Uint8Array(run.buffer, run.byteOffset, this.size);
        return;
      }
      this.#run = undefined;
      this.#grow(toCome);
      this.#own!.set(run, HEADROOM);
    } else if (this.#own!.length < HEADROOM + this.size) this.#grow(toCome);
    const own = this.#own!;
    const there = bytes.buffer === own.buffer && bytes.byteOffset + start === HEADROOM + size;
    if (!there) own.set(bytes.subarray(start, end), HEADROOM + size);
  }

  /** Where up to `toCome` bytes more, which follow, can be put beforehand: `append` does not copy them then. */
  room(toCome: number): Uint8Array {
    const run = this.#run;
    const at = HEADROOM + this.size;
    if (run !== undefined || this.#own === undefined || this.#own.length === at) {
      this.#run = undefined;
      this.#grow(toCome);
      if (run !== undefined) this.#own!.set(run, HEADROOM);
    }
    return this.#own!.subarray(at, at + toCome);
  }

  /** What it takes of memory, in bytes, and never more than {@linkcode maxSize}. A view counts as what it shows. */
  get footprint(): number {
    return this.#own === undefined ? this.size : this.#own.length - HEADROOM;
  }

  /** Whether bytes lie in somebody else's memory. */
  get views(): boolean {
    return this.#run !== undefined;
  }

  /** How many bytes there are if they are the last ones of `chunk`; -1 if they lie elsewhere in somebody else's memory. */
  endOf(chunk: Uint8Array): number {
    const run = this.#run!;
    const there = run.buffer === chunk.buffer &&
      run.byteOffset + run.length === chunk.byteOffset + chunk.length;
    return there ? run.length : -1;
  }

  /** The bytes in somebody else's memory were moved. */
  moved(run: Uint8Array): void {
    this.#run = run;
  }

  /** The whole message. */
  bytes(): Uint8Array {
    return this.#run ?? this.#own?.subarray(HEADROOM, HEADROOM + this.size) ?? new Uint8Array(0);
  }

  /** Lets go of what is there. */
  drop(): void {
    this.dropped = true;
    this.#run = this.#own = undefined;
    this.size = 0;
  }

  #grow(toCome: number): void {
    const old = this.#own;
    const needed = this.size;
    const wanted = toCome > 0
      ? Math.min(needed + toCome, Math.max(TRUSTED, needed * 4))
      : old === undefined
      ? needed
      : Math.min(this.maxSize, (old.length - HEADROOM) * 2);
    this.#own = new Uint8Array(HEADROOM + Math.max(needed, wanted));
    this.headroom = true;
    if (old !== undefined) this.#own.set(old);
  }
}
