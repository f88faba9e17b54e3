import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { SyncWebSocket } from "../../socket/sync_web_socket.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";
import { serveWebSocket, type WebSocketServer } from "../../websocket/server.ts";
import type { ServeWebSocketOptions } from "../../websocket/server_options.ts";
import { CA, identity } from "../_support/certs.ts";
import { acceptUpgrade, rawServer } from "../_support/raw_peer.ts";

const echo = (ws: WebSocketConnection): void => void ws.on("message", (data) => ws.send(data));

function serve(options: Partial<ServeWebSocketOptions> = {}): Promise<WebSocketServer> {
  return serveWebSocket({
    hostname: "127.0.0.1",
    protocols: { "echo-protocol": echo },
    default: echo,
    ...options,
  });
}

const url = ({ port }: { port: number }): string => `ws://127.0.0.1:${port}`;

Deno.test("sync WebSocket: the opcodes are constants", () => {
  const { CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG } = SyncWebSocket;
  assertEquals([CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG], [0, 1, 2, 8, 9, 10]);
});

Deno.test("sync WebSocket: its states", async () => {
  await using server = await serve();
  const ws = new SyncWebSocket();
  assertEquals([ws.state, ws.connection], ["CLOSED", null]);
  const connecting = ws.connect(url(server));
  assertEquals(ws.state, "CONNECTING");
  assertEquals(await ws.connect(url(server)), [null, "wrong state"]);
  await connecting;
  assertEquals(ws.state, "OPEN");
  assertEquals(ws.connection?.state, "open");
  await ws.close();
  assertEquals([ws.state, ws.connection], ["CLOSED", null]);
});

Deno.test("sync WebSocket can be connected again", async () => {
  await using server = await serve();
  const ws = new SyncWebSocket();
  for (let i = 0; i < 2; i++) {
    assertEquals((await ws.connect(url(server)))[0], true);
    await ws.send("again");
    assertEquals((await ws.receive())[0], "again");
    await ws.close();
  }
});

Deno.test("sync WebSocket sends text as text, and bytes as binary, or as it is told", async () => {
  await using server = await serve();
  await using ws = new SyncWebSocket();
  await ws.connect(url(server));
  const { TEXT, BINARY } = SyncWebSocket;
  assertEquals(await ws.send("é"), [true]);
  assertEquals(await ws.receive(), ["é", TEXT]);
  await ws.send(new Uint8Array([0xc3, 0xa9]));
  assertEquals(await ws.receive(), [new Uint8Array([0xc3, 0xa9]), BINARY]);
  await ws.send(new Uint8Array([0xc3, 0xa9]), TEXT);
  assertEquals(await ws.receive(), ["é", TEXT]);
  await ws.send("é", BINARY);
  assertEquals(await ws.receive(), [new Uint8Array([0xc3, 0xa9]), BINARY]);
});

Deno.test("sync WebSocket refuses what can't be sent", async () => {
  await using server = await serve();
  await using ws = new SyncWebSocket();
  await ws.connect(url(server));
  await assertRejects(() => ws.send(42 as unknown as string), TypeError);
  await assertRejects(() => ws.send(new Uint8Array([0xff]), 1), TypeError);
  for (const opcode of [0, 3, 8] as unknown as 1[]) {
    await assertRejects(() => ws.send("x", opcode), TypeError, `opcode ${opcode}`);
  }
  await assertRejects(() => ws.send("data", SyncWebSocket.PING), TypeError, "ping with data");
  await assertRejects(() => ws.close(1005), RangeError);
  assertEquals(ws.state, "OPEN");
});

Deno.test("sync WebSocket tells that pings and pongs can't be sent any more, and loses nothing by it", async () => {
  await using raw = await rawServer();
  await using ws = new SyncWebSocket();
  const connecting = ws.connect(url(raw));
  const peer = await acceptUpgrade(raw);
  await connecting;
  await assertRejects(() => ws.send("x".repeat(126), SyncWebSocket.PONG), RangeError);
  await peer.write(new Uint8Array([0x81, 1, 0x61]));
  peer.close();
  await ws.connection!.closed;
  const { PING, PONG } = SyncWebSocket;
  assertEquals(await ws.send("", PONG), [null, false, 1006, "closed"]);
  assertEquals(await ws.send("", PING), [null, false, 1006, "closed"]);
  assertEquals(await ws.receive(), ["a", 1]);
  assertEquals(await ws.receive(), [null, null, false, 1006, "closed"]);
});

