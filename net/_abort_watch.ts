// Floor 3: driver.

/**
 * Has `watcher` called when the signal fires, unless the function that this returns is called before. One signal may be for
 * very many waits: a listener of its own for each would have the runtime go through all others whenever one comes or goes.
 *
 * The signal has not fired yet, and each call has a function of its own.
 */
export function watchAbort(signal: AbortSignal, watcher: () => void): () => void {
  let watch = watches.get(signal);
  if (watch === undefined) watches.set(signal, watch = new AbortWatch());
  return watch.add(signal, watcher);
}

/** Those who watch a signal. It does not hold the signal: in the map, that would keep both. */
class AbortWatch {
  readonly #watchers = new Set<() => void>();
  #fire: (() => void) | undefined;

  add(signal: AbortSignal, watcher: () => void): () => void {
    if (this.#fire === undefined) {
      this.#fire = () => this.#tell(signal);
      signal.addEventListener("abort", this.#fire, { once: true });
    }
    const watchers = this.#watchers;
    watchers.add(watcher);
    return () => {
      if (watchers.delete(watcher) && watchers.size === 0) this.#rest(signal);
    };
  }

  #tell(signal: AbortSignal): void {
    // A polyfill's signal may not know `once`.
    this.#rest(signal);
    for (const watcher of [...this.#watchers]) {
      if (!this.#watchers.delete(watcher)) continue;
      try {
        watcher();
      } catch (error) {
        // As with listeners of their own: the others are told all the same.
        reportError(error);
      }
    }
  }

  #rest(signal: AbortSignal): void {
    if (this.#fire !== undefined) signal.removeEventListener?.("abort", this.#fire);
    this.#fire = undefined;
  }
}

const watches = new WeakMap<AbortSignal, AbortWatch>();
