import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { fileURLToPath } from "node:url";
import { createServer } from "../../net/create_server.ts";
import { NetError } from "../../net/errors.ts";
import { ProxyError } from "../../net/proxy_error.ts";
import { parseProxyUrl } from "../../net/proxy_url.ts";
import { createSocks5Server, type Socks5Server } from "../../net/socks5_server.ts";
import type { SocketIoClientOptions } from "../../socketio/client_options.ts";
import type { SocketIoClientSocket } from "../../socketio/client_socket.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import type { SocketIoError } from "../../socketio/errors.ts";
import { acceptKey } from "../../socketio/_websocket_tools.ts";
import { networkThrough, webSocketFor } from "../../socketio/_client_network.ts";
import { DirectWebSocket } from "../../socketio/_direct_web_socket.ts";
import "../../socketio/client_proxy.ts";
import { SocketIoServer } from "../../socketio/server.ts";
import { CA, certPath, identity, OTHER_CA } from "../_support/certs.ts";
import { FaultRelay } from "../_support/fault_relay.ts";
import { runPeer, tempFolder } from "../_support/peers.ts";

/** A SOCKS5 server that asks for a password, and how many connections went through it to where. */
interface Proxy extends AsyncDisposable {
  server: Socks5Server;
  url: string;
  targets: string[];
}

function startProxy(): Proxy {
  const targets: string[] = [];
  const server = createSocks5Server({
    authenticate: ({ username, password }) => username === "ann" && password === "s3cret",
    authorize: ({ hostname, port }) => {
      targets.push(`${hostname}:${port}`);
      return true;
    },
  });
  const { port } = server.listen();
  return {
    server,
    url: `socks5://ann:s3cret@127.0.0.1:${port}`,
    targets,
    [Symbol.asyncDispose]: () => server.close(),
  };
}

async function withServer(
  body: (port: number, io: SocketIoServer) => Promise<void>,
): Promise<void> {
  const io = new SocketIoServer();
  io.on("connection", (socket) => {
    socket.on("sum", (a, b, done) => done(a + b));
    socket.on("echo", (data, done) => done(data));
  });
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  try {
    await body(port, io);
  } finally {
    await io.close();
  }
}

function next(socket: SocketIoClientSocket, event: string): Promise<SocketIoError> {
  return new Promise((resolve) => void socket.once(event, resolve));
}

const ways: [SocketIoClientOptions["transports"], boolean][] = [
  [["polling"], true],
  [["websocket"], true],
  [["polling", "websocket"], true],
  [["polling"], false],
];
for (const [transports, acks] of ways) {
  const how = `${transports!.join(" and ")}${acks ? "" : ", with nothing sent"}`;
  Deno.test(`client goes through a proxy, and leaves nothing there: ${how}`, async () => {
    await using proxy = startProxy();
    await withServer(async (port) => {
      // The name is the proxy's to resolve.
      const socket = connectSocketIo(`http://localhost:${port}/`, {
        transports,
        proxy: proxy.url,
        extraHeaders: { "x-a": "b" },
      });
      if (transports!.length === 2) {
        await new Promise<void>((resolve) => void socket.io.once("upgrade", resolve));
      } else await next(socket, "connect");
      if (acks) {
        assertEquals(await socket.timeout(5000).emitWithAck("sum", 1, 2), 3);
        const data = new Uint8Array(300_000).fill(7);
        assertEquals(await socket.timeout(5000).emitWithAck("echo", data), data);
        assertEquals(await socket.timeout(5000).emitWithAck("echo", "hé€😀"), "hé€😀");
      }
      assertEquals(new Set(proxy.targets), new Set([`localhost:${port}`]));
      // Requests share connections: one waits for packets, one brings them.
      assert(proxy.targets.length <= 3, `${proxy.targets.length} connections`);
      await socket.close();
    });
  });
}

