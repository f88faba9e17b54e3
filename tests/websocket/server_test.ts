import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { Limits } from "../../net/limits.ts";
import type { DropInfo } from "../../net/server_options.ts";
import { pair } from "../../net/pair.ts";
import { sendProxyProtocol } from "../../net/proxy_protocol_transport.ts";
import { startTls } from "../../net/start_tls.ts";
import type { TlsIdentity } from "../../net/tls_options.ts";
import type { Transport } from "../../net/transport.ts";
import { CA, identity } from "../_support/certs.ts";
import { foreignSignal } from "../_support/foreign_signal.ts";
import { hex } from "../_support/hex.ts";
import {
  ACCEPT,
  ask,
  RawClient,
  serve,
  until,
  upgradeRequest,
  urlOf,
} from "../_support/websocket_server.ts";
import { RawLink } from "../../websocket/_raw_link.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";
import { WebSocketHandshakeError } from "../../websocket/errors.ts";
import { encodeFrame } from "../../websocket/frame.ts";
import { serveWebSocket } from "../../websocket/server.ts";
import type {
  AuthorizeResult,
  ServeWebSocketOptions,
  WebSocketRequestInfo,
} from "../../websocket/server_options.ts";

Deno.test("server echoes text and bytes of all sizes", async () => {
  await using server = await serve();
  await using ws = await connectWebSocket(urlOf(server));
  for (const size of [0, 5, 125, 126, 127, 65_534, 65_535, 65_536, 300_000]) {
    const text = "x".repeat(size);
    const bytes = new Uint8Array(size).fill(size);
    await ws.send(text);
    await ws.send(bytes);
    assertEquals((await ws.receive()).data, text);
    assertEquals((await ws.receive()).data, bytes);
  }
});

Deno.test("server answers the RFC's handshake", async () => {
  await using server = await serve();
  using client = await RawClient.connect(server.port);
  await client.write(upgradeRequest());
  assertEquals(
    await client.readHead(),
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`,
  );
});

Deno.test("server takes in frames in the same segment as the request, good and bad ones", async () => {
  await using server = await serve();
  using good = await RawClient.connect(server.port);
  await good.write(upgradeRequest() + "\x81\x81\x01\x02\x03\x04`");
  await good.readUntil((text) => text.endsWith("\x81\x01a"));
  assert(good.text.endsWith("\x81\x01a"));
  using bad = await RawClient.connect(server.port);
  await bad.write(upgradeRequest() + "\xf1\x81\x01\x02\x03\x04`");
  const answer = await bad.readUntil();
  assertStringIncludes(answer, "\x88");
  assertStringIncludes(answer, "\x03\xea");
});

Deno.test("server chooses the first subprotocol of the client that it has", async () => {
  const seen: string[] = [];
  const handler = (name: string) => (ws: WebSocketConnection) => {
    seen.push(`${name}:${ws.protocol}`);
  };
  await using server = await serve({
    protocols: { a: handler("a"), b: handler("b") },
    default: handler("default"),
  });
  for (const protocols of [["x", "b", "a"], ["x"], []]) {
    await using ws = await connectWebSocket(urlOf(server), { protocols });
    assertEquals(ws.protocol, protocols.includes("b") ? "b" : "");
  }
  assertEquals(seen, ["b:b", "default:", "default:"]);
});

Deno.test("server without a default refuses clients that offer nothing it has", async () => {
  await using server = await serve({ protocols: { a: () => {} } });
  for (const protocols of [[], ["b"], ["constructor"], ["__proto__"]]) {
    const error = await assertRejects(
      () => connectWebSocket(urlOf(server), { protocols }),
      WebSocketHandshakeError,
    );
    assertEquals(error.status, 400);
  }
});

Deno.test("server tells connections what the client asked for", async () => {
  const handled = Promise.withResolvers<WebSocketConnection>();
  await using server = await serve({ default: handled.resolve });
  await using _client = await connectWebSocket(urlOf(server, "/room?id=1"), {
    headers: { "x-token": "t" },
  });
  const ws = await handled.promise;
  assertEquals(ws.url, urlOf(server, "/room?id=1"));
  assertEquals(ws.headers.get("x-token"), "t");
  assertEquals(new URL(ws.request!.url).searchParams.get("id"), "1");
  assert("hostname" in ws.remoteAddr && ws.remoteAddr.hostname === "127.0.0.1");
  assertEquals([...server.clients], [ws]);
});

for (
  const [name, options, status] of [
    ["a foreign origin", { headers: { Origin: "https://evil.example" } }, 403],
    ["the origin null", { headers: { Origin: "null" } }, 403],
    ["another version", { headers: { "Sec-WebSocket-Version": "8" } }, 426],
    ["no key", { headers: { "Sec-WebSocket-Key": undefined } }, 400],
    ["POST", { line: "POST / HTTP/1.1" }, 405],
    ["an absolute target", { line: "GET http://evil.example/ HTTP/1.1" }, 400],
    ["HTTP/1.0", { line: "GET / HTTP/1.0" }, 400],
    ["HTTP/2", { line: "PRI * HTTP/2.0" }, 505],
    ["no upgrade", { headers: { Upgrade: undefined } }, 426],
    ["a header of 9 KB", { headers: { "X-A": "x".repeat(9000) } }, 431],
  ] as const
) {
  Deno.test(`server refuses ${name} with ${status}, and ends the connection`, async () => {
    await using server = await serve();
    const { headers, line } = options as { headers?: Record<string, string>; line?: string };
    const answer = await ask(server.port, upgradeRequest(headers, line));
    assertStringIncludes(answer, `HTTP/1.1 ${status} `);
    assertStringIncludes(answer.toLowerCase(), "close");
    assertEquals(server.clients.size, 0);
  });
}

Deno.test("server does not read what follows a refused request as another one", async () => {
  await using server = await serve();
  const answer = await ask(
    server.port,
    upgradeRequest({ "Sec-WebSocket-Version": "8" }) + upgradeRequest(),
  );
  assertEquals(answer.match(/HTTP\/1\.1/g)?.length, 1);
});

Deno.test("server refuses 2000 headers, and goes on serving", async () => {
  await using server = await serve();
  const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`X-${i}`, "1"]));
  const answer = await ask(server.port, upgradeRequest({ ...many, Upgrade: "websocket" }));
  assertStringIncludes(answer, "HTTP/1.1 431 ");
  await using ws = await connectWebSocket(urlOf(server));
  assertEquals(ws.state, "open");
});

Deno.test("server serves one path only if it is told to", async () => {
  await using server = await serve({ pathname: "/chat" });
  await using ws = await connectWebSocket(urlOf(server, "/chat?x=1"));
  assertEquals(ws.state, "open");
  for (const path of ["/", "/chat/", "/chat2"]) {
    const error = await assertRejects(
      () => connectWebSocket(urlOf(server, path)),
      WebSocketHandshakeError,
    );
    assertEquals(error.status, 404);
  }
});

class ForeignResponse {
  readonly headers = new Headers();
  get status(): number {
    return 401;
  }
}
const REFUSAL = { headers: {}, status: 401 };

const ANSWERS: Array<[
  name: string,
  answer: () => AuthorizeResult | Promise<AuthorizeResult>,
  status: number,
]> = [
  ["says yes", () => true, 101],
  ["says nothing", () => {}, 101],
  ["says yes later", () => Promise.resolve(true), 101],
  ["gives headers", () => ({ headers: { "x-session": "7" } }), 101],
  ["says no", () => false, 403],
  ["says no later", () => Promise.resolve(false), 403],
  [
    "gives a response",
    () => new Response("pay first", { status: 402, headers: { "x-a": "b" } }),
    402,
  ],
  ["throws", () => {
    throw new Error("mine");
  }, 500],
  ["rejects", () => Promise.reject(new Error("mine")), 500],
  ["gives a response that is none", () => Response.error(), 500],
  ["gives headers that can't be sent", () => ({ headers: { upgrade: "x" } }), 500],
  ["gives a response of another library", () => new ForeignResponse(), 500],
  ["gives headers and a status", () => REFUSAL, 500],
  ...[null, 0, "", "no", NaN, new Error("no"), { status: 403 }, new Headers()].map((
    value,
  ): [string, () => AuthorizeResult, number] => [
    `answers ${Deno.inspect(value).split("\n")[0]}`,
    () => value as never,
    500,
  ]),
];

