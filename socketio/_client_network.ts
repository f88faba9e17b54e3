// Floor 3: driver.

/** A proxy by its URL, or a chain of them, the nearest first. */
export type ClientProxy = string | URL | readonly (string | URL)[];

/** What one connection of a client goes over in place of the platform's `fetch` and `WebSocket`. */
export interface ClientNetwork {
  readonly fetch: typeof fetch;
  readonly WebSocket: typeof WebSocket;
  /** Closes the connections of `fetch`: there are no more requests. WebSockets end by themselves. */
  close(): void;
}

/** Makes the network of one connection to `url`, which takes messages of `maxMessageSize` bytes. */
export type OpenNetwork = (url: URL, maxMessageSize: number) => ClientNetwork;

let provider: ((proxy: ClientProxy) => OpenNetwork) | undefined;

/** Tells how to go through proxies. The client alone, which is for browsers, has nothing that could. */
export function provideProxies(provide: (proxy: ClientProxy) => OpenNetwork): void {
  provider = provide;
}

/**
 * The network behind a proxy.
 *
 * @throws {TypeError} if a URL is malformed (its text is not shown), or there is nothing that could go through proxies.
 */
export function networkThrough(proxy: ClientProxy): OpenNetwork {
  if (provider !== undefined) return provider(proxy);
  throw new TypeError(
    "Cannot use the option proxy: the client alone can't; import @sluice/sockets/socketio",
  );
}
