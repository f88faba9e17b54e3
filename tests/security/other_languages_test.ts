// What has gone wrong in libraries of other languages (Python, Go, Java, Rust, C++, Ruby, Perl and others), tried against ours.
import { assert, assertEquals, assertLess, assertMatch, assertRejects } from "@std/assert";
import { cpuUsage } from "node:process";
import {
  acceptance,
  acceptWebSocket,
  askForWebSocket,
  byteServer,
  clientFrame,
  flood,
  latin1,
  longFrame,
  openWebSocket,
  serverFrame,
  Wire,
} from "../_support/attack.ts";
import { hex } from "../_support/hex.ts";
import { delay, drip, readToEnd, socketIoPort, webSocketPort, within } from "../_support/ports.ts";
import { joined } from "../_support/websocket_rig.ts";
import { serve, until, upgradeRequest, urlOf } from "../_support/websocket_server.ts";
import { timingSafeEqual } from "../../buffer/timing_safe_equal.ts";
import { createServer } from "../../net/create_server.ts";
import { dial } from "../../net/dial.ts";
import { NetError } from "../../net/errors.ts";
import { lengthPrefixFramer } from "../../net/length_prefix_framer.ts";
import { MessageSocket } from "../../net/message_socket.ts";
import { pair } from "../../net/pair.ts";
import type { DropInfo } from "../../net/server_options.ts";
import { createSocks5Server } from "../../net/socks5_server.ts";
import type { Transport } from "../../net/transport.ts";
import { writeAll } from "../../net/write_all.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";
import { WebSocketHandshakeError } from "../../websocket/errors.ts";

const MIB = 1_048_576;
const ENGINE = "/socket.io/?EIO=4&transport=websocket";
const DEFLATE = { "Sec-WebSocket-Extensions": "permessage-deflate" };

// Python websockets. The bomb of CVE-2018-1000518 (and tornado#2391) is in classes_messages_test.ts.

// CVE-2021-33880 (python websockets): a password compared in a time that depends on it.
Deno.test("variable time: a password may be checked in a time that tells nothing of it", async () => {
  await using server = createSocks5Server({
    authenticate: ({ username, password }) =>
      username === "user" && timingSafeEqual(password, "secret"),
  });
  const { port } = server.listen();
  for (
    const [password, answer] of [["secret", "0100"], ["secreu", "0101"], ["s", "0101"], [
      "",
      "0101",
    ]]
  ) {
    using wire = await Wire.connect(port);
    const login = joined(
      hex("05 01 02 01 04"),
      latin1("user"),
      new Uint8Array([password.length]),
      latin1(password),
    );
    await wire.write(login);
    assertEquals((await wire.read(4)).toHex(), `0502${answer}`, password);
  }
});

