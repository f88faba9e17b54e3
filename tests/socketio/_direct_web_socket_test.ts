import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { Limits } from "../../net/limits.ts";
import { DirectWebSocket } from "../../socketio/_direct_web_socket.ts";
import type { ConnectWebSocketOptions } from "../../websocket/client.ts";
import { WebSocketConnection } from "../../websocket/connection.ts";
import { WebSocketHandshakeError } from "../../websocket/errors.ts";
import { serve, until, urlOf } from "../_support/websocket_server.ts";

/** Opens one, and notes what it tells. */
function open(url: string, options: ConnectWebSocketOptions = {}) {
  const socket = new DirectWebSocket(url, options);
  const log: unknown[] = [];
  const opened = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  socket.onopen = () => {
    log.push("open");
    opened.resolve();
  };
  socket.onmessage = ({ data }) => log.push(data);
  socket.onerror = ({ error, message }) => {
    assertEquals((error as Error).message, message);
    log.push(error);
  };
  socket.onclose = ({ code, reason }) => {
    log.push(`${code} ${reason}`.trim());
    closed.resolve();
  };
  return { socket, log, opened: opened.promise, closed: closed.promise };
}

Deno.test("direct WebSocket opens, talks and closes", async () => {
  await using server = await serve();
  const { socket, log, opened, closed } = open(urlOf(server));
  assertEquals([socket.readyState, socket.bufferedAmount], [0, 0]);
  await opened;
  assertEquals(socket.readyState, 1);
  socket.send("hello");
  socket.send(Uint8Array.of(1, 2));
  assert(socket.bufferedAmount > 0);
  await until(() => log.length === 3);
  assertEquals([log.splice(0), socket.bufferedAmount], [["open", "hello", Uint8Array.of(1, 2)], 0]);
  socket.close();
  assertEquals(socket.readyState, 2);
  socket.close();
  socket.send("too late");
  await closed;
  assertEquals([socket.readyState, log], [3, ["1000"]]);
  socket.send("much too late");
  socket.close();
});

Deno.test("direct WebSocket tells each message in a turn of its own, and the end behind the last", async () => {
  await using server = await serve({
    default(ws) {
      for (let i = 0; i < 5; i++) ws.send(`${i}`);
      ws.close(4001, "enough");
    },
  });
  const socket = new DirectWebSocket(urlOf(server), {});
  const next = () => new Promise((resolve) => socket.onmessage = ({ data }) => resolve(data));
  const closed = new Promise((resolve) => socket.onclose = ({ code }) => resolve(code));
  const seen: unknown[] = [];
  while (seen.length < 5) {
    seen.push(await next());
    // Who awaits has a few steps to go before it listens again.
    for (let i = 0; i < 10; i++) await null;
  }
  assertEquals(seen, ["0", "1", "2", "3", "4"]);
  assertEquals(await closed, 4001);
});

Deno.test("direct WebSocket tells the first message at once", async () => {
  let peer: WebSocketConnection | undefined;
  await using server = await serve({ default: (ws) => void (peer = ws) });
  const { socket, log, opened } = open(urlOf(server));
  await opened;
  await until(() => peer !== undefined);
  await new Promise((resolve) => setTimeout(resolve, 5));
  peer!.send("one");
  await until(() => log.length === 2);
  assertEquals(log, ["open", "one"]);
  socket.close();
});

Deno.test("direct WebSocket holds a server back that sends faster than it is listened to, and loses nothing", async () => {
  const count = 20_000;
  const limits = new Limits();
  await using server = await serve({
    limits,
    async default(ws) {
      for (let i = 0; i < count; i++) await ws.send(`${i} ${"x".repeat(1000)}`);
    },
  });
  const socket = new DirectWebSocket(urlOf(server), {});
  let seen = 0;
  const all = new Promise<void>((resolve) => {
    socket.onmessage = ({ data }) => {
      assertEquals(parseInt(data as string), seen);
      if (++seen === count) resolve();
    };
  });
  await all;
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.close();
  await closed;
});

Deno.test("direct WebSocket tells nothing behind close, and keeps nothing of it", async () => {
  await using server = await serve({
    default(ws) {
      for (let i = 0; i < 100; i++) ws.send(`${i}`);
    },
  });
  const { socket, log, closed } = open(urlOf(server));
  socket.onmessage = ({ data }) => {
    log.push(data);
    if (data === "1") socket.close();
  };
  await closed;
  assertEquals(log, ["open", "0", "1", "1000"]);
});

Deno.test("direct WebSocket holds a server back that sends empty messages", async () => {
  await using server = await serve({
    default(ws) {
      for (let i = 0; i < 200_000; i++) ws.send("").catch(() => {});
    },
  });
  const { pause } = WebSocketConnection.prototype;
  let held = false;
  try {
    WebSocketConnection.prototype.pause = function () {
      held = true;
      return pause.call(this);
    };
    const { socket, log, closed } = open(urlOf(server));
    await until(() => held || log.length === 200_001);
    socket.close();
    await closed;
    assert(held);
  } finally {
    WebSocketConnection.prototype.pause = pause;
  }
});

Deno.test("direct WebSocket tells why there is no connection, and what ended one", async () => {
  await using server = await serve({ authorize: () => false });
  const refused = open(urlOf(server));
  await refused.closed;
  assertInstanceOf(refused.log[0], WebSocketHandshakeError);
  assertEquals([refused.log.slice(1), refused.socket.readyState], [["1006"], 3]);

  await using other = await serve({ default: (ws) => void ws.on("message", () => ws.terminate()) });
  const lost = open(urlOf(other));
  await lost.opened;
  lost.socket.send("go");
  await lost.closed;
  assertEquals([lost.log.length, lost.log[0], lost.log[2]], [3, "open", "1006"]);
  assertInstanceOf(lost.log[1], Error);

  await using third = await serve();
  const small = open(urlOf(third), { maxMessageSize: 10 });
  await small.opened;
  small.socket.send("x".repeat(11));
  await small.closed;
  assertEquals([(small.log[1] as { code: string }).code, small.log[2]], [
    "MESSAGE_TOO_BIG",
    "1006",
  ]);
});

Deno.test("direct WebSocket sends headers, and leaves out what the handshake has of its own", async () => {
  const seen: Array<string | null> = [];
  await using server = await serve({
    authorize({ headers }) {
      for (const name of ["x-a", "origin", "host", "connection", "sec-websocket-protocol"]) {
        seen.push(headers.get(name));
      }
      return true;
    },
  });
  const { socket, opened, closed, log } = open(urlOf(server), {
    headers: {
      "X-A": "b",
      Origin: `http://127.0.0.1:${server.port}`,
      Host: "example.org",
      Connection: "keep-alive",
      "Content-Length": "0",
      "Sec-WebSocket-Protocol": "x",
    },
  });
  await Promise.race([opened, closed]);
  const { port } = server;
  assertEquals(log, ["open"]);
  assertEquals(seen, ["b", `http://127.0.0.1:${port}`, `127.0.0.1:${port}`, "Upgrade", null]);
  socket.close();
  await closed;
});

Deno.test("direct WebSocket that is closed before it is open opens nothing", async () => {
  let came = 0;
  await using server = await serve({ default: () => void came++ });
  const { socket, log, closed } = open(urlOf(server));
  socket.close();
  assertEquals([socket.readyState, log], [2, []]);
  await closed;
  assertEquals([log.at(-1), log.includes("open"), came], ["1006", false, 0]);
});
