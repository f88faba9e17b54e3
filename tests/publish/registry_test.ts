/** The package as its users get it: from a registry, in an empty folder. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { serveRegistry, unfurl } from "../../tools/local_registry.ts";
import { SocketIoServer } from "../../socketio/server.ts";
import { readBlocks } from "../../tools/examples.ts";
import { BROWSER_TEST, openBrowser } from "../_support/browser.ts";
import { peerTest, runPeer, tempFolder } from "../_support/peers.ts";

/** A folder with nothing in it, and a `deno` that gets the package from the local registry. */
async function user(): Promise<
  {
    path: string;
    missing: string[];
    deno(...args: string[]): Promise<string>;
    write(name: string, text: string): Promise<void>;
  } & AsyncDisposable
> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const missing: string[] = [];
  const registry = await serveRegistry(0, (path) => missing.push(path));
  stack.defer(() => registry.shutdown());
  const env = {
    JSR_URL: `http://127.0.0.1:${registry.addr.port}/`,
    DENO_DIR: `${folder.path}/.cache`,
    NO_COLOR: "1",
  };
  const owned = stack.move();
  return {
    path: folder.path,
    missing,
    async deno(...args): Promise<string> {
      const options = { cwd: folder.path, env, timeout: 120_000 };
      const { code, stdout, stderr } = await runPeer(Deno.execPath(), args, options);
      if (code !== 0) {
        throw new Error(`deno ${args.join(" ")} ended with ${code}:\n${stderr}\n${stdout}`);
      }
      return stdout;
    },
    write: (name, text) => Deno.writeTextFile(`${folder.path}/${name}`, text),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

Deno.test("unfurl puts the specifiers behind the names of the import map", () => {
  const imports = { "@std/bytes": "jsr:@std/bytes@^1.0.6" };
  assertEquals(
    unfurl('import { concat } from "@std/bytes";\nexport * from "./x.ts";\n', imports),
    'import { concat } from "jsr:@std/bytes@^1.0.6";\nexport * from "./x.ts";\n',
  );
});

const PROGRAMS: Record<string, string> = {
  buffer: `
    import { ByteBuffer } from "jsr:@sluice/sockets/buffer";
    const buffer = new ByteBuffer();
    buffer.writeString("héllo");
    console.log(buffer.readString());`,
  net: `
    import { connect, createServer } from "jsr:@sluice/sockets/net";
    const server = await createServer((socket) => { socket.pipe(socket); }).listen(0, "127.0.0.1");
    const socket = connect(server.port, "127.0.0.1").setEncoding("utf8");
    socket.end("héllo");
    for await (const text of socket) console.log(text);
    await server.close();`,
  websocket: `
    import { connectWebSocket, serveWebSocket } from "jsr:@sluice/sockets/websocket";
    const server = await serveWebSocket({
      hostname: "127.0.0.1",
      default: async (ws) => { for await (const message of ws) await ws.send(message); },
    });
    const ws = await connectWebSocket(\`ws://127.0.0.1:\${server.port}/\`);
    await ws.send("héllo");
    console.log((await ws.receive()).data);
    await ws.close();
    await server.close();`,
  socket: `
    import { SocketBook } from "jsr:@sluice/sockets/socket";
    await using book = new SocketBook({ throws: true });
    await book.create("SERVER", 0, { address: "127.0.0.1" });
    await book.connect("CLIENT", book.localPort("SERVER"), "127.0.0.1");
    await book.write("CLIENT", "héllo");
    console.log(await book.read("SERVER"));`,
};

for (const [module, program] of Object.entries(PROGRAMS)) {
  Deno.test(`the published package: a program with ${module} type-checks and runs`, async () => {
    await using me = await user();
    await me.write("main.ts", program);
    assertEquals(await me.deno("run", "--check", "--allow-net=127.0.0.1", "main.ts"), "héllo\n");
    assertEquals(me.missing, []);
  });
}

const STRICT = `{ "compilerOptions": {
  "exactOptionalPropertyTypes": true, "noUncheckedIndexedAccess": true, "verbatimModuleSyntax": true
} }`;

Deno.test("the published package: node's sockets and requests fit in the strictest project, too", async () => {
  await using me = await user();
  await me.write("deno.json", STRICT);
  await me.write(
    "main.ts",
    `import { connect as connectNode } from "node:net";
     import { connect as connectTls } from "node:tls";
     import { NodeTransport, Socket, TransportDuplex } from "jsr:@sluice/sockets/net";
     import type { ListenOptions, Transport } from "jsr:@sluice/sockets/net";
     import type { EngineRequest } from "jsr:@sluice/sockets/socketio";
     import type { IncomingMessage } from "node:http";
     const any: ListenOptions = { port: undefined };
     export const request = (message: IncomingMessage): EngineRequest => message;
     export const make = (transport: Transport): NodeTransport[] => [
       new NodeTransport(connectNode(1)),
       new NodeTransport(connectTls(1)),
       new NodeTransport(new Socket()),
       new NodeTransport(new TransportDuplex(transport)),
     ];
     console.log(typeof make, any);`,
  );
  await me.deno("check", "main.ts");
});

Deno.test("the published package: deno add, and the whole package in one import", async () => {
  await using me = await user();
  await me.write("deno.json", "{}");
  await me.deno("add", "jsr:@sluice/sockets");
  const { imports } = JSON.parse(await Deno.readTextFile(`${me.path}/deno.json`));
  assertMatch(imports["@sluice/sockets"], /^jsr:@sluice\/sockets@\^\d+\.\d+\.\d+$/);
  await me.write(
    "main.ts",
    `import * as all from "@sluice/sockets";
     import { pair } from "@sluice/sockets/net";
     console.log(all.pair === pair, typeof all.serveWebSocket, typeof all.ByteBuffer);`,
  );
  assertEquals(await me.deno("run", "--check", "main.ts"), "true function function\n");
});

peerTest(
  "the published package: buffer, bundled for a browser, works in Chromium",
  BROWSER_TEST,
  async () => {
    await using me = await user();
    await me.write(
      "page.ts",
      `import { ByteBuffer } from "jsr:@sluice/sockets/buffer";
     const buffer = new ByteBuffer("utf16", "little");
     buffer.writeString("héllo");
     buffer.writeFloat16(1.5);
     document.title = buffer.readString() + " " + buffer.readFloat16();`,
    );
    await me.deno("bundle", "--platform", "browser", "-o", "page.js", "page.ts");
    const script = await Deno.readTextFile(`${me.path}/page.js`);
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      ({ url }) =>
        url.endsWith(".js")
          ? new Response(script, { headers: { "content-type": "text/javascript" } })
          : new Response('<!doctype html><script type="module" src="page.js"></script>', {
            headers: { "content-type": "text/html" },
          }),
    );
    await using browser = await openBrowser();
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    await page.goto(`http://127.0.0.1:${server.addr.port}/`);
    await page.waitForFunction("document.title !== ''");
    assertEquals([await page.title(), faults], ["héllo 1.5", []]);
  },
);

