// A WebSocket echo by npm ws on Node. Usage: node bench/servers/peers/ws_echo_node.mjs PORT [deflate]
import { WebSocketServer } from "ws";

const [, , port, deflate] = process.argv;
const options = { port: Number(port), host: "127.0.0.1", maxPayload: 16 << 20 };
if (deflate) options.perMessageDeflate = { threshold: 0 };
new WebSocketServer(options).on("connection", (ws) => {
  ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary }));
});
