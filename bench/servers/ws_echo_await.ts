// A WebSocket echo by `for await`. Usage: deno run -A bench/servers/ws_echo_await.ts PORT
import { serveWebSocket } from "../../websocket/server.ts";

await serveWebSocket({
  port: Number(Deno.args[0]),
  hostname: "127.0.0.1",
  maxMessageSize: 16 << 20,
  default: async (ws) => {
    for await (const message of ws) await ws.send(message);
  },
});
