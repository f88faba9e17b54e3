import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import {
  ClientInfo,
  SocketBookEvent,
  SocketBookOption,
  TlsProtocol,
  TransmissionMode,
} from "../../socket/constants.ts";
import { SocketBook } from "../../socket/socket_book.ts";
import type { WebSocketCallback } from "../../socket/socket_book_options.ts";
import { serveWebSocket } from "../../websocket/server.ts";
import { assertError } from "../_support/book.ts";
import { CA, identity } from "../_support/certs.ts";
import { RawPeer, rawServer } from "../_support/raw_peer.ts";

const LOCAL = "127.0.0.1";

Deno.test("French names: a standard server and a client, in WLangage's order of arguments", async () => {
  await using livre = new SocketBook();
  assert(await livre.socketCrée("SERVEUR", 0, LOCAL));
  const port = livre.localPort("SERVEUR");
  assertEquals(await livre.socketAttendConnexion("SERVEUR", 0), false);
  assert(await livre.socketConnecte("CLIENT", port, LOCAL, "5 s"));
  assert(await livre.socketAttendConnexion("SERVEUR", "1 s"));
  const canal = await livre.socketAccepte("SERVEUR");
  assertNotEquals(canal, "");
  assert(await livre.socketEcrit("CLIENT", "Bonjour"));
  assertEquals(await livre.socketLit(canal), "Bonjour");
  assertEquals(await livre.socketLit(canal, false, 10), "");
  assertEquals(livre.socketClientInfo(canal, ClientInfo.ADDRESS), LOCAL);
  assertEquals(livre.socketClientInfo("CLIENT", ClientInfo.PORT), String(port));
  assert(livre.socketExiste(canal));
  assert(await livre.socketFerme("CLIENT"));
  assertEquals(livre.socketExiste("CLIENT"), false);
  assertEquals(livre.erreurDétectée, false);
  assertEquals(await livre.socketLit(canal), "");
  assert(livre.erreurDétectée && livre.erreurDetectee);
  assertEquals(livre.erreurInfo("errCode"), 100031);
  assertEquals(livre.erreurInfo(), livre.lastError!.message);
  assertEquals(livre.erreurInfo("errMessage"), livre.lastError!.message);
  assert(await livre.socketFerme(canal));
  assertEquals([livre.erreurInfo(), livre.erreurInfo("errCode")], ["", 0]);
});

Deno.test("French names without accents are the same functions", async () => {
  await using livre = new SocketBook({ certificates: { moi: identity("server") } });
  assert(await livre.socketCree("A", 0, LOCAL));
  assert(await livre.socketCreeUDP("B", 0, LOCAL));
  assert(await livre.socketCreeSSL("C", 0, "moi", TlsProtocol.TLS1_3, LOCAL));
  assertEquals(livre.names, ["A", "B", "C"]);
  assertEquals(await livre.socketCreeBluetooth("D", "no service"), false);
  assertError(livre, "INVALID_ARGUMENT");
  assertEquals(await livre.socketCreeInfraRouge("E", ""), false);
  assertError(livre, "INVALID_ARGUMENT");
  assert(livre.socketParametre({ nagle: false }));
});

Deno.test("French names take options, too", async () => {
  await using livre = new SocketBook();
  assert(await livre.socketCrée("S", 0, { address: LOCAL, backlog: 5 }));
  assert(await livre.socketConnecte("C", livre.localPort("S"), LOCAL, { timeout: 5000 }));
  assert(await livre.socketAttendConnexion("S", { timeout: 1000 }));
  const canal = await livre.socketAccepte("S", { timeout: 1000 });
  assertEquals(await livre.socketLit(canal, { timeout: 5 }), "");
  assert(await livre.socketEcrit("C", "é", { encoding: "latin1" }));
  assertEquals(await livre.socketLit(canal, { encoding: "latin1" }), "é");
});

Deno.test("SocketRefuse refuses a client", async () => {
  await using livre = new SocketBook();
  await livre.socketCrée("S", 0, LOCAL);
  using client = await RawPeer.connect(livre.localPort("S"));
  await livre.socketAttendConnexion("S");
  assert(await livre.socketRefuse("S"));
  assertEquals((await client.readAll()).length, 0);
});

Deno.test("SocketCrée with an empty address listens on all, as without one", async () => {
  await using livre = new SocketBook();
  assert(await livre.socketCrée("S", 0, ""));
  assert(await livre.socketConnecte("C", livre.localPort("S")));
});

Deno.test("SocketConnecte with an empty address connects to this machine, as without one", async () => {
  await using livre = new SocketBook();
  assert(await livre.socketCrée("A", 0));
  assert(await livre.socketConnecte("B", livre.localPort("A"), "", "5 s"), livre.erreurInfo());
  assert(await livre.socketConnecte("C", livre.localPort("A")));
});

