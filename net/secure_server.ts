// Floor 3: driver.
import { listenDenoTls, unsupportedByDeno } from "./_deno_tls_listener.ts";
import type { DenoTlsConn } from "./_deno_tls_transport.ts";
import { checkTlsServerOptions, denoServerHandshake, splitTlsServerOptions } from "./_tls_start.ts";
import { loadIdentity } from "./_tls_material.ts";
import { errorOf } from "./error_of.ts";
import { NetError } from "./errors.ts";
import { SecureContext } from "./secure_context.ts";
import { Server } from "./server.ts";
import type { ListenOptions, ServerOptions, TransportListener } from "./server_options.ts";
import type { Socket } from "./socket.ts";
import { TlsError } from "./tls_error.ts";
import type { TlsIdentity, TlsServerOptions } from "./tls_options.ts";
import type { Transport } from "./transport.ts";

/** Options of a secure server: those of a server and those of TLS on one level, as in Node. */
export interface SecureServerOptions extends ServerOptions, TlsServerOptions {
  /** Certificates and settings that are loaded already, instead of TLS options here. */
  secureContext?: SecureContext;
}

/**
 * A server that speaks TLS: Node's and Luvit's `tls.Server`. Every connection gets its handshake, and `secureConnection` is emitted
 * when that is done; when it fails, `tlsClientError` is, and the connection is gone. `connection` comes before the handshake,
 * with the same socket: what is written to it waits for the end of the handshake.
 *
 * Certificates can be changed while the server runs: {@linkcode SecureServer.setSecureContext},
 * {@linkcode SecureServer.addContext}.
 *
 * @example
 * ```ts
 * import { connectTls, SecureServer } from "@sluice/sockets/net";
 * import { generateCertificate } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const { cert, key } = await generateCertificate();
 * const server = new SecureServer({ cert, key });
 * server.on("secureConnection", (socket) => socket.pipe(socket));
 * await server.listen(0, "127.0.0.1");
 *
 * const socket = connectTls({ host: "localhost", port: server.port, ca: cert, family: 4 });
 * socket.setEncoding("utf8").end("hello");
 * assertEquals(await Array.fromAsync(socket), ["hello"]);
 * await server.close();
 * ```
 */
export class SecureServer extends Server {
  readonly #context: SecureContext | undefined;
  readonly #deno: TlsServerOptions | undefined;
  readonly #noDelay: boolean | undefined;
  readonly #conns = new WeakMap<Socket, DenoTlsConn>();

  /**
   * Makes a server that does not listen yet; `listener` is called with every connection after its handshake.
   *
   * @throws {TypeError} For certificates and keys that are no good, options that are malformed or not supported.
   * @throws {NetError} `ERR_UNSUPPORTED` for what the chosen implementation can't do.
   */
  constructor(options: SecureServerOptions, listener?: (socket: Socket) => void) {
    const { secureContext, ...others } = options;
    const { tls, rest } = splitTlsServerOptions(others);
    super(rest);
    this.#noDelay = rest.noDelay;
    if (secureContext !== undefined) {
      const [key] = Object.keys(tls);
      if (key !== undefined) {
        throw new TypeError(`Cannot use the option ${key} beside secureContext: it belongs there`);
      }
      this.#context = secureContext;
    } else if (tls.implementation === "deno") {
      checkTlsServerOptions(tls);
      if (rest.keepAlive === true) throw unsupportedByDeno("keepAlive");
      // Deno reads the handshake itself: nobody can read a header before it.
      if (rest.proxyProtocol !== undefined) throw unsupportedByDeno("proxyProtocol");
      loadIdentity(tls); // throws now, and not when it listens
      this.#deno = tls;
    } else this.#context = new SecureContext(tls);
    if (listener !== undefined) this.on("secureConnection", listener);
  }

  /**
   * Changes the certificate, and the authorities of clients' when `ca` is given, for the connections to come.
   *
   * @throws {TypeError} When they are no good; nothing has changed then.
   * @throws {NetError} `ERR_UNSUPPORTED` with
   * implementation `"deno"`.
   */
  setSecureContext(identity: TlsIdentity & Pick<TlsServerOptions, "ca">): void {
    this.#changeable().setIdentity(identity);
  }

