/**
 * Socket.IO beside Hono on `Deno.serve`: what is posted to `/news` reaches all pages that are open, at once.
 *
 *     deno run --allow-net=127.0.0.1 --allow-read=$HOME/.cache/deno/npm examples/socketio_hono.ts [--port 3000]
 *     curl --data "It rains" http://127.0.0.1:3000/news
 *
 * Shows: `io.handler()` as one route among others, for any framework whose handlers take a `Request`. WebSockets are the
 * platform's then; `io.listen({ handler: app.fetch })` runs the same program on the faster ones of this package.
 */
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { SocketIoServer } from "@sluice/sockets/socketio";
import { orExit, portNumber, readArguments } from "./_arguments.ts";
import { untilInterrupted } from "./_until_interrupted.ts";

const PAGE = `<!doctype html>
<title>News</title>
<h1>News</h1>
<ul id="news"></ul>
<script src="/socket.io/socket.io.js"></script>
<script>
  io().on("news", (text) => {
    const item = document.createElement("li");
    item.textContent = text;
    document.getElementById("news").prepend(item);
  });
</script>
`;

const USAGE = `Socket.IO beside Hono: what is posted to /news reaches all pages that are open.

Usage: socketio_hono.ts [--port PORT]

  --port PORT  the port (3000; 0 for any free one)`;

const options = { port: { type: "string", default: "3000" } } as const;
const port = readArguments(USAGE, { options }, ({ values }) => portNumber("--port", values.port));

const io = new SocketIoServer();
const handler = io.handler();
const app = new Hono<{ Bindings: Deno.ServeHandlerInfo<Deno.NetAddr> }>();

app.all("/socket.io/*", (c) => handler(c.req.raw, c.env));
app.get("/", (c) => c.html(PAGE));
app.post("/news", bodyLimit({ maxSize: 4096 }), async (c) => {
  const text = await c.req.text();
  if (text.trim() === "") return c.json({ problem: "post a text" }, 400);
  io.emit("news", text);
  return c.json({ sentTo: io.engine.clientsCount });
});

io.on("connection", (socket) => {
  socket.on("hello", (name, answer) => answer(`hello, ${name}`));
});

const server = orExit(() =>
  Deno.serve({
    hostname: "127.0.0.1",
    port,
    onListen: ({ port }) => console.log(`The news are at http://127.0.0.1:${port}/`),
  }, app.fetch)
);
await untilInterrupted(async () => {
  await io.close();
  await server.shutdown();
});
