/**
 * Socket.IO, server and client: events with acknowledgements, namespaces and rooms over polling and WebSocket, for every
 * client of Socket.IO 3 and 4. Socket.IO protocol revision 5 on Engine.IO protocol revision 4.
 *
 * - {@linkcode SocketIoServer}: on a port of its own, beside `Deno.serve`, or on a server of `node:http`.
 * - {@linkcode connectSocketIo}: a client; for browsers it is in `@sluice/sockets/socketio/client`, alone.
 *
 * @example A server, and a client that is answered
 * ```ts
 * import { connectSocketIo, SocketIoServer } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const io = new SocketIoServer();
 * io.on("connection", (socket) => {
 *   socket.on("sum", (a, b, done) => done(a + b));
 * });
 * const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
 *
 * const socket = connectSocketIo(`http://127.0.0.1:${port}/`);
 * assertEquals(await socket.timeout(5000).emitWithAck("sum", 2, 3), 5);
 * await socket.close();
 * await io.close();
 * ```
 *
 * @module
 */
export * from "./broadcast_operator.ts";
export * from "./broadcaster.ts";
export * from "./client_engine.ts";
export * from "./client_options.ts";
export * from "./client_proxy.ts";
export * from "./client_socket.ts";
export * from "./connect.ts";
export * from "./engine.ts";
export * from "./engine_handshake.ts";
export * from "./engine_options.ts";
export * from "./engine_packet.ts";
export * from "./engine_socket.ts";
export * from "./errors.ts";
export * from "./in_memory_adapter.ts";
export * from "./manager.ts";
export * from "./namespace.ts";
export * from "./packet.ts";
export * from "./parent_namespace.ts";
export * from "./server.ts";
export * from "./session_aware_adapter.ts";
export * from "./socket.ts";
export * from "./types.ts";
