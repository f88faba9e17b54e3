// Known classes of attacks on what comes before the first message: heads, handshakes, origins, foreign protocols.
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  acceptance,
  acceptWebSocket,
  byteServer,
  clientFrame,
  latin1,
  openWebSocket,
  serverFrame,
  Wire,
} from "../_support/attack.ts";
import {
  delay,
  drip,
  type Port,
  PORTS,
  readToEnd,
  socketIoPort,
  socks5Port,
  visited,
  webSocketPort,
  within,
} from "../_support/ports.ts";
import { shortTimers } from "../_support/short_timers.ts";
import { joined } from "../_support/websocket_rig.ts";
import { ACCEPT, KEY, upgradeRequest, urlOf } from "../_support/websocket_server.ts";
import { acceptValue } from "../_support/raw_peer.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { WebSocketHandshakeError } from "../../websocket/errors.ts";
import { type DecodedFrame, decodeFrame } from "../../websocket/frame.ts";

/** How long a client may take to say who it is in these tests, in ms. */
const DEADLINE = 1000;

/** What a client sends so slowly that it would take minutes. */
const SLOW_WORDS: Readonly<Record<string, Uint8Array>> = {
  "WebSocket server": latin1(upgradeRequest({ "X-A": "a".repeat(4000) })),
  "WebSocket server with HTTP": latin1(upgradeRequest({ "X-A": "a".repeat(4000) })),
  // The hello of a client that has much to say: a record of 4 KB.
  "WebSocket server over TLS": joined(
    latin1("\x16\x03\x01\x10\x00\x01\x00\x0f\xfc\x03\x03"),
    new Uint8Array(4000),
  ),
  "Socket.IO server": latin1(
    upgradeRequest(
      { "X-A": "a".repeat(4000) },
      "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
    ),
  ),
  "Socket.IO server over TLS": joined(
    latin1("\x16\x03\x01\x10\x00\x01\x00\x0f\xfc\x03\x03"),
    new Uint8Array(4000),
  ),
  // 255 methods, then a login that is never complete.
  "SOCKS5 server": joined(latin1("\x05\xff"), new Uint8Array(4000)),
  "TLS server": joined(
    latin1("\x16\x03\x01\x10\x00\x01\x00\x0f\xfc\x03\x03"),
    new Uint8Array(4000),
  ),
  // Version 2 with a length of 4000.
  "server behind the PROXY protocol": joined(
    latin1("\r\n\r\n\0\r\nQUIT\n\x21\x11\x0f\xa0"),
    new Uint8Array(4000),
  ),
};

// CVE-2018-12122 (Node): the deadline counts from connecting, not from the last byte.
for (const [name, open] of PORTS) {
  Deno.test(`slowloris: ${name} ends all who drip at its deadline, and serves others meanwhile`, async () => {
    await using port = await open({ timeout: DEADLINE });
    await visited(port);
    const wires = await Promise.all(Array.from({ length: 500 }, () => Wire.connect(port.port)));
    const words = SLOW_WORDS[name];
    let over = 0;
    const ends = wires.map(async (wire) => {
      const dripping = drip(wire, words, 150);
      await wire.readAll();
      over++;
      wire.close();
      await dripping;
    });
    await visited(port);
    await within("the end of the slow ones", Promise.all(ends));
    assertEquals(over, wires.length);
    await visited(port);
  });
}

Deno.test("slowloris: clients that send nothing at all are ended by every server", async () => {
  await Promise.all(PORTS.map(async ([name, open]) => {
    await using port = await open({ timeout: DEADLINE });
    using wire = await Wire.connect(port.port);
    await within(`the end of who is silent to a ${name}`, wire.readAll());
    await visited(port);
  }));
});

