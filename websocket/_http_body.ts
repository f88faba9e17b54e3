// Floor 1: codec.
import type { HttpResponseHead } from "./http_head.ts";

/** The longest line of a chunk's size, with its extensions, in bytes. */
const MAX_CHUNK_LINE = 1024;
const LF = 10;

/**
 * The body of a response, in pieces as they come: of a length that is told, in chunks, or until the connection ends.
 *
 * What is malformed ends it. So does what passes `max`: the body is for people to read, and is cut.
 */
export class HttpBodyReader {
  /** Whether nothing more belongs to the body, or nothing more of it is wanted. */
  done = false;
  readonly #max: number;
  readonly #pieces: Uint8Array[] = [];
  #size = 0;
  /** How many bytes are to come: of the body, or of a chunk. */
  #left = Infinity;
  /** The line of a chunk's size, as far as it came; undefined where there are no chunks, or inside of one. */
  #line: string | undefined;
  readonly #chunked: boolean = false;

  /** Makes a reader for what comes behind `head`. */
  constructor(head: HttpResponseHead, max: number) {
    this.#max = max;
    const { status, fields } = head;
    const coding = fields.get("transfer-encoding");
    const length = fields.get("content-length");
    if (status < 200 || status === 204 || status === 304) this.#left = 0;
    else if (coding !== undefined) {
      if (/(^|,)[ \t]*chunked$/i.test(coding)) {
        this.#chunked = true;
        this.#line = "";
      }
    } else if (length !== undefined) this.#left = /^\d{1,15}$/.test(length) ? Number(length) : 0;
    this.done = this.#left === 0;
  }

  /** Takes the next piece. */
  push(piece: Uint8Array): void {
    for (let at = 0; at < piece.length && !this.done;) {
      at = this.#line === undefined ? this.#data(piece, at) : this.#sizeLine(piece, at);
    }
  }

  /** What came of it. */
  bytes(): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.#size);
    let at = 0;
    for (const piece of this.#pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  #data(piece: Uint8Array, at: number): number {
    const n = Math.min(piece.length - at, this.#left, this.#max - this.#size);
    this.#pieces.push(piece.slice(at, at + n));
    this.#size += n;
    this.#left -= n;
    if (this.#size === this.#max) this.done = true;
    else if (this.#left === 0) {
      // Behind a chunk is an empty line, and then the size of the next one.
      if (this.#chunked) this.#line = "\n";
      else this.done = true;
    }
    return at + n;
  }

  #sizeLine(piece: Uint8Array, at: number): number {
    for (; at < piece.length; at++) {
      const byte = piece[at];
      if (byte !== LF) {
        this.#line += String.fromCharCode(byte);
        if (this.#line!.length <= MAX_CHUNK_LINE) continue;
        this.done = true;
        return at;
      }
      const line = this.#line!;
      this.#line = "";
      if (line === "\n\r") continue;
      const size = /^([\da-f]{1,12})[ \t]*(;[^\r]*)?\r$/i.exec(line);
      this.#left = size === null ? 0 : parseInt(size[1], 16);
      this.#line = undefined;
      this.done = this.#left === 0;
      return at + 1;
    }
    return at;
  }
}
