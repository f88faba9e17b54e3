// What has gone wrong in npm's engine.io, socket.io and socket.io-parser, tried against our engine, server and client over real connections.
import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  acceptWebSocket,
  askForWebSocket,
  assertLinear,
  byteServer,
  clientFrame,
  flood,
  growthDuring,
  openWebSocket,
  repeated,
  serverFrame,
  statusOf,
  Wire,
} from "../_support/attack.ts";
import { next } from "../_support/socketio_rig.ts";
import { until, upgradeRequest } from "../_support/websocket_server.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import { PacketDecoder } from "../../socketio/packet.ts";
import { SocketIoServer, type SocketIoServerOptions } from "../../socketio/server.ts";

const MIB = 1_048_576;
const WS = "/socket.io/?EIO=4&transport=websocket";
const POLLING = "/socket.io/?EIO=4&transport=polling";

/** The codes of an end: an orderly close, a broken rule, or no close frame at all. */
const ENDED: ReadonlySet<number> = new Set([1000, 1002, 1006]);

type Door = "listen" | "attach" | "handler";
const DOORS: readonly Door[] = ["listen", "attach", "handler"];

/** Runs a Socket.IO server that echoes the event `echo`, in one of the three ways, for the length of a block. */
async function behind(
  door: Door,
  options: SocketIoServerOptions,
  run: (port: number, io: SocketIoServer) => Promise<void>,
): Promise<void> {
  const io = new SocketIoServer({ serveClient: false, ...options });
  io.on("connection", (socket) => {
    socket.on("echo", (...args) => void socket.emit("echo", ...args));
  });
  if (door === "listen") {
    const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
    try {
      await run(port, io);
    } finally {
      await io.close();
    }
  } else if (door === "attach") {
    const http = createServer((_request, response) => response.end("a page"));
    io.attach(http);
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    try {
      await run((http.address() as AddressInfo).port, io);
    } finally {
      await io.close();
    }
  } else {
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, io.handler());
    try {
      await run(server.addr.port, io);
    } finally {
      await io.close();
      await server.shutdown();
    }
  }
}

