// Known classes of attacks on Socket.IO: names of prototypes, attachments, session ids, acknowledgements, rooms and namespaces.
import { assert, assertEquals, assertLess } from "@std/assert";
import {
  acceptWebSocket,
  askForWebSocket,
  byteServer,
  clientFrame,
  latin1,
  openWebSocket,
  serverFrame,
  Wire,
} from "../_support/attack.ts";
import { readToEnd, socketIoPort, webSocketPort, within } from "../_support/ports.ts";
import { until } from "../_support/websocket_server.ts";
import { dial } from "../../net/dial.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import type { SocketIoSocket } from "../../socketio/socket.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";

const ENGINE = "/socket.io/?EIO=4&transport=websocket";
const POLLING = "/socket.io/?EIO=4&transport=polling";

/** Names that are there on every object. */
const NAMES = [
  "__proto__",
  "constructor",
  "prototype",
  "hasOwnProperty",
  "toString",
  "valueOf",
  "__defineGetter__",
];

/** A client that speaks Socket.IO by the frame. */
class Client implements Disposable {
  private constructor(readonly wire: Wire) {}

  static async connect(port: number, query = "", auth = ""): Promise<Client> {
    const client = new Client(await openWebSocket(port, { path: ENGINE + query }));
    await client.send(`40${auth}`);
    await client.until((text) => text.startsWith("40"));
    return client;
  }

  async send(...messages: (string | Uint8Array)[]): Promise<void> {
    for (const message of messages) {
      await this.wire.write(clientFrame(typeof message === "string" ? 1 : 2, message));
    }
  }

  /** The next message that is meant; `undefined` at the end. */
  async until(meant: (text: string) => boolean): Promise<string | undefined> {
    for (;;) {
      const frame = await within("a message", this.wire.readFrame());
      if (frame === undefined || frame.opcode === 8) return undefined;
      const text = new TextDecoder().decode(frame.payload);
      if (meant(text)) return text;
    }
  }

  /** Sends an event that asks for an answer, and returns that. */
  async ask(event: string): Promise<string | undefined> {
    await this.send(`421${event}`);
    return await this.until((text) => text.startsWith("431"));
  }

  /** Whether the server has ended the connection. */
  async ended(): Promise<boolean> {
    return (await this.until(() => false)) === undefined;
  }

  [Symbol.dispose](): void {
    this.wire.close();
  }
}

// Prototype pollution. CVE-2026-21710 (Node): header names; CVE-2022-2421 (socket.io-parser).

/** What an object has that nobody put there. */
function assertNotPolluted(): void {
  const fresh = {} as Record<string, unknown>;
  const seen: string[] = [];
  for (const key in fresh) seen.push(key);
  assertEquals([seen, fresh.polluted, ([] as never as typeof fresh).polluted], [
    [],
    undefined,
    undefined,
  ]);
  assertEquals(typeof fresh.toString, "function");
}

Deno.test("prototype pollution: events with names of Object.prototype are events like any other", async () => {
  await using io = await socketIoPort();
  const seen: unknown[] = [];
  io.io.on("connection", (socket) => {
    socket.onAny((event) => seen.push(event));
    socket.on("__proto__", (...args) => args.at(-1)?.call?.(undefined, "heard"));
  });
  using client = await Client.connect(io.port);
  for (const name of NAMES) await client.send(`42["${name}",{"polluted":true}]`);
  assertEquals(await client.ask('["__proto__"]'), '431["heard"]');
  assertEquals(seen, [...NAMES, "__proto__"]);
  assertNotPolluted();
  await io.visit();
});

