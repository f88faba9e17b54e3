import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { pair } from "../../net/pair.ts";
import { NetError } from "../../net/errors.ts";
import { Limits } from "../../net/limits.ts";
import { hex } from "../_support/hex.ts";
import { assertShown } from "../_support/shown.ts";
import { closeBoth, rawPeer, webSocketPair } from "../_support/websocket_pair.ts";
import { joined, toBytes } from "../_support/websocket_rig.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { WebSocketConnection } from "../../websocket/connection.ts";
import { WebSocketError } from "../../websocket/errors.ts";
import { encodeFrame } from "../../websocket/frame.ts";
import { reconnecting } from "../../websocket/reconnecting.ts";
import { serveWebSocket } from "../../websocket/server.ts";
import { StandardWebSocket } from "../../websocket/standard_web_socket.ts";
import type { WebSocketCloseInfo, WebSocketData } from "../../websocket/types.ts";

const DEFLATE = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};

/** A turn of the event loop: everything that is in memory has arrived. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

async function rejectsWith(code: string, run: () => Promise<unknown>): Promise<WebSocketError> {
  const error = await assertRejects(run, WebSocketError);
  assertEquals(error.code, code);
  return error;
}

// Events.

Deno.test("events: messages, pings, pongs and the end, in order", async () => {
  const [client, server] = webSocketPair();
  const log: unknown[] = [];
  server.on("message", (data, opcode) => log.push(["message", data, opcode]));
  server.on("ping", (payload) => log.push(["ping", payload.length]));
  server.on("pong", (payload) => log.push(["pong", payload]));
  server.on("error", (error) => log.push(["error", error.code]));
  server.on("close", (info) => log.push(["close", info.code, info.reason, info.wasClean]));
  await client.send("text");
  await client.send(new Uint8Array([1, 2]));
  assert(await client.ping() >= 0);
  client.pong(toBytes("unasked"));
  await client.close(4000, "done");
  await server.closed;
  assertEquals(log, [
    ["message", "text", 1],
    ["message", new Uint8Array([1, 2]), 2],
    ["ping", 4],
    ["pong", toBytes("unasked")],
    ["close", 4000, "done", true],
  ]);
});

Deno.test("a timeout that is none is refused at once, and nothing is sent for it", async () => {
  const [client, server] = webSocketPair();
  const got: unknown[] = [];
  server.on("message", (data) => got.push(data));
  server.on("ping", () => got.push("ping"));
  for (const timeout of [NaN, -1, 2 ** 31]) {
    const options = { timeout };
    const name = RangeError;
    assertThrows(() => client.receive(options), name, "Cannot receive: a timeout");
    assertThrows(() => client.receiveStream(options), name, "Cannot receive: a timeout");
    assertThrows(() => client.send("text", options), name, "Cannot send: a timeout");
    assertThrows(() => client.ping(options), name, "Cannot ping: a timeout");
    assertThrows(() => client.close(1000, "", options), name, "Cannot close: a timeout");
  }
  await client.send("a", { timeout: Infinity });
  await client.send("b", { timeout: 0 });
  await settle();
  assertEquals(got, ["a", "b"]);
  await closeBoth(client, server);
});

Deno.test("calls that wait refuse at once options that they do not have", async () => {
  const [client, server] = webSocketPair();
  const misspelt: object = { timeOut: 1 };
  const calls = [
    () => client.receive(misspelt),
    () => client.receiveStream(misspelt),
    () => client.ping(misspelt),
    () => client.close(1000, "", misspelt),
  ];
  for (const call of calls) assertThrows(call, TypeError, "no option `timeOut`, but `timeout`");
  assertEquals(client.state, "open");
  await closeBoth(client, server);
});

Deno.test("events: listeners can be several, for one time, and taken off", async () => {
  const [client, server] = webSocketPair();
  const log: string[] = [];
  const first = (data: WebSocketData) => log.push(`first ${data}`);
  const second = (data: WebSocketData) => log.push(`second ${data}`);
  server.on("message", first).on("message", second).once("message", () => log.push("once"));
  await client.send("a");
  await settle();
  server.off("message", first);
  await client.send("b");
  await settle();
  assertEquals(log, ["first a", "second a", "once", "second b"]);
  assertThrows(() => server.on("message", "no" as unknown as () => void), TypeError);
  await closeBoth(client, server);
});

Deno.test("listeners are called with the connection as this, whichever event and for one time too", async () => {
  const [client, server] = webSocketPair();
  const log: [string, boolean][] = [];
  const names = ["message", "ping", "pong", "close"] as const;
  for (const name of names) {
    server.on(name, function (this: WebSocketConnection) {
      log.push([name, this === server]);
    });
    server.once(name, function (this: WebSocketConnection) {
      log.push([`once ${name}`, this === server]);
    });
  }
  await client.send("text");
  await client.ping();
  await server.ping();
  await closeBoth(client, server);
  assertEquals(log, names.flatMap((name) => [[name, true], [`once ${name}`, true]]));
});

Deno.test("events: what came before the first listener comes to it, in order and once", async () => {
  const [client, server] = webSocketPair();
  for (const text of ["1", "2", "3"]) await client.send(text);
  await settle();
  const got: WebSocketData[] = [];
  server.on("message", (data) => got.push(data));
  await client.send("4");
  await settle();
  assertEquals(got, ["1", "2", "3", "4"]);
  await closeBoth(client, server);
});

for (
  const [name, listener] of [
    ["throws", () => {
      throw new Error("mine");
    }],
    ["rejects", () => Promise.reject(new Error("mine"))],
  ] as const
) {
  Deno.test(`listener that ${name} ends its own connection with 1011 and no other`, async () => {
    const [client, server] = webSocketPair();
    const [client2, server2] = webSocketPair();
    const errors: WebSocketError[] = [];
    server.on("message", listener);
    server.on("error", (error) => errors.push(error));
    await client.send("x");
    const info = await client.closed;
    assertEquals([info.code, info.wasClean], [1011, true]);
    const own = await server.closed;
    assertEquals([own.wasClean, own.error?.code], [false, "CALLBACK"]);
    assertEquals(errors.map(({ code, cause }) => [code, (cause as Error).message]), [
      ["CALLBACK", "mine"],
    ]);
    await client2.send("still here");
    assertEquals((await server2.receive()).data, "still here");
    await closeBoth(client2, server2);
  });
}

Deno.test("listener of a ping that rejects ends its connection as one of messages does", async () => {
  const [client, server] = webSocketPair();
  server.on("ping", () => Promise.reject(new Error("mine"))).on("error", () => {});
  await client.ping();
  assertEquals((await client.closed).code, 1011);
  assertEquals((await server.closed).error?.code, "CALLBACK");
});

Deno.test("listeners may give back anything that is no promise", async () => {
  const [client, server] = webSocketPair();
  for (const nothing of [null, 0, "then", {}, () => {}]) {
    server.on("message", () => nothing).on("ping", () => nothing);
  }
  client.send("x");
  await client.ping();
  assertEquals(server.state, "open");
  await closeBoth(client, server);
});

Deno.test("listener of close that comes after the end is told once, behind the messages", async () => {
  const [client, server] = webSocketPair();
  const log: unknown[] = [];
  server.on("close", () => log.push("first"));
  client.send("kept");
  await client.close();
  await server.closed;
  server.on("close", ({ code }) => log.push(code)).once("close", () => log.push("once"));
  server.on("message", (data) => log.push(data));
  const off = () => log.push("off");
  server.on("close", off).off("close", off);
  await settle();
  assertEquals(log, ["first", "kept", 1000, "once"]);
});

Deno.test("listener for one close that comes after the end is told of it", async () => {
  const [client, server] = webSocketPair();
  await closeBoth(client, server);
  const info = await new Promise<WebSocketCloseInfo>((resolve) => server.once("close", resolve));
  assertEquals(info.code, 1000);
});

Deno.test("listeners of close and error that throw do no harm", async () => {
  const [client, server] = webSocketPair();
  const bad = () => {
    throw new Error("mine");
  };
  server.on("close", bad).on("error", bad).on("ping", bad);
  await client.ping();
  assertEquals((await client.closed).code, 1011);
  await server.closed;
});

// Pull.

Deno.test("receive gives messages with their opcodes, and then the end, again and again", async () => {
  const [client, server] = webSocketPair();
  client.send("one");
  client.send(new Uint8Array([2]));
  client.close(1001, "bye");
  assertEquals(await server.receive(), { data: "one", opcode: 1 });
  assertEquals(await server.receive(), { data: new Uint8Array([2]), opcode: 2 });
  for (let i = 0; i < 2; i++) {
    const { data, opcode, wasClean, code, reason } = await server.receive();
    assertEquals([data, opcode, wasClean, code, reason], [undefined, undefined, true, 1001, "bye"]);
  }
  await client.closed;
});

Deno.test("receive serves who came first, before any listener", async () => {
  const [client, server] = webSocketPair();
  const listened: WebSocketData[] = [];
  server.on("message", (data) => listened.push(data));
  const first = server.receive();
  const second = server.receive();
  for (const text of ["a", "b", "c"]) await client.send(text);
  assertEquals([(await first).data, (await second).data], ["a", "b"]);
  await settle();
  assertEquals(listened, ["c"]);
  await closeBoth(client, server);
});

Deno.test("receive that times out or is aborted leaves the message for the next", async () => {
  const [client, server] = webSocketPair();
  const timeout = await assertRejects(() => server.receive({ timeout: 1 }), NetError);
  assertEquals(timeout.code, "ETIMEDOUT");
  const controller = new AbortController();
  const aborted = server.receive({ signal: controller.signal, timeout: 10_000 });
  controller.abort();
  assertEquals((await assertRejects(() => aborted, NetError)).code, "ABORT_ERR");
  const gone = await assertRejects(() => server.receive({ signal: controller.signal }), NetError);
  assertEquals(gone.code, "ABORT_ERR");
  await client.send("late");
  assertEquals((await server.receive({ timeout: 10_000 })).data, "late");
  await closeBoth(client, server);
});

Deno.test("iteration gives all messages and ends with the connection", async () => {
  const [client, server] = webSocketPair();
  const reading = (async () => {
    const got: WebSocketData[] = [];
    for await (const message of server) got.push(message);
    return got;
  })();
  const sent = Array.from({ length: 300 }, (_, i) => `${i}`);
  for (const text of sent) await client.send(text);
  await client.close();
  assertEquals(await reading, sent);
});

Deno.test("iteration can be left and taken up again", async () => {
  const [client, server] = webSocketPair();
  for (const text of ["a", "b", "c"]) await client.send(text);
  for await (const message of server) {
    assertEquals(message, "a");
    break;
  }
  assertEquals(server.state, "open");
  for await (const message of server) {
    if (message === "c") break;
    assertEquals(message, "b");
  }
  await closeBoth(client, server);
});

Deno.test("iterator whose first message was taken by hand goes through the others in a loop", async () => {
  const [client, server] = webSocketPair();
  for (const text of ["head", "a", "b"]) await client.send(text);
  await client.close();
  const messages = server[Symbol.asyncIterator]();
  assertEquals(await messages.next(), { done: false, value: "head" });
  assertEquals(await Array.fromAsync(messages), ["a", "b"]);
});

Deno.test("echo by iteration answers a burst in few writes", async () => {
  const [a, b] = pair();
  let writes = 0;
  const counted = {
    read: (p: Uint8Array) => b.read(p),
    write: (p: Uint8Array) => (writes++, b.write(p)),
    closeWrite: () => b.closeWrite(),
    close: () => b.close(),
    localAddr: b.localAddr,
    remoteAddr: b.remoteAddr,
  };
  const client = new WebSocketConnection(a, { role: "client" });
  const server = new WebSocketConnection(counted, { role: "server" });
  const echo = (async () => {
    for await (const message of server) await server.send(message);
  })();
  for (let i = 0; i < 100; i++) client.send(`${i}`);
  for (let i = 0; i < 100; i++) assertEquals((await client.receive()).data, `${i}`);
  assert(writes < 20, `${writes} writes`);
  await client.close();
  await echo;
});

Deno.test("consumer that turns to something else does not keep back what it sent", async () => {
  const [client, server] = webSocketPair();
  for (let i = 0; i < 10; i++) client.send(`${i}`);
  assertEquals((await server.receive()).data, "0");
  await server.send("answer");
  // The server takes nothing more; its answer comes all the same.
  assertEquals((await client.receive()).data, "answer");
  await closeBoth(client, server);
});

Deno.test("inbox that is full stops the peer, and goes on when it is read", async () => {
  const [client, server] = webSocketPair({
    server: { maxInboxBytes: 10_000 },
    client: { highWaterMark: 1000 },
  });
  let sent = 0;
  const sending = (async () => {
    for (; sent < 1000; sent++) await client.send("x".repeat(936));
  })();
  await settle();
  await settle();
  // What is in the inbox, in the pair (64 KiB) and in the client's queue; not all.
  assert(sent > 10 && sent < 300, `${sent} sent`);
  for (let i = 0; i < 1000; i++) assertEquals((await server.receive()).data?.length, 936);
  await sending;
  await closeBoth(client, server);
});

Deno.test("inbox that was full lets the peer go on once a listener has taken what was in it", async () => {
  const [client, server] = webSocketPair({ server: { maxInboxBytes: 100 } });
  for (const text of ["one", "two"]) await client.send(text);
  await settle();
  await client.send("three");
  await settle();
  const got: WebSocketData[] = [];
  const all = new Promise<void>((resolve) => {
    server.on("message", (data) => {
      if (got.push(data) === 4) resolve();
    });
  });
  await client.send("four");
  await all;
  assertEquals(got, ["one", "two", "three", "four"]);
  await closeBoth(client, server);
});

Deno.test("close does not hang on an inbox that nobody reads", async () => {
  const [client, server] = webSocketPair({ server: { maxInboxBytes: 1000 } });
  for (let i = 0; i < 100; i++) client.send("x".repeat(900));
  await settle();
  const info = await server.close(1000);
  assertEquals(info.wasClean, true);
  await client.closed;
});

Deno.test("messages that the peer had sent before it heard of the end still come, in order", async () => {
  const { ws, peer } = rawPeer({ role: "server" });
  const closed = ws.close(1000);
  for (const text of ["one", "two"]) await peer.send(1, text);
  await peer.send(8, hex("03 e8"));
  assertEquals((await closed).wasClean, true);
  const first = await ws.receive();
  const second = await ws.receive();
  assert("data" in first && "data" in second);
  assertEquals([first.data, second.data], ["one", "two"]);
  assertEquals("data" in await ws.receive(), false);
  peer.transport.close();
});

// Pausing.

Deno.test("pause stops events at once, in the middle of a burst, and resume goes on", async () => {
  const [client, server] = webSocketPair();
  const got: WebSocketData[] = [];
  server.on("message", (data) => {
    got.push(data);
    if (data === "2") server.pause();
  });
  for (let i = 0; i < 5; i++) client.send(`${i}`);
  await settle();
  assertEquals([got.length, server.isPaused], [3, true]);
  server.resume();
  await settle();
  assertEquals(got, ["0", "1", "2", "3", "4"]);
  await closeBoth(client, server);
});

Deno.test("listener of a paused connection that is ended gets what was kept for it, and then the end", async () => {
  const [client, server] = webSocketPair();
  client.send("a");
  client.send("b");
  await settle();
  server.pause();
  const log: unknown[] = [];
  server.on("message", (data) => log.push(data));
  server.on("close", ({ code }) => log.push(code));
  await settle();
  assertEquals(log, []);
  server.terminate();
  assertEquals(log, ["a", "b", 1006]);
  await client.closed;
});

Deno.test("close behind a pause is clean, though what was held has no room", async () => {
  const [client, server] = webSocketPair({ server: { maxInboxBytes: 10 } });
  const pausing = () => void server.pause();
  server.on("message", pausing);
  for (let i = 0; i < 9; i++) client.send("0123456789");
  await settle();
  server.off("message", pausing);
  assertEquals((await server.close()).wasClean, true);
  await client.closed;
});

Deno.test("receiveStream gives a message that was kept with its opcode", async () => {
  const [client, server] = webSocketPair();
  client.send("text");
  client.send(new Uint8Array([7]));
  await settle();
  for (const opcode of [1, 2]) assertEquals((await server.receiveStream()).opcode, opcode);
  await closeBoth(client, server);
});

Deno.test("pause stops the peer", async () => {
  const [client, server] = webSocketPair({ client: { highWaterMark: 1000 } });
  server.on("message", () => {});
  server.pause();
  let sent = 0;
  const sending = (async () => {
    for (; sent < 300; sent++) await client.send("x".repeat(1000));
  })();
  await settle();
  await settle();
  assert(sent < 200, `${sent} sent`);
  server.resume();
  await sending;
  await closeBoth(client, server);
});

Deno.test("close resumes a paused connection, and both sides end cleanly", async () => {
  const [client, server] = webSocketPair();
  server.pause();
  client.send("kept");
  await settle();
  const closing = server.close();
  assertEquals((await closing).wasClean, true);
  assertEquals((await server.receive()).data, "kept");
  await client.closed;
});

Deno.test("pause holds back what had come, and the end, though a send fails meanwhile", async () => {
  const { ws, peer } = rawPeer({ role: "server" });
  const log: unknown[] = [];
  ws.on("message", (data) => {
    log.push(data);
    if (data === "1" || data === "2") ws.pause();
  });
  ws.on("error", ({ code }) => log.push(code));
  ws.on("close", ({ code, error }) => log.push(`${code} ${error?.code}`));
  const frames = ["1", "2", "3", "4"].map((text) =>
    encodeFrame(toBytes(text), { opcode: 1, maskKey: 7 })
  );
  await peer.write(joined(frames[0], frames[1], frames[2]));
  await settle();
  // This one is still in the transport when it is lost.
  await peer.write(frames[3]);
  peer.transport.close();
  await ws.send("to nobody");
  await settle();
  await rejectsWith("CLOSED", () => ws.send("to nobody"));
  assertEquals([log, ws.state, ws.isPaused], [["1"], "closing", true]);
  ws.resume();
  await settle();
  assertEquals([log, ws.isPaused], [["1", "2"], true]);
  ws.resume();
  await ws.closed;
  assertEquals(log, ["1", "2", "3", "4", "1006 CONNECTION_LOST"]);
});

Deno.test("streamer between two messages gets those that had come though a send fails meanwhile", async () => {
  const { ws, peer } = rawPeer({ role: "server" });
  const first = ws.receiveStream();
  const frames = ["1", "2"].map((text) => encodeFrame(toBytes(text), { opcode: 1, maskKey: 7 }));
  await peer.write(joined(...frames));
  const one = await first;
  assert("readable" in one);
  assertEquals(await new Response(one.readable).text(), "1");
  peer.transport.close();
  await ws.send("to nobody");
  await settle();
  const two = await ws.receiveStream();
  assert("readable" in two);
  assertEquals(await new Response(two.readable).text(), "2");
  assertEquals((await ws.receiveStream()).code, 1006);
});

// Web streams.

Deno.test("web streams carry messages both ways, and end with the connection", async () => {
  const [client, server] = webSocketPair();
  const { readable, writable, protocol } = await server.opened;
  assertEquals(protocol, "");
  assert(server.readable === readable && server.writable === writable);
  const echo = readable.pipeTo(writable);
  await client.send("a");
  await client.send(new Uint8Array([1]));
  assertEquals((await client.receive()).data, "a");
  assertEquals((await client.receive()).data, new Uint8Array([1]));
  await client.close();
  await echo;
});

Deno.test("readable errors when the connection is lost, and closes it when it is cancelled", async () => {
  const { ws, peer } = rawPeer({ role: "server" });
  const reading = ws.readable.getReader().read();
  peer.transport.close();
  await rejectsWith("CONNECTION_LOST", () => reading);
  const [client, server] = webSocketPair();
  await server.readable.cancel();
  assertEquals((await client.closed).code, 1000);
});

Deno.test("writable errors when the connection ends, and what is piped into it is given up", async () => {
  for (const end of ["close", "terminate"] as const) {
    const [client, server] = webSocketPair();
    const cancelled = Promise.withResolvers<WebSocketError>();
    const quiet = new ReadableStream<string>({ cancel: cancelled.resolve });
    const piping = quiet.pipeTo(client.writable);
    server[end]();
    const code = end === "close" ? "CLOSED" : "CONNECTION_LOST";
    await rejectsWith(code, () => piping);
    assertEquals((await cancelled.promise).code, code);
    await rejectsWith(code, () => client.writable.getWriter().closed);
    // One that nobody had asked for before the end is the same.
    await rejectsWith("CLOSED", () => server.writable.getWriter().closed);
  }
});

Deno.test("writable that is closed itself is closed, not errored", async () => {
  const [client, server] = webSocketPair();
  const writer = client.writable.getWriter();
  await writer.write("last");
  await writer.close();
  await writer.closed;
  assertEquals((await server.receive()).data, "last");
  assertEquals((await server.closed).code, 1000);
});

Deno.test("writable that is aborted closes with 1011", async () => {
  const [client, server] = webSocketPair();
  await server.writable.abort(new Error("mine"));
  assertEquals((await client.closed).code, 1011);
});

Deno.test("streams that are given up with a code and a reason close with them, as WebSocketStream's do", async () => {
  const why = (closeCode: unknown, reason?: unknown) =>
    Object.assign(new Error("mine"), { closeCode, reason });
  for (const way of ["cancel", "abort"] as const) {
    const usual = way === "cancel" ? 1000 : 1011;
    for (
      const [cause, code, reason] of [
        [why(3333, "why"), 3333, "why"],
        [why(1000), 1000, ""],
        [why(4000, "x".repeat(124)), 4000, ""],
        // What another connection ended with says nothing of this one.
        [new WebSocketError("lost", { code: "CONNECTION_LOST", closeCode: 1006 }), usual, ""],
        [new WebSocketError("late", { code: "SLOW_READER", closeCode: 1008 }), usual, ""],
        [why(3000.5), usual, ""],
        [why("4000"), usual, ""],
        [undefined, usual, ""],
      ] as const
    ) {
      const [client, server] = webSocketPair();
      if (way === "cancel") await server.readable.cancel(cause);
      else await server.writable.abort(cause);
      const info = await client.closed;
      assertEquals([info.code, info.reason], [code, reason]);
    }
  }
});

Deno.test("close takes and tells codes as WebSocketStream has them", async () => {
  const [client, server] = webSocketPair();
  await client.close({ closeCode: 4001, reason: "stream" });
  const { closeCode, reason } = await server.closed;
  assertEquals([closeCode, reason], [4001, "stream"]);
  const [client2, server2] = webSocketPair();
  await client2.close({});
  assertEquals((await server2.closed).code, 1005);
});

// Piece by piece.

Deno.test("message is sent while it is made, and received while it comes", async () => {
  const [client, server] = webSocketPair();
  const gate = Promise.withResolvers<void>();
  const sending = client.send((async function* () {
    yield "first ";
    await gate.promise;
    yield "second";
  })());
  const message = await server.receiveStream();
  assert("readable" in message);
  assertEquals(message.opcode, 1);
  const reader = message.readable.getReader();
  assertEquals((await reader.read()).value, toBytes("first "));
  gate.resolve();
  assertEquals((await reader.read()).value, toBytes("second"));
  assertEquals((await reader.read()).done, true);
  await sending;
  await closeBoth(client, server);
});

Deno.test("messages behind one that is being made wait for it, and keep their order", async () => {
  const [client, server] = webSocketPair();
  const gate = Promise.withResolvers<void>();
  client.send((async function* () {
    yield "a";
    await gate.promise;
    yield "b";
  })());
  client.send("second");
  client.send(new Blob(["third"]));
  const fourth = client.send("fourth", { opcode: 2 });
  assertEquals(client.trySend("no"), false);
  assert(client.bufferedAmount > 0);
  const ping = client.ping();
  await settle();
  await ping;
  gate.resolve();
  const got = [];
  for (let i = 0; i < 4; i++) got.push((await server.receive()).data);
  assertEquals(got, ["ab", "second", toBytes("third"), toBytes("fourth")]);
  await fourth;
  assertEquals(client.trySend("yes"), true);
  await closeBoth(client, server);
});

Deno.test("a Blob need not have the method bytes: an imitated page's has none", async () => {
  const [client, server] = webSocketPair();
  const blob = Object.defineProperty(new Blob(["blob"]), "bytes", { value: undefined });
  await client.send(blob);
  assertEquals((await server.receive()).data, toBytes("blob"));
  await closeBoth(client, server);
});

Deno.test("a small Blob waits for room as bytes do, and tells when it waited in vain", async () => {
  const { ws, peer } = rawPeer({ role: "server", highWaterMark: 1000 }, { capacity: 100 });
  const blob = new Blob(["x".repeat(2000)]);
  const error = await assertRejects(() => ws.send(blob, { timeout: 50 }), NetError);
  assertEquals(error.code, "ETIMEDOUT");
  const waiting = ws.send(blob);
  waiting.catch(() => {});
  for (let i = 0; i < 1000 && ws.bufferedAmount < 3500; i++) await settle();
  ws.terminate();
  await rejectsWith("CLOSED", () => waiting);
  peer.transport.close();
});

Deno.test("client masks what it answers to many messages that came at once", async () => {
  const { ws, peer } = rawPeer({ role: "client" });
  ws.on("message", (data) => void ws.send(data));
  const texts = Array.from({ length: 100 }, (_, i) => `text ${i}`);
  await peer.write(joined(...texts.map((text) => encodeFrame(toBytes(text), { opcode: 1 }))));
  for (const text of texts) {
    const { payload, masked } = (await peer.read())!;
    assertEquals([new TextDecoder().decode(payload), masked], [text, true]);
  }
  ws.terminate();
  peer.transport.close();
});

Deno.test("bytes behind a message that is being made may be reused at once", async () => {
  const [client, server] = webSocketPair();
  const bytes = toBytes("first");
  client.send(new Blob(["blob"]));
  client.send(bytes);
  bytes.set(toBytes("later"));
  assertEquals((await server.receive()).data, toBytes("blob"));
  assertEquals((await server.receive()).data, toBytes("first"));
  await closeBoth(client, server);
});

Deno.test("streamed message larger than the limit passes, with backpressure", async () => {
  const size = 3 << 20;
  const [client, server] = webSocketPair();
  const blob = new Blob([new Uint8Array(size).fill(7)]);
  let done = false;
  const sending = client.send(blob).then(() => done = true);
  const message = await server.receiveStream();
  assert("readable" in message);
  await settle();
  await settle();
  assertEquals(done, false, "the sender waits for the reader");
  let received = 0;
  for await (const bytes of message.readable) received += bytes.length;
  await sending;
  assertEquals(received, size);
  // The next one is not streamed, and has the limit.
  client.send("small");
  assertEquals((await server.receive()).data, "small");
  await closeBoth(client, server);
});

Deno.test("several large messages are streamed one after the other", async () => {
  const [client, server] = webSocketPair({ server: { maxMessageSize: 1000 } });
  for (let i = 0; i < 3; i++) {
    client.send([new Uint8Array(800).fill(i), new Uint8Array(800).fill(i)]);
  }
  client.close();
  for (let i = 0; i < 3; i++) {
    const message = await server.receiveStream();
    assert("readable" in message);
    const bytes = await new Response(message.readable).bytes();
    assertEquals([bytes.length, bytes[0], bytes[1599]], [1600, i, i]);
    await settle();
  }
  assertEquals((await server.receiveStream()).code, 1000);
});

Deno.test("streamed message that is not read to its end is skipped", async () => {
  const [client, server] = webSocketPair();
  client.send(["a".repeat(100_000), "b".repeat(100_000)]);
  const message = await server.receiveStream();
  assert("readable" in message);
  await message.readable.cancel();
  client.send("next");
  assertEquals((await server.receive()).data, "next");
  await closeBoth(client, server);
});

Deno.test("streamed message fails if the connection ends inside it", async () => {
  const { ws, peer } = rawPeer({ role: "server" });
  const received = ws.receiveStream();
  await peer.send(2, "half", { fin: false });
  const message = await received;
  assert("readable" in message);
  const reading = new Response(message.readable).bytes();
  peer.transport.close();
  await rejectsWith("CONNECTION_LOST", () => reading);
});

Deno.test("message of which no byte had come when its streamer gave up is like others", async () => {
  for (const taker of ["receive", "listener", "stream"] as const) {
    const { ws, peer } = rawPeer({ role: "server", maxMessageSize: 5 });
    const gone = new AbortController();
    const streamed = assertRejects(() => ws.receiveStream({ signal: gone.signal }), NetError);
    const frame = encodeFrame(toBytes("hello"), { opcode: 1, maskKey: 7 });
    await peer.write(frame.subarray(0, 6));
    await settle();
    gone.abort();
    await streamed;
    const got = taker === "receive"
      ? ws.receive().then(({ data }) => data)
      : taker === "listener"
      ? new Promise((resolve) => ws.on("message", resolve))
      : ws.receiveStream().then((message) => {
        assert("readable" in message);
        return new Response(message.readable).text();
      });
    await peer.write(frame.subarray(6));
    assertEquals(await got, "hello");
    ws.terminate();
  }
});

Deno.test("message of which no byte had come when its streamer gave up has the limit of whole ones", async () => {
  const { ws, peer } = rawPeer({ role: "server", maxMessageSize: 4 });
  const gone = new AbortController();
  const streamed = assertRejects(() => ws.receiveStream({ signal: gone.signal }), NetError);
  const frame = encodeFrame(toBytes("hello"), { opcode: 1, maskKey: 7 });
  await peer.write(frame.subarray(0, 6));
  await settle();
  gone.abort();
  await streamed;
  await peer.write(frame.subarray(6));
  peer.transport.close();
  assertEquals((await ws.closed).error?.code, "MESSAGE_TOO_BIG");
});

Deno.test("streamer who gives up between two messages holds the peer back as before", async () => {
  for (const options of [{ signal: AbortSignal.abort() }, { timeout: 1 }]) {
    for (const taker of ["stream", "listener"] as const) {
      const [client, server] = webSocketPair({ server: { maxMessageSize: 1000 } });
      const first = server.receiveStream();
      client.send(["one"]);
      const one = await first;
      assert("readable" in one);
      assertEquals(await new Response(one.readable).text(), "one");
      await assertRejects(() => server.receiveStream(options), NetError);
      const size = taker === "stream" ? 300_000 : 1000;
      client.send(new Uint8Array(size));
      await settle();
      if (taker === "stream") {
        const message = await server.receiveStream();
        assert("readable" in message);
        assertEquals((await new Response(message.readable).bytes()).length, size);
      } else {
        const data = await new Promise<unknown>((resolve) => server.on("message", resolve));
        assertEquals((data as Uint8Array).length, size);
      }
      await closeBoth(client, server);
    }
  }
});

Deno.test("who took a stream, and then waits for a whole message in vain, holds nobody back", async () => {
  const [client, server] = webSocketPair();
  const streaming = server.receiveStream();
  client.send(["one"]);
  const one = await streaming;
  assert("readable" in one);
  assertEquals(await new Response(one.readable).text(), "one");
  await assertRejects(() => server.receive({ timeout: 1 }), NetError);
  client.send("two");
  await client.ping({ timeout: 5000 });
  const two = await server.receive();
  assertEquals("data" in two && two.data, "two");
  await closeBoth(client, server);
});

Deno.test("stream of a message that is there already is that message", async () => {
  const [client, server] = webSocketPair();
  client.send("whole");
  await settle();
  const message = await server.receiveStream();
  assert("readable" in message);
  assertEquals(await new Response(message.readable).text(), "whole");
  await closeBoth(client, server);
});

Deno.test("message that began before anybody streams has the limit of whole messages", async () => {
  const { ws, peer } = rawPeer({ role: "server", maxMessageSize: 1000 });
  await peer.send(2, new Uint8Array(600), { fin: false });
  await settle();
  const received = ws.receiveStream();
  await peer.send(0, new Uint8Array(600));
  await settle();
  peer.transport.close();
  const info = await received;
  assert(!("readable" in info));
  assertEquals([info.code, info.error?.code], [1006, "MESSAGE_TOO_BIG"]);
});

Deno.test("who pauses first and streams later gets a large message that came meanwhile", async () => {
  const [client, server] = webSocketPair({ server: { maxMessageSize: 1000 } });
  server.pause();
  client.send(new Uint8Array(300_000).fill(5));
  await settle();
  const received = server.receiveStream();
  server.resume();
  const message = await received;
  assert("readable" in message);
  const bytes = await new Response(message.readable).bytes();
  assertEquals([bytes.length, bytes[299_999]], [300_000, 5]);
  await closeBoth(client, server);
});

Deno.test("parts that come too slowly end the connection with the timeout or the signal", async () => {
  for (const begun of [true, false]) {
    for (const code of ["ETIMEDOUT", "ABORT_ERR"]) {
      const [client, server] = webSocketPair();
      const gone = new AbortController();
      const options = code === "ETIMEDOUT" ? { timeout: 1 } : { signal: gone.signal };
      const late = Promise.withResolvers<string>();
      let left = false;
      const sending = client.send(
        (async function* () {
          try {
            if (begun) yield "half";
            yield await late.promise;
          } finally {
            left = true;
          }
        })(),
        options,
      );
      const behind = client.send("behind");
      await settle();
      gone.abort();
      assertEquals((await assertRejects(() => sending, NetError)).code, code);
      if (begun) assertEquals((await server.closed).code, 1011);
      else assertEquals((await server.receive()).data, "behind");
      late.resolve("late");
      await behind.catch(() => {});
      await settle();
      assertEquals(left, true);
      await closeBoth(client, server);
    }
  }
});

Deno.test("parts that never come are given up with the connection, and their source is told", async () => {
  const ends: [string, (client: WebSocketConnection, server: WebSocketConnection) => unknown][] = [
    ["by the other side", (_client, server) => server.terminate()],
    ["here", (client) => client.terminate()],
  ];
  for (const [who, end] of ends) {
    for (const begun of [true, false]) {
      const [client, server] = webSocketPair();
      let cancelled = 0;
      const stalled = () =>
        new ReadableStream<string>({
          start(controller) {
            if (begun) controller.enqueue("half");
          },
          cancel() {
            cancelled++;
          },
        });
      const sends = [
        client.send(stalled()),
        client.send(stalled(), { signal: new AbortController().signal, timeout: 60_000 }),
        client.send("behind"),
      ];
      await settle();
      await end(client, server);
      for (const send of sends) {
        assertEquals((await assertRejects(() => send, WebSocketError)).code, "CLOSED", who);
      }
      await settle();
      assertEquals(cancelled, 2, who);
      await closeBoth(client, server);
    }
  }
});

Deno.test("message behind one in parts is waited for no longer than it says", async () => {
  const [client, server] = webSocketPair();
  const late = Promise.withResolvers<string>();
  const sending = client.send((async function* () {
    yield "first ";
    yield await late.promise;
  })());
  const error = await assertRejects(() => client.send("second", { timeout: 1 }), NetError);
  assertEquals(error.code, "ETIMEDOUT");
  late.resolve("message");
  await sending;
  assertEquals((await server.receive()).data, "first message");
  assertEquals((await server.receive()).data, "second");
  await closeBoth(client, server);
});

Deno.test("source that fails half-way ends the connection", async () => {
  const [client, server] = webSocketPair();
  const sending = client.send((function* () {
    yield "half";
    throw new RangeError("mine");
  })());
  await assertRejects(() => sending, RangeError, "mine");
  assertEquals((await server.closed).code, 1011);
  assertEquals((await client.closed).error?.code, "CALLBACK");
});

// Sending.

Deno.test("message in parts whose transport fails under it is no fault of its source", async () => {
  const [a, b] = pair();
  let lost = false;
  const ws = new WebSocketConnection({
    read: (into) => a.read(into),
    write: (bytes) =>
      lost ? Promise.reject(new NetError("reset", { code: "ECONNRESET" })) : a.write(bytes),
    close: () => a.close(),
    closeWrite: () => a.closeWrite(),
    localAddr: a.localAddr,
    remoteAddr: a.remoteAddr,
  }, { role: "server", closeTimeout: 10 });
  await rejectsWith("CLOSED", () =>
    ws.send((async function* () {
      yield "one";
      await settle();
      lost = true;
      yield "two";
      await settle();
      yield "three";
    })()));
  assertEquals((await ws.closed).error?.code, "CONNECTION_LOST");
  b.close();
});

Deno.test("send takes every kind of bytes, and only those", async () => {
  const [client, server] = webSocketPair();
  const bytes = new Uint8Array([9, 1, 2, 3, 4, 9]);
  for (
    const data of [bytes.subarray(1, 5), new DataView(bytes.buffer, 1, 4), bytes.slice(1, 5).buffer]
  ) {
    await client.send(data);
    assertEquals((await server.receive()).data, new Uint8Array([1, 2, 3, 4]));
  }
  for (const bad of [10, null, undefined, {}, true]) {
    assertThrows(() => client.send(bad as unknown as string), TypeError);
    assertThrows(() => client.trySend(bad as unknown as string), TypeError);
  }
  assertThrows(() => client.send(new Uint8Array([0xff]), { opcode: 1 }), TypeError);
  assertThrows(() => client.send(new Blob(), { opcode: 1 }), TypeError);
  await closeBoth(client, server);
});

Deno.test("send waits at the high-water mark, and drain tells when there is room", async () => {
  const { ws, peer } = rawPeer({ role: "server", highWaterMark: 1000 }, { capacity: 100 });
  let drained = 0;
  ws.on("drain", () => drained++);
  await ws.send("x".repeat(500));
  let done = false;
  const waiting = ws.send("x".repeat(500)).then(() => done = true);
  const aborted = ws.send("x", { timeout: 1 });
  assertEquals(ws.trySend("x"), false);
  assertEquals((await assertRejects(() => aborted, NetError)).code, "ETIMEDOUT");
  assertEquals([done, drained, ws.bufferedAmount > 800], [false, 0, true]);
  for (let i = 0; i < 3; i++) await peer.read();
  await waiting;
  assertEquals([drained, ws.trySend("x")], [1, true]);
  ws.terminate();
  peer.transport.close();
});

Deno.test("send queue at its limit refuses, drops or closes, as the policy says", async () => {
  for (const slowReader of ["wait", "drop", "close"] as const) {
    const { ws, peer } = rawPeer(
      { role: "server", highWaterMark: 100, maxSendQueueBytes: 1000, slowReader },
      { capacity: 10 },
    );
    const errors: string[] = [];
    ws.on("error", (error) => errors.push(error.code));
    for (let i = 0; i < 10; i++) ws.send("x".repeat(100));
    const last = ws.send("last");
    if (slowReader === "wait") {
      await rejectsWith("SEND_QUEUE_FULL", () => last);
      await rejectsWith("SEND_QUEUE_FULL", () => ws.send(["a"]));
      assertEquals([ws.dropped, ws.state], [0, "open"]);
    } else {
      await last;
      assertEquals(ws.dropped, 1);
      assertEquals(ws.state, slowReader === "drop" ? "open" : "closed");
    }
    assertEquals(errors, slowReader === "close" ? ["SLOW_READER"] : []);
    ws.terminate();
    const { error } = await ws.closed;
    assertEquals(error?.code, slowReader === "close" ? "SLOW_READER" : undefined);
    peer.transport.close();
  }
});

Deno.test("messages in parts are dropped, or close, at the queue's limit as others do", async () => {
  for (const slowReader of ["drop", "close"] as const) {
    for (const data of [["a", "b"], new Blob(["a"])]) {
      const { ws, peer } = rawPeer(
        { role: "server", highWaterMark: 100, maxSendQueueBytes: 1000, slowReader },
        { capacity: 10 },
      );
      for (let i = 0; i < 10; i++) ws.send("x".repeat(100));
      await ws.send(data);
      assertEquals([ws.dropped, ws.state], [1, slowReader === "drop" ? "open" : "closed"]);
      await rejectsWith("CLOSED", () => {
        ws.terminate();
        return ws.send(data);
      });
      const { error } = await ws.closed;
      assertEquals(error?.code, slowReader === "drop" ? undefined : "SLOW_READER");
      peer.transport.close();
    }
  }
});

Deno.test("send after the end rejects, and harms nobody who does not look", async () => {
  const [client, server] = webSocketPair();
  await closeBoth(client, server);
  client.send("x");
  client.send(["x"]);
  client.ping();
  await rejectsWith("CLOSED", () => client.send("x"));
  await rejectsWith("CLOSED", () => client.send(["x"]));
  await rejectsWith("CLOSED", () => client.ping());
  assertEquals(client.trySend("x"), false);
  assertEquals(assertThrows(() => client.pong(), WebSocketError).code, "CLOSED");
  await settle();
});

Deno.test("send that waits when the connection ends rejects", async () => {
  const { ws, peer } = rawPeer({ role: "server", highWaterMark: 10 }, { capacity: 10 });
  const waiting = ws.send("x".repeat(100));
  peer.transport.close();
  await rejectsWith("CLOSED", () => waiting);
  await ws.closed;
});

// Pings.

Deno.test("ping gives the round-trip time, and a late pong answers the earlier ones too", async () => {
  const { ws, peer } = rawPeer({ role: "client" });
  const first = ws.ping();
  const second = ws.ping();
  await peer.read();
  const { payload } = (await peer.read())!;
  await peer.send(10, "something else");
  await peer.send(10, new Uint8Array(4));
  await peer.send(10, payload);
  assert(await first >= 0 && await second >= 0);
  ws.terminate();
  peer.transport.close();
});

Deno.test("pings are bounded in number and time, and end with the connection", async () => {
  const { ws, peer } = rawPeer({ role: "client", maxPendingPings: 2 });
  const late = await assertRejects(() => ws.ping({ timeout: 1 }), NetError);
  assertEquals(late.code, "ETIMEDOUT");
  const second = ws.ping();
  await rejectsWith("PENDING_PINGS", () => ws.ping());
  peer.transport.close();
  await rejectsWith("CLOSED", () => second);
});

// Keepalive and deadlines.

Deno.test("pings that are not allowed at all are refused as those that are too many", async () => {
  const [client, server] = webSocketPair({ client: { maxPendingPings: 0 } });
  await rejectsWith("PENDING_PINGS", () => client.ping());
  await closeBoth(client, server);
});

Deno.test("keepalive pings a silent peer, and gives up on a dead one", async () => {
  const { ws, peer } = rawPeer({ role: "server", keepAliveInterval: 20, keepAliveTimeout: 30 });
  const ping = await peer.read();
  assertEquals(ping?.opcode, 9);
  await peer.send(10, ping!.payload);
  assertEquals((await peer.read())?.opcode, 9);
  const info = await ws.closed;
  assertEquals([info.code, info.wasClean, info.error?.code], [1006, false, "KEEPALIVE_TIMEOUT"]);
  peer.transport.close();
});

Deno.test("keepalive leaves a paused connection alone", async () => {
  const { ws, peer } = rawPeer({ role: "server", keepAliveInterval: 5, keepAliveTimeout: 5 });
  ws.pause();
  await new Promise((resolve) => setTimeout(resolve, 60));
  assertEquals(ws.state, "open");
  ws.terminate();
  peer.transport.close();
});

Deno.test("message that is not complete in time is refused with 1008", async () => {
  const { ws, peer } = rawPeer({ role: "server", messageTimeout: 40 });
  await peer.send(1, "whole");
  await peer.send(1, "half", { fin: false });
  const dripping = (async () => {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (ws.state !== "open") return;
      await peer.send(0, "x", { fin: false }).catch(() => {});
    }
  })();
  const close = await peer.read();
  assertEquals([close?.opcode, close?.payload.slice(0, 2)], [8, hex("03f0")]);
  await dripping;
  peer.transport.close();
  assertEquals((await ws.closed).error?.code, "MESSAGE_TIMEOUT");
});

Deno.test("peer that does not answer a close frame is cut off", async () => {
  const { ws, peer } = rawPeer({ role: "client", closeTimeout: 20 });
  const info = await ws.close();
  assertEquals([info.code, info.wasClean, info.error?.code], [1006, false, "CLOSE_TIMEOUT"]);
  peer.transport.close();
});

Deno.test("peer that reads nothing is cut off at the close timeout, whatever is queued", async () => {
  const { ws, peer } = rawPeer({ role: "server", closeTimeout: 20 }, { capacity: 10 });
  ws.send("x".repeat(1000));
  const info = await ws.close();
  assertEquals(info.error?.code, "CLOSE_TIMEOUT");
  peer.transport.close();
});

Deno.test("close refuses what is no code and no reason, and the connection stays open", async () => {
  const [client, server] = webSocketPair();
  assertThrows(() => client.close("1000" as unknown as number), TypeError);
  assertThrows(() => client.close(null as unknown as number), TypeError, "code is not a number");
  assertThrows(() => client.close(1000, 5 as unknown as string), TypeError);
  assertEquals(client.state, "open");
  await closeBoth(client, server);
});

Deno.test("close can be waited for with a timeout of one's own", async () => {
  const { ws, peer } = rawPeer({ role: "client" });
  const error = await assertRejects(() => ws.close(1000, "", { timeout: 1 }), NetError);
  assertEquals(error.code, "ETIMEDOUT");
  assertEquals(ws.state, "closing");
  ws.terminate();
  peer.transport.close();
});

// The end.

Deno.test("state goes from open to closing to closed, on both sides", async () => {
  const [client, server] = webSocketPair();
  assertEquals([client.state, server.state], ["open", "open"]);
  assertEquals([client.readyState, server.readyState], [WebSocket.OPEN, WebSocket.OPEN]);
  const states: string[] = [];
  server.on("close", () => states.push(server.state));
  const closing = client.close();
  assertEquals([client.state, client.readyState], ["closing", WebSocket.CLOSING]);
  assert(client.close() !== undefined);
  await closing;
  assertEquals([client.state, states], ["closed", ["closed"]]);
  assertEquals([client.readyState, server.readyState], [WebSocket.CLOSED, WebSocket.CLOSED]);
});

Deno.test("both ends may close at the same moment", async () => {
  const [client, server] = webSocketPair();
  const [a, b] = await Promise.all([client.close(4001, "c"), server.close(4002, "s")]);
  assertEquals([a.wasClean, a.code, a.reason], [true, 4002, "s"]);
  assertEquals([b.wasClean, b.code, b.reason], [true, 4001, "c"]);
});

Deno.test("queued messages are sent before the close frame", async () => {
  const [client, server] = webSocketPair({ pair: { capacity: 100 } });
  for (let i = 0; i < 50; i++) client.send(`${i}`);
  client.close();
  const got: WebSocketData[] = [];
  for await (const message of server) got.push(message);
  assertEquals(got.length, 50);
  assertEquals((await server.closed).wasClean, true);
  assertEquals((await client.closed).wasClean, true);
});

Deno.test("messages that are being made are sent to their end before the close frame", async () => {
  const [client, server] = webSocketPair();
  const gate = Promise.withResolvers<void>();
  client.send((async function* () {
    yield "a";
    await gate.promise;
    yield "b";
  })());
  client.send("c");
  const closing = client.close(4000, "done");
  assertEquals(client.state, "closing");
  await rejectsWith("CLOSED", () => client.send("late"));
  gate.resolve();
  assertEquals((await server.receive()).data, "ab");
  assertEquals((await server.receive()).data, "c");
  assertEquals((await server.receive()).code, 4000);
  assertEquals((await closing).wasClean, true);
});

Deno.test("message that is made without end does not keep a connection from closing", async () => {
  const { ws, peer } = rawPeer({ role: "client", closeTimeout: 20 });
  let ended = false;
  const sending = ws.send((async function* () {
    try {
      for (;;) {
        yield "x";
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } finally {
      ended = true;
    }
  })());
  assertThrows(() => ws.close(999), RangeError);
  assertEquals(ws.state, "open");
  assertEquals((await ws.close()).error?.code, "CLOSE_TIMEOUT");
  await rejectsWith("CLOSED", () => sending);
  // Whoever makes it hears of the end when the part is made that is under way.
  while (!ended) await new Promise((resolve) => setTimeout(resolve, 1));
  peer.transport.close();
});

Deno.test("terminate ends at once", async () => {
  const [client, server] = webSocketPair();
  client.terminate();
  assertEquals(client.state, "closed");
  client.terminate();
  assertEquals((await client.closed).code, 1006);
  const info = await server.closed;
  assertEquals([info.code, info.wasClean, info.error?.code], [1006, false, "CONNECTION_LOST"]);
});

Deno.test("reset is an error with its cause, a mere end is none", async () => {
  for (const action of ["reset", "end"] as const) {
    const { ws, peer } = rawPeer({ role: "server" }, { back: { faults: [{ at: 3, action }] } });
    const errors: WebSocketError[] = [];
    ws.on("error", (error) => errors.push(error));
    await peer.send(1, "cut off").catch(() => {});
    const info = await ws.closed;
    assertEquals([info.code, info.error?.code], [1006, "CONNECTION_LOST"]);
    assertEquals(errors.length, action === "reset" ? 1 : 0);
    peer.transport.close();
  }
});

Deno.test("peer that broke a rule is told so, even if it goes on sending", async () => {
  const { ws, peer } = rawPeer({ role: "server" });
  const errors: WebSocketError[] = [];
  ws.on("error", (error) => errors.push(error));
  await peer.send(3, "x");
  const flooding = (async () => {
    while (ws.state !== "closed") {
      try {
        await peer.send(1, "x".repeat(10_000));
        await settle();
      } catch {
        return;
      }
    }
  })();
  const close = await peer.read();
  assertEquals([close?.opcode, close?.payload.slice(0, 2)], [8, hex("03ea")]);
  assertEquals(await peer.read(), undefined);
  await flooding;
  const info = await ws.closed;
  assertEquals([info.code, info.wasClean, info.error?.code], [1006, false, "RESERVED_OPCODE"]);
  assertEquals([errors.length, errors[0].closeCode], [1, 1002]);
  peer.transport.close();
});

Deno.test("bytes that came behind the handshake are taken in", async () => {
  const { ws, peer } = rawPeer({ role: "client", rest: joined(hex("8101 61"), hex("8102 62")) });
  assertEquals((await ws.receive()).data, "a");
  await peer.write(hex("63"));
  assertEquals((await ws.receive()).data, "bc");
  ws.terminate();
  peer.transport.close();
});

Deno.test("fault in the first bytes is told to who listens later", async () => {
  const { ws, peer } = rawPeer({ role: "client", rest: hex("83 00") });
  const info = await new Promise<WebSocketCloseInfo>((resolve) => {
    ws.on("close", resolve);
    peer.read().then(() => peer.transport.close());
  });
  assertEquals(info.error?.code, "RESERVED_OPCODE");
});

Deno.test("connection is async disposable", async () => {
  const [client, server] = webSocketPair();
  {
    await using _client = client;
    await client.send("x");
  }
  assertEquals(client.state, "closed");
  assertEquals((await server.closed).wasClean, true);
});

Deno.test("connections over byte-wise and delayed transports carry all messages", async () => {
  for (const wire of [{ split: 1 }, { split: 3, delay: 1, capacity: 7 }]) {
    const [client, server] = webSocketPair({ pair: wire, deflate: DEFLATE });
    const messages = ["a", "é€𝄞".repeat(40), "", "x".repeat(700)];
    const reading = (async () => {
      const got: WebSocketData[] = [];
      for await (const message of server) got.push(message);
      return got;
    })();
    for (const message of messages) await client.send(message);
    await client.close();
    assertEquals(await reading, messages);
    assertEquals((await server.closed).wasClean, true);
  }
});

Deno.test("compression carries messages both ways, in one piece and in parts", async () => {
  for (const serverNoContextTakeover of [false, true]) {
    const deflate = { ...DEFLATE, serverNoContextTakeover, clientMaxWindowBits: 9 };
    const [client, server] = webSocketPair({ deflate, perMessageDeflate: { threshold: 0 } });
    const echo = (async () => {
      for await (const message of server) await server.send(message);
    })();
    const text = JSON.stringify(Array.from({ length: 300 }, (_, i) => ({ i, name: `n${i}` })));
    for (const data of [text, toBytes(text), "", "x"]) {
      for (const compress of [undefined, true, false]) {
        await client.send(data, { compress });
        assertEquals((await client.receive()).data, data);
      }
    }
    await client.send([text, "", text]);
    assertEquals((await client.receive()).data, text + text);
    await client.send(new Blob([text]));
    assertEquals((await client.receive()).data, toBytes(text));
    await client.close();
    await echo;
  }
});

Deno.test("topics belong to servers", async () => {
  const [client, server] = webSocketPair();
  assertEquals(client.topics.size, 0);
  for (
    const use of [
      () => client.subscribe("t"),
      () => client.unsubscribe("t"),
      () => client.publish("t", "x"),
      () => client.broadcast("x"),
    ]
  ) assertThrows(use, TypeError);
  await closeBoth(client, server);
});

Deno.test("connection over a transport has no URL, headers or request", async () => {
  const [client, server] = webSocketPair({ protocol: "p" });
  assertEquals([client.url, [...client.headers], client.request], ["", [], undefined]);
  assertEquals([client.protocol, client.extensions], ["p", ""]);
  assertEquals(client.localAddr.transport, "memory");
  assertEquals(client.remoteAddr.transport, "memory");
  await closeBoth(client, server);
});

// The limits that servers share.

Deno.test("limits: messages that nobody takes are counted, and with drop those that have no room are dropped", async () => {
  const limits = new Limits({ receivedBytes: 1000, policies: { receivedBytes: "drop" } });
  const [a, b] = pair();
  const client = new WebSocketConnection(a, { role: "client" });
  const server = new WebSocketConnection(b, { role: "server", limits });
  for (let i = 0; i < 6; i++) {
    await client.send(new Uint8Array(300).fill(i));
    await settle();
  }
  assertEquals(limits.receivedBytes.used, 3 * (300 + 64));
  assertEquals(server.dropped, 3);
  for (let i = 0; i < 3; i++) {
    const { data } = await server.receive();
    assertEquals((data as Uint8Array)[0], i);
  }
  assertEquals(limits.receivedBytes.used, 0);
  await client.send("again");
  assertEquals((await server.receive()).data, "again");
  server.on("message", () => {});
  await Promise.all([client.close(), server.close()]);
  assertEquals(limits.pressure.level, 0);
});

Deno.test("limits: what a paused connection has read is counted until it goes on", async () => {
  const limits = new Limits();
  const [a, b] = pair();
  const client = new WebSocketConnection(a, { role: "client" });
  const server = new WebSocketConnection(b, { role: "server", limits });
  const got: unknown[] = [];
  server.on("message", (data) => {
    got.push(data);
    if (data === "stop") server.pause();
  });
  client.send("stop");
  for (let i = 0; i < 3; i++) client.send("x".repeat(100));
  await settle();
  assertEquals([got.length, limits.receivedBytes.used], [1, 3 * 106]);
  server.resume();
  assertEquals([got.length, limits.receivedBytes.used], [4, 0]);
  await Promise.all([client.close(), server.close()]);
});

Deno.test("events that would never come are refused, as the open of npm's ws", async () => {
  const [client, server] = webSocketPair();
  for (const name of ["open", "unexpected-response", "upgrade", "data", Symbol("x")]) {
    const text = "the events of an open WebSocket are message, ping,";
    assertThrows(() => client.on(name as "ping", () => {}), TypeError, text);
    assertThrows(() => client.once(name as "ping", () => {}), TypeError, text);
  }
  await closeBoth(client, server);
});

Deno.test("ping refuses the payload and the callback of npm's ws, and sends nothing for them", async () => {
  const [client, server] = webSocketPair();
  let pings = 0;
  server.on("ping", () => pings++);
  const bytes = new Uint8Array(1);
  for (const wrong of [() => {}, "payload", bytes, bytes.buffer, [1], new Blob([]), null, 5]) {
    assertThrows(() => client.ping(wrong as object), TypeError, "Cannot ping: ");
  }
  await client.ping({});
  assertEquals(pings, 1);
  await closeBoth(client, server);
});

Deno.test("sending refuses the callback and the binary of npm's ws, and what nobody has, which nobody would heed", async () => {
  const [client, server] = webSocketPair();
  for (const wrong of [() => {}, { binary: true }, { opcode: 3 }, { timeOut: 1 }]) {
    const options = wrong as { opcode?: 1 };
    assertThrows(() => client.send("x", options), TypeError);
    assertThrows(() => client.trySend("x", options), TypeError);
  }
  await client.send("y");
  assertEquals((await server.receive()).data, "y");
  await closeBoth(client, server);
});

Deno.test("connections, clients and servers are shown by what one wants to know, without what may be secret", async () => {
  const server = await serveWebSocket({ hostname: "127.0.0.1", protocols: { chat: () => {} } });
  const addr = (port: number) => `{ hostname: "127.0.0.1", port: ${port}, transport: "tcp" }`;
  const shownServer = (clients: number, closed: boolean) =>
    `WebSocketServer {\n  addr: ${
      addr(server.port)
    },\n  clients: ${clients},\n  closed: ${closed}\n}`;
  assertShown(server, shownServer(0, false));
  const url = `ws://ann:s3cret@127.0.0.1:${server.port}/room?token=s3cret`;
  const client = await connectWebSocket(url, { protocols: ["chat"] });
  const { port } = client.localAddr as Deno.NetAddr;
  const shown = (state: string, local: number, remote: number) =>
    `WebSocketConnection {
  state: "${state}",
  url: "ws://127.0.0.1:${server.port}/room",
  protocol: "chat",
  localAddr: ${addr(local)},
  remoteAddr: ${addr(remote)},
  bufferedAmount: 0
}`;
  assertShown(client, shown("open", port, server.port));
  const [accepted] = server.clients;
  assertShown(accepted, shown("open", server.port, port));
  assertShown(server, shownServer(1, false));
  await client.close();
  assertShown(client, shown("closed", port, server.port));

  const standard = new StandardWebSocket(url, "chat", { perMessageDeflate: false });
  const shownStandard = (state: number, protocol: string) =>
    `StandardWebSocket {
  readyState: ${state},
  url: "ws://127.0.0.1:${server.port}/room",${protocol}
  binaryType: "blob",
  bufferedAmount: 0
}`;
  assertShown(standard, shownStandard(0, ""));
  await new Promise((resolve) => standard.onopen = resolve);
  await settle();
  assertShown(standard, shownStandard(1, '\n  protocol: "chat",'));
  const closed = new Promise((resolve) => standard.onclose = resolve);
  standard.close();
  await closed;
  assertShown(standard, shownStandard(3, '\n  protocol: "chat",'));

  const feed = reconnecting(url, { protocols: ["chat"] });
  const shownFeed = (rest: string) =>
    `ReconnectingWebSocket { url: "ws://127.0.0.1:${server.port}/room", ${rest} }`;
  assertShown(feed, shownFeed("connections: 0, closed: false"));
  for await (const _ of feed) {
    assertShown(feed, shownFeed('connections: 1, current: "open", closed: false'));
    break;
  }
  await feed.close();
  assertShown(feed, shownFeed("connections: 1, closed: true"));

  await server.close();
  assertShown(server, shownServer(0, true));
  const bare = new WebSocketConnection(pair()[0], { role: "client" });
  assertEquals(Deno.inspect(bare).includes("url"), false);
  bare.terminate();
  for (const Class of [WebSocketConnection, StandardWebSocket]) {
    assertShown(Class.prototype, `${Class.name} {}`);
  }
});
