import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { reported } from "../_support/console_errors.ts";
import { type FakeConnection, fakeServer, next } from "../_support/socketio_rig.ts";
import { SocketIoError } from "../../socketio/errors.ts";
import { SocketIoServer, type SocketIoServerOptions } from "../../socketio/server.ts";
import { SocketIoSocket } from "../../socketio/socket.ts";

function connect(options?: SocketIoServerOptions): {
  io: SocketIoServer;
  socket: SocketIoSocket;
  conn: FakeConnection;
} {
  const { io, join } = fakeServer(options);
  let socket: SocketIoSocket | undefined;
  io.once("connection", (connected) => socket = connected);
  const conn = join("/", { token: "abc" });
  return { io, socket: socket!, conn };
}

Deno.test("socket has the facts of its handshake", () => {
  const { socket, conn } = connect();
  const { handshake } = socket;
  assertEquals(handshake.auth, { token: "abc" });
  assertEquals(handshake.query, { EIO: "4", x: "1" });
  assertEquals(handshake.headers.host, "example.org");
  assertEquals(handshake.address, "192.0.2.1");
  assertEquals(handshake.xdomain, true);
  assertEquals(handshake.secure, true);
  assertEquals(handshake.url, "/socket.io/?EIO=4&transport=websocket&x=1");
  assertEquals(new Date(handshake.time).getTime(), Math.floor(handshake.issued / 1000) * 1000);
  assertStrictEquals(socket.handshake, handshake);
  conn.close();
});

Deno.test("socket gets events with all kinds of arguments", () => {
  const { socket, conn } = connect();
  const seen: unknown[] = [];
  socket.on("a", (...args) => seen.push(args));
  conn.deliver('2["a"]', '2["a",1,"2",{"3":[true]},null]');
  conn.deliver('52-["a",{"x":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}]');
  conn.deliver(new Uint8Array([1]), new Uint8Array([2]));
  assertEquals(seen, [
    [],
    [1, "2", { 3: [true] }, null],
    [{ x: new Uint8Array([1]) }, new Uint8Array([2])],
  ]);
  conn.close();
});

Deno.test("socket sends events with all kinds of arguments", () => {
  const { socket, conn } = connect();
  conn.take();
  assert(socket.emit("a", 1, "2", { 3: [true] }));
  socket.send("x").write("y");
  socket.emit("b", new Uint8Array([1]).buffer, [new Uint8Array([2])]);
  assertEquals(conn.take(), [
    '2["a",1,"2",{"3":[true]}]',
    '2["message","x"]',
    '2["message","y"]',
    '52-["b",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]',
    new Uint8Array([1]),
    new Uint8Array([2]),
  ]);
  conn.close();
});

Deno.test("socket refuses to send reserved events, and what can't be encoded", () => {
  const { socket, conn } = connect();
  for (const name of ["connect", "connect_error", "disconnect", "disconnecting", "newListener"]) {
    assertThrows(() => socket.emit(name), TypeError, name);
    assertThrows(() => socket.emitWithAck(name), TypeError, name);
  }
  assertThrows(() => socket.emit("a", 1n), TypeError);
  conn.close();
});

Deno.test("socket answers an event once, whatever the listener does", () => {
  const { socket, conn } = connect();
  conn.take();
  socket.on("a", (value, answer) => {
    answer(value, "more");
    answer("again");
  });
  conn.deliver('212["a",1]');
  socket.on("b", (answer) => answer(new Uint8Array([7])));
  conn.deliver('213["b"]');
  assertEquals(conn.take(), [
    '312[1,"more"]',
    '61-13[{"_placeholder":true,"num":0}]',
    new Uint8Array([7]),
  ]);
  conn.close();
});

Deno.test("socket does not answer after it was disconnected", () => {
  const { socket, conn } = connect();
  let answer: ((value: unknown) => void) | undefined;
  socket.on("a", (done) => answer = done);
  conn.deliver('21["a"]', "1");
  conn.take();
  answer!(1);
  assertEquals(conn.take(), []);
  conn.close();
});

