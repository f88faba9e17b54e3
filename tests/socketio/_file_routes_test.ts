import { assert, assertEquals } from "@std/assert";
import { fileRoutes } from "../../socketio/_file_routes.ts";
import { SocketIoServer } from "../../socketio/server.ts";

Deno.test("a Socket.IO server has files beside its engine's path, unless it serves no client", async () => {
  for (const serveClient of [true, false]) {
    const io = new SocketIoServer({ serveClient });
    const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
    try {
      assertEquals(fileRoutes.has(io.engine), serveClient);
      const answer = await fetch(`http://127.0.0.1:${port}/socket.io/socket.io.js`);
      const text = await answer.text();
      assertEquals(answer.status === 200 && text.includes("socket.io"), serveClient);
    } finally {
      await io.close();
    }
  }
  assert(!fileRoutes.has({}));
});
