import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { EventEmitter } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { gzipSync } from "node:zlib";
import { Limits } from "../../net/limits.ts";
import { pair } from "../../net/pair.ts";
import type { Transport } from "../../net/transport.ts";
import { waitFor } from "../../net/wait.ts";
import { ALL_TOLD, endlessHandler, PATHS } from "../_support/endless_handler.ts";
import {
  ACCEPT,
  ask,
  RawClient,
  serve,
  until,
  upgradeRequest,
} from "../_support/websocket_server.ts";
import { shortTimers } from "../_support/short_timers.ts";
import {
  createHandlerServer,
  injectConnection,
  isInjected,
  keepAliveWithoutListening,
} from "../../websocket/_front_door.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { encodeFrame } from "../../websocket/frame.ts";
import { receiveHead, writeLatin1 } from "../../websocket/_head_exchange.ts";
import { createRequestListener } from "../../websocket/request_listener.ts";

async function inject(
  server: ReturnType<typeof createServer>,
  request: string,
  secure = false,
): Promise<Transport> {
  const [a, b] = pair();
  await writeLatin1(a, request);
  const socket = injectConnection(server, b, await receiveHead(b, "request"), secure);
  assertEquals([isInjected(socket), isInjected({})], [true, false]);
  return a;
}

/** What `Deno.upgradeWebSocket` gives, and `new Response` does not. */
function upgradeResponse(): Response {
  return Object.defineProperty(new Response(), "status", { value: 101 });
}

async function readAll(transport: Transport): Promise<string> {
  const buffer = new Uint8Array(65_536);
  let text = "";
  for (let n; (n = await transport.read(buffer)) !== null;) {
    text += String.fromCharCode(...buffer.subarray(0, n));
  }
  transport.close();
  return text;
}

Deno.test("front door gives a node:http server the whole request, body included", async () => {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => body += chunk).on("end", () => response.end(`got ${body}`));
  });
  const text = await readAll(
    await inject(
      server,
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody",
    ),
  );
  assertStringIncludes(text, "got body");
});

