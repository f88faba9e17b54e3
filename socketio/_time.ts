// Floor 0: vocabulary.

/** The longest time that a timer can wait, in ms: asked for more, it fires at once. */
export const MAX_TIME = 2_147_483_647;

/** A time to wait for an acknowledgement. @throws {RangeError} If it is negative or not a number. */
export function ackTime(ms: number): number {
  if (ms >= 0) return ms;
  throw new RangeError(`Cannot wait ${ms} ms for an acknowledgement: it is out of range`);
}

/** A time as a timer can wait it. */
export function timerTime(ms: number): number {
  return Math.min(ms, MAX_TIME);
}