Deno.test("socket asks for an acknowledgement by callback", () => {
  const { socket, conn } = connect();
  conn.take();
  const answers: unknown[] = [];
  socket.emit("a", 1, (...args: unknown[]) => answers.push(args));
  socket.emit("b", (...args: unknown[]) => answers.push(args));
  assertEquals(conn.take(), ['20["a",1]', '21["b"]']);
  conn.deliver('31["second"]', '30["first",2]', '30["again"]', '399["nobody"]');
  assertEquals(answers, [["second"], ["first", 2]]);
  assertEquals(socket.acks.size, 0);
  conn.close();
});

Deno.test("socket asks for an acknowledgement by promise", async () => {
  const { socket, conn } = connect();
  const answer = socket.emitWithAck("a", 1);
  const inTime = socket.timeout(1000).emitWithAck("b");
  conn.deliver('30[{"x":1}]', "31[2]");
  assertEquals(await answer, { x: 1 });
  assertEquals(await inTime, 2);
  conn.close();
});

Deno.test("socket tells when an acknowledgement does not come in time", async () => {
  const { socket, conn } = connect();
  const error = await assertRejects(() => socket.timeout(5).emitWithAck("a"), SocketIoError);
  assertEquals(error.code, "ERR_TIMEOUT");
  const [failure] = await new Promise<unknown[]>((resolve) => {
    socket.timeout(5).emit("b", (...args: unknown[]) => resolve(args));
  });
  assertEquals((failure as SocketIoError).code, "ERR_TIMEOUT");
  assertEquals(socket.acks.size, 0);
  conn.deliver("30[1]");
  conn.close();
});

Deno.test("socket in time gives no error in front", () => {
  const { socket, conn } = connect();
  const answers: unknown[] = [];
  socket.timeout(1000).emit("a", (...args: unknown[]) => answers.push(args));
  conn.deliver('30["x"]');
  assertEquals(answers, [[null, "x"]]);
  conn.close();
});

Deno.test("socket that is disconnected gives up what it waits for", async () => {
  const { socket, conn } = connect();
  const waiting = assertRejects(() => socket.emitWithAck("a"), SocketIoError);
  const timed = assertRejects(() => socket.timeout(60_000).emitWithAck("b"), SocketIoError);
  let failure: unknown;
  socket.timeout(60_000).emit("c", (error: unknown) => failure = error);
  socket.emit("d", () => failure = "called without an error");
  conn.end("transport close");
  assertEquals((await waiting).code, "ERR_DISCONNECTED");
  assertEquals((await timed).code, "ERR_DISCONNECTED");
  assertEquals((failure as SocketIoError).code, "ERR_DISCONNECTED");
  assertEquals(socket.acks.size, 0);
  const late = await assertRejects(() => socket.emitWithAck("e"), SocketIoError);
  assertEquals(late.code, "ERR_DISCONNECTED");
});

Deno.test("socket gives up the oldest acknowledgement when too many are owed", async () => {
  const { socket, conn } = connect({ maxPendingAcks: 2 });
  const first = assertRejects(() => socket.emitWithAck("a"), SocketIoError);
  const second = socket.emitWithAck("b");
  const third = socket.emitWithAck("c");
  assertEquals((await first).code, "ERR_LIMIT");
  conn.deliver("31[1]", "32[2]");
  assertEquals(await Promise.all([second, third]), [1, 2]);
  conn.close();
});

Deno.test("socket tells catch-all listeners of what comes", () => {
  const { socket, conn } = connect();
  const log: unknown[] = [];
  const second = (event: string, ...args: unknown[]) => log.push(["second", event, ...args]);
  socket.onAny(second);
  socket.prependAny((event) => log.push(["first", event]));
  socket.on("a", (value) => log.push(["a", value]));
  conn.deliver('2["a",1]');
  assertEquals(log, [["first", "a"], ["second", "a", 1], ["a", 1]]);
  assertEquals(socket.listenersAny().length, 2);
  socket.offAny(second).offAny(second);
  assertEquals(socket.listenersAny().length, 1);
  socket.offAny();
  assertEquals(socket.listenersAny(), []);
  conn.close();
});