Deno.test("slowloris: a second request that drips is ended by servers that speak HTTP, too", async () => {
  const handler = () => new Response("page");
  const ports: [Port, string][] = [
    [await webSocketPort({ handler, handshakeTimeout: DEADLINE }), "/"],
    [await socketIoPort({}, { headTimeout: DEADLINE }), "/nothing"],
  ];
  await Promise.all(ports.map(async ([port, path]) => {
    await using _port = port;
    using wire = await Wire.connect(port.port);
    await wire.write(`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
    await wire.readResponse();
    // Less than once a second would do against a time that counts from the last byte.
    const dripping = drip(wire, latin1(`GET ${path} HTTP/1.1\r\nX: ${"x".repeat(9999)}`), 100);
    await within("the end of the slow one", wire.readAll(), 100_000);
    wire.close();
    await dripping;
    await visited(port);
  }));
});

Deno.test("slowloris: a polling request whose body drips ends with its session", async () => {
  using _time = shortTimers(5000, 500);
  await using port = await socketIoPort({ pingInterval: 200, pingTimeout: DEADLINE });
  using wire = await Wire.connect(port.port);
  await wire.write("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n\r\n");
  const { sid } = JSON.parse(/\{.*\}/.exec((await wire.readResponse()).body)![0]);
  await wire.write(
    `POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: h\r\n` +
      "Content-Type: text/plain\r\nContent-Length: 100000\r\n\r\n4",
  );
  const dripping = drip(wire, new Uint8Array(100_000).fill(120), 25);
  await within("the end of the slow one", wire.readAll());
  wire.close();
  await dripping;
  assertEquals(port.connections(), 0);
  await visited(port);
});

// Header flood.

const FLOODS: readonly (readonly [name: string, lines: string, statuses: string])[] = [
  ["129 lines", Array.from({ length: 129 }, (_, i) => `X-${i}: 1\r\n`).join(""), "431"],
  ["10,000 lines", "X-A: 1\r\n".repeat(10_000), "431"],
  ["a line of 1 MB", `X-A: ${"a".repeat(1_000_000)}\r\n`, "431"],
  ["a folded line", "X-A: 1\r\n 2\r\n", "400"],
  ["bare line feeds", "X-A: 1\nX-B: 2\r\n", "400"],
  ["a bare carriage return", "X-A: 1\r2\r\n", "400"],
  ["a name with a space behind it", "X-A : 1\r\n", "400"],
  ["a line without a colon", "X-A\r\n", "400"],
  ["a NUL", "X-A: \0\r\n", "400"],
  ["two Host headers", "Host: other.example\r\n", "400"],
  ["two keys", `Sec-WebSocket-Key: ${KEY}\r\n`, "400"],
  ["two versions", "Sec-WebSocket-Version: 13\r\n", "400"],
  ["two origins", "Origin: http://127.0.0.1\r\nOrigin: http://127.0.0.1\r\n", "400|403"],
  ["two lengths", "Content-Length: 0\r\nContent-Length: 1\r\n", "400"],
  ["a body of two kinds", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "400"],
];

for (const [name, lines, status] of FLOODS) {
  Deno.test(`header flood: ${name} is refused by every server that reads heads`, async () => {
    const targets = ["/", "/", "/socket.io/?EIO=4&transport=websocket"];
    const ports = [
      await webSocketPort(),
      await webSocketPort({ handler: () => new Response("page") }),
      await socketIoPort(),
    ];
    for (const [i, port] of ports.entries()) {
      await using _port = port;
      using wire = await Wire.connect(port.port);
      const request = upgradeRequest({}, `GET ${targets[i]} HTTP/1.1`);
      const sent = wire.write(request.slice(0, -2) + lines + "\r\n");
      const answer = await readToEnd(wire);
      await sent;
      // Who still writes when the connection ends may lose the answer, and is not let in all the same.
      if (answer !== "") assertMatch(answer, new RegExp(`^HTTP/1.1 (${status}) `));
      else assert(lines.length > 10_000, "there was no answer");
      assertEquals(port.connections(), 0);
      await port.visit();
    }
  });
}

Deno.test("header flood: a response without end is given up by the client, in pieces of any size", async () => {
  for (
    const flood of [
      `X-A: ${"a".repeat(10_000)}`,
      `${"a".repeat(10_000)}`,
      "X-A: 1\r\n".repeat(2000),
    ]
  ) {
    await using server = byteServer(async (wire) => {
      await wire.readHead();
      await wire.write("HTTP/1.1 101 Switching Protocols\r\n");
      while (await wire.write(flood));
    });
    const error = await assertRejects(
      () => connectWebSocket(urlOf(server), { handshakeTimeout: 60_000 }),
      WebSocketHandshakeError,
    );
    assertEquals(error.code, "HANDSHAKE_TOO_LARGE");
  }
});

// Cross-site WebSocket hijacking. CVE-2018-14732 (webpack-dev-server), GHSA-p773-8mf4-rjm5 (farm).

const HOST = "good.example:8080";
const ORIGINS: readonly (readonly [origin: string | undefined, allowed: boolean])[] = [
  ["http://good.example:8080", true],
  ["https://good.example:8080", true], // a proxy may have ended TLS
  ["HTTP://GOOD.example:8080", true],
  [undefined, true], // no browser
  ["http://evil.example", false],
  ["null", false],
  ["", false],
  ["http://good.example", false], // another port
  ["http://good.example:8081", false],
  ["http://good.example:8080.evil.example", false],
  ["http://good.example.evil.example:8080", false],
  ["http://evilgood.example:8080", false],
  ["http://good.example:8080@evil.example", false],
  ["http://evil.example/good.example:8080", false],
  ["http://evil.example#good.example:8080", false],
  ["http://good.example:8080/", false], // an origin has no path
  ["file://", false],
  ["ws://good.example:8080", false],
  ["chrome-extension://good.example:8080", false],
  ["http://good.example:8080, http://evil.example", false],
];

for (const [origin, allowed] of ORIGINS) {
  const verb = allowed ? "let in" : "refused";
  Deno.test(`cross-site hijacking: origin ${origin} is ${verb} with its cookies, by WebSocket and Socket.IO`, async () => {
    const headers = { Host: HOST, Origin: origin, Cookie: "session=1" };
    await using plain = await webSocketPort();
    await using io = await socketIoPort();
    for (
      const [port, target] of [
        [plain.port, "/"],
        [io.port, "/socket.io/?EIO=4&transport=websocket"],
      ] as const
    ) {
      using wire = await Wire.connect(port);
      await wire.write(upgradeRequest(headers, `GET ${target} HTTP/1.1`));
      const head = await wire.readHead();
      assertStringIncludes(head, allowed ? "HTTP/1.1 101 " : "HTTP/1.1 403 ");
    }
  });
}

Deno.test("cross-site hijacking: a list of origins lets nobody else in, the own host neither", async () => {
  await using port = await webSocketPort({ origin: ["https://app.example"] });
  for (
    const [origin, status] of [
      ["https://app.example", 101],
      ["https://app.example.evil.example", 403],
      ["https://app.example:444", 403],
      ["http://app.example", 403],
      [`http://${HOST}`, 403],
      ["null", 403],
    ] as const
  ) {
    using wire = await Wire.connect(port.port);
    await wire.write(upgradeRequest({ Host: HOST, Origin: origin }));
    assertStringIncludes(await wire.readHead(), `HTTP/1.1 ${status} `);
  }
});

Deno.test("cross-site hijacking: polling gives foreign pages no answer that they could read", async () => {
  await using closed = await socketIoPort();
  await using open = await socketIoPort({
    cors: { origin: "https://app.example", credentials: true },
  });
  for (
    const [{ port }, origin, allowed] of [
      [closed, "https://evil.example", false],
      [open, "https://evil.example", false],
      [open, "https://app.example.evil.example", false],
      [open, "null", false],
      [open, "https://app.example", true],
    ] as const
  ) {
    const response = await fetch(`http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`, {
      headers: { origin, cookie: "session=1" },
    });
    await response.body?.cancel();
    const header = response.headers.get("access-control-allow-origin");
    assertEquals(header, allowed ? "https://app.example" : null);
  }
});

// Forged accept, protocol and extension.

const FORGED: readonly (readonly [name: string, lines: string | ((accept: string) => string)])[] = [
  ["no accept value", ""],
  ["the accept value of another key", `Sec-WebSocket-Accept: ${ACCEPT}\r\n`],
  [
    "two accept values",
    (accept) => `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Accept: ${accept}\r\n`,
  ],
  [
    "a subprotocol that was not offered",
    (accept) => `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: evil\r\n`,
  ],
  [
    "a list of subprotocols",
    (accept) => `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: chat, log\r\n`,
  ],
  [
    "an extension that was not offered",
    (accept) =>
      `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n`,
  ],
];

for (const [name, lines] of FORGED) {
  Deno.test(`forged handshake: an answer with ${name} fails the client`, async () => {
    const left = Promise.withResolvers<number>();
    await using server = byteServer(async (wire) => {
      const accept = await acceptValue(await wire.readHead());
      await wire.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          `${typeof lines === "string" ? lines : lines(accept)}\r\n`,
      );
      left.resolve((await wire.readAll()).length);
    });
    await assertRejects(
      () => connectWebSocket(urlOf(server), { protocols: ["chat", "log"] }),
      WebSocketHandshakeError,
    );
    // The client left without a word.
    assertEquals(await left.promise, 0);
  });
}

// Cross-protocol.

const GREETINGS: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  [
    "an HTTP form",
    latin1(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 66\r\n\r\n" +
        "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nHost: h\r\n\r\n",
    ),
  ],
  [
    "a TLS hello",
    joined(latin1("\x16\x03\x01\x00\x40\x01\x00\x00\x3c\x03\x03"), new Uint8Array(58).fill(7)),
  ],
  ["an SSH banner", latin1("SSH-2.0-OpenSSH_9.6\r\n")],
  ["a SOCKS5 hello", latin1("\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x16")],
  ["a SOCKS4 request", latin1("\x04\x01\x00\x16\x7f\x00\x00\x01\0")],
  ["HTTP/2", latin1("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")],
  ["an SMTP greeting", latin1("EHLO evil.example\r\nMAIL FROM:<a@evil.example>\r\n")],
  ["a Redis command", latin1("*1\r\n$8\r\nSHUTDOWN\r\n")],
  ["random bytes", latin1("\xde\xad\xbe\xef\x00\xff\r\n\r\n\x81\x05hello")],
];

