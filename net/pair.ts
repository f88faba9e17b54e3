// Floor 3: driver.
import { NetError } from "./errors.ts";
import { type Clock, SYSTEM_CLOCK } from "./clock.ts";
import { checkOptionNames } from "./option_names.ts";
import type { OtherAddr, Transport } from "./transport.ts";

/** One thing that happens to a direction of a {@linkcode pair} when so many bytes have passed. */
export interface PairFault {
  /** After how many bytes of this direction it happens. */
  at: number;
  /**
   * What happens when a read comes to that byte: `"stall"` holds everything behind for `duration` ms (for good when
   * left out), `"end"` cuts the stream with an ordinary end and swallows what is written later, `"reset"` cuts both
   * directions with `ECONNRESET`.
   */
  action: "stall" | "end" | "reset";
  /**
   * How long a stall lasts, in ms.
   *
   * @default {Infinity}
   */
  duration?: number;
}

/** What a direction of a {@linkcode pair} does to the bytes. */
export interface PairDirection {
  /**
   * The most bytes that one read gives; 1 delivers byte by byte.
   *
   * @default {Infinity}
   */
  split?: number;
  /**
   * How long bytes are on their way, in ms.
   *
   * @default {0}
   */
  delay?: number;
  /**
   * How many bytes may be on their way before `write` waits.
   *
   * @default {65536}
   */
  capacity?: number;
  /**
   * What happens at which byte, in order.
   *
   * @default {[]}
   */
  faults?: PairFault[];
}

/** Options of {@linkcode pair}. */
export interface PairOptions extends PairDirection {
  /** What is different from the first end to the second. */
  forth?: PairDirection;
  /** What is different from the second end to the first. */
  back?: PairDirection;
  /**
   * The clock of delays and stalls: a `ManualClock` in tests.
   *
   * @default {the system's}
   */
  clock?: Clock;
}

/** One end of a {@linkcode pair}. */
export interface PairEnd extends Transport {
  /** Closes this end with a reset: the other end gets `ECONNRESET`, and bytes on their way are lost. */
  reset(): void;
}

const DIRECTION: Record<keyof Required<PairDirection>, true> = {
  split: true,
  delay: true,
  capacity: true,
  faults: true,
};
const OPTIONS: Record<keyof Required<PairOptions>, true> = {
  ...DIRECTION,
  forth: true,
  back: true,
  clock: true,
};

const ACTIONS = ["stall", "end", "reset"];

function closedError(what: string): NetError {
  return new NetError(`Cannot ${what}: closed`, { code: "ERR_SOCKET_CLOSED", syscall: what });
}

function brokenError(what: string): NetError {
  return new NetError(`Cannot ${what}: the other end is gone`, { code: "EPIPE", syscall: what });
}

function resetError(what: string): NetError {
  return new NetError(`Cannot ${what}: reset by the other end`, {
    code: "ECONNRESET",
    syscall: what,
  });
}

interface Pending {
  bytes: Uint8Array;
  resolve(n: number | null): void;
  reject(error: unknown): void;
}

/** One direction: a bounded queue of bytes, each with the time when it arrives. */
class Lane {
  readonly #split: number;
  readonly #delay: number;
  readonly #capacity: number;
  readonly #faults: PairFault[];
  readonly #clock: Clock;
  readonly #reset: () => void;
  /** Oldest first; those before `#next` are read already, and go together. */
  #chunks: { bytes: Uint8Array; due: number }[] = [];
  #next = 0;
  #size = 0;
  #passed = 0;
  #heldUntil = 0;
  #wake: unknown = null;
  #reader: Pending | null = null;
  #writer: Pending | null = null;
  #ended = false;
  #cut = false;
  #error: ((what: string) => NetError) | null = null;
  #readable = true;

