import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { RunningServer, startAccepting } from "../../websocket/_running_server.ts";
import { ServerCore } from "../../websocket/_server_core.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { reported } from "../_support/console_errors.ts";
import { earlyLeavers } from "../_support/early_leavers.ts";

Deno.test("running server stops once, and is finished when nobody is left", async () => {
  let stops = 0;
  const addr = { transport: "tcp" as const, hostname: "h", port: 7 };
  const server = new RunningServer(new ServerCore({ default: () => {} }), addr, () => stops++);
  assertEquals([server.port, server.addr, server.clients.size], [7, addr, 0]);
  assertEquals([server.broadcast("x"), server.publish("t", "x"), server.subscribers("t")], [
    0,
    0,
    0,
  ]);
  assertThrows(() => server.broadcast(5), TypeError);
  assertThrows(() => server.publish("t", null), TypeError);
  await server.close();
  await server.close();
  await server.finished;
  assertEquals(stops, 1);
});

Deno.test("server that can't listen leaves nothing behind", async () => {
  await assertRejects(() => startAccepting({ default: () => {}, path: "/nowhere/at/all" }));
});

Deno.test("server that is closed has given its port back, clients or none", async () => {
  const server = await startAccepting({ default: () => {}, hostname: "127.0.0.1", port: 0 });
  const { port } = server;
  await server.close();
  const next = await startAccepting({ default: () => {}, hostname: "127.0.0.1", port });
  const client = await connectWebSocket(`ws://127.0.0.1:${port}/`);
  await next.close({ keepClients: true });
  Deno.listen({ hostname: "127.0.0.1", port }).close();
  await client.close();
  await next.close();
});

Deno.test("server takes a client whose connection can't be set up as one that reading tells of", async () => {
  const server = await startAccepting({ default: () => {}, hostname: "127.0.0.1", port: 0 });
  using _leavers = await earlyLeavers();
  const told = await reported(async () => {
    const client = await connectWebSocket(`ws://127.0.0.1:${server.port}/`, {
      handshakeTimeout: 5000,
    });
    await client.close();
  });
  assertEquals(told, []);
  await server.close();
});