Deno.test("cross-protocol: every server ends who speaks another protocol, and serves the next", async () => {
  await Promise.all(PORTS.map(async ([name, open]) => {
    await using port = await open({ timeout: DEADLINE });
    await Promise.all(GREETINGS.map(async ([greeting, bytes]) => {
      if (name.startsWith("SOCKS5") && greeting.startsWith("a SOCKS5")) return;
      using wire = await Wire.connect(port.port);
      await wire.write(bytes);
      const what = `the end of ${greeting} at the ${name}`;
      const answer = await within(what, readToEnd(wire));
      // Nobody takes it for what this port serves.
      assert(!answer.includes("HTTP/1.1 101"), `${what}: ${answer}`);
      const answers = answer.match(/HTTP\/1\.1 /g)?.length ?? 0;
      assertEquals(answers, answer.startsWith("HTTP") ? 1 : 0, what);
    }));
    await visited(port);
  }));
});

// Request smuggling. CVE-2026-48931 (Node): what follows a refused request is no new one.

Deno.test("request smuggling: bytes behind a refused upgrade are never read as a request", async () => {
  const second = upgradeRequest({}, "GET /second HTTP/1.1");
  const ports: [Port, string][] = [
    [await webSocketPort(), "/"],
    [await webSocketPort({ handler: () => new Response("page") }), "/"],
    [await socketIoPort(), "/socket.io/?EIO=4&transport=websocket"],
  ];
  for (const [port, target] of ports) {
    await using _port = port;
    for (
      const headers of [
        { "Sec-WebSocket-Version": "8" },
        { "Sec-WebSocket-Key": "short" },
        { Origin: "https://evil.example" },
        { "Content-Length": String(second.length) },
        { "Transfer-Encoding": "chunked" },
        { "Content-Length": "5", "Transfer-Encoding": "chunked" },
        { "Content-Length": "+0" },
        { "Content-Length": "0, 10" },
      ]
    ) {
      using wire = await Wire.connect(port.port);
      await wire.write(upgradeRequest(headers, `GET ${target} HTTP/1.1`) + second);
      const answer = await within("the end of the smuggler", readToEnd(wire));
      assertEquals(answer.match(/HTTP\/1\.1 /g)?.length, 1, answer);
      assert(/^HTTP\/1\.1 4\d\d /.test(answer), answer);
    }
    assertEquals(port.connections(), 0);
    await port.visit();
  }
});

