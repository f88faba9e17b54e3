import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { createDatagramSocket } from "../../net/datagram_socket.ts";
import { dial } from "../../net/dial.ts";
import { connect } from "../../net/connect.ts";
import { createServer } from "../../net/create_server.ts";
import { ResettableTransport } from "../../net/resettable_transport.ts";
import type { Socket } from "../../net/socket.ts";
import { startServerTls } from "../../net/start_tls.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { serveWebSocket } from "../../websocket/server.ts";
import { TraceError } from "../../trace/errors.ts";
import type { TraceEvent, TraceMessageEvent } from "../../trace/trace_event.ts";
import { createTracer, type Tracer } from "../../trace/tracer.ts";
import type { TracerOptions } from "../../trace/tracer_options.ts";
import { identity } from "../_support/certs.ts";
import { earlyLeavers } from "../_support/early_leavers.ts";
import { knockedListeners } from "../_support/knocked.ts";
import { tempFolder } from "../_support/peers.ts";

const LOCAL = "127.0.0.1";

/** Keeps what a tracer tells, and waits for it. */
class Log {
  readonly events: TraceEvent[] = [];
  #changed = Promise.withResolvers<void>();

  readonly add = (event: TraceEvent): void => {
    this.events.push(event.type === "data" ? { ...event, bytes: event.bytes.slice() } : event);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  };

  async until(fits: (event: TraceEvent) => boolean): Promise<TraceEvent> {
    for (;;) {
      const found = this.events.find(fits);
      if (found !== undefined) return found;
      await this.#changed.promise;
    }
  }

  closed(connection = 1): Promise<TraceEvent> {
    return this.until((event) => event.type === "close" && event.connection === connection);
  }

  types(connection = 1): string[] {
    return this.events.filter((event) => event.connection === connection).map(({ type }) => type);
  }

  text(from: "client" | "server", connection = 1): string {
    let text = "";
    for (const event of this.events) {
      if (event.type !== "data" || event.from !== from || event.connection !== connection) continue;
      text += new TextDecoder().decode(event.bytes);
    }
    return text;
  }
}

async function traced(
  to: TracerOptions["to"],
  log: Log,
  options: Partial<TracerOptions> = {},
): Promise<Tracer> {
  return await createTracer({ listen: { port: 0 }, to, onEvent: log.add, ...options }).start();
}

/** A server that answers in upper case, and ends when its client has. */
async function shouting(): Promise<AsyncDisposable & { port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    socket.setEncoding("utf8");
    socket.on("data", (data: unknown) => socket.write(String(data).toUpperCase()));
    socket.on("end", () => socket.end("BYE"));
    socket.on("error", () => {});
  });
  await server.listen(0, LOCAL);
  return { port: server.port, [Symbol.asyncDispose]: async () => void await server.close() };
}

