import { assertEquals, assertRejects } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { listenTls } from "../../net/listen_tls.ts";
import { startTls } from "../../net/start_tls.ts";
import type { TlsServerOptions } from "../../net/tls_options.ts";
import { CA, identity } from "../_support/certs.ts";

const HERE = { port: 0, hostname: "127.0.0.1" };

for (const implementation of ["node", "deno", undefined] as const) {
  Deno.test(`listenTls takes connections in by ${implementation ?? "what is usual"}`, async () => {
    const { listener, startTls: begin, tlsInfo } = await listenTls(HERE, {
      ...identity("server"),
      implementation,
    });
    assertEquals(begin === undefined, implementation === "deno");
    const { port } = listener.addr as Deno.NetAddr;
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const dialling = startTls(conn, { hostname: "localhost", ca: CA });
    const accepted = await listener.accept();
    const server = begin === undefined ? accepted : await begin(accepted);
    const buffer = new Uint8Array(16);
    const writing = server.write(new TextEncoder().encode("hello"));
    const client = await dialling;
    assertEquals(tlsInfo?.(server)?.servername, begin && "localhost");
    assertEquals(await client.read(buffer), 5);
    await writing;
    client.close();
    server.close();
    listener.close();
  });
}

Deno.test("listenTls refuses certificates, keys and options that are no good, and leaves nothing open", async () => {
  const bad: [Partial<TlsServerOptions>, RegExp][] = [
    [{ key: undefined }, /without a key/],
    [{ cert: undefined }, /without a certificate/],
    [{ key: identity("client").key }, /belong/],
    [{ cert: "nothing" }, /certificate/],
    [{ nonsense: 1 } as TlsServerOptions, /not supported/],
  ];
  for (const implementation of ["node", "deno"] as const) {
    for (const [options, message] of bad) {
      const tls = { ...identity("server"), implementation, ...options };
      const error = await assertRejects(() => listenTls(HERE, tls), TypeError);
      assertEquals(message.test(error.message), true, error.message);
    }
  }
  for (const more of [{ requestCert: true }, { handshakeTimeout: 5 }]) {
    const tls = { ...identity("server"), implementation: "deno", ...more } as const;
    const error = await assertRejects(() => listenTls(HERE, tls), NetError);
    assertEquals(error.code, "ERR_UNSUPPORTED");
  }
});

Deno.test("listenTls tells which port is taken", async () => {
  using listener = Deno.listen(HERE);
  const { port } = listener.addr;
  for (const implementation of ["node", "deno"] as const) {
    const tls = { ...identity("server"), implementation };
    const error = await assertRejects(() => listenTls({ ...HERE, port }, tls), NetError);
    assertEquals([error.code, error.port], ["EADDRINUSE", port]);
    assertEquals(error.message.startsWith(`Cannot listen on "127.0.0.1:${port}"`), true);
  }
});
