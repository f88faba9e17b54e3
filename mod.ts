/**
 * Sluice: sockets, WebSocket and Socket.IO for Deno, with backpressure and strict protocols.
 *
 * Every module can be imported alone (`@sluice/sockets/buffer`, `@sluice/sockets/net`, …); this entry point
 * re-exports them all.
 *
 * @example
 * ```ts
 * import { connect, createServer } from "@sluice/sockets";
 * import { assertEquals } from "@std/assert";
 *
 * const server = await createServer((socket) => {
 *   socket.pipe(socket);
 * }).listen(0, "127.0.0.1");
 *
 * const socket = connect(server.port, "127.0.0.1").setEncoding("utf8");
 * socket.end("hello");
 * assertEquals(await Array.fromAsync(socket), ["hello"]);
 * await server.close();
 * ```
 *
 * @module
 */
export * from "./buffer/mod.ts";
export * from "./net/mod.ts";
export * from "./websocket/mod.ts";
export * from "./socketio/mod.ts";
export * from "./socket/mod.ts";
export * from "./trace/mod.ts";
