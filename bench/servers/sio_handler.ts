// The Socket.IO server of the benchmarks as a handler of Deno.serve. Usage: deno run -A bench/servers/sio_handler.ts PORT
import { SocketIoServer } from "../../socketio/server.ts";

const io = new SocketIoServer({ serveClient: false });
io.on("connection", (socket) => {
  socket.on("echo", (data) => socket.emit("echo", data));
  socket.on("fan", (data) => io.emit("fan", data));
});
Deno.serve({ port: Number(Deno.args[0] ?? 3000), hostname: "127.0.0.1" }, io.handler());
