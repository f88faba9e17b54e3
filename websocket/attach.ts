// Floor 3: driver.
import type { IncomingMessage, Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import { checkOptionNames } from "../net/option_names.ts";
import { FOREIGN_SERVER_OPTIONS } from "./_option_names.ts";
import { RunningServer } from "./_running_server.ts";
import { ACCEPT_OPTIONS, ServerCore } from "./_server_core.ts";
import { ignoreOtherUpgrades } from "./other_upgrades.ts";
import type { WebSocketServer } from "./server.ts";
import type { WebSocketAcceptOptions } from "./server_options.ts";

/** One call of {@linkcode attachWebSocket}. */
interface Attachment {
  pathname: string | undefined;
}

/** What `serveWebSocket` takes beside, and others take here. */
const OF_THE_SERVER = "is for the HTTP server to say";
const FOREIGN = {
  ...FOREIGN_SERVER_OPTIONS,
  server: "is the first argument",
  noServer: "is not needed",
  path: "is `pathname` here",
  port: OF_THE_SERVER,
  hostname: OF_THE_SERVER,
  host: OF_THE_SERVER,
  tls: OF_THE_SERVER,
  signal: "is not supported: close what is returned",
};

/** What is attached to each HTTP server, in the order of coming. */
const ATTACHED = new WeakMap<object, Attachment[]>();

/**
 * Serves WebSockets on a `node:http` or `node:https` server that somebody else has made: Express's, for example.
 *
 * It takes the server's upgrade requests; with `pathname` only those to that path, so that several can be attached. Paths that
 * nobody serves are refused with 404, unless somebody else listens to the server's `upgrade` event as well. Requests that offer another
 * protocol, HTTP/2 for example, stay plain requests ({@linkcode ignoreOtherUpgrades}).
 * Closing it leaves the HTTP server as it is. On a port of your own `serveWebSocket` is faster.
 *
 * @throws {TypeError} If there is no handler, an option is not known or can't be honoured, or the path has an attached server already.
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
  const given: unknown = server;
  if (typeof (given as Partial<HttpServer> | undefined)?.on !== "function") {
    throw new TypeError("Cannot attach: the server is none of node:http or node:https");
  }
  // It has `on`, and would never call the listener.
  if (typeof given === "function") {
    throw new TypeError("Cannot attach: an app of Express goes to createServer() of node:http");
  }
  checkOptionNames("Cannot attach", options, ACCEPT_OPTIONS, FOREIGN);
  const core = new ServerCore(options);
  // Whoever has a node:http server has loaded most of it already; others need not.
  const loading = import("./_upgrade_event.ts");
  const http = server as HttpServer;
  const own: Attachment = { pathname: options.pathname };
  const attached = ATTACHED.get(server) ?? [];
  if (attached.some(({ pathname }) => pathname === own.pathname)) {
    const path = own.pathname === undefined ? "all paths" : `"${own.pathname}"`;
    throw new TypeError(`Cannot attach: another server is attached to ${path} already`);
  }
  attached.push(own);
  ATTACHED.set(server, attached);
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Uint8Array) => {
    if (chosen(attached, http, pathOf(request.url ?? "")) !== own) return;
    // Its client may reset it before there is somebody else who listens.
    socket.on("error", () => {});
    loading.then(({ takeUpgrade }) => takeUpgrade(core, request, socket, head))
      .catch((error) => {
        socket.destroy();
        core.report(error);
      });
  };
  http.on("upgrade", onUpgrade);
  const stopIgnoring = ignoreOtherUpgrades(http, onUpgrade);
  return new RunningServer(core, undefined, () => {
    http.off("upgrade", onUpgrade);
    stopIgnoring();
    const index = attached.indexOf(own);
    if (index >= 0) attached.splice(index, 1);
  });
}

/** Who takes the requests to a path: the one of the path, the one of all paths, or the one who refuses what nobody serves. */
function chosen(
  attached: readonly Attachment[],
  http: HttpServer,
  path: string,
): Attachment | undefined {
  const found = attached.find(({ pathname }) => pathname === path) ??
    attached.find(({ pathname }) => pathname === undefined);
  if (found !== undefined) return found;
  // Somebody else's listener may serve it.
  return http.listenerCount("upgrade") > attached.length ? undefined : attached[0];
}

/** The path of a request target, which may be a whole URL. RFC 9112 §3.2 */
function pathOf(target: string): string {
  return target.replace(/^https?:\/\/[^/?#]*/i, "").split("?", 1)[0] || "/";
}
