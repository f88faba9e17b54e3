// The limit: a bare read and write loop on `Deno.listenTls`: deno run -A bench/servers/raw_tls_echo.ts PORT
const read = (file: string): string =>
  Deno.readTextFileSync(new URL(`../../tests/_support/certs/${file}`, import.meta.url));

const listener = Deno.listenTls({
  port: Number(Deno.args[0]),
  hostname: "127.0.0.1",
  cert: read("server.pem"),
  key: read("server.key"),
});

async function echo(conn: Deno.TlsConn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  try {
    for (let n; (n = await conn.read(buffer)) !== null;) {
      for (let at = 0; at < n;) at += await conn.write(buffer.subarray(at, n));
    }
  } catch {
    // cut
  }
  conn.close();
}

for await (const conn of listener) echo(conn);
