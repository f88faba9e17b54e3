import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  ServerResponse,
} from "node:http";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { Duplex, finished, Transform } from "node:stream";
import { waitFor } from "../../net/wait.ts";
import { foreignRejection } from "../_support/foreign_promise.ts";
import { ALL_TOLD, endlessHandler, PATHS } from "../_support/endless_handler.ts";
import { reported, shownErrors, unshowable } from "../_support/console_errors.ts";
import {
  answerClientError,
  createRequestListener,
  type HttpHandler,
  watchResponse,
} from "../../websocket/request_listener.ts";

/** A `node:http` server on a port of its own. */
async function withServer(
  listener: RequestListener,
  body: (port: number) => Promise<void>,
): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await body((server.address() as AddressInfo).port);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Sends requests one right behind the other, and gives the connection. */
async function pipeline(port: number, paths: readonly string[]): Promise<Deno.Conn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const text = paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`).join("");
  await conn.write(new TextEncoder().encode(text));
  return conn;
}

/** Waits for a condition; the assertion behind it says what is missing. */
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition() && i < 2000; i++) await new Promise((r) => setTimeout(r, 1));
}

Deno.test("request listener answers by a web handler, both bodies as streams", async () => {
  const second = Promise.withResolvers<void>();
  const handler: HttpHandler = async (request, { remoteAddr }) => {
    const { pathname } = new URL(request.url);
    const { hostname } = remoteAddr as { hostname: string };
    const text = await request.text();
    const encode = (text: string) => new TextEncoder().encode(text);
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(encode(`${request.method} ${pathname} ${text} ${hostname}`));
        await second.promise;
        controller.enqueue(encode("!"));
        controller.close();
      },
    });
    return new Response(body, { status: 201, headers: { "x-a": "b" } });
  };
  await withServer(createRequestListener(handler), async (port) => {
    const response = await fetch(`http://127.0.0.1:${port}/a?b`, { method: "POST", body: "body" });
    assertEquals([response.status, response.headers.get("x-a")], [201, "b"]);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    // The first piece is there while the second is not made yet.
    const first = await waitFor(reader.read(), "read", { timeout: 5000 });
    assertEquals(first.value, "POST /a body 127.0.0.1");
    second.resolve();
    assertEquals((await reader.read()).value, "!");
    assertEquals((await reader.read()).done, true);
  });
});

Deno.test("request listener tells what goes wrong, to the console where nobody else is told", async () => {
  const told: unknown[] = [];
  const fail: HttpHandler = () => {
    throw new Error("mine");
  };
  const ask = async (port: number) => {
    const response = await fetch(`http://127.0.0.1:${port}/`);
    assertEquals([response.status, await response.text()], [500, ""]);
  };
  await withServer(createRequestListener(fail, { onError: (error) => told.push(error) }), ask);
  told.push(...await reported(() => withServer(createRequestListener(fail), ask)));
  assertEquals(told.map((error) => (error as Error).message), ["mine", "mine"]);
  assertThrows(
    () => createRequestListener({} as HttpHandler),
    TypeError,
    "the handler is not a function",
  );
});

Deno.test("request listener answers though nobody can be told what went wrong", async () => {
  const fail: HttpHandler = () => {
    throw new Error("mine");
  };
  const listeners = [
    () => {
      throw new Error("no log");
    },
    () => Promise.reject(new Error("no log either")),
    () => foreignRejection(new Error("nor this")),
  ];
  const told = await reported(async () => {
    for (const onError of listeners) {
      await withServer(createRequestListener(fail, { onError }), async (port) => {
        const response = await fetch(`http://127.0.0.1:${port}/`);
        assertEquals([response.status, await response.text()], [500, ""]);
      });
    }
  });
  assertEquals(told.map(String), ["Error: no log", "Error: no log either", "Error: nor this"]);
  assertThrows(
    () => createRequestListener(fail, { onError: {} as () => void }),
    TypeError,
    "onError is not a function",
  );
});

Deno.test("request listener does not take for an error that a handler gave up with its client", async () => {
  const told: unknown[] = [];
  let given = 0;
  const handler: HttpHandler = async (request) => {
    const { pathname } = new URL(request.url);
    await new Promise<void>((resolve) => request.signal.addEventListener("abort", () => resolve()));
    given++;
    if (pathname === "/reason") throw request.signal.reason;
    if (pathname === "/fetch") await fetch("http://127.0.0.1:9/", { signal: request.signal });
    throw new Error("something else");
  };
  const onError = (error: unknown) => void told.push(error);
  await withServer(createRequestListener(handler, { onError }), async (port) => {
    const conn = await pipeline(port, ["/reason", "/fetch", "/else"]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    conn.close();
    await until(() => given === 3 && told.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 10));
  });
  assertEquals([given, told.map(String)], [3, ["Error: something else"]]);
});

