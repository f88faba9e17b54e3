// Floor 1: codec.
import { MAX_DELAY } from "../net/max_delay.ts";
import { checkOptionNames } from "../net/option_names.ts";

/** How long to wait before each attempt to come back. */
export interface BackoffOptions {
  /**
   * The longest wait before the first attempt, in ms.
   *
   * @default {500}
   */
  initial?: number;
  /**
   * By how much each wait is longer than the one before.
   *
   * @default {2}
   */
  factor?: number;
  /**
   * The longest wait of all, in ms.
   *
   * @default {30_000}
   */
  max?: number;
  /**
   * Which part of each wait is left to chance, 0 to 1: with 1 it is anything from 0 to its full length. Without chance
   * all clients of a server that was gone come back at the same moment.
   *
   * @default {1}
   */
  jitter?: number;
  /**
   * How many attempts in a row may fail before it is given up.
   *
   * @default {Infinity}
   */
  attempts?: number;
}

const OPTIONS: Record<keyof Required<BackoffOptions>, true> = {
  initial: true,
  factor: true,
  max: true,
  jitter: true,
  attempts: true,
};

/**
 * The wait before an attempt, in ms.
 *
 * @param attempt 0 for the first attempt after a connection was lost, and one more for each that failed.
 * @param random A number from 0 up to 1.
 *
 * @example
 * ```ts
 * import { backoffDelay } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const options = { initial: 100, factor: 2, max: 1000, jitter: 0.5 };
 * assertEquals(backoffDelay(options, 0, 0), 50);
 * assertEquals(backoffDelay(options, 2, 0), 200);
 * assertEquals(backoffDelay(options, 9, 0), 500);
 * ```
 */
export function backoffDelay(options: BackoffOptions, attempt: number, random: number): number {
  const { initial = 500, factor = 2, max = 30_000, jitter = 1 } = options;
  const full = Math.min(max, initial * factor ** attempt);
  return full * (1 - jitter * (1 - random));
}

/**
 * Checks options that a user gave.
 *
 * @throws {RangeError} If one is out of range.
 * @throws {TypeError} `ERR_INVALID_ARG_VALUE` for one that there is not.
 *
 * @example
 * ```ts
 * import { checkBackoff } from "@sluice/sockets/websocket";
 * import { assertThrows } from "@std/assert";
 *
 * checkBackoff({ initial: 100, max: 5000 });
 * assertThrows(() => checkBackoff({ factor: 0.5 }), RangeError);
 * ```
 */
export function checkBackoff(options: BackoffOptions): void {
  checkOptionNames("Cannot reconnect: backoff", options, OPTIONS);
  const { initial = 500, factor = 2, max = 30_000, jitter = 1, attempts = Infinity } = options;
  if (
    !(initial >= 0 && factor >= 1 && max >= 0 && max <= MAX_DELAY && jitter >= 0 &&
      jitter <= 1 && attempts >= 1)
  ) throw new RangeError("Cannot reconnect: a part of `backoff` is out of range");
}
