/** What the system does to a program: no more file descriptors, a kill in the middle of a broadcast, a full disk. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { fileURLToPath } from "node:url";
import { connect } from "../../net/connect.ts";
import { createServer } from "../../net/create_server.ts";
import { dial } from "../../net/dial.ts";
import { NetError } from "../../net/errors.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { serveWebSocket } from "../../websocket/server.ts";
import { BROADCAST_LENGTH } from "../_support/fault_server.ts";
import { inTime } from "../_support/kill_switch.ts";
import {
  networkNamespaces,
  type Peer,
  type PeerNeed,
  peerTest,
  runPeer,
  spawnPeer,
} from "../_support/peers.ts";
import { next } from "../_support/socketio_rig.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const SERVER = [Deno.execPath(), "run", "-A", "--no-check", "tests/_support/fault_server.ts"];

const linux: PeerNeed = {
  name: "Linux (/proc)",
  found: () => Deno.build.os === "linux",
  optional: true,
};

/** Runs a server of fault_server.ts, under a limit of descriptors if one is given. */
async function startServer(kind: string, descriptors?: number): Promise<[Peer, number]> {
  const command = descriptors === undefined
    ? [...SERVER, kind]
    : ["sh", "-c", `ulimit -n ${descriptors}; exec "$@"`, "sh", ...SERVER, kind];
  const peer = await spawnPeer(command[0], command.slice(1), {
    cwd: root,
    ready: /^port \d+/m,
    timeout: 60_000,
    // Deno's look for a new version begins some time after the program, and panics without a descriptor.
    env: { DENO_NO_UPDATE_CHECK: "1" },
  });
  return [peer, Number(/^port (\d+)/m.exec(peer.stdout)![1])];
}

// --- descriptors -----------------------------------------------------------------------------------------------------

/** A client that is served: says something, and hears it. */
interface EchoClient extends AsyncDisposable {
  echo(text: string): Promise<string>;
}

async function netClient(port: number): Promise<EchoClient> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.setEncoding("utf8");
  await socket.opened;
  return {
    async echo(text) {
      const answer = next<[string]>(socket as never, "data");
      socket.write(text);
      return (await answer)[0];
    },
    [Symbol.asyncDispose]: () => socket[Symbol.asyncDispose](),
  };
}

async function webSocketClient(port: number): Promise<EchoClient> {
  const ws = await connectWebSocket(`ws://127.0.0.1:${port}/`, { handshakeTimeout: 60_000 });
  const messages = ws[Symbol.asyncIterator]();
  return {
    async echo(text) {
      await ws.send(text);
      return (await messages.next()).value as string;
    },
    async [Symbol.asyncDispose]() {
      await ws.close();
    },
  };
}

async function socketIoClient(port: number): Promise<EchoClient> {
  const socket = connectSocketIo(`http://127.0.0.1:${port}`, {
    transports: ["websocket"],
    forceNew: true,
    timeout: 60_000,
  });
  await next(socket, "connect");
  return {
    echo: (text) => socket.emitWithAck("echo", text) as Promise<string>,
    [Symbol.asyncDispose]: () => socket.close(),
  };
}

const KINDS = [
  ["net", netClient],
  ["websocket", webSocketClient],
  ["socketio", socketIoClient],
] as const;

/** The servers' limit; a server of Deno's has some twenty before the first client. */
const DESCRIPTORS = 96;

