import { assertEquals, assertThrows } from "@std/assert";
import {
  checkCallable,
  checkParser,
  checkPath,
  checkRecord,
  checkTransports,
  flag,
  inRange,
  positive,
} from "../../socketio/_option_kinds.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import { SocketIoServer } from "../../socketio/server.ts";

const CLIENT = { autoConnect: false };

function refusedBy(
  make: (options: object) => unknown,
  names: string[],
  ...values: unknown[]
): void {
  for (const name of names) {
    for (const value of values) {
      const error = assertThrows(() => make({ [name]: value }), Error, name);
      assertEquals(error instanceof TypeError || error instanceof RangeError, true, `${error}`);
    }
  }
}
const server = (options: object) => new SocketIoServer(options);
const client = (options: object) =>
  connectSocketIo("http://127.0.0.1:1/", { ...CLIENT, ...options });

Deno.test("option kinds: a text is no number, of which the sum would be a text", () => {
  for (const value of ["5", "", true, null, {}, [], NaN, -1, 0]) {
    assertThrows(() => positive("size", value as number, 1), RangeError, "size");
  }
  assertEquals([positive("size", undefined, 1), positive("size", 5, 1)], [1, 5]);
  assertThrows(() => positive("size", 6, 1, 5), RangeError, "size");
  assertEquals([inRange("size", 0, 1), inRange("size", Infinity, 1)], [0, Infinity]);
  assertThrows(() => inRange("size", 0, 1, 1), RangeError, "0 is out of range");
});

Deno.test("option kinds: the rest", () => {
  assertEquals([flag("x", undefined, true), flag("x", false, true)], [true, false]);
  assertThrows(() => flag("x", "false" as never, true), TypeError, "x");
  checkCallable("x", undefined);
  assertThrows(() => checkCallable("x", {}), TypeError, "x");
  checkParser({ Encoder: class {}, Decoder: class {} });
  assertThrows(() => checkParser({ Encoder: class {} }), TypeError, "parser");
  checkRecord("x", { a: "b" });
  assertThrows(() => checkRecord("x", new Headers()), TypeError, "x");
  checkPath("/x");
  assertThrows(() => checkPath(5), TypeError, "path");
  checkTransports(["websocket"]);
  assertThrows(() => checkTransports("websocket" as never), TypeError, "transports");
});

Deno.test("option kinds: a server takes no texts for numbers, and nothing else of the wrong kind", () => {
  const numbers = [
    "pingInterval",
    "pingTimeout",
    "upgradeTimeout",
    "decisionTimeout",
    "closeTimeout",
  ]
    .concat("destroyUpgradeTimeout", "maxHttpBufferSize", "maxBufferedBytes", "maxBufferedPackets")
    .concat("maxConnections", "messageTimeout", "connectTimeout", "maxChildNamespaces")
    .concat("maxNamespacesPerClient", "maxPendingAcks", "maxAttachments", "maxAttachmentBytes")
    .concat("attachmentTimeout");
  refusedBy(server, numbers, "5", true, NaN, -1);
  refusedBy(server, ["adapter", "onListenerError", "allowRequest"], "x", 5, {});
  refusedBy(server, ["serveClient", "cleanupEmptyChildNamespaces", "allowUpgrades"], "false", 0);
  refusedBy(server, ["transports", "parser", "connectionStateRecovery"], "x", 5, true);
  refusedBy(server, ["path", "httpCompression"], 5, Infinity);
  refusedBy(
    (options) => server({ connectionStateRecovery: options }),
    ["maxDisconnectionDuration", "maxPackets", "maxBytes", "maxSessions", "skipMiddlewares"],
    "5",
  );
});

Deno.test("option kinds: a client takes no texts for numbers, and nothing else of the wrong kind", () => {
  const numbers = [
    "connectTimeout",
    "retries",
    "ackTimeout",
    "maxBufferedEvents",
    "maxBufferedBytes",
    "maxBufferedPackets",
  ]
    .concat("maxPendingAcks", "reconnectionAttempts", "reconnectionDelay", "reconnectionDelayMax")
    .concat("randomizationFactor", "timeout", "maxHttpBufferSize");
  refusedBy(client, numbers, "5", true, NaN, -1);
  const flags = ["upgrade", "tryAllTransports", "withCredentials", "reconnection", "autoConnect"]
    .concat("multiplex", "forceNew", "addTrailingSlash");
  refusedBy(client, flags, "false", 0);
  refusedBy(client, ["fetch", "WebSocket", "parser", "transports"], "x", 5, {});
  refusedBy(client, ["query", "extraHeaders"], "a=b", 5, new Headers(), new Map(), [["a", "b"]]);
  refusedBy(client, ["path"], 5, {});
});

Deno.test("option kinds: parts of an option that there are not are refused", () => {
  refusedBy(
    (options) => server({ connectionStateRecovery: options }),
    ["maxDisconectionDuration", "maxSize"],
    5,
  );
  refusedBy((options) => server({ httpCompression: options }), ["treshold"], 5);
  server({ connectionStateRecovery: { maxPackets: 5 }, httpCompression: { threshold: 5 } });
  for (const none of [undefined, null, false]) {
    assertEquals(
      server({ connectionStateRecovery: none }).sockets.adapter.constructor.name,
      "InMemoryAdapter",
    );
  }
  for (const none of [undefined, null]) {
    client({ query: none, extraHeaders: none, parser: none });
    assertEquals(server({ parser: none }).encoder.encode({ type: 0, nsp: "/" }), ["0"]);
  }
});
