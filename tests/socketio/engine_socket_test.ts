import { assertEquals } from "@std/assert";
import { SocketIoEngine } from "../../socketio/engine.ts";
import type { EngineSocket } from "../../socketio/engine_socket.ts";

Deno.test("an engine's socket has the shape and the events that its interface says", async () => {
  const engine = new SocketIoEngine({ path: "/engine.io" });
  const { promise, resolve } = Promise.withResolvers<EngineSocket>();
  engine.on("connection", resolve);
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    engine.handler(),
  );
  const url = `http://127.0.0.1:${server.addr.port}/engine.io/?EIO=4&transport=polling`;
  const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1));
  const socket: EngineSocket = await promise;
  assertEquals([socket.id, socket.readyState, socket.transport.name], [sid, "open", "polling"]);
  assertEquals([socket.upgraded, socket.upgrading, socket.bufferedAmount], [false, false, 0]);

  const came = new Promise((done) => socket.once("data", done));
  assertEquals(socket.listenerCount("data"), 1);
  const posted = await fetch(`${url}&sid=${sid}`, { method: "POST", body: "4hello" });
  assertEquals([await posted.text(), await came], ["ok", "hello"]);
  socket.write("one").send(new Uint8Array([1, 2]));
  assertEquals(await (await fetch(`${url}&sid=${sid}`)).text(), "4one\x1ebAQI=");

  const closed = new Promise((done) => socket.once("close", done));
  socket.close(true);
  socket.close();
  assertEquals([await closed, socket.readyState], ["forced close", "closed"]);
  await engine.close();
});
