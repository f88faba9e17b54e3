import { assert, assertEquals, assertThrows } from "@std/assert";
import { ahead } from "../_support/ahead.ts";
import { reported } from "../_support/console_errors.ts";
import { microtasks } from "../_support/microtasks.ts";
import { runPeer } from "../_support/peers.ts";
import { type FakeConnection, fakeServer } from "../_support/socketio_rig.ts";
import { shortTimers } from "../_support/short_timers.ts";
import type { SocketIoServer } from "../../socketio/server.ts";
import {
  type ConnectionStateRecoveryOptions,
  SessionAwareAdapter,
} from "../../socketio/session_aware_adapter.ts";

interface Joined {
  conn: FakeConnection;
  sid: string;
  pid: string;
  /** The names of the events that came behind the answer. */
  missed: unknown[];
}

interface Setup {
  io: SocketIoServer;
  join(auth?: { pid?: string; offset?: string }): Promise<Joined>;
}

function setup(connectionStateRecovery: ConnectionStateRecoveryOptions = {}): Setup {
  const { io, engine } = fakeServer({ connectionStateRecovery });
  return {
    io,
    async join(auth = {}) {
      const conn = engine.connect();
      conn.deliver(`0${JSON.stringify(auth)}`);
      await microtasks(5);
      const [answer, ...missed] = conn.take();
      return { conn, ...JSON.parse((answer as string).slice(1)), missed: missed.map(name) };
    },
  };
}

function name(message: string | Uint8Array): unknown {
  return typeof message === "string" ? JSON.parse(message.slice(message.indexOf("[")))[0] : message;
}

/** The offset of the last event that came. */
function lastOffset(conn: FakeConnection): string {
  return JSON.parse((conn.take().at(-1) as string).slice(1)).at(-1);
}

Deno.test("a client that comes back has its id, rooms, data, and what it missed", async () => {
  const { io, join } = setup();
  const first = await join();
  const socket = io.sockets.sockets.get(first.sid)!;
  socket.join("room");
  socket.data = { name: "x" };
  assertEquals(socket.recovered, false);
  io.emit("seen");
  const offset = lastOffset(first.conn);
  first.conn.end("transport close");
  io.emit("all");
  io.to("room").emit("room");
  io.to("other").emit("not for it");
  io.to(first.sid).emit("private");
  io.except("room").emit("not for the room");
  io.volatile.emit("volatile");
  const back = await join({ pid: first.pid, offset });
  assertEquals([back.sid, back.pid], [first.sid, first.pid]);
  assertEquals(back.missed, ["all", "room", "private"]);
  const again = io.sockets.sockets.get(first.sid)!;
  assertEquals(again.recovered, true);
  assertEquals(again.data, { name: "x" });
  assertEquals(again.rooms, new Set([first.sid, "room"]));
  back.conn.close();
  await io.close();
});

Deno.test("a client that saw no event yet misses none", async () => {
  const { io, join } = setup();
  io.emit("before it came");
  const first = await join();
  first.conn.end("transport close");
  io.emit("a");
  const second = await join({ pid: first.pid });
  assertEquals(second.missed, ["a"]);
  assertEquals(second.sid, first.sid);
  // The connection is lost again, before the client got what it missed.
  second.conn.end("transport error");
  io.emit("b");
  const third = await join({ pid: first.pid });
  assertEquals(third.missed, ["a", "b"]);
  third.conn.close();
  await io.close();
});

Deno.test("a volatile event ends in the offset of the newest event, so that a text in it is none", async () => {
  const { io, join } = setup();
  const first = await join();
  const socket = io.sockets.sockets.get(first.sid)!;
  const sends = [
    () => socket.volatile.emit("tick", "12:00"),
    () => io.volatile.emit("tick", "12:00"),
    () => io.to(first.sid).volatile.emit("tick", "12:00"),
  ];
  let { conn } = first;
  for (const before of [() => {}, () => io.emit("kept")]) {
    for (const send of sends) {
      before();
      send();
      const offset = lastOffset(conn);
      conn.end("transport close");
      io.emit("missed");
      const back = await join({ pid: first.pid, offset });
      assertEquals([back.sid, back.missed], [first.sid, ["missed"]]);
      conn = back.conn;
    }
  }
  conn.close();
  await io.close();
});

