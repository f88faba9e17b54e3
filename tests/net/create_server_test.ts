import { assertEquals, assertInstanceOf } from "@std/assert";
import { connect } from "../../net/connect.ts";
import { createServer } from "../../net/create_server.ts";
import { Server } from "../../net/server.ts";

Deno.test("createServer and Server take a listener, options, both, or nothing", async () => {
  assertInstanceOf(createServer(), Server);
  let came = 0;
  const count = (): void => void came++;
  for (
    const server of [
      createServer((socket) => (count(), socket.end())),
      createServer({ allowHalfOpen: true }, (socket) => (count(), socket.end())),
      createServer(null, (socket) => (count(), socket.end())),
      createServer(undefined, (socket) => (count(), socket.end())),
      new Server((socket) => (count(), socket.end())),
      new Server(null, (socket) => (count(), socket.end())),
      createServer({}, null).on("connection", (socket) => (count(), socket.end())),
      createServer({}).on("connection", (socket) => (count(), socket.end())),
    ]
  ) {
    await server.listen(0, "127.0.0.1");
    await connect(server.port, "127.0.0.1").resume().closed;
    await server.close({ drain: 1000 });
  }
  assertEquals(came, 8);
});
