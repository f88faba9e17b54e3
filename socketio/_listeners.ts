// Floor 2: protocol.

import type { SocketIoListener } from "./types.ts";

/** A function that is called for an event. */
export type Listener = SocketIoListener;

interface Entry {
  readonly listener: Listener;
  readonly once: boolean;
}

/** Takes what a listener threw, or what the promise that it returned was rejected with, and whose listener it was. */
export type ListenerFailure<S> = (error: unknown, self: S) => void;

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

/** Calls a listener; what it throws or rejects with goes to `fail`. */
export function callListener<S>(
  listener: Listener,
  self: S,
  args: readonly unknown[],
  fail: ListenerFailure<S>,
): void {
  try {
    const result: unknown = listener.apply(self, args as never[]);
    if (isThenable(result)) result.then(undefined, (error) => fail(error, self));
  } catch (error) {
    fail(error, self);
  }
}

/**
 * The listeners of one emitter, by event. Names are keys of a map, so `__proto__` and `constructor` are names as any
 * other. A failing listener does not keep the others from being called.
 */
export class Listeners {
  #entries: Map<string | symbol, Entry | Entry[]> = new Map();

  /** Adds a listener behind, or in front of, the others. */
  add(event: string | symbol, listener: Listener, once: boolean, front = false): void {
    if (typeof listener !== "function") {
      throw new TypeError(`Cannot listen to "${String(event)}": the listener is not a function`);
    }
    const entry = { listener, once };
    const present = this.#entries.get(event);
    if (present === undefined) this.#entries.set(event, entry);
    else {
      const list = Array.isArray(present) ? present : [present];
      this.#entries.set(event, front ? [entry, ...list] : [...list, entry]);
    }
  }

  /** Removes the last added entry of a listener. */
  remove(event: string | symbol, listener: Listener): void {
    const present = this.#entries.get(event);
    if (present === undefined) return;
    const list = Array.isArray(present) ? present : [present];
    const at = list.findLastIndex((entry) => entry.listener === listener);
    if (at !== -1) this.#set(event, list.toSpliced(at, 1));
  }

  /** Removes all listeners of an event, or of all events. */
  clear(event?: string | symbol): void {
    if (event === undefined) this.#entries.clear();
    else this.#entries.delete(event);
  }

  /** The listeners of an event, in order. */
  list(event: string | symbol): Listener[] {
    const present = this.#entries.get(event);
    if (present === undefined) return [];
    return Array.isArray(present) ? present.map((entry) => entry.listener) : [present.listener];
  }

  /** How many listeners an event has. */
  count(event: string | symbol): number {
    const present = this.#entries.get(event);
    return present === undefined ? 0 : Array.isArray(present) ? present.length : 1;
  }

  /** The events that have listeners. */
  events(): (string | symbol)[] {
    return [...this.#entries.keys()];
  }

  /** Calls the listeners of an event, those of `once` for the last time; whether there were any. */
  emit<S>(
    event: string | symbol,
    self: S,
    args: readonly unknown[],
    fail: ListenerFailure<S>,
  ): boolean {
    const present = this.#entries.get(event);
    if (present === undefined) return false;
    if (!Array.isArray(present)) {
      if (present.once) this.#entries.delete(event);
      callListener(present.listener, self, args, fail);
      return true;
    }
    for (const entry of present) {
      if (entry.once) this.#drop(event, entry);
      callListener(entry.listener, self, args, fail);
    }
    return true;
  }

  #drop(event: string | symbol, entry: Entry): void {
    const present = this.#entries.get(event);
    if (present === entry) this.#entries.delete(event);
    else if (Array.isArray(present)) {
      this.#set(event, present.filter((other) => other !== entry));
    }
  }

  #set(event: string | symbol, list: Entry[]): void {
    if (list.length === 0) this.#entries.delete(event);
    else this.#entries.set(event, list.length === 1 ? list[0] : list);
  }
}
