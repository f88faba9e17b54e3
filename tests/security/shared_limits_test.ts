// The budget that servers share: full by attackers on servers of different kinds, each policy, and what is left afterwards.
import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { grantedLibc } from "../../net/_tcp_descriptors.ts";
import { equals } from "@std/bytes";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { constants, deflateRawSync } from "node:zlib";
import { assertEchoes, clientFrame, openWebSocket, statusOf, Wire } from "../_support/attack.ts";
import { CA, identity } from "../_support/certs.ts";
import { serve, upgradeRequest, urlOf } from "../_support/websocket_server.ts";
import type { LimitPolicy } from "../../net/budget.ts";
import { createServer } from "../../net/create_server.ts";
import { type LimitKind, Limits, type LimitsOptions } from "../../net/limits.ts";
import type { Server } from "../../net/server.ts";
import { createSecureServer } from "../../net/secure_server.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import type { EngineSocket } from "../../socketio/engine_socket.ts";
import { SocketIoServer } from "../../socketio/server.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";

const KIB = 1024;
const MIB = 1_048_576;
const ENGINE = "/socket.io/?EIO=4&transport=websocket";
const POLLING = "/socket.io/?EIO=4&transport=polling";
const OFFER = { "Sec-WebSocket-Extensions": "permessage-deflate" };

