// Floor 2: protocol.
import { SocketIoError } from "./errors.ts";

type Event = [name: string, ...args: unknown[]];

interface Unfetched {
  readonly event: Event;
  readonly size: number;
}

/** Limits of an {@linkcode EventQueue}. */
export interface EventQueueLimits {
  /** The most events that may wait. */
  readonly maxEvents: number;
  /** The most that they may have together, in characters and bytes; a first one may always wait. */
  readonly maxBytes: number;
}

/** Events that wait for a `for await` loop. Bounded: a loop that is too slow ends with an error. */
export class EventQueue implements AsyncIterableIterator<Event> {
  readonly #limits: EventQueueLimits;
  readonly #onend: () => void;
  #events: Unfetched[] = [];
  #bytes = 0;
  #waiting: PromiseWithResolvers<IteratorResult<Event>>[] = [];
  #ended = false;
  #error: SocketIoError | undefined;

  constructor(limits: EventQueueLimits, onend: () => void) {
    this.#limits = limits;
    this.#onend = onend;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Puts an event in, of so many characters and bytes. */
  push(event: Event, size: number): void {
    if (this.#ended) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting.resolve({ done: false, value: [...event] });
    const { maxEvents, maxBytes } = this.#limits;
    const count = this.#events.length;
    if (count >= maxEvents) return this.#overflow(`${count} events`);
    if (count > 0 && this.#bytes + size > maxBytes) {
      return this.#overflow(`events of ${this.#bytes} bytes`);
    }
    this.#events.push({ event: [...event], size });
    this.#bytes += size;
  }

  /** Nothing more will come. What came is still handed out. */
  end(error?: SocketIoError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#onend();
    for (const waiting of this.#waiting.splice(0)) {
      const failure = this.#takeError();
      if (failure === undefined) waiting.resolve({ done: true, value: undefined });
      else waiting.reject(failure);
    }
  }

  next(): Promise<IteratorResult<Event>> {
    const unfetched = this.#events.shift();
    if (unfetched !== undefined) {
      this.#bytes -= unfetched.size;
      return Promise.resolve({ done: false, value: unfetched.event });
    }
    if (this.#ended) {
      const failure = this.#takeError();
      if (failure !== undefined) return Promise.reject(failure);
      return Promise.resolve({ done: true, value: undefined });
    }
    const waiting = Promise.withResolvers<IteratorResult<Event>>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  return(): Promise<IteratorResult<Event>> {
    this.#events = [];
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  #overflow(what: string): void {
    this.end(new SocketIoError("ERR_LIMIT", `Cannot go on with the loop: ${what} wait for it`));
  }

  /** An error is told once. */
  #takeError(): SocketIoError | undefined {
    const error = this.#error;
    this.#error = undefined;
    return error;
  }
}
