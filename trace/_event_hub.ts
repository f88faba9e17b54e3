// Floor 3: driver.
import { errorOf } from "../net/error_of.ts";
import { waitFor } from "../net/wait.ts";
import { TraceError } from "./errors.ts";
import type { TraceEvent, TraceSink } from "./trace_event.ts";

/** How long a sink may take to open, and to close, in ms. */
const SINK_TIME = 10_000;

/** Tells events to all sinks. One that fails is left out from then on. */
export class EventHub {
  /** The first failure of a sink. */
  failure: TraceError | undefined;
  #sinks: TraceSink[];
  readonly #onSinkError: ((error: unknown, sink: TraceSink) => void) | undefined;
  readonly #all: readonly TraceSink[];
  readonly #failed = new Set<TraceSink>();
  readonly #patience: number;

  constructor(
    sinks: readonly TraceSink[],
    onSinkError?: (error: unknown, sink: TraceSink) => void,
    patience: number = SINK_TIME,
  ) {
    this.#patience = patience;
    this.#all = sinks;
    this.#sinks = [...sinks];
    this.#onSinkError = onSinkError;
  }

  /** The time of events that happen now: goes on evenly, whatever is done to the clock. */
  now(): number {
    return performance.timeOrigin + performance.now();
  }

  /** Opens all sinks. @throws What the first one that can't be opened throws. */
  async open(): Promise<void> {
    for (const sink of this.#all) await this.#inTime("open a sink", sink.open?.());
  }

  /** Tells an event. What it returns, if anything, holds back the traffic until it is settled; it never rejects. */
  emit(event: TraceEvent): Promise<void> | undefined {
    let hold: Promise<void> | undefined;
    for (const sink of this.#sinks) {
      let result: void | Promise<void>;
      try {
        result = sink.event(event);
      } catch (error) {
        this.#fail(sink, error);
        continue;
      }
      if (result === undefined) continue;
      const settled = Promise.resolve(result).catch((error) => this.#fail(sink, error));
      hold = hold === undefined ? settled : Promise.all([hold, settled]).then(() => {});
    }
    return hold;
  }

  /** Closes all sinks. Never rejects. */
  async close(): Promise<void> {
    this.#sinks = [];
    await Promise.all(this.#all.map(async (sink) => {
      try {
        await this.#inTime("close a sink", sink.close?.());
      } catch (error) {
        this.#fail(sink, error);
      }
    }));
  }

  async #inTime(what: string, done: void | Promise<void>): Promise<void> {
    if (done !== undefined) await waitFor(Promise.resolve(done), what, { timeout: this.#patience });
  }

  #fail(sink: TraceSink, error: unknown): void {
    // What it was to do besides, each connection's next piece and its end, fails by the same.
    if (this.#failed.has(sink)) return;
    this.#failed.add(sink);
    this.#sinks = this.#sinks.filter((each) => each !== sink);
    const why = errorOf(error).message;
    this.failure ??= new TraceError(`Cannot tell what is traced: ${why}`, "ERR_TRACE_SINK", {
      cause: error,
    });
    try {
      this.#onSinkError?.(error, sink);
    } catch {
      // Whoever is told has failed, too: the first failure is kept.
    }
  }
}
