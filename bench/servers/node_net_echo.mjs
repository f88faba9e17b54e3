// The same on node:net, for Node, Deno and Bun: node bench/servers/node_net_echo.mjs PORT
import { createServer } from "node:net";
import process from "node:process";

createServer({ noDelay: true }, (socket) => {
  socket.on("data", (chunk) => {
    if (!socket.write(chunk)) socket.pause();
  });
  socket.on("drain", () => socket.resume());
  socket.on("error", () => {});
}).listen(Number(process.argv[2] ?? globalThis.Deno?.args[0]), "127.0.0.1");
