import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { SocketFailure } from "../../socket/_failure.ts";
import type { NamedSocket } from "../../socket/_named_socket.ts";
import { Registry } from "../../socket/_registry.ts";
import { SocketBookError } from "../../socket/errors.ts";

class FakeSocket implements NamedSocket {
  closed = 0;
  read = () => Promise.resolve(undefined);
  write = () => Promise.resolve();
  peer = () => undefined;
  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }
}

Deno.test("registry: a name is taken while its socket is being made, but not to be found", async () => {
  const registry = new Registry(false, 10);
  const made = Promise.withResolvers<{ socket: NamedSocket; port: number }>();
  const making = registry.make("A", () => made.promise);
  await assertRejects(() => registry.make("A", () => made.promise), SocketFailure, "already");
  assertEquals(registry.find("A"), undefined);
  assertEquals(registry.names, []);
  const socket = new FakeSocket();
  made.resolve({ socket, port: 7 });
  await making;
  assertEquals(registry.find("A"), { socket, port: 7 });
  assertEquals(registry.get("A"), socket);
  assertEquals(registry.names, ["A"]);
});

Deno.test("registry: the name of a socket that can't be made is free again", async () => {
  const registry = new Registry(false, 10);
  const fail = () => {
    throw new Error("no");
  };
  await assertRejects(() => registry.make("A", fail), Error, "no");
  await registry.make("A", () => ({ socket: new FakeSocket() }));
});

Deno.test("registry: close gives up what is being made, and closes what comes of it", async () => {
  const registry = new Registry(false, 10);
  const made = Promise.withResolvers<{ socket: NamedSocket }>();
  let signal: AbortSignal | undefined;
  const making = registry.make("A", (given) => {
    signal = given;
    return made.promise;
  });
  const closing = registry.close("A", 10);
  assert(signal?.aborted);
  const socket = new FakeSocket();
  made.resolve({ socket });
  const error = await assertRejects(() => making, SocketFailure);
  assertEquals(error.kind, "CONNECTION_LOST");
  await closing;
  assertEquals(socket.closed, 1);
  await assertRejects(() => registry.close("A", 10), SocketFailure);
});

Deno.test("registry: closeAll waits for what is being closed already", async () => {
  const registry = new Registry(false, 10);
  const slow = Promise.withResolvers<void>();
  const socket = new FakeSocket();
  socket.close = () => slow.promise;
  await registry.make("A", () => ({ socket }));
  const closing = registry.close("A", 10);
  let done = false;
  const all = registry.closeAll(10).then(() => done = true);
  await Promise.resolve();
  assertEquals(done, false);
  slow.resolve();
  await Promise.all([closing, all]);
});

Deno.test("registry: closeAll is told nothing of a close that failed before", async () => {
  const registry = new Registry(false, 10);
  const socket = new FakeSocket();
  socket.close = () => Promise.reject(new Error("no close"));
  await registry.make("A", () => ({ socket }));
  await assertRejects(() => registry.close("A", 10), Error, "no close");
  await registry.closeAll(10);
});

Deno.test("registry: names of channels are new ones", async () => {
  const registry = new Registry(false, 10);
  await registry.make("S#2", () => ({ socket: new FakeSocket() }));
  assertEquals([registry.channelName("S"), registry.channelName("S")], ["S#1", "S#3"]);
});

Deno.test("registry: room is there when a socket goes, or is not waited for any longer", async () => {
  const registry = new Registry(false, 1);
  assertEquals(registry.full, false);
  await registry.make("A", () => ({ socket: new FakeSocket() }));
  assertEquals(registry.full, true);
  await registry.room({ timeout: 1 });
  const signal = AbortSignal.abort("enough");
  const error = await assertRejects(() => registry.room({ signal }), NetError);
  assertEquals(error.code, "ABORT_ERR");
  const waiting = [registry.room({}), registry.room({})];
  await registry.close("A", 10);
  await Promise.all(waiting);

  const made = Promise.withResolvers<never>();
  const making = registry.make("A", () => made.promise);
  const room = registry.room({});
  made.reject(new Error("no"));
  await assertRejects(() => making, Error, "no");
  await room;
});

Deno.test("registry: failures become results and last errors", async () => {
  const registry = new Registry(false, 10);
  const fail = () => {
    throw new SocketFailure("NO_CLIENT", "because");
  };
  assertEquals(await registry.run("read from", "A", "nothing", fail), "nothing");
  assertEquals(registry.lastError?.message, 'Cannot read from "A": because');
  assertEquals(registry.runNow("tell the client of", "B", "", fail), "");
  assertEquals(registry.errorOf("A")?.kind, "NO_CLIENT");
  assertEquals(registry.lastError?.socketName, "B");
  assertEquals(await registry.run("close", "A", false, () => true), true);
  assertEquals(registry.lastError, null);
  assertEquals(registry.errorOf("A")?.kind, "NO_CLIENT", "close leaves it");
  assertEquals(await registry.run("read from", "A", "", () => "x"), "x");
  assertEquals(registry.errorOf("A"), null);
});

Deno.test("registry: failures are thrown where that is wanted", async () => {
  const registry = new Registry(true, 10);
  const fail = () => {
    throw new SocketFailure("NO_CLIENT", "because");
  };
  await assertRejects(() => registry.run("read from", "A", "", fail), SocketBookError, "because");
  assertThrows(() => registry.runNow("read from", "A", "", fail), SocketBookError, "because");
});

Deno.test("registry: the errors of so many names are remembered", () => {
  const registry = new Registry(false, 10);
  for (let i = 0; i < 1030; i++) {
    registry.runNow("read from", `name ${i}`, undefined, () => registry.get(`name ${i}`).peer());
  }
  assertEquals(registry.errorOf("name 0"), null);
  assertEquals(registry.errorOf("name 1029")?.kind, "UNKNOWN_NAME");
  assertEquals(registry.errorOf("name 6")?.kind, "UNKNOWN_NAME");
});

Deno.test("registry: a name that is none is the caller's fault", async () => {
  const registry = new Registry(false, 10);
  await assertRejects(() => registry.run("read from", "", "", () => ""), TypeError);
  assertThrows(() => registry.runNow("read from", "", "", () => ""), TypeError);
  assertThrows(() => registry.find(undefined as unknown as string), TypeError);
});
