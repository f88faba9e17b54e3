import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { createServer } from "node:http";
import { type AddressInfo, connect as connectNode } from "node:net";
import type { Duplex } from "node:stream";
import { CA, identity } from "../_support/certs.ts";
import { NetError } from "../../net/errors.ts";
import { Limits } from "../../net/limits.ts";
import { MAX_DELAY } from "../../net/max_delay.ts";
import { sendProxyProtocol } from "../../net/proxy_protocol_transport.ts";
import { startTls } from "../../net/start_tls.ts";
import { writeAll } from "../../net/write_all.ts";
import { reported } from "../_support/console_errors.ts";
import { RawClient } from "../_support/socketio_rig.ts";
import { until } from "../_support/websocket_server.ts";
import { attachWebSocket } from "../../websocket/attach.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { encodeFrame } from "../../websocket/frame.ts";
import { SocketIoEngine, type SocketIoListenOptions } from "../../socketio/engine.ts";
import type { SocketIoEngineOptions } from "../../socketio/engine_options.ts";
import type { EngineSocket } from "../../socketio/engine_socket.ts";
import { SocketIoError } from "../../socketio/errors.ts";
import { SocketIoServer } from "../../socketio/server.ts";

/** A way to run an engine, for the length of a block. */
type Way = (
  engine: SocketIoEngine,
  run: (url: string) => Promise<void>,
) => Promise<void>;

const ways: Record<string, Way> = {
  async listen(engine, run) {
    const { port } = await engine.listen({ port: 0, hostname: "127.0.0.1" });
    try {
      await run(`http://127.0.0.1:${port}/engine.io/`);
    } finally {
      await engine.close();
    }
  },
  async attach(engine, run) {
    const server = createServer((_request, response) => response.end("not the engine"));
    engine.attach(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    try {
      await run(`http://127.0.0.1:${port}/engine.io/`);
    } finally {
      await engine.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  },
  async handler(engine, run) {
    const server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      engine.handler(),
    );
    try {
      await run(`http://127.0.0.1:${server.addr.port}/engine.io/`);
    } finally {
      await engine.close();
      await server.shutdown();
    }
  },
};

/** An engine that sends back what it gets. */
function echo(options: SocketIoEngineOptions = {}): SocketIoEngine {
  const engine = new SocketIoEngine(options);
  engine.on("connection", (socket) => socket.on("data", (data) => void socket.write(data)));
  return engine;
}

async function get(url: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url);
  return { status: response.status, text: await response.text() };
}

async function post(url: string, body: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url, { method: "POST", body });
  return { status: response.status, text: await response.text() };
}

/** Opens a session by polling, and returns the URL of its requests. */
async function openPolling(url: string): Promise<string> {
  const { status, text } = await get(`${url}?EIO=4&transport=polling`);
  assertEquals(status, 200);
  return `${url}?EIO=4&transport=polling&sid=${JSON.parse(text.slice(1)).sid}`;
}

const toWs = (url: string) => url.replace("http", "ws");

