// Floor 3: driver.
import { withDeadline } from "./_handshake_driver.ts";
import { hostAndPort } from "./_host_port.ts";
import { httpConnect } from "./http_connect.ts";
import { checkOptionNames } from "./option_names.ts";
import type { ProxyTarget } from "./proxy_error.ts";
import { parseProxyUrl, ProxyUrl } from "./proxy_url.ts";
import { socks5Connect } from "./socks5.ts";
import type { Transport } from "./transport.ts";
import type { WaitOptions } from "./wait.ts";

/** Options of {@linkcode connectThroughProxies}. */
export interface ConnectThroughProxiesOptions extends WaitOptions {
  /**
   * Starts TLS to an `https` proxy, over a transport that leads to it, and checks its certificate for `hostname`. Must reject
   * and close the transport when the signal fires.
   */
  startTls?: (
    transport: Transport,
    options: { hostname: string; signal: AbortSignal },
  ) => Promise<Transport>;
  /**
   * How long all proxies together may take, in ms; 0 for no limit.
   *
   * @default {30000}
   */
  timeout?: number;
}

/** By a type that has them all: one that is missing here does not compile. */
const OPTIONS: Record<keyof ConnectThroughProxiesOptions, true> = {
  startTls: true,
  timeout: true,
  signal: true,
};

/**
 * Connects to `target` through one proxy or a chain of them, over a transport that is connected to the first. Each proxy is asked to
 * connect to the next, and the last one to the target; each gets its own credentials only.
 *
 * Whatever fails closes the transport.
 *
 * @throws {TypeError} when there is no proxy, a URL is malformed, an `https` proxy has no `startTls`, or a host or a credential
 * can't be sent; for options that there are not
 * @throws {ProxyError} when a proxy refuses
 * @throws {NetError} `ETIMEDOUT`, `ABORT_ERR`, or what broke the transport
 *
 * @example
 * ```ts
 * import { connectThroughProxies, createSocks5Server } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using near = createSocks5Server();
 * await using far = createSocks5Server();
 * using target = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 *
 * const first = await Deno.connect(near.listen());
 * const proxies = [near.addr, far.listen()].map(({ port }) => `socks5://127.0.0.1:${port}`);
 * const transport = await connectThroughProxies(first, proxies, target.addr);
 * using accepted = await target.accept();
 * assertEquals(await transport.write(new Uint8Array(5)), 5);
 * assertEquals(await accepted.read(new Uint8Array(8)), 5);
 * transport.close();
 * ```
 */
export async function connectThroughProxies(
  transport: Transport,
  proxies: readonly (string | URL | ProxyUrl)[],
  target: ProxyTarget,
  options: ConnectThroughProxiesOptions = {},
): Promise<Transport> {
  const { startTls } = options;
  let chain: ProxyUrl[];
  let what: string;
  try {
    checkOptionNames("Cannot connect through proxies", options, OPTIONS);
    chain = proxies.map((proxy) => proxy instanceof ProxyUrl ? proxy : parseProxyUrl(proxy));
    checkChain(chain, startTls !== undefined);
    what = `connect to "${hostAndPort(target.hostname, target.port)}" through proxy`;
  } catch (error) {
    transport.close();
    throw error;
  }
  const aborter = new AbortController();
  let current = transport;
  // The one deadline is for all of them: the steps have none, and end when the transport is closed.
  const step = { timeout: 0, signal: aborter.signal };
  try {
    return await withDeadline(transport, what, options, async () => {
      for (const [i, proxy] of chain.entries()) {
        if (proxy.protocol === "https") {
          current = await startTls!(current, {
            hostname: proxy.hostname,
            signal: aborter.signal,
          });
        }
        const { username, password } = proxy;
        const connect = proxy.protocol === "socks5" ? socks5Connect : httpConnect;
        current = await connect(current, chain[i + 1] ?? target, { ...step, username, password });
        aborter.signal.throwIfAborted();
      }
      return current;
    });
  } catch (error) {
    aborter.abort();
    try {
      current.close();
    } catch {
      // It is closed already.
    }
    throw error;
  }
}

function checkChain(chain: readonly ProxyUrl[], tls: boolean): void {
  if (chain.length === 0) throw new TypeError("Cannot connect through proxies: there is none");
  if (!tls && chain.some(({ protocol }) => protocol === "https")) {
    throw new TypeError("Cannot connect through https proxy: startTls is missing");
  }
  if (chain.slice(1).some(({ path }) => path !== undefined)) {
    throw new TypeError("Cannot connect through proxies: only the first can be a Unix socket");
  }
}
