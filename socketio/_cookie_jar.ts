// Floor 1: codec.

/** The most cookies of one connection; the oldest is forgotten for another one (RFC 6265 §6.1). */
const MAX_COOKIES = 50;
/** The most bytes of a cookie's name and value; a larger one is not kept (RFC 6265 §6.1). */
const MAX_COOKIE_BYTES = 4096;

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\x20-\x7e]*$/;

interface Cookie {
  value: string;
  /** When it is over, in ms since 1970. */
  expires: number;
}

/**
 * The cookies of one connection's server, for platforms whose `fetch` keeps none (RFC 6265 §5, in small). All requests go to the same
 * place, so `Domain`, `Path` and `Secure` say nothing here.
 */
export class CookieJar {
  readonly #cookies = new Map<string, Cookie>();

  /** Takes the `Set-Cookie` fields of a response. What is none, or too large, is passed over. */
  take(fields: readonly string[], now: number): void {
    for (const field of fields) {
      const [pair, ...attributes] = field.split(";");
      const at = pair.indexOf("=");
      const name = pair.slice(0, Math.max(at, 0)).trim();
      const value = pair.slice(at + 1).trim();
      if (!NAME.test(name) || !VALUE.test(value)) continue;
      if (name.length + value.length > MAX_COOKIE_BYTES) continue;
      this.#cookies.delete(name);
      const expires = expiryOf(attributes, now);
      if (expires <= now) continue;
      if (this.#cookies.size >= MAX_COOKIES) {
        const [oldest] = this.#cookies.keys();
        this.#cookies.delete(oldest);
      }
      this.#cookies.set(name, { value, expires });
    }
  }

  /** A request's headers with the cookies that hold, behind those that it has. */
  addTo(
    headers: Record<string, string> | undefined,
    now: number,
  ): Record<string, string> | undefined {
    const cookies: string[] = [];
    for (const [name, { value, expires }] of this.#cookies) {
      if (expires > now) cookies.push(`${name}=${value}`);
      else this.#cookies.delete(name);
    }
    if (cookies.length === 0) return headers;
    const key = Object.keys(headers ?? {}).find((name) => name.toLowerCase() === "cookie");
    if (key === undefined) return { ...headers, Cookie: cookies.join("; ") };
    return { ...headers, [key]: [headers![key], ...cookies].join("; ") };
  }
}

/** `Max-Age` goes before `Expires` (RFC 6265 §5.3); without either, a cookie lasts as long as the jar. */
function expiryOf(attributes: readonly string[], now: number): number {
  let expires: number | undefined;
  let age: number | undefined;
  for (const attribute of attributes) {
    const at = attribute.indexOf("=");
    if (at < 0) continue;
    const name = attribute.slice(0, at).trim().toLowerCase();
    const value = attribute.slice(at + 1).trim();
    if (name === "expires") expires = Date.parse(value);
    if (name === "max-age") age = /^-?\d+$/.test(value) ? Number(value) : NaN;
  }
  // What can't be read is passed over, as if it were not there (RFC 6265 §5.2).
  if (age !== undefined && !Number.isNaN(age)) return now + age * 1000;
  return expires === undefined || Number.isNaN(expires) ? Infinity : expires;
}
