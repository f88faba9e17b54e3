import { assertEquals } from "@std/assert";
import { createServer, type IncomingMessage, type Server } from "node:http";
import {
  asksForWebSocket,
  decideUpgrades,
  WEBSOCKET_LISTENERS,
} from "../../websocket/_websocket_listeners.ts";

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

Deno.test("who decides about upgrades leaves the server as it was, whoever leaves first", () => {
  const request = {} as IncomingMessage;
  for (const firstLeaves of [true, false]) {
    const http = createServer() as Server & { shouldUpgradeCallback: (r: unknown) => boolean };
    const mine = http.shouldUpgradeCallback = (asked) => asked === request;
    const answers: (boolean | undefined)[] = [undefined, false];
    const [first, second] = answers.map((_, i) => decideUpgrades(http, () => answers[i]));
    assertEquals(http.shouldUpgradeCallback(request), false);
    answers[1] = undefined;
    assertEquals(http.shouldUpgradeCallback(request), true, "the server's own");
    answers[0] = answers[1] = false;
    for (const leave of firstLeaves ? [first, second] : [second, first]) {
      assertEquals(http.shouldUpgradeCallback(request), false);
      leave();
      leave();
    }
    assertEquals(http.shouldUpgradeCallback, mine);
  }
});