Deno.test("SocketLit: the time, the most bytes and the receive delay stand where WLangage has them", async () => {
  await using livre = new SocketBook();
  await livre.socketCrée("S", 0, LOCAL);
  await livre.socketConnecte("C", livre.localPort("S"), LOCAL);
  for (const name of ["S", "C"]) {
    assert(livre.socketChangeModeTransmission(name, TransmissionMode.NO_MARKER));
  }
  await livre.socketEcrit("C", "abcdef");
  assertEquals(await livre.socketLit("S", false, 1000, 2), "ab");
  assertEquals(await livre.socketLit("S", true, undefined, 3, "10 ms"), "cde");
  // With "wait for ever" the time is not looked at.
  const reading = livre.socketLit("S", true, 1);
  assertEquals(await reading, "f");
  assertThrows(() => livre.socketLit("S", false, "soon"), RangeError);
});

Deno.test("SocketLit waits for ever unless it is told not to", async () => {
  const asked: unknown[] = [];
  class Asked extends SocketBook {
    override read(_name: string, options?: unknown) {
      asked.push(options);
      return Promise.resolve("") as never;
    }
  }
  await using livre = new Asked();
  await livre.socketLit("S");
  await livre.socketLit("S", false);
  await livre.socketLit("S", false, "2 s");
  await livre.socketLit("S", true, undefined, 10, "5 cs");
  const rest = { maxBytes: undefined, receiveDelay: undefined };
  assertEquals(asked, [
    { wait: true, timeout: undefined, ...rest },
    { wait: false, timeout: undefined, ...rest },
    { wait: false, timeout: 2000, ...rest },
    { wait: true, timeout: undefined, maxBytes: 10, receiveDelay: 50 },
  ]);
});

Deno.test("SocketChangeModeTransmission takes the marker", async () => {
  await using server = await rawServer();
  await using livre = new SocketBook();
  await livre.socketConnecte("C", server.port, LOCAL);
  const peer = await server.accept();
  assert(livre.socketChangeModeTransmission("C", TransmissionMode.END_MARKER, "\r\n"));
  await livre.socketEcrit("C", "HELO x");
  assertEquals(await peer.readText(8), "HELO x\r\n");
});

Deno.test("SocketEcrit sends a datagram to the address and the port behind the message", async () => {
  await using livre = new SocketBook();
  await livre.socketCréeUDP("A", 0, LOCAL);
  await livre.socketCréeUDP("B", 0, LOCAL);
  assert(await livre.socketEcrit("A", "bonjour", LOCAL, livre.localPort("B")));
  assertEquals(await livre.socketLit("B"), "bonjour");
  assertEquals(livre.socketClientInfo("B", ClientInfo.PORT), String(livre.localPort("A")));
});

Deno.test("SocketCréeSSL and SocketConnecteSSL take protocols, a wait and a client's certificate", async () => {
  await using livre = new SocketBook({
    certificates: { serveur: identity("server"), client: identity("client") },
  });
  const { TLS1_2, TLS1_3 } = TlsProtocol;
  assert(
    await livre.socketCréeSSL("S", 0, "serveur", { requestCert: true, ca: CA }, LOCAL),
    livre.erreurInfo(),
  );
  const port = livre.localPort("S");
  assert(
    await livre.socketConnecteSSL("C", port, "localhost", { ca: CA }, "5 s", "client"),
    livre.erreurInfo(),
  );
  await livre.socketEcrit("C", "bonjour");
  assertEquals(await livre.socketLit("S"), "bonjour");
  // Nobody knows the authority here, so with flags alone it is refused for that.
  assertEquals(await livre.socketConnecteSSL("D", port, "localhost", TLS1_2 + TLS1_3), false);
  assertError(livre, "TLS_FAILED");
  assertEquals(await livre.socketConnecteSSL("D", port, "localhost", TlsProtocol.SSL3), false);
  assertError(livre, "INVALID_ARGUMENT");
  assertEquals(await livre.socketCréeSSL("T", 0, "serveur", TlsProtocol.TLS1), false);
  assertError(livre, "INVALID_ARGUMENT");
});

Deno.test("what connects with TLS or as a WebSocket waits no longer than it is told, in each form", async () => {
  await using deaf = await rawServer();
  await using livre = new SocketBook();
  const { port } = deaf;
  const all = TlsProtocol.TLS1_2 + TlsProtocol.TLS1_3;
  const calls = [
    () => livre.socketConnecteSSL("C", port, "localhost", all, "2 cs"),
    () => livre.socketConnecteSSL("C", port, "localhost", all, { timeout: 20 }),
    () => livre.webSocketClientConnecte("C", LOCAL, port, "/", "", 20),
    () => livre.webSocketClientConnecteSSL("C", LOCAL, port, "/", "", all, "20 ms"),
  ];
  for (const call of calls) {
    assertEquals(await call(), false);
    assertError(livre, "TIMED_OUT");
  }
});

