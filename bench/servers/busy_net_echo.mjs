// The same on node:net, for Node and Deno: node bench/servers/busy_net_echo.mjs PORT
import { createServer } from "node:net";
import process from "node:process";

createServer((socket) => {
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    const end = performance.now() + 0.2;
    while (performance.now() < end);
    socket.write(chunk);
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
