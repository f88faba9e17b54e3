// Floor 1: codec.

/**
 * Which pages may connect. Browsers send their page's origin with every WebSocket handshake and leave it to the server to look at it;
 * a server that does not can be used by any page with the cookies of its visitors (cross-site WebSocket hijacking).
 *
 * - `"same-host"`: pages from the host (and port) that the client connects to; over TLS, only `https:` ones;
 * - `"any"`: all pages. Only for servers that know their clients by something else than cookies;
 * - a list of origins, `"https://example.org"`, or patterns for them (anchor those with `^` and `$`);
 * - a function, which answers at once; what has to be waited for is a case for `authorize`.
 *
 * Clients that are no browsers send no origin, and are let in by all but the function, which gets `undefined`.
 */
export type OriginPolicy =
  | "same-host"
  | "any"
  | ReadonlyArray<string | RegExp>
  | ((origin: string | undefined, host: string) => boolean);

/**
 * Checks a policy that somebody else gave.
 *
 * @throws {TypeError} For what is none, which would let in nobody, or everybody.
 *
 * @example
 * ```ts
 * import { checkOriginPolicy } from "@sluice/sockets/websocket";
 * import { assertThrows } from "@std/assert";
 *
 * checkOriginPolicy(["https://example.org"]);
 * assertThrows(() => checkOriginPolicy("https://example.org" as "any"), TypeError, "origin");
 * ```
 */
export function checkOriginPolicy(policy: OriginPolicy): void {
  if (policy === "same-host" || policy === "any" || typeof policy === "function") return;
  const isRule = (rule: unknown) => typeof rule === "string" || rule instanceof RegExp;
  if (Array.isArray(policy) && policy.every(isRule)) return;
  throw new TypeError(
    'Cannot use the origin policy: it is neither "same-host" nor "any", no list of origins, and no function',
  );
}

/** Host and port of an URL or of a `Host` header read under a scheme; `undefined` if it has none. */
function endpoint(url: string): { protocol: string; hostname: string; port: string } | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, hostname, port } = new URL(url);
  return { protocol, hostname, port };
}

/**
 * Whether a page may connect.
 *
 * @param origin The `Origin` header, if there is one.
 * @param host The `Host` header.
 * @param secure Whether the connection runs over TLS that ends here.
 * @throws {TypeError} If the function of a policy returns a promise, and whatever it throws itself.
 *
 * @example
 * ```ts
 * import { isOriginAllowed } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(isOriginAllowed("same-host", "https://example.org", "example.org", true), true);
 * assertEquals(isOriginAllowed("same-host", "https://evil.example", "example.org", true), false);
 * assertEquals(isOriginAllowed("same-host", undefined, "example.org", true), true);
 * ```
 */
export function isOriginAllowed(
  policy: OriginPolicy,
  origin: string | undefined,
  host: string,
  secure: boolean,
): boolean {
  if (typeof policy === "function") return answerOf(policy(origin, host));
  if (policy === "any" || origin === undefined) return true;
  if (policy === "same-host") return isSameHost(origin, host, secure);
  return policy.some((allowed) =>
    typeof allowed === "string"
      ? allowed.toLowerCase() === origin.toLowerCase()
      // Unlike `test`, it begins anew each time with a pattern that has the flag `g` or `y`.
      : origin.search(allowed) >= 0
  );
}

function answerOf(answer: unknown): boolean {
  if (typeof (answer as { then?: unknown } | undefined)?.then === "function") {
    // Nobody else would hear of it if it were rejected.
    Promise.resolve(answer).catch(() => {});
    throw new TypeError("Cannot check the origin: the function returned a promise");
  }
  return answer === true;
}

function isSameHost(origin: string, host: string, secure: boolean): boolean {
  // An origin is scheme, host and port and nothing else; anything more was not made by a browser.
  if (!/^https?:\/\/[^\s/\\?#@]+$/i.test(origin)) return false;
  const page = endpoint(origin);
  if (page === undefined || (secure && page.protocol !== "https:")) return false;
  // A proxy that ends TLS passes on the Host header without a port: it has the one of the page's scheme.
  const own = endpoint(`${page.protocol}//${host}`);
  return own !== undefined && own.hostname === page.hostname && own.port === page.port;
}
