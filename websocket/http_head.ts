// Floor 1: codec.
import { headerPairs } from "./_header_pairs.ts";
import { isToken, trimOws } from "./_tokens.ts";

/** Limits for the head of an HTTP message. */
export interface HttpHeadLimits {
  /**
   * The largest head, in bytes: the first line, all headers and the empty line.
   *
   * @default {16_384}
   */
  maxHeadSize?: number;
  /**
   * The longest line, in bytes.
   *
   * @default {8_192}
   */
  maxLineSize?: number;
  /**
   * The most header lines.
   *
   * @default {100}
   */
  maxHeaderCount?: number;
}

/** By a type that has them all: one that is missing here does not compile. */
const LIMITS: Record<keyof HttpHeadLimits, true> = {
  maxHeadSize: true,
  maxLineSize: true,
  maxHeaderCount: true,
};

/**
 * Checks limits that somebody else gave.
 *
 * @throws {RangeError} For one that is not at least 1.
 * @throws {TypeError} For one that there is not, and for what is no object.
 *
 * @example
 * ```ts
 * import { checkHttpHeadLimits } from "@sluice/sockets/websocket";
 * import { assertThrows } from "@std/assert";
 *
 * checkHttpHeadLimits({ maxHeaderCount: 20 });
 * assertThrows(() => checkHttpHeadLimits({ maxHeadSize: NaN }), RangeError, "maxHeadSize");
 * ```
 */
export function checkHttpHeadLimits(limits: HttpHeadLimits): void {
  if (typeof limits !== "object" || limits === null) {
    throw new TypeError("Cannot read HTTP heads: their limits are no object");
  }
  for (const [name, limit] of Object.entries(limits)) {
    if (limit === undefined || limit === null) continue;
    if (!Object.hasOwn(LIMITS, name)) {
      throw new TypeError(`Cannot read HTTP heads: there is no limit "${name}"`);
    }
    if (typeof limit !== "number" || !(limit >= 1)) {
      throw new RangeError(`Cannot read HTTP heads: ${name} is ${limit}, not at least 1`);
    }
  }
}

/** Why a head was refused, and the status that tells the sender. */
export interface HttpHeadFault {
  /** 400 (malformed), 414 (the first line is too long), 431 (too many or too long headers) or 505 (version). */
  status: 400 | 414 | 431 | 505;
  /** What is wrong. It repeats nothing that came. */
  message: string;
}

/** The fields of a whole head whose lines were checked. */
let fieldsOf: (head: string) => HttpFields;

/**
 * The header lines of an HTTP message, in order. Names compare without case.
 *
 * Nothing is keyed by name, so a header called `__proto__` is a header like any other.
 *
 * @example
 * ```ts
 * import { HttpFields } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const fields = new HttpFields([["Accept", "text/html"], ["accept", "text/plain"]]);
 * assertEquals(fields.get("ACCEPT"), "text/html, text/plain");
 * assertEquals(fields.getAll("accept"), ["text/html", "text/plain"]);
 * ```
 */
export class HttpFields implements Iterable<[name: string, value: string]> {
  static {
    fieldsOf = (head) => {
      const fields = new HttpFields();
      fields.#head = head;
      fields.#lower = head.toLowerCase();
      return fields;
    };
  }

  #names: string[] | undefined;
  #values: string[] | undefined;
  /** While nothing but a few values of a head is asked for, they are looked up in its text. */
  #head = "";
  #lower = "";

  /** Makes the fields from pairs of name and value. */
  constructor(lines: Iterable<readonly [name: string, value: string]> = NO_LINES) {
    if (lines !== NO_LINES) { for (const [name, value] of lines) this.append(name, value); }
  }

  /** How many lines there are. */
  get size(): number {
    this.#takeApart();
    return this.#names?.length ?? 0;
  }

