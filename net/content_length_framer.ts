// Floor 1: codec.
import { type DecimalFormat, DecimalFramer } from "./_decimal_framer.ts";
import { SizedDecoder } from "./_sized_decoder.ts";
import type { Framer, FramerLimits, FramingDecoder } from "./framer.ts";
import { checkOptionNames } from "./option_names.ts";

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

const PREFIX = ascii("Content-Length: ");
const SEPARATOR = ascii("\r\n\r\n");

const FORMAT: DecimalFormat = {
  name: "Content-Length",
  prefix: PREFIX,
  separator: SEPARATOR,
  leadingZeros: true,
};

/** The longest head, in bytes with its empty line: what is known to be sent has less than a hundred. */
const MAX_HEAD_LENGTH = 4096;

/** The shortest one: `Content-Length:0` and two ends of lines. */
const MIN_HEAD_LENGTH = 20;

const CR = 13;
const LF = 10;

/** More digits than any length that can be counted has. */
const MAX_DIGITS = 16;

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?=:)/;
const LENGTH = /^:[ \t]*([0-9]{1,16})[ \t]*$/;

class ContentLengthDecoder extends SizedDecoder {
  readonly #maxLength: number;
  /** The line under way. */
  #line = "";
  /** Whether the line's CR has come. */
  #returned = false;
  /** Bytes of the head under way. */
  #head = 0;
  /** The length, as soon as it was told. */
  #value = -1;

  constructor(maxLength: number) {
    super(maxLength);
    this.#maxLength = maxLength;
  }

  protected override readSize(): number {
    if (this.#head === 0) {
      const size = this.#plainHead();
      if (size >= 0) return size;
    }
    const { chunk, limit } = this;
    while (this.pos < limit) {
      const byte = chunk[this.pos++];
      if (++this.#head > MAX_HEAD_LENGTH) {
        this.fail(`its head is over the limit of ${MAX_HEAD_LENGTH} bytes`, { fault: "too-long" });
        return -1;
      }
      if (this.#returned !== (byte === LF)) return this.#malformed("has a CR or an LF alone");
      if (byte === CR) this.#returned = true;
      else if (byte !== LF) {
        if ((byte < 0x20 && byte !== 9) || byte === 0x7f) {
          return this.#malformed("has a control character");
        }
        this.#line += String.fromCharCode(byte);
      } else if (this.#line !== "") {
        if (!this.#header(this.#line)) return -1;
        this.#line = "";
        this.#returned = false;
      } else {
        const value = this.#value;
        if (value < 0) return this.#malformed("does not tell the length");
        this.#returned = false;
        this.#head = 0;
        this.#value = -1;
        return value;
      }
    }
    return -1;
  }

  /** Reads a head as this framer writes it, if all of it is there; -1 leaves it where it is. */
  #plainHead(): number {
    const { chunk, limit } = this;
    let at = this.pos;
    for (let i = 0; i < PREFIX.length; i++) if (chunk[at++] !== PREFIX[i]) return -1;
    const digits = at;
    let value = 0;
    for (; at < limit; at++) {
      const digit = chunk[at] - 0x30;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
    }
    if (at === digits || at - digits > MAX_DIGITS || value > this.#maxLength) return -1;
    if (at + SEPARATOR.length > limit) return -1;
    for (let i = 0; i < SEPARATOR.length; i++) if (chunk[at++] !== SEPARATOR[i]) return -1;
    this.pos = at;
    return value;
  }

  #header(line: string): boolean {
    const [name] = NAME.exec(line) ?? [];
    if (name === undefined) {
      this.#malformed("has a line that is no header");
      return false;
    }
    if (name.toLowerCase() !== "content-length") return true;
    const [, value] = LENGTH.exec(line.slice(name.length)) ?? [];
    if (this.#value >= 0) {
      this.#malformed("tells the length twice");
    } else if (value === undefined) {
      this.#malformed("tells a length that is no decimal number");
    } else if ((this.#value = Number(value)) > this.#maxLength) {
      this.fail(`its length of ${this.#value} bytes is over the limit of ${this.#maxLength}`, {
        fault: "too-long",
      });
    } else return true;
    return false;
  }

  #malformed(why: string): number {
    this.fail(`the head before it ${why}`, { fault: "malformed" });
    return -1;
  }

  protected override headerState(): { received: number; missing: number } {
    const rest = this.#line !== "" ? 4 : this.#value < 0 ? MIN_HEAD_LENGTH : 2;
    return { received: this.#head, missing: rest - (this.#returned ? 1 : 0) };
  }
}

class ContentLengthFramer extends DecimalFramer {
  override createDecoder(): FramingDecoder<Uint8Array> {
    return new ContentLengthDecoder(this.maxLength);
  }
}

/**
 * The framing of language servers and debug adapters (LSP, DAP, BSP): headers as HTTP has them, of which `Content-Length` tells how many bytes
 * follow the empty line. Other headers (`Content-Type`) are read over; a head has 4 KiB at the most.
 *
 * @throws {TypeError} for an option that there is not
 * @throws {RangeError} when `maxLength` is no non-negative integer
 *
 * @example
 * ```ts
 * import { contentLengthFramer, frameMessage, unframeMessages } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const call = { jsonrpc: "2.0", id: 1, method: "shutdown" };
 * const bytes = frameMessage(contentLengthFramer(), new TextEncoder().encode(JSON.stringify(call)));
 * assertEquals(new TextDecoder().decode(bytes.subarray(0, 22)), "Content-Length: 44\r\n\r\n");
 * const [message] = unframeMessages(contentLengthFramer(), bytes);
 * assertEquals(JSON.parse(new TextDecoder().decode(message)), call);
 * ```
 */
export function contentLengthFramer(options: FramerLimits = {}): Framer {
  checkOptionNames("Cannot make framer", options, { maxLength: true });
  return new ContentLengthFramer(FORMAT, options);
}
