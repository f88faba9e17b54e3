// Sends each WebSocket message to all clients, by npm ws on Node. Usage: node bench/servers/peers/ws_fan_node.mjs PORT
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ port: Number(process.argv[2]), host: "127.0.0.1" });
server.on("connection", (ws) => {
  ws.on("message", (data, isBinary) => {
    for (const client of server.clients) client.send(data, { binary: isBinary });
  });
});
