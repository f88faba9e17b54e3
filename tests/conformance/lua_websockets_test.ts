/**
 * What the specs of lua-websockets check (client_spec, client_ev_spec, server_copas_spec, server_ev_spec, frame_spec,
 * handshake_spec, ev_common_spec, tools_spec), against this library's clients, server and codecs. Where the behaviour is another one on
 * purpose, the test says so, and so does docs/from_other_systems.md.
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { EventWebSocket } from "../../socket/event_web_socket.ts";
import { SyncWebSocket } from "../../socket/sync_web_socket.ts";
import { acceptKey, newKey } from "../../websocket/_tools.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";
import {
  type DecodedFrame,
  decodeFrame,
  encodeFrame,
  frameHeaderSize,
} from "../../websocket/frame.ts";
import { buildClientHandshake, buildServerHandshake } from "../../websocket/handshake.ts";
import { parseRequestHead } from "../../websocket/http_head.ts";
import { serveWebSocket, type WebSocketServer } from "../../websocket/server.ts";
import type { ServeWebSocketOptions } from "../../websocket/server_options.ts";
import { WebSocketOpcode } from "../../websocket/types.ts";
import { parseWebSocketUrl } from "../../websocket/url.ts";
import { MISSING_NAME, missingNameCode } from "../_support/missing_name.ts";
import { acceptUpgrade, acceptValue, RawPeer, rawServer } from "../_support/raw_peer.ts";

const SIZES = [127, 0xffff - 1, 0xffff + 1];
const LOCAL = "127.0.0.1";
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const echo = (ws: WebSocketConnection): void => void ws.on("message", (data) => ws.send(data));

function serve(options: Partial<ServeWebSocketOptions> = {}): Promise<WebSocketServer> {
  return serveWebSocket({
    hostname: LOCAL,
    protocols: { "echo-protocol": echo },
    maxMessageSize: 100_000,
    ...options,
  });
}

const url = ({ port }: { port: number }): string => `ws://${LOCAL}:${port}`;

/** A port that nobody listens on. */
async function unusedPort(): Promise<number> {
  const server = await rawServer();
  await server[Symbol.asyncDispose]();
  return server.port;
}

// client_spec

Deno.test("client_spec: a client can be made, and closed without having been connected", async () => {
  assertEquals(await new SyncWebSocket().close(), [false, 1006, "wrong state"]);
  assertEquals(await new SyncWebSocket({ timeout: 1000 }).close(), [false, 1006, "wrong state"]);
});

Deno.test("client_spec: send and receive without a connection", async () => {
  const ws = new SyncWebSocket();
  assertEquals(await ws.send("x"), [null, false, 1006, "wrong state"]);
  assertEquals(await ws.receive(), [null, null, false, 1006, "wrong state"]);
});

Deno.test("client_spec: connect gives true, the subprotocol and the headers", async () => {
  await using server = await serve();
  await using ws = new SyncWebSocket({ timeout: 10_000 });
  const [ok, protocol, headers] = await ws.connect(url(server), "echo-protocol");
  assertEquals([ok, protocol], [true, "echo-protocol"]);
  assert(typeof headers === "object");
  assertMatch(headers["sec-websocket-accept"], /^[A-Za-z0-9+/]{27}=$/);
  assertEquals(headers["sec-websocket-protocol"], "echo-protocol");
});

Deno.test("client_spec: another scheme is a bad protocol, without headers", async () => {
  const result = await new SyncWebSocket().connect(`wsc://${LOCAL}:1234`, "echo-protocol");
  assertEquals(result, [null, "bad protocol"]);
});

Deno.test("client_spec: a port that nobody listens on", async () => {
  const result = await new SyncWebSocket().connect(`ws://${LOCAL}:${await unusedPort()}`);
  assertEquals(result, [null, "connection refused"]);
});

/** LuaSocket's text for it. */
async function missingHostText(): Promise<string> {
  return await missingNameCode() === "EAI_AGAIN"
    ? "temporary failure in name resolution"
    : "host not found";
}

Deno.test("client_spec: a host that there is not", async () => {
  const result = await new SyncWebSocket().connect(`ws://${MISSING_NAME}:1234`);
  assertEquals(result, [null, await missingHostText()]);
});