for (const [name, answer, status] of ANSWERS) {
  Deno.test(`server whose authorize ${name} answers ${status}`, async () => {
    const errors: unknown[] = [];
    const paths: string[] = [];
    await using server = await serve({
      onError: (error) => errors.push(error),
      authorize: (request, info) => {
        paths.push(new URL(request.url).pathname + info.protocols.join());
        return answer();
      },
    });
    using client = await RawClient.connect(server.port);
    await client.write(upgradeRequest({ "Sec-WebSocket-Protocol": "p, q" }, "GET /a HTTP/1.1"));
    const head = await client.readHead();
    assertStringIncludes(head, `HTTP/1.1 ${status} `);
    assertEquals(head.includes("x-session: 7"), name === "gives headers");
    if (status === 402) assertStringIncludes(await client.readUntil(), "pay first");
    assertEquals([errors.length, paths], [status === 500 ? 1 : 0, ["/ap,q"]]);
  });
}

Deno.test("authorize hands what it learnt of a client to its handler", async () => {
  const user = { name: "ann" };
  const answers: AuthorizeResult[] = [
    { data: user },
    { data: 0, headers: { "x-a": "b" } },
    {},
    true,
  ];
  const got: unknown[] = [];
  await using server = await serve({
    authorize: () => Promise.resolve(answers.shift()),
    default: (ws) => {
      got.push(ws.data);
      ws.on("close", () => got.push(ws.data));
      ws.close(1000);
    },
  });
  for (let i = 0; i < 4; i++) {
    const ws = await connectWebSocket(urlOf(server));
    assertEquals([ws.data, ws.headers.get("x-a")], [undefined, i === 1 ? "b" : null]);
    await ws.closed;
    await until(() => server.clients.size === 0);
  }
  assertEquals(got, [user, user, 0, 0, undefined, undefined, undefined, undefined]);
  assert(got[0] === user);
});

Deno.test("response of authorize is sent with its text and its type, whatever they are", async () => {
  await using server = await serve({
    authorize: () => Response.json({ reason: "schließt um 8 –\nmorgen" }, { status: 403 }),
  });
  using client = await RawClient.connect(server.port);
  await client.write(upgradeRequest());
  assertStringIncludes(await client.readHead(), "content-type: application/json\r\n");
  const answer = Uint8Array.from(await client.readUntil(), (char) => char.charCodeAt(0));
  assertStringIncludes(new TextDecoder().decode(answer), '{"reason":"schließt um 8 –\\nmorgen"}');
});

