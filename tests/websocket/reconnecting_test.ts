import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { serve, until, urlOf } from "../_support/websocket_server.ts";
import { toBytes } from "../_support/websocket_rig.ts";
import { acceptKey } from "../../websocket/_tools.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { reconnecting, type ReconnectingOptions } from "../../websocket/reconnecting.ts";
import { WebSocketError, WebSocketHandshakeError } from "../../websocket/errors.ts";

const FAST = { initial: 1, max: 5 };

Deno.test("reconnecting gives one connection after the other", async () => {
  let visits = 0;
  await using server = await serve({
    default: (ws) => {
      ws.send(`${++visits}`);
      if (visits % 2) ws.close(1012);
      else ws.ping().then(() => ws.terminate());
    },
  });
  await using feed = reconnecting(urlOf(server), { backoff: FAST });
  const codes: number[] = [];
  for await (const ws of feed) {
    assertEquals(feed.current, ws);
    codes.push((await ws.closed).code);
    if (codes.length === 4) break;
  }
  assertEquals(codes, [1012, 1006, 1012, 1006]);
  assertEquals(feed.connections, 4);
});

Deno.test("reconnecting comes back to a server that was away", async () => {
  let server = await serve();
  const { port } = server;
  await using feed = reconnecting(urlOf(server), { backoff: FAST });
  const got: unknown[] = [];
  const reading = (async () => {
    for await (const message of feed.messages()) {
      got.push(message);
      if (message === "2") break;
    }
  })();
  await feed.send("1");
  await until(() => got.length === 1);
  await server.close();
  const sending = feed.send("2");
  await new Promise((resolve) => setTimeout(resolve, 30));
  server = await serve({ port });
  await sending;
  await reading;
  assertEquals(got, ["1", "2"]);
  await feed.close();
  await server.close();
});

Deno.test("reconnecting gives up after so many attempts, and tells why", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const failures: number[] = [];
  const feed = reconnecting(urlOf({ port }), {
    backoff: { ...FAST, attempts: 3 },
    onRetry: (retry) => void failures.push(retry.failures),
  });
  const waiting = feed.connected();
  const error = await assertRejects(async () => {
    for await (const _ of feed) assert(false);
  }, NetError);
  assertEquals([error.code, failures], ["ECONNREFUSED", [1, 2]]);
  assertEquals((await assertRejects(() => waiting, WebSocketError)).code, "CLOSED");
  assertEquals((await assertRejects(() => feed.send("x"), WebSocketError)).code, "CLOSED");
});

Deno.test("reconnecting does not knock again where it is not let in", async () => {
  let asked = 0;
  await using server = await serve({ authorize: () => (asked++, false) });
  const feed = reconnecting(urlOf(server), { backoff: FAST });
  const error = await assertRejects(async () => {
    for await (const _ of feed) assert(false);
  }, WebSocketHandshakeError);
  assertEquals([error.status, asked], [403, 1]);
});

Deno.test("reconnecting asks its own judge, if it has one", async () => {
  let asked = 0;
  await using server = await serve({ authorize: () => (++asked < 3 ? false : true) });
  const reasons: unknown[] = [];
  await using feed = reconnecting(urlOf(server), {
    backoff: FAST,
    retry: (reason) => {
      reasons.push(reason instanceof Error ? "error" : reason.code);
      return reason instanceof Error;
    },
  });
  for await (const ws of feed) ws.close(4000);
  assertEquals(reasons, ["error", "error", 4000]);
});

Deno.test("reconnecting tells why and when it tries again, before each wait", async () => {
  let server = await serve({ default: (ws) => ws.close(1012, "in a moment") });
  const { port } = server;
  const told: unknown[] = [];
  await using feed = reconnecting(urlOf(server), {
    backoff: { initial: 8, max: 8 },
    onRetry({ reason, failures, delay }) {
      assert(delay >= 0 && delay <= 8, `${delay}`);
      told.push([reason instanceof Error ? (reason as NetError).code : reason.code, failures]);
    },
  });
  const connections = feed[Symbol.asyncIterator]();
  const first = await connections.next();
  assertEquals(told, [], "the first time there is nothing to come back from");
  await first.value!.closed;
  await server.close();
  const second = connections.next();
  await until(() => told.length === 3);
  server = await serve({ port });
  await (await second).value!.close();
  assertEquals(told.slice(0, 3), [[1012, 0], ["ECONNREFUSED", 1], ["ECONNREFUSED", 2]]);
  await server.close();
});

