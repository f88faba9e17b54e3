import { assert, assertEquals, assertRejects } from "@std/assert";
import { FetchExchange, NativeUpgrade } from "../../socketio/_fetch_exchange.ts";
import { reported } from "../_support/console_errors.ts";
import { StandardWebSocket } from "../../websocket/standard_web_socket.ts";

const URL_TEXT = "http://example.org/socket.io/?EIO=4";
const INFO = { remoteAddr: { transport: "tcp", hostname: "192.0.2.7", port: 1 } } as const;

/** A body that gives its chunks one by one, and can fail. */
function streamed(chunks: string[], error?: Error): Request {
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk !== undefined) controller.enqueue(new TextEncoder().encode(chunk));
      else if (error !== undefined) controller.error(error);
      else controller.close();
    },
  });
  return new Request(URL_TEXT, { method: "POST", body });
}

Deno.test("fetch exchange shows the request as the engine wants it", () => {
  const request = new Request("https://example.org/a/?b=c#d", { headers: { "X-One": "1" } });
  const exchange = new FetchExchange(request, INFO);
  assertEquals(exchange.remoteAddress, "192.0.2.7");
  assertEquals(exchange.request.method, "GET");
  assertEquals(exchange.request.url, "/a/?b=c");
  assertEquals(exchange.request.headers["x-one"], "1");
  assertEquals(exchange.request.connection, { encrypted: true, remoteAddress: "192.0.2.7" });
  assertEquals(exchange.request.socket, exchange.request.connection);
  assertEquals(exchange.request.headers["toString"], undefined);
  assertEquals(new FetchExchange(new Request(URL_TEXT)).remoteAddress, "");
});

Deno.test("fetch exchange responds once, with the headers of middleware below its own", async () => {
  const exchange = new FetchExchange(new Request(URL_TEXT));
  exchange.response.setHeader("X-Kept", "kept");
  exchange.response.setHeader("Content-Type", "text/html");
  exchange.respond(
    400,
    { "Content-Type": "text/plain", "Set-Cookie": ["a=1", "b=2"], Connection: "close" },
    "first",
  );
  assert(exchange.done);
  exchange.respond(500, {}, "second");
  const response = await exchange.result;
  assertEquals(response.status, 400);
  assertEquals(response.headers.get("x-kept"), "kept");
  assertEquals(response.headers.get("content-type"), "text/plain");
  assertEquals(response.headers.getSetCookie(), ["a=1", "b=2"]);
  assertEquals(response.headers.get("connection"), null);
  assertEquals(await response.text(), "first");
});

Deno.test("fetch exchange responds without a body where the status allows none", async () => {
  const exchange = new FetchExchange(new Request(URL_TEXT));
  exchange.respond(204, {}, "ignored");
  const response = await exchange.result;
  assertEquals([response.status, response.body], [204, null]);
});

Deno.test("fetch exchange sends what middleware ends its response with", async () => {
  const exchange = new FetchExchange(new Request(URL_TEXT));
  exchange.response.writeHead(418, { "X-Tea": "yes" }).end("teapot");
  const response = await exchange.result;
  assertEquals([response.status, response.headers.get("x-tea")], [418, "yes"]);
  assertEquals(await response.text(), "teapot");
});

Deno.test("fetch exchange begins the response that it holds, and gives the body later", async () => {
  const exchange = new FetchExchange(new Request(URL_TEXT));
  assert(exchange.hold(() => ({ "X-Held": "1" })));
  const response = await exchange.result;
  assertEquals([response.status, response.headers.get("x-held")], [200, "1"]);
  assert(!exchange.done);
  exchange.respond(200, {}, "later");
  exchange.respond(200, {}, "too late");
  assertEquals(await response.text(), "later");
});

Deno.test("fetch exchange tells once that the other side gave up what is held", async () => {
  const exchange = new FetchExchange(new Request(URL_TEXT));
  let aborts = 0;
  exchange.onAbort = () => aborts++;
  exchange.hold(() => ({}));
  await (await exchange.result).body!.cancel();
  assertEquals([aborts, exchange.done], [1, true]);
  exchange.respond(200, {}, "nobody reads it");
});