Deno.test("request smuggling: bytes behind an accepted upgrade are frames and nothing else", async () => {
  await using port = await webSocketPort({ handler: () => new Response("page") });
  await using io = await socketIoPort();
  for (
    const [at, target] of [[port.port, "/"], [
      io.port,
      "/socket.io/?EIO=4&transport=websocket",
    ]] as const
  ) {
    using wire = await Wire.connect(at);
    const second = "GET /admin HTTP/1.1\r\nHost: h\r\n\r\n";
    await wire.write(upgradeRequest({}, `GET ${target} HTTP/1.1`) + second);
    assertStringIncludes(await wire.readHead(), "HTTP/1.1 101 ");
    // "G" is a frame with reserved bits.
    assertEquals(await wire.readClose(), 1002);
  }
});

Deno.test("request smuggling: lengths that contradict each other are refused, and nothing is read behind them", async () => {
  const paths: string[] = [];
  const handler = (request: Request) => {
    paths.push(new URL(request.url).pathname);
    return new Response("page");
  };
  await using server = await webSocketPort({ handler });
  await using io = await socketIoPort();
  io.io.engine.on("connection_error", ({ req }) => paths.push(req.url ?? ""));
  for (const { port } of [server, io]) {
    for (
      const lines of [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
        "Content-Length: -1\r\n\r\n",
        "Content-Length: 0x0\r\n\r\n",
      ]
    ) {
      using wire = await Wire.connect(port);
      const smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
      await wire.write(`POST /first HTTP/1.1\r\nHost: h\r\n${lines}${smuggled}`);
      const answer = await within(`the end of ${JSON.stringify(lines)}`, readToEnd(wire));
      assert((answer.match(/HTTP\/1\.1 /g)?.length ?? 0) <= 1, `${lines}: ${answer}`);
    }
  }
  assert(!paths.includes("/smuggled"), paths.join());
});

