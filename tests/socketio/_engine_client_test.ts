import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { EngineClient, type EngineClientOptions } from "../../socketio/_engine_client.ts";
import { SocketIoError } from "../../socketio/errors.ts";
import { ahead } from "../_support/ahead.ts";
import {
  type StubFetch,
  stubOptions,
  type StubWebSocket,
} from "../_support/engine_client_stubs.ts";
import { shortTimers } from "../_support/short_timers.ts";

function hello(values: Record<string, unknown> = {}): string {
  const handshake = { sid: "s1", upgrades: [], pingInterval: 60_000, pingTimeout: 60_000 };
  return "0" + JSON.stringify({ ...handshake, ...values });
}

interface Rig {
  client: EngineClient;
  http: StubFetch;
  sockets: StubWebSocket[];
  log: unknown[];
  error: unknown;
  upgraded: Promise<void>;
  /** Resolves when the connection is over. */
  closed: Promise<void>;
}

function open(init: Partial<EngineClientOptions> = {}): Rig {
  const { http, sockets, options } = stubOptions(init);
  const { promise, resolve } = Promise.withResolvers<void>();
  const upgraded = Promise.withResolvers<void>();
  const log: unknown[] = [];
  const engine: EngineClientOptions = {
    ...options,
    transports: ["websocket"],
    upgrade: true,
    tryAllTransports: false,
    ...init,
  };
  const client = new EngineClient(engine, {
    onEngineOpen: () => log.push("open"),
    onEngineMessage: (data) => log.push(data),
    onEnginePing: () => log.push("ping"),
    onEngineUpgrade() {
      log.push("upgrade");
      upgraded.resolve();
    },
    onEngineClose(reason, error) {
      log.push(reason);
      rig.error = error;
      resolve();
    },
  });
  const rig: Rig = {
    client,
    http,
    sockets,
    log,
    error: undefined,
    upgraded: upgraded.promise,
    closed: promise,
  };
  return rig;
}

/** A connection that polls, with its next request. */
async function openPolling(values: Record<string, unknown> = {}) {
  const rig = open({ transports: ["polling", "websocket"] });
  (await rig.http.next()).answer(hello(values));
  return { ...rig, poll: await rig.http.next() };
}

Deno.test("engine client talks over a WebSocket, answers pings, and closes once", async () => {
  const { client, sockets: [socket], log } = open();
  assertEquals(socket.url, "ws://example.org/engine.io/?a=b&EIO=4&transport=websocket");
  assertEquals([client.open, client.writable, client.id], [false, false, undefined]);
  client.write("too early");
  socket.accept(hello(), "4a", Uint8Array.of(1).buffer, "2", "6");
  assertEquals(log, ["open", "a", Uint8Array.of(1), "ping"]);
  assertEquals([client.id, client.open, client.transportName], ["s1", true, "websocket"]);
  assertEquals(socket.take(), ["3"]);
  client.write("b");
  client.write(Uint8Array.of(2));
  assertEquals([client.buffered, client.writable, socket.take()], [2, false, []]);
  await client.close();
  assertEquals([socket.take(), client.buffered], [["4b", Uint8Array.of(2)], 0]);
  await client.close();
  client.write("too late");
  socket.receive("4late");
  assertEquals([log.length, client.open, socket.readyState], [4, false, 3]);
});

Deno.test("engine client sends what is written in a turn together", async () => {
  const { client, sockets: [socket] } = open();
  socket.accept(hello());
  client.write("a");
  client.write("b");
  await Promise.resolve();
  assertEquals([socket.take(), client.writable], [["4a", "4b"], true]);
  await client.close();
});

Deno.test("engine client polls, and sends by requests of its own", async () => {
  const { client, http, log, poll } = await openPolling();
  assertEquals(poll.url.searchParams.get("sid"), "s1");
  client.write("a");
  client.write(Uint8Array.of(1));
  const post = await http.next();
  assertEquals([post.method, post.body], ["POST", "4a\x1ebAQ=="]);
  post.answer("ok");
  poll.answer("4b\x1e4c");
  await http.next();
  assertEquals(log, ["open", "b", "c"]);
  const closing = client.close();
  const last = await http.next();
  assertEquals(last.body, "1");
  last.answer("ok");
  await closing;
});

Deno.test("engine client that polls ends where the server asks for too many pongs, and takes none", async () => {
  const rig = open({ transports: ["polling"], maxHttpBufferSize: 1e6 });
  (await rig.http.next()).answer(hello());
  const poll = await rig.http.next();
  poll.answer("2\x1e".repeat(200_000) + "6");
  await rig.closed;
  assertEquals((await rig.http.next()).body, "3");
  assertEquals([rig.log.at(-1), (rig.error as SocketIoError).code], [
    "transport error",
    "ERR_LIMIT",
  ]);
  const { length } = rig.log;
  assert(length > 65_536 && length < 200_000, `${length} pings`);
  await rig.client.close();
});