for (const [name, way] of Object.entries(ways)) {
  const test = (
    what: string,
    run: (url: string, engine: SocketIoEngine) => Promise<void>,
    options: SocketIoEngineOptions = {},
  ) =>
    Deno.test(`engine under ${name} ${what}`, async () => {
      const engine = echo(options);
      await way(engine, (url) => run(url, engine));
    });

  test("opens a session by polling", async (url, engine) => {
    const { status, text } = await get(`${url}?EIO=4&transport=polling`);
    assertEquals(status, 200);
    const { sid, ...rest } = JSON.parse(text.slice(1));
    assertMatch(sid, /^[\w-]{20}$/);
    assertEquals(text[0], "0");
    assertEquals(rest, {
      upgrades: ["websocket"],
      pingInterval: 25000,
      pingTimeout: 20000,
      maxPayload: 1000000,
    });
    assertEquals(engine.clientsCount, 1);
    const [connection] = engine.clients.values();
    assert(connection.server === engine && connection.server.clientsCount === 1);
    assertEquals([...engine.clients.keys()], [sid]);
  });

  test("opens a session by WebSocket", async (url, engine) => {
    const client = new RawClient(toWs(`${url}?EIO=4&transport=websocket`));
    const open = await client.read() as string;
    assertEquals(JSON.parse(open.slice(1)).upgrades, []);
    client.send("4hello");
    await client.expect("4hello");
    client.send(new Uint8Array([1, 2]));
    assertEquals(new Uint8Array(await client.read() as ArrayBuffer), new Uint8Array([1, 2]));
    const gone = new Promise((resolve) =>
      [...engine.clients.values()][0].on("close", (reason) => resolve(reason))
    );
    await client.close();
    assertEquals(await gone, "transport close");
    assertEquals(engine.clientsCount, 0);
  });

  test("refuses bad handshakes with 400, and a reason", async (url) => {
    for (
      const [query, code, message] of [
        ["transport=polling", 5, "Unsupported protocol version"],
        ["EIO=abc&transport=polling", 5, "Unsupported protocol version"],
        ["EIO=4", 0, "Transport unknown"],
        ["EIO=4&transport=constructor", 0, "Transport unknown"],
        ["EIO=4&transport=websocket", 3, "Bad request"],
        ["EIO=4&transport=polling&sid=abc", 1, "Session ID unknown"],
        ["EIO=4&transport=polling&sid=__proto__", 1, "Session ID unknown"],
      ] as const
    ) {
      const { status, text } = await get(`${url}?${query}`);
      assertEquals([status, JSON.parse(text)], [400, { code, message }], query);
    }
    for (const method of ["POST", "PUT"]) {
      const response = await fetch(`${url}?EIO=4&transport=polling`, { method });
      assertEquals(response.status, 400);
      assertEquals((await response.json()).code, 2);
    }
  });

  test("refuses bad WebSocket requests, and says so to the program", async (url, engine) => {
    const errors: unknown[] = [];
    engine.on("connection_error", ({ code, message, context, req }) => {
      errors.push([code, message, context.sid, req.url?.split("?")[0]]);
    });
    for (
      const query of [
        "transport=websocket",
        "EIO=4&transport=abc",
        "EIO=4&transport=websocket&sid=x",
      ]
    ) {
      const client = new RawClient(toWs(`${url}?${query}`));
      assertEquals(await client.read(), "closed");
    }
    assertEquals(errors, [
      [5, "Unsupported protocol version", undefined, "/engine.io/"],
      [0, "Transport unknown", undefined, "/engine.io/"],
      [1, "Session ID unknown", "x", "/engine.io/"],
    ]);
  });

  test("carries text and bytes by polling", async (url) => {
    const session = await openPolling(url);
    assertEquals(await post(session, "4hello\x1ebAQIDBA=="), { status: 200, text: "ok" });
    assertEquals(await get(session), { status: 200, text: "4hello\x1ebAQIDBA==" });
    assertEquals(await post(session, "4é€😀"), { status: 200, text: "ok" });
    assertEquals(await get(session), { status: 200, text: "4é€😀" });
  });

  test("answers a request that waits when there is something to send", async (url, engine) => {
    const session = await openPolling(url);
    const waiting = get(session);
    const [socket] = engine.clients.values();
    while (!socket.transport.writable) await new Promise((resolve) => setTimeout(resolve, 1));
    socket.write("a");
    socket.write("b");
    assertEquals(await waiting, { status: 200, text: "4a\x1e4b" });
  });

  test("ends a session at what is no packet", async (url) => {
    for (const body of ["abc", "", "4a\x1e\x1e4b", "b***", "\x1e"]) {
      const session = await openPolling(url);
      assertEquals((await post(session, body)).status, 400, JSON.stringify(body));
      assertEquals((await get(session)).status, 400);
    }
    const client = new RawClient(toWs(`${url}?EIO=4&transport=websocket`));
    await client.read();
    client.send("abc");
    assertEquals(await client.read(), "closed");
  });

  test("ends a session with two requests that wait", async (url, engine) => {
    const session = await openPolling(url);
    const first = get(session);
    const [socket] = engine.clients.values();
    while (!socket.transport.writable) await new Promise((resolve) => setTimeout(resolve, 1));
    const second = await get(session);
    assertEquals(second.status, 400);
    assertEquals(await first, { status: 200, text: "1" });
    assertEquals((await get(session)).status, 400);
  });

  test("ends a session whose request is given up", async (url, engine) => {
    const session = await openPolling(url);
    const [socket] = engine.clients.values();
    const reason = new Promise((resolve) => socket.on("close", (reason) => resolve(reason)));
    const controller = new AbortController();
    const waiting = fetch(session, { signal: controller.signal }).catch(() => {});
    while (!socket.transport.writable) await new Promise((resolve) => setTimeout(resolve, 1));
    controller.abort();
    await waiting;
    assertEquals(await reason, "transport error");
    assertEquals((await get(session)).status, 400);
  });

  test("lets go of a request whose client leaves before its body is there", async (url, engine) => {
    const session = new URL(await openPolling(url));
    const [socket] = engine.clients.values();
    const reason = new Promise((resolve) => socket.on("close", (reason) => resolve(reason)));
    const conn = connectNode(Number(session.port), session.hostname);
    const head = `POST ${session.pathname}${session.search} HTTP/1.1\r\nHost: x\r\n`;
    await new Promise<void>((resolve) =>
      conn.write(`${head}Content-Length: 50\r\n\r\n4a`, () => resolve())
    );
    // Another request on the way in shows that the first one is there.
    assertEquals((await get(url)).status, 400);
    conn.destroy();
    assertEquals(await reason, "transport error");
    // Each way ends with its server, which waits for all responses.
  });

  test("ends a session that the client closes", async (url) => {
    const session = await openPolling(url);
    const [waiting, closing] = await Promise.all([get(session), post(session, "1")]);
    assertEquals(waiting, { status: 200, text: "6" });
    assertEquals(closing, { status: 200, text: "ok" });
    assertEquals((await get(session)).status, 400);
    const client = new RawClient(toWs(`${url}?EIO=4&transport=websocket`));
    await client.read();
    client.send("1");
    assertEquals(await client.read(), "closed");
  });

  test("refuses a request with the content type of an older revision", async (url) => {
    const session = await openPolling(url);
    const response = await fetch(session, {
      method: "POST",
      body: new Uint8Array([1]),
      headers: { "Content-Type": "application/octet-stream" },
    });
    await response.body?.cancel();
    assertEquals(response.status, 400);
  });

  test("cuts a request off that is too large, while it is read", async (url, engine) => {
    const session = await openPolling(url);
    const [socket] = engine.clients.values();
    const reason = new Promise((resolve) => socket.on("close", (reason) => resolve(reason)));
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1024;
        if (sent > 10_000_000) controller.close();
        else controller.enqueue(new Uint8Array(1024).fill(0x34));
      },
    });
    const status = await fetch(session, { method: "POST", body }).then(
      async (response) => {
        await response.body?.cancel();
        return response.status;
      },
      () => "cut off",
    );
    assert(status === 413 || status === "cut off", String(status));
    assertEquals(await reason, "transport error");
    assert(sent < 5_000_000, `${sent} bytes were taken`);
  }, { maxHttpBufferSize: 10_000 });

  test("refuses a request at once that says it is too large", async (url) => {
    const session = await openPolling(url);
    const response = await fetch(session, { method: "POST", body: "4".repeat(200_000) }).catch(() =>
      undefined
    );
    await response?.body?.cancel();
    assert(response === undefined || response.status === 413);
    assertEquals((await get(session)).status, 400);
  }, { maxHttpBufferSize: 100_000 });

  test("ends a WebSocket with a message that is too large", async (url, engine) => {
    const client = new RawClient(toWs(`${url}?EIO=4&transport=websocket`));
    await client.read();
    const [socket] = engine.clients.values();
    const reason = new Promise((resolve) => socket.on("close", (reason) => resolve(reason)));
    client.send("4" + "x".repeat(2000));
    assertEquals(await reason, "transport error");
    assertEquals(await client.read(), "closed");
  }, { maxHttpBufferSize: 1000 });

  test("tells that a client closed whose connection is gone, and why", async (url, engine) => {
    for (const cut of ["end", "resetAndDestroy"] as const) {
      const { hostname, port, pathname } = new URL(url);
      const conn = connectNode(Number(port), hostname).on("error", () => {});
      const come = new Promise<EngineSocket>((resolve) => engine.once("connection", resolve));
      conn.write(
        `GET ${pathname}?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n` +
          "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      );
      const gone = Promise.withResolvers<unknown[]>();
      (await come).on("close", (...args) => gone.resolve(args));
      conn[cut]();
      const [reason, error] = await gone.promise;
      assertEquals([reason, (error as SocketIoError).code], ["transport close", "ERR_TRANSPORT"]);
      conn.destroy();
    }
  });

  test("upgrades a session, without a message lost", async (url, engine) => {
    const session = await openPolling(url);
    const [socket] = engine.clients.values();
    const log: unknown[] = [];
    socket.on("upgrading", ({ name }) => log.push(["upgrading", name]));
    socket.on("upgrade", ({ name }) => log.push(["upgrade", name]));
    const client = new RawClient(toWs(session.replace("polling", "websocket")));
    const waiting = get(session);
    while (client.socket.readyState !== 1) await new Promise((resolve) => setTimeout(resolve, 1));
    client.send("2probe");
    await client.expect("3probe");
    assertEquals(await waiting, { status: 200, text: "6" });
    assert(socket.upgrading && !socket.upgraded);
    socket.write("before the change");
    client.send("5");
    await client.expect("4before the change");
    client.send("4hello");
    await client.expect("4hello");
    assertEquals(log, [["upgrading", "websocket"], ["upgrade", "websocket"]]);
    assert(socket.upgraded);
    assertEquals((await get(session)).status, 400);
    // A second one gets its handshake, and is closed then.
    const late = new RawClient(toWs(session.replace("polling", "websocket")));
    let opened = false;
    late.socket.onopen = () => opened = true;
    assertEquals(await late.read(), "closed");
    assert(opened);
    client.send("4still here");
    await client.expect("4still here");
    await client.close();
  });

  test("lets a request go that waits when the probe was answered", async (url) => {
    const session = await openPolling(url);
    const client = new RawClient(toWs(session.replace("polling", "websocket")));
    while (client.socket.readyState !== 1) await new Promise((resolve) => setTimeout(resolve, 1));
    client.send("2probe");
    await client.expect("3probe");
    assertEquals(await get(session), { status: 200, text: "6" });
    client.send("5");
    client.send("4x");
    await client.expect("4x");
    await client.close();
  });

  test("goes on with polling when a probe fails", async (url, engine) => {
    const session = await openPolling(url);
    const [socket] = engine.clients.values();
    for (const bad of ["4hello", "5", "abc"]) {
      const client = new RawClient(toWs(session.replace("polling", "websocket")));
      while (client.socket.readyState !== 1) await new Promise((resolve) => setTimeout(resolve, 1));
      client.send(bad);
      assertEquals(await client.read(), "closed", bad);
    }
    assert(!socket.upgrading);
    await post(session, "4a");
    assertEquals(await get(session), { status: 200, text: "4a" });
  });

  test("lets one probe at a time go on", async (url) => {
    const session = await openPolling(url);
    const target = toWs(session.replace("polling", "websocket"));
    const first = new RawClient(target);
    while (first.socket.readyState !== 1) await new Promise((resolve) => setTimeout(resolve, 1));
    const second = new RawClient(target);
    assertEquals(await second.read(), "closed");
    first.send("2probe");
    await first.expect("3probe");
    first.send("5");
    first.send("4x");
    await first.expect("4x");
    await first.close();
  });

  test("gives a probe up that takes too long", async (url, engine) => {
    const session = await openPolling(url);
    const client = new RawClient(toWs(session.replace("polling", "websocket")));
    assertEquals(await client.read(), "closed");
    assert(![...engine.clients.values()][0].upgrading);
    await post(session, "4a");
    assertEquals(await get(session), { status: 200, text: "4a" });
  }, { upgradeTimeout: 50 });

  test("pings, and ends a client that is silent", async (url, engine) => {
    const client = new RawClient(toWs(`${url}?EIO=4&transport=websocket`));
    await client.read();
    const [socket] = engine.clients.values();
    let beats = 0;
    socket.on("heartbeat", () => beats++);
    const reason = new Promise((resolve) => socket.on("close", (reason) => resolve(reason)));
    for (let i = 0; i < 2; i++) {
      await client.expect("2");
      client.send("3");
    }
    await client.expect("2");
    assertEquals(await reason, "ping timeout");
    assertEquals(beats, 2);
    assertEquals(await client.read(), "closed");
    const session = await openPolling(url);
    assertEquals(await get(session), { status: 200, text: "2" });
    assertEquals(await post(session, "3"), { status: 200, text: "ok" });
    assertEquals(await get(session), { status: 200, text: "2" });
    await new Promise<void>((resolve) =>
      [...engine.clients.values()][0].on("close", () => resolve())
    );
    assertEquals((await get(session)).status, 400);
  }, { pingInterval: 30, pingTimeout: 60 });

  test("ends a client that pings", async (url) => {
    const client = new RawClient(toWs(`${url}?EIO=4&transport=websocket`));
    await client.read();
    client.send("2");
    assertEquals(await client.read(), "closed");
  });

  test("closes a polling connection with its last packets", async (url, engine) => {
    const session = await openPolling(url);
    const [socket] = engine.clients.values();
    socket.write("last words");
    socket.close();
    assertEquals(socket.readyState, "closing");
    const closed = new Promise((resolve) => socket.on("close", (reason) => resolve(reason)));
    assertEquals(await get(session), { status: 200, text: "4last words" });
    assertEquals(socket.readyState, "closing");
    assertEquals(await get(session), { status: 200, text: "1" });
    assertEquals(await closed, "forced close");
  });

  test(
    "closes a polling connection in the end, if the client does not come",
    async (url, engine) => {
      await openPolling(url);
      const [socket] = engine.clients.values();
      const closed = new Promise((resolve) => socket.on("close", (reason) => resolve(reason)));
      socket.write("a");
      socket.close();
      assertEquals(await closed, "forced close");
    },
    { closeTimeout: 20 },
  );

  test("closes a WebSocket with its last packets", async (url, engine) => {
    const client = new RawClient(toWs(`${url}?EIO=4&transport=websocket`));
    await client.read();
    const [socket] = engine.clients.values();
    socket.write("last words");
    socket.close();
    await client.expect("4last words");
    const { code } = await client.closed;
    assertEquals(code, 1000);
  });

  test("asks the program whether a connection is let in", async (url) => {
    const allowed = await openPolling(`${url}`.replace(/$/, ""));
    assert(allowed);
    const { status, text } = await get(`${url}?EIO=4&transport=polling&deny=1`);
    assertEquals([status, JSON.parse(text)], [403, { code: 4, message: "no entry" }]);
    const client = new RawClient(toWs(`${url}?EIO=4&transport=websocket&deny=1`));
    assertEquals(await client.read(), "closed");
  }, {
    allowRequest: (request, decide) => decide("no entry", !request.url!.includes("deny")),
  });

  test("keeps a connection out if the program fails to decide", async (url) => {
    await reported(async () => {
      assertEquals((await get(`${url}?EIO=4&transport=polling`)).status, 403);
      assertEquals((await get(`${url}?EIO=4&transport=polling&reject`)).status, 403);
    });
  }, {
    allowRequest: (request) => {
      if (request.url!.includes("reject")) return Promise.reject(new Error("x"));
      throw new Error("x");
    },
  });

  test("runs middleware on all requests of both transports", async (url, engine) => {
    const seen: string[] = [];
    engine.use((request, response, next) => {
      seen.push(`${request.method} ${request._query?.transport}`);
      response.setHeader("X-Seen", "yes");
      if (request.url!.includes("stop")) {
        response.statusCode = 401;
        response.end("stopped");
      } else if (request.url!.includes("fail")) next(new Error("x"));
      else next();
    });
    const response = await fetch(`${url}?EIO=4&transport=polling`);
    assertEquals(response.headers.get("x-seen"), "yes");
    const { sid } = JSON.parse((await response.text()).slice(1));
    await post(`${url}?EIO=4&transport=polling&sid=${sid}`, "4a");
    assertEquals((await get(`${url}?EIO=4&transport=polling&fail`)).status, 400);
    assertEquals(await get(`${url}?EIO=4&transport=polling&stop`), {
      status: 401,
      text: "stopped",
    });
    for (const query of ["&stop", "&fail"]) {
      const client = new RawClient(toWs(`${url}?EIO=4&transport=websocket${query}`));
      assertEquals(await client.read(), "closed");
    }
    const client = new RawClient(toWs(`${url}?EIO=4&transport=websocket`));
    assertMatch(await client.read() as string, /^0/);
    await client.close();
    assertEquals(seen, [
      "GET polling",
      "POST polling",
      "GET polling",
      "GET polling",
      "GET websocket",
      "GET websocket",
      "GET websocket",
    ]);
  });

  test("has headers that middleware sets when a response begins", async (url, engine) => {
    engine.use((_request, response, next) => {
      const { writeHead } = response;
      response.writeHead = function (status, headers = {}) {
        for (const [name, value] of Object.entries(headers)) this.setHeader(name, value);
        const cookies = [this.getHeader("Set-Cookie") ?? []].flat().map(String);
        this.setHeader("Set-Cookie", [...cookies, "session=1"]);
        return writeHead.call(this, status);
      };
      next();
    });
    engine.on("connection", (socket) => socket.write("a"));
    const first = await fetch(`${url}?EIO=4&transport=polling`);
    const { sid } = JSON.parse((await first.text()).split("\x1e")[0].slice(1));
    const session = `${url}?EIO=4&transport=polling&sid=${sid}`;
    const waiting = fetch(session);
    const refused = await fetch(`${url}?EIO=4&transport=polling`, { method: "PUT" });
    await refused.body?.cancel();
    engine.clients.get(sid)!.write("b");
    const polled = await waiting;
    await polled.body?.cancel();
    assertEquals(first.headers.getSetCookie(), [
      `io=${sid}; Path=/; HttpOnly; SameSite=Lax`,
      "session=1",
    ]);
    for (const response of [refused, polled]) {
      assertEquals(response.headers.getSetCookie(), ["session=1"], `${response.status}`);
    }
  }, { cookie: true });

  test("sets its cookie beside those that middleware set before", async (url, engine) => {
    engine.use((_request, response, next) => {
      response.setHeader("Set-Cookie", "mine=1");
      next();
    });
    const response = await fetch(`${url}?EIO=4&transport=polling`);
    const { sid } = JSON.parse((await response.text()).slice(1));
    assertEquals(response.headers.getSetCookie(), [
      "mine=1",
      `io=${sid}; Path=/; HttpOnly; SameSite=Lax`,
    ]);
    const next = await fetch(`${url}?EIO=4&transport=polling&sid=${sid}`, {
      method: "POST",
      body: "4a",
    });
    await next.body?.cancel();
    assertEquals(next.headers.getSetCookie(), ["mine=1"]);
  }, { cookie: true });

  test("answers 500 where the program adds a header that can't be sent", async (url, engine) => {
    const names: Record<string, string> = { GET: "", POST: "" };
    engine.on("headers", (headers, request) => {
      const name = names[request.method!];
      if (name !== "") headers["X-User"] = request.headers[name] as string;
    });
    const errors = await reported(async () => {
      let session = await openPolling(url);
      names.POST = "x-none";
      assertEquals((await post(session, "4a")).status, 500);
      session = await openPolling(url);
      names.GET = "x-none";
      const waiting = get(session);
      engine.clients.get(new URL(session).searchParams.get("sid")!)!.write("b");
      assertEquals((await waiting).status, 500);
      assertEquals((await get(`${url}?EIO=4&transport=polling`)).status, 500);
    });
    assertEquals(errors.length, 3);
  });

  test("lets the program add headers, and sets its cookie", async (url, engine) => {
    const log: string[] = [];
    engine.on("initial_headers", (headers, request) => {
      headers["X-First"] = "1";
      headers["set-cookie"] = "mine=1";
      log.push(`initial ${request.url!.includes("sid")}`);
    });
    engine.on("headers", (headers) => headers["X-All"] = "1");
    const first = await fetch(`${url}?EIO=4&transport=polling`);
    const { sid } = JSON.parse((await first.text()).slice(1));
    assertEquals(first.headers.get("x-first"), "1");
    assertEquals(first.headers.get("x-all"), "1");
    assertEquals(first.headers.getSetCookie(), [
      `io=${sid}; Path=/; HttpOnly; SameSite=Lax`,
      "mine=1",
    ]);
    assertEquals(first.headers.get("cache-control"), "no-store");
    const second = await fetch(`${url}?EIO=4&transport=polling&sid=${sid}`, {
      method: "POST",
      body: "4a",
    });
    await second.body?.cancel();
    assertEquals(second.headers.get("x-first"), null);
    assertEquals(second.headers.get("x-all"), "1");
    assertEquals(second.headers.getSetCookie(), []);
    assertEquals(log, ["initial false"]);
  }, { cookie: true });

  test("has no cross-origin headers unless it is told to", async (url) => {
    const response = await fetch(`${url}?EIO=4&transport=polling`, {
      headers: { Origin: "https://evil.com" },
    });
    await response.body?.cancel();
    assertEquals(response.headers.get("access-control-allow-origin"), null);
    assertEquals(await fetchStatus(`${url}?EIO=4&transport=polling`, "OPTIONS"), 400);
  });

  test("answers other origins as it is told to", async (url) => {
    const headers = { Origin: "https://good.com" };
    const response = await fetch(`${url}?EIO=4&transport=polling`, { headers });
    await response.body?.cancel();
    assertEquals(response.headers.get("access-control-allow-origin"), "https://good.com");
    assertEquals(response.headers.get("access-control-allow-credentials"), "true");
    const preflight = await fetch(`${url}?EIO=4&transport=polling`, { method: "OPTIONS", headers });
    await preflight.body?.cancel();
    assertEquals(preflight.status, 204);
    assertEquals(preflight.headers.get("access-control-allow-methods"), "GET,POST");
    const evil = await fetch(`${url}?EIO=4&transport=polling`, {
      headers: { Origin: "https://evil.com" },
    });
    await evil.body?.cancel();
    assertEquals(evil.headers.get("access-control-allow-origin"), null);
  }, { cors: { origin: "https://good.com", credentials: true } });

  test("lets in no more connections than it may", async (url) => {
    await openPolling(url);
    assertEquals((await get(`${url}?EIO=4&transport=polling`)).status, 503);
  }, { maxConnections: 1 });

  test("takes ids that the program makes", async (url, engine) => {
    engine.generateId = (request) => Promise.resolve(`id of ${request.url!.length > 0}`);
    const { text } = await get(`${url}?EIO=4&transport=polling`);
    assertEquals(JSON.parse(text.slice(1)).sid, "id of true");
    assertEquals((await get(`${url}?EIO=4&transport=polling`)).status, 400, "the same again");
  });

  test("compresses a long response of polling, where that is accepted", async (url, engine) => {
    const session = await openPolling(url);
    const [socket] = engine.clients.values();
    socket.write("x".repeat(5000));
    const response = await fetch(session, { headers: { "Accept-Encoding": "gzip" } });
    assertEquals(await response.text(), "4" + "x".repeat(5000));
  });

  test("closes a client that is too slow, and drops what does not fit", async (url, engine) => {
    await openPolling(url);
    const [socket] = engine.clients.values();
    const closed = new Promise<unknown[]>((resolve) =>
      socket.on("close", (...args) => resolve(args))
    );
    for (let i = 0; i < 20; i++) socket.write("x".repeat(100));
    const [reason, error] = await closed;
    assertEquals(reason, "transport error");
    assertEquals((error as { code: string }).code, "ERR_LIMIT");
  }, { maxBufferedBytes: 1000 });

  test("drops what a slow client does not take, where that is wanted", async (url, engine) => {
    const session = await openPolling(url);
    const [socket] = engine.clients.values();
    for (let i = 0; i < 20; i++) socket.write(String(i));
    assertEquals(socket.readyState, "open");
    assertEquals((await get(session)).text, "40\x1e41\x1e42");
    assertEquals(socket.bufferedAmount, 0);
  }, { maxBufferedPackets: 3, slowClient: "drop" });

  test("tells over both transports when there is room for more", async (url, engine) => {
    engine.on("connection", (socket) => {
      let left = 3;
      socket.on("drain", () => {
        if (left-- > 0) socket.write(`${left}`);
      });
      socket.write("first");
    });
    const opened = await get(`${url}?EIO=4&transport=polling`);
    const { sid } = JSON.parse(opened.text.split("\x1e")[0].slice(1));
    const session = `${url}?EIO=4&transport=polling&sid=${sid}`;
    let got = opened.text.split("\x1e").slice(1).join();
    while (!got.endsWith("40")) got += (await get(session)).text;
    assertEquals(got, "4first424140");
    const client = new RawClient(toWs(`${url}?EIO=4&transport=websocket`));
    await client.read();
    for (const message of ["4first", "42", "41", "40"]) await client.expect(message);
    await client.close();
  });

  test("tells of packets in both directions", async (url, engine) => {
    const client = new RawClient(toWs(`${url}?EIO=4&transport=websocket`));
    await client.read();
    const [socket] = engine.clients.values() as Iterable<EngineSocket>;
    const log: unknown[] = [];
    socket.on("packet", (packet) => log.push(["in", packet]));
    socket.on("packetCreate", (packet) => log.push(["out", packet]));
    client.send("4a");
    await client.expect("4a");
    assertEquals(log, [
      ["in", { type: "message", data: "a" }],
      ["out", { type: "message", data: "a" }],
    ]);
    await client.close();
  });
}

