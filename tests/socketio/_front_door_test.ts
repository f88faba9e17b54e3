import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { Budget } from "../../net/budget.ts";
import type { Transport } from "../../net/transport.ts";
import { waitFor as within } from "../../net/wait.ts";
import { writeAll } from "../../net/write_all.ts";
import { reported } from "../_support/console_errors.ts";
import { earlyLeavers } from "../_support/early_leavers.ts";
import { shortTimers } from "../_support/short_timers.ts";
import { watchResponse } from "../../websocket/request_listener.ts";
import { FrontDoor, type FrontDoorOptions, type RawRequest } from "../../socketio/_front_door.ts";

const encoder = new TextEncoder();

interface Door {
  door: FrontDoor;
  port: number;
  upgrades: RawRequest[];
  close(): Promise<void>;
}

function open(options: Partial<FrontDoorOptions> = {}): Door {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  if (options.listener !== undefined) listener.close();
  const upgrades: RawRequest[] = [];
  const door = new FrontDoor({
    listener,
    encrypted: false,
    headTimeout: 5_000,
    requestTimeout: 30_000,
    keepAliveTimeout: 5_000,
    maxWaiting: 100,
    takesUpgrade: (target) => target.startsWith("/ws"),
    onUpgrade: (raw) => void upgrades.push(raw),
    onRequest: (request: IncomingMessage, response: ServerResponse) => {
      let body = "";
      request.on("data", (chunk) => body += chunk);
      request.on("end", () => response.end(`${request.method} ${request.url} ${body}`));
    },
    onLateUpgrade: (_request, socket) => socket.destroy(),
    ...options,
  });
  return {
    door,
    port: listener.addr.port,
    upgrades,
    async close() {
      for (const { transport } of upgrades) transport.close();
      await door.close();
    },
  };
}

/** Sends texts one after the other, and reads until `until` matches or the other side ends. */
async function talk(port: number, texts: string[], until = /(?!)/): Promise<string> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  let got = "";
  const buffer = new Uint8Array(4096);
  try {
    for (const text of texts) {
      const bytes = encoder.encode(text);
      await writeAll(conn, bytes);
      if (texts.length > 1) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    while (!until.test(got)) {
      const n = await conn.read(buffer);
      if (n === null) break;
      got += new TextDecoder().decode(buffer.subarray(0, n));
    }
  } catch {
    // The other side closed at once.
  }
  conn.close();
  return got;
}

const HEAD = "Host: localhost\r\n";
const UPGRADE = `${HEAD}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`;

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

Deno.test("front door keeps a WebSocket on its raw connection, with what came behind the head", async () => {
  const { port, upgrades, close } = open();
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(encoder.encode(`GET /ws?a=b HTTP/1.1\r\n${UPGRADE}rest`));
  await waitFor(() => upgrades.length === 1);
  const [raw] = upgrades;
  assertEquals(raw.head.target, "/ws?a=b");
  assertEquals(raw.rest, encoder.encode("rest"));
  assertMatch(raw.text, /^GET \/ws\?a=b HTTP\/1\.1\r\n/);
  await raw.transport.write(encoder.encode("hello"));
  const buffer = new Uint8Array(10);
  assertEquals(await conn.read(buffer), 5);
  conn.close();
  await close();
});

Deno.test("front door hands plain requests on, whole, whatever pieces they come in", async () => {
  const { port, close } = open();
  const request = `POST /page HTTP/1.1\r\n${HEAD}Content-Length: 5\r\n\r\nhello`;
  for (const size of [1000, 7, 1]) {
    const pieces = request.match(new RegExp(`[^]{1,${size}}`, "g"))!;
    assertMatch(await talk(port, pieces, /hello/), /POST \/page hello$/, `pieces of ${size}`);
  }
  await close();
});