Deno.test("request smuggling: pipelined requests are answered each, in their order", async () => {
  await using server = await webSocketPort({
    handler: (request) => new Response(new URL(request.url).pathname),
  });
  using wire = await Wire.connect(server.port);
  await wire.write(
    "GET /one HTTP/1.1\r\nHost: h\r\n\r\nGET /two HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
  );
  const answer = await readToEnd(wire);
  assert(/\/one.*HTTP\/1\.1 200.*\/two/s.test(answer), answer);
});

Deno.test("request smuggling: a client reads nothing behind an answer that refuses it", async () => {
  await using server = byteServer(async (wire) => {
    const head = await wire.readHead();
    await wire.write(
      "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n" +
        `${await acceptance(head)}\x81\x02hi`,
    );
    await wire.readAll();
  });
  const error = await assertRejects(
    () => connectWebSocket(urlOf(server)),
    WebSocketHandshakeError,
  );
  assertEquals(error.status, 403);
});

// Mask rules.

Deno.test("mask rules: frames without a mask end a connection to any server with 1002", async () => {
  await using server = await webSocketPort();
  await using deflating = await webSocketPort({ perMessageDeflate: true });
  await using io = await socketIoPort();
  await using ioDeflating = await socketIoPort({ perMessageDeflate: true });
  const path = "/socket.io/?EIO=4&transport=websocket";
  const offer = { "Sec-WebSocket-Extensions": "permessage-deflate" };
  for (
    const [port, target, headers] of [
      [server, "/", {}],
      [deflating, "/", offer],
      [io, path, {}],
      [ioDeflating, path, offer],
    ] as const
  ) {
    for (const [opcode, data] of [[1, "4hi"], [2, "x"], [9, ""], [8, "\x03\xe8"]] as const) {
      using wire = await openWebSocket(port.port, { path: target, headers });
      await wire.write(serverFrame(opcode, latin1(data)));
      assertEquals(await wire.readClose(), 1002);
      await wire.readAll();
    }
    await port.visit();
  }
});

Deno.test("mask rules: a masked frame of a server fails the client with 1002", async () => {
  const sent = Promise.withResolvers<Uint8Array>();
  await using server = byteServer(async (wire) => {
    await acceptWebSocket(wire, "", clientFrame(1, "hi"));
    sent.resolve(await wire.readAll());
  });
  const ws = await connectWebSocket(urlOf(server));
  const messages: unknown[] = [];
  ws.on("message", (data) => messages.push(data));
  const info = await ws.closed;
  assertEquals([info.error?.closeCode, messages], [1002, []]);
  const frame = decodeFrame(await sent.promise) as DecodedFrame;
  assertEquals([frame.opcode, ...frame.payload.subarray(0, 2)], [8, 0x03, 0xea]);
});

