import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { BlockList } from "node:net";
import { connect } from "../../net/connect.ts";
import { createServer } from "../../net/create_server.ts";
import { NetError } from "../../net/errors.ts";
import { Server } from "../../net/server.ts";
import type { DropInfo } from "../../net/server_options.ts";
import type { Socket } from "../../net/socket.ts";
import { findProgram, runPeer } from "../_support/peers.ts";

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

Deno.test("server takes listen's arguments in all of Node's forms", async () => {
  for (
    const listen of [
      (server: Server) => server.listen(),
      (server: Server) => server.listen(0),
      (server: Server) => server.listen("0", () => {}),
      (server: Server) => server.listen({ port: 0, host: LOOPBACK, backlog: 5 }),
      (server: Server) => server.listen(0, LOOPBACK, 5),
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

Deno.test("server counts bytes over open and closed connections", async () => {
  const server = await createServer((socket) => void socket.pipe(socket)).listen(0, LOOPBACK);
  const client = connect(server.port, LOOPBACK);
  client.end("12345");
  await Array.fromAsync(client);
  await server.close();
  const { bytesRead, bytesWritten, open } = server.metrics();
  assertEquals([bytesRead, bytesWritten, open], [5, 5, 0]);
});

Deno.test("server outlives a listener that throws: only that connection ends", async () => {
  let first = true;
  const server = await createServer((socket) => {
    socket.on("error", () => {});
    if (first) {
      first = false;
      throw new Error("in the listener");
    }
    socket.end("served");
  }).listen(0, LOOPBACK);
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
