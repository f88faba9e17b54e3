import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { EventEmitter } from "node:events";
import { createServer, type Server as HttpServer, type ServerResponse } from "node:http";
import { createSecureServer, createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { reported } from "../_support/console_errors.ts";
import * as parser from "socket.io-parser";
import { assertShown } from "../_support/shown.ts";
import { CA, identity } from "../_support/certs.ts";
import { FakeEngine, fakeServer, next, RawClient, withServer } from "../_support/socketio_rig.ts";
import { BroadcastOperator, RemoteSocket } from "../../socketio/broadcast_operator.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import { InMemoryAdapter } from "../../socketio/in_memory_adapter.ts";
import { SocketIoManager } from "../../socketio/manager.ts";
import { SocketIoEngine } from "../../socketio/engine.ts";
import { SocketIoServer } from "../../socketio/server.ts";
import { SocketIoSocket } from "../../socketio/socket.ts";
import { StandardWebSocket } from "../../websocket/standard_web_socket.ts";
import type { AdapterNamespace } from "../../socketio/types.ts";

Deno.test("server serves clients of both transports, with events and answers", async () => {
  await withServer({}, async ({ io, url }) => {
    io.on("connection", (socket) => {
      socket.on("echo", (value, answer) => answer(value));
    });
    for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]] as const) {
      const socket = connectSocketIo(url, { transports });
      assertEquals(await socket.emitWithAck("echo", { a: [1, "é"] }), { a: [1, "é"] });
      assertEquals(
        await socket.emitWithAck("echo", new Uint8Array([1, 2])),
        new Uint8Array([1, 2]),
      );
      await socket.close();
    }
    assertEquals(io.engine.clientsCount, 0);
  });
});