Deno.test("client goes through a chain of proxies, the nearest first, and comes back after a loss", async () => {
  await using near = startProxy();
  await using far = startProxy();
  await withServer(async (port, io) => {
    const socket = connectSocketIo(`http://127.0.0.1:${port}/`, {
      proxy: [new URL(near.url), parseProxyUrl(far.url)],
      reconnectionDelay: 1,
    });
    await next(socket, "connect");
    const back = next(socket, "disconnect").then(() => next(socket, "connect"));
    for (const { client } of io.sockets.sockets.values()) client.conn.close();
    await back;
    assertEquals(await socket.timeout(5000).emitWithAck("sum", 1, 2), 3);
    const { port: farPort } = new URL(far.url);
    assertEquals(new Set(near.targets), new Set([`127.0.0.1:${farPort}`]));
    assertEquals(new Set(far.targets), new Set([`127.0.0.1:${port}`]));
    await socket.close();
  });
});

Deno.test("client tells why a proxy refuses, and no password", async () => {
  await using proxy = startProxy();
  for (const transports of [["polling"], ["websocket"]] as const) {
    const url = proxy.url.replace("s3cret", "guess");
    const socket = connectSocketIo("http://127.0.0.1:1", { transports, proxy: url });
    const error = await next(socket, "connect_error");
    assertInstanceOf(error.cause, ProxyError);
    assertEquals([error.code, error.cause.code], ["ERR_CONNECT", "ERR_PROXY_AUTH"]);
    assert(!Deno.inspect(error).includes("guess"));
    await socket.close();
  }
  assertEquals(proxy.targets, []);
});

Deno.test("client tells through a proxy whom it trusts and where the server may be, by both transports", async () => {
  await using proxy = startProxy();
  const io = new SocketIoServer();
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1", tls: identity("server") });
  const cases: [SocketIoClientOptions, code: string | undefined][] = [
    [{ tls: { ca: CA } }, undefined],
    [{ tls: { ca: OTHER_CA } }, "ERR_TLS_CERT"],
    [{}, "ERR_TLS_CERT"],
    [{ tls: { ca: CA }, policy: "public" }, "ERR_DIAL_POLICY"],
    [{ tls: { ca: CA }, policy: { allow: ["127.0.0.1"] } }, undefined],
  ];
  for (const [options, code] of cases) {
    for (const transports of [["polling"], ["websocket"]] as const) {
      const socket = connectSocketIo(`https://localhost:${port}`, {
        ...options,
        transports,
        proxy: parseProxyUrl(proxy.url),
        reconnection: false,
        forceNew: true,
      });
      const error = await Promise.race([next(socket, "connect_error"), next(socket, "connect")]);
      assertEquals((error?.cause as NetError | undefined)?.code, code);
      await socket.close();
    }
  }
  await io.close();
});

Deno.test("client that closes while the proxy says nothing leaves nothing open", async () => {
  const silent = await createServer(() => {}).listen(0, "127.0.0.1");
  for (const transports of [["polling"], ["websocket"]] as const) {
    const asked = new Promise((resolve) => silent.once("connection", resolve));
    const proxy = `socks5://127.0.0.1:${silent.port}`;
    const socket = connectSocketIo("http://192.0.2.1", { transports, proxy });
    await asked;
    await socket.close();
  }
  await silent.close();
});

Deno.test("a WebSocket through a proxy has the bounds of the client's options, and not its own", async () => {
  await using proxy = startProxy();
  const io = new SocketIoServer({ maxHttpBufferSize: 50_000_000, maxAttachmentBytes: 50_000_000 });
  io.on("connection", (socket) => {
    socket.on("size", (data, done) => done(data.length));
    socket.on("give", (size, done) => done(new Uint8Array(size)));
  });
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  const socket = connectSocketIo(`http://127.0.0.1:${port}`, {
    transports: ["websocket"],
    proxy: proxy.url,
    maxBufferedBytes: 50_000_000,
    maxHttpBufferSize: 1000,
    reconnection: false,
  });
  const lost = new Promise((resolve) => void socket.io.once("close", (_, error) => resolve(error)));
  // Together more than a WebSocket's maxSendQueueBytes.
  await next(socket, "connect");
  const sizes = [10_000_000, 10_000_000, 10_000_000];
  const given = sizes.map((size) =>
    socket.timeout(20_000).emitWithAck("size", new Uint8Array(size))
  );
  assertEquals(await Promise.all(given), sizes);
  socket.emit("give", 2000, () => {});
  assertEquals((await lost as SocketIoError).code, "ERR_LIMIT");
  await socket.close();
  await io.close();
});