/** Waits until a condition holds. It has long: other tests may take the machine. */
async function until(what: string, condition: () => boolean): Promise<void> {
  const start = performance.now();
  while (!condition()) {
    if (performance.now() - start > 60_000) throw new Error(`it did not come to that: ${what}`);
    await turn();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Limits with one of them small, and its policy. */
function only(kind: LimitKind, limit: number, policy: LimitPolicy): Limits {
  return new Limits({ [kind]: limit, policies: { [kind]: policy } } as LimitsOptions);
}

/** Nothing of any kind is held any more, and nobody waits. */
async function assertAllBack(limits: Limits): Promise<void> {
  await until(
    "all is given back",
    () => Object.values(limits.pressure).every((one) => typeof one === "number" || one.used === 0),
  );
  assertEquals(limits.pressure.level, 0);
  const { connections, queuedBytes, receivedBytes, inflatingBytes } = limits;
  for (const budget of [connections, queuedBytes, receivedBytes, inflatingBytes]) {
    assertEquals([budget.used, budget.waiting], [0, 0]);
  }
}

/** Notes the most that is used of a kind, each time it is called. */
function watcher(limits: Limits, kind: LimitKind): { most: number; look(): void } {
  const seen = {
    most: 0,
    look: () => void (seen.most = Math.max(seen.most, limits.pressure[kind].used)),
  };
  return seen;
}

async function tcpServer(
  limits: Limits,
  serve: Parameters<typeof createServer>[1],
): Promise<Server> {
  return await createServer({ limits }, serve).listen(0, "127.0.0.1");
}

/** A client of TCP gets back what it sends. */
async function assertTcpEchoes(port: number): Promise<void> {
  using wire = await Wire.connect(port);
  await wire.write("still there?");
  assertEquals(new TextDecoder().decode(await wire.read(12)), "still there?");
}

Deno.test("servers share one budget unless they are told otherwise", async () => {
  await using ws = await serve();
  const server = createServer();
  const io = new SocketIoServer();
  const before = ws.pressure;
  assertEquals(before, server.pressure);
  assertEquals(before, io.pressure);
  assertEquals(before, io.engine.pressure);
  const own = createServer({ limits: new Limits({ connections: 3 }) });
  assertEquals(own.pressure.connections, { used: 0, limit: 3 });
  using _client = await openWebSocket(ws.port);
  assertEquals(server.pressure.connections.used, before.connections.used + 1);
  await io.close();
});

for (const implementation of ["node", "deno"] as const) {
  Deno.test(`servers with TLS by ${implementation} share the budget: connections in their handshake, and what slow readers leave`, async () => {
    const limits = new Limits({
      connections: 2,
      queuedBytes: 8 * MIB,
      policies: { connections: "drop" },
    });
    const drops: string[] = [];
    const errors: (string | undefined)[] = [];
    const server = await createSecureServer(
      { ...identity("server"), implementation, limits },
      (socket) => {
        socket.on("error", (error) => void errors.push((error as { code?: string }).code));
        for (let i = 0; i < 10; i++) socket.write(new Uint8Array(MIB));
      },
    ).listen(0, "127.0.0.1");
    server.on("drop", ({ reason }) => void drops.push(reason));
    server.on("tlsClientError", () => {});
    using silent = await Wire.connect(server.port);
    await until("it is counted", () => server.pressure.connections.used === 1);
    const reader = await Deno.connectTls({
      hostname: "localhost",
      port: server.port,
      caCerts: [CA],
    });
    await until("the flood is over the limit", () => errors.length > 0);
    assertEquals(errors, ["ERR_BUFFER_LIMIT"]);
    reader.close();
    await until("it is gone", () => server.pressure.connections.used === 1);
    assertEquals(server.pressure.queuedBytes.used, 0);
    using second = await Wire.connect(server.port);
    await until("both are counted", () => server.pressure.connections.used === 2);
    using third = await Wire.connect(server.port);
    await until("it is dropped", () => drops.length > 0);
    assertEquals(drops, ["limits"]);
    // Without FFI, Deno closes a connection only after its handshake.
    if (implementation === "node" || grantedLibc() !== undefined) {
      assertEquals((await third.readAll()).length, 0);
    }
    silent.close();
    second.close();
    await server.close();
    await assertAllBack(limits);
  });
}

// Bytes queued for sending.

for (const policy of ["close", "drop", "wait"] as const) {
  Deno.test(`queued bytes: slow readers of a TCP and a WebSocket server fill one budget, with "${policy}"`, async () => {
    const limits = only("queuedBytes", 8 * MIB, policy);
    const seen = watcher(limits, "queuedBytes");
    const chunk = new Uint8Array(256 * KIB).fill(7);
    const closed: string[] = [];
    let refused = 0;
    const tcp = await tcpServer(limits, (socket) => {
      socket.on("error", (error) => closed.push((error as { code?: string }).code ?? ""));
      socket.on("data", async (data) => {
        if (String(data) !== "flood") return void socket.write(data);
        for (let i = 0; i < 160 && !socket.destroyed; i++) {
          socket.write(chunk);
          seen.look();
          await turn();
        }
      });
    });
    const floods: WebSocketConnection[] = [];
    const ws = await serve({
      limits,
      maxSendQueueBytes: 64 * MIB,
      default: (ws) =>
        void ws.on("message", async (data) => {
          if (data !== "flood") return void ws.send(data);
          floods.push(ws);
          ws.on("error", ({ code }) => void closed.push(code));
          for (let i = 0; i < 160 && ws.state === "open"; i++) {
            ws.send(chunk).catch(({ code }) => {
              if (code === "SEND_QUEUE_FULL") refused++;
              else assertEquals(code, "CLOSED");
            });
            seen.look();
            await turn();
          }
        }),
    });
    const slow: Wire[] = [];
    for (let i = 0; i < 2; i++) {
      const [a, b] = [await Wire.connect(tcp.port), await openWebSocket(ws.port)];
      slow.push(a, b);
      await a.write("flood");
      await b.write(clientFrame(1, "flood"));
    }
    await until("the limit is reached", () => {
      seen.look();
      return policy === "close"
        ? closed.length > 0
        : policy === "drop"
        ? floods.some(({ dropped }) => dropped > 0)
        : refused > 0;
    });
    // Those who read are served meanwhile.
    await assertTcpEchoes(tcp.port);
    await assertEchoes(ws.port);
    // One write of each connection may pass the limit where nobody is closed for it.
    assertLessOrEqual(seen.most, 8 * MIB + (policy === "close" ? 1 : 4) * 300 * KIB);
    assertGreater(seen.most, 7 * MIB - 300 * KIB);
    for (const code of closed) assert(["ERR_BUFFER_LIMIT", "SLOW_READER"].includes(code), code);
    for (const wire of slow) wire.close();
    await until("the slow ones are gone", () => ws.clients.size === 0);
    await until("the slow ones are gone", () => tcp.connections.size === 0);
    assertEquals(limits.pressure.queuedBytes.used, 0);
    await assertTcpEchoes(tcp.port);
    await assertEchoes(ws.port);
    await Promise.all([tcp.close(), ws.close()]);
    await assertAllBack(limits);
  });
}

Deno.test("queued bytes: who waits as it is told loses nothing, although the budget is full all the time", async () => {
  const limits = only("queuedBytes", 256 * KIB, "wait");
  const chunk = new Uint8Array(128 * KIB);
  const ws = await serve({
    limits,
    default: async (ws) => {
      for (let i = 0; i < 30; i++) await ws.send(chunk);
      await ws.close();
    },
  });
  const clients = await Promise.all(Array.from({ length: 4 }, () => connectWebSocket(urlOf(ws))));
  const counts = await Promise.all(clients.map(async (client) => {
    let bytes = 0;
    for await (const data of client) bytes += data.length;
    return bytes;
  }));
  assertEquals(counts, Array.from({ length: 4 }, () => 30 * chunk.length));
  await ws.close();
  await assertAllBack(limits);
});

Deno.test("queued bytes: a broadcast reaches all who read, in order, while those who don't are closed", async () => {
  const limits = only("queuedBytes", 4 * MIB, "close");
  const seen = watcher(limits, "queuedBytes");
  const ws = await serve({ limits, maxSendQueueBytes: 64 * MIB });
  const errors: (string | undefined)[] = [];
  const slow = await Promise.all(Array.from({ length: 6 }, () => openWebSocket(ws.port)));
  await until("they are there", () => ws.clients.size === 6);
  for (const client of ws.clients) {
    client.closed.then(({ error }) => void errors.push(error?.code));
  }
  const honest = await Promise.all(Array.from({ length: 3 }, () => connectWebSocket(urlOf(ws))));
  const text = "x".repeat(128 * KIB);
  for (let i = 0; i < 100; i++) {
    ws.broadcast(`${i} ${text}`);
    for (const client of honest) {
      const { data } = await client.receive();
      assertEquals(String(data).slice(0, 8), `${i} ${text}`.slice(0, 8));
    }
    seen.look();
  }
  assertLessOrEqual(seen.most, 4 * MIB + 2 * 128 * KIB);
  await until("the slow ones are closed", () => errors.length > 0);
  for (const error of errors) assertEquals(error, "SLOW_READER");
  for (const wire of slow) wire.close();
  await Promise.all(honest.map((client) => client.close()));
  await ws.close();
  await assertAllBack(limits);
});

Deno.test("queued bytes: a Socket.IO broadcast closes the slow ones, by WebSocket and by polling", async () => {
  const limits = only("queuedBytes", 4 * MIB, "close");
  const io = new SocketIoServer({ limits, maxBufferedBytes: 64 * MIB });
  const gone: string[] = [];
  io.on("connection", (socket) => void socket.on("disconnect", (reason) => void gone.push(reason)));
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  const silent = await openWebSocket(port, { path: ENGINE });
  await silent.write(clientFrame(1, "40"));
  const poller = await Wire.connect(port);
  await poller.write(`GET ${POLLING} HTTP/1.1\r\nHost: h\r\n\r\n`);
  const sid = /"sid":"([^"]+)"/.exec((await poller.readResponse()).body)![1];
  await poller.write(
    `POST ${POLLING}&sid=${sid} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n40`,
  );
  assertEquals((await poller.readResponse()).status, 200);
  await until("both are there", () => io.sockets.sockets.size === 2);
  const honest = connectSocketIo(`http://127.0.0.1:${port}`, { transports: ["websocket"] });
  await new Promise<void>((resolve) => honest.on("connect", resolve));
  const seen = watcher(limits, "queuedBytes");
  const text = "x".repeat(64 * KIB);
  for (let i = 0; i < 400 && gone.length < 2; i++) {
    const got = new Promise<number>((resolve) => honest.once("news", (n: number) => resolve(n)));
    io.emit("news", i, text);
    seen.look();
    assertEquals(await got, i);
  }
  await until("the slow ones are closed", () => gone.length === 2);
  assertEquals(gone, ["transport error", "transport error"]);
  assertLessOrEqual(seen.most, 4 * MIB + 128 * KIB);
  honest.disconnect();
  silent.close();
  poller.close();
  await io.close();
  await assertAllBack(limits);
});

