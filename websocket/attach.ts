// Floor 3: driver.
import type { IncomingMessage, Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import { NodeTransport } from "../net/node_transport.ts";
import { TransportReader } from "../net/reader.ts";
import type { Transport } from "../net/transport.ts";
import { SinkRelay } from "./_raw_link.ts";
import { RunningServer } from "./_running_server.ts";
import { closeQuietly, ServerCore } from "./_server_core.ts";
import type { WebSocketServer } from "./server.ts";
import type { WebSocketAcceptOptions } from "./server_options.ts";

const IGNORE = { data: () => {}, end: () => {}, error: () => {} };

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
    take(core, request, socket, head);
  };
  (server as HttpServer).on("upgrade", onUpgrade);
  return new RunningServer(core, undefined, () => (server as HttpServer).off("upgrade", onUpgrade));
}

function pathOf(target: string): string {
  return target.split("?", 1)[0];
}

/** Goes on with a connection whose request `node:http` has read. */
function take(core: ServerCore, request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
  const transport: Transport = new NodeTransport(socket, { head });
  const arrival = core.arrive(transport);
  if (arrival === undefined) return closeQuietly(transport);
  const { method, url, httpVersion, rawHeaders } = request;
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    text += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`;
  }
  const relay = new SinkRelay(IGNORE);
  const reader = new TransportReader(transport, relay);
  reader.pause();
  const secure = (request.socket as { encrypted?: boolean }).encrypted === true;
  core.admit(arrival, { text: `${text}\r\n`, rest: new Uint8Array(0), reader, relay }, secure)
    .catch((error) => {
      core.drop(arrival);
      core.report(error);
    });
}
