/** Waits for Ctrl-C, and then for `close`. Another Ctrl-C changes nothing: under `deno task` the signal may come twice. */
export async function untilInterrupted(close: () => Promise<unknown>): Promise<void> {
  const interrupted = Promise.withResolvers<void>();
  Deno.addSignalListener("SIGINT", interrupted.resolve);
  await interrupted.promise;
  await close();
  Deno.removeSignalListener("SIGINT", interrupted.resolve);
}
