/**
 * The simple face of sockets: one object or one name, and connect, write, read, close. For people who come from Unified Remote's
 * Lua scripts ({@linkcode SimpleSocket}), from WLangage ({@linkcode SocketBook}) or from lua-websockets
 * ({@linkcode SyncWebSocket}, {@linkcode EventWebSocket}).
 *
 * @module
 */
export * from "./constants.ts";
export * from "./errors.ts";
export * from "./event_web_socket.ts";
export * from "./lua_web_socket_options.ts";
export * from "./named_sockets.ts";
export * from "./simple_socket.ts";
export * from "./socket_book.ts";
export * from "./socket_book_options.ts";
export * from "./socket_data.ts";
export * from "./sync_web_socket.ts";
