// Floor 1: codec.
import { checkPort, parseHost } from "../net/host.ts";
import { parseProxyUrl, ProxyUrl } from "../net/proxy_url.ts";

/**
 * The URL of a server that is told by its address, port and path, or by a URL.
 *
 * @throws {TypeError} When it can't be one, or is of another scheme.
 * @throws {RangeError} For a port out of range.
 */
export function webSocketUrl(
  scheme: "ws:" | "wss:",
  address: string,
  { port, path }: { port?: number; path?: string },
): URL {
  const isUrl = address.includes("://");
  const host = isUrl ? "" : parseHost(address).hostname;
  const text = isUrl ? address : `${scheme}//${host.includes(":") ? `[${host}]` : host}`;
  // The error of `URL` repeats it, with the password and the query.
  if (!URL.canParse(text)) throw new TypeError("Cannot connect: the URL is not valid");
  const url = new URL(text);
  if (url.protocol !== scheme) {
    throw new TypeError(
      `Cannot connect: the URL has the scheme "${url.protocol}", not "${scheme}"`,
    );
  }
  if (port !== undefined) url.port = String(checkPort(port));
  if (path !== undefined) {
    const target = new URL(path.startsWith("/") ? path : `/${path}`, url);
    if (target.host !== url.host) throw new TypeError("Cannot connect: the path is none");
    url.pathname = target.pathname;
    url.search = target.search;
  }
  return url;
}

/**
 * A SOCKS5 proxy by its address, or any by its URL.
 *
 * @throws {TypeError} When it can't be one.
 * @throws {RangeError} For a port out of range.
 */
export function proxyOf(
  address: string,
  port: number | undefined,
  username: string | undefined,
  password: string | undefined,
): ProxyUrl {
  if (address.includes("://")) {
    if (port === undefined && !username && !password) return parseProxyUrl(address);
    throw new TypeError("A proxy's URL has its port, its user and its password in itself");
  }
  // Left out, it would be connected without either.
  if (password && !username) throw new TypeError("A proxy's password is for a user");
  return new ProxyUrl({
    protocol: "socks5",
    hostname: parseHost(address).hostname,
    port: checkPort(port ?? 1080),
    ...(username ? { username, password: password ?? "" } : {}),
  });
}
