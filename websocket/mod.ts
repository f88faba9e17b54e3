/**
 * WebSocket (RFC 6455) with permessage-deflate (RFC 7692), client and server, over any byte transport.
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
