/** Connections that are cut at a chosen operation: for trying every place where something is awaited. */
import { assert } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { pair, type PairOptions } from "../../net/pair.ts";
import type { TransportListener } from "../../net/server_options.ts";
import type { Transport, TransportAddr } from "../../net/transport.ts";

function resetError(what: string): NetError {
  return new NetError(`Cannot ${what}: reset by the other end`, {
    code: "ECONNRESET",
    syscall: what,
  });
}

/** Counts the reads, writes and half-closes of its transports; at a chosen one, before it is begun, it resets all of them. */
export class KillSwitch {
  #operations = 0;
  #fired = false;
  readonly #at: number;
  readonly #watched = new Set<WatchedTransport>();

  /** `at` is the number of the operation, from 1 up; Infinity cuts nothing. */
  constructor(at: number) {
    this.#at = at;
  }

  /** How many operations there were. */
  get operations(): number {
    return this.#operations;
  }

  /** Whether it has come to the operation. */
  get fired(): boolean {
    return this.#fired;
  }

  /** Counts one more operation. */
  tick(): void {
    if (++this.#operations < this.#at || this.#fired) return;
    this.#fired = true;
    for (const transport of this.#watched) transport.cut();
  }

  /** The same transport, watched. */
  watch(inner: Transport): Transport {
    const transport = new WatchedTransport(inner, this);
    this.#watched.add(transport);
    return transport;
  }

  /** Two ends in memory, both watched. */
  pair(options?: PairOptions): [Transport, Transport] {
    const [a, b] = pair(options);
    return [this.watch(a), this.watch(b)];
  }
}

class WatchedTransport implements Transport {
  readonly #inner: Transport;
  readonly #switch: KillSwitch;
  readonly #pending = new Set<() => void>();
  #cut = false;

  constructor(inner: Transport, owner: KillSwitch) {
    this.#inner = inner;
    this.#switch = owner;
  }

  get localAddr(): TransportAddr {
    return this.#inner.localAddr;
  }

  get remoteAddr(): TransportAddr {
    return this.#inner.remoteAddr;
  }

  read(p: Uint8Array): Promise<number | null> {
    return this.#run("read", () => this.#inner.read(p));
  }

  write(p: Uint8Array): Promise<number> {
    return this.#run("write", () => this.#inner.write(p));
  }

  closeWrite(): Promise<void> {
    return this.#run("closeWrite", () => this.#inner.closeWrite());
  }

  close(): void {
    this.#inner.close();
  }

  cut(): void {
    if (this.#cut) return;
    this.#cut = true;
    this.#inner.close();
    for (const reject of [...this.#pending]) reject();
  }

  #run<T>(what: string, start: () => Promise<T>): Promise<T> {
    this.#switch.tick();
    if (this.#cut) return Promise.reject(resetError(what));
    return new Promise<T>((resolve, reject) => {
      const drop = (): void => reject(resetError(what));
      this.#pending.add(drop);
      start().then(resolve, reject).finally(() => this.#pending.delete(drop));
    });
  }
}

/** Accepts what a test gives it. */
export class MemoryListener implements TransportListener {
  readonly addr: TransportAddr = { transport: "memory", address: "server" };
  #queue: Transport[] = [];
  #waiting: PromiseWithResolvers<Transport> | undefined;
  #closed = false;

  /** A client comes. */
  push(transport: Transport): void {
    if (this.#closed) transport.close();
    else if (this.#waiting === undefined) this.#queue.push(transport);
    else {
      this.#waiting.resolve(transport);
      this.#waiting = undefined;
    }
  }

  accept(): Promise<Transport> {
    if (this.#closed) return Promise.reject(new Deno.errors.BadResource("closed"));
    const transport = this.#queue.shift();
    if (transport !== undefined) return Promise.resolve(transport);
    this.#waiting = Promise.withResolvers<Transport>();
    return this.#waiting.promise;
  }

  close(): void {
    this.#closed = true;
    for (const transport of this.#queue.splice(0)) transport.close();
    this.#waiting?.reject(new Deno.errors.BadResource("closed"));
    this.#waiting = undefined;
  }
}

/** How long one scenario may take, however slow the machine is, in ms. */
const PATIENCE = 30_000;

/** Fails a test that hangs, and says where. */
export async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: still waiting`)), PATIENCE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** More operations than any scenario has. */
const TOO_MANY = 2000;

/**
 * Runs a scenario with the connection cut at its first operation, at its second, and so on, until it is through before the cut comes.
 * Returns at how many places it was cut.
 */
export async function cutEverywhere(
  scenario: (kill: KillSwitch) => Promise<void>,
): Promise<number> {
  for (let at = 1; at <= TOO_MANY; at++) {
    const kill = new KillSwitch(at);
    try {
      await inTime(scenario(kill), "the scenario");
    } catch (error) {
      throw new Error(`Cut at operation ${at}: ${(error as Error).message}`, { cause: error });
    }
    if (!kill.fired) {
      assert(at > 1, "nothing was cut");
      return at - 1;
    }
  }
  throw new Error(`The scenario has more than ${TOO_MANY} operations`);
}
