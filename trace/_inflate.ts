// Floor 3: driver.
import { kMaxLength } from "node:buffer";
import { constants, inflateRawSync } from "node:zlib";
import type { InflateRaw } from "./_websocket_tap.ts";

/** Inflates by node:zlib. */
export const inflateRaw: InflateRaw = (bytes, limit) => {
  try {
    const output = inflateRawSync(bytes, {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: Math.min(Math.max(1, limit), kMaxLength),
    });
    return new Uint8Array(output.buffer, output.byteOffset, output.length);
  } catch {
    return undefined;
  }
};
