import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { nextTick } from "node:process";
import { Limits } from "../../net/limits.ts";
import { encodeFrame } from "../../websocket/frame.ts";
import { resolveEngineOptions } from "../../socketio/_engine_settings.ts";
import { type EngineSocketHost, ServerEngineSocket } from "../../socketio/_engine_socket.ts";
import { WebSocketTransport } from "../../socketio/_websocket_transport.ts";
import type { SocketIoEngineOptions } from "../../socketio/engine_options.ts";
import { SocketIoError } from "../../socketio/errors.ts";
import { StubExchange, StubSocket } from "../_support/engine_stubs.ts";

/** Delays that run only when the test says so. */
class Times {
  readonly running = new Set<string>();

  delay(name: string): { start(): void; stop(): void } {
    return {
      start: () => void this.running.add(name),
      stop: () => void this.running.delete(name),
    };
  }
}

interface Rig {
  socket: ServerEngineSocket;
  web: StubSocket;
  times: Set<string>;
  gone: ServerEngineSocket[];
  closes: unknown[][];
}

function open(transport: "polling" | "websocket", options: SocketIoEngineOptions = {}): Rig {
  const times = new Times();
  const gone: ServerEngineSocket[] = [];
  const host: EngineSocketHost = {
    engine: { clientsCount: 1 },
    settings: resolveEngineOptions(options, "/engine.io"),
    pingInterval: times.delay("pingInterval"),
    pingTimeout: times.delay("pingTimeout"),
    upgradeTimeout: times.delay("upgradeTimeout"),
    noopDelay: times.delay("noopDelay"),
    closeTimeout: times.delay("closeTimeout"),
    onSocketGone: (socket) => gone.push(socket),
    onHeaders() {},
  };
  const web = new StubSocket();
  const { request } = new StubExchange("GET", "");
  const link = transport === "polling" ? undefined : new WebSocketTransport(web, NOBODY);
  const socket = new ServerEngineSocket(host, "sid", request, "192.0.2.1", link);
  link?.handOver(socket);
  const closes: unknown[][] = [];
  socket._sink = { onEngineData() {}, onEngineClose: (...args) => void closes.push(args) };
  socket.start();
  socket.startTransport();
  return { socket, web, times: times.running, gone, closes };
}

const NOBODY = {
  onTransportMessage() {},
  onTransportPacket() {},
  onTransportFault() {},
  onTransportDrain() {},
  onTransportClose() {},
};

/** A polling request, and its answer once it is there. */
async function poll(socket: ServerEngineSocket): Promise<string> {
  const exchange = new StubExchange("GET", "");
  socket.handle(exchange);
  return String((await exchange.answered).body);
}

async function post(socket: ServerEngineSocket, body: string): Promise<number | undefined> {
  const exchange = new StubExchange("POST", "", body);
  socket.handle(exchange);
  return (await exchange.answered).status;
}

Deno.test("engine socket says hello, and carries messages over a WebSocket", () => {
  const { socket, web } = open("websocket");
  const [hello] = web.take();
  assertStringIncludes(String(hello), '0{"sid":"sid","upgrades":[]');
  const got: unknown[] = [];
  socket.on("data", (data) => got.push(data));
  web.receive("4a", Uint8Array.of(1));
  assertEquals(got, ["a", Uint8Array.of(1)]);
  socket.write("b").send(Uint8Array.of(2));
  socket.write("c", { preEncoded: true });
  assertEquals(web.take(), ["4b", Uint8Array.of(2), "4c"]);
  socket.close();
});

Deno.test("engine socket answers a polling client with all that was written in a turn", async () => {
  const { socket } = open("polling");
  assertStringIncludes(await poll(socket), '0{"sid":"sid","upgrades":["websocket"]');
  const waiting = poll(socket);
  socket.write("a").write(Uint8Array.of(1));
  assertEquals(await waiting, "4a\x1ebAQ==");
  const got: unknown[] = [];
  socket.on("message", (data) => got.push(data));
  assertEquals(await post(socket, "4x\x1ebAQ=="), 200);
  assertEquals(got, ["x", Uint8Array.of(1)]);
  socket.close(true);
});

