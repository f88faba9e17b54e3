// Sends each WebSocket message to all clients. Usage: deno run -A bench/servers/ws_fan.ts PORT [deflate]
import { serveWebSocket } from "../../websocket/server.ts";

const server = await serveWebSocket({
  port: Number(Deno.args[0]),
  hostname: "127.0.0.1",
  perMessageDeflate: Deno.args[1] === "deflate",
  default: (ws) => {
    ws.on("message", (data) => {
      server.broadcast(data);
    });
  },
});
