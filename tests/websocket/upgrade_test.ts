import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { MAX_DELAY } from "../../net/max_delay.ts";
import { RawClient, until, upgradeRequest, urlOf } from "../_support/websocket_server.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";
import { WebSocketError, WebSocketHandshakeError } from "../../websocket/errors.ts";
import { upgradeWebSocket, type UpgradeWebSocketOptions } from "../../websocket/upgrade.ts";

/** A Deno.serve server whose handler upgrades. */
function native(
  options: UpgradeWebSocketOptions,
  use: (ws: WebSocketConnection) => void = (ws) => void ws.on("message", (data) => ws.send(data)),
): AsyncDisposable & { port: number; sockets: WebSocketConnection[]; errors: unknown[] } {
  const sockets: WebSocketConnection[] = [];
  const errors: unknown[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request, info) => {
    try {
      const { response, socket } = upgradeWebSocket(request, { info, ...options });
      sockets.push(socket);
      use(socket);
      return response;
    } catch (error) {
      errors.push(error);
      return new Response("no", { status: (error as WebSocketHandshakeError).status ?? 500 });
    }
  });
  return {
    port: server.addr.port,
    sockets,
    errors,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("upgraded connection carries messages in all styles", async () => {
  await using server = native({ protocols: ["b"], headers: { "x-a": "1" } }, async (ws) => {
    ws.send("early");
    for await (const message of ws) await ws.send(message);
  });
  const ws = await connectWebSocket(urlOf(server, "/p?q"), { protocols: ["a", "b"] });
  assertEquals([ws.protocol, ws.headers.get("x-a")], ["b", "1"]);
  assertEquals((await ws.receive()).data, "early");
  for (const data of ["text", new Uint8Array([1, 2]), "é".repeat(40_000)]) {
    await ws.send(data);
    assertEquals((await ws.receive()).data, data);
  }
  const [own] = server.sockets;
  assertEquals([own.url, own.protocol, own.extensions, own.state], [
    urlOf(server, "/p?q"),
    "b",
    "",
    "open",
  ]);
  assert("hostname" in own.remoteAddr && own.remoteAddr.hostname === "127.0.0.1");
  assertEquals(own.request?.method, "GET");
  const info = await ws.close(4000, "bye");
  assertEquals([info.wasClean, info.code], [true, 4000]);
  const { code, reason, wasClean } = await own.closed;
  assertEquals([code, reason, wasClean], [4000, "bye", true]);
});

Deno.test("upgraded connection throws where the runtime's WebSocket can't follow", async () => {
  await using server = native({}, () => {});
  const ws = await connectWebSocket(urlOf(server));
  const [own] = server.sockets;
  await until(() => own.state === "open");
  await assertRejects(() => own.ping(), TypeError);
  await assertRejects(() => own.send(["parts"]), TypeError);
  await assertRejects(() => own.send("x", { compress: true }), TypeError);
  for (const use of [() => own.pong(), () => own.pause(), () => own.subscribe("t")]) {
    assertThrows(use, TypeError);
  }
  for (const code of [1001, 1011, 999]) assertThrows(() => own.close(code), RangeError);
  assertThrows(() => own.close(1000, "é".repeat(62)), TypeError);
  assertEquals(own.state, "open");
  own.close(3001, "done");
  assertEquals((await ws.closed).code, 3001);
  await own.closed;
});

Deno.test("upgrade refuses options that can't be honoured, and requests that are none", async () => {
  const request = new Request("http://h/", { headers: { upgrade: "websocket" } });
  for (const name of ["perMessageDeflate", "maxFragments", "keepAliveInterval", "authorize", "x"]) {
    const options = { [name]: 1 } as UpgradeWebSocketOptions;
    assertThrows(() => upgradeWebSocket(request, options), TypeError, name);
  }
  assertThrows(() => upgradeWebSocket(new Request("http://h/")), TypeError);
  assertThrows(() => upgradeWebSocket(request, { maxMessageSize: -1 }), RangeError);
  for (const idleTimeout of [-1, NaN, MAX_DELAY + 1, Infinity, null as unknown as number]) {
    assertThrows(() => upgradeWebSocket(request, { idleTimeout }), RangeError, "idleTimeout");
  }
  assertThrows(() => upgradeWebSocket(request, { headers: { upgrade: "x" } }), TypeError);
  await using server = native({});
  using client = await RawClient.connect(server.port);
  await client.write(upgradeRequest({ Origin: "https://evil.example" }));
  assertStringIncludes(await client.readHead(), "HTTP/1.1 403 ");
  assert(server.errors[0] instanceof WebSocketHandshakeError);
});

Deno.test("upgraded connection stays with the longest idle time, and with none", async () => {
  for (const idleTimeout of [0, MAX_DELAY]) {
    await using server = native({ idleTimeout });
    const ws = await connectWebSocket(urlOf(server));
    for (const text of ["one", "two"]) {
      await ws.send(text);
      assertEquals((await ws.receive()).data, text);
    }
    await ws.close();
  }
});

Deno.test("upgraded connection refuses messages above its limit", async () => {
  await using server = native({ maxMessageSize: 10 });
  for (const data of ["x".repeat(11), "é".repeat(6), new Uint8Array(11)]) {
    const ws = await connectWebSocket(urlOf(server));
    await ws.send("é".repeat(5));
    assertEquals((await ws.receive()).data, "é".repeat(5));
    await ws.send(data);
    assertEquals((await ws.closed).code, 4009);
    assertEquals((await server.sockets.at(-1)!.closed).error?.code, "MESSAGE_TOO_BIG");
  }
});

Deno.test("upgraded connection ends when nobody takes its messages", async () => {
  await using server = native({ maxInboxBytes: 1000 }, () => {});
  const ws = await connectWebSocket(urlOf(server));
  for (let i = 0; i < 20; i++) ws.send("x".repeat(100));
  assertEquals((await server.sockets[0].closed).error?.code, "INBOX_FULL");
  // Whether the close frame gets through is up to the runtime, which stops reading.
  assert([4008, 1006].includes((await ws.closed).code));
});

Deno.test("upgraded connection whose listener throws ends alone", async () => {
  await using server = native({}, (ws) => {
    ws.on("message", () => {
      throw new Error("mine");
    });
  });
  const ws = await connectWebSocket(urlOf(server));
  await ws.send("x");
  assertEquals((await ws.closed).code, 4011);
  assertEquals((await server.sockets[0].closed).error?.code, "CALLBACK");
});

Deno.test("upgraded connection that is terminated by its handler lets go of its client", async () => {
  await using server = native({}, (ws) => {
    ws.send("never");
    ws.terminate();
  });
  const ws = await connectWebSocket(urlOf(server));
  const closed = await ws.receive({ timeout: 5000 });
  assertEquals([closed.data, ws.state, server.sockets[0].state], [undefined, "closed", "closed"]);
  assertEquals((await server.sockets[0].closed).code, 1006);
});

Deno.test("upgraded connection tells when its queue has drained", async () => {
  await using server = native({ highWaterMark: 1000 }, () => {});
  const ws = await connectWebSocket(urlOf(server), { maxMessageSize: 1 << 23 });
  const [own] = server.sockets;
  await until(() => own.state === "open");
  let drained = 0;
  own.on("drain", () => drained++);
  const sending = own.send(new Uint8Array(4_000_000));
  const reading = ws.closed;
  await sending;
  assertEquals(own.bufferedAmount < 1000, true);
  await until(() => drained === 1);
  ws.terminate();
  await reading;
  const info = await own.closed;
  assertEquals([info.code, info.wasClean, info.error?.code], [1006, false, "CONNECTION_LOST"]);
  await assertRejects(() => own.send("x"), WebSocketError);
});

// The runtime goes on closing for a while, and nobody can wait for that.
const UNWATCHED = { sanitizeOps: false };

Deno.test(
  "upgraded connection waits for a slow reader, and has its policies",
  UNWATCHED,
  async () => {
    for (const slowReader of ["wait", "drop", "close"] as const) {
      await using server = native(
        { highWaterMark: 100_000, maxSendQueueBytes: 50_000_000, slowReader, closeTimeout: 50 },
        () => {},
      );
      using stuck = await RawClient.connect(server.port);
      await stuck.write(upgradeRequest());
      await stuck.readHead();
      const [ws] = server.sockets;
      await until(() => ws.state === "open");
      const bytes = new Uint8Array(20_000_000);
      const waiting = ws.send(bytes);
      assertEquals(
        (await assertRejects(() => ws.send(bytes, { timeout: 20 }), NetError)).code,
        "ETIMEDOUT",
      );
      const controller = new AbortController();
      const aborted = ws.send(bytes, { signal: controller.signal });
      controller.abort();
      assertEquals((await assertRejects(() => aborted, NetError)).code, "ABORT_ERR");
      assertEquals(ws.trySend("x"), false);
      const last = ws.send("x");
      if (slowReader === "wait") {
        assertEquals((await assertRejects(() => last, WebSocketError)).code, "SEND_QUEUE_FULL");
      } else assertEquals([await last, ws.dropped], [undefined, 1]);
      if (slowReader !== "close") {
        const info = await ws.close();
        assertEquals(info.error?.code, "CLOSE_TIMEOUT");
      } else assertEquals((await ws.closed).error?.code, "SLOW_READER");
      await assertRejects(() => waiting, WebSocketError);
    }
  },
);

Deno.test(
  "upgraded connection gives up a client that reads nothing, whatever waits for it",
  UNWATCHED,
  async () => {
    await using server = native({ idleTimeout: 3000 }, () => {});
    using stuck = await RawClient.connect(server.port);
    await stuck.write(upgradeRequest());
    await stuck.readHead();
    const [ws] = server.sockets;
    const message = new Uint8Array(20_000);
    // Until the system takes no more.
    for (let full = 0; full < 50 && ws.state === "open"; full++) {
      if (ws.bufferedAmount === 0) full = 0;
      if (full === 0) ws.trySend(message);
      await new Promise((resolve) => setTimeout(resolve));
    }
    assertEquals((await ws.closed).error?.code, "CONNECTION_LOST");
  },
);

Deno.test("upgrade finds the subprotocol in a list without spaces", async () => {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { response, socket } = upgradeWebSocket(request, { protocols: ["b"] });
    socket.close();
    return response;
  });
  const { port } = server.addr;
  for (const offer of ["a,b", "a, b", "b"]) {
    using client = await RawClient.connect(port);
    await client.write(upgradeRequest({ "Sec-WebSocket-Protocol": offer }));
    const head = (await client.readHead()).toLowerCase();
    assertStringIncludes(head, "http/1.1 101 ");
    assertEquals(head.match(/sec-websocket-protocol: .*/g), ["sec-websocket-protocol: b"]);
  }
  await server.shutdown();
});

Deno.test("upgraded connection whose writable is aborted closes", async () => {
  await using server = native({}, (ws) => void ws.writable.abort(new Error("mine")));
  const ws = await connectWebSocket(urlOf(server));
  assertEquals((await ws.closed).code, 4011);
  await until(() => server.sockets[0].state === "closed");
});

Deno.test("upgraded connection sends Blobs of any size, in order", async () => {
  const large = new Uint8Array(200_000).fill(7);
  await using server = native({}, (ws) => {
    ws.send(new Blob(["small"]));
    ws.send(new Blob([large]));
    ws.send("last");
  });
  const ws = await connectWebSocket(urlOf(server));
  assertEquals((await ws.receive()).data, new TextEncoder().encode("small"));
  assertEquals((await ws.receive()).data, large);
  assertEquals((await ws.receive()).data, "last");
  await ws.close();
});
