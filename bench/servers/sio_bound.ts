// The Socket.IO server of the benchmarks by npm socket.io, bound to our engine. Usage: deno run -A bench/servers/sio_bound.ts PORT
import { Server } from "socket.io";
import { SocketIoEngine } from "../../socketio/engine.ts";

const io = new Server({ serveClient: false });
const engine = new SocketIoEngine({ path: "/socket.io" });
io.bind(engine);
io.on("connection", (socket) => {
  socket.on("echo", (data) => socket.emit("echo", data));
  socket.on("fan", (data) => io.emit("fan", data));
});
await engine.listen({ port: Number(Deno.args[0] ?? 3000), hostname: "127.0.0.1" });