async function readAll(conn: { read(p: Uint8Array): Promise<number | null> }): Promise<string> {
  const p = new Uint8Array(65_536);
  const decoder = new TextDecoder();
  let text = "";
  for (let n; (n = await conn.read(p)) !== null;) text += decoder.decode(p.subarray(0, n));
  return text;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

Deno.test("tracer does not rest for clients that reset before they are accepted", async () => {
  await using server = await shouting();
  using knocked = knockedListeners(300);
  const log = new Log();
  const tracer = await traced({ port: server.port }, log);
  const conn = await dial({ port: tracer.port, hostname: LOCAL });
  await conn.write(bytes("hi"));
  await conn.closeWrite();
  assertEquals(await readAll(conn), "HIBYE");
  conn.close();
  assertEquals(knocked.left, 0);
  await log.closed();
  await tracer.stop();
});

Deno.test("tracer rests when all that it accepts is gone, and stops", async () => {
  using knocked = knockedListeners(20_000);
  const tracer = await traced({ port: 9 }, new Log());
  while (knocked.left > 20_000 - 16_385) await new Promise((resolve) => setTimeout(resolve));
  assertEquals(knocked.left, 20_000 - 16_385);
  await tracer.stop();
});

Deno.test("a tracer passes a conversation on, half-close included, and tells of it", async () => {
  await using server = await shouting();
  const log = new Log();
  await using tracer = await traced({ port: server.port }, log);
  const conn = await Deno.connect({ hostname: LOCAL, port: tracer.port });
  await conn.write(bytes("hello"));
  await conn.closeWrite();
  assertEquals(await readAll(conn), "HELLOBYE");
  conn.close();
  await log.closed();
  assertEquals([log.text("client"), log.text("server")], ["hello", "HELLOBYE"]);
  const [open, connected] = log.events;
  assert(open.type === "open" && connected.type === "connect");
  assertEquals([open.transport, open.server], ["tcp", `127.0.0.1:${server.port}`]);
  assertEquals(connected.server, { transport: "tcp", hostname: LOCAL, port: server.port });
  assertEquals(new Set(log.types()), new Set(["open", "connect", "data", "end", "close"]));
  assert(log.events.every((event, i) => i === 0 || event.time >= log.events[i - 1].time));
});

Deno.test("a tracer serves several clients at once", async () => {
  await using server = await shouting();
  const log = new Log();
  await using tracer = await traced({ port: server.port }, log);
  const conns = await Promise.all(
    Array.from({ length: 10 }, () => Deno.connect({ hostname: LOCAL, port: tracer.port })),
  );
  await Promise.all(conns.map(async (conn, i) => {
    await conn.write(bytes(`client ${i}`));
    await conn.closeWrite();
    assertEquals(await readAll(conn), `CLIENT ${i}BYE`);
    conn.close();
  }));
  const ids = Array.from({ length: 10 }, (_, i) => i + 1);
  await Promise.all(ids.map((id) => log.closed(id)));
  assertEquals(new Set(ids.map((id) => log.text("client", id))).size, 10);
  assertEquals(tracer.connections, 0);
});

Deno.test("a tracer loses and reorders no byte of a large transfer, both ways at once", async () => {
  const size = 20_000_000;
  const byteAt = (i: number): number => (i * 31 + (i >> 8) * 7 + (i >> 16)) & 255;
  const pattern = new Uint8Array(size).map((_, i) => byteAt(i));
  async function exchange(conn: Deno.Conn): Promise<number> {
    const sending = (async () => {
      for (let at = 0; at < size;) at += await conn.write(pattern.subarray(at, at + 300_000));
      await conn.closeWrite();
    })();
    const p = new Uint8Array(100_000);
    let at = 0;
    let wrong = 0;
    for (let n; (n = await conn.read(p)) !== null; at += n) {
      for (let i = 0; i < n; i++) if (p[i] !== pattern[at + i]) wrong++;
    }
    await sending;
    conn.close();
    assertEquals(wrong, 0);
    return at;
  }
  const listener = Deno.listen({ hostname: LOCAL, port: 0 });
  let told = 0;
  let misplaced = 0;
  const offsets = { client: 0, server: 0 };
  await using tracer = await createTracer({
    listen: { port: 0 },
    to: { port: listener.addr.port },
    onEvent(event) {
      if (event.type !== "data") return;
      if (event.offset !== offsets[event.from]) misplaced++;
      for (let i = 0; i < event.bytes.length; i += 101) {
        if (event.bytes[i] !== pattern[event.offset + i]) misplaced++;
      }
      offsets[event.from] += event.bytes.length;
      told += event.bytes.length;
    },
  }).start();
  const [got, served] = await Promise.all([
    Deno.connect({ hostname: LOCAL, port: tracer.port }).then(exchange),
    listener.accept().then(exchange),
  ]);
  assertEquals([got, served, told, misplaced], [size, size, 2 * size, 0]);
  listener.close();
});

Deno.test("a side that does not read pushes back the other one through the tracer", async () => {
  const listener = Deno.listen({ hostname: LOCAL, port: 0 });
  await using tracer = await traced({ port: listener.addr.port }, new Log());
  const conn = await Deno.connect({ hostname: LOCAL, port: tracer.port });
  const server = await listener.accept();
  let sent = 0;
  const writing = (async () => {
    for (;;) sent += await conn.write(new Uint8Array(1 << 20));
  })().catch(() => {});
  // It goes on until all buffers of the system are full, and not further.
  for (let before = -1; before !== sent;) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert(sent < 64 << 20, `${sent} bytes went into nowhere`);
  conn.close();
  server.close();
  await writing;
  listener.close();
});

Deno.test({
  name: "a tracer passes resets on in both directions",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const listener = Deno.listen({ hostname: LOCAL, port: 0 });
    const log = new Log();
    await using tracer = await traced({ port: listener.addr.port }, log);
    for (const from of ["client", "server"] as const) {
      const client = await Deno.connect({ hostname: LOCAL, port: tracer.port });
      const server = await listener.accept();
      const [one, other] = from === "client" ? [client, server] : [server, client];
      await one.write(bytes("last words"));
      const p = new Uint8Array(100);
      assertEquals(await other.read(p), 10);
      new ResettableTransport(one).reset();
      await assertRejects(() => other.read(p), Deno.errors.ConnectionReset);
      other.close();
      await log.closed(from === "client" ? 1 : 2);
    }
    const resets = log.events.filter((event) => event.type === "reset");
    assertEquals(resets.map(({ from, passedOn }) => [from, passedOn]), [
      ["client", true],
      ["server", true],
    ]);
    listener.close();
  },
});

