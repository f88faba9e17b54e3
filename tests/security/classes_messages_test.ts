// Known classes of attacks by messages: bombs, floods, endless ones, bad text, and peers that neither read nor answer.
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { gzipSync } from "node:zlib";
import {
  acceptWebSocket,
  assertEchoes,
  byteServer,
  clientFrame,
  deflated,
  flood,
  growthDuring,
  latin1,
  liveGrowthDuring,
  openWebSocket,
  repeated,
  serverFrame,
  Wire,
} from "../_support/attack.ts";
import { hex } from "../_support/hex.ts";
import { drip, readToEnd, socketIoPort, webSocketPort, within } from "../_support/ports.ts";
import { joined } from "../_support/websocket_rig.ts";
import { serve, until, urlOf } from "../_support/websocket_server.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import type { SocketIoSocket } from "../../socketio/socket.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";

const MIB = 1_048_576;
const ENGINE = "/socket.io/?EIO=4&transport=websocket";
const OFFER = { "Sec-WebSocket-Extensions": "permessage-deflate" };
const NO_TAKEOVER = {
  "Sec-WebSocket-Extensions": "permessage-deflate; client_no_context_takeover",
};

/** 64 MiB of zeros: a thousand times less on the wire. */
const BOMB = deflated(new Uint8Array(64 * MIB));

/** A message in fragments of so many bytes. */
function fragments(
  payload: Uint8Array,
  size: number,
  frame: typeof clientFrame = clientFrame,
): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < payload.length; at += size) {
    const fin = at + size >= payload.length;
    const rsv = at === 0 ? 0x40 : 0;
    parts.push(frame(at === 0 ? 2 : 0, payload.subarray(at, at + size), { fin, rsv }));
  }
  return joined(...parts);
}

// Decompression bombs. CVE-2018-1000518 (python websockets), tornado#2391; CVE-2016-10544 (uWebSockets), whose limit was that of the compressed message.

Deno.test("decompression bomb: a server stops inflating at its limit, whole and in fragments, with and without takeover", async () => {
  await using plain = await webSocketPort({ perMessageDeflate: true });
  await using io = await socketIoPort({ perMessageDeflate: true });
  const growth = await growthDuring(async () => {
    for (const [port, path] of [[plain.port, "/"], [io.port, ENGINE]] as const) {
      for (const headers of [OFFER, NO_TAKEOVER]) {
        for (const size of [BOMB.length, 1000, 100]) {
          using wire = await openWebSocket(port, { path, headers });
          assertEquals(await flood(wire, fragments(BOMB, size)), 1009);
        }
      }
    }
  });
  // Twelve of them would have been 768 MiB.
  assertLess(growth, 128 * MIB);
  await plain.visit();
  await io.visit();
});

Deno.test("decompression bomb: fragments that are harmless one by one count together", async () => {
  await using server = await webSocketPort({ perMessageDeflate: true, maxMessageSize: 100_000 });
  using wire = await openWebSocket(server.port, { headers: OFFER });
  // 20 parts of 10 kB each, inflated.
  const whole = deflated(new Uint8Array(200_000));
  assertEquals(await flood(wire, fragments(whole, Math.ceil(whole.length / 20))), 1009);
  await server.visit();
});

