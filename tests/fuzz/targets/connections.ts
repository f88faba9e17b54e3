/** Fuzz targets of whole connections: servers and clients whose other end sends anything, over transports that cut it anywhere. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { NetError } from "../../../net/errors.ts";
import { lengthPrefixFramer } from "../../../net/length_prefix_framer.ts";
import { MessageSocket } from "../../../net/message_socket.ts";
import { pair, type PairOptions } from "../../../net/pair.ts";
import { createSocks5Server } from "../../../net/socks5_server.ts";
import { encodeSocks5Address } from "../../../net/socks5_codec.ts";
import type { Transport } from "../../../net/transport.ts";
import { writeAll } from "../../../net/write_all.ts";
import { connectSocketIo } from "../../../socketio/connect.ts";
import { SocketIoError } from "../../../socketio/errors.ts";
import { SocketIoServer } from "../../../socketio/server.ts";
import { connectWebSocket } from "../../../websocket/client.ts";
import { WebSocketError } from "../../../websocket/errors.ts";
import { serveWebSocket } from "../../../websocket/server.ts";
import { StubWebSocket } from "../../_support/engine_client_stubs.ts";
import {
  asyncFuzzTarget,
  damagedBytes,
  damagedText,
  type FuzzTarget,
  joinBytes,
  latin1Bytes,
  payload,
} from "../../_support/fuzz.ts";
import { inTime, MemoryListener } from "../../_support/kill_switch.ts";
import { FakeConnection, FakeEngine } from "../../_support/socketio_rig.ts";
import { packetMessages } from "./socketio.ts";
import { frameBytes } from "./websocket.ts";

/** What a transport does to what passes: cuts it in pieces, and resets or ends it at some byte. */
const wire: fc.Arbitrary<PairOptions> = fc.record({
  split: fc.constantFrom(1, 3, 16, 65_536),
  capacity: fc.constantFrom(1, 64, 65_536),
  forth: fc.record({
    faults: fc.array(
      fc.record({
        at: fc.integer({ min: 0, max: 600 }),
        action: fc.constantFrom("end" as const, "reset" as const),
      }),
      { maxLength: 1 },
    ),
  }),
});

/** Writes bytes, and reads what comes until the end. Whatever happens to the connection is fine. */
async function speak(transport: Transport, bytes: Uint8Array): Promise<void> {
  const buffer = new Uint8Array(4096);
  const listen = async (): Promise<void> => {
    while (await transport.read(buffer) !== null);
  };
  const talk = async (): Promise<void> => {
    await writeAll(transport, bytes);
    await transport.closeWrite();
  };
  await Promise.allSettled([listen(), talk()]);
  transport.close();
}

const HANDSHAKE = "GET /chat HTTP/1.1\r\nHost: server.test\r\nUpgrade: websocket\r\n" +
  "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

const ofHead = [0x0a, 0x0d, 0x20, 0x3a];

const webSocketServer = asyncFuzzTarget(
  "websocket: a server whose clients send anything",
  fc.tuple(
    fc.oneof(
      fc.tuple(fc.constant(latin1Bytes(HANDSHAKE)), frameBytes("server")),
      fc.tuple(damagedBytes(fc.constant(latin1Bytes(HANDSHAKE)), ofHead), frameBytes("server")),
    ).map((parts) => joinBytes(...parts)),
    wire,
  ),
  async ([bytes, options]) => {
    const listener = new MemoryListener();
    const errors: unknown[] = [];
    const server = await serveWebSocket({
      listener,
      perMessageDeflate: true,
      closeTimeout: 1000,
      default: async (ws) => {
        for await (const message of ws) await ws.send(message);
      },
      onError: (error) => errors.push(error),
    });
    const [a, b] = pair(options);
    listener.push(b);
    await speak(a, bytes);
    // The next client is served as if nothing had been.
    const [c, d] = pair();
    listener.push(d);
    const ws = await connectWebSocket("ws://server.test/", { transport: c });
    await ws.send("still here");
    assertEquals((await ws[Symbol.asyncIterator]().next()).value, "still here");
    await ws.close();
    await inTime(server.close(), "the server's end");
    for (const error of errors) {
      assert(error instanceof WebSocketError || error instanceof NetError, `${error}`);
    }
  },
);

const ANSWER = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Accept: ";

