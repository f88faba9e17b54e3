import { assert, assertEquals, assertRejects } from "@std/assert";
import { fileURLToPath } from "node:url";
import { connectWebSocket } from "../../websocket/client.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";
import { WebSocketHandshakeError } from "../../websocket/errors.ts";
import { type Peer, peerTest, runPeer, spawnPeer } from "../_support/peers.ts";
import { PYTHON_WEBSOCKETS } from "../_support/websocket_interop.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

async function startServer(): Promise<{ server: Peer; url: string }> {
  const server = await spawnPeer(
    Deno.execPath(),
    ["run", "--quiet", "--no-prompt", "--allow-net=127.0.0.1", "examples/lua_websockets.ts"]
      .concat("--port=0"),
    { cwd: root, stopSignal: "SIGINT" },
  );
  const [, url] = await server.waitFor(/(ws:\/\/127\.0\.0\.1:\d+\/)/);
  return { server, url };
}

async function next(ws: WebSocketConnection): Promise<unknown> {
  return (await ws.receive({ timeout: 5_000 })).data;
}

Deno.test("lua-websockets' mirror sends every text to all of its clients, and to no others", async () => {
  const { server, url } = await startServer();
  await using _server = server;
  const protocols = "lws-mirror-protocol";
  await using ann = await connectWebSocket(url, { protocols });
  await using bob = await connectWebSocket(url, { protocols });
  await using counter = await connectWebSocket(url, { protocols: "dumb-increment-protocol" });
  assertEquals(ann.protocol, protocols);
  // The second connection is one of the clients once its first message has come back.
  await bob.send("here");
  assertEquals([await next(bob), await next(ann)], ["here", "here"]);
  await ann.send("d 100 100 c #ff0000;");
  await ann.send(new Uint8Array([1, 2, 3]));
  await ann.send("second");
  for (const ws of [ann, bob]) {
    assertEquals([await next(ws), await next(ws)], ["d 100 100 c #ff0000;", "second"]);
  }
  assertEquals([await next(counter), await next(counter)], ["0", "1"]);
});

Deno.test("lua-websockets' counter counts ten times a second for each client, until reset", async () => {
  const { server, url } = await startServer();
  await using _server = server;
  const protocols = ["unknown", "dumb-increment-protocol"];
  // Before the server can begin.
  const start = performance.now();
  await using ws = await connectWebSocket(url, { protocols });
  assertEquals(ws.protocol, "dumb-increment-protocol");
  for (let i = 0; i < 5; i++) assertEquals(await next(ws), String(i));
  const took = performance.now() - start;
  assert(took > 350, `five numbers came in ${took} ms`);
  await using other = await connectWebSocket(url, { protocols });
  assertEquals(await next(other), "0");
  await ws.send("please reset\n");
  let number;
  do number = Number(await next(ws)); while (number > 0);
  assertEquals(await next(ws), "1");
  assert(await next(other) !== "0");
});

Deno.test("lua-websockets' samples refuse other subprotocols, and end with their clients on Ctrl-C", async () => {
  const { server, url } = await startServer();
  await using _server = server;
  await assertRejects(() => connectWebSocket(url), WebSocketHandshakeError, "400");
  const ws = await connectWebSocket(url, { protocols: "dumb-increment-protocol" });
  // On Windows no process can send Ctrl-C to another one.
  if (Deno.build.os === "windows") return ws.terminate();
  server.kill("SIGINT");
  assertEquals((await ws.closed).code, 1001);
  assertEquals((await server.status).code, 0);
});

peerTest("lua-websockets' samples serve python3-websockets", {
  needs: PYTHON_WEBSOCKETS.needs,
}, async () => {
  const { server, url } = await startServer();
  await using _server = server;
  const script = `
import asyncio, websockets
async def main():
    async with websockets.connect("${url}", subprotocols=["dumb-increment-protocol"]) as ws:
        print(ws.subprotocol, await ws.recv(), await ws.recv(), await ws.recv())
    async with websockets.connect("${url}", subprotocols=["lws-mirror-protocol"]) as ws:
        await ws.send("hello")
        print(ws.subprotocol, await ws.recv())
asyncio.run(main())
`;
  const { stdout, stderr } = await runPeer("/usr/bin/python3", ["-c", script]);
  assertEquals(stderr, "");
  assertEquals(stdout, "dumb-increment-protocol 0 1 2\nlws-mirror-protocol hello\n");
});
