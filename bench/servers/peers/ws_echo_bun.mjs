// A WebSocket echo on Bun. Usage: bun bench/servers/peers/ws_echo_bun.mjs PORT [deflate]
const [, , port, deflate] = process.argv;
Bun.serve({
  port: Number(port),
  hostname: "127.0.0.1",
  fetch: (request, server) =>
    server.upgrade(request) ? undefined : new Response("", { status: 426 }),
  websocket: {
    perMessageDeflate: Boolean(deflate),
    maxPayloadLength: 16 << 20,
    backpressureLimit: 64 << 20,
    message: (ws, data) => {
      ws.send(data, Boolean(deflate));
    },
  },
});
