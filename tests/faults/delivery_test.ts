/** Bytes that come one at a time, late, or not at all; and peers that are there and say nothing. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ManualClock } from "../../net/clock.ts";
import { connect } from "../../net/connect.ts";
import { createServer } from "../../net/create_server.ts";
import { dial } from "../../net/dial.ts";
import { NetError } from "../../net/errors.ts";
import { jsonLinesFramer } from "../../net/json_lines_framer.ts";
import { MessageSocket } from "../../net/message_socket.ts";
import { pair } from "../../net/pair.ts";
import { connectThroughProxies } from "../../net/proxy_chain.ts";
import { createSocks5Server } from "../../net/socks5_server.ts";
import { startServerTls, startTls } from "../../net/start_tls.ts";
import type { Transport } from "../../net/transport.ts";
import { writeAll } from "../../net/write_all.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { WebSocketError } from "../../websocket/errors.ts";
import { serveWebSocket } from "../../websocket/server.ts";
import { CA, identity } from "../_support/certs.ts";
import { FaultRelay } from "../_support/fault_relay.ts";
import { inTime, MemoryListener } from "../_support/kill_switch.ts";
import { echoServer, rawServer } from "../_support/raw_peer.ts";
import { next, withServer } from "../_support/socketio_rig.ts";
import { echo, readBytes } from "../_support/transport_io.ts";

const HELLO = new TextEncoder().encode("hello");

/** How bytes are delivered. */
const WAYS = [
  ["one at a time", { split: 1 }],
  ["late", { delay: 2, split: 7 }],
  ["through a window of one byte", { capacity: 1 }],
] as const;

async function converse(transport: Transport): Promise<void> {
  await writeAll(transport, HELLO);
  assertEquals(await readBytes(transport, HELLO.length), HELLO);
  await transport.closeWrite();
  assertEquals(await transport.read(new Uint8Array(1)), null);
  transport.close();
}

for (const [how, faults] of WAYS) {
  Deno.test(`TLS works where bytes come ${how}`, async () => {
    const [a, b] = pair(faults);
    await inTime(
      Promise.all([
        startTls(a, { hostname: "localhost", caCerts: [CA] }).then(converse),
        startServerTls(b, identity("server")).then(echo),
      ]),
      "TLS",
    );
  });

  Deno.test(`a SOCKS5 proxy works where bytes come ${how}`, async () => {
    await using target = await echoServer();
    await using proxy = createSocks5Server({ authenticate: ({ username }) => username === "u" });
    const [a, b] = pair(faults);
    const client = connectThroughProxies(a, ["socks5://u:p@proxy.test"], {
      hostname: "127.0.0.1",
      port: target.port,
    });
    await inTime(Promise.all([client.then(converse), proxy.serve(b)]), "SOCKS5");
  });

  Deno.test(`WebSockets work where bytes come ${how}`, async () => {
    const listener = new MemoryListener();
    await using _server = await serveWebSocket({
      listener,
      perMessageDeflate: { threshold: 0 },
      default: async (ws) => {
        for await (const message of ws) await ws.send(message);
      },
    });
    const [a, b] = pair(faults);
    listener.push(b);
    const ws = await connectWebSocket("ws://server.test/", {
      transport: a,
      perMessageDeflate: { threshold: 100 },
    });
    const messages = ws[Symbol.asyncIterator]();
    for (const text of ["", "a", "\u{1f600}".repeat(40), "x".repeat(700)]) {
      await ws.send(text);
      assertEquals((await inTime(messages.next(), "the echo")).value, text);
    }
    assertEquals((await ws.close()).code, 1000);
  });

  Deno.test(`framed messages arrive whole where bytes come ${how}`, async () => {
    const [a, b] = pair(faults);
    await using client = new MessageSocket(a, jsonLinesFramer());
    await using server = new MessageSocket(b, jsonLinesFramer());
    const sent = [{ a: 1 }, ["\u00e9"], "x".repeat(300), null];
    const received = Array.fromAsync(server);
    for (const message of sent) await client.write(message);
    await client.closeWrite();
    assertEquals(await inTime(received, "the messages"), sent);
  });
}

