// A bare copy between two sockets, both ways, what a tracer is compared with: deno run --allow-net bench/servers/trace_copy.ts PORT TARGET_PORT
const [port, target] = Deno.args.map(Number);

async function copy(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  for (let n; (n = await from.read(buffer)) !== null;) {
    for (let at = 0; at < n;) at += await to.write(buffer.subarray(at, n));
  }
  await to.closeWrite().catch(() => {});
}

async function serve(client: Deno.Conn): Promise<void> {
  const server = await Deno.connect({ hostname: "127.0.0.1", port: target });
  await Promise.all([copy(client, server), copy(server, client)]);
  client.close();
  server.close();
}

for await (const client of Deno.listen({ hostname: "127.0.0.1", port })) serve(client);
