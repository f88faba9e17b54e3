import { assert, assertEquals, assertRejects } from "@std/assert";
import { pair, type PairOptions } from "../../net/pair.ts";
import { SocketFailure } from "../../socket/_failure.ts";
import type { ReadRequest } from "../../socket/_named_socket.ts";
import { WebSocketName } from "../../socket/_websocket_name.ts";
import { SocketBookEvent } from "../../socket/constants.ts";
import type { WebSocketCallback } from "../../socket/socket_book_options.ts";
import { WebSocketConnection } from "../../websocket/connection.ts";

const READ: ReadRequest = {
  timeout: undefined,
  signal: undefined,
  maxBytes: 1,
  receiveDelay: 0,
  encoding: undefined,
};
const WRITE = { address: undefined, port: undefined };
const none = new Uint8Array(0);

function rig(callback?: WebSocketCallback, options?: PairOptions) {
  const [here, there] = pair(options);
  const name = new WebSocketName(new WebSocketConnection(here, { role: "client" }), callback);
  const server = new WebSocketConnection(there, { role: "server" });
  return {
    name,
    server,
    there,
    async [Symbol.asyncDispose](): Promise<void> {
      server.terminate();
      await name.close({ timeout: 100 });
    },
  };
}

Deno.test("WebSocket name reads text as text and bytes as bytes", async () => {
  await using r = rig();
  await r.server.send("é");
  await r.server.send(new Uint8Array([1, 2]));
  assertEquals(await r.name.read(READ), "é");
  assertEquals(await r.name.read(READ), new Uint8Array([1, 2]));
  assertEquals(await r.name.read({ ...READ, timeout: 1 }), undefined);
});

Deno.test("WebSocket name writes text as text and bytes as bytes", async () => {
  await using r = rig();
  await r.name.write(none, WRITE, "é");
  await r.name.write(new Uint8Array([1]), WRITE);
  assertEquals((await r.server.receive()).data, "é");
  assertEquals((await r.server.receive()).data, new Uint8Array([1]));
  const error = await assertRejects(
    () => r.name.write(none, { ...WRITE, port: 1 }),
    SocketFailure,
  );
  assertEquals(error.kind, "WRONG_KIND");
});

Deno.test("WebSocket name tells a clean end and a lost connection apart", async () => {
  await using clean = rig();
  await clean.server.close(4000, "enough");
  const end = await assertRejects(() => clean.name.read(READ), SocketFailure);
  assertEquals(end.kind, "CLOSED_BY_PEER");
  const late = await assertRejects(() => clean.name.write(none, WRITE, "x"), SocketFailure);
  assertEquals(late.kind, "CLOSED_BY_PEER");

  await using lost = rig();
  lost.there.reset();
  const cut = await assertRejects(() => lost.name.read(READ), SocketFailure);
  assertEquals(cut.kind, "CONNECTION_LOST");

  await using long = rig();
  await long.server.send("x".repeat(1_048_577));
  const tooLong = await assertRejects(() => long.name.read(READ), SocketFailure);
  assertEquals(tooLong.kind, "BAD_MESSAGE");
});

Deno.test("WebSocket name: closing it here ends what waits", async () => {
  await using r = rig();
  const reading = assertRejects(() => r.name.read(READ), SocketFailure);
  await r.name.close({ timeout: 1000 });
  assertEquals((await reading).kind, "CONNECTION_LOST");
  for (const call of [() => r.name.read(READ), () => r.name.write(none, WRITE, "x")]) {
    assertEquals((await assertRejects(call, SocketFailure)).kind, "CONNECTION_LOST");
  }
  assertEquals((await r.server.closed).code, 1000);
});

Deno.test("WebSocket name: a peer that does not answer the close is left", async () => {
  const [here, there] = pair();
  const name = new WebSocketName(new WebSocketConnection(here, { role: "client" }), undefined);
  await name.close({ timeout: 10 });
  there.close();
});

Deno.test("WebSocket name: the callback gets what happens, and the messages", async () => {
  const events: [SocketBookEvent, string | Uint8Array][] = [];
  const closed = Promise.withResolvers<void>();
  await using r = rig((event, message) => {
    events.push([event, message]);
    if (event === SocketBookEvent.CLOSING) closed.resolve();
  });
  await r.server.send("early");
  r.name.listen(() => {});
  await r.server.send(new Uint8Array([1]));
  assertEquals(
    (await assertRejects(() => r.name.read(READ), SocketFailure)).kind,
    "WRONG_KIND",
  );
  await r.server.close(1000, "done");
  await closed.promise;
  const { OPENING, MESSAGE, CLOSING } = SocketBookEvent;
  assertEquals(events, [
    [OPENING, ""],
    [MESSAGE, "early"],
    [MESSAGE, new Uint8Array([1])],
    [CLOSING, "done"],
  ]);
});

Deno.test("WebSocket name: a connection that breaks is an error and the end for the callback", async () => {
  const events: SocketBookEvent[] = [];
  const closed = Promise.withResolvers<void>();
  await using r = rig((event) => {
    events.push(event);
    if (event === SocketBookEvent.CLOSING) closed.resolve();
  });
  r.name.listen(() => {});
  r.there.reset();
  await closed.promise;
  assertEquals(events, [SocketBookEvent.OPENING, SocketBookEvent.ERROR, SocketBookEvent.CLOSING]);
});

Deno.test("WebSocket name: a callback that throws ends its connection", async () => {
  for (const at of [SocketBookEvent.OPENING, SocketBookEvent.MESSAGE]) {
    const failures: unknown[] = [];
    await using r = rig((event) => event === at ? Promise.reject(new Error("mine")) : undefined);
    r.name.listen((error) => failures.push((error as Error).message));
    await r.server.send("x").catch(() => {});
    const { code } = await r.server.closed;
    assertEquals(code, 1011);
    assert(failures.length > 0);
    assertEquals(failures[0], "mine");
  }
});
