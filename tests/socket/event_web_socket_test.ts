import { assert, assertEquals, assertThrows } from "@std/assert";
import { EventWebSocket } from "../../socket/event_web_socket.ts";
import type { EventWebSocketOptions } from "../../socket/lua_web_socket_options.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";
import { serveWebSocket, type WebSocketServer } from "../../websocket/server.ts";
import type { ServeWebSocketOptions } from "../../websocket/server_options.ts";
import { CA, identity } from "../_support/certs.ts";
import { acceptUpgrade, rawServer, upgradeResponse } from "../_support/raw_peer.ts";

const echo = (ws: WebSocketConnection): void => void ws.on("message", (data) => ws.send(data));

function serve(options: Partial<ServeWebSocketOptions> = {}): Promise<WebSocketServer> {
  return serveWebSocket({ hostname: "127.0.0.1", default: echo, ...options });
}

const url = ({ port }: { port: number }): string => `ws://127.0.0.1:${port}`;

/** A client whose handlers write down what happens, and a way to wait for it. */
function recorded(options?: EventWebSocketOptions) {
  const client = new EventWebSocket(options);
  const log: string[] = [];
  let waiting: (() => void) | undefined;
  const note = (text: string) => {
    log.push(text);
    waiting?.();
  };
  client.on_open((_ws, protocol) => note(`open ${protocol}`));
  client.on_message((_ws, message, opcode) => note(`message ${message} ${opcode}`));
  client.on_close((_ws, wasClean, code, reason) => note(`close ${wasClean} ${code} ${reason}`));
  client.on_error((_ws, error) => note(`error ${error}`));
  return {
    client,
    log,
    /** Waits until something that begins so is written down. */
    until: (start: string) =>
      new Promise<void>((resolve) => {
        waiting = () => {
          if (log.some((line) => line.startsWith(start))) resolve();
        };
        waiting();
      }),
  };
}

Deno.test("event WebSocket: its states, and handlers that get the client itself", async () => {
  await using server = await serve();
  const { client, until } = recorded();
  const got: unknown[] = [];
  client.on_open((ws, _protocol, headers) => {
    got.push(ws, headers["upgrade"], ws.state);
    ws.close();
    got.push(ws.state);
    ws.close();
  });
  assertEquals([client.state, client.connection], ["CLOSED", null]);
  client.connect(url(server));
  assertEquals(client.state, "CONNECTING");
  await until("close");
  assertEquals(got, [client, "websocket", "OPEN", "CLOSING"]);
  assertEquals([client.state, client.connection], ["CLOSED", null]);
});

Deno.test("event WebSocket can be connected again", async () => {
  await using server = await serve();
  const { client, log, until } = recorded();
  for (let i = 0; i < 2; i++) {
    client.connect(url(server));
    await until("open");
    client.close(4000 + i, "enough");
    await until("close");
    assertEquals(log.splice(0), ["open ", `close true ${4000 + i} enough`]);
  }
});

Deno.test("event WebSocket: send tells what waits, and on_error what goes wrong", async () => {
  await using silent = await rawServer();
  const { client, log, until } = recorded({ maxSendQueueBytes: 1_000_000 });
  assertEquals(client.send("x"), 0);
  await until("error");
  assertEquals(log.splice(0), ["error wrong state"]);
  client.connect(url(silent));
  using peer = await acceptUpgrade(silent);
  await until("open");
  assert(client.send(new Uint8Array(20_000_000)) > 0);
  client.send("too much");
  await until("error");
  assert(log.at(-1)!.includes("Cannot send"));
  assertThrows(() => client.send(42 as unknown as string), TypeError);
  assertThrows(() => client.send(new Uint8Array([0xff]), 1), TypeError);
  assertThrows(() => client.close(1005), RangeError);
  peer.close();
  await until("close");
});

Deno.test("event WebSocket: a server that ends the connection is told with its code and reason", async () => {
  await using server = await serve({ default: (ws) => void ws.close(4001, "go away") });
  const { client, log, until } = recorded();
  client.connect(url(server));
  await until("close");
  assertEquals(log, ["open ", "close true 4001 go away"]);
});

Deno.test("event WebSocket: a connection that is lost is told by on_close alone", async () => {
  await using raw = await rawServer();
  const { client, log, until } = recorded();
  client.connect(url(raw));
  const peer = await acceptUpgrade(raw);
  await until("open");
  peer.close();
  await until("close");
  assertEquals(log, ["open ", "close false 1006 "]);
});

Deno.test("event WebSocket: a peer that breaks the protocol is told by both", async () => {
  await using raw = await rawServer();
  const { client, log, until } = recorded();
  client.connect(url(raw));
  using peer = await acceptUpgrade(raw);
  await until("open");
  await peer.write("\x83\0");
  await peer.read(4);
  peer.close();
  await until("close");
  assertEquals(log.length, 3);
  assert(log[1].startsWith("error ") && log[1].includes("opcode"));
  assert(log[2].startsWith("close false 1006"));
});

Deno.test("event WebSocket: a close that is not answered ends after its time", async () => {
  await using raw = await rawServer();
  const { client, log, until } = recorded();
  client.connect(url(raw));
  using peer = await acceptUpgrade(raw);
  await until("open");
  client.close(1000, "", 30);
  await until("close");
  assertEquals(log, ["open ", "close false 1006 timeout"]);
  await peer.readAll();
});

Deno.test("event WebSocket: connecting ends at its deadline", async () => {
  await using silent = await rawServer();
  const { client, log, until } = recorded({ connectTimeout: 30 });
  client.connect(url(silent));
  await until("error");
  assertEquals(log, ["error timeout"]);
  assertEquals(client.state, "CLOSED");
});

