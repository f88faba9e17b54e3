// Reads everything and closes at the end: deno run --allow-net bench/servers/trace_sink.ts PORT
const buffer = new Uint8Array(1 << 20);
for await (const conn of Deno.listen({ hostname: "127.0.0.1", port: Number(Deno.args[0]) })) {
  while (await conn.read(buffer) !== null);
  conn.close();
}
