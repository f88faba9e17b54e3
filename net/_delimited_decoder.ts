// Floor 1: codec.
import { DecoderBase } from "./_decoder_base.ts";
import { indexOfByte, indexOfBytes } from "./_framer_util.ts";

/** A decoder for formats that end each message with the same bytes. */
export abstract class DelimitedDecoder<T> extends DecoderBase<T> {
  readonly #marker: Uint8Array;
  readonly #maxBytes: number;
  readonly #unterminated: boolean;
  /** The most that a message may have. */
  protected readonly maxLength: number;

  /**
   * `unterminated`: whether what comes after the last marker is a message at the end of the stream. `maxBytes`: how many bytes
   * may stand before a marker, where that is not what the message has.
   */
  constructor(marker: Uint8Array, maxLength: number, unterminated: boolean, maxBytes = maxLength) {
    super();
    this.#marker = marker;
    this.maxLength = maxLength;
    this.#maxBytes = maxBytes;
    this.#unterminated = unterminated;
  }

  /** What the bytes before a marker mean; `undefined` for no message or after `fail`. */
  protected abstract decode(bytes: Uint8Array): T | undefined;

  protected override step(): T | undefined {
    while (this.pos < this.limit) {
      const bytes = this.#cut();
      if (bytes === undefined) return undefined;
      const message = this.decode(bytes);
      if (message !== undefined) return message;
    }
    return undefined;
  }

  /** The bytes before the next marker; `undefined` with the chunk used up or after `fail`. */
  #cut(): Uint8Array | undefined {
    const { chunk, pos, limit, partial } = this;
    const marker = this.#marker;
    if (partial.length > 0 && marker.length > 1) {
      // The marker may lie across the seam: look at it with the bytes before.
      const from = Math.max(0, partial.length - marker.length + 1);
      const taken = Math.min(limit, pos + marker.length - 1);
      partial.append(chunk, pos, taken, 0);
      const at = indexOfBytes(partial.bytes, marker, from, partial.length);
      if (at >= 0) {
        const surplus = partial.length - at - marker.length;
        this.pos = taken - surplus;
        if (at > this.#maxBytes) return this.failTooLong();
        return partial.take().subarray(0, at);
      }
      if (taken === limit) {
        this.pos = limit;
        if (partial.length - marker.length + 1 > this.#maxBytes) return this.failTooLong();
        return undefined;
      }
      partial.length -= taken - pos;
    }
    const at = marker.length === 1
      ? indexOfByte(chunk, marker[0], pos, limit)
      : indexOfBytes(chunk, marker, pos, limit);
    const end = at < 0 ? limit - marker.length + 1 : at;
    if (partial.length + end - pos > this.#maxBytes) return this.failTooLong();
    if (at < 0) {
      partial.append(chunk, pos, limit, 0);
      this.pos = limit;
      return undefined;
    }
    this.pos = at + marker.length;
    if (partial.length === 0) return chunk.subarray(pos, at);
    partial.append(chunk, pos, at, 0);
    return partial.take();
  }

  protected failTooLong(): undefined {
    return this.fail(`it is longer than the limit of ${this.maxLength} bytes`, {
      fault: "too-long",
    });
  }

  protected override finish(): T | undefined {
    const received = this.partial.length;
    if (received === 0) return undefined;
    if (this.#unterminated) {
      if (received > this.#maxBytes) return this.failTooLong();
      return this.decode(this.partial.take());
    }
    const marker = this.#marker;
    // What came of the marker itself counts.
    let begun = Math.min(marker.length - 1, received);
    const { bytes } = this.partial;
    const starts = (length: number): boolean => {
      for (let i = 0; i < length; i++) {
        if (bytes[received - length + i] !== marker[i]) return false;
      }
      return true;
    };
    while (begun > 0 && !starts(begun)) begun--;
    return this.failTruncated(received, marker.length - begun, false);
  }
}
