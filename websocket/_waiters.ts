// Floor 3: driver.
import { encodeUtf8 } from "../buffer/utf8.ts";
import type { Deadline } from "../net/wait.ts";
import type { WebSocketCloseInfo, WebSocketData, WebSocketMessageOpcode } from "./types.ts";

/** How who waits wants the message: whole, as an iterator's result, or as a stream. */
export type WaiterForm = "message" | "next" | "stream";

interface Waiter {
  form: WaiterForm;
  resolve(value: unknown): void;
  deadline: Deadline | undefined;
  /** Its neighbours: in a long array, the others would be moved for each that goes. */
  before: Waiter | undefined;
  behind: Waiter | undefined;
}

/** Those who wait for the next message of a connection, first come, first served. */
export class Waiters {
  #first: Waiter | undefined;
  #last: Waiter | undefined;

  /** Whether there is one. */
  get some(): boolean {
    return this.#first !== undefined;
  }

  /** Whether who comes next wants the message while it comes. */
  get wantsStream(): boolean {
    return this.#first !== undefined && this.#first.form === "stream";
  }

  /**
   * Waits for a message. `T` is what the form makes of a message, or of the end.
   *
   * @param deadline When to give up; it has not fired yet. `ongiveup` is told then.
   */
  wait<T>(form: WaiterForm, deadline?: Deadline, ongiveup?: () => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiter: Waiter = {
        form,
        resolve: resolve as (value: unknown) => void,
        deadline,
        before: this.#last,
        behind: undefined,
      };
      if (this.#last === undefined) this.#first = waiter;
      else this.#last.behind = waiter;
      this.#last = waiter;
      deadline?.onfire((error) => {
        this.#remove(waiter);
        ongiveup?.();
        reject(error);
      });
    });
  }

  /** Gives a message to who has waited longest; there has to be one. */
  give(data: WebSocketData, opcode: WebSocketMessageOpcode): void {
    const { form, resolve } = this.#next();
    if (form === "next") resolve({ done: false, value: data });
    else if (form === "message") resolve({ data, opcode });
    else resolve({ readable: wholeStream(data), opcode });
  }

  /** Gives a message that is still coming to who has waited longest, and wants it so. */
  giveStream(readable: ReadableStream<Uint8Array>, opcode: WebSocketMessageOpcode): void {
    this.#next().resolve({ readable, opcode });
  }

  /** Tells all that no message comes any more. */
  end(info: WebSocketCloseInfo): void {
    while (this.#first !== undefined) {
      const { form, resolve } = this.#next();
      resolve(form === "next" ? { done: true, value: undefined } : info);
    }
  }

  #next(): Waiter {
    const waiter = this.#first!;
    this.#remove(waiter);
    return waiter;
  }

  #remove(waiter: Waiter): void {
    const { before, behind } = waiter;
    if (before === undefined) this.#first = behind;
    else before.behind = behind;
    if (behind === undefined) this.#last = before;
    else behind.before = before;
    waiter.before = waiter.behind = undefined;
    waiter.deadline?.clear();
  }
}

/** A message that came whole, as a stream. */
export function wholeStream(data: WebSocketData): ReadableStream<Uint8Array> {
  const bytes = typeof data === "string" ? encodeUtf8(data) : data;
  return new ReadableStream({
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
}