Deno.test("server's burst of broadcasts in one turn keeps to what may wait for a client", async () => {
  const message = "x".repeat(10_000);
  for (const slowClient of ["close", "drop"] as const) {
    await withServer({ maxBufferedBytes: 65_536, slowClient }, async ({ io, url }) => {
      const came = next(io, "connection");
      const ws = `${url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`;
      const client = new RawClient(ws);
      await client.read();
      client.send("40");
      await came;
      const [conn] = io.engine.clients.values();
      let taken = 0;
      let waits = conn.bufferedAmount;
      for (let i = 0; i < 500; i++) {
        io.emit("news", message);
        if (conn.bufferedAmount > waits) taken++;
        waits = conn.bufferedAmount;
        assert(waits < 90_000, `${waits} bytes wait`);
      }
      assertEquals(io.engine.clientsCount, slowClient === "close" ? 0 : 1);
      if (slowClient === "drop") {
        assert(taken >= 6 && taken <= 8, `${taken} messages had room`);
        assertMatch(await client.read() as string, /^40\{/);
        for (let i = 0; i < taken; i++) await client.expect(`42["news","${message}"]`);
        io.emit("last");
        await client.expect('42["last"]');
      }
      client.socket.close();
      await client.closed;
    });
  }
});

Deno.test("server runs on a server of node:http, and closes it when it closes, as npm's does", async () => {
  const http = createServer((_request, response) => response.end("page"));
  const io = new SocketIoServer().attach(http);
  io.on("connection", (socket) => socket.emit("hello"));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const socket = connectSocketIo(url);
  await next(socket, "hello");
  assertEquals(await (await fetch(url)).text(), "page");
  await socket.close();
  await io.close();
  assertFalse(http.listening);
  await assertRejects(() => fetch(url), TypeError);
  await io.close();
});

Deno.test("server that closes lets a server of node:http have its responses, or cuts them when its time is over", async () => {
  for (const time of [undefined, 10, 0]) {
    const cut = time === 10;
    const asked = Promise.withResolvers<ServerResponse>();
    const http = createServer((_request, response) => asked.resolve(response));
    const io = new SocketIoServer().attach(http);
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const answer = fetch(`http://127.0.0.1:${(http.address() as AddressInfo).port}`)
      .then((response) => response.text());
    const late = cut ? assertRejects(() => answer, TypeError) : answer;
    const response = await asked.promise;
    const closed = io.close(time === undefined ? undefined : { timeout: time });
    assertFalse(http.listening);
    if (!cut) response.end("page");
    await closed;
    const text = await late;
    if (!cut) assertEquals(text, "page");
  }
});

Deno.test("server closes although what it was attached to can't be closed", async () => {
  const emitters = [
    new EventEmitter(),
    Object.assign(new EventEmitter(), {
      close() {
        throw new Error("it can't be closed");
      },
    }),
    Object.assign(new EventEmitter(), {
      close: () => Promise.reject(new Error("it can't be closed")),
    }),
  ];
  const http = createServer();
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const io = new SocketIoServer();
  for (const emitter of emitters) io.attach(emitter as unknown as HttpServer);
  io.attach(http);
  await io.close();
  assertEquals(http.listening, false);
});

Deno.test("server closes, and cuts all, although one that it was attached to ends neither by itself nor so", async () => {
  const broken = new Error("it can't be cut");
  const cut: string[] = [];
  const attached = (closeAllConnections: () => void) =>
    Object.assign(new EventEmitter(), { close() {}, closeAllConnections });
  const io = new SocketIoServer();
  for (const name of ["first", "second"]) {
    const emitter = attached(() => {
      cut.push(name);
      if (name === "first") throw broken;
    });
    io.attach(emitter as unknown as HttpServer);
  }
  assertEquals(await reported(() => io.close({ timeout: 1 })), [broken]);
  assertEquals(cut, ["first", "second"]);
});

Deno.test("server closes servers of node:http that do not listen, its callback comes behind, and one of its engine stays", async () => {
  const [never, listening, engines] = [createServer(), createServer(), createServer()];
  const io = new SocketIoServer().attach(never).attach(listening);
  io.engine.attach(engines);
  for (const http of [listening, engines]) {
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  }
  const log: string[] = [];
  listening.on("close", () => log.push("closed"));
  await new Promise<void>((resolve) => {
    io.close((error) => {
      log.push(`told ${error}`);
      resolve();
    });
  });
  assertEquals(log, ["closed", "told undefined"]);
  assert(engines.listening);
  await new Promise((resolve) => engines.close(resolve));
});

Deno.test("server that closes waits no longer than it is told for connections of node:http that others have upgraded", async () => {
  const http = createServer();
  const upgraded = Promise.withResolvers<Duplex>();
  http.on("upgrade", (_request, socket: Duplex) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
    upgraded.resolve(socket);
  });
  const io = new SocketIoServer().attach(http);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  const client = await Deno.connect({ hostname: "127.0.0.1", port });
  const request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
  await client.write(new TextEncoder().encode(request));
  const socket = await upgraded.promise;
  await io.close({ timeout: 20 });
  const closed = new Promise((resolve) => http.once("close", resolve));
  socket.destroy();
  client.close();
  await closed;
});

Deno.test("server that closes waits no longer than it is told for connections of node:http2, which it can't cut", async () => {
  const http2 = createHttp2Server();
  const io = new SocketIoServer().attach(http2);
  await new Promise<void>((resolve) => http2.listen(0, "127.0.0.1", resolve));
  const connected = new Promise((resolve) => http2.once("connection", resolve));
  const client = await Deno.connect({
    hostname: "127.0.0.1",
    port: (http2.address() as AddressInfo).port,
  });
  await connected;
  await io.close({ timeout: 20 });
  assertFalse(http2.listening);
  const closed = new Promise((resolve) => http2.once("close", resolve));
  client.close();
  await closed;
});

Deno.test("server serves the clients of a secure server of node:http2, both transports", async () => {
  const http2 = createSecureServer({ allowHTTP1: true, ...identity("server") });
  const io = new SocketIoServer().attach(http2);
  const versions = new Set<string | undefined>();
  io.on("connection", (socket) => {
    versions.add((socket.request as { httpVersion?: string }).httpVersion);
    socket.on("echo", (value, answer) => answer(value));
  });
  await new Promise<void>((resolve) => http2.listen(0, "127.0.0.1", resolve));
  const { port } = http2.address() as AddressInfo;
  using client = Deno.createHttpClient({ caCerts: [CA] });
  for (const transports of [["polling"], ["websocket"]] as const) {
    const socket = connectSocketIo(`https://localhost:${port}`, {
      transports,
      fetch: (input, init) => fetch(input, { ...init, client }),
      WebSocket: class extends StandardWebSocket {
        constructor(url: string | URL) {
          super(url, { tls: { ca: CA } });
        }
      },
    });
    assertEquals(await socket.timeout(5000).emitWithAck("echo", "é"), "é");
    await socket.close();
  }
  assertEquals(versions, new Set(["2.0", "1.1"]));
  await io.close();
});

