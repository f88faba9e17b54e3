/** Runs something, and returns what `console.error` is called with meanwhile; nothing is written. */
export async function consoleErrors(run: () => unknown): Promise<unknown[][]> {
  const original = console.error;
  const calls: unknown[][] = [];
  console.error = (...args: unknown[]) => void calls.push(args);
  try {
    await run();
  } finally {
    console.error = original;
  }
  return calls;
}

/** Runs something that reports errors to the console, and returns them: the last argument of each call. */
export async function reported(run: () => unknown): Promise<unknown[]> {
  return (await consoleErrors(run)).map((args) => args.at(-1));
}
