// Floor 3: driver.
import { NetError } from "../net/errors.ts";
import { checkPort } from "../net/host.ts";
import { toNetError } from "../net/os_error.ts";
import type { TransportListener } from "../net/server_options.ts";
import type { TlsServerOptions } from "../net/tls_options.ts";
import type { Transport } from "../net/transport.ts";
import type { ServeWebSocketOptions } from "./server_options.ts";

/** A listener, and whether what it accepts runs over TLS. */
export interface WebSocketListening {
  /** Accepts connections. */
  listener: TransportListener;
  /** Whether they run over TLS. */
  secure: boolean;
  /** Starts TLS on a connection, where the listener does not. */
  startTls?: (transport: Transport) => Promise<Transport>;
}

/**
 * Opens what a server listens on.
 *
 * @throws {TypeError} If options contradict each other.
 * @throws {NetError} If the system refuses.
 */
export async function openListening(options: ServeWebSocketOptions): Promise<WebSocketListening> {
  const { listener, path, port, hostname, tls } = options;
  const given = [listener, path, port].filter((value) => value !== undefined).length;
  if (given > 1) {
    throw new TypeError("Cannot serve WebSockets: give one of `port`, `path` and `listener`");
  }
  if (hostname !== undefined && (path !== undefined || listener !== undefined)) {
    throw new TypeError("Cannot serve WebSockets: `hostname` goes with `port` only");
  }
  if (tls !== undefined && (path !== undefined || listener !== undefined)) {
    throw new TypeError("Cannot serve WebSockets: `tls` goes with `port` only");
  }
  if (port !== undefined) checkPort(port, 0);
  if (listener !== undefined) return { listener, secure: false };
  try {
    if (path !== undefined) {
      return { listener: Deno.listen({ transport: "unix", path }), secure: false };
    }
    const where = { port: port ?? 0, hostname: hostname ?? "0.0.0.0" };
    if (tls === undefined) return { listener: Deno.listen(where), secure: false };
    if (tls.implementation === "deno") {
      if (options.proxyProtocol !== undefined) {
        throw new NetError("Cannot use the option proxyProtocol with Deno's TLS", {
          code: "ERR_UNSUPPORTED",
          syscall: "listen",
        });
      }
      const listener = Deno.listenTls({ ...where, ...plainCertificate(tls) });
      const { setListenerNoDelay } = await import("../net/listener_no_delay.ts");
      setListenerNoDelay(listener);
      return { listener, secure: true };
    }
    // Deno's own can't close a connection whose client stalls in the handshake: it would be open for as long as the client likes.
    const { handshakeTimeout = 10_000 } = options;
    const settings = { ALPNProtocols: ["http/1.1"], handshakeTimeout, ...tls };
    // Loaded when it is needed: node:tls weighs more than all of this.
    const { startServerTls } = await import("../net/start_tls.ts");
    const { SecureContext } = await import("../net/secure_context.ts");
    const context = new SecureContext(settings);
    return {
      listener: Deno.listen(where),
      secure: true,
      startTls: (transport) => startServerTls(transport, context),
    };
  } catch (error) {
    // Deno's have a code: a path that is too long, for one.
    const own = (error instanceof TypeError || error instanceof RangeError) && !("code" in error);
    if (own || error instanceof NetError) throw error;
    const what = `Cannot listen on "${path ?? `${hostname ?? "0.0.0.0"}:${port ?? 0}`}"`;
    throw toNetError(error, { syscall: "listen", address: path ?? hostname, port, what });
  }
}

/**
 * What Deno's own TLS listener takes.
 *
 * @throws {NetError} `ERR_UNSUPPORTED` if more than that is wanted.
 */
function plainCertificate(
  tls: TlsServerOptions,
): { cert: string; key: string; alpnProtocols: string[] } {
  const { cert = "", key = "", implementation: _, ...others } = tls;
  for (const [name, value] of Object.entries(others)) {
    if (value === undefined) continue;
    throw new NetError(`Cannot use the option ${name} with Deno's TLS`, {
      code: "ERR_UNSUPPORTED",
      syscall: "listen",
    });
  }
  const text = (pem: string | Uint8Array) =>
    typeof pem === "string" ? pem : new TextDecoder().decode(pem);
  // HTTP/1.1 and nothing else: a browser must not try HTTP/2 here.
  return { cert: text(cert), key: text(key), alpnProtocols: ["http/1.1"] };
}
