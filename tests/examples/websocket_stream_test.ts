import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fetchFile, fileServer } from "../../examples/websocket_stream.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";
import { serveWebSocket, type WebSocketServer } from "../../websocket/server.ts";
import {
  type Peer,
  peerTest,
  runPeer,
  spawnPeer,
  tempFolder,
  utilLinuxScript,
} from "../_support/peers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const PROTOCOL = "file.sluice.example";

function command(...args: string[]): string[] {
  return ["run", "--quiet", "--no-prompt", `--config=${join(root, "deno.json")}`]
    .concat("--allow-net=127.0.0.1", "--allow-read=.", "--allow-write=.")
    .concat(join(root, "examples/websocket_stream.ts"), args);
}

async function startServer(folder: string, file: string): Promise<{ server: Peer; url: string }> {
  const server = await spawnPeer(Deno.execPath(), command("serve", file, "--port=0"), {
    cwd: folder,
    stopSignal: "SIGINT",
  });
  const [, url] = await server.waitFor(/(ws:\/\/127\.0\.0\.1:\d+\/)/);
  return { server, url };
}

async function names(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}

async function randomFile(path: string, size: number): Promise<string> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  await Deno.writeFile(path, bytes);
  return createHash("sha256").update(bytes).digest("hex");
}

for (const size of [0, 1, 50_000_001]) {
  Deno.test(`WebSocket stream: a file of ${size} bytes arrives whole, from process to process`, async () => {
    await using from = await tempFolder();
    await using to = await tempFolder();
    const hash = await randomFile(join(from.path, "Ünï code.bin"), size);
    const { server, url } = await startServer(from.path, "Ünï code.bin");
    await using _server = server;
    const { code, stdout, stderr } = await runPeer(Deno.execPath(), command("get", url), {
      cwd: to.path,
    });
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertStringIncludes(stdout, "Received Ünï code.bin: ");
    assertStringIncludes(stdout, hash);
    assertEquals(await names(to.path), ["Ünï code.bin"]);
    const bytes = await Deno.readFile(join(to.path, "Ünï code.bin"));
    assertEquals(createHash("sha256").update(bytes).digest("hex"), hash);

    // What is there is not replaced.
    const again = await runPeer(Deno.execPath(), command("get", url), { cwd: to.path });
    assertEquals(again.code, 1);
    assertStringIncludes(again.stderr, "exists");
    assertEquals(await names(to.path), ["Ünï code.bin"]);
    if (Deno.build.os === "windows") return;
    server.kill("SIGINT");
    assertEquals((await server.status).code, 0);
  });
}

peerTest(
  "WebSocket stream: progress is drawn on a terminal",
  { needs: [utilLinuxScript] },
  async () => {
    await using from = await tempFolder();
    await using to = await tempFolder();
    await randomFile(join(from.path, "data.bin"), 5_000_000);
    const { server, url } = await startServer(from.path, "data.bin");
    await using _server = server;
    const { code, stdout } = await runPeer("script", [
      "--quiet",
      "--return",
      "--command",
      [Deno.execPath(), ...command("get", url)].join(" "),
      "/dev/null",
    ], { cwd: to.path, env: { COLUMNS: "80" } });
    assertEquals(code, 0);
    assertStringIncludes(stdout, "data.bin 100% [####################]  5.0 MB of 5.0 MB");
    assertStringIncludes(stdout, "Received data.bin: 5.0 MB in ");
  },
);

