/** A long wait that is part of the library's behaviour and no option, made short. */
import { assert } from "@std/assert";

/**
 * Until it is disposed of, timers that are to take `from` ms take `to`. What waits so long by another constant keeps its time: a test fails
 * in which no timer of `from` ms was started.
 */
export function shortTimers(from: number, to: number): Disposable {
  const { setTimeout } = globalThis;
  let started = 0;
  globalThis.setTimeout = ((then: () => void, ms?: number) => {
    if (ms === from) started++;
    return setTimeout(then, ms === from ? to : ms);
  }) as typeof globalThis.setTimeout;
  return {
    [Symbol.dispose]() {
      globalThis.setTimeout = setTimeout;
      assert(started > 0, `no timer of ${from} ms was started`);
    },
  };
}
