// Floor 3: driver.
import type { Clock } from "../net/clock.ts";
import { errorOf } from "../net/error_of.ts";
import { toNetError } from "../net/os_error.ts";
import type { Transport } from "../net/transport.ts";
import { waitFor } from "../net/wait.ts";
import { Dissector, type DissectorOptions } from "./_dissector.ts";
import type { EventHub } from "./_event_hub.ts";
import { FaultTransport } from "./_fault_transport.ts";
import { Pump } from "./_pump.ts";
import type { TraceOpenEvent, TraceSide } from "./trace_event.ts";
import type { TraceFaults } from "./tracer_options.ts";

/** How long a side that is gone may still be owed what the other one sent, in ms. */
const LAST_WORDS = 5000;

/** A transport of one side, and how it is reset. */
export interface TracedEnd {
  transport: Transport;
  /** Closes with a reset where that can be done. */
  reset(): void;
  /** Resolves when the side has all that was written to it, as far as that can be told. */
  arrived?(): Promise<void>;
  /** Whether it can. */
  resets: boolean;
}

/** What a session needs of the tracer. */
export interface SessionContext {
  hub: EventHub;
  clock: Clock;
  dissector: DissectorOptions;
  faults: TraceFaults;
  /** Opens the server's side, and the client's TLS. Rejects with whose fault it was in `failed`. */
  open(client: Transport, signal: AbortSignal): Promise<{ client: TracedEnd; server: TracedEnd }>;
}

/** Why a connection could not be opened, and on whose side. */
export class OpenFailure extends Error {
  readonly side: TraceSide;
  readonly error: Error;

  constructor(side: TraceSide, cause: unknown) {
    const error = errorOf(cause);
    super(error.message, { cause });
    this.side = side;
    this.error = error;
  }
}

function other(side: TraceSide): TraceSide {
  return side === "client" ? "server" : "client";
}

/** Whether a side has faults on what it sends. */
export function hasFaults({ delay, rate, cutAfter, split, from = "both" }: TraceFaults): {
  client: boolean;
  server: boolean;
} {
  const any = [delay, rate, cutAfter, split].some((value) => value !== undefined);
  return { client: any && from !== "server", server: any && from !== "client" };
}

/** One direction: what a side sends goes to the other one. */
interface Lane {
  pump: Pump;
  /** What it writes to. */
  target: Transport;
  /** The same, where it is disturbed. */
  disturbed: FaultTransport | undefined;
  offset: number;
}

/** One traced connection: passes on what comes, both ways, and tells of it. */
export class StreamSession {
  /** Settles when it is over; never rejects. */
  readonly finished: Promise<void>;
  readonly #id: number;
  readonly #context: SessionContext;
  readonly #dissector: Dissector;
  readonly #finish: () => void;
  readonly #abort = new AbortController();
  #ends: Record<TraceSide, TracedEnd> | undefined;
  #lanes: Record<TraceSide, Lane> | undefined;
  /** Who has ended, and whose end the other side has got. */
  readonly #ended = new Set<TraceSide>();
  readonly #passedOn = new Set<TraceSide>();
  /** Who can't be written to any more. */
  #gone: TraceSide | undefined;
  #timer: unknown;
  #over = false;
  /** What is to hold back the lane whose bytes are being told. */
  #hold: Promise<void> | undefined;

