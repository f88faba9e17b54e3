// Floor 3: driver.
import { isDelay } from "../net/max_delay.ts";
import type { TransportAddr } from "../net/transport.ts";
import { ConnectionParts } from "./_connection_parts.ts";
import { HandshakeInfo } from "./_handshake_info.ts";
import { NativeLink } from "./_native_link.ts";
import { hasListElement, parseTokenList } from "./_tokens.ts";
import { WebSocketConnection } from "./connection.ts";
import { resolveConnectionOptions, type WebSocketConnectionOptions } from "./connection_options.ts";
import { WebSocketHandshakeError } from "./errors.ts";
import { buildServerHandshake } from "./handshake.ts";
import { isOriginAllowed, type OriginPolicy } from "./origin.ts";

/** Options of {@linkcode upgradeWebSocket}: what the runtime's own WebSocket can honour. */
export interface UpgradeWebSocketOptions {
  /**
   * The subprotocols that are served; the first one that the client offers is taken.
   *
   * @default {none}
   */
  protocols?: readonly string[];
  /**
   * Which pages may connect.
   *
   * @default {"same-host"}
   */
  origin?: OriginPolicy;
  /** Headers for the response. */
  headers?: HeadersInit;
  /** The addresses of the connection, as the handler of `Deno.serve` gets them. */
  info?: { remoteAddr: TransportAddr };
  /**
   * After how long without a byte from the client the runtime gives the connection up, in ms, rounded up to seconds; it pings before
   * that. Pings don't reach a client that takes nothing of what is queued for it: if it sends nothing either, it counts as lost
   * after twice the time at the latest, and a second more for each 16 kB of the largest message. The runtime, which can't be told to let go, still
   * holds the connection and what is queued until that client goes. 0 for never.
   *
   * @default {30_000}
   */
  idleTimeout?: number;
  /**
   * The largest message that is handed on, in bytes. It is refused after it came: the runtime itself takes 64 MiB a frame, any number of them.
   *
   * @default {1_048_576}
   */
  maxMessageSize?: number;
  /**
   * Messages that nobody has taken yet, in bytes. The client can't be held back: more ends the connection.
   *
   * @default {1_048_576}
   */
  maxInboxBytes?: number;
  /**
   * From how many queued bytes `send` waits.
   *
   * @default {65_536}
   */
  highWaterMark?: number;
  /**
   * The most bytes that wait to be sent.
   *
   * @default {16_777_216}
   */
  maxSendQueueBytes?: number;
  /**
   * What happens at `maxSendQueueBytes`.
   *
   * @default {"wait"}
   */
  slowReader?: WebSocketConnectionOptions["slowReader"];
  /**
   * How long the client has to answer the close frame, in ms.
   *
   * @default {10_000}
   */
  closeTimeout?: number;
}

/** What {@linkcode upgradeWebSocket} returns. */
export interface WebSocketUpgrade {
  /** The response to return from the handler. */
  response: Response;
  /** The connection; messages can be sent on it at once. */
  socket: WebSocketConnection;
}

const KNOWN: ReadonlySet<string> = new Set<keyof UpgradeWebSocketOptions>([
  "protocols",
  "origin",
  "headers",
  "info",
  "idleTimeout",
  "maxMessageSize",
  "maxInboxBytes",
  "highWaterMark",
  "maxSendQueueBytes",
  "slowReader",
  "closeTimeout",
]);

const makeConnection = WebSocketConnection as unknown as new (
  parts: ConnectionParts,
) => WebSocketConnection;

