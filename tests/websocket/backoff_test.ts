import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { backoffDelay, checkBackoff } from "../../websocket/backoff.ts";

Deno.test("backoff grows to its maximum, and jitter takes away only", () => {
  fc.assert(
    fc.property(fc.nat(2000), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, random) => {
      for (const jitter of [0, 0.5, 1]) {
        const options = { initial: 100, factor: 3, max: 5000, jitter };
        const full = Math.min(5000, 100 * 3 ** attempt);
        const delay = backoffDelay(options, attempt, random);
        assert(delay <= full && delay >= full * (1 - jitter) - 1e-9);
        if (jitter === 0) assertEquals(delay, full);
      }
    }),
  );
  assertEquals(backoffDelay({}, 0, 1), 500);
  assertEquals(backoffDelay({}, 50, 1), 30_000);
});

Deno.test("backoff out of range is refused", () => {
  for (
    const bad of [
      { initial: -1 },
      { factor: 0.5 },
      { max: Infinity },
      { jitter: 1.1 },
      { attempts: 0 },
      { initial: NaN },
    ]
  ) assertThrows(() => checkBackoff(bad), RangeError);
  const misspelt = { maxDelay: 1000 } as never;
  assertThrows(() => checkBackoff(misspelt), TypeError, "there is no option `maxDelay`");
  checkBackoff({});
  checkBackoff({ initial: 0, factor: 1, max: 0, jitter: 0, attempts: 1 });
  checkBackoff({ jitter: 1 });
});