Deno.test("prototype pollution: keys of data, with attachments or without, and of auth pollute nothing", async () => {
  await using io = await socketIoPort();
  const auths: unknown[] = [];
  io.io.on("connection", (socket) => {
    auths.push(socket.handshake.auth);
    socket.on("merge", (value, answer) => {
      // What programs do with what they get.
      const merged = Object.assign({}, value, value.nested);
      answer(merged.polluted === undefined && ({} as typeof merged).polluted === undefined);
    });
  });
  const evil = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},' +
    '"nested":{"\\u005f_proto__":{"polluted":1}}}';
  using client = await Client.connect(io.port, "", evil);
  assertEquals(await client.ask(`["merge",${evil}]`), "431[true]");
  await client.send(
    `451-1["merge",{"__proto__":{"polluted":{"_placeholder":true,"num":0}},"nested":{}}]`,
    new Uint8Array([1]),
  );
  // Either the attachment has no place any more, which is a fault, or nothing was polluted.
  const answer = await client.until((text) => text.startsWith("431"));
  assert(answer === undefined || answer === "431[true]", answer);
  const [auth] = auths as Record<string, unknown>[];
  assertEquals(Object.getPrototypeOf(auth), Object.prototype);
  assertEquals([auth.polluted, Object.hasOwn(auth, "__proto__")], [undefined, false]);
  assertNotPolluted();
  await io.visit();
});

Deno.test("prototype pollution: query, headers, rooms and namespaces take such names as names", async () => {
  await using io = await socketIoPort();
  const sockets: SocketIoSocket[] = [];
  io.io.on("connection", (socket) => {
    sockets.push(socket);
    socket.on("join", (room, answer) => {
      socket.join(room);
      io.io.to(room).emit("to", room);
      answer(io.io.sockets.adapter.rooms.get(room)?.size ?? 0);
    });
  });
  using client = await Client.connect(
    io.port,
    "&" + NAMES.map((name) => `${name}=1&${name}[polluted]=1`).join("&"),
  );
  using other = await Client.connect(io.port);
  const { query, headers } = sockets[0].handshake;
  for (const name of NAMES) assertEquals(query[name], "1");
  assertEquals(headers.polluted, undefined);
  for (const name of NAMES) {
    assertEquals(await client.ask(`["join","${name}"]`), "431[1]");
    await client.send(`40/${name},`);
    assertEquals(
      await client.until((text) => text.startsWith("44")),
      `44/${name},{"message":"Invalid namespace"}`,
    );
  }
  await other.send('421["echo","done"]');
  // The other one got nothing of what went to the rooms.
  assertEquals(await other.until((text) => /^4[23]/.test(text)), '431["done"]');
  assertNotPolluted();
});

Deno.test("prototype pollution: headers, topics and subprotocols of a WebSocket take such names as names", async () => {
  const seen = Promise.withResolvers<WebSocketConnection>();
  await using server = await webSocketPort({ default: (ws) => seen.resolve(ws) });
  const { wire, head } = await askForWebSocket(server.port, {
    headers: Object.fromEntries([
      ...NAMES.slice(1).map((name) => [name, "polluted"]),
      ["Sec-WebSocket-Protocol", NAMES.join(", ")],
    ]),
    path: "/?__proto__[polluted]=1",
  });
  using _wire = wire;
  assert(!/sec-websocket-protocol/i.test(head), head);
  const ws = await seen.promise;
  for (const name of NAMES.slice(1)) assertEquals(ws.headers.get(name), "polluted");
  for (const name of NAMES) ws.subscribe(name);
  assertEquals([...ws.topics], NAMES);
  const pollers = await Wire.connect(server.port);
  await pollers.write("GET / HTTP/1.1\r\nHost: h\r\n__proto__: polluted\r\n\r\n");
  assert((await pollers.readHead()).startsWith("HTTP/1.1 426 "));
  pollers.close();
  assertNotPolluted();
});

Deno.test("prototype pollution: a polling request with such a header, query and body pollutes nothing", async () => {
  await using io = await socketIoPort({ cors: { origin: "https://app.example" } });
  using wire = await Wire.connect(io.port);
  await wire.write(
    `GET ${POLLING}&__proto__=1&constructor=2 HTTP/1.1\r\nHost: h\r\n` +
      "Origin: https://app.example\r\n__proto__: polluted\r\nconstructor: polluted\r\n\r\n",
  );
  const { status, body } = await wire.readResponse();
  assertEquals(status, 200);
  const { sid } = JSON.parse(body.slice(1));
  const evil = '40{"__proto__":{"polluted":1}}';
  await wire.write(
    `POST ${POLLING}&sid=${sid} HTTP/1.1\r\nHost: h\r\nContent-Length: ${evil.length}\r\n\r\n${evil}`,
  );
  assertEquals((await wire.readResponse()).status, 200);
  await until(() => io.io.sockets.sockets.size === 1);
  const [socket] = io.io.sockets.sockets.values();
  assertEquals(Object.hasOwn(socket.handshake.auth, "__proto__"), false);
  assertEquals(socket.handshake.auth.polluted, undefined);
  assertNotPolluted();
});