Deno.test("front door keeps connections alive, and puts the server back as it was", async () => {
  const server = createServer((_request, response) => response.end("x"));
  const restore = keepAliveWithoutListening(server);
  assertEquals(server.listening, true);
  const client = await inject(server, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
  const buffer = new Uint8Array(1000);
  await client.read(buffer);
  await writeLatin1(client, "GET /2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  assertStringIncludes(await readAll(client), "200 OK");
  restore();
  assertEquals(server.listening, false);
  Object.defineProperty(server, "listening", { value: false, configurable: true });
  keepAliveWithoutListening(server)();
  assertEquals(server.listening, false);
});

Deno.test("front door's connection that is to end has the response to its head first, and ends at once where none is due", async () => {
  const server = createServer((request, response) => {
    const socket: unknown = request.socket;
    if (isInjected(socket)) socket.begin(request, response);
    response.end("x");
  });
  const restore = keepAliveWithoutListening(server);
  for (const answered of [false, true]) {
    const [a, b] = pair();
    await writeLatin1(a, GET);
    const socket = injectConnection(server, b, await receiveHead(b, "request"), false);
    let text = "";
    const buffer = new Uint8Array(1000);
    while (answered && !text.endsWith("x")) {
      text += String.fromCharCode(...buffer.subarray(0, (await a.read(buffer))!));
    }
    socket.finish();
    text += await waitFor(readAll(a), "read", { timeout: 3000 });
    assertMatch(text, /^HTTP\/1.1 200 OK\r\n[^]*x$/);
  }
  restore();
});

Deno.test("front door ends connections that are idle for longer than the server allows", async () => {
  const server = createServer((_request, response) => response.end("x"));
  server.keepAliveTimeout = 1;
  const restore = keepAliveWithoutListening(server);
  const client = await inject(server, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  // One second comes on top, by node:http's own account.
  assertStringIncludes(await readAll(client), "200 OK");
  restore();
});

Deno.test("front door takes a connection on which a body comes for one that is not idle", async () => {
  const server = createServer((request, response) => {
    request.resume().once("end", () => response.end("whole"));
  });
  server.timeout = 1000;
  const length = 6;
  const far = await inject(
    server,
    `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n\r\n`,
  );
  for (let i = 0; i < length; i++) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    await writeLatin1(far, "a");
  }
  assertMatch(await readAll(far), /whole$/);
});

Deno.test("front door's connections tell the time that they may be idle, and forget a listener with it", async () => {
  const [a, b] = pair();
  await writeLatin1(a, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  // Nobody takes the connection, and sets another time.
  const received = await receiveHead(b, "request");
  const socket = injectConnection(new EventEmitter() as Server, b, received, false);
  const listener = () => {};
  assertEquals(socket.timeout, 0);
  assertEquals(socket.setTimeout(200, listener).timeout, 200);
  assertEquals(socket.listenerCount("timeout"), 1);
  socket.timeout = 5;
  assertEquals(socket.timeout, 200);
  assertEquals(socket.setTimeout(0, listener).timeout, 0);
  assertEquals(socket.listenerCount("timeout"), 0);
  assertThrows(() => socket.setTimeout("60000" as never, listener), TypeError, "a number");
  for (const ms of [-5, NaN]) assertThrows(() => socket.setTimeout(ms, listener), RangeError);
  assertEquals([socket.timeout, socket.listenerCount("timeout")], [0, 0]);
  assertEquals(socket.setTimeout(2_147_484_647).timeout, 2_147_484_647);
  socket.setTimeout(200).destroy();
  assertEquals([socket.timeout, socket.setTimeout(200).timeout], [0, 0]);
  a.close();
});

Deno.test("front door's times for requests leave slow answers and other protocols alone", async () => {
  const http = createServer((request, response) => {
    // Longer than heads, and bodies, may take.
    if (request.url === "/slow") setTimeout(() => response.end("slow"), 250);
    else response.end("quick");
  });
  http.headersTimeout = http.requestTimeout = 100;
  await using server = await serve({ http });
  for (const url of ["/slow", "/quick"]) {
    using client = await RawClient.connect(server.port);
    for (let i = 0; i < 2; i++) {
      await client.write(`GET ${url} HTTP/1.1\r\nHost: h\r\n\r\n`);
      client.text = "";
      assertStringIncludes(await client.readUntil((text) => text.includes(url.slice(1))), "200 OK");
    }
    // The next request is in no hurry to begin, and then becomes a WebSocket, which may last.
    await new Promise((resolve) => setTimeout(resolve, 150));
    await client.write(upgradeRequest());
    assertStringIncludes(await client.readHead(), "200 OK");
    await client.readUntil((text) => text.includes(ACCEPT));
    await client.write(encodeFrame(new Uint8Array([1]), { maskKey: 1 }));
    await new Promise((resolve) => setTimeout(resolve, 250));
    client.text = "";
    await client.write(encodeFrame(new TextEncoder().encode("hi"), { opcode: 1, maskKey: 1 }));
    await client.readUntil((text) => text.includes("hi"));
  }
});

Deno.test("front door ends requests that take too long to come, and no others", async () => {
  const http = createServer((request, response) =>
    request.on("end", () => response.end("x")).resume()
  );
  http.headersTimeout = 100;
  http.requestTimeout = 200;
  await using server = await serve({ http });
  const first = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  const body = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc";
  for (const rest of [[first, "GET / HT"], [first, body], [body]]) {
    using client = await RawClient.connect(server.port);
    if (rest.length > 1) {
      await client.write(rest[0]);
      await client.readUntil((text) => text.endsWith("\r\n\r\nx"));
    }
    await client.write(rest.at(-1)!);
    const answers = (await client.readUntil()).match(/200 OK/g)?.length ?? 0;
    assertEquals(answers, rest.length - 1);
  }
});

Deno.test("front door's times hold for requests with an expectation, and behind them", async () => {
  const http = createServer((_request, response) => response.end("x"));
  http.headersTimeout = 300;
  http.requestTimeout = 600;
  const odd = "POST / HTTP/1.1\r\nHost: h\r\nExpect: a miracle\r\nContent-Length: ";
  const head = "GET / HTTP/1.1\r\nX-Slow: ";
  const own = { handshakeTimeout: 300, handler: () => new Response("x") };
  for (
    const [options, text] of [
      [{ http }, `${odd}9999\r\n\r\nabc`],
      [{ http }, `${odd}3\r\n\r\nabc${head}`],
      [own, `${odd}3\r\n\r\nabc${head}`],
    ] as const
  ) {
    await using server = await serve(options);
    using client = await RawClient.connect(server.port);
    await client.write(text);
    await client.readUntil((text) => text.includes("417 Expectation Failed"));
    const dripping = setInterval(() => client.write("x").catch(() => {}), 50);
    const outcome = await waitFor(client.readUntil(), "end", { timeout: 10_000 })
      .then(() => "ended", () => "open");
    clearInterval(dripping);
    assertEquals(outcome, "ended");
  }
});

Deno.test("front door leaves expectations to the server's own listeners, which have all the time for a body", async () => {
  const http = createServer((_request, response) => response.end("plain"));
  http.headersTimeout = 100;
  http.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    response.writeContinue();
    request.on("end", () => response.end("continued")).resume();
  });
  http.on("checkExpectation", (_request: IncomingMessage, response: ServerResponse) => {
    response.end("as you wish");
  });
  const head = "HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n";
  await using server = await serve({ http });
  // A second door on the same server.
  await using _other = await serve({ http });
  using client = await RawClient.connect(server.port);
  await client.write(`GET / ${head}\r\nab`);
  await client.readUntil((text) => text.endsWith("plain"));
  await client.write(`GET / ${head}Expect: a miracle\r\n\r\nab`);
  await client.readUntil((text) => text.endsWith("as you wish"));
  await client.write(`POST / ${head}Expect: 100-continue\r\n\r\na`);
  await client.readUntil((text) => text.includes("100 Continue"));
  await new Promise((resolve) => setTimeout(resolve, 400));
  await client.write("b");
  assertMatch(await client.readUntil((text) => text.includes("continued")), /continued/);
});

Deno.test("front door does what node:http does with expectations that nobody listens for", async () => {
  const http = createServer((request, response) => {
    request.on("end", () => response.end("plain")).resume();
  });
  const head = "HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\nExpect:";
  const body = "x".repeat(100_000);
  {
    await using server = await serve({ http });
    await using _other = await serve({ http });
    await using own = await serve({
      handler: async (request) => new Response((await request.bytes()).length > 0 ? "plain" : ""),
    });
    for (const { port } of [server, own]) {
      using client = await RawClient.connect(port);
      const sent = client.write(`POST / ${head} a miracle\r\n\r\n${body}`);
      await client.readUntil((text) => text.includes("417 Expectation Failed"));
      await sent;
      await client.write(`POST / ${head} 100-continue\r\n\r\n`);
      await client.readUntil((text) => text.includes("100 Continue"));
      await client.write(body);
      await client.readUntil((text) => text.includes("plain"));
      assertEquals(client.text.match(/HTTP\/1.1 [0-9]+/g), [
        "HTTP/1.1 417",
        "HTTP/1.1 100",
        "HTTP/1.1 200",
      ]);
    }
  }
  assertEquals([http.listenerCount("checkContinue"), http.listenerCount("checkExpectation")], [
    0,
    0,
  ]);
});

Deno.test("front door takes the next request though nobody has read a large body before it", async () => {
  const http = createServer((_request, response) => response.end("x"));
  const body = "a".repeat(1_000_000);
  const large = `Host: h\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  for (const options of [{ http }, { handler: () => new Response("x") }]) {
    await using server = await serve(options);
    for (const method of ["POST", "GET"]) {
      using client = await RawClient.connect(server.port);
      const last = `GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`;
      await Promise.all([
        client.write(`${method} / HTTP/1.1\r\n${large}${last}`),
        client.readUntil(),
      ]);
      assertEquals(client.text.match(/200 OK/g)?.length, 2);
    }
  }
});

Deno.test("front door ends a client that takes too long for the rest of a body that is answered", async () => {
  const http = createServer((_request, response) => response.end("x"));
  http.requestTimeout = 300;
  await using server = await serve({ http });
  const body = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc";
  using client = await RawClient.connect(server.port);
  await client.write(body);
  await client.readUntil((text) => text.endsWith("\r\n\r\nx"));
  await client.write("defghi");
  await client.write(body);
  const start = performance.now();
  assertEquals((await client.readUntil()).match(/200 OK/g)?.length, 2);
  assertEquals(performance.now() - start < 4000, true);
});

Deno.test("front door gives a request behind the rest of a body that was answered all the time for its response", async () => {
  const http = createServer((request, response) => {
    if (request.method === "POST") response.end("early");
    else setTimeout(() => response.end("late"), 700);
  });
  http.headersTimeout = 200;
  await using server = await serve({ http });
  for (const together of [true, false]) {
    using client = await RawClient.connect(server.port);
    await client.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbo");
    await client.readUntil((text) => text.endsWith("early"));
    if (together) await client.write("dy" + GET);
    else for (const part of ["dy", GET]) await client.write(part);
    assertMatch(await client.readUntil((text) => text.endsWith("late")), /late$/);
  }
});

Deno.test("handler server tells TLS by the URL, and turns bad requests away", async () => {
  const server = createHandlerServer((request) => new Response(request.url), () => {});
  assertStringIncludes(
    await readAll(
      await inject(server, "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", true),
    ),
    "https://h/a",
  );
  const bad = await inject(server, "GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n");
  assertStringIncludes(await readAll(bad), "400 Bad Request");
});

Deno.test("handler server does not answer a malformed request in the middle of a response", async () => {
  let cancelled = false;
  const body = () =>
    new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode("part")),
      cancel: () => void (cancelled = true),
    });
  const headers = { "content-length": "40" };
  await using server = await serve({ handler: () => new Response(body(), { headers }) });
  using client = await RawClient.connect(server.port);
  await client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  await client.readUntil((text) => text.endsWith("part"));
  await client.write("garbage\r\n\r\n");
  const text = await client.readUntil();
  assertEquals([text.slice(text.indexOf("\r\n\r\n") + 4), cancelled], ["part", true]);
});

Deno.test("handler's requests have the limit of heads that was set, the first one and later ones", async () => {
  const handler = (request: Request) => new Response(`${request.headers.get("x")?.length}`);
  const get = (size: number) => `GET / HTTP/1.1\r\nHost: h\r\nX: ${"x".repeat(size)}\r\n\r\n`;
  for (const maxHeadSize of [undefined, 2000, 40_000]) {
    const most = maxHeadSize ?? 16_384;
    await using server = await serve({ handler, head: { maxHeadSize, maxLineSize: 80_000 } });
    using client = await RawClient.connect(server.port);
    for (let i = 0; i < 2; i++) {
      client.text = "";
      await client.write(get(most - 100));
      const answer = `\r\n\r\n${most - 100}`;
      await client.readUntil((text) => text.endsWith(answer) || /\.1 4/.test(text));
      assertStringIncludes(client.text, answer);
    }
    client.text = "";
    await client.write(get(most + 100));
    assertStringIncludes(await client.readUntil(), "HTTP/1.1 431 ");
  }
});

/** The answer to a request behind some others on its connection. */
async function askLater(port: number, request: string, others: number): Promise<string> {
  using client = await RawClient.connect(port);
  for (let i = 0; i < others; i++) {
    await client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await client.readUntil((text) => text.includes("headers"));
    client.text = "";
  }
  await client.write(request);
  return await client.readUntil((text) => /headers|HTTP\/1.1 4/.test(text));
}

Deno.test("handler's requests have the limits of lines that were set, the first one and later ones", async () => {
  const head = { maxHeaderCount: 1200, maxLineSize: 2000, maxHeadSize: 40_000 };
  const handler = ({ headers }: Request) => new Response(`${[...headers].length} headers`);
  await using server = await serve({ head, handler });
  const get = "GET / HTTP/1.1\r\nHost: h\r\n";
  const many = (count: number) => {
    const names = Array.from({ length: count }, (_, i) => `x${i}:\r\n`);
    return names.join("");
  };
  const x = (size: number) => "x".repeat(size);
  for (
    const [request, answer] of [
      [get + many(1199), "1200 headers"],
      [get + many(1200), "HTTP/1.1 431 "],
      [get.replace("/", `/${x(1985)}`), "1 headers"],
      [get.replace("/", `/${x(1986)}`), "HTTP/1.1 414 "],
      [`${get}X: ${x(1996)}\r\n`, "2 headers"],
      [`${get}X: ${x(1997)}\r\n`, "HTTP/1.1 431 "],
      [`${get}${`X: ${x(1000)}\r\n`.repeat(39)}`, "2 headers"],
      [`${get}${`X: ${x(1000)}\r\n`.repeat(40)}`, "HTTP/1.1 431 "],
      [upgradeRequest({ "X": x(2000) }).slice(0, -2), "HTTP/1.1 431 "],
    ]
  ) {
    for (const others of [0, 2]) {
      assertStringIncludes(await askLater(server.port, `${request}\r\n`, others), answer);
    }
  }
});

Deno.test("upgrade request behind others of a node:http server has the limits that were set", async () => {
  const http = createServer((_request, response) => response.end("headers"));
  await using server = await serve({ http, head: { maxLineSize: 200, maxHeaderCount: 10 } });
  const upgrade = upgradeRequest({ "X": "x".repeat(200) });
  await using smaller = await serve({ http, head: { maxHeadSize: 300 } });
  for (const { port } of [server, smaller]) {
    for (const others of [0, 1]) {
      assertStringIncludes(await askLater(port, upgrade, others), "HTTP/1.1 431 ");
    }
  }
});

Deno.test("handler gets a request for the whole server with the URL that Deno.serve gives it", async () => {
  const server = createHandlerServer(({ url }) => new Response(url), () => {});
  for (const [method, answer] of [["OPTIONS", "http://h/*"], ["GET", "400 Bad Request"]]) {
    const head = `${method} * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`;
    assertStringIncludes(await readAll(await inject(server, head)), answer);
  }
});

Deno.test("handler's response tells the length of a body that is there, and that of none", async () => {
  const form = new FormData();
  form.set("a", "b");
  const never = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array([0x61])),
    cancel: () => new Promise<void>(() => {}),
  });
  const bodies: Record<string, () => BodyInit | null> = {
    text: () => "häuser",
    bytes: () => new Uint8Array(100_000),
    blob: () => new Blob(["abc", new Uint8Array(50_000), "def"]),
    form: () => form,
    stream: () => ReadableStream.from([new Uint8Array(3)]) as ReadableStream<Uint8Array>,
    empty: () => "",
    none: () => null,
    large: () => new Blob([new Uint8Array(70_000), new Uint8Array(70_000), "x"]),
    later: () => never.tee()[0],
  };
  const server = createHandlerServer(
    (request) => new Response(bodies[new URL(request.url).pathname.slice(1)]()),
    () => {},
  );
  const lengths: Record<string, unknown> = {};
  for (const name in bodies) {
    for (const method of ["HEAD", "GET"]) {
      if (name === "later" && method === "GET") continue;
      const request = `${method} /${name} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`;
      const text = await readAll(await inject(server, request));
      const end = text.indexOf("\r\n\r\n");
      const told = /^content-length: (.*)\r$/im.exec(text)?.[1];
      const body = text.length - end - 4;
      lengths[`${method} ${name}`] = method === "GET" && told !== undefined
        ? [Number(told), body]
        : [Number(told), body > 0, text.includes("chunked")];
    }
  }
  const sizes = { text: 7, bytes: 100_000, blob: 50_006, form: 119, stream: 3, empty: 0, none: 0 };
  for (const [name, size] of Object.entries(sizes)) {
    assertEquals(lengths[`GET ${name}`], [size, size], name);
    const unknown = name === "none";
    assertEquals(lengths[`HEAD ${name}`], [unknown ? NaN : size, false, false], name);
  }
  assertEquals(lengths["GET large"], [NaN, true, true]);
  assertEquals(lengths["HEAD large"], [NaN, false, false]);
  assertEquals(lengths["HEAD later"], [NaN, false, false]);
});

Deno.test("handler that throws is reported, and its client gets 500", async () => {
  const errors: unknown[] = [];
  const server = createHandlerServer(() => {
    throw new Error("mine");
  }, (error) => errors.push(error));
  const client = await inject(server, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  assertStringIncludes(await readAll(client), "500 Internal Server Error");
  assertEquals((errors[0] as Error).message, "mine");
});

Deno.test("handler's response that is none is reported, and its client gets 500", async () => {
  for (const response of [Response.error(), upgradeResponse()]) {
    const errors: unknown[] = [];
    const server = createHandlerServer(() => response, (error) => errors.push(error));
    const client = await inject(server, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assertStringIncludes(await readAll(client), "500 Internal Server Error");
    assertStringIncludes((errors[0] as Error).message, "is not the status of a response");
  }
});

Deno.test("handler's body that has nothing to say yet has its head sent", async () => {
  const told = Promise.withResolvers<void>();
  const server = createHandlerServer(() =>
    new Response(
      new ReadableStream({
        async pull(controller) {
          await told.promise;
          controller.enqueue(new TextEncoder().encode("data: 1\n\n"));
          controller.close();
        },
      }),
      { status: 201 },
    ), () => {});
  const request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  const client = await inject(server, request);
  const { text, rest, reader } = await waitFor(
    receiveHead(client, "response"),
    "get the head of the response",
    { timeout: 5000 },
  );
  assertStringIncludes(text, "HTTP/1.1 201 ");
  reader.stop();
  told.resolve();
  assertEquals([rest.length, await readAll(client)], [0, "9\r\ndata: 1\n\n\r\n0\r\n\r\n"]);
});

Deno.test("handler's body that can't be cancelled cuts no response to HEAD", async () => {
  const errors: unknown[] = [];
  const handler = () =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(10)),
        cancel() {
          throw new Error("mine");
        },
      }),
    );
  const onError = (error: unknown) => errors.push((error as Error).message);
  await using server = await serve({ handler, onError });
  using client = await RawClient.connect(server.port);
  await client.write("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(2));
  const answers = /HTTP\/1.1 200[^]*HTTP\/1.1 200/;
  assertMatch(await client.readUntil((text) => answers.test(text)), answers);
  assertEquals(errors, ["mine", "mine"]);
});

Deno.test("handler's body that fails cuts the response: it does not look whole", async () => {
  const errors: unknown[] = [];
  const chunks = [new TextEncoder().encode("half")];
  const server = createHandlerServer(() =>
    new Response(
      new ReadableStream({
        pull(controller) {
          const chunk = chunks.shift();
          if (chunk === undefined) controller.error(new Error("mine"));
          else controller.enqueue(chunk);
        },
      }, { highWaterMark: 0 }),
    ), (error) => errors.push(error));
  const client = await inject(server, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  const text = await readAll(client).catch(() => "");
  assertEquals(text.endsWith("0\r\n\r\n"), false, text);
  assertEquals((errors[0] as Error).message, "mine");
});

Deno.test("handler's body that gives nothing for a chunk is cut, and its source is told", async () => {
  for (const nothing of [undefined, null]) {
    for (const before of [[], [1], [50_000, 50_000, 50_000]]) {
      const errors: unknown[] = [];
      let cancelled = 0;
      const server = createHandlerServer(() =>
        new Response(
          new ReadableStream({
            start(controller) {
              for (const size of before) controller.enqueue(new Uint8Array(size));
              controller.enqueue(nothing as unknown as Uint8Array);
            },
            cancel: () => void cancelled++,
          }),
        ), (error) => errors.push(error));
      const client = await inject(server, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
      const text = await readAll(client).catch(() => "");
      // With the last ones the head is sent already.
      assertEquals([text.includes("500 "), text.endsWith("\r\n0\r\n\r\n")], [
        before.length < 3,
        false,
      ]);
      assertEquals([errors.length, cancelled], [1, 1]);
    }
  }
});

Deno.test("handler's body whose head can't be sent is cancelled", async () => {
  for (const method of ["GET", "HEAD"]) {
    const errors: unknown[] = [];
    let cancelled = 0;
    const server = createHandlerServer(() =>
      new Response(
        new ReadableStream({ cancel: () => void cancelled++ }),
        // Fetch takes it, HTTP does not.
        { headers: { "x-a": "\x01", "content-length": "3" } },
      ), (error) => errors.push(error));
    const request = `${method} / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`;
    assertStringIncludes(await readAll(await inject(server, request)), "500 ");
    assertEquals([errors.length, cancelled], [1, 1]);
  }
});

Deno.test("handler's response that was read already is reported, and its client gets 500", async () => {
  const errors: unknown[] = [];
  const server = createHandlerServer(async () => {
    const response = new Response("x");
    await response.text();
    return response;
  }, (error) => errors.push(error));
  const client = await inject(server, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  assertStringIncludes(await readAll(client), "500 Internal Server Error");
  assertStringIncludes((errors[0] as Error).message, "was read already");
});

Deno.test("handler's body is cancelled as soon as its client has gone, though it gives nothing", async () => {
  const cancelled = Promise.withResolvers<void>();
  const server = createHandlerServer(() =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode("data: 1\n\n")),
        cancel: () => cancelled.resolve(),
      }),
    ), () => {});
  const client = await inject(server, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  await client.read(new Uint8Array(1000));
  client.close();
  await waitFor(cancelled.promise, "see the body cancelled", { timeout: 5000 });
});

Deno.test("handlers are told that their client has gone where their responses wait behind another", async () => {
  const told: string[] = [];
  const all = Promise.withResolvers<void>();
  let asked = 0;
  const handler = endlessHandler(told, () => ++asked === PATHS.length && all.resolve());
  await using server = await serve({ handler });
  const client = await RawClient.connect(server.port);
  await client.write(
    PATHS.map((path) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`).join(""),
  );
  await waitFor(all.promise, "be asked", { timeout: 20_000 });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(told, []);
  client.close();
  for (let i = 0; told.length < ALL_TOLD.length && i < 2000; i++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assertEquals(told.sort(), ALL_TOLD);
});

