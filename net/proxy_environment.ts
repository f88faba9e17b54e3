// Floor 3: driver.
import { matchesNoProxy } from "./no_proxy.ts";
import type { ProxyTarget } from "./proxy_error.ts";
import { parseProxyUrl, type ProxyUrl } from "./proxy_url.ts";

/** Options of {@linkcode proxyFromEnvironment}. */
export interface ProxyFromEnvironmentOptions {
  /**
   * Looks up an environment variable.
   *
   * @default {Deno.env.get}, which needs `--allow-env`
   */
  env?: (name: string) => string | undefined;
}

const PORTS: Readonly<Record<string, number>> = {
  "http:": 80,
  "https:": 443,
  "ws:": 80,
  "wss:": 443,
};

function targetOf(target: string | URL | ProxyTarget): ProxyTarget {
  if (typeof target !== "string" && !(target instanceof URL)) return target;
  // The error of `URL` repeats it, with the password and the query.
  if (!URL.canParse(target)) throw new TypeError("Cannot choose a proxy: the URL is not valid");
  const url = new URL(target);
  const port = url.port === "" ? PORTS[url.protocol] ?? 0 : Number(url.port);
  return { hostname: url.hostname, port };
}

/**
 * The proxy that the environment asks for: `ALL_PROXY`, unless `NO_PROXY` names the target (see {@linkcode matchesNoProxy}); either in
 * lower case goes before. Nothing in this package looks there by itself.
 *
 * @throws {TypeError} when the target or the proxy's URL is malformed
 * @throws {Deno.errors.NotCapable} without permission to read the variables
 *
 * @example
 * ```ts
 * import { proxyFromEnvironment } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const variables: Record<string, string> = { ALL_PROXY: "socks5://127.0.0.1", NO_PROXY: "localhost" };
 * const env = (name: string) => variables[name];
 * assertEquals(proxyFromEnvironment("wss://example.org", { env })?.port, 1080);
 * assertEquals(proxyFromEnvironment("wss://localhost", { env }), undefined);
 * ```
 */
export function proxyFromEnvironment(
  target: string | URL | ProxyTarget,
  options: ProxyFromEnvironmentOptions = {},
): ProxyUrl | undefined {
  const env = options.env ?? ((name: string): string | undefined => Deno.env.get(name));
  const { hostname, port } = targetOf(target);
  const proxy = env("all_proxy") || env("ALL_PROXY");
  if (!proxy) return undefined;
  const direct = env("no_proxy") || env("NO_PROXY") || "";
  return matchesNoProxy(direct, hostname, port) ? undefined : parseProxyUrl(proxy);
}
