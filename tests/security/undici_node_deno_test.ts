// What has gone wrong in undici, Node and Deno with WebSockets and HTTP, tried against our client and servers over real connections.
// Hosts, proxies and TLS: undici_node_deno_hosts_test.ts.
import { assert, assertEquals, assertLess, assertRejects, assertThrows } from "@std/assert";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import {
  acceptance,
  acceptWebSocket,
  askForWebSocket,
  assertEchoes,
  byteServer,
  clientFrame,
  deflated,
  flood,
  growthDuring,
  latin1,
  longFrame,
  openWebSocket,
  repeated,
  serverFrame,
  statusOf,
  Wire,
} from "../_support/attack.ts";
import { next } from "../_support/socketio_rig.ts";
import { joined } from "../_support/websocket_rig.ts";
import { serve, until, upgradeRequest, urlOf } from "../_support/websocket_server.ts";
import { reported } from "../_support/console_errors.ts";
import { attachWebSocket } from "../../websocket/attach.ts";
import { connectWebSocket, type ConnectWebSocketOptions } from "../../websocket/client.ts";
import { serveWebSocket } from "../../websocket/server.ts";
import type { ServeWebSocketOptions } from "../../websocket/server_options.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import { SocketIoServer, type SocketIoServerOptions } from "../../socketio/server.ts";

const MIB = 1_048_576;
const SOCKET_IO = "/socket.io/?EIO=4&transport=websocket";
const DEFLATE = { "Sec-WebSocket-Extensions": "permessage-deflate" };
const NO_TAKEOVER = {
  "Sec-WebSocket-Extensions":
    "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
};

/** A message that inflates to 64 MiB, a thousand times its size. */
const BOMB = deflated(new Uint8Array(64 * MIB));

/** Frames of one compressed message, in fragments of a size. */
function compressed(
  bytes: Uint8Array,
  size: number,
  frame: typeof clientFrame = clientFrame,
): Uint8Array {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const fin = at + size >= bytes.length;
    const opcode = at === 0 ? 2 : 0;
    frames.push(frame(opcode, bytes.subarray(at, at + size), { fin, rsv: at === 0 ? 0x40 : 0 }));
  }
  return joined(...frames);
}

async function withSocketIo(
  options: SocketIoServerOptions,
  run: (port: number, io: SocketIoServer) => Promise<void>,
): Promise<void> {
  const io = new SocketIoServer({ serveClient: false, ...options });
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  try {
    await run(port, io);
  } finally {
    await io.close();
  }
}

// CVE-2026-1526
for (const takeover of [true, false]) {
  Deno.test(`Decompression bomb: a server ${takeover ? "with" : "without"} context takeover stops at its limit, whole and in fragments`, async () => {
    await using server = await serve({ perMessageDeflate: true });
    const headers = takeover ? DEFLATE : NO_TAKEOVER;
    for (const size of [Infinity, 1_000, 100]) {
      const growth = await growthDuring(async () => {
        using wire = await openWebSocket(server.port, { headers });
        assertEquals(await flood(wire, compressed(BOMB, size)), 1009, `fragments of ${size}`);
      });
      assertLess(growth, 16 * MIB);
    }
    await assertEchoes(server.port);
  });
}

// CVE-2026-1526
Deno.test("Decompression bomb: one that begins with an innocent message, or comes as the second, is stopped as well", async () => {
  await using server = await serve({ perMessageDeflate: true });
  using wire = await openWebSocket(server.port, { headers: DEFLATE });
  await wire.write(compressed(deflated(latin1("hello")), Infinity));
  const echo = await wire.readFrame();
  assertEquals([echo!.opcode, echo!.payload], [2, latin1("hello")]);
  const growth = await growthDuring(async () => {
    assertEquals(await flood(wire, compressed(BOMB, 10_000)), 1009);
  });
  assertLess(growth, 16 * MIB);
});