Deno.test("mask rules: a client's masks are never the same, and use all bits", async () => {
  const seen = Promise.withResolvers<number[]>();
  await using server = byteServer(async (wire) => {
    await acceptWebSocket(wire);
    const masks: number[] = [];
    for (let i = 0; i < 500; i++) {
      const frame = await wire.read(7);
      masks.push(new DataView(frame.buffer, frame.byteOffset).getUint32(2));
    }
    wire.close();
    seen.resolve(masks);
  });
  const ws = await connectWebSocket(urlOf(server));
  for (let i = 0; i < 500; i++) await ws.send("x");
  const masks = await seen.promise;
  await ws.closed;
  assert(new Set(masks).size > 498);
  for (let bit = 0; bit < 32; bit++) {
    const ones = masks.filter((mask) => (mask >>> bit) & 1).length;
    assert(ones > 150 && ones < 350, `bit ${bit} is set in ${ones} of 500`);
  }
});

// DNS rebinding: tests of the client's side are with those of SSRF.

Deno.test("DNS rebinding: a server serves no other host than those it is told", async () => {
  const options = { allowedHosts: ["good.example", "[::1]:8080", "127.0.0.1"] };
  await using server = await webSocketPort(options);
  await using io = await socketIoPort(options);
  for (
    const [host, allowed] of [
      ["good.example", true],
      ["GOOD.example:8080", true],
      ["good.example.", true],
      ["[::1]:8080", true],
      ["[::1]:8081", false],
      ["evil.example", false],
      ["good.example.evil.example", false],
      ["evilgood.example", false],
      ["127.0.0.1.evil.example", false],
    ] as const
  ) {
    // As a browser says it after the name was bound to this machine: page and server are of one host.
    const headers = { Host: host, Origin: `http://${host.toLowerCase()}` };
    for (
      const [port, target] of [[server.port, "/"], [
        io.port,
        "/socket.io/?EIO=4&transport=websocket",
      ]] as const
    ) {
      using wire = await Wire.connect(port);
      await wire.write(upgradeRequest(headers, `GET ${target} HTTP/1.1`));
      assertStringIncludes(await wire.readHead(), `HTTP/1.1 ${allowed ? 101 : 421} `);
    }
    using poller = await Wire.connect(io.port);
    await poller.write(`GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assertStringIncludes(await poller.readHead(), `HTTP/1.1 ${allowed ? 200 : 421} `);
  }
  await server.visit();
  await io.visit();
});

Deno.test("DNS rebinding: a list of origins refuses the page that the name was bound for", async () => {
  await using server = await webSocketPort({ origin: ["https://app.example"] });
  using wire = await Wire.connect(server.port);
  await wire.write(upgradeRequest({ Host: "evil.example", Origin: "http://evil.example" }));
  assertStringIncludes(await wire.readHead(), "HTTP/1.1 403 ");
});

Deno.test("connection flood: who is too many is told so, and those who are in are served", async () => {
  await using server = await webSocketPort({ maxConnections: 20 });
  await using socks = await socks5Port({ maxConnections: 20 });
  await using io = await socketIoPort({ maxConnections: 20 });
  for (const port of [server, socks]) {
    const held = await Promise.all(Array.from({ length: 20 }, () => Wire.connect(port.port)));
    // A connection is taken in some time after it is there for its client.
    await delay(50);
    using late = await Wire.connect(port.port);
    const answer = await within("the end of one too many", readToEnd(late));
    if (port === server) assertStringIncludes(answer, "HTTP/1.1 503 ");
    else assertEquals(answer, "");
    for (const wire of held) wire.close();
    await visited(port);
  }
  const held = await Promise.all(
    Array.from(
      { length: 20 },
      () => openWebSocket(io.port, { path: "/socket.io/?EIO=4&transport=websocket" }),
    ),
  );
  using late = await Wire.connect(io.port);
  await late.write(upgradeRequest({}, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1"));
  assertStringIncludes(await late.readHead(), "HTTP/1.1 503 ");
  for (const wire of held) wire.close();
  await visited(io);
});
