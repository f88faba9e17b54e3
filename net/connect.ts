// Floor 3: driver.
import type { ConnectOptions } from "./connect_options.ts";
import { connectArguments } from "./_connect_arguments.ts";
import { Socket } from "./socket.ts";

/** Connects to a port of a host; `listener` is called once on `connect`. */
export function connect(port: number | string, host?: string, listener?: () => void): Socket;
/** Connects to a port of this machine, or to a socket file. */
export function connect(portOrPath: number | string, listener?: () => void): Socket;
/**
 * Makes a {@linkcode Socket} and connects it. Returns at once: wait for the event `connect`, or for `socket.opened`.
 *
 * @throws {RangeError} `ERR_SOCKET_BAD_PORT`.
 *
 * @example
 * ```ts
 * import { connect, createServer } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const server = await createServer((socket) => socket.end("bye")).listen(0, "127.0.0.1");
 * const socket = connect(server.port, "127.0.0.1");
 * const { remotePort } = await socket.opened;
 * assertEquals(remotePort, server.port);
 * await socket.resume().closed;
 * await server.close();
 * ```
 */
export function connect(options: ConnectOptions, listener?: () => void): Socket;
export function connect(...args: unknown[]): Socket {
  const { options, listener } = connectArguments(args);
  return new Socket(options).connect(options, listener);
}

/**
 * {@linkcode connect}, by its other name.
 *
 * @example
 * ```ts
 * import { createConnection, createServer } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const server = await createServer((socket) => socket.end("bye")).listen(0, "127.0.0.1");
 * const socket = createConnection(server.port, "127.0.0.1").setEncoding("utf8");
 * assertEquals(await Array.fromAsync(socket), ["bye"]);
 * await server.close();
 * ```
 */
export const createConnection: typeof connect = connect;