Deno.test("client_spec: a wrong accept value is told with both, and with the words of the original", async () => {
  await using raw = await rawServer();
  const connecting = new SyncWebSocket().connect(url(raw));
  const peer = await raw.accept();
  const head = await peer.readUntil("\r\n\r\n");
  await peer.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Accept: wrong\r\n\r\n",
  );
  assertEquals(await connecting, [
    null,
    "Websocket Handshake failed: Invalid Sec-Websocket-Accept " +
    `(expected ${await acceptValue(head)} got wrong)`,
  ]);
});

Deno.test("client_spec: send after close, and connect twice", async () => {
  await using server = await serve();
  const ws = new SyncWebSocket();
  await ws.connect(url(server), "echo-protocol");
  assertEquals(await ws.connect(url(server), "echo-protocol"), [null, "wrong state"]);
  await ws.close();
  assertEquals(await ws.send("x"), [null, false, 1006, "wrong state"]);
});

Deno.test("client_spec: an echo of text, also of the lengths at which the header changes", async () => {
  await using server = await serve();
  await using ws = new SyncWebSocket();
  await ws.connect(url(server), "echo-protocol");
  for (const message of ["Hello again", ...SIZES.map((size) => "x".repeat(size))]) {
    assertEquals(await ws.send(message), [true]);
    assertEquals(await ws.receive(), [message, SyncWebSocket.TEXT]);
  }
});

Deno.test("client_spec: close gives a clean end, a code and a reason", async () => {
  await using server = await serve();
  const ws = new SyncWebSocket();
  await ws.connect(url(server), "echo-protocol");
  const [wasClean, code, reason] = await ws.close();
  assertEquals([wasClean, typeof reason], [true, "string"]);
  assert(code >= 1000);
});

// client_ev_spec

interface Recorded {
  client: EventWebSocket;
  opened: Promise<[protocol: string, headers: Record<string, string>]>;
  closed: Promise<[wasClean: boolean, code: number, reason: string]>;
  failed: Promise<string>;
  events: string[];
}

function eventClient(): Recorded {
  const client = new EventWebSocket();
  const opened = Promise.withResolvers<[string, Record<string, string>]>();
  const closed = Promise.withResolvers<[boolean, number, string]>();
  const failed = Promise.withResolvers<string>();
  const events: string[] = [];
  client.on_open((ws, protocol, headers) => {
    assert(ws === client);
    events.push("open");
    opened.resolve([protocol, headers]);
  });
  client.on_close((_ws, ...how) => {
    events.push("close");
    closed.resolve(how);
  });
  client.on_error((_ws, error) => {
    events.push("error");
    failed.resolve(error);
  });
  return {
    client,
    opened: opened.promise,
    closed: closed.promise,
    failed: failed.promise,
    events,
  };
}

Deno.test("client_ev_spec: on_open gets the client, the subprotocol and the headers", async () => {
  await using server = await serve();
  const { client, opened, closed } = eventClient();
  client.connect(url(server), "echo-protocol");
  const [protocol, headers] = await opened;
  assertEquals(protocol, "echo-protocol");
  assertEquals(headers["sec-websocket-protocol"], "echo-protocol");
  client.close();
  await closed;
});

Deno.test("client_ev_spec: connecting twice is an error, and does not touch the connection", async () => {
  await using server = await serve();
  const { client, opened, closed, failed, events } = eventClient();
  client.connect(url(server), "echo-protocol");
  client.connect(url(server), "echo-protocol");
  assertEquals(await failed, "wrong state");
  await opened;
  client.close();
  await closed;
  assertEquals(events, ["error", "open", "close"]);
});

Deno.test("client_ev_spec: another scheme is a bad protocol", async () => {
  const { client, failed } = eventClient();
  client.connect(`ws2://${LOCAL}:12`, "echo-protocol");
  assertEquals(await failed, "bad protocol");
});

Deno.test("client_ev_spec: a response that comes byte by byte is understood, and its wrong accept value refused", async () => {
  await using raw = await rawServer();
  const { client, failed, events } = eventClient();
  client.connect(url(raw));
  const peer = await raw.accept();
  await peer.readUntil("\r\n\r\n");
  const response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
    "Connection: Upgrade\r\nSec-WebSocket-Accept: foo\r\n\r\n";
  for (const byte of response) await peer.write(byte);
  assertEquals(await failed, "accept failed");
  assertEquals(events, ["error"]);
});

