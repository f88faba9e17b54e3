// Sends each WebSocket message to all clients, on Deno's own server. Usage: deno run -A bench/servers/peers/ws_fan_deno.ts PORT
const clients = new Set<WebSocket>();
Deno.serve({ port: Number(Deno.args[0]), hostname: "127.0.0.1" }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => clients.add(socket);
  socket.onclose = () => clients.delete(socket);
  socket.onmessage = ({ data }) => {
    for (const client of clients) client.send(data);
  };
  return response;
});
