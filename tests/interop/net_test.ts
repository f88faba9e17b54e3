/** Sockets and servers against the real Node, socat and the system's own view of a connection. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import { createServer as createNodeServer } from "node:net";
import { connect, createServer, NetError, type Server, type Socket } from "../../net/mod.ts";
import * as net from "../../net/mod.ts";
import { freePort, peerTest, runPeer, spawnPeer, tempFolder } from "../_support/peers.ts";
import { runScenarios, scenarios } from "./net_scenarios.mjs";

const LOOPBACK = "127.0.0.1";
const scenariosUrl = new URL("./net_scenarios.mjs", import.meta.url).href;

const sha256 = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");
const closed = (socket: Socket): Promise<void> =>
  new Promise((r) => socket.once("close", () => r()));

/** Bytes that look random, the same in each run. */
function noise(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let x = 1;
  for (let i = 0; i < size; i++) {
    x = Math.imul(x, 1_103_515_245) + 12_345 | 0;
    bytes[i] = x >>> 16;
  }
  return bytes;
}

async function readAll(socket: Socket): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of socket) chunks.push(chunk as Uint8Array);
  return new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

/** Runs a program under Node with `net`, and what is passed to it as `args`. */
const node = (code: string, ...args: (string | number)[]): string[] => [
  "--input-type=module",
  "-e",
  `import net from "node:net"; const args = process.argv.slice(1); ${code}`,
  "--",
  ...args.map(String),
];

/** Starts a server under Node: `code` is its listener for `socket`, `options` those of `createServer`. */
function nodeServer(code: string, options = "{}"): ReturnType<typeof spawnPeer> {
  const program = `const server = net.createServer(${options}, (socket) => { ${code} });
    server.listen(0, "127.0.0.1", () => console.log("port " + server.address().port + "."));`;
  return spawnPeer("node", node(program), { ready: /port \d+\./ });
}

const portOf = (peer: { stdout: string }): number => Number(/port (\d+)\./.exec(peer.stdout)![1]);

// ---- the same steps under Node and here

const runner = `
  import net from "node:net";
  import { runScenarios } from ${JSON.stringify(scenariosUrl)};
  const resetter = () => new Promise((resolve) => {
    const server = net.createServer((socket) => socket.on("error", () => {}).resetAndDestroy());
    server.listen(0, "127.0.0.1", () => resolve({
      port: server.address().port,
      close: () => new Promise((done) => server.close(done)),
    }));
  });
  const [, path, names] = process.argv;
  console.log(JSON.stringify(await runScenarios(net, { path, resetter }, JSON.parse(names))));
  process.exit(0);`;

/** A server that resets every connection: by node:net, since nothing of Deno's own can. */
function resetter(): Promise<{ port: number; close(): Promise<void> }> {
  return new Promise((resolve) => {
    const server = createNodeServer((socket) => socket.on("error", () => {}).resetAndDestroy());
    server.listen(0, LOOPBACK, () =>
      resolve({
        port: (server.address() as { port: number }).port,
        close: () => new Promise((done) => server.close(() => done())),
      }));
  });
}

peerTest(
  "sockets and servers go through the same steps as Node's",
  { needs: ["node"] },
  async (t) => {
    await using folder = await tempFolder();
    // Neither Deno nor Node has socket files on Windows.
    const names = Object.keys(scenarios).filter((name) =>
      Deno.build.os !== "windows" || !name.includes("socket file")
    );
    const { code, stdout, stderr } = await runPeer("node", [
      "--input-type=module",
      "-e",
      runner,
      "--",
      `${folder.path}/node.sock`,
      JSON.stringify(names),
    ]);
    assertEquals(code, 0, stderr);
    const expected = JSON.parse(stdout) as Record<string, string[]>;
    for (const name of names) {
      await t.step(name, async () => {
        const path = `${folder.path}/ours.sock`;
        const found = await runScenarios(net, { path, resetter }, [name]);
        assert(expected[name].length > 0, "Node recorded nothing");
        assertEquals((found as typeof expected)[name], expected[name]);
      });
    }
  },
);

// ---- our client, their server

peerTest(
  "client sends 8 MiB to Node's server and gets them back",
  { needs: ["node"] },
  async () => {
    await using peer = await nodeServer("socket.pipe(socket)");
    const data = noise(8 << 20);
    await using socket = connect(portOf(peer), LOOPBACK);
    for (let at = 0; at < data.length; at += 100_003) socket.write(data.subarray(at, at + 100_003));
    socket.end();
    assertEquals(sha256(await readAll(socket)), sha256(data));
  },
);