Deno.test("Socket.IO works through a network that passes on one byte at a time, and late", async () => {
  await withServer({}, async ({ io, port }) => {
    io.on("connection", (socket) => {
      socket.on("echo", (value: unknown, answer: (value: unknown) => void) => answer(value));
    });
    for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]] as const) {
      for (const faults of [{ split: 1 }, { delay: 3, split: 100 }]) {
        await using relay = new FaultRelay(port, faults);
        const socket = connectSocketIo(`http://127.0.0.1:${relay.port}`, {
          transports,
          forceNew: true,
          reconnection: false,
        });
        const value = { text: "\u00e9", bytes: new Uint8Array([1, 2, 3]) };
        assertEquals(await inTime(socket.emitWithAck("echo", value), "the answer"), value);
        await socket.close();
      }
    }
  });
});

// --- stalls ----------------------------------------------------------------------------------------------------------

Deno.test("a stall in the middle of a frame is waited out, and nothing is lost or doubled", async () => {
  const clock = new ManualClock();
  const stall = { at: 200, action: "stall", duration: 5000 } as const;
  const [a, b] = pair({ forth: { faults: [stall] }, clock });
  const listener = new MemoryListener();
  await using _server = await serveWebSocket({
    listener,
    default: async (ws) => {
      for await (const message of ws) await ws.send(message);
    },
  });
  listener.push(b);
  const opening = connectWebSocket("ws://server.test/", { transport: a });
  // The request's head is longer than 200 bytes: it stalls inside.
  await new Promise((resolve) => setTimeout(resolve, 20));
  clock.advance(5000);
  const ws = await inTime(opening, "the handshake");
  const messages = ws[Symbol.asyncIterator]();
  for (const text of ["one", "two", "three"]) {
    await ws.send(text);
    assertEquals((await inTime(messages.next(), "the echo")).value, text);
  }
  await ws.close();
});

Deno.test("a peer that stalls for good in the middle of a message is given up at the deadline", async () => {
  const [a, b] = pair({ forth: { faults: [{ at: 400, action: "stall" }] } });
  const listener = new MemoryListener();
  const ended = Promise.withResolvers<void>();
  await using _server = await serveWebSocket({
    listener,
    messageTimeout: 50,
    closeTimeout: 50,
    default: async (ws) => {
      const { code, error } = await ws.closed;
      assertEquals([code, error?.code], [1006, "MESSAGE_TIMEOUT"]);
      ended.resolve();
    },
  });
  listener.push(b);
  const ws = await connectWebSocket("ws://server.test/", { transport: a, closeTimeout: 50 });
  ws.trySend(new Uint8Array(2000));
  await inTime(ended.promise, "the deadline");
  const { code, error } = await inTime(ws.closed, "the client's end");
  assert(code === 1008 || error !== undefined, `${code}`);
});

// --- half-open peers -------------------------------------------------------------------------------------------------

/** What waits for a peer that has accepted, and says nothing. */
const SILENT: readonly [string, (port: number) => Promise<unknown>, string][] = [
  [
    "TLS",
    (port) =>
      dial({ hostname: "localhost", port }, {
        tls: { caCerts: [CA] },
        family: 4,
        timeout: 400,
      }),
    "ETIMEDOUT",
  ],
  [
    "a SOCKS5 proxy",
    (port) =>
      dial({ hostname: "a.test", port: 1 }, { proxy: `socks5://127.0.0.1:${port}`, timeout: 400 }),
    "ETIMEDOUT",
  ],
  [
    "an HTTP proxy",
    (port) =>
      dial({ hostname: "a.test", port: 1 }, { proxy: `http://127.0.0.1:${port}`, timeout: 400 }),
    "ETIMEDOUT",
  ],
  [
    "a WebSocket",
    (port) => connectWebSocket(`ws://127.0.0.1:${port}/`, { handshakeTimeout: 400 }),
    "HANDSHAKE_TIMEOUT",
  ],
];

for (const [what, open, code] of SILENT) {
  Deno.test(`opening ${what} to a peer that is silent ends at the deadline with ${code}`, async () => {
    await using server = await rawServer();
    const accepted = server.accept();
    const error = await assertRejects(() => inTime(open(server.port), what));
    assert(error instanceof NetError || error instanceof WebSocketError, String(error));
    assertEquals(error.code, code);
    // The peer is told, too: nothing is left open.
    await inTime(accepted.then((peer) => peer.readAll()).catch(() => {}), "the peer's end");
  });
}