Deno.test({
  name: "a tracer passes a reset on behind all that came before it",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const listener = Deno.listen({ hostname: LOCAL, port: 0 });
    const log = new Log();
    await using tracer = await traced({ port: listener.addr.port }, log);
    const client = await Deno.connect({ hostname: LOCAL, port: tracer.port });
    const server = await listener.accept();
    const size = 3 << 19;
    for (let left = size; left > 0;) left -= await server.write(new Uint8Array(left));
    const p = new Uint8Array(1 << 16);
    // As much as there is no room for on the way.
    let got = 0;
    const told = (): number =>
      log.events.reduce((sum, event) => sum + (event.type === "data" ? event.bytes.length : 0), 0);
    while (told() < size) {
      if (got < size / 4) got += (await client.read(p))!;
      else await new Promise((resolve) => setTimeout(resolve, 1));
    }
    new ResettableTransport(server).reset();
    for (let n; (n = await client.read(p).catch(() => null)) !== null;) got += n;
    assertEquals(got, size);
    client.close();
    await log.closed(1);
    listener.close();
  },
});

Deno.test("a client whose server is not there is refused, and told of", async () => {
  const gone = Deno.listen({ hostname: LOCAL, port: 0 });
  const { port } = gone.addr;
  gone.close();
  const log = new Log();
  await using tracer = await traced({ port }, log);
  const conn = await Deno.connect({ hostname: LOCAL, port: tracer.port });
  const end = await conn.read(new Uint8Array(1)).catch((error) => error);
  if (Deno.build.os === "linux") assertInstanceOf(end, Deno.errors.ConnectionReset);
  conn.close();
  const error = await log.until(({ type }) => type === "error");
  assert(error.type === "error" && error.side === "server");
  assertEquals((error.error as { code?: string }).code, "ECONNREFUSED");
  await log.closed();
});

Deno.test("secrets in headers are masked, unless they shall be seen", async () => {
  await using server = await shouting();
  const request = "GET / HTTP/1.1\r\nAuthorization: Basic abc\r\nX-Mine: def\r\n\r\n";
  for (
    const [options, shown] of [
      [{ secretHeaders: ["x-mine"] }, request.replace("abc", "***").replace("def", "***")],
      [{ secrets: true, secretHeaders: ["x-mine"] }, request],
    ] as const
  ) {
    const log = new Log();
    await using tracer = await traced({ port: server.port }, log, options);
    const conn = await Deno.connect({ hostname: LOCAL, port: tracer.port });
    await conn.write(bytes(request));
    await conn.closeWrite();
    assertEquals(await readAll(conn), `${request.toUpperCase()}BYE`);
    conn.close();
    await log.closed();
    assertEquals(log.text("client"), shown);
  }
});

