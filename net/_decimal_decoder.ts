// Floor 1: codec.
import { SizedDecoder } from "./_sized_decoder.ts";

/** More digits than any length that can be counted has. */
const MAX_DIGITS = 16;

/** A decoder for formats with a decimal length before each message: `<digits><separator><bytes><trailer?>`. */
export class DecimalDecoder extends SizedDecoder {
  readonly #separator: Uint8Array;
  readonly #maxLength: number;
  readonly #leadingZeros: boolean;
  #value = 0;
  #digits = 0;
  /** Bytes of the separator that have come. */
  #separated = 0;

  constructor(
    separator: Uint8Array,
    maxLength: number,
    options: { leadingZeros: boolean; trailer?: number },
  ) {
    super(maxLength, options.trailer);
    this.#separator = separator;
    this.#maxLength = maxLength;
    this.#leadingZeros = options.leadingZeros;
  }

  protected override readSize(): number {
    const { chunk, limit } = this;
    const separator = this.#separator;
    while (this.pos < limit) {
      const byte = chunk[this.pos++];
      if (this.#separated === 0 && byte >= 0x30 && byte <= 0x39) {
        if (this.#digits > 0 && this.#value === 0 && !this.#leadingZeros) {
          return this.#malformed("has a leading zero");
        }
        if (++this.#digits > MAX_DIGITS) return this.#malformed("has too many digits");
        this.#value = this.#value * 10 + byte - 0x30;
        if (this.#value > this.#maxLength) return this.#tooLong();
      } else {
        if (this.#digits === 0 || byte !== separator[this.#separated]) {
          return this.#malformed("is no decimal number");
        }
        if (++this.#separated === separator.length) {
          const value = this.#value;
          this.#value = this.#digits = this.#separated = 0;
          return value;
        }
      }
    }
    return -1;
  }

  /** No need to wait for the rest of a number that is too large already. */
  #tooLong(): number {
    const [least, limit] = [this.#value, this.#maxLength];
    this.fail(`its length of at least ${least} bytes is over the limit of ${limit}`, {
      fault: "too-long",
    });
    return -1;
  }

  #malformed(why: string): number {
    this.fail(`the length before it ${why}`, { fault: "malformed" });
    return -1;
  }

  protected override headerState(): { received: number; missing: number } {
    return {
      received: this.#digits + this.#separated,
      missing: this.#separator.length - this.#separated,
    };
  }
}

/** Digits of `value`. */
export function decimalLength(value: number): number {
  let digits = 1;
  for (; value >= 10; value = Math.floor(value / 10)) digits++;
  return digits;
}

/** Writes `value` with `digits` digits. */
export function putDecimal(
  buffer: Uint8Array,
  offset: number,
  value: number,
  digits: number,
): void {
  for (let i = digits - 1; i >= 0; i--) {
    const rest = Math.floor(value / 10);
    buffer[offset + i] = 0x30 + (value - rest * 10);
    value = rest;
  }
}