peerTest("client's streams carry 8 MiB through Node's server", { needs: ["node"] }, async () => {
  await using peer = await nodeServer("socket.pipe(socket)");
  const data = noise(8 << 20) as Uint8Array<ArrayBuffer>;
  const { readable, writable } = await connect(portOf(peer), LOOPBACK).opened;
  const sending = new Blob([data]).stream().pipeTo(writable);
  const got = await new Response(readable as ReadableStream<Uint8Array<ArrayBuffer>>).bytes();
  await sending;
  assertEquals(sha256(got), sha256(data));
});

peerTest(
  "client that ends at once loses nothing that Node's server sends",
  { needs: ["node"] },
  async () => {
    // What Deno's own node:net loses: end() in the connect callback, while the server is sending.
    await using peer = await nodeServer(
      "for (let i = 0; i < 16; i++) socket.write(Buffer.alloc(65536, i)); socket.end();",
    );
    const port = portOf(peer);
    const got = await Promise.all(Array.from({ length: 100 }, async () => {
      const socket: Socket = connect(port, LOOPBACK, () => socket.end());
      let size = 0;
      socket.on("data", (chunk) => size += chunk.length);
      await socket.closed;
      return size;
    }));
    assertEquals(got, Array(100).fill(16 * 65_536));
  },
);

peerTest("client hears Node's answer after its own end", { needs: ["node"] }, async () => {
  await using peer = await nodeServer(
    `let n = 0; socket.on("data", (c) => n += c.length);
     socket.on("end", () => setTimeout(() => socket.end("got " + n), 20));`,
    "{ allowHalfOpen: true }",
  );
  const socket = connect(portOf(peer), LOOPBACK).setEncoding("utf8");
  socket.end(new Uint8Array(100_000));
  assertEquals((await Array.fromAsync(socket)).join(""), "got 100000");
});

peerTest("client answers after the end of Node's server", { needs: ["node"] }, async () => {
  await using peer = await nodeServer(
    `socket.end("bye"); socket.on("data", (c) => console.log("answer " + c));`,
    "{ allowHalfOpen: true }",
  );
  const socket = connect({ port: portOf(peer), host: LOOPBACK, allowHalfOpen: true });
  socket.resume().once("end", () => socket.end("late"));
  await socket.closed;
  await peer.waitFor(/answer late/);
});

peerTest(
  "client hears of a reset by Node: while it reads, writes and waits",
  { needs: ["node"] },
  async () => {
    await using peer = await nodeServer(
      `socket.on("error", () => {}); socket.once("data", () => socket.resetAndDestroy());`,
    );
    const port = portOf(peer);
    for (
      const use of [
        (socket: Socket) => void socket.on("data", () => {}),
        (socket: Socket) => void socket.readable.getReader().read().catch(() => {}),
        (socket: Socket) => void Array.fromAsync(socket).catch(() => {}),
      ]
    ) {
      const socket = connect(port, LOOPBACK);
      use(socket);
      socket.write("now");
      assertEquals((await assertRejects(() => socket.closed, NetError)).code, "ECONNRESET");
    }
    const writer = connect(port, LOOPBACK);
    writer.on("connect", () => {
      const pump = (): void => {
        while (!writer.destroyed && writer.write(new Uint8Array(65_536)));
      };
      writer.on("drain", pump);
      pump();
    });
    const { code } = await assertRejects(() => writer.closed, NetError);
    assert(code === "ECONNRESET" || code === "EPIPE", code);
  },
);

// ---- their client, our server

/** Runs a Node client against our server; what it prints. */
async function nodeClient(server: Server, code: string): Promise<string> {
  const program = `const socket = net.connect(Number(args[0]), "127.0.0.1"); ${code}`;
  const { stdout, stderr, code: exit } = await runPeer("node", node(program, server.port));
  assertEquals([exit, stderr], [0, ""]);
  return stdout.trim();
}

const HASH_CLIENT = `
  import("node:crypto").then(({ createHash, randomBytes }) => {
    const data = randomBytes(8 << 20), hash = (d) => createHash("sha256").update(d).digest("hex");
    const chunks = [];
    socket.on("data", (c) => chunks.push(c));
    socket.on("close", (bad) => console.log(bad, hash(Buffer.concat(chunks)) === hash(data)));
    for (let at = 0; at < data.length; at += 70001) socket.write(data.subarray(at, at + 70001));
    socket.end();
  });`;