  /**
   * Adds or changes the certificate for a name that clients ask for, `"a.example.org"` or `"*.example.org"`.
   *
   * @throws {TypeError} When the name or the certificate is no good.
   * @throws {NetError} `ERR_UNSUPPORTED` with
   * implementation `"deno"`.
   */
  addContext(name: string, identity: TlsIdentity): void {
    this.#changeable().addContext(name, identity);
  }

  /** {@linkcode SecureServer.addContext} for several names, by Luvit's name. */
  sni(hosts: Readonly<Record<string, TlsIdentity>>): void {
    for (const [name, identity] of Object.entries(hosts)) this.addContext(name, identity);
  }

  #changeable(): SecureContext {
    if (this.#context !== undefined) return this.#context;
    throw new NetError('Cannot change the certificate of a server with implementation "deno"', {
      code: "ERR_UNSUPPORTED",
    });
  }

  /** Opens what `listen` accepts from. */
  protected override openListener(
    options: ListenOptions,
  ): TransportListener | Promise<TransportListener> {
    return this.#deno === undefined
      ? super.openListener(options)
      : listenDenoTls(options, this.#deno, this.#noDelay);
  }

  /** Makes the socket of a connection that was let in. */
  protected override makeSocket(transport: Transport, options: ServerOptions): Socket {
    const socket = super.makeSocket(transport, options);
    if (this.#deno !== undefined) this.#conns.set(socket, transport as DenoTlsConn);
    return socket;
  }

  /** Does the handshake of a connection that was let in, and announces it then. */
  protected override welcome(socket: Socket): void {
    // First the handshake, so that nothing that a listener writes goes out in plain text.
    const secured = this.#context === undefined
      ? denoServerHandshake(this.#conns.get(socket)!, this.#deno!)
      : socket.startServerTls(this.#context);
    const fail = (error: Error): void => {
      socket.destroy(error);
      if (this.listenerCount("tlsClientError") > 0) this.emit("tlsClientError", error, socket);
    };
    secured.then(async () => {
      // With Deno's TLS, what fails right behind the handshake may be known before the handshake's own end. What the program has
      // destroyed the socket with meanwhile is no fault of the client.
      if (socket.destroyed) {
        return await socket.closed.catch((error) => {
          if (isConnectionFault(error)) fail(error);
        });
      }
      this.emit("secureConnection", socket);
    }, fail).catch((error) => {
      // A listener of the user threw: that ends its connection and nothing else.
      socket.destroy(errorOf(error));
    });
    super.welcome(socket);
  }
}

/** Whether this is what a connection itself has failed with: in TLS, in reading or in writing. */
function isConnectionFault(error: unknown): boolean {
  if (error instanceof TlsError) return true;
  return error instanceof NetError && (error.syscall === "read" || error.syscall === "write");
}

/**
 * Makes a {@linkcode SecureServer}; `listener` is called with every connection after its handshake.
 *
 * @example
 * ```ts
 * import { connectTls, createSecureServer } from "@sluice/sockets/net";
 * import { generateCertificate } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const { cert, key } = await generateCertificate();
 * const server = createSecureServer({ cert, key, ALPNProtocols: ["echo/1"] }, (socket) => {
 *   socket.pipe(socket);
 * });
 * await server.listen(0, "127.0.0.1");
 *
 * const socket = connectTls({
 *   host: "localhost",
 *   port: server.port,
 *   family: 4,
 *   ca: cert,
 *   ALPNProtocols: ["echo/1"],
 * });
 * await socket.opened;
 * assertEquals(socket.alpnProtocol, "echo/1");
 * socket.destroy();
 * await server.close();
 * ```
 */
export function createSecureServer(
  options: SecureServerOptions,
  listener?: (socket: Socket) => void,
): SecureServer {
  return new SecureServer(options, listener);
}
