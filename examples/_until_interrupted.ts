/** What asks a program to end: Ctrl-C, and, where there is such a thing, what `kill`, systemd and containers send. */
const SIGNALS: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];

/** Calls `listener` for each Ctrl-C and SIGTERM, until the function that it returns is called. */
export function onInterrupt(listener: () => void): () => void {
  for (const signal of SIGNALS) Deno.addSignalListener(signal, listener);
  return () => {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, listener);
  };
}

/**
 * Waits for Ctrl-C or SIGTERM, and then for `close`. Another one changes nothing: under `deno task` the signal may come
 * twice.
 */
export async function untilInterrupted(close: () => PromiseLike<unknown>): Promise<void> {
  const interrupted = Promise.withResolvers<void>();
  const forget = onInterrupt(interrupted.resolve);
  await interrupted.promise;
  await close();
  forget();
}
