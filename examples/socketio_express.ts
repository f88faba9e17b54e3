/**
 * Socket.IO beside Express: what is posted to `/news` reaches all pages that are open, at once.
 *
 *     deno run --allow-net=127.0.0.1 --allow-read=$HOME/.cache/deno/npm --allow-env examples/socketio_express.ts [--port 3000]
 *     curl --data "It rains" --header "content-type: text/plain" http://127.0.0.1:3000/news
 *
 * Shows: `io.attach()`, which takes its own requests from a server of `node:http` and leaves all others to Express. Only
 * the line with `SocketIoServer` differs from a program for npm's socket.io.
 */
// @ts-types="@types/express"
import express from "express";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SocketIoServer } from "@sluice/sockets/socketio";
import { portNumber, readArguments } from "./_arguments.ts";
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

const USAGE = `Socket.IO beside Express: what is posted to /news reaches all pages that are open.

Usage: socketio_express.ts [--port PORT]

  --port PORT  the port (3000; 0 for any free one)`;

const options = { port: { type: "string", default: "3000" } } as const;
const port = readArguments(USAGE, { options }, ({ values }) => portNumber("--port", values.port));

const app = express();
const server = createServer(app);
// Longer than a client that polls rests between two requests: node:http's own 5 s would cost some their session.
server.keepAliveTimeout = 50_000;
const io = new SocketIoServer();
io.attach(server);

app.get("/", (_request, response) => {
  response.type("html").send(PAGE);
});
app.post("/news", express.text({ limit: "4kb" }), (request, response) => {
  if (typeof request.body !== "string" || request.body.trim() === "") {
    response.status(400).json({ problem: "post a text, as text/plain" });
    return;
  }
  io.emit("news", request.body);
  response.json({ sentTo: io.engine.clientsCount });
});

io.on("connection", (socket) => {
  socket.on("hello", (name, answer) => answer(`hello, ${name}`));
});

server.on("error", (error) => {
  console.error(error.message);
  Deno.exit(1);
});
server.listen(port, "127.0.0.1", () => {
  console.log(`The news are at http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
// It closes the server as well, and cuts the connections that browsers keep, or have opened in advance.
await untilInterrupted(() => io.close());
