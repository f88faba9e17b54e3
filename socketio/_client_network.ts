// Floor 3: driver.
import type { SocketIoClientOptions } from "./client_options.ts";

/** The proxies, and what `dial` is told beside them. */
export type ProxyOptions =
  & Required<Pick<SocketIoClientOptions, "proxy">>
  & Pick<SocketIoClientOptions, "tls" | "proxyTls" | "policy">;

/** What one connection of a client goes over in place of the platform's `fetch` and `WebSocket`. */
export interface ClientNetwork {
  readonly fetch: typeof fetch;
  readonly WebSocket: typeof WebSocket;
  /** Closes the connections of `fetch`: there are no more requests. WebSockets end by themselves. */
  close(): void;
}

/** Makes the network of one connection to `url`, which takes messages of `maxMessageSize` bytes. */
export type OpenNetwork = (url: URL, maxMessageSize: number) => ClientNetwork;

let provider: ((options: ProxyOptions) => OpenNetwork) | undefined;

/** Tells how to go through proxies. The client alone, which is for browsers, has nothing that could. */
export function provideProxies(provide: (options: ProxyOptions) => OpenNetwork): void {
  provider = provide;
}

/**
 * The network behind a proxy.
 *
 * @throws {TypeError} if a URL is malformed (its text is not shown), or there is nothing that could go through proxies.
 */
export function networkThrough(options: ProxyOptions): OpenNetwork {
  if (provider !== undefined) return provider(options);
  throw new TypeError(
    "Cannot use the option proxy: the client alone can't; import @sluice/sockets/socketio",
  );
}

/** Requests over connections of their own, and how to close these. */
export type OwnFetch = Pick<ClientNetwork, "fetch" | "close">;

let ownFetch: (() => OwnFetch) | undefined;

/** Tells how to make requests over new connections. A browser looks after its own. */
export function provideOwnFetch(make: () => OwnFetch): void {
  ownFetch = make;
}

/**
 * The network after a loss: the platform may hold idle connections to the server that are as dead as the lost one, and nobody would
 * tell it before a request over each of them has timed out. `undefined` where the platform alone can make connections.
 */
export function newNetwork(WebSocket: typeof globalThis.WebSocket): OpenNetwork | undefined {
  const make = ownFetch;
  return make === undefined ? undefined : () => ({ ...make(), WebSocket });
}

/** A class for WebSockets to `url` that take messages of `maxMessageSize` bytes, if there is one that is better than the platform's. */
export type ChooseWebSocket = (url: URL, maxMessageSize: number) => typeof WebSocket | undefined;

let choose: ChooseWebSocket | undefined;

/** Tells of a class for WebSockets. The client alone, which is for browsers, has none but theirs. */
export function provideWebSocket(provide: ChooseWebSocket): void {
  choose = provide;
}

/** The class for WebSockets of a client that was given none. */
export function webSocketFor(url: URL, maxMessageSize: number): typeof WebSocket {
  return choose?.(url, maxMessageSize) ?? WebSocket;
}
