import { assertEquals } from "@std/assert";
import { isWebSocketCloseCode, WebSocketCloseCode } from "../../websocket/close_code.ts";

Deno.test("close codes that may be sent are 1000 to 1003, 1007 to 1014 and 3000 to 4999", () => {
  const valid: number[] = [];
  for (let code = 0; code <= 65535; code++) if (isWebSocketCloseCode(code)) valid.push(code);
  const range = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => from + i);
  assertEquals(valid, [...range(1000, 1003), ...range(1007, 1014), ...range(3000, 4999)]);
});

Deno.test("close codes are whole numbers", () => {
  for (const code of [1000.5, NaN, Infinity, -1000]) {
    assertEquals(isWebSocketCloseCode(code), false);
  }
});

Deno.test("close codes that stand for the absence of one may not be sent", () => {
  for (const name of ["NO_STATUS", "ABNORMAL", "TLS_HANDSHAKE"] as const) {
    assertEquals(isWebSocketCloseCode(WebSocketCloseCode[name]), false);
  }
});
