import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { sendAll } from "../../examples/websocket_echo.ts";
import { serveWebSocket } from "../../websocket/server.ts";
import { type Peer, peerTest, runPeer, spawnPeer } from "../_support/peers.ts";
import { startPeerServer, WS_ON_NODE } from "../_support/websocket_interop.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

function arguments_(...more: string[]): string[] {
  return ["run", "--quiet", "--no-prompt", "--allow-net=127.0.0.1", "examples/websocket_echo.ts"]
    .concat(more);
}

async function startServer(): Promise<{ server: Peer; port: string }> {
  const server = await spawnPeer(Deno.execPath(), arguments_("--port=0"), {
    cwd: root,
    stopSignal: "SIGINT",
  });
  const [, port] = await server.waitFor(/ws:\/\/127\.0\.0\.1:(\d+)\//);
  return { server, port };
}

Deno.test("WebSocket echo: words come back, and so does every line of stdin", async () => {
  const { server, port } = await startServer();
  await using _server = server;
  const words = await runPeer(Deno.execPath(), arguments_(`--port=${port}`, "hello", "there"), {
    cwd: root,
  });
  assertEquals(words, { code: 0, stdout: "hello there\n", stderr: "" });
  const text = Array.from({ length: 20_000 }, (_, i) => `line ${i} €\n`).join("");
  for (const stdin of [text, "", "no end of line", "\n\n"]) {
    const all = await runPeer(Deno.execPath(), arguments_(`--port=${port}`, "-"), {
      cwd: root,
      stdin,
    });
    const expected = stdin === "no end of line" ? `${stdin}\n` : stdin;
    assertEquals(all, { code: 0, stdout: expected, stderr: "" });
  }
  // On Windows no process can send Ctrl-C to another one.
  if (Deno.build.os === "windows") return;
  server.kill("SIGINT");
  assertEquals((await server.status).code, 0);
});

peerTest("WebSocket echo: talks with a ws on Node server, by its URL", {
  needs: WS_ON_NODE.needs,
}, async () => {
  await using server = await startPeerServer(WS_ON_NODE);
  // That server takes no subprotocol but its own, and says so by choosing none.
  const url = `ws://127.0.0.1:${server.port}/`;
  const { stdout } = await runPeer(Deno.execPath(), arguments_("--url", url, "hello"), {
    cwd: root,
  });
  assertEquals(stdout, "hello\n");
});

Deno.test("WebSocket echo: a server that hangs up too early is noticed", async () => {
  await using server = await serveWebSocket({
    hostname: "127.0.0.1",
    default: (ws) => void ws.once("message", () => ws.close(1001)),
  });
  await assertRejects(
    () => sendAll(`ws://127.0.0.1:${server.port}/`, ["a"], () => {}),
    Error,
    "the server closed the connection: 1001",
  );
});

Deno.test("WebSocket echo: a missing server is told in one line", async () => {
  const { code, stdout, stderr } = await runPeer(Deno.execPath(), arguments_("--port=1", "hello"), {
    cwd: root,
  });
  assertEquals({ code, stdout }, { code: 1, stdout: "" });
  assertStringIncludes(stderr, "ECONNREFUSED");
  assertEquals(stderr.trim().split("\n").length, 1);
});
