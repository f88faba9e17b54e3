// Floor 3: driver.
import type { Clock } from "../net/clock.ts";
import { createDatagramSocket, type DatagramSocket } from "../net/datagram_socket.ts";
import { errorOf } from "../net/error_of.ts";
import type { TransportAddr } from "../net/transport.ts";
import type { EventHub } from "./_event_hub.ts";
import { Pace } from "./_fault_transport.ts";
import { hasFaults } from "./_stream_session.ts";
import type { TraceSide } from "./trace_event.ts";
import type { TraceFaults } from "./tracer_options.ts";

/** The most datagrams, and bytes, of one direction that wait here. */
const MOST_WAITING = 4096;
const MOST_BYTES = 4 << 20;

/** What a session needs of the tracer. */
export interface DatagramContext {
  hub: EventHub;
  clock: Clock;
  faults: TraceFaults;
  /** Where the datagrams go. */
  server: { hostname: string; port: number };
  /** After how long without a datagram it is over, in ms. */
  idleTimeout: number;
  /** How long finding the server may take, in ms. */
  connectTimeout: number;
  /** Sends a datagram back to the client. */
  answer(bytes: Uint8Array): Promise<unknown>;
  /** Called when it is over. */
  onclose(): void;
}

interface Waiting {
  bytes: Uint8Array;
  due: number;
}

/** The datagrams of one direction: they are told and sent in order, one after the other. */
class Queue {
  offset = 0;
  readonly #send: (bytes: Uint8Array, offset: number) => Promise<void>;
  readonly #drop: (size: number, reason: string) => void;
  readonly #clock: Clock;
  readonly #pace: Pace | undefined;
  readonly #cutAfter: number;
  readonly #oncut: () => void;
  #waiting: Waiting[] = [];
  #bytes = 0;
  #passed = 0;
  #running = false;
  #timer: unknown;
  #wake: (() => void) | null = null;
  #closed = false;

  constructor(
    from: TraceSide,
    { clock, faults }: DatagramContext,
    send: (bytes: Uint8Array, offset: number) => Promise<void>,
    drop: (size: number, reason: string) => void,
    oncut: () => void,
  ) {
    this.#send = send;
    this.#drop = drop;
    this.#clock = clock;
    this.#oncut = oncut;
    const disturbed = hasFaults(faults)[from];
    this.#pace = disturbed ? new Pace(faults) : undefined;
    this.#cutAfter = disturbed ? faults.cutAfter ?? Infinity : Infinity;
  }

  /** Whether datagrams wait that are not due yet. */
  get holds(): boolean {
    return this.#waiting.length > 0 && this.#waiting[0].due >= this.#clock.now();
  }