Deno.test("server ends handshakes at the deadline, counted from connecting, whatever drips in", async () => {
  await using server = await serve({
    handshakeTimeout: 60,
    authorize: () => new Promise<boolean>(() => {}),
  });
  const start = performance.now();
  using silent = await RawClient.connect(server.port);
  using dripping = await RawClient.connect(server.port);
  using waiting = await RawClient.connect(server.port);
  await waiting.write(upgradeRequest());
  const drip = (async () => {
    for (const char of upgradeRequest().slice(0, 40)) {
      await dripping.write(char).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
  })();
  await Promise.all([silent, dripping, waiting].map((client) => client.readUntil()));
  assert(performance.now() - start < 2000);
  await drip;
});

Deno.test("server whose process stands still does not drop clients for it that have asked in time", async () => {
  const limits = new Limits();
  await using server = await serve({ handshakeTimeout: 100, limits });
  const clients = await Promise.all(
    Array.from({ length: 20 }, () => RawClient.connect(server.port)),
  );
  await until(() => server.pressure.connections.used === clients.length);
  const writes = clients.map((client) => client.write(upgradeRequest()));
  const end = performance.now() + 300;
  while (performance.now() < end);
  await Promise.all(writes);
  for (const client of clients) {
    assertStringIncludes(await client.readHead(), ACCEPT);
    client.close();
  }
});

for (
  const [how, leave, options] of [
    ["closes", (client) => client.close(), {}],
    ["ends its direction", (client) => client.conn.closeWrite(), {}],
    ["is late", (client) => client.readUntil(), { handshakeTimeout: 60 }],
  ] as [string, (client: RawClient) => unknown, ServeWebSocketOptions][]
) {
  Deno.test(`request of authorize tells that its client has gone when that ${how}`, async () => {
    const errors: unknown[] = [];
    const asked = Promise.withResolvers<Request>();
    const judged = Promise.withResolvers<void>();
    await using server = await serve({
      ...options,
      default: () => errors.push("a client"),
      onError: (error) => errors.push(error),
      authorize: async (request) => {
        asked.resolve(request);
        try {
          await new Promise((_, reject) => {
            request.signal.onabort = () => reject(request.signal.reason);
          });
        } finally {
          judged.resolve();
        }
      },
    });
    using client = await RawClient.connect(server.port);
    await client.write(upgradeRequest());
    const { signal } = await asked.promise;
    assertEquals(signal.aborted, false);
    await leave(client);
    await judged.promise;
    assertEquals([signal.reason.name, server.clients.size], ["AbortError", 0]);
    await server.close();
    assertEquals(errors, []);
  });
}

Deno.test("request of authorize does not end when its client is let in, or is refused", async () => {
  const signals: AbortSignal[] = [];
  let asked = Promise.withResolvers<void>();
  let sent = Promise.withResolvers<void>();
  await using server = await serve({
    authorize: async ({ signal, url }) => {
      signals.push(signal);
      asked.resolve();
      await sent.promise;
      return url.endsWith("/in") || new Response("no", { status: 401 });
    },
  });
  for (const path of ["/in", "/out"]) {
    asked = Promise.withResolvers();
    sent = Promise.withResolvers();
    using client = await RawClient.connect(server.port);
    await client.write(upgradeRequest({}, `GET ${path} HTTP/1.1`));
    await asked.promise;
    // What comes before the answer is kept.
    for (const text of ["one", "two"]) {
      await client.write(encodeFrame(new TextEncoder().encode(text), { opcode: 1, maskKey: 1 }));
    }
    sent.resolve();
    await client.readUntil((text) => text.includes("two") || text.endsWith("no"));
    if (path === "/in") assertStringIncludes(client.text, "\x81\x03one\x81\x03two");
  }
  await server.close();
  assertEquals(signals.map(({ aborted }) => aborted), [false, false]);
});

Deno.test("server refuses more connections than it may have, those in the handshake included", async () => {
  await using server = await serve({ maxConnections: 2 });
  using waiting = await RawClient.connect(server.port);
  const ws = await connectWebSocket(urlOf(server));
  assertStringIncludes(await ask(server.port, ""), "HTTP/1.1 503 ");
  waiting.close();
  await ws.close();
  await until(() => server.clients.size === 0);
  for (let tries = 0;; tries++) {
    // The server has to notice first that one is gone.
    const again = await connectWebSocket(urlOf(server)).catch(() => undefined);
    if (again) {
      await again.close();
      break;
    }
    assert(tries < 1000);
  }
});

for (
  const [name, handler] of [
    ["throws", () => {
      throw new Error("mine");
    }],
    ["rejects", () => Promise.reject(new Error("mine"))],
  ] as const
) {
  Deno.test(`handler that ${name} ends its connection with 1011, and the server goes on`, async () => {
    const errors: unknown[] = [];
    await using server = await serve({
      protocols: { bad: handler },
      default: (ws) => void ws.send("hello"),
      onError: (error) => {
        errors.push((error as Error).message);
        throw error;
      },
    });
    const ws = await connectWebSocket(urlOf(server), { protocols: "bad" });
    assertEquals((await ws.closed).code, 1011);
    assertEquals(errors, ["mine"]);
    await using other = await connectWebSocket(urlOf(server));
    assertEquals((await other.receive()).data, "hello");
  });
}

Deno.test("client that goes away at any moment of the handshake leaves nothing behind", async () => {
  await using server = await serve();
  const request = upgradeRequest();
  for (let cut = 0; cut <= request.length; cut += 7) {
    using client = await RawClient.connect(server.port);
    await client.write(request.slice(0, cut));
  }
  await until(() => server.clients.size === 0);
});

// Sending to many.

Deno.test("broadcast reaches all clients, or those of a subprotocol, or all but one", async () => {
  await using server = await serve({
    protocols: { a: () => {}, b: () => {} },
    default: () => {},
  });
  const connect = (protocols: string[]) => connectWebSocket(urlOf(server), { protocols });
  const clients = [
    await connect(["a"]),
    await connect(["a"]),
    await connect(["b"]),
    await connect([]),
  ];
  await until(() => server.clients.size === 4);
  const [first] = server.clients;
  assertEquals(server.broadcast("all"), 4);
  assertEquals(server.broadcast("a", { protocol: "a" }), 2);
  assertEquals(server.broadcast("not the first", { except: first }), 3);
  assertEquals(server.broadcast("nobody", { protocol: "constructor" }), 0);
  assertEquals(server.broadcast(new Uint8Array([1])), 4);
  first.broadcast("from the first");
  const got = await Promise.all(clients.map(async (ws) => {
    const messages: unknown[] = [];
    ws.on("message", (data) => messages.push(data));
    await ws.ping();
    await ws.ping();
    return messages;
  }));
  const one = new Uint8Array([1]);
  assertEquals(got, [
    ["all", "a", one, "from the first"],
    ["all", "a", "not the first", one, "from the first"],
    ["all", "not the first", one],
    ["all", "not the first", one],
  ]);
  await Promise.all(clients.map((ws) => ws.close()));
});

Deno.test("broadcast and publish refuse options that they do not have: clients would get what is not for them", async () => {
  await using server = await serve({ protocols: { a: () => {} } });
  await using client = await connectWebSocket(urlOf(server), { protocols: "a" });
  await until(() => server.clients.size === 1);
  const [ws] = server.clients;
  const refuse = (call: () => unknown, text: string): void => {
    const error = assertThrows(call, TypeError, text);
    assertEquals((error as { code?: string }).code, "ERR_INVALID_ARG_VALUE");
  };
  refuse(() => server.broadcast("x", { protocols: "b" } as never), "`protocols` is `protocol`");
  refuse(() => server.broadcast("x", { Except: ws } as never), "but `except`");
  refuse(() => server.broadcast("x", { opcode: 2 } as never), "text is sent as text");
  refuse(() => server.publish("t", "x", { protocol: "b" } as never), "Cannot publish: `protocol`");
  refuse(() => ws.broadcast("x", { except: ws } as never), "of the server's `broadcast()`");
  refuse(() => ws.publish("t", "x", true as never), "not an object");
  const options = { protocol: undefined, except: undefined, compress: false };
  assertEquals(server.broadcast("only this", options), 1);
  assertEquals((await client.receive({ timeout: 5000 })).data, "only this");
});

Deno.test("server's close refuses a callback, a drain and other options, which it would never heed, and goes on", async () => {
  await using server = await serve({ default: () => {} });
  await assertRejects(() => server.close((() => {}) as never), TypeError, "no callback");
  await assertRejects(() => server.close({ drain: 5 } as never), TypeError, "`timeout` here");
  const misspelt = { keepclients: true } as never;
  await assertRejects(() => server.close(misspelt), TypeError, "but `keepClients`");
  await using client = await connectWebSocket(urlOf(server));
  assertEquals(client.state, "open");
});

Deno.test("broadcasts and other messages keep their order", async () => {
  await using server = await serve({
    default: (ws) => {
      ws.on("message", () => {
        ws.send("1");
        server.broadcast("2");
        ws.send("3");
        ws.send(["4", "5"]);
        server.broadcast("6");
        server.broadcast("7");
        ws.close(1000, "8");
      });
    },
  });
  const ws = await connectWebSocket(urlOf(server));
  await ws.send("go");
  const got: unknown[] = [];
  for await (const message of ws) got.push(message);
  assertEquals(got, ["1", "2", "3", "45", "6", "7"]);
  assertEquals((await ws.closed).reason, "8");
});

Deno.test("topics reach their subscribers, and nobody after they left", async () => {
  await using server = await serve({
    default: (ws) => {
      ws.on("message", (data) => {
        const [verb, topic, text] = String(data).split(" ");
        if (verb === "sub") ws.subscribe(topic);
        if (verb === "unsub") ws.unsubscribe(topic);
        if (verb === "pub") ws.publish(topic, text);
      });
    },
  });
  const [a, b] = [await connectWebSocket(urlOf(server)), await connectWebSocket(urlOf(server))];
  const log: string[] = [];
  a.on("message", (data) => log.push(`a ${data}`));
  b.on("message", (data) => log.push(`b ${data}`));
  const say = async (ws: WebSocketConnection, text: string) => {
    await ws.send(text);
    await ws.ping();
    await a.ping();
    await b.ping();
  };
  await say(a, "sub news");
  await say(a, "sub news");
  await say(b, "sub news");
  assertEquals(server.subscribers("news"), 2);
  await say(a, "pub news 1");
  assertEquals(server.publish("news", "2"), 2);
  assertEquals(server.publish("other", "x"), 0);
  await say(b, "unsub news");
  await say(a, "pub news 3");
  assertEquals(server.publish("news", "4"), 1);
  await a.ping();
  assertEquals(log.sort(), ["a 2", "a 4", "b 1", "b 2"]);
  const [first] = server.clients;
  assertEquals([...first.topics], ["news"]);
  await a.close();
  await until(() => server.subscribers("news") === 0);
  await b.close();
});

Deno.test("connection that has ended subscribes to nothing", async () => {
  const closed = Promise.withResolvers<void>();
  await using server = await serve({
    default: (ws) =>
      void ws.on("close", () => {
        ws.subscribe("news");
        assertEquals(ws.topics.size, 0);
        closed.resolve();
      }),
  });
  await (await connectWebSocket(urlOf(server))).close();
  await closed.promise;
  assertEquals([server.subscribers("news"), server.publish("news", "x")], [0, 0]);
});

Deno.test("broadcast is compressed for those who agreed to it, with their own windows", async () => {
  await using server = await serve({ default: () => {}, perMessageDeflate: { threshold: 0 } });
  const text = "all the same ".repeat(50);
  const clients = await Promise.all([
    connectWebSocket(urlOf(server)),
    connectWebSocket(urlOf(server), { perMessageDeflate: true }),
    connectWebSocket(urlOf(server), { perMessageDeflate: { serverMaxWindowBits: 9 } }),
    connectWebSocket(urlOf(server), { perMessageDeflate: { serverNoContextTakeover: true } }),
  ]);
  await until(() => server.clients.size === 4);
  assertEquals(clients.map(({ extensions }) => extensions !== ""), [false, true, true, true]);
  for (let round = 0; round < 3; round++) {
    for (const ws of server.clients) ws.send(text + round);
    server.broadcast(text);
    server.broadcast("short", { compress: false });
    for (const ws of server.clients) ws.send(text + round);
  }
  for (const ws of clients) {
    for (let round = 0; round < 3; round++) {
      const got = [];
      for (let i = 0; i < 4; i++) got.push((await ws.receive()).data);
      assertEquals(got, [text + round, text, "short", text + round]);
    }
  }
  await Promise.all(clients.map((ws) => ws.close()));
});

Deno.test("a burst of broadcasts in one turn does not pass a slow client's limit", async () => {
  for (const slowReader of ["drop", "close"] as const) {
    await using server = await serve({ slowReader, maxSendQueueBytes: 65_536 });
    await using ws = await connectWebSocket(urlOf(server));
    await until(() => server.clients.size === 1);
    const [client] = server.clients;
    const most = 65_536 + 270_000; // what is joined may pass the limit once
    const message = "x".repeat(10_000);
    for (let i = 0; i < 3000; i++) {
      server.broadcast(message);
      assert(client.bufferedAmount < most, `${client.bufferedAmount} bytes are queued`);
    }
    if (slowReader === "drop") {
      await until(() => client.bufferedAmount === 0);
      assert(client.dropped > 2000 && client.dropped < 3000, `${client.dropped} were dropped`);
      const got = 3000 - client.dropped;
      for (let i = 0; i < got; i++) assertEquals((await ws.receive()).data, message);
    } else {
      assertEquals((await client.closed).error?.code, "SLOW_READER");
    }
  }
});

Deno.test("client that does not read is cut off, and the others get everything", async () => {
  await using server = await serve({
    default: () => {},
    maxSendQueueBytes: 300_000,
    highWaterMark: 100_000,
  });
  using stuck = await RawClient.connect(server.port);
  await stuck.write(upgradeRequest());
  await stuck.readHead();
  await using ws = await connectWebSocket(urlOf(server));
  let received = 0;
  ws.on("message", () => received++);
  await until(() => server.clients.size === 2);
  let sent = 0;
  while (server.clients.size === 2 && sent < 1000) {
    server.broadcast("x".repeat(100_000));
    sent++;
    await until(() => received === sent);
  }
  assert(sent < 1000);
  assertEquals(server.clients.size, 1);
});

Deno.test("broadcast behind a message that is being made closes at the limit, or is counted", async () => {
  for (const slowReader of ["wait", "drop"] as const) {
    await using server = await serve({
      default: () => {},
      maxSendQueueBytes: 1000,
      highWaterMark: 100,
      slowReader,
    });
    await using client = await connectWebSocket(urlOf(server));
    await until(() => server.clients.size === 1);
    const [ws] = server.clients;
    const more = Promise.withResolvers<void>();
    ws.send((async function* () {
      yield "a";
      await more.promise;
    })());
    ws.send("x".repeat(1000));
    server.broadcast("last");
    await until(() => ws.dropped === 1);
    assertEquals(ws.state, slowReader === "drop" ? "open" : "closed");
    more.resolve();
    if (slowReader === "wait") assertEquals((await ws.closed).error?.code, "SLOW_READER");
    else assertEquals((await client.receive()).data, "a");
  }
});

Deno.test("subscriber gets nothing that was published before it subscribed", async () => {
  await using server = await serve({
    default: (ws) => {
      ws.publish("room", "somebody comes");
      ws.subscribe("room");
      ws.subscribe("room");
      server.publish("room", "welcome");
    },
  });
  const first = await connectWebSocket(urlOf(server));
  assertEquals((await first.receive()).data, "welcome");
  const second = await connectWebSocket(urlOf(server));
  assertEquals((await second.receive()).data, "welcome");
  assertEquals((await first.receive()).data, "somebody comes");
  assertEquals((await first.receive()).data, "welcome");
  for (const ws of [first, second]) await ws.close();
});

Deno.test("broadcasts keep their order for many who are being sent a message in parts", async () => {
  const rest = Promise.withResolvers<string>();
  let ready = 0;
  await using server = await serve({
    default: (ws) => {
      ready++;
      ws.send((async function* () {
        yield "in ";
        yield await rest.promise;
      })());
    },
  });
  const clients = [];
  for (let i = 0; i < 20; i++) clients.push(await connectWebSocket(urlOf(server)));
  await until(() => ready === 20);
  server.broadcast("one");
  await Promise.resolve();
  server.broadcast("two");
  rest.resolve("parts");
  for (const ws of clients) {
    const got = [];
    for (let i = 0; i < 3; i++) got.push((await ws.receive()).data);
    assertEquals(got, ["in parts", "one", "two"]);
    await ws.close();
  }
});

// Plain HTTP on the same port.

Deno.test("server answers plain HTTP by its handler: pages, bodies, keep-alive and streams", async () => {
  const errors: unknown[] = [];
  await using server = await serve({
    onError: (error) => errors.push(error),
    handler: async (request, info) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/throw") throw new Error("mine");
      if (pathname === "/addr") {
        return Response.json("hostname" in info.remoteAddr && info.remoteAddr);
      }
      const headers = new Headers({ "x-method": request.method });
      headers.append("set-cookie", "a=1");
      headers.append("set-cookie", "b=2");
      if (pathname === "/stream") {
        const parts = ["a", "b".repeat(100_000), "c"];
        return new Response(
          ReadableStream.from(parts.map((part) => new TextEncoder().encode(part))),
          { headers },
        );
      }
      return new Response(`got ${await request.text()}`, { status: 201, headers });
    },
  });
  const base = `http://127.0.0.1:${server.port}`;
  const client = Deno.createHttpClient({});
  const get = (path: string, init: RequestInit = {}) => fetch(base + path, { ...init, client });
  const page = await get("/");
  assertEquals([page.status, await page.text()], [201, "got "]);
  assertEquals(page.headers.getSetCookie(), ["a=1", "b=2"]);
  const posted = await get("/", { method: "POST", body: "x".repeat(200_000) });
  assertEquals((await posted.text()).length, 200_004);
  assertEquals((await (await get("/stream")).text()).length, 100_002);
  assertEquals((await (await get("/addr")).json()).hostname, "127.0.0.1");
  const head = await get("/", { method: "HEAD" });
  assertEquals([head.headers.get("x-method"), await head.text()], ["HEAD", ""]);
  const thrown = await get("/throw");
  assertEquals([thrown.status, await thrown.text(), errors.length], [500, "", 1]);
  await using ws = await connectWebSocket(urlOf(server));
  await ws.send("and a socket");
  assertEquals((await ws.receive()).data, "and a socket");
  client.close();
});