for (const [kind, client] of KINDS) {
  peerTest(`a ${kind} server at its limit of file descriptors serves those it has, and recovers`, {
    needs: ["sh", linux],
  }, async () => {
    const [server, port] = await startServer(kind, DESCRIPTORS);
    await using _server = server;
    const used = (): number => [...Deno.readDirSync(`/proc/${server.pid}/fd`)].length;
    await using early = await client(port);
    await using other = await client(port);
    assertEquals(await early.echo("before"), "before");
    const crowd: Deno.Conn[] = [];
    const until = async (what: string, holds: () => boolean): Promise<void> => {
      await inTime(
        (async () => {
          while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
        })(),
        what,
      );
    };
    try {
      for (let i = 0; i < DESCRIPTORS; i++) {
        crowd.push(await Deno.connect({ hostname: "127.0.0.1", port }));
      }
      await until("the limit", () => used() >= DESCRIPTORS);
      // More wait at the door than can be let in; those inside notice nothing, also after a while of failures to accept.
      for (let i = 0; i < 20; i++) {
        assertEquals(await inTime(early.echo(`at the limit ${i}`), "echo"), `at the limit ${i}`);
        assertEquals(await inTime(other.echo(`other ${i}`), "echo"), `other ${i}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      assert(used() >= DESCRIPTORS);
    } catch (error) {
      throw new Error(`${error}\nThe server wrote: ${server.output}`, { cause: error });
    } finally {
      for (const conn of crowd) conn.close();
    }
    await using late = await inTime(client(port), "a client after the crowd");
    assertEquals(await inTime(late.echo("after"), "echo"), "after");
    await until("descriptors that are given back", () => used() < DESCRIPTORS / 2 + 10);
    assertEquals(await early.echo("still there"), "still there");
  });
}

// --- a kill ----------------------------------------------------------------------------------------------------------

Deno.test("a server that is killed in a broadcast: clients see whole messages, and then one end", async () => {
  const [server, port] = await startServer("broadcast");
  await using _server = server;
  const socketIoPort = Number(/^socketio (\d+)/m.exec(server.stdout)![1]);
  const sockets = await Promise.all(
    Array.from({ length: 12 }, () => connectWebSocket(`ws://127.0.0.1:${port}/`)),
  );
  const ioSockets = Array.from(
    { length: 4 },
    (_, i) =>
      connectSocketIo(`http://127.0.0.1:${socketIoPort}`, {
        forceNew: true,
        reconnection: false,
        transports: i % 2 === 0 ? ["websocket"] : ["polling"],
        upgrade: false,
      }),
  );
  const check = (text: unknown, last: number): number => {
    assert(typeof text === "string" && text.length === BROADCAST_LENGTH, "a message was cut");
    const n = Number(text.split(" ", 1)[0]);
    assert(last < 0 || n === last + 1, `message ${n} came after ${last}`);
    return n;
  };
  const enough: Promise<void>[] = [];
  const ends = sockets.map(async (ws) => {
    const some = Promise.withResolvers<void>();
    enough.push(some.promise);
    let last = -1;
    let count = 0;
    for await (const text of ws) {
      last = check(text, last);
      if (++count === 5) some.resolve();
    }
    const { code, wasClean, error } = await ws.closed;
    assertEquals([code, wasClean, error?.code], [1006, false, "CONNECTION_LOST"]);
  });
  const ioEnds = ioSockets.map(async (socket) => {
    const some = Promise.withResolvers<void>();
    enough.push(some.promise);
    let last = -1;
    let count = 0;
    socket.on("news", (text: unknown) => {
      last = check(text, last);
      if (++count === 5) some.resolve();
    });
    const [reason] = await next<[string]>(socket, "disconnect");
    assert(["transport close", "transport error"].includes(reason), reason);
    await socket.close();
  });
  await inTime(Promise.all(enough), "the first messages");
  server.kill("SIGKILL");
  await inTime(Promise.all([...ends, ...ioEnds]), "the ends");
});

// --- the disk --------------------------------------------------------------------------------------------------------

/** A file system of its own without room for another file, for the length of a block. */
async function fullDisk(): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir();
  const mounted = await runPeer("mount", ["-t", "tmpfs", "-o", "nr_inodes=1", "tmpfs", path]);
  assertEquals(mounted.code, 0, mounted.stderr);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await runPeer("umount", [path]);
      await Deno.remove(path);
    },
  };
}

const mounts: PeerNeed = {
  name: "root, to mount a full disk",
  found: () => {
    if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
    const { code } = new Deno.Command("unshare", {
      args: ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
      stdout: "null",
      stderr: "null",
    }).outputSync();
    return code === 0;
  },
  optional: true,
};

async function listenError(path: string): Promise<NetError> {
  const server = createServer();
  const failed = next<[NetError]>(server as never, "error");
  server.listen(path);
  const [error] = await failed;
  return error;
}

peerTest("a socket file for which the disk has no room is told as ENOSPC", {
  needs: ["mount", "umount", "unshare", mounts],
}, async () => {
  await using disk = await fullDisk();
  const path = `${disk.path}/a.sock`;
  const error = await listenError(path);
  assert(error instanceof NetError);
  assertEquals([error.code, error.syscall, error.address], ["ENOSPC", "listen", path]);
  const ws = await assertRejects(() => serveWebSocket({ path, default: () => {} }), NetError);
  assertEquals([ws.code, ws.syscall], ["ENOSPC", "listen"]);
  assertEquals((await assertRejects(() => dial({ path }), NetError)).code, "ENOENT");
});

Deno.test("a path that no socket file can have is told, by whoever is to listen or to connect", {
  ignore: Deno.build.os === "windows", // Deno has no Unix sockets there
}, async () => {
  const cases = [
    [`/tmp/${"x".repeat(200)}`, "EINVAL", "EINVAL"],
    ["/nowhere/at/all.sock", "ENOENT", "ENOENT"],
  ];
  // Other systems have other codes for a folder.
  if (Deno.build.os === "linux") cases.push(["/", "EADDRINUSE", "ECONNREFUSED"]);
  for (const [path, listening, connecting] of cases) {
    assertEquals((await listenError(path)).code, listening, path);
    const ws = await assertRejects(() => serveWebSocket({ path, default: () => {} }), NetError);
    assertEquals(ws.code, listening, path);
    const dialling = await assertRejects(() => dial({ path }), NetError);
    assertEquals(dialling.code, connecting, path);
  }
});

// --- names -----------------------------------------------------------------------------------------------------------

peerTest("a name that no name server answers for is told as EAI_AGAIN, as in Node", {
  needs: [networkNamespaces],
}, async () => {
  const script = new URL("../_support/no_name_server.ts", import.meta.url).pathname;
  const { stdout, stderr } = await runPeer("unshare", [
    "-rn",
    Deno.execPath(),
    ..."run --no-check --quiet -A".split(" "),
    script,
  ]);
  assertEquals(stderr, "");
  assertEquals(JSON.parse(stdout), {
    lookup: ["EAI_AGAIN", "getaddrinfo", "example.org"],
    dial: ["EAI_AGAIN", "getaddrinfo", "example.org"],
    listen: ["EAI_AGAIN", "listen", "example.org"],
    lua: [null, "temporary failure in name resolution"],
  });
});
