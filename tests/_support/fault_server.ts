/**
 * A program for tests that limit or kill it: `deno run -A fault_server.ts KIND` listens on a free port of 127.0.0.1, and tells it as `port N`.
 * Kinds: `net`, `websocket` and `socketio` echo; `broadcast` sends to all without end.
 */
import { createServer } from "../../net/create_server.ts";
import { SocketIoServer } from "../../socketio/server.ts";
import { serveWebSocket } from "../../websocket/server.ts";

/** How long each message of `broadcast` is, in characters. */
export const BROADCAST_LENGTH = 20_000;

async function net(): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => socket.write(chunk));
  });
  server.listen(0, "127.0.0.1");
  await new Promise<void>((resolve) => server.once("listening", () => resolve()));
  return (server.address() as { port: number }).port;
}

async function websocket(): Promise<number> {
  const server = await serveWebSocket({
    hostname: "127.0.0.1",
    handshakeTimeout: 600_000,
    default: async (ws) => {
      for await (const message of ws) await ws.send(message);
    },
  });
  return server.port;
}

async function socketio(): Promise<number> {
  const io = new SocketIoServer({ pingInterval: 60_000 });
  io.on("connection", (socket) => {
    socket.on("echo", (value: unknown, answer: (value: unknown) => void) => answer(value));
  });
  return (await io.listen({ hostname: "127.0.0.1", port: 0 })).port;
}

async function broadcast(): Promise<number> {
  const server = await serveWebSocket({
    hostname: "127.0.0.1",
    default: (ws) => ws.closed,
  });
  const io = new SocketIoServer();
  const { port } = await io.listen({ hostname: "127.0.0.1", port: 0 });
  console.log(`socketio ${port}`);
  let n = 0;
  const send = async (): Promise<void> => {
    for (;;) {
      const text = `${n++} `.padEnd(BROADCAST_LENGTH, "x");
      server.broadcast(text);
      io.emit("news", text);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  void send();
  return server.port;
}

if (import.meta.main) {
  // Deno gets ready for signals when it first needs to, which may be later by itself, and panics if it has no descriptor left then.
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGUSR2", () => {});
  const kinds: Record<string, () => Promise<number>> = { net, websocket, socketio, broadcast };
  console.log(`port ${await kinds[Deno.args[0]]()}`);
}
