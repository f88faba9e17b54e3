import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { runPeer } from "../_support/peers.ts";
import { echoServer, rawServer } from "../_support/raw_peer.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

function hello(...args: string[]): ReturnType<typeof runPeer> {
  return runPeer(
    Deno.execPath(),
    ["run", "--quiet", "--no-prompt", "--allow-net=127.0.0.1", "examples/socket_hello.ts", ...args],
    { cwd: root },
  );
}

Deno.test("socket hello: the words come back", async () => {
  await using server = await echoServer();
  const { code, stdout, stderr } = await hello(
    "--wait=300",
    "127.0.0.1",
    String(server.port),
    "hello",
    "there",
  );
  assertEquals(stderr, "");
  assertEquals(stdout, `Connected to 127.0.0.1:${server.port}\nGot: hello there\nClosed\n`);
  assertEquals(code, 0);
});

Deno.test("socket hello prints what came after the last line, too", async () => {
  await using server = await rawServer();
  const peer = server.accept().then(async (peer) => {
    await peer.write("one\x1b[2J\nuser: \x07");
    return peer;
  });
  const { port } = server;
  const { code, stdout } = await hello("--wait=300", "127.0.0.1", String(port));
  using _peer = await peer;
  const lines = [`Connected to 127.0.0.1:${port}`, "Got: one[2J", "Got: user: ", "Closed", ""];
  assertEquals([code, stdout], [0, lines.join("\n")]);
});

Deno.test("socket hello says why it can't connect", async () => {
  const server = await rawServer();
  await server[Symbol.asyncDispose]();
  const { code, stdout, stderr } = await hello("127.0.0.1", String(server.port));
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, "ECONNREFUSED");
});

Deno.test("socket hello says which option it does not know, without a stack trace", async () => {
  const { code, stdout, stderr } = await hello("--nonsense");
  assertEquals([code, stdout], [2, ""]);
  assertMatch(stderr, /^[^\n]*--nonsense[^\n]*\n\n/);
  assert(!stderr.includes("    at "), stderr);
});
