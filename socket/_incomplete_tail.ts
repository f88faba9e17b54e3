// Floor 1: codec.
import { encodingUnitSize, IS_LITTLE_ENDIAN, normalizeEncoding } from "../buffer/encodings.ts";
import type { EncodingName } from "../buffer/types.ts";

/** How many of the last of `bytes` begin a character whose rest has not come: 0 to 3. */
export function incompleteTail(bytes: Uint8Array, encoding: EncodingName): number {
  if (normalizeEncoding(encoding) === "utf8") return incompleteUtf8(bytes);
  const unit = encodingUnitSize(encoding);
  const odd = bytes.length % unit;
  if (unit !== 2 || bytes.length - odd < 2) return odd;
  const high = bytes[bytes.length - odd - (IS_LITTLE_ENDIAN ? 1 : 2)];
  return high >= 0xd8 && high < 0xdc ? odd + 2 : odd;
}

function incompleteUtf8(bytes: Uint8Array): number {
  const { length } = bytes;
  for (let back = 1; back <= Math.min(3, length); back++) {
    const byte = bytes[length - back];
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const size = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf8 ? 4 : 1;
    return size > back ? back : 0;
  }
  return 0;
}
