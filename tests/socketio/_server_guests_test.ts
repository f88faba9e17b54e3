import { assert, assertEquals } from "@std/assert";
import { EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import { RawClient } from "../_support/websocket_server.ts";
import { attachWebSocket } from "../../websocket/attach.ts";
import { addServerGuest, type ServerGuest } from "../../socketio/_server_guests.ts";

/** A server, what its guests and listeners took, and how a request comes to it. */
function setUp() {
  const log: string[] = [];
  const server = new EventEmitter() as unknown as Server;
  const guest = (name: string, path = `/${name}`, patience?: number): ServerGuest => {
    const takes = (request: IncomingMessage) => {
      if (request.url !== path) return false;
      log.push(name);
      return true;
    };
    return { takesRequest: takes, takesUpgrade: takes, patience };
  };
  const listener = (name: string) => () => {
    log.push(name);
  };
  const send = (event: "request" | "upgrade", url: string) => {
    log.length = 0;
    const socket = { destroy: () => log.push("destroyed") };
    (server as unknown as EventEmitter).emit(event, { url }, socket);
    return log.join();
  };
  return { server, guest, listener, send };
}

Deno.test("guests of a server take what is theirs, whoever leaves first", () => {
  for (const firstLeaves of [true, false]) {
    const { server, guest, listener, send } = setUp();
    server.on("request", listener("app"));
    const leaveA = addServerGuest(server, guest("a"));
    server.on("request", listener("late"));
    const leaveB = addServerGuest(server, guest("b"));
    assertEquals([send("request", "/a"), send("request", "/b")], ["a", "b"]);
    assertEquals(send("request", "/c"), "app,late");
    const [first, second] = firstLeaves ? [leaveA, leaveB] : [leaveB, leaveA];
    const [gone, stays] = firstLeaves ? ["a", "b"] : ["b", "a"];
    first();
    first();
    assertEquals(send("request", `/${stays}`), stays);
    assertEquals([send("request", `/${gone}`), send("request", "/c")], ["app,late", "app,late"]);
    second();
    assertEquals(send("request", `/${stays}`), "app,late");
    assertEquals([server.listenerCount("request"), server.listenerCount("upgrade")], [2, 0]);
  }
});

Deno.test("a guest that comes when others have left is one of those that are still there", () => {
  const { server, guest, send } = setUp();
  const leaveA = addServerGuest(server, guest("a", "/a", 5));
  const leaveB = addServerGuest(server, guest("b", "/b", 5));
  leaveA();
  const leaveC = addServerGuest(server, guest("c", "/c", 5));
  assertEquals(send("upgrade", "/x"), "destroyed", "nobody else is here to take it");
  leaveB();
  assertEquals([send("upgrade", "/c"), send("upgrade", "/b")], ["c", "destroyed"]);
  leaveC();
  assertEquals([server.listenerCount("request"), server.listenerCount("upgrade")], [0, 0]);
});

Deno.test("the guest that came last is asked first", () => {
  const { server, guest, send } = setUp();
  addServerGuest(server, guest("old", "/x"));
  const leave = addServerGuest(server, guest("new", "/x"));
  assertEquals([send("request", "/x"), send("upgrade", "/x")], ["new", "new"]);
  leave();
  assertEquals([send("request", "/x"), send("upgrade", "/x")], ["old", "old"]);
});

Deno.test("what no guest takes over is cut, unless there is somebody else", async () => {
  const { server, guest, listener, send } = setUp();
  addServerGuest(server, guest("a", "/a", 5));
  addServerGuest(server, guest("b", "/b", 10));
  assertEquals([send("upgrade", "/a"), send("upgrade", "/c")], ["a", "destroyed"]);
  server.on("upgrade", listener("other"));
  const socket = new PassThrough();
  (server as unknown as EventEmitter).emit("upgrade", { url: "/c" }, socket);
  assertEquals([socket.writableEnded, socket.destroyed], [false, false]);
  await once(socket, "close");
});

/** A server with an upgrade that somebody else may take, left by the only guest. */
function leftUpgrade(patience: number | undefined) {
  const { server, guest, listener } = setUp();
  const leave = addServerGuest(server, guest("a", "/a", patience));
  const other = listener("other");
  server.on("upgrade", other);
  const socket = Object.assign(new PassThrough(), { bytesWritten: 7 });
  (server as unknown as EventEmitter).emit("upgrade", { url: "/c" }, socket);
  return { leave, socket, othersLeave: () => server.removeListener("upgrade", other) };
}

Deno.test("an upgrade that somebody else takes stays, and so does any where guests are told to leave it", async () => {
  const [read, answered, other] = [leftUpgrade(5), leftUpgrade(5), leftUpgrade(undefined)];
  read.socket.on("data", () => {});
  answered.socket.bytesWritten = 9;
  assertEquals(read.socket.listenerCount("error"), 1);
  const last = leftUpgrade(20);
  await once(last.socket, "close");
  for (const { socket, leave } of [read, answered, other]) {
    leave();
    assertEquals([socket.writableEnded, socket.destroyed], [false, false]);
    assertEquals([socket.listenerCount("close"), socket.listenerCount("error")], [0, 0]);
    socket.destroy();
  }
});

Deno.test("of several guests the most patient one says how long an upgrade may stay", async () => {
  for (const [first, second] of [[undefined, 5], [5, undefined], [60_000, 5], [5, 60_000]]) {
    const { server, guest, listener, send } = setUp();
    addServerGuest(server, guest("a", "/a", first));
    addServerGuest(server, guest("b", "/b", second));
    const finite = first !== undefined && second !== undefined;
    assertEquals(send("upgrade", "/c"), finite ? "destroyed" : "");
    server.on("upgrade", listener("other"));
    const [socket, last] = [new PassThrough(), leftUpgrade(20)];
    (server as unknown as EventEmitter).emit("upgrade", { url: "/c" }, socket);
    await once(last.socket, "close");
    assertEquals([socket.writableEnded, socket.destroyed], [false, false]);
    socket.destroy();
  }
});

Deno.test("a guest that a listener has leave while an upgrade is told does nothing to it", () => {
  const { server, guest, listener, send } = setUp();
  server.on("upgrade", () => leave());
  server.on("upgrade", listener("other"));
  const leave = addServerGuest(server, guest("a", "/a", 5));
  assertEquals(send("upgrade", "/c"), "other");
});

Deno.test("the last guest that leaves ends the upgrades that nobody can take any more, and waits for none", async () => {
  const { leave, socket, othersLeave } = leftUpgrade(60_000);
  othersLeave();
  leave();
  await once(socket, "close");
  const gone = leftUpgrade(60_000);
  gone.socket.destroy();
  await once(gone.socket, "close");
});

Deno.test("the last guest that leaves lets others have their time for the upgrades that they may take", async () => {
  const { leave, socket } = leftUpgrade(50);
  const begin = performance.now();
  leave();
  // As a connection would: that time alone does not.
  const running = setTimeout(() => {}, 5_000);
  await once(socket, "close");
  clearTimeout(running);
  assert(performance.now() - begin > 40);
  const kept = leftUpgrade(60_000);
  kept.leave();
  assertEquals([kept.socket.writableEnded, kept.socket.destroyed], [false, false]);
  kept.socket.destroy();
  await once(kept.socket, "close");
});

Deno.test("guests leave requests that offer another protocol to the pages, beside an attached WebSocket server too", async () => {
  const http = createServer((_request, response) => response.end("page"));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const nobody = () => false;
  const leave = addServerGuest(http, {
    takesRequest: nobody,
    takesUpgrade: nobody,
    patience: 1000,
  });
  const sockets = attachWebSocket(http, { pathname: "/ws", default: () => {} });
  const offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n";
  for (const ends of [() => sockets.close(), leave]) {
    using client = await RawClient.connect((http.address() as AddressInfo).port);
    await client.write(`GET / HTTP/1.1\r\nHost: h\r\n${offer}\r\n`);
    await client.readUntil((text) => text.endsWith("page"));
    assertEquals(client.text.slice(0, 12), "HTTP/1.1 200");
    await ends();
  }
  assertEquals(http.listenerCount("upgrade"), 0);
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
});