Deno.test("sync WebSocket sends pings and pongs, answers pings, and returns neither", async () => {
  const seen: string[] = [];
  await using server = await serve({
    default: (ws) => {
      ws.on("ping", () => seen.push("ping"));
      ws.on("pong", (payload) => seen.push(`pong ${new TextDecoder().decode(payload)}`));
      ws.on("message", async () => {
        await ws.ping();
        ws.send("after the pong");
      });
    },
  });
  await using ws = new SyncWebSocket();
  await ws.connect(url(server));
  assertEquals(await ws.send("", SyncWebSocket.PING), [true]);
  assertEquals(await ws.send("beat", SyncWebSocket.PONG), [true]);
  assertEquals(await ws.send(new TextEncoder().encode("beat"), SyncWebSocket.PONG), [true]);
  for (const data of [5, {}, null, undefined] as unknown as string[]) {
    await assertRejects(() => ws.send(data, SyncWebSocket.PONG), TypeError, "neither text nor");
    await assertRejects(() => ws.send(data, SyncWebSocket.PING), TypeError, "neither text nor");
  }
  assertEquals(await ws.send(new TextEncoder().encode("beat").buffer, 10), [true]);
  await ws.send("go");
  assertEquals(await ws.receive(), ["after the pong", 1]);
  assertEquals(seen.slice(0, 4), ["ping", "pong beat", "pong beat", "pong beat"]);
});

Deno.test("sync WebSocket: receive gives up after the timeout, and the connection is gone", async () => {
  await using server = await serve();
  const ws = new SyncWebSocket({ timeout: 400 });
  await ws.connect(url(server));
  const connection = ws.connection!;
  assertEquals(await ws.receive(), [null, null, false, 1006, "timeout"]);
  assertEquals([ws.state, connection.state], ["CLOSED", "closed"]);
  assertEquals(await ws.receive(), [null, null, false, 1006, "wrong state"]);
});

Deno.test("sync WebSocket: connect gives up after the timeout", async () => {
  await using silent = await rawServer();
  const ws = new SyncWebSocket({ timeout: 30 });
  assertEquals(await ws.connect(url(silent)), [null, "timeout"]);
  assertEquals(ws.state, "CLOSED");
});

Deno.test("sync WebSocket: a signal ends the call that waits, and those that would", async () => {
  await using server = await serve();
  const aborter = new AbortController();
  const { signal } = aborter;
  const ws = new SyncWebSocket({ signal });
  await ws.connect(url(server));
  const connection = ws.connection!;
  const receiving = ws.receive();
  aborter.abort();
  assertEquals(await receiving, [null, null, false, 1006, "aborted"]);
  assertEquals([ws.state, connection.state], ["CLOSED", "closed"]);
  assertEquals(await ws.connect(url(server)), [null, "aborted"]);
  assertEquals(ws.state, "CLOSED");
  assertThrows(() => new SyncWebSocket({ signal: {} as AbortSignal }), TypeError);
});

Deno.test("sync WebSocket: a signal ends connecting, sending and closing", async () => {
  await using silent = await rawServer();
  const call = async (wait: (ws: SyncWebSocket) => Promise<unknown>) => {
    const aborter = new AbortController();
    const ws = new SyncWebSocket({ signal: aborter.signal, maxSendQueueBytes: 100_000_000 });
    const connecting = ws.connect(url(silent));
    using _peer = await acceptUpgrade(silent);
    await connecting;
    const waiting = wait(ws);
    await new Promise((resolve) => setTimeout(resolve, 20));
    aborter.abort();
    const result = await waiting;
    assertEquals(ws.state, "CLOSED");
    return result;
  };
  const send = (ws: SyncWebSocket) => ws.send(new Uint8Array(50_000_000));
  assertEquals(await call(send), [null, false, 1006, "aborted"]);
  assertEquals(await call((ws) => ws.close()), [false, 1006, "aborted"]);
  const aborter = new AbortController();
  const connecting = new SyncWebSocket({ signal: aborter.signal }).connect(url(silent));
  aborter.abort();
  assertEquals(await connecting, [null, "aborted"]);
});

Deno.test("sync WebSocket: a send that takes too long cuts the connection", async () => {
  await using silent = await rawServer();
  const ws = new SyncWebSocket({ timeout: 800, maxSendQueueBytes: 100_000_000 });
  const connecting = ws.connect(url(silent));
  using _peer = await acceptUpgrade(silent);
  await connecting;
  assertEquals(await ws.send(new Uint8Array(50_000_000)), [null, false, 1006, "timeout"]);
  assertEquals(ws.state, "CLOSED");
});