Deno.test("engine client ends where the server leaves too many answers unread, and not for what the program sends", async () => {
  const rig = open();
  const [socket] = rig.sockets;
  const send = socket.send.bind(socket);
  socket.send = (data) => {
    socket.bufferedAmount += (data as string).length;
    send(data);
  };
  socket.accept(hello());
  const large = "x".repeat(40_000_000);
  rig.client.write(large);
  rig.client.write(large);
  await Promise.resolve();
  rig.client.write(large, true);
  await Promise.resolve();
  assertEquals([rig.client.open, socket.take().length], [true, 3]);
  rig.client.write(large, true);
  await rig.closed;
  assertEquals([rig.log.at(-1), (rig.error as SocketIoError).code], [
    "transport error",
    "ERR_LIMIT",
  ]);
  await rig.client.close();
});

Deno.test("engine client that closes sends all answers that wait", async () => {
  const { client, sockets: [socket], log } = open();
  Object.defineProperty(socket, "bufferedAmount", { value: 100 });
  socket.accept(hello());
  const large = "x".repeat(40_000_000);
  client.write(large, true);
  await Promise.resolve();
  client.write(large, true);
  await client.close();
  assertEquals([socket.take().length, log], [2, ["open"]]);
});

Deno.test("engine client moves from polling to a WebSocket, and loses nothing", async () => {
  const { client, http, sockets, log, poll, upgraded } = await openPolling({
    upgrades: ["websocket"],
  });
  const [socket] = sockets;
  assertEquals(new URL(socket.url).searchParams.get("sid"), "s1");
  socket.accept();
  assertEquals(socket.take(), ["2probe"]);
  socket.receive("3probe");
  client.write("meanwhile");
  assertEquals([socket.take(), client.writable], [[], false]);
  poll.answer("6");
  await upgraded;
  assertEquals(log, ["open", "upgrade"]);
  assertEquals([socket.take(), client.transportName], [["5", "4meanwhile"], "websocket"]);
  assertEquals(http.pending, 0);
  await client.close();
});

Deno.test("engine client that is closed sends what waits for a request to be answered", async () => {
  const { client, http } = await openPolling();
  client.write("a");
  const first = await http.next();
  assertEquals(first.body, "4a");
  client.write("b");
  client.write("c");
  const closing = client.close();
  first.answer("ok");
  const last = await http.next();
  assertEquals(last.body, "4b\x1e4c\x1e1");
  last.answer("ok");
  await closing;
});

Deno.test("engine client that is closed while a WebSocket takes over sends what waits", async () => {
  const { client, http, sockets: [socket] } = await openPolling({ upgrades: ["websocket"] });
  socket.accept();
  socket.receive("3probe");
  client.write("meanwhile");
  const closing = client.close();
  for (const body of ["4meanwhile", "1"]) {
    const post = await http.next();
    assertEquals([post.method, post.body], ["POST", body]);
    post.answer("ok");
  }
  await closing;
  assertEquals(socket.take(), ["2probe"]);
});

Deno.test("engine client goes on with polling when the probe fails", async () => {
  for (const fail of ["answer", "gone", "fault"]) {
    const { client, http, sockets: [socket], log, poll } = await openPolling({
      upgrades: ["websocket"],
    });
    socket.accept();
    if (fail === "answer") socket.receive("3other");
    else if (fail === "gone") socket.end(1006);
    else socket.receive("x");
    poll.answer("4still");
    await http.next();
    assertEquals([log, client.transportName], [["open", "still"], "polling"], fail);
    const closing = client.close();
    (await http.next()).answer("ok");
    await closing;
    assertEquals(socket.readyState, 3, fail);
  }
});

Deno.test("engine client ends when the WebSocket is lost while it takes over", async () => {
  const { client, http, sockets: [socket], log, closed } = await openPolling({
    upgrades: ["websocket"],
  });
  socket.accept();
  socket.receive("3probe");
  socket.end(1006);
  await closed;
  assertEquals(log, ["open", "transport error"]);
  (await http.next()).answer("ok"); // the server is told
  await client.close();
});

Deno.test("engine client does not upgrade where it shall not", async () => {
  const rig = open({ transports: ["polling", "websocket"], upgrade: false });
  (await rig.http.next()).answer(hello({ upgrades: ["websocket"] }));
  (await rig.http.next()).answer("1");
  (await rig.http.next()).answer("ok");
  await rig.closed;
  assertEquals([rig.sockets.length, rig.log], [0, ["open", "transport close"]]);
  await rig.client.close();
});

for (
  const [what, message] of [
    ["another packet", "4a"],
    ["no JSON", "0x"],
    ["no session id", hello({ sid: "" })],
    ["times that can't be", hello({ pingInterval: -1 })],
  ]
) {
  Deno.test(`engine client refuses a handshake of ${what}`, async () => {
    const rig = open();
    rig.sockets[0].accept(message);
    assertEquals(rig.log, ["parse error"]);
    assertInstanceOf(rig.error, SocketIoError);
    await rig.client.close();
  });
}

Deno.test("engine client ends at a packet that a server does not send", async () => {
  const { client, sockets: [socket], log } = open();
  socket.accept(hello(), "3", "4late");
  assertEquals(log, ["open", "parse error"]);
  await client.close();
});