Deno.test("reconnecting that is asked again after a loop that was left waits before it comes back", async () => {
  await using server = await serve({ default: (ws) => ws.close(1012) });
  const told: unknown[] = [];
  await using feed = reconnecting(urlOf(server), {
    backoff: FAST,
    onRetry: ({ reason }) => told.push("code" in reason && reason.code),
  });
  for await (const _ of feed) break;
  for await (const _ of feed) break;
  assertEquals([told, feed.connections], [[1012], 2]);
});

Deno.test("reconnecting waits longer and longer for a server that lets in and closes at once, until one connection lasts", async () => {
  await using server = await serve({ default: (ws) => void ws.close(1012) });
  const delays: number[] = [];
  await using feed = reconnecting(urlOf(server), {
    backoff: { initial: 2, factor: 2, max: 12, jitter: 0 },
    onRetry: ({ delay, failures }) => void delays.push(delay, failures),
  });
  const clock = performance.now;
  try {
    for await (const ws of feed) {
      if (feed.connections === 5) {
        // This one lasts: the time goes on meanwhile.
        const later = performance.now() + 5_000;
        performance.now = () => later;
      } else performance.now = clock;
      await ws.closed;
      if (feed.connections === 7) break;
    }
  } finally {
    performance.now = clock;
  }
  assertEquals(delays, [2, 4, 8, 12, 2, 2].flatMap((delay) => [delay, 0]));
});

Deno.test("reconnecting that is closed by onRetry ends without the wait", async () => {
  await using server = await serve({ default: (ws) => ws.close(1012) });
  const feed = reconnecting(urlOf(server), {
    backoff: { initial: 600_000, max: 600_000, jitter: 0 },
    onRetry: () => void feed.close(),
  });
  assertEquals((await Array.fromAsync(feed)).length, 1);
});

Deno.test("reconnecting whose onRetry throws is over", async () => {
  await using server = await serve({ default: (ws) => ws.close(1012) });
  const feed = reconnecting(urlOf(server), {
    backoff: FAST,
    onRetry() {
      throw new Error("no screen");
    },
  });
  await assertRejects(() => Array.fromAsync(feed), Error, "no screen");
  assertEquals(feed.connections, 1);
  await assertRejects(() => feed.connected(), WebSocketError);
});

Deno.test("reconnecting ends when it is closed or aborted, also while it waits", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  for (const how of ["close", "abort", "aborted before"] as const) {
    const controller = new AbortController();
    if (how === "aborted before") controller.abort();
    const feed = reconnecting(urlOf({ port }), {
      backoff: { initial: 60_000, jitter: 0 },
      signal: controller.signal,
    });
    const loop = (async () => {
      for await (const _ of feed) assert(false);
    })();
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (how === "close") await feed.close();
    else controller.abort();
    await loop;
    await assertRejects(() => feed.connected(), WebSocketError);
  }
});

Deno.test("reconnecting that is closed closes its connection", async () => {
  await using server = await serve();
  const feed = reconnecting(urlOf(server));
  const loop = (async () => {
    for await (const ws of feed) await ws.closed;
  })();
  const ws = await feed.connected();
  const misspelt: object = { timeOut: 1 };
  await assertRejects(() => feed.connected(misspelt), TypeError, "no option `timeOut`");
  await feed.close(4001, "enough");
  await loop;
  assertEquals((await ws.closed).wasClean, true);
  await assertRejects(() => feed.connected({ timeout: 1 }), WebSocketError);
});

Deno.test("reconnecting goes on if it is to be closed with what can't be sent", async () => {
  await using server = await serve();
  await using feed = reconnecting(urlOf(server), { backoff: FAST });
  const messages = feed.messages();
  const first = messages.next();
  await feed.connected();
  await assertRejects(() => feed.close(999), RangeError);
  await assertRejects(() => feed.close(1000, "x".repeat(124)), TypeError);
  await feed.send("still here");
  assertEquals((await first).value, "still here");
});

