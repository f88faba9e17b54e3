import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { FakeConnection, fakeServer } from "../_support/socketio_rig.ts";
import { Limits } from "../../net/limits.ts";
import type { SocketIoError } from "../../socketio/errors.ts";
import type { SocketIoSocket } from "../../socketio/socket.ts";

Deno.test("client joins the main namespace and is told its id", () => {
  const { io, engine } = fakeServer();
  const conn = engine.connect();
  conn.deliver("0");
  const [answer] = conn.take() as string[];
  const { sid } = JSON.parse(answer.slice(1));
  assertEquals(answer, `0{"sid":"${sid}"}`);
  assertEquals(sid.length, 20);
  assert(io.sockets.sockets.has(sid));
  conn.end("transport close");
});

Deno.test("client is refused a namespace that does not exist", () => {
  const { engine } = fakeServer();
  const conn = engine.connect();
  conn.deliver("0/random");
  assertEquals(conn.take(), ['4/random,{"message":"Invalid namespace"}']);
  assertEquals(conn.readyState, "open");
  conn.close();
});

Deno.test("client may be in several namespaces, each with its own socket", () => {
  const { io, engine } = fakeServer();
  const seen: unknown[] = [];
  for (const name of ["/", "/a", "/b"]) {
    io.of(name).on("connection", (socket) => {
      socket.on("hi", (value) => seen.push([name, value]));
    });
  }
  const conn = engine.connect();
  const ids = ["/", "/a", "/b"].map((name) => conn.join(name));
  assertEquals(new Set(ids).size, 3);
  conn.deliver('2/a,["hi",1]', '2["hi",2]', '2/b,["hi",3]');
  assertEquals(seen, [["/a", 1], ["/", 2], ["/b", 3]]);
  conn.deliver("1/a,");
  assertEquals(io.of("/a").sockets.size, 0);
  conn.deliver('2/b,["hi",4]');
  assertEquals(seen.length, 4);
  conn.close();
  assertEquals(io.of("/b").sockets.size, 0);
});

Deno.test("client may leave a namespace and join it again", () => {
  const { io, engine } = fakeServer();
  const conn = engine.connect();
  const first = conn.join();
  conn.deliver("1");
  const second = conn.join();
  assert(first !== second);
  assertEquals([...io.sockets.sockets.keys()], [second]);
  conn.close();
});

Deno.test("packets for a namespace that was just left are ignored", () => {
  const { io, engine } = fakeServer();
  io.on("connection", (socket) => socket.disconnect());
  const conn = engine.connect();
  conn.deliver("0", '2["on its way"]');
  assertEquals(conn.readyState, "open");
  conn.close();
});

/** Each of these ends the connection, and nothing else. */
const violations: Record<string, string[]> = {
  "what is no packet": ["abc"],
  "a packet type that is not known": ["0", "7"],
  "a connect error": ["0", '4{"message":"x"}'],
  "an event before a namespace was joined": ['2["a"]'],
  "an event for a namespace that was not joined": ["0", '2/admin,["a"]'],
  "an event without a name": ["0", "2[]"],
  "an event with a reserved name": ["0", '2["disconnect"]'],
  "too many attachments": ["0", '511-["a"]'],
  "text in place of an attachment": ["0", '51-["a",{"_placeholder":true,"num":0}]', '2["a"]'],
};

for (const [what, messages] of Object.entries(violations)) {
  Deno.test(`client that sends ${what} is disconnected, and nobody else`, () => {
    const { io, engine, join } = fakeServer();
    const reasons: unknown[] = [];
    io.on("connection", (socket) => {
      socket.on("error", (error) => reasons.push((error as SocketIoError).code));
      socket.on("disconnect", (reason) => reasons.push(reason));
    });
    const other = join();
    const conn = engine.connect();
    conn.deliver(...messages);
    assertEquals(conn.readyState, "closed");
    if (messages.length > 1) assertEquals(reasons, ["ERR_PARSE", "parse error"]);
    assertEquals(conn.listenerCount, 0);
    assertEquals(other.readyState, "open");
    other.close();
  });
}

Deno.test("client that sends bytes nobody announced is disconnected", () => {
  const { join } = fakeServer();
  const conn = join();
  conn.deliver(new Uint8Array(3));
  assertEquals(conn.readyState, "closed");
});

Deno.test("client is told of an error of its connection, and ends", () => {
  const { io, engine } = fakeServer();
  const log: unknown[] = [];
  io.on("connection", (socket) => {
    socket.on("error", (error) => log.push(error.message));
    socket.on("disconnect", (reason) => log.push(reason));
  });
  const conn = engine.connect();
  conn.join();
  conn.fail(new Error("broken"));
  assertEquals(log, ["broken", "parse error"]);
  assertEquals(conn.readyState, "closed");
});