Deno.test("engine socket has a polling response compressed if all messages in it may be", async () => {
  const { socket } = open("polling");
  await poll(socket);
  const long = "x".repeat(2000);
  for (
    const [choices, encoding] of [
      [[false], undefined],
      [[false, undefined], undefined],
      [[true, undefined], "gzip"],
      [[true, false], undefined],
      [[undefined], "gzip"],
    ] as const
  ) {
    for (const compress of choices) socket.write(long, { compress });
    const exchange = new StubExchange("GET", "", "", { "accept-encoding": "gzip" });
    socket.handle(exchange);
    assertEquals((await exchange.answered).headers["Content-Encoding"], encoding, `${choices}`);
  }
  socket._writeText("2", `["${long}"]`, { compress: false });
  socket.close();
  const exchange = new StubExchange("GET", "", "", { "accept-encoding": "gzip" });
  socket.handle(exchange);
  assertEquals((await exchange.answered).headers["Content-Encoding"], undefined);
  socket.close(true);
});

Deno.test("engine socket tells that its WebSocket has taken what was written, once for a turn", async () => {
  const { socket, web } = open("websocket");
  let drains = 0;
  socket.on("drain", () => drains++);
  const turn = () => Promise.resolve();
  socket.write("a").write("b");
  socket._writeText("2", '["c"]', {});
  assertEquals(drains, 0);
  await turn();
  assertEquals(drains, 1);
  socket.write("d", { preEncoded: true });
  await turn();
  assertEquals(drains, 2);
  // A WebSocket that is full tells when it is not.
  web.full = true;
  socket.write("e");
  await turn();
  assertEquals(drains, 2);
  web.full = false;
  web.host!.onSocketDrain();
  assertEquals(drains, 3);
  socket.write("f").close();
  await turn();
  assertEquals(drains, 3);
});

Deno.test("engine socket has its WebSocket look for room where somebody listens, once", async () => {
  const { socket, web } = open("websocket");
  socket.on("data", () => {});
  assertEquals(web.watched, 0);
  socket.once("drain", () => {}).on("drain", () => {});
  assertEquals(web.watched, 1);
  socket.close();
  const upgraded = open("polling");
  await poll(upgraded.socket);
  upgraded.socket.on("drain", () => {});
  assert(upgraded.socket.beginUpgrade());
  upgraded.socket.probe(new WebSocketTransport(upgraded.web, upgraded.socket));
  upgraded.web.receive("2probe", "5");
  assertEquals([upgraded.socket.transport.name, upgraded.web.watched], ["websocket", 1]);
  upgraded.socket.close();
});

Deno.test("engine socket writes a text in two parts where write would write it whole", async () => {
  const { socket, web, closes } = open("websocket", { maxBufferedBytes: 10 });
  web.take();
  socket._writeText("2", '["a"]', {});
  const packets: unknown[] = [];
  socket.on("packetCreate", (packet) => packets.push(packet));
  socket._writeText("2", '["b"]', {});
  assertEquals(web.take(), ['42["a"]', '42["b"]']);
  assertEquals(packets, [{ type: "message", data: '2["b"]' }]);
  web.queued = 11;
  socket._writeText("2", '["c"]', {});
  assertEquals(closes[0]?.[0], "transport error");
  socket._writeText("2", '["d"]', {});
  assertEquals(web.take(), []);

  const polling = open("polling").socket;
  await poll(polling);
  polling._writeText("2", '["a"]', {});
  polling._writeText("2", '["b"]', {});
  assertEquals(await poll(polling), '42["a"]\x1e42["b"]');
  polling.close(true);
});

