// Floor 1: codec.
import { ByteReader } from "../buffer/byte_reader.ts";
import { encodeText } from "../buffer/encodings.ts";
import type { BytesLike, EncodingName } from "../buffer/types.ts";

/** What can be written: text, bytes, or a `ByteBuffer`, of which the part is sent that it has not read yet. */
export type SocketData = string | BytesLike | ByteReader;

/**
 * The bytes of what is to be written: text in `encoding`, bytes as they are and not copied.
 *
 * @throws {TypeError} if it is none of these, or if the encoding is unknown.
 *
 * @example
 * ```ts
 * import { ByteBuffer } from "@sluice/sockets/buffer";
 * import { socketDataBytes } from "@sluice/sockets/socket";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(socketDataBytes("é", "latin1"), new Uint8Array([0xe9]));
 * assertEquals(socketDataBytes(new ByteBuffer().writeUint16(258)), new Uint8Array([1, 2]));
 * ```
 */
export function socketDataBytes(data: SocketData, encoding: EncodingName = "utf8"): Uint8Array {
  if (typeof data === "string") return encodeText(data, encoding);
  if (data instanceof Uint8Array) return data;
  if (data instanceof ByteReader) return data.slice(data.position);
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return new Uint8Array(data);
  throw new TypeError("Cannot write: the data is neither text nor bytes nor a ByteBuffer");
}