Deno.test("client_ev_spec: a response that comes byte by byte is understood, and accepted", async () => {
  await using raw = await rawServer();
  const { client, opened, closed } = eventClient();
  client.connect(url(raw));
  const peer = await raw.accept();
  const head = await peer.readUntil("\r\n\r\n");
  const response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
    `Connection: Upgrade\r\nSec-WebSocket-Accept: ${await acceptValue(head)}\r\n\r\n`;
  for (const byte of response) await peer.write(byte);
  await opened;
  peer.close();
  await closed;
});

Deno.test("client_ev_spec: a server that closes during the handshake has not accepted", async () => {
  for (const part of ["", "HTTP/1.1 101 Switch"]) {
    await using raw = await rawServer();
    const { client, failed, events } = eventClient();
    client.connect(url(raw));
    const peer = await raw.accept();
    await peer.readUntil("\r\n\r\n");
    await peer.write(part);
    peer.close();
    assertEquals(await failed, "accept failed");
    assertEquals(events, ["error"]);
  }
});

Deno.test("client_ev_spec: connect and close at once", async () => {
  await using server = await serve();
  const { client, closed, events } = eventClient();
  client.connect(url(server), "echo-protocol");
  client.close();
  assertEquals(await closed, [false, 1006, ""]);
  assertEquals(events, ["close"]);
});

Deno.test("client_ev_spec: a host that there is not is an error, and no close", async () => {
  const { client, failed, events } = eventClient();
  client.connect(`ws://${MISSING_NAME}:8080`, "echo-protocol");
  assertEquals(await failed, await missingHostText());
  assertEquals(events, ["error"]);
});

Deno.test("client_ev_spec: an echo of text, also of the lengths at which the header changes", async () => {
  await using server = await serve();
  const { client, opened, closed } = eventClient();
  client.connect(url(server), "echo-protocol");
  await opened;
  for (const message of ["Hello", ...SIZES.map((size) => "x".repeat(size))]) {
    const got = new Promise((resolve) =>
      client.on_message((ws, ...what) => resolve([ws === client, ...what]))
    );
    client.send(message);
    assertEquals(await got, [true, message, WebSocketOpcode.TEXT]);
  }
  client.close();
  await closed;
});

Deno.test("client_ev_spec: ten messages come back in their order; then a clean close", async () => {
  await using server = await serve();
  const { client, opened, closed } = eventClient();
  const got: unknown[] = [];
  client.on_message((ws, message) => {
    got.push(message);
    if (got.length === 10) ws.close();
  });
  client.connect(url(server), "echo-protocol");
  await opened;
  const sent = Array.from({ length: 10 }, (_, i) => `message ${i}`);
  for (const message of sent) client.send(message);
  const [wasClean, code, reason] = await closed;
  assertEquals(got, sent);
  assertEquals([wasClean, typeof reason], [true, "string"]);
  assert(code >= 1000);
});

// server_copas_spec and server_ev_spec

Deno.test("server specs: handlers may be for subprotocols, or the default, but there has to be one", async () => {
  for (const options of [{ default: echo }, { protocols: { echo } }]) {
    await using _ = await serveWebSocket({ hostname: LOCAL, ...options });
  }
  await assertRejects(() => serveWebSocket({ hostname: LOCAL }), TypeError);
});

Deno.test("server specs: the listening socket's address is known", async () => {
  await using server = await serve();
  const { addr } = server;
  assert(addr !== undefined && "hostname" in addr);
  assertEquals([addr.hostname, addr.port], [LOCAL, server.port]);
});

Deno.test("server specs: a close is clean on both sides, whoever begins", async () => {
  for (const beginner of ["server", "client", "both"]) {
    const ended = Promise.withResolvers<{ wasClean: boolean; code: number }>();
    await using server = await serve({
      default: async (ws) => {
        if (beginner !== "client") ws.close();
        ended.resolve(await ws.closed);
      },
    });
    const ws = new SyncWebSocket();
    await ws.connect(url(server));
    const [wasClean, code] = beginner === "server"
      ? (await ws.receive()).slice(2) as [boolean, number]
      : await ws.close();
    const there = await ended.promise;
    assertEquals([wasClean, there.wasClean], [true, true], beginner);
    assert(code >= 1000 && there.code >= 1000);
  }
});

