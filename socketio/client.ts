// Floor 3: driver.
/**
 * The Socket.IO client alone: for browsers, and for programs that serve nothing. It takes `fetch` and `WebSocket` of the platform, and nothing
 * of Deno or Node.
 *
 * @example
 * ```ts
 * import { connectSocketIo } from "@sluice/sockets/socketio/client";
 * import { SocketIoServer } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const io = new SocketIoServer();
 * io.on("connection", (socket) => {
 *   socket.on("sum", (a, b, done) => done(a + b));
 * });
 * const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
 *
 * const socket = connectSocketIo(`http://127.0.0.1:${port}/`); // in a browser: location.origin
 * assertEquals(await socket.timeout(5000).emitWithAck("sum", 2, 3), 5);
 * await socket.close();
 * await io.close();
 * ```
 *
 * @module
 */
export * from "./client_engine.ts";
export * from "./client_options.ts";
export * from "./client_socket.ts";
export * from "./connect.ts";
export * from "./engine_packet.ts";
export * from "./engine_socket.ts";
export * from "./errors.ts";
export * from "./manager.ts";
export * from "./packet.ts";
export * from "./types.ts";
