// Floor 2: protocol.
import { HEADROOM, writeTextFrame } from "./_frame_output.ts";
import { writeFrameHeader } from "./frame.ts";
import type { WebSocketProtocolOutput, WebSocketProtocolTools } from "./protocol_types.ts";

/** The longest text that goes into a run, in UTF-16 units: longer ones have longer headers, and gain less. */
const RUN_TEXT = 125;
/** The first byte of a text message in one frame. */
const WHOLE_TEXT = 0x81;
/** Keeps the place of a header. */
const NO_HEADER = "\0\0";
/** The longest run, in UTF-16 units. */
const MAX_RUN = 4096;
/** How many texts that could begin a run do not, after one that was not ASCII, and after one of a single text. */
const PASS = 256;
const PASS_SINGLE = 16;
/** How many bytes a run may have beyond those that it was queued with: a unit takes three at most. */
export const RUN_GROWTH = 2 * MAX_RUN;

/**
 * Short text messages that a server sends one right behind the other while it works off what came in one read. They are
 * encoded together when their bytes are needed, which costs a fraction of encoding each.
 *
 * One object serves all connections: there is never more than one run under way. Whether all of it is ASCII shows when it
 * is encoded; a run that is not is encoded anew, and has more bytes than it was queued with.
 */
export class TextRun {
  #output: WebSocketProtocolOutput | undefined;
  #tools: WebSocketProtocolTools | undefined;
  #start = 0;
  #texts = "";
  #count = 0;
  readonly #lengths = new Uint8Array(MAX_RUN / 2);
  /** How many texts still begin no run. */
  #pass = 0;

  /**
   * Queues the frame of a text.
   *
   * @param more Whether more may follow at once: no run is begun otherwise.
   * @returns Whether it is queued.
   */
  add(
    output: WebSocketProtocolOutput,
    tools: WebSocketProtocolTools,
    text: string,
    more: boolean,
  ): boolean {
    const { length } = text;
    if (length > RUN_TEXT) return false;
    const size = NO_HEADER.length + length;
    if (this.#output !== output || this.#count === 0) {
      if (!more || !this.#begin(output, tools, size)) return false;
    } else if (this.#texts.length + size > MAX_RUN) return false;
    if (!output.commitLate!(size, this)) return false;
    // That it was queued may have had the output stopped: the run is over then, and what was queued goes nowhere.
    if (this.#output !== output) return true;
    this.#texts += NO_HEADER + text;
    this.#lengths[this.#count++] = length;
    return true;
  }

  #begin(output: WebSocketProtocolOutput, tools: WebSocketProtocolTools, size: number): boolean {
    if (output.commitLate === undefined || tools.tryEncodeTextInto === undefined) return false;
    if (this.#pass > 0) {
      this.#pass--;
      return false;
    }
    if (this.#count > 0) this.#output!.settle!();
    if (this.#count > 0) {
      throw new TypeError(
        "Cannot send: the output has commitLate, and settle does not do its part",
      );
    }
    this.#start = output.reserve(size);
    this.#output = output;
    this.#tools = tools;
    return true;
  }

  /** Encodes the run. Returns the bytes that it has beyond those it was queued with. */
  fill(): Uint8Array | undefined {
    const { buffer } = this.#output!;
    const tools = this.#tools!;
    const texts = this.#texts;
    const count = this.#count;
    const start = this.#start;
    this.#output = this.#tools = undefined;
    this.#texts = "";
    this.#count = 0;
    if (tools.tryEncodeTextInto!(texts, buffer, start) === texts.length) {
      for (let i = 0, at = start; i < count; i++) {
        const length = this.#lengths[i];
        at = writeFrameHeader(buffer, at, WHOLE_TEXT, 0, length) + length;
      }
      // Who looks at the queue behind each text gains nothing.
      if (count === 1) this.#pass = PASS_SINGLE;
      return undefined;
    }
    this.#pass = PASS;
    const frames = new Frames(texts.length * 3 + HEADROOM);
    for (let i = 0, at = 0; i < count; i++) {
      at += NO_HEADER.length;
      const text = texts.substring(at, at += this.#lengths[i]);
      writeTextFrame(frames, tools, false, text);
    }
    const bytes = frames.buffer.subarray(0, frames.size);
    buffer.set(bytes.subarray(0, texts.length), start);
    return bytes.subarray(texts.length);
  }
}

/** Keeps what is written. */
class Frames implements WebSocketProtocolOutput {
  readonly buffer: Uint8Array;
  readonly full = false;
  size = 0;

  constructor(room: number) {
    this.buffer = new Uint8Array(room);
  }

  reserve(): number {
    return this.size;
  }

  commit(n: number): void {
    this.size += n;
  }

  write(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.size);
    this.size += bytes.length;
  }
}