Deno.test("fetch exchange responds quietly to a client who is found gone at that", async () => {
  const exchange = new FetchExchange(new Request(URL_TEXT));
  exchange.hold(() => ({}));
  const { body } = await exchange.result;
  const { prototype } = ReadableStreamDefaultController;
  const { enqueue } = prototype;
  // As Deno's server does it.
  prototype.enqueue = function (chunk) {
    enqueue.call(this, chunk);
    body!.cancel();
  };
  try {
    exchange.respond(200, {}, "nobody reads it");
  } finally {
    prototype.enqueue = enqueue;
  }
  assert(exchange.done);
});

Deno.test("fetch exchange reads a body up to the limit, and no further", async () => {
  const bytes = await new FetchExchange(streamed(["ab", "cd"])).readBody(4);
  assertEquals(bytes, new TextEncoder().encode("abcd"));
  assertEquals(await new FetchExchange(streamed(["ab", "cde"])).readBody(4), "too large");
  assertEquals(await new FetchExchange(new Request(URL_TEXT)).readBody(4), new Uint8Array(0));
  const declared = new Request(URL_TEXT, {
    method: "POST",
    body: "a",
    headers: { "content-length": "5" },
  });
  assertEquals(await new FetchExchange(declared).readBody(4), "too large");
  const whole = new Request(URL_TEXT, {
    method: "POST",
    body: "abcd",
    headers: { "content-length": "4" },
  });
  assertEquals(await new FetchExchange(whole).readBody(4), bytes);
});

Deno.test("fetch exchange reads bodies of all kinds", async () => {
  const text = Array.from({ length: 9_000 }, (_, i) => `${i} `).join("");
  const pieces = text.match(/.{1,7000}/g)!;
  const bytes = new ReadableStream({
    type: "bytes",
    pull(controller) {
      const piece = pieces.shift();
      if (piece !== undefined) return controller.enqueue(new TextEncoder().encode(piece));
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
  for (const body of [text, new Blob([text]), bytes]) {
    const exchange = new FetchExchange(new Request(URL_TEXT, { method: "POST", body }));
    const read = await exchange.readBody(100_000);
    assert(typeof read !== "string");
    assertEquals(new TextDecoder().decode(read), text);
  }
  const large = new Request(URL_TEXT, { method: "POST", body: new Blob([text]) });
  assertEquals(await new FetchExchange(large).readBody(20_000), "too large");
});

Deno.test("fetch exchange tells of a body that breaks off", async () => {
  assertEquals(await new FetchExchange(streamed(["a"], new Error("gone"))).readBody(9), "aborted");
});

Deno.test("native upgrade is refused once", async () => {
  const headers = { origin: "https://a.example", host: "b.example" };
  const upgrade = new NativeUpgrade(new Request(URL_TEXT, { headers }), 100, INFO);
  assertEquals([upgrade.origin, upgrade.remoteAddress], ["https://a.example", "192.0.2.7"]);
  upgrade.refuse(403, { "X-Why": "no" }, "Forbidden");
  upgrade.refuse(500, {}, "again");
  const response = await upgrade.result;
  assertEquals([response.status, response.headers.get("x-why")], [403, "no"]);
  assertEquals(await response.text(), "Forbidden");
  assert(upgrade.done);
});

Deno.test("native upgrade refuses a request that asks for no WebSocket", async () => {
  const upgrade = new NativeUpgrade(new Request(URL_TEXT), 100);
  await assertRejects(() => upgrade.accept({}));
  assertEquals((await upgrade.result).status, 400);
});

Deno.test("native upgrade opens a WebSocket, with the engine's headers", async () => {
  const got = Promise.withResolvers<string | Uint8Array>();
  const header = Promise.withResolvers<string | null>();
  const closed = Promise.withResolvers<Error | undefined>();
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request, info) => {
    const upgrade = new NativeUpgrade(request, 100, info);
    upgrade.accept({ "X-Engine": "1" }).then((socket) => {
      socket.start({
        onSocketMessage(data) {
          got.resolve(data);
          socket.send("answer", false);
        },
        onSocketDrain() {},
        onSocketClose: closed.resolve,
      });
    });
    upgrade.result.then(({ headers }) => header.resolve(headers.get("x-engine")));
    return upgrade.result;
  });
  const client = new WebSocket(`ws://127.0.0.1:${server.addr.port}/`);
  const answer = new Promise((resolve) => client.onmessage = ({ data }) => resolve(data));
  client.onopen = () => client.send("question");
  assertEquals(await header.promise, "1");
  assertEquals(await got.promise, "question");
  assertEquals(await answer, "answer");
  const gone = new Promise((resolve) => client.onclose = resolve);
  client.close();
  await gone;
  assertEquals(await closed.promise, undefined);
  await server.shutdown();
});

Deno.test("native upgrade chooses the first subprotocol that is offered", async () => {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request, info) => {
    const upgrade = new NativeUpgrade(request, 100, info);
    upgrade.accept({}).then((socket) => {
      socket.start({ onSocketMessage() {}, onSocketDrain() {}, onSocketClose() {} });
    });
    return upgrade.result;
  });
  for (const [offered, chosen] of [[["one", "two"], "one"], [[], ""]] as const) {
    const client = new StandardWebSocket(`ws://127.0.0.1:${server.addr.port}/`, offered);
    await new Promise((resolve) => client.onopen = client.onclose = resolve);
    assertEquals([client.readyState, client.protocol], [1, chosen]);
    const gone = new Promise((resolve) => client.onclose = resolve);
    client.close();
    await gone;
  }
  await server.shutdown();
});

