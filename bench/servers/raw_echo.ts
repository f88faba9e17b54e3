// The limit: an echo server on bare `conn.read` and `conn.write`: deno run --allow-net bench/servers/raw_echo.ts PORT
async function serve(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay(true);
  const buffer = new Uint8Array(65_536);
  try {
    for (let n; (n = await conn.read(buffer)) !== null;) {
      for (let at = 0; at < n;) at += await conn.write(buffer.subarray(at, n));
    }
  } catch {
    // The load generator left.
  } finally {
    conn.close();
  }
}

for await (const conn of Deno.listen({ port: Number(Deno.args[0]), hostname: "127.0.0.1" })) {
  serve(conn);
}
