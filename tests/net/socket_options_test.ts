import { assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../net/connect.ts";
import { createServer } from "../../net/create_server.ts";
import { Socket } from "../../net/socket.ts";
import type { SocketEvents } from "../../net/socket_options.ts";

Deno.test("socket options have the defaults that they say", () => {
  const socket = new Socket();
  assertEquals([socket.allowHalfOpen, socket.writableHighWaterMark, socket.timeout], [
    false,
    65_536,
    0,
  ]);
  assertEquals(new Socket({ highWaterMark: 7, maxSendQueueBytes: 9 }).writableHighWaterMark, 7);
});

Deno.test("socket options: noDelay and keepAlive are set on connections of both sides", async () => {
  const server = await createServer({ noDelay: true, keepAlive: true }, (socket) => socket.end())
    .listen(0, "127.0.0.1");
  const socket = connect({ port: server.port, host: "127.0.0.1", noDelay: false, keepAlive: true });
  await socket.resume().closed;
  await server.close();
});

Deno.test("socket events come with the arguments that their types say", async () => {
  const told: Partial<SocketEvents> = {};
  const socket = connect({ port: 1, host: "127.0.0.1" });
  socket.on("error", (...args) => told.error = args);
  socket.on("close", (...args) => told.close = args);
  await assertRejects(() => socket.closed);
  await Promise.resolve();
  assertEquals([told.error?.length, told.close], [1, [true]]);
});
