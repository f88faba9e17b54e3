// Floor 2: protocol.
import { HEADROOM, LARGE_PAYLOAD, writeFrame, writeOwnedFrame } from "./_frame_output.ts";
import type {
  WebSocketDeflater,
  WebSocketProtocolOutput,
  WebSocketProtocolTools,
} from "./protocol_types.ts";

/** Texts up to this many bytes are encoded where the one before them was. */
const SHARED_TEXT = 24_576;
/** Where texts are encoded that are to be compressed. */
let plainText = new Uint8Array(0);

/**
 * The bytes of a text that may be long enough to compress; `undefined` if it is certainly not. They are to be compressed
 * before anything else happens: one buffer serves for all.
 *
 * @param threshold From how many bytes on it is compressed.
 */
export function textToDeflate(
  text: string,
  threshold: number,
  tools: WebSocketProtocolTools,
): Uint8Array | undefined {
  const most = text.length * 3;
  if (most < threshold) return undefined;
  if (most > SHARED_TEXT) return tools.encodeText(text, 0);
  if (plainText.length < most) plainText = new Uint8Array(Math.max(4096, most));
  return plainText.subarray(0, tools.encodeTextInto(text, plainText, 0));
}

/**
 * Compresses bytes, and writes a frame of what comes out.
 *
 * @param client Whether to mask it.
 * @param first The first byte of the header.
 * @param last Whether the message ends with these bytes.
 */
export function writeDeflatedFrame(
  output: WebSocketProtocolOutput,
  tools: WebSocketProtocolTools,
  client: boolean,
  first: number,
  bytes: Uint8Array,
  last: boolean,
  deflater: WebSocketDeflater,
): void {
  const deflated = deflater.deflate(bytes, 0, bytes.length, last);
  // What comes out is valid until the next call only: it must be copied, however large.
  if (deflated.length < LARGE_PAYLOAD) {
    writeFrame(output, tools, client, first, deflated);
  } else {
    const owned = new Uint8Array(HEADROOM + deflated.length);
    owned.set(deflated, HEADROOM);
    writeOwnedFrame(output, tools, client, first, owned);
  }
}