async function fetchStatus(url: string, method: string): Promise<number> {
  const response = await fetch(url, { method });
  await response.body?.cancel();
  return response.status;
}

Deno.test("engine refuses a WebSocket of a foreign page, whatever it tries", async () => {
  const engine = echo({ cors: { origin: "https://good.com" } });
  await ways.listen(engine, async (url) => {
    const { host } = new URL(url);
    const open = async (origin: string) => {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(url).port) });
      const request = `GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${host}\r\n` +
        `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${origin}\r\n`;
      await conn.write(new TextEncoder().encode(request));
      const buffer = new Uint8Array(16);
      const n = await conn.read(buffer) ?? 0;
      conn.close();
      return new TextDecoder().decode(buffer.subarray(9, Math.min(12, n)));
    };
    assertEquals(await open(""), "101", "no origin: no browser");
    assertEquals(await open(`Origin: http://${host}\r\n`), "101", "the same host");
    assertEquals(await open("Origin: https://good.com\r\n"), "101", "let in");
    for (
      const origin of [
        "https://evil.com",
        "null",
        "https://good.com.evil.com",
        "http://good.com",
        `http://${host}.evil.com`,
        `http://127.0.0.1:1`,
        `http://evil.com@${host}`,
        `http://${host}/path`,
      ]
    ) {
      assertEquals(await open(`Origin: ${origin}\r\n`), "403", origin);
    }
  });
});