Deno.test("a volatile event that ends in no text has no offset", async () => {
  const { io, join } = setup();
  const { conn } = await join();
  io.volatile.emit("tick", 5);
  io.volatile.emit("tock");
  const [tick, tock] = conn.take().map((message) => JSON.parse((message as string).slice(1)));
  assertEquals(tick, ["tick", 5]);
  // npm's client would take the name for one.
  assertEquals([tock[0], tock.length], ["tock", 2]);
  conn.close();
  await io.close();
});

Deno.test("what was sent before a session began is not for it, whatever offset it tells", async () => {
  const { io, join } = setup();
  const early = await join();
  io.emit("secret");
  const offset = lastOffset(early.conn);
  io.emit("another");
  const first = await join();
  first.conn.end("transport close");
  io.emit("missed");
  const back = await join({ pid: first.pid, offset });
  assertEquals([back.sid, back.missed], [first.sid, ["missed"]]);
  for (const { conn } of [early, back]) conn.close();
  await io.close();
});

Deno.test("a session is taken up with an offset from before it, also where that is kept no more", async () => {
  const { io, join } = setup({ maxPackets: 4 });
  const early = await join();
  io.emit("seen");
  const offset = lastOffset(early.conn);
  for (let i = 0; i < 8; i++) io.emit("gone");
  const first = await join();
  first.conn.end("transport close");
  io.emit("missed");
  const back = await join({ pid: first.pid, offset });
  assertEquals([back.sid, back.missed], [first.sid, ["missed"]]);
  back.conn.end("transport close");
  for (let i = 0; i < 8; i++) io.emit("too many");
  const lost = await join({ pid: first.pid, offset });
  assert(lost.sid !== first.sid);
  for (const { conn } of [early, lost]) conn.close();
  await io.close();
});

Deno.test("a volatile event's offset counts before anything was kept", async () => {
  const { io, join } = setup();
  const first = await join();
  io.volatile.emit("tick", "12:00");
  const offset = lastOffset(first.conn);
  assert(offset !== "12:00");
  first.conn.end("transport close");
  io.emit("missed");
  const back = await join({ pid: first.pid, offset });
  assertEquals([back.sid, back.missed], [first.sid, ["missed"]]);
  back.conn.end("transport close");
  const lost = await join({ pid: first.pid, offset: offset.replace("-1", "-2") });
  assert(lost.sid !== first.sid);
  lost.conn.close();
  await io.close();
});

Deno.test("a socket's own events are kept too, with bytes in them", async () => {
  const { io, join } = setup();
  const first = await join();
  const socket = io.sockets.sockets.get(first.sid)!;
  socket.emit("seen");
  const offset = lastOffset(first.conn);
  socket.emit("bytes", new Uint8Array([1]));
  socket.emit("with an answer", () => {});
  first.conn.end("ping timeout");
  const back = await join({ pid: first.pid, offset });
  assertEquals(back.missed, ["bytes", new Uint8Array([1])]);
  back.conn.close();
  await io.close();
});

