/** A signal that counts the listeners that it is given. */

/** A signal of a controller, and how often a listener was added to it and taken off. */
export function countedSignal(): {
  controller: AbortController;
  signal: AbortSignal;
  counts: { added: number; removed: number };
} {
  const controller = new AbortController();
  const { signal } = controller;
  const counts = { added: 0, removed: 0 };
  const { addEventListener, removeEventListener } = signal;
  Object.assign(signal, {
    addEventListener: (...args: Parameters<typeof addEventListener>) => {
      counts.added++;
      addEventListener.apply(signal, args);
    },
    removeEventListener: (...args: Parameters<typeof removeEventListener>) => {
      counts.removed++;
      removeEventListener.apply(signal, args);
    },
  });
  return { controller, signal, counts };
}