Deno.test("queued bytes: polling clients that don't read their responses are cut off, and nothing of them is kept", async () => {
  const limits = only("queuedBytes", 20 * MIB, "close");
  const seen = watcher(limits, "queuedBytes");
  const io = new SocketIoServer({ limits, maxBufferedBytes: 64 * MIB });
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  const wires: Wire[] = [];
  const text = "x".repeat(MIB);
  for (let i = 0; i < 3; i++) {
    const wire = await Wire.connect(port);
    wires.push(wire);
    await wire.write(`GET ${POLLING} HTTP/1.1\r\nHost: h\r\n\r\n`);
    const sid = /"sid":"([^"]+)"/.exec((await wire.readResponse()).body)![1];
    await wire.write(
      `POST ${POLLING}&sid=${sid} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n40`,
    );
    assertEquals((await wire.readResponse()).status, 200);
    const [socket] = [...io.sockets.sockets.values()].filter(({ conn }) => conn.id === sid);
    for (let n = 0; n < 16; n++) {
      socket.emit("news", text);
      seen.look();
    }
    // It asks for all of that, twice the same, and reads nothing of it.
    await wire.write(`GET ${POLLING}&sid=${sid}&seq=1 HTTP/1.1\r\nHost: h\r\n\r\n`);
    await until("the request came", () => (socket.conn as EngineSocket).bufferedAmount < MIB);
    seen.look();
  }
  assertLessOrEqual(seen.most, 21 * MIB);
  assertGreater(seen.most, 16 * MIB);
  assert((await wires[0].readAll()).length < 16 * MIB, "the first response was cut off");
  for (const wire of wires) wire.close();
  await io.close();
  await assertAllBack(limits);
});