Deno.test("a tracer ends TLS with a generated certificate, and speaks it with the server", async () => {
  const listener = Deno.listen({ hostname: LOCAL, port: 0 });
  const { cert, key } = identity("server");
  const log = new Log();
  await using tracer = await traced({ port: listener.addr.port }, log, {
    tls: "generate",
    toTls: { rejectUnauthorized: false },
  });
  const served = listener.accept().then((conn) => startServerTls(conn, { cert, key }));
  const client = await dial({ hostname: "localhost", port: tracer.port }, {
    tls: { ca: tracer.certificate!.cert },
    family: 4,
  });
  const server = await served;
  await client.write(bytes("secret to others"));
  await client.closeWrite();
  assertEquals(await readAll(server), "secret to others");
  await server.write(bytes("answer"));
  await server.closeWrite();
  assertEquals(await readAll(client), "answer");
  client.close();
  server.close();
  listener.close();
  await log.closed();
  assertEquals([log.text("client"), log.text("server")], ["secret to others", "answer"]);
  assertEquals((log.events[0] as { transport: string }).transport, "tls");
});

Deno.test("a tracer refuses a server whose certificate is not trusted", async () => {
  const listener = Deno.listen({ hostname: LOCAL, port: 0 });
  const { cert, key } = identity("server");
  const log = new Log();
  await using tracer = await traced({ port: listener.addr.port }, log, { toTls: true });
  const served = listener.accept().then((conn) => startServerTls(conn, { cert, key }));
  served.catch(() => {});
  const conn = await Deno.connect({ hostname: LOCAL, port: tracer.port });
  const error = await log.until(({ type }) => type === "error");
  assertEquals((error as { error: { code?: string } }).error.code, "ERR_TLS_CERT");
  await log.closed();
  conn.close();
  await served.then((server) => server.close(), () => {});
  listener.close();
});

Deno.test("a tracer shows a given certificate, and what goes wrong with a client's TLS", async () => {
  await using server = await shouting();
  const log = new Log();
  const { cert, key } = identity("server");
  await using tracer = await traced({ port: server.port }, log, {
    tls: { cert, key },
    toTls: false,
  });
  await assertRejects(() =>
    dial({ hostname: LOCAL, port: tracer.port }, { tls: { ca: identity("stranger").cert } })
  );
  const conn = await Deno.connect({ hostname: LOCAL, port: tracer.port });
  await conn.write(bytes("GET / HTTP/1.1\r\n\r\n"));
  await readAll(conn).catch(() => {});
  conn.close();
  await log.closed(2);
  assertEquals(log.types(2), ["open", "error", "close"]);
  assertEquals(tracer.certificate, undefined);
});

Deno.test("a reset passes through TLS", { ignore: Deno.build.os !== "linux" }, async () => {
  const listener = Deno.listen({ hostname: LOCAL, port: 0 });
  const log = new Log();
  await using tracer = await traced({ port: listener.addr.port }, log, {
    tls: "generate",
    toTls: false,
  });
  const client = await dial({ hostname: LOCAL, port: tracer.port }, {
    tls: { ca: tracer.certificate!.cert },
  });
  const server = await listener.accept();
  await server.write(bytes("x"));
  assertEquals(await client.read(new Uint8Array(9)), 1);
  new ResettableTransport(server).reset();
  const error = await client.read(new Uint8Array(9)).catch((reason) => reason);
  assertEquals(error.code, "ECONNRESET");
  client.close();
  await log.closed();
  listener.close();
});

