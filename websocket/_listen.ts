// Floor 3: driver.
import { NetError } from "../net/errors.ts";
import { checkPort } from "../net/host.ts";
import { listenTcp } from "../net/listen_tcp.ts";
import { listenTls, type TlsListening } from "../net/listen_tls.ts";
import { toNetError } from "../net/os_error.ts";
import type { ServeWebSocketOptions } from "./server_options.ts";

/** A listener, and whether what it accepts runs over TLS. */
export interface WebSocketListening extends TlsListening {
  /** Whether it runs over TLS. */
  secure: boolean;
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
  for (const name of ["cert", "key"]) {
    if (name in options) {
      throw new TypeError(`Cannot serve WebSockets: \`${name}\` goes into \`tls\``);
    }
  }
  if (tls !== undefined && (typeof tls !== "object" || tls === null)) {
    throw new TypeError("Cannot serve WebSockets: `tls` is no object");
  }
  if (port !== undefined) checkPort(port, 0);
  if (listener !== undefined) {
    const { accept, close } = (listener ?? {}) as Partial<typeof listener>;
    if (typeof accept !== "function" || typeof close !== "function") {
      throw new TypeError("Cannot serve WebSockets: `listener` is nothing that accepts transports");
    }
    return { listener, secure: false };
  }
  // For an empty one the system makes an address up.
  if (path !== undefined && (typeof path !== "string" || path === "" || path.includes("\0"))) {
    throw new TypeError("Cannot serve WebSockets: `path` is not the path of a Unix socket file");
  }
  try {
    if (path !== undefined) {
      return { listener: Deno.listen({ transport: "unix", path }), secure: false };
    }
    const where = { port: port ?? 0, hostname: hostname ?? "0.0.0.0" };
    if (tls === undefined) return { listener: listenTcp(where), secure: false };
    if (tls.implementation === "deno" && options.proxyProtocol !== undefined) {
      throw new NetError("Cannot use the option proxyProtocol with Deno's TLS", {
        code: "ERR_UNSUPPORTED",
        syscall: "listen",
      });
    }
    const { handshakeTimeout = 10_000 } = options;
    // HTTP/1.1 and nothing else: a browser must not try HTTP/2 here.
    const settings = { ALPNProtocols: ["http/1.1"], ...tls };
    if (tls.implementation !== "deno") settings.handshakeTimeout ??= handshakeTimeout;
    return { ...await listenTls(where, settings), secure: true };
  } catch (error) {
    // Deno's have a code: a path that is too long, for one.
    const own = (error instanceof TypeError || error instanceof RangeError) && !("code" in error);
    if (own || error instanceof NetError) throw error;
    const what = `Cannot listen on "${path ?? `${hostname ?? "0.0.0.0"}:${port ?? 0}`}"`;
    throw toNetError(error, { syscall: "listen", address: path ?? hostname, port, what });
  }
}
