import { assertEquals, assertStringIncludes } from "@std/assert";
import type { IncomingMessage } from "node:http";
import { TransportDuplex } from "../../net/node_transport.ts";
import { pair } from "../../net/pair.ts";
import { receiveHead } from "../../websocket/_head_exchange.ts";
import { ServerCore } from "../../websocket/_server_core.ts";
import { laterHeadFault, takeUpgrade } from "../../websocket/_upgrade_event.ts";
import { HttpHeadReader } from "../../websocket/http_head.ts";
import { ACCEPT, KEY } from "../_support/websocket_server.ts";

Deno.test("later head has the limits of the first one, to the byte", () => {
  const lines = [["Host", "h"], ["Empty", ""], ["X", "x".repeat(200)], ["Y", "y".repeat(50)]];
  const rawHeaders = lines.flat();
  const request = { method: "GET", url: "/x", rawHeaders } as unknown as IncomingMessage;
  const head = lines.map(([name, value]) => `${name}:${value && ` ${value}`}\r\n`).join("");
  const bytes = new TextEncoder().encode(`GET /x HTTP/1.1\r\n${head}\r\n`);
  const limits = [
    ...[-1, 0, 1].map((more) => ({ maxHeadSize: bytes.length - 1 + more })),
    ...[-1, 0, 1].map((more) => ({ maxLineSize: "X: \r".length + 200 + more })),
    ...[-1, 0, 1].map((more) => ({ maxHeaderCount: 4 + more })),
    ...[-1, 0, 1].map((more) => ({ maxLineSize: "GET /x HTTP/1.1\r".length + more })),
  ];
  const faults = limits.map((each) => laterHeadFault(request, each));
  const first = limits.map((each) => {
    const reader = new HttpHeadReader("request", each);
    reader.push(bytes);
    return reader.fault;
  });
  assertEquals(faults, first);
  assertEquals(faults.slice(0, 6).map((fault) => fault?.status), [
    431,
    undefined,
    undefined,
    431,
    undefined,
    undefined,
  ]);
});

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