// websockets 16.1 (Python): bad compressed fragments were accepted.
Deno.test("compressed fragments: the bit of compression on a continuation or a control frame is refused with 1002", async () => {
  await using plain = await webSocketPort();
  await using deflating = await webSocketPort({ perMessageDeflate: true });
  await using io = await socketIoPort({ perMessageDeflate: true });
  const begun = clientFrame(2, hex("f348cdc9c907"), { fin: false, rsv: 0x40 });
  for (
    const [port, path, headers, bytes] of [
      [deflating, "/", DEFLATE, joined(begun, clientFrame(0, hex("00"), { rsv: 0x40 }))],
      [deflating, "/", DEFLATE, joined(begun, clientFrame(9, "", { rsv: 0x40 }))],
      [deflating, "/", DEFLATE, clientFrame(8, "", { rsv: 0x40 })],
      [deflating, "/", DEFLATE, clientFrame(1, "x", { rsv: 0x20 })],
      [deflating, "/", DEFLATE, clientFrame(1, "x", { rsv: 0x10 })],
      [deflating, "/", {}, clientFrame(1, "x", { rsv: 0x40 })],
      [plain, "/", DEFLATE, clientFrame(1, "x", { rsv: 0x40 })],
      [io, ENGINE, DEFLATE, joined(begun, clientFrame(0, hex("00"), { rsv: 0x40 }))],
      [io, ENGINE, {}, clientFrame(1, "4x", { rsv: 0x40 })],
    ] as const
  ) {
    using wire = await openWebSocket(port.port, { path, headers });
    await wire.write(bytes);
    assertEquals(await wire.readClose(), 1002);
  }
  await using evil = byteServer(async (wire) => {
    await acceptWebSocket(wire, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    await wire.write(serverFrame(2, hex("f348cdc9c907"), { fin: false, rsv: 0x40 }));
    await wire.write(serverFrame(0, hex("00"), { rsv: 0x40 }));
    await wire.readAll();
  });
  const ws = await connectWebSocket(urlOf(evil), { perMessageDeflate: true });
  assertEquals((await ws.closed).error?.closeCode, 1002);
});

// Gorilla and Tomcat: lengths.

// CVE-2020-27813 (gorilla/websocket): lengths of fragments whose sum overflows.
Deno.test("length overflow: fragments whose lengths add up beyond 2^53 are refused, whatever the limit", async () => {
  await using server = await webSocketPort({ maxMessageSize: Number.MAX_SAFE_INTEGER });
  await using small = await webSocketPort();
  await using io = await socketIoPort();
  const begun = clientFrame(2, "x".repeat(100), { fin: false });
  const next = (length: bigint) => longFrame(length, { opcode: 0 });
  for (
    const [port, path, bytes] of [
      [server, "/", joined(begun, next(2n ** 53n - 1n))],
      [server, "/", joined(begun, next(2n ** 53n - 50n))],
      [small, "/", joined(begun, next(BigInt(MIB - 99)))],
      [small, "/", joined(begun, next(2n ** 32n - 100n))],
      [io, ENGINE, joined(begun, next(2n ** 53n - 50n))],
      [io, ENGINE, joined(begun, next(2n ** 32n - 100n))],
    ] as const
  ) {
    using wire = await openWebSocket(port.port, { path });
    await wire.write(bytes);
    const code = await wire.readClose();
    assert(code === 1009 || code === 1002, `code ${code}`);
  }
  for (const port of [small, io]) await port.visit();
});

// CVE-2020-13935 (Tomcat): a length with the top bit set made it loop for ever.
Deno.test("endless loop: lengths that can't be make no server work on after it has refused them", async () => {
  await using server = await webSocketPort();
  await using io = await socketIoPort();
  const wires: Wire[] = [];
  for (const [port, path] of [[server, "/"], [io, ENGINE]] as const) {
    for (const length of [2n ** 63n, 2n ** 64n - 1n, 2n ** 63n + 5n, 2n ** 53n, 2n ** 62n]) {
      const wire = await openWebSocket(port.port, { path });
      await wire.write(longFrame(length));
      const code = await within("a close frame", wire.readClose());
      assert(code === 1009 || code === 1002, `code ${code}`);
      wires.push(wire);
    }
  }
  // The connections are still there, for a moment; nobody does anything.
  const before = cpuUsage();
  await delay(300);
  const { user, system } = cpuUsage(before);
  assertLess(user + system, 200_000);
  for (const wire of wires) wire.close();
  await server.visit();
  await io.visit();
});

// Tungstenite (Rust) and uWebSockets (C++): handshakes and frames in pieces, and topics.

/** A listener with one connection, which then is closed. */
function listenerOf(transport: Transport) {
  const closed = Promise.withResolvers<Transport>();
  closed.promise.catch(() => {});
  let first: Transport | undefined = transport;
  return {
    addr: { transport: "memory" as const },
    accept: () => {
      const next = first;
      first = undefined;
      return next === undefined ? closed.promise : Promise.resolve(next);
    },
    close: () => closed.reject(new Deno.errors.BadResource("closed")),
  };
}

// CVE-2023-43669 (tungstenite): a huge head was searched anew with each piece of it.
Deno.test("quadratic head: a head of 300 KB in pieces of one byte is read in good time, by both sides", async () => {
  const head = { maxHeadSize: MIB, maxLineSize: MIB };
  const huge = "a".repeat(300_000);
  {
    const [client, end] = pair({ split: 1 });
    await using server = await serve({ listener: listenerOf(end), head });
    const writing = writeAll(client, latin1(upgradeRequest({ "X-A": huge }))).catch(() => {});
    const buffer = new Uint8Array(12);
    await within("an answer", client.read(buffer));
    await writing;
    assertEquals(server.clients.size, 1);
    client.close();
  }
  const [client, end] = pair({ split: 1 });
  const connecting = connectWebSocket("ws://a.example/", {
    transport: client,
    head,
    handshakeTimeout: 60_000,
  });
  const wire = new Wire(end as unknown as Deno.Conn);
  const answer = await acceptance(await wire.readHead(), `X-A: ${huge}\r\n`);
  const writing = wire.write(answer);
  const ws = await connecting;
  await writing;
  assertEquals(ws.headers.get("x-a"), huge);
  ws.terminate();
  wire.close();
});

Deno.test("quadratic head: a head of 10 MB is cut off at the limit, byte by byte or not, by both sides", async () => {
  await using server = await webSocketPort();
  await using io = await socketIoPort();
  for (const port of [server, io]) {
    using wire = await Wire.connect(port.port);
    const start = latin1("GET / HTTP/1.1\r\nHost: h\r\nX-A: ");
    await wire.write(joined(start, new Uint8Array(8000).fill(0x61)));
    const dripping = drip(wire, new Uint8Array(200).fill(0x61), 0);
    // Who still writes when the connection ends may lose the answer.
    const answer = await within("the end", readToEnd(wire));
    assert(answer === "" || answer.startsWith("HTTP/1.1 431 "), answer);
    await dripping;
    using flooding = await Wire.connect(port.port);
    await flooding.write(start);
    const writing = (async () => {
      const part = new Uint8Array(100_000).fill(0x61);
      for (let i = 0; i < 100 && await flooding.write(part); i++);
    })();
    await within("the end", flooding.readAll());
    flooding.close();
    await writing;
    await port.visit();
  }
});

// CVE-2020-36406 (uWebSockets): topics that were left while messages for them were on their way.
Deno.test("topics: who leaves all of thousands while messages for them are on their way harms nobody", async () => {
  const staying = Promise.withResolvers<WebSocketConnection>();
  await using server = await serve({
    default: (ws) => {
      if (ws.url.endsWith("/stays")) {
        ws.subscribe("t0");
        return staying.resolve(ws);
      }
      for (let i = 0; i < 2000; i++) ws.subscribe(`t${i}`);
      ws.on("message", () => {
        for (let i = 0; i < 2000; i++) {
          server.publish(`t${i}`, `${i}`);
          ws.unsubscribe(`t${i}`);
          server.publish(`t${i}`, "late");
        }
        ws.terminate();
      });
    },
  });
  const stays = await connectWebSocket(urlOf(server, "/stays"));
  await staying.promise;
  for (let round = 0; round < 5; round++) {
    const leaves = await connectWebSocket(urlOf(server));
    await leaves.send("leave");
    await leaves.closed;
    for (const expected of ["0", "late"]) {
      assertEquals((await stays.receive({ timeout: 10_000 })).data, expected);
    }
  }
  await until(() => server.clients.size === 1);
  assertEquals([server.subscribers("t0"), server.subscribers("t1999")], [1, 0]);
  await stays.close();
});

Deno.test("cut frames: a conversation is answered with the same frames wherever it is cut", async () => {
  const conversation = joined(
    latin1(upgradeRequest()),
    clientFrame(9, "ping"),
    clientFrame(1, "hé", { fin: false }),
    clientFrame(9, ""),
    clientFrame(0, "llö"),
    clientFrame(2, new Uint8Array(130).fill(7)),
    clientFrame(1, ""),
    clientFrame(2, "", { fin: false }),
    clientFrame(0, "x"),
  );
  /** Messages and pongs: which of them comes first depends on when the other was there. */
  const answerTo = async (write: (client: Transport) => Promise<void>): Promise<string[][]> => {
    const [client, end] = pair();
    await using server = await serve({ listener: listenerOf(end) });
    const wire = new Wire(client as unknown as Deno.Conn);
    await write(client);
    assertMatch(await wire.readHead(), / 101 /);
    const answers: string[][] = [[], []];
    for (let i = 0; i < 6; i++) {
      const frame = await within("an answer", wire.readFrame());
      assert(frame !== undefined);
      answers[frame.opcode === 10 ? 1 : 0].push(`${frame.opcode} ${frame.payload.toHex()}`);
    }
    client.close();
    await until(() => server.clients.size === 0);
    return answers;
  };
  const expected = await answerTo((client) => writeAll(client, conversation).catch(() => {}));
  assertEquals(expected, [
    ["1 68c3a96c6cc3b6", `2 ${"07".repeat(130)}`, "1 ", "2 78"],
    ["10 70696e67", "10 "],
  ]);
  for (let at = 1; at < conversation.length; at++) {
    const answer = await answerTo(async (client) => {
      await writeAll(client, conversation.subarray(0, at)).catch(() => {});
      // The server has read that when the next one is written.
      await delay(0);
      await writeAll(client, conversation.subarray(at)).catch(() => {});
    });
    assertEquals(answer, expected, `cut at ${at}`);
  }
});

Deno.test("cut frames: a conversation in pieces of any size is answered with the same bytes, over a socket", async () => {
  await using server = await webSocketPort();
  const conversation = joined(
    clientFrame(1, "hello"),
    clientFrame(9, "ping"),
    clientFrame(2, new Uint8Array(70_000).fill(7)),
    clientFrame(8, hex("03e8")),
  );
  let expected: string | undefined;
  for (const size of [1_000_000, 1000, 127, 8192, 1001]) {
    using wire = await openWebSocket(server.port);
    const reading = wire.readAll();
    for (let at = 0; at < conversation.length; at += size) {
      await wire.write(conversation.subarray(at, at + size));
    }
    const answer = (await reading).toHex();
    assertEquals(answer, expected ??= answer, `pieces of ${size}`);
  }
});

// CVE-2018-21035 (Qt): messages of 2 GB were taken in, and nobody could set less.
Deno.test("safe defaults: without any option no message above 1 MiB is taken in, by servers, clients and framings", async () => {
  await using server = await webSocketPort();
  await using io = await socketIoPort();
  for (
    const [port, path, most] of [[server, "/", MIB], [io, ENGINE, 1_000_000]] as const
  ) {
    using wire = await openWebSocket(port.port, { path });
    await wire.write(longFrame(BigInt(most + 1)));
    assertEquals(await wire.readClose(), 1009);
    using good = await openWebSocket(port.port, { path });
    const message = joined(clientFrame(1, "4".repeat(most)), clientFrame(8, hex("03e8")));
    assertEquals(await flood(good, message), 1000);
  }
  await using evil = byteServer(async (wire) => {
    await acceptWebSocket(wire);
    await wire.write(longFrame(BigInt(MIB + 1), { masked: false }));
    await wire.readAll();
  });
  const ws = await connectWebSocket(urlOf(evil));
  assertEquals((await ws.closed).error?.closeCode, 1009);
  await using sender = byteServer(async (wire) => {
    await wire.write(hex("00100001"));
    await wire.readAll();
  });
  const transport = await dial({ hostname: "127.0.0.1", port: sender.port });
  await using socket = new MessageSocket(transport, lengthPrefixFramer());
  await assertRejects(() => socket.read({ timeout: 10_000 }), NetError, "1048576");
});

// Ruby and Node: websocket-extensions.

// CVE-2020-7662, CVE-2020-7663 (websocket-extensions): an open quote and many backslashes.
Deno.test("ReDoS: an open quote with 64,000 backslashes in the extensions is refused at once, by both sides", async () => {
  const head = { maxHeadSize: MIB, maxLineSize: MIB };
  const bad = `a; b="${"\\".repeat(64_000)}`;
  for (const value of [bad, `a; b="${'\\"'.repeat(32_000)}`, `a; b=${"\\".repeat(64_000)}"`]) {
    await using server = await webSocketPort({ head, perMessageDeflate: true });
    const { wire, status } = await within(
      "a refusal",
      askForWebSocket(server.port, { headers: { "Sec-WebSocket-Extensions": value } }),
    );
    assertEquals(status, 400);
    wire.close();
    await server.visit();
    await using evil = byteServer(async (wire) => {
      await acceptWebSocket(wire, `Sec-WebSocket-Extensions: ${value}\r\n`);
      await wire.readAll();
    });
    const error = await assertRejects(
      () => connectWebSocket(urlOf(evil), { head, perMessageDeflate: true }),
      WebSocketHandshakeError,
    );
    assertEquals(error.code, "HANDSHAKE_EXTENSION");
    assertLess(error.message.length, 1000);
  }
});

// GHSA-c4j6-fc7j-m34r (Next.js): an upgrade whose target named another host was passed on to that.

Deno.test("SSRF by request: the URL of a request has the host of its Host header, whatever its target says", async () => {
  const seen: string[] = [];
  const handler = (request: Request) => {
    seen.push(request.url);
    return new Response("page");
  };
  await using server = await webSocketPort({ handler });
  await using io = await socketIoPort({}, { handler });
  for (const { port } of [server, io]) {
    const host = `127.0.0.1:${port}`;
    for (
      const [target, named, expected] of [
        ["/page?q=1", host, `http://${host}/page?q=1`],
        ["//evil.example/page", host, `http://${host}//evil.example/page`],
        ["///evil.example", host, `http://${host}///evil.example`],
        ["/\\evil.example/", host, `http://${host}//evil.example/`],
        [`http://${host}/page`, host, `http://${host}/page`],
        ["http://evil.example/", host, undefined],
        ["https://evil.example/", host, undefined],
        [`http://${host}@evil.example/`, host, undefined],
        [`http://evil.example/http://${host}/`, host, undefined],
        ["http:/evil.example/", host, undefined],
        ["evil.example", host, undefined],
        ["@evil.example/", host, undefined],
        ["/", "a@evil.example", undefined],
        ["/", "evil.example/page?", undefined],
        ["/", "evil.example#", undefined],
        ["/", "evil.example:80:80", undefined],
        ["/", "evil example", undefined],
      ] as const
    ) {
      seen.length = 0;
      using wire = await Wire.connect(port);
      await wire.write(`GET ${target} HTTP/1.1\r\nHost: ${named}\r\nConnection: close\r\n\r\n`);
      const answer = await within(`an answer for ${target}`, readToEnd(wire));
      assertEquals(seen, expected === undefined ? [] : [expected], `${target} at ${named}`);
      assertMatch(answer, expected === undefined ? /^HTTP\/1\.1 4\d\d / : /^HTTP\/1\.1 200 /);
    }
  }
});

Deno.test("SSRF by request: an upgrade whose target or host is odd is refused, and has the host that it names", async () => {
  const seen: string[] = [];
  await using server = await webSocketPort({
    default: (ws) => {
      seen.push(`${ws.url} ${ws.request!.url}`);
    },
  });
  const host = `127.0.0.1:${server.port}`;
  for (
    const [target, named, expected] of [
      ["//evil.example/", host, `ws://${host}//evil.example/ http://${host}//evil.example/`],
      [`http://${host}/a`, host, `ws://${host}/a http://${host}/a`],
      ["http://evil.example/", host, undefined],
      ["http://evil.example:80@127.0.0.1/", host, undefined],
      ["ws://evil.example/", host, undefined],
      ["evil.example:80", host, undefined],
      ["*", host, undefined],
      ["/", "evil.example/a", undefined],
      ["/", "a@evil.example", undefined],
      ["/", "", undefined],
    ] as const
  ) {
    seen.length = 0;
    using wire = await Wire.connect(server.port);
    await wire.write(upgradeRequest({ Host: named }, `GET ${target} HTTP/1.1`));
    assertMatch(await wire.readHead(), expected === undefined ? /^HTTP\/1\.1 400 / : / 101 /);
    assertEquals(seen, expected === undefined ? [] : [expected]);
  }
});

// Go: the PROXY protocol. CVE-2021-23351, CVE-2021-23409, CVE-2019-14243.

const PROXY_HEADERS: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ["a version 1 header without end", latin1(`PROXY TCP4 ${"1".repeat(100_000)}`)],
  ["a version 1 header that is cut off", latin1("PROXY TCP4 192.0.2.1 ")],
  ["a version 1 header with bad ports", latin1("PROXY TCP4 192.0.2.1 192.0.2.2 99999 1\r\n")],
  ["a version 1 header with bad addresses", latin1("PROXY TCP4 192.0.2 192.0.2.2 1 1\r\n")],
  ["a version 1 header with a line feed alone", latin1("PROXY TCP4 192.0.2.1 192.0.2.2 1 1\n")],
  [
    "a version 2 header that is cut off",
    joined(latin1("\r\n\r\n\0\r\nQUIT\n"), hex("21 11 00 0c c0000201")),
  ],
  [
    "a version 2 header too short for its family",
    joined(latin1("\r\n\r\n\0\r\nQUIT\n"), hex("21 11 00 04 c0000201")),
  ],
  [
    "a version 2 header of 65,535 bytes",
    joined(latin1("\r\n\r\n\0\r\nQUIT\n"), hex("21 11 ff ff"), new Uint8Array(65_535)),
  ],
  [
    "a version 3 header",
    joined(latin1("\r\n\r\n\0\r\nQUIT\n"), hex("31 11 00 0c"), new Uint8Array(12)),
  ],
  [
    "a version 2 header with a TLV that is cut off",
    joined(
      latin1("\r\n\r\n\0\r\nQUIT\n"),
      hex("21 11 00 10 c0000201 c0000202 0001 0002 02 00ff 61"),
    ),
  ],
  ["no header", latin1("GET / HTTP/1.1\r\nHost: h\r\n\r\n")],
];

