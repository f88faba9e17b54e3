import { assertEquals, assertThrows } from "@std/assert";
import { SocketIoEngine } from "../../socketio/engine.ts";
import type { SocketIoEngineOptions } from "../../socketio/engine_options.ts";
import { SocketIoServer } from "../../socketio/server.ts";

Deno.test("engine options show in the handshake", async () => {
  const io = new SocketIoServer({
    pingInterval: 7000,
    pingTimeout: 3000,
    maxHttpBufferSize: 12_345,
    transports: ["polling"],
    cookie: { name: "sticky", sameSite: "strict" },
  });
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`);
    const { pingInterval, pingTimeout, maxPayload, upgrades } = JSON.parse(
      (await answer.text()).slice(1),
    );
    assertEquals([pingInterval, pingTimeout, maxPayload, upgrades], [7000, 3000, 12_345, []]);
    const cookie = answer.headers.get("set-cookie") ?? "";
    assertEquals(/^sticky=[\w-]+; Path=\/; HttpOnly; SameSite=Strict$/i.test(cookie), true, cookie);
  } finally {
    await io.close();
  }
});

Deno.test("engine options that make no sense are refused at once", () => {
  const wrong: SocketIoEngineOptions[] = [
    { pingInterval: -1 },
    { pingTimeout: NaN },
    { maxHttpBufferSize: 0 },
    { transports: ["smoke" as "polling"] },
    { cors: { origin: "*", credentials: true } },
  ];
  for (const options of wrong) {
    assertThrows(() => new SocketIoEngine(options), Error, undefined, JSON.stringify(options));
  }
});