Deno.test("engine that listens answers what is not its own by the handler, or 404", async () => {
  const engine = echo();
  const options: SocketIoListenOptions = {
    port: 0,
    hostname: "127.0.0.1",
    handler: async (request) =>
      new Response(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`, {
        status: 201,
        headers: { "X-A": request.headers.get("x-b") ?? "" },
      }),
  };
  const { port } = await engine.listen(options);
  const response = await fetch(`http://127.0.0.1:${port}/page`, {
    method: "POST",
    body: "body",
    headers: { "X-B": "c" },
  });
  assertEquals(response.status, 201);
  assertEquals(response.headers.get("x-a"), "c");
  assertEquals(await response.text(), "POST /page body");
  await engine.close();
  const plain = echo();
  const { port: other } = await plain.listen({ port: 0, hostname: "127.0.0.1" });
  assertEquals((await get(`http://127.0.0.1:${other}/page`)).status, 404);
  await plain.close();
});

Deno.test("engine's handler sends a body as it comes, and hears of a client that has gone", async () => {
  const engine = echo();
  const told: string[] = [];
  const gone = Promise.withResolvers<void>();
  const { port } = await engine.listen({
    port: 0,
    hostname: "127.0.0.1",
    handler: (request, { remoteAddr }) => {
      assertEquals((remoteAddr as { hostname: string }).hostname, "127.0.0.1");
      request.signal.addEventListener("abort", () => told.push("signal"));
      return new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode("data: 1\n\n")),
          cancel: () => gone.resolve(),
        }),
        { headers: { "content-type": "text/event-stream" } },
      );
    },
  });
  const response = await fetch(`http://127.0.0.1:${port}/events`, {
    signal: AbortSignal.timeout(5000),
  });
  const reader = response.body!.getReader();
  assertEquals(new TextDecoder().decode((await reader.read()).value), "data: 1\n\n");
  await reader.cancel();
  await gone.promise;
  assertEquals(told, ["signal"]);
  await engine.close();
});

/** An engine that has a response due, which comes when it is told to. */
async function owing(): Promise<
  { engine: SocketIoEngine; text: Promise<string>; answer: () => void }
> {
  const engine = echo();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  const { port } = await engine.listen({
    port: 0,
    hostname: "127.0.0.1",
    handler: () => {
      asked.resolve();
      return answer.promise;
    },
  });
  const got = fetch(`http://127.0.0.1:${port}/`).then((response) => response.text());
  const text = got.catch(() => "cut off");
  await asked.promise;
  return { engine, text, answer: () => answer.resolve(new Response("the last")) };
}

Deno.test("engine that closes lets its handler's responses leave, and waits a second for them", async () => {
  for (const answers of [true, false]) {
    const { engine, text, answer } = await owing();
    const start = performance.now();
    const closed = engine.close();
    if (answers) setTimeout(answer, 50);
    assertEquals(await text, answers ? "the last" : "cut off");
    await closed;
    const time = performance.now() - start;
    if (!answers) assert(time > 900, `closed after ${time} ms`);
    answer();
  }
});

Deno.test("engine that closes waits for responses as long as it is told to", async () => {
  const late = await owing();
  const closed = late.engine.close({ timeout: 60_000 });
  setTimeout(late.answer, 1_200);
  assertEquals(await late.text, "the last");
  await closed;
  for (const aborted of [false, true]) {
    const never = await owing();
    const abort = new AbortController();
    if (aborted) abort.abort();
    const closing = never.engine.close({ timeout: 0, signal: abort.signal });
    if (!aborted) setTimeout(() => abort.abort(), 20);
    assertEquals(await never.text, "cut off");
    await closing;
    never.answer();
  }
});

Deno.test("engine that is closed a second time waits for the first, and may cut it short", async () => {
  const { engine, text, answer } = await owing();
  await assertRejects(() => engine.close({ timeout: -1 }), RangeError);
  const drain = { drain: 60_000 } as never;
  await assertRejects(() => engine.close(drain), TypeError, "no option `drain`");
  let first = false;
  const closed = engine.close({ timeout: 0 }).then(() => first = true);
  await engine.close({ timeout: 20 });
  assertEquals(await text, "cut off");
  await closed;
  assert(first);
  await engine.close();
  answer();
});

Deno.test("engine that is to listen refuses times that are none, and those that contradict themselves", async () => {
  for (const time of [0, -1, NaN, Infinity, 1.5, 2 ** 32]) {
    assertThrows(() => echo().listen({ headTimeout: time }), RangeError, "headTimeout has to be");
    assertThrows(() => echo().listen({ requestTimeout: time }), RangeError, "requestTimeout");
    assertThrows(() => echo().listen({ keepAliveTimeout: time }), RangeError, "keepAliveTimeout");
  }
  const both = { headTimeout: 5000, requestTimeout: 4999 };
  assertThrows(() => echo().listen(both), RangeError, "less than headTimeout");
  // A head that may take longer than a request usually does.
  const engine = echo();
  await engine.listen({ hostname: "127.0.0.1", headTimeout: 400_000 });
  await engine.listen({ hostname: "127.0.0.1", headTimeout: MAX_DELAY });
  await engine.close();
});

Deno.test("engine keeps a connection for as long as a polling client may have nothing to say", async () => {
  const rests = [
    [{}, {}, "45"],
    [{ pingInterval: 3000, pingTimeout: 4000 }, {}, "7"],
    [{ pingInterval: 3000.5, pingTimeout: 1000 / 3 }, {}, "3"],
    [{ pingInterval: MAX_DELAY, pingTimeout: MAX_DELAY }, {}, "2147482"],
    [{}, { keepAliveTimeout: 2000 }, "2"],
  ] as const;
  for (const [options, listening, seconds] of rests) {
    const engine = echo(options);
    const { port } = await engine.listen({ hostname: "127.0.0.1", ...listening });
    const url = `http://127.0.0.1:${port}/engine.io/?EIO=4&transport=polling`;
    for (let i = 0; i < 2; i++) {
      const response = await fetch(url);
      assertEquals(response.headers.get("Keep-Alive"), `timeout=${seconds}`);
      await response.body?.cancel();
    }
    await engine.close();
  }
});

Deno.test("engine closes a connection that rests for too long between two requests", async () => {
  const engine = echo();
  const { port } = await engine.listen({ hostname: "127.0.0.1", keepAliveTimeout: 50 });
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  assertMatch(await new Response(conn.readable).text(), /^HTTP\/1\.1 404 /);
  await engine.close();
});

Deno.test("engine ends a request that takes longer than it may", async () => {
  const engine = echo();
  const { port } = await engine.listen({
    port: 0,
    hostname: "127.0.0.1",
    headTimeout: 100,
    requestTimeout: 150,
    handler: async (request) => new Response(await request.text()),
  });
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const text = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nx";
  await conn.write(new TextEncoder().encode(text));
  const answer = await new Response(conn.readable).text();
  assertMatch(answer, /^HTTP\/1\.1 408 /);
  await engine.close();
});

const UPGRADE = new TextEncoder().encode([
  "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1",
  "Host: localhost",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "\r\n",
].join("\r\n"));

