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

/** What the schemes of URLs mean: a port, and the variables that are looked at before `ALL_PROXY`. */
const SCHEMES: Readonly<Record<string, { port: number; variables: readonly string[] }>> = {
  // Not HTTP_PROXY: a server that runs this by CGI puts there what its client sent as the header `Proxy`.
  "http:": { port: 80, variables: ["http_proxy"] },
  "https:": { port: 443, variables: ["https_proxy", "HTTPS_PROXY"] },
  "ws:": { port: 80, variables: ["ws_proxy", "WS_PROXY", "http_proxy"] },
  "wss:": { port: 443, variables: ["wss_proxy", "WSS_PROXY", "https_proxy", "HTTPS_PROXY"] },
};

interface Target extends ProxyTarget {
  variables?: readonly string[];
}

function targetOf(target: string | URL | ProxyTarget): Target {
  if (typeof target !== "string" && !(target instanceof URL)) {
    return { hostname: target.hostname, port: target.port };
  }
  // The error of `URL` repeats it, with the password and the query.
  if (!URL.canParse(target)) throw new TypeError("Cannot choose a proxy: the URL is not valid");
  const url = new URL(target);
  const scheme = SCHEMES[url.protocol];
  const port = url.port === "" ? scheme?.port ?? 0 : Number(url.port);
  return { hostname: url.hostname, port, variables: scheme?.variables };
}

/**
 * The proxy that the environment asks for, unless `NO_PROXY` names the target (see {@linkcode matchesNoProxy}). The first that is set is
 * taken, lower case before upper, as curl does it:
 *
 * | target | variables |
 * | --- | --- |
 * | `wss://` | `WSS_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` |
 * | `ws://` | `WS_PROXY`, `http_proxy`, `ALL_PROXY` |
 * | `https://` | `HTTPS_PROXY`, `ALL_PROXY` |
 * | `http://` | `http_proxy`, `ALL_PROXY` |
 * | another scheme, or host and port | `ALL_PROXY` |
 *
 * `HTTP_PROXY` in capitals is not looked at: under CGI it holds what a client sent. On Windows, where these names have no case, it is found as
 * `http_proxy`: a CGI program there must not ask for `http:` and `ws:` URLs. Nothing in this package looks there by itself.
 *
 * @throws {TypeError} when the target or the proxy's URL is malformed
 * @throws {Deno.errors.NotCapable} without permission to read the variables
 *
 * @example
 * ```ts
 * import { proxyFromEnvironment } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const variables: Record<string, string> = {
 *   HTTPS_PROXY: "http://127.0.0.1:3128",
 *   ALL_PROXY: "socks5://127.0.0.1",
 *   NO_PROXY: "localhost",
 * };
 * const env = (name: string) => variables[name];
 * assertEquals(proxyFromEnvironment("wss://example.org", { env })?.port, 3128);
 * assertEquals(proxyFromEnvironment({ hostname: "example.org", port: 23 }, { env })?.port, 1080);
 * assertEquals(proxyFromEnvironment("wss://localhost", { env }), undefined);
 * ```
 */
export function proxyFromEnvironment(
  target: string | URL | ProxyTarget,
  options: ProxyFromEnvironmentOptions = {},
): ProxyUrl | undefined {
  const env = options.env ?? ((name: string): string | undefined => Deno.env.get(name));
  const { hostname, port, variables = [] } = targetOf(target);
  let proxy: string | undefined;
  for (const name of [...variables, "all_proxy", "ALL_PROXY"]) proxy ||= env(name);
  if (!proxy) return undefined;
  const direct = env("no_proxy") || env("NO_PROXY") || "";
  return matchesNoProxy(direct, hostname, port) ? undefined : parseProxyUrl(proxy);
}
