// Floor 0: vocabulary.

/** The longest time that a timer can wait, in ms: asked for more, it fires at once. */
export const MAX_TIME = 2_147_483_647;

/** A time as a timer can wait it. */
export function timerTime(ms: number): number {
  return Math.min(ms, MAX_TIME);
}
