// The same on node:tls itself, for Deno, Node and Bun: (deno run -A | node) bench/servers/tls_node_echo.mjs PORT
import { readFileSync } from "node:fs";
import process from "node:process";
import { createServer } from "node:tls";

const read = (file) => readFileSync(new URL(`../../tests/_support/certs/${file}`, import.meta.url));

createServer({ cert: read("server.pem"), key: read("server.key"), noDelay: true }, (socket) => {
  socket.on("data", (chunk) => {
    if (!socket.write(chunk)) socket.pause();
  });
  socket.on("drain", () => socket.resume());
  socket.on("error", () => {});
}).listen(Number(process.argv[2]), "127.0.0.1");
