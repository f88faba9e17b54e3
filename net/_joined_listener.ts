// Floor 3: driver.
import { closeQuietly } from "./_close_quietly.ts";

/** What {@linkcode JoinedListener} joins: a `Deno.Listener` is one, and so is a `TransportListener`. */
export interface JoinableListener<T> {
  /** The next connection. */
  accept(): Promise<T>;
  /** Stops listening; an `accept` under way rejects. */
  close(): void;
  /** Lets the listener keep the program running. */
  ref?(): void;
  /** Lets the program end although it listens. */
  unref?(): void;
}

/** Two listeners as one, whose address is the first one's. */
export class JoinedListener<T extends { close(): void }, A> {
  /** The first one's address. */
  readonly addr: A;
  readonly #listeners: readonly JoinableListener<T>[];
  /** Which of them are in an `accept`. */
  readonly #accepting: Set<JoinableListener<T>> = new Set();
  readonly #waiters: PromiseWithResolvers<T>[] = [];
  /** What came while nobody waited: one of each listener at most. */
  readonly #came: T[] = [];
  #closed = false;

  constructor(first: JoinableListener<T> & { readonly addr: A }, second: JoinableListener<T>) {
    this.addr = first.addr;
    this.#listeners = [first, second];
  }

  /** The next connection of either. */
  accept(): Promise<T> {
    if (this.#closed) return Promise.reject(closedError());
    const came = this.#came.shift();
    if (came !== undefined) return Promise.resolve(came);
    const waiter = Promise.withResolvers<T>();
    this.#waiters.push(waiter);
    this.#acceptOn();
    return waiter.promise;
  }

  /** Closes both. Every `accept` under way rejects, and what came meanwhile is closed. */
  close(): void {
    if (this.#closed) throw closedError();
    this.#closed = true;
    for (const listener of this.#listeners) closeQuietly(listener);
    for (const connection of this.#came.splice(0)) closeQuietly(connection);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(closedError());
  }

  /** Lets the listeners keep the program running. */
  ref(): void {
    for (const listener of this.#listeners) listener.ref?.();
  }

  /** Lets the program end although they listen. */
  unref(): void {
    for (const listener of this.#listeners) listener.unref?.();
  }

  /** Closes both, if that was not done. */
  [Symbol.dispose](): void {
    if (!this.#closed) this.close();
  }

  /** All connections until it is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    while (!this.#closed) {
      try {
        yield await this.accept();
      } catch (error) {
        if (this.#closed) return;
        throw error;
      }
    }
  }

  #acceptOn(): void {
    for (const listener of this.#listeners) {
      if (this.#waiters.length === 0 || this.#accepting.has(listener)) continue;
      this.#accepting.add(listener);
      listener.accept().then((connection) => {
        this.#accepting.delete(listener);
        this.#deliver(connection);
      }, (error) => {
        this.#accepting.delete(listener);
        this.#waiters.shift()?.reject(error);
      });
    }
  }

  #deliver(connection: T): void {
    if (this.#closed) return closeQuietly(connection);
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#came.push(connection);
    else waiter.resolve(connection);
    if (this.#waiters.length > 0) this.#acceptOn();
  }
}

function closedError(): Error {
  return new Deno.errors.BadResource("the listener is closed");
}
