// A Socket.IO server for the load generator: `echo` is answered to its sender, `fan` goes to everyone.
// Usage: deno run -A bench/servers/sio.ts PORT
import { SocketIoServer } from "../../socketio/server.ts";

const io = new SocketIoServer({ serveClient: false });
io.on("connection", (socket) => {
  socket.on("echo", (data) => socket.emit("echo", data));
  socket.on("fan", (data) => io.emit("fan", data));
});
await io.listen({ port: Number(Deno.args[0] ?? 3000), hostname: "127.0.0.1" });