Deno.test("engine does not end a client whose answer waits behind a long message that is coming", async () => {
  const engine = echo({ pingInterval: 20, pingTimeout: 100, limits: new Limits() });
  const { port } = await engine.listen({ hostname: "127.0.0.1" });
  const frame = encodeFrame(new TextEncoder().encode("4slow, but sure"), { maskKey: 7, opcode: 1 });
  const begin = async () => {
    const closed = new Promise((resolve) =>
      engine.once("connection", (socket) => socket.on("close", resolve))
    );
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(UPGRADE);
    return { conn, closed };
  };
  {
    const { conn, closed } = await begin();
    // Longer than a ping and all the time to answer it, twice over.
    for (const byte of frame) {
      await conn.write(Uint8Array.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    let text = "";
    const p = new Uint8Array(4096);
    while (!text.includes("4slow, but sure")) {
      const n = await conn.read(p);
      assert(n !== null, text);
      text += new TextDecoder().decode(p.subarray(0, n));
    }
    // Now nothing comes.
    assertEquals(await closed, "ping timeout");
    conn.close();
  }
  // Nor does one live for ever that has begun with a message.
  const { conn, closed } = await begin();
  await conn.write(frame.subarray(0, -1));
  assertEquals(await closed, "ping timeout");
  conn.close();
  await engine.close();
});

Deno.test("engine does not end a client whose ping waits behind what it takes slowly", async () => {
  const engine = echo({ pingInterval: 50, pingTimeout: 600, maxBufferedBytes: 64 << 20 });
  const { port } = await engine.listen({ hostname: "127.0.0.1" });
  const connected = new Promise<EngineSocket>((resolve) => engine.once("connection", resolve));
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(UPGRADE);
  const socket = await connected;
  let reason: string | undefined;
  const closed = new Promise<string>((resolve) => socket.on("close", resolve));
  closed.then((why) => reason = why);
  // More than the system holds for both sides.
  socket.write("x".repeat(32 << 20));
  const bytes = new Uint8Array(1 << 20);
  // It takes all of it, but for longer than a ping and its answer have.
  for (let taken = 0; taken < 24 << 20;) {
    taken += (await conn.read(bytes))!;
    await new Promise((resolve) => setTimeout(resolve, 50));
    assertEquals(reason, undefined, `${taken}`);
  }
  // Now it takes nothing.
  assertEquals(await closed, "ping timeout");
  conn.close();
  await engine.close();
});

Deno.test("engine lets no more connections wait at its port than it may", async () => {
  const engine = echo();
  const { port } = await engine.listen({ port: 0, hostname: "127.0.0.1", maxWaiting: 1 });
  using waiting = await Deno.connect({ hostname: "127.0.0.1", port });
  // Connections are accepted in their order.
  using next = await Deno.connect({ hostname: "127.0.0.1", port });
  assertEquals(await next.read(new Uint8Array(1)).catch(() => null), null);
  await waiting.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  assert(await waiting.read(new Uint8Array(100)) !== null);
  await engine.close();
});

Deno.test("engine refuses a request with two hosts, whatever it is for", async () => {
  const engine = echo({ allowedHosts: ["good.example"] });
  let asked = 0;
  const handler = () => {
    asked++;
    return new Response();
  };
  const { port } = await engine.listen({ port: 0, hostname: "127.0.0.1", handler });
  for (const path of ["/engine.io/?EIO=4&transport=polling", "/page"]) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const text = `GET ${path} HTTP/1.1\r\nHost: good.example\r\nHOST: evil.example\r\n\r\n`;
    // What comes behind it may be a part of what somebody else took for its body.
    await conn.write(
      new TextEncoder().encode(`${text}GET / HTTP/1.1\r\nHost: good.example\r\n\r\n`),
    );
    const answer = await new Response(conn.readable).text();
    assertMatch(answer, /^HTTP\/1\.1 400 [^]*connection: close/i);
    assertEquals(answer.match(/HTTP\/1/g)?.length, 1);
  }
  assertEquals([asked, engine.clientsCount], [0, 0]);
  await engine.close();
});

Deno.test("engine answers what comes behind a polling request that is too large", async () => {
  const engine = echo({ maxHttpBufferSize: 1000 });
  const { port } = await engine.listen({ port: 0, hostname: "127.0.0.1" });
  const session = await openPolling(`http://127.0.0.1:${port}/engine.io/`);
  const { pathname, search } = new URL(session);
  for (const size of [2000, 70_000]) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const body = `${size.toString(16)}\r\n${"x".repeat(size)}\r\n0\r\n\r\n`;
    const post =
      `POST ${pathname}${search} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;
    const get = "GET /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    const bytes = new TextEncoder().encode(post + get);
    await writeAll(conn, bytes);
    assertMatch(await new Response(conn.readable).text(), /^HTTP\/1.1 4[^]*HTTP\/1.1 404 /);
  }
  await engine.close();
});

Deno.test("engine that is to listen refuses a handler that is none", () => {
  const handler = { fetch: () => new Response() } as unknown as SocketIoListenOptions["handler"];
  assertThrows(() => echo().listen({ handler }), TypeError, "handler is not a function");
});

Deno.test("engine attached to a server leaves other requests to it, and lets go of it", async () => {
  const engine = echo();
  const server = createServer((_request, response) => response.end("its own"));
  engine.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  assertEquals((await get(`${base}/`)).text, "its own");
  assertEquals((await get(`${base}/engine.io/?EIO=4&transport=polling`)).text[0], "0");
  const client = new RawClient(base.replace("http", "ws") + "/other");
  assertEquals(await client.read(), "closed");
  await engine.close();
  assertEquals((await get(`${base}/engine.io/?EIO=4&transport=polling`)).text, "its own");
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

Deno.test("engine attached beside others ends only the upgrades that none of them takes", async () => {
  const engine = echo({ destroyUpgradeTimeout: 30 });
  const server = createServer();
  engine.attach(server);
  const slow = attachWebSocket(server, {
    pathname: "/slow",
    authorize: () => new Promise((resolve) => setTimeout(resolve, 200)),
    default: (ws) => void ws.send("hello"),
  });
  server.on("upgrade", () => {}); // one more, who takes nothing of this
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const opening = connectWebSocket(`${base}/slow`);
  const nobodys = new RawClient(`${base}/other`);
  assertEquals(await nobodys.read(), "closed");
  const ws = await opening;
  assertEquals((await ws.receive()).data, "hello");
  ws.terminate();
  await Promise.all([engine.close(), slow.close()]);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

Deno.test("engine attached behind a listener leaves it the upgrades that it has answered at once", async () => {
  const engine = echo({ destroyUpgradeTimeout: 30 });
  const server = createServer((_request, response) => response.end("hello"));
  const answered: Duplex[] = [];
  server.on("upgrade", (request, socket) => {
    if (request.url !== "/first") return;
    answered.push(socket);
    socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
  });
  engine.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const upgrade = (path: string) =>
    `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`;
  const open = async (text: string) => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode(text));
    return connection;
  };
  const first = await open(upgrade("/first"));
  const bytes = new Uint8Array(1024);
  assertMatch(
    new TextDecoder().decode(bytes.subarray(0, (await first.read(bytes))!)),
    /^HTTP.1.1 101/,
  );
  // Nobody answers this one, although there was a response on its connection before: it goes, and the first one stays.
  const second = await open("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await second.read(bytes);
  await second.write(new TextEncoder().encode(upgrade("/second")));
  while (await second.read(bytes).catch(() => null) !== null);
  second.close();
  answered[0].write("push");
  assertEquals(new TextDecoder().decode(bytes.subarray(0, (await first.read(bytes))!)), "push");
  first.close();
  answered[0].destroy();
  await engine.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

Deno.test("engine that is closed can run again", async () => {
  const engine = echo();
  for (let i = 0; i < 2; i++) {
    const { port } = await engine.listen({ port: 0, hostname: "127.0.0.1" });
    await openPolling(`http://127.0.0.1:${port}/engine.io/`);
    assertEquals(engine.clientsCount, 1);
    await engine.close();
    assertEquals(engine.clientsCount, 0);
    await assertRejects(() => fetch(`http://127.0.0.1:${port}/`));
  }
});

Deno.test("engine that can't listen says where, with a code", async () => {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  const engine = echo();
  for (const implementation of [undefined, "deno", "node"] as const) {
    const tls = implementation && { ...identity("server"), implementation };
    const error = await assertRejects(
      async () => await engine.listen({ port, hostname: "127.0.0.1", tls }),
      NetError,
      `Cannot listen on "127.0.0.1:${port}"`,
    );
    assertEquals([error.code, error.port], ["EADDRINUSE", port]);
  }
  const path = "/nowhere/engine.sock";
  const error = await assertRejects(async () => await engine.listen({ path }), NetError);
  // Deno has no Unix sockets on Windows.
  const code = Deno.build.os === "windows" ? "ERR_UNSUPPORTED" : "ENOENT";
  assertEquals([error.code, error.address], [code, path]);
  await assertRejects(async () => await engine.listen({ port: 99_999 }), RangeError);
  await engine.close();
});