// Bytes being received.

for (const policy of ["close", "drop", "wait"] as const) {
  Deno.test(`received bytes: unfinished messages of many WebSockets fill the budget, with "${policy}"`, async () => {
    const limits = only("receivedBytes", 2 * MIB, policy);
    const seen = watcher(limits, "receivedBytes");
    const echoes: number[] = [];
    const ws = await serve({
      limits,
      messageTimeout: policy === "wait" ? 1000 : 60_000,
      default: (ws) =>
        void ws.on("message", (data) => {
          seen.look();
          echoes.push(data.length);
          ws.send(data);
        }),
    });
    const part = clientFrame(2, new Uint8Array(400 * KIB), { fin: false });
    const wires: Wire[] = [];
    for (let i = 0; i < 10; i++) {
      const wire = await openWebSocket(ws.port);
      wires.push(wire);
      // Who is held back does not take all of it.
      wire.write(part);
      seen.look();
    }
    const codes = wires.map(async (wire) => {
      const code = await wire.readClose();
      wire.close();
      return code;
    });
    const clients = [...ws.clients];
    await until("the limit acts", () => {
      seen.look();
      return policy === "drop"
        ? clients.some(({ dropped }) => dropped > 0)
        : clients.some(({ state }) => state !== "open");
    });
    // A message that comes in one read needs no room, and goes through meanwhile.
    await assertEchoes(ws.port);
    if (policy === "wait") {
      // Nobody is closed but for the time that its message takes, or that it waits for room.
      const closed = (await Promise.all(codes)).toSorted();
      const late = closed.filter((code) => code === 1008).length;
      assertEquals(closed, wires.map((_, i) => i < late ? 1008 : 1013));
      assertGreater(late, 0);
    } else {
      for (const wire of wires) {
        await wire.write(clientFrame(0, "end"));
        await wire.write(clientFrame(8, new Uint8Array([3, 232])));
      }
      const all = await Promise.all(codes);
      const kept = all.filter((code) => code === 1000).length;
      if (policy === "drop") {
        assertEquals(kept, 10);
        assertLessOrEqual(echoes.length, 10);
      } else {
        assertEquals(all.filter((code) => code === 1013).length, 10 - kept);
        assertLessOrEqual(kept, 5);
      }
    }
    // A message that is assembled may have twice its size for a moment.
    assertLessOrEqual(seen.most, 2 * MIB + MIB);
    await until("all are gone", () => ws.clients.size === 0);
    assertEquals(limits.pressure.receivedBytes.used, 0);
    await ws.close();
    await assertAllBack(limits);
  });
}

