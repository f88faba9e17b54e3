// Floor 1: codec.
import { parseHost } from "./host.ts";
import { socks5Credential } from "./socks5_codec.ts";

/** What a proxy speaks: SOCKS5, HTTP CONNECT, or HTTP CONNECT over TLS. */
export type ProxyProtocol = "socks5" | "http" | "https";

const DEFAULT_PORTS: Readonly<Record<ProxyProtocol, number>> = {
  socks5: 1080,
  http: 80,
  https: 443,
};

const SCHEMES: Readonly<Record<string, ProxyProtocol>> = {
  "socks5:": "socks5",
  "socks5h:": "socks5",
  // What GNOME puts into ALL_PROXY for a SOCKS proxy, and tells no version.
  "socks:": "socks5",
  "http:": "http",
  "https:": "https",
};

/**
 * Where a proxy is, and how to log in to it. Neither its text, nor JSON, nor `console.log` shows the credentials.
 *
 * @example
 * ```ts
 * import { parseProxyUrl } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const proxy = parseProxyUrl("socks5://user:secret@proxy.example");
 * assertEquals([proxy.hostname, proxy.port, proxy.password], ["proxy.example", 1080, "secret"]);
 * assertEquals(`${proxy}`, "socks5://***@proxy.example:1080");
 * ```
 */
export class ProxyUrl {
  /** What the proxy speaks. */
  readonly protocol: ProxyProtocol;
  /** The name or IP address of the proxy, IPv6 without brackets; `"localhost"` beside a `path`. */
  readonly hostname: string;
  /** The port of the proxy; 0 beside a `path`. */
  readonly port: number;
  /** The Unix socket that the proxy listens on; SOCKS5 only. */
  readonly path?: string;
  readonly #username: string | undefined;
  readonly #password: string | undefined;

  /** Takes the parts of a checked URL: see {@linkcode parseProxyUrl}. */
  constructor(
    parts: {
      protocol: ProxyProtocol;
      hostname: string;
      port: number;
      path?: string;
      username?: string;
      password?: string;
    },
  ) {
    this.protocol = parts.protocol;
    this.hostname = parts.hostname;
    this.port = parts.port;
    if (parts.path !== undefined) this.path = parts.path;
    this.#username = parts.username;
    this.#password = parts.password;
  }

  /** The user name, if the URL has one. */
  get username(): string | undefined {
    return this.#username;
  }

  /** The password, if the URL has a user name; empty when it has no password. */
  get password(): string | undefined {
    return this.#password;
  }

  /** The URL with `***` in place of the credentials. */
  toString(): string {
    const login = this.#username === undefined ? "" : "***@";
    const host = this.hostname.includes(":") ? `[${this.hostname}]` : this.hostname;
    const place = this.path === undefined ? `${host}:${this.port}` : `localhost${this.path}`;
    return `${this.protocol}://${login}${place}`;
  }

  /** {@linkcode ProxyUrl.toString | toString()}, for `JSON.stringify`. */
  toJSON(): string {
    return this.toString();
  }
}

// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x1f\x7f]/;

function bad(why: string): TypeError {
  // The text is not shown, nor the error that URL throws: both may hold a password.
  return new TypeError(`Cannot use proxy URL: ${why}`);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw bad("its credentials are not encoded as URLs have them");
  }
}

/** What the proxy's protocol can't carry is told now, and not when a connection to the proxy stands. */
function checkLogin(protocol: ProxyUrl["protocol"], username: string, password: string): void {
  if (protocol === "socks5") {
    socks5Credential("username", username);
    socks5Credential("password", password);
    return;
  }
  if (username.includes(":")) throw bad("Basic authentication can't carry a colon in a username");
  if (CONTROL.test(username + password)) throw bad("its credentials hold a control character");
}

/**
 * Takes a proxy's URL apart: `socks5://`, `http://` or `https://`, then `user:password@` (percent-encoded), host and port. Without
 * a port, SOCKS5 has 1080, http 80 and https 443; without a scheme, it is http. `socks5h://` and `socks://` are the same as `socks5://`: names are
 * always left to the proxy to resolve. `socks5://localhost/run/tor/socks` is a proxy on a Unix socket, as curl writes it.
 *
 * @throws {TypeError} when it is no such URL, or its credentials can't be sent to such a proxy; the text does not show them
 *
 * @example
 * ```ts
 * import { parseProxyUrl } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const proxy = parseProxyUrl("http://[2001:db8::1]:3128");
 * assertEquals([proxy.protocol, proxy.hostname, proxy.port], ["http", "2001:db8::1", 3128]);
 * ```
 */
export function parseProxyUrl(text: string | URL): ProxyUrl {
  let url: URL;
  try {
    url = new URL(typeof text === "string" && !text.includes("://") ? `http://${text}` : text);
  } catch {
    throw bad("it is no valid URL");
  }
  if (!Object.hasOwn(SCHEMES, url.protocol)) throw bad("its scheme is not socks5, http or https");
  const protocol = SCHEMES[url.protocol];
  if (url.search !== "" || url.hash !== "") throw bad("it has a query or a fragment");
  let hostname: string;
  try {
    hostname = parseHost(url.hostname).hostname;
  } catch {
    throw bad("it has no valid host");
  }
  const hasPath = url.pathname !== "" && url.pathname !== "/";
  if (hasPath && (protocol !== "socks5" || hostname !== "localhost" || url.port !== "")) {
    throw bad("it has a path");
  }
  if (url.port === "0") throw bad("it has the port 0");
  const login = url.username !== "" || url.password !== "";
  if (login && url.username === "") throw bad("it has a password without a username");
  const username = login ? decoded(url.username) : undefined;
  const password = login ? decoded(url.password) : undefined;
  if (username !== undefined) checkLogin(protocol, username, password!);
  return new ProxyUrl({
    protocol,
    hostname,
    port: hasPath ? 0 : url.port === "" ? DEFAULT_PORTS[protocol] : Number(url.port),
    ...(hasPath ? { path: decoded(url.pathname) } : {}),
    ...(login ? { username, password } : {}),
  });
}