Deno.test("request listener does not take for an error that a client left before its body was whole", async () => {
  const told: unknown[] = [];
  let ended = 0;
  const handler: HttpHandler = async (request) => {
    try {
      return new Response(await request.text());
    } finally {
      ended++;
    }
  };
  const onError = (error: unknown) => told.push(error);
  await withServer(createRequestListener(handler, { onError }), async (port) => {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await writeAll(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf");
    await new Promise((resolve) => setTimeout(resolve, 20));
    conn.close();
    await until(() => ended > 0);
    await new Promise((resolve) => setTimeout(resolve, 10));
  });
  assertEquals([ended, told], [1, []]);
});

Deno.test("request listener tells of a body that other middleware has ended", async () => {
  const told: unknown[] = [];
  const handler: HttpHandler = async (request) => new Response(await request.text());
  const listener = createRequestListener(handler, { onError: (error) => told.push(error) });
  const infected = new Error("infected");
  await withServer((request, response) => {
    listener(request, response);
    request.destroy(infected);
  }, async (port) => {
    const body = new Blob(["a body"]).stream();
    await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body }).catch(() => {});
    await until(() => told.length > 0);
  });
  assertEquals(told, [infected]);
});

Deno.test("request listener that is asked late cancels the bodies of a client that has gone meanwhile", async () => {
  const told: string[] = [];
  const late = Promise.withResolvers<void>();
  let asked = 0;
  const listener = createRequestListener(endlessHandler(told));
  let gone = false;
  await withServer(async (request, response) => {
    asked++;
    request.socket.once("close", () => gone = true);
    await late.promise;
    listener(request, response);
  }, async (port) => {
    const conn = await pipeline(port, PATHS);
    await until(() => asked === 3);
    conn.close();
    await until(() => gone);
    await new Promise((resolve) => setTimeout(resolve, 5));
    late.resolve();
    await until(() => told.length === 6);
  });
  assertEquals(told.sort(), ALL_TOLD);
});

Deno.test("request listener sends no body that is not what its headers say, or not made of bytes", async () => {
  const told: unknown[] = [];
  const handler: HttpHandler = (request) => {
    if (new URL(request.url).pathname === "/text") {
      return new Response(ReadableStream.from(["text"]) as ReadableStream<never>);
    }
    if (new URL(request.url).pathname === "/later") {
      const chunks = async function* () {
        yield new Uint8Array(1);
        await new Promise((resolve) => setTimeout(resolve));
        yield "text";
      };
      return new Response(ReadableStream.from(chunks()) as ReadableStream<never>);
    }
    return new Response("x".repeat(16), { headers: { "content-length": "0x10" } });
  };
  const onError = (error: unknown) => void told.push((error as Error).message);
  await withServer(createRequestListener(handler, { onError }), async (port) => {
    for (const path of ["length", "text"]) {
      const response = await fetch(`http://127.0.0.1:${port}/${path}`);
      assertEquals([response.status, await response.text()], [500, ""]);
    }
    // What comes of it is cut.
    const { status, body } = await fetch(`http://127.0.0.1:${port}/later`);
    assertEquals(status, 200);
    await assertRejects(() => Array.fromAsync(body!));
  });
  assertEquals(told, [
    "Cannot answer: content-length is not a number of bytes",
    "Cannot answer: the body has a chunk that is not a Uint8Array",
    "Cannot answer: the body has a chunk that is not a Uint8Array",
  ]);
});

Deno.test("request listener cancels a body of which a chunk is not bytes, whenever that comes", async () => {
  const cancelled: string[] = [];
  const handler: HttpHandler = (request) => {
    const { pathname } = new URL(request.url);
    const chunks: unknown[] = ["text"];
    if (pathname === "/later") chunks.unshift(...new Array(100).fill(new Uint8Array(1000)));
    const body = new ReadableStream<unknown>({
      pull: (controller) => controller.enqueue(chunks.shift()),
      cancel: () => void cancelled.push(pathname),
    });
    return new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>);
  };
  await withServer(createRequestListener(handler, { onError() {} }), async (port) => {
    const response = await fetch(`http://127.0.0.1:${port}/now`);
    assertEquals([response.status, await response.text(), cancelled], [500, "", ["/now"]]);
    await assertRejects(() => fetch(`http://127.0.0.1:${port}/later`).then((r) => r.bytes()));
  });
  assertEquals(cancelled, ["/now", "/later"]);
});

