// Floor 2: protocol.
import { schemeLength } from "./_secrets.ts";

const LF = 10;
const CR = 13;
const SPACE = 32;
const TAB = 9;
const COLON = 58;
const LONE_CR = Uint8Array.of(CR);

/** The most bytes of a first line, or of one header, that are remembered. */
const KEPT = 8192;
/** The longest header name that is told from others, in bytes. */
const LONGEST_NAME = 64;

/** The headers that tell where a message ends, and what comes behind it. */
const WANTED: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "sec-websocket-extensions",
  "sec-websocket-protocol",
  "transfer-encoding",
  "upgrade",
]);

function char(byte: number): string {
  return String.fromCharCode(byte);
}

/**
 * Follows the lines of an HTTP head, byte by byte, in any pieces and without a limit: it notes where the secrets are, and remembers the first
 * line and what frames the message. Anything that has lines of the form `name: value` will do.
 */
export class HeadLines {
  /** The first line, at most its first 8 KiB. */
  firstLine = "";
  readonly #secrets: ReadonlySet<string>;
  #values = new Map<string, string>();
  #name = "";
  #inValue = false;
  #isSecret = false;
  #lineSize = 0;
  #lineNumber = 0;
  #valueStarted = false;
  /** The piece before ended with a CR, which is a part of the line unless an LF follows. */
  #afterCr = false;

  constructor(secrets: ReadonlySet<string>) {
    this.#secrets = secrets;
  }

  /** Starts with a new head. */
  reset(): void {
    this.firstLine = "";
    this.#values = new Map();
    this.#lineNumber = 0;
    this.#name = "";
    this.#isSecret = false;
    this.#afterCr = false;
    this.#newLine();
  }

  /** Goes straight to the headers: what comes is a trailer. */
  skipFirstLine(): void {
    this.#lineNumber = 1;
  }

  /** The values under a name of those that are remembered, joined by `", "`. */
  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  /**
   * Takes the bytes from `at` on, and adds the places of secrets to `ranges`.
   *
   * @param endless Whether an empty line does not end it.
   * @returns The offset behind the empty line that ends the head; -1 if it has not come.
   */
  push(bytes: Uint8Array, at: number, ranges: number[], endless = false): number {
    if (this.#afterCr && at < bytes.length) {
      this.#afterCr = false;
      if (bytes[at] !== LF) this.#text(LONE_CR, 0, -1, endless);
    }
    // Where in these bytes the secret begins that is being read.
    let secretFrom = this.#isSecret && this.#valueStarted ? at : -1;
    for (let i = at; i < bytes.length; i++) {
      const byte = bytes[i];
      if (byte === LF) {
        if (secretFrom >= 0) ranges.push(secretFrom, i > at && bytes[i - 1] === CR ? i - 1 : i);
        secretFrom = -1;
        if (this.#lineSize === 0 && !endless) return i + 1;
        this.#lineNumber++;
        this.#newLine();
        continue;
      }
      if (byte === CR && (i + 1 === bytes.length || bytes[i + 1] === LF)) {
        // The line may end here: a CR at the end of the piece is not masked, nor counted.
        if (secretFrom >= 0 && i + 1 === bytes.length) ranges.push(secretFrom, i);
        if (i + 1 === bytes.length) {
          secretFrom = -1;
          this.#afterCr = true;
        }
        continue;
      }
      secretFrom = this.#text(bytes, i, secretFrom, endless);
    }
    if (secretFrom >= 0 && secretFrom < bytes.length) ranges.push(secretFrom, bytes.length);
    return -1;
  }

  /** One byte inside a line. Returns where the secret begins, or -1. */
  #text(bytes: Uint8Array, i: number, secretFrom: number, endless: boolean): number {
    if (this.#lineNumber > 0 || endless) return this.#header(bytes, i, secretFrom);
    if (this.firstLine.length < KEPT) this.firstLine += char(bytes[i]);
    this.#lineSize++;
    return secretFrom;
  }

  #newLine(): void {
    this.#lineSize = 0;
    this.#inValue = false;
    this.#valueStarted = false;
  }

  /** One byte of a header line. Returns where the secret begins, or -1. */
  #header(bytes: Uint8Array, i: number, secretFrom: number): number {
    const byte = bytes[i];
    const blank = byte === SPACE || byte === TAB;
    if (this.#lineSize++ === 0) {
      // A line that begins with a space goes on with the header before it (RFC 9112 §5.2).
      if (blank) {
        this.#inValue = true;
        return -1;
      }
      this.#name = "";
      this.#isSecret = false;
    }
    if (!this.#inValue) {
      if (byte !== COLON) {
        if (!blank && this.#name.length <= LONGEST_NAME) this.#name += char(byte).toLowerCase();
        return -1;
      }
      this.#inValue = true;
      this.#isSecret = this.#secrets.has(this.#name);
      if (WANTED.has(this.#name)) {
        const before = this.#values.get(this.#name);
        if (before === undefined) this.#values.set(this.#name, "");
        else if (before.length < KEPT) this.#values.set(this.#name, `${before}, `);
      }
      return -1;
    }
    if (!this.#valueStarted && blank) return -1;
    if (this.#isSecret) {
      if (!this.#valueStarted) {
        this.#valueStarted = true;
        return i + schemeLength(bytes, i);
      }
      return secretFrom < 0 ? i : secretFrom;
    }
    this.#valueStarted = true;
    const value = this.#values.get(this.#name);
    if (value !== undefined && value.length < KEPT) {
      this.#values.set(this.#name, value + char(byte));
    }
    return -1;
  }
}