Deno.test("prototype pollution: a server's packets pollute no client", async () => {
  await using server = byteServer(async (wire) => {
    await acceptWebSocket(wire);
    for (
      const text of [
        '0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000,"__proto__":{"polluted":1}}',
        '40{"sid":"b","__proto__":{"polluted":1}}',
        '42["__proto__",{"__proto__":{"polluted":1}}]',
        '42["news",{"__proto__":{"polluted":1},"a":1}]',
      ]
    ) await wire.write(serverFrame(1, text));
    await wire.readAll();
  });
  const socket = connectSocketIo(`http://127.0.0.1:${server.port}`, {
    transports: ["websocket"],
    reconnection: false,
  });
  const news = await within(
    "the event",
    new Promise<Record<string, unknown>>((resolve) => socket.on("news", resolve)),
  );
  assertEquals([news.a, news.polluted, Object.hasOwn(news, "__proto__")], [1, undefined, false]);
  assertNotPolluted();
  socket.disconnect();
});

// Attachment abuse. CVE-2026-33151, CVE-2022-2421 (socket.io-parser).

for (
  const [name, messages] of [
    ["text in place of an attachment", [
      '451-["echo",{"_placeholder":true,"num":0}]',
      '42["echo"]',
    ]],
    ["bytes that nobody announced", [new Uint8Array([1])]],
    ["more attachments than placeholders", [
      '452-["echo",{"_placeholder":true,"num":0}]',
      new Uint8Array(1),
      new Uint8Array(1),
    ]],
    ["one attachment for two placeholders", [
      '451-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]',
      new Uint8Array(1),
    ]],
    ["a number out of range", ['451-["echo",{"_placeholder":true,"num":1}]', new Uint8Array(1)]],
    ["a negative number", ['451-["echo",{"_placeholder":true,"num":-1}]', new Uint8Array(1)]],
    ["a name for a number", ['451-["echo",{"_placeholder":true,"num":"push"}]', new Uint8Array(1)]],
    ["a placeholder as the event's name", [
      '451-[{"_placeholder":true,"num":0}]',
      new Uint8Array(1),
    ]],
    ["11 attachments", ["4511-[" + '{"_placeholder":true,"num":0},'.repeat(10) + "0]"]],
    ["50,000,000 attachments", ['4550000000-["echo"]']],
    ["no attachment in a packet with attachments", ['450-["echo"]']],
  ] as const
) {
  Deno.test(`attachment abuse: ${name} ends the connection alone, and nothing is delivered`, async () => {
    await using io = await socketIoPort();
    const delivered: unknown[] = [];
    io.io.on("connection", (socket) => {
      socket.onAny((...args) => delivered.push(args));
    });
    using client = await Client.connect(io.port);
    await client.send(...messages);
    assert(await client.ended());
    assertEquals(delivered.length, 0);
    await io.visit();
  });
}

Deno.test("attachment abuse: placeholders in any order and nested in each other's place come out right", async () => {
  await using io = await socketIoPort();
  const delivered = Promise.withResolvers<unknown[]>();
  io.io.on("connection", (socket) => {
    socket.on("files", (...args) => delivered.resolve(args));
  });
  using client = await Client.connect(io.port);
  await client.send(
    '452-["files",{"a":{"_placeholder":true,"num":1}},[[{"_placeholder":true,"num":0}]]]',
    new Uint8Array([0]),
    new Uint8Array([1]),
  );
  assertEquals(await delivered.promise, [{ a: new Uint8Array([1]) }, [[new Uint8Array([0])]]]);
});

