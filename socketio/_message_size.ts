// Floor 1: codec.
import { utf8ByteLength } from "../buffer/utf8.ts";

/** Whether a message has more than `limit` bytes. A text is counted only where its length leaves it open. */
export function isLarger(message: string | Uint8Array, limit: number): boolean {
  const { length } = message;
  if (length > limit) return true;
  return typeof message === "string" && length * 3 > limit && utf8ByteLength(message) > limit;
}
