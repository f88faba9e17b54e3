// Floor 3: driver.
import { closeQuietly } from "./_close_quietly.ts";
import { NetError } from "./errors.ts";
import { TransportReader } from "./reader.ts";
import { ResettableTransport } from "./resettable_transport.ts";
import type { Transport } from "./transport.ts";
import { waitFor } from "./wait.ts";
import { TransportWriter } from "./writer.ts";

/** Options of {@linkcode relay}. */
export interface RelayOptions {
  /** Ends a relay through which nothing has gone for so long, in ms; 0 for never. */
  idleTimeout?: number;
  /** Ends the relay when it fires. */
  signal?: AbortSignal;
}

/** How long a side may take to get what came before the other one was lost, in ms. */
const LAST_WORDS = 5000;

/** A side, as the other one writes to it. */
interface Side {
  readonly transport: Transport;
  readonly writer: TransportWriter;
  reader: TransportReader;
  /** The other side has ended: this one is being told. */
  ending: Promise<void> | undefined;
  /** It has been told. */
  ended: boolean;
}

/**
 * Passes bytes between two transports, both ways, until both have ended; an end of one side is passed on as such. A side that does not take
 * what comes pushes back the other one. Closes both transports in the end. When one breaks, the other gets what had come of it, and is
 * closed with a reset, so that this is not taken for all; so it is when both are idle. Deno's own connections have a reset where the C
 * library can be called. At an abort both are closed in order.
 *
 * @throws {NetError} `ETIMEDOUT` when it was idle, `ABORT_ERR`, or what broke a transport
 */
export function relay(a: Transport, b: Transport, options: RelayOptions = {}): Promise<void> {
  const { idleTimeout = 0, signal } = options;
  return new Promise<void>((resolve, reject) => {
    let open = true;
    let last = performance.now();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let sides: Side[] = [];
    const finish = async (
      close: (side: Side) => void | Promise<void>,
      error?: unknown,
    ): Promise<void> => {
      if (!open) return;
      open = false;
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      for (const { reader } of sides) reader.stop();
      await Promise.all(sides.map(async (side) => {
        await close(side);
        side.writer.stop();
        closeQuietly(side.transport);
      }));
      if (error === undefined) resolve();
      else reject(error);
    };
    const abort = (): void => {
      void finish(
        () => {},
        new NetError("Cannot relay: aborted", { code: "ABORT_ERR", cause: signal?.reason }),
      );
    };
    const watch = (): void => {
      const idle = performance.now() - last;
      if (idle < idleTimeout) timer = setTimeout(watch, idleTimeout - idle);
      else {
        const error = new NetError(`Cannot relay: idle for ${idleTimeout} ms`, {
          code: "ETIMEDOUT",
        });
        void finish(cutOff, error);
      }
    };
    const lose = (broken: Transport, error: unknown): void => {
      void finish((side) => side.transport === broken ? undefined : giveLast(side, signal), error);
    };
    const connect = (from: Transport, to: Transport): Side => {
      const writer = new TransportWriter(to, {
        ondrain: () => reader.resume(),
        onwritten: () => last = performance.now(),
        onerror: (error) => lose(to, error),
      });
      const reader = new TransportReader(from, {
        data: (chunk) => {
          last = performance.now();
          if (!writer.write(chunk)) reader.pause();
        },
        end: () => {
          side.ending = writer.end().then(() => {
            side.ended = true;
            if (sides.every(({ ended }) => ended)) void finish(() => {});
          }, (error) => lose(to, error));
        },
        error: (error) => lose(from, error),
      });
      const side: Side = { transport: to, writer, reader, ending: undefined, ended: false };
      return side;
    };
    sides = [connect(a, b), connect(b, a)];
    if (signal?.aborted) return abort();
    signal?.addEventListener("abort", abort, { once: true });
    if (idleTimeout > 0) timer = setTimeout(watch, idleTimeout);
    for (const { reader } of sides) reader.start();
  });
}

/** Resets a side, unless it was told the end of the other one. */
function cutOff({ transport, ended }: Side): void {
  if (!ended) new ResettableTransport(transport).reset();
}

/** Cuts a side off once it has what came before, or after a time. Never rejects. */
async function giveLast(side: Side, signal: AbortSignal | undefined): Promise<void> {
  const given = side.ending ??
    side.writer.flushed().then(() => new ResettableTransport(side.transport).arrived());
  try {
    await waitFor(given, "give the last", { timeout: LAST_WORDS, signal });
  } catch {
    // Then without.
  }
  cutOff(side);
}
