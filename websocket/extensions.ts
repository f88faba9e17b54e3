// Floor 1: codec.
import { isOws, isToken, isTokenChar } from "./_tokens.ts";

/** One parameter of an extension: its value is `undefined` when it has none. */
export type ExtensionParameter = readonly [name: string, value: string | undefined];

/** One element of a `Sec-WebSocket-Extensions` header. */
export interface WebSocketExtension {
  /** The extension's name, for example `"permessage-deflate"`. */
  name: string;
  /** Its parameters in order, duplicates included: which of them are allowed is the extension's affair. */
  params: readonly ExtensionParameter[];
}

/** A cursor over a header's text. Each step moves forward, so parsing is linear in the text. */
class Scanner {
  at = 0;
  constructor(readonly text: string) {}

  get done(): boolean {
    return this.at >= this.text.length;
  }

  skipOws(): void {
    while (!this.done && isOws(this.text.charCodeAt(this.at))) this.at++;
  }

  /** Takes `char` if it comes next. */
  take(char: string): boolean {
    if (this.text[this.at] !== char) return false;
    this.at++;
    return true;
  }

  /** The token at the cursor; empty if there is none. */
  token(): string {
    const start = this.at;
    while (!this.done && isTokenChar(this.text.charCodeAt(this.at))) this.at++;
    return this.text.slice(start, this.at);
  }

  /** What the quoted string at the cursor stands for; `undefined` if it has no end. */
  quoted(): string | undefined {
    this.at++;
    let start = this.at;
    let value = "";
    for (; !this.done; this.at++) {
      const char = this.text[this.at];
      if (char === '"') {
        value += this.text.slice(start, this.at++);
        return value;
      }
      if (char === "\\") {
        value += this.text.slice(start, this.at++);
        start = this.at;
      }
    }
    return undefined;
  }
}

function parseParameter(scan: Scanner): ExtensionParameter | undefined {
  const name = scan.token();
  if (name === "") return undefined;
  scan.skipOws();
  if (!scan.take("=")) return [name, undefined];
  scan.skipOws();
  const value = scan.text[scan.at] === '"' ? scan.quoted() : scan.token();
  // "When using the quoted-string syntax variant, the value after quoted-string unescaping MUST conform to the
  // 'token' ABNF." RFC 6455 §9.1
  return value !== undefined && isToken(value) ? [name, value] : undefined;
}

function parseExtension(scan: Scanner): WebSocketExtension | undefined {
  const name = scan.token();
  if (name === "") return undefined;
  const params: ExtensionParameter[] = [];
  for (;;) {
    scan.skipOws();
    if (!scan.take(";")) return { name, params };
    scan.skipOws();
    const param = parseParameter(scan);
    if (param === undefined) return undefined;
    params.push(param);
  }
}

/**
 * Parses the value of `Sec-WebSocket-Extensions` (RFC 6455 §9.1), several lines of it joined by commas.
 * Linear in its length.
 *
 * @returns The extensions in order; `undefined` if the value breaks the grammar.
 *
 * @example
 * ```ts
 * import { parseExtensions } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseExtensions('foo; bar="7", baz'), [
 *   { name: "foo", params: [["bar", "7"]] },
 *   { name: "baz", params: [] },
 * ]);
 * assertEquals(parseExtensions("foo; b=\""), undefined);
 * ```
 */
export function parseExtensions(value: string): WebSocketExtension[] | undefined {
  const scan = new Scanner(value);
  const extensions: WebSocketExtension[] = [];
  for (;;) {
    scan.skipOws();
    // Empty elements of a list are skipped (RFC 9110 §5.6.1.2).
    if (scan.take(",")) continue;
    if (scan.done) return extensions.length > 0 ? extensions : undefined;
    const extension = parseExtension(scan);
    if (extension === undefined) return undefined;
    extensions.push(extension);
    if (!scan.done && scan.text[scan.at] !== ",") return undefined;
  }
}

/**
 * Writes one element of a `Sec-WebSocket-Extensions` header.
 *
 * @example
 * ```ts
 * import { formatExtension } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const extension = { name: "foo", params: [["bar", "7"] as const, ["baz", undefined] as const] };
 * assertEquals(formatExtension(extension), "foo; bar=7; baz");
 * ```
 */
export function formatExtension(extension: WebSocketExtension): string {
  let text = extension.name;
  for (const [name, value] of extension.params) {
    text += value === undefined ? `; ${name}` : `; ${name}=${value}`;
  }
  return text;
}