// CVE-2026-1526
Deno.test("Decompression bomb: a client stops at its limit", async () => {
  for (const size of [Infinity, 1_000]) {
    let told = 0;
    await using server = byteServer(async (wire) => {
      await acceptWebSocket(wire, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
      told = await flood(wire, compressed(BOMB, size, serverFrame));
    });
    const growth = await growthDuring(async () => {
      const ws = await connectWebSocket(urlOf(server), { perMessageDeflate: true });
      assertEquals((await ws.closed).error?.closeCode, 1009);
    });
    assertLess(growth, 16 * MIB);
    assertEquals(told, 1009);
  }
});

// CVE-2026-1526
Deno.test("Decompression bomb: a Socket.IO server stops at its limit", async () => {
  await withSocketIo({ perMessageDeflate: true }, async (port, io) => {
    for (const size of [Infinity, 1_000]) {
      const growth = await growthDuring(async () => {
        using wire = await openWebSocket(port, { path: SOCKET_IO, headers: DEFLATE });
        assertEquals(await flood(wire, compressed(BOMB, size)), 1009);
      });
      assertLess(growth, 16 * MIB);
    }
    await until(() => io.engine.clientsCount === 0);
  });
});

// CVE-2026-1526
Deno.test("Decompression bomb: a polling client of Socket.IO reads no more of a compressed response than its limit", async () => {
  const bomb = gzipSync(new Uint8Array(64 * MIB).fill(0x34));
  await using server = byteServer(async (wire) => {
    for (;;) {
      const head = await wire.readHead();
      if (head === "") return;
      const first = !head.includes("sid=");
      const open = { sid: "s", upgrades: [], pingInterval: 25_000, pingTimeout: 20_000 };
      const body = first
        ? latin1(`0${JSON.stringify({ ...open, maxPayload: 1_000_000 })}`)
        : head.startsWith("GET")
        ? bomb
        : latin1("ok");
      const encoding = body === bomb ? "Content-Encoding: gzip\r\n" : "";
      if (head.startsWith("POST")) {
        await wire.read(Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0));
      }
      const answer = `HTTP/1.1 200 OK\r\n${encoding}Content-Length: ${body.length}\r\n\r\n`;
      await wire.write(joined(latin1(answer), body));
    }
  });
  const requests: Promise<Response>[] = [];
  const growth = await growthDuring(async () => {
    const socket = connectSocketIo(`http://127.0.0.1:${server.port}`, {
      transports: ["polling"],
      reconnection: false,
      maxHttpBufferSize: 1_000_000,
      fetch: (input, init) => {
        const request = fetch(input, init);
        requests.push(request);
        return request;
      },
    });
    await new Promise<void>((resolve) => {
      socket.on("connect_error", () => resolve());
      socket.io.on("close", () => resolve());
    });
    socket.disconnect();
  });
  assertLess(growth, 48 * MIB);
  await Promise.allSettled(requests);
});

const BITS = [
  "=0",
  "=7",
  "=16",
  "=99",
  "=-8",
  "=08",
  "=8.0",
  "=",
  '=""',
  "=15x",
  "=1e1",
  "=9; X=10",
];

// CVE-2026-2229
Deno.test("Window bits: a client fails the handshake for every value that is not 8 to 15", async () => {
  for (const side of ["server", "client"]) {
    const name = `${side}_max_window_bits`;
    // A server has to give the value; so the bare name is wrong, too.
    for (const bits of ["", ...BITS]) {
      const value = `permessage-deflate; ${name}${bits.replace("X", name)}`;
      await using server = byteServer((wire) =>
        acceptWebSocket(wire, `Sec-WebSocket-Extensions: ${value}\r\n`)
      );
      const error = await assertRejects(() =>
        connectWebSocket(urlOf(server), { perMessageDeflate: { serverMaxWindowBits: 15 } })
      );
      assertEquals((error as { code?: string }).code, "HANDSHAKE_EXTENSION", value);
    }
  }
});

// CVE-2026-2229
Deno.test("Window bits: a server goes on without compression for every value that is not 8 to 15", async () => {
  await using server = await serve({ perMessageDeflate: true });
  for (const side of ["server", "client"]) {
    const name = `${side}_max_window_bits`;
    for (const bits of BITS) {
      const value = `permessage-deflate; ${name}${bits.replace("X", name)}`;
      const headers = { "Sec-WebSocket-Extensions": value };
      const { wire, head, status } = await askForWebSocket(server.port, { headers });
      // What breaks the grammar of the header is a bad request.
      assert(status === 101 || status === 400, value);
      assert(!/sec-websocket-extensions/i.test(head), value);
      wire.close();
    }
  }
  await assertEchoes(server.port);
});

/** Lengths whose arithmetic goes wrong in 32 or 53 bits, or in signed numbers. */
const LENGTHS = [
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
];
const TOP_BIT = [2n ** 63n, 2n ** 63n + 5n, 2n ** 64n - 1n];

