/**
 * Socket.IO, server and client: events with acknowledgements, namespaces and rooms over polling and WebSocket, for every
 * client of Socket.IO 3 and 4. Socket.IO protocol revision 5 on Engine.IO protocol revision 4.
 *
 * @module
 */
export * from "./broadcast_operator.ts";
export * from "./broadcaster.ts";
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
