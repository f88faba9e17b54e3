import { assertEquals } from "@std/assert";
import { EventEmitter } from "node:events";
import type { IncomingMessage, Server } from "node:http";
import { addServerGuest, type ServerGuest } from "../../socketio/_server_guests.ts";

/** A server, what its guests and listeners took, and how a request comes to it. */
function setUp() {
  const log: string[] = [];
  const server = new EventEmitter() as unknown as Server;
  const guest = (name: string, path = `/${name}`): ServerGuest => {
    const takes = (request: IncomingMessage) => {
      if (request.url !== path) return false;
      log.push(name);
      return true;
    };
    return { takesRequest: takes, takesUpgrade: takes };
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

Deno.test("the guest that came last is asked first", () => {
  const { server, guest, send } = setUp();
  addServerGuest(server, guest("old", "/x"));
  const leave = addServerGuest(server, guest("new", "/x"));
  assertEquals([send("request", "/x"), send("upgrade", "/x")], ["new", "new"]);
  leave();
  assertEquals([send("request", "/x"), send("upgrade", "/x")], ["old", "old"]);
});

Deno.test("what no guest takes over is cut, unless there is somebody else", () => {
  const { server, guest, listener, send } = setUp();
  addServerGuest(server, guest("a"));
  addServerGuest(server, guest("b"));
  assertEquals([send("upgrade", "/a"), send("upgrade", "/c")], ["a", "destroyed"]);
  server.on("upgrade", listener("other"));
  assertEquals(send("upgrade", "/c"), "other");
});