Deno.test("reconnecting has one time for the connection and for room on it, when it sends", async () => {
  await using server = await serve({ default: (ws) => ws.pause() });
  await using feed = reconnecting(urlOf(server), { backoff: FAST });
  const sending = feed.send(new Uint8Array(16_000_000), { timeout: 1000 });
  const ended = sending.then(() => "sent", (error) => error);
  await new Promise((resolve) => setTimeout(resolve, 900));
  const messages = feed.messages();
  const first = messages.next();
  await feed.connected();
  const { promise: late, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve("late"), 600);
  const error = await Promise.race([ended, late]);
  assertInstanceOf(error, NetError);
  assertEquals(
    [error.code, error.message],
    ["ETIMEDOUT", "Cannot send: timed out after 1000 ms"],
  );
  clearTimeout(timer);
  const gone = AbortSignal.abort("gone");
  for (const options of [{ signal: gone }, { signal: gone, timeout: 5 }]) {
    const aborted = await assertRejects(() => feed.send("x", options), NetError);
    assertEquals([aborted.code, aborted.cause], ["ABORT_ERR", "gone"]);
  }
  feed.current!.terminate();
  await feed.close();
  await first;
});

Deno.test("reconnecting refuses a bad backoff at once", () => {
  assertThrows(() => reconnecting("ws://h", { backoff: { jitter: 2 } }), RangeError);
});

Deno.test("reconnecting does not try again what can never work", async () => {
  const feed = reconnecting("ftp://h", { backoff: FAST });
  await assertRejects(async () => {
    for await (const _ of feed) assert(false);
  }, TypeError);
});

Deno.test("reconnecting whose retry throws is over for all who wait", async () => {
  const retry = () => {
    throw new Error("mine");
  };
  const feed = reconnecting("ws://127.0.0.1:1", { backoff: FAST, retry });
  const waiting = assertRejects(() => feed.connected(), WebSocketError, "given up");
  const sending = assertRejects(() => feed.send("x"), WebSocketError, "given up");
  await assertRejects(() => feed[Symbol.asyncIterator]().next(), Error, "mine");
  await Promise.all([waiting, sending]);
  await using server = await serve({ default: (ws) => ws.close(1012) });
  const ended = reconnecting(urlOf(server), { backoff: FAST, retry });
  const iterator = ended[Symbol.asyncIterator]();
  await iterator.next();
  await assertRejects(() => iterator.next(), Error, "mine");
  await assertRejects(() => ended.connected(), WebSocketError, "given up");
});

Deno.test("reconnecting that is closed while the server's answer is read leaves nothing open", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const dial = () => Deno.connect({ hostname: "127.0.0.1", port });
  // So many microtasks behind the read of the answer.
  for (let behind = 0; behind < 16; behind++) {
    const [near, far] = await Promise.all([dial(), listener.accept()]);
    const feed = reconnecting(`ws://127.0.0.1:${port}`);
    const first = feed[Symbol.asyncIterator]().next();
    const conn = await listener.accept();
    const buffer = new Uint8Array(4096);
    const request = new TextDecoder().decode(buffer.subarray(0, (await conn.read(buffer))!));
    const key = /sec-websocket-key: (.*)\r/i.exec(request)![1];
    const closed = (async () => {
      await near.read(new Uint8Array(1));
      for (let i = 0; i < behind; i++) await undefined;
      await feed.close();
    })();
    // Both come before either is looked at.
    const answering = conn.write(toBytes(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${acceptKey(key)}\r\n\r\n`,
    ));
    far.write(new Uint8Array(1));
    const start = performance.now();
    while (performance.now() - start < 3);
    await answering;
    // A close frame, or the end.
    const got = await conn.read(buffer).catch(() => null);
    conn.close();
    await closed;
    const { done, value } = await first;
    if (!done) assertEquals([got !== null, (await value.closed).code], [true, 1006]);
    assertEquals(feed.current, undefined);
    near.close();
    far.close();
  }
});

Deno.test("reconnecting asks a proxy that does not take its password once only", async () => {
  using proxy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let asked = 0;
  const answering = (async () => {
    for await (const conn of proxy) {
      asked++;
      await conn.read(new Uint8Array(4096));
      await conn.write(new TextEncoder().encode("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"));
      conn.close();
    }
  })();
  await using feed = reconnecting("ws://example.org/", {
    backoff: FAST,
    proxy: `http://user:wrong@127.0.0.1:${proxy.addr.port}`,
  });
  const error = await assertRejects(async () => {
    for await (const _ of feed);
  }, NetError);
  assertEquals([error.code, asked], ["ERR_PROXY_AUTH", 1]);
  proxy.close();
  await answering;
});

