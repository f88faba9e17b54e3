// Floor 0: vocabulary.

/** Codes of {@linkcode BufferUnderflowError}. `ERR_BUFFER_UNDERFLOW`: a value ends behind the bytes that are there. */
export type BufferErrorCode = "ERR_BUFFER_UNDERFLOW";

/**
 * Too little data for a read. It is a RangeError, so that code which does not care about the difference needs no second case;
 * the read position is where it was before.
 *
 * @example
 * ```ts
 * import { BufferUnderflowError, ByteReader } from "@sluice/sockets/buffer";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const reader = new ByteReader(new Uint8Array([1, 2, 3]));
 * const error = assertThrows(() => reader.readUint32(), BufferUnderflowError);
 * assertEquals(error.missing, 1);
 * assertEquals(reader.position, 0);
 * ```
 */
export class BufferUnderflowError extends RangeError {
  /** The class's name. */
  override readonly name: string = "BufferUnderflowError";
  /** What went wrong, for programs. */
  readonly code: BufferErrorCode = "ERR_BUFFER_UNDERFLOW";
  /** How many more bytes must come at least. */
  readonly missing: number;

  /** Makes the error; `options.cause` is kept. */
  constructor(message: string, missing: number, options?: ErrorOptions) {
    super(message, options);
    this.missing = missing;
  }
}
