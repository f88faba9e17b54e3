// Floor 3: driver.
import { deadlineSignal } from "../net/wait.ts";
import { closedError, type Link } from "./_connection_parts.ts";
import { type OutgoingParts, sendParts, type SendPartsOptions } from "./_outgoing.ts";
import { WebSocketError } from "./errors.ts";

/** A message was refused: the send queue is at its limit. */
export function queueFullError(buffered: number, limit: number): WebSocketError {
  return new WebSocketError(
    `Cannot send: ${buffered} bytes are waiting to be sent, the limit is ${limit}`,
    { code: "SEND_QUEUE_FULL" },
  );
}

/**
 * The messages that are sent one after the other because one of them is sent in parts: frames of two messages must not
 * mix.
 */
export class SendLine {
  readonly #link: Link;
  readonly #maxSendQueueBytes: number;
  #end: Promise<void> | undefined;
  #bytes = 0;
  /** Gives up the message that is being sent in parts. */
  #giveUp: ((reason: Error) => void) | undefined;

  /** Makes an empty line. */
  constructor(link: Link, maxSendQueueBytes: number) {
    this.#link = link;
    this.#maxSendQueueBytes = maxSendQueueBytes;
  }

  /** Fulfils when the last message is done with, whatever became of it; `undefined` if there is none. */
  get end(): Promise<void> | undefined {
    return this.#end;
  }

  /** Bytes that wait in line. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Has `run` send a message of `size` bytes when those before it are done with; or does with it what the queue's policy says. */
  add(size: number, run: () => Promise<void>): Promise<void> {
    const link = this.#link;
    if (!link.open) {
      return Promise.reject(
        new WebSocketError("Cannot send: the connection is closing or closed", { code: "CLOSED" }),
      );
    }
    if (link.queued + this.#bytes >= this.#maxSendQueueBytes) {
      if (link.overLimit(true) === "dropped") return Promise.resolve();
      return Promise.reject(queueFullError(link.queued + this.#bytes, this.#maxSendQueueBytes));
    }
    link.catchUp();
    link.reserved = true;
    this.#bytes += size;
    const sent = (this.#end ?? Promise.resolve()).then(run);
    const settled = () => {
      this.#bytes -= size;
      if (this.#end !== end) return;
      this.#end = undefined;
      link.reserved = false;
    };
    const end: Promise<void> = sent.then(settled, settled);
    this.#end = end;
    return sent;
  }

  /**
   * Sends the parts of a message, in its turn. Whoever makes them may be slow, or stuck: {@linkcode abort} does not wait for
   * the next one.
   */
  async sendParts(parts: OutgoingParts, options: SendPartsOptions): Promise<void> {
    const either = new AbortController();
    let lost: Error | undefined;
    this.#giveUp = (reason) => {
      lost = reason;
      either.abort(reason);
    };
    if (!this.#link.open) this.#giveUp(closedError());
    // Not `AbortSignal.any`, which takes none of a polyfill's.
    const given = options.signal;
    const deadline = deadlineSignal("send", { signal: given });
    deadline.onfire(() => either.abort(given!.reason));
    try {
      await sendParts(this.#link, parts, { ...options, signal: either.signal });
    } catch (error) {
      throw lost ?? error;
    } finally {
      deadline.clear();
      this.#giveUp = undefined;
    }
  }

  /** Gives up the message that is being sent in parts. */
  abort(reason: Error): void {
    this.#giveUp?.(reason);
  }
}
