// Floor 1: codec.

/** Which of the characters below 128 may stand in a token (RFC 9110 §5.6.2). */
const TOKEN_CHARS = new Uint8Array(128);
for (const char of "!#$%&'*+-.^_`|~0123456789") TOKEN_CHARS[char.charCodeAt(0)] = 1;
for (let code = 65; code <= 90; code++) TOKEN_CHARS[code] = TOKEN_CHARS[code + 32] = 1;

/** Whether the character with this code may stand in a token. */
export function isTokenChar(code: number): boolean {
  return code < 128 && TOKEN_CHARS[code] === 1;
}

/** Whether `text` is a token: at least one character, and all of them token characters. */
export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (!isTokenChar(text.charCodeAt(i))) return false;
  }
  return text.length > 0;
}

/** Whether a header may have this value: visible Latin-1 with spaces and tabs inside, none around (RFC 9110 §5.5). */
export function isFieldValue(text: string): boolean {
  const last = text.length - 1;
  for (let i = 0; i <= last; i++) {
    const code = text.charCodeAt(i);
    if (code > 255 || code === 127 || (code < 32 && code !== 9)) return false;
    if ((i === 0 || i === last) && (code === 32 || code === 9)) return false;
  }
  return true;
}

/** A part of a text without the spaces and tabs at its ends, in linear time. */
export function trimOws(text: string, start: number = 0, end: number = text.length): string {
  while (start < end && isOws(text.charCodeAt(start))) start++;
  while (end > start && isOws(text.charCodeAt(end - 1))) end--;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

/** Whether this is a space or a tab. */
export function isOws(code: number): boolean {
  return code === 32 || code === 9;
}

/**
 * The tokens of a comma-separated list; `undefined` if it is not one, or has none.
 * Empty elements are skipped, as a recipient must (RFC 9110 §5.6.1.2).
 */
export function parseTokenList(text: string): string[] | undefined {
  const tokens: string[] = [];
  for (const part of text.split(",")) {
    const token = trimOws(part);
    if (token === "") continue;
    if (!isToken(token)) return undefined;
    tokens.push(token);
  }
  return tokens.length > 0 ? tokens : undefined;
}

/** Whether a list header has this element, in any case. Parts that are not tokens (`"websocket/2"`) simply don't match. */
export function hasListElement(text: string | undefined, wanted: string): boolean {
  if (text === undefined) return false;
  if (text.toLowerCase() === wanted) return true;
  return text.split(",").some((part) => trimOws(part).toLowerCase() === wanted);
}

/** What a server's choice of a subprotocol has to be, for errors. It has no names: one of them may be a token that lets a client in. */
export function expectedChoice(offered: readonly string[]): string {
  if (offered.length === 0) return "absent";
  return offered.length === 1
    ? "the one that was offered"
    : `one of the ${offered.length} that were offered`;
}
