import { assertEquals, assertMatch } from "@std/assert";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { clientFrame, openWebSocket } from "../_support/attack.ts";
import { peerTest } from "../_support/peers.ts";
import {
  checkReport,
  type Platform,
  runNpmClient,
  startNpmServer,
  startPeer,
} from "../_support/socketio_interop.ts";
import { joined as joinedBytes } from "../_support/websocket_rig.ts";
import { installServer, runClient } from "./peers/socketio_scenario.mjs";
import { connectSocketIo } from "../../socketio/connect.ts";
import { SocketIoEngine } from "../../socketio/engine.ts";
import { SocketIoServer, type SocketIoServerOptions } from "../../socketio/server.ts";

type Running = AsyncDisposable & { url: string };

/** The ways to run our server, with the scenario on it. */
const ways: Record<string, (options?: SocketIoServerOptions) => Promise<Running>> = {
  async listen(options) {
    const io = new SocketIoServer(options);
    installServer(io);
    const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
    return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => io.close() };
  },
  async attach(options) {
    const http = createServer();
    const io = new SocketIoServer(options).attach(http);
    installServer(io);
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const { port } = http.address() as AddressInfo;
    return {
      url: `http://127.0.0.1:${port}`,
      async [Symbol.asyncDispose]() {
        await io.close();
      },
    };
  },
  async handler(options) {
    const io = new SocketIoServer(options);
    installServer(io);
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, io.handler());
    await Promise.resolve();
    return {
      url: `http://127.0.0.1:${server.addr.port}`,
      async [Symbol.asyncDispose]() {
        await io.close();
        await server.shutdown();
      },
    };
  },
  async "npm's server on our engine"(options) {
    const { Server } = await import("socket.io");
    const io = new Server();
    const engine = new SocketIoEngine({ ...options, path: "/socket.io" });
    io.bind(engine as never);
    installServer(io);
    const { port } = await engine.listen({ port: 0, hostname: "127.0.0.1" });
    return {
      url: `http://127.0.0.1:${port}`,
      async [Symbol.asyncDispose]() {
        await io.close();
        await engine.close();
      },
    };
  },
};

const transports = {
  polling: ["polling"],
  websocket: ["websocket"],
  upgrade: ["polling", "websocket"],
} as const;

const needs = ["node", "npm:socket.io", "npm:socket.io-client"];

for (const [way, start] of Object.entries(ways)) {
  for (const [name, list] of Object.entries(transports)) {
    peerTest(`npm's client on Node does everything with ${way} by ${name}`, { needs }, async () => {
      await using server = await start();
      const options = { transports: list };
      checkReport(await runNpmClient({ mode: "client", url: server.url, options }));
    });

    Deno.test(`our client does everything with ${way} by ${name}`, async () => {
      await using server = await start();
      checkReport(await runClient(connectSocketIo, server.url, { transports: list }));
    });
  }
}

for (const platform of ["node", "deno"] as Platform[]) {
  for (const [name, list] of Object.entries(transports)) {
    const title = `our client does everything with npm's server on ${platform} by ${name}`;
    peerTest(title, { needs }, async () => {
      await using server = await startNpmServer({}, platform);
      checkReport(await runClient(connectSocketIo, server.url, { transports: list }));
    });
  }
}

peerTest("npm's client on Deno does everything with our server", { needs }, async () => {
  await using server = await ways.listen();
  checkReport(await runNpmClient({ mode: "client", url: server.url }, "deno"));
});

peerTest("npm's client does everything with our server that compresses", { needs }, async () => {
  await using server = await ways.listen({ perMessageDeflate: { threshold: 10 } });
  const options = { transports: ["websocket"], perMessageDeflate: { threshold: 10 } };
  checkReport(await runNpmClient({ mode: "client", url: server.url, options }));
});

peerTest("npm's client comes back when our server was restarted", { needs }, async () => {
  for (const list of Object.values(transports)) {
    let io = new SocketIoServer();
    const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
    const task = { url: `http://127.0.0.1:${port}`, options: { transports: list } };
    await using client = await startPeer({ ...task, mode: "watch" });
    await client.waitFor(/"connect"/);
    await io.close();
    await client.waitFor(/"disconnect"/);
    io = new SocketIoServer();
    io.on("connection", (socket) => socket.emit("hello", "again"));
    await io.listen({ port, hostname: "127.0.0.1" });
    await client.waitFor(/"hello","value":"again"/);
    await io.close();
  }
});

peerTest("npm's server on our engine hears of a client that takes its leave, and not of a loss", {
  needs,
}, async () => {
  const { Server } = await import("socket.io");
  const io = new Server();
  const engine = new SocketIoEngine({ path: "/socket.io" });
  io.bind(engine as never);
  const joined = Promise.withResolvers<void>();
  const reason = new Promise((resolve) => {
    io.on("connection", (socket) => {
      socket.on("disconnect", resolve);
      joined.resolve();
    });
  });
  const { port } = await engine.listen({ port: 0, hostname: "127.0.0.1" });
  using wire = await openWebSocket(port, { path: "/socket.io/?EIO=4&transport=websocket" });
  await wire.write(clientFrame(1, "40"));
  await joined.promise;
  // In one read.
  await wire.write(joinedBytes(clientFrame(1, "41"), clientFrame(8, new Uint8Array([3, 232]))));
  assertEquals(await reason, "client namespace disconnect");
  await io.close();
  await engine.close();
});

