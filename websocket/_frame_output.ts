// Floor 2: protocol.
import { hasHeadroom } from "./_headroom.ts";
import { isWebSocketCloseCode } from "./close_code.ts";
import { frameHeaderSize, MAX_CONTROL_PAYLOAD, writeFrameHeader, writeMaskKey } from "./frame.ts";
import { maskLarge } from "./_large_mask.ts";
import { applyMask } from "./mask.ts";
import type { WebSocketProtocolOutput, WebSocketProtocolTools } from "./protocol_types.ts";

/** Payloads from this many bytes on are not copied by a server, and have a buffer of their own on a client. */
export const LARGE_PAYLOAD = 16_384;
/** The room in front of a payload that {@linkcode writeOwnedFrame} needs for its header. */
export const HEADROOM = 14;

/** The first byte of a binary message in one frame. */
const WHOLE_BINARY = 0x82;
const NOTHING = new Uint8Array(0);

/**
 * Writes a frame.
 *
 * @param client Whether to mask it.
 * @param first The first byte of the header.
 */
export function writeFrame(
  output: WebSocketProtocolOutput,
  tools: WebSocketProtocolTools,
  client: boolean,
  first: number,
  bytes: Uint8Array,
): void {
  const { length } = bytes;
  if (length >= LARGE_PAYLOAD) {
    writeLargeFrame(output, tools, client, first, bytes);
    return;
  }
  const at = output.reserve(8 + length);
  const { buffer } = output;
  let payload = writeFrameHeader(buffer, at, first, client ? 0x80 : 0, length);
  if (client) {
    const key = tools.nextMask();
    payload = writeMaskKey(buffer, payload, key);
    copy(bytes, buffer, payload);
    applyMask(buffer, key, payload, payload + length);
  } else copy(bytes, buffer, payload);
  output.commit(payload + length - at);
}

function writeLargeFrame(
  output: WebSocketProtocolOutput,
  tools: WebSocketProtocolTools,
  client: boolean,
  first: number,
  bytes: Uint8Array,
): void {
  if (client) {
    const owned = new Uint8Array(HEADROOM + bytes.length);
    owned.set(bytes, HEADROOM);
    writeOwnedFrame(output, tools, client, first, owned);
    return;
  }
  // Always the same header in the same place: these bytes may be queued several times, on several connections.
  if (first === WHOLE_BINARY && hasHeadroom(bytes)) {
    const size = frameHeaderSize(bytes.length, false);
    const frame = new Uint8Array(bytes.buffer, bytes.byteOffset - size, size + bytes.length);
    writeFrameHeader(frame, 0, first, 0, bytes.length);
    output.write(frame);
    return;
  }
  const at = output.reserve(10);
  output.commit(writeFrameHeader(output.buffer, at, first, 0, bytes.length) - at);
  output.write(bytes);
}

/** Writes a frame whose payload stands behind {@linkcode HEADROOM} free bytes of a buffer that nobody else has. */
export function writeOwnedFrame(
  output: WebSocketProtocolOutput,
  tools: WebSocketProtocolTools,
  client: boolean,
  first: number,
  owned: Uint8Array,
): void {
  const length = owned.length - HEADROOM;
  const start = HEADROOM - frameHeaderSize(length, client);
  const at = writeFrameHeader(owned, start, first, client ? 0x80 : 0, length);
  if (client) {
    const key = tools.nextMask();
    maskLarge(owned, key, writeMaskKey(owned, at, key), owned.length);
  }
  output.write(owned.subarray(start));
}

/** Writes a text message straight into the output's buffer. */
export function writeTextFrame(
  output: WebSocketProtocolOutput,
  tools: WebSocketProtocolTools,
  client: boolean,
  text: string,
): void {
  const at = output.reserve(HEADROOM + text.length * 3);
  const length = tools.encodeTextInto(text, output.buffer, guessPayload(at, text, client));
  finishTextFrame(output, tools, client, text, at, length);
}

/**
 * Writes a long text message straight into the output's buffer, with room for what ASCII takes and a little more.
 *
 * @returns Whether that was enough; nothing is written otherwise.
 */
export function tryWriteTextFrame(
  output: WebSocketProtocolOutput,
  tools: WebSocketProtocolTools,
  client: boolean,
  text: string,
): boolean {
  if (tools.tryEncodeTextInto === undefined) return false;
  const at = output.reserve(HEADROOM + text.length);
  const { buffer } = output;
  const length = tools.tryEncodeTextInto(text, buffer, guessPayload(at, text, client));
  if (length < 0 || at + HEADROOM + length > buffer.length) return false;
  finishTextFrame(output, tools, client, text, at, length);
  return true;
}

/** Most text is ASCII: the header is written last, and the payload is moved if it needed another size. */
function guessPayload(at: number, text: string, client: boolean): number {
  return at + frameHeaderSize(text.length, client);
}

function finishTextFrame(
  output: WebSocketProtocolOutput,
  tools: WebSocketProtocolTools,
  client: boolean,
  text: string,
  at: number,
  length: number,
): void {
  const { buffer } = output;
  const guess = guessPayload(at, text, client);
  const payload = at + frameHeaderSize(length, client);
  if (payload !== guess) buffer.copyWithin(payload, guess, guess + length);
  const end = writeFrameHeader(buffer, at, 0x81, client ? 0x80 : 0, length);
  if (client) {
    const key = tools.nextMask();
    maskLarge(buffer, key, writeMaskKey(buffer, end, key), payload + length);
  }
  output.commit(payload + length - at);
}

/** Small payloads are copied faster by a loop than by a call. */
function copy(from: Uint8Array, target: Uint8Array, at: number): void {
  const { length } = from;
  if (length > 32) target.set(from, at);
  else for (let i = 0; i < length; i++) target[at + i] = from[i];
}

/** Takes everything, and keeps nothing: the output of a connection that can't write any more. */
export class LostOutput implements WebSocketProtocolOutput {
  /** Room for what nobody will read. */
  buffer: Uint8Array = NOTHING;
  /** Never full. */
  readonly full = false;
  /** Makes room. */
  reserve(max: number): number {
    if (this.buffer.length < max) this.buffer = new Uint8Array(max);
    return 0;
  }
  /** Forgets what was written. */
  commit(): void {}
  /** Forgets what is given. */
  write(): void {}
}

/**
 * The payload of a close frame.
 *
 * @throws {RangeError} For a code that must not be sent.
 * @throws {TypeError} For a reason of more than 123 bytes, one that is no string, or a reason without a code.
 */
export function closePayload(
  code: number | undefined,
  reason: string,
  tools: WebSocketProtocolTools,
): Uint8Array {
  if (typeof reason !== "string") {
    throw new TypeError("Cannot close: the reason is not a string");
  }
  if (code === undefined) {
    if (reason !== "") throw new TypeError("Cannot close with a reason and without a code");
    return NOTHING;
  }
  if (!isWebSocketCloseCode(code)) {
    throw new RangeError(`Cannot close with code ${code}: it must not be sent`);
  }
  const payload = tools.encodeText(reason, 2);
  if (payload.length > MAX_CONTROL_PAYLOAD) {
    throw new TypeError("Cannot close: the reason has more than 123 bytes");
  }
  payload[0] = code >>> 8;
  payload[1] = code;
  return payload;
}
