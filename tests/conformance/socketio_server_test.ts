import { assert, assertEquals } from "@std/assert";
import { SocketIoServer } from "../../socketio/server.ts";
import { CASES, play } from "./socketio/cases.ts";

/** The server that the cases ask for. */
function makeServer(): SocketIoServer {
  const io = new SocketIoServer({
    pingInterval: 1000,
    pingTimeout: 1000,
    connectTimeout: 3000,
    // Faults are what the cases are made of.
    onListenerError: () => {},
  });
  for (const nsp of ["/", "/custom"]) {
    io.of(nsp).on("connection", (socket) => {
      socket.emit("auth", socket.handshake.auth);
      socket.on("message", (...args) => socket.emit("message-back", ...args));
      socket.on("message-with-ack", (...args) => args.pop()(...args));
      socket.on("ask", (...args) => {
        socket.emit("question", ...args, (...answers: unknown[]) => {
          socket.emit("answered", ...answers);
        });
      });
    });
  }
  return io;
}

const GROUPS = [...new Set(CASES.map(({ id }) => id.split(".")[0]))];

for (const group of GROUPS) {
  Deno.test(`socketio conformance: the server passes group ${group}`, async () => {
    await using io = makeServer();
    const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
    const wrong: string[] = [];
    const cases = CASES.filter(({ id }) => id.split(".")[0] === group);
    assert(cases.length > 0);
    await Promise.all(cases.map(async (one) => {
      const fault = await play(one, `http://127.0.0.1:${port}`);
      if (fault !== undefined) wrong.push(`${one.id} ${one.title}: ${fault}`);
    }));
    assertEquals(wrong, []);
  });
}
