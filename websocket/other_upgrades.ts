// Floor 3: driver.
import type { Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import { asksForWebSocket, decideUpgrades, WEBSOCKET_LISTENERS } from "./_websocket_listeners.ts";

/**
 * Has a `node:http` or `node:https` server answer requests that offer another protocol than WebSocket for the plain requests that they are, as
 * long as nobody listens to its `upgrade` event but those who are named here. A server may ignore such an offer (RFC 9110 §7.8), and
 * some clients offer HTTP/2 with each request (`Upgrade: h2c`; Java's, for example); a server with a listener hands all of them to it.
 *
 * `attachWebSocket` does it by itself, as does `attach` of a Socket.IO server; it is for listeners of your own.
 *
 * @param listeners The listeners to `upgrade` that take WebSockets and nothing else.
 * @returns What ends it; to be called when the listeners are removed.
 *
 * @example
 * ```ts
 * import { ignoreOtherUpgrades } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 * import { createServer, get, type IncomingMessage } from "node:http";
 * import type { AddressInfo } from "node:net";
 * import type { Duplex } from "node:stream";
 *
 * const http = createServer((_request, response) => response.end("a page"));
 * const onUpgrade = (_request: IncomingMessage, socket: Duplex) => void socket.destroy(); // or ws' handleUpgrade
 * http.on("upgrade", onUpgrade);
 * const stop = ignoreOtherUpgrades(http, onUpgrade);
 * await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
 *
 * const { port } = http.address() as AddressInfo;
 * const headers = { "connection": "upgrade", "upgrade": "h2c" };
 * const status = await new Promise((resolve) => {
 *   get({ port, headers, agent: false }, (response) => {
 *     response.resume();
 *     resolve(response.statusCode);
 *   });
 * });
 * assertEquals(status, 200);
 *
 * http.off("upgrade", onUpgrade);
 * stop();
 * http.closeAllConnections();
 * await new Promise((resolve) => http.close(resolve));
 * ```
 */
export function ignoreOtherUpgrades(
  server: HttpServer | HttpsServer,
  ...listeners: CallableFunction[]
): () => void {
  for (const one of listeners) WEBSOCKET_LISTENERS.add(one);
  const http = server as HttpServer;
  return decideUpgrades(http, (request) => {
    const all = http.listeners("upgrade");
    const alone = all.length > 0 && all.every((one) => WEBSOCKET_LISTENERS.has(one));
    // What it offered may be among the headers that node:http drops when there are too many: whoever listens refuses that.
    const offers = request.headers.upgrade !== undefined;
    return alone && offers && !asksForWebSocket(request) ? false : undefined;
  });
}
