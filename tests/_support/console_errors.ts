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

/** What can't be looked at, nor shown by the console: a proxy that was revoked. */
export function unshowable(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** What can't be shown, and throws another thing that can't be. */
export function unshowableTwice(): object {
  return {
    get [Symbol.for("Deno.customInspect")]() {
      throw unshowable();
    },
  };
}

/** As `consoleErrors`, with a console that shows what it gets, as the real one does, and throws where it can't. */
export function shownErrors(run: () => unknown): Promise<unknown[][]> {
  return consoleErrors(() => {
    const keep = console.error;
    console.error = (...args) => {
      for (const arg of args) Deno.inspect(arg);
      keep(...args);
    };
    return run();
  });
}
