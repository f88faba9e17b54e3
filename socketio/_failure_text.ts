// Floor 1: codec.

/** What a platform's own words mean to who reads them. */
const MEANINGS: readonly (readonly [RegExp, string])[] = [
  [/InvalidContentType/, "what answers does not speak TLS; is it http:?"],
  [/invalid HTTP version/, "what answers is not HTTP; is it https:?"],
  // Deno's WebSocket tries HTTP/2 when HTTP/1.1 fails, for example for a certificate, and tells of the second fault alone.
  [
    /NoApplicationProtocol/,
    "TLS failed, for a certificate perhaps; the WebSocket does not tell",
  ],
];

/**
 * Why a request or a WebSocket failed, in one line, as far as the platform tells: Deno and Node say it in the cause of "fetch failed".
 * It names no URL, whose query may hold a secret.
 */
export function failureText(failure: unknown): string {
  let error = failure;
  for (
    let depth = 0;
    depth < 4 && error instanceof Error && error.cause instanceof Error;
    depth++
  ) {
    error = error.cause;
  }
  const text = error instanceof Error ? error.message : error;
  if (typeof text !== "string" || text === "") return "no reason was told";
  // Deno: "error sending request for url (…): client error (Connect): dns error: …", and "NetworkError: failed to connect to WebSocket: …".
  const why = text.replace(/^error sending request .*?: client error \(\w+\): /s, "")
    .replace(/^NetworkError: /, "")
    .replace(/^failed to connect to WebSocket: /, "")
    .replaceAll(/\b\w+:\/\/[^\s"')]+/g, "(URL)");
  const meaning = MEANINGS.find(([pattern]) => pattern.test(why))?.[1];
  return meaning === undefined ? why : `${meaning} (${why})`;
}