Deno.test("decompression bomb: a client stops inflating at its limit", async () => {
  await using server = byteServer(async (wire) => {
    await acceptWebSocket(wire, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    await flood(wire, fragments(BOMB, 1000, serverFrame));
  });
  const ws = await connectWebSocket(urlOf(server), { perMessageDeflate: true });
  const { error } = await ws.closed;
  assertEquals([error?.code, error?.closeCode], ["MESSAGE_TOO_BIG", 1009]);
});

Deno.test("decompression bomb: floods of empty and of final blocks keep nobody from being served", async () => {
  await using server = await webSocketPort({ perMessageDeflate: true });
  const empty = repeated(hex("00 00 00 ff ff"), 200_000);
  const final = repeated(hex("01 00 00 ff ff"), 200_000);
  for (const payload of [empty, final]) {
    using wire = await openWebSocket(server.port, { headers: OFFER });
    const attack = wire.write(clientFrame(2, payload, { rsv: 0x40 }));
    await within("an honest client", server.visit());
    await attack;
    // Either is a message of no bytes, or one of more than a server takes in.
    const answer = await within("an answer", wire.readFrame());
    assert(answer?.opcode === 2 || answer?.opcode === 8, `opcode ${answer?.opcode}`);
  }
  await server.visit();
});

Deno.test("decompression bomb: what is no deflate stream ends its connection with 1007", async () => {
  await using server = await webSocketPort({ perMessageDeflate: true });
  for (
    const payload of [
      hex("ff ff ff ff"),
      hex("06 00 00"),
      joined(deflated(latin1("hello")), hex("ff ff ff ff")),
      hex("00 05 00 00 00 61"), // a stored block whose length does not match its complement
    ]
  ) {
    using wire = await openWebSocket(server.port, { headers: OFFER });
    await wire.write(clientFrame(1, payload, { rsv: 0x40 }));
    assertEquals(await wire.readClose(), 1007);
  }
  await server.visit();
});

// CVE-2026-42587 (Netty): a limit that held for one encoding only.
Deno.test("decompression bomb: a polling request is never inflated, whatever encoding it claims", async () => {
  await using io = await socketIoPort();
  for (const encoding of ["gzip", "deflate", "br", "zstd", "snappy", "gzip, gzip"]) {
    using wire = await Wire.connect(io.port);
    const sid = await pollingSession(wire);
    const body = gzipSync(new Uint8Array(64 * MIB));
    await wire.write(
      `POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: h\r\n` +
        `Content-Encoding: ${encoding}\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    await wire.write(new Uint8Array(body));
    assertEquals((await wire.readResponse()).status, 400);
  }
  await io.visit();
});

Deno.test("decompression bomb: a polling client takes no more than its limit out of a response", async () => {
  const body = new Uint8Array(gzipSync(new Uint8Array(64 * MIB).fill(0x34)));
  await using server = byteServer(async (wire) => {
    await wire.readHead();
    await wire.write(
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n" +
        `Content-Length: ${body.length}\r\n\r\n`,
    );
    await wire.write(body);
    await wire.readAll();
  });
  const socket = connectSocketIo(`http://127.0.0.1:${server.port}`, {
    transports: ["polling"],
    reconnection: false,
    maxHttpBufferSize: MIB,
  });
  const error = await within(
    "the end of the attempt",
    new Promise<Error>((resolve) => socket.on("connect_error", resolve)),
  );
  assertEquals((error as { code?: string }).code, "ERR_LIMIT");
  socket.disconnect();
});

/** Opens a session by polling; returns its id. */
async function pollingSession(wire: Wire): Promise<string> {
  await wire.write("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n\r\n");
  return JSON.parse((await wire.readResponse()).body.slice(1)).sid;
}

// Fragment floods. CVE-2026-48779 (ws), CVE-2026-12151 (undici).

Deno.test("fragment flood: empty and tiny fragments end early with 1008, pings between them or not", async () => {
  await using plain = await webSocketPort();
  await using deflating = await webSocketPort({ perMessageDeflate: true });
  await using io = await socketIoPort();
  await using ioDeflating = await socketIoPort({ perMessageDeflate: true });
  for (
    const [port, path, headers] of [
      [plain, "/", {}],
      [deflating, "/", OFFER],
      [io, ENGINE, {}],
      [ioDeflating, ENGINE, OFFER],
    ] as const
  ) {
    for (
      const part of [
        clientFrame(0, "", { fin: false }),
        clientFrame(0, "x", { fin: false }),
        joined(clientFrame(0, "", { fin: false }), clientFrame(9, "p")),
      ]
    ) {
      using wire = await openWebSocket(port.port, { path, headers });
      await wire.write(clientFrame(1, "4", { fin: false }));
      assertEquals(await flood(wire, repeated(part, 20_000), 5), 1008);
    }
    await port.visit();
  }
});

// Floods of control frames.

Deno.test("control flood: pings whose answers are not read take a bounded queue, and pongs are never queued twice", async () => {
  await using server = await webSocketPort();
  await using io = await socketIoPort();
  for (const [port, path] of [[server, "/"], [io, ENGINE]] as const) {
    using wire = await openWebSocket(port.port, { path });
    const pings = repeated(clientFrame(9, "x".repeat(125)), 10_000);
    const growth = await liveGrowthDuring(async () => {
      // 105 MB of pings; the answers stay where they are.
      for (let i = 0; i < 80; i++) await wire.write(pings);
    });
    // 32 MiB of it are what a process that reads much has on its heap (docs/limits.md).
    assertLess(growth, 48 * MIB);
    await port.visit();
    await wire.write(clientFrame(9, "the last"));
    let pongs = 0;
    for (;;) {
      const frame = await within("the last pong", wire.readFrame());
      assert(frame !== undefined, "the connection ended");
      if (frame.opcode !== 10) continue;
      pongs++;
      if (new TextDecoder().decode(frame.payload) === "the last") break;
    }
    assertLess(pongs, 800_000);
  }
});

Deno.test("control flood: pongs that nobody asked for are nothing", async () => {
  await using server = await webSocketPort();
  await using io = await socketIoPort();
  for (const [port, path] of [[server, "/"], [io, ENGINE]] as const) {
    using wire = await openWebSocket(port.port, { path });
    await wire.write(repeated(clientFrame(10, "x".repeat(125)), 50_000));
    await wire.write(clientFrame(9, "alive"));
    for (;;) {
      const frame = await within("the pong", wire.readFrame());
      assert(frame !== undefined, "the connection ended");
      if (frame.opcode === 10) break;
    }
    await port.visit();
  }
});

Deno.test("control flood: of many close frames one is answered, and what follows is not read", async () => {
  const messages: unknown[] = [];
  await using server = await webSocketPort({
    default: (ws) => {
      ws.on("message", (data) => {
        messages.push(data);
        ws.send(data);
      });
    },
  });
  await using io = await socketIoPort();
  for (const [port, path] of [[server, "/"], [io, ENGINE]] as const) {
    using wire = await openWebSocket(port.port, { path });
    await wire.write(repeated(
      joined(clientFrame(8, new Uint8Array([3, 232])), clientFrame(1, "4late")),
      20_000,
    ));
    let closes = 0;
    for (;;) {
      const frame = await within("the end", wire.readFrame());
      if (frame === undefined) break;
      if (frame.opcode === 8) closes++;
    }
    assertEquals([closes, messages], [1, []]);
  }
  await assertEchoes(server.port);
});

// Slow readers.

/** Receives `count` numbered messages, and checks their order. */
async function receiveInOrder(ws: WebSocketConnection, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { data } = await ws.receive({ timeout: 20_000 });
    if (!(data as string).startsWith(`${i} `)) throw new Error(`message ${i} is missing`);
  }
}

