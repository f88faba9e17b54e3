import { assert, assertEquals } from "@std/assert";
import {
  WebSocketError,
  WebSocketHandshakeError,
  WebSocketProtocolError,
} from "../../websocket/errors.ts";

Deno.test("errors of the tree have name, code, close code and cause", () => {
  const cause = new Error("why");
  const error = new WebSocketProtocolError("no", { code: "UTF8", closeCode: 1007, cause });
  assert(error instanceof WebSocketError && error instanceof Error);
  assertEquals([error.name, error.message, error.code, error.closeCode], [
    "WebSocketProtocolError",
    "no",
    "UTF8",
    1007,
  ]);
  assertEquals(error.cause, cause);
});

Deno.test("handshake error names header, expectation and what came", () => {
  const error = new WebSocketHandshakeError("no", {
    code: "HANDSHAKE_HEADER",
    header: "Upgrade",
    expected: '"websocket"',
  });
  assertEquals(error.code, "HANDSHAKE_HEADER");
  assertEquals(error.header, "Upgrade");
  assertEquals(error.expected, '"websocket"');
  assertEquals(error.actual, undefined);
  assertEquals("cause" in error, false);
  assertEquals(error.name, "WebSocketHandshakeError");
});
