/** What {@linkcode knockedListeners} gives. */
export interface Knocked extends Disposable {
  /** How many of those clients are still to come. */
  readonly left: number;
}

/**
 * Until it is disposed, `Deno.listen` gives listeners at which `count` clients reset before they are accepted, ahead of
 * all others.
 */
export function knockedListeners(count: number): Knocked {
  const { listen } = Deno;
  let left = count;
  const knocked = (options: Deno.TcpListenOptions): Deno.TcpListener => {
    const listener = listen(options);
    const { accept } = listener;
    listener.accept = () => {
      if (left === 0) return accept.call(listener);
      left--;
      return Promise.reject(new Deno.errors.NotConnected("os error 107"));
    };
    return listener;
  };
  Deno.listen = knocked as typeof Deno.listen;
  return {
    get left() {
      return left;
    },
    [Symbol.dispose]: () => {
      Deno.listen = listen;
    },
  };
}
