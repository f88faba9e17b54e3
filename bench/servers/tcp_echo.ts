// An echo server on the events of a `Socket`: deno run --allow-net bench/servers/tcp_echo.ts PORT
import { createServer } from "../../net/mod.ts";

const server = createServer((socket) => {
  socket.on("data", (chunk) => {
    if (!socket.write(chunk)) socket.pause();
  });
  socket.on("drain", () => socket.resume());
});
await server.listen(Number(Deno.args[0]), "127.0.0.1");