Deno.test("server runs in a handler of Deno.serve", async () => {
  const io = new SocketIoServer();
  io.on("connection", (socket) => socket.emit("hello", socket.handshake.address));
  const handler = io.handler();
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request, info) => {
    const { pathname } = new URL(request.url);
    return pathname.startsWith("/socket.io/") ? handler(request, info) : new Response("page");
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]] as const) {
    const socket = connectSocketIo(url, { transports });
    assertEquals(await next(socket, "hello"), ["127.0.0.1"]);
    await socket.close();
  }
  assertEquals(await (await fetch(url)).text(), "page");
  await io.close();
  await server.shutdown();
});

Deno.test("server serves the browser's client, with its map, compressed and cached", async () => {
  await withServer({}, async ({ url }) => {
    const response = await fetch(`${url}/socket.io/socket.io.js`);
    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-type"), "application/javascript; charset=utf-8");
    assertMatch(await response.text(), /^\/\*!\n \* Socket\.IO v4\./);
    const etag = response.headers.get("etag")!;
    const cached = await fetch(`${url}/socket.io/socket.io.js`, {
      headers: { "If-None-Match": etag },
    });
    await cached.body?.cancel();
    // "unless its field value equals" that of a 200 response to a GET. RFC 9110 §8.6
    assertEquals([cached.status, cached.headers.get("content-length")], [304, null]);
    const asked = { "Accept-Encoding": "identity" };
    const head = await fetch(`${url}/socket.io/socket.io.js`, { method: "HEAD", headers: asked });
    assertEquals((await head.bytes()).length, 0);
    const page = await fetch(`${url}/socket.io/socket.io.js`, { headers: asked });
    assertEquals(head.headers.get("content-length"), String((await page.bytes()).length));
    for (const file of ["socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"]) {
      const found = await fetch(`${url}/socket.io/${file}`);
      assertEquals(found.status, 200, file);
      await found.body?.cancel();
    }
    const map = await fetch(`${url}/socket.io/socket.io.min.js.map`);
    assertEquals(map.headers.get("content-type"), "application/json; charset=utf-8");
    assert((await map.json()).version === 3);
    for (const path of ["other.js", "../package.json", "socket.io.js/", "package.json"]) {
      const missing = await fetch(`${url}/socket.io/${path}`);
      await missing.body?.cancel();
      assertEquals(missing.status, 404, path);
    }
    const wrong = await fetch(`${url}/socket.io/socket.io.js`, { method: "POST", body: "x" });
    await wrong.body?.cancel();
    assertEquals(wrong.status, 405);
  });
});

Deno.test("server serves the browser's client to pages of other origins that it lets in", async () => {
  const cors = { origin: "https://good.com", credentials: true };
  for (const own of [true, false]) {
    const io = new SocketIoServer({ cors });
    const http = own ? undefined : createServer((_, response) => response.writeHead(404).end());
    if (http !== undefined) {
      io.attach(http);
      await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    }
    const { port } = http?.address() as AddressInfo ??
      await io.listen({ port: 0, hostname: "127.0.0.1" });
    const ask = async (method: string, origin: string) => {
      const url = `http://127.0.0.1:${port}/socket.io/socket.io.esm.min.js`;
      const response = await fetch(url, { method, headers: { origin, "accept-encoding": "gzip" } });
      await response.body?.cancel();
      const { status, headers } = response;
      return [status, headers.get("access-control-allow-origin"), headers.get("vary")];
    };
    assertEquals(await ask("GET", "https://good.com"), [
      200,
      "https://good.com",
      "Origin, Accept-Encoding",
    ]);
    assertEquals(await ask("GET", "https://bad.com"), [200, null, "Origin, Accept-Encoding"]);
    assertEquals(await ask("OPTIONS", "https://good.com"), [204, "https://good.com", "Origin"]);
    await io.close();
  }
});

