// Floor 3: driver.
import { openListener } from "./_listen.ts";
import { setListenerNoDelay } from "./listener_no_delay.ts";
import type { TransportListener } from "./server_options.ts";
import type { TlsInfo, TlsServerOptions } from "./tls_options.ts";
import type { Transport } from "./transport.ts";

/** A port whose connections speak TLS. */
export interface TlsListening {
  /** Accepts them. */
  listener: TransportListener;
  /** Starts TLS on one, where the listener does not. */
  startTls?: (transport: Transport) => Promise<Transport>;
  /** What `startTls` came to: the client's certificate, for one. */
  tlsInfo?: (transport: Transport) => TlsInfo | undefined;
}

/**
 * Listens on a port for connections that speak TLS, for servers that take transports: those of `websocket` and `socketio` do it so.
 *
 * With `implementation: "deno"`, what is accepted speaks TLS already, and can't be closed while its peer stalls in the handshake, so there
 * is no `handshakeTimeout`: for trusted clients only.
 *
 * @throws {TypeError} For certificates and keys that are no good, options that are malformed or not supported.
 * @throws {NetError} `ERR_UNSUPPORTED` for what the chosen implementation can't do, and what the system refuses: `EADDRINUSE`, …
 *
 * @example
 * ```ts
 * import { dial, listenTls, startTls } from "@sluice/sockets/net";
 * import { generateCertificate } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const { cert, key } = await generateCertificate();
 * const listening = await listenTls({ port: 0, hostname: "127.0.0.1" }, { cert, key });
 * const { listener } = listening;
 * const { port } = listener.addr as Deno.NetAddr;
 * const connection = await dial({ hostname: "127.0.0.1", port });
 * const connecting = startTls(connection, { hostname: "localhost", ca: cert });
 * const server = await listening.startTls!(await listener.accept());
 * await server.write(new TextEncoder().encode("hello"));
 * const client = await connecting;
 * assertEquals(await client.read(new Uint8Array(9)), 5);
 * client.close();
 * server.close();
 * listener.close();
 * ```
 */
export async function listenTls(
  where: { port: number; hostname: string },
  tls: TlsServerOptions,
): Promise<TlsListening> {
  // Loaded when it is needed: node:tls and node:crypto weigh more than all of this.
  if (tls.implementation === "deno") {
    const { openDenoTls, unsupportedByDeno } = await import("./_deno_tls_listener.ts");
    const { checkTlsServerOptions } = await import("./_tls_start.ts");
    checkTlsServerOptions(tls);
    if (tls.handshakeTimeout !== undefined) throw unsupportedByDeno("handshakeTimeout");
    const listener = openDenoTls(where, tls);
    setListenerNoDelay(listener);
    return { listener };
  }
  const { SecureContext } = await import("./secure_context.ts");
  const { startServerTls, tlsInfo } = await import("./start_tls.ts");
  const context = new SecureContext(tls);
  return {
    listener: await openListener(where),
    startTls: (transport) => startServerTls(transport, context),
    tlsInfo,
  };
}
