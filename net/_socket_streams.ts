// Floor 3: driver.
import type { Incoming } from "./_incoming.ts";

/** A web stream of what comes in: nothing is read ahead of the reader but one chunk. */
export function incomingStream(
  incoming: Incoming,
  cancel: (reason: unknown) => void,
): ReadableStream<Uint8Array> {
  let claimed = false;
  return new ReadableStream<Uint8Array>({
    pull(controller): void | Promise<void> {
      if (!claimed) {
        incoming.claim("stream");
        claimed = true;
      }
      const chunk = incoming.take();
      if (chunk === undefined) return incoming.next().then((next) => put(controller, next));
      put(controller, chunk);
    },
    cancel(reason): void {
      cancel(reason);
    },
  }, { highWaterMark: 0 });
}

function put(
  controller: ReadableStreamDefaultController<Uint8Array>,
  chunk: Uint8Array | null,
): void {
  if (chunk === null) controller.close();
  else controller.enqueue(chunk);
}

/** What a `WritableStream` of a socket writes to. */
export interface OutgoingSink {
  /** Queues a chunk; false when the queue is full. */
  write(chunk: Uint8Array): boolean;
  /** Resolves when the queue has room. */
  drained(): Promise<void>;
  /** Ends the writing direction once all is written. */
  end(): Promise<void>;
  /** Gives the connection up. */
  abort(reason: unknown): void;
}

/** A web stream into the connection: `ready` follows the queue's high-water mark. */
export function outgoingStream(sink: OutgoingSink): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    write(chunk): void | Promise<void> {
      if (!(chunk instanceof Uint8Array)) {
        throw new TypeError("Cannot write to the socket: the chunk is no Uint8Array");
      }
      if (!sink.write(chunk)) return sink.drained();
    },
    close: () => sink.end(),
    abort: (reason) => sink.abort(reason),
  });
}