Deno.test("server specs: echoes of 5, 127, 65534 and 65536 bytes", async () => {
  await using server = await serve();
  await using ws = new SyncWebSocket();
  await ws.connect(url(server), "echo-protocol");
  for (const size of [5, ...SIZES]) {
    const message = "0".repeat(size);
    await ws.send(message);
    assertEquals(await ws.receive(), [message, 1]);
  }
});

Deno.test("server specs: a broadcast reaches all twenty clients, its sender included, as text", async () => {
  await using server = await serve({
    protocols: { broadcast: (ws) => void ws.on("message", (data) => void ws.broadcast(data)) },
    default: echo,
  });
  const clients = await Promise.all(Array.from({ length: 20 }, async () => {
    const ws = new SyncWebSocket();
    assertEquals((await ws.connect(url(server), "broadcast"))[0], true);
    return ws;
  }));
  await using stranger = new SyncWebSocket({ timeout: 500 });
  await stranger.connect(url(server));
  await clients[7].send("hello broadcast");
  for (const ws of clients) assertEquals(await ws.receive(), ["hello broadcast", 1]);
  assertEquals((await stranger.receive())[4], "timeout", "another subprotocol gets nothing");
  for (const ws of clients) await ws.close();
});

Deno.test("server specs: a client that goes in the middle of its request does not harm the server", async () => {
  await using server = await serve();
  const client = await RawPeer.connect(server.port);
  await client.write("GET / HTTP/1.1\r\nHost: x\r\nUpgr");
  client.close();
  await using ws = new SyncWebSocket();
  assertEquals((await ws.connect(url(server), "echo-protocol"))[0], true);
});

Deno.test("server specs: a request that is none is refused with a status of 400 or above, and the connection closed", async () => {
  // lua-websockets answers all of these with exactly "HTTP/1.1 400 Bad Request\r\n\r\n".
  const rows: [request: string, status: number][] = [
    ["GET / HTTP/1.1\r\n\r\n", 426], // plain HTTP, which a handler could answer
    ["GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n", 400],
    ["nonsense\r\n\r\n", 400],
  ];
  for (const [request, status] of rows) {
    await using server = await serve();
    using client = await RawPeer.connect(server.port);
    await client.write(request);
    const answer = text(await client.readAll());
    assert(answer.startsWith(`HTTP/1.1 ${status} `), answer);
  }
});

Deno.test("server specs: without a subprotocol the default handler gets the client, and nobody else", async () => {
  await using server = await serve({ default: (ws) => ws.send("default") });
  await using ws = new SyncWebSocket();
  assertEquals((await ws.connect(url(server))).slice(0, 2), [true, ""]);
  assertEquals((await ws.receive())[0], "default");
});

Deno.test("server specs: the first subprotocol of the client that the server has is taken", async () => {
  await using server = await serve({ protocols: { b: echo, a: echo } });
  await using ws = new SyncWebSocket();
  assertEquals((await ws.connect(url(server), ["x", "a", "b"]))[1], "a");
});

Deno.test("server specs: a server without a handler that fits refuses", async () => {
  // lua-websockets answers 101 and closes then; here it is refused with 400.
  await using server = await serve();
  const [ok, error] = await new SyncWebSocket().connect(url(server), "unknown");
  assertEquals(ok, null);
  assertMatch(error, /^Websocket Handshake failed: .*400/);
});

Deno.test("server specs: closing the server closes all clients cleanly, unless they are to be kept", async () => {
  const server = await serve();
  const { port } = server;
  const ws = new SyncWebSocket();
  await ws.connect(url(server), "echo-protocol");
  await server.close({ keepClients: true });
  await ws.send("kept");
  assertEquals(await ws.receive(), ["kept", 1]);
  assertEquals(await new SyncWebSocket().connect(url({ port })), [null, "connection refused"]);
  const ended = server.close();
  assertEquals((await ws.receive()).slice(0, 3), [null, null, true]);
  await ended;

  const other = await serve();
  const clients = await Promise.all([1, 2, 3].map(async () => {
    const client = new SyncWebSocket();
    await client.connect(url(other), "echo-protocol");
    return client;
  }));
  const closing = other.close();
  for (const client of clients) {
    assertEquals((await client.receive()).slice(0, 3), [null, null, true]);
  }
  await closing;
});

