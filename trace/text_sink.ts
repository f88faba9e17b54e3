// Floor 3: driver.
import { encodeUtf8 } from "../buffer/utf8.ts";
import { checkOptionNames } from "../net/option_names.ts";
import { type WriteBytes, WriteQueue } from "./_write_queue.ts";
import type { TraceEvent, TraceSink } from "./trace_event.ts";
import { TraceFilter, type TraceFilterOptions } from "./trace_filter.ts";
import { type TraceFormatOptions, TraceFormatter } from "./trace_format.ts";

/** Options of {@linkcode createTextSink}: how events are written, which of them, and where. */
export interface TextSinkOptions extends TraceFormatOptions, TraceFilterOptions {
  /**
   * Takes the text, as `Deno.stdout` does.
   *
   * @default {Deno.stdout}
   */
  output?: { write(p: Uint8Array): Promise<number> };
  /**
   * Shows everything, and holds back the traffic where the display is too slow for it. Otherwise pieces of data that are more than anybody can
   * read are left out, and how many there were is told.
   * @default {false}
   */
  all?: boolean;
}

/** How much may be shown at once, in characters. */
const BURST = 1 << 17;
/** How much may be shown in the long run, in characters a ms. */
const PER_MS = 128;
/** When so many bytes wait for a display that has stopped, nothing more is added. */
const MOST_WAITING = 1 << 22;
/** After so long, what was left out is told, in ms. */
const TELL_AFTER = 100;
/** A display that takes nothing for so long in the end is given up, in ms. */
const GIVE_UP_AFTER = 2000;

/** What was left out. */
/** By a type that has them all: one that is missing here does not compile. */
const OPTIONS: Record<keyof TextSinkOptions, true> = {
  view: true,
  maxBytes: true,
  color: true,
  clientName: true,
  serverName: true,
  frames: true,
  connections: true,
  content: true,
  from: true,
  output: true,
  all: true,
};

interface LeftOut {
  pieces: number;
  bytes: number;
}

class TextSink implements TraceSink {
  readonly #formatter: TraceFormatter;
  readonly #filter: TraceFilter;
  readonly #queue: WriteQueue;
  readonly #all: boolean;
  #budget = BURST;
  #last = performance.now();
  #leftOut: LeftOut = { pieces: 0, bytes: 0 };
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: TextSinkOptions) {
    checkOptionNames("Cannot show what passes", options, OPTIONS);
    const { output = Deno.stdout } = options;
    const write: WriteBytes = (p) => output.write(p);
    this.#formatter = new TraceFormatter(options);
    this.#filter = new TraceFilter(options);
    this.#queue = new WriteQueue(write);
    this.#all = options.all ?? false;
  }

  event(event: TraceEvent): Promise<void> | undefined {
    if (!this.#filter.accepts(event)) return undefined;
    const content = event.type === "data" || event.type === "message";
    if (!this.#all) {
      if (content && !this.#affords()) {
        this.#leaveOut(event.bytes.length);
        return undefined;
      }
      if (this.#queue.queued > MOST_WAITING) {
        this.#leaveOut(0);
        return undefined;
      }
    }
    const lines = this.#formatter.format(event);
    if (lines.length === 0) return undefined;
    const text = `${lines.join("\n")}\n`;
    this.#budget -= text.length;
    const held = this.#queue.push(encodeUtf8(text));
    if (this.#all) return held;
    // Nothing waits for the display here: a failure is thrown at the next event.
    held?.catch(() => {});
    return undefined;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#tellLeftOut();
    const finished = this.#queue.finish();
    finished.catch(() => {}); // it may be given up before
    for (let left = Infinity; this.#queue.queued < left;) {
      left = this.#queue.queued;
      if (await settled(finished, GIVE_UP_AFTER)) return await finished;
    }
  }

  #affords(): boolean {
    if (this.#leftOut.pieces > 0) return false; // in order: first what was left out
    const now = performance.now();
    this.#budget = Math.min(BURST, this.#budget + (now - this.#last) * PER_MS);
    this.#last = now;
    return this.#budget > 0 && this.#queue.queued < BURST;
  }

  #leaveOut(bytes: number): void {
    this.#leftOut.pieces++;
    this.#leftOut.bytes += bytes;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // While the display does not move, it goes on counting.
      if (this.#queue.queued < BURST) this.#tellLeftOut();
    }, TELL_AFTER);
  }

  #tellLeftOut(): void {
    const { pieces, bytes } = this.#leftOut;
    if (pieces === 0) return;
    this.#leftOut = { pieces: 0, bytes: 0 };
    const what = pieces === 1 ? "1 piece" : `${pieces} pieces`;
    const line = `(${what}, ${bytes} bytes in all, came too fast to be shown)\n`;
    try {
      this.#queue.push(encodeUtf8(line))?.catch(() => {});
    } catch {
      // It has failed, which the next event tells.
    }
  }
}

/** Whether a promise is settled within `ms`. */
async function settled(promise: Promise<void>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true, () => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Makes a sink that writes events as lines, for a terminal or a log.
 *
 * @throws {RangeError} When `maxBytes` is negative or not a number.
 * @throws {TypeError} For an option that there is not.
 *
 * @example
 * ```ts
 * import { createTextSink } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * let text = "";
 * const write = (p: Uint8Array) => {
 *   text += new TextDecoder().decode(p);
 *   return Promise.resolve(p.length);
 * };
 * const sink = createTextSink({ output: { write }, serverName: "shop" });
 * sink.event({ type: "end", time: 0, connection: 3, from: "server" });
 * await sink.close?.();
 * assertEquals(text.slice(13), "#3 shop ends its side\n");
 * ```
 */
export function createTextSink(options: TextSinkOptions = {}): TraceSink {
  return new TextSink(options);
}