Deno.test("received bytes: with wait, messages that need more than there is all get through, one after the other", async () => {
  const limits = only("receivedBytes", 128 * KIB, "wait");
  let got = 0;
  const ws = await serve({
    limits,
    default: (ws) => void ws.on("message", (data) => ws.send(data)),
  });
  const clients = await Promise.all(Array.from({ length: 6 }, () => connectWebSocket(urlOf(ws))));
  const bytes = new Uint8Array(400 * KIB).map((_, i) => i * 31);
  await Promise.all(clients.map(async (client) => {
    for (let i = 0; i < 2; i++) {
      await client.send(bytes);
      const { data } = await client.receive();
      assert(data instanceof Uint8Array);
      assert(equals(data, bytes));
      got++;
    }
    await client.close();
  }));
  assertEquals(got, 12);
  await ws.close();
  await assertAllBack(limits);
});

Deno.test("received bytes: messages that nobody takes hold their senders back, and others go on", async () => {
  const limits = only("receivedBytes", 512 * KIB, "wait");
  const waiting: WebSocketConnection[] = [];
  const ws = await serve({ limits, protocols: { lazy: (ws) => void waiting.push(ws) } });
  const seen = watcher(limits, "receivedBytes");
  const lazy = await Promise.all(
    Array.from({ length: 6 }, () => connectWebSocket(urlOf(ws), { protocols: "lazy" })),
  );
  const sending = lazy.map(async (client) => {
    for (let i = 0; i < 64; i++) {
      await client.send(new Uint8Array(16 * KIB).fill(i));
      seen.look();
    }
  });
  await until("the limit is reached", () => limits.receivedBytes.full);
  // Somebody takes them at last.
  for (const server of waiting) {
    for (let i = 0; i < 64; i++) {
      const { data } = await server.receive();
      assert(data instanceof Uint8Array && data[0] === i && data.length === 16 * KIB);
    }
  }
  await Promise.all(sending);
  await Promise.all(lazy.map((client) => client.close()));
  await ws.close();
  await assertAllBack(limits);
});

Deno.test("received bytes: what a TCP server does not read is counted", async () => {
  const limits = new Limits();
  const server = await tcpServer(limits, () => {});
  const wires = await Promise.all(Array.from({ length: 4 }, () => Wire.connect(server.port)));
  for (const wire of wires) await wire.write(new Uint8Array(64));
  await until("it is counted", () => limits.pressure.receivedBytes.used === 256);
  for (const wire of wires) wire.close();
  for (const socket of server.connections) socket.destroy();
  await server.close();
  await assertAllBack(limits);
});

for (const policy of ["close", "drop", "wait"] as const) {
  Deno.test(`received bytes: Socket.IO messages, requests and attachments that are not complete, with "${policy}"`, async () => {
    const limits = only("receivedBytes", 600 * KIB, policy);
    const io = new SocketIoServer({ limits, messageTimeout: 2000, maxHttpBufferSize: MIB });
    const reasons: string[] = [];
    io.on("connection", (socket) => {
      socket.on("hello", (...args: unknown[]) => (args.at(-1) as () => void)());
    });
    io.engine.on("connection", (socket) => {
      socket.on("close", (reason) => void reasons.push(reason));
    });
    const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
    const seen = watcher(limits, "receivedBytes");
    const wires: Wire[] = [];
    // Messages that end nowhere.
    for (let i = 0; i < 3; i++) {
      const wire = await openWebSocket(port, { path: ENGINE });
      wires.push(wire);
      wire.write(clientFrame(1, "4".repeat(250 * KIB), { fin: false }));
    }
    // Attachments that wait for others.
    for (let i = 0; i < 2; i++) {
      const wire = await openWebSocket(port, { path: ENGINE });
      wires.push(wire);
      await wire.write(clientFrame(1, "40"));
      await wire.write(
        clientFrame(1, '452-["hello",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'),
      );
      wire.write(clientFrame(2, new Uint8Array(400 * KIB)));
    }
    // Requests whose body does not end.
    for (let i = 0; i < 3; i++) {
      const wire = await Wire.connect(port);
      wires.push(wire);
      await wire.write(`GET ${POLLING} HTTP/1.1\r\nHost: h\r\n\r\n`);
      const sid = /"sid":"([^"]+)"/.exec((await wire.readResponse()).body)![1];
      await wire.write(
        `POST ${POLLING}&sid=${sid} HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n\r\n`,
      );
      wire.write(new Uint8Array(300 * KIB).fill(52));
    }
    await until("the limit acts", () => {
      seen.look();
      return reasons.length > 0;
    });
    const honest = connectSocketIo(`http://127.0.0.1:${port}`, { transports: ["websocket"] });
    await honest.emitWithAck("hello", "world");
    assertLessOrEqual(seen.most, 600 * KIB + 900 * KIB);
    for (const wire of wires) wire.close();
    await until("they are gone", () => io.engine.clientsCount === 1);
    await until("all is back", () => limits.pressure.receivedBytes.used === 0);
    await honest.emitWithAck("hello", new Uint8Array(300 * KIB), new Uint8Array(200 * KIB));
    honest.disconnect();
    await io.close();
    await assertAllBack(limits);
  });
}

