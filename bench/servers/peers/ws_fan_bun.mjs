// Sends each WebSocket message to all clients, by Bun's publish. Usage: bun bench/servers/peers/ws_fan_bun.mjs PORT
const server = Bun.serve({
  port: Number(process.argv[2]),
  hostname: "127.0.0.1",
  fetch: (request, server) =>
    server.upgrade(request) ? undefined : new Response("", { status: 426 }),
  websocket: {
    open: (ws) => ws.subscribe("all"),
    message: (_ws, data) => {
      server.publish("all", data);
    },
  },
});
