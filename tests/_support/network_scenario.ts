/**
 * Two programs for a network that is bad. `server HOST` listens with a TCP, a TLS, a WebSocket and a Socket.IO echo, and tells the ports as
 * `ports A B C D`. `client HOST A B C D` talks to each, checks every byte, and says `talked`; then it keeps a WebSocket and a Socket.IO
 * connection, says `waiting`, and tells as `lost CODE REASON` how they ended, and as `back` that they came back.
 */
import { assertEquals } from "@std/assert";
import { createServer } from "../../net/create_server.ts";
import { dial } from "../../net/dial.ts";
import { createSecureServer } from "../../net/secure_server.ts";
import type { Server } from "../../net/server.ts";
import type { Socket } from "../../net/socket.ts";
import type { Transport } from "../../net/transport.ts";
import { writeAll } from "../../net/write_all.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import { SocketIoServer } from "../../socketio/server.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { reconnecting } from "../../websocket/reconnecting.ts";
import { serveWebSocket } from "../../websocket/server.ts";
import { CA, identity } from "./certs.ts";
import { readBytes } from "./transport_io.ts";

const ALIVE = { keepAliveInterval: 500, keepAliveTimeout: 1500, closeTimeout: 500 };

async function server(hostname: string): Promise<void> {
  const echo = (socket: Socket): void => {
    socket.on("error", () => {});
    socket.pipe(socket as never);
  };
  const listen = async (server: Server): Promise<number> => {
    server.listen(0, hostname);
    await new Promise<void>((resolve) => server.once("listening", () => resolve()));
    return (server.address() as { port: number }).port;
  };
  const tcp = await listen(createServer({ allowHalfOpen: true }, echo));
  const tls = await listen(createSecureServer(identity("server"), echo));
  const ws = await serveWebSocket({
    hostname,
    ...ALIVE,
    perMessageDeflate: true,
    default: async (ws) => {
      for await (const message of ws) await ws.send(message);
    },
  });
  const io = new SocketIoServer({ pingInterval: 500, pingTimeout: 1500 });
  io.on("connection", (socket) => {
    socket.on("echo", (value: unknown, answer: (value: unknown) => void) => answer(value));
  });
  const { port } = await io.listen({ hostname, port: 0 });
  console.log(`ports ${tcp} ${tls} ${ws.port} ${port}`);
}

async function stream(transport: Transport): Promise<void> {
  const sent = new Uint8Array(200_000);
  for (let i = 0; i < sent.length; i++) sent[i] = i * 31 >> 3;
  const [received] = await Promise.all([
    readBytes(transport, sent.length),
    writeAll(transport, sent),
  ]);
  assertEquals(received.length, sent.length);
  assertEquals(received.every((byte, i) => byte === sent[i]), true);
  transport.close();
}

async function client(hostname: string, ports: number[]): Promise<void> {
  const [tcp, tls, ws, io] = ports;
  const options = { timeout: 60_000 };
  await stream(await dial({ hostname, port: tcp }, options));
  const servername = "localhost";
  await stream(
    await dial({ hostname, port: tls }, { ...options, tls: { caCerts: [CA], servername } }),
  );
  const socket = await connectWebSocket(`ws://${hostname}:${ws}/`, {
    perMessageDeflate: true,
    keepAliveTimeout: 60_000,
  });
  const messages = socket[Symbol.asyncIterator]();
  const texts = Array.from({ length: 60 }, (_, i) => `${i} `.repeat(1 + i * 10));
  for (const text of texts) await socket.send(text);
  for (const text of texts) assertEquals((await messages.next()).value, text);
  assertEquals((await socket.close()).code, 1000);
  for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]] as const) {
    const client = connectSocketIo(`http://${hostname}:${io}`, { transports, forceNew: true });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => client.emitWithAck("echo", i)),
    );
    assertEquals(answers, Array.from({ length: 20 }, (_, i) => i));
    await client.close();
  }
  console.log("talked");

  const kept = reconnecting(`ws://${hostname}:${ws}/`, {
    ...ALIVE,
    connectTimeout: 2000,
    backoff: { initial: 100, max: 500 },
  });
  const message = kept.messages().next(); // whoever asks for messages opens the connection
  const first = await kept.connected();
  const client = connectSocketIo(`http://${hostname}:${io}`, {
    forceNew: true,
    reconnectionDelay: 100,
    reconnectionDelayMax: 500,
    timeout: 2000,
  });
  await new Promise((resolve) => client.once("connect", () => resolve(0)));
  const gone = new Promise((resolve) => client.once("disconnect", resolve));
  console.log("waiting");
  const { code, error } = await first.closed;
  console.log(`lost ${code} ${error?.code}`);
  console.log(`lost ${await gone}`);
  await kept.send("again");
  assertEquals((await message).value, "again");
  assertEquals(await client.emitWithAck("echo", "again"), "again");
  console.log("back");
  await kept.close();
  await client.close();
  Deno.exit();
}

if (import.meta.main) {
  const [role, hostname, ...ports] = Deno.args;
  await (role === "server" ? server(hostname) : client(hostname, ports.map(Number)));
}
