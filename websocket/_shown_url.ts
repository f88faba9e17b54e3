// Floor 1: codec.

/** A URL without what may be secret: user, password, query and fragment. It need not be well-formed: on a server it is the client's. */
export function shownUrl(url: string | URL): string {
  const text = `${url}`;
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  // In front of a user there may be any slashes, or none.
  if (parsed?.username || parsed?.password) {
    return `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
  }
  return text.replace(/[?#].*$/s, "").replace(/\/\/[^/]*@/, "//");
}
