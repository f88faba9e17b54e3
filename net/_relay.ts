// Floor 3: driver.
import { closeQuietly } from "./_close_quietly.ts";
import { NetError } from "./errors.ts";
import { TransportReader } from "./reader.ts";
import { ResettableTransport } from "./resettable_transport.ts";
import type { Transport } from "./transport.ts";
import { TransportWriter } from "./writer.ts";

/** Options of {@linkcode relay}. */
export interface RelayOptions {
  /** Ends a relay through which nothing has gone for so long, in ms; 0 for never. */
  idleTimeout?: number;
  /** Ends the relay when it fires. */
  signal?: AbortSignal;
}

/**
 * Passes bytes between two transports, both ways, until both have ended; an end of one side is passed on as such. A side that does not take
 * what comes pushes back the other one. Closes both transports in the end. One whose other side had not ended by then is closed with a reset,
 * so that what came of it is not taken for all; Deno's own connections have one where the C library can be called.
 *
 * @throws {NetError} `ETIMEDOUT` when it was idle, `ABORT_ERR`, or what broke a transport
 */
export function relay(a: Transport, b: Transport, options: RelayOptions = {}): Promise<void> {
  const { idleTimeout = 0, signal } = options;
  return new Promise<void>((resolve, reject) => {
    /** Those that were told the end of the other side. */
    const ended = new Set<Transport>();
    let open = true;
    let last = performance.now();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stops: (() => void)[] = [];
    const finish = (error?: unknown, broken?: Transport): void => {
      if (!open) return;
      open = false;
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      for (const stop of stops) stop();
      for (const transport of [a, b]) {
        if (transport === broken || ended.has(transport)) closeQuietly(transport);
        else new ResettableTransport(transport).reset();
      }
      if (error === undefined) resolve();
      else reject(error);
    };
    const abort = (): void => {
      finish(
        new NetError("Cannot relay: aborted", { code: "ABORT_ERR", cause: signal?.reason }),
      );
    };
    const watch = (): void => {
      const idle = performance.now() - last;
      if (idle < idleTimeout) timer = setTimeout(watch, idleTimeout - idle);
      else finish(new NetError(`Cannot relay: idle for ${idleTimeout} ms`, { code: "ETIMEDOUT" }));
    };
    const connect = (from: Transport, to: Transport): TransportReader => {
      const writer = new TransportWriter(to, {
        ondrain: () => reader.resume(),
        onwritten: () => last = performance.now(),
        onerror: (error) => finish(error, to),
      });
      const reader = new TransportReader(from, {
        data: (chunk) => {
          last = performance.now();
          if (!writer.write(chunk)) reader.pause();
        },
        end: () => {
          writer.end().then(() => {
            if (ended.add(to).size === 2) finish();
          }, (error) => finish(error, to));
        },
        error: (error) => finish(error, from),
      });
      stops.push(() => {
        reader.stop();
        writer.stop();
      });
      return reader;
    };
    if (signal?.aborted) return abort();
    signal?.addEventListener("abort", abort, { once: true });
    const readers = [connect(a, b), connect(b, a)];
    if (idleTimeout > 0) timer = setTimeout(watch, idleTimeout);
    for (const reader of readers) reader.start();
  });
}
