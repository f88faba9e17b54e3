// Floor 3: driver.
import type { NetError } from "../net/errors.ts";
import { deadlineSignal, waitFor, type WaitOptions } from "../net/wait.ts";
import { FailedCalls } from "./_failed_calls.ts";
import { type BookOperation, closedHere, SocketFailure, toBookError } from "./_failure.ts";
import type { NamedSocket } from "./_named_socket.ts";
import type { SocketBookError } from "./errors.ts";

/** A socket that was made, and the port that it listens on. */
export interface MadeSocket {
  socket: NamedSocket;
  port?: number;
}

/** For how many names an error is remembered. */
const MAX_ERRORS = 1024;

/** A name that is taken by a socket which is being made. */
class Reservation {
  readonly aborter = new AbortController();
  /** Whether it was given up by the book, and not by the signal of its caller. */
  cancelled = false;
  readonly #done = Promise.withResolvers<void>();

  /** Gives up, and waits until that is done. */
  cancel(): Promise<void> {
    this.cancelled = true;
    this.aborter.abort();
    return this.#done.promise;
  }

  settle(): void {
    this.#done.resolve();
  }
}

/** The names of a book, and what became of its calls. */
export class Registry {
  readonly #throws: boolean;
  readonly #maxSockets: number;
  readonly #entries = new Map<string, MadeSocket | Reservation>();
  readonly #errors = new Map<string, SocketBookError>();
  readonly #closing = new Set<Promise<void>>();
  readonly #failed = new FailedCalls();
  readonly #waitForRoom = new Set<() => void>();
  #channels = 0;
  /** Why the call that ended last failed. */
  lastError: SocketBookError | null = null;

  constructor(throws: boolean, maxSockets: number) {
    this.#throws = throws;
    this.#maxSockets = maxSockets;
  }

  errorOf(name: string): SocketBookError | null {
    return this.#errors.get(name) ?? null;
  }

  get names(): string[] {
    return [...this.#entries].filter(([, entry]) => !(entry instanceof Reservation))
      .map(([name]) => name);
  }

  /** The socket of that name; `undefined` when there is none. */
  find(name: string): MadeSocket | undefined {
    const entry = this.#entries.get(checkName(name));
    return entry instanceof Reservation ? undefined : entry;
  }

  get(name: string): NamedSocket {
    const found = this.find(name);
    if (found === undefined) {
      throw new SocketFailure("UNKNOWN_NAME", "there is no socket of that name");
    }
    return found.socket;
  }

  /** A name for a channel that nobody has had. */
  channelName(listener: string): string {
    let name: string;
    do name = `${listener}#${++this.#channels}`; while (this.#entries.has(name));
    return name;
  }

  /** Runs an operation. What goes wrong becomes `failed` and the last error, or is thrown. */
  async run<T>(
    operation: BookOperation,
    name: string,
    failed: T,
    action: () => T | Promise<T>,
  ): Promise<T> {
    checkName(name);
    try {
      const result = await action();
      this.#succeeded(operation, name);
      return result;
    } catch (error) {
      const turn = this.#failed.add();
      if (turn !== undefined) await turn;
      return this.#fail(error, operation, name, failed);
    }
  }

  /** {@linkcode run} for what does not wait. */
  runNow<T>(operation: BookOperation, name: string, failed: T, action: () => T): T {
    checkName(name);
    try {
      const result = action();
      this.#succeeded(operation, name);
      return result;
    } catch (error) {
      return this.#fail(error, operation, name, failed);
    }
  }

  #succeeded(operation: BookOperation, name: string): void {
    this.lastError = null;
    // What was waiting for a socket that is closed looks for its error afterwards.
    if (operation !== "close") this.#errors.delete(name);
  }

  #fail<T>(error: unknown, operation: BookOperation, name: string, failed: T): T {
    const told = toBookError(error, operation, name);
    this.remember(told);
    if (this.#throws) throw told;
    return failed;
  }

  /** Keeps an error that nobody is told of by a call. */
  remember(error: SocketBookError): void {
    this.lastError = error;
    this.#errors.delete(error.socketName);
    this.#errors.set(error.socketName, error);
    if (this.#errors.size > MAX_ERRORS) {
      const [oldest] = this.#errors.keys();
      this.#errors.delete(oldest);
    }
  }

  /**
   * Makes a socket. Its name is taken from the beginning; the signal that `action` gets fires when it is closed before it is there, and
   * with the one that is given.
   */
  async make(
    name: string,
    action: (signal: AbortSignal) => MadeSocket | Promise<MadeSocket>,
    signal?: AbortSignal,
  ): Promise<void> {
    if (this.#entries.has(name)) {
      throw new SocketFailure("NAME_IN_USE", "there is a socket of that name already");
    }
    if (this.full) {
      throw new SocketFailure(
        "LIMIT_REACHED",
        `there are ${this.#entries.size} sockets already, the limit is ${this.#maxSockets} (maxSockets); ` +
          "one whose peer has gone counts until it is closed",
      );
    }
    // Not `AbortSignal.any`, which takes none of a polyfill's.
    const given = deadlineSignal("make a socket", { signal });
    const reservation = new Reservation();
    const { aborter } = reservation;
    given.onfire(() => aborter.abort(signal!.reason));
    this.#entries.set(name, reservation);
    try {
      const made = await action(aborter.signal);
      if (reservation.cancelled) {
        await made.socket.close({ timeout: 1 });
        throw closedHere();
      }
      // Replaced, not set anew, so that the order of the names is that of the calls.
      this.#entries.set(name, made);
    } catch (error) {
      this.#delete(name);
      throw reservation.cancelled ? closedHere() : error;
    } finally {
      given.clear();
      reservation.settle();
    }
  }

  /** Whether no more sockets can be made. */
  get full(): boolean {
    return this.#entries.size >= this.#maxSockets;
  }

  /** Waits until a socket goes, or the time is over. */
  async room(wait: WaitOptions): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waitForRoom.add(resolve);
    try {
      await waitFor(promise, "wait for room", wait);
    } catch (error) {
      if ((error as NetError).code !== "ETIMEDOUT") throw error;
    } finally {
      this.#waitForRoom.delete(resolve);
    }
  }

  #delete(name: string): void {
    this.#entries.delete(name);
    for (const resolve of this.#waitForRoom) resolve();
  }

  /** Closes what has that name, made or not. */
  async close(name: string, timeout: number): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry === undefined) {
      throw new SocketFailure("UNKNOWN_NAME", "there is no socket of that name");
    }
    if (entry instanceof Reservation) {
      await entry.cancel();
      return;
    }
    this.#delete(name);
    const closing = entry.socket.close({ timeout });
    this.#closing.add(closing);
    try {
      await closing;
    } finally {
      this.#closing.delete(closing);
    }
  }

  /** Closes everything, and waits for what is being closed already. */
  async closeAll(timeout: number): Promise<void> {
    const closing = [...this.#entries.keys()].map((name) => this.close(name, timeout));
    await Promise.all([...closing, ...this.#closing]);
  }
}

/** @throws {TypeError} If it is no text, or empty. */
function checkName(name: string): string {
  if (typeof name === "string" && name !== "") return name;
  throw new TypeError("The name of a socket is a text that is not empty");
}