Deno.test("engine socket pings, and ends when no pong comes", () => {
  const { socket, web, times, closes, gone } = open("websocket");
  web.take();
  assertEquals([...times], ["pingInterval"]);
  socket.pingDue();
  assertEquals(web.take(), ["2"]);
  assert(times.has("pingTimeout"));
  web.receive("3");
  assertEquals([...times], ["pingInterval"]);
  socket.pingDue();
  socket.pongOverdue();
  assertEquals(closes[0][0], "ping timeout");
  assertEquals(web.closed, [["terminate"]]);
  assertEquals([times.size, gone.length], [0, 1]);
});

Deno.test("engine socket shares its pings with all others, unless somebody looks at them", () => {
  const [a, b] = [open("websocket"), open("websocket")];
  for (const { socket } of [a, b]) socket.pingDue();
  const [ping] = a.web.shared;
  assertStrictEquals(b.web.shared[0], ping);
  assertEquals([ping.payload, ping.frame], ["2", encodeFrame(Uint8Array.of(0x32), { opcode: 1 })]);
  const packets: unknown[] = [];
  a.socket.on("packetCreate", (packet) => packets.push(packet));
  a.web.take();
  a.socket.pingDue();
  assertEquals([a.web.take(), packets], [["2"], [{ type: "ping" }]]);
  for (const { socket } of [a, b]) socket.close();
});

Deno.test("engine socket tells listeners of its end one tick later: npm's server is at its last packet then", async () => {
  const { socket, web } = open("websocket");
  socket._sink = undefined;
  const log: unknown[] = [];
  socket.on("data", (data) => nextTick(() => log.push(data)));
  socket.on("close", (reason) => log.push(reason));
  web.receive("41");
  web.host!.onSocketClose(undefined);
  assertEquals([socket.readyState, log], ["closed", []]);
  await new Promise((resolve) => nextTick(resolve));
  assertEquals(log, ["1", "transport close"]);
});

Deno.test("engine socket closes once, and says nothing afterwards", () => {
  const { socket, web, closes, gone, times } = open("websocket");
  web.take();
  socket.close();
  socket.close();
  socket.close(true);
  web.host!.onSocketClose(undefined);
  web.receive("4late");
  socket.write("late");
  assertEquals(closes.map(([reason]) => reason), ["forced close"]);
  assertEquals(web.closed, [["close", 1000]]);
  assertEquals([web.take(), gone, socket.readyState], [[], [socket], "closed"]);
  assertEquals(times.size, 0);
});

for (
  const [what, act, reason, closed] of [
    [
      "in order",
      (web: StubSocket) => web.host!.onSocketClose(undefined),
      "transport close",
      ["close", 1000],
    ],
    [
      "with its connection",
      (web: StubSocket) => web.host!.onSocketClose(Error("Unexpected EOF")),
      "transport close",
      ["terminate"],
    ],
    [
      "with an error",
      (web: StubSocket) => web.host!.onSocketClose(Error("x")),
      "transport error",
      ["terminate"],
    ],
    ["by what is no packet", (web: StubSocket) => web.receive("9"), "parse error", [
      "close",
      1002,
      "parse error",
    ]],
  ] as const
) {
  Deno.test(`engine socket tells why its WebSocket ended: ${what}`, () => {
    const { web, closes, gone } = open("websocket");
    act(web);
    assertEquals(web.closed[0], [...closed]);
    assertEquals(closes.map(([reason]) => reason), [reason]);
    assertEquals(gone.length, 1);
  });
}

Deno.test("engine socket that polls keeps what is queued until the client asks", async () => {
  const { socket, closes, times } = open("polling");
  await poll(socket);
  socket.write("last");
  socket.close();
  assertEquals([socket.readyState, closes.length, times.has("closeTimeout")], ["closing", 0, true]);
  assertEquals(await poll(socket), "4last");
  assertEquals([socket.readyState, closes.length], ["closing", 0]);
  assertEquals(await poll(socket), "1");
  assertEquals(closes.map(([reason]) => reason), ["forced close"]);
  assertEquals(times.size, 0);
});