Deno.test("Bluetooth and infrared by their French names", async () => {
  await using livre = new SocketBook();
  assertEquals(await livre.socketCréeBluetooth("S", "SerialPort", "no radio"), false);
  assertError(livre, "INVALID_ARGUMENT");
  assertEquals(await livre.socketConnecteBluetooth("C", "SerialPort", "nobody", "1 s"), false);
  assertError(livre, "INVALID_ARGUMENT");
  assertEquals(await livre.socketCréeInfraRouge("S", ""), false);
  assertEquals(await livre.socketConnecteInfraRouge("C", "", "1 s"), false);
  assertError(livre, "INVALID_ARGUMENT");
});

Deno.test("SocketParamètre takes an object or flags", async () => {
  await using livre = new SocketBook();
  assert(livre.socketParamètre({ keepAlive: true }));
  assert(livre.socketParamètre(SocketBookOption.NAGLE_OFF));
  assertEquals(livre.socketParamètre(1024), false);
});

Deno.test("SocketProxy sets a proxy, and none again", async () => {
  await using proxy = await rawServer();
  await using livre = new SocketBook();
  assert(livre.socketProxy(LOCAL, proxy.port, "ann", "secret"));
  const connecting = livre.socketConnecte("C", 80, "example.org");
  const peer = await proxy.accept();
  assertEquals((await peer.read(3))[0], 5);
  await livre.socketFerme("C");
  assertEquals(await connecting, false);
  assert(livre.socketProxy(""));
  await livre.socketCrée("S", 0, LOCAL);
  assert(await livre.socketConnecte("C", livre.localPort("S"), LOCAL));
});

Deno.test("WebSocketClientConnecte takes port, path, subprotocols and wait in this order", async () => {
  await using server = await serveWebSocket({
    hostname: LOCAL,
    protocols: { chat: (ws) => ws.send(`chat ${new URL(ws.request!.url).pathname}`) },
    default: (ws) => ws.send(new URL(ws.request!.url).pathname),
  });
  await using livre = new SocketBook();
  const { port } = server;
  assert(await livre.webSocketClientConnecte("A", LOCAL, port, "salon", "chat", "5 s"));
  assertEquals(await livre.socketLit("A"), "chat /salon");
  assert(await livre.webSocketClientConnecte("B", LOCAL, port));
  assertEquals(await livre.socketLit("B"), "/");
  assert(await livre.webSocketClientConnecte("C", LOCAL, { port, path: "/options" }));
  assertEquals(await livre.socketLit("C"), "/options");
  const chat = { port, path: "/", protocols: "chat" };
  assert(await livre.webSocketClientConnecte("F", LOCAL, chat));
  assertEquals(await livre.socketLit("F"), "chat /");
  assert(await livre.webSocketClientConnecte("D", `ws://${LOCAL}:${port}/url`));
  assertEquals(await livre.socketLit("D"), "/url");

  const got = Promise.withResolvers<unknown>();
  const callback: WebSocketCallback = (event, message) => {
    if (event === SocketBookEvent.MESSAGE) got.resolve(message);
  };
  assert(await livre.webSocketClientConnecte("E", callback, LOCAL, port, "/rappel"));
  assertEquals(await got.promise, "/rappel");
  assert(await livre.socketFerme("E"));
});

Deno.test("WebSocketClientConnecteSSL takes flags of TLS before the wait", async () => {
  await using server = await serveWebSocket({
    hostname: LOCAL,
    tls: identity("server"),
    default: (ws) => ws.send(new URL(ws.request!.url).pathname),
  });
  await using livre = new SocketBook();
  const { port } = server;
  const { TLS1_2, TLS1_3, SSL3 } = TlsProtocol;
  assert(
    await livre.webSocketClientConnecteSSL("A", "localhost", { port, path: "/sûr", ca: CA }),
    livre.erreurInfo(),
  );
  assertEquals(decodeURI(await livre.socketLit("A")), "/sûr");
  const all = TLS1_2 + TLS1_3;
  assertEquals(
    await livre.webSocketClientConnecteSSL("B", "localhost", port, "/", "", all, "5 s"),
    false,
  );
  assertError(livre, "TLS_FAILED");
  assertEquals(
    await livre.webSocketClientConnecteSSL("B", () => {}, "localhost", port, "/", "", SSL3),
    false,
  );
  assertError(livre, "INVALID_ARGUMENT");
});
