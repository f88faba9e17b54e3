// Floor 0: vocabulary.
import { MAX_DELAY } from "../net/max_delay.ts";

/** A time to wait for an acknowledgement. @throws {RangeError} If it is negative or not a number. */
export function ackTime(ms: number): number {
  if (ms >= 0) return ms;
  throw new RangeError(`Cannot wait ${ms} ms for an acknowledgement: it is out of range`);
}

/** A time as a timer can wait it. */
export function timerTime(ms: number): number {
  return Math.min(ms, MAX_DELAY);
}

/**
 * How long the servers of a cluster may take to answer where nothing else says so, in ms. Adapters have
 * limits of their own, but those of npm wait for their database without one.
 */
export const CLUSTER_TIME = 30_000;

/**
 * The time for the servers behind an adapter, in ms. One that gives them longer itself, as `requestsTimeout` of npm's adapter for
 * Redis says, is to tell of it before: it has the answers that did come.
 */
export function clusterTime(adapter: object): number {
  const { requestsTimeout } = adapter as { requestsTimeout?: unknown };
  const own = typeof requestsTimeout === "number" && requestsTimeout > 0 ? requestsTimeout : 0;
  return timerTime(Math.max(CLUSTER_TIME, own * 2));
}
