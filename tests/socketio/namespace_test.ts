import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { foreignRejection } from "../_support/foreign_promise.ts";
import { microtasks } from "../_support/microtasks.ts";
import { fakeServer } from "../_support/socketio_rig.ts";
import { reported } from "../_support/console_errors.ts";
import { SocketIoError } from "../../socketio/errors.ts";
import { InMemoryAdapter } from "../../socketio/in_memory_adapter.ts";
import type { MiddlewareError } from "../../socketio/namespace.ts";
import type { RecoveredSession } from "../../socketio/types.ts";

Deno.test("namespace and server have the methods of Node's emitters that libraries call", () => {
  for (const which of ["sockets", "io"] as const) {
    const { io, join } = fakeServer();
    const on = which === "io" ? io : io.sockets;
    const log: string[] = [];
    const gone = () => log.push("gone");
    on.setMaxListeners(64).addListener("connection", () => log.push("last"))
      .addListener("connection", gone).removeListener("connection", gone)
      .prependListener("connection", () => log.push("first"))
      .prependOnceListener("connection", () => log.push("once"));
    assertEquals([on.eventNames(), on.listenerCount("connection")], [["connection"], 3]);
    const conns = [join(), join()];
    assertEquals(log, ["once", "first", "last", "first", "last"], which);
    for (const conn of conns) conn.close();
  }
});

Deno.test("namespace tells of connections under both names, in the order of listeners", () => {
  const { io, join } = fakeServer();
  const log: unknown[] = [];
  io.on("connection", (socket) => log.push(["connection", socket.id]));
  io.on("connect", (socket) => log.push(["connect", socket.id]));
  io.once("connection", () => log.push("once"));
  const [a, b] = [join(), join()];
  const [idA, idB] = io.sockets.sockets.keys();
  assertEquals(log, [
    ["connect", idA],
    ["connection", idA],
    "once",
    ["connect", idB],
    ["connection", idB],
  ]);
  a.close();
  b.close();
});

Deno.test("namespace runs middleware in order, before the client is told", () => {
  const { io, engine } = fakeServer();
  const log: unknown[] = [];
  let go: (() => void) | undefined;
  io.use((socket, next) => {
    log.push(["first", socket.connected]);
    next();
  });
  io.use((_socket, next) => {
    log.push("second");
    go = next;
  });
  io.on("connection", () => log.push("connected"));
  const conn = engine.connect();
  conn.deliver("0");
  assertEquals(conn.take(), []);
  go!();
  go!();
  assertEquals(log, [["first", false], "second", "connected"]);
  assertEquals(conn.take().length, 1);
  conn.close();
});

Deno.test("middleware's error goes to the client, with its data, and the socket is gone", () => {
  const { io, engine } = fakeServer();
  io.use((socket, next) => {
    socket.join("room");
    const error: MiddlewareError = new Error("not allowed");
    error.data = { code: 42 };
    next(error);
  });
  io.on("connection", () => {
    throw new Error("not reached");
  });
  const conn = engine.connect();
  conn.deliver("0");
  assertEquals(conn.take(), ['4{"message":"not allowed","data":{"code":42}}']);
  assertEquals(io.sockets.sockets.size, 0);
  assertEquals(io.sockets.adapter.rooms.size, 0);
  assertEquals(conn.readyState, "open");
  conn.close();
});

Deno.test("middleware that gives a text as its error has the client told that text", () => {
  const { io, engine } = fakeServer();
  io.use((_socket, next) => next("no room" as never));
  const conn = engine.connect();
  conn.deliver("0");
  assertEquals(conn.take(), ['4{"message":"no room"}']);
  conn.close();
});

Deno.test("middleware whose error has no text keeps the client out all the same", () => {
  for (const text of [Object.create(null), undefined, 7]) {
    const { io, engine } = fakeServer();
    let tell: (error: Error) => void;
    io.use((_socket, next) => void (tell = next));
    const conn = engine.connect();
    conn.deliver("0");
    tell!(Object.assign(new Error(), { message: text }));
    const message = typeof text === "object" ? "what was thrown has no text" : String(text);
    assertEquals(conn.take(), [`4${JSON.stringify({ message })}`]);
    assertEquals(io.sockets.sockets.size, 0);
    conn.close();
  }
});

Deno.test("middleware whose error has data that can't be encoded keeps the client out all the same, and it is reported", () => {
  const circular: Record<string, unknown> = {};
  circular.itself = circular;
  for (const data of [circular, 1n]) {
    const errors: unknown[] = [];
    const { io, engine } = fakeServer({ onListenerError: (error) => errors.push(error) });
    let tell: (error: Error) => void;
    io.use((_socket, next) => void (tell = next));
    const conn = engine.connect();
    conn.deliver("0");
    tell!(Object.assign(new Error("no"), { data }));
    assertEquals(conn.take(), ['4{"message":"Internal error"}']);
    assertEquals([errors.length, errors[0] instanceof TypeError], [1, true]);
    conn.close();
  }
});