for (const slowReader of ["wait", "drop", "close"] as const) {
  Deno.test(`slow reader: with the policy "${slowReader}" a broadcast reaches all others, and the queue stays bounded`, async () => {
    await using server = await serve({ slowReader, maxSendQueueBytes: MIB, closeTimeout: 1000 });
    using _silent = await openWebSocket(server.port);
    await until(() => server.clients.size === 1);
    const [slow] = server.clients;
    const honest = await Promise.all(
      Array.from({ length: 3 }, () => connectWebSocket(urlOf(server))),
    );
    await until(() => server.clients.size === 4);
    const count = 400;
    const received = honest.map((ws) => receiveInOrder(ws, count));
    let most = 0;
    for (let i = 0; i < count; i++) {
      server.broadcast(`${i} ${"x".repeat(65_536)}`);
      most = Math.max(most, slow.bufferedAmount);
      // The others get each message while the silent one gets none.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    await within("the messages of the others", Promise.all(received));
    assertLess(most, 2 * MIB);
    if (slowReader === "drop") assert(slow.dropped > 0);
    else assertEquals((await slow.closed).error?.code, "SLOW_READER");
    await Promise.all(honest.map((ws) => ws.close()));
  });
}

for (const slowClient of ["close", "drop"] as const) {
  Deno.test(`slow reader: Socket.IO clients that do not read are bounded with the policy "${slowClient}", by WebSocket and polling`, async () => {
    await using io = await socketIoPort({
      slowClient,
      maxBufferedBytes: MIB,
      maxBufferedPackets: 1000,
      pingInterval: 600_000,
    });
    using silent = await openWebSocket(io.port, { path: ENGINE });
    await silent.write(clientFrame(1, "40"));
    using poller = await Wire.connect(io.port);
    const sid = await pollingSession(poller);
    const post = `POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: h\r\n` +
      "Content-Length: 2\r\n\r\n40";
    await poller.write(post);
    assertEquals((await poller.readResponse()).status, 200);
    await until(() => io.io.sockets.sockets.size === 2);
    const ended: string[] = [];
    for (const socket of io.io.sockets.sockets.values()) {
      socket.on("disconnect", (reason) => ended.push(reason));
    }
    const honest = connectSocketIo(`http://127.0.0.1:${io.port}`, { transports: ["websocket"] });
    await new Promise<void>((resolve) => honest.on("connect", resolve));
    const all = Promise.withResolvers<void>();
    let next = 0;
    const count = 6000;
    honest.on("news", (i: number) => {
      if (i !== next++) all.reject(new Error(`message ${next - 1} is missing`));
      if (next === count) all.resolve();
    });
    const growth = await liveGrowthDuring(async () => {
      for (let i = 0; i < count; i++) {
        io.io.emit("news", i, "x".repeat(16_384));
        if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
      }
      await within("the messages of the honest client", all.promise);
    });
    assertLess(growth, 64 * MIB);
    if (slowClient === "close") await until(() => ended.length === 2);
    else assertEquals(ended, []);
    honest.disconnect();
    await io.visit();
  });
}

// Messages without end.

Deno.test("never-ending message: a fragment now and then does not keep a message going, to servers and clients", async () => {
  await using server = await webSocketPort({ messageTimeout: 300 });
  const options = { pingInterval: 150, pingTimeout: 300, messageTimeout: 300 };
  await using io = await socketIoPort(options);
  await using ioDeflating = await socketIoPort({ ...options, perMessageDeflate: true });
  for (
    const [port, path, headers] of [
      [server, "/", {}],
      [io, ENGINE, {}],
      [ioDeflating, ENGINE, OFFER],
    ] as const
  ) {
    using wire = await openWebSocket(port.port, { path, headers });
    await wire.write(clientFrame(1, "4", { fin: false }));
    let sent = 1;
    const sending = (async () => {
      while (!wire.ended && await wire.write(clientFrame(0, "x", { fin: false }))) {
        sent++;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    const code = await within("the end", wire.readClose());
    if (port === server) assertEquals(code, 1008);
    wire.close();
    await sending;
    // It is the message's time that was up, and not the 45 s that a client has to join a namespace.
    assert(sent < 1000, `${sent} fragments`);
    await within("the end on its side", until(() => port.connections() === 0));
    await port.visit();
  }
  await using evil = byteServer(async (wire) => {
    await acceptWebSocket(wire);
    await wire.write(serverFrame(1, "x", { fin: false }));
    while (!wire.ended && await wire.write(serverFrame(0, "x", { fin: false }))) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  const ws = await connectWebSocket(urlOf(evil), { messageTimeout: 300 });
  assertEquals((await within("the end", ws.closed)).error?.closeCode, 1008);
});

Deno.test("never-ending message: a frame whose bytes drip is given up, too", async () => {
  await using server = await webSocketPort({ messageTimeout: 300 });
  for (
    const bytes of [
      clientFrame(1, "x".repeat(100_000)),
      clientFrame(9, "x".repeat(125)),
      joined(clientFrame(1, "x", { fin: false }), clientFrame(9, "x".repeat(125))),
    ]
  ) {
    using wire = await openWebSocket(server.port);
    const dripping = drip(wire, bytes, 20);
    assertEquals(await within("the end", wire.readClose()), 1008);
    wire.close();
    await dripping;
  }
  await server.visit();
});

Deno.test("never-ending message: attachments that do not come end their connection", async () => {
  await using io = await socketIoPort({
    attachmentTimeout: 300,
    closeTimeout: 200,
    pingInterval: 600_000,
  });
  using wire = await openWebSocket(io.port, { path: ENGINE });
  await wire.write(clientFrame(1, "40"));
  await wire.write(
    clientFrame(1, '452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'),
  );
  await wire.write(clientFrame(2, "one of two"));
  await within("the end", readToEnd(wire));
  await io.visit();
});

Deno.test("never-ending message: an attachment that comes slowly has the time of a message", async () => {
  await using io = await socketIoPort({
    attachmentTimeout: 50,
    closeTimeout: 200,
    pingInterval: 600_000,
  });
  using wire = await openWebSocket(io.port, { path: ENGINE });
  await wire.write(clientFrame(1, "40"));
  const attachment = clientFrame(2, "slow");
  const announcement = clientFrame(1, '451-1["echo",{"_placeholder":true,"num":0}]');
  // In one piece, so that no time passes between the two.
  await wire.write(joined(announcement, attachment.subarray(0, -1)));
  await new Promise((resolve) => setTimeout(resolve, 200));
  await wire.write(attachment.subarray(-1));
  for (;;) {
    const frame = await within("the echo", wire.readFrame());
    assert(frame !== undefined && frame.opcode !== 8, "the connection stays");
    if (frame.opcode === 2) break;
  }
  wire.close();
  await io.visit();
});

// Closes that are not answered.

Deno.test("stuck close: a peer that never answers is let go of, by servers and clients", async () => {
  {
    await using server = await webSocketPort({ closeTimeout: 200 });
    await using io = await socketIoPort({ closeTimeout: 200 });
    using wire = await openWebSocket(server.port);
    using engineWire = await openWebSocket(io.port, { path: ENGINE });
    await until(() => server.connections() === 1 && io.connections() === 1);
    await within("the end of the server", server[Symbol.asyncDispose]());
    await within("the end of Socket.IO", io[Symbol.asyncDispose]());
    assertEquals([server.connections(), io.connections()], [0, 0]);
    wire.close();
    engineWire.close();
  }
  const held = Promise.withResolvers<void>();
  await using silent = byteServer(async (wire) => {
    await acceptWebSocket(wire);
    await held.promise;
  });
  const ws = await connectWebSocket(urlOf(silent), { closeTimeout: 200 });
  await within("the end of the client", ws.close());
  assertEquals((await ws.closed).wasClean, false);
  held.resolve();
});

Deno.test("stuck close: a peer that reads nothing is let go of, whatever is queued for it", async () => {
  const handled = Promise.withResolvers<WebSocketConnection>();
  await using server = await webSocketPort({
    closeTimeout: 200,
    default: (ws) => handled.resolve(ws),
  });
  using _wire = await openWebSocket(server.port);
  const ws = await handled.promise;
  for (let i = 0; i < 100; i++) ws.send(new Uint8Array(100_000)).catch(() => {});
  await within("the end", ws.close());
  await until(() => server.connections() === 0);
});

Deno.test("stuck close: a Socket.IO client that is disconnected and stays is let go of", async () => {
  await using io = await socketIoPort({ closeTimeout: 200 });
  const connected = Promise.withResolvers<SocketIoSocket>();
  io.io.on("connection", connected.resolve);
  using wire = await openWebSocket(io.port, { path: ENGINE });
  await wire.write(clientFrame(1, "40"));
  (await connected.promise).disconnect(true);
  await within("the end", wire.readAll());
  assertEquals(io.connections(), 0);
});

// Text that is no UTF-8: the cases are those of Autobahn's chapter 6.

const BAD_TEXTS: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ["a lone continuation byte", hex("80")],
  ["a start without its continuation", hex("c3 41")],
  ["an overlong slash in two bytes", hex("c0 af")],
  ["an overlong slash in three bytes", hex("e0 80 af")],
  ["an overlong slash in four bytes", hex("f0 80 80 af")],
  ["an overlong NUL", hex("c0 80")],
  ["a high surrogate", hex("ed a0 80")],
  ["a low surrogate", hex("ed bf bf")],
  ["a pair of surrogates", hex("ed a0 80 ed b0 80")],
  ["a character above U+10FFFF", hex("f4 90 80 80")],
  ["five bytes", hex("f8 88 80 80 80")],
  ["the byte ff", hex("ff")],
  ["a character that is cut off", hex("ce ba e1 bd b9 cf 83 ce bc ce")],
];

for (const [name, bad] of BAD_TEXTS) {
  Deno.test(`invalid UTF-8: ${name} is refused with 1007, cut anywhere, in reasons, too`, async () => {
    await using server = await webSocketPort();
    await using io = await socketIoPort();
    const text = joined(latin1("4ok "), bad);
    for (const [port, path] of [[server.port, "/"], [io.port, ENGINE]] as const) {
      const attacks = [clientFrame(1, text), clientFrame(8, joined(hex("03e8"), bad))];
      for (let at = 4; at < text.length; at++) {
        attacks.push(joined(
          clientFrame(1, text.subarray(0, at), { fin: false }),
          clientFrame(9, "between"),
          clientFrame(0, text.subarray(at)),
        ));
      }
      for (const bytes of attacks) {
        using wire = await openWebSocket(port, { path });
        await wire.write(bytes);
        assertEquals(await wire.readClose(), 1007);
      }
    }
    using wire = await Wire.connect(io.port);
    const sid = await pollingSession(wire);
    await wire.write(
      `POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: h\r\n` +
        `Content-Length: ${text.length}\r\n\r\n`,
    );
    await wire.write(text);
    assertEquals((await wire.readResponse()).status, 400);
    await server.visit();
    await io.visit();
  });
}

Deno.test("invalid UTF-8: bad text from a server fails the client with 1007", async () => {
  await using server = byteServer(async (wire) => {
    await acceptWebSocket(wire, "", serverFrame(1, hex("ed a0 80")));
    await wire.readAll();
  });
  const ws = await connectWebSocket(urlOf(server));
  const { error } = await ws.closed;
  assertEquals([error?.code, error?.closeCode], ["UTF8", 1007]);
});

Deno.test("invalid UTF-8: lone surrogates leave as U+FFFD, and never as what they are", async () => {
  await using server = await webSocketPort({
    default: (ws) => {
      ws.send("a\ud800b\udc00");
      ws.close(1000, "c\ud800").catch(() => {});
    },
  });
  using wire = await openWebSocket(server.port);
  const text = await wire.readFrame();
  assertEquals(text?.payload, hex("61 ef bf bd 62 ef bf bd"));
  const close = await wire.readFrame();
  assertEquals(close?.payload, hex("03e8 63 ef bf bd"));
  await using io = await socketIoPort();
  io.io.on("connection", (socket) => socket.emit("x", "\ud800"));
  using engineWire = await openWebSocket(io.port, { path: ENGINE });
  await engineWire.write(clientFrame(1, "40"));
  for (;;) {
    const frame = await engineWire.readFrame();
    assert(frame !== undefined);
    const sent = new TextDecoder("utf-8", { fatal: true }).decode(frame.payload);
    if (!sent.startsWith("42")) continue;
    assert(sent === '42["x","\\ud800"]' || sent === '42["x","\ufffd"]', sent);
    break;
  }
});

Deno.test("invalid UTF-8: a send of what is no text and no bytes is refused before anything leaves", async () => {
  await using server = await webSocketPort();
  await using ws = await connectWebSocket(urlOf(server));
  for (const value of [5, {}, null, undefined, [1, 2], Symbol("x")]) {
    await assertRejects(async () => await ws.send(value as never), TypeError);
  }
  await ws.send("still there");
  assertEquals((await ws.receive()).data, "still there");
});
