// Floor 1: codec.

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  cs: 10,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  j: 86_400_000,
};

/**
 * A wait in ms: a number of them, or text as WLangage writes durations, for example `"1 s"` or `"1 min 30 s"`.
 *
 * @throws {RangeError} if it is neither.
 */
export function milliseconds(time: number | string): number {
  if (typeof time === "number") {
    if (time >= 0) return time;
  } else if (/^\s*(?:\d+(?:\.\d+)?\s*[a-z]+\s*)+$/i.test(time)) {
    let sum = 0;
    for (const [, count, unit] of time.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/gi)) {
      sum += Number(count) * (UNITS[unit.toLowerCase()] ?? NaN);
    }
    if (!Number.isNaN(sum)) return sum;
  }
  throw new RangeError(
    `Cannot wait for ${
      JSON.stringify(time)
    }: it is no duration, such as 500 (ms), "500 ms" or "1 min 30 s"`,
  );
}