Deno.test("upgrade on a connection whose requests are still being answered comes behind the responses", async () => {
  const page = Promise.withResolvers<Response>();
  const asked = Promise.withResolvers<void>();
  await using server = await serve({
    handler: () => {
      asked.resolve();
      return page.promise;
    },
  });
  using client = await RawClient.connect(server.port);
  await client.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n${upgradeRequest()}`);
  await asked.promise;
  await client.write("\x81\x81\x01\x02\x03\x04`");
  page.resolve(new Response("page"));
  const text = await client.readUntil((text) => text.endsWith("\x81\x01a"));
  assert(text.startsWith("HTTP/1.1 200 OK\r\n"), text);
  assert(text.indexOf("page") < text.indexOf("HTTP/1.1 101 "), text);
});

Deno.test("server upgrades a connection that was kept alive", async () => {
  await using server = await serve({ handler: () => new Response("page") });
  using client = await RawClient.connect(server.port);
  await client.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  await client.readUntil((text) => text.includes("page"));
  client.text = "";
  await client.write(upgradeRequest());
  assertStringIncludes(await client.readHead(), "HTTP/1.1 101 ");
  await client.write("\x81\x81\x01\x02\x03\x04`");
  await client.readUntil((text) => text.endsWith("\x81\x01a"));
  assert(client.text.endsWith("\x81\x01a"));
});

