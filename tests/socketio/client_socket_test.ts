import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { foreignPromise, foreignRejection } from "../_support/foreign_promise.ts";
import { ahead } from "../_support/ahead.ts";
import { stubOptions } from "../_support/engine_client_stubs.ts";
import { next, withServer } from "../_support/socketio_rig.ts";
import { reported } from "../_support/console_errors.ts";
import type { SocketIoAuth } from "../../socketio/client_options.ts";
import { within } from "../_support/ports.ts";
import { SocketIoClientSocket } from "../../socketio/client_socket.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import { SocketIoError } from "../../socketio/errors.ts";
import { InMemoryAdapter } from "../../socketio/in_memory_adapter.ts";
import { SocketIoServer } from "../../socketio/server.ts";
import { SessionAwareAdapter } from "../../socketio/session_aware_adapter.ts";
import type { SocketIoSocket } from "../../socketio/socket.ts";
import type { AdapterPacket, BroadcastOptions } from "../../socketio/types.ts";

Deno.test("client connects, is told its id, and disconnects", async () => {
  await withServer({}, async ({ io, url }) => {
    const server = next<[SocketIoSocket]>(io, "connection");
    const socket = connectSocketIo(url);
    assertFalse(socket.connected);
    assert(socket.active && socket.disconnected);
    await next(socket, "connect");
    const [peer] = await server;
    assertEquals(socket.id, peer.id);
    const left = next(peer, "disconnect");
    const gone = next(socket, "disconnect");
    await socket.close();
    assertEquals(await gone, ["io client disconnect", undefined]);
    assertEquals((await left)[0], "client namespace disconnect");
    assertFalse(socket.active);
    assertEquals(socket.id, undefined);
  });
});

Deno.test("client sends its auth: an object, or what a function makes of it each time", async () => {
  await withServer({}, async ({ io, url }) => {
    const seen: unknown[] = [];
    io.on("connection", (socket) => seen.push(socket.handshake.auth));
    const auths = [
      { a: 1 },
      (done: (data: Record<string, unknown>) => void) => done({ b: 2 }),
      () => Promise.resolve({ c: 3 }),
      () => foreignPromise({ d: 4 }),
      () => ({ e: 5 }),
      (done: (data: Record<string, unknown>) => void) => {
        queueMicrotask(() => done({ f: 6 }));
        return { g: 7 }; // what an arrow function happens to give
      },
      undefined,
    ];
    for (const auth of auths) {
      const socket = connectSocketIo(url, { auth });
      await next(socket, "connect");
      await socket.close();
    }
    assertEquals(seen, [{ a: 1 }, { b: 2 }, { c: 3 }, { d: 4 }, { e: 5 }, { f: 6 }, {}]);
  });
});

Deno.test("client gives a namespace up that does not answer in time, and tells the server when it does after all", async () => {
  await withServer({}, async ({ io, url }) => {
    const asked = Promise.withResolvers<() => void>();
    io.of("/slow").use((_socket, next) => asked.resolve(() => next()));
    const main = connectSocketIo(url);
    const slow = connectSocketIo(`${url}/slow`, { connectTimeout: 30 });
    assert(slow.io === main.io);
    const [error] = await next<[SocketIoError]>(slow, "connect_error");
    assertEquals([error.code, error.message], [
      "ERR_TIMEOUT",
      'Cannot connect: no answer for the namespace "/slow" within 30 ms',
    ]);
    assertFalse(slow.active);
    const joined = next<[SocketIoSocket]>(io.of("/slow"), "connection");
    (await asked.promise)();
    const [peer] = await joined;
    assertEquals((await next(peer, "disconnect"))[0], "client namespace disconnect");
    assertFalse(slow.connected);
    assert(main.connected);
    await main.close();
    await slow.close();
  });
});

Deno.test("client that a listener of the connection's beginning connects asks once, and is not refused later", async () => {
  await withServer({}, async ({ io, url }) => {
    let joined = 0;
    io.of("/admin").on("connection", () => joined++);
    for (const autoConnect of [false, true]) {
      const main = connectSocketIo(url);
      const admin = connectSocketIo(`${url}/admin`, { autoConnect, connectTimeout: 60_000 });
      assert(admin.io === main.io);
      const errors: Error[] = [];
      admin.on("connect_error", (error) => errors.push(error));
      main.io.once("open", () => void admin.disconnect().connect());
      await next(admin, "connect");
      if (!autoConnect) assertEquals(joined, 1);
      assertEquals(errors, []);
      assert(admin.connected);
      // A timer that would refuse it later would be left behind now.
      await Promise.all([main.close(), admin.close()]);
    }
  });
});

Deno.test("client waits for a namespace anew after each connect(), and not for one that it left", async () => {
  await withServer({}, async ({ io, url }) => {
    let answers = false;
    io.use((_socket, next) => answers && next());
    const socket = connectSocketIo(url, { connectTimeout: 30, auth: () => Promise.resolve({}) });
    await next(socket, "connect_error");
    answers = true;
    const again = () => void socket.connect(); // where the machine is too slow for such a time
    socket.on("connect_error", again).connect();
    await next(socket, "connect");
    socket.off("connect_error", again);
    await socket.close();
    answers = false;
    socket.on("connect_error", () => assert(false, "nobody waits any more"));
    socket.connect();
    await next(socket.io, "open");
    await socket.close();
    await new Promise((resolve) => setTimeout(resolve, 60));
    assertThrows(() => connectSocketIo(url, { connectTimeout: 0, forceNew: true }), RangeError);
  });
});

