import { assertEquals } from "@std/assert";
import type {
  EngineWebSocket,
  HttpExchange,
  ResponseHeaders,
  UpgradeExchange,
} from "../../socketio/_exchange.ts";
import { FetchExchange, NativeUpgrade } from "../../socketio/_fetch_exchange.ts";
import { KeptResponse } from "../../socketio/_middleware_response.ts";
import { WebSocketTransport } from "../../socketio/_websocket_transport.ts";
import { StubExchange, StubSocket, StubUpgrade } from "../_support/engine_stubs.ts";
import type { EngineResponse } from "../../socketio/types.ts";

const URL_TEXT = "http://example.org/";

/** What every exchange has to do, whatever it is made of. */
const exchanges: Record<string, () => HttpExchange> = {
  "of the web": () => new FetchExchange(new Request(URL_TEXT, { method: "POST", body: "12345" })),
  "of the tests": () => new StubExchange("POST", "", "12345"),
};

for (const [what, make] of Object.entries(exchanges)) {
  Deno.test(`exchange ${what} reads a body, and says when it is too large`, async () => {
    assertEquals(await make().readBody(5), new TextEncoder().encode("12345"));
    assertEquals(await make().readBody(4), "too large");
  });

  Deno.test(`exchange ${what} is done after its response, and after middleware's`, () => {
    const first = make();
    assertEquals(first.done, false);
    first.respond(200, {}, "");
    assertEquals(first.done, true);
    const second = make();
    second.response.end("by middleware");
    assertEquals(second.done, true);
  });
}

const upgrades: Record<string, () => UpgradeExchange> = {
  "of the web": () => new NativeUpgrade(new Request(URL_TEXT), 10),
  "of the tests": () => new StubUpgrade(""),
};

for (const [what, make] of Object.entries(upgrades)) {
  Deno.test(`upgrade ${what} is done when it was refused`, () => {
    const upgrade = make();
    assertEquals(upgrade.done, false);
    upgrade.refuse(400, {}, "no");
    assertEquals(upgrade.done, true);
  });
}

Deno.test("exchange lets middleware see whether the response has gone", () => {
  const ended: ResponseHeaders[] = [];
  const response: EngineResponse = new KeptResponse(({ headers }) => ended.push(headers));
  response.setHeader("X-List", ["a", "b"]);
  response.setHeader("X-Gone", 1);
  response.removeHeader("x-gone");
  assertEquals(response.headersSent, false);
  response.end();
  assertEquals(response.headersSent, true);
  assertEquals(ended, [{ "X-List": ["a", "b"] }]);
});

Deno.test("exchange's WebSocket hands messages to the transport above it", () => {
  const socket = new StubSocket();
  const transport = new WebSocketTransport(socket satisfies EngineWebSocket, {
    onTransportMessage: (_, data) => log.push(data),
    onTransportPacket: (_, { type }) => log.push(type),
    onTransportFault: (_, error) => log.push(error.name),
    onTransportDrain: () => log.push("drain"),
    onTransportClose: (_, error) => log.push(error),
  });
  const log: unknown[] = [];
  transport.start();
  socket.receive("4a", Uint8Array.of(1), "3", "x");
  transport.onSocketDrain();
  transport.onSocketClose(undefined);
  assertEquals(log, ["a", Uint8Array.of(1), "pong", "SocketIoError", "drain", undefined]);
  transport.sendMessage("b", true);
  transport.sendShared({ payload: "4c", frame: new Uint8Array(0) }, true);
  assertEquals(socket.take(), ["4b", "4c"]);
});
