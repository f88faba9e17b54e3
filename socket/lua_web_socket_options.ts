// Floor 3: driver.
import type { TlsClientOptions } from "../net/tls_options.ts";
import type { ConnectWebSocketOptions } from "../websocket/client.ts";

/** What {@linkcode SyncWebSocketOptions} and {@linkcode EventWebSocketOptions} have in common: all that `connectWebSocket` takes and that is not said elsewhere. */
export type LuaWebSocketOptions = Omit<
  ConnectWebSocketOptions,
  "protocols" | "tls" | "transport" | "connectTimeout" | "handshakeTimeout" | "signal"
>;

/** Options of a `SyncWebSocket`. */
export interface SyncWebSocketOptions extends LuaWebSocketOptions {
  /**
   * How long each call may wait, in ms (lua-websockets has seconds).
   *
   * @default {for ever}
   */
  timeout?: number;
  /** When it fires, the call that waits fails with `aborted`, and so does each later one that would wait; the connection is cut then. */
  signal?: AbortSignal;
}

/** Options of an `EventWebSocket`. */
export interface EventWebSocketOptions extends LuaWebSocketOptions {
  /**
   * How long connecting may take, in ms; 0 for ever.
   *
   * @default {20000}
   */
  connectTimeout?: number;
}

/** The TLS settings of one connection: lua-websockets' `ssl_params`. */
export type LuaTlsParams = Omit<TlsClientOptions, "handshakeTimeout" | "ALPNProtocols">;
