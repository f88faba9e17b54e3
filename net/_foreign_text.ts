// Floor 0: vocabulary.

/** The longest text of others that an error's own text repeats, in characters. The whole of it is in the cause. */
const MAX_FOREIGN_TEXT = 1024;

/** A text that a lookup, a peer or a library made, as the text of an error repeats it. */
export function foreignText(text: string): string {
  // Whatever a program throws may have anything for its message.
  if (typeof text !== "string" || text.length <= MAX_FOREIGN_TEXT) return text;
  return `${text.slice(0, MAX_FOREIGN_TEXT)}…`;
}