// CVE-2026-1528
Deno.test("Length overflow: 64-bit lengths are refused in first frames and in continuations, by servers of both kinds", async () => {
  await using server = await serve();
  await withSocketIo({}, async (port) => {
    const doors = [[server.port, "/"], [port, SOCKET_IO]] as const;
    for (const [port, path] of doors) {
      for (const length of [...LENGTHS, ...TOP_BIT]) {
        const code = TOP_BIT.includes(length) ? 1002 : 1009;
        using first = await openWebSocket(port, { path });
        await first.write(longFrame(length));
        assertEquals(await first.readClose(), code, `${length}`);
        using second = await openWebSocket(port, { path });
        await second.write(clientFrame(2, "some", { fin: false }));
        await second.write(longFrame(length, { opcode: 0 }));
        assertEquals(await second.readClose(), code, `${length}`);
        // A control frame has no such length at all.
        using third = await openWebSocket(port, { path });
        await third.write(longFrame(length, { opcode: 9 }));
        assertEquals(await third.readClose(), 1002, `${length}`);
      }
    }
  });
  await assertEchoes(server.port);
});

// CVE-2026-1528
Deno.test("Length overflow: a length that can't be counted is refused in a stream without a limit, too", async () => {
  const ended = Promise.withResolvers<unknown>();
  await using server = await serve({
    default: async (ws) => {
      await ws.receiveStream();
      ended.resolve((await ws.closed).error?.code);
    },
  });
  using wire = await openWebSocket(server.port);
  await wire.write(longFrame(2n ** 63n - 1n));
  assertEquals(await wire.readClose(), 1009);
  assertEquals(await ended.promise, "MESSAGE_TOO_BIG");
});

// CVE-2026-12151, CVE-2026-9675
Deno.test("Limit per fragment: sizes are added up over the fragments of a message, compressed or not", async () => {
  const options = { perMessageDeflate: true, maxMessageSize: 100_000 };
  await using server = await serve(options);
  await withSocketIo({ perMessageDeflate: true, maxHttpBufferSize: 100_000 }, async (port) => {
    const doors = [[server.port, "/"], [port, SOCKET_IO]] as const;
    // Twice the limit in fragments that are each far below it.
    const random = crypto.getRandomValues(new Uint8Array(50_000));
    const plain = joined(
      clientFrame(2, random, { fin: false }),
      clientFrame(0, random, { fin: false }),
      clientFrame(0, random, { fin: false }),
      clientFrame(0, random),
    );
    const messages = {
      plain,
      compressed: compressed(deflated(joined(random, random, random, random)), 40_000),
      zeros: compressed(deflated(new Uint8Array(200_000)), 50),
    };
    for (const [port, path] of doors) {
      for (const [name, frames] of Object.entries(messages)) {
        using wire = await openWebSocket(port, { path, headers: DEFLATE });
        assertEquals(await flood(wire, frames), 1009, name);
      }
      // Fragments without a byte in them count as well.
      using wire = await openWebSocket(port, { path, headers: DEFLATE });
      await wire.write(clientFrame(2, deflated(latin1("x")), { fin: false, rsv: 0x40 }));
      assertEquals(await flood(wire, repeated(clientFrame(0, "", { fin: false }), 100_000)), 1008);
    }
  });
});

const BREAKS = ["\r\nX-Evil: 1", "\nX-Evil: 1", "\rX-Evil: 1", "\0", "\u0100", "\u{1f600}", "\x7f"];

// CVE-2026-1527
Deno.test("Header injection: a client sends no line break, NUL or foreign letter that it is given, and opens nothing", async () => {
  let connections = 0;
  await using server = byteServer(async (wire) => {
    connections++;
    await wire.readHead();
  });
  const url = urlOf(server);
  for (const text of BREAKS) {
    const bad: Record<string, ConnectWebSocketOptions> = {
      "header value": { headers: [["x-a", `v${text}`]] },
      "header name": { headers: [[`x${text}`, "v"]] },
      "origin": { origin: `http://a${text}` },
      "protocol": { protocols: [`chat${text}`] },
      "second protocol": { protocols: ["chat", `x${text}`] },
      "proxy": { proxy: `http://user${encodeURIComponent(text)}:p@127.0.0.1:1` },
    };
    for (const [name, options] of Object.entries(bad)) {
      // Letters of all kinds may stand in a user name.
      if (name === "proxy" && /\u0100|\u{1f600}/u.test(text)) continue;
      await assertRejects(() => connectWebSocket(url, options), TypeError, undefined, name);
    }
    await assertRejects(() => connectWebSocket(`ws://exa${text}mple:1/`));
  }
  assertEquals(connections, 0);
});

