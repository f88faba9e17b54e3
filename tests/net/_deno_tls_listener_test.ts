import { assertEquals, assertThrows } from "@std/assert";
import { listenDenoTls } from "../../net/_deno_tls_listener.ts";
import { NetError } from "../../net/errors.ts";
import type { ListenOptions } from "../../net/server_options.ts";
import type { InetAddr } from "../../net/transport.ts";
import { CA, identity, LOCKED_KEY } from "../_support/certs.ts";

const SERVER = identity("server");

Deno.test("Deno TLS listener accepts on every address, with an encrypted key too", async () => {
  const { cert } = SERVER;
  const listener = listenDenoTls({}, { cert, key: LOCKED_KEY, passphrase: "open-sesame" });
  const { port } = listener.addr as InetAddr;
  const [client, server] = await Promise.all([
    Deno.connectTls({ hostname: "127.0.0.1", port, caCerts: [CA] }),
    listener.accept(),
  ]);
  await Promise.all([client.write(Uint8Array.of(1)), server.read(new Uint8Array(1))]);
  client.close();
  server.close();
  listener.close();
});

Deno.test("Deno TLS listener says why it can't listen", () => {
  const listener = listenDenoTls({ host: "127.0.0.1" }, SERVER);
  const { port } = listener.addr as InetAddr;
  const taken = assertThrows(
    () => listenDenoTls({ hostname: "127.0.0.1", port }, SERVER),
    NetError,
  );
  assertEquals([taken.code, taken.address, taken.port], ["EADDRINUSE", "127.0.0.1", port]);
  const foreign = assertThrows(() => listenDenoTls({ host: "192.0.2.77" }, SERVER), NetError);
  assertEquals(foreign.code, "EADDRNOTAVAIL");
  listener.close();
});

Deno.test("Deno TLS listener does not make do with IPv4 where the port of IPv6 is taken", () => {
  using taken = Deno.listen({ hostname: "::1", port: 0 });
  const { port } = taken.addr;
  const error = assertThrows(() => listenDenoTls({ port }, SERVER), NetError);
  assertEquals([error.code, error.port], ["EADDRINUSE", port]);
});

Deno.test("Deno TLS listener refuses what it can't honour", () => {
  const rows: ListenOptions[] = [{ path: "/tmp/x" }, { backlog: 5 }, { reusePort: true }];
  for (const options of rows) {
    assertEquals(
      assertThrows(() => listenDenoTls(options, SERVER), NetError).code,
      "ERR_UNSUPPORTED",
    );
  }
});

Deno.test({
  name: "Deno TLS listener honours noDelay where it can",
  ignore: Deno.build.os !== "linux",
  fn: () => {
    for (const noDelay of [undefined, true, false]) {
      listenDenoTls({ host: "127.0.0.1" }, SERVER, noDelay).close();
    }
  },
});

Deno.test({
  name: "Deno TLS listener refuses noDelay where it can't honour it, and listens no more",
  permissions: { net: true, read: true, ffi: false },
  fn: () => {
    const error = assertThrows(
      () => listenDenoTls({ host: "127.0.0.1" }, SERVER, true),
      NetError,
      "--allow-ffi",
    );
    assertEquals(error.code, "ERR_UNSUPPORTED");
    listenDenoTls({ host: "127.0.0.1" }, SERVER).close();
  },
});