Deno.test("engine socket that polls does not wait for a client that took its leave", async () => {
  const { socket, closes, times, gone } = open("polling");
  await poll(socket);
  socket.write("last");
  socket.close();
  assertEquals(await poll(socket), "4last");
  const leave = new StubExchange("POST", "", "4late\x1e1");
  socket.handle(leave);
  await leave.answered;
  assertEquals([leave.status, closes.map(([reason]) => reason)], [200, ["transport close"]]);
  assertEquals([times.size, gone.length], [0, 1]);
});

Deno.test("engine socket that polls ends when the client does not ask any more", async () => {
  const { socket, closes, times } = open("polling");
  await poll(socket);
  socket.close();
  socket.closeOverdue();
  assertEquals(closes.map(([reason]) => reason), ["forced close"]);
  assertEquals(times.size, 0);
});

Deno.test("engine socket ends a client that is too slow, or drops what is for it", () => {
  for (const transport of ["websocket", "polling"] as const) {
    const limits = { maxBufferedBytes: 10, maxBufferedPackets: 3 };
    const { socket, web, closes } = open(transport, limits);
    web.queued = 11;
    for (let i = 0; i < 3; i++) socket.write("12345");
    const [[reason, error]] = closes;
    assertEquals([reason, closes.length], ["transport error", 1]);
    assertInstanceOf(error, SocketIoError);
    assertEquals(error.code, "ERR_LIMIT");
  }
  const { socket, web, closes } = open("websocket", { maxBufferedBytes: 10, slowClient: "drop" });
  web.take();
  web.queued = 11;
  socket.write("dropped");
  web.queued = 0;
  socket.write("sent");
  assertEquals([web.take(), closes], [["4sent"], []]);
});

Deno.test("engine socket takes as much as its limit says, and no more than a first message where all share one that is used up", () => {
  const limits = new Limits({ queuedBytes: 100, policies: { queuedBytes: "drop" } });
  const { socket, web, closes } = open("websocket", { maxBufferedBytes: 10, limits });
  web.take();
  web.queued = 10;
  socket.write("at the limit");
  limits.queuedBytes.add(100);
  socket.write("dropped");
  web.queued = 0;
  socket.write("first");
  web.queued = 11;
  // It is not for this client to pay.
  socket.write("dropped, too");
  assertEquals([web.take(), closes], [["4at the limit", "4first"], []]);
  limits.queuedBytes.remove(100);
  socket.close();
});

Deno.test("engine socket moves to a WebSocket, with what was queued", async () => {
  const { socket, web, times } = open("polling");
  await poll(socket);
  assert(socket.beginUpgrade());
  assert(!socket.beginUpgrade(), "one at a time");
  const probe = new WebSocketTransport(web, socket);
  socket.probe(probe);
  const waiting = poll(socket);
  web.receive("2probe");
  assertEquals([web.take(), await waiting], [["3probe"], "6"]);
  socket.write("queued");
  let drains = 0;
  socket.on("drain", () => drains++);
  web.receive("5");
  assertEquals(web.take(), ["4queued"]);
  await Promise.resolve();
  assertEquals(drains, 1);
  assertEquals([socket.upgraded, socket.transport.name], [true, "websocket"]);
  assertEquals([...times], ["pingInterval"]);
  const late = new StubExchange("GET", "");
  socket.handle(late);
  assertEquals(late.status, 400);
  socket.close();
  assertEquals(web.closed, [["close", 1000]]);
});