/**
 * Upgrades a request of `Deno.serve` to a WebSocket: the runtime's own, behind our interface.
 *
 * `Deno.serve` does not hand its connections over, so the protocol is the runtime's: without compression, pings, pausing and
 * messages in parts (those throw a TypeError), with close codes 1000 and 3000 to 4999 only, and without the checks that RFC 6455 asks for. Where
 * these matter, and for speed, use `serveWebSocket`; its `handler` serves HTTP on the same port.
 *
 * The handler has to return the `response`, that one and no copy: where it throws, or middleware puts another in its place, Deno ends the
 * whole server.
 *
 * @throws {TypeError} If the request is no upgrade request, or an option can't be honoured.
 * @throws {RangeError} If a limit or a time is out of range.
 * @throws {WebSocketHandshakeError} `HANDSHAKE_REFUSED` with `status` 403 for an origin that is not allowed.
 *
 * @example
 * ```ts
 * import { connectWebSocket, upgradeWebSocket } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request, info) => {
 *   const { response, socket } = upgradeWebSocket(request, { info });
 *   socket.on("message", (data) => socket.send(data));
 *   return response;
 * });
 * const ws = await connectWebSocket(`ws://127.0.0.1:${server.addr.port}`);
 * await ws.send("hello");
 * assertEquals((await ws.receive()).data, "hello");
 * await ws.close();
 * await server.shutdown();
 * ```
 */
export function upgradeWebSocket(
  request: Request,
  options: UpgradeWebSocketOptions = {},
): WebSocketUpgrade {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !KNOWN.has(name)) {
      throw new TypeError(
        `Cannot upgrade: the option \`${name}\` can't be honoured over Deno.serve`,
      );
    }
  }
  if (!hasListElement(request.headers.get("upgrade") ?? undefined, "websocket")) {
    throw new TypeError("Cannot upgrade: the request does not ask for a WebSocket");
  }
  const { info, headers, idleTimeout = 30_000, protocols = [], origin = "same-host" } = options;
  const resolved = resolveConnectionOptions(options);
  // The runtime would give the connection up at once.
  if (!isDelay(idleTimeout) || idleTimeout === Infinity) {
    throw new RangeError(`Cannot upgrade: idleTimeout ${idleTimeout} is out of range`);
  }
  const url = new URL(request.url);
  const from = request.headers.get("origin") ?? undefined;
  if (
    !isOriginAllowed(origin, from, request.headers.get("host") ?? "", url.protocol === "https:")
  ) {
    throw new WebSocketHandshakeError("Cannot upgrade: the origin is not allowed", {
      code: "HANDSHAKE_REFUSED",
      status: 403,
      header: "Origin",
    });
  }
  const offered = parseTokenList(request.headers.get("sec-websocket-protocol") ?? "") ?? [];
  const protocol = offered.find((one) => protocols.includes(one));
  const own = new Headers(headers);
  buildServerHandshake({ accept: "", headers: own });
  // After the upgrade the request can't be asked any more.
  const unknown: TransportAddr = { transport: "memory" };
  const addresses = { localAddr: unknown, remoteAddr: info?.remoteAddr ?? unknown };
  const handshake = requestInfo(request, url);
  const seconds = Math.ceil(idleTimeout / 1000);
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: seconds });
  // Told to choose the subprotocol, Deno would not find it in a list without spaces, as npm's ws sends it.
  if (protocol !== undefined) response.headers.set("sec-websocket-protocol", protocol);
  for (const [name, value] of own) response.headers.append(name, value);
  const times = { idleTimeout: seconds * 1000 };
  const link = new NativeLink(socket, protocol ?? "", resolved, addresses, times);
  const parts = new ConnectionParts(link, resolved, handshake, undefined);
  return { response, socket: new makeConnection(parts) };
}

/** The request as the text that it was, as far as it is known. */
function requestInfo(request: Request, url: URL): HandshakeInfo {
  let text = `GET ${url.pathname}${url.search} HTTP/1.1\r\n`;
  for (const [name, value] of request.headers) text += `${name}: ${value}\r\n`;
  if (!request.headers.has("host")) text += `host: ${url.host}\r\n`;
  return new HandshakeInfo("request", `${text}\r\n`, undefined, url.protocol === "https:");
}
