// Floor 3: driver.
import { keepContext, serverContext } from "./_tls_start.ts";
import type { TlsIdentity, TlsServerOptions } from "./tls_options.ts";

/**
 * The certificates and the TLS settings of a server, loaded and checked once, for any number of handshakes: for `startServerTls`,
 * `socket.startServerTls`, and several secure servers together. They may be changed while servers run; connections that stand keep
 * what they have.
 *
 * @example
 * ```ts
 * import { connectTls, createSecureServer, SecureContext } from "@sluice/sockets/net";
 * import { generateCertificate } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const { cert, key } = await generateCertificate();
 * const context = new SecureContext({ cert, key });
 * const server = createSecureServer({ secureContext: context }, (socket) => socket.end("hello"));
 * await server.listen(0, "127.0.0.1");
 *
 * // A new certificate while the server runs, for example on SIGHUP:
 * const renewed = await generateCertificate();
 * context.setIdentity({ cert: renewed.cert, key: renewed.key });
 * const socket = connectTls({ host: "localhost", port: server.port, ca: renewed.cert, family: 4 });
 * assertEquals(await Array.fromAsync(socket.setEncoding("utf8")), ["hello"]);
 * await server.close();
 * ```
 */
export class SecureContext {
  /**
   * Loads the certificates.
   *
   * @throws {TypeError} For a certificate or key that is no good, and an option that is malformed or not supported.
   * @throws {NetError} `ERR_UNSUPPORTED` for implementation `"deno"`, which can't share them.
   */
  constructor(options: TlsServerOptions) {
    keepContext(this, serverContext(options));
  }

  /**
   * Changes the server's own certificate, and the authorities of clients' when `ca` is given.
   *
   * @throws {TypeError} When they are no good; nothing has changed then.
   */
  setIdentity(identity: TlsIdentity & Pick<TlsServerOptions, "ca">): void {
    serverContext(this).replace(identity);
  }

  /**
   * Adds or changes the certificate for a name, `"a.example.org"` or `"*.example.org"`, in any spelling of it. Clients ask for no addresses.
   *
   * @throws {TypeError} When the name or the certificate is no good.
   */
  addContext(name: string, identity: TlsIdentity): void {
    serverContext(this).add(name, identity);
  }
}