Deno.test("front door reads a head that comes byte by byte into no more buffers than one in one piece", async () => {
  const buffers = new Set<ArrayBufferLike>();
  const head = encoder.encode(`GET /ws HTTP/1.1\r\nX: ${"x".repeat(6_000)}\r\n${UPGRADE}`);
  let at = 0;
  const transport = {
    read(into: Uint8Array): Promise<number | null> {
      buffers.add(into.buffer);
      into[0] = head[at];
      return Promise.resolve(at++ < head.length ? 1 : null);
    },
    write: (bytes: Uint8Array) => Promise.resolve(bytes.length),
    closeWrite: () => Promise.resolve(),
    close() {},
    localAddr: { transport: "memory" },
    remoteAddr: { transport: "memory" },
  } as Transport;
  const coming = [transport];
  const stopped = Promise.withResolvers<never>();
  const { upgrades, close } = open({
    listener: {
      accept: () => coming.length > 0 ? Promise.resolve(coming.pop()!) : stopped.promise,
      close: () => stopped.reject(new Deno.errors.BadResource()),
    },
  });
  await waitFor(() => upgrades.length === 1);
  assertEquals(upgrades[0].head.fields.get("x"), "x".repeat(6_000));
  assertEquals(buffers.size, 3);
  await close();
});

Deno.test("front door keeps a plain connection alive", async () => {
  const { port, close } = open();
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const buffer = new Uint8Array(4096);
  for (let i = 0; i < 3; i++) {
    await conn.write(encoder.encode(`GET /${i} HTTP/1.1\r\n${HEAD}\r\n`));
    const n = await conn.read(buffer);
    assertStringIncludes(new TextDecoder().decode(buffer.subarray(0, n!)), `GET /${i}`);
  }
  conn.close();
  await close();
});

Deno.test("front door takes for a plain request what offers another protocol, or is no WebSocket for it", async () => {
  const { port, upgrades, close } = open();
  const h2c = `${HEAD}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n`;
  const body = "Content-Length: 4\r\n\r\nbody";
  const texts = [
    `POST /ws HTTP/1.1\r\n${h2c}${body}`,
    `POST /2 HTTP/1.1\r\n${h2c}${body}`,
    `GET /other HTTP/1.1\r\n${UPGRADE}`,
  ];
  const text = await talk(port, texts, /GET \/other/);
  assertEquals(text.match(/\S+ \/\S+( body)?/g), ["POST /ws body", "POST /2 body", "GET /other"]);
  assertEquals(upgrades, []);
  await close();
});

Deno.test("front door passes on an upgrade that comes on a connection kept alive", async () => {
  const late: string[] = [];
  const { port, close } = open({
    onLateUpgrade: (request, socket) => {
      late.push(request.url!);
      socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\n", () => socket.destroy());
    },
  });
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const buffer = new Uint8Array(4096);
  await conn.write(encoder.encode(`GET /a HTTP/1.1\r\n${HEAD}\r\n`));
  await conn.read(buffer);
  await conn.write(encoder.encode(`GET /ws HTTP/1.1\r\n${UPGRADE}`));
  const n = await conn.read(buffer);
  assertMatch(new TextDecoder().decode(buffer.subarray(0, n!)), /^HTTP\/1\.1 101/);
  assertEquals(late, ["/ws"]);
  conn.close();
  await close();
});

const malformed: Record<string, [text: string, status: string]> = {
  "another protocol": ["SSH-2.0-OpenSSH_9\r\n", "400"],
  "a TLS hello": ["\x16\x03\x01\x02\x00\x01\r\n", "400"],
  "a line end without CR": ["GET / HTTP/1.1\nHost: x\n\n", "400"],
  "a folded header": [`GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n`, "400"],
  "a header without a name": [`GET / HTTP/1.1\r\n: b\r\n\r\n`, "400"],
  "a line that is too long": [`GET /${"a".repeat(9000)} HTTP/1.1\r\n\r\n`, "414"],
  "too many headers": [`GET / HTTP/1.1\r\n${"A: b\r\n".repeat(200)}\r\n`, "431"],
  "a head that is too large": [
    `GET / HTTP/1.1\r\n${`A: ${"b".repeat(4000)}\r\n`.repeat(9)}\r\n`,
    "431",
  ],
  "HTTP/2": ["PRI * HTTP/2.0\r\n\r\n", "505"],
};