Deno.test("WebSocket messages are told, inflated, and Socket.IO packets in words", async () => {
  await using server = await serveWebSocket({
    hostname: LOCAL,
    perMessageDeflate: { threshold: 0 },
    default: async (ws) => {
      for await (const message of ws) await ws.send(message);
    },
  });
  const log = new Log();
  await using tracer = await traced({ port: server.port }, log);
  const url = `ws://127.0.0.1:${tracer.port}/socket.io/?EIO=4&transport=websocket`;
  const texts = ['42["hello","world"]', "2", '42["hello","world"]'.repeat(20)];
  {
    await using ws = await connectWebSocket(url, {
      perMessageDeflate: { threshold: 0 },
      headers: { Cookie: "secret" },
    });
    for (const text of texts) {
      await ws.send(text);
      assertEquals((await ws.receive()).data, text);
    }
  }
  await log.closed();
  const messages = log.events.filter((event): event is TraceMessageEvent =>
    event.type === "message" && event.kind === "text"
  );
  assertEquals(messages.map(({ packet, compressed, from }) => [packet, compressed, from]), [
    ['EVENT ["hello","world"]', true, "client"],
    ['EVENT ["hello","world"]', true, "server"],
    ["PING", true, "client"],
    ["PING", true, "server"],
    [messages[4].packet, true, "client"],
    [messages[5].packet, true, "server"],
  ]);
  assertEquals(new TextDecoder().decode(messages[5].bytes), texts[2]);
  assert(log.text("client").includes("******") && !log.text("client").includes("secret"));
});

Deno.test("datagrams of several clients pass through, each in a connection of its own", async () => {
  await using server = await createDatagramSocket().bind(0, LOCAL);
  server.on("message", (data, from) => void server.send(data.toReversed(), from));
  const log = new Log();
  await using tracer = await traced({ port: server.address().port }, log, { transport: "udp" });
  for (let i = 1; i <= 3; i++) {
    await using client = await createDatagramSocket().connect(tracer.port, LOCAL);
    await client.send(Uint8Array.of(1, 2, i));
    assertEquals([...(await client.receive({ timeout: 5000 })).data], [i, 2, 1]);
    await log.until((event) =>
      event.type === "data" && event.from === "server" && event.connection === i
    );
  }
  assertEquals(log.types(3), ["open", "connect", "data", "data"]);
  assertEquals(tracer.connections, 3);
  await tracer.stop();
  assertEquals(log.types(1).at(-1), "close");
});

Deno.test("when too many send datagrams, who was silent longest is forgotten", async () => {
  await using server = await createDatagramSocket().bind(0, LOCAL);
  const log = new Log();
  await using tracer = await traced({ port: server.address().port }, log, {
    transport: "udp",
    maxConnections: 2,
  });
  for (let i = 1; i <= 3; i++) {
    await using client = await createDatagramSocket().connect(tracer.port, LOCAL);
    await client.send("x");
    await log.until((event) => event.type === "data" && event.connection === i);
  }
  assertEquals(log.events.filter(({ type }) => type === "close").map((e) => e.connection), [1]);
});

Deno.test({
  name: "a tracer stands between Unix socket files",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using folder = await tempFolder();
    const to = `${folder.path}/to.sock`;
    const listen = `${folder.path}/listen.sock`;
    const listener = Deno.listen({ transport: "unix", path: to });
    const log = new Log();
    await using tracer = await traced({ path: to }, log, { listen: { path: listen } });
    assertEquals([tracer.port, tracer.addr], [0, { transport: "unix", path: listen }]);
    const client = await Deno.connect({ transport: "unix", path: listen });
    const server = await listener.accept();
    await client.write(bytes("over a file"));
    await client.closeWrite();
    assertEquals(await readAll(server), "over a file");
    server.close();
    assertEquals(await readAll(client), "");
    client.close();
    await log.closed();
    listener.close();
  },
});

Deno.test("clients beyond maxConnections are refused", async () => {
  await using server = await shouting();
  const log = new Log();
  await using tracer = await traced({ port: server.port }, log, { maxConnections: 1 });
  const first = await Deno.connect({ hostname: LOCAL, port: tracer.port });
  await log.until(({ type }) => type === "connect");
  const second = await Deno.connect({ hostname: LOCAL, port: tracer.port });
  await readAll(second).catch(() => {});
  await log.closed(2);
  const error = log.events.find((event) => event.type === "error")!;
  assertEquals(error.error.message, "Cannot trace the connection: 1 are open already");
  first.close();
  second.close();
});