peerTest("server gives Node's client 8 MiB back: by pipe, by streams, by for await", {
  needs: ["node"],
}, async () => {
  for (
    const echo of [
      (socket: Socket) => void socket.pipe(socket),
      (socket: Socket) => void socket.readable.pipeTo(socket.writable),
      (socket: Socket) =>
        void socket.readable.pipeThrough(new TransformStream()).pipeTo(socket.writable),
      async (socket: Socket): Promise<void> => {
        for await (const chunk of socket) {
          if (!socket.write(chunk)) await new Promise<void>((r) => socket.once("drain", r));
        }
      },
    ]
  ) {
    const server = await createServer(echo).listen(0, LOOPBACK);
    assertEquals(await nodeClient(server, HASH_CLIENT), "false true");
    await server.close();
  }
});

peerTest("server answers Node's client after that has ended", { needs: ["node"] }, async () => {
  const server = await createServer({ allowHalfOpen: true }, (socket) => {
    let size = 0;
    socket.on("data", (chunk) => size += chunk.length);
    socket.on("end", () => setTimeout(() => socket.end(`got ${size}`), 20));
  }).listen(0, LOOPBACK);
  const said = await nodeClient(
    server,
    `socket.end(Buffer.alloc(100000)); socket.setEncoding("utf8").on("data", (text) => console.log(text));`,
  );
  assertEquals(said, "got 100000");
  await server.close();
});

peerTest(
  "server outlives Node's clients that reset, and serves the next",
  { needs: ["node"] },
  async () => {
    const errors: string[] = [];
    const server = await createServer((socket) => {
      socket.on("error", (error) => errors.push((error as NetError).code));
      socket.pipe(socket);
    }).listen(0, LOOPBACK);
    await nodeClient(
      server,
      `socket.write("x"); socket.once("data", () => socket.resetAndDestroy());`,
    );
    assertEquals(await nodeClient(server, HASH_CLIENT), "false true");
    assertEquals(errors, ["ECONNRESET"]);
    await server.close();
  },
);

peerTest("resetAndDestroy is a reset at Node's end, where the connection can have one", {
  needs: ["node"],
}, async () => {
  const keepAlive = { keepAlive: true, keepAliveInitialDelay: 10_000 };
  await using peer = await nodeServer(
    `socket.on("error", (e) => console.log("told " + e.code)); socket.resume();`,
  );
  const socket = connect({ port: portOf(peer), host: LOOPBACK, ...keepAlive });
  await socket.opened;
  socket.resetAndDestroy();
  await peer.waitFor(/told ECONNRESET/);
  await socket.closed;
  const server = await createServer(keepAlive, (accepted) => {
    accepted.once("data", () => accepted.resetAndDestroy());
  }).listen(0, LOOPBACK);
  const said = await nodeClient(
    server,
    `socket.on("error", (e) => console.log(e.code)); socket.write("now"); socket.resume();`,
  );
  assertEquals(said, "ECONNRESET");
  await server.close();
});

// ---- keep-alive, as the system sees it

