import { assert, assertEquals } from "@std/assert";
import { ConnectionParts, type Link } from "../../websocket/_connection_parts.ts";
import { WebSocketConnection } from "../../websocket/connection.ts";
import { resolveConnectionOptions } from "../../websocket/connection_options.ts";

Deno.test("connection takes parts that were made elsewhere, and starts their link", () => {
  let started = 0;
  const link = { start: () => started++, protocol: "p", open: true } as unknown as Link;
  const parts = new ConnectionParts(link, resolveConnectionOptions(), undefined, undefined);
  const make = WebSocketConnection as unknown as new (
    parts: ConnectionParts,
  ) => WebSocketConnection;
  const ws = new make(parts);
  assert(ws instanceof WebSocketConnection);
  assertEquals([started, ws.protocol, ws.state, ws.url], [1, "p", "open", ""]);
});
