// Floor 3: driver.

/** A listener. What it returns is looked at only to find a promise that rejects. */
export type AnyListener = (...args: never[]) => unknown;

const ORIGINAL = Symbol("listener");

/** A listener that takes itself off; it knows the one that was given to `once`. */
interface OnceListener extends AnyListener {
  [ORIGINAL]?: AnyListener;
}

/** A listener for one time: it calls `remove` with itself before it calls `listener`. */
export function onceListener(
  listener: AnyListener,
  remove: (wrapper: AnyListener) => void,
): AnyListener {
  if (typeof listener !== "function") return listener;
  const wrapper: OnceListener = function (this: unknown, ...args: never[]) {
    remove(wrapper);
    return listener.apply(this, args);
  };
  wrapper[ORIGINAL] = listener;
  return wrapper;
}

/** Whether `one` is `listener`, or the one for one time that was made of it. */
export function isListener(one: AnyListener, listener: AnyListener): boolean {
  return one === listener || (one as OnceListener)[ORIGINAL] === listener;
}

/**
 * The listeners of one object's events. Lists are replaced when they change, so that one that is being gone through
 * stays as it was.
 */
export class ListenerLists<Name extends string> {
  readonly #lists = new Map<Name, readonly AnyListener[]>();

  /** The listeners of an event, in order. */
  of(name: Name): readonly AnyListener[] | undefined {
    return this.#lists.get(name);
  }

  /** Adds a listener. */
  add(name: Name, listener: AnyListener): void {
    if (typeof listener !== "function") {
      throw new TypeError(`Cannot listen for "${name}": the listener is not a function`);
    }
    this.#lists.set(name, [...this.#lists.get(name) ?? [], listener]);
  }

  /** Adds a listener for one time. */
  addOnce(name: Name, listener: AnyListener): void {
    this.add(name, onceListener(listener, (wrapper) => this.delete(name, wrapper)));
  }

  /** Takes all listeners of an event off. */
  clear(name: Name): void {
    this.#lists.delete(name);
  }

  /** Takes a listener off: the one that was added last. */
  delete(name: Name, listener: AnyListener): void {
    const list = this.#lists.get(name);
    const index = list?.findLastIndex((one) => isListener(one, listener)) ?? -1;
    if (list === undefined || index < 0) return;
    if (list.length === 1) this.#lists.delete(name);
    else this.#lists.set(name, list.toSpliced(index, 1));
  }
}