Deno.test("closing lets go of a connection that nobody reads, and whose handler waits for its end", async () => {
  const limits = new Limits();
  const asked = Promise.withResolvers<Request>();
  const handler = (request: Request) => {
    asked.resolve(request);
    return new Promise<Response>((resolve) => {
      request.signal.addEventListener("abort", () => resolve(new Response()));
    });
  };
  await using server = await serve({ handler, limits });
  using client = await RawClient.connect(server.port);
  // The upgrade waits for the response before it, and all that comes behind it waits as well.
  await client.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + upgradeRequest());
  await client.conn.closeWrite();
  const { signal } = await asked.promise;
  await new Promise((resolve) => setTimeout(resolve, 20));
  await waitFor(server.close({ timeout: 10 }), "close the server", { timeout: 5000 });
  assertEquals([limits.pressure.connections.used, signal.aborted], [0, true]);
});

Deno.test("handler server answers TRACE with 501, and reports nothing", async () => {
  const errors: unknown[] = [];
  const server = createHandlerServer(() => new Response("x"), (error) => errors.push(error));
  const client = await inject(server, "TRACE / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  assertStringIncludes(await readAll(client), "501 Not Implemented");
  assertEquals(errors, []);
});

Deno.test("handler is not asked by a request with two hosts", async () => {
  const server = createHandlerServer((request) => new Response(request.url), () => {});
  for (const second of ["h", "other"]) {
    const request = `GET / HTTP/1.1\r\nHost: h\r\nHost: ${second}\r\n\r\n`;
    assertStringIncludes(await readAll(await inject(server, request)), "400 Bad Request");
  }
});

Deno.test("handler's body of another length than it says is reported, and cut", async () => {
  const stream = (text: string) => new Blob([text]).stream();
  for (const body of [stream("hello world"), stream("he"), null]) {
    const errors: unknown[] = [];
    const server = createHandlerServer(
      () => new Response(body, { headers: { "content-length": "5" } }),
      (error) => errors.push(error),
    );
    const client = await inject(server, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    const text = await readAll(client).catch(() => "");
    assertEquals(text.includes("hello"), false, text);
    if (body === null) assertStringIncludes(text, "500 Internal Server Error");
    assertStringIncludes((errors[0] as Error).message, "content-length says 5");
  }
  const server = createHandlerServer(
    () => new Response("hello", { headers: { "content-length": "5" } }),
    (error) => {
      throw error;
    },
  );
  const client = await inject(server, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  assertStringIncludes(await readAll(client), "\r\n\r\nhello");
});

Deno.test("handler may pass on what it fetched, compressed or not", async () => {
  const origin = createServer((request, response) => {
    const body = gzipSync("hello");
    if (request.url === "/plain") response.writeHead(200, { "content-length": 5 }).end("hello");
    else {
      response.writeHead(200, { "content-encoding": "gzip", "content-length": body.length });
      response.end(body);
    }
  });
  await new Promise<void>((resolve) => void origin.listen(0, "127.0.0.1", resolve));
  const { port } = origin.address() as AddressInfo;
  const server = createHandlerServer(
    (request) => fetch(`http://127.0.0.1:${port}${new URL(request.url).pathname}`),
    (error) => {
      throw error;
    },
  );
  for (const path of ["/plain", "/gzip"]) {
    const client = await inject(
      server,
      `GET ${path} HTTP/1.0\r\nHost: h\r\nConnection: close\r\n\r\n`,
    );
    let text = await readAll(client);
    assertStringIncludes(text, "\r\n\r\nhello");
    assertEquals(text.includes("gzip"), false, text);
    // That of what it was in transit would be wrong.
    if (path === "/gzip") text = text.replace("content-length: 5\r\n", "");
    assertEquals(text.includes("content-length"), path === "/plain", text);
  }
  await new Promise((resolve) => origin.close(resolve));
});

Deno.test("handler may pass on what it fetched from one that keeps its connections", async () => {
  const upstream = createServer((_request, response) => {
    response.write("half");
    setTimeout(() => response.end("whole"), 10);
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/`;
  const copied = async () => {
    const { body, headers } = await fetch(url);
    return new Response(body, { headers });
  };
  for (const handler of [() => fetch(url), copied]) {
    await using server = await serve({ handler });
    for (
      const [version, body] of [["1.0", "halfwhole"], [
        "1.1",
        "4\r\nhalf\r\n5\r\nwhole\r\n0\r\n\r\n",
      ]]
    ) {
      const request = `GET / HTTP/${version}\r\nHost: h\r\nConnection: close\r\n\r\n`;
      const text = await ask(server.port, request);
      const end = text.indexOf("\r\n\r\n") + 4;
      assertEquals(text.slice(end), body);
      assertEquals(text.slice(0, end).match(/^(connection|keep-alive): .*/gim), [
        "Connection: close",
      ]);
    }
  }
  upstream.close();
  upstream.closeAllConnections();
});

Deno.test("handler's body has one framing, whatever its headers say", async () => {
  const server = createHandlerServer((request) => {
    const headers = { "transfer-encoding": "gzip", "content-length": "3" };
    if (!request.url.endsWith("/chunks")) return new Response("abc", { headers });
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        controller.enqueue(new TextEncoder().encode("abc"));
        controller.close();
      },
    });
    return new Response(body, { headers: { "transfer-encoding": "gzip" } });
  }, () => {});
  for (
    const [path, framing] of [["chunks", "Transfer-Encoding: chunked"], ["", "content-length: 3"]]
  ) {
    const request = `GET /${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`;
    const text = await readAll(await inject(server, request));
    assertEquals(text.match(/^(transfer-encoding|content-length): .*/gim), [framing]);
  }
});

Deno.test("handler gets cookies of several lines as one list of cookies", async () => {
  const server = createHandlerServer(
    (request) => new Response(request.headers.get("cookie")),
    (error) => {
      throw error;
    },
  );
  const cookies = "Cookie: a=1\r\nCookie: b=2\r\n";
  const client = await inject(
    server,
    `GET / HTTP/1.1\r\nHost: h\r\n${cookies}Connection: close\r\n\r\n`,
  );
  assertStringIncludes(await readAll(client), "a=1; b=2");
});

Deno.test("front door reads on when the responses to pipelined requests have left", async () => {
  const first = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  await using server = await serve({
    handler: async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/upload") return new Response(`got ${(await request.bytes()).length}`);
      if (pathname === "/first") await first.promise;
      else if (pathname === "/2") setTimeout(answered.resolve, 10);
      return new Response(new Uint8Array(40_000));
    },
  });
  using client = await RawClient.connect(server.port);
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
  // Their responses wait for that to the first one, and pass what node:http keeps of a connection.
  await client.write(get("/first") + get("/1") + get("/2"));
  await answered.promise;
  const head = "POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 90000\r\n\r\n";
  const sent = client.write(head + "x".repeat(90_000));
  setTimeout(first.resolve, 10);
  const text = client.readUntil((text) => text.includes("got 90000"));
  await waitFor(text, "read", { timeout: 20_000 });
  await sent;
});

Deno.test("front door does not wait for ever behind a body that ends after its response", async () => {
  await using server = await serve({ handshakeTimeout: 200, handler: () => new Response("ok") });
  for (const rest of ["ghi", "ghiGET / HT"]) {
    using client = await RawClient.connect(server.port);
    await client.write("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nabcdef");
    await client.readUntil((text) => text.endsWith("ok") || text.includes("0\r\n\r\n"));
    await client.write(rest);
    await waitFor(client.readUntil(), "be let go of", { timeout: 5000 });
  }
});

Deno.test("front door takes any limit for the size of a head, none, too", async () => {
  for (const maxHeadSize of [Infinity, 20_000.5]) {
    await using server = await serve({ head: { maxHeadSize }, handler: () => new Response("ok") });
    using client = await RawClient.connect(server.port);
    const filler = `X: ${"x".repeat(8000)}\r\n`;
    await client.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n${filler}${filler}\r\n`);
    await client.readUntil((text) => text.includes("ok"));
    assertStringIncludes(client.text, "200 OK");
  }
});

Deno.test("handler's fetched response does not tell of the connection that it came on", async () => {
  const upstream = createServer((_request, response) => {
    response.writeHead(200, { "upgrade": "h2c", "connection": "upgrade", "x-a": "b" }).end("x");
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/`;
  await using server = await serve({ handler: () => fetch(url) });
  const text = await ask(server.port, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  assertStringIncludes(text, "x-a: b\r\n");
  assertEquals(/^(upgrade|connection): .*/gim.exec(text)?.[0], "Connection: close");
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
});

/** Three requests that offer HTTP/2 as well are answered, and then a WebSocket is opened on their connection. */
async function offerAnother(server: { port: number }): Promise<void> {
  using client = await RawClient.connect(server.port);
  const h2c = "Host: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n";
  for (let i = 1; i < 4; i++) {
    await client.write(`POST / HTTP/1.1\r\n${h2c}Content-Length: 4\r\n\r\nbody`);
    await client.readUntil((text) => text.split(/POST body;|426/).length > i);
  }
  assertEquals(client.text.match(/HTTP\/1.1 \d+/g), Array(3).fill("HTTP/1.1 200"));
  await client.write(upgradeRequest());
  await client.readUntil((text) => text.includes(ACCEPT));
  assertStringIncludes(client.text, "HTTP/1.1 101");
}

Deno.test("handler answers a request that offers another protocol than WebSocket", async () => {
  await using server = await serve({
    handler: async (request) => new Response(`${request.method} ${await request.text()};`),
  });
  await offerAnother(server);
});

Deno.test("a node:http server behind the front door gets a request that offers another protocol, and has its own say elsewhere", async () => {
  const http = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => text += chunk);
    request.on("end", () => response.end(`${request.method} ${text};`));
  });
  const deciding = http as unknown as { shouldUpgradeCallback: (request: unknown) => boolean };
  const before = deciding.shouldUpgradeCallback;
  {
    await using server = await serve({ http });
    await offerAnother(server);
    const elsewhere = { socket: {}, headers: { upgrade: "h2c" } };
    http.on("upgrade", () => {});
    assertEquals(deciding.shouldUpgradeCallback(elsewhere), before.call(http, elsewhere));
  }
  assertEquals(deciding.shouldUpgradeCallback, before);
});

Deno.test("front doors leave a node:http server's own port as it was, where nobody else listens for upgrades", async () => {
  const http = createServer((_request, response) => response.end("page"));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  const deciding = http as unknown as { shouldUpgradeCallback: unknown };
  const before = deciding.shouldUpgradeCallback;
  const first = await serve({ http });
  const second = await serve({ http });
  for (const close of [() => first.close(), () => second.close(), () => {}]) {
    using client = await RawClient.connect(port);
    await client.write(upgradeRequest());
    const answer = client.readUntil((text) => text.endsWith("page"));
    assertMatch(await waitFor(answer, "read", { timeout: 5_000 }), /^HTTP\/1.1 200 /);
    await close();
  }
  assertEquals(deciding.shouldUpgradeCallback, before);
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
});

const GET = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

Deno.test("closing lets requests have their responses that come on kept connections while it waits", async () => {
  for (const own of [false, true]) {
    const asked = Promise.withResolvers<void>();
    const page = Promise.withResolvers<Response>();
    let requests = 0;
    const handler = () => {
      if (++requests === 1) return new Response("first");
      asked.resolve();
      return page.promise;
    };
    const http = createServer(createRequestListener(handler));
    const server = await serve(own ? { http } : { handler });
    const ws = await connectWebSocket(`ws://127.0.0.1:${server.port}/`);
    using client = await RawClient.connect(server.port);
    await client.write(GET);
    await client.readUntil((text) => text.includes("first"));
    await server.close({ keepClients: true });
    await client.write(GET);
    await asked.promise;
    const closing = server.close({ timeout: 60_000 });
    await ws.closed;
    setTimeout(() => page.resolve(new Response("second")), 20);
    assertStringIncludes(await client.readUntil(), "second");
    await closing;
    await until(() => http.listenerCount("request") === 1);
  }
});

Deno.test("upgrade behind a response that takes longer than a request may comes all the same", async () => {
  const asked = Promise.withResolvers<ServerResponse>();
  const settings = { headersTimeout: 30, requestTimeout: 30 };
  const http = createServer(settings, (_request, response) => asked.resolve(response));
  await using server = await serve({ http });
  using client = await RawClient.connect(server.port);
  await client.write(GET + upgradeRequest());
  const response = await asked.promise;
  await new Promise((resolve) => setTimeout(resolve, 150));
  response.end("page");
  await client.readUntil((text) => text.includes("HTTP/1.1 101 "));
  assertMatch(client.text, /^HTTP\/1.1 200 [^]*pageHTTP\/1.1 101 /);
});

/** Waits until there is no connection any more; clients that stay have 5 seconds. */
async function emptied(limits: Limits): Promise<void> {
  for (let i = 0; limits.connections.used > 0 && i < 1000; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assertEquals(limits.connections.used, 0);
}

const QUICK = GET.replace("/", "/quick");
const CHUNKED = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
const TWO = /^HTTP\/1.1 200 [^]*pageHTTP\/1.1 200 [^]*quickHTTP\/1.1 400 /;
// That was the answer to it.
const ANSWERED = /^HTTP\/1.1 200 [^]*pageHTTP\/1.1 200 [^]*quick$/;
const nonsense: Record<string, [request: string, answers: RegExp, later?: string]> = {
  "behind a slow request": [`${GET}garbage\r\n\r\n`, /^HTTP\/1.1 200 [^]*pageHTTP\/1.1 400 /],
  "in a body that its handler waits for": [`${CHUNKED}zz\r\n`, /^HTTP\/1.1 400 /],
  "in a body behind a slow request": [
    `${GET}${CHUNKED}zz\r\n`,
    /^HTTP\/1.1 200 [^]*pageHTTP\/1.1 400 [^]*close\r\n\r\n$/,
  ],
  "behind one that was answered before its turn": [`${GET}${QUICK}`, TWO, "garbage\r\n\r\n"],
  "in a body that was answered before its turn": [
    `${GET}${CHUNKED.replace("/", "/quick")}`,
    ANSWERED,
    "zz\r\n",
  ],
  "behind the last request": [
    `${GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")}garbage\r\n\r\n`,
    /^HTTP\/1.1 200 [^]*page$/,
  ],
};

for (const [where, [request, answers, later]] of Object.entries(nonsense)) {
  Deno.test(`handler's clients have their responses, and are let go of, where nonsense comes ${where}`, async () => {
    using _time = shortTimers(5000, 1000);
    const limits = new Limits();
    await using server = await serve({
      limits,
      handler: async (request) => {
        if (request.url.endsWith("/quick")) return new Response("quick");
        await request.text();
        await new Promise((resolve) => setTimeout(resolve, later === undefined ? 30 : 300));
        return new Response("page");
      },
      onError: () => {},
    });
    using client = await RawClient.connect(server.port);
    await client.write(request);
    if (later !== undefined) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      await client.write(later);
    }
    assertMatch(await client.readUntil(), answers);
    await emptied(limits);
  });
}

Deno.test("a server that closes still says that a body was nonsense, and does not wait for its handler", async () => {
  const first = Promise.withResolvers<Response>();
  await using server = await serve({
    handler: async (request) => {
      if (!request.url.endsWith("/quick")) await request.text();
      return await first.promise;
    },
    onError: () => {},
  });
  using client = await RawClient.connect(server.port);
  await client.write(`${QUICK}${CHUNKED}zz\r\n`);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const closed = server.close({ timeout: 5000 });
  first.resolve(new Response("first"));
  assertMatch(
    await client.readUntil((text) => / 400 [^]*\r\n\r\n$/.test(text)),
    /firstHTTP\/1.1 400 /,
  );
  client.close();
  await closed;
});

Deno.test("upgrade behind a response that is the last one is not taken", async () => {
  using _time = shortTimers(5000, 1000);
  let clients = 0;
  const limits = new Limits();
  await using server = await serve({
    limits,
    handler: () => new Response("page", { headers: { connection: "close" } }),
    default: () => void clients++,
  });
  // A client that stays is let go of.
  for (const request of [GET + upgradeRequest(), GET]) {
    using client = await RawClient.connect(server.port);
    await client.write(request);
    assertMatch(await client.readUntil(), /^HTTP\/1.1 200 [^]*page$/);
    await emptied(limits);
  }
  assertEquals([clients, server.clients.size], [0, 0]);
});

Deno.test("WebSocket behind a request is counted once, and has the server's idle time no more", async () => {
  const limits = new Limits({ connections: 2 });
  const http = createServer({ keepAliveTimeout: 1 }, (_request, response) => {
    setTimeout(() => response.end("page"), 10);
  });
  await using server = await serve({ http, limits, maxConnections: 1 });
  using client = await RawClient.connect(server.port);
  await client.write(GET + upgradeRequest());
  await client.readUntil((text) => text.includes("HTTP/1.1 101 "));
  assertEquals([server.clients.size, limits.connections.used], [1, 1]);
  // Deno and Node add a second to it.
  await new Promise((resolve) => setTimeout(resolve, 1200));
  await client.write("\x81\x81\x01\x02\x03\x04`");
  await client.readUntil((text) => text.endsWith("\x81\x01a"));
  assertStringIncludes(client.text, "\x81\x01a");
});

Deno.test("servers with the same node:http server take their own upgrades, and keep connections alive when one has closed", async () => {
  const http = createServer((_request, response) => response.end("page"));
  const first = await serve({ http });
  await using second = await serve({ http });
  for (const server of [first, second]) {
    using client = await RawClient.connect(server.port);
    await client.write(GET);
    await client.readUntil((text) => text.endsWith("page"));
    await client.write(upgradeRequest());
    await client.readUntil((text) => text.includes("HTTP/1.1 101 "));
    const others = [first, second].map(({ clients }) => clients.size);
    assertEquals(others, server === first ? [1, 0] : [0, 1]);
    client.close();
    await until(() => server.clients.size === 0);
  }
  await first.close();
  using client = await RawClient.connect(second.port);
  for (let i = 0; i < 2; i++) {
    client.text = "";
    await client.write(GET);
    assertMatch(await client.readUntil((text) => text.endsWith("page")), /^HTTP\/1.1 200 /);
  }
  client.close();
  await second.close();
  assertEquals(http.listening, false);
});

for (const own of [true, false]) {
  Deno.test(`closing lets a ${own ? "handler" : "node:http server"} end a response that a request for a WebSocket came behind`, async () => {
    const handler = () =>
      new Response(ReadableStream.from(async function* () {
        for (const piece of ["begin", "end"]) {
          yield new TextEncoder().encode(piece);
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
      }()));
    const http = createServer(createRequestListener(handler));
    await using server = await serve(own ? { handler } : { http });
    using client = await RawClient.connect(server.port);
    await client.write(GET);
    await client.readUntil((text) => text.includes("begin"));
    const closing = server.close({ timeout: 5000 });
    await client.write(upgradeRequest());
    assertMatch(await client.readUntil(), /begin[^]*end[^]*0\r\n\r\n$/);
    await closing;
    assertEquals([http.listenerCount("upgrade"), http.listenerCount("request")], [0, 1]);
  });
}

for (const count of [1, 150]) {
  Deno.test(`handler is not asked behind its last response, and lets go of a client with ${count} requests`, async () => {
    using _time = shortTimers(5000, 1000);
    const limits = new Limits();
    let asked = 0;
    await using server = await serve({
      limits,
      handler: async () => {
        const last = asked++ === 0;
        await new Promise((resolve) => setTimeout(resolve, 50));
        return new Response("page", { headers: last ? { connection: "close" } : {} });
      },
    });
    using client = await RawClient.connect(server.port);
    await client.write(GET.repeat(count));
    assertMatch(await client.readUntil(), /^HTTP\/1.1 200 [^]*page$/);
    await client.write(GET);
    await emptied(limits);
    assertEquals(asked, count);
  });
}

Deno.test("a request behind a slow response has the time of others for its body", async () => {
  const settings = { headersTimeout: 1000, requestTimeout: 1000 };
  const http = createServer(settings, (request, response) => {
    if (request.method === "GET") setTimeout(() => response.end("page"), 1600);
    else request.resume().once("end", () => response.end("uploaded"));
  });
  await using server = await serve({ http });
  using client = await RawClient.connect(server.port);
  await client.write(GET);
  await new Promise((resolve) => setTimeout(resolve, 700));
  await client.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n");
  await new Promise((resolve) => setTimeout(resolve, 600));
  await client.write("body");
  await client.readUntil((text) => text.includes("uploaded"));
  assertMatch(client.text, /^HTTP\/1.1 200 [^]*pageHTTP\/1.1 200 [^]*uploaded$/);
});

Deno.test("a request that is not read while 100 responses wait has its time afterwards, and no more", async () => {
  const settings = { headersTimeout: 500, requestTimeout: 500 };
  for (const rest of ["", "67890"]) {
    const waiting: ServerResponse[] = [];
    const asked = Promise.withResolvers<void>();
    const http = createServer(settings, (request, response) => {
      if (request.method === "GET") waiting.push(response);
      else {
        asked.resolve();
        request.resume().once("end", () => response.end("uploaded"));
      }
    });
    const limits = new Limits();
    await using server = await serve({ http, limits });
    using client = await RawClient.connect(server.port);
    await client.write(
      `${GET.repeat(99)}POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345`,
    );
    await asked.promise;
    if (rest !== "") await client.write(rest);
    await new Promise((resolve) => setTimeout(resolve, 1200));
    assertEquals(limits.connections.used, 1);
    for (const response of waiting) response.end("page");
    await client.readUntil((text) => text.includes("uploaded")).catch(() => {});
    assertEquals(client.text.split("page").length - 1, 99);
    assertEquals(client.text.endsWith("uploaded"), rest !== "");
    if (rest === "") await emptied(limits);
  }
});

Deno.test("a request that is read again shortly before it is due has its whole time, too", async () => {
  const settings = { headersTimeout: 1000, requestTimeout: 1000 };
  const waiting: ServerResponse[] = [];
  const asked = Promise.withResolvers<void>();
  const http = createServer(settings, (request, response) => {
    if (request.method === "GET") waiting.push(response);
    else {
      asked.resolve();
      request.resume().once("end", () => response.end("uploaded"));
    }
  });
  await using server = await serve({ http });
  using client = await RawClient.connect(server.port);
  await client.write(`${GET.repeat(99)}POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n`);
  await asked.promise;
  await new Promise((resolve) => setTimeout(resolve, 800));
  for (const response of waiting) response.end("page");
  await client.readUntil((text) => text.split("page").length === 100);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await client.write("1");
  assertStringIncludes(await client.readUntil((text) => text.endsWith("uploaded")), "uploaded");
});

Deno.test("handler's client that drips nonsense behind its last response is let go of, without a warning", async () => {
  const limits = new Limits();
  const warnings: unknown[] = [];
  const warn = (warning: unknown) => void warnings.push(warning);
  process.on("warning", warn);
  await using server = await serve({
    limits,
    handshakeTimeout: 1000,
    handler: () => new Response("page", { headers: { connection: "close" } }),
  });
  using client = await RawClient.connect(server.port);
  await client.write(GET);
  for (let i = 0; i < 500 && (i === 0 || limits.connections.used > 0); i++) {
    await client.write("\x01").catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  process.off("warning", warn);
  assertEquals([limits.connections.used, warnings], [0, []]);
});
