// Floor 1: codec.

interface Part {
  weight: number;
  /** At how many bytes of all that was sent it ends. */
  end: number;
}

/** What was given to a WebSocket, and may not have left. Neighbours are joined, and have left when the last of them has. */
export class Unread {
  /** What joined neighbours weigh at most. */
  readonly #most: number;
  readonly #parts: Part[] = [];
  #weight = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Adds what ends at `end` of the bytes sent, `left` of which have left; what all that has not weighs now. */
  add(weight: number, end: number, left: number): number {
    this.weigh(left);
    this.#weight += weight;
    const last = this.#parts.at(-1);
    if (last !== undefined && last.weight + weight <= this.#most) {
      last.weight += weight;
      last.end = end;
    } else this.#parts.push({ weight, end });
    return this.#weight;
  }

  /** What all weighs that has not left, where `left` of the bytes sent have. */
  weigh(left: number): number {
    const parts = this.#parts;
    let gone = 0;
    while (gone < parts.length && parts[gone].end <= left) this.#weight -= parts[gone++].weight;
    if (gone > 0) parts.splice(0, gone);
    return this.#weight;
  }
}