Deno.test("engine client tells whether the connection was ended in order", async () => {
  const closes: [end: (socket: StubWebSocket) => void, reason: string, error: boolean][] = [
    [(socket) => socket.end(1000), "transport close", false],
    [(socket) => socket.receive("1"), "transport close", false],
    [(socket) => socket.end(1006, new Error("Unexpected EOF")), "transport close", true],
    [(socket) => socket.end(1012), "transport close", true],
    [(socket) => socket.end(1006, new Error("Bad frame")), "transport error", true],
    [(socket) => socket.receive("4" + "x".repeat(1000)), "transport error", true],
  ];
  for (const [end, reason, error] of closes) {
    const rig = open();
    const [socket] = rig.sockets;
    socket.accept(hello());
    end(socket);
    await rig.closed;
    socket.end();
    assertEquals(rig.log, ["open", reason]);
    assertEquals(rig.error instanceof SocketIoError, error);
    await rig.client.close();
  }
});

Deno.test("engine client ends when the server does not ping in time", async () => {
  const rig = open();
  rig.sockets[0].accept(hello({ pingInterval: 10, pingTimeout: 10 }));
  await rig.closed;
  assertEquals(rig.log, ["open", "ping timeout"]);
  await rig.client.close();
});

Deno.test("engine client ends when the server answers no request that sends, though it pings by the others", async () => {
  const rig = open({ transports: ["polling"] });
  (await rig.http.next()).answer(hello({ pingInterval: 30, pingTimeout: 30 }));
  const poll = await rig.http.next();
  rig.client.write("never taken");
  let over = false;
  rig.closed.then(() => over = true);
  poll.answer("2");
  // Enough pings for the deadline many times over.
  for (let i = 0; i < 100 && !over; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (rig.http.pending === 0) continue;
    const request = await rig.http.next();
    if (request.method === "GET") request.answer("2");
  }
  assertEquals(rig.log.at(-1), "transport error");
  assertInstanceOf(rig.error, SocketIoError);
  assertEquals([rig.error.code, rig.error.message], [
    "ERR_TIMEOUT",
    "Cannot send: the server gave no answer within 60 ms",
  ]);
  await rig.client.close();
});

Deno.test("engine client knows that it has expired though no timer ran, as after a sleep", async () => {
  const rig = open();
  const { client, sockets: [socket] } = rig;
  socket.accept(hello());
  assert(!client.expired);
  ahead(120_001, () => {
    assert(client.expired);
    // What was not sent for this reason waits for another connection: this one is not to come to life again.
    socket.receive("2");
    assert(client.expired);
  });
  await rig.closed;
  assertEquals(rig.log, ["open", "ping", "ping timeout"]);
  assert(!client.expired);
  await client.close();
});

Deno.test("engine client waits for a ping behind messages that come", async () => {
  const { client, sockets: [socket], log } = open();
  socket.accept(hello());
  ahead(119_000, () => socket.receive("4slow"));
  ahead(170_000, () => assert(!client.expired));
  // Though no ping has come, it ends only when the messages have ended as well.
  ahead(180_000, () => assert(client.expired));
  await Promise.resolve();
  assertEquals(log, ["open", "slow", "ping timeout"]);
  await client.close();
});

Deno.test("engine client looks again when the time for a ping is over, and a message has come", async () => {
  using _time = shortTimers(120_000, 10);
  const { client, sockets: [socket], log } = open();
  socket.accept(hello());
  socket.receive("4slow");
  await new Promise((resolve) => setTimeout(resolve, 60));
  assertEquals([client.open, log], [true, ["open", "slow"]]);
  await client.close();
});

Deno.test("engine client that slept for too long is not kept by a message that had come before", async () => {
  const rig = open();
  const { client, sockets: [socket] } = rig;
  socket.accept(hello());
  ahead(140_001, () => {
    socket.receive("4before");
    assert(client.expired);
  });
  await rig.closed;
  assertEquals(rig.log, ["open", "before", "ping timeout"]);
  await client.close();
});

Deno.test("engine client tries the next transport only where it shall", async () => {
  for (const tryAllTransports of [true, false]) {
    const rig = open({ transports: ["polling", "websocket"], tryAllTransports });
    const first = await rig.http.next();
    if (!tryAllTransports) {
      first.answer("", 500);
      await rig.closed;
      assertEquals([rig.sockets.length, rig.log], [0, ["transport error"]]);
      assertInstanceOf(rig.error, SocketIoError);
      assertEquals(rig.error.code, "ERR_CONNECT");
    } else {
      first.fail(new TypeError("refused"));
      for (let i = 0; i < 50 && rig.sockets.length === 0; i++) await Promise.resolve();
      rig.sockets[0].accept(hello());
      assertEquals([rig.log, rig.client.transportName], [["open"], "websocket"]);
    }
    await rig.client.close();
  }
});

Deno.test("engine client tells of a server that closes before the handshake", async () => {
  const rig = open();
  rig.sockets[0].end(1000);
  await rig.closed;
  assertEquals(rig.log, ["transport error"]);
  assertInstanceOf(rig.error, SocketIoError);
  assertEquals(rig.error.code, "ERR_CONNECT");
  await rig.client.close();
});