// CVE-2026-1527
Deno.test("Header injection: what a URL has of line breaks does not reach the request", async () => {
  const heads: string[] = [];
  await using server = byteServer(async (wire) => {
    const head = await wire.readHead();
    heads.push(head);
    await wire.write(await acceptance(head));
  });
  const base = urlOf(server);
  for (
    const url of [
      `${base}a\r\nX-Evil: 1`,
      `${base}a%0d%0aX-Evil:%201`,
      `${base}?q=\r\nX-Evil: 1`,
      `${base}\0ä☃`,
      base.replace("ws://", "ws://user%0d%0aX-Evil%3a 1:p%0d%0aX-Evil%3a 1@"),
    ]
  ) {
    (await connectWebSocket(url)).terminate();
  }
  assertEquals(heads.length, 5);
  for (const head of heads) {
    assert(/^[\x20-\x7e\r\n]+$/.test(head), head);
    assert(!/^x-evil/im.test(head), head);
    assert(!/[^\r]\n|\r[^\n]/.test(head), head);
  }
});

// CVE-2026-1527
Deno.test("Header injection: a server sends no line break that it is given", async () => {
  for (const text of BREAKS) {
    const options: ServeWebSocketOptions = { default: () => {}, hostname: "127.0.0.1" };
    await assertRejects(() => serveWebSocket({ ...options, headers: [["x-a", `v${text}`]] }));
    await assertRejects(() =>
      serveWebSocket({ ...options, protocols: { [`chat${text}`]: () => {} } })
    );
    // Decided while a client waits: it gets 500, and nothing of the header.
    await using server = await serve({
      authorize: () => ({ headers: { "x-a": `v${text}` } }),
    });
    const { wire, head, status } = await askForWebSocket(server.port);
    assertEquals(status, 500);
    assert(!/x-a|x-evil/i.test(head), head);
    wire.close();
    // The engine, whose program adds headers to a response, and is told what is wrong with them.
    await withSocketIo({}, async (port, io) => {
      io.engine.on("headers", (headers) => headers["X-A"] = `v${text}`);
      await reported(async () => {
        const { wire, head, status } = await askForWebSocket(port, { path: SOCKET_IO });
        assertEquals(status, 500);
        assert(!/x-a|x-evil/i.test(head), head);
        wire.close();
      });
    });
  }
  assertThrows(() => new SocketIoServer({ cookie: { path: "/\r\nX-Evil: 1" } }), TypeError);
});

// CVE-2018-12121
Deno.test("Header flood: a head of any shape ends at a limit, long before it is all there", async () => {
  await using server = await serve({ handshakeTimeout: 60_000 });
  await withSocketIo({}, async (port) => {
    const floods: Record<string, [first: string, more: string]> = {
      "one endless line": ["GET /", "a".repeat(65_536)],
      "one endless header": ["GET / HTTP/1.1\r\nX: ", "a".repeat(65_536)],
      "headers without end": ["GET / HTTP/1.1\r\n", "X: 1\r\n".repeat(10_000)],
      "a long header name": ["GET / HTTP/1.1\r\n", "a".repeat(65_536)],
    };
    for (const target of [server.port, port]) {
      for (const [name, [first, more]] of Object.entries(floods)) {
        using wire = await Wire.connect(target);
        await wire.write(first);
        let sent = 0;
        const writing = (async () => {
          while (sent < 64 && !wire.ended && await wire.write(more)) sent++;
        })();
        const head = await wire.readHead();
        // The answer may be lost where the server closes on bytes that it has not read.
        assert([0, 400, 414, 431].includes(statusOf(head)), `${name}: ${head}`);
        wire.close();
        await writing;
      }
    }
  });
  await assertEchoes(server.port);
});

/** Sends a byte now and then until the connection is ended; returns whether that happened before all was sent. */
async function drip(wire: Wire, text: string, delay = 15): Promise<boolean> {
  const reading = wire.readAll();
  for (let i = 0; i < text.length && !wire.ended; i++) {
    if (!await wire.write(text[i])) break;
    await new Promise((resolve) => setTimeout(resolve, delay));
  }
  const ended = wire.ended;
  wire.close();
  await reading;
  return ended;
}

