import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { type Peer, runPeer, spawnPeer } from "../_support/peers.ts";
import { RawPeer, rawServer } from "../_support/raw_peer.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

function args(...more: string[]): string[] {
  const file = "examples/wlangage_client_server.ts";
  return ["run", "--quiet", "--no-prompt", "--allow-net=127.0.0.1", file, ...more];
}

async function serveur(...more: string[]): Promise<{ server: Peer; port: string }> {
  const server = await spawnPeer(Deno.execPath(), args("serveur", "--port=0", ...more), {
    cwd: root,
    stopSignal: "SIGINT",
  });
  const [, port] = await server.waitFor(/port (\d+)\. Ctrl-C/);
  return { server, port };
}

function client(port: string, ...messages: string[]): ReturnType<typeof runPeer> {
  return runPeer(Deno.execPath(), args("client", `--port=${port}`, ...messages), { cwd: root });
}

Deno.test("WLangage client and server: each message is answered, and several clients at once", async () => {
  const { server, port } = await serveur();
  await using _server = server;
  const results = await Promise.all([
    client(port, "Bonjour", "Comment ça va ?"),
    client(port, "été"),
  ]);
  assertEquals(results.map(({ code, stderr }) => [code, stderr]), [[0, ""], [0, ""]]);
  assertEquals(results[0].stdout, "7 caractères : Bonjour\n15 caractères : Comment ça va ?\n");
  assertEquals(results[1].stdout, "3 caractères : été\n");
  await server.waitFor(/SERVEUR#2 : a raccroché/);
  // On Windows no process can send Ctrl-C to another one.
  if (Deno.build.os === "windows") return;
  server.kill("SIGINT");
  assertEquals((await server.status).code, 0);
  assertEquals(server.stderr, "");
});

Deno.test("WLangage server speaks with raw bytes: the size header, and Windows-1252", async () => {
  const { server, port } = await serveur();
  await using _server = server;
  using peer = await RawPeer.connect(Number(port));
  await peer.write("3\r\n\xe9t\xe9");
  assertEquals(await peer.readText(22), "18\r\n3 caract\xe8res : \xe9t\xe9");
});

Deno.test("WLangage simplified server: one client after the other, and the end of each is 100031", async () => {
  const { server, port } = await serveur("--simple");
  await using _server = server;
  for (const message of ["un", "deux"]) {
    const { stdout } = await client(port, message);
    assertEquals(stdout, `${message.length} caractères : ${message}\n`);
  }
  await server.waitFor(/100031\n100031\n/);
  // On Windows no process can send Ctrl-C to another one.
  if (Deno.build.os === "windows") return;
  server.kill("SIGINT");
  assertEquals((await server.status).code, 0);
});

Deno.test("WLangage client and server say what went wrong", async () => {
  const { server, port } = await serveur();
  await using _server = server;
  const taken = await runPeer(Deno.execPath(), args("serveur", `--port=${port}`), { cwd: root });
  assertEquals(taken.code, 1);
  assertStringIncludes(taken.stderr, "EADDRINUSE");
  server.kill("SIGINT");
  await server.status;
  const refused = await client(port, "Bonjour");
  assertEquals(refused.code, 1);
  assertStringIncludes(refused.stderr, "ECONNREFUSED");
  const lost = await runPeer(Deno.execPath(), args(), { cwd: root });
  assertEquals(lost.code, 2);
  assert(lost.stderr.includes("serveur"));
});

Deno.test("WLangage client says when the server does not answer, or hangs up", async () => {
  for (const [answer, told] of [["", "Le serveur ne répond pas."], ["5\r\nab", "3 missing"]]) {
    await using server = await rawServer();
    const peer = server.accept().then(async (peer) => {
      await peer.readText(10);
      await peer.write(answer);
      if (answer !== "") await peer.closeWrite();
      return peer;
    });
    const { code, stdout, stderr } = await client(String(server.port), "Bonjour", "encore");
    using _peer = await peer;
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, told);
  }
});

Deno.test("WLangage client and server refuse what they do not take", async () => {
  const wrong = [["serveur", "Bonjour"], ["client", "--simple", "Bonjour"], ["client"]];
  for (const each of wrong) {
    const { code, stdout, stderr } = await runPeer(Deno.execPath(), args(...each), { cwd: root });
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, "\n\nUn serveur et un client");
  }
});
