// Floor 1: codec.

/** Host and port, and nothing that would change what a URL means that is built from them (RFC 9110 §7.2). */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]{0,5})?$/;

/**
 * Whether a `Host` header names a host, and perhaps a port, and nothing else.
 *
 * @example
 * ```ts
 * import { isHostHeader } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([isHostHeader("example.org:8080"), isHostHeader("user@example.org")], [true, false]);
 * ```
 */
export function isHostHeader(host: string): boolean {
  return HOST.test(host);
}

/**
 * The URL that a request of HTTP/1 is for; `undefined` for one that can't be trusted with what it says.
 *
 * Its host is that of the `Host` header in any case: a target that names another one (`http://other/`) gives no URL, and one that
 * merely looks so (`//other/`) is a path. Programs that go on by the URL, proxies above all, would be led anywhere else.
 *
 * @param target The request's target: a path with its query, or a whole URL that names the same host (RFC 9112 §3.2).
 * @param host The `Host` header; without one, as HTTP/1.0 has it, the URL is for `localhost`.
 * @param secure Whether the request came over TLS.
 *
 * @example
 * ```ts
 * import { requestUrl } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(requestUrl("/chat?room=1", "example.org", true), "https://example.org/chat?room=1");
 * assertEquals(requestUrl("//evil.example/", "example.org", true), "https://example.org//evil.example/");
 * assertEquals(requestUrl("http://evil.example/", "example.org", true), undefined);
 * ```
 */
export function requestUrl(
  target: string,
  host: string | undefined,
  secure: boolean,
): string | undefined {
  if (host !== undefined && !isHostHeader(host)) return undefined;
  let path = target;
  if (!target.startsWith("/")) {
    const [, named, rest = ""] = /^https?:\/\/([^/?#@]+)([/?].*)?$/i.exec(target) ?? [];
    if (named === undefined || named.toLowerCase() !== host?.toLowerCase()) return undefined;
    path = rest.startsWith("/") ? rest : `/${rest}`;
  }
  const url = `${secure ? "https" : "http"}://${host ?? "localhost"}${path}`;
  return URL.canParse(url) ? url : undefined;
}

/**
 * Whether a `Host` header is one of those that are served. Which page's name leads to a server is up to whoever owns the name: a page can
 * have its own name bound to the address of another server, or of the visitor's machine, and is then of one origin with it (DNS
 * rebinding).
 *
 * @param allowed Hosts, `"example.org"` for any port and `"example.org:8080"` for one; `"*.example.org"` for every name below it.
 *
 * @example
 * ```ts
 * import { isHostAllowed } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(isHostAllowed(["localhost", "*.example.org"], "localhost:8080"), true);
 * assertEquals(isHostAllowed(["localhost", "*.example.org"], "evil.example"), false);
 * ```
 */
export function isHostAllowed(allowed: readonly string[], host: string | undefined): boolean {
  if (host === undefined || !isHostHeader(host)) return false;
  const [name, port] = splitHost(host);
  return allowed.some((rule) => {
    const [ruleName, rulePort] = splitHost(rule);
    if (rulePort !== undefined && rulePort !== port) return false;
    return ruleName.startsWith("*.") ? name.endsWith(ruleName.slice(1)) : name === ruleName;
  });
}

/**
 * Checks what is given as {@linkcode isHostAllowed}'s list.
 *
 * @throws {TypeError} If a rule is none.
 *
 * @example
 * ```ts
 * import { checkAllowedHosts } from "@sluice/sockets/websocket";
 * import { assertThrows } from "@std/assert";
 *
 * checkAllowedHosts(["localhost", "*.example.org"]);
 * assertThrows(() => checkAllowedHosts(["https://example.org"]), TypeError);
 * ```
 */
export function checkAllowedHosts(allowed: readonly string[]): void {
  if (!Array.isArray(allowed)) {
    throw new TypeError("Cannot use the allowed hosts: they are no list");
  }
  for (const rule of allowed) {
    const host = typeof rule === "string" ? rule.replace(/^\*\./, "") : "";
    if (host.includes("*") || !isHostHeader(host)) {
      throw new TypeError(`Cannot use the allowed host ${JSON.stringify(rule)}: it is no host`);
    }
  }
}

/** Name and port, in lower case and without a final dot. */
function splitHost(host: string): [name: string, port: string | undefined] {
  const [, name, port] = /^(.*?)\.?(?::([0-9]*))?$/.exec(host.toLowerCase())!;
  return [name, port || undefined];
}