Deno.test("attachment abuse: data of a user that looks like a placeholder stays what it is, both ways", async () => {
  await using io = await socketIoPort();
  using client = await Client.connect(io.port);
  const look = '{"_placeholder":true,"num":0}';
  assertEquals(await client.ask(`["echo",${look}]`), `431[${look}]`);
  // With a real attachment beside it, it must not become that attachment.
  const connected = connectSocketIo(`http://127.0.0.1:${io.port}`, { transports: ["websocket"] });
  const bytes = new Uint8Array([1, 2, 3]);
  const value = { look: { _placeholder: true, num: 0, x: 1 }, bytes };
  const back = await connected.timeout(10_000).emitWithAck("echo", value);
  assertEquals(back.bytes, bytes);
  assert(!(back.look instanceof Uint8Array));
  assertEquals([back.look.num, back.look.x], [0, 1]);
  connected.disconnect();
});

// Session ids, guessed and stolen.

Deno.test("sid guess: unknown ids are refused alike, near or far from a real one, and harm nobody", async () => {
  await using io = await socketIoPort();
  using wire = await Wire.connect(io.port);
  await wire.write(`GET ${POLLING} HTTP/1.1\r\nHost: h\r\n\r\n`);
  const { sid } = JSON.parse((await wire.readResponse()).body.slice(1));
  const guesses = [
    sid.slice(0, -1),
    `${sid}x`,
    sid.toLowerCase() === sid ? sid.toUpperCase() : sid.toLowerCase(),
    sid.slice(0, -1) + (sid.endsWith("A") ? "B" : "A"),
    "__proto__",
    "constructor",
    "x".repeat(4000),
    ...Array.from({ length: 500 }, () => crypto.getRandomValues(new Uint8Array(15)).toBase64()),
  ];
  using guesser = await Wire.connect(io.port);
  const answers = new Set<string>();
  for (const guess of guesses) {
    const query = `&sid=${encodeURIComponent(guess)}`;
    await guesser.write(`GET ${POLLING}${query} HTTP/1.1\r\nHost: h\r\n\r\n`);
    const { status, body } = await guesser.readResponse();
    answers.add(`${status} ${body}`);
  }
  assertEquals([...answers], ['400 {"code":1,"message":"Session ID unknown"}']);
  for (const guess of guesses.slice(0, 8)) {
    const { wire, status } = await askForWebSocket(io.port, {
      path: `${ENGINE}&sid=${encodeURIComponent(guess)}`,
    });
    assertEquals(status, 400);
    wire.close();
  }
  assertEquals([...io.io.engine.clients.keys()], [sid]);
  await wire.write(`POST ${POLLING}&sid=${sid} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n40`);
  assertEquals((await wire.readResponse()).status, 200);
});

Deno.test("sid theft: one transport at a time has a session, and a second request of a kind ends it", async () => {
  await using io = await socketIoPort();
  using wire = await Wire.connect(io.port);
  await wire.write(`GET ${POLLING} HTTP/1.1\r\nHost: h\r\n\r\n`);
  const { sid } = JSON.parse((await wire.readResponse()).body.slice(1));
  await wire.write(`GET ${POLLING}&sid=${sid} HTTP/1.1\r\nHost: h\r\n\r\n`);
  await until(() => io.io.engine.clients.get(sid)!.transport.writable);
  // Who polls beside the owner gets nothing of the session, and both see that something is wrong.
  using thief = await Wire.connect(io.port);
  await thief.write(`GET ${POLLING}&sid=${sid} HTTP/1.1\r\nHost: h\r\n\r\n`);
  assertEquals((await thief.readResponse()).status, 400);
  await until(() => io.connections() === 0);
  await wire.readResponse();
});

Deno.test("sid theft: after the upgrade nobody polls, posts or upgrades under the same id", async () => {
  await using io = await socketIoPort();
  using wire = await Wire.connect(io.port);
  await wire.write(`GET ${POLLING} HTTP/1.1\r\nHost: h\r\n\r\n`);
  const { sid } = JSON.parse((await wire.readResponse()).body.slice(1));
  using owner = await openWebSocket(io.port, { path: `${ENGINE}&sid=${sid}` });
  await owner.write(clientFrame(1, "2probe"));
  assertEquals(await owner.readText(), "3probe");
  await owner.write(clientFrame(1, "5"));
  await until(() => io.io.engine.clients.get(sid)!.transport.name === "websocket");
  for (const method of ["GET", "POST"]) {
    using thief = await Wire.connect(io.port);
    await thief.write(
      `${method} ${POLLING}&sid=${sid} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n`,
    );
    assertEquals((await thief.readResponse()).status, 400);
  }
  const { wire: late } = await askForWebSocket(io.port, { path: `${ENGINE}&sid=${sid}` });
  assertEquals(await within("the end of the thief", late.readClose()), 1000);
  late.close();
  await owner.write(clientFrame(1, "40"));
  assert((await owner.readText())?.startsWith("40"));
  assertEquals(io.connections(), 1);
});