/** Sends a whole request and returns the answer. The connection ends with it. */
async function ask(
  port: number,
  line: string,
  headers: Record<string, string> = {},
  body = "",
): Promise<{ status: number; head: string; body: string }> {
  using wire = await Wire.connect(port);
  const all = { Host: "127.0.0.1", Connection: "close", ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const length = body === "" ? "" : `Content-Length: ${body.length}\r\n`;
  await wire.write(`${line} HTTP/1.1\r\n${lines}${length}\r\n${body}`);
  return await wire.readResponse();
}

/** Opens a session by polling; returns its id. */
async function openSession(port: number): Promise<string> {
  const { status, body } = await ask(port, `GET ${POLLING}`);
  assertEquals(status, 200, body);
  return JSON.parse(body.slice(body.indexOf("{"), body.lastIndexOf("}") + 1)).sid;
}

/** A client that has joined the main namespace over a WebSocket. */
async function join(port: number): Promise<Wire> {
  const wire = await openWebSocket(port, { path: WS });
  assertMatch(await wire.readText() ?? "", /^0\{/);
  await wire.write(clientFrame(1, "40"));
  assertMatch(await wire.readText() ?? "", /^40\{/);
  return wire;
}

/** Checks that a client who has joined is served. */
async function assertServed(wire: Wire): Promise<void> {
  await wire.write(clientFrame(1, '42["echo",1]'));
  assertEquals(await wire.readText(), '42["echo",1]');
}

/** Checks that messages end the connection of a client that has joined, and not that of its neighbour. */
async function assertRefused(port: number, neighbour: Wire, ...messages: string[]): Promise<void> {
  using wire = await join(port);
  for (const message of messages) await wire.write(clientFrame(1, message));
  // Nothing but the close frame comes, or the bare end.
  assert(ENDED.has(await wire.readClose()), messages[0].slice(0, 100));
  await assertServed(neighbour);
}

// CVE-2020-36048
for (const door of DOORS) {
  Deno.test(`Huge polling body: it is cut while it is read, and answered with 413, under ${door}`, async () => {
    await behind(door, { maxHttpBufferSize: 100_000 }, async (port, io) => {
      const head = (sid: string, more: string) =>
        `POST ${POLLING}&sid=${sid} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}\r\n\r\n`;
      // In chunks, without an end.
      const chunked = await openSession(port);
      using wire = await Wire.connect(port);
      await wire.write(head(chunked, "Transfer-Encoding: chunked"));
      let sent = 0;
      const chunk = `10000\r\n${"4".repeat(65_536)}\r\n`;
      const writing = (async () => {
        while (sent < 64 * MIB && await wire.write(chunk)) sent += chunk.length;
      })();
      assertEquals(statusOf(await wire.readHead()), 413);
      wire.close();
      await writing;
      assertLess(sent, 64 * MIB);
      // Told in advance: refused before anything of it has come.
      const told = await openSession(port);
      using second = await Wire.connect(port);
      await second.write(head(told, "Content-Length: 10000000000"));
      assertEquals(statusOf(await second.readHead()), 413);
      await until(() => io.engine.clientsCount === 0);
      using other = await join(port);
      await assertServed(other);
    });
  });
}

// CVE-2020-36048, CVE-2026-48779
for (const door of DOORS) {
  Deno.test(`Tiny chunks: a polling body in chunks of one byte costs little more than its bytes, under ${door}`, async () => {
    await behind(door, { maxHttpBufferSize: 1_000_000 }, async (port) => {
      const sid = await openSession(port);
      const growth = await growthDuring(async () => {
        using wire = await Wire.connect(port);
        await wire.write(
          `POST ${POLLING}&sid=${sid} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n`,
        );
        const chunks = repeated(new TextEncoder().encode("1\r\n4\r\n"), 10_000);
        for (let i = 0; i < 50; i++) await wire.write(chunks);
        await wire.write("0\r\n\r\n");
        // 500,000 fours are a packet that is no packet of Socket.IO: the session ends.
        const status = statusOf(await wire.readHead());
        assert(status === 200 || status === 400, `${status}`);
      });
      assertLess(growth, 64 * MIB);
    });
  });
}

/** Frames that no rule allows. */
const BAD_FRAMES: Record<string, Uint8Array> = {
  "RSV1": clientFrame(1, "40", { rsv: 0x40 }),
  "RSV2": clientFrame(1, "40", { rsv: 0x20 }),
  "RSV3": clientFrame(1, "40", { rsv: 0x10 }),
  "an opcode that is none": clientFrame(3, "40"),
  "no mask": serverFrame(1, "40"),
  "a fragmented ping": clientFrame(9, "", { fin: false }),
};

// CVE-2022-21676
for (const door of DOORS) {
  Deno.test(`Early frame: a bad frame in the same segment as the upgrade ends that connection alone, under ${door}`, async () => {
    await behind(door, {}, async (port, io) => {
      for (const [name, behind] of Object.entries(BAD_FRAMES)) {
        // Deno's own WebSocket lets unmasked frames through.
        if (door === "handler" && name === "no mask") continue;
        const { wire, status } = await askForWebSocket(port, { path: WS, behind });
        assert(status === 101 || status === 0, name);
        assert(ENDED.has(await wire.readClose()), name);
        wire.close();
        // The same as a session's change to WebSocket, which then keeps its polling.
        const sid = await openSession(port);
        const probe = await askForWebSocket(port, { path: `${WS}&sid=${sid}`, behind });
        assert(probe.status === 101 || probe.status === 0, name);
        assert(ENDED.has(await probe.wire.readClose()), name);
        probe.wire.close();
        assertEquals((await ask(port, `POST ${POLLING}&sid=${sid}`, {}, "1")).body, "ok");
      }
      await until(() => io.engine.clientsCount === 0);
      using wire = await join(port);
      await assertServed(wire);
    });
  });
}

/** Requests for a WebSocket that are refused, each for a reason of its own. */
const BAD_UPGRADES: string[] = [
  upgradeRequest({}, "GET /socket.io/?EIO=4&transport=nothing HTTP/1.1"),
  upgradeRequest({}, `GET ${WS}&sid=nobody HTTP/1.1`),
  upgradeRequest({}, "GET /socket.io/?EIO=3&transport=websocket HTTP/1.1"),
  upgradeRequest({ "Sec-WebSocket-Key": "x" }, `GET ${WS} HTTP/1.1`),
  upgradeRequest({ "Sec-WebSocket-Version": "12" }, `GET ${WS} HTTP/1.1`),
  upgradeRequest({ Origin: "https://evil.example" }, `GET ${WS} HTTP/1.1`),
];

// CVE-2022-41940
for (const door of DOORS) {
  Deno.test(`Refused socket: 1,000 clients that reset their connection while they are refused harm nobody, under ${door}`, async () => {
    await behind(door, {}, async (port, io) => {
      using neighbour = await join(port);
      const attack = async (i: number): Promise<void> => {
        using wire = await Wire.connect(port);
        await wire.write(BAD_UPGRADES[i % BAD_UPGRADES.length]);
        // Closed with an answer that was not read, a connection is reset; every other one goes before the answer.
        if (i % 2 === 0) await wire.conn.read(new Uint8Array(1)).catch(() => {});
      };
      for (let done = 0; done < 1000; done += 50) {
        await Promise.all(Array.from({ length: 50 }, (_, i) => attack(done + i)));
      }
      await assertServed(neighbour);
      assertEquals(io.engine.clientsCount, 1);
    });
  });
}

const QUERIES: string[] = [
  "",
  "EIO=4",
  "transport",
  "transport=",
  "transport=constructor&EIO=4",
  "transport=__proto__&EIO=4",
  "transport=toString&EIO=4",
  "transport=webtransport&EIO=4",
  "transport=polling&transport=constructor&EIO=4",
  "transport[]=polling&EIO=4",
  "transport[name]=polling&EIO=4",
  "EIO=__proto__&transport=TRANSPORT",
  "EIO=constructor&transport=TRANSPORT",
  "EIO=4&EIO=3&transport=TRANSPORT",
  "EIO[]=4&transport=TRANSPORT",
  "EIO=4&transport=TRANSPORT&sid=__proto__",
  "EIO=4&transport=TRANSPORT&sid=constructor",
  "EIO=4&transport=TRANSPORT&sid=a&sid=b",
  "EIO=4&transport=TRANSPORT&sid=%00",
  "EIO=4&transport=TRANSPORT&sid=%",
  "EIO=%ZZ&transport=TRANSPORT",
  "%&%=%&=&&==&EIO=%C3%28&transport=TRANSPORT",
  "EIO=4;transport=polling",
];

// CVE-2023-31125
for (const door of DOORS) {
  Deno.test(`Query: transports, sessions and revisions that are no such thing are refused, under ${door}`, async () => {
    await behind(door, {}, async (port, io) => {
      for (const pattern of QUERIES) {
        for (const transport of ["polling", "websocket"]) {
          const path = `/socket.io/?${pattern.replace("TRANSPORT", transport)}`;
          for (const method of ["GET", "POST", "PUT"]) {
            const { status } = await ask(port, `${method} ${path}`);
            assertEquals(status, 400, `${method} ${path}`);
          }
          const { wire, status } = await askForWebSocket(port, { path });
          wire.close();
          assertEquals(status, 400, path);
        }
      }
      assertEquals(io.engine.clientsCount, 0);
      using wire = await join(port);
      await assertServed(wire);
    });
  });
}

// CVE-2026-59725
for (const door of DOORS) {
  Deno.test(`Open request: a body of whatever content type is answered, under ${door}`, async () => {
    await behind(door, {}, async (port) => {
      for (
        const type of [
          "application/octet-stream",
          "text/plain;charset=UTF-8",
          "application/json",
          "multipart/form-data; boundary=x",
          "nonsense",
          "__proto__",
          ";",
        ]
      ) {
        const sid = await openSession(port);
        const headers = { "Content-Type": type };
        const { status } = await ask(port, `POST ${POLLING}&sid=${sid}`, headers, "3");
        assertEquals(status, type === "application/octet-stream" ? 400 : 200, type);
      }
      // An empty one is no packet.
      const sid = await openSession(port);
      const { status } = await ask(port, `POST ${POLLING}&sid=${sid}`, { "Content-Length": "0" });
      assertEquals(status, 400);
    });
  });
}

// engine.io 6.6.7
for (const door of DOORS) {
  Deno.test(`Bypassed hook: every way to a session passes through the same middleware and allowRequest, under ${door}`, async () => {
    const seen: string[] = [];
    let closed = false;
    const options: SocketIoServerOptions = {
      allowRequest: (request, decide) => decide(null, !request.headers["x-banned"]),
    };
    await behind(door, options, async (port, io) => {
      io.engine.use((request, _response, next) => {
        seen.push(`${request.method} ${request._query?.transport ?? ""}`);
        next(closed ? new Error("closed") : undefined);
      });
      const sid = await openSession(port);
      await ask(port, `POST ${POLLING}&sid=${sid}`, {}, "3");
      const probe = await openWebSocket(port, { path: `${WS}&sid=${sid}` });
      probe.close();
      (await openWebSocket(port, { path: WS })).close();
      // On a connection that had another request before.
      using late = await Wire.connect(port);
      await late.write("GET /elsewhere HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
      await late.readResponse();
      await late.write(upgradeRequest({}, `GET ${WS} HTTP/1.1`));
      assertEquals(statusOf(await late.readHead()), 101);
      assertEquals(seen, [
        "GET polling",
        "POST polling",
        "GET websocket",
        "GET websocket",
        "GET websocket",
      ]);
      late.close();
      await ask(port, `POST ${POLLING}&sid=${sid}`, {}, "1");
      await until(() => io.engine.clientsCount === 0);
      const banned = { "x-banned": "1" };
      assertEquals((await ask(port, `GET ${POLLING}`, banned)).status, 403);
      const direct = await askForWebSocket(port, { path: WS, headers: banned });
      direct.wire.close();
      assertEquals(direct.status, 403);
      closed = true;
      assertEquals((await ask(port, `GET ${POLLING}`)).status, 400);
      const refused = await askForWebSocket(port, { path: WS });
      refused.wire.close();
      assertEquals(refused.status, 400);
      using again = await Wire.connect(port);
      await again.write("GET /elsewhere HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
      await again.readResponse();
      await again.write(upgradeRequest({}, `GET ${WS} HTTP/1.1`));
      assertEquals(statusOf(await again.readHead()), 400);
      assertEquals(io.engine.clientsCount, 0);
    });
  });
}

// engine.io d5095fe
for (const door of DOORS) {
  Deno.test(`Second upgrade: of two WebSockets for one session the second is refused, and the first unharmed, under ${door}`, async () => {
    await behind(door, {}, async (port) => {
      const sid = await openSession(port);
      const path = `${WS}&sid=${sid}`;
      using first = await openWebSocket(port, { path });
      await first.write(clientFrame(1, "2probe"));
      assertEquals(await first.readText(), "3probe");
      const second = await askForWebSocket(port, { path });
      const answers = second.status === 101 ? await second.wire.readClose() : second.status;
      assertNotEquals(answers, 101);
      second.wire.close();
      await first.write(clientFrame(1, "5"));
      await first.write(clientFrame(1, "40"));
      assertMatch(await first.readText() ?? "", /^40\{/);
      // And once it has changed over, nobody else takes it.
      const third = await askForWebSocket(port, { path });
      if (third.status === 101) assert([1000, 1005, 1006].includes(await third.wire.readClose()));
      else assertEquals(third.status, 400);
      third.wire.close();
      await assertServed(first);
    });
  });
}

// CVE-2020-36049
Deno.test("Quadratic parser: a megabyte of digits, of namespace or of attachments is read in linear time", () => {
  const packets: Record<string, (size: number) => string> = {
    "attachment count": (size) => `5${"1".repeat(size)}-["x"]`,
    "zeros": (size) => `5${"0".repeat(size)}1-["x"]`,
    "acknowledgement": (size) => `2${"1".repeat(size)}["x"]`,
    "namespace": (size) => `2/${"a".repeat(size)},["x"]`,
    "namespace without end": (size) => `2/${"a/".repeat(size)}`,
    "brackets": (size) => `2${"[".repeat(Math.min(size, 10_000))}`,
    "escapes": (size) => `2["x","${"\\u0041".repeat(size)}"]`,
  };
  for (const packet of Object.values(packets)) {
    assertLinear((size) => void new PacketDecoder().add(packet(size)), 65_536);
  }
});

// CVE-2020-36049
Deno.test("Quadratic parser: such packets end their connection alone", async () => {
  await behind("listen", {}, async (port) => {
    using neighbour = await join(port);
    for (const digit of ["5", "2", "3", "2/"]) {
      await assertRefused(port, neighbour, `4${digit}${"1".repeat(900_000)}`);
    }
  });
});

/** Binary events whose placeholder is not that of their one attachment. */
const PLACEHOLDERS = [
  "-1",
  "1",
  "1e9",
  '"0"',
  '"length"',
  "0.5",
  '"__proto__"',
  "null",
  "[0]",
  "{}",
];

// CVE-2022-2421
Deno.test("Attachment index: a placeholder whose number is no index ends the connection, and nothing of it is delivered", async () => {
  await behind("listen", {}, async (port, io) => {
    const delivered: unknown[] = [];
    io.on(
      "connection",
      (socket) => socket.onAny((name) => name !== "echo" && delivered.push(name)),
    );
    using neighbour = await join(port);
    const contents = PLACEHOLDERS.map((num) => `{"_placeholder":true,"num":${num}}`);
    contents.push(`{"_placeholder":true}`, `0`, `{"_placeholder":1,"num":0}`);
    for (const content of contents) {
      using wire = await join(port);
      await wire.write(clientFrame(1, `451-["x",${content}]`));
      await wire.write(clientFrame(2, new Uint8Array([1])));
      assert(ENDED.has(await wire.readClose()), content);
    }
    assertEquals(delivered, []);
    await assertServed(neighbour);
  });
});

// CVE-2023-32695
Deno.test("Event name: one that is no text and no number ends the connection", async () => {
  await behind("listen", {}, async (port) => {
    using neighbour = await join(port);
    const names = ["{}", '{"toString":"x"}', '["x"]', "null", "true", "[]", '{"length":1}'];
    for (const name of names) await assertRefused(port, neighbour, `42[${name},1]`);
    for (const data of ["", "{}", '"x"', "[]", "null", "1"]) {
      await assertRefused(port, neighbour, `42${data}`);
    }
    // Names that every object has are names like any other.
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", ""]) {
      await neighbour.write(clientFrame(1, `42[${JSON.stringify(name)},{"__proto__":{"x":1}}]`));
    }
    await neighbour.write(clientFrame(1, "42[5,1]"));
    await assertServed(neighbour);
    assertEquals(({} as { x?: number }).x, undefined);
  });
});

// CVE-2026-33151, CVE-2026-69185
Deno.test("Attachment count: more than the limit, or none at all, are refused when they are announced", async () => {
  await behind("listen", {}, async (port) => {
    using neighbour = await join(port);
    for (const count of ["11", "51000000", "9007199254740993", "0", "-1", "1e3", "", "01x"]) {
      await assertRefused(port, neighbour, `45${count}-["x",{"_placeholder":true,"num":0}]`);
    }
  });
});

// CVE-2026-33151
Deno.test("Attachment count: attachments that never come end the connection in time, and too many bytes at once", async () => {
  const options = { attachmentTimeout: 50, maxAttachmentBytes: 1_000 };
  await behind("listen", options, async (port) => {
    using neighbour = await join(port);
    using waiting = await join(port);
    await waiting.write(clientFrame(1, '452-["x",{"_placeholder":true,"num":0}]'));
    await waiting.write(clientFrame(2, new Uint8Array(10)));
    assert(ENDED.has(await waiting.readClose()));
    using large = await join(port);
    await large.write(clientFrame(1, '452-["x",{"_placeholder":true,"num":0}]'));
    await large.write(clientFrame(2, new Uint8Array(600)));
    await large.write(clientFrame(2, new Uint8Array(600)));
    assert(ENDED.has(await large.readClose()));
    // Bytes that nobody announced.
    using sudden = await join(port);
    await sudden.write(clientFrame(2, new Uint8Array(10)));
    assert(ENDED.has(await sudden.readClose()));
    await assertServed(neighbour);
  });
});

// CVE-2024-38355
Deno.test("Reserved event: none of the names that the server uses itself can be sent to it, and error harms nobody", async () => {
  await behind("listen", {}, async (port, io) => {
    const heard: unknown[] = [];
    io.on("connection", (socket) => socket.on("disconnect", (reason) => heard.push(reason)));
    using neighbour = await join(port);
    for (
      const name of [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
      ]
    ) {
      await assertRefused(port, neighbour, `42["${name}","forged"]`);
    }
    await until(() => heard.length === 6);
    assertEquals(new Set(heard), new Set(["parse error"]));
    // Nobody listens for it, with an acknowledgement or without.
    await neighbour.write(clientFrame(1, '42["error","x"]'));
    await neighbour.write(clientFrame(1, '427["error",{"message":"x"}]'));
    await assertServed(neighbour);
  });
});

// socket.io#3036
Deno.test("Unexpected packet: types that only a server sends, or that are none, end the connection", async () => {
  await behind("listen", {}, async (port) => {
    using neighbour = await join(port);
    const packets = ["44", '44{"message":"x"}', '44"x"', "47", "48", "49", "4x", "4", "4/", "4-1"];
    packets.push('44/other,{"message":"x"}', '43["x"]', "43", "41{}", "7", "b!", "x", "0{}");
    for (const packet of packets) await assertRefused(port, neighbour, packet);
    await assertRefused(port, neighbour, '42/never,["x"]');
  });
});

// CVE-2020-36049, CVE-2022-2421, CVE-2023-32695, CVE-2026-33151, CVE-2024-38355
Deno.test("Hostile server: a client of Socket.IO ends its connection for packets that are none", async () => {
  const packets = [
    `451-["x",{"_placeholder":true,"num":7}]`,
    `4551000000-["x"]`,
    `42[{"toString":"x"}]`,
    `42["disconnect"]`,
    `42${"1".repeat(100_000)}["x"]`,
    "47",
    "4",
    "x",
  ];
  for (const packet of packets) {
    await using server = byteServer(async (wire) => {
      await acceptWebSocket(wire);
      const open = { sid: "s", upgrades: [], pingInterval: 25_000, pingTimeout: 20_000 };
      await wire.write(serverFrame(1, `0${JSON.stringify({ ...open, maxPayload: 1_000_000 })}`));
      await wire.readText();
      await wire.write(serverFrame(1, '40{"sid":"x"}'));
      await wire.write(serverFrame(1, packet));
      await wire.write(serverFrame(2, new Uint8Array([1])));
      await wire.readClose();
      wire.close();
    });
    const socket = connectSocketIo(`http://127.0.0.1:${server.port}`, {
      transports: ["websocket"],
      reconnection: false,
    });
    const heard: unknown[] = [];
    socket.onAny((name) => heard.push(name));
    const [reason] = await next(socket, "disconnect");
    const expected = packet === "x" ? "transport error" : "parse error";
    assertEquals([reason, heard], [expected, []], packet.slice(0, 40));
    socket.disconnect();
  }
});

// ws 6946f5fe
Deno.test("Credential leak on redirect: a polling client of Socket.IO takes neither headers nor its auth to another host", async () => {
  const heads: string[] = [];
  await using away = byteServer(async (wire) => {
    const head = await wire.readHead();
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    heads.push(head + new TextDecoder().decode(await wire.read(length)));
    await wire.write("HTTP/1.1 400 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    wire.close();
  });
  let requests = 0;
  await using home = byteServer(async (wire) => {
    const head = await wire.readHead();
    // The session opens here, and is sent away with its first packet.
    const open = { sid: "s", upgrades: [], pingInterval: 25_000, pingTimeout: 20_000 };
    const body = `0${JSON.stringify({ ...open, maxPayload: 1_000_000 })}`;
    await wire.write(
      requests++ === 0 && !head.includes("x-api-key")
        ? `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`
        : `HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:${away.port}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
    await wire.readAll();
    wire.close();
  });
  for (const extraHeaders of [{ "x-api-key": "s3cret" }, undefined]) {
    requests = 0;
    const pending: Promise<Response>[] = [];
    const socket = connectSocketIo(`http://127.0.0.1:${home.port}`, {
      transports: ["polling"],
      reconnection: false,
      extraHeaders,
      auth: { token: "s3cret" },
      fetch: (input, init) => {
        const request = fetch(input, init);
        pending.push(request);
        return request;
      },
    });
    await new Promise<void>((resolve) => {
      socket.on("connect_error", () => resolve());
      socket.io.on("close", () => resolve());
    });
    socket.disconnect();
    await Promise.allSettled(pending);
  }
  assert(!heads.some((head) => head.includes("s3cret")), heads.join());
});

// CVE-2020-28481
for (const door of DOORS) {
  Deno.test(`CORS: no other origin is let in unless it is named, and cookies never with a star, under ${door}`, async () => {
    const foreign = { Origin: "https://evil.example", Cookie: "sid=secret" };
    await behind(door, {}, async (port) => {
      for (const line of [`GET ${POLLING}`, `OPTIONS ${POLLING}`]) {
        const { head } = await ask(port, line, foreign);
        assert(!/access-control/i.test(head), head);
      }
      const { wire, status } = await askForWebSocket(port, { path: WS, headers: foreign });
      wire.close();
      assertEquals(status, 403);
    });
    await behind(door, { cors: { origin: "*" } }, async (port) => {
      const { head } = await ask(port, `GET ${POLLING}`, foreign);
      assertMatch(head, /access-control-allow-origin: \*\r\n/i);
      assert(!/allow-credentials/i.test(head), head);
    });
    const named = { origin: ["https://good.example"], credentials: true };
    await behind(door, { cors: named }, async (port) => {
      const good = await ask(port, `GET ${POLLING}`, { Origin: "https://good.example" });
      assertMatch(good.head, /access-control-allow-origin: https:\/\/good\.example\r\n/i);
      for (
        const origin of [
          "https://evil.example",
          "https://good.example.evil.example",
          "https://evilgood.example",
          "http://good.example",
          "https://good.example:8443",
          "null",
        ]
      ) {
        const { head } = await ask(port, `GET ${POLLING}`, { Origin: origin });
        assert(!/access-control-allow-origin/i.test(head), head);
        const { wire, status } = await askForWebSocket(port, {
          path: WS,
          headers: { Origin: origin },
        });
        wire.close();
        assertEquals(status, 403, origin);
      }
    });
    assertThrows(() => new SocketIoServer({ cors: { credentials: true } }), TypeError);
    assertThrows(() => new SocketIoServer({ cors: { origin: "*", credentials: true } }), TypeError);
  });
}

// CVE-2017-16031
Deno.test("Predictable id: session and socket ids are 120 random bits each, and tell nothing of one another", async () => {
  await behind("listen", {}, async (port) => {
    const ids: string[] = [];
    for (let i = 0; i < 200; i++) {
      using wire = await openWebSocket(port, { path: WS });
      const open = await wire.readText() ?? "";
      await wire.write(clientFrame(1, "40"));
      const joined = await wire.readText() ?? "";
      ids.push(JSON.parse(open.slice(1)).sid, JSON.parse(joined.slice(2)).sid);
    }
    assertEquals(new Set(ids).size, 400);
    const bytes = ids.map((id) => {
      assertMatch(id, /^[A-Za-z0-9_-]{20}$/);
      return Uint8Array.fromBase64(id, { alphabet: "base64url" });
    });
    // No part of them counts or stands still: each bit is set in a third to two thirds of them.
    for (let bit = 0; bit < 120; bit++) {
      const set = bytes.filter((id) => id[bit >> 3] >> (bit & 7) & 1).length;
      assert(set > 133 && set < 267, `bit ${bit} is set in ${set} of 400`);
    }
  });
});

// CVE-2026-48779
Deno.test("Tiny fragments: a Socket.IO connection ends early for them, too, compressed or not", async () => {
  for (const perMessageDeflate of [false, true]) {
    await behind("listen", { perMessageDeflate }, async (port) => {
      using neighbour = await join(port);
      for (const data of ["", "4"]) {
        using wire = await openWebSocket(port, {
          path: WS,
          headers: { "Sec-WebSocket-Extensions": "permessage-deflate" },
        });
        await wire.write(clientFrame(1, "4", { fin: false }));
        const next = clientFrame(0, data, { fin: false });
        assertEquals(await flood(wire, repeated(next, 100_000), 10), 1008);
      }
      await assertServed(neighbour);
    });
  }
});
