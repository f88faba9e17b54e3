// Floor 3: driver.
import type { IncomingMessage, Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import { RunningServer } from "./_running_server.ts";
import { ServerCore } from "./_server_core.ts";
import { takeUpgrade } from "./_upgrade_event.ts";
import type { WebSocketServer } from "./server.ts";
import type { WebSocketAcceptOptions } from "./server_options.ts";

/**
 * Serves WebSockets on a `node:http` or `node:https` server that somebody else has made: Express's, for example.
 *
 * It takes the server's upgrade requests; with `pathname` only those to that path, so that several can be attached.
 * Closing it leaves the HTTP server as it is. On a port of your own `serveWebSocket` is faster.
 *
 * @throws {TypeError} If there is no handler, or options contradict each other.
 * @throws {RangeError} If a limit or a time is out of range.
 *
 * @example
 * ```ts
 * import { attachWebSocket, connectWebSocket } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 * import { createServer } from "node:http";
 * import type { AddressInfo } from "node:net";
 *
 * const http = createServer((_request, response) => response.end("a page"));
 * await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
 * const server = attachWebSocket(http, {
 *   pathname: "/chat",
 *   default: (ws) => void ws.on("message", (data) => ws.send(data)),
 * });
 * const { port } = http.address() as AddressInfo;
 * const ws = await connectWebSocket(`ws://127.0.0.1:${port}/chat`);
 * await ws.send("hello");
 * assertEquals((await ws.receive()).data, "hello");
 * await server.close();
 * await new Promise((resolve) => http.close(resolve));
 * ```
 */
export function attachWebSocket(
  server: HttpServer | HttpsServer,
  options: WebSocketAcceptOptions,
): WebSocketServer {
  const core = new ServerCore(options);
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Uint8Array) => {
    const { pathname } = options;
    // Another one who is attached to the same server may serve it; the last one refuses.
    if (
      pathname !== undefined && pathOf(request.url ?? "") !== pathname &&
      (server as HttpServer).listenerCount("upgrade") > 1
    ) return;
    takeUpgrade(core, request, socket, head);
  };
  (server as HttpServer).on("upgrade", onUpgrade);
  return new RunningServer(core, undefined, () => (server as HttpServer).off("upgrade", onUpgrade));
}

function pathOf(target: string): string {
  return target.split("?", 1)[0];
}
