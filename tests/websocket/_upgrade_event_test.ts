import { assertEquals, assertStringIncludes } from "@std/assert";
import type { IncomingMessage } from "node:http";
import { TransportDuplex } from "../../net/node_transport.ts";
import { pair } from "../../net/pair.ts";
import { receiveHead } from "../../websocket/_head_exchange.ts";
import { ServerCore } from "../../websocket/_server_core.ts";
import { takeUpgrade } from "../../websocket/_upgrade_event.ts";
import { ACCEPT, KEY } from "../_support/websocket_server.ts";

Deno.test("upgrade event becomes a connection, with what came behind the request", async () => {
  const got: unknown[] = [];
  const core = new ServerCore({ default: (ws) => void ws.on("message", (data) => got.push(data)) });
  const [client, near] = pair();
  const socket = new TransportDuplex(near);
  const rawHeaders = ["Host", "h", "Upgrade", "websocket", "Connection", "Upgrade"].concat(
    ["Sec-WebSocket-Key", KEY, "Sec-WebSocket-Version", "13"],
  );
  const request = { method: "GET", url: "/x", httpVersion: "1.1", rawHeaders, socket };
  const head = new Uint8Array([0x81, 0x81, 0, 0, 0, 0, 0x61]);
  takeUpgrade(core, request as unknown as IncomingMessage, socket, head);
  const { text } = await receiveHead(client, "response");
  assertStringIncludes(text, ACCEPT);
  await new Promise((resolve) => setTimeout(resolve, 0));
  const [ws] = core.connections;
  assertEquals([got, ws.url], [["a"], "ws://h/x"]);
  ws.terminate();
  await core.idle();
  client.close();
});