Deno.test("server serves no client where that is not wanted", async () => {
  await withServer({ serveClient: false }, async ({ url }) => {
    const response = await fetch(`${url}/socket.io/socket.io.js`);
    await response.body?.cancel();
    assertEquals(response.status, 404);
  });
});

Deno.test("server has a path of its own choice", async () => {
  await withServer({ path: "/chat/" }, async ({ io, url }) => {
    io.on("connection", (socket) => socket.emit("hello"));
    const socket = connectSocketIo(url, { path: "/chat" });
    await next(socket, "hello");
    await socket.close();
    const response = await fetch(`${url}/chat/socket.io.js`);
    await response.body?.cancel();
    assertEquals(response.status, 200);
  });
});

Deno.test("server calls back when it is closed, as libraries wait for it", async () => {
  const io = new SocketIoServer();
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  const gone: unknown[] = [];
  io.on("connection", (socket) => socket.on("disconnect", (reason) => gone.push(reason)));
  const socket = connectSocketIo(`http://127.0.0.1:${port}`, { reconnection: false });
  await next(socket, "connect");
  const error = await new Promise((resolve) => io.close(resolve));
  assertEquals([error, gone], [undefined, ["server shutting down"]]);
  await socket.close();
  assertEquals(await new Promise((resolve) => io.close(resolve)), undefined);

  const failing = new SocketIoServer();
  const cause = new Error("can't");
  failing.bind({ on: () => {}, close: () => Promise.reject(cause) });
  const heard: unknown[] = [];
  await assertRejects(() => failing.close((error) => heard.push(error)), Error, "can't");
  assertEquals(heard, [cause]);
  const given: unknown[][] = [];
  const other = new SocketIoServer();
  other.bind({ on: () => {}, close: (...args: unknown[]) => given.push(args) });
  await other.close();
  await other.close({ timeout: 5 });
  assertEquals(given, [[], [{ timeout: 5 }]]);

  // Nobody waits for the promise.
  const alone = new SocketIoServer();
  alone.bind({ on: () => {}, close: () => Promise.reject(cause) });
  assertEquals(await new Promise((resolve) => void alone.close(resolve)), cause);
});

Deno.test("server closes its port also where an adapter throws", async () => {
  class FailingAdapter extends InMemoryAdapter {
    override close(): void {
      throw new Error("can't");
    }
  }
  const io = new SocketIoServer({ adapter: FailingAdapter });
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  try {
    assertEquals(await new Promise((resolve) => void io.close(resolve)), undefined);
    await assertRejects(() => Deno.connect({ port, hostname: "127.0.0.1" }));
  } finally {
    await io.engine.close();
  }
});

Deno.test("server that closes lets nobody in while its adapters close", async () => {
  const adapter = Promise.withResolvers<void>();
  class SlowAdapter extends InMemoryAdapter {
    override close(): Promise<void> {
      return adapter.promise;
    }
  }
  const io = new SocketIoServer({ adapter: SlowAdapter });
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  let isClosed = false;
  const closed = io.close(() => isClosed = true);
  try {
    await assertRejects(async () => {
      using _conn = await Deno.connect({ port, hostname: "127.0.0.1" });
    });
    assertEquals(isClosed, false);
  } finally {
    adapter.resolve();
    await closed;
  }
});

Deno.test("server that closes does not wait for an adapter that does not settle", async () => {
  class StuckAdapter extends InMemoryAdapter {
    override close(): Promise<void> {
      return new Promise(() => {});
    }
  }
  const io = new SocketIoServer({ adapter: StuckAdapter });
  const engine = new FakeEngine();
  io.bind(engine);
  const real = globalThis.setTimeout;
  const times: unknown[] = [];
  globalThis.setTimeout = ((run: () => void, ms?: number) => {
    times.push(ms);
    return real(run, 0);
  }) as typeof setTimeout;
  const closed = io.close();
  globalThis.setTimeout = real;
  assertEquals([engine.closed, times], [true, [5_000]]);
  await closed;
});