Deno.test("a WebSocket through a proxy waits as long as the client's timeout and heartbeat say", async () => {
  const ponged = Promise.withResolvers<void>();
  // The proxy and the server behind it: two answers of SOCKS5, one of HTTP, then the start of a message and a ping.
  const server = await createServer((socket) => {
    const answers = ["\x05\x00", "\x05\x00\x00\x01" + "\x00".repeat(6)];
    socket.on("data", (chunk) => {
      const bytes = chunk as Uint8Array;
      const text = new TextDecoder().decode(bytes);
      const key = /^Sec-WebSocket-Key: (.*)\r$/im.exec(text)?.[1];
      if (answers.length > 0) socket.write(answers.shift()!);
      else if (key === undefined) {
        ponged.resolve();
        if (bytes[0] === 0x88) socket.destroy();
      } else {
        socket.write("HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
        socket.write(`Sec-WebSocket-Accept: ${acceptKey(key)}\r\n\r\n`);
        socket.write(new Uint8Array([0x01, 1, 0x61, 0x89, 0]));
      }
    });
  }).listen(0, "127.0.0.1");
  const { setTimeout } = globalThis;
  const delays: number[] = [];
  globalThis.setTimeout = ((...args: Parameters<typeof setTimeout>) => {
    if (args[1]! >= 5000) delays.push(args[1]!);
    return setTimeout(...args);
  }) as typeof setTimeout;
  try {
    const url = `http://127.0.0.1:${server.port}`;
    const proxy = url.replace("http", "socks5");
    const { WebSocket } = networkThrough({ proxy })(new URL(url), 1000);
    const ws = new WebSocket(url.replace("http", "ws"));
    await ponged.promise;
    assertEquals([ws.readyState, delays], [1, []]);
    const gone = new Promise((resolve) => ws.onclose = resolve);
    ws.close();
    await server.close();
    await gone;
  } finally {
    globalThis.setTimeout = setTimeout;
  }
});

Deno.test("client takes no proxy beside what would not go through it, and shows no malformed one", () => {
  const proxy = "socks5://127.0.0.1:1080";
  const bad: SocketIoClientOptions[] = [
    { proxy, fetch },
    { proxy, WebSocket },
    { proxy: [] },
    { proxy: "ftp://ann:s3cret@host" },
    { proxy: "socks5://ann:s3cret@host:99999" },
    { proxy, tls: {} },
    { tls: {} },
    { proxyTls: {} },
    { policy: "public" },
  ];
  for (const options of bad) {
    const error = assertThrows(() => connectSocketIo("http://host", options), TypeError);
    assert(!Deno.inspect(error).includes("s3cret"));
  }
});

Deno.test("a request through a proxy whose connection is cut fails, and is not sent again", async () => {
  await using proxy = startProxy();
  const asked: unknown[] = [];
  const server = await createServer((socket) => {
    socket.on("data", () => {
      // The first request of the connection is answered; the second one cuts it.
      if (asked.push(socket) === 2) socket.destroy();
      else socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
  }).listen(0, "127.0.0.1");
  const url = new URL(`http://127.0.0.1:${server.port}/`);
  const network = networkThrough({ proxy: proxy.url })(url, 1000);
  assertEquals(await (await network.fetch(url)).text(), "ok");
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
  await assertRejects(() => network.fetch(url));
  assertEquals(asked.length, 2);
  assert(asked[0] === asked[1], "the connection was used again");
  network.close();
  await server.close();
});

Deno.test("a request through a proxy that is answered too early and cut then ends no program", async () => {
  const proxy = await createServer((socket) => {
    socket.once("data", () => {
      const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
      socket.write(`HTTP/1.1 200 OK\r\n\r\n${answer}`, () => socket.resetAndDestroy());
    });
  }).listen(0, "127.0.0.1");
  const url = new URL("http://192.0.2.1/");
  const uncaught: unknown[] = [];
  const listener = (event: ErrorEvent) => {
    event.preventDefault();
    uncaught.push(event.error);
  };
  addEventListener("error", listener);
  for (let i = 0; i < 50; i++) {
    const network = networkThrough({ proxy: `http://127.0.0.1:${proxy.port}` })(url, 1000);
    const body = "x".repeat(i * 10_000);
    await network.fetch(url, { method: "POST", body }).then(
      (response) => response.text(),
      () => {},
    );
    for (let j = 0; j < 10; j++) await new Promise((resolve) => setImmediate(resolve));
    network.close();
  }
  removeEventListener("error", listener);
  assertEquals(uncaught, []);
  await proxy.close();
});

Deno.test("a request through a proxy that says nothing fails as soon as it is given up", async () => {
  const silent = await createServer(() => {}).listen(0, "127.0.0.1");
  const asked = new Promise((resolve) => silent.once("connection", resolve));
  const url = new URL("http://192.0.2.1/");
  const network = networkThrough({ proxy: `socks5://127.0.0.1:${silent.port}` })(url, 1000);
  const controller = new AbortController();
  const answer = network.fetch(url, { signal: controller.signal });
  await asked;
  controller.abort();
  const error = await assertRejects(() => answer, NetError);
  assertEquals(error.code, "ABORT_ERR");
  network.close();
  await silent.close();
});

Deno.test("a request through a proxy tells the status of a refusal whose body stalls, and refuses 101", async () => {
  await using proxy = startProxy();
  const head = "Content-Length: 9\r\n\r\nabc";
  const answers: Record<string, string> = {
    "/stalled": `HTTP/1.1 404 \r\n${head}`,
    "/cut": `HTTP/1.1 404 \r\n${head}`,
    "/half": `HTTP/1.1 200 \r\n${head}`,
    "/upgrade": "HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "/garbage": "no HTTP\r\n\r\n",
  };
  const server = await createServer((socket) => {
    socket.on("data", (bytes) => {
      const path = new TextDecoder().decode(bytes as Uint8Array).split(" ")[1];
      socket.write(answers[path]);
      if (path === "/cut" || path === "/half") socket.end();
    });
  }).listen(0, "127.0.0.1");
  const base = new URL(`http://127.0.0.1:${server.port}/`);
  const network = networkThrough({ proxy: proxy.url })(base, 1000);
  for (const path of ["/stalled", "/cut"]) {
    const response = await network.fetch(new URL(path, base));
    assertEquals([response.status, await response.text()], [404, ""]);
  }
  const codes = { "/half": "ECONNRESET", "/upgrade": "EPROTO", "/garbage": "EPROTO" };
  for (const [path, code] of Object.entries(codes)) {
    const error = await assertRejects(() => network.fetch(new URL(path, base)), NetError);
    assertEquals(error.code, code);
    assertStringIncludes(error.message, `Cannot get an answer from "${base.host}": `);
  }
  network.close();
  await server.close();
});

Deno.test("a request through a proxy passes 16 interim responses over, and fails at the next one", async () => {
  await using proxy = startProxy();
  const server = await createServer((socket) => {
    socket.on("data", (bytes) => {
      const interim = Number(new TextDecoder().decode(bytes as Uint8Array).split(/[ /]+/)[1]);
      const head = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
      socket.write(head.repeat(interim) + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
  }).listen(0, "127.0.0.1");
  const base = new URL(`http://127.0.0.1:${server.port}/`);
  const network = networkThrough({ proxy: proxy.url })(base, 1000);
  for (let i = 0; i < 2; i++) {
    const response = await network.fetch(new URL("/16", base));
    assertEquals([response.status, await response.text()], [200, "ok"]);
  }
  const error = await assertRejects(() => network.fetch(new URL("/17", base)), NetError);
  assertEquals(error.code, "EPROTO");
  assertStringIncludes(error.message, "interim responses");
  network.close();
  await server.close();
});

Deno.test("a request through a proxy has the URL's login, encoded as fetch takes it", async () => {
  await using proxy = startProxy();
  const listen = { hostname: "127.0.0.1", port: 0, onListen() {} };
  const server = Deno.serve(listen, ({ headers }) => new Response(headers.get("authorization")));
  for (const login of ["ann:%C3%A9@", ":pw@", "a%zz%41:pw@", "ann@", ""]) {
    const url = new URL(`http://${login}127.0.0.1:${server.addr.port}/`);
    const network = networkThrough({ proxy: proxy.url })(url, 1000);
    assertEquals(await (await network.fetch(url)).text(), await (await fetch(url)).text(), login);
    network.close();
  }
  await server.shutdown();
});

Deno.test("client that tries its next transport through a proxy leaves no connection of polling", async () => {
  await using proxy = startProxy();
  const polled = Promise.withResolvers<void>();
  const server = await createServer((socket) => {
    socket.once("data", (bytes) => {
      // The WebSocket gets no answer: what ends is the connection of polling.
      if (new TextDecoder().decode(bytes as Uint8Array).includes("websocket")) return;
      socket.write("HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n");
      socket.once("close", () => polled.resolve());
    });
  }).listen(0, "127.0.0.1");
  const socket = connectSocketIo(`http://127.0.0.1:${server.port}`, {
    proxy: proxy.url,
    tryAllTransports: true,
    reconnection: false,
    timeout: 10_000,
  });
  const late = next(socket, "connect_error").then((error) => Promise.reject(error));
  await Promise.race([polled.promise, late]);
  late.catch(() => {});
  await socket.close();
  await server.close();
});

const PROXY_VARIABLES = ["http_proxy", "https_proxy", "all_proxy"]
  .flatMap((name) => [name, name.toUpperCase()]);

Deno.test("client's WebSockets are this package's, unless another class or a proxy of the environment is meant", () => {
  const before = PROXY_VARIABLES.map((name) => [name, Deno.env.get(name)] as const);
  const url = new URL("http://127.0.0.1:9");
  const isOwn = () => webSocketFor(url, 1000).prototype instanceof DirectWebSocket;
  const platforms = globalThis.WebSocket;
  try {
    for (const name of PROXY_VARIABLES) Deno.env.delete(name);
    assert(isOwn());
    for (const name of PROXY_VARIABLES) {
      Deno.env.set(name, "http://127.0.0.1:9");
      assertEquals([name, webSocketFor(url, 1000)], [name, platforms]);
      Deno.env.delete(name);
    }
    class Other extends platforms {}
    globalThis.WebSocket = Other;
    assertEquals(webSocketFor(url, 1000), Other);
  } finally {
    globalThis.WebSocket = platforms;
    for (const [name, value] of before) if (value !== undefined) Deno.env.set(name, value);
  }
});

Deno.test("client whose environment can't be looked at leaves it to Deno whether there is a proxy", async () => {
  const module = (name: string) => new URL(`../../socketio/${name}`, import.meta.url).href;
  const script = `
    import { webSocketFor } from ${JSON.stringify(module("_client_network.ts"))};
    import ${JSON.stringify(module("client_proxy.ts"))};
    console.log(webSocketFor(new URL("http://127.0.0.1:9"), 1000) === WebSocket);`;
  await using folder = await tempFolder();
  const file = `${folder.path}/client.ts`;
  await Deno.writeTextFile(file, script);
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  for (const flags of [[], ["--allow-env"]]) {
    const args = [
      "run",
      "--quiet",
      "--no-prompt",
      "--no-check",
      `--config=${config}`,
      ...flags,
      file,
    ];
    const env = Object.fromEntries(PROXY_VARIABLES.map((name) => [name, ""]));
    const { stdout, stderr } = await runPeer(Deno.execPath(), args, { env });
    assertEquals([stdout, stderr], [`${flags.length === 0}\n`, ""]);
  }
});

for (const tls of [undefined, identity("server")]) {
  Deno.test(`client's own WebSockets bring bytes, and trust whom Deno does${tls ? ", over TLS" : ""}`, async () => {
    const io = new SocketIoServer();
    io.on("connection", (socket) => {
      socket.on("turned", (bytes: Uint8Array, done) => done(bytes.toReversed()));
    });
    const { port } = await io.listen({ port: 0, hostname: "127.0.0.1", tls });
    const script = `
      import { connectSocketIo } from ${
      JSON.stringify(new URL("../../socketio/mod.ts", import.meta.url).href)
    };
      const socket = connectSocketIo(Deno.args[0], { transports: ["websocket"], reconnection: false });
      socket.on("connect_error", ({ message }) => console.log(message));
      socket.on("connect", async () => {
        console.log(await socket.timeout(5000).emitWithAck("turned", new Uint8Array([1, 2, 3])));
        await socket.close();
      });`;
    await using folder = await tempFolder();
    const file = `${folder.path}/client.ts`;
    await Deno.writeTextFile(file, script);
    const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
    const url = `${tls ? "https" : "http"}://localhost:${port}`;
    const run = async (...flags: string[]): Promise<string> => {
      const always = ["run", "--quiet", "--no-prompt", "--no-check", "--allow-env", "--allow-net"];
      const env = Object.fromEntries(PROXY_VARIABLES.map((name) => [name, ""]));
      const args = [...always, `--config=${config}`, ...flags, file, url];
      return (await runPeer(Deno.execPath(), args, { env })).stdout;
    };
    const good = "Uint8Array(3) [ 3, 2, 1 ]\n";
    assertEquals(await run(`--cert=${certPath("ca.pem")}`), good);
    assertEquals(await run("--unsafely-ignore-certificate-errors=localhost"), good);
    if (tls === undefined) assertEquals(await run(), good);
    else assertStringIncludes(await run(), "unknown authority");
    await io.close();
  });
}

Deno.test("client whose connections a router has forgotten comes back over new ones, at the first attempt", async () => {
  await using io = new SocketIoServer({ pingInterval: 150, pingTimeout: 150 });
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  await using relay = new FaultRelay(port);
  const options = { forceNew: true, reconnectionDelay: 1, timeout: 5000 };
  const clients = [["polling"], ["polling", "websocket"]].map((transports) =>
    connectSocketIo(`http://127.0.0.1:${relay.port}`, {
      ...options,
      transports: transports as SocketIoClientOptions["transports"],
    })
  );
  const failures: Error[] = [];
  for (const client of clients) client.on("connect_error", (error) => failures.push(error));
  await Promise.all(clients.map((client) => next(client, "connect")));
  // Another request leaves another idle connection.
  for (const client of clients) client.emit("more");
  await Promise.all(clients.map((client) =>
    new Promise<void>((resolve) => {
      client.io.once("ping", resolve);
    })
  ));
  const lost = clients.map((client) => next(client, "disconnect"));
  const back = clients.map((client) => next(client, "connect"));
  relay.forget();
  assertEquals(await Promise.all(lost), ["ping timeout", "ping timeout"] as never);
  await Promise.all(back);
  assertEquals(failures, []);
  await Promise.all(clients.map((client) => client.disconnect()));
});

Deno.test("client comes back where Deno can make no HTTP client: by WebSocket, and by polling as soon as it can", async () => {
  await using io = new SocketIoServer();
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  const { createHttpClient } = Deno;
  const failures: unknown[] = [];
  Deno.createHttpClient = () => {
    throw new Error("Failed opening CA file");
  };
  try {
    for (const transport of ["websocket", "polling"] as const) {
      const client = connectSocketIo(`http://127.0.0.1:${port}`, {
        transports: [transport],
        forceNew: true,
        reconnectionDelay: 1,
      });
      client.on("connect_error", ({ message }) => {
        failures.push([transport, message]);
        Deno.createHttpClient = createHttpClient;
      });
      await next(client, "connect");
      const back = next(client, "connect");
      for (const { conn } of io.sockets.sockets.values()) conn.close();
      await back;
      await client.close();
    }
  } finally {
    Deno.createHttpClient = createHttpClient;
  }
  const message = "Cannot reach the server by polling: Failed opening CA file";
  assertEquals(failures, [["polling", message]]);
});