Deno.test("middleware that throws, or rejects, keeps the client out without telling it why", async () => {
  const errors = await reported(async () => {
    for (const fail of ["throw", "reject", "reject of another realm"]) {
      const { io, engine } = fakeServer();
      io.use(() => {
        if (fail === "throw") throw new Error("secret");
        if (fail !== "reject") return foreignRejection(new Error("secret"));
        return Promise.reject(new Error("secret"));
      });
      const conn = engine.connect();
      conn.deliver("0");
      await microtasks(5);
      assertEquals(conn.take(), ['4{"message":"Internal error"}']);
      conn.close();
    }
  });
  assertEquals(errors.map((error) => (error as Error).message), ["secret", "secret", "secret"]);
});

Deno.test("what middleware throws, or rejects with, goes to onListenerError with the socket", async () => {
  const errors: unknown[] = [];
  const { io, engine } = fakeServer({
    onListenerError: (error, socket) => errors.push([error, socket.handshake.auth.name]),
  });
  io.use((socket, next) => {
    if (socket.handshake.auth.name === "early") throw "thrown";
    if (socket.handshake.auth.name === "late") next();
    return Promise.reject("rejected");
  });
  for (const name of ["early", "in time", "late"]) {
    const conn = engine.connect();
    conn.deliver(`0${JSON.stringify({ name })}`);
    await microtasks(5);
    assertEquals(conn.readyState, "open", name);
    assertEquals((conn.take()[0] as string)[0], name === "late" ? "0" : "4");
    conn.close();
  }
  assertEquals(errors, [["thrown", "early"], ["rejected", "in time"], ["rejected", "late"]]);
});

Deno.test("middleware that ends after the client has gone changes nothing", () => {
  const { io, engine } = fakeServer();
  let go: (() => void) | undefined;
  io.use((_socket, next) => go = next);
  io.on("connection", () => {
    throw new Error("not reached");
  });
  const conn = engine.connect();
  conn.deliver("0");
  conn.end("transport close");
  go!();
  assertEquals(io.sockets.sockets.size, 0);
});

Deno.test("middleware's messages reach the client before the namespace is joined", () => {
  const { io, engine } = fakeServer();
  io.use((socket, next) => {
    socket.emit("early");
    next();
  });
  const conn = engine.connect();
  conn.deliver("0");
  assertEquals(conn.take()[0], '2["early"]');
  conn.close();
});

Deno.test("a listener for connections that throws ends that connection", async () => {
  const { io, engine } = fakeServer();
  io.on("connection", () => {
    throw new Error("broken");
  });
  const conn = engine.connect();
  const errors = await reported(() => conn.deliver("0"));
  assertEquals(errors.map((error) => (error as Error).message), ["broken"]);
  assertEquals(conn.readyState, "closed");
  assertEquals(io.sockets.sockets.size, 0);
});

Deno.test("namespace sends to all its sockets, and those of others do not get it", () => {
  const { io, join } = fakeServer();
  io.of("/a");
  const [main, other] = [join(), join("/a")];
  io.emit("x");
  io.of("/a").emit("y", 1);
  io.send("m");
  io.of("/a").write("w");
  assertEquals(main.take(), ['2["x"]', '2["message","m"]']);
  assertEquals(other.take(), ['2/a,["y",1]', '2/a,["message","w"]']);
  main.close();
  other.close();
});

Deno.test("namespace's sockets are moved and disconnected together", async () => {
  const { io, join } = fakeServer();
  const conns = [join(), join()];
  io.socketsJoin(["r", "s"]);
  io.socketsLeave("s");
  assertEquals(await io.in("r").allSockets(), new Set(io.sockets.sockets.keys()));
  assertEquals((await io.in("s").allSockets()).size, 0);
  assertEquals((await io.fetchSockets()).length, 2);
  assertEquals((await io.sockets.allSockets()).size, 2);
  io.disconnectSockets(true);
  assertEquals(conns.map(({ readyState }) => readyState), ["closed", "closed"]);
  assertEquals(io.sockets.sockets.size, 0);
});

Deno.test("namespace asks all clients, with and without a timeout", async () => {
  const { io, join } = fakeServer();
  const conns = [join(), join()];
  const answers = io.emitWithAck("a");
  conns[0].deliver("30[1]");
  conns[1].deliver("30[2]");
  assertEquals(await answers, [1, 2]);
  const late = assertRejects(() => io.timeout(5).emitWithAck("b"), SocketIoError);
  conns[1].deliver("31[3]");
  const error = await late;
  assertEquals(error.code, "ERR_TIMEOUT");
  assertEquals(error.responses, [3]);
  for (const socket of io.sockets.sockets.values()) assertEquals(socket.acks.size, 0);
  for (const conn of conns) conn.close();
});