Deno.test("client that joins nothing in time is disconnected", async () => {
  const { engine } = fakeServer({ connectTimeout: 10 });
  const conn = engine.connect();
  const closed = new Promise<void>((resolve) => conn.on("close", () => resolve()));
  await closed;
  assertEquals(conn.readyState, "closed");
});

/** What the client is told next, whenever that is. */
async function nextMessages(conn: FakeConnection): Promise<unknown[]> {
  for (let waited = 0; waited < 2000; waited++) {
    const messages = conn.take();
    if (messages.length > 0) return messages;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("nothing came");
}

Deno.test("namespace that lets a client wait refuses it in time, and a late answer is void", async () => {
  const { io, engine } = fakeServer({ connectTimeout: 20 });
  let late = () => {};
  let hangs = true;
  io.of("/slow").use((_socket, next) => {
    if (!hangs) return next();
    late = next;
  });
  const joined: string[] = [];
  io.of("/slow").on("connection", (socket) => joined.push(socket.id));
  const conn = engine.connect();
  conn.join();
  conn.take();
  conn.deliver("0/slow,");
  assertEquals(await nextMessages(conn), [
    '4/slow,{"message":"The namespace did not answer in time"}',
  ]);
  hangs = false;
  conn.deliver("0/slow,");
  assertEquals(joined.length, 1);
  conn.take();
  late();
  assertEquals(conn.take(), []);
  assertEquals([...io.of("/slow").sockets.keys()], joined);
  assertEquals(conn.readyState, "open");
  conn.close();
  assertEquals(io.of("/slow").sockets.size, 0);
});

Deno.test("function that ends the client that asks for a namespace is not waited for", () => {
  const { io, engine } = fakeServer();
  const conn = engine.connect();
  io.of(() => conn.close());
  conn.deliver("0/x,");
  // A time that is left to answer would be found as a timer.
  assertEquals(conn.readyState, "closed");
});

Deno.test("function that is asked for a namespace and never answers is given up on in time", async () => {
  const { io, engine } = fakeServer({ connectTimeout: 20 });
  let late: (error: Error | null, allow?: boolean) => void = () => {};
  io.of((_name, _auth, next) => late = next);
  const conn = engine.connect();
  conn.join();
  conn.take();
  conn.deliver("0/slow,");
  assertEquals(await nextMessages(conn), [
    '4/slow,{"message":"The namespace did not answer in time"}',
  ]);
  late(null, true);
  assertEquals(conn.take(), []);
  assertEquals(io.of("/slow").sockets.size, 0);
  conn.close();
});

Deno.test("client that goes while a namespace lets it wait leaves no timer", () => {
  const { io, engine } = fakeServer({ connectTimeout: 600_000 });
  io.of("/slow").use(() => {});
  const conn = engine.connect();
  conn.join();
  conn.deliver("0/slow,");
  conn.close();
});

Deno.test("client whose attachments do not come in time is disconnected", async () => {
  const { engine } = fakeServer({ attachmentTimeout: 10 });
  const conn = engine.connect();
  conn.join();
  conn.deliver('52-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
  conn.deliver(new Uint8Array(1));
  await new Promise<void>((resolve) => conn.on("close", () => resolve()));
  assertEquals(conn.readyState, "closed");
});

Deno.test("client whose attachments have no room in the shared limits is disconnected, and gives back what it had", async () => {
  for (const policy of ["wait", "drop", "close"] as const) {
    const limits = new Limits({ receivedBytes: 100, policies: { receivedBytes: policy } });
    const { receivedBytes } = limits;
    const { io, engine } = fakeServer({ limits });
    const codes: unknown[] = [];
    io.on("connection", (socket) => {
      socket.on("error", (error) => codes.push((error as SocketIoError).code));
    });
    const conn = engine.connect();
    conn.join();
    const announcement = '52-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]';
    conn.deliver(announcement, new Uint8Array(60));
    await Promise.resolve();
    assertEquals([receivedBytes.used, conn.readyState], [60, "open"], policy);
    conn.deliver(new Uint8Array(60));
    assertEquals(receivedBytes.used, 0, policy);
    // Somebody else has all there is.
    receivedBytes.add(100);
    receivedBytes.ask({ onRoom() {} });
    conn.deliver(announcement, new Uint8Array(1));
    await Promise.resolve();
    assertEquals([codes, conn.readyState], [["ERR_LIMIT"], "closed"], policy);
    assertEquals([receivedBytes.used, receivedBytes.waiting], [100, 0], policy);
  }
});

Deno.test("client that joins too many namespaces is refused more", () => {
  const { io, engine } = fakeServer({ maxNamespacesPerClient: 2 });
  io.of(/^\/d\d+$/);
  const conn = engine.connect();
  conn.join("/d1");
  conn.join("/d2");
  conn.deliver("0/d3,");
  assertEquals(conn.take(), ['4/d3,{"message":"Too many namespaces"}']);
  conn.deliver("1/d1,");
  conn.join("/d4");
  conn.close();
});

Deno.test("client that asks again while middleware still thinks is let in once, with what it said last", () => {
  const { io, engine } = fakeServer();
  const asked: [unknown, (error?: Error) => void][] = [];
  const joined: unknown[] = [];
  io.use((socket, next) => asked.push([socket.handshake.auth, next]));
  io.on("connection", (socket) => joined.push(socket.handshake.auth));
  const conn = engine.connect();
  conn.deliver('0{"n":1}', '0{"n":2}', '0{"n":3}');
  assertEquals(asked.map(([auth]) => auth), [{ n: 1 }]);
  asked[0][1]();
  assertEquals(joined, []);
  assertEquals(asked.map(([auth]) => auth), [{ n: 1 }, { n: 3 }]);
  assertEquals(conn.take(), []);
  asked[1][1]();
  assertEquals(joined, [{ n: 3 }]);
  assertEquals([io.sockets.sockets.size, conn.take().length], [1, 1]);
  assertEquals(conn.readyState, "open");
  conn.close();
  assertEquals(io.sockets.sockets.size, 0);
});

Deno.test("client that joins again without having left is there once, anew", () => {
  const { io, engine } = fakeServer();
  const log: unknown[] = [];
  io.on("connection", (socket) => {
    log.push(socket.handshake.auth);
    socket.on("disconnect", (reason) => log.push(reason));
  });
  const conn = engine.connect();
  conn.deliver('0{"n":1}', '0{"n":2}');
  assertEquals(log, [{ n: 1 }, "client namespace disconnect", { n: 2 }]);
  assertEquals([io.sockets.sockets.size, conn.readyState], [1, "open"]);
  assertEquals(conn.take().length, 2);
  conn.close();
});

Deno.test("client that joins again, and is thrown out for that, is in no namespace", () => {
  const { io, engine } = fakeServer();
  let joined = 0;
  io.on("connection", (socket) => {
    joined++;
    socket.on("disconnect", () => socket.conn.close());
  });
  const conn = engine.connect();
  conn.deliver("0", "0");
  assertEquals([joined, io.sockets.sockets.size, conn.readyState], [1, 0, "closed"]);
});

Deno.test("client that asks again is not told of a refusal of what it asked first", () => {
  const { io, engine } = fakeServer();
  const asked: ((error?: Error) => void)[] = [];
  io.use((_socket, next) => asked.push(next));
  const conn = engine.connect();
  conn.deliver("0", "0");
  asked[0](new Error("no"));
  assertEquals(conn.take(), []);
  asked[1](new Error("still no"));
  assertEquals(conn.take(), ['4{"message":"still no"}']);
  conn.close();
});

Deno.test("client that asks again while a namespace is looked for, and then is gone", () => {
  const { io, engine } = fakeServer();
  const found: ((error: null, allow: boolean) => void)[] = [];
  io.of((_name, _auth, next) => {
    found.push(next);
  });
  const conn = engine.connect();
  conn.deliver("0/a,", "0/a,");
  found[0](null, false);
  assertEquals([found.length, conn.take()], [2, []]);
  conn.deliver("0/a,");
  conn.close();
  found[1](null, true);
  assertEquals(found.length, 2);
  assertEquals(io.of("/a").sockets.size, 0);
});

Deno.test("client drops a volatile packet while its connection is busy", () => {
  const { io, join } = fakeServer();
  const conn = join();
  const [socket] = io.sockets.sockets.values();
  conn.transport.writable = false;
  socket.volatile.emit("a");
  assertEquals(conn.take(), []);
  socket.emit("b");
  conn.transport.writable = true;
  socket.volatile.emit("c");
  assertEquals(conn.take(), ['2["b"]', '2["c"]']);
  conn.close();
});

Deno.test("client takes a codec of npm's form, and what it hands out is checked", () => {
  class Encoder {
    encode(packet: { type: number; data?: unknown }): string[] {
      return [`x${JSON.stringify(packet)}`];
    }
  }
  class Decoder {
    #listener: ((packet: unknown) => void) | undefined;
    destroyed = false;
    on(_event: "decoded", listener: (packet: unknown) => void): void {
      this.#listener = listener;
    }
    add(text: string): void {
      if (!text.startsWith("x")) throw new Error("not mine");
      this.#listener!(JSON.parse(text.slice(1)));
    }
    destroy(): void {
      this.destroyed = true;
    }
  }
  const { io, engine } = fakeServer({ parser: { Encoder, Decoder } });
  const seen: unknown[] = [];
  io.on("connection", (socket) => socket.on("a", (value) => seen.push(value)));
  const conn = engine.connect();
  conn.deliver('x{"type":0,"nsp":"/"}', 'x{"type":2,"nsp":"/","data":["a",1]}');
  assertEquals(seen, [1]);
  assert((conn.take()[0] as string).startsWith('x{"type":0,"nsp":"/","data":{"sid"'));
  conn.deliver("y");
  assertEquals(conn.readyState, "closed");
  for (const text of ['x{"type":9,"nsp":"/"}', "xnull", 'x{"type":2}', 'x{"type":"2","nsp":"/"}']) {
    const other = engine.connect();
    other.deliver(text);
    assertEquals(other.readyState, "closed", text);
  }
  for (const data of ['["disconnect","forged"]', '["disconnecting"]', "[{}]", "5", "null", "[]"]) {
    const log: unknown[] = [];
    io.once("connection", (socket) => {
      for (const name of ["disconnecting", "disconnect"] as const) {
        socket.on(name, (reason) => log.push([name, reason, socket.connected]));
      }
      socket.on("error", (error) => log.push((error as SocketIoError).code));
    });
    const other = engine.connect();
    other.deliver('x{"type":0,"nsp":"/"}', `x{"type":2,"nsp":"/","data":${data}}`);
    const told = [["disconnecting", "parse error", true], ["disconnect", "parse error", false]];
    assertEquals(log, ["ERR_PARSE", ...told], data);
    assertEquals(other.readyState, "closed");
  }
});

Deno.test("client gives its sockets the request and the connection", () => {
  const { io, engine } = fakeServer();
  let seen: SocketIoSocket | undefined;
  io.on("connection", (socket) => seen = socket);
  const conn = new FakeConnection();
  engine.connect(conn).join();
  assertStrictEquals(seen!.conn, conn);
  assertStrictEquals(seen!.request, conn.request);
  conn.close();
});

Deno.test("client may send late packets only for the namespaces that it left last", () => {
  const { io, engine } = fakeServer({ maxNamespacesPerClient: 2 });
  for (const name of ["/a", "/b", "/c"]) io.of(name);
  const conn = engine.connect();
  for (const name of ["/a", "/b", "/c"]) {
    conn.join(name);
    conn.deliver(`1${name},`);
  }
  conn.deliver('2/c,["late"]', '2/b,["late"]');
  assertEquals(conn.readyState, "open");
  conn.deliver('2/a,["late"]');
  assertEquals(conn.readyState, "closed");
});

Deno.test("client has room for another namespace once it has left one", () => {
  const { io, engine } = fakeServer({ maxNamespacesPerClient: 2 });
  for (const name of ["/a", "/b"]) io.of(name);
  const conn = engine.connect();
  for (const first of ["/", "/a"]) {
    conn.join("/");
    conn.join("/a");
    conn.deliver(first === "/" ? "1" : "1/a,");
    conn.join("/b");
    conn.deliver("1/b,", first === "/" ? "1/a," : "1");
  }
  conn.join("/");
  conn.close();
});

Deno.test("client that middleware throws out, or has not answered in time, leaves nothing in the namespace", async () => {
  for (const ends of [true, false]) {
    const { io, engine } = fakeServer({ connectTimeout: 5 });
    const { adapter } = io.of("/a").use((socket) => {
      socket.join("room");
      if (ends) socket.conn.close();
    });
    const conn = engine.connect();
    conn.join("/");
    conn.deliver("0/a,");
    while (!ends && conn.writes.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assertEquals([adapter.rooms.size, conn.readyState], [0, ends ? "closed" : "open"]);
    conn.close();
  }
});

Deno.test("client that says nothing of itself has an empty auth, for functions that make namespaces, too", () => {
  const { io, engine } = fakeServer();
  const asked: unknown[] = [];
  io.of((_name, auth, next) => {
    asked.push(auth);
    next(null, true);
  }).on("connection", (socket) => asked.push(socket.handshake.auth));
  const conn = engine.connect();
  conn.join("/a");
  assertEquals(asked, [{}, {}]);
  conn.close();
});

Deno.test("client of another engine may bring its bytes as an ArrayBuffer", () => {
  const { io, engine } = fakeServer();
  const got: unknown[] = [];
  io.on("connection", (socket) => socket.on("x", (data) => got.push(data)));
  const conn = engine.connect();
  conn.join();
  conn.deliver('51-["x",{"_placeholder":true,"num":0}]', new Uint8Array([7]).buffer as never);
  assertEquals(got, [new Uint8Array([7])]);
  conn.close();
});
