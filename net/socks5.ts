// Floor 3: driver.
import { driveHandshake } from "./_handshake_driver.ts";
import { hostAndPort } from "./_host_port.ts";
import { checkProxyOptions } from "./_proxy_options.ts";
import type { ProxyTarget } from "./proxy_error.ts";
import { Socks5ClientHandshake } from "./socks5_client_handshake.ts";
import type { Transport } from "./transport.ts";
import type { WaitOptions } from "./wait.ts";

/** Options of {@linkcode socks5Connect}. */
export interface Socks5ConnectOptions extends WaitOptions {
  /** The user name, 1 to 255 bytes; without it, no authentication is offered. */
  username?: string;
  /**
   * The password, up to 255 bytes.
   *
   * @default {""}
   */
  password?: string;
  /**
   * How long the handshake may take, in ms; 0 for no limit.
   *
   * @default {30000}
   */
  timeout?: number;
}

/** By a type that has them all: one that is missing here does not compile. */
const OPTIONS: Record<keyof Socks5ConnectOptions, true> = {
  username: true,
  password: true,
  timeout: true,
  signal: true,
};

/**
 * Has a SOCKS5 proxy connect to `target` (RFC 1928 CONNECT, RFC 1929), over a transport that is connected to the proxy. A name is
 * resolved by the proxy. Returns the same transport, which from then on leads to the target: nothing is read beyond the handshake.
 *
 * Whatever fails closes the transport.
 *
 * @throws {TypeError} when the host or the credentials can't be sent: over 255 bytes, a NUL in the host; for options that there are not
 * @throws {RangeError} when the port is out of range
 * @throws {ProxyError} when the proxy refuses; each reply code has its error code
 * @throws {NetError} `ETIMEDOUT`, `ABORT_ERR`, or what broke the transport
 *
 * @example
 * ```ts
 * import { createSocks5Server, socks5Connect } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = createSocks5Server();
 * using target = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 *
 * const proxy = await Deno.connect(server.listen());
 * const transport = await socks5Connect(proxy, target.addr, { timeout: 5000 });
 * using accepted = await target.accept();
 * await transport.write(new TextEncoder().encode("hello"));
 * assertEquals(await accepted.read(new Uint8Array(8)), 5);
 * transport.close();
 * ```
 */
export async function socks5Connect(
  transport: Transport,
  target: ProxyTarget,
  options: Socks5ConnectOptions = {},
): Promise<Transport> {
  const { username, password } = options;
  let handshake: Socks5ClientHandshake;
  let what: string;
  try {
    checkProxyOptions("Cannot connect through proxy", options, OPTIONS);
    handshake = new Socks5ClientHandshake(target, { username, password });
    what = `connect to "${hostAndPort(target.hostname, target.port)}" through proxy`;
  } catch (error) {
    transport.close();
    throw error;
  }
  await driveHandshake(transport, handshake, what, options);
  return transport;
}
