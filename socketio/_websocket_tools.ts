// Floor 3: driver.
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { encodeUtf8, encodeUtf8Into, tryDecodeUtf8 } from "../buffer/utf8.ts";
import { WEBSOCKET_GUID } from "../websocket/handshake.ts";
import type { WebSocketProtocolTools } from "../websocket/protocol_types.ts";

/** `Buffer`'s decoders for a part of any array: no view has to be made, and they are the fastest for short texts. */
const { latin1Slice, utf8Slice } = Buffer.prototype as unknown as {
  latin1Slice(this: Uint8Array, start: number, end: number): string;
  utf8Slice(this: Uint8Array, start: number, end: number): string;
};

/** From this many bytes on, it pays to look for ASCII first. */
const LONG = 512;

/** The text coding of the platform, for the protocol of a server. */
export const SERVER_TOOLS: WebSocketProtocolTools = {
  nextMask(): number {
    throw new TypeError("Cannot mask a frame: servers do not");
  },

  decodeText(bytes, start, end, ascii): string | undefined {
    if (ascii) return latin1Slice.call(bytes, start, end);
    if (end - start < LONG) {
      const text = utf8Slice.call(bytes, start, end);
      if (!text.includes("\ufffd")) return text;
    }
    return tryDecodeUtf8(bytes.subarray(start, end));
  },

  decodeValidText(bytes): string {
    return tryDecodeUtf8(bytes)!;
  },

  encodeTextInto: encodeUtf8Into,

  encodeText(text, headroom): Uint8Array {
    const encoded = encodeUtf8(text);
    if (headroom === 0) return encoded;
    const all = new Uint8Array(headroom + encoded.length);
    all.set(encoded, headroom);
    return all;
  },
};

/** The value of `Sec-WebSocket-Accept` for a key: RFC 6455 §4.2.2. */
export function acceptKey(key: string): string {
  return createHash("sha1").update(key + WEBSOCKET_GUID).digest("base64");
}