Deno.test("faults are done to real connections", async () => {
  await using server = await shouting();
  const log = new Log();
  await using tracer = await traced({ port: server.port }, log, {
    faults: { split: 2, delay: 20, from: "client" },
  });
  const socket = connect(tracer.port, LOCAL).setEncoding("utf8");
  const began = performance.now();
  socket.end("in small pieces");
  assertEquals((await Array.fromAsync(socket)).join(""), "IN SMALL PIECESBYE");
  assert(performance.now() - began >= 19);
  await log.closed();
});

Deno.test("a connection is cut where it was asked for", async () => {
  const listener = Deno.listen({ hostname: LOCAL, port: 0 });
  const log = new Log();
  await using tracer = await traced({ port: listener.addr.port }, log, { faults: { cutAfter: 4 } });
  const client = await Deno.connect({ hostname: LOCAL, port: tracer.port });
  const server = await listener.accept();
  await client.write(bytes("abcdef"));
  const p = new Uint8Array(100);
  assertEquals(await server.read(p), 4);
  if (Deno.build.os === "linux") {
    await assertRejects(() => server.read(p), Deno.errors.ConnectionReset);
    await assertRejects(() => client.read(p), Deno.errors.ConnectionReset);
  }
  client.close();
  server.close();
  listener.close();
  await log.closed();
  assert(log.types().includes("fault"));
});

Deno.test("a tracer can't be started twice, nor stopped twice, nor started again", async () => {
  const tracer = createTracer({ listen: { port: 0 }, to: { port: 9 } });
  const code = async (run: () => Promise<unknown>): Promise<string> => {
    const error = await assertRejects(run, TraceError);
    return error.code;
  };
  assertEquals([tracer.addr, tracer.port], [undefined, 0]);
  assertEquals(await code(() => tracer.stop()), "ERR_TRACE_STOPPED");
  await tracer.start();
  assertEquals(await code(() => tracer.start()), "ERR_TRACE_STARTED");
  await tracer.stop();
  assertEquals(await code(() => tracer.stop()), "ERR_TRACE_STOPPED");
  assertEquals(await code(() => tracer.start()), "ERR_TRACE_STOPPED");
});

Deno.test("a tracer says when it can't listen, and what to check", async () => {
  const taken = Deno.listen({ hostname: LOCAL, port: 0 });
  for (
    const listen of [{ port: taken.addr.port }, { hostname: "192.0.2.77", port: 0 }]
  ) {
    const error = await assertRejects(
      () => createTracer({ listen, to: { port: 9 } }).start(),
      TraceError,
      "check whether it is an address of this machine, and the port not used already",
    );
    assertEquals(error.code, "ERR_TRACE_LISTEN");
  }
  taken.close();
  await using busy = await createDatagramSocket().bind(0, LOCAL);
  const error = await assertRejects(
    () =>
      createTracer({ transport: "udp", listen: { port: busy.address().port }, to: { port: 9 } })
        .start(),
    TraceError,
  );
  assertEquals(error.code, "ERR_TRACE_LISTEN");
});

Deno.test("a tracer does not connect to itself", async () => {
  const free = Deno.listen({ hostname: LOCAL, port: 0 });
  const { port } = free.addr;
  free.close();
  for (const hostname of [LOCAL, "localhost"]) {
    const tracer = createTracer({ listen: { port }, to: { hostname, port } });
    await assertRejects(() => tracer.start(), TraceError, "that is where it is to connect to");
  }
});

