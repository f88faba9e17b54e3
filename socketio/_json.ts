// Floor 1: codec.

/** What {@linkcode parseJson} returns for a text that is not JSON. */
export const NOT_JSON: unique symbol = Symbol("not JSON");

function dropProto(key: string, value: unknown): unknown {
  return key === "__proto__" ? undefined : value;
}

/**
 * Parses JSON, and leaves out every `__proto__` key: a later merge of the value must not reach a prototype. Returns
 * {@linkcode NOT_JSON} instead of throwing.
 *
 * The slow way is taken only where the text holds the key, plainly or behind an escape of an ASCII character.
 */
export function parseJson(text: string): unknown {
  try {
    // Looking for one character is quicker than for several, and most texts have neither.
    return (text.includes("_") && text.includes("__proto__")) ||
        (text.includes("\\") && text.includes("\\u00"))
      ? JSON.parse(text, dropProto)
      : JSON.parse(text);
  } catch {
    return NOT_JSON;
  }
}
