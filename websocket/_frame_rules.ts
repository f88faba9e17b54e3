// Floor 2: protocol.
import { isWebSocketCloseCode } from "./close_code.ts";
import type { WebSocketErrorCode } from "./errors.ts";
import { MAX_CONTROL_PAYLOAD, type WebSocketFrameHeader } from "./frame.ts";
import type { WebSocketProtocolTools } from "./protocol_types.ts";

/** Which rule the peer broke. */
export interface FrameFault {
  /** The code of the error. */
  readonly code: WebSocketErrorCode;
  /** The close code that tells the peer. */
  readonly closeCode: number;
  /** What it did, in words. */
  readonly why: string;
}

function fault(code: WebSocketErrorCode, why: string, closeCode = 1002): FrameFault {
  return { code, closeCode, why };
}

const RESERVED_BITS = fault("RESERVED_BITS", "a reserved bit was set");
const SERVER_MASKED = fault("MASK", "the server masked a frame");
const CLIENT_DID_NOT_MASK = fault("MASK", "the client did not mask a frame");
const MESSAGE_INSIDE = fault("CONTINUATION", "a new message began inside another");
const NOTHING_TO_CONTINUE = fault("CONTINUATION", "a continuation came without a message");
const FRAGMENTED = fault("CONTROL_FRAME", "a control frame was fragmented");
const TOO_LONG = fault("CONTROL_FRAME", "a control frame had more than 125 bytes");
const NO_CLOSE_CODE = fault("CLOSE_PAYLOAD", "a close frame had no valid code");
const NO_CLOSE_REASON = fault("CLOSE_PAYLOAD", "the reason of a close frame was not UTF-8", 1007);

/**
 * Checks what the first two bytes of a frame say.
 *
 * @param second The second byte: a length that is too long need not be there yet.
 * @param client Whether this end is the client.
 * @param begun Whether a message has begun and is not complete.
 * @param compresses Whether compression was agreed on.
 */
export function faultOfStart(
  header: WebSocketFrameHeader,
  second: number,
  client: boolean,
  begun: boolean,
  compresses: boolean,
): FrameFault | undefined {
  const { opcode, rsv } = header;
  // RSV1 marks the first frame of a compressed message, and nothing else. RFC 7692 §6
  if (rsv !== 0 && !(rsv === 0x40 && compresses && (opcode === 1 || opcode === 2))) {
    return RESERVED_BITS;
  }
  // "A client MUST close a connection if it detects a masked frame"; a server, an unmasked one. RFC 6455 §5.1
  if (header.masked === client) return client ? SERVER_MASKED : CLIENT_DID_NOT_MASK;
  if (opcode === 1 || opcode === 2) return begun ? MESSAGE_INSIDE : undefined;
  if (opcode === 0) return begun ? undefined : NOTHING_TO_CONTINUE;
  if (opcode < 8 || opcode > 10) {
    return fault("RESERVED_OPCODE", `opcode ${opcode} is not defined`);
  }
  // "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented." §5.5
  if (!header.fin) return FRAGMENTED;
  return (second & 0x7f) > MAX_CONTROL_PAYLOAD ? TOO_LONG : undefined;
}

/** Reads the payload of a close frame: 1005 if it has no code. */
export function readClosePayload(
  payload: Uint8Array,
  tools: WebSocketProtocolTools,
): { code: number; reason: string } | FrameFault {
  const { length } = payload;
  const code = length >= 2 ? payload[0] << 8 | payload[1] : 1005;
  if (length === 1 || (length >= 2 && !isWebSocketCloseCode(code))) return NO_CLOSE_CODE;
  const reason = length > 2 ? tools.decodeText(payload, 2, length, false) : "";
  return reason === undefined ? NO_CLOSE_REASON : { code, reason };
}