Deno.test("a signal stops a tracer, before it has started too", async () => {
  await using server = await shouting();
  const log = new Log();
  const stop = new AbortController();
  const tracer = await traced({ port: server.port }, log, { signal: stop.signal });
  const conn = await Deno.connect({ hostname: LOCAL, port: tracer.port });
  await log.until(({ type }) => type === "connect");
  stop.abort();
  assertEquals(await readAll(conn), "");
  conn.close();
  await log.closed();
  await tracer[Symbol.asyncDispose]();
  const late = createTracer({ listen: { port: 0 }, to: { port: 9 }, signal: stop.signal });
  await assertRejects(() => late.start(), TraceError);
});

Deno.test("a tracer leaves nothing with its signal when it is never started, or over", async () => {
  const { signal } = new AbortController();
  let listening = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listening++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listening--;
    removeEventListener.apply(signal, args);
  };
  const options = { to: { port: 9 }, signal };
  createTracer({ ...options, listen: { port: 0 } });
  assertEquals(listening, 0);
  const tracer = await createTracer({ ...options, listen: { port: 0 } }).start();
  assertEquals(listening, 1);
  const failed = createTracer({ ...options, listen: { port: tracer.port } });
  await assertRejects(() => failed.start(), TraceError);
  assertEquals(listening, 1);
  await tracer.stop();
  assertEquals(listening, 0);
});

Deno.test("a signal that fires before a tracer is started closes its sinks, when it is", async () => {
  const stop = new AbortController();
  let closed = 0;
  const sinks = [{ event() {}, close: () => void closed++ }];
  const tracer = createTracer({ listen: { port: 0 }, to: { port: 9 }, sinks, signal: stop.signal });
  stop.abort();
  const error = await assertRejects(() => tracer.start(), TraceError);
  assertEquals([error.code, closed], ["ERR_TRACE_STOPPED", 1]);
  await tracer[Symbol.asyncDispose]();
  assertEquals(closed, 1);
});

Deno.test("a tracer whose start has failed, or is stopped in the middle, is disposed of in peace, and its sinks are closed once", async () => {
  for (const how of ["failed", "stopped", "stopped by the sink"]) {
    let closed = 0;
    let stopping: Promise<void> | undefined;
    const tracer = createTracer({
      listen: { port: 0 },
      to: { port: 9 },
      sinks: [{
        event() {},
        open() {
          if (how === "failed") throw new Error("no room");
          if (how !== "stopped") stopping = tracer.stop();
        },
        close() {
          if (++closed > 1) throw new Error("closed already");
        },
      }],
    });
    const starting = tracer.start();
    if (how === "stopped") stopping = tracer.stop();
    await assertRejects(() => starting);
    await stopping;
    await tracer[Symbol.asyncDispose]();
    assertEquals([how, closed], [how, 1]);
  }
});

Deno.test("a client that leaves before its connection takes a setting does not keep the others out", async () => {
  await using server = await shouting();
  const log = new Log();
  const tracer = await traced({ port: server.port }, log);
  using _ = await earlyLeavers();
  for (const connection of [1, 2]) {
    (await Deno.connect({ hostname: LOCAL, port: tracer.port })).close();
    await log.closed(connection);
  }
  await tracer.stop();
});

Deno.test("stopping while starting stops", async () => {
  const stop = new AbortController();
  const tracer = createTracer({
    listen: { port: 0 },
    to: { port: 9 },
    tls: "generate",
    signal: stop.signal,
  });
  const starting = tracer.start();
  stop.abort();
  const error = await assertRejects(() => starting, TraceError);
  assertEquals(error.code, "ERR_TRACE_STOPPED");
  await tracer[Symbol.asyncDispose]();
});

Deno.test("a sink that fails does not disturb the traffic, and stop tells of it", async () => {
  await using server = await shouting();
  const told: unknown[] = [];
  const tracer = await createTracer({
    listen: { port: 0 },
    to: { port: server.port },
    sinks: [{
      event() {
        throw new Error("disk full");
      },
    }],
    onSinkError: (error) => told.push(error),
  }).start();
  const conn = await Deno.connect({ hostname: LOCAL, port: tracer.port });
  await conn.write(bytes("x"));
  await conn.closeWrite();
  assertEquals(await readAll(conn), "XBYE");
  conn.close();
  const error = await assertRejects(() => tracer.stop(), TraceError, "disk full");
  assertEquals([error.code, told.length], ["ERR_TRACE_SINK", 1]);
});