const CHAT_PAGE = `
import { connectSocketIo } from "jsr:@sluice/sockets/socketio/client";
const results: string[] = [];
for (const transport of ["polling", "websocket"] as const) {
  const socket = connectSocketIo(location.origin, { transports: [transport] });
  const said = new Promise<string>((resolve) => socket.on("said", resolve));
  const bytes = new Uint8Array([1, 2, 3]);
  const sum: number = await socket.timeout(10_000).emitWithAck("say", transport + ": héllo", bytes);
  results.push(await said, String(sum), socket.io.transport ?? "none");
  socket.disconnect();
}
document.title = results.join(", ");`;

peerTest(
  "the published package: the Socket.IO client, bundled for a browser, chats in Chromium over polling and WebSocket",
  BROWSER_TEST,
  async () => {
    await using me = await user();
    await me.write(
      "deno.json",
      '{ "compilerOptions": { "lib": ["dom", "dom.iterable", "esnext"] } }',
    );
    await me.write("page.ts", CHAT_PAGE);
    await me.deno("check", "page.ts");
    await me.deno("bundle", "--platform", "browser", "--minify", "-o", "page.js", "page.ts");
    const script = await Deno.readTextFile(`${me.path}/page.js`);
    assertEquals(
      script.match(/\bDeno\.(?!customInspect")|node:/g),
      null,
      "the client needs a browser and nothing else",
    );
    const io = new SocketIoServer();
    io.on("connection", (socket) => {
      socket.on("say", (text: string, bytes: Uint8Array, done: (sum: number) => void) => {
        io.emit("said", text);
        done(bytes.reduce((sum, byte) => sum + byte, 0));
      });
    });
    const { port } = await io.listen({
      hostname: "127.0.0.1",
      port: 0,
      handler: ({ url }) =>
        url.endsWith(".js")
          ? new Response(script, { headers: { "content-type": "text/javascript" } })
          : new Response('<!doctype html><script type="module" src="page.js"></script>', {
            headers: { "content-type": "text/html" },
          }),
    });
    try {
      await using browser = await openBrowser();
      const page = await browser.newPage();
      const faults: string[] = [];
      page.on("pageerror", (error) => faults.push(String(error)));
      await page.goto(`http://127.0.0.1:${port}/`);
      await page.waitForFunction("document.title !== ''");
      assertEquals([await page.title(), faults], [
        "polling: héllo, 6, polling, websocket: héllo, 6, websocket",
        [],
      ]);
    } finally {
      await io.close();
    }
  },
);

Deno.test("the published package: the README's programs type-check and run", async () => {
  await using me = await user();
  const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  const programs = readBlocks(readme).run;
  assert(programs.length >= 7, `the README has ${programs.length} programs`);
  await me.write("deno.json", "{}");
  await me.deno("add", "jsr:@sluice/sockets", "jsr:@std/assert");
  for (const [i, program] of programs.entries()) await me.write(`program_${i}.ts`, program);
  await me.deno("check", ...programs.keys().map((i) => `program_${i}.ts`));
  for (const i of programs.keys()) {
    assertEquals(
      await me.deno("run", "--no-prompt", "--allow-net=127.0.0.1", `program_${i}.ts`),
      "",
    );
  }
  assertEquals(me.missing, []);
});

/** `deno compile` fetches its base from a server of its own; in a closed network DENORT_BIN can name one. */
const DENORT = {
  name: "the base binary of deno compile",
  found: (env: Record<string, string>): boolean =>
    env.DENORT_BIN !== undefined || env.GITHUB_ACTIONS === "true",
  optional: true,
};

peerTest("the published package: deno compile makes a program of the chat", {
  needs: [DENORT],
}, async () => {
  await using folder = await tempFolder();
  const chat = fileURLToPath(new URL("../../examples/chat_tcp.ts", import.meta.url));
  const output = `${folder.path}/chat${Deno.build.os === "windows" ? ".exe" : ""}`;
  const built = await runPeer(
    Deno.execPath(),
    ["compile", "--allow-net", "-o", output, chat],
    { timeout: 180_000 },
  );
  assertEquals(built.code, 0, built.stderr);
  const help = await runPeer(output, ["--help"], { timeout: 20_000 });
  assertMatch(help.stdout + help.stderr, /--port/);
});
