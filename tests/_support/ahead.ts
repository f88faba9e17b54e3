/** Does something at a later time: all that looks at the clock meanwhile finds it `ms` ahead. */
export function ahead<T>(ms: number, work: () => T): T {
  const { now } = performance;
  performance.now = () => now.call(performance) + ms;
  try {
    return work();
  } finally {
    performance.now = now;
  }
}
