import { assert, assertEquals, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import type { SocketIoSocket } from "../../socketio/socket.ts";
import { foreignRejection } from "../_support/foreign_promise.ts";
import { microtasks } from "../_support/microtasks.ts";
import { fakeServer } from "../_support/socketio_rig.ts";
import { reported } from "../_support/console_errors.ts";

Deno.test("clients make namespaces that a regular expression lets pass", () => {
  const { io, engine } = fakeServer();
  const made: string[] = [];
  io.on("new_namespace", (namespace) => made.push(namespace.name));
  const joined: string[] = [];
  const parent = io.of(/^\/room-\d+$/, (socket) => joined.push(socket.nsp.name));
  const conn = engine.connect();
  conn.join("/room-1");
  conn.join("/room-2");
  conn.deliver("0/room-x,");
  assertEquals(conn.take(), ['4/room-x,{"message":"Invalid namespace"}']);
  assertEquals(made, ["/room-1", "/room-2"]);
  assertEquals(joined, ["/room-1", "/room-2"]);
  assertEquals(parent.children.size, 2);
  assertStrictEquals(io.of("/room-1"), [...parent.children][0]);
  conn.close();
});

Deno.test("clients make namespaces that a function lets pass, now or later", async () => {
  const { io, engine } = fakeServer();
  let later: (() => void) | undefined;
  io.of((name, auth, next) => {
    if (name === "/now") next(null, auth.token === "ok");
    else if (name === "/later") later = () => next(null, true);
    else if (name === "/error") next(new Error("no"), true);
    else if (name === "/rejects") return Promise.reject(new Error("x"));
    else if (name === "/foreign") return foreignRejection(new Error("x"));
    else throw new Error("x");
    return undefined;
  });
  const conn = engine.connect();
  await reported(async () => {
    conn.join("/now", { token: "ok" });
    conn.deliver("0/later,");
    conn.deliver("0/error,", "0/throws,", "0/rejects,", "0/foreign,");
    await microtasks();
  });
  assertEquals((conn.take() as string[]).map((text) => text.slice(0, 8)), [
    "4/error,",
    "4/throws",
    "4/reject",
    "4/foreig",
  ]);
  later!();
  assert((conn.take()[0] as string).startsWith("0/later,"));
  conn.close();
});

Deno.test("a function that decides after the client has gone makes nothing for it", () => {
  const { io, engine } = fakeServer();
  let go: (() => void) | undefined;
  const parent = io.of((_name, _auth, next) => go = () => next(null, true));
  const conn = engine.connect();
  conn.deliver("0/x,");
  conn.end("transport close");
  go!();
  assertEquals([...parent.children].map(({ sockets }) => sockets.size), [0]);
});

Deno.test("two clients that ask at once share the namespace", () => {
  const { io, engine } = fakeServer();
  const goes: (() => void)[] = [];
  io.of((_name, _auth, next) => goes.push(() => next(null, true)));
  const [a, b] = [engine.connect(), engine.connect()];
  a.deliver("0/x,");
  b.deliver("0/x,");
  for (const go of goes) go();
  assertEquals(io.of("/x").sockets.size, 2);
  a.close();
  b.close();
});

Deno.test("children have their parent's middleware and listeners", () => {
  const { io, engine } = fakeServer();
  const parent = io.of(/^\/p/);
  const log: string[] = [];
  parent.use((socket, next) => {
    log.push(`middleware ${socket.nsp.name}`);
    next();
  });
  parent.on("connection", (socket) => log.push(`connection ${socket.nsp.name}`));
  const conn = engine.connect();
  conn.join("/p1");
  assertEquals(log, ["middleware /p1", "connection /p1"]);
  conn.close();
});

Deno.test("what is done to a parent is done to its children", async () => {
  const { io, engine } = fakeServer();
  const parent = io.of(/^\/p/);
  const conns = [engine.connect(), engine.connect()];
  conns[0].join("/p1");
  conns[1].join("/p2");
  parent.emit("x", new Uint8Array([1]));
  parent.socketsJoin("r");
  parent.to("r").emit("y");
  parent.socketsLeave("r");
  parent.to("r").emit("z");
  for (const [i, conn] of conns.entries()) {
    assertEquals(conn.take(), [
      `51-/p${i + 1},["x",{"_placeholder":true,"num":0}]`,
      new Uint8Array([1]),
      `2/p${i + 1},["y"]`,
    ]);
  }
  const answers = parent.emitWithAck("a");
  conns[0].deliver("3/p1,0[1]");
  conns[1].deliver("3/p2,0[2]");
  assertEquals(await answers, [1, 2]);
  assertEquals((await parent.fetchSockets()).length, 2);
  assertEquals((await parent.allSockets()).size, 2);
  parent.disconnectSockets();
  assertEquals((await parent.allSockets()).size, 0);
  assertEquals(await io.of(/^\/empty/).emitWithAck("a"), []);
  for (const conn of conns) conn.close();
});

Deno.test("children go with their last socket, where that is wanted", () => {
  const { io, engine } = fakeServer({ cleanupEmptyChildNamespaces: true });
  const parent = io.of(/^\/p/);
  const [a, b] = [engine.connect(), engine.connect()];
  a.join("/p1");
  b.join("/p1");
  a.deliver("1/p1,");
  assertEquals(parent.children.size, 1);
  b.end("transport close");
  assertEquals(parent.children.size, 0);
  assert(!io._nsps.has("/p1"));
  a.join("/p1");
  assertEquals(parent.children.size, 1);
  a.close();
  assertEquals(parent.children.size, 0);
});

Deno.test("a child whose only client was refused goes too", () => {
  const { io, engine } = fakeServer({ cleanupEmptyChildNamespaces: true });
  const parent = io.of(/^\/p/);
  parent.use((_socket, next) => next(new Error("no")));
  const conn = engine.connect();
  conn.deliver("0/p1,");
  assertEquals(parent.children.size, 0);
  conn.close();
});

Deno.test("children stay, where nothing else is wanted", () => {
  const { io, engine } = fakeServer();
  const parent = io.of(/^\/p/);
  const conn = engine.connect();
  conn.join("/p1");
  conn.close();
  assertEquals(parent.children.size, 1);
});

Deno.test("children that are made for clients have a limit: the empty ones go, and no other is made", () => {
  const { io, engine } = fakeServer({ maxChildNamespaces: 3 });
  const parent = io.of(/^\/p/);
  io.of("/p-own");
  const conns = [1, 2, 3].map((i) => {
    const conn = engine.connect();
    conn.join(`/p${i}`);
    return conn;
  });
  const late = engine.connect();
  late.deliver("0/p4,");
  assertEquals(late.take(), ['4/p4,{"message":"Invalid namespace"}']);
  late.join("/p3");
  conns[0].close();
  conns[1].close();
  late.join("/p5");
  assertEquals([...io._nsps.keys()], ["/", "/p-own", "/p3", "/p5"]);
  assertEquals(parent.children.size, 3);
  for (const conn of [...conns, late]) conn.close();
  assertThrows(() => fakeServer({ maxChildNamespaces: 0 }), RangeError, "maxChildNamespaces");
});

Deno.test("a client that is let in late comes to the child that was made meanwhile, at the limit too", () => {
  const { io, engine } = fakeServer({ maxChildNamespaces: 1 });
  const answers: (() => void)[] = [];
  const parent = io.of((_name, _auth, next) => answers.push(() => next(null, true)));
  const conns = [1, 2].map(() => {
    const conn = engine.connect();
    conn.deliver("0/p,");
    return conn;
  });
  for (const answer of answers) answer();
  for (const conn of conns) assertMatch(String(conn.take()[0]), /^0\/p,\{"sid":/);
  assertEquals([parent.children.size, io.of("/p").sockets.size], [1, 2]);
  for (const conn of conns) conn.close();
});

Deno.test("a child whose only client is still looked for is not empty", async () => {
  const { io, engine } = fakeServer({
    maxChildNamespaces: 1,
    connectionStateRecovery: {},
  });
  io.of(/^\/p/);
  const conn = engine.connect();
  conn.deliver('0/p1,{"pid":"x","offset":"y"}');
  const other = engine.connect();
  other.deliver("0/p2,");
  assertEquals(other.take(), ['4/p2,{"message":"Invalid namespace"}']);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(io.of("/p1").sockets.size, 1);
  conn.close();
  other.close();
  await io.close();
});

Deno.test("a child whose only client went while middleware looked at it is empty", () => {
  const { io, engine } = fakeServer({ cleanupEmptyChildNamespaces: true });
  const ends: (() => void)[] = [];
  io.of(/^\/p/).use((socket, next) => {
    ends.push(next);
    if (socket.nsp.name === "/p2") socket.conn.close();
  });
  const conn = engine.connect();
  conn.deliver("0/p1,");
  assertEquals([...io._nsps.keys()], ["/", "/p1"]);
  conn.close();
  engine.connect().deliver("0/p2,");
  assertEquals([...io._nsps.keys()], ["/"]);
  for (const end of ends) end();
  assertEquals([...io._nsps.keys()], ["/"]);
});

Deno.test("a regular expression with a state is refused", () => {
  const { io } = fakeServer();
  assertThrows(() => io.of(/x/g), TypeError, "state");
  assertThrows(() => io.of(/x/y), TypeError, "state");
});

Deno.test("a parent waits no longer for acknowledgements that did not come in time", async () => {
  const { io, engine } = fakeServer();
  const parent = io.of(/^\/p/);
  const conn = engine.connect();
  conn.join("/p1");
  const [socket] = await io.of("/p1").fetchSockets() as SocketIoSocket[];
  const answers = await new Promise<unknown[]>((resolve) => {
    parent.timeout(1).emit("a", (_error: Error, responses: unknown[]) => resolve(responses));
  });
  assertEquals([answers, socket.acks.size], [[], 0]);
  conn.deliver("3/p1,0[1]");
  assertEquals(answers, []);
  conn.close();
});
