// A WebSocket echo on Deno's own server. Usage: deno run -A bench/servers/peers/ws_echo_deno.ts PORT
Deno.serve({ port: Number(Deno.args[0]), hostname: "127.0.0.1" }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => socket.send(data);
  return response;
});
