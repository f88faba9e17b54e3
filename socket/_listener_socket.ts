// Floor 3: driver.
import { AcceptFailures } from "../net/accept_failures.ts";
import type { NetError } from "../net/errors.ts";
import { FramingError } from "../net/framing_error.ts";
import type { TransportListener } from "../net/server_options.ts";
import type { Transport } from "../net/transport.ts";
import { type Deadline, deadlineSignal, type WaitOptions } from "../net/wait.ts";
import { closedHere, SocketFailure } from "./_failure.ts";
import type { NamedSocket, PeerInfo, ReadRequest, WriteRequest } from "./_named_socket.ts";
import type { StreamSocket } from "./_stream_socket.ts";
import type { Transmission } from "./_transmission.ts";

/** What a listener is made of. */
export interface ListenerSettings {
  /** Where the connections come from. */
  source: Pick<TransportListener, "accept" | "close">;
  /** How many connections wait here until they are accepted; more wait in the system. */
  maxPending: number;
  /** Makes a connection ready (TLS) before anybody is told of it. Must reject when the signal fires. */
  prepare?: (transport: Transport, signal: AbortSignal) => Promise<Transport>;
  /** The socket of a connection. */
  open: (transport: Transport, transmission: Transmission) => StreamSocket;
  transmission: Transmission;
}

interface Waiter {
  /** Settles the waiter if it can be; tells whether it was. */
  attempt(): boolean;
  reject(error: unknown): void;
  deadline: Deadline;
}

/** A connection that is being made ready. */
interface Preparation {
  readonly since: number;
  readonly aborter: AbortController;
}

/** A client whose TLS has taken so long gives way to the next one, where no more fit, in ms. */
const PATIENCE = 1_000;

/** How long `accept` rests after it failed for want of resources, in ms. */
const ACCEPT_REST = 50;

/**
 * What listens. Besides, it is WLangage's simplified server: read and written under its own name, it serves one client at a time,
 * the one that has waited longest.
 */
export class ListenerSocket implements NamedSocket {
  readonly #settings: ListenerSettings;
  #transmission: Transmission;
  #pending: Transport[] = [];
  readonly #preparing = new Set<Preparation>();
  #waiters: Waiter[] = [];
  #room: (() => void) | undefined;
  #client: StreamSocket | undefined;
  /** The client, when it has sent what is no message in its mode. */
  #unreadable: StreamSocket | undefined;
  /** Clients that are being closed. */
  readonly #leaving = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;
  #closed = false;

  constructor(settings: ListenerSettings) {
    this.#settings = settings;
    this.#transmission = settings.transmission;
    this.#accepting = this.#acceptAll();
  }

  get transmission(): Transmission {
    return this.#transmission;
  }

  /** Connections that are accepted from now on begin with it, and the client of the simplified server goes on with it. */
  set transmission(transmission: Transmission) {
    this.#transmission = transmission;
    this.#unreadable = undefined;
    if (this.#client !== undefined) this.#client.transmission = transmission;
  }

  /** The client of the simplified server. */
  get client(): StreamSocket | undefined {
    return this.#client;
  }

  async #acceptAll(): Promise<void> {
    const failures = new AcceptFailures();
    while (!this.#closed) {
      // Otherwise the next client may take the place of one that is being made ready.
      if (this.#preparing.size === 0) await this.#makeRoom();
      try {
        const transport = await this.#settings.source.accept();
        failures.clear();
        await this.#makeRoom();
        this.#prepare(transport);
      } catch (error) {
        if (await failures.passOver(error)) continue;
        if (this.#closed) return;
        await this.#pause(ACCEPT_REST); // out of descriptors, perhaps
      }
    }
  }

  /** Waits until one more fits. */
  async #makeRoom(): Promise<void> {
    const { maxPending } = this.#settings;
    while (!this.#closed && this.#preparing.size + this.#pending.length >= maxPending) {
      const [oldest] = this.#pending.length < maxPending ? this.#preparing : [];
      const left = oldest && oldest.since + PATIENCE - performance.now();
      if (left === undefined || left > 0) await this.#pause(left);
      else {
        this.#preparing.delete(oldest);
        oldest.aborter.abort();
      }
    }
  }

  /** Waits until something leaves, or it is closed; or until the time is over. */
  async #pause(ms?: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#room = resolve;
      if (ms !== undefined) timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
  }