const TO = { port: 9 };
for (
  const [what, options, kind] of [
    ["an unknown transport", { transport: "sctp" }, TypeError],
    ["a port out of range", { to: { port: 70_000 } }, RangeError],
    ["port 0 to connect to", { to: { port: 0 } }, RangeError],
    ["a host that is none", { to: { hostname: "a b", port: 1 } }, TypeError],
    ["an empty path", { to: { path: "" } }, TypeError],
    ["datagrams over files", { transport: "udp", to: { path: "/x" } }, TypeError],
    ["TLS over datagrams", { transport: "udp", tls: "generate" }, TypeError],
    ["TLS over datagrams to the server", { transport: "udp", toTls: true }, TypeError],
    ["datagrams that are split", { transport: "udp", faults: { split: 1 } }, TypeError],
    ["a split of nothing", { faults: { split: 0 } }, RangeError],
    ["no rate at all", { faults: { rate: 0 } }, RangeError],
    ["a delay back in time", { faults: { delay: -1 } }, RangeError],
    ["a cut that is no number", { faults: { cutAfter: NaN } }, RangeError],
    ["a split of a byte and a half", { faults: { split: 1.5 } }, RangeError],
    ["a cut inside a byte", { faults: { cutAfter: 2.5 } }, RangeError],
    ["faults of nobody", { faults: { delay: 1, from: "me" } }, TypeError],
    ["no connections", { maxConnections: 0 }, RangeError],
    ["a timeout out of range", { connectTimeout: -1 }, RangeError],
    ["an idle time of nothing", { idleTimeout: 0 }, RangeError],
    ["a message limit that is none", { maxMessage: NaN }, RangeError],
  ] as const
) {
  Deno.test(`a tracer refuses ${what}`, () => {
    const all = { listen: { port: 0 }, to: TO, ...options } as TracerOptions;
    assertThrows(() => createTracer(all), kind as typeof TypeError);
  });
}

Deno.test("tracer refuses what would show secrets, tell nobody or disturb nothing by mistake", () => {
  assertThrows(() => createTracer(undefined as never), TypeError, "the options are not an object");
  const place = { listen: { port: 0 }, to: { port: 1 } };
  const wrong: [object, string][] = [
    ...["false", "no", 0, 1].map((secrets): [object, string] => [{ secrets }, "secrets"]),
    [{ decode: "no" }, "decode"],
    [{ onEvent: {} }, "onEvent"],
    [{ onSinkError: "x" }, "onSinkError"],
    [{ toTls: "yes" }, "toTls"],
    [{ toTls: null }, "toTls"],
    [{ sinks: new Map() }, "sinks"],
    [{ sinks: [() => {}] }, "sinks"],
    [{ faults: 5 }, "faults"],
    [{ faults: { latency: 5 } }, "latency"],
    [{ to: { host: "example.org", port: 1 } }, "`host` is `hostname` here"],
    [{ toTLS: true }, "there is no option `toTLS`, but `toTls`"],
    [{ secretHeader: ["x-token"] }, "there is no option `secretHeader`"],
  ];
  for (const [options, text] of wrong) {
    assertThrows(() => createTracer({ ...place, ...options }), TypeError, text);
  }
  assertThrows(
    () => createTracer({ ...place, idleTimeout: "5" as never }),
    RangeError,
    "idleTimeout",
  );
});

Deno.test("console.log shows where a tracer listens", async () => {
  await using tracer = await createTracer({
    listen: { hostname: LOCAL, port: 0 },
    to: { hostname: LOCAL, port: 9 },
  }).start();
  const shown = Deno.inspect(tracer).replace(/\s+/g, " ");
  const addr = `{ hostname: "127.0.0.1", port: ${tracer.port}, transport: "tcp" }`;
  assertEquals(shown, `Tracer { addr: ${addr}, connections: 0 }`);
});