Deno.test("request listener sends a body that comes slowly with the length that was told, and cuts any other", async () => {
  const told: unknown[] = [];
  const bodies: Record<string, string[]> = {
    whole: ["he", "llo"],
    short: ["he", "l"],
    long: ["he", "llo ", "world"],
  };
  const handler: HttpHandler = (request) => {
    const parts = bodies[new URL(request.url).pathname.slice(1)];
    const chunks = async function* () {
      for (const part of parts) {
        yield new TextEncoder().encode(part);
        await new Promise((resolve) => setTimeout(resolve));
      }
    };
    const body = ReadableStream.from(chunks());
    return new Response(body, { headers: { "content-length": "5" } });
  };
  const onError = (error: unknown) => void told.push((error as Error).message);
  await withServer(createRequestListener(handler, { onError }), async (port) => {
    // The connection goes on behind a body that is whole.
    using conn = await pipeline(port, ["/whole", "/whole"]);
    for (let i = 0; i < 2; i++) await readUntil(conn, "hello");
    assertEquals(told, []);
    for (const path of ["short", "long"]) {
      using conn = await pipeline(port, [`/${path}`]);
      const text: string[] = [];
      const buffer = new Uint8Array(1000);
      for (let n; (n = await conn.read(buffer).catch(() => null)) !== null;) {
        text.push(new TextDecoder().decode(buffer.subarray(0, n)));
      }
      assertMatch(text.join(""), path === "short" ? /\r\n\r\nhel$/ : /\r\n\r\nhe$/);
    }
  });
  assertEquals(told, [
    "Cannot answer: the body has 3 bytes, and content-length says 5",
    "Cannot answer: the body has 6 bytes, and content-length says 5",
  ]);
});

Deno.test("request listener answers behind a GET whose body nobody reads", async () => {
  const handler: HttpHandler = (request) => new Response(`at ${new URL(request.url).pathname}`);
  await withServer(createRequestListener(handler), async (port) => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const head = "GET /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n";
    const text = `${head}${"x".repeat(300_000)}GET /2 HTTP/1.1\r\nHost: h\r\n\r\n`;
    const sent = writeAll(conn, text);
    await readUntil(conn, "at /2");
    await sent;
  });
});

Deno.test("request listener cancels the bodies of a client that has gone, those that wait for their turn, too", async () => {
  const told: string[] = [];
  let asked = 0;
  const handler = endlessHandler(told, () => asked++);
  await withServer(createRequestListener(handler), async (port) => {
    const conn = await pipeline(port, PATHS);
    await until(() => asked === 3);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assertEquals([asked, told], [3, []]);
    conn.close();
    await until(() => told.length === 6);
    assertEquals(told.sort(), ALL_TOLD);
  });
});