Deno.test("what a socket sends after its connection was lost is there when the client comes back", async () => {
  const { io, join } = setup({ maxDisconnectionDuration: 1_000 });
  const first = await join();
  const socket = io.sockets.sockets.get(first.sid)!;
  socket.on("disconnect", () => socket.emit("at once"));
  socket.emit("seen");
  const offset = lastOffset(first.conn);
  first.conn.end("transport close");
  io.emit("to all");
  socket.emit("later", 1);
  socket.volatile.emit("volatile");
  socket.emit("with an answer", () => {});
  const { broadcast } = socket.adapter;
  const read = Promise.withResolvers<void>();
  socket.adapter.broadcast = function (...args) {
    broadcast.apply(this, args);
    read.resolve();
  };
  socket.emit("blob", new Blob(["x"]));
  await read.promise;
  const back = await join({ pid: first.pid, offset });
  assertEquals(back.missed, ["at once", "to all", "later", "blob", new Uint8Array([0x78])]);
  // Who has the old socket in hand reaches the client by it.
  socket.emit("by the old one");
  assertEquals(name(back.conn.take()[0]), "by the old one");
  ahead(1_001, () => socket.emit("too late"));
  assertEquals(back.conn.take(), []);
  back.conn.close();
  await io.close();
});

Deno.test("what a socket sends when it was disconnected for good is not kept", async () => {
  const { io, join } = setup();
  const first = await join();
  const socket = io.sockets.sockets.get(first.sid)!;
  let sent = 0;
  socket.adapter.broadcast = () => void sent++;
  socket.disconnect();
  socket.emit("too late");
  assertEquals(sent, 0);
  const second = await join();
  const other = io.sockets.sockets.get(second.sid)!;
  await io.close();
  other.emit("too late");
  assertEquals(sent, 0);
});

Deno.test("a session is taken up once, and not by a guess", async () => {
  const { io, join } = setup();
  const first = await join();
  io.emit("seen");
  const offset = lastOffset(first.conn);
  first.conn.end("transport close");
  for (const auth of [{ pid: "guess", offset }, { pid: first.pid, offset: "guess" }]) {
    const other = await join(auth);
    assert(other.sid !== first.sid);
    other.conn.close();
  }
  const back = await join({ pid: first.pid, offset });
  assertEquals(back.sid, first.sid);
  const twice = await join({ pid: first.pid, offset });
  assert(twice.sid !== first.sid);
  back.conn.close();
  twice.conn.close();
  await io.close();
});

