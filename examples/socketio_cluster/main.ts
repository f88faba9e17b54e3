/**
 * One process of a Socket.IO cluster: rooms and broadcasts reach the clients of all its processes, by way of Redis and
 * npm's `@socket.io/redis-adapter`. Start as many as you like, and put a load balancer in front: `haproxy.cfg` and
 * `nginx.conf` are for two.
 *
 *     redis-server --port 6379 &
 *     deno run --allow-net=127.0.0.1 --allow-read=$HOME/.cache/deno/npm --allow-env examples/socketio_cluster/main.ts --name one --port 3001 &
 *     deno run --allow-net=127.0.0.1 --allow-read=$HOME/.cache/deno/npm --allow-env examples/socketio_cluster/main.ts --name two --port 3002 &
 *     haproxy -f examples/socketio_cluster/haproxy.cfg
 *
 * Shows: an npm adapter as it is, `fetchSockets` and acknowledgements across processes, and two ways to tell a load
 * balancer which process has a session. What is behind it is told in docs/scaling.md.
 */
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { SocketIoServer } from "@sluice/sockets/socketio";
import { portNumber, readArguments } from "../_arguments.ts";
import { untilInterrupted } from "../_until_interrupted.ts";

const USAGE = `One process of a Socket.IO cluster; Redis is between the processes.

Usage: socketio_cluster/main.ts [--name NAME] [--port PORT] [--redis URL]

  --name NAME  how the process is called (one)
  --port PORT  the port (3001; 0 for any free one)
  --redis URL  where Redis is (redis://127.0.0.1:6379)`;

const { name, port, redis } = readArguments(USAGE, {
  options: {
    name: { type: "string", default: "one" },
    port: { type: "string", default: "3001" },
    redis: { type: "string", default: "redis://127.0.0.1:6379" },
  },
}, ({ values }) => {
  if (!/^rediss?:$/.test(URL.parse(values.redis)?.protocol ?? "")) {
    throw new TypeError(`--redis must be a redis: or rediss: URL, not "${values.redis}"`);
  }
  return { ...values, port: portNumber("--port", values.port) };
});

// One connection to send by; one that only listens.
const publisher = createClient({ url: redis });
const subscriber = publisher.duplicate();
for (const client of [publisher, subscriber]) {
  client.on("error", (error) => console.error(`Redis: ${(error as Error).message}`));
  await client.connect();
}
// npm's adapter does not look at what becomes of what it sends: without this, a broadcast that is on its way when Redis
// goes would end the process.
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  const { reason } = event;
  // That of a command that could not be sent in time has no text.
  const why = reason instanceof Error ? reason.message || reason.constructor.name : reason;
  console.error(`Redis: ${why}`);
});

const io = new SocketIoServer({
  adapter: createAdapter(publisher, subscriber),
  // haproxy learns from it which process has the session.
  cookie: true,
});
// nginx sees it in the id itself: the name of the process is in front of what can't be guessed.
const { generateId } = io.engine;
io.engine.generateId = async (request) => `${name}.${await generateId(request)}`;

io.on("connection", (socket) => {
  socket.on("enter", (room, answer) => {
    socket.join(`#${room}`);
    answer(name);
  });
  socket.on("say", (room, text) => {
    io.to(`#${room}`).emit("said", name, text);
  });
  socket.on("count", async (room, answer) => {
    answer((await io.in(`#${room}`).fetchSockets()).length);
  });
  socket.on("ask", async (room, question, answer) => {
    answer(await io.to(`#${room}`).timeout(10_000).emitWithAck("question", question));
  });
});

const address = await io.listen({
  hostname: "127.0.0.1",
  port,
  // For the load balancer: this process is well.
  handler: (request) =>
    new URL(request.url).pathname === "/health"
      ? new Response(`${name}\n`)
      : new Response("There is nothing here\n", { status: 404 }),
}).catch((error) => {
  console.error((error as Error).message);
  Deno.exit(1);
});
console.log(`Process ${name} is at http://127.0.0.1:${address.port}/`);

await untilInterrupted(() => io.close());
// Redis need not be there to say goodbye to, and the adapter may still have timers.
Deno.exit();
