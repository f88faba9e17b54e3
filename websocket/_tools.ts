// Floor 3: driver.
import { encodeUtf8, encodeUtf8Into, tryDecodeUtf8 } from "../buffer/utf8.ts";
import { sha1Base64 } from "./_sha1.ts";
import { WEBSOCKET_GUID } from "./handshake.ts";
import type { WebSocketProtocolTools } from "./protocol_types.ts";

/** `Buffer`'s methods for a slice of any `Uint8Array`: no view, no options, one call into the engine. */
interface Slices {
  latin1Slice(this: Uint8Array, start: number, end: number): string;
  utf8Slice(this: Uint8Array, start: number, end: number): string;
}

/**
 * node:buffer, once the first text has come. It weighs a megabyte of heap, and each collection of garbage goes through
 * all of the heap: programs that move bytes feel that.
 */
let slices: Slices | undefined;

function loadSlices(): Slices {
  const { Buffer } = globalThis as unknown as { Buffer: { prototype: Slices } };
  return slices = Buffer.prototype;
}

/** Below this many bytes `utf8Slice` is the fastest decoder, from it on the one that looks for ASCII first. */
const SHORT_TEXT = 512;
const REPLACEMENT = "\ufffd";
const ENCODER = new TextEncoder();

const masks = new Uint32Array(1024);
let nextMask = masks.length;

/** What the protocol needs from the platform. */
export const PLATFORM_TOOLS: WebSocketProtocolTools = {
  nextMask(): number {
    if (nextMask === masks.length) {
      crypto.getRandomValues(masks);
      nextMask = 0;
    }
    const mask = masks[nextMask];
    // A mask that was used is not left lying around.
    masks[nextMask++] = 0;
    return mask | 0;
  },

  decodeText(bytes, start, end, ascii): string | undefined {
    const { latin1Slice, utf8Slice } = slices ?? loadSlices();
    if (ascii) return latin1Slice.call(bytes, start, end);
    if (end - start >= SHORT_TEXT) return tryDecodeUtf8(bytes.subarray(start, end));
    const text = utf8Slice.call(bytes, start, end);
    // Bad bytes become replacement characters; the text itself may hold one too.
    if (!text.includes(REPLACEMENT)) return text;
    return tryDecodeUtf8(bytes.subarray(start, end));
  },

  decodeValidText(bytes): string {
    return tryDecodeUtf8(bytes)!;
  },

  encodeTextInto: encodeUtf8Into,

  tryEncodeTextInto(text, target, at): number {
    const { read, written } = ENCODER.encodeInto(text, target.subarray(at));
    return read === text.length ? written : -1;
  },

  encodeText(text, headroom): Uint8Array {
    // Most text is ASCII: room for that first.
    const bytes = new Uint8Array(headroom + text.length);
    const { read } = ENCODER.encodeInto(text, bytes.subarray(headroom));
    if (read === text.length) return bytes;
    const encoded = encodeUtf8(text);
    if (headroom === 0) return encoded;
    const all = new Uint8Array(headroom + encoded.length);
    all.set(encoded, headroom);
    return all;
  },
};

/** The value of `Sec-WebSocket-Accept` for a key (RFC 6455 §4.2.2). */
export function acceptKey(key: string): string {
  return sha1Base64(key + WEBSOCKET_GUID);
}

/** A new value for `Sec-WebSocket-Key`: 16 random bytes. */
export function newKey(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toBase64();
}