Deno.test("every response of a connection that ends is closed once, and one that has left at its time", async () => {
  const closed: string[] = [];
  const all: ServerResponse[] = [];
  await withServer((request, response) => {
    all.push(response);
    watchResponse(request, response);
    watchResponse(request, response);
    response.on("close", () => closed.push(request.url!));
    response.on("error", (error) => closed.push(String(error)));
    if (request.url === "/1") response.end("first");
    if (request.url === "/3") response.end("behind the second");
  }, async (port) => {
    const paths = Array.from({ length: 14 }, (_, i) => `/${i + 1}`);
    const conn = await pipeline(port, paths);
    const buffer = new Uint8Array(1000);
    const n = await conn.read(buffer);
    assertStringIncludes(new TextDecoder().decode(buffer.subarray(0, n!)), "first");
    await until(() => all.length === 14 && closed.length === 1);
    assertEquals([all.length, closed], [14, ["/1"]]);
    conn.close();
    await until(() => closed.length === 14);
    assertEquals(closed.sort(), paths.sort());
    // Who asks only now is told as well.
    const errors = await Promise.all(
      all.map((response) => new Promise((resolve) => finished(response, resolve))),
    );
    assertEquals(errors.map((error) => error === undefined), paths.map((path) => path === "/1"));
    // What is still written goes nowhere, as with the one whose turn it was.
    for (const response of all) {
      assertEquals([response.destroyed, response.write("x")], [true, false]);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
    assertEquals(closed.length, 14);
  });
});

Deno.test("a response that is watched twice is watched once", async () => {
  const counts: number[] = [];
  await withServer((request, response) => {
    for (let i = 0; i < 2; i++) {
      watchResponse(request, response);
      counts.push(response.listenerCount("close"));
    }
    response.end();
  }, async (port) => void await (await fetch(`http://127.0.0.1:${port}/`)).body?.cancel());
  assertEquals(counts[1], counts[0]);
});

Deno.test("response without a connection is left as it is", () => {
  const request = { socket: undefined, method: "GET" } as unknown as IncomingMessage;
  const response = new ServerResponse(request);
  watchResponse(request, response);
  assertInstanceOf(response, ServerResponse);
  assertEquals(response.listenerCount("close"), 0);
});

Deno.test("a response that was destroyed before its turn is closed with its connection, too", async () => {
  const closed: string[] = [];
  const asked = Promise.withResolvers<void>();
  await withServer((request, response) => {
    watchResponse(request, response);
    response.on("close", () => closed.push(request.url!));
    if (request.url === "/2") response.destroy();
    if (request.url === "/3") asked.resolve();
  }, async (port) => {
    const conn = await pipeline(port, ["/1", "/2", "/3"]);
    await asked.promise;
    conn.close();
    await until(() => closed.length === 3);
  });
  assertEquals(closed.sort(), ["/1", "/2", "/3"]);
});

Deno.test("request listener passes on nothing that a fetched response says of its connection alone", async () => {
  const upstream = createServer((_request, response) => {
    response.writeHead(200, { "connection": "X-Foo, keep-alive", "x-foo": "1", "x-bar": "2" });
    response.end("page");
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const { port: from } = upstream.address() as AddressInfo;
  await withServer(
    createRequestListener(() => fetch(`http://127.0.0.1:${from}/`)),
    async (port) => {
      const response = await fetch(`http://127.0.0.1:${port}/`);
      assertEquals(await response.text(), "page");
      assertEquals([response.headers.get("x-foo"), response.headers.get("x-bar")], [null, "2"]);
    },
  );
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
});

Deno.test("request listener sends a body that begins with chunks of nothing, without end", async () => {
  const body = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(0)) });
  await withServer(createRequestListener(() => new Response(body)), async (port) => {
    const response = await waitFor(fetch(`http://127.0.0.1:${port}/`), "answer", { timeout: 9000 });
    assertEquals(response.status, 200);
    await response.body?.cancel();
  });
});

Deno.test("request listener gives up a body of nothing when its client has gone", async () => {
  const told: unknown[] = [];
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(0)),
    cancel: () => Promise.reject("cancelled"),
  });
  const onError = (error: unknown) => told.push(error);
  await withServer(createRequestListener(() => new Response(body), { onError }), async (port) => {
    const conn = await pipeline(port, ["/"]);
    await conn.read(new Uint8Array(1000));
    conn.close();
    await until(() => told.length > 0);
  });
  assertEquals(told, ["cancelled"]);
});

async function writeAll(conn: Deno.Conn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let n = 0; n < bytes.length;) n += await conn.write(bytes.subarray(n));
}

/** Reads until `text` has come. */
async function readUntil(conn: Deno.Conn, text: string): Promise<void> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  for (let all = ""; !all.includes(text);) {
    const n = await waitFor(conn.read(buffer), "read", { timeout: 20_000 });
    if (n === null) throw new Error(`the connection ended before ${text}`);
    all = (all + decoder.decode(buffer.subarray(0, n), { stream: true })).slice(-100_000);
  }
}

Deno.test("requests behind a body that nobody has read are answered", async () => {
  await withServer((request, response) => {
    watchResponse(request, response);
    response.end(request.url === "/2" ? "second" : "first");
  }, async (port) => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const head = "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n";
    const text = `${head}${"x".repeat(300_000)}GET /2 HTTP/1.1\r\nHost: h\r\n\r\n`;
    const sent = writeAll(conn, text);
    await readUntil(conn, "second");
    await sent;
  });
});

Deno.test("uploads behind long responses that waited for their turn are read", async () => {
  const first = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const handler: HttpHandler = async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/upload") return new Response(`got ${(await request.bytes()).length}`);
    if (pathname === "/first") await first.promise;
    else if (pathname === "/2") setTimeout(answered.resolve, 10);
    return new Response(new Uint8Array(40_000));
  };
  await withServer(createRequestListener(handler), async (port) => {
    using conn = await pipeline(port, ["/first", "/1", "/2"]);
    await answered.promise;
    const head = "POST /upload HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\n";
    const sent = writeAll(conn, head + "x".repeat(90_000));
    setTimeout(first.resolve, 10);
    await readUntil(conn, "got 90000");
    await sent;
  });
});