Deno.test("WebSocket stream: a client that does not read stops the server, which reads no further", async () => {
  await using from = await tempFolder();
  const path = join(from.path, "large");
  await Deno.writeFile(path, new Uint8Array(0));
  await Deno.truncate(path, 1_000_000_000);
  let done = 0;
  const told = Promise.withResolvers<string>();
  await using server = await fileServer(path, {
    port: 0,
    log: told.resolve,
    progress: (_, now) => done = now,
  });
  const ws = await connectWebSocket(`ws://127.0.0.1:${server.port}/`, { protocols: PROTOCOL });
  const offer = ws.receiveStream() as Promise<{ readable: ReadableStream<Uint8Array> }>;
  await ws.send("get");
  assertEquals(
    await new Response((await offer).readable).text(),
    '{"name":"large","size":1000000000}',
  );
  const { readable } = await ws.receiveStream() as { readable: ReadableStream<Uint8Array> };
  for (let before = -1; before !== done || done === 0;) {
    before = done;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert(done < 50_000_000, `${done} bytes were read from the file`);
  const stopped = done;
  // It goes on as soon as somebody reads.
  const reader = readable.getReader();
  let got = 0;
  while (got < 100_000_000) got += (await reader.read()).value!.length;
  assert(done > stopped);
  ws.terminate();
  assertMatch(await told.promise, /^Not sent: /);
});

/** A server that does what it should not. */
function badServer(
  handler: (ws: WebSocketConnection) => Promise<unknown>,
): Promise<WebSocketServer> {
  return serveWebSocket({
    hostname: "127.0.0.1",
    protocols: {
      [PROTOCOL]: async (ws) => {
        await ws.receive();
        await handler(ws);
        await ws.close();
      },
    },
  });
}

Deno.test("WebSocket stream: bad names, wrong sizes and hashes are refused, and leave nothing behind", async () => {
  const file = new Uint8Array(1000);
  const offer = (name: string, size: unknown = 1000) => JSON.stringify({ name, size });
  const cases: [string, (ws: WebSocketConnection) => Promise<unknown>][] = [
    ["no plain name", (ws) => ws.send(offer("../evil"))],
    ["no plain name", (ws) => ws.send(offer(".profile"))],
    ["talks something else", (ws) => ws.send(`"${"x".repeat(100_000)}"`)],
    ["hung up", (ws) => ws.close()],
    ["does not tell the size", (ws) => ws.send(offer("a", "1"))],
    ["talks something else", (ws) => ws.send(file)],
    ["talks something else", async (ws) => {
      await ws.send(offer("a"));
      await ws.send("text");
    }],
    ["more came", async (ws) => {
      await ws.send(offer("a", 999));
      await ws.send(file);
    }],
    ["less came", async (ws) => {
      await ws.send(offer("a", 1001));
      await ws.send(file);
    }],
    ["SHA-256 differs", async (ws) => {
      await ws.send(offer("a"));
      await ws.send(file);
      await ws.send('{"sha256":"0"}');
    }],
    ["without closing", async (ws) => {
      await ws.send(offer("a"));
      await ws.send((async function* () {
        yield file.subarray(0, 500);
        await Promise.resolve();
        ws.terminate();
        yield file;
      })()).catch(() => {});
    }],
  ];
  for (const [reason, handler] of cases) {
    await using to = await tempFolder();
    await using server = await badServer(handler);
    await assertRejects(
      () => fetchFile(`ws://127.0.0.1:${server.port}/`, to.path),
      Error,
      reason,
    );
    assertEquals(await names(to.path), [], reason);
  }
});

Deno.test("WebSocket stream: Ctrl-C leaves no half file", {
  // On Windows no process can send Ctrl-C to another one.
  ignore: Deno.build.os === "windows",
}, async () => {
  await using to = await tempFolder();
  const over = Promise.withResolvers<void>();
  const server = await serveWebSocket({
    hostname: "127.0.0.1",
    protocols: {
      [PROTOCOL]: async (ws) => {
        await ws.receive();
        await ws.send(JSON.stringify({ name: "a", size: 1000 }));
        await ws.send((async function* () {
          yield new Uint8Array(500);
          await over.promise;
        })()).catch(() => {});
      },
    },
  });
  await using client = await spawnPeer(
    Deno.execPath(),
    command("get", `ws://127.0.0.1:${server.port}/`),
    { cwd: to.path },
  );
  const late = setTimeout(() => client.kill("SIGKILL"), 20_000);
  while ((await names(to.path)).length === 0) await new Promise((go) => setTimeout(go, 5));
  client.kill("SIGINT");
  const { code } = await client.status;
  clearTimeout(late);
  over.resolve();
  await server.close();
  assertEquals([code, client.stderr], [1, "Cannot receive: it was interrupted\n"]);
  assertEquals(await names(to.path), []);
});

Deno.test("WebSocket stream: what is wrong is told in one line", async () => {
  await using folder = await tempFolder();
  const cases: [string[], string][] = [
    [["serve", "missing"], "missing"],
    [["serve", "."], "is not a file"],
    [["get", "ws://127.0.0.1:1/"], "Cannot receive: "],
    [["get", "--port=1"], "ECONNREFUSED"],
    [["get", "ftp://127.0.0.1/"], "ws: or wss:"],
  ];
  for (const [args, text] of cases) {
    const { code, stderr } = await runPeer(Deno.execPath(), command(...args), { cwd: folder.path });
    assertEquals(code, 1);
    assertStringIncludes(stderr, text);
    assertEquals(stderr.trim().split("\n").length, 1, stderr);
  }
});