/** The timer of a TCP connection from `local` to `remote`, as /proc/net/tcp has it: its kind and when it rings, in ms. */
function systemTimer(local: number, remote: number): { kind: number; ms: number } {
  const hex = (port: number): string => `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const line of Deno.readTextFileSync("/proc/net/tcp").split("\n")) {
    const [, from, to, , , timer] = line.trim().split(/\s+/);
    if (!from?.endsWith(hex(local)) || !to?.endsWith(hex(remote))) continue;
    const [kind, when] = timer.split(":");
    return { kind: parseInt(kind, 16), ms: parseInt(when, 16) * 10 };
  }
  throw new Error("the connection is not in /proc/net/tcp");
}

const KEEP_ALIVE = 2;

Deno.test({
  name:
    "a keep-alive delay is what the system probes by: asked for before, right after, or on the server",
  ignore: Deno.build.os !== "linux",
}, async () => {
  const near = (ms: number): boolean => ms > 5000 && ms <= 10_000;
  await using server = await createServer(
    { keepAlive: true, keepAliveInitialDelay: 10_000 },
    (socket) => socket.resume(),
  ).listen(0, LOOPBACK);
  const { port } = server;
  const clients = [
    connect({ port, host: LOOPBACK, keepAlive: true, keepAliveInitialDelay: 10_000 }),
    connect(port, LOOPBACK).setKeepAlive(true, 10_000),
    connect(port, LOOPBACK).keepalive(true, 10),
  ];
  for (const client of clients) {
    await client.opened;
    const { kind, ms } = systemTimer(client.localPort!, port);
    assertEquals([kind, near(ms)], [KEEP_ALIVE, true], `${ms} ms`);
    const accepted = systemTimer(port, client.localPort!);
    assertEquals([accepted.kind, near(accepted.ms)], [KEEP_ALIVE, true], `${accepted.ms} ms`);
    client.setKeepAlive(true, 20_000);
    assert(systemTimer(client.localPort!, port).ms > 10_000);
    client.destroy();
    await closed(client);
  }
  // Deno's own connection has the system's two hours, and says so when it is asked for less.
  const plain = connect(port, LOOPBACK).setKeepAlive(true);
  await plain.opened;
  const { kind, ms } = systemTimer(plain.localPort!, port);
  assertEquals([kind, ms > 60_000], [KEEP_ALIVE, true]);
  let thrown: unknown;
  try {
    plain.setKeepAlive(true, 10_000);
  } catch (error) {
    thrown = error;
  }
  assertEquals((thrown as NetError).code, "ERR_UNSUPPORTED");
  plain.destroy();
  await closed(plain);
});

// ---- socat

peerTest("client and socat: echo, and an answer after the end", { needs: ["socat"] }, async () => {
  const port = freePort();
  await using _peer = await spawnPeer("socat", [
    `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr`,
    "EXEC:sort",
  ], { ready: port });
  const socket = connect(port, LOOPBACK).setEncoding("utf8");
  // sort answers only when it has read to the end: the half-open connection carries it.
  socket.end("pear\napple\nfig\n");
  assertEquals((await Array.fromAsync(socket)).join(""), "apple\nfig\npear\n");
});

peerTest("server and socat: text in, text out", { needs: ["socat"] }, async () => {
  const server = await createServer({ allowHalfOpen: true }, (socket) => {
    let text = "";
    socket.setEncoding("utf8").on("data", (part) => text += part);
    socket.on("end", () => socket.end(text.toUpperCase()));
  }).listen(0, LOOPBACK);
  const { stdout } = await runPeer("socat", ["-t5", "-", `TCP:127.0.0.1:${server.port}`], {
    stdin: "through socat",
  });
  assertEquals(stdout, "THROUGH SOCAT");
  await server.close();
});

peerTest("socket files and socat, in both directions", { needs: ["socat"] }, async () => {
  await using folder = await tempFolder();
  const theirs = `${folder.path}/socat.sock`;
  await using _peer = await spawnPeer("socat", [`UNIX-LISTEN:${theirs},fork`, "EXEC:cat"], {
    ready: { path: theirs },
  });
  const socket = connect(theirs).setEncoding("utf8");
  socket.end("there and back");
  assertEquals((await Array.fromAsync(socket)).join(""), "there and back");
  const ours = `${folder.path}/ours.sock`;
  const server = await createServer((accepted) => accepted.pipe(accepted)).listen(ours);
  const { stdout } = await runPeer("socat", ["-t5", "-", `UNIX-CONNECT:${ours}`], {
    stdin: "and again",
  });
  assertEquals(stdout, "and again");
  await server.close();
  await assertRejects(() => Deno.lstat(ours), Deno.errors.NotFound);
});

peerTest("a peer that is killed ends its connection here, and the server serves the next", {
  needs: ["socat"],
}, async () => {
  const server = await createServer((socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  }).listen(0, LOOPBACK);
  const gone = new Promise<void>((resolve) =>
    server.once("connection", (socket) => socket.once("close", () => resolve()))
  );
  {
    await using peer = await spawnPeer("socat", ["-", `TCP:127.0.0.1:${server.port}`], {
      stdin: true,
    });
    await peer.write("hello");
    await peer.waitFor(/hello/);
    peer.kill("SIGKILL");
    await gone;
  }
  const { stdout } = await runPeer("socat", ["-t5", "-", `TCP:127.0.0.1:${server.port}`], {
    stdin: "next",
  });
  assertEquals(stdout, "next");
  await server.close();
});
