// Floor 1: codec.

/** A URL without what may be secret: user, password, query and fragment. It need not be well-formed: on a server it is the client's. */
export function shownUrl(url: string | URL): string {
  return `${url}`.replace(/[?#].*$/s, "").replace(/\/\/[^/]*@/, "//");
}
