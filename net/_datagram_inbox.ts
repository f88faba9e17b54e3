// Floor 3: driver.
import { Line } from "./_line.ts";
import type { Datagram } from "./datagram_options.ts";
import type { Deadline } from "./wait.ts";

/** How much waits in a {@linkcode DatagramInbox}, and what is dropped beyond that. */
export interface DatagramInboxLimits {
  /** The most datagrams. */
  maxQueue: number;
  /** The most bytes. */
  maxQueueBytes: number;
  /** What is dropped: the datagram that comes, or those that wait longest. */
  drop: "newest" | "oldest";
}

interface Waiter {
  resolve(datagram: Datagram): void;
  reject(error: unknown): void;
}

/** The datagrams that came and wait to be taken, or else those who wait for one: the first comes first. */
export class DatagramInbox {
  readonly #limits: DatagramInboxLimits;
  readonly #queue: Line<Datagram> = new Line();
  #bytes = 0;
  #dropped = 0;
  readonly #waiters: Line<Waiter> = new Line();

  constructor(limits: DatagramInboxLimits) {
    this.#limits = limits;
  }

  /** How many datagrams wait. */
  get length(): number {
    return this.#queue.length;
  }

  /** How many bytes wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many datagrams were dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Gives a datagram to who has waited longest; or keeps it, as far as there is room. */
  add(datagram: Datagram): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#store(datagram);
    else waiter.resolve(datagram);
  }

  /** The datagram that has waited longest; undefined when there is none. */
  take(): Datagram | undefined {
    const datagram = this.#queue.shift();
    if (datagram !== undefined) this.#bytes -= datagram.data.length;
    return datagram;
  }

  /** Waits for the next datagram that comes, until the deadline, which the caller clears. */
  next(deadline: Deadline): Promise<Datagram> {
    return new Promise((resolve, reject) => {
      const place = this.#waiters.push({ resolve, reject });
      deadline.onfire((error) => {
        this.#waiters.remove(place);
        reject(error);
      });
    });
  }

  /** Tells all who wait why they get nothing. */
  fail(error: unknown): void {
    for (const waiter of this.#waiters.takeAll()) waiter.reject(error);
  }

  /** Forgets what waits. */
  clear(): void {
    this.#queue.takeAll();
    this.#bytes = 0;
  }

  #store(datagram: Datagram): void {
    const size = datagram.data.length;
    if (this.#limits.drop === "oldest") {
      while (this.#queue.length > 0 && this.#isFull(size)) {
        this.take();
        this.#dropped++;
      }
    }
    if (this.#isFull(size)) {
      this.#dropped++;
      return;
    }
    this.#queue.push(datagram);
    this.#bytes += size;
  }

  #isFull(size: number): boolean {
    const { maxQueue, maxQueueBytes } = this.#limits;
    return this.#queue.length >= maxQueue || this.#bytes + size > maxQueueBytes;
  }
}