Deno.test("an adapter that is closed keeps nothing, and has no timer, until a client comes again", async () => {
  const { io, join } = setup();
  const first = await join();
  const socket = io.sockets.sockets.get(first.sid)!;
  first.conn.end("transport close");
  await io.close();
  const { setTimeout } = globalThis;
  let timers = 0;
  globalThis.setTimeout = ((...args: Parameters<typeof setTimeout>) => {
    timers++;
    return setTimeout(...args);
  }) as typeof setTimeout;
  try {
    socket.emit("late");
    io.emit("late");
    io.sockets.adapter.persistSession({ sid: "a", pid: "b", rooms: [], data: {} });
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  assertEquals(timers, 0);
  assertEquals((io.sockets.adapter as SessionAwareAdapter).restoreSession("b", undefined), null);
  const second = await join();
  second.conn.end("transport close");
  io.emit("a");
  assertEquals((await join({ pid: second.pid })).missed, ["a"]);
  await io.close();
});

Deno.test("an option of recovery that is undefined is as one that is not given", async () => {
  const { io, join } = setup({ maxDisconnectionDuration: undefined, skipMiddlewares: undefined });
  let runs = 0;
  io.use((_socket, next) => {
    runs++;
    next();
  });
  const first = await join();
  const socket = io.sockets.sockets.get(first.sid)!;
  first.conn.end("transport close");
  const back = await join({ pid: first.pid });
  assertEquals([back.sid, runs], [first.sid, 1]);
  ahead(120_001, () => socket.emit("too late"));
  assertEquals(back.conn.take(), []);
  back.conn.close();
  await io.close();
});

Deno.test("a client that left on purpose has no session", async () => {
  const { io, join } = setup();
  const first = await join();
  io.emit("seen");
  const offset = lastOffset(first.conn);
  first.conn.deliver("1");
  const back = await join({ pid: first.pid, offset });
  assert(back.sid !== first.sid);
  first.conn.close();
  back.conn.close();
  await io.close();
});

Deno.test("a session is forgotten after its time", async () => {
  const { io, join } = setup({ maxDisconnectionDuration: 20 });
  const first = await join();
  io.emit("seen");
  const offset = lastOffset(first.conn);
  first.conn.end("transport close");
  await new Promise((resolve) => setTimeout(resolve, 60));
  const back = await join({ pid: first.pid, offset });
  assert(back.sid !== first.sid);
  back.conn.close();
  await io.close();
});

Deno.test("what is older than a client may be away goes by itself, and no timer is left with the last of it", async () => {
  const time = 23_456;
  const sweeps: (() => void)[] = [];
  const { setTimeout } = globalThis;
  globalThis.setTimeout = ((run: () => void, ms: number) => {
    const timer = setTimeout(run, ms);
    if (ms === time) {
      clearTimeout(timer);
      sweeps.push(run);
    }
    return timer;
  }) as typeof setTimeout;
  try {
    const { io, join } = setup({ maxDisconnectionDuration: time });
    const { conn, pid } = await join();
    const early = await join();
    io.emit("old");
    const offset = lastOffset(conn);
    ahead(15_000, () => io.emit("young"));
    assertEquals(sweeps.length, 1, "one timer for all");
    ahead(time + 1_000, () => {
      sweeps[0]();
      conn.end("transport close");
      early.conn.end("transport close");
    });
    assertEquals(sweeps.length, 2);
    // Who saw the old one has missed nothing that went, who did not has.
    const back = await join({ pid, offset });
    assertEquals(back.missed, ["young"]);
    assert((await join({ pid: early.pid })).sid !== early.sid);
    back.conn.close();
    // Of the events nothing is left then, of the client that did not come back the session is.
    ahead(40_000, () => sweeps[1]());
    assertEquals(sweeps.length, 3);
    ahead(100_000, () => sweeps[2]());
    assertEquals(sweeps.length, 3);
    await io.close();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
});

Deno.test("events are kept up to a number, and then the client has missed too many", async () => {
  const { io, join } = setup({ maxPackets: 4 });
  const first = await join();
  io.emit("seen");
  const offset = lastOffset(first.conn);
  const second = await join();
  first.conn.end("transport close");
  for (let i = 0; i < 3; i++) io.emit(`event ${i}`);
  const kept = lastOffset(second.conn);
  second.conn.end("transport close");
  for (let i = 0; i < 2; i++) io.emit(`later ${i}`);
  const lost = await join({ pid: first.pid, offset });
  assert(lost.sid !== first.sid);
  const found = await join({ pid: second.pid, offset: kept });
  assertEquals(found.missed, ["later 0", "later 1"]);
  lost.conn.close();
  found.conn.close();
  await io.close();
});

Deno.test("events are kept up to a number of bytes, nested ones and binary ones too", async () => {
  const { io, join } = setup({ maxBytes: 10_000 });
  for (
    const large of [
      "x".repeat(4000),
      { a: [{ b: "x".repeat(2000) }, { ["k".repeat(2000)]: 1 }] },
      new Uint8Array(4000),
      Array.from({ length: 500 }, () => null),
    ]
  ) {
    const first = await join();
    io.emit("seen");
    const offset = lastOffset(first.conn);
    first.conn.end("transport close");
    io.emit("one", large);
    io.emit("two", large);
    const found = await join({ pid: first.pid, offset });
    assertEquals(found.sid, first.sid);
    assertEquals(found.missed.filter((name) => typeof name === "string"), ["one", "two"]);
    found.conn.end("transport close");
    io.emit("three", large);
    const lost = await join({ pid: first.pid, offset });
    assert(lost.sid !== first.sid);
    lost.conn.close();
    // What is larger than everything together is not kept either.
    io.emit("huge", "x".repeat(20_000));
  }
  await io.close();
});

Deno.test("an event that is larger than all that may be kept is not kept, also where it is the only one", async () => {
  const { io, join } = setup({ maxBytes: 10_000 });
  const first = await join();
  first.conn.end("transport close");
  io.emit("huge", "x".repeat(20_000));
  const lost = await join({ pid: first.pid });
  assert(lost.sid !== first.sid);
  await io.close();
});

Deno.test("sessions are kept up to a number, the latest ones", async () => {
  const { io, join } = setup({ maxSessions: 1 });
  const first = await join();
  const second = await join();
  first.conn.end("transport close");
  second.conn.end("transport close");
  const a = await join({ pid: first.pid });
  const b = await join({ pid: second.pid });
  assert(a.sid !== first.sid);
  assertEquals(b.sid, second.sid);
  a.conn.close();
  b.conn.close();
  await io.close();
});

Deno.test("middleware is left out for a client that comes back, unless it is wanted", async () => {
  for (const skipMiddlewares of [true, false]) {
    const { io, join } = setup({ skipMiddlewares });
    let runs = 0;
    io.use((_socket, next) => {
      runs++;
      next();
    });
    const first = await join();
    first.conn.end("transport close");
    const back = await join({ pid: first.pid });
    assertEquals(back.sid, first.sid);
    assertEquals(runs, skipMiddlewares ? 1 : 2);
    back.conn.close();
    await io.close();
  }
});

Deno.test("a client without a session has a private id, and one of a plain server has none", async () => {
  const { io, join } = setup();
  const { sid, pid, conn } = await join();
  assert(pid.length === 20 && pid !== sid);
  assert(io.sockets.adapter instanceof SessionAwareAdapter);
  conn.close();
  await io.close();
  const plain = fakeServer();
  const other = plain.engine.connect();
  other.deliver("0");
  assert(!(other.take()[0] as string).includes("pid"));
  other.close();
});

Deno.test("a client that comes back misses nothing while middleware looks at it", async () => {
  const { io, engine } = fakeServer({ connectionStateRecovery: { skipMiddlewares: false } });
  let go = () => {};
  io.use((_socket, next) => void (go = () => next()));
  const connect = async (auth: unknown, meanwhile: () => void) => {
    const conn = engine.connect();
    conn.deliver(`0${JSON.stringify(auth)}`);
    await microtasks(5);
    meanwhile();
    go();
    await microtasks(5);
    return conn;
  };
  const first = await connect({}, () => {});
  const { sid, pid } = JSON.parse((first.take()[0] as string).slice(1));
  first.end("transport close");
  io.emit("while away");
  const back = await connect({ pid }, () => {
    io.emit("meanwhile");
    io.to("other").emit("not for it");
  });
  const [answer, ...missed] = back.take();
  assertEquals(JSON.parse((answer as string).slice(1)), { sid, pid });
  assertEquals(missed.map(name), ["while away", "meanwhile"]);
  back.close();
  await io.close();
});

Deno.test("an event that can't be encoded is not kept, and costs those who come back no other", async () => {
  const { io, join } = setup();
  const first = await join();
  const socket = io.sockets.sockets.get(first.sid)!;
  socket.emit("seen");
  const offset = lastOffset(first.conn);
  first.conn.end("transport close");
  io.emit("before");
  const ring: unknown[] = [];
  ring.push(ring);
  for (const bad of [1n, ring]) {
    assertThrows(() => socket.emit("bad", bad), TypeError);
    assertThrows(() => io.emit("bad", bad), TypeError);
  }
  io.emit("after");
  const connected = new Promise((resolve) => io.once("connection", resolve));
  const back = await join({ pid: first.pid, offset });
  assertEquals(back.missed, ["before", "after"]);
  await connected;
  back.conn.close();
  await io.close();
});

Deno.test("a kept event that can't be encoded any more stops neither the others nor the client", async () => {
  const { io, join } = setup();
  const first = await join();
  first.conn.end("transport close");
  const changed: Record<string, unknown> = {};
  io.emit("changed", changed);
  io.emit("after");
  changed.value = 1n;
  const connected = new Promise((resolve) => io.once("connection", resolve));
  let back!: Joined;
  const errors = await reported(async () => {
    back = await join({ pid: first.pid });
  });
  assertEquals([back.missed, errors.length], [["after"], 1]);
  await connected;
  back.conn.close();
  await io.close();
});

Deno.test("a client whose session an adapter does not find in time is let in as a new one", async () => {
  using _time = shortTimers(5000, 200);
  const { io, join } = setup();
  const first = await join();
  first.conn.end("transport close");
  const { adapter } = io.sockets;
  const found = Promise.withResolvers<unknown>();
  const dropped: string[] = [];
  adapter.restoreSession = () => found.promise;
  adapter.delAll = (sid) => void dropped.push(sid);
  const { conn } = first;
  const { promise: connected, resolve } = Promise.withResolvers<[string, boolean]>();
  io.on("connection", ({ id, recovered }) => resolve([id, recovered]));
  await join({ pid: first.pid, offset: "a" }).catch(() => {});
  const [id, recovered] = await connected;
  assertEquals([id === first.sid, recovered, conn.readyState], [false, false, "closed"]);
  assertEquals(dropped, []);
  found.resolve({ sid: first.sid, pid: first.pid, rooms: [], missedPackets: [] });
  await microtasks(5);
  assertEquals(dropped, [first.sid]);
  await io.close();
});

Deno.test("nobody waits for the session of a client that has gone", async () => {
  const { io, engine } = fakeServer({ connectionStateRecovery: {} });
  const { adapter } = io.sockets;
  const found = Promise.withResolvers<unknown>();
  const dropped: string[] = [];
  adapter.restoreSession = () => found.promise;
  adapter.delAll = (sid) => void dropped.push(sid);
  const conn = engine.connect();
  conn.deliver('0{"pid":"p","offset":"a"}');
  assertEquals(io.sockets._empty, false);
  conn.end("transport close");
  await microtasks(5);
  // The test has no timer at its end.
  assertEquals([io.sockets._empty, dropped], [true, []]);
  found.resolve({ sid: "s", pid: "p", rooms: [], missedPackets: [] });
  await microtasks(5);
  assertEquals(dropped, ["s"]);
  await io.close();
});

Deno.test("a client that is gone is in no room, though its session is kept", async () => {
  const { io, join } = setup();
  const { conn, sid } = await join();
  io.sockets.sockets.get(sid)!.join("room");
  conn.end("transport close");
  const { rooms, sids } = io.sockets.adapter as SessionAwareAdapter;
  assertEquals([rooms.size, sids.size], [0, 0]);
  await io.close();
});

Deno.test("what is kept for clients does not keep the process alive", async () => {
  const server = new URL("../../socketio/server.ts", import.meta.url);
  const script = `import { SocketIoServer } from "${server}";
    new SocketIoServer({ connectionStateRecovery: {} }).emit("kept");`;
  const { code } = await runPeer(Deno.execPath(), ["eval", "--quiet", script], { timeout: 30_000 });
  assertEquals(code, 0);
});

Deno.test("what a client in very many rooms has missed is found by the rooms of the events", async () => {
  const { io } = setup();
  const adapter = io.sockets.adapter as SessionAwareAdapter;
  const rooms = Array.from({ length: 1000 }, (_, i) => `room ${i}`);
  adapter.persistSession({ sid: "sid", pid: "pid", rooms, data: {} });
  for (let i = 0; i < 100; i++) io.to(`other ${i}`).emit("not for it");
  io.to(["room 999", "other 1"]).emit("for it");
  io.except(["room 999", "other 1"]).emit("not for its room");
  io.emit("for all");
  const session = await adapter.restoreSession("pid", undefined);
  const { has } = Set.prototype;
  let looked = 0;
  Set.prototype.has = function (value) {
    looked++;
    return has.call(this, value);
  };
  try {
    assertEquals(session?.missedPackets.map(([event]) => event), ["for it", "for all"]);
  } finally {
    Set.prototype.has = has;
  }
  assert(looked < 1000, `${looked}`);
  io.close();
});