Deno.test("reconnecting tells of wrong options at once, and not when the connection is lost", () => {
  const wrong = [[{ retry: 5 }, "`retry`"], [{ onRetry: {} }, "`onRetry`"]] as const;
  for (const [options, text] of [...wrong, [{ transport: {} }, "`transport`"]] as const) {
    const given = options as unknown as ReconnectingOptions;
    assertThrows(() => reconnecting("ws://127.0.0.1:1", given), TypeError, text);
  }
});

/** Answers every request with `answer`, or closes without a word. */
async function answerAll(listener: Deno.TcpListener, answer: string): Promise<void> {
  for await (const conn of listener) {
    await conn.read(new Uint8Array(4096));
    await conn.write(toBytes(answer));
    conn.close();
  }
}

for (
  const [answer, again] of [
    ["302 Found", false],
    ["399 Odd", true],
    ["400 Bad Request", false],
    ["401 Unauthorized", false],
    ["404 Not Found", false],
    ["408 Request Timeout", true],
    ["425 Too Early", true],
    ["426 Upgrade Required", false],
    ["429 Too Many Requests", true],
    ["499 Odd", false],
    ["500 Internal Server Error", true],
    ["503 Service Unavailable", true],
    ["101 Switching Protocols", false],
    ["", true],
  ] as const
) {
  const name = answer === "" ? "closes without an answer" : `answers ${answer}`;
  Deno.test(`reconnecting ${again ? "asks again" : "gives up"} where a server ${name}`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const answering = answerAll(listener, answer && `HTTP/1.1 ${answer}\r\n\r\n`);
    let asked = 0;
    const feed = reconnecting(urlOf(listener.addr), {
      backoff: { ...FAST, attempts: 2 },
      onRetry: () => void asked++,
    });
    await assertRejects(() => feed[Symbol.asyncIterator]().next(), WebSocketHandshakeError);
    assertEquals(asked, again ? 1 : 0);
    listener.close();
    await answering;
  });
}

Deno.test("reconnecting asks again where a server did not answer in time", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const silent: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const conn of listener) silent.push(conn);
  })();
  let asked = 0;
  const feed = reconnecting(urlOf(listener.addr), {
    backoff: { ...FAST, attempts: 2 },
    handshakeTimeout: 20,
    onRetry: () => void asked++,
  });
  await assertRejects(() => feed[Symbol.asyncIterator]().next());
  assertEquals(asked, 1);
  listener.close();
  await accepting;
  for (const conn of silent) conn.close();
});

Deno.test("reconnecting that is closed leaves nothing at its signal", async () => {
  await using server = await serve();
  const { signal } = new AbortController();
  let listening = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    listening++;
    addEventListener.apply(signal, args as Parameters<typeof addEventListener>);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    listening--;
    removeEventListener.apply(signal, args as Parameters<typeof removeEventListener>);
  };
  const feed = reconnecting(urlOf(server), { signal });
  await feed[Symbol.asyncIterator]().next();
  assert(listening > 0);
  await feed.close();
  assertEquals(listening, 0);
});

Deno.test("reconnecting has no current connection while it waits for the next one", async () => {
  await using server = await serve({ default: (ws) => ws.close(1012) });
  const current: unknown[] = [];
  const feed = reconnecting(urlOf(server), {
    backoff: FAST,
    onRetry() {
      current.push(feed.current);
      feed.close();
    },
  });
  for await (const ws of feed) assertEquals(feed.current, ws);
  assertEquals(current, [undefined]);
});

Deno.test("reconnecting tells what became of a message that it sends", async () => {
  await using server = await serve();
  await using feed = reconnecting(urlOf(server));
  await feed[Symbol.asyncIterator]().next();
  const parts = (function* () {
    yield "half";
    throw new Error("no more");
  })();
  await assertRejects(() => feed.send(parts), Error, "no more");
});

Deno.test("reconnecting tells of an option that is out of range, and does not try again", async () => {
  let asked = 0;
  const feed = reconnecting("ws://127.0.0.1:1", {
    backoff: { ...FAST, attempts: 3 },
    maxMessageSize: -1,
    onRetry: () => void asked++,
  });
  await assertRejects(() => Array.fromAsync(feed), RangeError);
  assertEquals(asked, 0);
});