const webSocketClient = asyncFuzzTarget(
  "websocket: a client whose server sends anything",
  fc.tuple(damagedBytes(fc.constant(latin1Bytes(ANSWER)), ofHead), frameBytes("client"), wire),
  async ([head, frames, options]) => {
    const [a, b] = pair(options);
    const server = speak(a, joinBytes(head, latin1Bytes("x\r\n\r\n"), frames));
    const opened = connectWebSocket("ws://server.test/", { transport: b });
    const error = await inTime(opened.catch((error) => error), "the handshake");
    // No server can guess what the key makes.
    assert(error instanceof WebSocketError || error instanceof NetError, `${error}`);
    await server;
  },
);

const framed = asyncFuzzTarget(
  "net: a message socket whose peer sends anything",
  fc.tuple(
    damagedBytes(
      fc.array(payload(30), { maxLength: 4 }).map((all) =>
        joinBytes(...all.map((one) => joinBytes(new Uint8Array([0, one.length]), one)))
      ),
    ),
    wire,
  ),
  async ([bytes, options]) => {
    const [a, b] = pair(options);
    const socket = new MessageSocket(b, lengthPrefixFramer({ prefix: "u16", maxLength: 100 }));
    const peer = speak(a, bytes);
    const echo = async (): Promise<void> => {
      for await (const message of socket) await socket.write(message);
      await socket.closeWrite();
    };
    const error = await inTime(echo().catch((error) => error), "the messages");
    if (error !== undefined) {
      assert(error instanceof NetError, `${error}`);
      assert(["ERR_FRAMING", "ECONNRESET", "EPIPE", "ERR_SOCKET_CLOSED"].includes(error.code));
    }
    await socket.close();
    await peer;
  },
);

const socks = asyncFuzzTarget(
  "net: a SOCKS5 server whose clients send anything",
  fc.tuple(
    damagedBytes(
      fc.constantFrom("127.0.0.1", "a.test", "::1").map((hostname) =>
        joinBytes(
          new Uint8Array([5, 2, 0, 2, 1, 1, 0x75, 1, 0x70, 5, 1, 0]),
          encodeSocks5Address({ hostname, port: 9 }),
        )
      ),
      [0, 1, 2, 3, 4, 5, 0xff],
    ),
    wire,
    fc.boolean(),
  ),
  async ([bytes, options, login]) => {
    const errors: unknown[] = [];
    const server = createSocks5Server({
      // Nobody is connected to, whatever is asked for.
      authorize: () => false,
      authenticate: login ? ({ username }) => username === "u" : undefined,
      onerror: (error) => errors.push(error),
    });
    const [a, b] = pair(options);
    await inTime(Promise.all([server.serve(b), speak(a, bytes)]), "the session");
    assertEquals(server.connections, 0);
    await server.close();
    for (const error of errors) assert(error instanceof NetError, `${error}`);
  },
);

// --- Socket.IO -------------------------------------------------------------------------------------------------------

