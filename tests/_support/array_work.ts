/** How much arrays are gone through, or moved: what grows with the square of the work shows by it, whatever the machine. */

const METHODS = ["shift", "unshift", "splice", "indexOf", "findIndex", "filter"] as const;

/**
 * The lengths, added up, of all arrays of which one of these methods is called while `run` runs: each may go through the whole
 * array. Ten thousand items that are taken one by one from a queue are 50 millions, where one array is the queue.
 */
export async function arrayWork(run: () => unknown): Promise<number> {
  let work = 0;
  const prototype = Array.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
  const originals = METHODS.map((name) => [name, prototype[name]] as const);
  for (const [name, original] of originals) {
    prototype[name] = function (this: unknown[], ...args) {
      work += this.length;
      return original.apply(this, args);
    };
  }
  try {
    await run();
  } finally {
    for (const [name, original] of originals) prototype[name] = original;
  }
  return work;
}