Deno.test("fetch exchange and native upgrade respond with statuses that have no body", async () => {
  for (const status of [205, 304]) {
    const exchange = new FetchExchange(new Request(URL_TEXT));
    exchange.response.writeHead(status, { "X-Kept": "kept" }).end("ignored");
    const upgrade = new NativeUpgrade(new Request(URL_TEXT), 100);
    upgrade.refuse(status, { "X-Kept": "kept" }, "ignored");
    for (const response of [await exchange.result, await upgrade.result]) {
      assertEquals([response.status, response.body], [status, null]);
      assertEquals(response.headers.get("x-kept"), "kept");
    }
  }
});

Deno.test("fetch exchange and native upgrade answer with 500 for what can't be sent, and tell of it", async () => {
  for (const [status, value] of [[403, "a\nb"], [99, "a"], [700, "a"]] as const) {
    const exchange = new FetchExchange(new Request(URL_TEXT));
    const upgrade = new NativeUpgrade(new Request(URL_TEXT), 100);
    const errors = await reported(() => {
      exchange.respond(status, { "X-A": value }, "no");
      upgrade.refuse(status, { "X-A": value }, "no");
    });
    assertEquals([(await exchange.result).status, (await upgrade.result).status], [500, 500]);
    assertEquals(errors.length, 2);
  }
  const upgrade = new NativeUpgrade(new Request(URL_TEXT), 100);
  const errors = await reported(() =>
    assertRejects(() => upgrade.accept({ "X-A": "a\nb" }), TypeError)
  );
  assertEquals([(await upgrade.result).status, errors.length], [500, 1]);
});

Deno.test("fetch exchange takes no coding of middleware that would have the body go through it", async () => {
  for (const way of ["respond", "hold"]) {
    const exchange = new FetchExchange(new Request(URL_TEXT));
    const { response } = exchange;
    const { writeHead } = response;
    response.writeHead = function (...args) {
      writeHead.apply(this, args);
      this.setHeader("Content-Encoding", "gzip");
      return this.setHeader("Transfer-Encoding", "chunked").setHeader("X-Hook", "called");
    };
    if (way === "hold") exchange.hold(() => ({ "Content-Type": "text/plain" }));
    exchange.respond(200, {}, "plain");
    const { headers } = await exchange.result;
    assertEquals(
      ["content-encoding", "transfer-encoding", "x-hook"].map((name) => headers.get(name)),
      [null, null, "called"],
    );
    assertEquals(await (await exchange.result).text(), "plain");
  }
});