Deno.test("sync WebSocket: close gives up after the timeout", async () => {
  await using silent = await rawServer();
  const ws = new SyncWebSocket({ timeout: 800 });
  const connecting = ws.connect(url(silent));
  using _peer = await acceptUpgrade(silent);
  assertEquals((await connecting)[0], true);
  assertEquals(await ws.close(), [false, 1006, "timeout"]);
  assertEquals(ws.state, "CLOSED");
});

Deno.test("sync WebSocket: close without a timeout gives up after closeTimeout, with the same text", async () => {
  await using silent = await rawServer();
  const ws = new SyncWebSocket({ closeTimeout: 50 });
  const connecting = ws.connect(url(silent));
  using _peer = await acceptUpgrade(silent);
  assertEquals((await connecting)[0], true);
  assertEquals(await ws.close(), [false, 1006, "timeout"]);
});

Deno.test("sync WebSocket: what came before the end is received, and then the end", async () => {
  await using server = await serve({
    default: async (ws) => {
      await ws.send("last words");
      await ws.close(4000, "done");
    },
  });
  const ws = new SyncWebSocket();
  await ws.connect(url(server));
  await ws.connection!.closed;
  assertEquals(await ws.send("too late"), [null, true, 4000, "done"]);
  assertEquals(await ws.receive(), ["last words", 1]);
  assertEquals(await ws.receive(), [null, null, true, 4000, "done"]);
  assertEquals(ws.state, "CLOSED");
});

Deno.test("sync WebSocket: a connection that is lost has code 1006", async () => {
  await using raw = await rawServer();
  const ws = new SyncWebSocket();
  const connecting = ws.connect(url(raw));
  const peer = await acceptUpgrade(raw);
  await connecting;
  peer.close();
  assertEquals(await ws.receive(), [null, null, false, 1006, "closed"]);
});

Deno.test("sync WebSocket: a peer that breaks the protocol ends the connection, and is told why", async () => {
  const rows: [frame: string, code: number, reason: RegExp][] = [
    ["\x80\x01x", 1002, /^protocol error$/], // a continuation of nothing
    ["\x81\x81\0\0\0\0x", 1006, /mask/], // masked by a server
    ["\x83\0", 1006, /opcode/], // an opcode that is not defined
  ];
  for (const [frame, code, reason] of rows) {
    await using raw = await rawServer();
    const ws = new SyncWebSocket();
    const connecting = ws.connect(url(raw));
    using peer = await acceptUpgrade(raw);
    await connecting;
    await peer.write(frame);
    // What the client says to that is its close frame; then it waits for the end.
    peer.read(4).finally(() => peer.close());
    const [message, opcode, wasClean, gotCode, gotReason] = await ws.receive();
    assertEquals([message, opcode, wasClean, gotCode], [null, null, false, code]);
    assertMatch(gotReason!, reason);
  }
});

Deno.test("sync WebSocket puts fragments together, and gives the opcode of the first", async () => {
  await using raw = await rawServer();
  const ws = new SyncWebSocket();
  const connecting = ws.connect(url(raw));
  using peer = await acceptUpgrade(raw);
  await connecting;
  await peer.write("\x02\x01a\x00\x01b\x80\x01c");
  assertEquals(await ws.receive(), [new Uint8Array([97, 98, 99]), 2]);
  peer.close();
  await ws.receive();
});

Deno.test("sync WebSocket: what is no URL is misuse", async () => {
  const ws = new SyncWebSocket();
  for (const bad of ["", "example.org", "ws://", "ws://a b/", "ws://example.org/#x"]) {
    await assertRejects(() => ws.connect(bad), TypeError);
    assertEquals(ws.state, "CLOSED");
  }
  await assertRejects(() => ws.connect("ws://127.0.0.1:1", "not a token"), TypeError);
});

Deno.test("sync WebSocket: schemes other than WebSocket's are refused, in any case of letters", async () => {
  const ws = new SyncWebSocket();
  for (const scheme of ["wsc", "http", "https", "WSC"]) {
    assertEquals(await ws.connect(`${scheme}://127.0.0.1:1`), [null, "bad protocol"]);
  }
  await using server = await serve();
  assertEquals((await ws.connect(url(server).replace("ws", "WS")))[0], true);
  await ws.close();
});

