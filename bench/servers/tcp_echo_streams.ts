// An echo server on the web streams of a `Socket`: deno run --allow-net bench/servers/tcp_echo_streams.ts PORT
import { createServer } from "../../net/mod.ts";

const server = createServer((socket) => {
  socket.readable.pipeTo(socket.writable).catch(() => {});
});
await server.listen(Number(Deno.args[0]), "127.0.0.1");
