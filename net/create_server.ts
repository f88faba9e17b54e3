// Floor 3: driver.
import { Server } from "./server.ts";
import type { ServerOptions } from "./server_options.ts";
import type { Socket } from "./socket.ts";

/** Makes a server; `listener` is called with every connection. */
export function createServer(listener?: (socket: Socket) => void): Server;
/**
 * Makes a {@linkcode Server} that does not listen yet; `listener` is called with every connection.
 *
 * @throws {TypeError} For options that are malformed, or that there are not: an `allowlist` would let everybody in.
 * @throws {RangeError} For limits that are none.
 *
 * @example
 * ```ts
 * import { connect, createServer } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const server = createServer({ maxConnections: 100 }, (socket) => socket.end("hello"));
 * await server.listen(0, "127.0.0.1");
 * const socket = connect(server.port, "127.0.0.1").setEncoding("utf8");
 * const chunks = await Array.fromAsync(socket);
 * assertEquals(chunks, ["hello"]);
 * await server.close();
 * ```
 */
export function createServer(
  options: ServerOptions | null | undefined,
  listener?: ((socket: Socket) => void) | null,
): Server;
export function createServer(
  options?: ServerOptions | ((socket: Socket) => void) | null,
  listener?: ((socket: Socket) => void) | null,
): Server {
  return new Server(options, listener);
}