  constructor(options: PairDirection, clock: Clock, reset: () => void) {
    this.#split = options.split ?? Infinity;
    this.#delay = options.delay ?? 0;
    this.#capacity = options.capacity ?? 65_536;
    if (!(this.#split >= 1 && this.#delay >= 0 && this.#capacity >= 1)) {
      throw new RangeError(
        "Cannot make a pair: split and capacity are at least 1, delay at least 0",
      );
    }
    this.#faults = [...options.faults ?? []].sort((a, b) => a.at - b.at);
    for (const { at, action, duration = Infinity } of this.#faults) {
      if (!(at >= 0 && duration >= 0) || !ACTIONS.includes(action)) {
        throw new RangeError(
          `Cannot make a pair: no fault "${action}" at byte ${at} for ${duration} ms`,
        );
      }
    }
    this.#clock = clock;
    this.#reset = reset;
  }

  read(bytes: Uint8Array): Promise<number | null> {
    if (this.#reader !== null) {
      return Promise.reject(new TypeError("Cannot read: a read is under way"));
    }
    if (bytes.length === 0) return Promise.resolve(0);
    return new Promise((resolve, reject) => {
      this.#reader = { bytes, resolve, reject };
      this.#turn();
    });
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.#writer !== null) {
      return Promise.reject(new TypeError("Cannot write: a write is under way"));
    }
    if (this.#error !== null) return Promise.reject(this.#error("write"));
    if (this.#ended || !this.#readable) return Promise.reject(brokenError("write"));
    return new Promise((resolve, reject) => {
      this.#writer = { bytes, resolve: resolve as (n: number | null) => void, reject };
      this.#turn();
    });
  }

  /** No more bytes come in. */
  end(): void {
    this.#ended = true;
    if (this.#writer !== null) this.#take("writer").reject(closedError("write"));
    this.#turn();
  }

  /** The reading end is closed. */
  leave(): void {
    this.#readable = false;
    this.#clear();
    this.#clock.clearTimeout(this.#wake);
    this.#wake = null;
    if (this.#reader !== null) this.#take("reader").reject(closedError("read"));
    if (this.#writer !== null) this.#take("writer").reject(brokenError("write"));
  }

  /** Both ends get an error from now on; bytes on their way are lost. */
  fail(): void {
    this.#error = resetError;
    this.#clock.clearTimeout(this.#wake);
    this.#wake = null;
    this.#clear();
    if (this.#reader !== null) this.#take("reader").reject(resetError("read"));
    if (this.#writer !== null) this.#take("writer").reject(resetError("write"));
  }

  #clear(): void {
    this.#chunks = [];
    this.#next = 0;
    this.#size = 0;
  }

  #take(which: "reader" | "writer"): Pending {
    const pending = which === "reader" ? this.#reader! : this.#writer!;
    if (which === "reader") this.#reader = null;
    else this.#writer = null;
    return pending;
  }

  /** Moves what can be moved: from the waiting writer into the queue, and from the queue to the waiting reader. */
  #turn(): void {
    this.#fill();
    if (this.#reader === null) return;
    if (this.#error !== null) return this.#take("reader").reject(this.#error("read"));
    const now = this.#clock.now();
    if (this.#heldUntil > now) return this.#sleep(this.#heldUntil);
    const allowed = this.#faultsAt(now);
    if (this.#reader === null) return;
    if (this.#cut) return this.#take("reader").resolve(null);
    if (allowed === 0) return this.#sleep(this.#heldUntil);
    if (this.#next === this.#chunks.length) {
      if (this.#ended) this.#take("reader").resolve(null);
      return;
    }
    const { due } = this.#chunks[this.#next];
    if (due > now) return this.#sleep(due);
    this.#give(Math.min(allowed, this.#split), now);
  }

  #fill(): void {
    if (this.#writer === null || this.#size >= this.#capacity) return;
    const { bytes, resolve } = this.#take("writer");
    if (this.#cut) return resolve(bytes.length);
    const n = Math.min(bytes.length, this.#capacity - this.#size);
    if (n > 0) {
      this.#chunks.push({ bytes: bytes.slice(0, n), due: this.#clock.now() + this.#delay });
      this.#size += n;
    }
    resolve(n);
  }

  /** Carries out the faults that are due; returns how many bytes may pass before the next. */
  #faultsAt(now: number): number {
    for (;;) {
      const fault = this.#faults[0];
      if (fault === undefined) return Infinity;
      if (this.#passed < fault.at) return fault.at - this.#passed;
      this.#faults.shift();
      if (fault.action === "reset") {
        this.#reset();
        return 0;
      }
      if (fault.action === "end") {
        this.#cut = true;
        this.#clear();
        this.#fill();
        return 0;
      }
      this.#heldUntil = now + (fault.duration ?? Infinity);
      return 0;
    }
  }

  #sleep(until: number): void {
    if (until === Infinity) return;
    this.#clock.clearTimeout(this.#wake);
    this.#wake = this.#clock.setTimeout(() => this.#turn(), until - this.#clock.now());
  }

  #give(most: number, now: number): void {
    const { bytes, resolve } = this.#take("reader");
    let n = 0;
    while (this.#next < this.#chunks.length && this.#chunks[this.#next].due <= now) {
      const chunk = this.#chunks[this.#next];
      const part = chunk.bytes.subarray(0, Math.min(bytes.length, most) - n);
      if (part.length === 0) break;
      bytes.set(part, n);
      n += part.length;
      if (part.length === chunk.bytes.length) this.#next++;
      else chunk.bytes = chunk.bytes.subarray(part.length);
    }
    if (this.#next * 2 >= this.#chunks.length) {
      this.#chunks.splice(0, this.#next);
      this.#next = 0;
    }
    this.#passed += n;
    this.#size -= n;
    resolve(n);
    this.#turn();
  }
}

class MemoryTransport implements PairEnd {
  readonly localAddr: OtherAddr;
  readonly remoteAddr: OtherAddr;
  readonly #incoming: Lane;
  readonly #outgoing: Lane;
  #closed = false;

  constructor(incoming: Lane, outgoing: Lane, local: string, remote: string) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.localAddr = { transport: "memory", address: local };
    this.remoteAddr = { transport: "memory", address: remote };
  }

  read(p: Uint8Array): Promise<number | null> {
    return this.#closed ? Promise.reject(closedError("read")) : this.#incoming.read(p);
  }

  write(p: Uint8Array): Promise<number> {
    return this.#closed ? Promise.reject(closedError("write")) : this.#outgoing.write(p);
  }

  closeWrite(): Promise<void> {
    if (this.#closed) return Promise.reject(closedError("closeWrite"));
    this.#outgoing.end();
    return Promise.resolve();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#incoming.leave();
    this.#outgoing.end();
  }

  reset(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#incoming.leave();
    this.#incoming.fail();
    this.#outgoing.fail();
  }
}

/**
 * Makes two transports that are connected to each other in memory, with real backpressure: a `write` waits while
 * `capacity` bytes are on their way.
 *
 * A direction can split what passes, delay it, and follow a script of faults at exact byte positions. With a
 * {@linkcode ManualClock} time stands still until the test moves it. `close()` lets the other end read what was sent
 * and then see the end; writing to a closed end fails with `EPIPE`. Closing twice is fine.
 *
 * @throws {TypeError} For an option that there is not.
 * @throws {RangeError} When a number is out of range, or a fault unknown.
 *
 * @example
 * ```ts
 * import { pair } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const [a, b] = pair({ forth: { split: 2, faults: [{ at: 3, action: "end" }] } });
 * await a.write(new TextEncoder().encode("hello"));
 * const buffer = new Uint8Array(8);
 * assertEquals(await b.read(buffer), 2);
 * assertEquals(await b.read(buffer), 1);
 * assertEquals(await b.read(buffer), null);
 * a.close();
 * b.close();
 * ```
 */
export function pair(options: PairOptions = {}): [PairEnd, PairEnd] {
  checkOptionNames("Cannot make a pair", options, OPTIONS);
  const { forth, back, clock = SYSTEM_CLOCK, ...both } = options;
  for (const direction of [forth, back]) {
    if (direction !== undefined) checkOptionNames("Cannot make a pair", direction, DIRECTION);
  }
  const reset = (): void => {
    there.fail();
    here.fail();
  };
  const there = new Lane({ ...both, ...forth }, clock, reset);
  const here = new Lane({ ...both, ...back }, clock, reset);
  return [new MemoryTransport(here, there, "a", "b"), new MemoryTransport(there, here, "b", "a")];
}
