// The Socket.IO server of the benchmarks by npm socket.io on Node. Usage: node bench/servers/peers/sio_node.mjs PORT
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { serveClient: false });
io.on("connection", (socket) => {
  socket.on("echo", (data) => socket.emit("echo", data));
  socket.on("fan", (data) => io.emit("fan", data));
});
http.listen(Number(process.argv[2]), "127.0.0.1");
