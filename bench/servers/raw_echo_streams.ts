// Deno's own streams: deno run --allow-net bench/servers/raw_echo_streams.ts PORT
for await (const conn of Deno.listen({ port: Number(Deno.args[0]), hostname: "127.0.0.1" })) {
  conn.setNoDelay(true);
  conn.readable.pipeTo(conn.writable).catch(() => {});
}
