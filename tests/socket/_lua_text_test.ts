import { assertEquals } from "@std/assert";
import { NetError, type NetErrorCode } from "../../net/errors.ts";
import { headerTable, isForeignScheme, luaText } from "../../socket/_lua_text.ts";
import {
  WebSocketError,
  WebSocketHandshakeError,
  type WebSocketHandshakeErrorCode,
} from "../../websocket/errors.ts";

Deno.test("errors in the words of LuaSocket and lua-websockets", () => {
  const net = (code: NetErrorCode) => luaText(new NetError("a sentence", { code }));
  assertEquals(net("ECONNREFUSED"), "connection refused");
  assertEquals(net("ENOTFOUND"), "host not found");
  assertEquals(net("EAI_AGAIN"), "temporary failure in name resolution");
  assertEquals(net("ABORT_ERR"), "aborted");
  assertEquals(net("ETIMEDOUT"), "timeout");
  assertEquals(net("ECONNRESET"), "closed");
  assertEquals(net("EPIPE"), "closed");
  assertEquals(net("ECONNABORTED"), "closed");
  assertEquals(net("ERR_TLS_CERT"), "a sentence");
  const shake = (code: WebSocketHandshakeErrorCode, actual?: string) =>
    luaText(new WebSocketHandshakeError("a sentence", { code, expected: "X", actual }));
  const invalid = "Websocket Handshake failed: Invalid Sec-Websocket-Accept";
  assertEquals(shake("HANDSHAKE_ACCEPT", "Y"), `${invalid} (expected X got Y)`);
  assertEquals(shake("HANDSHAKE_ACCEPT"), `${invalid} (expected X got nil)`);
  assertEquals(shake("HANDSHAKE_STATUS"), "Websocket Handshake failed: a sentence");
  assertEquals(shake("HANDSHAKE_TIMEOUT"), "timeout");
  assertEquals(shake("HANDSHAKE_CLOSED"), "closed");
  assertEquals(luaText(new WebSocketError("another", { code: "CLOSED" })), "another");
  assertEquals(luaText("text"), "text");
});

Deno.test("schemes that are not WebSocket's", () => {
  for (const url of ["wsc://a", "ws2://a", "HTTP://a", "ws+unix:///a:/"]) {
    assertEquals(isForeignScheme(url), true, url);
  }
  for (const url of ["ws://a", "WSS://a", "a", "", "://a"]) {
    assertEquals(isForeignScheme(url), false, url);
  }
});

Deno.test("headers become a table with names in lower case", () => {
  const headers = new Headers([["X-A", "1"], ["x-a", "2"], ["Sec-WebSocket-Accept", "aB="]]);
  assertEquals(headerTable(headers), { "x-a": "1, 2", "sec-websocket-accept": "aB=" });
});