Deno.test("socket tells catch-all listeners of what goes, broadcasts included", () => {
  const { io, socket, conn } = connect();
  const log: unknown[] = [];
  const second = (...args: unknown[]) => log.push(args);
  socket.onAnyOutgoing(second).prependAnyOutgoing(() => log.push("first"));
  socket.emit("a", 1);
  io.emit("b", 2);
  assertEquals(log, ["first", ["a", 1], "first", ["b", 2]]);
  assertEquals(socket.listenersAnyOutgoing().length, 2);
  socket.offAnyOutgoing(second);
  socket.offAnyOutgoing();
  socket.emit("c");
  assertEquals(log.length, 4);
  conn.close();
});

Deno.test("socket runs middleware, which may change or refuse an event", () => {
  const { socket, conn } = connect();
  const log: unknown[] = [];
  socket.use((event, next) => {
    event.push("added");
    next();
    next();
  });
  socket.use(([name], next) => name === "bad" ? next(new Error("refused")) : next());
  socket.on("error", (error) => log.push(error.message));
  socket.on("good", (...args) => log.push(args));
  socket.on("bad", () => log.push("not reached"));
  conn.deliver('2["good",1]', '2["bad"]');
  assertEquals(log, [[1, "added"], "refused"]);
  conn.close();
});

Deno.test("socket's middleware finds the event whole after it has let it through", () => {
  const { socket, conn } = connect();
  const log: unknown[] = [];
  socket.use((event, next) => {
    next();
    log.push(["after", ...event]);
  });
  socket.on("a", (...args) => log.push(args));
  conn.deliver('2["a",1,2]');
  assertEquals(log, [[1, 2], ["after", "a", 1, 2]]);
  conn.close();
});

Deno.test("socket drops an event that middleware lets through too late", () => {
  const { socket, conn } = connect();
  let go: (() => void) | undefined;
  let called = false;
  socket.use((_event, next) => go = next);
  socket.on("a", () => called = true);
  conn.deliver('2["a"]');
  conn.end("transport close");
  go!();
  assertFalse(called);
});

Deno.test("socket is told why it was disconnected, still in its rooms at first", () => {
  const { socket, conn } = connect();
  const log: unknown[] = [];
  socket.join("room");
  socket.on("disconnecting", (reason) => log.push([reason, [...socket.rooms]]));
  socket.on("disconnect", (reason) => log.push([reason, [...socket.rooms], socket.connected]));
  conn.end("ping timeout");
  assertEquals(log, [
    ["ping timeout", [socket.id, "room"]],
    ["ping timeout", [], false],
  ]);
  assert(socket.disconnected);
});

Deno.test("socket that is disconnected by the server leaves the connection open, or not", () => {
  const { socket, conn } = connect();
  const reasons: unknown[] = [];
  socket.on("disconnect", (reason) => reasons.push(reason));
  conn.take();
  socket.disconnect();
  socket.disconnect();
  assertEquals(conn.take(), ["1"]);
  assertEquals(conn.readyState, "open");
  conn.close();
  const other = connect();
  other.socket.on("disconnect", (reason) => reasons.push(reason));
  other.socket.disconnect(true);
  assertEquals(other.conn.readyState, "closed");
  assertEquals(reasons, ["server namespace disconnect", "server namespace disconnect"]);
});

Deno.test("socket may be disconnected by its own listener of disconnecting", () => {
  const { socket, conn } = connect();
  let disconnects = 0;
  socket.on("disconnecting", () => void socket.disconnect());
  socket.on("disconnect", () => disconnects++);
  conn.end("transport close");
  assertEquals(disconnects, 1);
});

Deno.test("socket joins and leaves rooms until it is disconnected", () => {
  const { io, socket, conn } = connect();
  socket.join("a");
  socket.join(["b", "c"]);
  socket.leave("b");
  assertEquals(socket.rooms, new Set([socket.id, "a", "c"]));
  conn.end("transport close");
  socket.join("late");
  assertEquals(io.sockets.adapter.rooms.size, 0);
  assertEquals(io.sockets.adapter.sids.size, 0);
});