Deno.test("reconnecting that is told so tries again at once, and waits the next time", async () => {
  await using server = await serve({ default: (ws) => void ws.close(1012) });
  const delays: number[] = [];
  const feed = reconnecting(urlOf(server), {
    backoff: { initial: 60_000, max: 60_000, jitter: 0 },
    onRetry({ delay }) {
      delays.push(delay);
      // It begins when this returns.
      queueMicrotask(() => feed.retryNow());
    },
  });
  feed.retryNow();
  for await (const ws of feed) {
    feed.retryNow();
    await ws.closed;
    if (feed.connections === 3) break;
  }
  assertEquals(delays, [60_000, 60_000]);
  await feed.close();
  feed.retryNow();
});

Deno.test("reconnecting opens nothing before the wait that it told of is over", async () => {
  let visits = 0;
  await using server = await serve({ default: (ws) => (visits++, void ws.close(1012)) });
  const told = Promise.withResolvers<void>();
  const feed = reconnecting(urlOf(server), {
    backoff: { initial: 600_000, max: 600_000, jitter: 0 },
    onRetry: () => told.resolve(),
  });
  const iterator = feed[Symbol.asyncIterator]();
  await iterator.next();
  const second = iterator.next();
  await told.promise;
  // Whoever comes behind it is let in.
  const other = await connectWebSocket(urlOf(server));
  await other.closed;
  assertEquals([visits, feed.connections], [2, 1]);
  await feed.close();
  assertEquals((await second).done, true);
});

Deno.test("reconnecting counts attempts from the last connection that it opened", async () => {
  let asked = 0;
  await using server = await serve({
    authorize: () => ++asked % 2 === 0,
    default: (ws) => void ws.close(1012),
  });
  await using feed = reconnecting(urlOf(server), {
    backoff: { ...FAST, attempts: 2 },
    retry: () => true,
  });
  for await (const _ of feed) if (feed.connections === 3) break;
  assertEquals(asked, 6);
});

Deno.test("reconnecting that wants no more is closed, and one that is closed does not ask its judge", async () => {
  await using server = await serve({ default: (ws) => void ws.close(4000) });
  let asked = 0;
  const retry = () => (asked++, false);
  const ended = reconnecting(urlOf(server), { retry });
  assertEquals((await Array.fromAsync(ended)).length, 1);
  const error = await assertRejects(() => ended.connected({ timeout: 1000 }), WebSocketError);
  assertEquals([error.code, asked], ["CLOSED", 1]);
  const closed = reconnecting(urlOf(server), { retry });
  for await (const _ of closed) await closed.close();
  assertEquals(asked, 1);
});

Deno.test("reconnecting that sends with a timeout leaves no timer, and tells that it was given up", async () => {
  await using server = await serve();
  const feed = reconnecting(urlOf(server));
  await feed[Symbol.asyncIterator]().next();
  await feed.send("in time", { timeout: 60_000 });
  await feed.close();
  const late = () => feed.send("late", { timeout: 60_000 });
  assertEquals((await assertRejects(late, WebSocketError)).code, "CLOSED");
});

Deno.test("reconnecting that is disposed of has closed its connection with 1000, also if that was closing already", async () => {
  const codes: number[] = [];
  await using server = await serve({
    default: (ws) => void ws.closed.then(({ code }) => codes.push(code)),
  });
  for (const closing of [false, true]) {
    const feed = reconnecting(urlOf(server));
    const { value: ws } = await feed[Symbol.asyncIterator]().next();
    if (closing) ws!.close(4001);
    await feed[Symbol.asyncDispose]();
    assertEquals([ws!.state, feed.current], ["closed", undefined]);
    assertEquals((await assertRejects(() => feed.connected(), WebSocketError)).code, "CLOSED");
  }
  await until(() => codes.length === 2);
  assertEquals(codes, [1000, 4001]);
});

Deno.test("reconnecting that is closed when nobody waits for a connection any more rejects nothing", async () => {
  for (const options of [{ timeout: 1 }, { timeout: NaN }]) {
    const feed = reconnecting("ws://127.0.0.1:1");
    await assertRejects(() => feed.connected(options));
    await feed.close();
  }
});