  /** Adds a line at the end. */
  append(name: string, value: string): void {
    this.#takeApart();
    (this.#names ??= []).push(name.toLowerCase());
    (this.#values ??= []).push(value);
  }

  /** The value under `name`, those of several lines joined by `", "`; `undefined` if there is none. */
  get(name: string): string | undefined {
    let joined: string | undefined;
    for (let i = this.#find(name, 0); i >= 0; i = this.#find(name, i + 1)) {
      const value = this.#valueAt(i, name);
      joined = joined === undefined ? value : `${joined}, ${value}`;
    }
    return joined;
  }

  /** The values under `name`, one for each line. */
  getAll(name: string): string[] {
    let values: string[] | undefined;
    for (let i = this.#find(name, 0); i >= 0; i = this.#find(name, i + 1)) {
      const value = this.#valueAt(i, name);
      // A list that begins with one takes a fifth of the memory of one that grows to one.
      if (values === undefined) values = [value];
      else values.push(value);
    }
    return values ?? [];
  }

  /** Whether there is a line with this name. */
  has(name: string): boolean {
    return this.#find(name, 0) >= 0;
  }

  /** The lines as pairs of lower-case name and value. */
  *[Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    this.#takeApart();
    for (let i = 0; i < this.size; i++) yield [this.#names![i], this.#values![i]];
  }

  /** The same lines as a `Headers` object of the web. Cookies of several lines are joined by `"; "`, as they are in one. */
  toHeaders(): Headers {
    return new Headers(headerPairs(this));
  }

  /** Where the next line with this name is: its index, or its offset in the text. -1 if there is none. */
  #find(name: string, from: number): number {
    if (this.#head !== "") return this.#lower.indexOf(mark(name), from);
    return this.#names?.indexOf(name.toLowerCase(), from) ?? -1;
  }

  #valueAt(index: number, name: string): string {
    if (this.#head === "") return this.#values![index];
    const start = index + mark(name).length;
    return trimOws(this.#head, start, this.#head.indexOf("\r\n", start));
  }

  /** From the text to lists. */
  #takeApart(): void {
    const head = this.#head;
    if (head === "") return;
    const lower = this.#lower;
    this.#head = this.#lower = "";
    this.#names = [];
    this.#values = [];
    for (let at = head.indexOf("\r\n") + 2; at < head.length - 2;) {
      const colon = head.indexOf(":", at);
      const end = head.indexOf("\r\n", colon);
      this.#names.push(lower.slice(at, colon));
      this.#values.push(trimOws(head, colon + 1, end));
      at = end + 2;
    }
  }
}

const NO_LINES: readonly [] = [];
/** How many marks are kept. Names are asked for by programs, not by peers. */
const MAX_MARKS = 64;
const marks = new Map<string, string>();

/** What a line with this name begins with, in a text of lower case. */
function mark(name: string): string {
  let found = marks.get(name);
  if (found === undefined) {
    // A name that is none is in no head.
    found = isToken(name) ? `\r\n${name.toLowerCase()}:` : "\r\n\n";
    if (marks.size < MAX_MARKS) marks.set(name, found);
  }
  return found;
}

/** The head of a request. */
export interface HttpRequestHead {
  /** The method, for example `"GET"`. */
  method: string;
  /** The request target, for example `"/chat?room=1"`. Of an absolute one that names the host of the `Host` header, what is behind the host. */
  target: string;
  /** The minor version of HTTP/1. */
  minorVersion: 0 | 1;
  /** The header lines. */
  fields: HttpFields;
}

/** The head of a response. */
export interface HttpResponseHead {
  /** The status, 100 to 999. */
  status: number;
  /** The text behind the status, which means nothing. */
  reason: string;
  /** The minor version of HTTP/1. */
  minorVersion: 0 | 1;
  /** The header lines. */
  fields: HttpFields;
}

const CR = 13;
const LF = 10;
const TAB = 9;

function fault(status: HttpHeadFault["status"], message: string): HttpHeadFault {
  return { status, message };
}

const UTF8 = new TextDecoder();
// deno-lint-ignore no-control-regex
const ASCII = /^[\x00-\x7f]*$/;

/** Bytes as Latin-1 text, which is what HTTP heads are made of. */
function latin1(bytes: Uint8Array): string {
  // Nearly all heads are ASCII, which is the same in both.
  const ascii = UTF8.decode(bytes);
  if (ascii.length === bytes.length && ASCII.test(ascii)) return ascii;
  // A head is at most a few tens of KiB, but a caller may have raised the limits.
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    // `apply` takes the array as it is; spreading it would make an object for each byte.
    const part = bytes.subarray(at, at + 8192) as unknown as number[];
    text += String.fromCharCode.apply(null, part);
  }
  return text;
}

/**
 * Finds the end of an HTTP/1 head in bytes that come in any pieces, and checks them as they come: a bad byte, a line
 * end without CR, a folded line, a bad first line or a limit that is passed is told at once, not at the end.
 *
 * Each byte is looked at once, whatever the pieces.
 *
 * @example
 * ```ts
 * import { HttpHeadReader, parseRequestHead } from "@sluice/sockets/websocket";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const reader = new HttpHeadReader("request");
 * const bytes = new TextEncoder().encode("GET /chat HTTP/1.1\r\nHost: example.org\r\n\r\nmore");
 * assertEquals(reader.push(bytes), 41); // the rest is not part of the head
 * const head = parseRequestHead(reader.text);
 * assert("target" in head);
 * assertEquals(head.target, "/chat");
 * ```
 */
export class HttpHeadReader {
  /** Why the head was refused, once {@linkcode HttpHeadReader.push | push} returned -1 for that reason. */
  fault: HttpHeadFault | undefined;
  /**
   * The head as text with its last empty line, once {@linkcode HttpHeadReader.push | push} has returned 0 or more. An empty line in front of a
   * request is left out.
   */
  text = "";
  readonly #kind: "request" | "response";
  readonly #maxHead: number;
  readonly #maxLine: number;
  readonly #maxCount: number;
  #kept: Uint8Array | undefined;
  #size = 0;
  #lineSize = 0;
  #lines = 0;
  /** The length of a first line that is still to be checked. */
  #unchecked = 0;
  #afterCr = false;
  /** The length of an empty line in front of the first one, which is no part of the text. */
  #skipped = 0;

  /** Makes a reader at the start of a head. */
  constructor(kind: "request" | "response", limits: HttpHeadLimits = {}) {
    this.#kind = kind;
    this.#maxHead = limits.maxHeadSize ?? 16_384;
    this.#maxLine = limits.maxLineSize ?? 8_192;
    this.#maxCount = limits.maxHeaderCount ?? 100;
  }

  /** How many bytes of the head came so far. */
  get size(): number {
    return this.#size;
  }

  /**
   * Takes the next piece.
   *
   * @returns How many of its bytes belong to the head if it is complete now; otherwise -1: then either
   * {@linkcode HttpHeadReader.fault | fault} is set, or more is needed.
   */
  push(piece: Uint8Array): number {
    if (this.fault !== undefined) return -1;
    const used = this.#scan(piece);
    const first = this.#unchecked;
    if (first > 0) {
      // It came in this piece. What is wrong with it comes before what is wrong behind it.
      this.#unchecked = 0;
      const line = used >= 0
        ? this.text.slice(0, first - this.#skipped)
        : latin1(piece.subarray(this.#skipped, first));
      if (!this.#checkFirstLine(line)) return -1;
    }
    if (used < 0 && this.fault === undefined) this.#keep(piece);
    return used;
  }

  #scan(piece: Uint8Array): number {
    for (let i = 0; i < piece.length; i++) {
      const byte = piece[i];
      this.#size++;
      this.#lineSize++;
      if (byte === LF) {
        if (!this.#afterCr) return this.#fail(400, "a line ends without CR");
        this.#afterCr = false;
        if (this.#lineSize === 2) {
          if (this.#lines === 0) {
            // "A server that is expecting to receive and parse a request-line SHOULD ignore at least one empty line
            // (CRLF) received prior to the request-line." RFC 9112 §2.2
            if (this.#kind === "response" || this.#skipped > 0) {
              return this.#fail(400, "it starts with an empty line");
            }
            this.#skipped = 2;
            this.#lineSize = 0;
            continue;
          }
          const all = this.#joined(i + 1 === piece.length ? piece : piece.subarray(0, i + 1));
          this.text = latin1(this.#skipped === 0 ? all : all.subarray(this.#skipped));
          this.#kept = undefined;
          return i + 1;
        }
        if (++this.#lines > this.#maxCount + 1) {
          return this.#fail(431, `it has more than ${this.#maxCount} headers`);
        }
        if (this.#lines === 1) {
          if (this.#kept === undefined) this.#unchecked = i - 1;
          else {
            const line = latin1(this.#joined(piece.subarray(0, i + 1))).slice(this.#skipped, -2);
            if (!this.#checkFirstLine(line)) return -1;
          }
        }
        this.#lineSize = 0;
      } else if (this.#afterCr) {
        return this.#fail(400, "CR stands alone");
      } else if (byte === CR) {
        this.#afterCr = true;
      } else if (byte < 32 ? byte !== TAB : byte === 127) {
        return this.#fail(400, "it has a control character");
      } else if (this.#lineSize === 1 && this.#lines > 0 && (byte === 32 || byte === TAB)) {
        return this.#fail(400, "a header is folded");
      }
      if (this.#lineSize > this.#maxLine) {
        return this.#lines === 0
          ? this.#fail(414, `its first line is longer than ${this.#maxLine} bytes`)
          : this.#fail(431, `a header is longer than ${this.#maxLine} bytes`);
      }
      if (this.#size > this.#maxHead) {
        return this.#fail(431, `it is larger than ${this.#maxHead} bytes`);
      }
    }
    return -1;
  }

  #fail(status: HttpHeadFault["status"], message: string): -1 {
    this.fault = fault(status, message);
    this.#kept = undefined;
    return -1;
  }

  /** A peer that speaks another protocol is told after its first line, and does not hold the connection. */
  #checkFirstLine(line: string): boolean {
    const parsed = this.#kind === "request" ? parseRequestLine(line) : parseStatusLine(line);
    if (!("message" in parsed)) return true;
    this.text = "";
    this.#fail(parsed.status, parsed.message);
    return false;
  }

  /** What was kept, and `piece` behind it. */
  #joined(piece: Uint8Array): Uint8Array {
    if (this.#kept === undefined) return piece;
    const before = this.#size - piece.length;
    const all = new Uint8Array(this.#size);
    all.set(this.#kept.subarray(0, before));
    all.set(piece, before);
    return all;
  }

  /** The store doubles, so that a head that comes byte by byte is copied no more than twice. */
  #keep(piece: Uint8Array): void {
    const before = this.#size - piece.length;
    if (this.#kept === undefined || this.#kept.length < this.#size) {
      const grown = new Uint8Array(Math.max(256, this.#size * 2));
      if (this.#kept !== undefined) grown.set(this.#kept.subarray(0, before));
      this.#kept = grown;
    }
    this.#kept.set(piece, before);
  }
}

interface RequestLine {
  method: string;
  target: string;
  minorVersion: 0 | 1;
}

function parseRequestLine(line: string): RequestLine | HttpHeadFault {
  const first = line.indexOf(" ");
  const second = line.indexOf(" ", first + 1);
  const method = line.slice(0, Math.max(0, first));
  if (second <= first + 1 || line.includes(" ", second + 1) || !isToken(method)) {
    return fault(400, "its first line is not an HTTP request line");
  }
  const target = line.slice(first + 1, second);
  for (let i = 0; i < target.length; i++) {
    if (target.charCodeAt(i) < 33 || target.charCodeAt(i) > 126) {
      return fault(400, "the target has a character that is not visible ASCII");
    }
  }
  const version = line.slice(second + 1);
  if (version === "HTTP/1.1") return { method, target, minorVersion: 1 };
  if (version === "HTTP/1.0") return { method, target, minorVersion: 0 };
  if (version.startsWith("HTTP/")) return fault(505, "it is not HTTP/1.0 or HTTP/1.1");
  return fault(400, "its first line is not an HTTP request line");
}

interface StatusLine {
  status: number;
  reason: string;
  minorVersion: 0 | 1;
}

function parseStatusLine(line: string): StatusLine | HttpHeadFault {
  // The space behind the status is required by the grammar and left out by some servers: nothing hangs on it.
  const match = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: (.*))?$/.exec(line);
  if (match === null) return fault(400, "its first line is not an HTTP status line");
  return {
    status: Number(match[2]),
    reason: match[3] ?? "",
    minorVersion: match[1] === "1" ? 1 : 0,
  };
}

/** The name of a header and its colon. "No whitespace is allowed between the field name and colon." RFC 9112 §5.1 */
const FIELD_NAME = /[!#$%&'*+.^_`|~0-9A-Za-z-]+:/y;

/** The fields of a head that a {@linkcode HttpHeadReader} found; its first line ends at `end`. */
function parseFields(head: string, end: number): HttpFields | HttpHeadFault {
  if (end < 0 || !head.endsWith("\r\n")) return fault(400, "it has no end");
  for (let at = end + 2; at < head.length - 2; at = head.indexOf("\r\n", at) + 2) {
    FIELD_NAME.lastIndex = at;
    if (!FIELD_NAME.test(head)) return fault(400, "a header has no valid name");
  }
  return fieldsOf(head);
}

/**
 * Parses the head of a request from the text that a {@linkcode HttpHeadReader} found.
 *
 * @example
 * ```ts
 * import { parseRequestHead } from "@sluice/sockets/websocket";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const head = parseRequestHead("GET /chat?room=1 HTTP/1.1\r\nHost: example.org\r\n\r\n");
 * assert("target" in head);
 * assertEquals([head.target, head.fields.get("host")], ["/chat?room=1", "example.org"]);
 * ```
 */
export function parseRequestHead(text: string): HttpRequestHead | HttpHeadFault {
  const end = text.indexOf("\r\n");
  const first = parseRequestLine(text.slice(0, end));
  if ("message" in first) return first;
  const fields = parseFields(text, end);
  if ("message" in fields) return fields;
  const { method, target, minorVersion } = first;
  return { method, target: originForm(target, fields), minorVersion, fields };
}

/**
 * "A server MUST accept the absolute-form in requests." RFC 9112 §3.2.2. Clients have to repeat its host in `Host` (§3.2): whoever
 * names two hosts keeps the target that no one takes for a path.
 */
function originForm(target: string, fields: HttpFields): string {
  if (target.startsWith("/")) return target;
  const [, host, rest] = /^https?:\/\/([^/?#@]+)([/?].*)?$/i.exec(target) ?? [];
  if (host === undefined || host.toLowerCase() !== fields.get("host")?.toLowerCase()) return target;
  return rest?.startsWith("/") ? rest : `/${rest ?? ""}`;
}

/**
 * Parses the head of a response from the text that a {@linkcode HttpHeadReader} found.
 *
 * @example
 * ```ts
 * import { parseResponseHead } from "@sluice/sockets/websocket";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const head = parseResponseHead("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
 * assert("reason" in head);
 * assertEquals([head.status, head.reason], [404, "Not Found"]);
 * ```
 */
export function parseResponseHead(text: string): HttpResponseHead | HttpHeadFault {
  const end = text.indexOf("\r\n");
  const first = parseStatusLine(text.slice(0, end));
  if ("message" in first) return first;
  const fields = parseFields(text, end);
  return "message" in fields ? fields : { ...first, fields };
}
