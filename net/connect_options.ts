// Floor 0: vocabulary.
import type { SocketOptions } from "./socket_options.ts";

/** Where and how a socket connects: to a `port` on a `host`, or to the socket file `path`. */
export interface ConnectOptions extends SocketOptions {
  /** The port, 1 to 65535. */
  port?: number;
  /** The host: a name or an address. @default {"localhost"} */
  host?: string;
  /** The host, by the web's name. */
  hostname?: string;
  /** The path of a Unix socket file, instead of port and host. */
  path?: string;
  /** The own address to connect from. */
  localAddress?: string;
  /** The own port to connect from. */
  localPort?: number;
  /** Only addresses of this family: 4, 6, or 0 for both. @default {0} */
  family?: 0 | 4 | 6;
  /** Gives up after so many milliseconds, the name's resolution included. @default {0}, no limit but the system's */
  connectTimeout?: number;
  /** The idle time after which `timeout` is emitted, in ms, as `setTimeout` sets it. @default {0}, never */
  timeout?: number;
  /** Destroys the socket when it fires, also later. */
  signal?: AbortSignal;
}
