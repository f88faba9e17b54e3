// What an idle connection costs at least: each waits in a read of 1 KiB: deno run --allow-net bench/servers/raw_idle.ts PORT
async function wait(conn: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(1024);
  try {
    while (await conn.read(buffer) !== null);
  } catch {
    // The load generator left.
  } finally {
    conn.close();
  }
}

for await (const conn of Deno.listen({ port: Number(Deno.args[0]), hostname: "127.0.0.1" })) {
  wait(conn);
}
