// A WebSocket echo by events. Usage: deno run -A bench/servers/ws_echo.ts PORT [deflate]
import { serveWebSocket } from "../../websocket/server.ts";

await serveWebSocket({
  port: Number(Deno.args[0]),
  hostname: "127.0.0.1",
  perMessageDeflate: Deno.args[1] === "deflate",
  maxMessageSize: 16 << 20,
  default: (ws) => {
    ws.on("message", (data) => {
      ws.send(data);
    });
  },
});