// CVE-2018-12122
Deno.test("Slowloris: a handshake that drips in is ended at the deadline from the connect, and others are served", async () => {
  const request = `${upgradeRequest().slice(0, -2)}X: ${"a".repeat(1_000)}`;
  await using server = await serve({ handshakeTimeout: 500 });
  const io = new SocketIoServer({ serveClient: false });
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1", headTimeout: 500 });
  for (const target of [server.port, port]) {
    const wires = await Promise.all(Array.from({ length: 20 }, () => Wire.connect(target)));
    const drips = wires.map((wire) => drip(wire, request));
    if (target === server.port) await assertEchoes(target);
    else (await openWebSocket(target, { path: SOCKET_IO })).close();
    assertEquals(new Set(await Promise.all(drips)), new Set([true]));
    // Nothing at all is no better.
    using silent = await Wire.connect(target);
    assertEquals((await silent.readAll()).length, 0);
  }
  await io.close();
});

// CVE-2018-12122
Deno.test("Slowloris: an answer that drips in is given up by the client at its deadline", async () => {
  await using server = byteServer(async (wire) => {
    const head = await wire.readHead();
    const answer = await acceptance(head);
    await drip(wire, `${answer.slice(0, -2)}X: ${"a".repeat(2_000)}`);
  });
  const error = await assertRejects(() =>
    connectWebSocket(urlOf(server), { handshakeTimeout: 150 })
  );
  assertEquals((error as { code?: string }).code, "HANDSHAKE_TIMEOUT");
});

