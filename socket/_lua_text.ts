// Floor 0: vocabulary.
import { errorOf } from "../net/error_of.ts";
import { NetError, type NetErrorCode } from "../net/errors.ts";
import { WebSocketHandshakeError } from "../websocket/errors.ts";

/** LuaSocket's texts for what can happen to a connection. */
const TEXTS: Partial<Record<NetErrorCode, string>> = {
  ABORT_ERR: "aborted",
  EAI_AGAIN: "temporary failure in name resolution",
  ECONNABORTED: "closed",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "closed",
  ENOTFOUND: "host not found",
  EPIPE: "closed",
  ERR_SOCKET_CLOSED: "closed",
  ETIMEDOUT: "timeout",
};

/** What is wrong, in the words of lua-websockets where it has any. */
export function luaText(error: unknown): string {
  if (error instanceof NetError) return TEXTS[error.code] ?? error.message;
  if (!(error instanceof WebSocketHandshakeError)) {
    return errorOf(error).message;
  }
  if (error.code === "HANDSHAKE_TIMEOUT") return "timeout";
  if (error.code === "HANDSHAKE_CLOSED") return "closed";
  const why = error.code === "HANDSHAKE_ACCEPT"
    ? `Invalid Sec-Websocket-Accept (expected ${error.expected} got ${error.actual ?? "nil"})`
    : error.message;
  return `Websocket Handshake failed: ${why}`;
}

/** Whether it is a URL of another scheme than WebSocket's; `false` also for what is no URL. */
export function isForeignScheme(url: string): boolean {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(url)?.[1].toLowerCase();
  return scheme !== undefined && scheme !== "ws" && scheme !== "wss";
}

/** The headers as a table, names in lower case. */
export function headerTable(headers: Headers): Record<string, string> {
  return Object.fromEntries(headers);
}