  constructor(id: number, context: SessionContext) {
    this.#id = id;
    this.#context = context;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.finished = promise;
    this.#finish = resolve;
    const { hub } = context;
    this.#dissector = new Dissector(context.dissector, {
      data: (from, bytes, decoded) => {
        const lane = this.#lanes![from];
        const { offset } = lane;
        lane.offset += bytes.length;
        this.#tell(hub.emit({ ...this.#base(), type: "data", from, bytes, offset, decoded }));
      },
      message: (from, message) => {
        this.#tell(hub.emit({ ...this.#base(), type: "message", from, ...message }));
      },
    });
  }

  /** Begins. A client that is refused gets a reset, and `why` is told. */
  async run(
    client: TracedEnd,
    opening: Pick<TraceOpenEvent, "transport" | "server">,
    why?: Error,
  ): Promise<void> {
    const { hub, open } = this.#context;
    const { transport } = client;
    hub.emit({ ...this.#base(), type: "open", client: transport.remoteAddr, ...opening });
    try {
      if (why !== undefined) throw new OpenFailure("client", why);
      this.#ends = await open(transport, this.#abort.signal);
    } catch (error) {
      this.#refuse(client, error);
      return;
    }
    const { server } = this.#ends;
    hub.emit({ ...this.#base(), type: "connect", server: server.transport.remoteAddr });
    if (this.#over) return this.#closeAll();
    this.#lanes = { client: this.#lane("client"), server: this.#lane("server") };
    void this.#lanes.client.pump.run();
    void this.#lanes.server.pump.run();
  }

  /** Ends it: both sides are closed. */
  stop(): void {
    this.#abort.abort();
    if (this.#lanes !== undefined) this.#end();
    else this.#over = true;
  }

  #base(): { time: number; connection: number } {
    return { time: this.#context.hub.now(), connection: this.#id };
  }

  #tell(hold: Promise<void> | undefined): void {
    if (hold === undefined) return;
    this.#hold = this.#hold === undefined ? hold : Promise.all([this.#hold, hold]).then(() => {});
  }

  /** No connection came about. */
  #refuse(client: TracedEnd, error: unknown): void {
    const failure = error instanceof OpenFailure ? error : new OpenFailure("server", error);
    const { side, error: why } = failure;
    if (!this.#abort.signal.aborted) {
      this.#context.hub.emit({ ...this.#base(), type: "error", side, error: why });
    }
    // A client of a server that is not there would be refused by a reset, too.
    client.reset();
    this.#over = true;
    this.#closed();
  }

  #lane(from: TraceSide): Lane {
    const { faults, clock } = this.#context;
    const to = other(from);
    const end = this.#ends![to].transport;
    const disturbed = hasFaults(faults)[from]
      ? new FaultTransport(end, faults, clock, () => this.#cut(from))
      : undefined;
    const target = disturbed ?? end;
    const pump = new Pump(this.#ends![from].transport, target, {
      data: (chunk) => {
        this.#hold = undefined;
        this.#dissector.push(from, chunk);
        return this.#hold;
      },
      ended: () => this.#endOf(from),
      passedOn: () => {
        this.#passedOn.add(from);
        if (this.#passedOn.size === 2) this.#end();
      },
      readFailed: (error) => this.#failed(from, error),
      writeFailed: () => this.#unwritable(to),
    });
    return { pump, target, disturbed, offset: 0 };
  }

  /** Returns whether the end is to be passed on. */
  #endOf(from: TraceSide): boolean {
    if (this.#gone === from) {
      this.#resetBy(from);
      return false;
    }
    this.#ended.add(from);
    this.#context.hub.emit({ ...this.#base(), type: "end", from });
    return true;
  }

  /** Reading failed: a reset, or a stream that was cut. */
  #failed(from: TraceSide, cause: unknown): void {
    if (this.#over) return;
    const error = toNetError(cause, { syscall: "read" });
    if (error.code === "ECONNRESET" || error.code === "EPIPE" || this.#gone === from) {
      return this.#resetBy(from);
    }
    this.#context.hub.emit({ ...this.#base(), type: "error", side: from, error });
    void this.#breakOff(from);
  }

  /** Writing failed: that side is gone. What it sent before may still be on its way. */
  #unwritable(side: TraceSide): void {
    if (this.#over || this.#gone !== undefined) return;
    this.#gone = side;
    if (this.#ended.has(side)) return this.#resetBy(side);
    this.#timer = this.#context.clock.setTimeout(() => this.#resetBy(side), LAST_WORDS);
  }

  #resetBy(from: TraceSide): void {
    if (this.#over) return;
    const passedOn = this.#ends![other(from)].resets;
    this.#context.hub.emit({ ...this.#base(), type: "reset", from, passedOn });
    void this.#breakOff(from);
  }

  /** `from` is no more. The other side gets what it had sent, and then a reset. */
  async #breakOff(from: TraceSide): Promise<void> {
    this.#gone ??= from;
    this.#context.clock.clearTimeout(this.#timer);
    await this.#lastWords(this.#lanes![from], this.#ends![other(from)]);
    if (this.#over) return;
    this.#ends![other(from)].reset();
    this.#end();
  }

  /** Waits for what was read to be written, and to arrive, for {@linkcode LAST_WORDS} at the most. Never rejects. */
  async #lastWords({ pump, disturbed }: Lane, to: TracedEnd): Promise<void> {
    const { signal } = this.#abort;
    const written = pump.drained().then(() => disturbed?.drained());
    const last = written.then(() => to.arrived?.()).catch(() => {});
    for (;;) {
      try {
        return await waitFor(last, "drain", { timeout: LAST_WORDS, signal });
      } catch {
        // It does not take it: then without. A delay, and a slow rate, are not its fault.
        if (signal.aborted || disturbed?.holds !== true) return;
      }
    }
  }

  #cut(from: TraceSide): void {
    if (this.#over) return;
    const { cutAfter: after = 0 } = this.#context.faults;
    this.#context.hub.emit({ ...this.#base(), type: "fault", fault: "cut", from, after });
    this.#ends!.client.reset();
    this.#ends!.server.reset();
    this.#end();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#closeAll();
  }

  #closeAll(): void {
    this.#abort.abort();
    this.#context.clock.clearTimeout(this.#timer);
    for (const lane of Object.values(this.#lanes ?? {})) {
      lane.pump.stop();
      lane.target.close();
    }
    for (const end of Object.values(this.#ends!)) end.transport.close();
    this.#closed();
  }

  #closed(): void {
    const { client, server } = this.#lanes ?? {};
    this.#context.hub.emit({
      ...this.#base(),
      type: "close",
      clientBytes: client?.offset ?? 0,
      serverBytes: server?.offset ?? 0,
    });
    this.#finish();
  }
}