// CVE-2018-12122
Deno.test("Slowloris: a second request on a connection that is kept alive has a deadline, too", async () => {
  const io = new SocketIoServer({ serveClient: false });
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1", headTimeout: 500 });
  const page = () => new Response("a page", { headers: { "content-length": "6" } });
  await using pages = await serve({ handler: page, handshakeTimeout: 500 });
  const http = createServer((_request, response) => response.setHeader("content-length", 0).end());
  http.headersTimeout = 500;
  await using injected = await serve({ http });
  for (const target of [port, pages.port, injected.port]) {
    using wire = await Wire.connect(target);
    await wire.write("GET /elsewhere HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    assert([200, 404].includes((await wire.readResponse()).status));
    assert(await drip(wire, `GET /elsewhere HTTP/1.1\r\nX: ${"a".repeat(1_000)}`));
  }
  await io.close();
});

// CVE-2018-12122
Deno.test("Slowloris: a body that drips in has the deadline of its server", async () => {
  const http = createServer((request, response) =>
    request.on("end", () => response.end()).resume()
  );
  http.requestTimeout = 500;
  await using server = await serve({ http });
  using wire = await Wire.connect(server.port);
  await wire.write("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n");
  assert(await drip(wire, "a".repeat(999)));
});

/** Three ways in which a callback of the program's can fail; the last one only where it can be waited for. */
const FAILURES: Record<string, () => never | Promise<never>> = {
  "throws": () => {
    throw new Error("the program's");
  },
  "rejects": () => Promise.reject(new Error("the program's")),
  "never settles": () => new Promise<never>(() => {}),
};

// CVE-2026-21637
for (const [how, fail] of Object.entries(FAILURES)) {
  Deno.test(`Throwing callback: whatever callback of a WebSocket server ${how}, it ends one connection at most`, async () => {
    const bad = { "X-Bad": "1" };
    const isBad = (request: { headers: Headers }) => request.headers.has("x-bad");
    const servers: Record<string, ServeWebSocketOptions> = {
      authorize: { authorize: (request) => isBad(request) ? fail() : true },
      origin: {
        origin: (origin) => origin === "http://bad.example" ? fail() as unknown as boolean : true,
      },
      onError: { authorize: (request) => isBad(request) ? false : true, onError: () => fail() },
      handler: {
        default: (ws) => {
          if (ws.headers.has("x-bad")) return fail();
          return void ws.on("message", (data) => ws.send(data));
        },
      },
      listeners: {
        default: (ws) => {
          if (ws.headers.has("x-bad")) {
            for (const name of ["message", "ping", "pong", "error", "close"] as const) {
              ws.on(name, () => fail());
            }
          } else ws.on("message", (data) => ws.send(data));
        },
      },
    };
    for (const [name, options] of Object.entries(servers)) {
      await using server = await serve({ handshakeTimeout: 500, onError: () => {}, ...options });
      using neighbour = await openWebSocket(server.port);
      const origin = name === "origin" ? "http://bad.example" : undefined;
      const { wire } = await askForWebSocket(server.port, { headers: { ...bad, Origin: origin } });
      await wire.write(joined(clientFrame(9, "x"), clientFrame(10, "x"), clientFrame(1, "x")));
      await wire.write(joined(clientFrame(3, "x"), clientFrame(8)));
      await wire.readAll();
      wire.close();
      await neighbour.write(clientFrame(1, "here"));
      assertEquals(await neighbour.readText(), "here", name);
      await assertEchoes(server.port);
    }
  });
}

// CVE-2026-21637
for (const [how, fail] of Object.entries(FAILURES)) {
  Deno.test(`Throwing callback: whatever callback of a Socket.IO server ${how}, it ends one connection at most`, async () => {
    const isBad = (request: { headers: Record<string, unknown> }) => "x-bad" in request.headers;
    const servers: Record<string, [SocketIoServerOptions, (io: SocketIoServer) => unknown]> = {
      allowRequest: [{
        allowRequest: (request, decide) => isBad(request) ? fail() : decide(null, true),
      }, () => {}],
      cors: [{
        cors: { origin: (origin) => origin === "http://bad.example" ? fail() : true },
      }, () => {}],
      "engine middleware": [
        {},
        (io) => io.engine.use((request, _response, next) => isBad(request) ? fail() : next()),
      ],
      "headers": [
        {},
        (io) => io.engine.on("headers", (_headers, request) => isBad(request) ? fail() : undefined),
      ],
      generateId: [{}, (io) => {
        let count = 0;
        io.engine.generateId = (request) => isBad(request) ? fail() : `id-${count++}`;
      }],
      "namespace middleware": [
        {},
        (io) => io.use((socket, next) => isBad(socket.handshake) ? fail() : next()),
      ],
      "connection listener": [
        {},
        (io) => io.on("connection", (socket) => isBad(socket.handshake) ? fail() : undefined),
      ],
      "socket middleware": [
        {},
        (io) =>
          io.on(
            "connection",
            (socket) => socket.use((_event, next) => isBad(socket.handshake) ? fail() : next()),
          ),
      ],
      "event listeners": [{}, (io) =>
        io.on("connection", (socket) => {
          if (!isBad(socket.handshake)) return;
          for (const name of ["echo", "error", "disconnecting", "disconnect"]) {
            socket.on(name, () => fail());
          }
          socket.onAny(() => fail());
        })],
      onListenerError: [{ onListenerError: () => fail() }, (io) =>
        io.on("connection", (socket) => {
          socket.on("echo", () => {
            if (isBad(socket.handshake)) throw new Error("the program's");
          });
        })],
    };
    for (const [name, [options, prepare]] of Object.entries(servers)) {
      const quiet = { onListenerError: () => {}, decisionTimeout: 300, connectTimeout: 1_000 };
      await reported(() =>
        withSocketIo({ ...quiet, ...options }, async (port, io) => {
          io.on("connection", (socket) => {
            socket.on("echo", (text) => void socket.emit("echo", text));
          });
          prepare(io);
          const served = async () => {
            using wire = await openWebSocket(port, { path: SOCKET_IO });
            await wire.readText();
            await wire.write(clientFrame(1, "40"));
            assertEquals((await wire.readText())?.slice(0, 3), "40{", name);
            await wire.write(clientFrame(1, '42["echo","here"]'));
            assertEquals(await wire.readText(), '42["echo","here"]', name);
          };
          await served();
          const origin = name === "cors" ? "http://bad.example" : undefined;
          const { wire } = await askForWebSocket(port, {
            path: SOCKET_IO,
            headers: { "X-Bad": "1", Origin: origin },
          });
          await wire.write(joined(clientFrame(1, "40"), clientFrame(1, '42["echo","x"]')));
          await wire.write(clientFrame(1, '42["error","x"]'));
          await wire.write(clientFrame(8));
          await wire.readAll();
          wire.close();
          await served();
          await until(() => io.engine.clientsCount === 0);
        })
      );
    }
  });
}

// CVE-2026-21710
Deno.test("Prototype pollution: headers named __proto__ and constructor are headers, for every server", async () => {
  const seen: unknown[] = [];
  const names = ["__proto__", "constructor", "prototype"];
  const lines = names.map((name) => `${name}: polluted\r\n`).join("");
  const request = upgradeRequest().replace(/\r\n$/, `${lines}\r\n`);
  const open = async (port: number, path = "/") => {
    using wire = await Wire.connect(port);
    await wire.write(request.replace("GET / ", `GET ${path} `));
    assertEquals(statusOf(await wire.readHead()), 101);
    if (path !== "/") {
      await wire.readText();
      await wire.write(clientFrame(1, "40"));
      await wire.readText();
    }
  };
  const look = ({ headers }: { headers: Headers }) =>
    void seen.push(...names.map((name) => headers.get(name)));
  const polluted = names.map(() => "polluted");
  await using server = await serve({ default: look, authorize: look });
  await open(server.port);
  assertEquals(seen.splice(0), [...polluted, ...polluted]);
  const http = createServer();
  const attached = attachWebSocket(http, { default: look });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  await open((http.address() as AddressInfo).port);
  assertEquals(seen.splice(0), polluted);
  await attached.close();
  await new Promise((resolve) => http.close(resolve));
  await withSocketIo({}, async (port, io) => {
    io.on("connection", ({ handshake: { headers, query } }) => {
      seen.push(...names.map((name) => headers[name]), ...names.map((name) => query[name]));
    });
    await open(port, `${SOCKET_IO}&${names.map((name) => `${name}=polluted`).join("&")}`);
    assertEquals(seen.splice(0), [...polluted, ...polluted]);
  });
  assertEquals(({} as Record<string, unknown>).polluted, undefined);
  assertEquals(Object.getPrototypeOf({}), Object.prototype);
});

/** An answer that would be accepted, if anybody took it for one. */
const second = async (head: string) => latin1(await acceptance(head));

// CVE-2026-48931
Deno.test("Response poisoning: a client takes nothing behind a refusal for an answer", async () => {
  const refusals: Record<string, string> = {
    "HANDSHAKE_STATUS": "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n",
    "HANDSHAKE_HEADER": "HTTP/1.1 101 x\r\nUpgrade: none\r\n\r\n",
    "HANDSHAKE_ACCEPT":
      "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
    "HANDSHAKE_MALFORMED": "HTTP/2 200\r\n\r\n",
    "HANDSHAKE_REDIRECT": "HTTP/1.1 302 x\r\nLocation: /there\r\n\r\n",
  };
  for (const [code, refusal] of Object.entries(refusals)) {
    await using server = byteServer(async (wire) => {
      const head = await wire.readHead();
      await wire.write(joined(latin1(refusal), await second(head), serverFrame(1, "forged")));
      await wire.readAll();
    });
    const error = await assertRejects(() => connectWebSocket(urlOf(server)));
    assertEquals((error as { code?: string }).code, code);
  }
  // Interim answers are passed over; the first other one counts.
  await using server = byteServer(async (wire) => {
    const head = await wire.readHead();
    const interim = latin1("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLink: x\r\n\r\n");
    const refusal = latin1(refusals.HANDSHAKE_STATUS);
    await wire.write(joined(interim, refusal, await second(head)));
    await wire.readAll();
  });
  const error = await assertRejects(() => connectWebSocket(urlOf(server)));
  assertEquals((error as { status?: number }).status, 400);
});

// CVE-2026-48931
Deno.test("Response poisoning: what follows a redirect is not read as the answer of where it leads", async () => {
  let connections = 0;
  await using server = byteServer(async (wire) => {
    const head = await wire.readHead();
    if (++connections === 1) {
      const redirect = latin1("HTTP/1.1 302 x\r\nLocation: /there\r\n\r\n");
      await wire.write(joined(redirect, await second(head), serverFrame(1, "forged")));
      await wire.readAll();
    } else await wire.write(joined(await second(head), serverFrame(1, "true")));
  });
  const ws = await connectWebSocket(urlOf(server), { maxRedirects: 1 });
  assertEquals((await ws.receive()).data, "true");
  assertEquals(connections, 2);
  ws.terminate();
});

// CVE-2026-48931
Deno.test("Response poisoning: a server reads nothing behind a refused handshake as another request", async () => {
  const bodies = [
    upgradeRequest({ "Sec-WebSocket-Key": "bad" }),
    upgradeRequest({ "Content-Length": "5" }),
    upgradeRequest({ "Transfer-Encoding": "chunked" }),
    upgradeRequest({ "Content-Length": "5", "Transfer-Encoding": "chunked" }),
    upgradeRequest({ Origin: "https://evil.example" }),
    upgradeRequest({ Host: "a, b" }),
    upgradeRequest({}, "GET http://elsewhere/ HTTP/1.1"),
  ];
  let opened = 0;
  await using server = await serve({ default: () => void opened++ });
  for (const request of bodies) {
    using wire = await Wire.connect(server.port);
    await wire.write(`${request}${upgradeRequest()}`);
    const all = new TextDecoder().decode(await wire.readAll());
    assertEquals(all.match(/HTTP\/1\.1/g)?.length, 1, request);
    assert(/^HTTP\/1\.1 4\d\d /.test(all), all);
  }
  assertEquals(opened, 0);
});

// CVE-2026-55517
Deno.test("Foreign bytes: each byte from 0x80 to 0xff in each header of an answer is read or refused, and crashes nothing", async () => {
  const all = Array.from({ length: 128 }, (_, i) => String.fromCharCode(128 + i)).join("");
  const answer = async (head: string) => (await acceptance(head)).slice(0, -2);
  const answers: Record<string, (head: string) => Promise<string>> = {
    "HANDSHAKE_ACCEPT": async (head) =>
      `${(await answer(head)).replace(/accept: /i, (name) => name + all)}\r\n`,
    "HANDSHAKE_PROTOCOL": async (head) =>
      `${await answer(head)}Sec-WebSocket-Protocol: ${all}\r\n\r\n`,
    "HANDSHAKE_EXTENSION": async (head) =>
      `${await answer(head)}Sec-WebSocket-Extensions: ${all}\r\n\r\n`,
    "HANDSHAKE_HEADER": async (head) =>
      `${(await answer(head)).replace("Upgrade: websocket", `Upgrade: ${all}`)}\r\n`,
    "HANDSHAKE_MALFORMED": async (head) => `${await answer(head)}${all}: x\r\n\r\n`,
    "HANDSHAKE_STATUS": () => Promise.resolve(`HTTP/1.1 400 ${all}\r\n\r\n`),
    "HANDSHAKE_REDIRECT": () => Promise.resolve(`HTTP/1.1 302 x\r\nLocation: //${all}\r\n\r\n`),
    "": async (head) => `${await answer(head)}X-Any: ${all}\r\nSet-Cookie: ${all}\r\n\r\n`,
  };
  for (const [code, answer] of Object.entries(answers)) {
    await using server = byteServer(async (wire) => {
      await wire.write(await answer(await wire.readHead()));
      await wire.readAll();
    });
    if (code === "") {
      const ws = await connectWebSocket(urlOf(server));
      assertEquals(ws.headers.get("x-any"), all);
      ws.terminate();
    } else {
      const error = await assertRejects(() => connectWebSocket(urlOf(server)));
      assertEquals((error as { code?: string }).code, code);
      // The text shows them as question marks.
      assert(/^[\x20-\x7e…]*$/.test((error as Error).message), (error as Error).message);
    }
  }
});

// CVE-2026-55517
Deno.test("Foreign bytes: those in a request are read or refused by every server", async () => {
  const all = Array.from({ length: 128 }, (_, i) => String.fromCharCode(128 + i)).join("");
  await using server = await serve();
  await withSocketIo({}, async (port) => {
    for (const [target, path] of [[server.port, "/"], [port, SOCKET_IO]] as const) {
      for (
        const headers of [
          { "X-Any": all },
          { [all]: "x" },
          { Host: all },
          { Origin: `http://${all}` },
          { Upgrade: all },
          { "Sec-WebSocket-Protocol": all },
          { "Sec-WebSocket-Extensions": all },
          { "Sec-WebSocket-Key": all },
        ]
      ) {
        const { wire, status } = await askForWebSocket(target, { path, headers });
        wire.close();
        assert([101, 400, 403, 404, 426].includes(status), `${Object.keys(headers)}: ${status}`);
        assertEquals(status === 101, "X-Any" in headers, `${Object.keys(headers)}`);
      }
      const line = await Wire.connect(target);
      await line.write(`GET /${all} HTTP/1.1\r\n\r\n`);
      assertEquals(statusOf(await line.readHead()), 400);
      line.close();
    }
    const socket = connectSocketIo(`http://127.0.0.1:${port}`, { transports: ["websocket"] });
    await next(socket, "connect");
    socket.disconnect();
  });
  await assertEchoes(server.port);
});