Deno.test("socket sends to others, but not to itself", () => {
  const { io, join } = fakeServer();
  const conns = [join(), join(), join()];
  const [a, b] = io.sockets.sockets.values();
  b.join("room");
  a.broadcast.emit("1");
  a.to("room").emit("2");
  a.in("room").emit("3");
  a.except("room").emit("4");
  a.local.emit("5");
  b.to("room").emit("6");
  assertEquals(conns[0].take(), []);
  assertEquals(conns[1].take(), ['2["1"]', '2["2"]', '2["3"]', '2["5"]']);
  assertEquals(conns[2].take(), ['2["1"]', '2["4"]', '2["5"]']);
  for (const conn of conns) conn.close();
});

Deno.test("socket's flags hold for one message", () => {
  const { socket, conn } = connect();
  conn.take();
  socket.compress(false).emit("a");
  socket.emit("b");
  const { writes } = conn;
  assertEquals(writes.map(({ options }) => options?.compress), [false, undefined]);
  conn.close();
});

Deno.test("socket's flags add up, and go along with a choice of others", () => {
  const { io, join } = fakeServer();
  const conns = [join(), join()];
  const [a, b] = io.sockets.sockets.values();
  for (const first of ["volatile", "compress"] as const) {
    const flagged = () =>
      first === "volatile" ? a.volatile.compress(false) : a.compress(false).volatile;
    for (const conn of conns) conn.take();
    flagged().emit("1");
    flagged().timeout(1000).broadcast.emit("2");
    a.emit("3");
    a.broadcast.emit("4");
    const seen = conns.map(({ writes }) =>
      writes.map(({ data, options }) => [data, options?.compress, options?.volatile ?? false])
    );
    assertEquals(seen, [
      [['2["1"]', false, true], ['2["3"]', undefined, false]],
      [['2["2"]', false, true], ['2["4"]', undefined, false]],
    ], first);
  }
  assert(b.connected);
  for (const conn of conns) conn.close();
});

Deno.test("socket of another namespace says so in all that it sends", async () => {
  const { io, engine } = fakeServer();
  io.of("/a").on("connection", (socket) => {
    socket.on("ask", (answer) => answer("yes"));
  });
  const conn = engine.connect();
  conn.join("/a");
  const [socket] = io.of("/a").sockets.values();
  socket.emit("x");
  socket.emit("y", () => {});
  const answer = socket.emitWithAck("z");
  conn.deliver('2/a,7["ask"]');
  socket.compress(false).disconnect();
  assertEquals(conn.take(), ['2/a,["x"]', '2/a,0["y"]', '2/a,1["z"]', '3/a,7["yes"]', "1/a,"]);
  await assertRejects(() => answer, SocketIoError);
  conn.close();
});

Deno.test("socket does not take an event of the client as the answer with the same number", async () => {
  const { socket, conn } = connect();
  const answer = socket.emitWithAck("x");
  conn.deliver('20["an event"]', '30["the answer"]');
  assertEquals(await answer, "the answer");
  assert(socket.connected);
  conn.close();
});

Deno.test("socket that leaves before its blob is read sends nothing any more", async () => {
  const { socket, conn } = connect();
  const read = Promise.withResolvers<ArrayBuffer>();
  const blob = Object.assign(new Blob(["x"]), { arrayBuffer: () => read.promise });
  conn.take();
  socket.emit("x", blob);
  socket.disconnect();
  read.resolve(new ArrayBuffer(1));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([conn.take(), conn.readyState], [["1"], "open"]);
  conn.close();
});

Deno.test("a listener that throws ends its own connection, and is reported", () => {
  const errors: unknown[] = [];
  const { io, join } = fakeServer({ onListenerError: (error) => errors.push(error) });
  const reasons: unknown[] = [];
  io.on("connection", (socket) => {
    socket.on("bad", () => {
      throw new Error("broken");
    });
    socket.on("worse", () => Promise.reject(new Error("rejected")));
    socket.on("disconnect", (reason, error) => reasons.push([reason, (error as Error).message]));
  });
  const [a, b] = [join(), join()];
  a.deliver('2["bad"]', '2["bad"]');
  assertEquals(a.readyState, "closed");
  assertEquals(b.readyState, "open");
  assertEquals(errors.map((error) => (error as Error).message), ["broken"]);
  assertEquals(reasons.length, 1);
  assertEquals((reasons[0] as string[])[0], "forced server close");
  b.close();
});

