/**
 * WebSocket (RFC 6455) with permessage-deflate (RFC 7692), client and server, over any byte transport: strict, with limits, pings and
 * backpressure.
 *
 * - {@linkcode connectWebSocket}: a client; {@linkcode reconnecting}: one that comes back; {@linkcode StandardWebSocket}: one with
 *   the interface of browsers.
 * - {@linkcode serveWebSocket}: a server on a port of its own, with plain HTTP beside it; {@linkcode attachWebSocket} joins a server of
 *   `node:http`, {@linkcode upgradeWebSocket} one of `Deno.serve`.
 * - {@linkcode WebSocketConnection}: what all of them give.
 *
 * @example An echo, and its client
 * ```ts
 * import { connectWebSocket, serveWebSocket } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const server = await serveWebSocket({
 *   hostname: "127.0.0.1",
 *   default: (ws) => void ws.on("message", (data) => ws.send(data)),
 * });
 *
 * const ws = await connectWebSocket(`ws://127.0.0.1:${server.port}/`);
 * await ws.send("hello");
 * assertEquals((await ws.receive({ timeout: 1000 })).data, "hello");
 * await ws.close(1000);
 * await server.close();
 * ```
 *
 * @module
 */
export * from "./attach.ts";
export * from "./backoff.ts";
export * from "./client.ts";
export * from "./close_code.ts";
export * from "./connection.ts";
export * from "./connection_options.ts";
export * from "./connection_types.ts";
export * from "./errors.ts";
export * from "./extensions.ts";
export * from "./frame.ts";
export * from "./handshake.ts";
export * from "./http_head.ts";
export * from "./mask.ts";
export * from "./origin.ts";
export * from "./other_upgrades.ts";
export * from "./permessage_deflate.ts";
export * from "./protocol.ts";
export * from "./protocol_types.ts";
export * from "./reconnecting.ts";
export * from "./request_listener.ts";
export * from "./request_url.ts";
export * from "./server.ts";
export * from "./server_options.ts";
export * from "./standard_web_socket.ts";
export * from "./types.ts";
export * from "./upgrade.ts";
export * from "./url.ts";