// Bytes being inflated.

for (const policy of ["close", "drop", "wait"] as const) {
  Deno.test(`inflated bytes: a bomb over many connections fills the budget, with "${policy}"`, async () => {
    const limits = only("inflatingBytes", 4 * MIB, policy);
    const seen = watcher(limits, "inflatingBytes");
    const ws = await serve({
      limits,
      perMessageDeflate: true,
      messageTimeout: policy === "wait" ? 1000 : 60_000,
    });
    const io = new SocketIoServer({ limits, perMessageDeflate: true, cors: { origin: "*" } });
    const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
    // A thousandth on the wire; the message does not end.
    const bomb = deflateRawSync(new Uint8Array(900 * KIB), {
      finishFlush: constants.Z_SYNC_FLUSH,
    });
    const part = clientFrame(2, bomb, { fin: false, rsv: 0x40 });
    assertLessOrEqual(part.length, 2 * KIB);
    const wires: Wire[] = [];
    for (let i = 0; i < 10; i++) {
      wires.push(
        await openWebSocket(ws.port, { headers: OFFER }),
        await openWebSocket(port, { path: ENGINE, headers: OFFER }),
      );
    }
    const served = [...ws.clients];
    for (const wire of wires) {
      await wire.write(part);
      seen.look();
    }
    const bombers = served.length;
    await until("the limit acts", () => {
      seen.look();
      return policy === "drop"
        ? served.some(({ dropped }) => dropped > 0)
        : served.some(({ state }) => state !== "open");
    });
    assertEquals(bombers, 10);
    // One message more than the limit, for a moment; who has to wait keeps what it has.
    if (policy !== "wait") assertLessOrEqual(seen.most, 5 * MIB);
    const honest = await connectWebSocket(urlOf(ws), { perMessageDeflate: true });
    const text = "compress me ".repeat(1000);
    await honest.send(text);
    assertEquals((await honest.receive()).data, text);
    for (const wire of wires) wire.close();
    await until("they are gone", () => ws.clients.size === 1 && io.engine.clientsCount === 0);
    assertEquals(limits.pressure.inflatingBytes.used, 0);
    await honest.send(text);
    assertEquals((await honest.receive()).data, text);
    await honest.close();
    await Promise.all([ws.close(), io.close()]);
    await assertAllBack(limits);
  });
}

Deno.test("inflated bytes: a message of the largest size fits a budget of that size, however it comes", async () => {
  const size = 600 * KIB;
  const limits = only("inflatingBytes", size, "close");
  const server = await serve({ limits, perMessageDeflate: true, maxMessageSize: size });
  const message = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) {
    crypto.getRandomValues(message.subarray(at, at + 65_536));
  }
  const wire = await openWebSocket(server.port, { headers: OFFER });
  const [ws] = server.clients;
  const received = ws.receive({ timeout: 10_000 });
  const payload = deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
  for (let at = 0; at < payload.length; at += 20_000) {
    const part = payload.subarray(at, at + 20_000);
    const fin = at + part.length === payload.length;
    await wire.write(clientFrame(at === 0 ? 2 : 0, part, { fin, rsv: at === 0 ? 0x40 : 0 }));
  }
  const { data, code } = await received;
  assertEquals(code, undefined);
  assert(equals(data as Uint8Array, message));
  wire.close();
  await server.close();
  await assertAllBack(limits);
});

// Connections.