Deno.test("engine listens on a Unix socket", {
  ignore: Deno.build.os === "windows", // Deno has no Unix sockets there
}, async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/engine.sock`;
  const engine = echo();
  const address = await engine.listen({ path });
  assertEquals(address.path, path);
  const client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
  const response = await fetch("http://localhost/engine.io/?EIO=4&transport=polling", { client });
  assertEquals((await response.text())[0], "0");
  client.close();
  await engine.close();
  await Deno.remove(folder, { recursive: true });
});

for (const implementation of [undefined, "deno"] as const) {
  Deno.test(`engine listens with TLS by ${implementation ?? "node"}`, async () => {
    const engine = echo();
    const secure = new Promise((resolve) =>
      engine.on("connection", ({ request }) => resolve(request.connection.encrypted))
    );
    const { port } = await engine.listen({
      port: 0,
      hostname: "127.0.0.1",
      tls: { ...identity("server"), implementation },
    });
    const client = Deno.createHttpClient({ caCerts: [CA] });
    const response = await fetch(`https://localhost:${port}/engine.io/?EIO=4&transport=polling`, {
      client,
    });
    assertEquals((await response.text())[0], "0");
    assertEquals(await secure, true);
    client.close();
    await engine.close();
  });
}

for (const tls of [undefined, identity("server")]) {
  Deno.test(`engine behind a proxy learns who its clients are${tls ? ", before TLS" : ""}`, async () => {
    const engine = echo();
    const seen: string[] = [];
    engine.on("connection", ({ remoteAddress }) => void seen.push(remoteAddress));
    const { port } = await engine.listen({
      hostname: "127.0.0.1",
      proxyProtocol: { trusted: ["127.0.0.1"] },
      tls,
    });
    const ask = async (lines: string[], introduce = true): Promise<string> => {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      if (introduce) {
        await sendProxyProtocol(conn, {
          source: { transport: "tcp", hostname: "192.0.2.7", port: 50_000 },
          destination: { transport: "tcp", hostname: "192.0.2.1", port: 443 },
        });
      }
      const end = tls ? await startTls(conn, { hostname: "localhost", ca: CA }) : conn;
      await end.write(new TextEncoder().encode([...lines, "", ""].join("\r\n")));
      const p = new Uint8Array(4096);
      const n = await end.read(p);
      end.close();
      return new TextDecoder().decode(p.subarray(0, n ?? 0));
    };
    const polling = ["GET /engine.io/?EIO=4&transport=polling HTTP/1.1", "Host: localhost"];
    assertMatch(await ask([...polling, "Connection: close"]), /^HTTP\/1\.1 200 /);
    const upgrade = [
      "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1",
      "Host: localhost",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    assertMatch(await ask(upgrade), /^HTTP\/1\.1 101 /);
    assertEquals(seen, ["192.0.2.7", "192.0.2.7"]);
    // Who does not say whom it brings is dropped.
    assertEquals(await ask(polling, false).catch(() => ""), "");
    assertEquals(seen.length, 2);
    await engine.close();
  });
}

Deno.test("engine lets so many connections in from one address, whatever they are for, and tells of others", async () => {
  const engine = echo({ limits: new Limits() });
  const reasons: string[] = [];
  const { port } = await engine.listen({
    hostname: "127.0.0.1",
    maxConnectionsPerAddress: 2,
    onDrop: ({ reason, remoteAddress }) => reasons.push(`${reason} ${remoteAddress}`),
    handler: () => new Response("page"),
  });
  const encoder = new TextEncoder();
  const ask = async (conn: Deno.Conn, path: string): Promise<string> => {
    await conn.write(encoder.encode(`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`)).catch(() => {});
    const p = new Uint8Array(4096);
    const n = await conn.read(p).catch(() => null);
    return new TextDecoder().decode(p.subarray(0, n ?? 0)).slice(9, 12);
  };
  const connect = () => Deno.connect({ hostname: "127.0.0.1", port });
  const url = `ws://127.0.0.1:${port}/engine.io/?EIO=4&transport=websocket`;
  for (let i = 0; i < 2; i++) {
    const ws = await connectWebSocket(url);
    const plain = await connect();
    assertEquals(await ask(plain, "/page"), "200");
    assertEquals(await ask(plain, "/engine.io/?EIO=4&transport=polling"), "200");
    using third = await connect();
    assertEquals(await ask(third, "/page"), "");
    // Each makes room when it ends.
    plain.close();
    await ws.close();
    // The session of polling goes on without it.
    await until(() => engine.pressure.connections.used === i + 1);
  }
  assertEquals(reasons, Array(2).fill("maxConnectionsPerAddress 127.0.0.1"));
  await engine.close();
});

for (const tls of [undefined, identity("server")]) {
  Deno.test(`engine behind a proxy counts the clients' addresses${tls ? ", before TLS" : ""}`, async () => {
    const engine = echo({ limits: new Limits() });
    const reasons: string[] = [];
    const { port } = await engine.listen({
      hostname: "127.0.0.1",
      proxyProtocol: { trusted: ["127.0.0.1"] },
      tls,
      maxConnectionsPerAddress: 1,
      onDrop: ({ reason, remoteAddress }) => reasons.push(`${reason} ${remoteAddress}`),
    });
    const arrive = async (): Promise<Deno.TcpConn> => {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      await sendProxyProtocol(conn, {
        source: { transport: "tcp", hostname: "192.0.2.7", port: 50_000 },
        destination: { transport: "tcp", hostname: "192.0.2.1", port: 443 },
      });
      return conn;
    };
    const open = async () => {
      const conn = await arrive();
      const transport = tls ? await startTls(conn, { hostname: "localhost", ca: CA }) : conn;
      const url = `${tls ? "wss" : "ws"}://localhost/engine.io/?EIO=4&transport=websocket`;
      return await connectWebSocket(url, { transport });
    };
    const empty = () => until(() => engine.pressure.connections.used === 0);
    for (let i = 0; i < 2; i++) {
      const ws = await open();
      await assertRejects(open);
      await ws.close();
      await empty();
    }
    if (tls !== undefined) {
      // Who fails at TLS makes room as well.
      using conn = await arrive();
      await conn.write(new TextEncoder().encode("no TLS, but long enough for a record\r\n"));
      while (await conn.read(new Uint8Array(64)).catch(() => null) !== null);
      await empty();
      const ws = await open();
      await ws.close();
      await empty();
    }
    using stranger = await Deno.connect({ hostname: "127.0.0.1", port });
    await stranger.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")).catch(() => {});
    assertEquals(await stranger.read(new Uint8Array(9)).catch(() => null), null);
    assertEquals(reasons, [
      ...Array(2).fill("maxConnectionsPerAddress 192.0.2.7"),
      "proxyProtocol 127.0.0.1",
    ]);
    await engine.close();
  });
}

Deno.test("engine that closes tells of no drop for the headers that have not come yet", async () => {
  const engine = echo({ limits: new Limits() });
  const reasons: string[] = [];
  const { port } = await engine.listen({
    hostname: "127.0.0.1",
    proxyProtocol: { trusted: ["127.0.0.1"] },
    onDrop: ({ reason }) => reasons.push(reason),
  });
  using waiting = await Deno.connect({ hostname: "127.0.0.1", port });
  await until(() => engine.pressure.connections.used === 1);
  await engine.close();
  assertEquals(await waiting.read(new Uint8Array(1)).catch(() => null), null);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(reasons, []);
});

Deno.test("engine drops by lists and by a rate, and tells of connections that are too many", async () => {
  const broken = () => {
    throw new Error("out of order");
  };
  const cases: [SocketIoListenOptions, SocketIoEngineOptions, string[]][] = [
    [{ blockList: { check: () => true } }, {}, ["blocked", "blocked"]],
    [{ allowList: { check: broken } }, {}, []],
    [{ acceptRate: { perSecond: 0.001 } }, {}, ["acceptRate"]],
    [{ maxWaiting: 1 }, {}, ["maxConnections"]],
    [{}, { limits: new Limits({ connections: 1 }) }, ["limits"]],
  ];
  const errors = await reported(async () => {
    for (const [options, settings, expected] of cases) {
      const reasons: string[] = [];
      const engine = echo(settings);
      const { port } = await engine.listen({
        ...options,
        hostname: "127.0.0.1",
        onDrop: ({ reason }) => reasons.push(reason),
      });
      using _one = await Deno.connect({ hostname: "127.0.0.1", port });
      using two = await Deno.connect({ hostname: "127.0.0.1", port });
      assertEquals(await two.read(new Uint8Array(1)).catch(() => null), null);
      assertEquals(reasons, expected);
      await engine.close();
    }
  });
  assertEquals(errors.map((error) => (error as Error).message), ["out of order", "out of order"]);
  const engine = echo();
  for (const wrong of [{ maxConnectionsPerAddress: 0 }, { acceptRate: { perSecond: 0 } }]) {
    assertThrows(() => engine.listen(wrong), RangeError);
  }
  for (const wrong of [{ allowList: [] as never }, { onDrop: {} as never }]) {
    assertThrows(() => engine.listen(wrong), TypeError);
  }
});

Deno.test("engine whose port is full takes nothing of its rate for those that it turns away", async () => {
  const engine = echo();
  const reasons: string[] = [];
  const { port } = await engine.listen({
    hostname: "127.0.0.1",
    maxWaiting: 1,
    acceptRate: { perSecond: 0.001, burst: 2 },
    onDrop: ({ reason }) => reasons.push(reason),
  });
  const request = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  const first = await Deno.connect({ hostname: "127.0.0.1", port });
  for (let i = 0; i < 2; i++) {
    using next = await Deno.connect({ hostname: "127.0.0.1", port });
    assertEquals(await next.read(new Uint8Array(1)).catch(() => null), null);
  }
  await first.write(request);
  assert(await first.read(new Uint8Array(100)) !== null);
  first.close();
  using last = await Deno.connect({ hostname: "127.0.0.1", port });
  await last.write(request);
  assert(await last.read(new Uint8Array(100)) !== null);
  assertEquals(reasons, ["maxConnections", "maxConnections"]);
  await engine.close();
});

Deno.test("engine with TLS that can't listen, or is closed first, says so", async () => {
  const tls = identity("server");
  const engine = new SocketIoEngine();
  for (const implementation of ["node", "deno"] as const) {
    const wrong = { ...tls, key: "no key", implementation };
    await assertRejects(() => engine.listen({ tls: wrong }), TypeError, "key");
    await assertRejects(
      () => engine.listen({ tls: { cert: tls.cert, implementation } }),
      TypeError,
      "without a key",
    );
    const listening = engine.listen({ tls: { ...tls, implementation } });
    await engine.close();
    await assertRejects(() => listening, SocketIoError, "closed");
  }
  const mutual = { ...tls, implementation: "deno", requestCert: true } as const;
  const error = await assertRejects(() => engine.listen({ tls: mutual }), NetError);
  assertEquals(error.code, "ERR_UNSUPPORTED");
});

Deno.test("engine with TLS asks clients for certificates, and has one for each name", async () => {
  const engine = echo();
  const { port } = await engine.listen({
    hostname: "127.0.0.1",
    tls: {
      ...identity("b_test"),
      sni: { localhost: identity("server") },
      requestCert: true,
      ca: CA,
    },
  });
  const url = `https://localhost:${port}/engine.io/?EIO=4&transport=polling`;
  for (const own of [identity("client"), {}]) {
    using client = Deno.createHttpClient({ caCerts: [CA], ...own });
    const answer = fetch(url, { client });
    if ("cert" in own) assertEquals((await (await answer).text())[0], "0");
    else await assertRejects(() => answer);
  }
  await engine.close();
});

Deno.test("engine tells allowRequest who a client is by its certificate, with both transports", async () => {
  const seen: unknown[] = [];
  const engine = new SocketIoEngine({
    allowRequest: ({ connection, _query }, decide) => {
      const { encrypted, tls } = connection;
      const name = tls?.getPeerCertificate()?.subject.CN;
      seen.push([_query?.transport, encrypted, tls?.authorized, name]);
      decide(name === undefined ? "who are you?" : null, name !== undefined);
    },
  });
  const { port } = await engine.listen({
    hostname: "127.0.0.1",
    tls: { ...identity("server"), requestCert: true, rejectUnauthorized: false, ca: CA },
  });
  const query = "/engine.io/?EIO=4&transport=";
  for (const own of [identity("client"), {}]) {
    using client = Deno.createHttpClient({ caCerts: [CA], ...own });
    const answer = await fetch(`https://localhost:${port}${query}polling`, { client });
    await answer.body?.cancel();
    const known = "cert" in own;
    assertEquals(answer.status, known ? 200 : 403);
    const opening = connectWebSocket(`wss://localhost:${port}${query}websocket`, {
      tls: { ca: CA, ...own },
    });
    if (known) (await opening).terminate();
    else await assertRejects(() => opening);
  }
  assertEquals(seen, [
    ["polling", true, true, "Alice Client"],
    ["websocket", true, true, "Alice Client"],
    ["polling", true, false, undefined],
    ["websocket", true, false, undefined],
  ]);
  await engine.close();
});

Deno.test("engine asks its middleware about the certificate of each request, allowRequest about a session's first alone", async () => {
  for (const asksEach of [false, true]) {
    const engine = new SocketIoEngine({
      allowRequest: ({ connection }, decide) => decide(null, connection.tls!.authorized),
    });
    const sockets: EngineSocket[] = [];
    engine.on("connection", (socket) => sockets.push(socket));
    if (asksEach) {
      engine.use(({ connection }, _response, next) =>
        next(connection.tls?.authorized ? undefined : new Error("no certificate"))
      );
    }
    const { port } = await engine.listen({
      hostname: "127.0.0.1",
      tls: { ...identity("server"), requestCert: true, rejectUnauthorized: false, ca: CA },
    });
    const base = `localhost:${port}/engine.io/?EIO=4&transport=`;
    using known = Deno.createHttpClient({ caCerts: [CA], ...identity("client") });
    using unknown = Deno.createHttpClient({ caCerts: [CA] });
    const opened = await fetch(`https://${base}polling`, { client: known });
    const { sid } = JSON.parse((await opened.text()).slice(1));
    sockets[0].send("for Alice");
    const status = asksEach ? 400 : 200;
    const further = await fetch(`https://${base}polling&sid=${sid}`, { client: unknown });
    assertEquals([further.status, (await further.text()) === "4for Alice"], [status, !asksEach]);
    const opening = connectWebSocket(`wss://${base}websocket&sid=${sid}`, { tls: { ca: CA } });
    if (asksEach) await assertRejects(() => opening);
    else (await opening).terminate();
    await engine.close();
  }
});

Deno.test("engine refuses options that can't be honoured", () => {
  assertThrows(() => new SocketIoEngine({ transports: ["webtransport" as never] }), TypeError);
  assertThrows(() => new SocketIoEngine({ perMessageDeflate: true }).handler(), TypeError);
  const engine = new SocketIoEngine();
  const astray = { cert: "x", key: "y" } as SocketIoListenOptions;
  assertThrows(() => engine.listen(astray), TypeError, "`cert` goes into `tls`");
  for (
    const [options, text] of [
      [{ host: "127.0.0.1" }, "`host` is `hostname` here"],
      [{ interface: "127.0.0.1" }, "`interface` is `hostname` here"],
      [{ rejectUnauthorized: false }, "`rejectUnauthorized` goes into `tls`"],
      [{ server: {} }, "`server` goes to attach()"],
      [{ cors: {} }, "there is no option `cors`"],
    ] as const
  ) {
    // It listens if nobody objects: not on an address of this machine.
    const given: SocketIoListenOptions = { hostname: "192.0.2.1", ...options };
    assertThrows(() => engine.listen(given), TypeError, text);
  }
  assertThrows(() => engine.listen({ proxyProtocol: { trusted: ["?"] } }), TypeError, "no address");
  for (const wrong of [{ timeout: NaN }, { timeout: 3e9 }, { maxLength: 5 }]) {
    assertThrows(() => engine.listen({ proxyProtocol: { trusted: [], ...wrong } }), RangeError);
  }
  const tls = { cert: "x", key: "y", implementation: "deno" } as const;
  assertThrows(() => engine.listen({ tls, proxyProtocol: { trusted: [] } }), TypeError, "Deno's");
  assertThrows(() => engine.listen({ tls, path: "/z" }), TypeError, "Unix");
});

Deno.test("engine's listeners can be removed", async () => {
  const engine = new SocketIoEngine({ path: "/x" });
  assertEquals(engine.path, "/x/");
  let calls = 0;
  const listener = () => calls++;
  engine.on("connection", listener).off("connection", listener);
  engine.on("connection", listener).removeListener("connection", listener);
  engine.once("connection", listener);
  const { port } = await engine.listen({ port: 0, hostname: "127.0.0.1" });
  for (let i = 0; i < 2; i++) {
    await get(`http://127.0.0.1:${port}/x/?EIO=4&transport=polling`);
  }
  assertEquals(calls, 1);
  await engine.close();
});

Deno.test("engine listens at one place alone, and attach takes a server and nothing beside", () => {
  const path = "/nowhere/socket";
  const wrong: [object, string][] = [
    [{ path, port: 0 }, "port"],
    [{ path, hostname: "127.0.0.1" }, "hostname"],
    [{ path: "" }, "path"],
    [{ path: 5 }, "path"],
    [{ path: null }, "path"],
    [{ path: "a\0b" }, "path"],
    [{ hostname: 5 }, "hostname"],
    [{ tls: null }, "tls"],
    [{ tls: 5 }, "tls"],
  ];
  for (const [options, text] of wrong) {
    assertThrows(() => new SocketIoEngine().listen(options), TypeError, text);
  }
  for (const make of [() => new SocketIoEngine(), () => new SocketIoServer()]) {
    const attach = (...args: unknown[]) =>
      make().attach(...args as [ReturnType<typeof createServer>]);
    // Express makes a function with the methods of an emitter.
    const app = Object.assign(() => {}, { on() {}, listen() {} });
    const wrong = [[createServer(), { path: "/x" }], [3000], [undefined], [{ path: "/x" }], [app]];
    for (const args of wrong) {
      assertThrows(() => attach(...args), TypeError, "Cannot attach");
    }
    attach(createServer(), undefined); // no options, however they are handed on
  }
});

for (const way of ["listen", "attach"] as const) {
  const serve = async (options: SocketIoEngineOptions) => {
    const engine = new SocketIoEngine(options);
    const http = createServer();
    if (way === "listen") {
      const { port } = await engine.listen({ port: 0, hostname: "127.0.0.1" });
      return { engine, port, close: () => engine.close() };
    }
    engine.attach(http);
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const close = async () => {
      await engine.close();
      await new Promise((resolve) => http.close(resolve));
    };
    return { engine, port: (http.address() as AddressInfo).port, close };
  };
  const head = "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\n" +
    "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n" +
    "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

  Deno.test(`engine counts no client any more that leaves while middleware decides, under ${way}`, async () => {
    const limits = new Limits();
    const asked = Promise.withResolvers<() => void>();
    const { engine, port, close } = await serve({ limits, decisionTimeout: 2_000 });
    engine.use((_request, _response, next) => asked.resolve(next));
    const client = await Deno.connect({ hostname: "127.0.0.1", port });
    await client.write(new TextEncoder().encode(head));
    const answer = await asked.promise;
    assertEquals(limits.connections.used, 1);
    client.close();
    for (let i = 0; i < 100 && limits.connections.used > 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assertEquals(limits.connections.used, 0);
    answer(); // too late: it changes nothing
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals([limits.connections.used, engine.clientsCount], [0, 0]);
    await close();
  });

  for (const transport of ["websocket", "polling"]) {
    for (const who of ["allowRequest", "generateId", "allowRequest behind middleware"] as const) {
      Deno.test(`engine counts no client of ${transport} any more that leaves while ${who} decides, under ${way}`, async () => {
        const limits = new Limits();
        const asked = Promise.withResolvers<() => void>();
        const decide = () => new Promise<void>(asked.resolve);
        const { engine, port, close } = await serve({
          limits,
          maxConnections: 1,
          allowRequest: (_request, answer) => {
            if (who === "generateId") answer(null, true);
            else decide().then(() => answer(null, true));
          },
        });
        if (who === "generateId") engine.generateId = () => decide().then(() => "late");
        let told = who !== "allowRequest behind middleware";
        if (!told) {
          engine.use((_request, response, next) => {
            (response as unknown as Duplex).on("close", () => told = true);
            next();
          });
        }
        const codes: number[] = [];
        engine.on("connection_error", ({ code }) => codes.push(code));
        const client = await Deno.connect({ hostname: "127.0.0.1", port });
        await client.write(
          new TextEncoder().encode(
            transport === "websocket"
              ? head
              : "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nhost: x\r\n\r\n",
          ),
        );
        const answer = await asked.promise;
        assert(limits.connections.used > 0);
        client.close();
        for (let i = 0; i < 200 && limits.connections.used > 0; i++) {
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        assertEquals(limits.connections.used, 0);
        answer(); // too late: it changes nothing
        await new Promise((resolve) => setTimeout(resolve));
        assertEquals([limits.connections.used, engine.clientsCount, codes], [0, 0, []]);
        assert(told);
        await close();
      });
    }
  }

  Deno.test(`engine tells middleware's response that the client of a WebSocket has left, once, under ${way}`, async () => {
    const { engine, port, close } = await serve({});
    const asked = Promise.withResolvers<void>();
    let left = 0;
    engine.use((_request, response) => {
      (response as unknown as Duplex).on("close", () => {
        left++;
        response.end();
      });
      asked.resolve();
    });
    const client = await Deno.connect({ hostname: "127.0.0.1", port });
    await client.write(new TextEncoder().encode(head));
    await asked.promise;
    client.close();
    for (let i = 0; i < 100 && left === 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assertEquals(left, 1);
    await close();
  });

  for (const end of ["client", "engine", "refusal", "middleware", "late WebSocket"] as const) {
    Deno.test(`engine tells middleware's response of its end, by the ${end}, once under ${way}`, async () => {
      const { engine, port, close } = await serve({
        allowRequest: (_request, answer) => answer(null, end !== "refusal"),
        closeTimeout: 100, // nobody polls
      });
      const told: string[] = [];
      const closed = Promise.withResolvers<void>();
      engine.use((request, response, next) => {
        if (!request.url!.includes("websocket")) return next();
        const events = response as unknown as Duplex;
        events.on("finish", () => told.push("finish")).on("close", () => {
          told.push("close");
          closed.resolve();
        });
        if (end === "middleware") response.end();
        else next();
      });
      let query = "websocket";
      if (end === "late WebSocket") {
        // A session that ends takes no WebSocket.
        const url = `http://127.0.0.1:${port}/engine.io/?EIO=4&transport=polling`;
        const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1));
        engine.clients.get(sid)!.close();
        query += `&sid=${sid}`;
      }
      const client = await Deno.connect({ hostname: "127.0.0.1", port });
      await client.write(new TextEncoder().encode(head.replace("websocket", query)));
      const answer = new Uint8Array(1000);
      await client.read(answer);
      const open = end !== "refusal" && end !== "middleware";
      assert(new TextDecoder().decode(answer).startsWith(open ? "HTTP/1.1 101" : "HTTP/1.1 4"));
      if (open) assertEquals(told, []);
      if (end === "engine") { for (const socket of engine.clients.values()) socket.close(); }
      client.close();
      await closed.promise;
      await close();
      assertEquals(told, end === "middleware" ? ["finish", "close"] : ["close"]);
    });
  }

  Deno.test(`engine's session can be upgraded after a WebSocket for it left while cors decided, under ${way}`, async () => {
    const limits = new Limits();
    const origin = "http://page.example";
    let ask: (allow: () => void) => void = (allow) => allow();
    const { engine, port, close } = await serve({
      limits,
      cors: { origin: (_origin, answer) => ask(() => answer(null, true)) },
    });
    const url = `http://127.0.0.1:${port}/engine.io/?EIO=4&transport=polling`;
    const opened = await (await fetch(url, { headers: { origin } })).text();
    const session = `websocket&sid=${JSON.parse(opened.slice(1)).sid}`;
    const request = (client: Deno.Conn) =>
      client.write(new TextEncoder().encode(
        head.replace("websocket", session).replace("host: x", `host: x\r\norigin: ${origin}`),
      ));
    const asked = Promise.withResolvers<() => void>();
    ask = asked.resolve;
    const client = await Deno.connect({ hostname: "127.0.0.1", port });
    await request(client);
    const allow = await asked.promise;
    const counted = limits.connections.used;
    client.close();
    for (let i = 0; i < 100 && limits.connections.used === counted; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    allow(); // too late: the session goes on as if nobody had asked
    await new Promise((resolve) => setTimeout(resolve, 20));
    ask = (allow) => allow();
    const second = await Deno.connect({ hostname: "127.0.0.1", port });
    await request(second);
    const bytes = new Uint8Array(1024);
    const answer = new TextDecoder().decode(bytes.subarray(0, await second.read(bytes) ?? 0));
    assertMatch(answer, /^HTTP\/1.1 101 /);
    await second.write(
      new Uint8Array([0x81, 0x86, 0, 0, 0, 0, ...new TextEncoder().encode("2probe")]),
    );
    const n = await second.read(bytes);
    assertEquals(new TextDecoder().decode(bytes.subarray(2, n ?? 0)), "3probe");
    second.close();
    assertEquals(engine.clientsCount, 1);
    await close();
  });

  for (const perMessageDeflate of [false, true]) {
    Deno.test(`engine keeps what a client sends while middleware decides, under ${way}${perMessageDeflate ? " with compression" : ""}`, async () => {
      const asked = Promise.withResolvers<() => void>();
      const { engine, port, close } = await serve({ perMessageDeflate });
      engine.use((_request, _response, next) => asked.resolve(next));
      const came = Promise.withResolvers<unknown>();
      engine.on("connection", (socket) => socket.on("data", came.resolve));
      const client = await Deno.connect({ hostname: "127.0.0.1", port });
      const extension = "\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n";
      await client.write(new TextEncoder().encode(
        perMessageDeflate ? head.replace(/\r\n\r\n$/, extension) : head,
      ));
      const answer = await asked.promise;
      // A masked frame of 700 bytes, in two parts, more than is read ahead.
      const text = new TextEncoder().encode("4" + "x".repeat(699));
      const frame = new Uint8Array([0x81, 0xfe, 2, 188, 0, 0, 0, 0, ...text]);
      await client.write(frame.subarray(0, 600));
      await new Promise((resolve) => setTimeout(resolve, 20));
      answer();
      await client.write(frame.subarray(600));
      assertEquals(await came.promise, "x".repeat(699));
      client.close();
      await close();
    });
  }
}

Deno.test("engine that may serve only some hosts hands its handler no request for another", async () => {
  const engine = echo({ allowedHosts: ["good.example"] });
  const hosts: (string | null)[] = [];
  const handler = (request: Request) => {
    hosts.push(request.headers.get("host"));
    return new Response();
  };
  const { port } = await engine.listen({ port: 0, hostname: "127.0.0.1", handler });
  for (const [host, status] of [["evil.example", 421], ["good.example", 200]] as const) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const text = `GET /page HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    await conn.write(new TextEncoder().encode(text));
    assertMatch(await new Response(conn.readable).text(), new RegExp(`^HTTP/1.1 ${status} `));
  }
  assertEquals(hosts, ["good.example"]);
  await engine.close();
});

/** Asks for a WebSocket, and then neither reads nor sends anything. */
async function silentWebSocket(url: string): Promise<Deno.TcpConn> {
  const { hostname, port, host, pathname } = new URL(url);
  const conn = await Deno.connect({ hostname, port: Number(port) });
  const text = `GET ${pathname}?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${host}\r\n` +
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  await conn.write(new TextEncoder().encode(text));
  return conn;
}

for (const way of ["listen", "attach"]) {
  Deno.test(`engine under ${way} counts what waits for a WebSocket in the limits, and gives it back`, async () => {
    const limits = new Limits();
    const engine = new SocketIoEngine({ limits });
    const opened = new Promise<EngineSocket>((resolve) => engine.once("connection", resolve));
    await ways[way](engine, async (url) => {
      const conn = await silentWebSocket(url);
      (await opened).write("x".repeat(100_000));
      assert(limits.queuedBytes.used >= 100_000);
      conn.close();
    });
    assertEquals([limits.queuedBytes.used, limits.connections.used], [0, 0]);
  });
}

Deno.test("engine that closes cuts WebSockets that do not answer its close frame when its time is over", async () => {
  const engine = new SocketIoEngine({ closeTimeout: MAX_DELAY });
  const opened = new Promise<EngineSocket>((resolve) => engine.once("connection", resolve));
  const { port } = await engine.listen({ port: 0, hostname: "127.0.0.1" });
  const conn = await silentWebSocket(`http://127.0.0.1:${port}/engine.io/`);
  await opened;
  await engine.close({ timeout: 20 });
  conn.close();
});
