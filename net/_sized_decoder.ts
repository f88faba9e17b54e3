// Floor 1: codec.
import { DecoderBase } from "./_decoder_base.ts";

/** A decoder for formats that tell the length of a message before its bytes. */
export abstract class SizedDecoder extends DecoderBase<Uint8Array> {
  /** The length of the message under way, with its trailer; -1 while its header is being read. */
  #size = -1;
  readonly #maxLength: number;
  readonly #trailer: number;

  /** `trailer` is the byte that must follow each message, or -1. */
  constructor(maxLength: number, trailer = -1) {
    super();
    this.#maxLength = maxLength;
    this.#trailer = trailer;
  }

  /**
   * Reads the header at `pos`, and returns the length it tells; or -1, with the chunk used up (what came of the
   * header is remembered) or after `fail`.
   */
  protected abstract readSize(): number;

  /** How many header bytes are remembered, and how many more there are at least. */
  protected abstract headerState(): { received: number; missing: number };

  protected override step(): Uint8Array | undefined {
    let size = this.#size;
    if (size < 0) {
      size = this.readSize();
      if (size < 0) return undefined;
      if (size > this.#maxLength) {
        return this.fail(`its length of ${size} bytes is over the limit of ${this.#maxLength}`, {
          fault: "too-long",
        });
      }
      if (this.#trailer >= 0) size++;
    }
    const { pos } = this;
    const have = this.limit - pos;
    const earlier = this.partial.length;
    if (have + earlier < size) {
      this.#size = size;
      if (have > 0) this.partial.append(this.chunk, pos, this.limit, size);
      this.pos = this.limit;
      return undefined;
    }
    this.#size = -1;
    const end = pos + size - earlier;
    this.pos = end;
    if (earlier === 0) {
      if (this.#trailer < 0) return this.chunk.subarray(pos, end);
      if (this.chunk[end - 1] !== this.#trailer) return this.#badTrailer();
      return this.chunk.subarray(pos, end - 1);
    }
    this.partial.append(this.chunk, pos, end, size);
    const message = this.partial.take();
    if (this.#trailer < 0) return message;
    if (message[size - 1] !== this.#trailer) return this.#badTrailer();
    return message.subarray(0, size - 1);
  }

  #badTrailer(): undefined {
    return this.fail("the byte after it is not the one that ends a message", {
      fault: "malformed",
    });
  }

  protected override finish(): undefined {
    if (this.#size >= 0) {
      return this.failTruncated(this.partial.length, this.#size - this.partial.length, true);
    }
    const { received, missing } = this.headerState();
    if (received > 0) return this.failTruncated(received, missing, false);
    return undefined;
  }

  protected override held(): number {
    return this.#size < 0 ? this.headerState().received : 0;
  }
}
