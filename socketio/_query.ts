// Floor 1: codec.

function decode(text: string): string {
  if (!text.includes("%") && !text.includes("+")) return text;
  // The web's own rules for what is not valid: it stays as it is.
  return new URLSearchParams(`a=${text}`).get("a") ?? "";
}

/**
 * The query of a request's path: by name, without a prototype, so that `constructor` and `__proto__` are names as any
 * other. A name that comes more than once has its last value.
 */
export function parseQuery(url: string): Record<string, string> {
  const query: Record<string, string> = Object.create(null);
  const mark = url.indexOf("?");
  if (mark === -1) return query;
  const hash = url.indexOf("#", mark);
  const end = hash === -1 ? url.length : hash;
  for (let at = mark + 1; at < end;) {
    let next = url.indexOf("&", at);
    if (next === -1 || next > end) next = end;
    const equals = url.indexOf("=", at);
    if (equals === -1 || equals >= next) {
      if (next > at) query[decode(url.slice(at, next))] = "";
    } else query[decode(url.slice(at, equals))] = decode(url.slice(equals + 1, next));
    at = next + 1;
  }
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