Deno.test("engine socket that moves to a WebSocket answers the request that still waits", async () => {
  const { socket, web } = open("polling");
  await poll(socket);
  socket.beginUpgrade();
  socket.probe(new WebSocketTransport(web, socket));
  web.receive("2probe");
  assertEquals(await poll(socket), "6");
  const waiting = poll(socket);
  web.receive("5");
  assertEquals([await waiting, socket.transport.name], ["6", "websocket"]);
  socket.close();
});

Deno.test("engine socket goes on with polling when the probe fails or is late", async () => {
  for (const fail of ["message", "fault", "gone", "late"]) {
    const { socket, web, times, closes } = open("polling");
    await poll(socket);
    socket.beginUpgrade();
    socket.probe(new WebSocketTransport(web, socket));
    if (fail === "message") web.receive("4early");
    else if (fail === "fault") web.receive("x");
    else if (fail === "gone") web.host!.onSocketClose(undefined);
    else socket.abortUpgrade();
    assertEquals(web.closed, [["close", 1000]], fail);
    assertEquals([socket.upgrading, socket.transport.name], [false, "polling"], fail);
    assertEquals([...times], ["pingInterval"], fail);
    socket.write("still");
    assertEquals(await poll(socket), "4still", fail);
    assertEquals(closes, [], fail);
    socket.close(true);
  }
});

Deno.test("engine socket shows packets to those who listen, until they leave", () => {
  const { socket, web } = open("websocket");
  const packets: unknown[] = [];
  const onPacket = (packet: { type: string }) => packets.push(packet.type);
  socket.on("packet", onPacket).once("packetCreate", onPacket);
  web.receive("3", "4a");
  socket.write("b").write("c");
  assertEquals(packets, ["pong", "message", "message"]);
  socket.off("packet", onPacket);
  web.receive("4d");
  assertEquals([packets.length, socket.listenerCount("packet")], [3, 0]);
  socket.on("packet", onPacket).removeListener("packet", onPacket);
  assertEquals(socket.listenerCount("packet"), 0);
  const closeListeners = socket.on("close", () => {}).listenerCount("close");
  assertEquals(socket.removeAllListeners(undefined).listenerCount("close"), closeListeners);
  socket.removeAllListeners();
  assertEquals(socket.listenerCount("close"), 0);
  socket.close();
});

Deno.test("engine socket has no use for a WebSocket that comes after the upgrade was given up", async () => {
  const { socket, web, closes } = open("polling");
  await poll(socket);
  assert(socket.beginUpgrade());
  socket.abortUpgrade();
  socket.probe(new WebSocketTransport(web, socket));
  assertEquals(web.closed, [["close", 1000]]);
  assertEquals([socket.upgrading, socket.transport.name, closes], [false, "polling", []]);
  socket.close(true);
});

Deno.test("engine socket that polls tells a client that is not asking just then of its end", async () => {
  const { socket, closes } = open("polling");
  await poll(socket);
  socket.close();
  assertEquals([socket.readyState, closes.length], ["closing", 0]);
  assertEquals(await poll(socket), "1");
  assertEquals(closes.map(([reason]) => reason), ["forced close"]);
});

Deno.test("engine socket that is over gives up the WebSocket that was about to take over", async () => {
  const { socket, web, times } = open("polling");
  await poll(socket);
  socket.beginUpgrade();
  socket.probe(new WebSocketTransport(web, socket));
  web.receive("2probe");
  socket.close(true);
  assertEquals([web.closed, times.size], [[["close", 1000]], 0]);
});

Deno.test("engine socket that is over answers the request that waits, with what was queued", async () => {
  for (const reason of ["forced", "parse"]) {
    const { socket } = open("polling");
    await poll(socket);
    const waiting = poll(socket);
    socket.write("last");
    if (reason === "forced") socket.close(true);
    else assertEquals(await post(socket, "x"), 400);
    assertEquals(await waiting, reason === "forced" ? "4last\x1e1" : "4last", reason);
    const late = new StubExchange("GET", "");
    socket.handle(late);
    assertEquals(late.status, 400);
  }
});
