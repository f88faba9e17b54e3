// Floor 1: codec.
import { Unread } from "./_unread.ts";
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

/** The answers that were given to a WebSocket, and may not have left. */
export class UnreadAnswers extends Unread {
  constructor() {
    super(MAX_UNREAD_ANSWERS / 64);
  }
}