Deno.test("a connection is not read while many of its responses wait, whatever else is sent on it, and then they all leave", async () => {
  const count = 20_000;
  const first = Promise.withResolvers<void>();
  let asked = 0;
  const handler: HttpHandler = () => {
    if (++asked > 1) return new Response();
    // Each time that its client has taken something, node:http would read on.
    return new Response(
      new ReadableStream({
        async pull(controller) {
          const over = await Promise.race([first.promise.then(() => true), turn()]);
          if (over) controller.close();
          else controller.enqueue(new Uint8Array(65_536));
        },
      }),
    );
  };
  await withServer(createRequestListener(handler), async (port) => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    const sent = writeAll(conn, request.repeat(count) + request.replace("/", "/last"));
    const buffer = new Uint8Array(65_536);
    for (let read = 0; read < 20_000_000;) read += (await conn.read(buffer))!;
    // What came in one read is asked for, too.
    assert(asked < count / 2, `${asked} requests were read`);
    first.resolve();
    let heads = 0;
    const decoder = new TextDecoder();
    for (let rest = ""; heads < count;) {
      const parts = (rest + decoder.decode(buffer.subarray(0, (await conn.read(buffer))!)))
        .split("content-length: 0\r\n");
      heads += parts.length - 1;
      rest = parts.at(-1)!;
    }
    await sent;
    assertEquals(asked, count + 1);
  });
});

