/**
 * Sluice: sockets, WebSocket and Socket.IO for Deno, with backpressure and strict protocols.
 *
 * Every module can be imported alone (`@sluice/sockets/buffer`, `@sluice/sockets/net`, …); this entry point
 * re-exports them all.
 *
 * @module
 */
export * from "./buffer/mod.ts";
export * from "./net/mod.ts";
export * from "./websocket/mod.ts";
export * from "./socketio/mod.ts";
export * from "./socket/mod.ts";
export * from "./trace/mod.ts";
