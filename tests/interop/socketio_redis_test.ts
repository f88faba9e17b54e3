import { Buffer } from "node:buffer";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createAdapter } from "@socket.io/redis-adapter";
import { Emitter } from "@socket.io/redis-emitter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { freePort, type Peer, peerTest, spawnPeer } from "../_support/peers.ts";
import { startNpmServer } from "../_support/socketio_interop.ts";
import { installServer } from "./peers/socketio_scenario.mjs";
import { connectSocketIo } from "../../socketio/connect.ts";
import type { SocketIoClientSocket } from "../../socketio/client_socket.ts";
import { SocketIoServer, type SocketIoServerOptions } from "../../socketio/server.ts";

const needs = [
  "redis-server",
  "node",
  "npm:socket.io",
  "npm:redis",
  "npm:@socket.io/redis-adapter",
  "npm:@socket.io/redis-streams-adapter",
];

/** The adapters that are tried. */
type Kind = "pub/sub" | "streams";

class Redis implements AsyncDisposable {
  readonly port = freePort();
  readonly url = `redis://127.0.0.1:${this.port}`;
  #peer: Peer | undefined;

  async start(): Promise<this> {
    const args = ["--port", String(this.port), "--bind", "127.0.0.1", "--save", ""];
    this.#peer = await spawnPeer("redis-server", [...args, "--dir", "/tmp"], {
      ready: /Ready to accept connections/,
    });
    return this;
  }

  async stop(): Promise<void> {
    await this.#peer?.[Symbol.asyncDispose]();
    this.#peer = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** A client of Redis that lives as long as the test. */
async function redisClient(redis: Redis) {
  const client = createClient({
    url: redis.url,
    socket: { reconnectStrategy: () => 50 },
  });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** One of our servers, with the scenario, in the cluster. */
async function member(
  redis: Redis,
  kind: Kind,
  name: string,
  options: SocketIoServerOptions = {},
): Promise<AsyncDisposable & { io: SocketIoServer; url: string }> {
  const pub = await redisClient(redis);
  const sub = kind === "pub/sub" ? await redisClient(redis) : undefined;
  const adapter = sub === undefined
    ? createStreamsAdapter(pub, { blockTimeInMs: 100 })
    : createAdapter(pub, sub, { requestsTimeout: 2000 });
  const io = new SocketIoServer({ ...options, adapter });
  installServer(io);
  io.on("cluster question", (question, answer) => answer(`${name} heard ${question}`));
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  return {
    io,
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await io.close();
      // The adapter's last commands are under way.
      await new Promise((resolve) => setTimeout(resolve, 150));
      pub.destroy();
      sub?.destroy();
    },
  };
}

interface Cluster extends AsyncDisposable {
  redis: Redis;
  a: SocketIoServer;
  b: SocketIoServer;
  node: Peer;
  /** A client of each server. */
  clients: SocketIoClientSocket[];
}

async function cluster(kind: Kind): Promise<Cluster> {
  const stack = new AsyncDisposableStack();
  const redis = stack.use(await new Redis().start());
  const a = stack.use(await member(redis, kind, "a"));
  const b = stack.use(await member(redis, kind, "b"));
  const node = stack.use(
    await startNpmServer({
      redis: redis.url,
      streams: kind === "streams",
      adapterOptions: { blockTimeInMs: 100, requestsTimeout: 2000 },
    }),
  );
  const clients = [a.url, b.url, node.url].map((url) =>
    connectSocketIo(url, { forceNew: true, transports: ["websocket"], reconnectionDelay: 50 })
  );
  stack.defer(async () => void await Promise.all(clients.map((client) => client.close())));
  await Promise.all(clients.map((client) => once(client, "connect")));
  // All members know of each other once each of them is asked and answers.
  for (const io of [a.io, b.io]) {
    await until(async () => (await io.fetchSockets().catch(() => [])).length === 3);
  }
  return {
    redis,
    a: a.io,
    b: b.io,
    node: node.peer,
    clients,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function once(client: SocketIoClientSocket, event: string): Promise<unknown[]> {
  return new Promise((resolve) => client.once(event, (...args: unknown[]) => resolve(args)));
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!await condition()) {
    assert(Date.now() < deadline, "it did not come to that");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** npm's redis client, and the adapters, keep timers and sockets of their own. */
const test = { sanitizeOps: false, sanitizeResources: false };

for (const kind of ["pub/sub", "streams"] as Kind[]) {
  peerTest(
    `a cluster over Redis (${kind}) carries broadcasts and rooms`,
    { needs, test },
    async () => {
      await using all = await cluster(kind);
      const { a, clients } = all;
      const everyone = Promise.all(clients.map((client) => once(client, "shout")));
      a.emit("shout", { text: "é", bytes: new Uint8Array([1, 2]) });
      for (const [data] of await everyone as [{ text: string; bytes: Uint8Array }][]) {
        assertEquals(data.text, "é");
        assertEquals([...data.bytes], [1, 2]);
      }
      // From the server on Node, to a room with a client of each server.
      for (const client of clients) await client.emitWithAck("join", "room");
      const inRoom = Promise.all(clients.map((client) => once(client, "shout")));
      clients[2].emit("shout", "room", "from node");
      assertEquals(await inRoom, [["from node"], ["from node"], ["from node"]]);
      // One is left out, and local is local.
      let heard = false;
      clients[1].once("shout", () => heard = true);
      const others = Promise.all([clients[0], clients[2]].map((client) => once(client, "shout")));
      clients[1].emit("shout to others", "room", "psst");
      assertEquals(await others, [["psst"], ["psst"]]);
      const local = once(clients[0], "shout");
      a.local.emit("shout", "local");
      await local;
      assert(!heard);
    },
  );

  peerTest(`a cluster over Redis (${kind}) asks all clients`, { needs, test }, async () => {
    await using all = await cluster(kind);
    const { a, clients } = all;
    clients.forEach((client, i) =>
      client.on("question", (question, answer) => answer(`${question} ${i}`))
    );
    const answers = await a.timeout(5000).emitWithAck("question", "who?");
    assertEquals(answers.sort(), ["who? 0", "who? 1", "who? 2"]);
    const fromNode = await clients[2].timeout(8000).emitWithAck("ask all");
    assertEquals(fromNode.sort(), ["all 0", "all 1", "all 2"]);
  });

  peerTest(
    `a cluster over Redis (${kind}) finds, moves and disconnects sockets`,
    { needs, test },
    async () => {
      await using all = await cluster(kind);
      const { a, b, clients } = all;
      const sockets = await a.fetchSockets();
      assertEquals(sockets.map(({ id }) => id).sort(), clients.map(({ id }) => id!).sort());
      const far = sockets.find(({ id }) => id === clients[2].id)!;
      assertEquals(far.handshake.auth, {});
      far.join("far room");
      a.in(clients[1].id!).socketsJoin("far room");
      await until(async () => (await b.in("far room").fetchSockets()).length === 2);
      const news = Promise.all([clients[1], clients[2]].map((client) => once(client, "news")));
      a.to("far room").emit("news", 1);
      assertEquals(await news, [[1], [1]]);
      const alone = once(clients[2], "news");
      far.emit("news", 2);
      assertEquals(await alone, [2]);
      a.in("far room").socketsLeave("far room");
      await until(async () => (await b.in("far room").fetchSockets()).length === 0);
      const gone = Promise.all(
        [clients[1], clients[2]].map((client) => once(client, "disconnect")),
      );
      b.except(clients[0].id!).disconnectSockets();
      assertEquals((await gone).map(([reason]) => reason), [
        "io server disconnect",
        "io server disconnect",
      ]);
      await until(async () => (await a.fetchSockets()).length === 1);
    },
  );

  peerTest(
    `a cluster over Redis (${kind}) carries events between servers`,
    { needs, test },
    async () => {
      await using all = await cluster(kind);
      const { a, b } = all;
      const heard = new Promise((resolve) => b.on("plain event", (...args) => resolve(args)));
      a.serverSideEmit("plain event", 1, "two");
      assertEquals(await heard, [1, "two"]);
      const answers = await a.serverSideEmitWithAck("cluster question", "hello");
      assertEquals(answers.sort(), ["b heard hello", "node heard hello"]);
    },
  );

  peerTest(`a cluster over Redis (${kind}) goes on when a server dies in mid-broadcast`, {
    needs,
    test,
  }, async () => {
    await using all = await cluster(kind);
    const { a, b, node, clients } = all;
    const counts = [0, 0];
    clients.slice(0, 2).forEach((client, i) => client.on("tick", () => counts[i]++));
    for (let i = 0; i < 600; i++) {
      (i % 2 === 0 ? a : b).emit("tick", i);
      if (i === 300) node.kill("SIGKILL");
      if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await until(() => counts[0] === 600 && counts[1] === 600);
    clients[2].disconnect();
    // The dead server is counted until Redis notices, and not longer.
    await until(async () => {
      const sockets = await a.fetchSockets().catch(() => []);
      return sockets.length === 2;
    });
    clients.slice(0, 2).forEach((client) => client.on("question", (_q, answer) => answer("here")));
    assertEquals(await a.timeout(5000).emitWithAck("question", 1), ["here", "here"]);
  });

  peerTest(
    `a cluster over Redis (${kind}) goes on when Redis was restarted`,
    { needs, test },
    async () => {
      await using all = await cluster(kind);
      const { redis, a, b, clients } = all;
      await redis.stop();
      const here = once(clients[0], "shout");
      a.local.emit("shout", "while Redis is away");
      await here;
      await redis.start();
      await until(async () => {
        const sockets = await b.fetchSockets().catch(() => []);
        return sockets.length === 3;
      });
      // Each server comes back to Redis in its own time: what is sent before is lost to those that have not yet.
      let heard: unknown[] | undefined;
      Promise.all(clients.map((client) => once(client, "back"))).then((all) => heard = all);
      await until(() => {
        if (heard === undefined) b.emit("back", 1);
        return heard !== undefined;
      });
      assertEquals(heard, [[1], [1], [1]]);
    },
  );
}

peerTest("npm's redis-emitter reaches our clients", { needs, test }, async () => {
  await using redis = await new Redis().start();
  await using server = await member(redis, "pub/sub", "a");
  const client = connectSocketIo(server.url, { transports: ["websocket"] });
  await once(client, "connect");
  await client.emitWithAck("join", "room");
  const outside = await redisClient(redis);
  const emitter = new Emitter(outside);
  const news = once(client, "news");
  emitter.to("room").emit("news", "from outside", Buffer.from([7]));
  const [text, bytes] = await news as [string, Uint8Array];
  assertEquals([text, [...bytes]], ["from outside", [7]]);
  const heard = new Promise((resolve) => server.io.on("outside", (...args) => resolve(args)));
  emitter.serverSideEmit("outside", 1);
  assertEquals(await heard, [1]);
  const gone = once(client, "disconnect");
  emitter.disconnectSockets();
  assertMatch(String((await gone)[0]), /server/);
  await client.close();
  outside.destroy();
});

peerTest(
  "a session is taken up again on another server of a cluster",
  { needs, test },
  async () => {
    await using redis = await new Redis().start();
    const options = { connectionStateRecovery: {} };
    await using a = await member(redis, "streams", "a", options);
    await using b = await member(redis, "streams", "b", options);
    const seen: unknown[] = [];
    // The same client, first at one server, then at the other.
    let target = a.url;
    const client = connectSocketIo(a.url, {
      transports: ["polling"],
      upgrade: false,
      reconnectionDelay: 200,
      randomizationFactor: 0,
      fetch: (input, init) => fetch(String(input).replace(a.url, target), init),
    });
    client.on("news", (value) => seen.push(value));
    await once(client, "connect");
    const { id } = client;
    await until(async () => {
      a.io.emit("news", "first");
      await new Promise((resolve) => setTimeout(resolve, 50));
      return seen.length > 0;
    });
    target = b.url;
    const gone = once(client, "disconnect");
    for (const socket of a.io.sockets.sockets.values()) socket.conn.close();
    await gone;
    a.io.emit("news", "missed");
    await once(client, "connect");
    await until(() => seen.includes("missed"));
    assertEquals([client.recovered, client.id], [true, id]);
    assert(b.io.sockets.sockets.has(id!));
    await client.close();
  },
);
