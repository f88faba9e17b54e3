// Floor 2: protocol.
import { SocketIoError } from "./errors.ts";

type Event = [name: string, ...args: unknown[]];

/** Events that wait for a `for await` loop. Bounded: a loop that is too slow ends with an error. */
export class EventQueue implements AsyncIterableIterator<Event> {
  readonly #limit: number;
  readonly #onend: () => void;
  #events: Event[] = [];
  #waiting: PromiseWithResolvers<IteratorResult<Event>>[] = [];
  #ended = false;
  #error: SocketIoError | undefined;

  constructor(limit: number, onend: () => void) {
    this.#limit = limit;
    this.#onend = onend;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Puts an event in. */
  push(event: Event): void {
    if (this.#ended) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting.resolve({ done: false, value: [...event] });
    else if (this.#events.length < this.#limit) this.#events.push([...event]);
    else {
      const message = `Cannot go on with the loop: ${this.#limit} events wait for it`;
      this.end(new SocketIoError("ERR_LIMIT", message));
    }
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
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
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

  /** An error is told once. */
  #takeError(): SocketIoError | undefined {
    const error = this.#error;
    this.#error = undefined;
    return error;
  }
}
