// Floor 3: driver.
import { driveHandshake } from "./_handshake_driver.ts";
import { hostAndPort } from "./_host_port.ts";
import { checkProxyOptions } from "./_proxy_options.ts";
import { HttpConnectHandshake } from "./http_connect_handshake.ts";
import { prefixTransport } from "./prefixed_transport.ts";
import type { ProxyTarget } from "./proxy_error.ts";
import type { Transport } from "./transport.ts";
import type { WaitOptions } from "./wait.ts";

/** Options of {@linkcode httpConnect}. */
export interface HttpConnectOptions extends WaitOptions {
  /** The user name, for Basic authentication: no colon and no control character. */
  username?: string;
  /**
   * The password: no control character.
   *
   * @default {""}
   */
  password?: string;
  /**
   * Further header fields for the proxy.
   *
   * @default {{}}
   */
  headers?: Readonly<Record<string, string>>;
  /**
   * How long the handshake may take, in ms; 0 for no limit.
   *
   * @default {30000}
   */
  timeout?: number;
}

/** By a type that has them all: one that is missing here does not compile. */
const OPTIONS: Record<keyof HttpConnectOptions, true> = {
  username: true,
  password: true,
  headers: true,
  timeout: true,
  signal: true,
};

/**
 * Has an HTTP proxy connect to `target` (RFC 9110 §9.3.6 CONNECT), over a transport that is connected to the proxy, with TLS or
 * without. A name is resolved by the proxy. Returns a transport that leads to the target: the same one, unless bytes of the target came
 * together with the proxy's answer, which are then given first.
 *
 * Without TLS to the proxy, the credentials can be read on the way there. Whatever fails closes the transport.
 *
 * @throws {TypeError} when the host, the credentials or a header field can't be sent; for options that there are not
 * @throws {RangeError} when the port is out of range
 * @throws {ProxyError} when the proxy refuses: `ERR_PROXY_AUTH` for status 407, else `ERR_PROXY_REFUSED`
 * @throws {NetError} `ETIMEDOUT`, `ABORT_ERR`, or what broke the transport
 *
 * @example
 * ```ts
 * import { httpConnect, pair } from "@sluice/sockets/net";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const [here, proxy] = pair(); // or: await Deno.connect({ hostname: "proxy.example", port: 3128 })
 * const connecting = httpConnect(here, { hostname: "example.org", port: 443 }, { username: "ann" });
 *
 * // The proxy's part:
 * const bytes = new Uint8Array(1024);
 * const n = await proxy.read(bytes);
 * const request = new TextDecoder().decode(bytes.subarray(0, n!));
 * assert(request.startsWith("CONNECT example.org:443 HTTP/1.1\r\n"));
 * await proxy.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\nfrom the target"));
 *
 * const transport = await connecting;
 * assertEquals(await transport.read(new Uint8Array(64)), 15);
 * transport.close();
 * proxy.close();
 * ```
 */
export async function httpConnect(
  transport: Transport,
  target: ProxyTarget,
  options: HttpConnectOptions = {},
): Promise<Transport> {
  const { username, password, headers } = options;
  let handshake: HttpConnectHandshake;
  let what: string;
  try {
    checkProxyOptions("Cannot connect through proxy", options, OPTIONS);
    handshake = new HttpConnectHandshake(target, { username, password, headers });
    what = `connect to "${hostAndPort(target.hostname, target.port)}" through proxy`;
  } catch (error) {
    transport.close();
    throw error;
  }
  await driveHandshake(transport, handshake, what, options);
  return prefixTransport(transport, handshake.leftover);
}