  async #prepare(transport: Transport): Promise<void> {
    const { prepare } = this.#settings;
    if (this.#closed) return closeQuietly(transport);
    if (prepare === undefined) return this.#offer(transport);
    const preparation = { since: performance.now(), aborter: new AbortController() };
    this.#preparing.add(preparation);
    let ready: Transport | undefined;
    try {
      ready = await prepare(transport, preparation.aborter.signal);
    } catch {
      // A client that can't be made ready, an error of its own, disturbs nobody else.
      closeQuietly(transport);
    }
    this.#preparing.delete(preparation);
    if (ready === undefined) this.#room?.();
    else if (this.#closed) closeQuietly(ready);
    else this.#offer(ready);
  }

  #offer(transport: Transport): void {
    this.#pending.push(transport);
    this.#serve();
  }

  #serve(): void {
    for (const waiter of [...this.#waiters]) {
      if (!waiter.attempt()) continue;
      waiter.deadline.clear();
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
    }
  }

  #take(): Transport | undefined {
    const transport = this.#pending.shift();
    this.#room?.();
    return transport;
  }

  /** Waits until `get` gives something; `undefined` when it does not in time. */
  #wait<T>(get: () => T | undefined, options: WaitOptions, what: string): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw closedHere();
      const deadline = deadlineSignal(what, options);
      const attempt = (): boolean => {
        const value = get();
        if (value !== undefined) resolve(value);
        return value !== undefined;
      };
      const waiter: Waiter = { attempt, reject, deadline };
      this.#waiters.push(waiter);
      deadline.onfire((error: NetError) => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        if (error.code === "ETIMEDOUT") resolve(undefined);
        else reject(error);
      });
      if (deadline.fired === null) this.#serve();
    });
  }

  /** Waits for a client to come; false when none comes in time. */
  async pending(options: WaitOptions): Promise<boolean> {
    return (await this.#wait(() => this.#pending[0], options, "wait for a connection")) !==
      undefined;
  }

  /** Waits for a client and takes it; `undefined` when none comes in time. */
  accept(options: WaitOptions): Promise<StreamSocket | undefined> {
    return this.#wait(() => this.#open(), options, "accept a connection");
  }

  #open(): StreamSocket | undefined {
    const transport = this.#take();
    return transport && this.#settings.open(transport, this.#transmission);
  }

  /** Drops the client that has waited longest; false when there is none. */
  refuse(): boolean {
    const transport = this.#take();
    if (transport === undefined) return false;
    closeQuietly(transport);
    return true;
  }

  async read(request: ReadRequest): Promise<Uint8Array | undefined> {
    const { timeout } = request;
    const began = performance.now();
    // It was told once, and the mode is still the same: nothing more can be read from this one.
    if (this.#unreadable !== undefined) this.#drop(this.#unreadable);
    const client = await this.#wait(() => this.#client ??= this.#open(), request, "read");
    if (client === undefined) return undefined;
    const left = timeout === undefined
      ? undefined
      : Math.max(1, timeout - (performance.now() - began));
    try {
      return await client.read({ ...request, timeout: left });
    } catch (error) {
      // The end of one client is told once; the next read is for the next client.
      if (client.finished) this.#drop(client);
      else if (error instanceof FramingError && this.#client === client) this.#unreadable = client;
      throw error;
    }
  }

  #drop(client: StreamSocket): void {
    if (this.#client !== client) return;
    this.#client = this.#unreadable = undefined;
    this.#leave(client);
  }

  async #leave(client: StreamSocket): Promise<void> {
    const leaving = client.close({ timeout: 1000 });
    this.#leaving.add(leaving);
    await leaving;
    this.#leaving.delete(leaving);
  }

  async write(bytes: Uint8Array, request: WriteRequest): Promise<void> {
    if (this.#client === undefined) {
      throw new SocketFailure("NO_CLIENT", "no client has been read from yet");
    }
    await this.#client.write(bytes, request);
  }

  peer(): PeerInfo | undefined {
    return this.#client?.peer();
  }

  async close(options: WaitOptions): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const { aborter } of this.#preparing) aborter.abort();
    try {
      this.#settings.source.close();
    } catch {
      // It is closed already.
    }
    this.#room?.();
    for (const transport of this.#pending.splice(0)) closeQuietly(transport);
    for (const waiter of this.#waiters.splice(0)) {
      waiter.deadline.clear();
      waiter.reject(closedHere());
    }
    // The port is free when the last `accept` has ended.
    await Promise.all([this.#accepting, this.#client?.close(options), ...this.#leaving]);
  }
}

function closeQuietly(transport: Transport): void {
  try {
    transport.close();
  } catch {
    // It is closed already.
  }
}