Deno.test("event WebSocket: on_error is told once what the server breaks, also together with its response", async () => {
  const masked = new Uint8Array([0x81, 0x81, 0, 0, 0, 0, 65]);
  const broken = "error The WebSocket failed: the server masked a frame";
  await using raw = await rawServer();
  const { client, log, until } = recorded();
  for (const together of [false, true]) {
    client.connect(url(raw));
    using peer = await raw.accept();
    const head = new TextEncoder().encode(await upgradeResponse(await peer.readUntil("\r\n\r\n")));
    if (together) await peer.write(new Uint8Array([...head, ...masked]));
    else {
      await peer.write(head);
      await until("open");
      await peer.write(masked);
    }
    await until("error");
    peer.close();
    await until("close");
    assertEquals(log.splice(0), ["open ", broken, "close false 1006 "]);
  }
});

Deno.test("event WebSocket: what is no URL, and what can't be offered, is told to on_error", async () => {
  const { client, log, until } = recorded();
  client.connect("no URL");
  await until("error");
  client.connect("ws://127.0.0.1:1", "not a token");
  await until("error Cannot offer");
  assertEquals(log.length, 2);
  assertEquals(client.state, "CLOSED");
});

Deno.test("event WebSocket: who closed while connecting may connect anew at once", async () => {
  await using silent = await rawServer();
  await using server = await serve();
  const { client, log, until } = recorded();
  client.connect(url(silent));
  client.close();
  client.connect(url(server));
  await until("open");
  client.close();
  await until("close true");
  assertEquals(log, ["close false 1006 ", "open ", "close true 1000 "]);
});

Deno.test("event WebSocket: who closes while connecting leaves no connection, and hears of it by on_close alone", async () => {
  await using silent = await rawServer();
  const { client, log } = recorded({ connectTimeout: 60_000 });
  client.connect(url(silent));
  using peer = await silent.accept();
  await peer.readUntil("\r\n\r\n");
  client.close();
  await peer.readAll();
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals([client.state, log], ["CLOSED", ["close false 1006 "]]);
});

Deno.test("event WebSocket: a handler that throws ends its connection with 1011", async () => {
  for (const at of ["open", "message"]) {
    const codes = Promise.withResolvers<number>();
    await using server = await serve({
      default: async (ws) => {
        ws.send("x");
        codes.resolve((await ws.closed).code);
      },
    });
    const { client, log, until } = recorded();
    const fail = () => {
      throw new Error("mine");
    };
    if (at === "open") client.on_open(fail);
    else client.on_message(fail);
    client.connect(url(server));
    await until("close");
    assertEquals(await codes.promise, 1011);
    assert(log.includes("error mine"), log.join());
  }
});

Deno.test("event WebSocket: a handler may throw what has no text", async () => {
  for (const at of ["open", "message"]) {
    await using server = await serve({ default: (ws) => void ws.send("x") });
    const { client, log, until } = recorded();
    const fail = () => Promise.reject(Object.create(null));
    if (at === "open") client.on_open(fail);
    else client.on_message(fail);
    client.connect(url(server));
    await until("close");
    assert(log.includes("error what was thrown has no text"), log.join());
  }
});

Deno.test("event WebSocket: what on_close throws goes to on_error, and what on_error throws to the console", async () => {
  const written: unknown[] = [];
  const { error } = console;
  console.error = (...args) => written.push(args.join(" "));
  try {
    await using server = await serve();
    const { client, until, log } = recorded();
    client.on_close(() => Promise.reject(new Error("in on_close")));
    client.connect(url(server));
    await until("open");
    client.close();
    await until("error in on_close");
    assertEquals(log, ["open ", "error in on_close"]);
    client.on_error(() => {
      throw new Error("in on_error");
    });
    client.send("x");
    client.on_error((_ws, text) => Promise.reject(text));
    client.send("x");
    await Promise.resolve();
    // Without a handler of its own a client writes errors to the console, as lua-websockets does.
    new EventWebSocket().connect("ftp://127.0.0.1");
    assertEquals(written, [
      "Uncaught error in an on_error handler: Error: in on_error",
      "Uncaught error in an on_error handler: wrong state",
      "Error bad protocol",
    ]);
  } finally {
    console.error = error;
  }
});

Deno.test("event WebSocket works without any handler", async () => {
  await using server = await serve({ default: (ws) => ws.send("x").then(() => void ws.close()) });
  const client = new EventWebSocket();
  client.connect(url(server));
  await server.close();
  // It may have been before the server's end, or never have got through.
  client.close();
  await client.connection?.closed;
});

Deno.test("event WebSocket speaks TLS, and checks the certificate", async () => {
  await using server = await serve({ tls: identity("server") });
  const { client, log, until } = recorded();
  client.connect(`wss://localhost:${server.port}`, [], { ca: CA });
  await until("open");
  client.send("é");
  await until("message é 1");
  client.close();
  await until("close");
  client.connect(`wss://localhost:${server.port}`);
  await until("error");
  assert(/certificate/i.test(log.at(-1)!), log.at(-1));
});

Deno.test("event WebSocket: a server that cuts the connection has not accepted it, in the words of any system", async () => {
  const { BrokenPipe, ConnectionAborted, ConnectionReset } = Deno.errors;
  for (const Failure of [BrokenPipe, ConnectionAborted, ConnectionReset]) {
    const { client, log, until } = recorded({ lookup: () => Promise.reject(new Failure("gone")) });
    client.connect("ws://server.test/");
    await until("error");
    assertEquals(log, ["error accept failed"]);
  }
});

Deno.test("event WebSocket: a timeout that no timer can hold is refused at once", () => {
  for (const connectTimeout of [-1, NaN, 2 ** 31]) {
    assertThrows(() => new EventWebSocket({ connectTimeout }), RangeError, "out of range");
  }
});