Deno.test("namespace of a single server has nobody to emit to", async () => {
  const { io } = fakeServer();
  assert(io.serverSideEmit("hello"));
  assertEquals(await io.serverSideEmitWithAck("hello"), []);
  for (const name of ["connection", "connect", "new_namespace"]) {
    assertThrows(() => io.serverSideEmit(name), TypeError, name);
  }
});

Deno.test("what the callback of an event to other servers throws ends no process, whenever an adapter calls it", async () => {
  const done = Promise.withResolvers<void>();
  class LateAdapter extends InMemoryAdapter {
    override serverSideEmit(args: ((...args: unknown[]) => void)[]): void {
      setTimeout(() => {
        done.resolve();
        args[2](null, ["answer"]);
      }, 0);
    }
  }
  const { io } = fakeServer({ adapter: LateAdapter });
  const calls = await reported(async () => {
    io.serverSideEmit("hello", 1, (_error: unknown, [answer]: string[]) => {
      throw answer;
    });
    await done.promise;
    await microtasks(5);
  });
  assertEquals(calls, ["answer"]);
});

Deno.test("an adapter that never has the answers of other servers, or too late, is given up after 30 s", async () => {
  let late = (_error: unknown, _answers: unknown[]) => {};
  class SilentAdapter extends InMemoryAdapter {
    requestsTimeout = 5000;
    override serverSideEmit(args: (typeof late)[]): void {
      late = args[1];
    }
  }
  const { io } = fakeServer({ adapter: SilentAdapter });
  const { setTimeout: real } = globalThis;
  let waited: number | undefined;
  globalThis.setTimeout = ((run: () => void, ms?: number) => {
    waited = ms;
    return real(run, 0);
  }) as typeof setTimeout;
  try {
    const answers: unknown[][] = [];
    const told = Promise.withResolvers<void>();
    io.serverSideEmit("hello", (...args: unknown[]) => {
      answers.push(args);
      told.resolve();
    });
    await told.promise;
    late(null, ["too late"]);
    assertEquals(answers.length, 1);
    const [error, list] = answers[0];
    assert(error instanceof SocketIoError);
    assertEquals([error.code, list], ["ERR_TIMEOUT", []]);
    const failed = await assertRejects(() => io.serverSideEmitWithAck("hello"), SocketIoError);
    assertEquals([failed.code, failed.responses], ["ERR_TIMEOUT", []]);
    assertEquals(waited, 30_000);
    (io.sockets.adapter as SilentAdapter).requestsTimeout = 60_000;
    await assertRejects(() => io.serverSideEmitWithAck("hello"), SocketIoError);
    assertEquals(waited, 120_000);
  } finally {
    globalThis.setTimeout = real;
  }
});

Deno.test("namespace takes events of other servers, but not those that are its own", async () => {
  const { io } = fakeServer();
  const seen: unknown[] = [];
  io.on("hello", (...args) => seen.push(args));
  io.on("connection", () => seen.push("not reached"));
  io.on("bad", () => {
    throw "thrown";
  });
  io.sockets._onServerSideEmit(["hello", 1, 2]);
  io.sockets._onServerSideEmit(["connection"]);
  assertEquals(await reported(() => io.sockets._onServerSideEmit(["bad"])), ["thrown"]);
  assertEquals(seen, [[1, 2]]);
});

Deno.test("namespace's listeners can be counted and removed", () => {
  const { io } = fakeServer();
  const listener = () => {};
  const { sockets } = io;
  sockets.on("connection", listener);
  io.off("connection", listener);
  assertEquals(sockets.listenerCount("connection"), 0);
  sockets.on("connection", listener);
  assertEquals(sockets.listeners("connection"), [listener]);
  sockets.removeAllListeners(undefined);
  io.removeAllListeners(undefined);
  assertEquals(sockets.listeners("connection"), [listener]);
  sockets.removeAllListeners("connection");
  assertEquals(sockets.listenerCount("connection"), 0);
});