/** Lets the event loop turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

Deno.test("request listener announces no trailers: a web response has none", async () => {
  const headers = { trailer: "x-checksum", "x-a": "b" };
  await withServer(createRequestListener(() => new Response("abc", { headers })), async (port) => {
    const response = await fetch(`http://127.0.0.1:${port}/`);
    assertEquals([response.status, await response.text()], [200, "abc"]);
    assertEquals([response.headers.get("x-a"), response.headers.get("trailer")], ["b", null]);
  });
});

Deno.test("request listener tells no length of a 204, and that of the page with a 304", async () => {
  const handler: HttpHandler = ({ url }) =>
    new Response(null, { status: Number(url.slice(-3)), headers: { "content-length": "7" } });
  await withServer(createRequestListener(handler), async (port) => {
    for (const [status, length] of [[204, null], [304, "7"]]) {
      const response = await fetch(`http://127.0.0.1:${port}/${status}`);
      assertEquals([response.status, response.headers.get("content-length")], [status, length]);
      await response.body?.cancel();
    }
  });
});

Deno.test("request listener answers with 500 and its reason for a head that can't be sent", async () => {
  const told: unknown[] = [];
  const handler = () => new Response("abc", { status: 201, headers: { "x-a": "\x01" } });
  const listener = createRequestListener(handler, { onError: (error) => told.push(error) });
  await withServer(listener, async (port) => {
    const { status, statusText, body } = await fetch(`http://127.0.0.1:${port}/`);
    assertEquals([status, statusText], [500, "Internal Server Error"]);
    await body?.cancel();
  });
  assertInstanceOf(told[0], TypeError);
});

Deno.test("request listener's headers are seen by middleware that has put itself around writeHead", async () => {
  const headers = [["content-type", "text/x"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]];
  const listener = createRequestListener(() =>
    new Response("abc", { headers: headers as [string, string][] })
  );
  await withServer((request, response) => {
    const writeHead = response.writeHead;
    // As npm's on-headers does, and with it compression, express-session and morgan.
    response.writeHead = function (status: number, ...args: unknown[]) {
      const head = args[typeof args[0] === "string" ? 1 : 0] ?? {};
      for (const [name, value] of Object.entries(head)) this.setHeader(name, value);
      return Reflect.apply(writeHead, this, [status]);
    };
    listener(request, response);
  }, async (port) => {
    const response = await fetch(`http://127.0.0.1:${port}/`);
    assertEquals(await response.text(), "abc");
    assertEquals(response.headers.get("content-type"), "text/x");
    assertEquals(response.headers.getSetCookie(), ["a=1", "b=2"]);
  });
});

Deno.test("request listener waits for a slow client with the same listeners all the time", async () => {
  let waits = 0;
  const counts = new Set<number>();
  const listener = createRequestListener(() =>
    new Response(ReadableStream.from(Array.from({ length: 20 }, () => new Uint8Array(1000))))
  );
  await withServer((request, response) => {
    // As npm's compression does: what it is told to tell of is told by a stream of its own.
    const inner = new Transform({
      highWaterMark: 1,
      transform: (chunk, _, done) => void setTimeout(() => done(null, chunk)),
    });
    const { write, end, on } = response;
    response.write = (chunk: unknown) => {
      counts.add(inner.listenerCount("drain"));
      const more = inner.write(chunk);
      if (!more) waits++;
      return more;
    };
    response.end = () => {
      inner.end();
      return response;
    };
    Object.assign(response, {
      on(name: string, told: () => void) {
        if (name !== "drain") return Reflect.apply(on, response, [name, told]);
        inner.on(name, told);
        return response;
      },
    });
    inner.on("data", (chunk) => Reflect.apply(write, response, [chunk]));
    inner.on("end", () => Reflect.apply(end, response, []));
    listener(request, response);
  }, async (port) => {
    const response = await fetch(`http://127.0.0.1:${port}/`);
    assertEquals((await response.bytes()).length, 20_000);
  });
  assertEquals(waits > 2, true);
  assertEquals([...counts], [1]);
});

Deno.test("request listener has a body that somebody else has read fail, rather than be empty", async () => {
  const told: unknown[] = [];
  const listener = createRequestListener(async (request) => {
    const read = new URL(request.url).pathname === "/read";
    return new Response(read ? `read ${await request.text()}` : "left alone");
  }, { onError: (error) => told.push(error) });
  await withServer(async (request, response) => {
    await request.toArray();
    listener(request, response);
  }, async (port) => {
    const answers: [number, string][] = [];
    for (const [path, body] of [["read", "abc"], ["read", ""], ["", "abc"]]) {
      const response = await fetch(`http://127.0.0.1:${port}/${path}`, { method: "POST", body });
      answers.push([response.status, await response.text()]);
    }
    assertEquals(answers, [[500, ""], [200, "read "], [200, "left alone"]]);
  });
  assertEquals(told.map(String), [
    "TypeError: Cannot read the body of the request: somebody else, such as a body parser, has read it already",
  ]);
});

const decoding: Record<string, (request: IncomingMessage, listen: () => void) => void> = {
  "before": (request, listen) => {
    request.setEncoding("utf8");
    listen();
  },
  "behind it": (request, listen) => {
    listen();
    request.setEncoding("utf8");
  },
};

for (const [when, ask] of Object.entries(decoding)) {
  Deno.test(`request listener has a body fail that is decoded by somebody else ${when}`, async () => {
    const told: unknown[] = [];
    const handler: HttpHandler = async (request) => new Response(await request.text());
    const listener = createRequestListener(handler, { onError: (error) => told.push(error) });
    await withServer((request, response) => {
      ask(request, () => listener(request, response));
    }, async (port) => {
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "ä" });
      assertEquals([response.status, await response.text()], [500, ""]);
    });
    assertEquals(told.length, 1);
    assertStringIncludes(String(told[0]), "somebody else has set an encoding for it");
  });
}

Deno.test("requests behind a body that somebody else has begun to read, and left, are answered", async () => {
  const listener = createRequestListener(({ url }) => new Response(`to ${new URL(url).pathname}`));
  await withServer((request, response) => {
    if (request.url !== "/upload") return listener(request, response);
    request.once("data", () => {
      request.pause();
      listener(request, response);
    });
  }, async (port) => {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const head = "POST /upload HTTP/1.1\r\nHost: h\r\nContent-Length: 400000\r\n\r\n";
    const next = "GET /next HTTP/1.1\r\nHost: h\r\n\r\n";
    writeAll(conn, head + "x".repeat(400_000) + next).catch(() => {});
    await readUntil(conn, "to /next");
    conn.close();
  });
});

const spoilers: Record<string, [(response: ServerResponse) => void, answer: string | undefined]> = {
  "a header that can't go with it": [
    (response) => response.setHeader("Trailer", "X-Sum"),
    "HTTP/1.1 500 Internal Server Error",
  ],
  "a writeHead that throws": [(response) => {
    response.writeHead = () => {
      throw new Error("a listener for headers failed");
    };
  }, undefined],
};

for (const [what, [spoil, answer]] of Object.entries(spoilers)) {
  Deno.test(`request listener lives through ${what}, of other middleware`, async () => {
    const told: unknown[] = [];
    const onError = (error: unknown) => told.push(error);
    const listener = createRequestListener(() => new Response("hello"), { onError });
    await withServer((request, response) => {
      spoil(response);
      listener(request, response);
    }, async (port) => {
      const conn = await pipeline(port, ["/"]);
      const text = await new Response(conn.readable).text().catch(() => "");
      assertEquals(text.match(/^HTTP.*/)?.[0], answer);
    });
    assertEquals(told.length, 1);
  });
}

