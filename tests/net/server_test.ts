import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { BlockList } from "node:net";
import { connect } from "../../net/connect.ts";
import { createServer } from "../../net/create_server.ts";
import { NetError } from "../../net/errors.ts";
import { Limits } from "../../net/limits.ts";
import { pair, type PairEnd } from "../../net/pair.ts";
import { Server } from "../../net/server.ts";
import type { DropInfo, TransportListener } from "../../net/server_options.ts";
import { Socket } from "../../net/socket.ts";
import type { Transport } from "../../net/transport.ts";
import { waitFor } from "../../net/wait.ts";
import { foreignSignal } from "../_support/foreign_signal.ts";
import { findProgram, runPeer } from "../_support/peers.ts";
import { reported } from "../_support/console_errors.ts";

const LOOPBACK = "127.0.0.1";
const gone = (socket: Socket): Promise<void> => socket.closed.catch(() => {});

/** A client whose connection the server has ended or refused. */
async function rejected(port: number): Promise<void> {
  const socket = connect(port, LOOPBACK);
  socket.resume();
  await gone(socket);
}

const told = <T>(server: Server, event: "drop" | "connection"): Promise<T> =>
  new Promise((resolve) => server.once(event as "drop", (value) => resolve(value as T)));

Deno.test("server listens, tells where, and stops; it may listen again", async () => {
  const server = createServer();
  const events: string[] = [];
  server.on("listening", () => events.push("listening")).on("close", () => events.push("close"));
  assertEquals([server.listening, server.address(), server.port], [false, null, 0]);
  for (let i = 0; i < 2; i++) {
    assertStrictEquals(await server.listen(0, LOOPBACK, () => events.push("listener")), server);
    const address = server.address();
    assert(address !== null && typeof address !== "string");
    assertEquals([address.family, address.ip, address.port], ["IPv4", LOOPBACK, server.port]);
    await server.close();
    assertEquals(server.listening, false);
  }
  assertEquals(events, ["listening", "listener", "close", "listening", "listener", "close"]);
});

Deno.test("server whose list throws gives up that connection and nothing else", async () => {
  for (const proxied of [false, true]) {
    let asked = 0;
    const allowList = {
      check(): boolean {
        if (asked++ === 0) throw new Error("the list is not there");
        return true;
      },
    };
    const proxyProtocol = proxied ? { trusted: ["127.0.0.1"] } : undefined;
    const server = createServer({ allowList, proxyProtocol }, (socket) => socket.end("in"));
    const errors: string[] = [];
    server.on("error", (error) => errors.push(error.message));
    await server.listen(0, LOOPBACK);
    const texts: string[] = [];
    for (let i = 0; i < 2; i++) {
      const socket = connect(server.port, LOOPBACK);
      if (proxied) socket.write("PROXY TCP4 192.0.2.1 192.0.2.2 5000 80\r\n");
      let text = "";
      socket.on("data", (chunk) => text += chunk);
      await waitFor(gone(socket), "close", { timeout: 5000 });
      texts.push(text);
    }
    assertEquals([texts, errors], [["", "in"], ["the list is not there"]]);
    assertEquals(server.metrics().acceptErrors, 1);
    await waitFor(server.close(), "close", { timeout: 5000 });
  }
});

Deno.test("server takes listen's arguments in all of Node's forms", async () => {
  for (
    const listen of [
      (server: Server) => server.listen(),
      (server: Server) => server.listen(() => {}),
      (server: Server) => server.listen(0),
      (server: Server) => server.listen("0", () => {}),
      (server: Server) => server.listen({ port: 0, host: LOOPBACK, backlog: 5 }),
      (server: Server) => server.listen(0, LOOPBACK, 5),
      (server: Server) => server.listen(0, undefined, () => {}),
      (server: Server) => server.listen(0, undefined, undefined, () => {}),
      (server: Server) => server.listen({ port: undefined }),
    ]
  ) {
    const server = createServer();
    await listen(server);
    assert(server.port > 0);
    await server.close();
  }
});

Deno.test("server on no address in particular takes IPv4, and IPv6 where there is one", async () => {
  const server = await createServer((socket) => socket.end()).listen(0);
  await rejected(server.port);
  assertEquals(server.metrics().accepted, 1);
  await server.close();
});

Deno.test("server takes an empty host for no address in particular, as Node's does", async () => {
  for (
    const listen of [
      (server: Server) => server.listen(0, ""),
      (server: Server) => server.listen({ port: 0, hostname: "" }),
    ]
  ) {
    const server = await listen(createServer((socket) => socket.end("hi")));
    const client = connect(server.port, LOOPBACK);
    assertEquals((await Array.fromAsync(client)).join(""), "hi");
    await server.close();
  }
});

