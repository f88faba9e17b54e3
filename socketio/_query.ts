// Floor 1: codec.

/**
 * The query of a request's path: by name, without a prototype, so that `constructor` and `__proto__` are names as any
 * other. A name that comes more than once has its last value.
 */
export function parseQuery(url: string): Record<string, string> {
  const query: Record<string, string> = Object.create(null);
  const mark = url.indexOf("?");
  if (mark === -1) return query;
  const end = url.indexOf("#", mark);
  const text = end === -1 ? url.slice(mark + 1) : url.slice(mark + 1, end);
  for (const [name, value] of new URLSearchParams(text)) query[name] = value;
  return query;
}

/** The path of a request, without its query. An absolute form (`http://host/path`) is reduced to its path. */
export function pathOf(url: string): string {
  let start = 0;
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(url);
  if (scheme !== null) {
    start = url.indexOf("/", scheme[0].length);
    if (start === -1) return "/";
  }
  const end = url.slice(start).search(/[?#]/);
  return end === -1 ? url.slice(start) : url.slice(start, start + end);
}