for (const [name, bytes] of PROXY_HEADERS) {
  Deno.test(`PROXY protocol: ${name} drops the connection, and nobody is announced`, async () => {
    const announced: unknown[] = [];
    const dropped: DropInfo[] = [];
    await using server = createServer(
      { proxyProtocol: { trusted: ["127.0.0.1"], timeout: 300 } },
      (socket) => {
        announced.push(socket);
        socket.destroy();
      },
    );
    server.on("drop", (info) => dropped.push(info));
    await server.listen(0, "127.0.0.1");
    using wire = await Wire.connect(server.port);
    await wire.write(bytes);
    await within("the end", wire.readAll());
    await until(() => dropped.length === 1);
    assertEquals([announced.length, dropped[0].reason], [0, "proxyProtocol"]);
  });
}

Deno.test("PROXY protocol: a header of an untrusted peer is refused, and its addresses are believed by nobody", async () => {
  for (const trusted of [["192.0.2.1"], ["10.0.0.0/8", "unix"], [], () => false] as const) {
    let announced = 0;
    await using server = createServer(
      { proxyProtocol: { trusted: trusted as readonly string[] } },
      () => announced++,
    );
    await server.listen(0, "127.0.0.1");
    using wire = await Wire.connect(server.port);
    await wire.write("PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\nhello");
    await within("the end", wire.readAll());
    assertEquals(announced, 0);
  }
});