Deno.test("fetch exchange leaves a coding of the engine's, or of middleware that answers itself, as it is", async () => {
  const compressed = new FetchExchange(new Request(URL_TEXT));
  compressed.respond(200, { "Content-Encoding": "deflate" }, "x");
  assertEquals((await compressed.result).headers.get("content-encoding"), "deflate");
  const asked = new FetchExchange(new Request(URL_TEXT));
  const own = asked.response.writeHead;
  asked.response.writeHead = function (...args) {
    return own.apply(this, args).setHeader("Content-Encoding", "br");
  };
  asked.respond(200, { "Content-Encoding": "deflate" }, "x");
  assertEquals((await asked.result).headers.get("content-encoding"), "deflate", "not br");
  const { response, result } = new FetchExchange(new Request(URL_TEXT));
  const { writeHead } = response;
  let calls = 0;
  response.writeHead = function (...args) {
    this.setHeader("Set-Cookie", [...[this.getHeader("Set-Cookie") ?? []].flat(), `n=${++calls}`]);
    return writeHead.apply(this, args);
  };
  response.writeHead(401, { "Content-Encoding": "br" });
  response.end("no");
  const answer = await result;
  assertEquals([answer.status, answer.headers.get("content-encoding")], [401, "br"]);
  assertEquals(answer.headers.getSetCookie(), ["n=1"]);
});

Deno.test("fetch exchange that is held with headers that can't be sent answers 500, and is given up", async () => {
  const exchange = new FetchExchange(new Request(URL_TEXT));
  let aborted = 0;
  exchange.onAbort = () => aborted++;
  const told: string[] = [];
  for (const event of ["finish", "close"]) exchange.response.on(event, () => told.push(event));
  const errors = await reported(() => exchange.hold(() => ({ "X-A": "a\nb" })));
  assertEquals([exchange.done, aborted, errors.length], [true, 1, 1]);
  assertEquals(told, ["finish", "close"]);
  exchange.respond(200, {}, "late");
  assertEquals((await exchange.result).status, 500);
});

Deno.test("fetch exchange sends its response when middleware lets it end, as that which keeps sessions", async () => {
  for (const way of ["respond", "hold", "itself"]) {
    const exchange = new FetchExchange(new Request(URL_TEXT));
    const { response } = exchange;
    const told: string[] = [];
    for (const event of ["finish", "close"]) response.on(event, () => told.push(event));
    const { end } = response;
    const saved = Promise.withResolvers<void>();
    response.end = function (...args) {
      told.push("end");
      saved.promise.then(() => end.apply(this, args));
      return this;
    };
    if (way === "hold") exchange.hold(() => ({}));
    if (way === "itself") response.writeHead(401).end("no");
    else exchange.respond(200, { "X-A": "a" }, "no");
    assert(exchange.done || way === "itself");
    const text = exchange.result.then((answer) => answer.text()).then((text) => told.push(text));
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals(told, ["end"]);
    saved.resolve();
    await text;
    assertEquals(told, ["end", "finish", "close", "no"]);
    assert(response.writableEnded);
  }
});

Deno.test("fetch exchange responds all the same where middleware's end, or a listener, throws", async () => {
  for (const way of ["end", "finish"]) {
    const exchange = new FetchExchange(new Request(URL_TEXT));
    const fail = () => {
      throw new Error("mine");
    };
    if (way === "end") exchange.response.end = fail;
    else exchange.response.on(way, fail);
    const errors = await reported(() => exchange.respond(200, {}, "yes"));
    assertEquals(errors.length, 1);
    assertEquals(await (await exchange.result).text(), "yes");
  }
});

Deno.test("fetch exchange tells middleware that its client has given it up", async () => {
  const exchange = new FetchExchange(new Request(URL_TEXT));
  const told: string[] = [];
  for (const event of ["finish", "close"]) exchange.response.on(event, () => told.push(event));
  exchange.hold(() => ({}));
  await (await exchange.result).body!.cancel();
  assertEquals(told, ["close"]);
});
