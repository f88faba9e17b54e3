// Floor 3: driver.
import { type Clock, SYSTEM_CLOCK } from "../net/clock.ts";
import { MAX_DELAY } from "../net/max_delay.ts";

/** Something that has a deadline. It carries its place in the queue, so that nothing is made for it. */
export interface Expiring {
  /** When, on the queue's clock, in ms. The queue sets it. */
  deadline: number;
  /** Where in the queue, -1 if it is in none. The queue sets it. */
  deadlineIndex: number;
  /** The deadline came; it is out of the queue. It must not throw. */
  onDeadline(now: number): void;
}

/** A timer that is later than this tells that the process has stood still, in ms. */
const LATE = 50;
/** So many connections are read in a turn of the event loop at least. Deno reads 128, not in every turn. */
const READS_PER_TURN = 50;
/** How many turns are left at most for reading what has come: under a load that lasts, deadlines have to hold as well. */
const MAX_TURNS = 64;
/** No further turn is left behind this time, in ms: turns that are long would add up, each time anew. */
const MAX_PUT_OFF = 1000;
/** But so many turns are left however long they are: Deno does not read in every one. */
const MIN_TURNS = 2;

/**
 * Deadlines of many objects on a single timer: a heap ordered by time. With nothing in it, no timer runs.
 */
export class DeadlineQueue {
  readonly #heap: Expiring[] = [];
  readonly #clock: Clock;
  #timer: unknown;
  #timerAt = Infinity;
  /** For how many turns, and since when, the deadlines that are over are put off. */
  #turns = 0;
  #since = 0;

  /** Makes an empty queue on a clock. */
  constructor(clock: Clock = SYSTEM_CLOCK) {
    this.#clock = clock;
  }

  /** How many objects are in the queue. */
  get size(): number {
    return this.#heap.length;
  }

  /** The time, in ms. */
  now(): number {
    return this.#clock.now();
  }

  /** Gives an object a deadline, instead of the one that it has. */
  set(item: Expiring, at: number): void {
    const heap = this.#heap;
    item.deadline = at;
    if (item.deadlineIndex < 0) {
      item.deadlineIndex = heap.length;
      heap.push(item);
      this.#up(item);
    } else {
      this.#up(item);
      this.#down(item);
    }
    this.#arm();
  }

  /** Takes an object out. */
  delete(item: Expiring): void {
    const index = item.deadlineIndex;
    if (index < 0) return;
    const last = this.#heap.pop()!;
    item.deadlineIndex = -1;
    if (last !== item) {
      this.#heap[index] = last;
      last.deadlineIndex = index;
      this.#up(last);
      this.#down(last);
    }
    if (this.#heap.length === 0) this.#disarm();
  }

  #arm(): void {
    const first = this.#heap[0].deadline;
    // A timer that fires too early costs little; one for each change would cost more.
    if (first >= this.#timerAt) return;
    this.#disarm();
    this.#timerAt = first;
    const delay = Math.min(MAX_DELAY, Math.max(0, Math.ceil(first - this.#clock.now())));
    this.#timer = this.#clock.setTimeout(this.#fire, delay);
  }

  #disarm(): void {
    if (this.#timerAt !== Infinity) this.#clock.clearTimeout(this.#timer);
    this.#timerAt = Infinity;
    this.#turns = 0;
  }

  readonly #fire = (): void => {
    const now = this.#clock.now();
    if (now - this.#timerAt > LATE && this.#leavesTurn(now)) {
      this.#timer = this.#clock.setTimeout(this.#fire, 0);
      return;
    }
    this.#timerAt = Infinity;
    this.#turns = 0;
    while (this.#heap.length > 0 && this.#heap[0].deadline <= now) {
      const item = this.#heap[0];
      this.delete(item);
      item.onDeadline(now);
    }
    if (this.#heap.length > 0) this.#arm();
  };

  /** Whether there is a turn left for what has come while the process stood still. It is not read yet, for timers go first. */
  #leavesTurn(now: number): boolean {
    if (this.#turns === 0) this.#since = now;
    const most = now - this.#since < MAX_PUT_OFF ? MAX_TURNS : MIN_TURNS;
    return this.#turns++ < Math.min(most, 1 + Math.ceil(this.#heap.length / READS_PER_TURN));
  }

  #up(item: Expiring): void {
    const heap = this.#heap;
    let index = item.deadlineIndex;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent.deadline <= item.deadline) break;
      heap[index] = parent;
      parent.deadlineIndex = index;
      index = above;
    }
    heap[index] = item;
    item.deadlineIndex = index;
  }

  #down(item: Expiring): void {
    const heap = this.#heap;
    let index = item.deadlineIndex;
    for (;;) {
      let below = index * 2 + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && heap[below + 1].deadline < heap[below].deadline) below++;
      const child = heap[below];
      if (child.deadline >= item.deadline) break;
      heap[index] = child;
      child.deadlineIndex = index;
      index = below;
    }
    heap[index] = item;
    item.deadlineIndex = index;
  }
}

/** The queue that all connections share. */
export const DEADLINES: DeadlineQueue = new DeadlineQueue();