  push(bytes: Uint8Array): void {
    if (this.#closed) return;
    const { length } = bytes;
    if (this.#passed + length > this.#cutAfter) {
      if (this.#passed !== Infinity) this.#oncut();
      this.#passed = Infinity; // nothing more goes through
      return;
    }
    if (this.#waiting.length >= MOST_WAITING || this.#bytes + length > MOST_BYTES) {
      return this.#drop(length, "too many wait already");
    }
    this.#passed += length;
    const now = this.#clock.now();
    this.#waiting.push({ bytes, due: this.#pace?.due(length, now) ?? now });
    this.#bytes += length;
    if (!this.#running) void this.#run();
  }

  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#clock.clearTimeout(this.#timer);
    this.#wake?.();
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let next; (next = this.#waiting[0]) !== undefined;) {
      const ms = next.due - this.#clock.now();
      if (ms > 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          this.#timer = this.#clock.setTimeout(resolve, ms);
        });
      }
      if (this.#closed) break;
      const { bytes } = next;
      const { offset } = this;
      this.offset += bytes.length;
      try {
        await this.#send(bytes, offset);
      } catch (error) {
        const why = errorOf(error).message;
        if (!this.#closed) this.#drop(bytes.length, why);
      }
      this.#waiting.shift();
      this.#bytes -= bytes.length;
    }
    this.#running = false;
  }
}

/** The datagrams between one client's address and the server. */
export class DatagramSession {
  /** Settles when it is over; never rejects. */
  readonly finished: Promise<void>;
  readonly #id: number;
  readonly #context: DatagramContext;
  readonly #socket: DatagramSocket;
  readonly #queues: Record<TraceSide, Queue>;
  readonly #finish: () => void;
  #connected: Promise<void> | undefined;
  #timer: unknown;
  #last: number;
  #closed = false;

  constructor(id: number, context: DatagramContext, client: TransportAddr, server: string) {
    this.#id = id;
    this.#context = context;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.finished = promise;
    this.#finish = resolve;
    const v6 = context.server.hostname.includes(":");
    this.#socket = createDatagramSocket({ type: v6 ? "udp6" : "udp4" });
    this.#queues = { client: this.#queue("client"), server: this.#queue("server") };
    this.#socket.on("message", (bytes) => {
      this.#touch();
      this.#queues.server.push(bytes);
    });
    this.#socket.on("error", (error) => this.#tell({ type: "error", side: "server", error }));
    this.#last = context.clock.now();
    this.#tell({ type: "open", transport: "udp", client, server });
    this.#watch();
  }

  /** When a datagram came last. */
  get last(): number {
    return this.#last;
  }

  /** Takes a datagram of the client. */
  push(bytes: Uint8Array): void {
    this.#touch();
    this.#queues.client.push(bytes);
  }

  /** Ends it. */
  stop(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#context.clock.clearTimeout(this.#timer);
    const { client, server } = this.#queues;
    client.close();
    server.close();
    this.#tell({ type: "close", clientBytes: client.offset, serverBytes: server.offset });
    this.#context.onclose();
    this.#socket.close().then(this.#finish, this.#finish);
  }

  #touch(): void {
    this.#last = this.#context.clock.now();
  }

  #tell(event: DistributedOmit): Promise<void> | undefined {
    const { hub } = this.#context;
    return hub.emit({ time: hub.now(), connection: this.#id, ...event });
  }

  #watch(): void {
    const { clock, idleTimeout } = this.#context;
    const left = this.#last + idleTimeout - clock.now();
    const { client, server } = this.#queues;
    if (left > 0) this.#timer = clock.setTimeout(() => this.#watch(), left);
    // What is late is not lost: its answer is awaited for as long as any.
    else if (client.holds || server.holds) {
      this.#touch();
      this.#watch();
    } else this.stop();
  }

  #queue(from: TraceSide): Queue {
    return new Queue(
      from,
      this.#context,
      async (bytes, offset) => {
        if (from === "client") await (this.#connected ??= this.#connect());
        if (this.#closed) return;
        const sent = from === "client" ? this.#socket.send(bytes) : this.#context.answer(bytes);
        // On its way first, told second; a sink may hold back those that follow.
        const held = this.#tell({ type: "data", from, bytes, offset, decoded: false });
        await Promise.all([sent, held]);
      },
      (size, reason) => this.#tell({ type: "drop", from, size, reason }),
      () => {
        const { cutAfter: after = 0 } = this.#context.faults;
        this.#tell({ type: "fault", fault: "cut", from, after });
      },
    );
  }

  async #connect(): Promise<void> {
    const { server: { hostname, port }, connectTimeout } = this.#context;
    try {
      await this.#socket.connect(port, hostname, { timeout: connectTimeout });
    } catch (error) {
      this.#connected = undefined; // the next datagram tries again
      throw error;
    }
    if (this.#closed) return;
    const { address } = this.#socket.remoteAddress();
    this.#tell({ type: "connect", server: { transport: "udp", hostname: address, port } });
  }
}

type DistributedOmit = OmitBase<Parameters<EventHub["emit"]>[0]>;
type OmitBase<E> = E extends unknown ? Omit<E, "time" | "connection"> : never;