Deno.test("sync WebSocket speaks TLS, and checks the certificate", async () => {
  await using server = await serve({ tls: identity("server") });
  const ws = new SyncWebSocket();
  const secure = `wss://localhost:${server.port}/`;
  assertEquals((await ws.connect(secure, "echo-protocol", { ca: CA })).slice(0, 2), [
    true,
    "echo-protocol",
  ]);
  await ws.send("secret");
  assertEquals(await ws.receive(), ["secret", 1]);
  await ws.close();
  const [ok, error] = await ws.connect(secure);
  assertEquals(ok, null);
  assertMatch(error, /certificate/i);
});

Deno.test("sync WebSocket: all options of a connection hold, and await using gives up connecting", async () => {
  await using server = await serve();
  await using small = new SyncWebSocket({ maxMessageSize: 10, headers: { "x-a": "b" } });
  await small.connect(url(server));
  await small.send("x".repeat(11));
  const [, , wasClean] = await small.receive();
  assertEquals(wasClean, false);

  await using silent = await rawServer();
  let connecting: Promise<unknown[]>;
  {
    await using ws = new SyncWebSocket();
    connecting = ws.connect(url(silent));
  }
  assertEquals((await connecting)[0], null);
});

Deno.test("sync WebSocket: a timeout that no timer can hold is refused at once", () => {
  for (const timeout of [-1, NaN, 2 ** 31]) {
    assertThrows(() => new SyncWebSocket({ timeout }), RangeError, "out of range");
  }
  assertEquals(new SyncWebSocket({ timeout: Infinity }).state, "CLOSED");
});

/** Calls `then` so many microtasks after each read of the connections that are made. */
function afterReads(turns: number, then: () => void): Disposable {
  const { connect } = Deno;
  Deno.connect = (async (options: Deno.ConnectOptions) => {
    const conn = await connect(options);
    const read = conn.read.bind(conn);
    const late = async (): Promise<void> => {
      for (let i = 0; i < turns; i++) await null;
      then();
    };
    conn.read = (p) => {
      const reading = read(p);
      reading.then(late, () => {});
      return reading;
    };
    return conn;
  }) as typeof Deno.connect;
  return {
    [Symbol.dispose](): void {
      Deno.connect = connect;
    },
  };
}

Deno.test("sync WebSocket: disposed of at any moment after the server's answer", async () => {
  await using server = await rawServer();
  for (let turns = 0; turns < 24; turns++) {
    const ws = new SyncWebSocket();
    const disposed = Promise.withResolvers<void>();
    using _ = afterReads(turns, () => disposed.resolve(ws[Symbol.asyncDispose]()));
    const connecting = ws.connect(url(server));
    using peer = await acceptUpgrade(server);
    const [connected, text] = await connecting;
    if (connected === null) assertMatch(text, /^aborted$/);
    else peer.close();
    await disposed.promise;
    assertEquals([ws.state, ws.connection], ["CLOSED", null], `after ${turns} microtasks`);
  }
});

Deno.test("sync WebSocket: disposed of while it connects, it is closed when that is done", async () => {
  await using server = await rawServer();
  const ws = new SyncWebSocket();
  const connecting = ws.connect(url(server));
  await server.accept();
  await ws[Symbol.asyncDispose]();
  assertEquals(ws.state, "CLOSED");
  const [connected, text] = await connecting;
  assertEquals(connected, null);
  assertMatch(String(text), /^aborted$/);
});

Deno.test("sync WebSocket: loops that do not look at errors let everything else go on", async () => {
  await using server = await serve({ default: (ws) => void ws.close() });
  const ws = new SyncWebSocket();
  const aborted = new SyncWebSocket({ signal: AbortSignal.abort() });
  const ended = new SyncWebSocket();
  await ended.connect(url(server));
  await ended.connection!.closed;
  const calls: Record<string, () => Promise<unknown>> = {
    connectAborted: () => aborted.connect(url(server)),
    connect: () => ws.connect("ftp://127.0.0.1"),
    send: () => ws.send("x"),
    receive: () => ws.receive(),
    close: () => ws.close(),
    sendAfterEnd: () => ended.send("x"),
  };
  for (const [name, call] of Object.entries(calls)) {
    let turned = false;
    setTimeout(() => turned = true);
    for (let i = 0; i < 1000; i++) await call();
    assert(turned, name);
  }
  assertEquals(ended.state, "OPEN");
  await ended.receive();
  assertEquals(ended.state, "CLOSED");
});
