import { assertEquals, assertMatch } from "@std/assert";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer, get } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { CA, identity } from "../_support/certs.ts";
import { RawClient, upgradeRequest } from "../_support/websocket_server.ts";
import { attachWebSocket } from "../../websocket/attach.ts";
import { ignoreOtherUpgrades } from "../../websocket/other_upgrades.ts";
import { serveWebSocket } from "../../websocket/server.ts";

const H2C = "Host: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n";

async function listening(http: Server): Promise<AsyncDisposable & { port: number }> {
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    port: (http.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
}

function pages(): Server {
  return createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => body += chunk);
    request.on("end", () => response.end(`page ${request.url} ${body};`));
  });
}

/** What comes back for a request that offers HTTP/2, or an upgrade that was told. */
async function offer(port: number): Promise<string> {
  using client = await RawClient.connect(port);
  await client.write(`POST /x HTTP/1.1\r\n${H2C}Content-Length: 4\r\n\r\nbody`);
  await client.readUntil((text) => text.includes(";") || text.includes("told"));
  return client.text.split("\r\n").at(-1)!;
}

const tell = (_request: IncomingMessage, socket: Duplex) =>
  void socket.end("HTTP/1.1 400 Bad Request\r\n\r\ntold");

Deno.test("requests that offer HTTP/2 stay plain where only WebSockets are listened for", async () => {
  const http = pages();
  await using where = await listening(http);
  const { port } = where;
  http.on("upgrade", tell);
  assertEquals(await offer(port), "told");
  const stop = ignoreOtherUpgrades(http, tell);
  const again = ignoreOtherUpgrades(http, tell);
  assertEquals(await offer(port), "page /x body;");
  const other = (_request: IncomingMessage, _socket: Duplex) => {};
  http.on("upgrade", other);
  assertEquals(await offer(port), "told"); // the other one may want it
  http.off("upgrade", other);
  stop();
  stop();
  assertEquals(await offer(port), "page /x body;"); // somebody still wants it
  again();
  assertEquals(await offer(port), "told");
  http.off("upgrade", tell);
});

Deno.test("a server's own say about upgrades stays, and comes back", async () => {
  const http = pages();
  const deciding = http as Server & {
    shouldUpgradeCallback: (request: IncomingMessage) => boolean;
  };
  const mine = deciding.shouldUpgradeCallback = () => false;
  await using where = await listening(http);
  const { port } = where;
  http.on("upgrade", tell);
  const stop = ignoreOtherUpgrades(http, tell);
  using client = await RawClient.connect(port);
  await client.write(upgradeRequest());
  await client.readUntil((text) => text.includes(";"));
  assertMatch(client.text, /^HTTP\/1.1 200 /);
  stop();
  assertEquals(deciding.shouldUpgradeCallback, mine);
  http.off("upgrade", tell);
});

Deno.test("attached servers and front doors of one node:http server leave it what is no WebSocket", async () => {
  const http = pages();
  await using where = await listening(http);
  const { port } = where;
  const deciding = http as Server & { shouldUpgradeCallback?: unknown };
  const before = deciding.shouldUpgradeCallback;
  const attached = ["/a", undefined].map((pathname) =>
    attachWebSocket(http, { pathname, default: () => {} })
  );
  const door = await serveWebSocket({ hostname: "127.0.0.1", http, default: () => {} });
  assertEquals([await offer(port), await offer(door.port)], ["page /x body;", "page /x body;"]);
  using client = await RawClient.connect(port);
  await client.write(upgradeRequest());
  await client.readUntil((text) => text.includes("\r\n\r\n"));
  assertMatch(client.text, /^HTTP\/1.1 101 /);
  await attached[0].close();
  assertEquals(await offer(port), "page /x body;");
  client[Symbol.dispose]();
  await attached[1].close();
  await door.close();
  assertEquals(http.listenerCount("upgrade"), 0);
  assertEquals(deciding.shouldUpgradeCallback, before);
  assertEquals(await offer(port), "page /x body;");
});

Deno.test("an attached node:https server answers requests that offer another protocol", async () => {
  const { cert, key } = identity("server");
  const http = createTlsServer({ cert, key }, (_request, response) => response.end("page"));
  await using where = await listening(http as unknown as Server);
  const server = attachWebSocket(http, { pathname: "/ws", default: () => {} });
  const headers = { connection: "upgrade", upgrade: "h2c" };
  const status = await new Promise((resolve) => {
    const options = { port: where.port, host: "127.0.0.1", ca: CA, headers, agent: false };
    get({ ...options, checkServerIdentity: () => undefined }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
  });
  assertEquals(status, 200);
  await server.close();
});
