// Floor 3: driver.
import { closeQuietly } from "./_close_quietly.ts";
import { recallTls, serverContext, serverHandshake, startTlsUnder } from "./_tls_start.ts";
import type { SecureContext } from "./secure_context.ts";
import type { StartServerTlsOptions, StartTlsOptions } from "./start_tls_options.ts";
import type { TlsInfo, TlsServerOptions } from "./tls_options.ts";
import type { Transport } from "./transport.ts";
import { type Deadline, deadlineSignal } from "./wait.ts";

/**
 * What the TLS handshake of a transport came to; `undefined` for transports without TLS, or whose TLS was not made here.
 *
 * @example
 * ```ts
 * import { pair, tlsInfo } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const [plain] = pair();
 * assertEquals(tlsInfo(plain), undefined); // no TLS on it
 * plain.close();
 * ```
 */
export function tlsInfo(transport: Transport): TlsInfo | undefined {
  return recallTls(transport);
}

/**
 * Starts TLS as a client on a transport that is connected: STARTTLS, or TLS through a proxy or inside TLS. Nothing may be reading from the
 * transport. It belongs to the result from then on, and is closed when the handshake fails.
 *
 * @throws {TypeError} For an option that is malformed or not supported.
 * @throws {NetError} A {@linkcode TlsError}, or `ECONNRESET`, `ETIMEDOUT`, `ABORT_ERR`, `ERR_UNSUPPORTED`.
 *
 * @example
 * ```ts
 * import { pair, startServerTls, startTls, tlsInfo } from "@sluice/sockets/net";
 * import { generateCertificate } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const { cert, key } = await generateCertificate({ names: ["test.example"] });
 * const [here, there] = pair();
 * const [client, server] = await Promise.all([
 *   startTls(here, { hostname: "test.example", ca: cert, timeout: 5000 }),
 *   startServerTls(there, { cert, key }),
 * ]);
 * assertEquals(tlsInfo(client)?.authorized, true);
 * await client.write(new TextEncoder().encode("hello"));
 * assertEquals(await server.read(new Uint8Array(16)), 5);
 * client.close();
 * server.close();
 * ```
 */
export async function startTls(
  transport: Transport,
  options: StartTlsOptions = {},
): Promise<Transport> {
  let deadline: Deadline | undefined;
  try {
    deadline = deadlineSignal("start TLS", options);
    return await startTlsUnder(deadline, transport, options);
  } catch (error) {
    closeQuietly(transport);
    throw error;
  } finally {
    deadline?.clear();
  }
}

/**
 * Starts TLS as a server on a transport that is connected: STARTTLS's other side. Nothing may be reading from the transport. It belongs
 * to the result from then on, and is closed when the handshake fails.
 *
 * @throws {TypeError} For an option that is malformed or not supported, a certificate or a key that is no good.
 * @throws {NetError} A {@linkcode TlsError}, or `ECONNRESET`, `ETIMEDOUT`, `ABORT_ERR`, `ERR_UNSUPPORTED`.
 *
 * @example
 * ```ts
 * import { pair, startServerTls, startTls, tlsInfo } from "@sluice/sockets/net";
 * import { generateCertificate } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const { cert, key } = await generateCertificate({ names: ["test.example"] });
 * const [here, there] = pair();
 * const [server, client] = await Promise.all([
 *   startServerTls(there, { cert, key }, { timeout: 5000 }),
 *   startTls(here, { hostname: "test.example", ca: cert }),
 * ]);
 * assertEquals(tlsInfo(server)?.servername, "test.example");
 * server.close();
 * client.close();
 * ```
 */
export async function startServerTls(
  transport: Transport,
  certificates: TlsServerOptions | SecureContext,
  options: StartServerTlsOptions = {},
): Promise<Transport> {
  try {
    return await serverHandshake(serverContext(certificates), transport, options);
  } catch (error) {
    closeQuietly(transport);
    throw error;
  }
}