Deno.test("a listener whose promise is rejected ends its own connection", async () => {
  const errors: unknown[] = [];
  const { io, join } = fakeServer({ onListenerError: (error) => errors.push(error) });
  io.on("connection", (socket) => socket.on("a", () => Promise.reject("rejected")));
  const conn = join();
  const closed = new Promise<void>((resolve) => conn.on("close", () => resolve()));
  conn.deliver('2["a"]');
  await closed;
  assertEquals(errors, ["rejected"]);
});

Deno.test("whatever takes the errors of listeners may throw too", async () => {
  const errors = await reported(() => {
    const { io, join } = fakeServer({
      onListenerError: () => {
        throw "thrown by the taker";
      },
    });
    io.on("connection", () => {
      throw "thrown by the listener";
    });
    assertEquals(join().readyState, "closed");
  });
  assertEquals(errors, ["thrown by the taker"]);
});

Deno.test("an event called error with no listener harms nobody", () => {
  const { socket, conn } = connect();
  conn.deliver('2["error","x"]');
  assert(socket.connected);
  const seen: unknown[] = [];
  socket.on("error", (value) => seen.push(value));
  conn.deliver('2["error","y"]', '2["__proto__",{"polluted":1}]', '2["constructor"]');
  assertEquals(seen, ["y"]);
  assert(!("polluted" in {}));
  conn.close();
});

Deno.test("socket sends a blob in its place among other messages", async () => {
  const { socket, conn } = connect();
  conn.take();
  socket.emit("a", new Blob(["hi"]));
  socket.emit("b");
  assertEquals(conn.take(), []);
  const answer = socket.emitWithAck("c", { file: new Blob(["x"]) });
  while (conn.writes.length < 5) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals(conn.take(), [
    '51-["a",{"_placeholder":true,"num":0}]',
    new TextEncoder().encode("hi"),
    '2["b"]',
    '51-0["c",{"file":{"_placeholder":true,"num":0}}]',
    new TextEncoder().encode("x"),
  ]);
  conn.deliver('30["got it"]');
  assertEquals(await answer, "got it");
  socket.emit("d");
  assertEquals(conn.take(), ['2["d"]'], "at once again");
  conn.close();
});

