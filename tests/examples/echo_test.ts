import { assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { type Peer, peerTest, runPeer, spawnPeer } from "../_support/peers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

function arguments_(...more: string[]): string[] {
  return ["run", "--quiet", "--no-prompt", "--allow-net=127.0.0.1", "examples/echo.ts", ...more];
}

async function startServer(): Promise<{ server: Peer; port: string }> {
  const server = await spawnPeer(Deno.execPath(), arguments_("--port=0"), {
    cwd: root,
    stopSignal: "SIGINT",
  });
  const [, port] = await server.waitFor(/Echo on 127\.0\.0\.1:(\d+)/);
  return { server, port };
}

Deno.test("echo: words come back, and so does all of stdin", async () => {
  const { server, port } = await startServer();
  await using _server = server;
  const words = await runPeer(Deno.execPath(), arguments_(`--port=${port}`, "hello", "there"), {
    cwd: root,
  });
  assertEquals(words, { code: 0, stdout: "hello there\n", stderr: "" });
  const text = "0123456789abcdef".repeat(100_000);
  const stdin = await runPeer(Deno.execPath(), arguments_(`--port=${port}`, "-"), {
    cwd: root,
    stdin: text,
  });
  assertEquals(stdin.code, 0);
  assertEquals(stdin.stdout, text);
  // On Windows no process can send Ctrl-C to another one.
  if (Deno.build.os === "windows") return;
  server.kill("SIGINT");
  assertEquals((await server.status).code, 0);
});

peerTest(
  "echo: nc sends a file and gets it back after its own end",
  { needs: ["nc"] },
  async () => {
    const { server, port } = await startServer();
    await using _server = server;
    const text = "line\n".repeat(200_000);
    // With -N nc ends its side when its stdin ends; the one of macOS does so by itself, and takes -N for another thing.
    const end = Deno.build.os === "darwin" ? [] : ["-N"];
    const { stdout } = await runPeer("nc", [...end, "127.0.0.1", port], { stdin: text });
    assertEquals(stdout, text);
  },
);

Deno.test("echo: a missing server is told in one line", async () => {
  const { code, stdout, stderr } = await runPeer(Deno.execPath(), arguments_("--port=1", "hello"), {
    cwd: root,
  });
  assertEquals({ code, stdout }, { code: 1, stdout: "" });
  assertStringIncludes(stderr, "ECONNREFUSED");
  assertEquals(stderr.trim().split("\n").length, 1);
});
