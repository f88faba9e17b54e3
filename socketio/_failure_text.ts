// Floor 1: codec.
import { NetError } from "../net/errors.ts";
import { WebSocketError } from "../websocket/errors.ts";

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

/** This package's errors say what went wrong by themselves; what is behind them says less. */
function isOwn(error: unknown): boolean {
  return error instanceof NetError || error instanceof WebSocketError;
}

/** The cause that tells the most: the first of this package's errors, else the innermost one. */
function tellingCause(failure: unknown): unknown {
  let error = failure;
  for (let depth = 0; depth < 4 && error instanceof Error && !isOwn(error); depth++) {
    const next = error.cause ??
      (error instanceof AggregateError && error.message === "" ? error.errors[0] : undefined);
    if (!(next instanceof Error)) break;
    error = next;
  }
  return error;
}

/** A URL's scheme and host, and what stands behind it: its login, path and query may hold a secret. */
function withoutSecrets(text: string): string {
  const end = /[).,;:'!?>]*$/.exec(text)!;
  const url = text.slice(0, end.index);
  if (!URL.canParse(url)) return `(URL)${end[0]}`;
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}${end[0]}`;
}

function toldBy(error: unknown): string {
  const text = error instanceof Error ? error.message : error;
  if (typeof text === "string" && text.trim() !== "") return text;
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" && code !== "" ? code : "no reason was told";
}

/**
 * Why a request or a WebSocket failed, in one line, as far as the platform tells: Deno and Node say it in the cause of "fetch failed".
 * Of a URL it names the scheme and the host alone: its query may hold a secret.
 */
export function failureText(failure: unknown): string {
  const error = tellingCause(failure);
  // Deno: "error sending request for url (…): client error (Connect): dns error: …", and "NetworkError: failed to connect to WebSocket: …".
  const why = toldBy(error).replace(/^error sending request .*?: client error \(\w+\): /s, "")
    .replace(/^NetworkError: /, "")
    .replace(/^failed to connect to WebSocket: /, "")
    .replaceAll(/\b\w+:\/\/[^\s"]+/g, withoutSecrets)
    .replaceAll(/[\s\p{Cc}]+/gu, " ").trim();
  const meaning = isOwn(error) ? undefined : MEANINGS.find(([pattern]) => pattern.test(why))?.[1];
  return meaning === undefined ? why : `${meaning} (${why})`;
}

/** What could not be done, and why. This package's errors say both. */
export function failureMessage(what: string, failure: unknown): string {
  const why = failureText(failure);
  return isOwn(tellingCause(failure)) && why.startsWith("Cannot ") ? why : `${what}: ${why}`;
}
