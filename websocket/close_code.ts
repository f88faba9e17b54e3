// Floor 0: vocabulary.

/**
 * The close codes of RFC 6455 §7.4.1 and of the IANA registry.
 *
 * @example
 * ```ts
 * import { isWebSocketCloseCode, WebSocketCloseCode } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(WebSocketCloseCode.MESSAGE_TOO_BIG, 1009);
 * assertEquals(isWebSocketCloseCode(1006), false);
 * ```
 */
export const WebSocketCloseCode: {
  /** The purpose of the connection is fulfilled. */
  readonly NORMAL: 1000;
  /** A server goes down, or a browser leaves the page. */
  readonly GOING_AWAY: 1001;
  /** The peer broke the protocol. */
  readonly PROTOCOL_ERROR: 1002;
  /** The peer sent a type of data that this end can't take. */
  readonly UNSUPPORTED_DATA: 1003;
  /** Never on the wire: the close frame had no code. */
  readonly NO_STATUS: 1005;
  /** Never on the wire: the connection ended without a close frame. */
  readonly ABNORMAL: 1006;
  /** A text message was not UTF-8, or a compressed one did not inflate. */
  readonly INVALID_PAYLOAD: 1007;
  /** A rule of the receiver's own was broken. */
  readonly POLICY_VIOLATION: 1008;
  /** A message was larger than the receiver takes. */
  readonly MESSAGE_TOO_BIG: 1009;
  /** A client wanted an extension that the server did not agree to. */
  readonly MANDATORY_EXTENSION: 1010;
  /** The server met a condition that it can't cope with. */
  readonly INTERNAL_ERROR: 1011;
  /** The service restarts: come back, after a random while. */
  readonly SERVICE_RESTART: 1012;
  /** The service is overloaded: come back later. */
  readonly TRY_AGAIN_LATER: 1013;
  /** A gateway got an invalid answer from the server behind it. */
  readonly BAD_GATEWAY: 1014;
  /** Never on the wire: the TLS handshake failed. */
  readonly TLS_HANDSHAKE: 1015;
} = Object.freeze({
  NORMAL: 1000,
  GOING_AWAY: 1001,
  PROTOCOL_ERROR: 1002,
  UNSUPPORTED_DATA: 1003,
  NO_STATUS: 1005,
  ABNORMAL: 1006,
  INVALID_PAYLOAD: 1007,
  POLICY_VIOLATION: 1008,
  MESSAGE_TOO_BIG: 1009,
  MANDATORY_EXTENSION: 1010,
  INTERNAL_ERROR: 1011,
  SERVICE_RESTART: 1012,
  TRY_AGAIN_LATER: 1013,
  BAD_GATEWAY: 1014,
  TLS_HANDSHAKE: 1015,
});

/** One of the codes of {@linkcode WebSocketCloseCode}. */
export type WebSocketCloseCode = typeof WebSocketCloseCode[keyof typeof WebSocketCloseCode];

/**
 * Whether a close frame may carry `code`: 1000 to 1003, 1007 to 1014, and 3000 to 4999.
 *
 * 1004 to 1006 and 1015 must not be set by an endpoint, 1016 to 2999 are not defined (RFC 6455 §7.4).
 *
 * @example
 * ```ts
 * import { isWebSocketCloseCode } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([1000, 1005, 2000, 4999].map(isWebSocketCloseCode), [true, false, false, true]);
 * ```
 */
export function isWebSocketCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}