Deno.test("server hands plain HTTP to a node:http server that does not listen", async () => {
  const { createServer } = await import("node:http");
  const http = createServer((request, response) => response.end(`node ${request.url}`));
  await using server = await serve({ http });
  const answer = await ask(server.port, "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  assertStringIncludes(answer, "node /x");
});

// Where it listens.

Deno.test("server listens on a Unix socket file", {
  ignore: Deno.build.os === "windows", // Deno has no Unix sockets there
}, async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/ws.sock`;
  {
    await using server = await serve({ path });
    assertEquals([server.addr, server.port], [{ transport: "unix", path }, 0]);
    await using ws = await connectWebSocket(`ws+unix:${path}:/chat`);
    await ws.send("hello");
    assertEquals((await ws.receive()).data, "hello");
  }
  await Deno.remove(folder, { recursive: true });
});

for (const extra of [{ minVersion: "TLSv1.2" as const }, { implementation: "deno" as const }]) {
  Deno.test(`server speaks TLS by ${"implementation" in extra ? "Deno" : "node:tls"}`, async () => {
    const { cert, key } = identity("server");
    await using server = await serve({ hostname: "127.0.0.1", tls: { cert, key, ...extra } });
    await using ws = await connectWebSocket(`wss://localhost:${server.port}`, {
      tls: { ca: CA },
      lookup: () => Promise.resolve(["127.0.0.1"]),
      headers: { origin: `https://localhost:${server.port}` },
    });
    await ws.send("hello");
    assertEquals((await ws.receive()).data, "hello");
    assertEquals(ws.url, `wss://localhost:${server.port}/`);
  });
}

Deno.test("server tells authorize who a client is by its certificate", async () => {
  const names: unknown[] = [];
  const secured = { ...identity("server"), ca: CA, requestCert: true, rejectUnauthorized: false };
  const authorize = (_request: Request, { tls }: WebSocketRequestInfo): boolean => {
    names.push(tls?.getPeerCertificate()?.subject.CN);
    return tls?.authorized === true;
  };
  await using server = await serve({ hostname: "127.0.0.1", tls: secured, authorize });
  const connecting = (own: Partial<TlsIdentity>) =>
    connectWebSocket(`wss://localhost:${server.port}`, {
      tls: { ca: CA, ...own },
      lookup: () => Promise.resolve(["127.0.0.1"]),
      origin: `https://localhost:${server.port}`,
    });
  await using ws = await connecting(identity("client"));
  await ws.send("hello");
  assertEquals((await ws.receive()).data, "hello");
  for (const own of [identity("stranger"), {}]) {
    const error = await assertRejects(() => connecting(own), WebSocketHandshakeError);
    assertEquals(error.status, 403);
  }
  assertEquals(names, ["Alice Client", "Mallory", undefined]);
  await using plain = await serve({
    hostname: "127.0.0.1",
    authorize: (_request, info) => !("tls" in info),
  });
  await using open = await connectWebSocket(`ws://127.0.0.1:${plain.port}`);
  await open.send("hello");
});

Deno.test("server tells authorize of the certificate on a connection whose earlier requests were plain HTTP", async () => {
  const names: unknown[] = [];
  await using server = await serve({
    hostname: "127.0.0.1",
    tls: { ...identity("server"), ca: CA, requestCert: true },
    authorize: (_request, { tls }) => {
      names.push(tls?.getPeerCertificate()?.subject.CN);
      return tls?.authorized === true;
    },
    handler: () => new Response("plain"),
  });
  for (const earlier of [0, 1, 2]) {
    const transport = await startTls(
      await Deno.connect({ hostname: "127.0.0.1", port: server.port }),
      {
        hostname: "localhost",
        ca: CA,
        ...identity("client"),
      },
    );
    const buffer = new Uint8Array(1024);
    for (let i = 0; i < earlier; i++) {
      await transport.write(encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
      for (let text = ""; !text.endsWith("plain");) {
        const n = await transport.read(buffer);
        text += new TextDecoder().decode(buffer.subarray(0, n!));
      }
    }
    await using ws = await connectWebSocket("wss://localhost/", { transport });
    await ws.send("hello");
    assertEquals((await ws.receive()).data, "hello");
  }
  assertEquals(names, ["Alice Client", "Alice Client", "Alice Client"]);
});

Deno.test("server takes connections from any listener", async () => {
  const waiting: Array<(transport: Transport) => void> = [];
  const closed = Promise.withResolvers<Transport>();
  const listener = {
    accept: () =>
      Promise.race([new Promise<Transport>((resolve) => waiting.push(resolve)), closed.promise]),
    close: () => closed.reject(new Error("closed")),
    addr: { transport: "memory" as const },
  };
  await using server = await serve({ listener });
  const [a, b] = pair();
  waiting.shift()!(b);
  await using ws = await connectWebSocket("ws://memory/", { transport: a });
  await ws.send("hello");
  assertEquals((await ws.receive()).data, "hello");
  assertEquals(server.clients.size, 1);
});

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A connection as a proxy makes it for a client at 192.0.2.7. */
async function proxied(port: number): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await sendProxyProtocol(conn, {
    source: { transport: "tcp", hostname: "192.0.2.7", port: 50_000 },
    destination: { transport: "tcp", hostname: "192.0.2.1", port: 443 },
  });
  return conn;
}

