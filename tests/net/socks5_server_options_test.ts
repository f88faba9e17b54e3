import { assertEquals } from "@std/assert";
import { SOCKS5_SERVER_DEFAULTS } from "../../net/socks5_server_options.ts";

Deno.test("SOCKS5 server bounds everything unless told otherwise", () => {
  assertEquals(SOCKS5_SERVER_DEFAULTS, {
    maxConnections: 1024,
    maxDestinations: 1024,
    handshakeTimeout: 10_000,
    connectTimeout: 30_000,
    idleTimeout: 300_000,
  });
});
