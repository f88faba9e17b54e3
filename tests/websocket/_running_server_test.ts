import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { RunningServer, startAccepting } from "../../websocket/_running_server.ts";
import { ServerCore } from "../../websocket/_server_core.ts";

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
