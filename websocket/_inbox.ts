// Floor 3: driver.
import type { WebSocketData } from "./types.ts";

/** What a message costs beside its bytes. */
const OVERHEAD = 64;

/** Messages that nobody has taken yet, first in, first out. */
export class Inbox {
  #messages: Array<WebSocketData | undefined> = [];
  #head = 0;
  #size = 0;

  /** How many messages there are. */
  get count(): number {
    return this.#messages.length - this.#head;
  }

  /** Their bytes (characters, for text), and 64 for each. */
  get size(): number {
    return this.#size;
  }

  /** Adds a message at the end. */
  push(data: WebSocketData): void {
    this.#messages.push(data);
    this.#size += data.length + OVERHEAD;
  }

  /** Takes the first message. There has to be one. */
  shift(): WebSocketData {
    const data = this.#messages[this.#head]!;
    this.#messages[this.#head++] = undefined;
    this.#size -= data.length + OVERHEAD;
    if (this.#head === this.#messages.length) {
      // A burst must not leave a long array behind.
      if (this.#head > 1024) this.#messages = [];
      else this.#messages.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 >= this.#messages.length) {
      this.#messages.splice(0, this.#head);
      this.#head = 0;
    }
    return data;
  }
}
