// Floor 1: codec.
import { SocketIoError } from "./errors.ts";

/** The most that a server may leave unread of what it makes a client answer, in bytes, unless the program lets more wait. */
export const MAX_UNREAD_ANSWERS = 67_108_864;
/** What an answer counts beside its own bytes, as platforms spend that and more on a message that waits. */
const ANSWER_COST = 512;

/** What an answer with so many bytes counts. */
export function weightOfAnswer(bytes: number): number {
  return bytes + ANSWER_COST;
}

/** Why a connection ends whose server makes the client answer, and does not take the answers. */
export function unreadAnswersError(): SocketIoError {
  const message = "Cannot go on: the server asks for answers, and does not take them";
  return new SocketIoError("ERR_LIMIT", message);
}

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

/** The answers that were given to a WebSocket, and may not have left. */
export class UnreadAnswers extends Unread {
  constructor() {
    super(MAX_UNREAD_ANSWERS / 64);
  }
}
