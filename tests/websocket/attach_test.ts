import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { CA, identity } from "../_support/certs.ts";
import { ask, RawClient, until, upgradeRequest, urlOf } from "../_support/websocket_server.ts";
import { attachWebSocket } from "../../websocket/attach.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { WebSocketHandshakeError } from "../../websocket/errors.ts";

async function listening(http: Server): Promise<AsyncDisposable & { port: number }> {
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  return {
    port,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void http.close(() => resolve())),
  };
}

Deno.test("attached server echoes beside the pages of its HTTP server", async () => {
  const http = createServer((_request, response) => response.end("page"));
  await using where = await listening(http);
  const server = attachWebSocket(http, {
    protocols: { echo: (ws) => void ws.on("message", (data) => ws.send(data)) },
    perMessageDeflate: true,
  });
  const ws = await connectWebSocket(urlOf(where, "/x?y"), {
    protocols: "echo",
    perMessageDeflate: true,
  });
  assertEquals([ws.protocol, ws.extensions], ["echo", "permessage-deflate"]);
  for (const data of ["text", "x".repeat(300_000), new Uint8Array(70_000)]) {
    await ws.send(data);
    assertEquals((await ws.receive()).data, data);
  }
  const [other] = server.clients;
  assertEquals(other.url, urlOf(where, "/x?y"));
  assertEquals(other.remoteAddr.transport, "tcp");
  assertEquals([server.port, server.addr, server.broadcast("all")], [0, undefined, 1]);
  assertEquals((await ws.receive()).data, "all");
  assertStringIncludes(
    await ask(where.port, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
    "page",
  );
  await server.close({ reason: "bye" });
  assertEquals((await ws.closed).reason, "bye");
});

Deno.test("several servers can be attached, each with its path", async () => {
  const http = createServer();
  await using where = await listening(http);
  const servers = ["/a", "/b"].map((pathname) =>
    attachWebSocket(http, { pathname, default: (ws) => void ws.send(pathname) })
  );
  for (const path of ["/a", "/b?x"]) {
    const ws = await connectWebSocket(urlOf(where, path));
    assertEquals((await ws.receive()).data, path.slice(0, 2));
    await ws.close();
  }
  await servers[0].close();
  const error = await assertRejects(
    () => connectWebSocket(urlOf(where, "/a")),
    WebSocketHandshakeError,
  );
  assertEquals(error.status, 404);
  await servers[1].close();
  assertEquals(http.listenerCount("upgrade"), 0);
});

Deno.test("attached servers refuse what none of them serves, and leave it to others if there are any", async () => {
  const http = createServer();
  await using where = await listening(http);
  const servers = ["/a", "/b"].map((pathname) =>
    attachWebSocket(http, { pathname, default: () => {} })
  );
  const nowhere = () => connectWebSocket(urlOf(where, "/c"), { handshakeTimeout: 5000 });
  assertEquals((await assertRejects(nowhere, WebSocketHandshakeError)).status, 404);

  // One for all paths gets the rest, wherever it stands in the order.
  const rest = attachWebSocket(http, { default: (ws) => void ws.send("rest") });
  const ws = await nowhere();
  assertEquals((await ws.receive()).data, "rest");
  await rest.close();
  await ws.closed;
  assertEquals((await assertRejects(nowhere, WebSocketHandshakeError)).status, 404);

  http.on("upgrade", (request, socket) => {
    if (request.url === "/c") socket.end("HTTP/1.1 418 I am a teapot\r\nContent-Length: 0\r\n\r\n");
  });
  assertEquals((await assertRejects(nowhere, WebSocketHandshakeError)).status, 418);
  for (const server of servers) await server.close();
});

Deno.test("attaching to the same path twice is refused until the first one is closed", async () => {
  const http = createServer();
  for (const pathname of ["/a", undefined]) {
    const first = attachWebSocket(http, { pathname, default: () => {} });
    assertThrows(
      () => attachWebSocket(http, { pathname, default: () => {} }),
      TypeError,
      "already",
    );
    await first.close();
    const second = attachWebSocket(http, { pathname, default: () => {} });
    await second.close();
    await second.close();
  }
  assertEquals(http.listenerCount("upgrade"), 0);
});

Deno.test("attached server serves absolute targets for its own host", async () => {
  const http = createServer();
  await using where = await listening(http);
  const server = attachWebSocket(http, { pathname: "/a", default: () => {} });
  for (const [host, status] of [["127.0.0.1", 101], ["evil.example", 400]] as const) {
    using client = await RawClient.connect(where.port);
    await client.write(upgradeRequest({}, `GET http://${host}/a?b HTTP/1.1`));
    assertStringIncludes(await client.readHead(), `HTTP/1.1 ${status} `);
  }
  await server.close();
});

Deno.test("attached server refuses foreign origins and bad handshakes", async () => {
  const http = createServer();
  await using where = await listening(http);
  const server = attachWebSocket(http, { default: () => {} });
  for (
    const [headers, status] of [
      [{ Origin: "https://evil.example" }, 403],
      [{ "Sec-WebSocket-Version": "7" }, 426],
      [{ "Sec-WebSocket-Key": "x" }, 400],
    ] as const
  ) {
    assertStringIncludes(await ask(where.port, upgradeRequest(headers)), `HTTP/1.1 ${status} `);
  }
  await server.close();
});

Deno.test("attached server works over node:https", async () => {
  const { cert, key } = identity("server");
  const http = createTlsServer({ cert, key });
  await using where = await listening(http as unknown as Server);
  const server = attachWebSocket(http, { default: (ws) => void ws.send("secure") });
  const ws = await connectWebSocket(`wss://localhost:${where.port}/`, {
    tls: { ca: CA },
    lookup: () => Promise.resolve(["127.0.0.1"]),
    origin: `https://localhost:${where.port}`,
  });
  assertEquals((await ws.receive()).data, "secure");
  assertEquals([...server.clients][0].url.slice(0, 4), "wss:");
  await server.close();
  await ws.closed;
});

Deno.test("attached server leaves requests that offer another protocol to the pages", async () => {
  for (const pathname of [undefined, "/ws"]) {
    const http = createServer((_request, response) => response.end("page"));
    await using where = await listening(http);
    const server = attachWebSocket(http, { pathname, default: () => {} });
    const offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n";
    using client = await RawClient.connect(where.port);
    for (const count of [1, 2]) {
      await client.write(`GET / HTTP/1.1\r\nHost: h\r\n${offer}\r\n`);
      await client.readUntil((text) => text.split(/page|426/).length > count);
    }
    assertEquals(client.text.match(/HTTP\/1.1 \d+/g), Array(2).fill("HTTP/1.1 200"));
    await server.close();
    http.closeAllConnections();
  }
});

Deno.test("attached server refuses more clients than it may have", async () => {
  const http = createServer();
  await using where = await listening(http);
  const server = attachWebSocket(http, { default: () => {}, maxConnections: 1 });
  const ws = await connectWebSocket(urlOf(where));
  const error = await assertRejects(() => connectWebSocket(urlOf(where)), WebSocketHandshakeError);
  assertEquals(error.status, 503);
  await ws.close();
  await until(() => server.clients.size === 0);
  await server.close();
});

Deno.test("attached server lives through a client that resets the connection that it was just handed", async () => {
  const http = createServer();
  await using where = await listening(http);
  const server = attachWebSocket(http, { default: () => {} });
  http.on("upgrade", (_request, socket) => {
    socket.emit("error", new Error("reset"));
    socket.destroy();
  });
  await ask(where.port, upgradeRequest());
  await until(() => server.clients.size === 0);
  await server.close();
});

Deno.test("attaching needs a handler", () => {
  const http = createServer();
  assertThrows(() => attachWebSocket(http, {}), TypeError);
  assertEquals(http.listenerCount("upgrade"), 0);
});

Deno.test("attached server refuses options that it does not know, and what is no HTTP server", () => {
  const http = createServer();
  for (
    const [options, text] of [
      [{ path: "/chat" }, "`path` is `pathname` here"],
      [{ port: 80 }, "`port` is for the HTTP server to say"],
      [{ server: http }, "`server` is the first argument"],
      [{ handler: () => {} }, "there is no option `handler`"],
    ] as const
  ) {
    const given = { default: () => {}, ...options };
    assertThrows(() => attachWebSocket(http, given), TypeError, text);
  }
  // Express makes a function with the methods of an emitter.
  const app = Object.assign(() => {}, { on() {}, listen() {} });
  for (const wrong of [undefined, null, { port: 80 }, app]) {
    const given = wrong as unknown as Server;
    assertThrows(() => attachWebSocket(given, { default: () => {} }), TypeError, "node:http");
  }
  assertEquals(http.listenerCount("upgrade"), 0);
});
