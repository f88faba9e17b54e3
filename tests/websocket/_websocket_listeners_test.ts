import { assertEquals } from "@std/assert";
import type { IncomingMessage } from "node:http";
import { asksForWebSocket, WEBSOCKET_LISTENERS } from "../../websocket/_websocket_listeners.ts";

Deno.test("a request asks for a WebSocket by a part of its Upgrade header, in any case", () => {
  for (
    const [upgrade, asks] of [
      ["websocket", true],
      ["h2c, WebSocket", true],
      ["h2c", false],
      ["websocket/2", false],
      [undefined, false],
    ] as const
  ) {
    assertEquals(asksForWebSocket({ headers: { upgrade } } as IncomingMessage), asks);
  }
});

Deno.test("a listener that nobody named takes more than WebSockets", () => {
  assertEquals(WEBSOCKET_LISTENERS.has(() => {}), false);
});
