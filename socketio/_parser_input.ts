// Floor 3: driver.

/**
 * A message as the parsers of npm take it. On Node they are given a `Buffer`, and read it by its methods, as the one of
 * `socket.io-msgpack-parser` does; where the platform has none, as in browsers, they do without.
 */
export function toParserInput(data: string | ArrayBuffer | Uint8Array): string | Uint8Array {
  if (typeof data === "string") return data;
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  const { Buffer } = globalThis as {
    Buffer?: { from(data: ArrayBufferLike, offset: number, length: number): Uint8Array };
  };
  return Buffer?.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) ?? bytes;
}