Deno.test("request listener refuses requests of HTTP/2, and says so", async () => {
  const told: unknown[] = [];
  const listener = createRequestListener(() => new Response("hello"), {
    onError: (error) => told.push(error),
  });
  const server = http2.createServer((request, response) => {
    // The types let nobody do it.
    Reflect.apply(listener, undefined, [request, response]);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const stream = client.request({ ":path": "/" });
  const [head] = await once(stream, "response");
  assertEquals(head[":status"], 505);
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
  assertEquals(told.map(String), [
    "TypeError: Cannot answer: the server is one of node:http2, not of node:http",
  ]);
});

Deno.test("request listener tells nobody of a client of HTTP/1 that writes another version", async () => {
  const told: unknown[] = [];
  const listener = createRequestListener(() => new Response(), { onError: (e) => told.push(e) });
  await withServer(listener, async (port) => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await writeAll(conn, "GET / HTTP/2.0\r\nHost: h\r\n\r\n");
    await readUntil(conn, "505 HTTP Version Not Supported");
  });
  assertEquals(told, []);
});

Deno.test("request listener lets a client send the rest of a body whose handler throws", async () => {
  const handler = () => {
    throw new Error("mine");
  };
  await withServer(createRequestListener(handler, { onError() {} }), async (port) => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const send = async (bytes: Uint8Array) => {
      while (bytes.length > 0) bytes = bytes.subarray(await conn.write(bytes));
    };
    const bytes = new Uint8Array(1000);
    const receive = async () =>
      new TextDecoder().decode(bytes.subarray(0, await conn.read(bytes) ?? 0)).split("\r\n")[0];
    const head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n";
    await send(new TextEncoder().encode(head));
    assertEquals(await receive(), "HTTP/1.1 500 Internal Server Error");
    // As a proxy that sends all first.
    await send(new Uint8Array(8_000_000));
    await send(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    assertEquals(await receive(), "HTTP/1.1 500 Internal Server Error");
  });
});

Deno.test("request listener asks the handler nothing behind a response that says that it is the last one", async () => {
  const next = "POST /delete HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
  for (const refused of [true, false]) {
    const asked: string[] = [];
    const ended = Promise.withResolvers<void>();
    const handler: HttpHandler = (request) => {
      asked.push(request.method);
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => void ended.promise.then(() => controller.close()),
      });
      return new Response(body, { headers: { connection: "close" } });
    };
    await withServer(createRequestListener(handler), async (port) => {
      using conn = await Deno.connect({ hostname: "127.0.0.1", port });
      const first = `GET / HTTP/1.1\r\nHost: h\r\n${refused ? "Host: i\r\n" : ""}\r\n`;
      await writeAll(conn, refused ? first + next : first);
      await readUntil(conn, "\r\n\r\n");
      if (!refused) await writeAll(conn, next);
      await new Promise((resolve) => setTimeout(resolve, 50));
      ended.resolve();
      assertEquals(await conn.read(new Uint8Array(1000)), refused ? null : 5);
    });
    assertEquals(asked, refused ? [] : ["GET"]);
  }
});

Deno.test("answer to a client's error comes behind the responses that are due, and cuts the one that is on its way", async () => {
  const get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  const begun = Promise.withResolvers<void>();
  const server = createServer(createRequestListener(async (request) => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    if (!request.url.endsWith("/begun")) return new Response("page");
    return new Response(
      new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode("half")),
        cancel: () => begun.resolve(),
      }),
    );
  }));
  server.on("clientError", answerClientError);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const exchange = async (first: string, until: string, second: string): Promise<string> => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await writeAll(conn, first);
    if (until !== "") await readUntil(conn, until);
    await writeAll(conn, second);
    let text = "";
    const buffer = new Uint8Array(10_000);
    for (let n; (n = await conn.read(buffer).catch(() => null)) !== null;) {
      text += new TextDecoder().decode(buffer.subarray(0, n));
    }
    return text;
  };
  assertMatch(
    await exchange(`${get}${get}@@@\r\n\r\n`, "", ""),
    /^(HTTP\/1.1 200 [^]*?page){2}HTTP\/1.1 400 Bad Request\r\nConnection: close\r\n\r\n$/,
  );
  assertMatch(await exchange("@@@\r\n\r\n", "", ""), /^HTTP\/1.1 400 /);
  assertEquals(await exchange(get.replace("/", "/begun"), "half", "@@@\r\n\r\n"), "");
  // A request whose body breaks behind its response gets no second one.
  const post = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  assertEquals(await exchange(post, "page", "@@@\r\n\r\n"), "");
  await begun.promise;
  await new Promise((resolve) => server.close(resolve));
});