Deno.test("server specs: a client that is suddenly gone does not harm the server", async () => {
  await using server = await serve();
  const gone = await connectWebSocket(url(server), { protocols: ["echo-protocol"] });
  gone.terminate();
  await using ws = new SyncWebSocket();
  assertEquals((await ws.connect(url(server), "echo-protocol"))[0], true);
});

Deno.test("server specs: a handler may close at once", async () => {
  await using server = await serve({ default: (ws) => void ws.close(1000, "no time") });
  const ws = new SyncWebSocket();
  await ws.connect(url(server));
  assertEquals(await ws.receive(), [null, null, true, 1000, "no time"]);
});

Deno.test("server specs: a handler knows the socket of its client", async () => {
  const addresses = Promise.withResolvers<unknown>();
  await using server = await serve({ default: (ws) => addresses.resolve(ws.remoteAddr) });
  await using ws = new SyncWebSocket();
  await ws.connect(url(server));
  assertEquals(await addresses.promise, ws.connection!.localAddr as unknown);
});

// frame_spec

const FRAMES: [name: string, frame: number[], payload: string, opcode: number, fin: boolean][] = [
  ["a text", [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f], "Hello", 1, true],
  [
    "a masked text",
    [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
    "Hello",
    1,
    true,
  ],
  ["a first fragment", [0x01, 0x03, 0x48, 0x65, 0x6c], "Hel", 1, false],
  ["a last fragment", [0x80, 0x02, 0x6c, 0x6f], "lo", 0, true],
];

Deno.test("frame_spec: the opcodes", () => {
  assertEquals({ ...WebSocketOpcode }, {
    CONTINUATION: 0,
    TEXT: 1,
    BINARY: 2,
    CLOSE: 8,
    PING: 9,
    PONG: 10,
  });
});

Deno.test("frame_spec: the sizes of the headers", () => {
  assertEquals([0, 125, 126, 0xffff, 0x10000].map((n) => frameHeaderSize(n, false)), [
    2,
    2,
    4,
    4,
    10,
  ]);
  assertEquals(frameHeaderSize(0, true), 6);
});

Deno.test("frame_spec: the examples of the RFC, with what comes behind them, and byte by byte", () => {
  for (const [name, frame, payload, opcode, fin] of FRAMES) {
    const wire = Uint8Array.from([...frame, 1, 2, 3]);
    const decoded = decodeFrame(wire) as DecodedFrame;
    assertEquals(
      [text(decoded.payload), decoded.opcode, decoded.fin],
      [payload, opcode, fin],
      name,
    );
    assertEquals(decoded.masked, frame[1] >= 0x80);
    assertEquals(wire.subarray(decoded.size), new Uint8Array([1, 2, 3]));
    for (let length = 0; length < frame.length; length++) {
      assert(decodeFrame(wire.subarray(0, length)).missing > 0, `${name}, ${length} bytes`);
    }
  }
  const maskKey = 0x37 | 0xfa << 8 | 0x21 << 16 | 0x3d << 24;
  assertEquals([...encodeFrame(bytes("Hello"), { opcode: 1 })], FRAMES[0][1]);
  assertEquals([...encodeFrame(bytes("Hello"), { opcode: 1, maskKey })], FRAMES[1][1]);
  assertEquals([...encodeFrame(bytes("Hel"), { opcode: 1, fin: false })], FRAMES[2][1]);
});

Deno.test("frame_spec: there and back, at the lengths at which the header changes", () => {
  for (const size of SIZES) {
    for (const maskKey of [undefined, 0x01020304]) {
      const payload = new Uint8Array(size).fill(7);
      const decoded = decodeFrame(encodeFrame(payload, { maskKey })) as DecodedFrame;
      assertEquals(decoded.payload, payload);
      assertEquals([decoded.fin, decoded.masked], [true, maskKey !== undefined]);
    }
  }
});

Deno.test("frame_spec: a close frame carries a code and a reason", async () => {
  await using raw = await rawServer();
  const ws = new SyncWebSocket({ timeout: 5000 });
  const connecting = ws.connect(url(raw));
  using peer = await acceptUpgrade(raw);
  await connecting;
  const closing = ws.close(1001, "foo");
  const { payload, opcode } = decodeFrame(await peer.read(11)) as DecodedFrame;
  assertEquals(opcode, WebSocketOpcode.CLOSE);
  assertEquals(payload, new Uint8Array([0x03, 0xe9, ...bytes("foo")]));
  await peer.write(encodeFrame(payload, { opcode: 8 }));
  peer.close();
  assertEquals(await closing, [true, 1001, "foo"]);
});

// handshake_spec

Deno.test("handshake_spec: the accept value of the RFC's key", () => {
  assertEquals(acceptKey("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
});

Deno.test("handshake_spec: the texts of request and response, with and without a subprotocol", () => {
  const key = "dGhlIHNhbXBsZSBub25jZQ==";
  const start = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n" +
    `Connection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n`;
  const request = { target: "/chat", host: "server.example.com", key };
  assertEquals(buildClientHandshake(request), `${start}\r\n`);
  assertEquals(
    buildClientHandshake({ ...request, origin: "http://example.com", protocols: ["chat", "b"] }),
    `${start}Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, b\r\n\r\n`,
  );
  const accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
  const answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
    `Connection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n`;
  assertEquals(buildServerHandshake({ accept }), `${answer}\r\n`);
  assertEquals(
    buildServerHandshake({ accept, protocol: "chat" }),
    `${answer}Sec-WebSocket-Protocol: chat\r\n\r\n`,
  );
});

Deno.test("handshake_spec: headers are found whatever the case of their letters", () => {
  const head = parseRequestHead("GET / HTTP/1.1\r\nHOST: x\r\nuPGRADE:  WebSocket \r\n\r\n");
  assert(!("message" in head));
  assertEquals([head.fields.get("host"), head.fields.get("upgrade")], ["x", "WebSocket"]);
});

// ev_common_spec

Deno.test("ev_common_spec: a small send leaves nothing waiting, a send of 9 MB does, and can be ended", async () => {
  await using raw = await rawServer();
  const { client, opened, closed } = eventClient();
  client.connect(url(raw));
  using peer = await acceptUpgrade(raw);
  await opened;
  client.send("small");
  await peer.read(11);
  assertEquals(client.connection!.bufferedAmount, 0);
  assert(client.send("x".repeat(9_000_000)) > 0);
  client.connection!.terminate();
  const [wasClean, code] = await closed;
  assertEquals([wasClean, code], [false, 1006]);
});

Deno.test("ev_common_spec: a send on a closed socket is an error", async () => {
  await using server = await serve();
  const { client, opened, closed, failed } = eventClient();
  client.connect(url(server), "echo-protocol");
  await opened;
  client.close();
  await closed;
  client.send("x");
  assertEquals(await failed, "wrong state");
});

// tools_spec

Deno.test("tools_spec: keys are 24 characters, and all different", () => {
  const keys = Array.from({ length: 100 }, () => newKey());
  assertEquals(new Set(keys).size, 100);
  for (const key of keys) assertMatch(key, /^[A-Za-z0-9+/]{22}==$/);
});

Deno.test("tools_spec: URLs with and without port and path, in any case of letters", () => {
  const rows: [url: string, secure: boolean, host: string, port: number, target: string][] = [
    ["ws://www.example.com", false, "www.example.com", 80, "/"],
    ["ws://www.example.com:8080", false, "www.example.com", 8080, "/"],
    ["ws://www.example.com:8080/foo", false, "www.example.com", 8080, "/foo"],
    ["wss://www.example.com/foo", true, "www.example.com", 443, "/foo"],
    ["WS://www.example.com/", false, "www.example.com", 80, "/"],
  ];
  for (const [text, secure, hostname, port, target] of rows) {
    const parsed = parseWebSocketUrl(text);
    assertEquals(
      [parsed.secure, parsed.hostname, parsed.port, parsed.target],
      [secure, hostname, port, target],
    );
  }
});