Deno.test("server that closes waits as long as it is told to, for adapters too", async () => {
  class Stuck extends InMemoryAdapter {
    override close(): Promise<void> {
      return new Promise(() => {});
    }
  }
  const io = new SocketIoServer({ adapter: Stuck });
  await assertRejects(() => io.close({ timeout: NaN }), RangeError);
  await assertRejects(() => io.close({ drain: 5 } as never), TypeError, "no option `drain`");
  const start = performance.now();
  const called = await new Promise((resolve) => void io.close({ timeout: 1 }, resolve));
  assertEquals(called, undefined);
  await io.close({ signal: AbortSignal.abort() });
  assert(performance.now() - start < 4_900); // each would take 5 seconds
});

Deno.test("server that closes tells its sockets, and its clients", async () => {
  const io = new SocketIoServer();
  const reasons: unknown[] = [];
  io.on("connection", (socket) => socket.on("disconnect", (reason) => reasons.push(reason)));
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  const clients = (["polling", "websocket"] as const).map((transport) =>
    connectSocketIo(`http://127.0.0.1:${port}`, { transports: [transport], reconnection: false })
  );
  await Promise.all(clients.map((client) => next(client, "connect")));
  const gone = Promise.all(clients.map((client) => next(client, "disconnect")));
  await io.close();
  assertEquals(reasons, ["server shutting down", "server shutting down"]);
  for (const [reason] of await gone) assertMatch(String(reason), /^transport/);
  await Promise.all(clients.map((client) => client.close()));
});

for (const transport of ["polling", "websocket"]) {
  Deno.test(`server that closes sends first what was sent in the same turn, over ${transport}`, async () => {
    const io = new SocketIoServer();
    io.on("connection", (socket) => {
      socket.on("question", (answer: (text: string) => void) => {
        answer("answer");
        io.emit("bye");
        io.disconnectSockets();
        io.close();
      });
    });
    const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
    const client = connectSocketIo(`http://127.0.0.1:${port}`, {
      transports: [transport as "polling"],
      reconnection: false,
    });
    const told: unknown[] = [];
    client.on("bye", () => told.push("bye"));
    await next(client, "connect");
    const gone = next(client, "disconnect");
    client.emit("question", (text: string) => told.push(text));
    told.push(...await gone);
    assertEquals(told.slice(0, 3), ["answer", "bye", "io server disconnect"]);
    await client.close();
    await io.close();
  });
}