Deno.test("answer to a client's error cuts who goes on sending while a response is due, and not who sends little", async () => {
  const asked = new Map<string, AbortSignal>();
  const server = createServer(createRequestListener((request) => {
    asked.set(new URL(request.url).pathname, request.signal);
    return new Promise(() => {});
  }));
  server.on("clientError", answerClientError);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const piece = "x".repeat(65_536);
  const send = async (conn: Deno.Conn, path: string, stray: number): Promise<string> => {
    try {
      await writeAll(conn, `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n@@@\r\n\r\n`);
      for (let sent = 0; sent < stray; sent += piece.length) await writeAll(conn, piece);
      return "sent";
    } catch {
      return "cut";
    }
  };
  using little = await Deno.connect({ hostname: "127.0.0.1", port });
  assertEquals(await send(little, "/little", 8_000_000), "sent");
  using much = await Deno.connect({ hostname: "127.0.0.1", port });
  assertEquals(await send(much, "/much", 64_000_000), "cut");
  await until(() => asked.get("/much")?.aborted === true);
  assertEquals([...asked].map(([path, { aborted }]) => [path, aborted]).sort(), [
    ["/little", false],
    ["/much", true],
  ]);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

Deno.test("answer to a client's error is one, however often node:http tells of a head that takes too long", async () => {
  const asked = Promise.withResolvers<ServerResponse>();
  let told = 0;
  const server = createServer(
    { headersTimeout: 20, connectionsCheckingInterval: 10 },
    (request, response) => {
      watchResponse(request, response);
      asked.resolve(response);
    },
  );
  server.on("clientError", (error, socket) => {
    told++;
    answerClientError(error, socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  using conn = await Deno.connect({
    hostname: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
  });
  await writeAll(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HT");
  const response = await asked.promise;
  const before = response.listenerCount("close");
  const warnings: Error[] = [];
  const warned = (warning: Error) => warnings.push(warning);
  process.on("warning", warned);
  await until(() => told > 12);
  process.off("warning", warned);
  assert(told > 12);
  assertEquals(warnings, []);
  assertEquals(response.listenerCount("close") - before, 1);
  response.end("page");
  await readUntil(conn, "408 Request Timeout\r\nConnection: close\r\n\r\n");
  await new Promise((resolve) => server.close(resolve));
});

Deno.test("answer to a client's error tells a request that took too long, and what is too large, as Node does", async () => {
  const faults = [
    ["ERR_HTTP_REQUEST_TIMEOUT", "408 Request Timeout"],
    ["HPE_CHUNK_EXTENSIONS_OVERFLOW", "413 Payload Too Large"],
    ["HPE_HEADER_OVERFLOW", "431 Request Header Fields Too Large"],
    ["ECONNRESET", "400 Bad Request"],
  ];
  for (const [code, status] of faults) {
    let text = "";
    const socket: Duplex = new Duplex({
      read() {},
      write(chunk, _encoding, callback) {
        // Over a slow carrier.
        setTimeout(() => {
          if (!socket.destroyed) text += chunk;
          callback();
        });
      },
    });
    const closed = new Promise<void>((resolve) => socket.once("close", resolve));
    answerClientError(Object.assign(new Error("it failed"), { code }), socket);
    await closed;
    assertEquals(text, `HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
  }
});

Deno.test("request listener answers 500 for what can't be looked at, nor shown", async () => {
  const fail = () => Promise.reject(unshowable());
  const failNow = () => {
    throw unshowable();
  };
  for (const onError of [undefined, fail, failNow]) {
    const calls = await shownErrors(() =>
      withServer(createRequestListener(fail, { onError }), async (port) => {
        const response = await fetch(`http://127.0.0.1:${port}`);
        await response.body?.cancel();
        assertEquals(response.status, 500);
      })
    );
    assertEquals(calls.map(([error]) => typeof error), ["string"]);
  }
});