Deno.test("server whose port is taken says EADDRINUSE, to who awaits and to who listens", async () => {
  using taken = Deno.listen({ hostname: LOOPBACK, port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const error = await assertRejects(
    async () => await createServer().listen(port, LOOPBACK),
    NetError,
  );
  assertEquals([error.code, error.syscall, error.port], ["EADDRINUSE", "listen", port]);
  const heard = await new Promise<Error>((resolve) =>
    void createServer().on("error", resolve).listen(port, LOOPBACK)
  );
  assertEquals((heard as NetError).code, "EADDRINUSE");
  const both = createServer();
  const told = new Promise<Error>((resolve) => both.once("error", resolve));
  const thrown = await assertRejects(async () => await both.listen(port, LOOPBACK), NetError);
  assertStrictEquals(await told, thrown);
});

Deno.test("server refuses to listen twice, and on bad ports, at once", async () => {
  const server = createServer();
  const listening = server.listen(0, LOOPBACK);
  assertEquals(
    assertThrows(() => server.listen(0, LOOPBACK), NetError).code,
    "ERR_SERVER_ALREADY_LISTEN",
  );
  await listening;
  assertEquals(
    assertThrows(() => server.listen(0, LOOPBACK), NetError).code,
    "ERR_SERVER_ALREADY_LISTEN",
  );
  await server.close();
  for (const port of [-1, 65_536, 1.5, NaN]) {
    const error = assertThrows(() => server.listen(port), RangeError);
    assertEquals((error as { code?: string }).code, "ERR_SOCKET_BAD_PORT");
  }
  for (const host of ["a\0b", "a\r\nb"]) {
    await assertRejects(async () => await server.listen(0, host));
  }
});

Deno.test("server closes twice: the second callback hears that it does not run", async () => {
  const server = await createServer().listen(0, LOOPBACK);
  const results: unknown[] = [];
  server.close((error) => results.push(error));
  await server.close();
  await new Promise<void>((resolve) =>
    server.close((error) => {
      results.push((error as NetError).code);
      resolve();
    })
  );
  assertEquals(results, [undefined, "ERR_SERVER_NOT_RUNNING"]);
});

Deno.test("server closed while it opens does not listen", async () => {
  const server = createServer();
  server.on("error", () => {});
  server.listen(0, LOOPBACK);
  await server.close();
  assertEquals(server.listening, false);
});

Deno.test("server closes when its last connection has; drain sets a limit to that", async () => {
  const sockets: Socket[] = [];
  const server = await createServer((socket) => void sockets.push(socket.resume()))
    .listen(0, LOOPBACK);
  const client = connect(server.port, LOOPBACK);
  const came = told(server, "connection");
  await Promise.all([client.opened, came]);
  let closed = false;
  const closing = server.close().then(() => closed = true);
  await new Promise((resolve) => setTimeout(resolve, 10));
  assertEquals([closed, await server.getConnections()], [false, 1]);
  server.close({ drain: 1 });
  await closing;
  await client.resume().closed.catch(() => {});
  assertEquals(await server.getConnections(), 0);
});

Deno.test("server drops what is above its cap, and tells of it", async () => {
  const server = await createServer({ maxConnections: 1 }, (socket) => void socket.resume())
    .listen(0, LOOPBACK);
  const first = connect(server.port, LOOPBACK);
  await Promise.all([first.opened, told(server, "connection")]);
  const dropped = told<DropInfo>(server, "drop");
  await rejected(server.port);
  const info = await dropped;
  assertEquals([info.reason, info.remoteAddress, info.localPort, info.remoteFamily], [
    "maxConnections",
    LOOPBACK,
    server.port,
    "IPv4",
  ]);
  assertEquals((({ open, accepted, dropped }) => [open, accepted, dropped])(server.metrics()), [
    1,
    1,
    1,
  ]);
  server.maxConnections = 2;
  const second = connect(server.port, LOOPBACK);
  await Promise.all([second.opened, told(server, "connection")]);
  await server.close({ drain: 0 });
  await Promise.all([gone(first.resume()), gone(second.resume())]);
});

Deno.test("server keeps to its cap for each address, its lists and its rate", async () => {
  const blockList = new BlockList();
  blockList.addAddress(LOOPBACK);
  for (
    const [options, reason, before] of [
      [{ maxConnectionsPerAddress: 1 }, "maxConnectionsPerAddress", 1],
      [{ acceptRate: { perSecond: 0.001, burst: 1 } }, "acceptRate", 1],
      [{ blockList }, "blocked", 0],
      [{ allowList: new BlockList() }, "blocked", 0],
    ] as const
  ) {
    const server = await createServer(options, (socket) => void socket.resume())
      .listen(0, LOOPBACK);
    const clients: Socket[] = [];
    for (let i = 0; i < before; i++) {
      const client = connect(server.port, LOOPBACK);
      clients.push(client.resume());
      await Promise.all([client.opened, told(server, "connection")]);
    }
    const dropped = told<DropInfo>(server, "drop");
    await rejected(server.port);
    assertEquals((await dropped).reason, reason);
    await server.close({ drain: 0 });
    await Promise.all(clients.map(gone));
  }
});

Deno.test("server forgets a connection whose listeners were all removed, as Node's does", async () => {
  const server = await createServer({ maxConnectionsPerAddress: 1 }, (socket) => {
    socket.removeAllListeners();
    socket.resume().end("served");
  }).listen(0, LOOPBACK);
  for (let i = 0; i < 2; i++) {
    const client = connect(server.port, LOOPBACK);
    assertEquals((await Array.fromAsync(client)).join(""), "served");
    await client.closed;
    while (server.connections.size > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await server.close();
  assertEquals(server.metrics().bytesWritten, 12);
});

Deno.test("server forgets a connection that is connected anew in the turn of its end", async () => {
  const target = await createServer((socket) => void socket.end("other")).listen(0, LOOPBACK);
  const anew = Promise.withResolvers<Socket>();
  const server = await createServer({ maxConnectionsPerAddress: 1 }, (socket) => {
    if (server.metrics().accepted > 1) return void socket.resume().end("second");
    socket.once("data", () => {
      socket.write("first");
      socket.destroy();
      anew.resolve(socket.connect(target.port, LOOPBACK));
    });
  }).listen(0, LOOPBACK);
  const client = connect(server.port, LOOPBACK);
  client.write("123");
  assertEquals((await Array.fromAsync(client)).join(""), "first");
  assertEquals((await Array.fromAsync(await anew.promise)).join(""), "other");
  await client.closed;
  const second = connect(server.port, LOOPBACK);
  assertEquals((await Array.fromAsync(second)).join(""), "second");
  await server.close();
  const { bytesRead, bytesWritten, dropped } = server.metrics();
  assertEquals([bytesRead, bytesWritten, dropped], [3, 11, 0]);
  await target.close();
});

Deno.test("a connection is given back whose socket connects anew, in vain, before it has closed", async () => {
  const server = await createServer({ maxConnectionsPerAddress: 1 }, (socket) => {
    socket.write("served");
    socket.destroy();
    socket.connect({ port: 9, host: LOOPBACK, signal: AbortSignal.abort() });
  }).listen(0, LOOPBACK);
  for (let i = 0; i < 2; i++) {
    const client = connect(server.port, LOOPBACK);
    assertEquals((await Array.fromAsync(client)).join(""), "served");
    await client.closed;
    while (server.connections.size > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assertEquals(server.metrics().bytesWritten, 12);
  await server.close();
});

Deno.test("server counts bytes over open and closed connections", async () => {
  const server = await createServer((socket) => void socket.pipe(socket)).listen(0, LOOPBACK);
  const counts = (): number[] => {
    const { bytesRead, bytesWritten, open } = server.metrics();
    return [bytesRead, bytesWritten, open];
  };
  const client = connect(server.port, LOOPBACK);
  client.end("12345");
  await Array.fromAsync(client);
  const staying = connect(server.port, LOOPBACK);
  staying.write("678");
  await new Promise((resolve) => staying.once("data", resolve));
  assertEquals(counts(), [8, 8, 1]);
  staying.end();
  await server.close();
  assertEquals(counts(), [8, 8, 0]);
});

Deno.test("server outlives a listener that throws: only that connection ends", async () => {
  const thrown = [new Error("in the listener"), Object.create(null)];
  const server = await createServer((socket) => {
    socket.on("error", () => {});
    if (thrown.length > 0) throw thrown.shift();
    socket.end("served");
  }).listen(0, LOOPBACK);
  await rejected(server.port);
  await rejected(server.port);
  const text = (await Array.fromAsync(connect(server.port, LOOPBACK))).join("");
  assertEquals(text, "served");
  await server.close();
});

Deno.test("server's signal closes it", async () => {
  const controller = new AbortController();
  const server = await createServer().listen({
    port: 0,
    host: LOOPBACK,
    signal: controller.signal,
  });
  const closed = new Promise<void>((resolve) => server.once("close", resolve));
  controller.abort();
  await closed;
  assertEquals(server.listening, false);
});

Deno.test("server without maxConnections has no limit of its own when it is taken away, and the default before", async () => {
  assertEquals(createServer({ maxConnections: null as never }).maxConnections, 65_536);
  assertEquals(createServer({ maxConnections: undefined }).maxConnections, 65_536);
  for (const none of [null, undefined]) {
    const server = await createServer({ maxConnections: 0 }).listen(0, LOOPBACK);
    const dropped = told<DropInfo>(server, "drop");
    await rejected(server.port);
    assertEquals((await dropped).reason, "maxConnections");
    server.maxConnections = none;
    assertEquals(server.maxConnections, Infinity);
    const came = Promise.race([
      told<Socket>(server, "connection"),
      told<DropInfo>(server, "drop"),
    ]);
    const client = connect(server.port, LOOPBACK);
    assert(await came instanceof Socket);
    client.destroy();
    await server.close({ drain: 0 });
  }
});

Deno.test("server refuses to count for what is no callback, and closes as without one", async () => {
  const server = createServer();
  const errors: Error[] = [];
  server.on("error", (error) => errors.push(error));
  for (const none of [5, "x", {}, null, true] as never[]) {
    await server.listen(0, LOOPBACK);
    const error = assertThrows(() => server.getConnections(none), TypeError);
    assertEquals((error as { code?: string }).code, "ERR_INVALID_ARG_TYPE");
    await server.close(none);
    await server.listen(0, LOOPBACK);
    await server.close({}, none);
  }
  assertEquals(errors, []);
});

Deno.test("server takes a signal of another class, for as long as it listens with it", async () => {
  for (const removable of [true, false]) {
    const { signal, abort } = foreignSignal();
    if (!removable) Object.assign(signal, { removeEventListener: undefined });
    const server = await createServer().listen({ port: 0, host: LOOPBACK, signal });
    await server.close();
    await server.listen(0, LOOPBACK);
    abort();
    assertEquals(server.listening, true);
    await server.close();
    const other = foreignSignal();
    await server.listen({ port: 0, host: LOOPBACK, signal: other.signal });
    const closed = new Promise<void>((resolve) => server.once("close", resolve));
    other.abort();
    await closed;
  }
});

Deno.test("server is disposed of with its connections", async () => {
  let client: Socket;
  {
    await using server = await createServer((socket) => socket.end()).listen(0, LOOPBACK);
    client = connect(server.port, LOOPBACK);
    await client.resume().closed;
  }
  assertEquals(client.destroyed, true);
});

Deno.test("server refuses caps and rates that make no sense", () => {
  for (
    const options of [
      { maxConnections: -1 },
      { maxConnections: NaN },
      { maxConnectionsPerAddress: 0 },
      { acceptRate: { perSecond: 0 } },
      { highWaterMark: -1 },
    ]
  ) assertThrows(() => new Server(options), RangeError);
});

Deno.test({
  name: "server finds the socket file of a crashed one: EADDRINUSE says so, removeStale removes it",
  ignore: Deno.build.os === "windows",
}, async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/x.sock`;
    const crash = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `Deno.listen({ transport: "unix", path: ${
          JSON.stringify(path)
        } }); Deno.kill(Deno.pid, "SIGKILL");`,
      ],
      stderr: "null",
    });
    await crash.output();
    const error = await assertRejects(async () => await createServer().listen({ path }), NetError);
    assertEquals([error.code, error.address], ["EADDRINUSE", path]);
    assert(error.message.includes("removeStale"));
    const server = await createServer().listen({ path, removeStale: true });
    // One that is alive is never removed.
    const living = await assertRejects(
      async () => await createServer().listen({ path, removeStale: true }),
      NetError,
    );
    assertEquals(living.code, "EADDRINUSE");
    await server.close();
    await Deno.writeTextFile(path, "an ordinary file");
    await assertRejects(
      async () => await createServer().listen({ path, removeStale: true }),
      NetError,
    );
    assertEquals(await Deno.readTextFile(path), "an ordinary file");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "server at its limit of descriptors keeps serving those it has, and recovers",
  ignore: Deno.build.os === "windows" || findProgram("bash") === undefined,
}, async () => {
  const program = `
    import { connect, createServer } from ${
    JSON.stringify(new URL("../../net/mod.ts", import.meta.url).href)
  };
    const server = await createServer((socket) => { socket.on("error", () => {}); socket.pipe(socket); })
      .listen(0, "127.0.0.1");
    const client = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    const files = [];
    const waiting = [];
    try { for (;;) files.push(await Deno.open(Deno.execPath())); } catch { /* all are taken */ }
    files.pop().close();
    waiting.push(await Deno.connect({ hostname: "127.0.0.1", port: server.port }));
    while (server.metrics().acceptErrors === 0) await new Promise((r) => setTimeout(r, 5));
    await client.write(new Uint8Array([7]));
    const buffer = new Uint8Array(1);
    await client.read(buffer);
    for (const file of files) file.close();
    await waiting[0].write(new Uint8Array([8]));
    await waiting[0].read(buffer);
    console.log(buffer[0], server.metrics().accepted);
    Deno.exit(0);`;
  const { code, stdout, stderr } = await runPeer("bash", [
    "-c",
    'ulimit -n 64; exec "$0" run -A --no-check --no-lock -',
    Deno.execPath(),
  ], { stdin: program, timeout: 30_000 });
  assertEquals([code, stdout.trim()], [0, "8 2"], stderr);
});

Deno.test("server behind a proxy learns its clients from the PROXY protocol", async () => {
  const server = await createServer(
    { proxyProtocol: { trusted: [LOOPBACK], timeout: 1000 }, maxConnectionsPerAddress: 1 },
    (socket) => socket.write(`${socket.remoteAddress} ${socket.remotePort}`),
  ).listen(0, LOOPBACK);
  const head = "PROXY TCP4 192.0.2.7 198.51.100.1 5000 80\r\n";
  const first = connect(server.port, LOOPBACK).setEncoding("utf8");
  first.write(head);
  const text = await new Promise((resolve) => first.once("data", resolve));
  assertEquals(text, "192.0.2.7 5000");
  const dropped = told<DropInfo>(server, "drop");
  const second = connect(server.port, LOOPBACK);
  second.resume().write(head);
  const { reason, remoteAddress } = await dropped;
  assertEquals([reason, remoteAddress], ["maxConnectionsPerAddress", "192.0.2.7"]);
  await gone(second);
  const noHeader = told<DropInfo>(server, "drop");
  const third = connect(server.port, LOOPBACK);
  third.resume().write("GET / HTTP/1.1\r\n\r\n");
  assertEquals((await noHeader).reason, "proxyProtocol");
  await gone(third);
  const silent = connect(server.port, LOOPBACK);
  await silent.resume().opened;
  await server.close({ drain: 0 });
  await Promise.all([gone(first), gone(silent)]);
});

Deno.test("server behind a proxy that was closed while one had yet to say who it is takes others when it listens again", async () => {
  const server = await createServer({ proxyProtocol: { trusted: [LOOPBACK] } }).listen(0, LOOPBACK);
  const before = server.pressure.connections.used;
  const silent = connect(server.port, LOOPBACK);
  await silent.resume().opened;
  while (server.pressure.connections.used === before) await new Promise((go) => setTimeout(go, 1));
  await server.close();
  await gone(silent);
  await server.listen(0, LOOPBACK);
  const came = told(server, "connection");
  const client = connect(server.port, LOOPBACK);
  client.resume().write("PROXY TCP4 192.0.2.7 198.51.100.1 5000 80\r\n");
  await came;
  assertEquals([server.connections.size, server.metrics().dropped], [1, 1]);
  await server.close({ drain: 0 });
  await gone(client);
});

Deno.test("server behind a proxy counts a connection once while its listeners are called", async () => {
  const limits = new Limits({ connections: 1 });
  const used: number[] = [];
  const look = () => void used.push(limits.pressure.connections.used);
  const server = await createServer(
    { proxyProtocol: { trusted: [LOOPBACK], timeout: 1000 }, limits },
    look,
  ).on("drop", look).listen(0, LOOPBACK);
  const nobody = connect(server.port, LOOPBACK);
  nobody.resume().write("GET / HTTP/1.1\r\n\r\n");
  await gone(nobody);
  const client = connect(server.port, LOOPBACK);
  const came = told(server, "connection");
  client.resume().write("PROXY TCP4 192.0.2.7 198.51.100.1 5000 80\r\n");
  await came;
  assertEquals([used, server.metrics().open], [[0, 1], 1]);
  await server.close({ drain: 0 });
  await gone(client);
  assertEquals(limits.pressure.connections.used, 0);
});

Deno.test("server counts who has yet to send its PROXY protocol header, for its cap and its limits", async () => {
  const limits = new Limits({ connections: 10 });
  const server = await createServer({
    proxyProtocol: { trusted: [LOOPBACK] },
    maxConnections: 3,
    limits,
  }).listen(0, LOOPBACK);
  const head = "PROXY TCP4 192.0.2.7 198.51.100.1 5000 80\r\n";
  const open = async () => {
    const client = connect(server.port, LOOPBACK);
    await client.resume().opened;
    return client;
  };
  const came = told(server, "connection");
  const known = await open();
  known.write(head);
  await came;
  const silent = [await open(), await open()];
  const dropped = told<DropInfo>(server, "drop");
  await rejected(server.port);
  assertEquals((await dropped).reason, "maxConnections");
  assertEquals([limits.pressure.connections.used, server.metrics().open], [3, 1]);
  // Whoever leaves makes room.
  const left = told<DropInfo>(server, "drop");
  silent[0].destroy();
  assertEquals((await left).reason, "proxyProtocol");
  const next = told(server, "connection");
  const last = await open();
  last.write(head);
  await next;
  assertEquals([limits.pressure.connections.used, server.metrics().open], [3, 2]);
  await server.close({ drain: 0 });
  await Promise.all([known, last, ...silent].map(gone));
  assertEquals(limits.pressure.connections.used, 0);
});

Deno.test("server whose limits have it wait drops nobody who comes when another server has taken the last place", async () => {
  const limits = new Limits({ connections: 1, policies: { connections: "wait" } });
  const [one, other] = await Promise.all(
    [1, 2].map(async () => await createServer({ limits }).listen(0, LOOPBACK)),
  );
  // Both are accepting now.
  const clients: Socket[] = [];
  for (const server of [one, other]) {
    const came = Promise.race([told(server, "connection"), told(server, "drop")]);
    clients.push(connect(server.port, LOOPBACK).resume());
    await came;
  }
  assertEquals([one, other].map((server) => server.metrics().dropped), [0, 0]);
  await Promise.all([one, other].map(async (server) => await server.close({ drain: 0 })));
  await Promise.all(clients.map(gone));
  assertEquals(limits.pressure.connections.used, 0);
});

Deno.test("server checks its options of the PROXY protocol when it is made", () => {
  const trusted = ["127.0.0.1"];
  for (const odd of [{ timeout: -1 }, { timeout: 3e9 }, { maxLength: 5 }, { maxLength: 1e9 }]) {
    assertThrows(() => createServer({ proxyProtocol: { trusted, ...odd } }), RangeError);
  }
  createServer({ proxyProtocol: { trusted, timeout: Infinity, maxLength: 16 } });
});

Deno.test("server drops who is no trusted proxy, and a header that does not come in time", async () => {
  for (
    const proxyProtocol of [{ trusted: ["192.0.2.1"] }, { trusted: [LOOPBACK], timeout: 5 }]
  ) {
    const server = await createServer({ proxyProtocol }).listen(0, LOOPBACK);
    const dropped = told<DropInfo>(server, "drop");
    const client = connect(server.port, LOOPBACK);
    client.resume();
    assertEquals((await dropped).reason, "proxyProtocol");
    await gone(client);
    await server.close();
  }
  assertThrows(() => createServer({ proxyProtocol: { trusted: ["example.org"] } }), TypeError);
});

Deno.test("server has its address as soon as listen returns, as Node's has", async () => {
  const server = createServer();
  const events: string[] = [];
  server.on("listening", () => events.push("listening"));
  const returned = server.listen(0, LOOPBACK);
  assertEquals([server.listening, server.port > 0, events], [true, true, []]);
  assertStrictEquals(returned, server);
  await returned;
  assertEquals(events, ["listening"]);
  await server.close();
});

Deno.test("server that has closed listens no more: the next connect is refused", async () => {
  for (let i = 0; i < 20; i++) {
    const server = await createServer().listen(0, LOOPBACK);
    const { port } = server;
    await server.close();
    const error = await assertRejects(() => connect(port, LOOPBACK).opened, NetError);
    assertEquals(error.code, "ECONNREFUSED");
    // And the port can be had again.
    await (await createServer().listen(port, LOOPBACK)).close();
  }
});

Deno.test("server tells the console what a listener throws after it has destroyed its connection", async () => {
  const late = new Error("too late for the socket");
  const errors: unknown[] = [];
  const told = await reported(async () => {
    const server = await createServer((socket) => {
      socket.on("error", (error) => errors.push(error));
      socket.destroy();
      throw late;
    }).listen(0, LOOPBACK);
    await rejected(server.port);
    await server.close();
  });
  assertEquals([told, errors], [[late], []]);
});

Deno.test("server outlives an async listener that rejects: only that connection ends", async () => {
  const fault = new Error("rejected");
  const told = await reported(async () => {
    let served = 0;
    const server = await createServer(async (socket) => {
      await Promise.resolve();
      if (served++ === 0) throw fault;
      socket.end("served");
    }).listen(0, LOOPBACK);
    await rejected(server.port);
    const text = (await Array.fromAsync(connect(server.port, LOOPBACK))).join("");
    assertEquals(text, "served");
    await server.close();
  });
  // Nobody listened for the socket's error: the console is told.
  assertEquals(told, [fault]);
});

Deno.test("server tells a connection's own error listener what the connection's listener threw", async () => {
  const faults = [new Error("thrown"), new Error("rejected")];
  for (const [i, fault] of faults.entries()) {
    const heard: unknown[] = [];
    const told = await reported(async () => {
      const server = await createServer((socket) => {
        socket.on("error", (error) => heard.push(error));
        if (i === 1) return Promise.reject(fault) as unknown as void;
        throw fault;
      }).listen(0, LOOPBACK);
      await rejected(server.port);
      await server.close();
    });
    assertEquals([heard, told], [[fault], []]);
  }
});

Deno.test("server outlives listeners of its own events that throw", async () => {
  const events = ["listening", "drop", "close"] as const;
  for (const heard of [true, false]) {
    const errors: unknown[] = [];
    const told = await reported(async () => {
      const server = createServer({ maxConnections: 0 });
      for (const event of events) {
        server.on(event as "close", () => {
          throw new Error(event);
        });
      }
      if (heard) server.on("error", (error) => errors.push(error));
      await server.listen(0, LOOPBACK);
      await rejected(server.port);
      assertEquals(server.listening, true);
      await server.close();
    });
    const all = heard ? errors : told;
    assertEquals(all.map((error) => (error as Error).message), [...events]);
  }
  const told = await reported(async () => {
    const server = createServer({ maxConnections: 0 });
    server.on("drop", () => {
      throw new Error("drop");
    });
    server.on("error", () => {
      throw new Error("error");
    });
    server.getConnections(() => {
      throw new Error("getConnections");
    });
    await server.listen(0, LOOPBACK);
    await rejected(server.port);
    await server.close();
  });
  // The error listener threw both times, and that goes no further.
  assertEquals(told.map((error) => (error as Error).message), ["error", "error"]);
});

Deno.test("server that can't listen, with nobody to hear of it, ends the program, as Node's does", async () => {
  using taken = Deno.listen({ hostname: LOOPBACK, port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const url = new URL("../../net/mod.ts", import.meta.url).href;
  const program = `import { createServer } from ${JSON.stringify(url)};
    createServer().listen(${port}, "127.0.0.1");
    setTimeout(() => console.log("went on"), 5000);`;
  const { code, stdout, stderr } = await runPeer(Deno.execPath(), [
    "run",
    "-A",
    "--no-check",
    "--no-lock",
    "-",
  ], { stdin: program, env: { NO_COLOR: "1" } });
  assertEquals([code, stdout], [1, ""]);
  assert(stderr.includes(`Cannot listen on "127.0.0.1:${port}": EADDRINUSE`), stderr);
});

Deno.test("server says what is wrong with a path, with Node's codes", async () => {
  for (const path of ["", "a\0b"]) {
    const error = assertThrows(() => createServer().listen({ path }), TypeError);
    assertEquals((error as { code?: string }).code, "ERR_INVALID_ARG_VALUE");
  }
  if (Deno.build.os === "windows") return;
  for (
    const [path, code] of [["/no/such/folder/x", "ENOENT"], [`/tmp/${"x".repeat(200)}`, "EINVAL"]]
  ) {
    const error = await assertRejects(async () => await createServer().listen(path), NetError);
    assertEquals([error.code, error.syscall, error.address], [code, "listen", path]);
  }
});

Deno.test({
  name: "server on a privileged port says EACCES",
  ignore: Deno.build.os !== "linux" || Deno.uid() !== 0 ||
    Number(Deno.readTextFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start")) < 82,
}, async () => {
  // As a user without privileges, and with a copy of the modules, since that user may not read the originals.
  const folder = await Deno.makeTempDir();
  try {
    await Deno.chmod(folder, 0o777);
    for (const module of ["buffer", "net"]) {
      const from = new URL(`../../${module}/`, import.meta.url);
      await Deno.mkdir(`${folder}/${module}`);
      for await (const { name, isFile } of Deno.readDir(from)) {
        if (isFile) await Deno.copyFile(new URL(name, from), `${folder}/${module}/${name}`);
      }
    }
    await Deno.writeTextFile(
      `${folder}/main.ts`,
      `import { createServer } from "./net/create_server.ts";
      createServer().on("error", (error) => console.log(error.code)).listen(81, "127.0.0.1");`,
    );
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-lock", "--no-config", "-A", `${folder}/main.ts`],
      uid: 65_534,
      gid: 65_534,
      env: { DENO_DIR: `${folder}/cache`, HOME: folder },
    }).output();
    assertEquals(
      new TextDecoder().decode(stdout).trim(),
      "EACCES",
      new TextDecoder().decode(stderr),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("server refuses to share a port where Deno would end the program for it", async () => {
  const error = await assertRejects(
    async () => await createServer().listen({ port: 0, host: LOOPBACK, reusePort: true }),
    NetError,
  );
  assertEquals(error.code, "ERR_UNSUPPORTED");
});

Deno.test("server refuses arguments that make no sense, at once", async () => {
  const code = (fn: () => unknown): unknown =>
    (assertThrows(fn, Error) as { code?: string }).code ?? "none";
  const server = createServer();
  assertEquals(code(() => new Server(5 as never)), "ERR_INVALID_ARG_TYPE");
  assertEquals(code(() => server.listen({ port: 0, backlog: -1 })), "ERR_OUT_OF_RANGE");
  assertEquals(code(() => server.listen({ port: 0, host: 5 as never })), "ERR_INVALID_ARG_TYPE");
  // What is opened before the signal is looked at would listen, and accept nothing.
  const signal = new AbortController() as never;
  assertEquals(code(() => server.listen({ port: 0, signal })), "ERR_INVALID_ARG_TYPE");
  assertEquals(server.listening, false);
  assertThrows(() => server.close({ drain: -1 }), RangeError);
  assertThrows(() => server.close({ drain: 2 ** 31 }), RangeError);
  // As a WebSocket server's close takes it: this one would wait without end.
  const other = assertThrows(
    () => server.close({ timeout: 5 } as never),
    TypeError,
    "`drain` here",
  );
  assertEquals((other as { code?: string }).code, "ERR_INVALID_ARG_VALUE");
  const signalled = { signal: AbortSignal.abort() } as never;
  assertThrows(() => server.close(signalled), TypeError, "there is `drain`");
  await server.close();
});

Deno.test("what close calls back has the server for its own", async () => {
  const server = await createServer().listen(0, LOOPBACK);
  const own = Promise.withResolvers<boolean>();
  server.close(function (this: unknown) {
    own.resolve(this === server);
  });
  assertEquals(await own.promise, true);
});

Deno.test("server with a signal that has fired may listen again without it, in the same turn", async () => {
  const server = createServer();
  server.listen({ port: 0, host: LOOPBACK, signal: AbortSignal.abort() });
  server.close();
  await server.listen(0, LOOPBACK);
  assert(server.listening);
  await server.close();
});

Deno.test("server closes with nothing to close, and tells so each time, as Node's does", async () => {
  const server = createServer();
  let closes = 0;
  server.on("close", () => closes++);
  await server.close();
  await server.close();
  assertEquals(closes, 2);
});

Deno.test("server closed in the turn of listen says nothing of listening, and ends", async () => {
  const server = createServer();
  const events: string[] = [];
  for (const event of ["listening", "close"] as const) server.on(event, () => events.push(event));
  server.listen(0, LOOPBACK);
  await new Promise<void>((resolve, reject) => server.close((e) => e ? reject(e) : resolve()));
  assertEquals(events, ["close"]);
});

Deno.test("server that closes, and then can't listen elsewhere, has closed", async () => {
  class Late extends Server {
    protected override async openListener(): Promise<TransportListener> {
      await new Promise((resolve) => setTimeout(resolve, 1));
      throw new Error("nowhere");
    }
  }
  const server = new Late();
  let closed = 0;
  server.on("close", () => closed++);
  const closing = server.close();
  await assertRejects(async () => await server.listen(0), Error, "nowhere");
  await closing;
  assertEquals([closed, server.listening], [1, false]);
});

Deno.test("server that is awaited twice, listening and closing, settles both", async () => {
  const server = createServer();
  const listening = server.listen(0, LOOPBACK);
  const both = await Promise.all([listening, server.close(), server.close()]);
  assertEquals(both.map((each) => each === server), [true, true, true]);
  // What was awaited is no promise any more: it can be passed on.
  assertStrictEquals(await Promise.resolve(server), server);
  assertEquals("then" in server, false);
});

Deno.test("server that listens again keeps its new connections when the drain of the former ones is over", async () => {
  const server = createServer();
  await server.listen(0, "127.0.0.1");
  const portOf = () => (server.address() as { port: number }).port;
  const old = connect(portOf(), "127.0.0.1");
  await new Promise((resolve) => server.once("connection", resolve));
  old.resume();
  const gone = new Promise((resolve) => old.once("close", resolve));
  server.close({ drain: 30 });
  await server.listen(0, "127.0.0.1");
  const fresh = connect(portOf(), "127.0.0.1");
  const [accepted] = await new Promise<Socket[]>((resolve) =>
    server.once("connection", (socket) => resolve([socket]))
  );
  await gone;
  assertEquals([accepted.destroyed, fresh.destroyed], [false, false]);
  fresh.destroy();
  await server.close({ drain: 0 });
});

Deno.test("server takes connections to close in time: drain destroys what is left, and may be shortened", async () => {
  const server = await createServer((socket) => void socket.resume()).listen(0, LOOPBACK);
  const client = connect(server.port, LOOPBACK);
  client.resume();
  await Promise.all([client.opened, told(server, "connection")]);
  const closing = server.close({ drain: 60_000 });
  server.close({ drain: 5 });
  await closing;
  await gone(client);
});

Deno.test("server keeps the end that close has set when a later call sets a later one", async () => {
  const server = await createServer((socket) => void socket.resume()).listen(0, LOOPBACK);
  const connected = async () => {
    const client = connect(server.port, LOOPBACK);
    client.resume();
    await Promise.all([client.opened, told(server, "connection")]);
    return client;
  };
  const first = await connected();
  server.close({ drain: 50 });
  await server.listen(0, LOOPBACK);
  const second = await connected();
  const closing = server.close({ drain: 5000 });
  await gone(first);
  // Who came after the first call has the time of the second.
  assertEquals([second.destroyed, server.connections.size], [false, 1]);
  server.close({ drain: 5 });
  await server[Symbol.asyncDispose]();
  await closing;
  await gone(second);
});

Deno.test("server's drain spares a socket whose connection has closed, and which is connected anew", async () => {
  const other = await createServer((socket) => void socket.resume()).listen(0, LOOPBACK);
  const server = await createServer((socket) => void socket.resume()).listen(0, LOOPBACK);
  const clients = [connect(server.port, LOOPBACK)];
  const accepted = await told<Socket>(server, "connection");
  clients.push(connect(server.port, LOOPBACK));
  await told(server, "connection");
  for (const client of clients) client.resume();
  const closing = server.close({ drain: 100 });
  accepted.destroy();
  await gone(accepted);
  accepted.connect(other.port, LOOPBACK);
  await accepted.opened;
  await closing;
  assertEquals(accepted.destroyed, false);
  accepted.destroy();
  await Promise.all(clients.map(gone));
  await other.close({ drain: 0 });
});

Deno.test("server that is closed again and again keeps one timer, and none for connections that are gone", async () => {
  const server = await createServer((socket) => void socket.resume()).listen(0, LOOPBACK);
  const client = connect(server.port, LOOPBACK);
  client.resume();
  const accepted = await told<Socket>(server, "connection");
  await client.opened;
  const { setTimeout, clearTimeout } = globalThis;
  const timers = new Set<unknown>();
  globalThis.setTimeout = ((...args: Parameters<typeof setTimeout>) => {
    const timer = setTimeout(...args);
    timers.add(timer);
    return timer;
  }) as typeof setTimeout;
  globalThis.clearTimeout = (timer) => {
    timers.delete(timer);
    clearTimeout(timer);
  };
  try {
    for (let i = 0; i < 10; i++) server.close({ drain: 60_000 + i });
    for (let i = 0; i < 10; i++) server.close({ drain: 50_000 - i });
    assertEquals(timers.size, 1);
    // It listens again, so that the end of the connection is not its own.
    await server.listen(0, LOOPBACK);
    client.destroy();
    await gone(accepted);
    assertEquals(timers.size, 0);
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
  await server.close();
});

Deno.test("server's hooks may fail: the connection is dropped, the next is served", async () => {
  let calls = 0;
  class Fussy extends Server {
    protected override makeSocket(...args: Parameters<Server["makeSocket"]>): Socket {
      if (calls++ === 0) throw new Error("no socket today");
      return super.makeSocket(...args);
    }
  }
  const errors: string[] = [];
  const server = new Fussy({ maxConnectionsPerAddress: 1 }, (socket) => socket.end("served"));
  server.on("error", (error) => errors.push(error.message));
  await server.listen(0, LOOPBACK);
  await rejected(server.port);
  const text = (await Array.fromAsync(connect(server.port, LOOPBACK))).join("");
  const { accepted, acceptErrors } = server.metrics();
  assertEquals([text, errors, accepted, acceptErrors], ["served", ["no socket today"], 1, 1]);
  await server.close();
});

Deno.test("server over a listener of another kind, which opens later", async () => {
  const ends: PairEnd[] = [];
  const waiting: PromiseWithResolvers<Transport>[] = [];
  class Memory extends Server {
    protected override async openListener(): Promise<TransportListener> {
      await Promise.resolve();
      return {
        addr: { transport: "memory" },
        accept: () => {
          const next = Promise.withResolvers<Transport>();
          waiting.push(next);
          return next.promise;
        },
        close: () => waiting.at(-1)?.reject(new Error("closed")),
      };
    }
  }
  const server = new Memory({}, (socket) => socket.end("hi"));
  const listening = server.listen();
  assertEquals(server.listening, false);
  await listening;
  assertEquals([server.listening, server.address(), server.port], [true, null, 0]);
  const [a, b] = pair();
  ends.push(a, b);
  waiting[0].resolve(a);
  const client = Socket.from(b);
  assertEquals((await Array.fromAsync(client)).join(""), "hi");
  await client.closed;
  // Another one: closed while it opens, it never listens.
  const late = new Memory();
  late.listen();
  await late.close();
  assertEquals([late.listening, waiting.length], [false, 2]);
  await server.close();
  for (const end of ends) end.close();
});

Deno.test("server that loses its listener says so, and closes", async () => {
  let fail: (error: unknown) => void = () => {};
  class Lost extends Server {
    protected override openListener(): TransportListener {
      return {
        addr: { transport: "memory" },
        accept: () => new Promise((_, reject) => fail = reject),
        close: () => {},
      };
    }
  }
  const server = new Lost();
  const errors: string[] = [];
  server.on("error", (error) => errors.push((error as NetError).code));
  const closed = new Promise<void>((resolve) => server.once("close", resolve));
  await server.listen();
  // Once for want of resources, which passes; and then for good.
  fail(new Error("too many open files"));
  while (server.metrics().acceptErrors === 0) await new Promise((r) => setTimeout(r, 1));
  await new Promise((resolve) => setTimeout(resolve, 80));
  fail(new Deno.errors.BadResource("gone"));
  await closed;
  assertEquals([errors, server.listening], [["ERR_SOCKET_CLOSED"], false]);
});

Deno.test("server does not rest for clients that reset before they are accepted", async () => {
  const gone = 300;
  let accepts = 0;
  const [here, there] = pair();
  const stop = Promise.withResolvers<Transport>();
  class Knocked extends Server {
    protected override openListener(): TransportListener {
      return {
        addr: { transport: "memory" },
        accept: () => {
          if (++accepts <= gone) return Promise.reject(new Deno.errors.NotConnected("gone"));
          return accepts === gone + 1 ? Promise.resolve(here) : stop.promise;
        },
        close: () => stop.reject(new Error("closed")),
      };
    }
  }
  const start = performance.now();
  const server = await new Knocked({}, (socket) => socket.end("hi")).listen();
  const client = Socket.from(there).setEncoding("utf8");
  assertEquals(await Array.fromAsync(client), ["hi"]);
  assert(performance.now() - start < gone * 25); // a rest is twice as long
  assertEquals(server.metrics().acceptErrors, 0);
  await server.close();
});

Deno.test("server is closed while accepting rests", async () => {
  let accepts = 0;
  class Tired extends Server {
    protected override openListener(): TransportListener {
      return {
        addr: { transport: "memory" },
        accept: () => (accepts++, Promise.reject(new Error("too many open files"))),
        close: () => {},
      };
    }
  }
  const server = await new Tired().listen();
  while (server.metrics().acceptErrors === 0) await new Promise((r) => setTimeout(r, 0));
  await server.close();
  assertEquals(accepts, 1);
});

Deno.test("server does not rest for clients that are gone while others come between them", async () => {
  let accepts = 0;
  const ends: Transport[] = [];
  class Probed extends Server {
    protected override openListener(): TransportListener {
      return {
        addr: { transport: "memory" },
        accept: () => {
          if (++accepts >= 20_000) return new Promise(() => {});
          if (accepts !== 10_000) return Promise.reject(new Deno.errors.ConnectionReset("gone"));
          const [near, far] = pair();
          ends.push(far);
          return Promise.resolve(near);
        },
        close: () => {},
      };
    }
  }
  const server = await new Probed().listen();
  while (accepts < 20_000) await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([server.metrics().acceptErrors, server.metrics().accepted], [0, 1]);
  server.close({ drain: 0 });
  ends[0].close();
});

Deno.test("server tells its listener of ref and unref, before it listens, too", async () => {
  const told: string[] = [];
  class Told extends Server {
    protected override openListener(): TransportListener {
      return {
        addr: { transport: "memory" },
        accept: () => new Promise(() => {}),
        close: () => {},
        ref: () => void told.push("ref"),
        unref: () => void told.push("unref"),
      };
    }
  }
  await new Told().listen();
  assertEquals(told, []);
  await new Told().unref().ref().listen();
  assertEquals(told, []);
  const server = await new Told().unref().listen();
  server.ref().unref();
  assertEquals(told, ["unref", "ref", "unref"]);
});

Deno.test("server that closes listens to its signal no more", async () => {
  const signal = foreignSignal();
  const server = createServer();
  for (let i = 0; i < 2; i++) {
    await server.listen({ port: 0, host: LOOPBACK, signal: signal.signal });
    assertEquals(signal.listeners, 1);
    await server.close();
    assertEquals(signal.listeners, 0);
  }
});

Deno.test("server rests when all that it accepts is gone, and closes", async () => {
  let accepts = 0;
  class Broken extends Server {
    protected override openListener(): TransportListener {
      return {
        addr: { transport: "memory" },
        // Not for ever: a server that does not rest would let this test not fail.
        accept: () =>
          ++accepts < 20_000
            ? Promise.reject(new Deno.errors.ConnectionReset("broken"))
            : new Promise(() => {}),
        close: () => {},
      };
    }
  }
  const server = await new Broken().listen();
  while (server.metrics().acceptErrors === 0) await new Promise((r) => setTimeout(r, 0));
  assertEquals(accepts, 16_385);
  await server.close();
});

Deno.test("server and clients by the hundred: all are served, none is left", async () => {
  const server = await createServer((socket) => void socket.pipe(socket)).listen(0, LOOPBACK);
  const texts = await Promise.all(Array.from({ length: 200 }, async (_, i) => {
    const socket = connect(server.port, LOOPBACK).setEncoding("utf8");
    socket.end(`client ${i}`);
    return (await Array.fromAsync(socket)).join("");
  }));
  assertEquals(texts, Array.from({ length: 200 }, (_, i) => `client ${i}`));
  await server.close();
  const { open, accepted, dropped, acceptErrors } = server.metrics();
  assertEquals([open, accepted, dropped, acceptErrors], [0, 200, 0, 0]);
});

Deno.test("server and clients that come and go at once leave nothing", async () => {
  const server = await createServer((socket) => void socket.on("error", () => {}).resume())
    .listen(0, LOOPBACK);
  for (let i = 0; i < 100; i++) {
    const conn = await Deno.connect({ hostname: LOOPBACK, port: server.port });
    conn.close();
  }
  while (server.metrics().accepted < 100) await new Promise((r) => setTimeout(r, 1));
  await server.close();
  assertEquals(server.metrics().open, 0);
});

Deno.test("server counts what it has, and may be unref'd before and after it listens", async () => {
  const server = createServer((socket) => void socket.resume()).unref();
  await server.listen(0, LOOPBACK);
  server.ref().unref().ref();
  const client = connect(server.port, LOOPBACK);
  client.resume();
  const accepted = await told<Socket>(server, "connection");
  assertEquals([...server.connections], [accepted]);
  const counted = await new Promise((resolve) => server.getConnections((_, n) => resolve(n)));
  assertEquals(counted, 1);
  server.closeAllConnections();
  await gone(client);
  await server.close();
});

Deno.test("server with a signal that has fired closes as soon as it listens", async () => {
  const server = createServer();
  const closed = new Promise<void>((resolve) => server.once("close", resolve));
  server.listen({ port: 0, host: LOOPBACK, signal: AbortSignal.abort() });
  await closed;
  assertEquals(server.listening, false);
});

Deno.test("server outlives async listeners of its own events that reject", async () => {
  const fault = new Error("in drop");
  const server = createServer({ maxConnections: 0 });
  const heard = new Promise((resolve) => server.once("error", resolve));
  server.on("drop", () => Promise.reject(fault) as unknown as void);
  await server.listen(0, LOOPBACK);
  await rejected(server.port);
  assertStrictEquals(await heard, fault);
  await server.close();
});

Deno.test("server with a keep-alive delay tells of a connection that finds no place to wait", async () => {
  const options = { keepAlive: true, keepAliveInitialDelay: 10_000 };
  const limits = new Limits({ connections: 1, policies: { connections: "wait" } });
  const server = createServer({ ...options, limits });
  await server.listen({ port: 0, host: LOOPBACK, backlog: 1 });
  const came = told<Socket>(server, "connection");
  const dropped = told<DropInfo>(server, "drop");
  const open = () => Deno.connect({ hostname: LOOPBACK, port: server.port });
  const clients = [await open()];
  await came;
  // One is served and one waits; there is no place for the others.
  for (let i = 0; i < 3; i++) clients.push(await open());
  const { reason, remotePort } = await waitFor(dropped, "be told", { timeout: 10_000 });
  assertEquals(reason, "limits");
  assert(clients.some(({ localAddr }) => (localAddr as Deno.NetAddr).port === remotePort));
  assert(server.metrics().dropped > 0);
  for (const client of clients) client.close();
  await server.close({ drain: 0 });
});

Deno.test("server refuses caps, limits and proxies that are none, and a host that can't be is not found", async () => {
  const server = createServer();
  for (const most of [NaN, -1, "many", {}]) {
    assertThrows(() => server.maxConnections = most as number, RangeError, "connections");
    assertThrows(() => createServer({ maxConnections: most as number }), RangeError);
  }
  assertEquals(server.maxConnections, 65_536);
  for (const limits of [5, {}, { connections: 5 }, { queuedBytes: 5 }]) {
    assertThrows(() => createServer({ limits: limits as never }), TypeError, '"limits"');
    assertThrows(() => new Socket({ limits: limits as never }), TypeError, '"limits"');
  }
  for (const proxyProtocol of [true, {}, null, { trusted: "unix" }, { trusted: [null] }]) {
    const make = () => createServer({ proxyProtocol: proxyProtocol as never });
    assertThrows(make, TypeError, '"trusted"');
  }
  for (const host of ["a b", "\0", "x".repeat(300)]) {
    const error = await assertRejects(async () => await createServer().listen(0, host), NetError);
    assertEquals([error.code, error.message.slice(0, 16)], ["ENOTFOUND", "Cannot use host "]);
  }
});