Deno.test("sid theft: middleware can bind a session to the address that it began from", {
  ignore: Deno.build.os === "darwin", // loopback has one address there
}, async () => {
  await using io = await socketIoPort();
  io.io.engine.use((request, _response, next) => {
    const owner = io.io.engine.clients.get(request._query?.sid ?? "");
    const address = request.connection.remoteAddress;
    next(owner === undefined || owner.remoteAddress === address ? undefined : new Error("theft"));
  });
  using wire = await Wire.connect(io.port);
  await wire.write(`GET ${POLLING} HTTP/1.1\r\nHost: h\r\n\r\n`);
  const { sid } = JSON.parse((await wire.readResponse()).body.slice(1));
  const target = { hostname: "127.0.0.1", port: io.port };
  using thief = new Wire(await dial(target, { localAddress: "127.0.0.2" }) as Deno.Conn);
  await thief.write(`GET ${POLLING}&sid=${sid} HTTP/1.1\r\nHost: h\r\n\r\n`);
  assertEquals((await thief.readResponse()).status, 400);
  using other = new Wire(await dial(target, { localAddress: "127.0.0.2" }) as Deno.Conn);
  await other.write(latin1(
    `GET ${ENGINE}&sid=${sid} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  ));
  assert((await readToEnd(other)).startsWith("HTTP/1.1 400 "));
  await wire.write(`POST ${POLLING}&sid=${sid} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n40`);
  assertEquals((await wire.readResponse()).status, 200);
});

// Acknowledgements.

Deno.test("ack leak: a client that never answers costs a bounded number of waits, and none once it is gone", async () => {
  await using io = await socketIoPort({ maxPendingAcks: 100 });
  using client = await Client.connect(io.port);
  await until(() => io.io.sockets.sockets.size === 1);
  const [socket] = io.io.sockets.sockets.values();
  const answers = Array.from({ length: 1000 }, () => socket.emitWithAck("question"));
  const settled = Promise.allSettled(answers);
  assertLess(socket.acks.size, 101);
  client[Symbol.dispose]();
  const results = await within("the end of all waits", settled);
  assert(results.every(({ status }) => status === "rejected"));
  assertEquals(socket.acks.size, 0);
});

Deno.test("ack leak: answers that are doubled, unasked or have strange numbers do nothing", async () => {
  await using io = await socketIoPort();
  using client = await Client.connect(io.port);
  await until(() => io.io.sockets.sockets.size === 1);
  const [socket] = io.io.sockets.sockets.values();
  let answered = 0;
  socket.emit("question", () => answered++);
  const question = await client.until((text) => text.startsWith("42"));
  const id = /^42(\d+)/.exec(question!)![1];
  await client.send(
    `43${id}[]`,
    `43${id}[]`,
    "43999999[]",
    "439007199254740991[]",
    `43${"0".repeat(10)}[]`,
  );
  assertEquals(await client.ask('["echo",1]'), "431[1]");
  assertEquals(answered, 1);
  for (
    const bad of [
      "439007199254740992[]",
      "43-1[]",
      '43"1"[]',
      "431.5[]",
      "43[]",
      `43${"9".repeat(400)}[]`,
    ]
  ) {
    using other = await Client.connect(io.port);
    await other.send(bad);
    assert(await other.ended(), bad);
  }
  await io.visit();
});

Deno.test("ack leak: an event whose answer is asked for twice is answered once", async () => {
  await using io = await socketIoPort();
  io.io.on("connection", (socket) => {
    socket.on("twice", (answer) => {
      answer(1);
      answer(2);
    });
  });
  using client = await Client.connect(io.port);
  await client.send('427["twice"]');
  await client.send('428["echo",0]');
  assertEquals(await client.until((text) => text.startsWith("43")), "437[1]");
  assertEquals(await client.until((text) => text.startsWith("43")), "438[0]");
});

// Rooms and namespaces without end.

Deno.test("room growth: 20,000 rooms of one client are gone with it", async () => {
  await using io = await socketIoPort();
  io.io.on("connection", (socket) => {
    socket.on("join", (room, answer) => {
      socket.join(room);
      answer?.();
    });
  });
  using client = await Client.connect(io.port);
  for (let i = 0; i < 20_000; i += 1000) {
    await client.send(...Array.from({ length: 1000 }, (_, j) => `42["join","room ${i + j}"]`));
  }
  await client.ask('["join","the last"]');
  const { adapter } = io.io.sockets;
  assertEquals(adapter.rooms.size, 20_002);
  client[Symbol.dispose]();
  await until(() => io.connections() === 0);
  assertEquals([adapter.rooms.size, adapter.sids.size], [0, 0]);
});

Deno.test("namespace growth: a client is in a bounded number of them, whatever it asks for", async () => {
  await using io = await socketIoPort({ maxNamespacesPerClient: 10 });
  io.io.of(/^\/n\d+$/);
  using client = await Client.connect(io.port);
  for (let i = 0; i < 100; i++) await client.send(`40/n${i},`);
  let refused = 0;
  for (let i = 0; i < 100; i++) {
    const answer = await client.until((text) => /^4[04]/.test(text));
    if (answer!.startsWith("44")) refused++;
  }
  assertEquals(refused, 91);
  await io.visit();
});

Deno.test("namespace growth: clients that join and leave make no namespaces without end", async () => {
  await using io = await socketIoPort({ maxChildNamespaces: 50 });
  const parent = io.io.of(/^\/n\d+$/);
  using client = await Client.connect(io.port);
  for (let i = 0; i < 500; i++) {
    await client.send(`40/n${i},`, `41/n${i},`);
    assert((await client.until((text) => text.startsWith("4")))?.startsWith(`40/n${i},`));
  }
  assertLess(parent.children.size, 51);
  // Those in which somebody is stay, and then there is no room.
  for (let i = 0; i < 51; i++) await client.send(`40/n${1000 + i},`);
  assertEquals(
    await client.until((text) => text.startsWith("44")),
    '44/n1050,{"message":"Invalid namespace"}',
  );
  await io.visit();
});

Deno.test("namespace growth: names without end, and packets for namespaces that were not joined, end the connection", async () => {
  await using io = await socketIoPort();
  for (const packet of [`40/${"x".repeat(100_000)},`, '42/other,["echo",1]']) {
    using client = await Client.connect(io.port);
    await client.send(packet);
    assert(await client.ended());
  }
  await io.visit();
});

Deno.test("room growth: a session that is lost again and again is kept a bounded number of times", async () => {
  await using io = await socketIoPort({
    connectionStateRecovery: { maxSessions: 10, maxPackets: 10, maxBytes: 10_000 },
  });
  const pids: string[] = [];
  for (let i = 0; i < 30; i++) {
    const wire = await openWebSocket(io.port, { path: ENGINE });
    await wire.write(clientFrame(1, "40"));
    await wire.readText();
    pids.push(JSON.parse((await wire.readText())!.slice(2)).pid);
    io.io.emit("news", "x".repeat(2000));
    // Not a word of goodbye.
    wire.close();
    await until(() => io.connections() === 0);
  }
  const joined = async (pid: string): Promise<boolean> => {
    using wire = await openWebSocket(io.port, { path: ENGINE });
    await wire.write(clientFrame(1, `40{"pid":${JSON.stringify(pid)}}`));
    await wire.readText();
    return JSON.parse((await wire.readText())!.slice(2)).pid === pid;
  };
  // The first ones are forgotten, and of the latest ones what was sent since is too large.
  for (const pid of [pids[0], pids[19], pids[20], "constructor"]) {
    assertEquals(await joined(pid), false);
  }
});