Deno.test("client whose auth answers after connectTimeout asks for its namespace once", async () => {
  await withServer({}, async ({ io, url }) => {
    const seen: unknown[] = [];
    io.on("connection", (socket) => {
      seen.push(socket.handshake.auth);
      socket.on("ask", (answer) => answer("answered"));
    });
    const answers: ((data: Record<string, unknown>) => void)[] = [];
    const socket = connectSocketIo(url, {
      connectTimeout: 1000,
      auth: (done: (data: Record<string, unknown>) => void) => void answers.push(done),
    });
    await next(socket, "connect_error");
    socket.connect();
    while (answers.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    answers[0]({ late: true });
    answers[1]({ late: false });
    await next(socket, "connect");
    let lost = 0;
    socket.on("disconnect", () => lost++);
    // What a second request would have led to has come before this.
    assertEquals(await socket.timeout(5000).emitWithAck("ask"), "answered");
    assertEquals([seen, lost], [[{ late: false }], 0]);
    await socket.close();
  });
});

Deno.test("client whose auth fails is told, and may connect again with another", async () => {
  await withServer({}, async ({ io, url }) => {
    const seen: unknown[] = [];
    io.on("connection", (socket) => void seen.push(socket.handshake.auth));
    const broken = new Error("no token");
    const auths = [() => Promise.reject(broken), () => foreignRejection(broken), () => {
      throw broken;
    }];
    const socket = connectSocketIo(url, { autoConnect: false });
    for (const auth of auths) {
      socket.auth = auth;
      const told = next<[SocketIoError]>(socket, "connect_error");
      socket.connect();
      const [error] = await told;
      assertEquals([error.code, error.cause, socket.active], ["ERR_LISTENER", broken, false]);
    }
    socket.auth = () => Promise.resolve({ token: 7 });
    socket.connect();
    await next(socket, "connect");
    assertEquals(seen, [{ token: 7 }]);
    await socket.close();
  });
});

Deno.test("client whose auth fails with what can't be made a text is told, too", async () => {
  await withServer({}, async ({ url }) => {
    for (const cause of [Object.create(null), Symbol("a"), undefined]) {
      for (
        const auth of [() => Promise.reject(cause), () => {
          throw cause;
        }]
      ) {
        const socket = connectSocketIo(url, { auth, forceNew: true });
        const [error] = await next<[SocketIoError]>(socket, "connect_error");
        assertEquals([error.code, error.cause], ["ERR_LISTENER", cause]);
        assertEquals(error.message, "Cannot connect: auth failed: it told no reason");
        assertFalse(socket.active);
        await socket.close();
      }
    }
  });
});

Deno.test("client whose auth is no object is told, as one whose auth fails", async () => {
  await withServer({}, async ({ url }) => {
    for (const none of [3, "text", [1]]) {
      for (
        const auth of [none, () => Promise.resolve(none), () => none] as unknown as SocketIoAuth[]
      ) {
        const socket = connectSocketIo(url, { auth, forceNew: true, reconnectionDelay: 10 });
        const [error] = await next<[SocketIoError]>(socket, "connect_error");
        assertEquals(error.message, "Cannot connect: auth failed: it gave no object");
        assertEquals([error.code, socket.active], ["ERR_LISTENER", false]);
        await socket.close();
      }
    }
  });
});

Deno.test("client whose auth can't be encoded is told, as one whose auth fails", async () => {
  await withServer({}, async ({ url }) => {
    const auth = { id: 1n };
    const auths = [
      auth,
      (done: (data: Record<string, unknown>) => void) => done(auth),
      () => Promise.resolve(auth),
    ];
    for (const each of auths) {
      const socket = connectSocketIo(url, { auth: each });
      const [error] = await next<[SocketIoError]>(socket, "connect_error");
      assertEquals([error.code, socket.active], ["ERR_LISTENER", false]);
      assert(error.cause instanceof TypeError);
      socket.auth = {};
      socket.connect();
      await next(socket, "connect");
      await socket.close();
    }
  });
});

Deno.test("client that leaves before its auth fails is told nothing more", async () => {
  await withServer({}, async ({ url }) => {
    const { promise, reject } = Promise.withResolvers<Record<string, unknown>>();
    const asked = Promise.withResolvers<void>();
    const socket = connectSocketIo(url, { auth: () => (asked.resolve(), promise) });
    socket.on("connect_error", () => assert(false, "nobody waits any more"));
    await asked.promise;
    await socket.close();
    const errors = await reported(async () => {
      reject("late");
      await new Promise((resolve) => setTimeout(resolve, 1));
    });
    assertEquals(errors, ["late"]);
  });
});

Deno.test("client is told when the connection is lost before the namespace lets it in", async () => {
  await withServer({}, async ({ io, url }) => {
    let turn = 0;
    io.use((socket, next) => {
      if (turn++ === 0) socket.conn.close();
      else next();
    });
    const log: unknown[] = [];
    const socket = connectSocketIo(url, { reconnectionDelay: 1, transports: ["websocket"] });
    socket.on("connect_error", ({ code }) => log.push(code, socket.active));
    socket.on("disconnect", (reason) => log.push(reason));
    await next(socket, "connect");
    assertEquals(log, ["ERR_DISCONNECTED", true]);
    await socket.close();

    turn = log.length = 0;
    const once = connectSocketIo(url, { reconnection: false });
    once.on("connect_error", ({ code }) => log.push(code));
    once.on("disconnect", (reason) => log.push(reason));
    await new Promise<void>((resolve) => once.io.on("close", () => setTimeout(resolve, 0)));
    assertEquals([log, once.active], [["ERR_DISCONNECTED"], false]);
    await once.close();
  });
});

Deno.test("client is told why a namespace refuses it, and does not come back by itself", async () => {
  await withServer({}, async ({ io, url }) => {
    io.use((socket, next) => {
      if (socket.handshake.auth.token === "ok") return next();
      next(Object.assign(new Error("not allowed"), { data: { code: 42 } }));
    });
    const socket = connectSocketIo(url);
    const [error] = await next<[SocketIoError]>(socket, "connect_error");
    assertEquals([error.code, error.message, error.data], ["ERR_REFUSED", "not allowed", {
      code: 42,
    }]);
    assertFalse(socket.active);
    socket.auth = { token: "ok" };
    const connected = next(socket, "connect");
    socket.connect();
    await connected;
    await socket.close();
    const unknown = connectSocketIo(`${url}/unknown`);
    const [other] = await next<[SocketIoError]>(unknown, "connect_error");
    assertEquals(other.message, "Invalid namespace");
    await unknown.close();
  });
});

Deno.test("client is refused with a reason that is no text, whatever it is", async () => {
  const open = '0{"sid":"s","upgrades":[],"pingInterval":60000,"pingTimeout":60000}';
  for (const message of ['{"toString":1}', '{"toString":null,"valueOf":1}', "[[]]", "null", "7"]) {
    const { options, sockets } = stubOptions();
    const socket = connectSocketIo("http://example.org/", {
      transports: ["websocket"],
      WebSocket: options.WebSocket,
      forceNew: true,
    });
    const refused = next<[SocketIoError]>(socket, "connect_error");
    sockets[0].accept(open, `44{"message":${message},"data":1}`);
    const [error] = await refused;
    const text = message === "7" ? "7" : "the server told no reason";
    assertEquals([error.code, error.message, error.data], ["ERR_REFUSED", text, 1]);
    await socket.close();
  }
});

Deno.test("client takes so many events, and so much of them, before the server lets it in", async () => {
  const open = '0{"sid":"s","upgrades":[],"pingInterval":60000,"pingTimeout":60000}';
  const begin = () => {
    const { options, sockets } = stubOptions({ maxHttpBufferSize: 1e6 });
    const socket = connectSocketIo("http://example.org/", {
      transports: ["websocket"],
      WebSocket: options.WebSocket,
      forceNew: true,
      maxBufferedEvents: 3,
      maxBufferedBytes: 1000,
    });
    const log: unknown[] = [];
    socket.onAny((_name, value) => log.push(value.length));
    socket.on("connect_error", ({ code, message }) => log.push(code, message));
    sockets[0].accept(open);
    return { socket, log, server: sockets[0] };
  };
  const event = (size: number) => `42["e",{"length":1,"deep":["${"x".repeat(size)}"]}]`;
  const message = "Cannot connect: too much came before the server let the socket in";
  const letIn = '40{"sid":"x"}';
  const inBytes = ['451-["e",{"_placeholder":true,"num":0}]', new ArrayBuffer(600)];
  for (
    const [packets, expected] of [
      [[event(1), event(1), event(1)], [1, 1, 1]],
      [[event(1), event(1), event(1), event(1)], ["ERR_LIMIT", message]],
      [[event(5000)], [1]],
      [[event(400), event(400)], [1, 1]],
      [[event(600), event(600)], ["ERR_LIMIT", message]],
      [inBytes, [600]],
      [[...inBytes, ...inBytes], ["ERR_LIMIT", message]],
    ] as [(string | ArrayBuffer)[], unknown[]][]
  ) {
    const { socket, log, server } = begin();
    server.receive(...packets);
    assertEquals(socket.active, expected[0] !== "ERR_LIMIT");
    if (socket.active) server.receive(letIn, event(2000), event(2000), event(1), event(1));
    assertEquals(log, socket.active ? [...expected, 1, 1, 1, 1] : expected);
    await socket.close();
  }
});

Deno.test("client that missed more than it takes before it is let in comes without its session", async () => {
  const open = '0{"sid":"s","upgrades":[],"pingInterval":60000,"pingTimeout":60000}';
  const { options, sockets } = stubOptions();
  const socket = connectSocketIo("http://example.org/", {
    transports: ["websocket"],
    WebSocket: options.WebSocket,
    forceNew: true,
    reconnectionDelay: 0,
    maxBufferedEvents: 2,
  });
  const log: unknown[] = [];
  socket.onAny((name) => log.push(name));
  socket.on("connect", () => log.push(["connect", socket.id, socket.recovered]));
  socket.on("connect_error", (error) => log.push(error));
  sockets[0].accept(open);
  sockets[0].receive('40{"sid":"a","pid":"p"}', '42["first","offset"]');
  sockets[0].end();
  while (sockets.length < 2) await next(socket.io, "reconnect_attempt");
  sockets[1].accept(open);
  const missed = ["1", "2", "3", "4", "5", "6"].map((n) => `42["missed${n}","offset${n}"]`);
  sockets[1].receive(...missed);
  assert(socket.active);
  sockets[1].receive('40{"sid":"a","pid":"p"}');
  const sent = sockets[1].sent;
  while (sent.length < 3) await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(sent, ['40{"pid":"p","offset":"offset"}', "41", "40"]);
  sockets[1].receive('40{"sid":"b","pid":"q"}', '42["last"]');
  assertEquals(log, [["connect", "a", false], "first", ["connect", "b", false], "last"]);
  await socket.close();
});

Deno.test("client that is refused when it was let in before is disconnected, and waits for no answers", async () => {
  const { options, sockets } = stubOptions();
  const socket = connectSocketIo("http://example.org/", {
    transports: ["websocket"],
    WebSocket: options.WebSocket,
    forceNew: true,
  });
  const log: unknown[] = [];
  socket.on("disconnect", (reason, error) => log.push(reason, (error as SocketIoError).code));
  socket.on("connect_error", ({ code }) => log.push(code, socket.connected));
  const open = '0{"sid":"s","upgrades":[],"pingInterval":60000,"pingTimeout":60000}';
  // What lets it in a second time says nothing, also where it is that of an older revision.
  sockets[0].accept(open, '40{"sid":"x"}', "40", '40{"sid":"y"}');
  assertEquals([socket.id, socket.connected, log], ["x", true, []]);
  const answer = socket.emitWithAck("question");
  sockets[0].receive('44{"message":"no"}');
  const error = await assertRejects(() => answer, SocketIoError);
  assertEquals(error.code, "ERR_DISCONNECTED");
  assertEquals(log, ["io server disconnect", "ERR_REFUSED", "ERR_REFUSED", false]);
  assertFalse(socket.active);
  await socket.close();
});

Deno.test("client whose auth fails when the server has let it in unasked is told, and stays", async () => {
  const { options, sockets } = stubOptions();
  const auth = Promise.withResolvers<Record<string, unknown>>();
  const socket = connectSocketIo("http://example.org/", {
    transports: ["websocket"],
    WebSocket: options.WebSocket,
    forceNew: true,
    auth: () => auth.promise,
  });
  socket.on("connect_error", () => assert(false, "it is connected"));
  const open = '0{"sid":"s","upgrades":[],"pingInterval":60000,"pingTimeout":60000}';
  sockets[0].accept(open, '40{"sid":"x"}');
  const { error } = console;
  const told = Promise.withResolvers<unknown>();
  console.error = (...args) => told.resolve(args.at(-1));
  try {
    auth.reject(new Error("late"));
    assert(String(await told.promise).includes("late"));
  } finally {
    console.error = error;
  }
  assertEquals([socket.connected, socket.active], [true, true]);
  await socket.close();
});

Deno.test("client shares one connection among namespaces", async () => {
  await withServer({}, async ({ io, url }) => {
    const rooms: string[] = [];
    for (const name of ["/", "/a", "/b"]) {
      io.of(name, (socket) => socket.on("hi", () => rooms.push(socket.nsp.name)));
    }
    const main = connectSocketIo(url);
    const a = connectSocketIo(`${url}/a`);
    const b = main.of("/b");
    assertEquals(main.io, a.io);
    assertEquals(main.of("b"), b);
    await Promise.all([main, a, b].map((socket) => next(socket, "connect")));
    assertEquals(io.engine.clientsCount, 1);
    for (const socket of [a, main, b]) socket.emit("hi");
    while (rooms.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals(rooms, ["/a", "/", "/b"]);
    await a.close();
    await main.close();
    assert(b.connected);
    await b.close();
    assertEquals(io.engine.clientsCount, 0);
  });
});

Deno.test("client takes a second connection for a namespace that it is in already", async () => {
  await withServer({}, async ({ io, url }) => {
    const one = connectSocketIo(url);
    const two = connectSocketIo(url);
    await Promise.all([next(one, "connect"), next(two, "connect")]);
    assert(one.id !== two.id);
    assertEquals(io.engine.clientsCount, 2);
    await Promise.all([one.close(), two.close()]);
  });
});

Deno.test("client gets events, and answers those that ask for it", async () => {
  await withServer({}, async ({ io, url }) => {
    const connection = next<[SocketIoSocket]>(io, "connection");
    const socket = connectSocketIo(url);
    const log: unknown[] = [];
    socket.onAny((event, ...args) => log.push(["any", event, args.length]));
    socket.prependAny((event) => log.push(["first", event]));
    socket.on("a", (value, answer) => {
      log.push(["a", value]);
      answer({ got: value });
      answer("again");
    });
    const [peer] = await connection;
    assertEquals(await peer.emitWithAck("a", new Uint8Array([1])), { got: new Uint8Array([1]) });
    assertEquals(log, [["first", "a"], ["any", "a", 2], ["a", new Uint8Array([1])]]);
    assertEquals(socket.listenersAny().length, 2);
    socket.offAny();
    assertEquals(socket.listenersAny(), []);
    await socket.close();
  });
});

Deno.test("client's message is acknowledged where a callback is its last argument", async () => {
  await withServer({}, async ({ io, url }) => {
    io.on("connection", (socket) => {
      socket.on("message", (text, answer) => answer(`got ${text}`));
    });
    const socket = connectSocketIo(url);
    const answer = await new Promise((resolve) => socket.send("it", resolve));
    assertEquals(answer, "got it");
    const timed = await new Promise<unknown[]>((resolve) => {
      socket.timeout(5000).send("it", (...args: unknown[]) => resolve(args));
    });
    assertEquals(timed, [null, "got it"]);
    await socket.close();
  });
});

Deno.test("client sends events in order, those with blobs and bytes too", async () => {
  await withServer({}, async ({ io, url }) => {
    const seen: unknown[] = [];
    io.on("connection", (socket) => {
      socket.onAny((...args) => seen.push(args));
      socket.on("end", (answer) => answer());
    });
    const socket = connectSocketIo(url, { transports: ["websocket"] });
    const outgoing: unknown[] = [];
    const listener = (event: string) => outgoing.push(event);
    socket.onAnyOutgoing(listener).prependAnyOutgoing(() => {});
    socket.emit("before the connection", 1);
    socket.emit("blob", new Blob(["x"]));
    socket.emit("bytes", new Uint8Array([1]).buffer);
    socket.send("text");
    await socket.emitWithAck("end");
    assertEquals(seen.slice(0, 4), [
      ["before the connection", 1],
      ["blob", new Uint8Array([120])],
      ["bytes", new Uint8Array([1])],
      ["message", "text"],
    ]);
    assertEquals(outgoing, ["before the connection", "blob", "bytes", "message", "end"]);
    socket.offAnyOutgoing(listener);
    assertEquals(socket.listenersAnyOutgoing().length, 1);
    socket.offAnyOutgoing();
    await socket.close();
  });
});

Deno.test("client tells when an acknowledgement does not come", async () => {
  await withServer({}, async ({ io, url }) => {
    io.on("connection", (socket) => socket.on("late", () => {}));
    const socket = connectSocketIo(url, { ackTimeout: 20 });
    await next(socket, "connect");
    const error = await assertRejects(() => socket.emitWithAck("late"), SocketIoError);
    assertEquals(error.code, "ERR_TIMEOUT");
    const [failure] = await new Promise<unknown[]>((resolve) => {
      socket.timeout(5).emit("late", (...args: unknown[]) => resolve(args));
    });
    assertEquals((failure as SocketIoError).code, "ERR_TIMEOUT");
    const lost = assertRejects(() => socket.timeout(60_000).emitWithAck("late"), SocketIoError);
    await socket.close();
    assertEquals((await lost).code, "ERR_DISCONNECTED");
  });
});

Deno.test("client's events that nobody waits for any more are not sent", async () => {
  const socket = connectSocketIo("http://127.0.0.1:1", { autoConnect: false });
  const error = await assertRejects(() => socket.timeout(5).emitWithAck("a"), SocketIoError);
  assertEquals(error.code, "ERR_TIMEOUT");
  await withServer({}, async ({ io, url }) => {
    const seen: unknown[] = [];
    io.on("connection", (peer) => {
      peer.onAny((event) => seen.push(event));
      peer.on("x", (answer) => answer());
    });
    const other = connectSocketIo(url, { autoConnect: false });
    await assertRejects(() => other.timeout(5).emitWithAck("given up"), SocketIoError);
    other.emit("kept");
    other.connect();
    await next(other, "connect");
    await other.emitWithAck("x");
    assertEquals(seen, ["kept", "x"]);
    await other.close();
  });
});

Deno.test("client refuses reserved events, and more than may wait", () => {
  const socket = connectSocketIo("http://127.0.0.1:1", {
    autoConnect: false,
    maxBufferedEvents: 2,
    maxBufferedBytes: 100,
  });
  assertThrows(() => socket.emit("connect"), TypeError, "reserved");
  socket.emit("a", "x".repeat(500));
  const tooMuch = assertThrows(() => socket.emit("b", "x"), SocketIoError);
  assertEquals(tooMuch.code, "ERR_LIMIT");
  const many = connectSocketIo("http://127.0.0.1:1", { autoConnect: false, maxBufferedEvents: 2 });
  many.emit("a").emit("b");
  assertThrows(() => many.emit("c"), SocketIoError);
  many.volatile.emit("d");
});

Deno.test("client counts what is in the objects of the events that wait, those to be sent again among them", () => {
  for (const retries of [0, 2]) {
    const socket = connectSocketIo("http://127.0.0.1:1", {
      autoConnect: false,
      maxBufferedBytes: 1000,
      retries,
    });
    socket.emit("a", { text: "x".repeat(2000) }); // a first one always may
    const error = assertThrows(() => socket.emit("b", { text: "x" }), SocketIoError);
    assertEquals(error.code, "ERR_LIMIT");
    socket.disconnect();

    const small = connectSocketIo("http://127.0.0.1:1", {
      autoConnect: false,
      maxBufferedBytes: 1000,
      retries,
    });
    small.emit("a", { text: "x".repeat(400) }).emit("a", [{ text: "x".repeat(400) }]);
    assertThrows(() => small.emit("a", [[{ text: "x".repeat(400) }]]), SocketIoError);
    small.emit("a", "y");
    small.disconnect();
  }
});

Deno.test("client bounds the events that are sent until they are answered by their number, and with the size of their blobs", () => {
  const make = (options: { maxBufferedEvents?: number; maxBufferedBytes?: number }) =>
    connectSocketIo("http://127.0.0.1:1", { autoConnect: false, retries: 2, ...options });
  const many = make({ maxBufferedEvents: 2 });
  many.emit("a").emit("b");
  assertEquals(assertThrows(() => many.emit("c"), SocketIoError).code, "ERR_LIMIT");
  const large = make({ maxBufferedBytes: 1000 });
  const blob = new Blob(["x".repeat(700)]);
  large.emit("a", blob);
  assertEquals(assertThrows(() => large.emit("b", blob), SocketIoError).code, "ERR_LIMIT");
});

Deno.test("client has room again for what is sent until it is answered, once it was", async () => {
  const io = new SocketIoServer();
  io.on("connection", (socket) => socket.on("large", (_text, done) => done("taken")));
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  const socket = connectSocketIo(`http://127.0.0.1:${port}`, {
    maxBufferedBytes: 1000,
    retries: 2,
    ackTimeout: 10_000,
  });
  for (let i = 0; i < 5; i++) {
    assertEquals(await socket.emitWithAck("large", ["x".repeat(700)]), "taken");
  }
  socket.disconnect();
  await io.close();
});

Deno.test("client emits where the platform has no Blob", () => {
  const socket = connectSocketIo("http://127.0.0.1:1", { autoConnect: false, forceNew: true });
  const { Blob } = globalThis;
  try {
    Reflect.deleteProperty(globalThis, "Blob");
    socket.emit("a", { b: 1 });
  } finally {
    globalThis.Blob = Blob;
  }
});

Deno.test("client refuses more events than may wait, those whose blobs are being read among them", async () => {
  const make = (options: { maxBufferedEvents?: number; maxBufferedBytes?: number }) =>
    connectSocketIo("http://127.0.0.1:1", { autoConnect: false, ...options });
  const blob = new Blob(["x".repeat(500)]);
  const many = make({ maxBufferedEvents: 2 });
  many.emit("a", blob).emit("behind it");
  const large = make({ maxBufferedBytes: 1000 });
  large.emit("a", blob);
  const refused = () =>
    [many, large].map((socket) =>
      assertThrows(() => socket.emit("c", blob, "x".repeat(100)), SocketIoError).code
    );
  assertEquals(refused(), ["ERR_LIMIT", "ERR_LIMIT"]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(refused(), ["ERR_LIMIT", "ERR_LIMIT"]); // they are read, and wait
  large.emit("d", "x".repeat(400));
});

Deno.test("client refuses more packets than may wait for its WebSocket, however small they are, until some have left", async () => {
  const { options, sockets } = stubOptions();
  const socket = connectSocketIo("http://example.org/", {
    transports: ["websocket"],
    WebSocket: options.WebSocket,
    maxBufferedPackets: 3,
  });
  const [server] = sockets;
  // As a platform's whose server does not read.
  server.send = (data) => void (server.bufferedAmount += String(data).length);
  server.accept('0{"sid":"s","upgrades":[],"pingInterval":60000,"pingTimeout":60000}');
  server.receive('40{"sid":"x"}');
  await Promise.resolve();
  server.bufferedAmount = 0;
  const refused = () => assertThrows(() => socket.emit("c"), SocketIoError).code;
  socket.emit("a", new Uint8Array(1)).emit("b");
  assertEquals([refused(), server.bufferedAmount], ["ERR_LIMIT", 0]); // in the turn itself
  await Promise.resolve();
  assertEquals([refused(), server.bufferedAmount > 0], ["ERR_LIMIT", true]); // and given to the WebSocket
  server.bufferedAmount = 0;
  socket.emit("c");
  await socket.close();
});

Deno.test("client whose connection is full goes on with what it sends until it is answered, once there is room", async () => {
  for (const limit of [{ maxBufferedPackets: 3 }, { maxBufferedBytes: 40 }]) {
    const { options, sockets } = stubOptions();
    const socket = connectSocketIo("http://example.org/", {
      transports: ["websocket"],
      WebSocket: options.WebSocket,
      retries: 5,
      ackTimeout: 20,
      forceNew: true,
      ...limit,
    });
    const [server] = sockets;
    const sent: string[] = [];
    let reads = false;
    server.send = (data) => {
      sent.push(String(data));
      if (!reads) server.bufferedAmount += String(data).length;
      const id = /^42(\d+)\["(?:a|b|c)"\]$/.exec(String(data))?.[1];
      if (reads && id !== undefined) queueMicrotask(() => server.receive(`43${id}["taken"]`));
    };
    server.accept('0{"sid":"s","upgrades":[],"pingInterval":60000,"pingTimeout":60000}');
    server.receive('40{"sid":"x"}');
    await Promise.resolve();
    const answers: unknown[] = [];
    const emit = (event: string) =>
      socket.emitWithAck(event).then((answer) => answers.push([event, answer]), (error) => {
        answers.push([event, error.code]);
      });
    const all = ["a", "b", "c"].map(emit);
    await new Promise((resolve) => setTimeout(resolve, 250));
    assertEquals(answers, []);
    reads = true;
    server.bufferedAmount = 0;
    await Promise.all(all);
    assertEquals(answers, [["a", "taken"], ["b", "taken"], ["c", "taken"]]);
    // A client that is closed meanwhile looks no more.
    reads = false;
    socket.emit("d");
    await new Promise((resolve) => setTimeout(resolve, 150));
    const before = sent.length;
    const closed = socket.close();
    server.bufferedAmount = 0;
    await closed;
    assertEquals(sent.slice(before).filter((data) => data.startsWith("42")), []);
  }
});

Deno.test("client refuses more packets than may wait for its next request, however small they are, until some have left", async () => {
  const { options, http } = stubOptions();
  const socket = connectSocketIo("http://example.org/", {
    transports: ["polling"],
    fetch: options.fetch,
    maxBufferedPackets: 3,
  });
  const next = async (method: string) => {
    for (;;) {
      const request = await http.next();
      if (request.method === method) return request;
    }
  };
  (await next("GET")).answer('0{"sid":"s","upgrades":[],"pingInterval":60000,"pingTimeout":60000}');
  const connected = new Promise<void>((resolve) => void socket.on("connect", resolve));
  const both = [await http.next(), await http.next()];
  const joins = both.find(({ method }) => method === "POST")!;
  both.find(({ method }) => method === "GET")!.answer('40{"sid":"x"}');
  await connected;
  socket.emit("a", new Uint8Array(1)).emit("b");
  assertEquals(assertThrows(() => socket.emit("c"), SocketIoError).code, "ERR_LIMIT");
  joins.answer("ok");
  const request = await next("POST");
  assertEquals(request.body.split("\x1e").length, 3);
  socket.emit("c");
  request.answer("ok");
  (await next("POST")).answer("ok");
  const closed = socket.close();
  (await next("POST")).answer("ok");
  await closed;
});

Deno.test("client comes back when the server does, and sends what waited", async () => {
  let io = new SocketIoServer();
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  const seen: unknown[] = [];
  const listen = (server: SocketIoServer) =>
    server.on("connection", (socket) => {
      socket.on("a", (value) => seen.push(value));
      socket.on("x", (answer) => answer());
    });
  listen(io);
  for (const transports of [["websocket"], ["polling"]] as const) {
    seen.length = 0;
    const socket = connectSocketIo(`http://127.0.0.1:${port}`, {
      transports,
      reconnectionDelay: 10,
      reconnectionDelayMax: 30,
    });
    const attempts: number[] = [];
    socket.io.on("reconnect_attempt", (attempt) => attempts.push(attempt));
    await next(socket, "connect");
    const { id } = socket;
    const gone = next(socket, "disconnect");
    await io.close();
    const [reason] = await gone;
    assert(reason === "transport close" || reason === "transport error", String(reason));
    socket.emit("a", "while away");
    assert(socket.active && socket.io.reconnecting);
    await next(socket.io, "reconnect_attempt");
    const back = next(socket, "connect");
    const reconnected = next(socket.io, "reconnect");
    io = new SocketIoServer();
    listen(io);
    await io.listen({ port, hostname: "127.0.0.1" });
    await back;
    await reconnected;
    assert(socket.id !== id);
    await socket.emitWithAck("x");
    assertEquals(seen, ["while away"]);
    assertEquals(attempts[0], 1);
    await socket.close();
  }
  await io.close();
});

Deno.test("client that emits after a sleep takes a new connection, and sends it there once and in order", async () => {
  for (const retries of [undefined, 2]) {
    await withServer({ pingInterval: 50, pingTimeout: 60_000 }, async ({ io, url }) => {
      const seen: unknown[] = [];
      io.on("connection", (socket) => {
        socket.on("a", (value, answer) => {
          seen.push(value);
          answer?.();
        });
      });
      const socket = connectSocketIo(url, {
        transports: ["websocket"],
        reconnectionDelay: 10,
        reconnectionDelayMax: 30,
        retries,
      });
      await next(socket, "connect");
      const gone = next(socket, "disconnect");
      ahead(120_000, () => socket.emit("a", 1));
      const answer = socket.emitWithAck("a", 2);
      assertEquals((await gone)[0], "ping timeout");
      await answer;
      assertEquals(seen, [1, 2]);
      await socket.close();
    });
  }
});

Deno.test("client tells who waits for an answer of a blob that can't be read, or of what can't be encoded beside it", async () => {
  for (const retries of [undefined, 2, Infinity]) {
    await withServer({}, async ({ io, url }) => {
      io.on("connection", (socket) => void socket.on("a", (...args) => args.at(-1)("answer")));
      const socket = connectSocketIo(url, { transports: ["websocket"], retries });
      await next(socket, "connect");
      const unreadable = Object.assign(new Blob(), {
        arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")),
      });
      const blob = new Blob(["x"]);
      await assertRejects(() => socket.emitWithAck("a", unreadable), DOMException, "gone");
      const cycle: unknown[] = [blob];
      cycle.push(cycle);
      await assertRejects(() => socket.emitWithAck("a", cycle), TypeError, "contains itself");
      // Where nobody waits, the console is told.
      const told = Promise.withResolvers<unknown>();
      const { error } = console;
      console.error = told.resolve;
      socket.emit("a", unreadable);
      assert(await told.promise instanceof DOMException);
      console.error = error;
      // While it waits for the connection, too.
      socket.disconnect();
      const late = socket.emitWithAck("a", blob, 1n);
      const last = socket.emitWithAck("a", blob);
      socket.connect();
      await assertRejects(() => late, TypeError, "BigInt");
      assertEquals(await last, "answer");
      await socket.close();
    });
  }
});

Deno.test("client gives up after so many attempts", async () => {
  const socket = connectSocketIo("http://127.0.0.1:1", {
    reconnectionAttempts: 2,
    reconnectionDelay: 1,
    transports: ["websocket"],
  });
  const errors: string[] = [];
  socket.on("connect_error", (error) => errors.push(error.name));
  let failures = 0;
  socket.io.on("reconnect_error", () => failures++);
  await next(socket.io, "reconnect_failed");
  assertEquals(errors.length, 3);
  assertEquals(failures, 2);
  assertFalse(socket.active);
  await socket.close();
});

Deno.test("client that is connected again by a listener when it was to be given up is connected again", async () => {
  await withServer({}, async ({ io, url }) => {
    for (const event of ["disconnect", "close"] as const) {
      const socket = connectSocketIo(url, { reconnection: false });
      const [peer] = await next<[SocketIoSocket]>(io, "connection");
      await next(socket, "connect");
      const again = () => void socket.connect();
      if (event === "disconnect") socket.once(event, again);
      else socket.io.once(event, again);
      peer.conn.close();
      await next(socket, "connect");
      await socket.close();
    }
  });
  const socket = connectSocketIo("http://127.0.0.1:1", { reconnection: false });
  for (let i = 0; i < 3; i++) {
    await new Promise<void>((resolve) => {
      socket.once("connect_error", () => {
        socket.connect();
        resolve();
      });
    });
    assert(socket.active);
  }
  await socket.close();
});

Deno.test("client that is connected again when all attempts failed has as many anew", async () => {
  const socket = connectSocketIo("http://127.0.0.1:1", {
    reconnectionAttempts: 2,
    reconnectionDelay: 1,
    transports: ["websocket"],
  });
  const attempts: number[] = [];
  socket.io.on("reconnect_attempt", (attempt) => attempts.push(attempt));
  // It asks in vain while attempts follow by themselves, and when the last one failed.
  socket.on("connect_error", () => socket.connect());
  await new Promise<void>((resolve) => {
    socket.io.once("reconnect_failed", () => {
      socket.connect();
      resolve();
    });
  });
  assert(socket.active);
  await next(socket.io, "reconnect_failed");
  assertEquals(attempts, [1, 2, 1, 2]);
  assertFalse(socket.active);
  await socket.close();
});

Deno.test("client that a listener connects again after the server disconnected it takes a new connection", async () => {
  await withServer({}, async ({ io, url }) => {
    io.once("connection", (socket) => socket.disconnect(true));
    const socket = connectSocketIo(url, { reconnection: false });
    const log: string[] = [];
    socket.on("connect_error", (error) => log.push(error.message));
    socket.once("disconnect", (reason) => {
      log.push(reason);
      socket.connect();
    });
    await next(socket, "connect");
    await next(socket, "connect");
    assertEquals(log, ["io server disconnect"]);
    await socket.close();
  });
});

Deno.test("client that a listener connects again shares its new connection with later sockets", async () => {
  for (const by of ["server", "client"]) {
    await withServer({}, async ({ io, url }) => {
      io.of("/admin");
      if (by === "server") io.once("connection", (socket) => socket.disconnect());
      const socket = connectSocketIo(url, { transports: ["websocket"] });
      socket.once("disconnect", () => socket.connect());
      await next(socket, "connect");
      if (by === "client") socket.disconnect();
      await next(socket, "connect");
      const admin = connectSocketIo(`${url}/admin`, { transports: ["websocket"] });
      assert(admin.io === socket.io);
      await next(admin, "connect");
      await Promise.all([socket.close(), admin.close()]);
      const later = connectSocketIo(url, { transports: ["websocket"], autoConnect: false });
      assert(later.io !== socket.io);
      await later.close();
    });
  }
});

Deno.test("client keeps what a listener of its connection's end sends for the next one", async () => {
  await withServer({}, async ({ io, url }) => {
    io.once("connection", (socket) => socket.disconnect());
    const socket = connectSocketIo(url);
    const states: boolean[] = [];
    socket.io.once("close", () => {
      states.push(socket.connected);
      socket.emit("late", 1);
    });
    socket.once("disconnect", () => {
      states.push(socket.connected);
      socket.connect();
    });
    await next(socket, "connect");
    const [peer] = await next<[SocketIoSocket]>(io, "connection");
    assertEquals(await next(peer, "late"), [1]);
    assertEquals(states, [false, false]);
    await socket.close();
  });
});

Deno.test("client that comes back on a shared connection that the server closes takes a new one", async () => {
  await withServer({}, async ({ io, url }) => {
    io.of("/admin");
    for (const reconnection of [false, true]) {
      const server = next<[SocketIoSocket]>(io, "connection");
      const options = { transports: ["websocket"] as const, reconnection };
      const socket = connectSocketIo(url, options);
      const admin = connectSocketIo(`${url}/admin`, options);
      const log: string[] = [];
      socket.on("connect_error", (error) => log.push(error.message));
      socket.io.on("reconnect_attempt", () => log.push("attempt"));
      socket.once("disconnect", (reason) => {
        log.push(reason);
        socket.connect();
      });
      await Promise.all([next(socket, "connect"), next(admin, "connect")]);
      (await server)[0].disconnect(true);
      await next(socket, "connect");
      assertEquals(log, ["io server disconnect"]);
      assertFalse(admin.active);
      await Promise.all([socket.close(), admin.close()]);
    }
  });
});

Deno.test("client that the server disconnects stays away", async () => {
  await withServer({}, async ({ io, url }) => {
    io.on("connection", (socket) => socket.disconnect());
    const socket = connectSocketIo(url);
    assertEquals((await next(socket, "disconnect"))[0], "io server disconnect");
    assertFalse(socket.active);
    await socket.close();
  });
});

Deno.test("client whose poll is cut in its response comes back to its session, and the server has it but once", async () => {
  await withServer({ connectionStateRecovery: {} }, async ({ io, url }) => {
    let cut = false;
    const faulty = async (...args: Parameters<typeof fetch>) => {
      const response = await fetch(...args);
      if (!cut || args[1]?.method !== "GET") return response;
      cut = false;
      await response.body?.cancel();
      throw new TypeError("cut");
    };
    const options = { transports: ["polling" as const], reconnectionDelay: 50, fetch: faulty };
    const socket = connectSocketIo(url, options);
    const got: string[] = [];
    socket.on("told", (text) => got.push(text));
    await next(socket, "connect");
    const { id } = socket;
    const first = next(socket, "told");
    io.emit("told", "before");
    await first;
    cut = true;
    const back = next(socket, "connect");
    io.emit("told", "lost with the response");
    await back;
    assertEquals([socket.recovered, socket.id], [true, id]);
    if (got.length < 2) await next(socket, "told");
    assertEquals([got, io.sockets.sockets.size], [["before", "lost with the response"], 1]);
    await socket.close();
  });
});

Deno.test("client's session is taken up again, with what it missed", async () => {
  await withServer({ connectionStateRecovery: {} }, async ({ io, url }) => {
    const socket = connectSocketIo(url, { reconnectionDelay: 50, randomizationFactor: 0 });
    const seen: unknown[] = [];
    socket.on("a", (value) => seen.push(value));
    const [peer] = await next<[SocketIoSocket]>(io, "connection");
    peer.join("room");
    peer.data = { name: "x" };
    io.emit("a", 1);
    while (seen.length < 1) await new Promise((resolve) => setTimeout(resolve, 1));
    const { id } = socket;
    const gone = next(socket, "disconnect");
    peer.conn.close();
    await gone;
    io.to("room").emit("a", 2);
    const [again] = await next<[SocketIoSocket]>(io, "connection");
    await next(socket, "connect");
    assert(socket.recovered && again.recovered);
    assertEquals(socket.id, id);
    assertEquals(again.data, { name: "x" });
    while (seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals(seen, [1, 2]);
    await socket.close();
  });
});

Deno.test("client's session is taken up again after a volatile event with a text, also one that no offset follows", async () => {
  class ForgetfulAdapter extends SessionAwareAdapter {
    override broadcast(packet: AdapterPacket, options: BroadcastOptions): void {
      if (options.flags?.volatile) InMemoryAdapter.prototype.broadcast.call(this, packet, options);
      else super.broadcast(packet, options);
    }
  }
  const cases = [
    [undefined, ["12:00"]],
    [ForgetfulAdapter, ["it is noon"]],
    [ForgetfulAdapter, []], // the last text is the event's name then
  ] as const;
  for (const [adapter, args] of cases) {
    await withServer({ connectionStateRecovery: {}, adapter }, async ({ io, url }) => {
      io.on("connection", (socket) => {
        if (socket.recovered) return;
        socket.emit("a", "kept");
        socket.volatile.emit("tick", ...args);
        socket.on("disconnect", () => socket.emit("a", "missed"));
      });
      const socket = connectSocketIo(url, { transports: ["websocket"], reconnectionDelay: 10 });
      const seen: unknown[] = [];
      socket.on("a", (value) => seen.push(value));
      await next(socket, "tick");
      const [peer] = io.sockets.sockets.values();
      const back = next(socket, "a");
      peer.conn.close();
      await back;
      assertEquals([seen, socket.recovered], [["kept", "missed"], true]);
      await socket.close();
    });
  }
});

Deno.test("client's events can be looped over, until it is disconnected for good", async () => {
  await withServer({}, async ({ io, url }) => {
    io.on("connection", (socket) => {
      socket.emit("a", 1);
      socket.emit("b", new Uint8Array([2]));
      socket.disconnect();
    });
    const socket = connectSocketIo(url);
    const events: unknown[] = [];
    for await (const event of socket) events.push(event);
    assertEquals(events, [["a", 1], ["b", new Uint8Array([2])]]);
    await socket.close();
    io.use((_socket, next) => next(new Error("no")));
    const refused = connectSocketIo(url);
    const error = await assertRejects(async () => {
      for await (const _ of refused);
    }, SocketIoError);
    assertEquals(error.code, "ERR_REFUSED");
    await refused.close();
  });
});

Deno.test("a loop over a client's events that is too slow ends with an error by their bytes, too, those before it was let in among them", async () => {
  const { options, sockets } = stubOptions();
  const socket = connectSocketIo("http://example.org/", {
    transports: ["websocket"],
    WebSocket: options.WebSocket,
    forceNew: true,
  });
  const events = socket[Symbol.asyncIterator]();
  const [server] = sockets;
  server.accept('0{"sid":"s","upgrades":[],"pingInterval":60000,"pingTimeout":60000}');
  const head = '451-["e",{"_placeholder":true,"num":0}]';
  const half = new ArrayBuffer(33_554_432);
  server.receive(head, half, '40{"sid":"x"}', head, half);
  assertEquals((await events.next()).value[1].length, half.byteLength);
  const error = await assertRejects(() => events.next(), SocketIoError);
  assertEquals(error.code, "ERR_LIMIT");
  await socket.close();
});

Deno.test("a loop over a client's events ends with an error where the connection is given up, and its signal is let go", async () => {
  for (const lost of [true, false]) {
    await withServer({}, async ({ io, url }) => {
      const controller = new AbortController();
      const { signal } = controller;
      let held = 0;
      const add = signal.addEventListener.bind(signal);
      const remove = signal.removeEventListener.bind(signal);
      signal.addEventListener = (...args: Parameters<typeof add>) => (held++, add(...args));
      signal.removeEventListener = (
        ...args: Parameters<typeof remove>
      ) => (held--, remove(...args));
      const socket = connectSocketIo(lost ? url : "http://127.0.0.1:1", {
        reconnection: false,
        signal,
      });
      const ended = assertRejects(async () => {
        for await (const _ of socket);
      }, SocketIoError);
      if (lost) {
        await next(socket, "connect");
        for (const { conn } of io.sockets.sockets.values()) conn.close();
      }
      assertEquals((await ended).code, "ERR_DISCONNECTED");
      assertEquals([socket.active, held], [false, 0]);
    });
  }
});

Deno.test("a loop over a client's events goes on where a listener connects it again", async () => {
  await withServer({}, async ({ io, url }) => {
    const socket = connectSocketIo(url);
    const events = socket[Symbol.asyncIterator]();
    await next(socket, "connect");
    socket.once("disconnect", () => socket.connect());
    let again = next(socket, "connect");
    io.disconnectSockets();
    await again;
    socket.once("disconnect", () => socket.connect());
    again = next(socket, "connect");
    socket.disconnect();
    await again;
    io.emit("news", 1);
    assertEquals(await events.next(), { done: false, value: ["news", 1] });
    await socket.close();
    assertEquals(await events.next(), { done: true, value: undefined });
  });
});

Deno.test("client sends again what was not acknowledged, one event after the other", async () => {
  await withServer({}, async ({ io, url }) => {
    const seen: unknown[] = [];
    let refusals = 1;
    io.on("connection", (socket) =>
      socket.on("a", (value, answer) => {
        seen.push(value);
        if (refusals-- <= 0) answer(`got ${value}`);
      }));
    const options = { retries: 2, transports: ["websocket" as const] };
    const socket = connectSocketIo(url, { ...options, ackTimeout: 1000 });
    const answers: unknown[] = [];
    socket.emit("a", 1, (...args: unknown[]) => answers.push(args));
    await new Promise<void>((resolve) => {
      socket.emit("a", 2, (...args: unknown[]) => {
        answers.push(args);
        resolve();
      });
    });
    assertEquals(seen, [1, 1, 2]);
    assertEquals(answers, [[null, "got 1"], [null, "got 2"]]);
    refusals = 99;
    const hasty = connectSocketIo(url, { ...options, ackTimeout: 60, forceNew: true });
    const error = await assertRejects(() => hasty.emitWithAck("a", 3), SocketIoError);
    assertEquals(error.code, "ERR_TIMEOUT");
    // The last one may be on its way still.
    while (seen.length < 6) await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals(seen.slice(3), [3, 3, 3]);
    await Promise.all([socket.close(), hasty.close()]);
  });
});

Deno.test("a client's listener that throws harms nothing else", async () => {
  const errors = await reported(() =>
    withServer({}, async ({ io, url }) => {
      io.on("connection", (socket) => socket.emit("a"));
      const socket = connectSocketIo(url);
      socket.on("a", () => {
        throw "thrown";
      });
      await next(socket, "a");
      assert(socket.connected);
      await socket.close();
    }).catch(() => {})
  );
  assert(errors.includes("thrown"));
});

Deno.test("client is gone at the end of an `await using` block, and when its signal says so", async () => {
  await withServer({}, async ({ io, url }) => {
    {
      await using socket = connectSocketIo(url);
      await next(socket, "connect");
      assertEquals(io.engine.clientsCount, 1);
    }
    assertEquals(io.engine.clientsCount, 0);
    const controller = new AbortController();
    const socket = connectSocketIo(url, { signal: controller.signal });
    await next(socket, "connect");
    const gone = next(socket, "disconnect");
    controller.abort();
    await gone;
    await socket.close();
    const never = connectSocketIo(url, { signal: AbortSignal.abort() });
    assertFalse(never.active);
  });
});

Deno.test("a signal holds no client that is gone, and still ends one that has come back", async () => {
  await withServer({}, async ({ io, url }) => {
    const controller = new AbortController();
    const { signal } = controller;
    const held = new Set<unknown>();
    signal.addEventListener = (type: string, listener: EventListener) => {
      held.add(listener);
      EventTarget.prototype.addEventListener.call(signal, type, listener);
    };
    signal.removeEventListener = (type: string, listener: EventListener) => {
      held.delete(listener);
      EventTarget.prototype.removeEventListener.call(signal, type, listener);
    };
    const lost = connectSocketIo("http://127.0.0.1:1", { signal, reconnection: false });
    await next(lost, "connect_error");
    assertFalse(lost.active);
    assertEquals(held.size, 0);
    const socket = connectSocketIo(url, { signal, transports: ["websocket"] });
    await next(socket, "connect");
    assertEquals(held.size, 1);
    const gone = next(socket, "disconnect");
    io.disconnectSockets();
    await gone;
    assertEquals(held.size, 0);
    socket.connect();
    await next(socket, "connect");
    await socket.close();
    assertEquals(held.size, 0);
    socket.connect();
    await next(socket, "connect");
    controller.abort();
    assertFalse(socket.active);
    await socket.close();
  });
});

Deno.test("client's listeners can be looked at and removed", () => {
  const socket = connectSocketIo("http://127.0.0.1:1", { autoConnect: false });
  const listener = () => {};
  socket.on("a", listener).once("b", listener);
  assert(socket.hasListeners("a"));
  assertEquals(socket.listeners("b"), [listener]);
  socket.off("a", listener).off("b");
  assertFalse(socket.hasListeners("a") || socket.hasListeners("b"));
  socket.on("c", listener).off();
  assertFalse(socket.hasListeners("c"));
});

Deno.test("client refuses what can't be encoded at once, and sends the rest when it is connected", async () => {
  await withServer({}, async ({ io, url }) => {
    const seen: unknown[] = [];
    io.on("connection", (socket) => socket.onAny((...args) => void seen.push(args)));
    const socket = connectSocketIo(url);
    const changed: Record<string, unknown> = { value: 1 };
    socket.emit("a", 1);
    assertThrows(() => socket.emit("b", 2n), TypeError);
    socket.emit("c", changed);
    const last = socket.emitWithAck("d", 4);
    io.on("connection", (peer) => peer.on("d", (_value, answer) => answer("here")));
    // What can't be encoded any more harms nothing else.
    changed.value = 3n;
    const errors = await reported(() => next(socket, "connect"));
    assert(errors[0] instanceof TypeError);
    assertEquals(await last, "here");
    assertEquals(seen.map((args) => (args as unknown[]).slice(0, 2)), [["a", 1], ["d", 4]]);
    await socket.close();
  });
});

Deno.test("client that a listener disconnects before it is connected keeps what waits", async () => {
  await withServer({}, async ({ io, url }) => {
    let refuse = true;
    io.use((socket, next) => {
      if (refuse) socket.emit("early", 1);
      if (refuse) socket.emit("early", 2);
      next();
    });
    const waited = Promise.withResolvers<unknown>();
    io.on("connection", (socket) => socket.on("waiting", waited.resolve));
    const socket = connectSocketIo(url);
    const log: unknown[] = [];
    socket.on("early", (value) => {
      log.push(value);
      socket.disconnect();
    });
    socket.on("connect", () => log.push("connect")).on("disconnect", () => log.push("disconnect"));
    socket.emit("waiting", "still here");
    await next(socket, "disconnect");
    await socket.close();
    assertEquals(log, [1, "disconnect"]);
    refuse = false;
    socket.connect();
    assertEquals(await waited.promise, "still here");
    assertEquals(log, [1, "disconnect", "connect"]);
    await socket.close();
  });
});

Deno.test("an event that can't be sent does not hold up those that are sent again", async () => {
  await withServer({}, async ({ io, url }) => {
    io.on("connection", (socket) => socket.on("a", (value, answer) => answer(value)));
    const socket = connectSocketIo(url, { retries: 2, ackTimeout: 5000 });
    assertThrows(() => socket.emit("a", 1n), TypeError);
    const changed: Record<string, unknown> = { value: 1 };
    const never = assertRejects(() => socket.emitWithAck("a", changed), TypeError);
    changed.value = 2n;
    await next(socket, "connect");
    await never;
    assertThrows(() => socket.emit("a", 3n), TypeError);
    await assertRejects(() => socket.emitWithAck("a", 4n), TypeError);
    assertEquals(await socket.emitWithAck("a", 5), 5);
    await socket.close();
  });
});

Deno.test("client that connects again before the answer asks after it, on the same connection", async () => {
  await withServer({}, async ({ io, url }) => {
    const seen: unknown[] = [];
    const slow = io.of("/slow");
    slow.use((socket, next) => {
      socket.emit("early", socket.handshake.auth.turn);
      setTimeout(next, 20);
    });
    slow.on("connection", (socket) => seen.push(socket.handshake.auth.turn));
    io.of("/refused").use((socket, next) => {
      const { turn } = socket.handshake.auth;
      next(turn === 1 ? new Error("no") : undefined);
    });
    const main = connectSocketIo(url);
    await next(main, "connect");
    main.on("disconnect", () => seen.push("lost"));
    const socket = connectSocketIo(`${url}/slow`, { auth: { turn: 1 } });
    const early: unknown[] = [];
    socket.on("early", (turn) => early.push(turn));
    socket.disconnect();
    socket.auth = { turn: 2 };
    socket.connect();
    await next(socket, "connect");
    assertEquals([seen, early, slow.sockets.size], [[1, 2], [2], 1]);

    const refused = connectSocketIo(`${url}/refused`, { auth: { turn: 1 } });
    refused.on("connect_error", () => seen.push("refused"));
    refused.disconnect();
    refused.auth = { turn: 2 };
    refused.connect();
    await next(refused, "connect");
    assertEquals(seen, [1, 2]);
    await Promise.all([refused.close(), socket.close()]);
    await main.close();
  });
});

Deno.test("client that leaves and comes back while the server disconnects it is let in anew", async () => {
  for (const transport of ["polling", "websocket"] as const) {
    await withServer({}, async ({ io, url }) => {
      const options = { transports: [transport] };
      io.of("/room").on("connection", (socket) => socket.on("here?", (answer) => answer("yes")));
      const main = connectSocketIo(url, options);
      const socket = connectSocketIo(`${url}/room`, options);
      const reasons: string[] = [];
      socket.on("disconnect", (reason) => reasons.push(reason));
      const [[former]] = await Promise.all([
        next<[SocketIoSocket]>(io.of("/room"), "connection"),
        next(socket, "connect"),
      ]);
      former.disconnect();
      socket.disconnect().connect();
      assertEquals(await socket.timeout(2000).emitWithAck("here?"), "yes");
      assertEquals([reasons, socket.active], [["io client disconnect"], true]);
      assertEquals([...io.of("/room").sockets.keys()], [socket.id]);
      io.of("/room").disconnectSockets();
      await next(socket, "disconnect");
      assertEquals([reasons[1], socket.active], ["io server disconnect", false]);
      await main.close();
    });
  }
});

Deno.test("client tells that the answer to a volatile event that was dropped does not come", async () => {
  await withServer({}, async ({ url }) => {
    const socket = connectSocketIo(url);
    const codes: unknown[] = [];
    const code = (error: SocketIoError) => codes.push(error.code);
    socket.volatile.emit("a", () => codes.push("never"));
    await socket.volatile.emitWithAck("a").catch(code);
    await new Promise<void>((resolve) => {
      socket.volatile.timeout(10).emit("a", (error: SocketIoError) => {
        code(error);
        resolve();
      });
    });
    assertEquals(codes, ["ERR_DISCONNECTED", "ERR_TIMEOUT"]);
    await socket.close();
  });
});

Deno.test("client's listeners are added and removed by all the names that npm's client has for it", async () => {
  const socket = connectSocketIo("http://127.0.0.1:1", { autoConnect: false });
  const listener = () => {};
  const names = ["off", "removeListener", "removeAllListeners", "removeEventListener"] as const;
  for (const name of names) {
    const other = () => {};
    socket.addEventListener("a", listener).on("a", other).on("b", listener).on("c", listener);
    socket[name]("a", undefined)[name](undefined)[name](undefined, listener);
    assertEquals(socket.listeners("a"), [listener, other], name);
    assertEquals(socket[name]("a", listener).listeners("a"), [other], name);
    assertFalse(socket[name]("b").hasListeners("b"));
    assert(socket.hasListeners("c"));
    assertFalse(socket[name]().hasListeners("c"));
    assertFalse(socket.hasListeners("a"));
  }
  await socket.close();
});

Deno.test("client's answer to a question of an earlier connection is not taken for one to a later question", async () => {
  await withServer({}, async ({ io, url }) => {
    const socket = connectSocketIo(url);
    const answers: ((text: string) => void)[] = [];
    socket.on("question", (answer) => answers.push(answer));
    for (let i = 0; i < 2; i++) {
      const [peer] = await next<[SocketIoSocket]>(io, "connection");
      io.sockets._ids = 0; // as after a restart of the server
      const asked = next(socket, "question");
      const answered = new Promise((resolve) => peer.emit("question", resolve));
      await asked;
      if (i === 0) socket.disconnect().connect();
      else {
        answers[0]("old");
        answers[1]("new");
        assertEquals(await answered, "new");
      }
    }
    await socket.close();
  });
});

Deno.test("client's answer to a question of an earlier connection goes nowhere, also where it waits for a blob", async () => {
  await withServer({}, async ({ io, url }) => {
    const socket = connectSocketIo(url, { transports: ["websocket"] });
    const answers: ((data: unknown) => void)[] = [];
    socket.on("question", (answer) => answers.push(answer));
    const read = Promise.withResolvers<ArrayBuffer>();
    const blob = Object.assign(new Blob(["old"]), { arrayBuffer: () => read.promise });
    for (let i = 0; i < 2; i++) {
      const [peer] = await next<[SocketIoSocket]>(io, "connection");
      io.sockets._ids = 0; // as after a restart of the server
      const asked = next(socket, "question");
      const answered = new Promise((resolve) => peer.emit("question", resolve));
      await asked;
      if (i === 0) {
        answers[0](blob);
        socket.disconnect().connect();
      } else {
        answers[1]("new");
        read.resolve(new ArrayBuffer(3));
        assertEquals(await answered, "new");
      }
    }
    await socket.close();
  });
});

Deno.test("client's socket hands its events to what a library put in place of onevent", async () => {
  await withServer({}, async ({ io, url }) => {
    const answer = new Promise((resolve) => {
      io.on("connection", (socket) => {
        socket.emit("first");
        socket.emit("a", 1, resolve);
      });
    });
    const socket = connectSocketIo(url);
    const log: unknown[] = [];
    const { onevent } = socket;
    socket.onevent = (packet) => {
      onevent.call(socket, packet);
      log.push(packet.data);
    };
    socket.on("a", (value, done) => done(value + 1));
    assertEquals([await answer, log], [2, [["first"], ["a", 1]]]);
    await socket.close();
  });
});

Deno.test("client's socket hands its events to what a library put in the prototype", async () => {
  await withServer({}, async ({ io, url }) => {
    io.on("connection", (socket) => socket.emit("a", 1));
    const log: unknown[] = [];
    const { onevent } = SocketIoClientSocket.prototype;
    SocketIoClientSocket.prototype.onevent = function (packet) {
      log.push(packet.data);
      onevent.call(this, packet);
    };
    try {
      const socket = connectSocketIo(url);
      log.push(...await next(socket, "a"));
      await socket.close();
    } finally {
      SocketIoClientSocket.prototype.onevent = onevent;
    }
    assertEquals(log, [["a", 1], 1]);
  });
});

Deno.test("client refuses numbers that can't be, with which its limits would hold no more", () => {
  const names = ["maxBufferedEvents", "maxBufferedBytes", "maxPendingAcks", "retries"]
    .concat(
      "maxBufferedPackets",
      "ackTimeout",
      "connectTimeout",
      "maxAttachments",
      "maxAttachmentBytes",
    );
  for (const name of names) {
    for (const value of [NaN, -1]) {
      assertThrows(
        () => connectSocketIo("http://127.0.0.1:1", { [name]: value, autoConnect: false }),
        RangeError,
        `${name}: ${value} is out of range`,
      );
    }
  }
});

/** A client whose connections are the test's. */
function stubbed() {
  const { options, sockets } = stubOptions();
  const socket = connectSocketIo("http://example.org/", {
    transports: ["websocket"],
    WebSocket: options.WebSocket,
    reconnectionDelay: 0,
    maxBufferedBytes: 1_000,
    retries: 5,
    forceNew: true,
  });
  return {
    socket,
    /** Takes the client's next connection, of which so many bytes wait, and lets its socket in. Returns what it asked with. */
    async accept(answer: string, waiting = 0) {
      const server = sockets.at(-1)!;
      server.accept('0{"sid":"s","upgrades":[],"pingInterval":60000,"pingTimeout":60000}');
      await Promise.resolve();
      const asked = server.take();
      server.bufferedAmount = waiting;
      server.receive(answer);
      await Promise.resolve();
      return { server, asked };
    },
    /** The connection is lost, and the client has begun another one. */
    async lose() {
      const count = sockets.length;
      sockets.at(-1)!.end(1006);
      while (sockets.length === count) await new Promise((resolve) => setTimeout(resolve, 1));
    },
  };
}

Deno.test("client whose connection was full when it was lost looks for room on the next one, too", async () => {
  const { socket, accept, lose } = stubbed();
  const first = await accept('40{"sid":"x"}');
  const answers = [socket.emitWithAck("a"), socket.emitWithAck("b")];
  await Promise.resolve();
  const take = (server: typeof first.server, event: string) => {
    const sent = server.take();
    assertEquals(sent.map((text) => String(text).replace(/\d+/, "")), [`["${event}"]`]);
    return /^42(\d+)/.exec(String(sent[0]))![1];
  };
  const id = take(first.server, "a");
  first.server.bufferedAmount = 10_000;
  first.server.receive(`43${id}["taken"]`);
  await Promise.resolve();
  assertEquals(first.server.sent, []);
  await lose();
  const { server } = await accept('40{"sid":"y"}', 10_000);
  assertEquals(server.sent, []);
  server.bufferedAmount = 0;
  while (server.sent.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  server.receive(`43${take(server, "b")}["taken"]`);
  assertEquals(await Promise.all(answers), ["taken", "taken"]);
  await socket.close();
});

Deno.test("client that was not given its session back asks with nothing of that one", async () => {
  const { socket, accept, lose } = stubbed();
  const { server } = await accept('40{"sid":"x","pid":"first"}');
  server.receive('42["e","offset"]');
  await lose();
  const again = await accept('40{"sid":"y","pid":"second"}');
  assertEquals(again.asked, ['40{"pid":"first","offset":"offset"}']);
  assertEquals([socket.recovered, socket.id], [false, "y"]);
  await lose();
  assertEquals((await accept('40{"sid":"y","pid":"second"}')).asked, ['40{"pid":"second"}']);
  assert(socket.recovered);
  await socket.close();
});

Deno.test("client gives an event up that loses the connection each time, and goes on with those behind it", async () => {
  await withServer({ maxHttpBufferSize: 1000 }, async ({ io, url }) => {
    let connections = 0;
    io.on("connection", (socket) => {
      connections++;
      socket.on("a", (value, answer) => answer(value));
    });
    const socket = connectSocketIo(url, {
      transports: ["websocket"],
      retries: 2,
      ackTimeout: 5000,
      reconnectionDelay: 1,
      reconnectionDelayMax: 10,
    });
    const large = assertRejects(() => socket.emitWithAck("a", "x".repeat(5000)), SocketIoError);
    const behind = socket.emitWithAck("a", "behind it");
    try {
      assertEquals((await within("the large one", large, 20_000)).code, "ERR_DISCONNECTED");
      assertEquals(await behind, "behind it");
      assertEquals(connections, 4);
    } finally {
      await socket.close();
    }
  });
});

Deno.test("client counts no attempt that it could not send because the connection was dead", async () => {
  const { options, sockets } = stubOptions();
  const socket = connectSocketIo("http://example.org/", {
    transports: ["websocket"],
    WebSocket: options.WebSocket,
    reconnectionDelay: 50,
    randomizationFactor: 0,
    retries: 1,
    ackTimeout: 10,
    forceNew: true,
  });
  const accept = async () => {
    const server = sockets.at(-1)!;
    server.accept('0{"sid":"s","upgrades":[],"pingInterval":60000,"pingTimeout":60000}');
    await Promise.resolve();
    server.receive('40{"sid":"x"}');
    return server;
  };
  const first = await accept();
  const answer = ahead(200_000, () => assertRejects(() => socket.emitWithAck("a"), SocketIoError));
  while (sockets.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  const second = await accept();
  assertEquals((await answer).code, "ERR_TIMEOUT");
  const events = (sent: unknown[]) => sent.filter((text) => String(text).startsWith("42")).length;
  assertEquals([events(first.sent), events(second.sent)], [0, 2]);
  await socket.close();
});

Deno.test("client whose connection is full lets the first event that is sent until it is answered wait as those behind it", async () => {
  const { socket, accept } = stubbed();
  const { server } = await accept('40{"sid":"x"}', 10_000);
  const answer = socket.emitWithAck("a");
  await Promise.resolve();
  assertEquals(server.sent, []);
  socket.emit("b", "x".repeat(900));
  const error = assertThrows(() => socket.emit("c", "x".repeat(900)), SocketIoError);
  assertEquals(error.code, "ERR_LIMIT"); // they have a limit of their own
  server.bufferedAmount = 0;
  while (server.sent.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  server.receive(`43${/^42(\d+)/.exec(String(server.take()[0]))![1]}["taken"]`);
  assertEquals(await answer, "taken");
  await socket.close();
});

Deno.test("client sends no event whose caller was told that it is given up while its blob was read", async () => {
  await withServer({}, async ({ io, url }) => {
    const seen: unknown[] = [];
    io.on("connection", (socket) => socket.on("a", (value) => seen.push(value)));
    io.on("connection", (socket) => socket.on("b", (answer) => answer()));
    const socket = connectSocketIo(url, { transports: ["websocket"], reconnectionDelay: 1 });
    await next(socket, "connect");
    const read = Promise.withResolvers<ArrayBuffer>();
    const blob = Object.assign(new Blob(["x"]), { arrayBuffer: () => read.promise });
    const late = assertRejects(() => socket.timeout(10).emitWithAck("a", "late", blob));
    const lost = assertRejects(() => socket.emitWithAck("a", "lost", blob), SocketIoError);
    socket.emit("a", "nobody was told", blob, () => {});
    await late;
    for (const peer of io.sockets.sockets.values()) peer.conn.close();
    assertEquals((await lost).code, "ERR_DISCONNECTED");
    read.resolve(new ArrayBuffer(1));
    await socket.emitWithAck("b");
    assertEquals(seen, ["nobody was told"]);
    await socket.close();
  });
});

Deno.test("client that is closed while its events wait for room leaves no timer, however many there are", async () => {
  const { socket, accept } = stubbed();
  await accept('40{"sid":"x"}', 10_000);
  socket.emit("a").emit("b").emit("c");
  await socket.close();
});

Deno.test("connected client counts events whose blobs are being read as packets, and not as those that wait for a connection", async () => {
  await withServer({}, async ({ url }) => {
    const options = { transports: ["websocket" as const], maxBufferedEvents: 2 };
    const socket = connectSocketIo(url, { ...options, maxBufferedPackets: 4 });
    await next(socket, "connect");
    const blob = new Blob(["x"]);
    for (let i = 0; i < 4; i++) socket.emit("a", blob);
    assertEquals(assertThrows(() => socket.emit("a", blob), SocketIoError).code, "ERR_LIMIT");
    await socket.close();
  });
});

Deno.test("client whose event can't be encoded throws, and tells its callback nothing later", async () => {
  await withServer({}, async ({ url }) => {
    const socket = connectSocketIo(url, { transports: ["websocket"] });
    await next(socket, "connect");
    const told: unknown[] = [];
    const tell = (error: unknown) => void told.push(error);
    assertThrows(() => socket.timeout(60_000).emit("a", 1n, tell), TypeError);
    await socket.close();
    assertEquals(told, []);
  });
});

Deno.test("client whose answer can't be read still waits for the answer to its own question of the same number", async () => {
  await withServer({}, async ({ io, url }) => {
    io.on("connection", (socket) => {
      socket.on("mine", (answer) => {
        socket.emit("yours", () => {});
        socket.on("next", () => answer("answered"));
      });
    });
    const socket = connectSocketIo(url, { transports: ["websocket"] });
    const unreadable = Object.assign(new Blob(), { arrayBuffer: () => Promise.reject("gone") });
    socket.on("yours", (answer) => answer(unreadable));
    const errors: unknown[] = await reported(async () => {
      const mine = socket.emitWithAck("mine");
      await next(socket, "yours");
      await new Promise((resolve) => setTimeout(resolve, 5));
      socket.emit("next");
      assertEquals(await mine, "answered");
    });
    assertEquals(errors, ["gone"]);
    await socket.close();
  });
});

Deno.test("client tells of a volatile event that is dropped: at once without a connection and a time, else as of a lost one", async () => {
  const options = { autoConnect: false, forceNew: true };
  const ask = async (socket: SocketIoClientSocket) =>
    (await assertRejects(() => socket.volatile.emitWithAck("a"), SocketIoError)).message;
  const plain = connectSocketIo("http://127.0.0.1:1", options);
  assertMatch(await ask(plain), /not connected/);
  const timed = connectSocketIo("http://127.0.0.1:1", { ...options, ackTimeout: 10 });
  assertMatch(await ask(timed), /no answer within 10 ms/);
  const { socket, accept } = stubbed();
  const { server } = await accept('40{"sid":"x"}');
  socket.emit("before"); // it has not left yet
  const dropped = ask(socket);
  await Promise.resolve();
  await socket.close();
  assertMatch(await dropped, /was disconnected/);
  assertEquals(server.take().filter((text) => String(text).includes('"a"')), []);
});