Deno.test("connections: the limit holds over servers of three kinds; more are dropped, and told so where there is a way", async () => {
  const limits = only("connections", 6, "drop");
  const drops: string[] = [];
  const tcp = await tcpServer(limits, (socket) => void socket.pipe(socket));
  tcp.on("drop", ({ reason }) => void drops.push(reason));
  const ws = await serve({ limits });
  const io = new SocketIoServer({ limits });
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  const wires: Wire[] = [];
  for (let i = 0; i < 2; i++) {
    const wire = await Wire.connect(tcp.port);
    await wire.write("x");
    await wire.read(1);
    wires.push(
      wire,
      await openWebSocket(ws.port),
      await openWebSocket(port, { path: ENGINE }),
    );
  }
  assertEquals(limits.pressure.connections, { used: 6, limit: 6 });
  assertEquals([tcp.pressure.level, ws.pressure.level, io.pressure.level], [1, 1, 1]);
  using one = await Wire.connect(tcp.port);
  assertEquals((await one.readAll()).length, 0);
  assertEquals(drops, ["limits"]);
  using two = await Wire.connect(ws.port);
  assertEquals((await two.readResponse()).status, 503);
  using three = await Wire.connect(port);
  assertEquals((await three.readAll()).length, 0);
  assertEquals(limits.pressure.connections.used, 6);
  wires[0].close();
  await until("one is gone", () => limits.pressure.connections.used === 5);
  await assertEchoes(ws.port);
  for (const wire of wires) wire.close();
  await until("all are gone", () => limits.pressure.connections.used === 0);
  await assertTcpEchoes(tcp.port);
  await Promise.all([tcp.close(), ws.close(), io.close()]);
  await assertAllBack(limits);
});

Deno.test("connections: with wait, who comes to a full server is served when another one leaves, whichever server that was on", async () => {
  const limits = only("connections", 3, "wait");
  const tcp = await tcpServer(limits, (socket) => void socket.pipe(socket));
  const ws = await serve({ limits });
  const io = new SocketIoServer({ limits });
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  const first = await Promise.all([1, 2, 3].map(() => openWebSocket(ws.port)));
  // Each other listener waits for a connection already: it takes one before it sees that there is no room.
  const [second, third] = [await Wire.connect(tcp.port), await Wire.connect(port)];
  await until("all listeners wait", () => limits.connections.waiting === 3);
  assertEquals(limits.pressure.connections.used, 5);
  const late = [
    await Wire.connect(tcp.port),
    await Wire.connect(ws.port),
    await Wire.connect(port),
  ];
  await late[0].write("hello");
  await late[1].write(upgradeRequest());
  await late[2].write(upgradeRequest({}, `GET ${ENGINE} HTTP/1.1`));
  await turn();
  assertEquals([tcp.connections.size, ws.clients.size, io.engine.clientsCount], [1, 3, 0]);
  for (const wire of first) wire.close();
  await until("the first are gone", () => ws.clients.size < 2);
  assertEquals(new TextDecoder().decode(await late[0].read(5)), "hello");
  assertEquals(statusOf(await late[1].readHead()), 101);
  assertEquals(statusOf(await late[2].readHead()), 101);
  // Servers that are closed while they wait end.
  await until("they wait again", () => limits.connections.waiting === 3);
  for (const wire of [second, third, ...late]) wire.close();
  await Promise.all([tcp.close(), ws.close(), io.close()]);
  await assertAllBack(limits);
});

