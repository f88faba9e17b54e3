/**
 * The simple face of sockets: one object or one name, and connect, write, read, close. For people who come from Unified Remote's
 * Lua scripts ({@linkcode SimpleSocket}), from WLangage ({@linkcode SocketBook}) or from lua-websockets
 * ({@linkcode SyncWebSocket}, {@linkcode EventWebSocket}).
 *
 * @example Two named sockets
 * ```ts
 * import { SocketBook } from "@sluice/sockets/socket";
 * import { assertEquals } from "@std/assert";
 *
 * await using book = new SocketBook();
 * await book.create("SERVER", 0, { address: "127.0.0.1" });
 * await book.connect("CLIENT", book.localPort("SERVER"), "127.0.0.1");
 * await book.write("CLIENT", "Hello World");
 * assertEquals(await book.read("SERVER"), "Hello World");
 * ```
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
