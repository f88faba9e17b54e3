// Floor 3: driver.
import { watchAbort } from "./_abort_watch.ts";
import { checkSignal } from "./_connect_arguments.ts";
import { NetError } from "./errors.ts";
import { isDelay } from "./max_delay.ts";
import { checkOptionNames } from "./option_names.ts";

/** Options of everything that waits. */
export interface WaitOptions {
  /** Gives up after so many milliseconds; no limit when left out or 0. */
  timeout?: number;
  /** Gives up when it fires. */
  signal?: AbortSignal;
}

/** A deadline and an abort signal in one, made by {@linkcode deadlineSignal}. */
export interface Deadline {
  /** The error that it fired with, or null. */
  readonly fired: NetError | null;
  /** Says who is to be told, at most once; at once when it has fired already. */
  onfire(listener: (error: NetError) => void): void;
  /** Frees the timer and the listener. To be called when what was waited for has come. */
  clear(): void;
}

const NEVER: Deadline = { fired: null, onfire() {}, clear() {} };

/**
 * The error of a wait that its signal ended.
 *
 * @example
 * ```ts
 * import { abortError } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const error = abortError("read", AbortSignal.abort("the user left"));
 * assertEquals([error.code, error.cause], ["ABORT_ERR", "the user left"]);
 * ```
 */
export function abortError(what: string, signal: AbortSignal): NetError {
  return new NetError(`Cannot ${what}: aborted`, { code: "ABORT_ERR", cause: signal.reason });
}

/**
 * The error of a wait whose deadline passed.
 *
 * @example
 * ```ts
 * import { timeoutError } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(timeoutError("read", 50).message, "Cannot read: timed out after 50 ms");
 * ```
 */
export function timeoutError(what: string, timeout: number): NetError {
  return new NetError(`Cannot ${what}: timed out after ${timeout} ms`, { code: "ETIMEDOUT" });
}

const NAMES: Readonly<Record<keyof WaitOptions, true>> = { timeout: true, signal: true };

/**
 * Refuses what are no options of a wait: with a misspelt `timeout` it would have no end.
 *
 * @throws {TypeError} `ERR_INVALID_ARG_VALUE` for another option, and for what is no object.
 *
 * @example
 * ```ts
 * import { checkWaitOptions } from "@sluice/sockets/net";
 * import { assertThrows } from "@std/assert";
 *
 * checkWaitOptions("read", { timeout: 50 });
 * const misspelt: object = { timeOut: 50 };
 * assertThrows(() => checkWaitOptions("read", misspelt), TypeError, "no option `timeOut`, but `timeout`");
 * ```
 */
export function checkWaitOptions(what: string, options: WaitOptions): void {
  checkOptionNames(`Cannot ${what}`, options, NAMES);
}

/**
 * Whether a wait with these options ends by itself: it has a timeout, or a signal.
 *
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, when the signal is none.
 * @throws {RangeError} When the timeout is negative, not a number, or above {@linkcode MAX_DELAY}.
 *
 * @example
 * ```ts
 * import { isBounded } from "@sluice/sockets/net";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals([isBounded("read", {}), isBounded("read", { timeout: 50 })], [false, true]);
 * assertThrows(() => isBounded("read", { timeout: NaN }), RangeError);
 * ```
 */
export function isBounded(what: string, options: WaitOptions): boolean {
  const { timeout = 0, signal } = options;
  checkSignal(signal);
  if (!isDelay(timeout)) {
    throw new RangeError(`Cannot ${what}: a timeout of ${timeout} ms is out of range`);
  }
  return signal !== undefined || (timeout > 0 && timeout !== Infinity);
}

/**
 * Starts a deadline for one wait: what comes first of `options.timeout` and `options.signal` fires it, once.
 *
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, when the signal is none.
 * @throws {RangeError} When the timeout is negative, not a number, or above {@linkcode MAX_DELAY}.
 *
 * @example
 * ```ts
 * import { deadlineSignal } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const deadline = deadlineSignal("read", { timeout: 1 });
 * const error = await new Promise<Error>((resolve) => deadline.onfire(resolve));
 * assertEquals(error.message, "Cannot read: timed out after 1 ms");
 * ```
 */
export function deadlineSignal(what: string, options: WaitOptions): Deadline {
  if (!isBounded(what, options)) return NEVER;
  const { timeout = 0, signal } = options;
  return new ArmedDeadline(what, timeout === Infinity ? 0 : timeout, signal);
}

class ArmedDeadline implements Deadline {
  fired: NetError | null = null;
  #listener: ((error: NetError) => void) | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #unwatch: (() => void) | undefined;

  constructor(what: string, timeout: number, signal: AbortSignal | undefined) {
    if (signal !== undefined) {
      if (signal.aborted) {
        this.fired = abortError(what, signal);
        return;
      }
      this.#unwatch = watchAbort(signal, () => this.#fire(abortError(what, signal)));
    }
    if (timeout > 0) {
      const fire = () => this.#fire(timeoutError(what, timeout));
      // Timers go first: after a time in which the process stood still, what came in time is read a turn later.
      this.#timer = setTimeout(() => {
        this.#timer = setTimeout(fire, 0);
      }, timeout);
    }
  }

  onfire(listener: (error: NetError) => void): void {
    if (this.fired !== null) listener(this.fired);
    else this.#listener = listener;
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#unwatch?.();
    this.#listener = null;
  }

  #fire(error: NetError): void {
    const listener = this.#listener;
    this.clear();
    this.fired = error;
    listener?.(error);
  }
}

/**
 * Waits for `promise`, but no longer than `options` allow. What comes of the promise afterwards goes to `late`, so
 * that nothing that it opened is left behind.
 *
 * @throws {NetError} `ETIMEDOUT` or `ABORT_ERR`.
 *
 * @example
 * ```ts
 * import { NetError, waitFor } from "@sluice/sockets/net";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * assertEquals(await waitFor(Promise.resolve(1), "count", { timeout: 1000 }), 1);
 * const never = new Promise(() => {});
 * const error = await assertRejects(() => waitFor(never, "count", { timeout: 1 }), NetError);
 * assertEquals(error.code, "ETIMEDOUT");
 * ```
 */
export function waitFor<T>(
  promise: PromiseLike<T>,
  what: string,
  options: WaitOptions,
  late?: (value: T) => void,
): Promise<T> {
  const deadline = deadlineSignal(what, options);
  return new Promise<T>((resolve, reject) => {
    let open = true;
    deadline.onfire((error) => {
      open = false;
      reject(error);
    });
    promise.then((value) => {
      deadline.clear();
      if (open) resolve(value);
      else late?.(value);
    }, (error) => {
      deadline.clear();
      if (open) reject(error);
    });
  });
}
