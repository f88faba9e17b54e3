// Floor 1: codec.

/** Where a WebSocket URL leads. */
export interface WebSocketTarget {
  /** Whether TLS is spoken. */
  secure: boolean;
  /** The host's name or address, without brackets; `"localhost"` for a socket file. */
  hostname: string;
  /** The port. */
  port: number;
  /** The Unix socket file, if it is one. */
  path: string | undefined;
  /** The `Host` header: the port is left out where it is the scheme's default. */
  host: string;
  /** The request target: path and query. */
  target: string;
  /** The value for `Authorization`, if the URL has a user and a password. A secret. */
  authorization: string | undefined;
  /** The URL without user, password, path and query: for error texts. */
  display: string;
}

/**
 * Takes a WebSocket URL apart: `ws:` or `wss:` (or `http:` and `https:`, which mean the same), and `ws+unix:FILE:TARGET` or
 * `wss+unix:` for Unix socket files, as npm's `ws` has them.
 *
 * @throws {TypeError} If it is no such URL, or has a fragment. The text does not repeat it.
 *
 * @example
 * ```ts
 * import { parseWebSocketUrl } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const { secure, hostname, port, host, target } = parseWebSocketUrl("wss://example.org/feed?a=b");
 * assertEquals([secure, hostname, port, host, target], [true, "example.org", 443, "example.org", "/feed?a=b"]);
 * assertEquals(parseWebSocketUrl("ws+unix:///run/app.sock:/chat").path, "/run/app.sock");
 * ```
 */
export function parseWebSocketUrl(url: string | URL): WebSocketTarget {
  const text = String(url);
  if (!URL.canParse(text)) throw new TypeError("Cannot connect: the URL is not valid");
  const parsed = new URL(text);
  if (parsed.hash !== "" || text.includes("#")) {
    throw new TypeError("Cannot connect: a WebSocket URL has no fragment");
  }
  const { protocol } = parsed;
  if (protocol === "ws+unix:" || protocol === "wss+unix:") return unixTarget(parsed);
  const secure = protocol === "wss:" || protocol === "https:";
  if (!secure && protocol !== "ws:" && protocol !== "http:") {
    throw new TypeError(`Cannot connect: a WebSocket URL begins with ws: or wss:, not ${protocol}`);
  }
  return {
    secure,
    hostname: parsed.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(parsed.port || (secure ? 443 : 80)),
    path: undefined,
    host: parsed.host,
    target: (parsed.pathname || "/") + parsed.search,
    authorization: basic(parsed),
    display: `${secure ? "wss" : "ws"}://${parsed.host}`,
  };
}

function unixTarget(url: URL): WebSocketTarget {
  const { pathname, search, protocol } = url;
  const colon = pathname.indexOf(":");
  const path = decoded(colon < 0 ? pathname : pathname.slice(0, colon), "path");
  // In a URL of this kind `URL` leaves spaces as they are.
  const target = colon < 0
    ? "/"
    : pathname.slice(colon + 1).replace(/[^\x21-\x7e]+/g, encodeURIComponent);
  if (path === "" || !target.startsWith("/")) {
    throw new TypeError("Cannot connect: the URL has the form ws+unix:FILE:/TARGET");
  }
  return {
    secure: protocol === "wss+unix:",
    hostname: "localhost",
    port: 0,
    path,
    host: "localhost",
    target: target + search,
    authorization: basic(url),
    display: `${protocol}//${path}`,
  };
}

function basic({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  const text = `${decoded(username, "user name")}:${decoded(password, "password")}`;
  const bytes = new TextEncoder().encode(text);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

/** Takes the percent-encoding off a part. The error does not show it: it may be a secret. */
function decoded(part: string, what: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new TypeError(`Cannot connect: the ${what} in the URL is not encoded as UTF-8`);
  }
}
