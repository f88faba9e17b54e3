import { assertEquals, assertThrows } from "@std/assert";
import type { SocketIoClientOptions } from "../../socketio/client_options.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import { SocketIoServer } from "../../socketio/server.ts";

async function withServer(body: (url: string, io: SocketIoServer) => Promise<void>): Promise<void> {
  const io = new SocketIoServer();
  io.on("connection", (socket) => {
    socket.emit("hello", socket.handshake.auth, socket.handshake.query.room);
  });
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  try {
    await body(`http://127.0.0.1:${port}/`, io);
  } finally {
    await io.close();
  }
}

Deno.test("client options reach the server: auth in its three forms, and the query", async () => {
  await withServer(async (url) => {
    const auths: SocketIoClientOptions["auth"][] = [
      { token: "a" },
      (done) => done({ token: "a" }),
      () => Promise.resolve({ token: "a" }),
    ];
    for (const auth of auths) {
      const socket = connectSocketIo(url, { auth, query: { room: "r" }, forceNew: true });
      const got = await new Promise((resolve) => socket.on("hello", (...args) => resolve(args)));
      assertEquals(got, [{ token: "a" }, "r"]);
      socket.disconnect();
    }
  });
});

Deno.test("client options: each transport alone, and no connection before it is asked for", async () => {
  await withServer(async (url) => {
    for (const transport of ["polling", "websocket"] as const) {
      const socket = connectSocketIo(url, {
        transports: [transport],
        autoConnect: false,
        forceNew: true,
      });
      assertEquals(socket.connected, false);
      const connected = new Promise<void>((resolve) => socket.on("connect", resolve));
      socket.connect();
      await connected;
      socket.disconnect();
    }
  });
});

Deno.test("client options that make no sense are refused at once", () => {
  const url = "http://127.0.0.1:9/";
  assertThrows(() =>
    connectSocketIo(url, { transports: ["smoke" as "polling"], autoConnect: false })
  );
  assertThrows(() => connectSocketIo(url, { randomizationFactor: 2, autoConnect: false }));
});
