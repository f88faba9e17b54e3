import { assertEquals, assertRejects } from "@std/assert";
import { Limits } from "../../net/limits.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { WebSocketHandshakeError } from "../../websocket/errors.ts";
import { serveWebSocket } from "../../websocket/server.ts";
import type { ServeWebSocketOptions } from "../../websocket/server_options.ts";

Deno.test("all options of a server are taken together", async () => {
  const dropped: string[] = [];
  let allowed = true;
  const options: Required<
    Omit<ServeWebSocketOptions, "path" | "listener" | "tls" | "http" | "proxyProtocol">
  > = {
    port: 0,
    hostname: "127.0.0.1",
    protocols: { p: (ws) => void ws.on("message", (data) => ws.send(data)) },
    default: (ws) => ws.close(1000, "goodbye strange client"),
    pathname: "/x",
    origin: ["https://a.example"],
    allowedHosts: ["127.0.0.1"],
    authorize: () => ({ headers: { "x-b": "2" } }),
    headers: { "x-a": "1" },
    perMessageDeflate: { threshold: 0 },
    handshakeTimeout: 1000,
    maxConnections: 10,
    limits: new Limits(),
    onError: () => {},
    head: { maxHeaderCount: 20 },
    handler: () => new Response("page"),
    signal: new AbortController().signal,
    maxConnectionsPerAddress: 5,
    ipv6PrefixLength: 56,
    acceptRate: { perSecond: 10 },
    blockList: { check: () => false },
    allowList: { check: () => allowed },
    onDrop: ({ reason }) => dropped.push(reason),
    maxMessageSize: 1000,
    maxFragments: 10,
    maxChunks: 10,
    maxInboxBytes: 1000,
    highWaterMark: 1000,
    maxSendQueueBytes: 10_000,
    slowReader: "drop",
    maxPendingPings: 2,
    keepAliveInterval: 1000,
    keepAliveTimeout: 1000,
    messageTimeout: 1000,
    closeTimeout: 1000,
  };
  await using server = await serveWebSocket(options);
  const url = `ws://127.0.0.1:${server.port}/x`;
  await using ws = await connectWebSocket(url, { protocols: "p", origin: "https://a.example" });
  assertEquals([ws.headers.get("x-a"), ws.headers.get("x-b")], ["1", "2"]);
  await ws.send("hello");
  assertEquals((await ws.receive()).data, "hello");
  await using stranger = await connectWebSocket(url);
  assertEquals((await stranger.receive()).reason, "goodbye strange client");
  allowed = false;
  await assertRejects(() => connectWebSocket(url), WebSocketHandshakeError);
  assertEquals(dropped, ["blocked"]);
});
