import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { connect, createConnection } from "../../net/connect.ts";
import { createServer } from "../../net/create_server.ts";

Deno.test("connect takes options, a port and a host, or a port alone; createConnection is the same", async () => {
  assertStrictEquals(createConnection, connect);
  const server = await createServer((socket) => socket.end("hi")).listen(0, "localhost");
  const { port } = server;
  for (
    const socket of [
      connect({ port, host: "localhost" }),
      connect(port, "localhost"),
      connect(String(port)),
    ]
  ) assertEquals((await Array.fromAsync(socket)).join(""), "hi");
  let connected = 0;
  const socket = connect(port, "localhost", () => connected++);
  await socket.resume().closed;
  assertEquals(connected, 1);
  await server.close();
});

Deno.test("connect refuses what is no port, at once", () => {
  assertThrows(() => connect({ port: 65_536 }), RangeError);
  assertThrows(() => connect({}), TypeError);
});
