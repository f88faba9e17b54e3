// Floor 3: driver.
import { keepContext, serverContext } from "./_tls_start.ts";
import type { TlsIdentity, TlsServerOptions } from "./tls_options.ts";

/**
 * The certificates and the TLS settings of a server, loaded and checked once, for any number of handshakes: for `startServerTls`,
 * `socket.startServerTls`, and several secure servers together. They may be changed while servers run; connections that stand keep
 * what they have.
 *
 * @example
 * ```ts ignore
 * import { createSecureServer, SecureContext } from "@sluice/sockets/net";
 *
 * const read = (path: string) => Deno.readTextFileSync(path);
 * const load = () => ({ cert: read("server.pem"), key: read("server.key") });
 * const context = new SecureContext(load());
 * await createSecureServer({ secureContext: context }).listen(443);
 * Deno.addSignalListener("SIGHUP", () => context.setIdentity(load()));
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
   * Adds or changes the certificate for a name, `"a.example.org"` or `"*.example.org"`.
   *
   * @throws {TypeError} When the name or the certificate is no good.
   */
  addContext(name: string, identity: TlsIdentity): void {
    serverContext(this).add(name, identity);
  }
}