for (const [what, [text, status]] of Object.entries(malformed)) {
  Deno.test(`front door refuses ${what}`, async () => {
    const { port, close } = open();
    assertMatch(await talk(port, [text]), new RegExp(`^HTTP/1\\.1 ${status} `));
    await close();
  });
}

Deno.test("front door ends a connection whose head takes too long, counted from its start", async () => {
  const { port, close } = open({ headTimeout: 80 });
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  let ended = false;
  const end = conn.read(new Uint8Array(10)).then(() => ended = true, () => ended = true);
  const head = "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: yes yes yes yes yes yes\r\n".repeat(9);
  for (const char of head) {
    if (ended) break;
    await conn.write(encoder.encode(char)).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert(ended);
  await end;
  conn.close();
  await close();
});

Deno.test("front door ends a connection whose body, or next request, comes byte by byte for too long", async () => {
  const { port, close } = open({ headTimeout: 80, requestTimeout: 480 });
  const post = `POST / HTTP/1.1\r\n${HEAD}Content-Length: 9999\r\n\r\n`;
  const get = `GET / HTTP/1.1\r\n${HEAD}\r\n`;
  await Promise.all([post, get + "GET / HTTP/1.1\r\nX-Slow: ", get + post].map(async (text) => {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(encoder.encode(text));
    const start = performance.now();
    let ended = false;
    const end = (async () => {
      const buffer = new Uint8Array(1024);
      while (await conn.read(buffer).catch(() => null) !== null);
      ended = true;
    })();
    while (!ended && performance.now() - start < 5_000) {
      await conn.write(encoder.encode("x")).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assertEquals(ended, true);
    await end;
    conn.close();
  }));
  await close();
});

Deno.test("front door answers a body that does not come with 408, whether it has a length or comes in chunks", async () => {
  const { port, close } = open({ headTimeout: 80, requestTimeout: 80 });
  for (const field of ["Content-Length: 1", "Transfer-Encoding: chunked"]) {
    const talking = talk(port, [`POST / HTTP/1.1\r\n${HEAD}${field}\r\n\r\n`]);
    assertMatch(await within(talking, "end", { timeout: 10_000 }), /^HTTP\/1\.1 408 /);
  }
  await close();
});

Deno.test("front door ends a connection whose body comes byte by byte for too long behind its response", async () => {
  const { port, close } = open({
    headTimeout: 80,
    requestTimeout: 480,
    onRequest: (request, response) => void response.end(`${request.method} done`),
  });
  const post = `POST / HTTP/1.1\r\n${HEAD}Content-Length: 20\r\n\r\n`;
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  let text = "";
  const end = (async () => {
    const buffer = new Uint8Array(1024);
    for (let n; (n = await conn.read(buffer).catch(() => null)) !== null;) {
      text += new TextDecoder().decode(buffer.subarray(0, n));
    }
    return "ended";
  })();
  // One that comes in time does no harm to what is behind it.
  await conn.write(encoder.encode(post));
  await waitFor(() => text.endsWith("POST done"));
  await conn.write(encoder.encode(`${"x".repeat(20)}GET / HTTP/1.1\r\n${HEAD}\r\n`));
  await waitFor(() => text.endsWith("GET done"));
  await conn.write(encoder.encode(post.replace("20", "9999")));
  const dripping = setInterval(() => conn.write(encoder.encode("x")).catch(() => {}), 20);
  const outcome = await within(end, "end", { timeout: 10_000 }).catch(() => "open");
  clearInterval(dripping);
  assertEquals(outcome, "ended");
  conn.close();
  await close();
});

Deno.test("front door gives a body that is not read while 100 responses wait its time afterwards, and no more", async () => {
  for (const rest of ["", "67890"]) {
    const waiting: ServerResponse[] = [];
    const asked = Promise.withResolvers<void>();
    const { port, close } = open({
      headTimeout: 100,
      requestTimeout: 300,
      onRequest: (request, response) => {
        watchResponse(request, response);
        if (request.method === "GET") waiting.push(response);
        else {
          asked.resolve();
          request.resume().once("end", () => response.end("uploaded"));
        }
      },
    });
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    let text = "";
    const end = (async () => {
      const buffer = new Uint8Array(65_536);
      for (let n; (n = await conn.read(buffer).catch(() => null)) !== null;) {
        text += new TextDecoder().decode(buffer.subarray(0, n));
      }
    })();
    const get = `GET / HTTP/1.1\r\n${HEAD}\r\n`;
    const post = `POST / HTTP/1.1\r\n${HEAD}Content-Length: 10\r\n\r\n12345`;
    await conn.write(encoder.encode(get.repeat(99) + post));
    await asked.promise;
    if (rest !== "") await conn.write(encoder.encode(rest));
    await new Promise((resolve) => setTimeout(resolve, 700));
    for (const response of waiting) response.end("page");
    await waitFor(() => text.endsWith("uploaded") || text.includes(" 408 "));
    conn.close();
    await Promise.all([end, close()]);
    assertEquals([text.split("page").length - 1, text.endsWith("uploaded")], [99, rest !== ""]);
  }
});

Deno.test("front door that refuses an expectation takes the next request, however large the body between them", async () => {
  const { port, close } = open();
  const post = `POST / HTTP/1.1\r\n${HEAD}Expect: a miracle\r\nContent-Length: 300000\r\n\r\n`;
  const get = `GET /next HTTP/1.1\r\n${HEAD}\r\n`;
  const text = within(
    talk(port, [post + "x".repeat(300_000) + get], /GET \/next/),
    "read",
    { timeout: 20_000 },
  );
  assertMatch(await text, /^HTTP\/1\.1 417 [^]*HTTP\/1\.1 200 OK/);
  await close();
});

Deno.test("front door ends a connection that says nothing, and one that is kept alive for nothing", async () => {
  const { port, close } = open({ headTimeout: 50 });
  assertEquals(await talk(port, []), "");
  await close();
});

Deno.test("front door lets no more wait than it may", async () => {
  const { port, close } = open({ maxWaiting: 2 });
  const waiting = [
    await Deno.connect({ hostname: "127.0.0.1", port }),
    await Deno.connect({ hostname: "127.0.0.1", port }),
  ];
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(await talk(port, [`GET / HTTP/1.1\r\n${HEAD}\r\n`]), "");
  waiting[0].close();
  let answer = "";
  for (let i = 0; answer === "" && i < 1000; i++) {
    answer = await talk(port, [`GET / HTTP/1.1\r\n${HEAD}\r\n`], /GET/);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assertMatch(answer, /^HTTP\/1\.1 200/);
  waiting[1].close();
  await close();
});

Deno.test("front door does not wait for clients that reset before they are accepted", async () => {
  const real = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let gone = 5_000;
  const { close } = open({
    listener: {
      accept: (): Promise<Transport> =>
        gone-- > 0 ? Promise.reject(new Deno.errors.NotConnected("gone")) : real.accept(),
      close: () => real.close(),
    },
  });
  const start = performance.now();
  const request = `GET /page HTTP/1.1\r\n${HEAD}\r\n`;
  assertMatch(await talk(real.addr.port, [request], /page /), /GET \/page $/);
  assert(performance.now() - start < 20_000); // with a wait for each it would be 25 seconds
  await close();
});

Deno.test("front door takes a client whose connection can't be set up as one that reading tells of", async () => {
  const { port, close } = open();
  {
    using _leavers = await earlyLeavers();
    assertMatch(await talk(port, [`GET /a HTTP/1.1\r\n${HEAD}\r\n`], /GET \/a/), /GET \/a/);
  }
  await close();
});

Deno.test("front door tells once that it can't accept, rests, and goes on", async () => {
  const real = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const full = () =>
    Promise.reject(
      Object.assign(new Error("Too many open files (os error 24)"), { code: "EMFILE" }),
    );
  const turns = [full, full, () => real.accept(), full, () => real.accept()];
  const request = `GET /page HTTP/1.1\r\n${HEAD}\r\n`;
  const errors = await reported(async () => {
    const { close } = open({
      listener: {
        accept: (): Promise<Transport> => (turns.shift() ?? full)(),
        close: () => real.close(),
      },
    });
    const start = performance.now();
    assertMatch(await talk(real.addr.port, [request], /page /), /GET \/page $/);
    assert(performance.now() - start >= 150);
    assertMatch(await talk(real.addr.port, [request], /page /), /GET \/page $/);
    await close();
  });
  const text = "Cannot accept: EMFILE, Too many open files (os error 24)";
  assertEquals(errors, [text]);
});

Deno.test("front door rests when all that it accepts is gone, and closes", async () => {
  let accepts = 0;
  const { close } = open({
    listener: {
      // Not for ever: a door that does not rest would let this test not fail.
      accept: () =>
        Promise.reject(
          ++accepts < 20_000 ? new Deno.errors.ConnectionReset("broken") : new Error(),
        ),
      close: () => {},
    },
  });
  while (accepts < 16_385) await new Promise((resolve) => setTimeout(resolve));
  await close();
});

Deno.test("front door that closes leaves no connection behind", async () => {
  const { door, port, close } = open({ onRequest: () => {} });
  const conns = [];
  for (const text of ["", "GET /", `GET / HTTP/1.1\r\n${HEAD}\r\n`]) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    if (text !== "") await conn.write(encoder.encode(text));
    conns.push(conn);
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  door.stop();
  const closing = Promise.all([close(), door.close()]);
  // The first two go at once; the third has its response due.
  for (const conn of conns.slice(0, 2)) {
    assertEquals(await conn.read(new Uint8Array(10)).catch(() => null), null);
  }
  door.cut();
  await closing;
  for (const conn of conns) {
    assertEquals(await conn.read(new Uint8Array(10)).catch(() => null), null);
    conn.close();
  }
});

Deno.test("front door passes on an upgrade behind other requests when their responses have left", async () => {
  const answer = Promise.withResolvers<void>();
  const late: string[] = [];
  const { port, close } = open({
    onRequest: (_request, response) => void answer.promise.then(() => response.end("page")),
    onLateUpgrade: (request, socket) => {
      late.push(request.url!);
      socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\n", () => socket.destroy());
    },
  });
  const talking = talk(port, [`GET /a HTTP/1.1\r\n${HEAD}\r\nGET /ws HTTP/1.1\r\n${UPGRADE}`]);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assertEquals(late, []);
  answer.resolve();
  assertMatch(await talking, /^HTTP\/1\.1 200 OK\r\n[^]*pageHTTP\/1\.1 101 /);
  assertEquals(late, ["/ws"]);
  await close();
});

Deno.test("front door passes on no upgrade behind a response that is the last one", async () => {
  // How long a client that was told the end may stay.
  using _time = shortTimers(5000, 1000);
  const late: string[] = [];
  const connections = new Budget(10, "drop");
  const { port, close } = open({
    headTimeout: 60_000,
    connections,
    onRequest: (_request, response) => {
      response.setHeader("connection", "close");
      response.end("page");
    },
    onLateUpgrade: (request) => late.push(request.url!),
  });
  // Clients that stay are let go of, whether the upgrade comes at once, behind the response, or never.
  const get = `GET /a HTTP/1.1\r\n${HEAD}\r\n`;
  const upgrade = `GET /ws HTTP/1.1\r\n${UPGRADE}`;
  await Promise.all([[get + upgrade], [get, upgrade], [get]].map(async (texts) => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    for (const text of texts) {
      await conn.write(encoder.encode(text));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const buffer = new Uint8Array(1000);
    const n = await conn.read(buffer);
    assertMatch(
      new TextDecoder().decode(buffer.subarray(0, n!)),
      /^HTTP\/1\.1 200 OK\r\n[^]*page$/,
    );
    for (let i = 0; connections.used > 0 && i < 1000; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }));
  assertEquals([late, connections.used], [[], 0]);
  await close();
});

Deno.test("front door has patience with a handler that reads on behind its response", async () => {
  const { port, close } = open({
    headTimeout: 50,
    requestTimeout: 100,
    onRequest: (request, response) => {
      if (request.url === "/next") return void setTimeout(() => response.end("next"), 600);
      request.once("readable", () => {
        response.end("early");
        setTimeout(() => request.resume(), 400);
      });
    },
  });
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(encoder.encode(`POST / HTTP/1.1\r\n${HEAD}Content-Length: 10\r\n\r\nhalf `));
  const buffer = new Uint8Array(1000);
  let text = "";
  while (!text.includes("early")) {
    text += new TextDecoder().decode(buffer.subarray(0, (await conn.read(buffer))!));
  }
  const get = `GET /next HTTP/1.1\r\n${HEAD}Connection: close\r\n\r\n`;
  await conn.write(encoder.encode(`other${get}`));
  for (let n; (n = await conn.read(buffer)) !== null;) {
    text += new TextDecoder().decode(buffer.subarray(0, n));
  }
  assertMatch(text, /early[^]*next$/);
  await close();
});

Deno.test("front door lets a client send its body behind the last response, as slowly as it likes", async () => {
  const { port, close } = open({
    onRequest: (request, response) => {
      response.setHeader("connection", "close");
      response.end("early");
      request.resume();
    },
  });
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(encoder.encode(`POST / HTTP/1.1\r\n${HEAD}Content-Length: 9\r\n\r\n`));
  for (let i = 0; i < 9; i++) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    await conn.write(encoder.encode("x"));
  }
  await conn.closeWrite();
  assertMatch(await new Response(conn.readable).text(), /early$/);
  await close();
});

Deno.test("front door that closes lets requests have their responses", async () => {
  const asked = Promise.withResolvers<ServerResponse>();
  const { port, close } = open({ onRequest: (_request, response) => asked.resolve(response) });
  const talking = talk(port, [`GET /a HTTP/1.1\r\n${HEAD}\r\n`]);
  const response = await asked.promise;
  const closing = close();
  setTimeout(() => response.end("page"), 20);
  assertStringIncludes(await talking, "page");
  await closing;
});

Deno.test("front door that closes leaves a connection alone that has changed over, and counts it no more", async () => {
  const late = Promise.withResolvers<Duplex>();
  const connections = new Budget(10, "drop");
  const { port, close } = open({
    connections,
    onLateUpgrade: (_request, socket) => late.resolve(socket),
  });
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(encoder.encode(`GET /a HTTP/1.1\r\n${HEAD}\r\n`));
  const buffer = new Uint8Array(1024);
  await conn.read(buffer);
  assertEquals(connections.used, 1);
  await conn.write(encoder.encode(`GET /ws HTTP/1.1\r\n${UPGRADE}`));
  const socket = await late.promise;
  assertEquals(connections.used, 0);
  await close();
  socket.write("still here");
  const n = await conn.read(buffer);
  assertEquals(new TextDecoder().decode(buffer.subarray(0, n!)), "still here");
  socket.destroy();
});

Deno.test("front door answers what is no request behind the responses to those before it", async () => {
  const get = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
  const chunked = "POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const nonsense: [text: string, answers: RegExp][] = [
    [`${get}@@@\r\n\r\n`, /^HTTP\/1.1 200 [^]*GET \/aHTTP\/1.1 400 [^]*close\r\n\r\n$/],
    [`${get}${chunked}zz\r\n`, /^HTTP\/1.1 200 [^]*GET \/aHTTP\/1.1 400 [^]*close\r\n\r\n$/],
    [`${get}GET /${"x".repeat(20_000)}`, /^HTTP\/1.1 200 [^]*GET \/aHTTP\/1.1 431 /],
  ];
  const { port, close } = open({
    onRequest: (request, response) => {
      watchResponse(request, response);
      request.resume();
      setTimeout(() => response.end(`${request.method} ${request.url}`), 30);
    },
  });
  for (const [text, answers] of nonsense) assertMatch(await talk(port, [text]), answers);
  await close();
});