const socketIoServer = asyncFuzzTarget(
  "socketio: a server whose clients send anything",
  fc.tuple(
    fc.boolean(),
    packetMessages,
    damagedText(
      fc.constantFrom("0", '0{"token":1}', "0/chat,", "1", "41", '2["a"]'),
      '0123456789/,{}"',
    ),
  ),
  async ([joins, messages, last]) => {
    const io = new SocketIoServer({ connectTimeout: 60_000 });
    const engine = new FakeEngine();
    io.bind(engine);
    for (const nsp of ["/", "/chat"]) {
      io.of(nsp).on("connection", (socket) => {
        socket.onAny((_name: unknown, ...args: unknown[]) => {
          const answer = args.at(-1);
          if (typeof answer === "function") answer("ok", new Uint8Array(2));
        });
        socket.on("error", () => {});
      });
    }
    const connection = engine.connect(new FakeConnection());
    if (joins) connection.deliver("0");
    for (const message of [...messages, last]) {
      if (connection.readyState === "open") connection.deliver(message);
    }
    await Promise.resolve();
    // The next client is served as if nothing had been.
    const next = engine.connect(new FakeConnection());
    next.join("/");
    next.deliver('27["hello"]');
    await new Promise((resolve) => setTimeout(resolve));
    const answers = next.take();
    assert(
      answers.some((text) => typeof text === "string" && /^6?3?.*7\[/.test(text)),
      `${answers}`,
    );
    connection.end("transport close");
    next.end("transport close");
    assertEquals(connection.listenerCount, 0);
    assertEquals(io.sockets.sockets.size, 0);
    await io.close();
  },
);

const OPEN =
  '0{"sid":"a","upgrades":[],"pingInterval":60000,"pingTimeout":60000,"maxPayload":1000}';

const socketIoClient = asyncFuzzTarget(
  "socketio: a client whose server sends anything",
  fc.tuple(
    fc.oneof(
      { weight: 4, arbitrary: fc.constant(OPEN) },
      { weight: 1, arbitrary: damagedText(fc.constant(OPEN), '{}[],:"0123456789') },
    ),
    packetMessages,
    damagedText(
      fc.constantFrom("2", "2probe", "1", "6", "40", '44{"message":"no"}', "3"),
      "0123456",
    ),
  ),
  async ([open, messages, last]) => {
    const made: StubWebSocket[] = [];
    class Recorded extends StubWebSocket {
      constructor(url: string, options?: unknown) {
        super(url, options);
        made.push(this);
      }
    }
    const socket = connectSocketIo("http://server.test", {
      transports: ["websocket"],
      reconnection: false,
      forceNew: true,
      WebSocket: Recorded as unknown as typeof WebSocket,
    });
    const errors: unknown[] = [];
    let connected = false;
    socket.on("connect", () => connected = true);
    socket.on("connect_error", (error: unknown) => errors.push(error));
    socket.onAny(() => {});
    const acked = socket.emitWithAck("question").catch((error: unknown) => error);
    const [peer] = made;
    peer.readyState = 1;
    peer.onopen?.();
    for (const text of [open, '40{"sid":"b","pid":"c"}']) peer.onmessage?.({ data: text });
    for (const message of [...messages, last]) {
      const data = typeof message === "string" ? `4${message}` : message.slice().buffer;
      peer.onmessage?.({ data });
    }
    peer.onmessage?.({ data: last });
    peer.readyState = 3;
    peer.onclose?.({ code: 1006, reason: "" });
    await inTime(socket.close(), "the client's end");
    // What was never sent waits for the next `connect`.
    const answer = connected ? await inTime(acked, "the acknowledgement") : undefined;
    if (answer instanceof Error) assert(answer instanceof SocketIoError, `${answer}`);
    for (const error of errors) assert(error instanceof Error, `${error}`);
  },
);

const POLL = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: server.test\r\n";
const requests = fc.constantFrom(
  `${POLL}\r\n`,
  `${POLL}Connection: close\r\n\r\n`,
  "POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n40",
  "POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n40\r\n0\r\n\r\n",
  "OPTIONS /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n\r\n",
  HANDSHAKE.replace("/chat", "/socket.io/?EIO=4&transport=websocket"),
  HANDSHAKE,
);

const socketIoPort = asyncFuzzTarget(
  "socketio: a port that gets any HTTP",
  fc.array(fc.tuple(damagedBytes(requests.map(latin1Bytes), ofHead), frameBytes("server")), {
    minLength: 1,
    maxLength: 2,
  }),
  async (talks) => {
    const io = new SocketIoServer({ connectTimeout: 60_000 });
    const { port } = await io.listen({ hostname: "127.0.0.1", port: 0 });
    const connect = () => Deno.connect({ hostname: "127.0.0.1", port });
    for (const [head, frames] of talks) {
      await inTime(speak(await connect(), joinBytes(head, frames)), "the answer");
    }
    // The next client is served as if nothing had been.
    const conn = await connect();
    await conn.write(latin1Bytes(`${POLL}Connection: close\r\n\r\n`));
    const buffer = new Uint8Array(4096);
    const n = await inTime(conn.read(buffer), "the next answer");
    assert(new TextDecoder().decode(buffer.subarray(0, n ?? 0)).startsWith("HTTP/1.1 200 "));
    conn.close();
    await inTime(io.close(), "the server's end");
  },
);

/** All of them. */
export const CONNECTION_TARGETS: readonly FuzzTarget[] = [
  webSocketServer,
  webSocketClient,
  framed,
  socks,
  socketIoServer,
  socketIoClient,
  socketIoPort,
];
