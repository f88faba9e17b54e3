/** What could move the cursor of a terminal, or turn its text round: controls and direction marks. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** A text of somebody else as a terminal may show it, in one line. */
export function printable(text: string): string {
  return text.replaceAll(UNSAFE, "");
}
