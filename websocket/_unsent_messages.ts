// Floor 1: codec.

/** From how many messages on they are joined; each has up to a 64th of the bytes then. */
const MAX_APART = 256;

/** A message, or several that were joined. */
export interface UnsentMessage {
  /** Its payload, in bytes. */
  size: number;
  /** Of how many bytes on the wire it is the last; null while it waits to be queued. */
  end: number | null;
}

/**
 * The payload that a connection has not sent: its messages, oldest first, by the place on the wire where each ends. Other frames
 * have places there, too, but no payload.
 *
 * What is sent is forgotten when a message is added or the bytes are asked for. In long queues small neighbours are joined, and are sent when
 * the last of them is.
 */
export class UnsentMessages {
  readonly #compressed: boolean;
  readonly #messages: UnsentMessage[] = [];
  /** How many of them are sent, and will be taken away with others. */
  #sent = 0;
  #bytes = 0;
  #joinAbove = MAX_APART;

  /** A message that is sent in part counts with what is left, or, if it is `compressed`, as a whole. */
  constructor(compressed: boolean) {
    this.#compressed = compressed;
  }

  /** Entries that are kept. */
  get count(): number {
    return this.#messages.length - this.#sent;
  }

  /** Adds a message when `written` bytes are on the wire. Its `end` may be null, and set later. */
  add(size: number, end: number | null, written: number): UnsentMessage {
    this.#forget(written);
    const message = { size, end };
    if (size === 0) return message;
    this.#bytes += size;
    this.#messages.push(message);
    if (this.count > this.#joinAbove) this.#join();
    return message;
  }

  /** Takes away a message that waits, and will not be sent. */
  remove(message: UnsentMessage): void {
    const at = this.#messages.indexOf(message, this.#sent);
    if (at < 0) return;
    this.#messages.splice(at, 1);
    this.#bytes -= message.size;
  }

  /** The bytes of payload that are not sent when `written` bytes are on the wire. */
  bytes(written: number): number {
    this.#forget(written);
    const first = this.#messages[this.#sent];
    if (this.#compressed || first === undefined || first.end === null) return this.#bytes;
    return this.#bytes - Math.max(0, first.size - (first.end - written));
  }

  #forget(written: number): void {
    const messages = this.#messages;
    for (; this.#sent < messages.length; this.#sent++) {
      const { size, end } = messages[this.#sent];
      if (end === null || end > written) break;
      this.#bytes -= size;
    }
    // Not one by one: each time the rest would be moved.
    if (2 * this.#sent >= messages.length) this.#takeAway();
  }

  #takeAway(): void {
    if (this.#sent > 0) this.#messages.splice(0, this.#sent);
    this.#sent = 0;
  }

  /** Joins small neighbours, so that half as many are left. Those that wait to be queued have their owners, and stay. */
  #join(): void {
    this.#takeAway();
    const messages = this.#messages;
    const most = 4 * this.#bytes / MAX_APART;
    let kept = 0;
    for (const message of messages) {
      const last = messages[kept - 1];
      const joins = kept > 0 && last.end !== null && message.end !== null &&
        last.size + message.size <= most;
      if (!joins) {
        messages[kept++] = message;
        continue;
      }
      last.size += message.size;
      last.end = message.end;
    }
    messages.length = kept;
    this.#joinAbove = Math.max(MAX_APART, 2 * kept);
  }
}