Deno.test("PROXY protocol: a header drips to its deadline and no longer, and the bytes behind a good one are the stream", async () => {
  await using server = createServer(
    { proxyProtocol: { trusted: ["127.0.0.1"], timeout: 500 } },
    (socket) => socket.pipe(socket),
  );
  await server.listen(0, "127.0.0.1");
  using slow = await Wire.connect(server.port);
  const dripping = drip(slow, new Uint8Array(4000).fill(0x50), 20);
  using good = await Wire.connect(server.port);
  await good.write("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nPROXY is data here\n");
  assertEquals(await good.read(19), latin1("PROXY is data here\n"));
  await within("the end of the slow one", slow.readAll());
  slow.close();
  await dripping;
  const [socket] = server.connections;
  assertEquals(socket.remoteAddress, "192.0.2.1");
});

// Tomcat again: CVE-2021-42340, closed sockets in the metrics. The books of all servers: classes_lifetime_test.ts.
Deno.test("forgotten metrics: counts of connections go back to none, and what they were adds up", async () => {
  await using server = createServer({}, (socket) => {
    socket.on("error", () => {});
    socket.end("bye");
  });
  await server.listen(0, "127.0.0.1");
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 100 }, async () => {
      using wire = await Wire.connect(server.port);
      await wire.readAll();
    }));
  }
  await until(() => server.connections.size === 0);
  const { open, accepted, bytesWritten } = server.metrics();
  assertEquals([open, accepted, bytesWritten], [0, 1000, 3000]);
});