Deno.test("server that closes answers a waiting request with what was sent, and not with the end beside it", async () => {
  const io = new SocketIoServer();
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  const url = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`;
  const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1));
  const connected = new Promise((resolve) => io.on("connection", resolve));
  await (await fetch(`${url}&sid=${sid}`, { method: "POST", body: "40" })).text();
  await connected;
  assertMatch(await (await fetch(`${url}&sid=${sid}`)).text(), /^40/);
  const waiting = fetch(`${url}&sid=${sid}`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  io.emit("bye");
  const closed = io.close();
  // npm's client hands on nothing of what comes beside an end.
  assertEquals(await (await waiting).text(), '42["bye"]');
  await closed;
});

Deno.test("server can be used with `await using`", async () => {
  let engine: SocketIoServer["engine"];
  {
    await using io = new SocketIoServer();
    engine = io.engine;
    const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
    const client = new RawClient(
      `ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`,
    );
    await client.read();
    assertEquals(engine.clientsCount, 1);
    client.closed.then(() => {});
  }
  assertEquals(engine.clientsCount, 0);
});

Deno.test("server takes the connections of another engine", async () => {
  const io = new SocketIoServer();
  const engine = new FakeEngine();
  assertStrictEquals(io.bind(engine), io);
  const conn = engine.connect();
  conn.join();
  assertEquals(io.sockets.sockets.size, 1);
  await io.close();
  assert(engine.closed);
});

Deno.test("server's namespaces are found by name, with and without a slash", () => {
  const { io } = fakeServer();
  const made: string[] = [];
  io.on("new_namespace", ({ name }) => made.push(name));
  assertStrictEquals(io.of("admin"), io.of("/admin"));
  assertStrictEquals(io.of("/"), io.sockets);
  assertEquals(made, ["/admin"]);
});

Deno.test("server refuses a namespace that no client can ask for, unless a parser of its own can", () => {
  const { io } = fakeServer();
  assertThrows(() => io.of("/a,b"), TypeError, "comma");
  assertEquals([...io._nsps.keys()], ["/"]);
  const own = fakeServer({ parser });
  assertEquals(own.io.of("/a,b").name, "/a,b");
});

Deno.test("server takes a listener along with a namespace", () => {
  const { io, join } = fakeServer();
  const seen: string[] = [];
  io.of("/a", (socket) => seen.push(socket.nsp.name));
  join("/a").close();
  assertEquals(seen, ["/a"]);
});

Deno.test("server's adapter can be a class or a function, and can be changed", () => {
  const made: string[] = [];
  class Mine extends InMemoryAdapter {
    constructor(nsp: AdapterNamespace) {
      super(nsp);
      made.push(`class ${nsp.name}`);
    }
    override close(): void {
      made.push("closed");
    }
  }
  const { io } = fakeServer({ adapter: Mine });
  io.of("/a");
  io.adapter((nsp: AdapterNamespace) => {
    made.push(`function ${nsp.name}`);
    return new InMemoryAdapter(nsp);
  });
  io.of("/b");
  assertEquals(made, [
    "class /",
    "class /a",
    "closed",
    "function /",
    "closed",
    "function /a",
    "function /b",
  ]);
});

Deno.test("server hands what it is asked for to its main namespace", async () => {
  const { io, join } = fakeServer();
  const conns = [join(), join()];
  const [a, b] = io.sockets.sockets.values() as Iterable<SocketIoSocket>;
  for (const conn of conns) conn.take();
  a.join("r");
  io.to("r").emit("1");
  io.in("r").emit("2");
  io.except("r").emit("3");
  io.local.emit("4");
  io.volatile.emit("5");
  io.compress(false).emit("6");
  io.timeout(5).emit("7");
  io.write("8");
  assertEquals(
    conns[0].take(),
    ["1", "2", "4", "5", "6", "7"].map((name) => `2["${name}"]`).concat('2["message","8"]'),
  );
  assertEquals(
    conns[1].take(),
    ["3", "4", "5", "6", "7"].map((name) => `2["${name}"]`).concat('2["message","8"]'),
  );
  io.socketsJoin("s");
  io.socketsLeave("r");
  assertEquals([a.rooms, b.rooms], [new Set([a.id, "s"]), new Set([b.id, "s"])]);
  assertEquals((await io.fetchSockets()).map(({ id }) => id), [a.id, b.id]);
  assertEquals(await io.allSockets(), new Set([a.id, b.id]));
  io.once("connection", () => {});
  io.use((_socket, next) => next());
  io.disconnectSockets();
  assertEquals(io.sockets.sockets.size, 0);
  for (const conn of conns) conn.close();
});

Deno.test("server refuses options that can't be honoured, when it is made", () => {
  const wrong = { allowEIO3: true } as object;
  assertThrows(() => new SocketIoServer(wrong), TypeError, "allowEIO3");
  assertThrows(() => new SocketIoServer({ path: "/x", ...wrong }), TypeError, "allowEIO3");
  assertThrows(() => new SocketIoServer({ path: 3000 as never }), TypeError, "path");
  assertThrows(() => new SocketIoServer({ cors: { credentials: true } }), TypeError, "cors");
  for (const name of ["connectTimeout", "maxPendingAcks", "maxAttachments", "attachmentTimeout"]) {
    assertThrows(() => new SocketIoServer({ [name]: -1 }), RangeError, name);
  }
});

Deno.test("server survives a client that floods it with random bytes", async () => {
  await withServer({}, async ({ io, url }) => {
    const target = `${url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`;
    const healthy = connectSocketIo(url, { transports: ["websocket"] });
    await next(healthy, "connect");
    for (let i = 0; i < 30; i++) {
      const client = new RawClient(target);
      await client.read();
      client.send("40");
      for (let j = 0; j < 5; j++) {
        const noise = crypto.getRandomValues(new Uint8Array(20));
        client.send(j % 2 === 0 ? noise : `4${String.fromCharCode(...noise)}`);
      }
      while (await client.read() !== "closed");
    }
    assert(healthy.connected);
    assertEquals(io.engine.clientsCount, 1);
    await healthy.close();
  });
});

Deno.test("server that is given a port or an HTTP server, as npm's takes it, says where these go", () => {
  // deno-lint-ignore no-explicit-any
  const Any = SocketIoServer as any;
  for (const given of [[3000], [createServer()], [createServer(), {}], [undefined, {}]]) {
    assertThrows(() => new Any(...given), TypeError, "a port goes to listen()");
  }
});

Deno.test("listen refuses what npm's takes besides a port, and says where it goes", async () => {
  await using io = new SocketIoServer();
  // deno-lint-ignore no-explicit-any
  const any = io as any;
  const refused: unknown[][] = [[createServer()], ["3000"], [0, { cors: {} }], [0, () => {}], [
    null,
  ]];
  for (const args of refused) {
    assertThrows(() => any.listen(...args), TypeError, "goes to attach()");
    assertThrows(() => any.engine.listen(...args), TypeError, "goes to attach()");
  }
  assertThrows(() => any.listen({ port: "3000" }), RangeError, 'port string "3000"');
});

Deno.test("server's listeners are those of its main namespace", () => {
  const io = new SocketIoServer();
  const listener = () => {};
  io.on("connection", listener).on("connection", () => {}).on("new_namespace", listener);
  assertEquals([io.listenerCount("connection"), io.listeners("connection")[0]], [2, listener]);
  assertEquals(io.removeAllListeners("connection").sockets.listenerCount("connection"), 0);
  assertEquals(io.listenerCount("new_namespace"), 1);
  assertEquals(io.removeAllListeners().listenerCount("new_namespace"), 0);
});

Deno.test("server tells at once of a middleware, namespaces or allowRequest that can't be: it would let nobody in", () => {
  const io = new SocketIoServer();
  for (const wrong of [undefined, null, {}, Promise.resolve(() => {})]) {
    const given = wrong as never;
    for (const target of [io, io.of("/x"), io.engine]) {
      assertThrows(() => target.use(given), TypeError, "not a function");
    }
    assertThrows(() => io.of(given), TypeError, "Cannot match namespaces");
  }
  for (const allowRequest of [null, {}, 5]) {
    const options = { allowRequest: allowRequest as never };
    assertThrows(() => new SocketIoServer(options), TypeError, "allowRequest");
  }
});

Deno.test("server refuses limits that are none: they would hold nothing", () => {
  for (const name of ["maxDisconnectionDuration", "maxPackets", "maxBytes", "maxSessions"]) {
    for (const value of [NaN, -1]) {
      const connectionStateRecovery = { [name]: value };
      assertThrows(() => new SocketIoServer({ connectionStateRecovery }), RangeError, name);
    }
  }
  const io = new SocketIoServer();
  for (const maxWaiting of [NaN, -1, 0]) {
    const options = { hostname: "192.0.2.1", maxWaiting };
    assertThrows(() => io.listen(options), RangeError, "maxWaiting");
  }
});

Deno.test("server asks a function for a namespace once for each client, though it answers twice", () => {
  const { io, engine } = fakeServer();
  let asked = 0;
  const twice = (_name: string, _auth: unknown, next: (error: null, allow: boolean) => void) => {
    next(null, false);
    next(null, true);
  };
  io.of(twice);
  io.of((_name, _auth, next) => {
    asked++;
    next(null, false);
  });
  const conn = engine.connect();
  conn.deliver("0/x,");
  assertEquals([conn.take(), asked], [['4/x,{"message":"Invalid namespace"}'], 1]);
  assertEquals([...io._nsps.keys()], ["/"]);
  conn.close();
});

Deno.test("servers, namespaces, sockets, managers and engines are shown by what one wants to know, without what is secret", async () => {
  const fresh = new SocketIoServer({ path: "/chat/" });
  assertShown(
    fresh,
    'SocketIoServer { path: "/chat", clients: 0, sockets: 0, namespaces: [ "/" ] }',
  );
  // Nobody has started the server's own engine by that.
  const engine = new FakeEngine();
  fresh.bind(engine);
  assertEquals(Deno.inspect(fresh).includes("clients: 0"), true);

  await withServer({ connectionStateRecovery: {} }, async ({ io, url }) => {
    const parent = io.of(/^\/room-\d$/);
    const came = next<[SocketIoSocket]>(parent, "connection");
    const client = connectSocketIo(`${url.replace("//", "//ann:s3cret@")}/room-1?token=s3cret`, {
      auth: { token: "s3cret" },
      query: { token: "s3cret" },
      extraHeaders: { "x-token": "s3cret" },
      transports: ["websocket"],
    });
    const shownClient = (id: string, connected: boolean, active = true) =>
      `SocketIoClientSocket {
${id}  nsp: "/room-1",
  connected: ${connected},
  active: ${active},
  recovered: false,
  waiting: 0
}`;
    assertShown(client, shownClient("", false));
    const connected = next(client, "connect");
    const [socket] = await came;
    await connected;
    socket.data.token = "s3cret";
    socket.join(["red", "blue"]);
    assertShown(client, shownClient(`  id: "${socket.id}",\n`, true));
    const shownSocket = (connected: boolean, rooms: string) =>
      `SocketIoSocket {
  id: "${socket.id}",
  nsp: "/room-1",
  connected: ${connected},
  recovered: false,
  rooms: ${rooms},
  transport: "websocket",
  remoteAddress: "127.0.0.1"
}`;
    assertShown(socket, shownSocket(true, '[ "red", "blue" ]'));
    assertShown(
      socket.conn,
      `EngineSocket {
  readyState: "open",
  transport: "websocket",
  upgrading: false,
  remoteAddress: "127.0.0.1",
  bufferedAmount: 0
}`,
    );
    assertShown(
      client.io,
      `SocketIoManager {
  url: "${url}/socket.io/",
  state: "open",
  reconnecting: false,
  transport: "websocket",
  namespaces: [ "/room-1" ]
}`,
    );
    assertShown(
      io,
      'SocketIoServer { path: "/socket.io", clients: 1, sockets: 0, namespaces: [ "/", "/room-1" ] }',
    );
    assertShown(io.engine, 'SocketIoEngine { path: "/socket.io/", clientsCount: 1 }');
    assertShown(socket.nsp, 'SocketIoNamespace { name: "/room-1", sockets: 1 }');
    assertShown(parent, `ParentNamespace { name: "${parent.name}", children: [ "/room-1" ] }`);
    assertShown(
      io.of("/room-1").to("red").except(["blue", "green"]).volatile,
      'BroadcastOperator { rooms: [ "red" ], except: [ "blue", "green" ], flags: { volatile: true } }',
    );
    const remote = new RemoteSocket(socket.nsp.adapter, socket);
    assertShown(remote, `RemoteSocket { id: "${socket.id}", rooms: [ "red", "blue" ] }`);
    // It sees through to nothing of the connection either.
    const all = Deno.inspect([io, parent, socket, socket.conn, client, client.io, remote], {
      depth: 20,
      showHidden: true,
    });
    assertFalse(all.includes("s3cret"));
    assertFalse(all.includes(socket.conn.id));
    const gone = next(socket, "disconnect");
    await client.close();
    await gone;
    assertShown(client, shownClient("", false, false));
    assertShown(socket, shownSocket(false, "[]"));
    assertEquals(Deno.inspect(client.io).includes('state: "closed"'), true);
  });
  for (const Class of [SocketIoServer, SocketIoSocket, SocketIoManager, BroadcastOperator]) {
    assertShown(Class.prototype, `${Class.name} {}`);
  }
});

Deno.test("server and engine take null for no options, as npm's do", async () => {
  await new SocketIoServer(null).close();
  await new SocketIoEngine(null).close();
});