Deno.test("connections: sessions of Socket.IO on a server of node:http, and by a handler, are refused with 503 when there are too many", async () => {
  for (const policy of ["drop", "wait"] as const) {
    const limits = only("connections", 2, policy);
    const io = new SocketIoServer({ limits });
    const http = createHttpServer();
    io.attach(http);
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const { port } = http.address() as AddressInfo;
    const wires = [
      await openWebSocket(port, { path: ENGINE }),
      await openWebSocket(port, { path: ENGINE }),
    ];
    assertEquals(io.pressure.connections, { used: 2, limit: 2 });
    using third = await Wire.connect(port);
    await third.write(upgradeRequest({}, `GET ${ENGINE} HTTP/1.1`));
    assertEquals(statusOf(await third.readHead()), 503);
    using fourth = await Wire.connect(port);
    await fourth.write(`GET ${POLLING} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
    assertEquals((await fourth.readResponse()).status, 503);
    const fifth = await io.handler()(new Request(`http://h${POLLING}`));
    assertEquals(fifth.status, 503);
    await fifth.body?.cancel();
    for (const wire of wires) wire.close();
    await until("they are gone", () => io.pressure.connections.used === 0);
    using sixth = await Wire.connect(port);
    await sixth.write(`GET ${POLLING} HTTP/1.1\r\nHost: h\r\n\r\n`);
    assertEquals((await sixth.readResponse()).status, 200);
    assertEquals(io.pressure.connections.used, 1);
    sixth.close();
    await io.close();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
    await assertAllBack(limits);
  }
});

Deno.test("connections: servers that are closed while they wait for room end at once", async () => {
  const limits = only("connections", 1, "wait");
  limits.connections.add(1);
  const tcp = await tcpServer(limits, () => {});
  const ws = await serve({ limits });
  const io = new SocketIoServer({ limits });
  await io.listen({ port: 0, hostname: "127.0.0.1" });
  await until("all listeners wait", () => limits.connections.waiting === 3);
  await Promise.all([tcp.close(), ws.close(), io.close()]);
  limits.connections.remove(1);
  await assertAllBack(limits);
});

// All of it.

Deno.test("all is given back, whatever clients do and callbacks throw", async () => {
  const small = {
    connections: 40,
    queuedBytes: 512 * KIB,
    receivedBytes: 128 * KIB,
    inflatingBytes: 128 * KIB,
  };
  for (const policy of ["close", "drop", "wait"] as const) {
    const limits = new Limits({
      ...small,
      policies: { queuedBytes: policy, receivedBytes: policy, inflatingBytes: policy },
    });
    const tcp = await tcpServer(limits, (socket) => {
      let seen = 0;
      socket.on("error", () => {});
      socket.on("data", (data) => {
        seen += data.length;
        if (seen > 100_000) throw new Error("a listener threw");
        socket.write(new Uint8Array(data.length * 4));
      });
    });
    const ws = await serve({
      limits,
      perMessageDeflate: true,
      messageTimeout: 300,
      closeTimeout: 300,
      default: (ws) =>
        void ws.on("message", (data) => {
          if (data === "throw") throw new Error("a listener threw");
          if (data === "pause") ws.pause();
          ws.send(data);
          ws.send(new Uint8Array(40_000));
        }),
    });
    const io = new SocketIoServer({
      limits,
      messageTimeout: 300,
      closeTimeout: 300,
      pingInterval: 300,
      pingTimeout: 300,
      onListenerError: () => {},
    });
    io.on("connection", (socket) => {
      socket.on("throw", () => {
        throw new Error("a listener threw");
      });
      socket.on("echo", (...args: unknown[]) => void io.emit("echo", ...args, "x".repeat(20_000)));
    });
    const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
    let random = 12_345;
    const dice = (sides: number) => {
      random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
      return (random >>> 8) % sides;
    };
    const actor = async (): Promise<void> => {
      const kind = dice(3);
      const wire = kind === 0
        ? await Wire.connect(tcp.port)
        : await openWebSocket(kind === 1 ? ws.port : port, {
          path: kind === 1 ? "/" : ENGINE,
          headers: kind === 1 && dice(2) === 0 ? OFFER : {},
        }).catch(() => undefined);
      if (wire === undefined) return;
      if (kind === 2) await wire.write(clientFrame(1, "40"));
      for (let i = dice(6); i >= 0; i--) {
        const text = kind === 2 ? ['42["echo",1]', '42["throw"]', "3", "nonsense"][dice(4)] : [
          "hello",
          "throw",
          "pause",
          "x".repeat(dice(60_000)),
        ][dice(4)];
        const frame = [
          clientFrame(1, text),
          clientFrame(1, text, { fin: false }),
          clientFrame(2, new Uint8Array(dice(50_000)), { fin: dice(3) === 0 }),
          clientFrame(9, "ping"),
          clientFrame(8, new Uint8Array([3, 232])),
          new Uint8Array(dice(50_000)),
        ][dice(6)];
        await wire.write(kind === 0 ? new Uint8Array(dice(60_000)) : frame);
        if (dice(2) === 0) await turn();
      }
      if (dice(3) > 0) await turn();
      wire.close();
    };
    for (let round = 0; round < 8; round++) await Promise.all(Array.from({ length: 12 }, actor));
    await Promise.all([tcp.close({ drain: 2000 }), ws.close({ timeout: 2000 }), io.close()]);
    await assertAllBack(limits);
  }
});