Deno.test("reconnecting refuses to send by options that there are not, before there is a connection", async () => {
  const feed = reconnecting("ws://127.0.0.1:1/");
  const misspelt: object = { timeOut: 1 };
  await assertRejects(() => feed.send("x", misspelt), TypeError, "but `timeout`");
  await feed.close();
});

Deno.test("reconnecting goes on when a promise of onRetry is rejected, and the console is told", async () => {
  const shown: unknown[] = [];
  const { error } = console;
  console.error = (...what: unknown[]) => void shown.push(what.at(-1));
  try {
    const mine = new Error("mine");
    const feed = reconnecting("ws://127.0.0.1:1/", {
      backoff: { initial: 1, max: 1, attempts: 3 },
      onRetry: () => Promise.reject(mine),
    });
    const failed = await assertRejects(() => feed[Symbol.asyncIterator]().next(), NetError);
    assertEquals([failed.code, shown], ["ECONNREFUSED", [mine, mine]]);
  } finally {
    console.error = error;
  }
});

Deno.test("reconnecting refuses a promise of its judge, which would be a yes whatever it promises", async () => {
  for (const promise of [() => Promise.resolve(false), () => Promise.reject(new Error("mine"))]) {
    const feed = reconnecting("ws://127.0.0.1:1/", {
      backoff: { initial: 1, max: 1, attempts: 3 },
      retry: promise as never,
    });
    const loop = feed[Symbol.asyncIterator]();
    await assertRejects(() => loop.next(), TypeError, "`retry` returned a promise");
    await feed.close();
  }
});

Deno.test("reconnecting asks for the URL and the headers before each attempt", async () => {
  const got: string[] = [];
  await using server = await serve({
    default: (ws) => {
      got.push(new URL(ws.url).search + ws.headers.get("x-token"));
      ws.close(1012);
    },
  });
  let asked = 0;
  await using feed = reconnecting(() => urlOf(server, `/?${++asked}`), {
    headers: () => Promise.resolve({ "x-token": `t${asked}` }),
    backoff: FAST,
  });
  assert(!Deno.inspect(feed).includes("ws:"), "nobody has said it yet");
  for await (const ws of feed) {
    await ws.closed;
    if (got.length === 3) break;
  }
  assertEquals([got, asked], [["?1t1", "?2t2", "?3t3"], 3]);
  assert(Deno.inspect(feed).includes(urlOf(server, "/")));
});

Deno.test("reconnecting tries again when the URL can't be got, whatever its error, unless retry says no", async () => {
  await using server = await serve();
  const answers: (() => string | Promise<string>)[] = [
    () => {
      throw new TypeError("error sending request");
    },
    () => Promise.reject(new Error("no token")),
    () => new Promise<string>(() => {}),
    () => urlOf(server),
  ];
  const reasons: string[] = [];
  await using feed = reconnecting(() => answers.shift()!(), {
    headers: () => Promise.resolve(undefined),
    connectTimeout: 50,
    backoff: FAST,
    onRetry: ({ reason, failures }) => reasons.push(`${failures} ${(reason as Error).message}`),
  });
  const { value } = await feed[Symbol.asyncIterator]().next();
  assertEquals(value?.state, "open");
  assertEquals(reasons, [
    "1 error sending request",
    "2 no token",
    "3 Cannot ask for the URL and the headers: timed out after 50 ms",
  ]);
  const asked: unknown[] = [];
  const strict = reconnecting(() => Promise.reject(new Error("gone")), {
    backoff: FAST,
    retry: (reason) => asked.push(reason) < 2,
  });
  await assertRejects(() => strict.messages().next(), Error, "gone");
  assertEquals(asked.length, 2);
});

Deno.test("reconnecting gives up on a URL that is none, and on a time that is out of range, also where they are asked for", async () => {
  const bad = reconnecting(() => "nothing");
  await assertRejects(() => bad.messages().next(), TypeError);
  const late = reconnecting(() => "ws://127.0.0.1:1", { connectTimeout: -1 });
  await assertRejects(() => late.messages().next(), RangeError);
});

Deno.test("reconnecting that is closed does not wait for its URL", async () => {
  const feed = reconnecting(() => new Promise<string>(() => {}), { connectTimeout: 0 });
  const next = feed.messages().next();
  const sending = assertRejects(() => feed.send("x"), WebSocketError);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await feed.close();
  assertEquals((await next).done, true);
  assertEquals((await sending).code, "CLOSED");
});