Deno.test("what an adapter is rejected with is reported, and ends no process", async () => {
  class FailingAdapter extends InMemoryAdapter {
    override broadcast = (): Promise<void> => Promise.reject("broadcast");
    override addSockets = (): Promise<void> => Promise.reject("addSockets");
    override delSockets = (): Promise<void> => Promise.reject("delSockets");
    override disconnectSockets = (): Promise<void> => Promise.reject("disconnectSockets");
    override serverSideEmit = (): Promise<void> => Promise.reject("serverSideEmit");
    override close = (): Promise<void> => Promise.reject("close");
  }
  const { io, engine } = fakeServer({
    adapter: FailingAdapter,
    cleanupEmptyChildNamespaces: true,
  });
  const parent = io.of(/^\/p/);
  const conn = engine.connect();
  conn.join("/p1");
  const calls = await reported(async () => {
    for (const namespace of [io.sockets, parent]) {
      namespace.emit("a");
      namespace.socketsJoin("r");
      namespace.socketsLeave("r");
      namespace.disconnectSockets();
    }
    io.serverSideEmit("a");
    const failed = await assertRejects(() => io.serverSideEmitWithAck("a"), SocketIoError);
    assertEquals(failed.cause, "serverSideEmit");
    conn.close();
    io.adapter(InMemoryAdapter);
    await microtasks(5);
  });
  const twice = ["broadcast", "addSockets", "delSockets", "disconnectSockets"];
  assertEquals(calls.sort(), [...twice, ...twice, "serverSideEmit", "close", "close"].sort());
});

Deno.test("a client that middleware has refused may ask again, and middleware that calls next twice lets it in once", () => {
  const { io, engine } = fakeServer();
  const log: unknown[] = [];
  let refuse = true;
  io.use((_socket, next) => {
    next(refuse ? new Error("not yet") : undefined);
    next();
  });
  io.use((_socket, next) => {
    log.push("second");
    next();
  });
  io.on("connection", () => log.push("connection"));
  const conn = engine.connect();
  conn.deliver("0");
  assertEquals([conn.take(), log], [['4{"message":"not yet"}'], []]);
  refuse = false;
  conn.join();
  assertEquals([log, conn.take(), io.sockets.sockets.size], [["second", "connection"], [], 1]);
  conn.close();
});

Deno.test("namespace made for a client has the listeners of its parent for each connection", () => {
  const { io, engine } = fakeServer();
  const log: string[] = [];
  io.of(/^\/p/).on("connection", () => log.push("connection"))
    .on("connect", () => log.push("connect"));
  const conns = [engine.connect(), engine.connect()];
  for (const conn of conns) conn.join("/p1");
  assertEquals(log, ["connect", "connection", "connect", "connection"]);
  for (const conn of conns) conn.close();
});

Deno.test("adapter is asked only for sessions whose names are texts, and forgets that of a client that went meanwhile, or asked anew", async () => {
  const asked: unknown[] = [];
  const forgotten: string[] = [];
  const found = Promise.withResolvers<RecoveredSession | null>();
  class Asked extends InMemoryAdapter {
    override restoreSession(pid: string, offset: string) {
      asked.push([pid, offset]);
      return found.promise as Promise<never>;
    }
    override delAll(id: string) {
      forgotten.push(id);
      super.delAll(id);
    }
  }
  const { engine } = fakeServer({ connectionStateRecovery: {}, adapter: Asked });
  for (const auth of ['{"pid":{"a":1},"offset":"o"}', '{"pid":"p","offset":{"a":1}}', "{}"]) {
    const conn = engine.connect();
    conn.join("/", JSON.parse(auth));
    conn.close();
  }
  assertEquals(asked, []);
  forgotten.length = 0;
  const gone = engine.connect();
  gone.deliver('0{"pid":"p","offset":"o"}');
  gone.close();
  const anew = engine.connect();
  anew.deliver('0{"pid":"p","offset":"o"}', "0");
  assertEquals(asked, [["p", "o"], ["p", "o"]]);
  found.resolve({ sid: "old", pid: "p", rooms: [], data: {}, missedPackets: [] });
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(forgotten, ["old", "old"]);
  anew.close();
});

Deno.test("adapter is not asked for sessions where the server recovers none", () => {
  let asked = 0;
  class Asked extends InMemoryAdapter {
    override restoreSession() {
      asked++;
      return Promise.resolve(null) as Promise<never>;
    }
  }
  const { join } = fakeServer({ adapter: Asked });
  join("/", { pid: "p", offset: "o" }).close();
  assertEquals(asked, 0);
});

Deno.test("an adapter whose search for a session is faulty is reported, and the client is let in anew", async () => {
  class Faulty extends InMemoryAdapter {
    override restoreSession(pid: string): Promise<never> {
      const error = new TypeError("faulty");
      if (pid === "throws") throw error;
      return Promise.reject(error);
    }
  }
  for (const pid of ["throws", "rejects"]) {
    const { io, engine } = fakeServer({ connectionStateRecovery: {}, adapter: Faulty });
    const conn = engine.connect();
    const told = await reported(async () => {
      conn.deliver(`0{"pid":"${pid}","offset":"o"}`);
      while (io.sockets.sockets.size === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    });
    assertEquals(told.length, 1, pid);
    conn.close();
  }
});