peerTest("npm's client that our server throws out is told that first", { needs }, async () => {
  for (const [name, list] of Object.entries(transports)) {
    for (const now of [true, false]) {
      await using server = await (async () => {
        const io = new SocketIoServer();
        io.on("connection", (socket) => {
          if (now) socket.disconnect(true);
          else setTimeout(() => socket.disconnect(true), 100);
        });
        const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
        return { port, [Symbol.asyncDispose]: () => io.close() };
      })();
      const url = `http://127.0.0.1:${server.port}`;
      await using client = await startPeer({ url, mode: "watch", options: { transports: list } });
      await client.waitFor(/"disconnect".*\n/);
      const events = client.stdout.trim().split("\n").map((line) => JSON.parse(line));
      assertEquals(
        events.map(({ event, reason }) => reason ?? event),
        ["connect", "io server disconnect"],
        `${name}, ${now ? "at once" : "later"}`,
      );
    }
  }
});

const back =
  "npm's client that leaves before it hears that it is let in, and comes back, is let in once";
peerTest(back, { needs }, async () => {
  for (const [name, list] of Object.entries(transports)) {
    for (const atOnce of [false, true]) {
      const io = new SocketIoServer();
      const { promise: again, resolve: cameAgain } = Promise.withResolvers<void>();
      io.on("connection", (socket) => socket.on("again", () => cameAgain()));
      let asked = 0;
      const slow = io.of("/slow");
      slow.use((_socket, next) => {
        if (++asked > 1) return next();
        io.of("/").emit("asked");
        if (atOnce) next();
        else again.then(() => next());
      });
      slow.on("connection", (socket) => {
        socket.on("which", (answer) => answer(socket.handshake.auth.attempt));
      });
      const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
      const url = `http://127.0.0.1:${port}`;
      const task = { url, mode: "hesitate", options: { transports: list } } as const;
      await using client = await startPeer(task);
      await client.waitFor(/"attempt":2}\n/);
      // Where the first answer was on its way, npm's client takes it for the second, and then has two.
      assertMatch(client.stdout, /^({"event":"joined","attempt":2}\n)+$/, name);
      assertEquals([asked, slow.sockets.size, io.sockets.sockets.size], [2, 1, 1], name);
      await io.close();
    }
  }
});

peerTest("our client comes back when npm's server was restarted", { needs }, async () => {
  for (const list of Object.values(transports)) {
    const first = await startNpmServer();
    const options = { transports: list, reconnectionDelay: 20, reconnectionDelayMax: 60 };
    const socket = connectSocketIo(first.url, options);
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    const gone = new Promise((resolve) => socket.once("disconnect", resolve));
    await first[Symbol.asyncDispose]();
    assertMatch(String(await gone), /^transport/);
    const back = new Promise<void>((resolve) => socket.once("connect", resolve));
    await using _second = await startNpmServer({ port: first.port });
    await back;
    assertEquals(await socket.emitWithAck("echo", "again"), "again");
    await socket.close();
  }
});

peerTest("our client's session is taken up again by npm's server", { needs }, async () => {
  await using server = await startNpmServer({ options: { connectionStateRecovery: {} } });
  const socket = connectSocketIo(server.url, {
    transports: ["websocket"],
    reconnectionDelay: 20,
  });
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  const { id } = socket;
  // An event first: npm's server recovers nothing before one.
  await socket.emitWithAck("many", 1);
  const back = new Promise<void>((resolve) => {
    socket.once("disconnect", () => socket.once("connect", resolve));
  });
  socket.emit("cut");
  await back;
  assertEquals([socket.recovered, socket.id], [true, id]);
  await socket.close();
});

for (const [name, list] of Object.entries(transports)) {
  const title = `engine.io-client talks to our engine by ${name}`;
  peerTest(title, { needs: ["node", "npm:engine.io-client"] }, async () => {
    const engine = new SocketIoEngine({ pingInterval: 100, pingTimeout: 2000 });
    engine.on("connection", (socket) => socket.on("data", (data) => void socket.write(data)));
    const { port } = await engine.listen({ port: 0, hostname: "127.0.0.1" });
    const { log } = await runNpmClient({
      mode: "engine",
      url: `http://127.0.0.1:${port}`,
      options: { transports: list },
      upgrades: name === "upgrade",
    });
    const last = name === "polling" ? "polling" : "websocket";
    assertEquals(
      (log as unknown[]).filter((entry) => entry !== "upgrade websocket"),
      ["text é", [1, 2, 3], "after", "pinged", last, "forced close"],
    );
    assertEquals((log as unknown[]).includes("upgrade websocket"), name === "upgrade");
    await engine.close();
  });
}
