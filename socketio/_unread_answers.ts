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

interface Answers {
  weight: number;
  /** At how many bytes of all that was sent they end. */
  end: number;
}

/** The answers that were given to a WebSocket, and may not have left. Neighbours are joined, and have left when the last of them has. */
export class UnreadAnswers {
  readonly #parts: Answers[] = [];
  #weight = 0;

  /** Adds answers that end at `end` of the bytes sent, `left` of which have left; what all that have not weigh now. */
  add(weight: number, end: number, left: number): number {
    const parts = this.#parts;
    const gone = parts.findIndex((part) => part.end > left);
    for (const part of parts.splice(0, gone === -1 ? parts.length : gone)) {
      this.#weight -= part.weight;
    }
    this.#weight += weight;
    const last = parts.at(-1);
    if (last !== undefined && last.weight + weight <= MAX_UNREAD_ANSWERS / 64) {
      last.weight += weight;
      last.end = end;
    } else parts.push({ weight, end });
    return this.#weight;
  }
}
