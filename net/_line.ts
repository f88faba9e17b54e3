// Floor 1: codec.

/** The place of an item in a {@linkcode Line}. */
export interface Place<T> {
  readonly item: T;
  before: Place<T> | null;
  behind: Place<T> | null;
  /** Whether it is in the line. */
  held: boolean;
}

/**
 * Items that wait for their turn. Each can leave from wherever it is, and all of it takes constant time: of a long array the
 * rest is moved each time that one goes, and a `Set` is searched past those who went.
 */
export class Line<T> {
  #first: Place<T> | null = null;
  #last: Place<T> | null = null;
  #length = 0;

  /** How many wait. */
  get length(): number {
    return this.#length;
  }

  /** Whose turn is next; undefined when nobody waits. */
  get first(): T | undefined {
    return this.#first?.item;
  }

  /** Puts an item at the end. */
  push(item: T): Place<T> {
    const last = this.#last;
    const place: Place<T> = { item, before: last, behind: null, held: true };
    if (last === null) this.#first = place;
    else last.behind = place;
    this.#last = place;
    this.#length++;
    return place;
  }

  /** Puts an item in front. */
  unshift(item: T): Place<T> {
    const first = this.#first;
    const place: Place<T> = { item, before: null, behind: first, held: true };
    if (first === null) this.#last = place;
    else first.before = place;
    this.#first = place;
    this.#length++;
    return place;
  }

  /** Takes the first item; undefined when nobody waits. */
  shift(): T | undefined {
    const first = this.#first;
    if (first === null) return undefined;
    this.remove(first);
    return first.item;
  }

  /** Takes an item out; false when it had left already. */
  remove(place: Place<T>): boolean {
    if (!place.held) return false;
    const { before, behind } = place;
    if (before === null) this.#first = behind;
    else before.behind = behind;
    if (behind === null) this.#last = before;
    else behind.before = before;
    place.before = place.behind = null;
    place.held = false;
    this.#length--;
    return true;
  }

  /** Takes all items, the first one first. */
  takeAll(): T[] {
    const all: T[] = [];
    for (let item; (item = this.shift()) !== undefined;) all.push(item);
    return all;
  }
}