for (const tls of [undefined, identity("server")]) {
  Deno.test(`server behind a proxy learns who its clients are${tls ? ", before TLS" : ""}`, async () => {
    const seen: unknown[] = [];
    const hostOf = (addr: object): unknown => "hostname" in addr && addr.hostname;
    await using server = await serve({
      proxyProtocol: { trusted: ["127.0.0.1"] },
      tls,
      authorize: (_request, { remoteAddr }) => void seen.push(hostOf(remoteAddr)),
      default: (ws) => {
        seen.push(hostOf(ws.remoteAddr));
        ws.send("hello");
      },
      handler: (_request, { remoteAddr }) => new Response(`${hostOf(remoteAddr)}`),
    });
    const connect = async (): Promise<Transport> => {
      const conn = await proxied(server.port);
      return tls ? await startTls(conn, { hostname: "localhost", ca: CA }) : conn;
    };
    const url = `${tls ? "wss" : "ws"}://localhost/`;
    await using ws = await connectWebSocket(url, { transport: await connect() });
    assertEquals((await ws.receive()).data, "hello");
    assertEquals(seen, ["192.0.2.7", "192.0.2.7"]);

    const plain = await connect();
    await plain.write(encode("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    let text = "";
    const p = new Uint8Array(1024);
    for (let n; (n = await plain.read(p)) !== null;) {
      text += new TextDecoder().decode(p.subarray(0, n));
    }
    assertStringIncludes(text, "192.0.2.7");
    plain.close();
  });
}

Deno.test("server on a Unix socket tells its handler so, and WebSockets behind plain requests", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const folder = await Deno.makeTempDir();
  try {
    const seen: string[] = [];
    await using server = await serve({
      path: `${folder}/s`,
      default: (ws) => void seen.push(ws.remoteAddr.transport),
      handler: (_request, { remoteAddr }) => new Response(`over ${remoteAddr.transport}`),
    });
    using conn = await Deno.connect({ transport: "unix", path: `${folder}/s` });
    const p = new Uint8Array(1024);
    const readUntil = async (end: string): Promise<void> => {
      for (let text = ""; !text.includes(end);) {
        const n = await conn.read(p);
        assert(n !== null, text);
        text += new TextDecoder().decode(p.subarray(0, n));
      }
    };
    await conn.write(encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    await readUntil("over unix");
    await conn.write(encode(upgradeRequest()));
    await readUntil(ACCEPT);
    assertEquals(seen, ["unix"]);
    // The client does not answer.
    await server.close({ timeout: 100 });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("server behind a proxy drops who is no trusted proxy, or tells no client", async () => {
  const trusted = { "10.0.0.0/8": proxied, "127.0.0.1": (port: number) => Deno.connect({ port }) };
  for (const [proxy, connect] of Object.entries(trusted)) {
    let came = 0;
    await using server = await serve({
      proxyProtocol: { trusted: [proxy] },
      default: () => void came++,
    });
    using conn = await connect(server.port);
    await conn.write(encode(upgradeRequest())).catch(() => {});
    assertEquals(await conn.read(new Uint8Array(64)).catch(() => null), null);
    assertEquals(came, 0);
  }
  for (const wrong of [{ timeout: NaN }, { timeout: 3e9 }, { maxLength: 5 }]) {
    await assertRejects(() => serve({ proxyProtocol: { trusted: [], ...wrong } }), RangeError);
  }
  const wrong = { trusted: ["no address"] };
  await assertRejects(() => serve({ proxyProtocol: wrong }), TypeError, "no address");
  const deno = { ...identity("server"), implementation: "deno" } as const;
  const error = await assertRejects(
    () => serve({ tls: deno, proxyProtocol: { trusted: [] } }),
    NetError,
  );
  assertEquals(error.code, "ERR_UNSUPPORTED");
});

/** What becomes of a connection: the status that a request on it gets, or nothing. */
async function statusOf(conn: Transport, request: string): Promise<string> {
  await conn.write(encode(request)).catch(() => {});
  const p = new Uint8Array(1024);
  const n = await conn.read(p).catch(() => null);
  return new TextDecoder().decode(p.subarray(0, n ?? 0)).slice(9, 12);
}

Deno.test("server lets so many in from one address, counts them to their end, and tells of others", async () => {
  const dropped: unknown[] = [];
  await using server = await serve({
    maxConnectionsPerAddress: 2,
    onDrop: ({ reason, remoteAddress }) => dropped.push(`${reason} ${remoteAddress}`),
    handler: () => new Response("page"),
  });
  const { port } = server;
  const page = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  const connect = () => Deno.connect({ hostname: "127.0.0.1", port });
  const ws = await connectWebSocket(urlOf(server));
  using plain = await connect();
  assertEquals(await statusOf(plain, page), "200");
  {
    using third = await connect();
    assertEquals(await statusOf(third, page), "");
  }
  // Plain HTTP may become a WebSocket, and makes no room by that.
  assertEquals(await statusOf(plain, upgradeRequest()), "101");
  {
    using third = await connect();
    assertEquals(await statusOf(third, page), "");
  }
  assertEquals(dropped, Array(2).fill("maxConnectionsPerAddress 127.0.0.1"));
  await ws.close();
  await until(() => server.clients.size === 1);
  for (let i = 0; i < 3; i++) {
    // Whatever ends a connection makes room: here a client that leaves before its request, or a refusal.
    const third = await connect();
    if (i > 0) assertEquals(await statusOf(third, "nonsense\r\n\r\n"), "400");
    third.close();
    await until(() => server.clients.size === 1 && server.pressure.connections.used === 1);
  }
});

for (const tls of [undefined, identity("server")]) {
  Deno.test(`server behind a proxy counts the clients' addresses${tls ? ", before TLS" : ""}`, async () => {
    const reasons: string[] = [];
    await using server = await serve({
      proxyProtocol: { trusted: ["127.0.0.1"] },
      tls,
      maxConnectionsPerAddress: 1,
      onDrop: ({ reason, remoteAddress }) => reasons.push(`${reason} ${remoteAddress}`),
      limits: new Limits(),
    });
    const connect = async (): Promise<WebSocketConnection> => {
      const conn = await proxied(server.port);
      const transport = tls ? await startTls(conn, { hostname: "localhost", ca: CA }) : conn;
      return await connectWebSocket(`${tls ? "wss" : "ws"}://localhost/`, { transport });
    };
    for (let i = 0; i < 2; i++) {
      await using _ws = await connect();
      await assertRejects(connect);
      // The client has heard of its end before the server is through with it.
      await _ws.close();
      await until(() => server.pressure.connections.used === 0);
    }
    if (tls !== undefined) {
      // Who fails at TLS makes room as well.
      for (let i = 0; i < 2; i++) {
        using conn = await proxied(server.port);
        await conn.write(encode("no TLS at all, but long enough for a record\r\n"));
        while (await conn.read(new Uint8Array(64)).catch(() => null) !== null);
        await until(() => server.pressure.connections.used === 0);
      }
      await using _ws = await connect();
    }
    using stranger = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    assertEquals(await statusOf(stranger, upgradeRequest()), "");
    assertEquals(reasons, [
      ...Array(2).fill("maxConnectionsPerAddress 192.0.2.7"),
      "proxyProtocol 127.0.0.1",
    ]);
  });
}

Deno.test("server tells of a header that does not come in time, and not of those that it closes itself", async () => {
  const reasons: string[] = [];
  const server = await serve({
    proxyProtocol: { trusted: ["127.0.0.1"] },
    handshakeTimeout: 20,
    onDrop: ({ reason }) => reasons.push(reason),
  });
  using _late = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await until(() => reasons.length > 0);
  assertEquals(reasons, ["proxyProtocol"]);
  await server.close();
  const closing = await serve({
    proxyProtocol: { trusted: ["127.0.0.1"] },
    limits: new Limits(),
    onDrop: ({ reason }) => reasons.push(reason),
  });
  using waiting = await Deno.connect({ hostname: "127.0.0.1", port: closing.port });
  await until(() => closing.pressure.connections.used === 1);
  await closing.close();
  assertEquals(await waiting.read(new Uint8Array(1)).catch(() => null), null);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(reasons.length, 1);
});

Deno.test("server whose limits have it wait names its own cap for a drop, also where the limits are reached", async () => {
  const limits = new Limits({ connections: 2, policies: { connections: "wait" } });
  const reasons: string[] = [];
  const onDrop = ({ reason }: DropInfo) => reasons.push(reason);
  await using server = await serve({ limits, maxConnections: 1, onDrop });
  await using other = await serve({ limits });
  await using _one = await connectWebSocket(urlOf(server));
  await using _two = await connectWebSocket(urlOf(other));
  using late = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  assertEquals(await statusOf(late, upgradeRequest()), "503");
  assertEquals(reasons, ["maxConnections"]);
});

Deno.test("server drops by lists and by a rate, and tells of connections that are too many", async () => {
  const cases: [ServeWebSocketOptions, string, string][] = [
    [{ blockList: { check: (address) => address === "127.0.0.1" } }, "", "blocked"],
    [{ allowList: { check: () => false } }, "", "blocked"],
    [{ acceptRate: { perSecond: 0.001 } }, "101", "acceptRate"],
    [{ maxConnections: 1 }, "101", "maxConnections"],
    [{ limits: new Limits({ connections: 1 }) }, "101", "limits"],
  ];
  for (const [options, first, reason] of cases) {
    const reasons: string[] = [];
    await using server = await serve({ ...options, onDrop: (info) => reasons.push(info.reason) });
    using one = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    assertEquals(await statusOf(one, upgradeRequest()), first);
    using two = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    const busy = reason === "maxConnections" || reason === "limits";
    assertEquals(await statusOf(two, upgradeRequest()), busy ? "503" : "");
    assertEquals(reasons, first === "" ? [reason, reason] : [reason]);
  }
});

Deno.test("server that is full takes nothing of its rate for those that it turns away", async () => {
  const reasons: string[] = [];
  await using server = await serve({
    maxConnections: 1,
    acceptRate: { perSecond: 0.001, burst: 2 },
    onDrop: ({ reason }) => reasons.push(reason),
  });
  const knock = async (): Promise<[Deno.Conn, string]> => {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    return [conn, await statusOf(conn, upgradeRequest())];
  };
  const [first, ...statuses] = [await knock(), await knock(), await knock()];
  for (const [conn] of statuses) conn.close();
  assertEquals([first[1], ...statuses.map(([, status]) => status)], ["101", "503", "503"]);
  first[0].close();
  await until(() => server.clients.size === 0);
  const [last, status] = await knock();
  last.close();
  assertEquals([status, reasons], ["101", ["maxConnections", "maxConnections"]]);
});

Deno.test("server goes on when a list throws, and tells", async () => {
  const errors: unknown[] = [];
  let broken = true;
  const check = () => {
    if (broken) throw new Error("out of order");
    return false;
  };
  await using server = await serve({
    blockList: { check },
    onError: (error) => void errors.push(error),
  });
  using one = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  assertEquals(await statusOf(one, upgradeRequest()), "");
  broken = false;
  using two = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  assertEquals(await statusOf(two, upgradeRequest()), "101");
  assertEquals(errors.map((error) => (error as Error).message), ["out of order"]);
  for (const wrong of [{ maxConnectionsPerAddress: 0 }, { acceptRate: { perSecond: 0 } }]) {
    await assertRejects(() => serve(wrong), RangeError);
  }
  for (const wrong of [{ allowList: [] as never }, { onDrop: {} as never }]) {
    await assertRejects(() => serve(wrong), TypeError);
  }
});

Deno.test("listener that fails for a while does not end the server", async () => {
  const real = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let failures = 2;
  const errors: unknown[] = [];
  const listener = {
    accept: () => failures-- > 0 ? Promise.reject(new Error("EMFILE")) : real.accept(),
    close: () => real.close(),
    addr: real.addr,
  };
  await using server = await serve({ listener, onError: (error) => errors.push(error) });
  await using ws = await connectWebSocket(urlOf({ port: real.addr.port }));
  assertEquals([ws.state, errors.length, server.port], ["open", 2, real.addr.port]);
});

Deno.test("server does not wait for clients that reset before they are accepted, nor tells of them", async () => {
  const real = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let gone = 300;
  const errors: unknown[] = [];
  const listener = {
    accept: () =>
      gone-- > 0 ? Promise.reject(new Deno.errors.NotConnected("os error 107")) : real.accept(),
    close: () => real.close(),
    addr: real.addr,
  };
  const start = performance.now();
  await using _server = await serve({ listener, onError: (error) => errors.push(error) });
  await using ws = await connectWebSocket(urlOf({ port: real.addr.port }));
  assertEquals([ws.state, errors], ["open", []]);
  assert(performance.now() - start < 5_000); // with a wait for each it would be half a minute
});

Deno.test("server rests when all that it accepts is gone, tells of it, and closes", async () => {
  let accepts = 0;
  const error = new Deno.errors.ConnectionReset("the tunnel is gone");
  const errors: unknown[] = [];
  const listener = {
    // Not for ever: a server that does not rest would let this test not fail.
    accept: () => ++accepts < 20_000 ? Promise.reject(error) : Promise.reject(new Error("enough")),
    close: () => {},
    addr: { transport: "memory" } as const,
  };
  const server = await serve({ listener, onError: (error) => errors.push(error) });
  while (errors.length === 0) await new Promise((resolve) => setTimeout(resolve));
  assertEquals([accepts, errors], [16_385, [error]]);
  await server.close();
});

Deno.test("server refuses options that contradict each other or mean nothing", async () => {
  const handler = () => {};
  const bad: Array<[ServeWebSocketOptions, typeof TypeError | typeof RangeError]> = [
    [{}, TypeError],
    [{ protocols: {} }, TypeError],
    [{ protocols: { "a b": handler } }, TypeError],
    [{ default: 5 as unknown as () => void }, TypeError],
    [{ default: handler, port: 0, path: "/x" }, TypeError],
    [{ default: handler, path: "/x", hostname: "h" }, TypeError],
    [{ default: handler, path: "/x", tls: {} }, TypeError],
    [{ default: handler, headers: { upgrade: "x" } }, TypeError],
    [{ default: handler, handler: () => new Response(), http: {} as never }, TypeError],
    [{ default: handler, handshakeTimeout: 0 }, RangeError],
    [{ default: handler, maxConnections: 0 }, RangeError],
    [{ default: handler, maxMessageSize: -1 }, RangeError],
    [{ default: handler, perMessageDeflate: { level: 77 } }, RangeError],
    [{ default: handler, head: { maxHeaderCount: NaN } }, RangeError],
    [{ default: handler, port: 65_536 }, RangeError],
    [{ default: handler, port: NaN }, RangeError],
    [{ default: handler, origin: "https://example.org" as "any" }, TypeError],
    [{ default: handler, origin: [5 as unknown as string] }, TypeError],
    [{ default: handler, authorize: 5 as never }, TypeError],
    [{ default: handler, onError: {} as never }, TypeError],
    [{ default: handler, handler: 5 as never }, TypeError],
    [{ default: handler, pathname: "chat" }, TypeError],
    [{ default: handler, signal: AbortSignal.abort(new TypeError("aborted")) }, TypeError],
  ];
  for (const [options, kind] of bad) await assertRejects(() => serveWebSocket(options), kind);
  await using _plain = await serve({ default: handler, perMessageDeflate: null as never });
  await using server = await serve();
  const taken = await assertRejects(
    () => serve({ port: server.port }),
    NetError,
  );
  assertEquals(taken.code, "EADDRINUSE");
});

// Closing.

Deno.test("server that closes says goodbye to its clients", async () => {
  const server = await serve({ default: () => {} });
  const clients = await Promise.all([1, 2, 3].map(() => connectWebSocket(urlOf(server))));
  const closing = server.close({ code: 1012, reason: "new version" });
  const infos = await Promise.all(clients.map((ws) => ws.closed));
  assertEquals(infos.map(({ code, reason, wasClean }) => [code, reason, wasClean]), [
    [1012, "new version", true],
    [1012, "new version", true],
    [1012, "new version", true],
  ]);
  await closing;
  await server.finished;
  assertEquals(server.clients.size, 0);
  await assertRejects(() => connectWebSocket(urlOf(server)), NetError);
  await server.close();
});

Deno.test("server keeps its clients if it is asked to, and closes them later", async () => {
  const server = await serve();
  const ws = await connectWebSocket(urlOf(server));
  await server.close({ keepClients: true });
  await ws.send("still here");
  assertEquals((await ws.receive()).data, "still here");
  await assertRejects(() => connectWebSocket(urlOf(server)), NetError);
  await server.close();
  assertEquals((await ws.closed).code, 1001);
  await server.finished;
});

Deno.test("server spreads its goodbyes over a time", async () => {
  const server = await serve({ default: () => {} });
  const clients = await Promise.all([1, 2, 3, 4].map(() => connectWebSocket(urlOf(server))));
  const times: number[] = [];
  const start = performance.now();
  for (const ws of clients) ws.on("close", () => times.push(performance.now() - start));
  await server.close({ over: 80 });
  await Promise.all(clients.map((ws) => ws.closed));
  for (const [i, time] of times.entries()) assert(time > 20 * i - 2, `${i}: ${time} ms`);

  const other = await serve({ default: () => {} });
  const more = await Promise.all([1, 2, 3].map(() => connectWebSocket(urlOf(other))));
  const closing = other.close({ over: 1_000_000 });
  await Promise.race(more.map((ws) => ws.closed));
  assertEquals(more.map((ws) => ws.state).sort(), ["closed", "open", "open"]);
  await other.close();
  await closing;
});

Deno.test("server that spreads its goodbyes waits no longer than it has clients", async () => {
  const server = await serve({ default: () => {} });
  const clients = await Promise.all([1, 2].map(() => connectWebSocket(urlOf(server))));
  const closing = server.close({ over: 1_000_000 });
  await Promise.all(clients.map((ws) => ws.close()));
  await closing;

  const other = await serve({ default: () => {} });
  await Promise.all([1, 2].map(() => connectWebSocket(urlOf(other))));
  const slowly = other.close({ over: 1_000_000 });
  await other.close();
  await slowly;
});

Deno.test("server refuses to close with what means nothing, and goes on", async () => {
  await using server = await serve();
  const ws = await connectWebSocket(urlOf(server));
  await assertRejects(() => server.close({ reason: "x".repeat(124), timeout: 1000 }), TypeError);
  for (const over of [NaN, -1, Infinity]) {
    await assertRejects(() => server.close({ over }), RangeError);
  }
  await ws.send("still here");
  assertEquals((await ws.receive()).data, "still here");
  await (await connectWebSocket(urlOf(server))).close();
});

Deno.test("server cuts off clients that do not answer in time", async () => {
  const server = await serve({ default: () => {} });
  using stuck = await RawClient.connect(server.port);
  await stuck.write(upgradeRequest());
  await stuck.readHead();
  await until(() => server.clients.size === 1);
  await server.close({ timeout: 20, over: 10_000 });
  assertEquals(server.clients.size, 0);
  await assertRejects(() => server.close({ code: 999 }), RangeError);
});

Deno.test("server closes when its signal fires", async () => {
  const controller = new AbortController();
  const server = await serve({ signal: controller.signal });
  const ws = await connectWebSocket(urlOf(server));
  controller.abort();
  assertEquals((await ws.closed).code, 1001);
  await server.finished;
});

Deno.test("server closes when a polyfill's signal fires, and does not begin when it has fired", async () => {
  const given = foreignSignal();
  const server = await serve({ signal: given.signal });
  assertEquals(given.listeners, 1);
  given.abort();
  await server.finished;
  assertEquals(given.listeners, 0);
  const error = await assertRejects(() => serve({ signal: given.signal }), NetError);
  assertEquals(error.code, "ABORT_ERR");
});

Deno.test("server that closes lets plain HTTP requests have their responses, and ends idle connections", async () => {
  const late = Promise.withResolvers<void>();
  const server = await serve({
    handler: (request) => {
      if (request.url.endsWith("/now")) return new Response("now");
      return new Response(
        new ReadableStream({
          async start(controller) {
            controller.enqueue(new TextEncoder().encode("first "));
            await late.promise;
            controller.enqueue(new TextEncoder().encode("last"));
            controller.close();
          },
        }),
      );
    },
  });
  using idle = await RawClient.connect(server.port);
  await idle.write("GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
  await idle.readUntil((text) => text.includes("now"));
  using client = await RawClient.connect(server.port);
  await client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  await client.readUntil((text) => text.includes("first "));
  let closed = false;
  const closing = server.close({ timeout: 60_000 }).then(() => closed = true);
  await idle.readUntil();
  assertEquals(closed, false);
  late.resolve();
  assertStringIncludes(await client.readUntil(), "last");
  await closing;
});

Deno.test("server that closes cuts plain HTTP requests off that are not answered in time", async () => {
  for (const options of [undefined, { timeout: 10 }, { signal: AbortSignal.timeout(10) }]) {
    const server = await serve({ handler: () => new Promise<Response>(() => {}) });
    using client = await RawClient.connect(server.port);
    await client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    using idle = await RawClient.connect(server.port);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await server.close(options);
    assertEquals([await client.readUntil(), await idle.readUntil()], ["", ""]);
  }
});

Deno.test("server that is closed twice waits for the same end", async () => {
  const server = await serve({ handler: () => new Promise<Response>(() => {}) });
  using client = await RawClient.connect(server.port);
  await client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  using idle = await RawClient.connect(server.port);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await Promise.all([server.close({ timeout: 60_000 }), server.close({ timeout: 5 })]);
  assertEquals([await client.readUntil(), await idle.readUntil()], ["", ""]);
});

Deno.test("server forgets connections that ended", async () => {
  await using server = await serve();
  for (let round = 0; round < 20; round++) {
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => connectWebSocket(urlOf(server))),
    );
    await Promise.all(clients.map((ws, i) => i % 2 ? ws.close() : ws.terminate()));
  }
  await until(() => server.clients.size === 0);
  assertEquals(server.broadcast("x"), 0);
});

Deno.test("server takes masked frames only", async () => {
  await using server = await serve();
  using client = await RawClient.connect(server.port);
  await client.write(upgradeRequest());
  await client.readHead();
  client.text = "";
  await client.write(hex("8101 61"));
  assertStringIncludes(await client.readUntil(), "\x03\xea");
});

Deno.test("server refuses options that it does not know: it would listen where it should not", async () => {
  for (
    const [options, text] of [
      [{ host: "127.0.0.1" }, "`host` is `hostname` here"],
      [{ interface: "127.0.0.1" }, "`interface` is `hostname` here"],
      [{ server: {} }, "`server` is `attachWebSocket(server, options)` here"],
      [{ maxPayload: 1 }, "`maxPayload` is `maxMessageSize` here"],
      [{ verifyClient: () => false }, "`verifyClient` is `authorize` here"],
      [{ ca: "" }, "`ca` goes into `tls`"],
      [{ backlog: 5 }, "there is no option `backlog`"],
    ] as const
  ) {
    const given = { default: () => {}, ...options };
    await assertRejects(() => serveWebSocket(given), TypeError, text);
  }
  for (const wrong of [undefined, 8080, () => {}]) {
    await assertRejects(() => serveWebSocket(wrong as never), TypeError, "are not an object");
  }
});

Deno.test("server tells of a wrong signal, listener, path or http server before it listens", async () => {
  let listening = 0;
  const { listen } = Deno;
  Deno.listen = ((options: Deno.TcpListenOptions) => {
    listening++;
    return listen(options);
  }) as typeof Deno.listen;
  try {
    const wrong = {
      signal: ["x", {}, 5],
      listener: [null, {}, "x", { accept() {} }],
      path: ["", "a\0b", 5, null],
      http: [null, {}, 80],
    };
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) {
        const given = { default: () => {}, [name]: value };
        await assertRejects(() => serveWebSocket(given), TypeError, `\`${name}\` is no`);
      }
    }
  } finally {
    Deno.listen = listen;
  }
  assertEquals(listening, 0);
});

Deno.test("server names the option that is out of range", async () => {
  for (const name of ["handshakeTimeout", "maxConnections"]) {
    const given = { default: () => {}, [name]: NaN };
    await assertRejects(() => serveWebSocket(given), RangeError, `${name} NaN is out of range`);
  }
});

Deno.test("server serves only the hosts that it may, to WebSockets and to plain requests", async () => {
  const seen: string[] = [];
  await using server = await serve({
    allowedHosts: ["example.org"],
    default: () => {},
    handler: (request) => {
      seen.push(request.url);
      return new Response("page");
    },
  });
  const upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const statusOf = async (host: string, more: string) => {
    using client = await RawClient.connect(server.port);
    await client.write(`GET / HTTP/1.1\r\n${host}${more}\r\n`);
    return (await client.readUntil((text) => text.includes("\r\n\r\n"))).split(" ")[1];
  };
  for (const more of [upgrade, ""]) {
    const served = more === "" ? "200" : "101";
    assertEquals(await statusOf("Host: example.org\r\n", more), served);
    assertEquals(await statusOf(`Host: EXAMPLE.org:${server.port}\r\n`, more), served);
    for (const host of ["127.0.0.1", "evil.example", "example.org.evil.example"]) {
      assertEquals(await statusOf(`Host: ${host}\r\n`, more), "421", host);
    }
  }
  assertEquals(seen.length, 2);
});

Deno.test("server tells those who stay of very many that leave at once in few writes", async () => {
  const count = 30;
  const left: string[] = [];
  await using server = await serveWebSocket({
    hostname: "127.0.0.1",
    default: (ws) => {
      ws.subscribe("room");
      ws.on("message", () => {});
      ws.on("close", () => server.publish("room", "left"));
    },
  });
  const stays = await connectWebSocket(urlOf(server));
  const clients = await Promise.all(
    Array.from({ length: count }, () => connectWebSocket(urlOf(server))),
  );
  const [, ...others] = server.clients;
  const { sendEncoded } = RawLink.prototype;
  let writes = 0;
  RawLink.prototype.sendEncoded = function (...args) {
    writes++;
    return sendEncoded.apply(this, args);
  };
  try {
    for (const ws of others) ws.terminate();
    for await (const message of stays) if (left.push(String(message)) === others.length) break;
  } finally {
    RawLink.prototype.sendEncoded = sendEncoded;
  }
  assertEquals(new Set(left), new Set(["left"]));
  assert(writes <= count, `${writes}`);
  for (const client of [stays, ...clients]) client.terminate();
});