Deno.test("a Socket.IO client gives up a server that is silent, and says so", async () => {
  await using server = await rawServer();
  const accepted = server.accept();
  const socket = connectSocketIo(`http://127.0.0.1:${server.port}`, {
    transports: ["websocket"],
    reconnection: false,
    timeout: 400,
  });
  const [error] = await inTime(next<[Error]>(socket, "connect_error"), "connect_error");
  assert(error.message.length > 0);
  await socket.close();
  await inTime(accepted.then((peer) => peer.readAll()).catch(() => {}), "the peer's end");
});

Deno.test("a peer that vanished without a word is noticed by keep-alive, on either side", async () => {
  const alive = { keepAliveInterval: 400, keepAliveTimeout: 400, closeTimeout: 200 };
  const ended = Promise.withResolvers<unknown[]>();
  await using server = await serveWebSocket({
    hostname: "127.0.0.1",
    ...alive,
    default: async (ws) => {
      const { code, error } = await ws.closed;
      ended.resolve([code, error?.code]);
    },
  });
  await using relay = new FaultRelay(server.port);
  const ws = await connectWebSocket(`ws://127.0.0.1:${relay.port}/`, alive);
  relay.stalled = true;
  const { code, error } = await inTime(ws.closed, "the client's keep-alive");
  assertEquals([code, error?.code], [1006, "KEEPALIVE_TIMEOUT"]);
  assertEquals(await inTime(ended.promise, "the server's keep-alive"), [1006, "KEEPALIVE_TIMEOUT"]);
});

Deno.test("a Socket.IO client and its server notice a network that passes nothing on", async () => {
  await withServer({ pingInterval: 500, pingTimeout: 500 }, async ({ io, port }) => {
    for (const transports of [["polling"], ["websocket"]] as const) {
      /** The platform's WebSocket, which ends when the network comes back, or is cut. */
      const ended: Promise<unknown>[] = [];
      class Watched extends WebSocket {
        constructor(url: string) {
          super(url);
          ended.push(new Promise((resolve) => this.addEventListener("close", resolve)));
        }
      }
      await using relay = new FaultRelay(port);
      const joined = next<[{ once: (event: string, fn: (reason: string) => void) => void }]>(
        io as never,
        "connection",
      );
      const socket = connectSocketIo(`http://127.0.0.1:${relay.port}`, {
        transports,
        upgrade: false,
        forceNew: true,
        reconnection: false,
        WebSocket: Watched as typeof WebSocket,
      });
      const connected = next(socket, "connect");
      const lost = next<[string]>(socket, "disconnect");
      const [here] = await inTime(joined, "the server's side");
      const gone = new Promise<string>((resolve) => here.once("disconnect", resolve));
      await inTime(connected, "the client's side");
      relay.stalled = true;
      assertEquals(await inTime(gone, "the server"), "ping timeout");
      assertEquals((await inTime(lost, "the client"))[0], "ping timeout");
      await inTime(socket.close(), "close");
      relay.cut();
      await inTime(Promise.all(ended), "the platform's WebSocket");
    }
  });
});

Deno.test("a peer that never ends its side is closed by the idle time, and one that never answers an end by destroy", async () => {
  await using server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    socket.resume();
    socket.setTimeout(40, () => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await next(server as never, "listening");
  const { port } = server.address() as { port: number };
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => {});
  socket.end("bye");
  socket.resume();
  await inTime(new Promise((resolve) => socket.once("close", resolve)), "the end");
});

Deno.test("a message socket's read gives up at its deadline, and the message that comes later is not lost", async () => {
  const [a, b] = pair();
  await using client = new MessageSocket(a, jsonLinesFramer());
  await using server = new MessageSocket(b, jsonLinesFramer());
  const error = await assertRejects(() => client.read({ timeout: 20 }), NetError);
  assertEquals(error.code, "ETIMEDOUT");
  await server.write("late");
  assertEquals(await inTime(client.read(), "the message"), "late");
});
