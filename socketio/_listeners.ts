// Floor 2: protocol.
import { isPromise } from "./_thenable.ts";
import type { SocketIoListener } from "./types.ts";

/** A function that is called for an event. */
export type Listener = SocketIoListener;

/** A listener that is called once. */
interface Entry {
  readonly listener: Listener;
}

/** Takes what a listener threw, or what the promise that it returned was rejected with, and whose listener it was. */
export type ListenerFailure<S> = (error: unknown, self: S) => void;

/** Calls a listener; what it throws or rejects with goes to `fail`. */
export function callListener<S>(
  listener: Listener,
  self: S,
  args: readonly unknown[],
  fail: ListenerFailure<S>,
): void {
  try {
    const result: unknown = listener.apply(self, args as never[]);
    if (isPromise(result)) result.then(undefined, (error) => fail(error, self));
  } catch (error) {
    fail(error, self);
  }
}

/** A listener that stays is kept as it is: most are, and there are many. */
type Slot = Listener | Entry;

function listenerOf(slot: Slot): Listener {
  return typeof slot === "function" ? slot : slot.listener;
}

/** Up to so many events, looking through a list costs less than a map, in time and in memory. */
const SHORT = 8;

/**
 * The listeners of one emitter, by event. A failing listener does not keep the others from being called.
 *
 * Names are compared, or keys of a map: `__proto__` and `constructor` are names as any other.
 */
export class Listeners {
  /** Names and slots in turns, while there are few. */
  #list: readonly (string | symbol | Slot | Slot[])[] = [];
  /** All of them, once there were many. */
  #map: Map<string | symbol, Slot | Slot[]> | undefined;

  /** Adds a listener behind, or in front of, the others. */
  add(event: string | symbol, listener: Listener, once: boolean, front = false): void {
    if (typeof listener !== "function") {
      throw new TypeError(`Cannot listen to "${String(event)}": the listener is not a function`);
    }
    const slot: Slot = once ? { listener } : listener;
    const present = this.#get(event);
    if (present === undefined) this.#put(event, slot);
    else {
      const list = Array.isArray(present) ? present : [present];
      this.#put(event, front ? [slot, ...list] : [...list, slot]);
    }
  }

  /** Removes the last added entry of a listener. */
  remove(event: string | symbol, listener: Listener): void {
    const present = this.#get(event);
    if (present === undefined) return;
    const list = Array.isArray(present) ? present : [present];
    const at = list.findLastIndex((slot) => listenerOf(slot) === listener);
    if (at !== -1) this.#set(event, list.toSpliced(at, 1));
  }

  /** Removes all listeners of an event, or of all events. */
  clear(event?: string | symbol): void {
    if (event !== undefined) return this.#delete(event);
    this.#list = [];
    this.#map = undefined;
  }

  /**
   * Removes as many arguments say: without one all listeners, with one all of an event, with two one of them. An argument that is there and
   * `undefined` is no event and no listener.
   */
  off(args: readonly [event?: string | symbol, listener?: Listener]): void {
    const [event, listener] = args;
    if (args.length === 0) this.clear();
    else if (event === undefined) return;
    else if (args.length === 1) this.clear(event);
    else if (listener !== undefined) this.remove(event, listener);
  }

  /** The listeners of an event, in order. */
  list(event: string | symbol): Listener[] {
    const present = this.#get(event);
    if (present === undefined) return [];
    return Array.isArray(present) ? present.map(listenerOf) : [listenerOf(present)];
  }

  /** How many listeners an event has. */
  count(event: string | symbol): number {
    const present = this.#get(event);
    return present === undefined ? 0 : Array.isArray(present) ? present.length : 1;
  }

  /** Whether no event has listeners. */
  get empty(): boolean {
    return this.#map === undefined ? this.#list.length === 0 : this.#map.size === 0;
  }

  /** The events that have listeners. */
  events(): (string | symbol)[] {
    if (this.#map !== undefined) return [...this.#map.keys()];
    return this.#list.filter((_, i) => i % 2 === 0) as (string | symbol)[];
  }

  /** Calls the listeners of an event, those of `once` for the last time; whether there were any. */
  emit<S>(
    event: string | symbol,
    self: S,
    args: readonly unknown[],
    fail: ListenerFailure<S>,
  ): boolean {
    const present = this.#get(event);
    if (present === undefined) return false;
    if (typeof present === "function") {
      callListener(present, self, args, fail);
      return true;
    }
    for (const slot of Array.isArray(present) ? present : [present]) {
      // What another call of the same event has used up already is not there any more.
      if (typeof slot !== "function" && !this.#drop(event, slot)) continue;
      callListener(listenerOf(slot), self, args, fail);
    }
    return true;
  }

  /** Takes a slot out, and says whether it was there. */
  #drop(event: string | symbol, slot: Slot): boolean {
    const present = this.#get(event);
    if (present === slot) {
      this.#delete(event);
      return true;
    }
    if (!Array.isArray(present) || !present.includes(slot)) return false;
    this.#set(event, present.filter((other) => other !== slot));
    return true;
  }

  #set(event: string | symbol, list: Slot[]): void {
    if (list.length === 0) this.#delete(event);
    else this.#put(event, list.length === 1 ? list[0] : list);
  }

  #get(event: string | symbol): Slot | Slot[] | undefined {
    if (this.#map !== undefined) return this.#map.get(event);
    const list = this.#list;
    for (let i = 0; i < list.length; i += 2) {
      if (list[i] === event) return list[i + 1] as Slot | Slot[];
    }
    return undefined;
  }

  #put(event: string | symbol, slots: Slot | Slot[]): void {
    const list = this.#list;
    if (this.#map === undefined) {
      const at = this.#indexOf(event);
      if (at !== -1) {
        this.#list = list.with(at + 1, slots);
        return;
      }
      if (list.length < SHORT * 2) {
        // Exactly as long as it has to be: a list that grows by itself has room for many more.
        this.#list = [...list, event, slots];
        return;
      }
      this.#map = new Map();
      for (let i = 0; i < list.length; i += 2) {
        this.#map.set(list[i] as string | symbol, list[i + 1] as Slot | Slot[]);
      }
      this.#list = [];
    }
    this.#map.set(event, slots);
  }

  #delete(event: string | symbol): void {
    if (this.#map !== undefined) return void this.#map.delete(event);
    const at = this.#indexOf(event);
    // Who is being walked through keeps the list that it has.
    if (at !== -1) this.#list = this.#list.toSpliced(at, 2);
  }

  /** Where the name of an event is in the short list. */
  #indexOf(event: string | symbol): number {
    const list = this.#list;
    for (let i = 0; i < list.length; i += 2) if (list[i] === event) return i;
    return -1;
  }
}
