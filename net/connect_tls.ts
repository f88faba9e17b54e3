// Floor 3: driver.
import { connectArguments } from "./_connect_arguments.ts";
import { splitTlsClientOptions } from "./_tls_start.ts";
import type { ConnectOptions } from "./connect_options.ts";
import { Socket } from "./socket.ts";
import type { TlsClientOptions } from "./tls_options.ts";

/** Where and how a socket connects with TLS: the options of both on one level, as in Node. */
export interface SecureSocketOptions extends Omit<ConnectOptions, "tls">, TlsClientOptions {}

/** Connects with TLS to a port of a host; `listener` is called once on `secureConnect`. */
export function connectTls(
  port: number | string,
  host?: string,
  options?: SecureSocketOptions,
  listener?: () => void,
): Socket;
/**
 * Makes a {@linkcode Socket} and connects it with TLS, as Node's `tls.connect` does. Returns at once: wait for the event
 * `secureConnect`, or for `socket.opened`. The certificate is checked for `servername`, or else for the host.
 *
 * @throws {RangeError} `ERR_SOCKET_BAD_PORT`. @throws {TypeError} For options that are malformed or not supported.
 * @throws {NetError} `ERR_UNSUPPORTED` for what the chosen implementation can't do.
 *
 * @example
 * ```ts ignore
 * import { connectTls } from "@sluice/sockets/net";
 *
 * const socket = connectTls({ host: "example.org", port: 443, ALPNProtocols: ["http/1.1"] });
 * await socket.opened;
 * console.log(socket.authorized, socket.getPeerCertificate()?.subject.CN);
 * ```
 */
export function connectTls(options: SecureSocketOptions, listener?: () => void): Socket;
export function connectTls(...args: unknown[]): Socket {
  const listener = typeof args.at(-1) === "function" ? args.pop() as () => void : undefined;
  const extra = typeof args[0] !== "object" && typeof args.at(-1) === "object" && args.length > 1
    ? args.pop() as SecureSocketOptions
    : undefined;
  const { options } = connectArguments(args);
  const { tls, rest } = splitTlsClientOptions({ ...options, ...extra } as SecureSocketOptions);
  const socket = new Socket(rest);
  if (listener !== undefined) socket.once("secureConnect", listener);
  return socket.connect({ ...rest, tls });
}