Deno.test("socket tells who waits for an answer of a blob that can't be read, or of what can't be encoded beside it, and goes on", async () => {
  for (const connectionStateRecovery of [undefined, {}]) {
    const { io, socket, conn } = connect({ connectionStateRecovery });
    conn.take();
    const gone = new DOMException("gone", "NotReadableError");
    const unreadable = Object.assign(new Blob(), { arrayBuffer: () => Promise.reject(gone) });
    assertStrictEquals(
      await socket.emitWithAck("a", unreadable).catch((error: unknown) => error),
      gone,
    );
    const told = Promise.withResolvers<unknown>();
    socket.timeout(60_000).emit("b", unreadable, (error: unknown) => told.resolve(error));
    assertStrictEquals(await told.promise, gone);
    const errors = await reported(async () => {
      socket.emit("c", unreadable);
      socket.emit("d", unreadable, () => {});
      socket.on("e", (answer) => answer(unreadable));
      conn.deliver('20["e"]');
      socket.emit("f", new Blob(["x"]), 1n);
      socket.emit("g");
      while (conn.writes.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    });
    assertEquals(errors.map((error) => (error as Error).name), [
      ...Array(3).fill("NotReadableError"),
      "TypeError",
    ]);
    assertEquals([socket.connected, socket.acks.size, conn.take().length], [true, 0, 1]);
    await io.close();
  }
});

Deno.test("socket hands its events to what a library put in place of onevent", () => {
  const errors: unknown[] = [];
  const { io, join } = fakeServer({ onListenerError: (error) => errors.push(error) });
  const log: unknown[] = [];
  io.on("connection", (socket) => {
    const { onevent } = socket;
    socket.onevent = (packet) => {
      onevent.call(socket, packet);
      log.push(packet.data);
      if ((packet.data as unknown[])[0] === "b") throw "failed";
    };
    socket.on("a", (value, done) => done(value + 1));
  });
  const conn = join();
  conn.deliver('27["a",1]');
  assertEquals([conn.take(), log], [["37[2]"], [["a", 1]]]);
  conn.deliver('2["b"]');
  assertEquals([errors, conn.readyState], [["failed"], "closed"]);
});

Deno.test("socket hands its events to what a library put in the prototype", () => {
  const { io, join } = fakeServer();
  const log: unknown[] = [];
  io.on("connection", (socket) => socket.on("a", (value) => log.push(value)));
  const { onevent } = SocketIoSocket.prototype;
  SocketIoSocket.prototype.onevent = function (packet) {
    log.push(packet.data);
    onevent.call(this, packet);
  };
  try {
    const conn = join();
    conn.deliver('2["a",1]');
    conn.close();
  } finally {
    SocketIoSocket.prototype.onevent = onevent;
  }
  assertEquals(log, [["a", 1], 1]);
});

Deno.test("socket calls listeners that were put in front of the others first", () => {
  const { io, join } = fakeServer();
  const log: string[] = [];
  io.on("connection", (socket) => {
    socket.setMaxListeners(0).on("a", () => log.push("last"))
      .prependListener("a", () => log.push("first"))
      .prependOnceListener("a", () => log.push("once"));
  });
  const conn = join();
  conn.deliver('2["a"]', '2["a"]');
  assertEquals(log, ["once", "first", "last", "first", "last"]);
  conn.close();
});

Deno.test("socket's listeners can be counted, listed and removed", () => {
  const { socket, conn } = connect();
  const listener = () => {};
  socket.on("a", listener).addListener("b", listener).once("c", listener);
  assertEquals(socket.eventNames(), ["a", "b", "c"]);
  assertEquals(socket.listenerCount("a"), 1);
  assertEquals(socket.listeners("c"), [listener]);
  socket.off("a", listener).removeListener("b", listener).removeAllListeners("c");
  assertEquals(socket.eventNames(), []);
  socket.on("a", listener).removeAllListeners(undefined);
  assertEquals(socket.listenerCount("a"), 1);
  socket.removeAllListeners();
  assertEquals(socket.listenerCount("a"), 0);
  conn.close();
});

Deno.test("socket's data is its own", () => {
  const { io, join } = fakeServer();
  const conns = [join(), join()];
  const [a, b] = io.sockets.sockets.values();
  a.data.name = "a";
  assertEquals(b.data, {});
  b.data = { name: "b" };
  assertEquals([a.data, b.data], [{ name: "a" }, { name: "b" }]);
  for (const conn of conns) conn.close();
});

Deno.test("socket's data has the type that the server was given, as npm's has", () => {
  const io = new SocketIoServer<
    { hello: () => void },
    { said: (name: string) => void },
    Record<never, never>,
    { name: string }
  >();
  io.use((socket, next) => {
    socket.data.name = "ann";
    next();
  });
  io.on("connection", (socket) => {
    socket.on("hello", () => socket.emit("said", socket.data.name));
  });
  const remoteName = async () => (await io.fetchSockets()).map((socket) => socket.data.name.length);
  assertEquals(typeof remoteName, "function");
});

Deno.test("socket of a closed connection waits for nothing", async () => {
  const { socket, conn } = connect();
  const disconnected = next(socket, "disconnect");
  conn.close();
  assertEquals((await disconnected)[0], "forced close");
  assert(socket.emit("a"));
  assertEquals(conn.take(), []);
});

Deno.test("socket waits for no acknowledgement of what can't be encoded", () => {
  const { socket, conn } = connect();
  let calls = 0;
  assertThrows(() => socket.emit("x", 1n, () => calls++), TypeError);
  assertThrows(() => socket.timeout(20).emit("x", 1n, () => calls++), TypeError);
  assertEquals([socket.acks.size, calls], [0, 0]);
  conn.close();
  assertEquals(calls, 0);
});
