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
  options?: SecureSocketOptions | (() => void),
  listener?: () => void,
): Socket;
/** Connects with TLS to a port of this machine (or of the `host` of the options), or to a socket file. */
export function connectTls(
  portOrPath: number | string,
  options: SecureSocketOptions | (() => void),
  listener?: () => void,
): Socket;
/**
 * Makes a {@linkcode Socket} and connects it with TLS, as Node's `tls.connect` does. Returns at once: wait for the event
 * `secureConnect`, or for `socket.opened`. The certificate is checked for `servername`, or else for the host.
 *
 * @throws {RangeError} `ERR_SOCKET_BAD_PORT`.
 * @throws {TypeError} For options that are malformed or not supported.
 * @throws {NetError} `ERR_UNSUPPORTED` for what the chosen implementation can't do.
 *
 * @example
 * ```ts
 * import { connectTls, createSecureServer } from "@sluice/sockets/net";
 * import { generateCertificate } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const { cert, key } = await generateCertificate();
 * const server = createSecureServer({ cert, key }, (socket) => socket.end("secret"));
 * await server.listen(0, "127.0.0.1");
 *
 * const socket = connectTls({ host: "localhost", port: server.port, ca: cert, family: 4 });
 * await socket.opened;
 * assertEquals(socket.authorized, true);
 * assertEquals(await Array.fromAsync(socket.setEncoding("utf8")), ["secret"]);
 * await server.close();
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
