/**
 * The tables of docs/permissions.md hold: what each kind of program needs, no more and no less, and each example runs with the command that stands there.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import {
  freePort,
  type Peer,
  type PeerResult,
  peerTest,
  runPeer,
  spawnPeer,
  tempFolder,
} from "../_support/peers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = await Deno.readTextFile(`${root}/docs/permissions.md`);
const info = new Deno.Command(Deno.execPath(), { args: ["info", "--json"], cwd: root });
const { npmCache } = JSON.parse(new TextDecoder().decode((await info.output()).stdout));

/** What Deno says when a permission is missing, and what this package makes of it. */
const DENIED = /NotCapable|Requires \w+ access|needs --allow/;

/** The cells of all rows of the table below a heading. */
function rows(heading: string): string[][] {
  const section = page.split(`\n## ${heading}\n`)[1].split("\n## ")[0];
  const lines = section.split("\n").filter((line) => line.startsWith("| "));
  return lines.slice(2).map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

/** The words of a command, with the npm cache of this machine. */
function wordsOf(command: string): string[] {
  const text = command.replace(/^`|`$/g, "");
  return text.split(" ").map((word) => word.replaceAll("$HOME/.cache/deno/npm", npmCache));
}

/** Arguments of `deno` for a script of the tree, from any folder. */
function denoArguments(
  flags: readonly string[],
  script: string,
  rest: readonly string[],
): string[] {
  const config = `--config=${root}/deno.json`;
  return ["run", "--quiet", "--no-prompt", "--no-check", config, ...flags, script, ...rest];
}

// The first table: a program for each row. It prints "done".

const ECHO = `
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const { port } = listener.addr;
const over = listener.accept().then((conn) => { conn.close(); listener.close(); });`;

/** Something to connect to: a program with one flag for a name can't listen itself. */
const PROGRAMS: Record<string, string> = {
  "imports a module; works in memory": `
import * as all from "@sluice/sockets";
const [a, b] = all.pair();
const client = new all.WebSocketConnection(a, { role: "client" });
const server = new all.WebSocketConnection(b, { role: "server" });
await client.send("hello");
await server.receive();
await Promise.all([client.close(), server.close()]);`,
  "listens on an address": `
import { createServer } from "@sluice/sockets/net";
const server = await createServer().listen(0, "127.0.0.1");
await server.close();`,
  "connects to an address": `
import { connect } from "@sluice/sockets/net";
const socket = connect(Number(Deno.args[0]), "127.0.0.1");
await socket.opened;
socket.destroy();`,
  "connects to a name": `
import { connect } from "@sluice/sockets/net";
const socket = connect(Number(Deno.args[0]), "localhost");
await socket.opened;
socket.destroy();`,
  "connects to a name with `policy`, `lookup`, `family`, `autoSelectFamily: false`, `localAddress`, `localPort`, or a delay for keep-alive":
    `
import { connect, dial } from "@sluice/sockets/net";
const target = { hostname: "localhost", port: Number(Deno.args[0]) };
const options = [{ family: 4 }, { policy: { allow: ["loopback"] }, family: 4 }, { localAddress: "127.0.0.1" }] as const;
for (const each of options) (await dial(target, each)).close();
const socket = connect({ host: "localhost", port: target.port, autoSelectFamily: false });
await socket.opened;
socket.destroy();`,
  "connects through a proxy": `${ECHO}
import { createSocks5Server, dial } from "@sluice/sockets/net";
const proxy = createSocks5Server();
const url = \`socks5://127.0.0.1:\${proxy.listen().port}\`;
(await dial({ hostname: "127.0.0.1", port }, { proxy: url })).close();
await over;
await proxy.close();`,
  "listens on or connects to a Unix socket file": `
import { connect, createServer } from "@sluice/sockets/net";
const server = await createServer((socket) => socket.end("bye")).listen(Deno.args[1]);
await Array.fromAsync(connect(Deno.args[1]));
await server.close();`,
  "sends and receives datagrams": `
import { createDatagramSocket } from "@sluice/sockets/net";
await using socket = await createDatagramSocket("udp4").bind(0, "127.0.0.1");
await socket.send("to myself", socket.address());
await socket.receive();`,
  "uses Bluetooth or infrared": `
import { listenBluetooth, NetError } from "@sluice/sockets/net";
try {
  listenBluetooth().close();
} catch (error) {
  if (!(error instanceof NetError) || error.code === "EPERM") throw error;
}`,
  "asks the environment for the proxy of a `wss:` URL (`proxyFromEnvironment`)": `
import { proxyFromEnvironment } from "@sluice/sockets/net";
proxyFromEnvironment("wss://example.org");`,
  "serves WebSockets, with compression and plain HTTP": `
import { connectWebSocket, serveWebSocket } from "@sluice/sockets/websocket";
const server = await serveWebSocket({
  hostname: "127.0.0.1",
  perMessageDeflate: true,
  default: (ws) => void ws.send("x".repeat(1000)),
  handler: () => new Response("a page"),
});
const ws = await connectWebSocket(\`ws://127.0.0.1:\${server.port}\`, { perMessageDeflate: true });
await ws.receive();
await (await fetch(\`http://127.0.0.1:\${server.port}\`)).text();
await server.close();`,
  "speaks TLS, on either side": `
import { connectTls, createSecureServer } from "@sluice/sockets/net";
import { generateCertificate } from "@sluice/sockets/trace";
const { cert, key } = await generateCertificate();
const server = createSecureServer({ cert, key }, (socket) => socket.end("bye"));
await server.listen(0, "127.0.0.1");
await Array.fromAsync(connectTls({ host: "127.0.0.1", port: server.port, ca: cert }));
await server.close();`,
  "serves Socket.IO": `
import { connectSocketIo, SocketIoServer } from "@sluice/sockets/socketio";
const io = new SocketIoServer();
const { port } = await io.listen({ hostname: "127.0.0.1" });
for (const transports of [["polling"], ["websocket"]] as const) {
  const socket = connectSocketIo(\`http://127.0.0.1:\${port}\`, { transports });
  await new Promise<void>((resolve) => void socket.once("connect", resolve));
  await socket.close();
}
await io.close();`,
  "serves Socket.IO's script for browsers, too": `
import { SocketIoServer } from "@sluice/sockets/socketio";
const io = new SocketIoServer();
const { port } = await io.listen({ hostname: "127.0.0.1" });
const response = await fetch(\`http://127.0.0.1:\${port}/socket.io/socket.io.min.js\`);
await response.text();
await io.close();
if (!response.ok) throw new Error("no script");`,
  "traces, and writes what passes into a file": `${ECHO}
import { createRecordSink, createTracer } from "@sluice/sockets/trace";
const sink = await createRecordSink("talk.trace", { transport: "tcp", server: "here", masked: true });
const tracer = await createTracer({ listen: { port: 0 }, to: { port }, sinks: [sink] }).start();
(await Deno.connect({ hostname: "127.0.0.1", port: tracer.port })).close();
await over;
await tracer.stop();`,
};

Deno.test("permissions page: the first table has a program for each row", () => {
  assertEquals(rows("Modules").map(([what]) => what), Object.keys(PROGRAMS));
});

for (const [what, cell] of rows("Modules")) {
  const words = cell === "none" ? [] : wordsOf(cell);
  const { os } = Deno.build;
  const ignore = what.includes("Unix socket")
    ? os === "windows"
    : what.includes("Bluetooth") && os !== "linux";
  Deno.test({
    name: `permissions page: what ${what.replaceAll("`", "")} needs ${cell.replaceAll("`", "")}`,
    ignore,
    async fn() {
      await using folder = await tempFolder();
      await using stack = new AsyncDisposableStack();
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      stack.defer(() => listener.close());
      const accepting = (async () => {
        for await (const conn of listener) conn.close();
      })();
      const script = `${folder.path}/main.ts`;
      await Deno.writeTextFile(script, `${PROGRAMS[what]}\nconsole.log("done");\n`);
      const path = `${folder.path}/app.sock`;
      const flags = words.map((word) => word.replace("/run/app.sock", path));
      const run = (given: readonly string[]): Promise<PeerResult> =>
        runPeer(
          Deno.execPath(),
          denoArguments(given, script, [String(listener.addr.port), path]),
          { cwd: folder.path },
        );
      const outcome = await run(flags);
      assertEquals([outcome.stdout, outcome.code], ["done\n", 0], outcome.stderr);
      const without = await Promise.all(
        flags.map((flag) => run(flags.filter((other) => other !== flag))),
      );
      for (const [i, { code, stderr }] of without.entries()) {
        assert(code !== 0, `it runs without ${flags[i]}, too`);
        assertMatch(stderr, DENIED, `without ${flags[i]}`);
      }
      listener.close();
      stack.move();
      await accepting;
    },
  });
}

// The second table.

interface Command {
  flags: string[];
  script: string;
  rest: string[];
}

const COMMANDS = new Map<string, Command>();
for (const [example, command] of rows("Examples")) {
  const [, , ...words] = wordsOf(command);
  const at = words.findIndex((word) => word.startsWith("examples/"));
  const role = /,\s*(\w+)$/.exec(example)?.[1];
  const name = `${words[at].replace(/^examples\/|(\/main)?\.ts$/g, "")}${role ? ` ${role}` : ""}`;
  COMMANDS.set(name, {
    flags: words.slice(0, at),
    script: `${root}/${words[at]}`,
    rest: words.slice(at + 1),
  });
}

/** An example as it is run by the page, with further arguments in place of its usual port and file. */
function start(
  name: string,
  folder: string,
  more: readonly string[],
  ready: RegExp,
): Promise<Peer> {
  return spawnPeer(Deno.execPath(), argumentsOf(name, more), {
    cwd: folder,
    stdin: true,
    ready,
    stopSignal: "SIGINT",
    timeout: 60_000,
  });
}

function argumentsOf(name: string, more: readonly string[]): string[] {
  const { flags, script, rest } = COMMANDS.get(name)!;
  const filled = (word: string): string => word.replace("FILE", "letter.ps");
  return denoArguments(flags.map(filled), script, [...rest.map(filled), ...more]);
}

async function run(name: string, folder: string, more: readonly string[]): Promise<PeerResult> {
  const result = await runPeer(Deno.execPath(), argumentsOf(name, more), { cwd: folder });
  assert(!DENIED.test(result.stdout + result.stderr), result.stderr);
  return result;
}

/** An empty folder but for `letter.ps`. */
async function withLetter(): Promise<Awaited<ReturnType<typeof tempFolder>>> {
  const folder = await tempFolder();
  await Deno.writeTextFile(`${folder.path}/letter.ps`, "%!PS\nshowpage\n");
  return folder;
}

/** What a server of a page gives, and the script of Socket.IO beside it. */
async function visit(url: string, script: boolean): Promise<void> {
  const response = await fetch(url);
  assertEquals(response.status, 200);
  assertMatch(await response.text(), /^<!doctype html>/i);
  if (!script) return;
  const answer = await fetch(new URL("/socket.io/socket.io.min.js", url));
  assertStringIncludes(await answer.text(), "Socket.IO");
  assertEquals(answer.status, 200);
}

function smoke(name: string, fn: (folder: string) => Promise<void>): void {
  Deno.test(`permissions page: ${name} runs with the flags that stand there`, async () => {
    await using folder = await withLetter();
    await fn(folder.path);
  });
}

function finish(peer: Peer): void {
  assert(!DENIED.test(peer.output), peer.output);
}

const SMOKED = new Set<string>();
function smokes(...names: string[]): string {
  for (const name of names) SMOKED.add(name);
  return names.join(", ");
}

smoke(smokes("websocket_chat"), async (folder) => {
  await using chat = await start(
    "websocket_chat",
    folder,
    ["--port=0", "--web-port=0"],
    /http:\S+/,
  );
  await visit(/http:\/\/[^\s]+/.exec(chat.output)![0], false);
  finish(chat);
});

smoke(smokes("chat_tcp"), async (folder) => {
  await using chat = await start("chat_tcp", folder, ["--port=0"], /open.* on 127\.0\.0\.1:(\d+)/);
  const [, port] = await chat.waitFor(/127\.0\.0\.1:(\d+)/);
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  const bytes = new Uint8Array(64);
  const n = await conn.read(bytes);
  assertMatch(new TextDecoder().decode(bytes.subarray(0, n!)), /^Welcome/);
  finish(chat);
});

for (const name of ["echo", "websocket_echo"]) {
  smoke(smokes(`${name} server`, `${name} client`), async (folder) => {
    await using server = await start(`${name} server`, folder, ["--port=0"], /Ctrl-C/);
    const [, port] = await server.waitFor(/127\.0\.0\.1:(\d+)/);
    const more = name === "echo" ? [`--port=${port}`] : [`--url=ws://127.0.0.1:${port}/`];
    const { code, stdout } = await run(`${name} client`, folder, more);
    assertEquals([code, stdout.split(/\s+/).slice(0, 2)], [0, ["hello", "there"]]);
    finish(server);
  });
}

smoke(smokes("file_transfer receiver", "file_transfer sender"), async (folder) => {
  await using target = await tempFolder();
  const ready = /Waiting for a file on 127\.0\.0\.1:(\d+)/;
  await using receiver = await start("file_transfer receiver", target.path, ["--port=0"], ready);
  const [, port] = await receiver.waitFor(ready);
  const { code, stderr } = await run("file_transfer sender", folder, [`--port=${port}`]);
  assertEquals(code, 0, stderr);
  assertEquals((await Deno.stat(`${target.path}/letter.ps`)).size, 14);
  finish(receiver);
});

smoke(smokes("websocket_stream server", "websocket_stream client"), async (folder) => {
  await using target = await tempFolder();
  const ready = /(ws:\/\/127\.0\.0\.1:\d+\/)/;
  await using server = await start("websocket_stream server", folder, ["--port=0"], ready);
  const [, url] = await server.waitFor(ready);
  const { code, stderr } = await run("websocket_stream client", target.path, [url]);
  assertEquals(code, 0, stderr);
  assertEquals((await Deno.stat(`${target.path}/letter.ps`)).size, 14);
  finish(server);
});

for (const name of ["socketio_chat", "socketio_express", "socketio_hono"]) {
  smoke(smokes(name), async (folder) => {
    await using server = await start(name, folder, ["--port=0"], /http:\S+\//);
    await visit(/http:\S+\//.exec(server.output)![0], true);
    finish(server);
  });
}

peerTest(
  `permissions page: ${smokes("socketio_cluster")} runs with the flags that stand there`,
  { needs: ["redis-server"] },
  async () => {
    await using folder = await withLetter();
    const port = freePort();
    await using _database = await spawnPeer("redis-server", [
      ...["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
    ], { cwd: folder.path, ready: port });
    const more = ["--port=0", `--redis=redis://127.0.0.1:${port}`];
    await using server = await start("socketio_cluster", folder.path, more, /http:\S+\//);
    const url = /http:\S+\//.exec(server.output)![0];
    const script = await fetch(new URL("/socket.io/socket.io.min.js", url));
    assertStringIncludes(await script.text(), "Socket.IO");
    finish(server);
  },
);

smoke(smokes("lua_websockets"), async (folder) => {
  await using server = await start("lua_websockets", folder, ["--port=0"], /ws:\S+/);
  const url = /ws:\/\/127\.0\.0\.1:\d+\//.exec(server.output)![0];
  const ws = new WebSocket(url, "dumb-increment-protocol");
  assertMatch(
    await new Promise<string>((resolve) => ws.onmessage = ({ data }) => resolve(data)),
    /^\d+/,
  );
  const closed = new Promise((resolve) => ws.onclose = resolve);
  ws.close();
  await closed;
  finish(server);
});

smoke(smokes("socket_hello"), async (folder) => {
  await using server = await start("echo server", folder, ["--port=0"], /Ctrl-C/);
  const [, port] = await server.waitFor(/127\.0\.0\.1:(\d+)/);
  const args = argumentsOf("socket_hello", []).map((word) => word === "8007" ? port : word);
  const { code, stdout, stderr } = await runPeer(Deno.execPath(), args, { cwd: folder });
  assertEquals(code, 0, stderr);
  assertStringIncludes(stdout, "Got: hello");
});

smoke(smokes("wlangage_client_server server", "wlangage_client_server client"), async (folder) => {
  const ready = /port (\d+)/;
  const name = "wlangage_client_server";
  await using server = await start(`${name} server`, folder, ["--port=0"], ready);
  const [, port] = await server.waitFor(ready);
  const { code, stdout } = await run(`${name} client`, folder, [`--port=${port}`]);
  assertEquals(code, 0);
  assertMatch(stdout, /\S/);
  finish(server);
});

smoke(smokes("bluetooth_chat"), async (folder) => {
  const { code, stderr } = await run("bluetooth_chat", folder, []);
  // With an adapter it finds what is there; without one it says so.
  if (code !== 0) assertMatch(stderr, /EAFNOSUPPORT|EADDRNOTAVAIL|EIO|ETIMEDOUT|Bluetooth/);
});

smoke(smokes("chat_server server", "chat_server client"), async (folder) => {
  const args = ["--port=0", "--web=0"];
  await using server = await start("chat_server server", folder, args, /\/who shows/);
  await visit(/http:\S+\//.exec(server.output)![0], false);
  const [, port] = await server.waitFor(/port (\d+)/);
  const more = [`--port=${port}`, "--name=Ada"];
  await using client = await start("chat_server client", folder, more, /Ada on the server/);
  finish(server);
  finish(client);
});

smoke(smokes("messenger"), async (folder) => {
  const ports = { web: 0, presence: freePort(), requests: freePort(), discovery: freePort() };
  const more = Object.entries(ports).map(([key, port]) => `--${key}=${port}`);
  await using messenger = await start("messenger", folder, more, /http:\S+\//);
  await visit(/http:\S+\//.exec(messenger.output)![0], false);
  finish(messenger);
});

smoke(smokes("send_fax"), async (folder) => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const answering = (async () => {
    using conn = await listener.accept();
    await conn.write(new TextEncoder().encode("421 No fax today.\r\n"));
    await conn.closeWrite();
  })();
  const { code, stderr } = await run("send_fax", folder, [
    `--server=localhost:${listener.addr.port}`,
  ]);
  assertEquals(code, 1);
  assertMatch(stderr, /421/);
  await answering;
  listener.close();
});

Deno.test("permissions page: the second table has all examples, and each of its commands was run", async () => {
  assertEquals([...COMMANDS.keys()].toSorted(), [...SMOKED].toSorted());
  const scripts = new Set([...COMMANDS.values()].map(({ script }) => script));
  for await (const { name, isFile, isDirectory } of Deno.readDir(`${root}/examples`)) {
    if (name.startsWith("_") || !(isDirectory || name.endsWith(".ts"))) continue;
    const script = `${root}/examples/${isFile ? name : `${name}/main.ts`}`;
    const there = await Deno.stat(script).then(() => true, () => false);
    assert(!there || scripts.has(script), `docs/permissions.md does not have ${name}`);
  }
});

Deno.test("permissions page: the examples' own pages give the same flags", async () => {
  const index = await Deno.readTextFile(`${root}/examples/README.md`);
  const commands = rows("Examples").map(([, command]) => command.replace(/^`|`$/g, ""));
  for (const [, command] of index.matchAll(/^\|.*\| `(deno run [^`]+)` \|$/gm)) {
    const [flags, script] = /^deno run (.*?) ?(examples\/\S+)/.exec(command)!.slice(1);
    const known = commands.some((other) =>
      other.startsWith(`deno run ${flags} ${script}`.replace("  ", " "))
    );
    assert(known, `examples/README.md: ${command}`);
  }
});
