// Floor 1: codec.

/** The headers whose values are secrets wherever they stand. */
const SECRET_HEADERS = [
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-api-key",
  "api-key",
  "apikey",
  "x-auth-token",
  "x-access-token",
  "x-csrf-token",
  "x-xsrf-token",
  "x-amz-security-token",
  "x-goog-api-key",
  "x-vault-token",
  "x-forwarded-access-token",
  "private-token",
  "authentication-info",
];

/** Words in front of a secret that tell what kind it is, and are worth seeing. */
const SCHEMES = [
  "apikey",
  "aws4-hmac-sha256",
  "basic",
  "bearer",
  "digest",
  "negotiate",
  "ntlm",
  "scram-sha-1",
  "scram-sha-256",
  "token",
];

/** What secrets are overwritten with: `*`. */
const STAR = 0x2a;

/** The names of secret headers, in lower case: the usual ones, and `more`. */
export function secretNames(more: readonly string[] = []): ReadonlySet<string> {
  return new Set([...SECRET_HEADERS, ...more.map((name) => name.toLowerCase())]);
}

/** How many bytes at `start` name a scheme, with the space behind it; 0 if there is none, or none that is known. */
export function schemeLength(bytes: Uint8Array, start: number): number {
  for (const scheme of SCHEMES) {
    let i = 0;
    while (i < scheme.length && (bytes[start + i] | 0x20) === (scheme.charCodeAt(i) | 0x20)) i++;
    if (i === scheme.length && bytes[start + i] === 0x20) return i + 1;
  }
  return 0;
}

/** A copy of `bytes` with stars in the ranges (pairs of start and end); the same bytes when there are none. */
export function maskRanges(bytes: Uint8Array, ranges: readonly number[]): Uint8Array {
  if (ranges.length === 0) return bytes;
  const masked = bytes.slice();
  for (let i = 0; i < ranges.length; i += 2) masked.fill(STAR, ranges[i], ranges[i + 1]);
  return masked;
}
