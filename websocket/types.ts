// Floor 0: vocabulary.
import type { WebSocketError } from "./errors.ts";

/**
 * The frame opcodes of RFC 6455 §5.2 (and the constants of the same names in lua-websockets).
 *
 * @example
 * ```ts
 * import { WebSocketOpcode } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(WebSocketOpcode.TEXT, 1);
 * ```
 */
export const WebSocketOpcode: {
  /** A further fragment of the message under way. */
  readonly CONTINUATION: 0;
  /** A text message, or its first fragment. */
  readonly TEXT: 1;
  /** A binary message, or its first fragment. */
  readonly BINARY: 2;
  /** The close handshake. */
  readonly CLOSE: 8;
  /** Asks the peer for a pong with the same payload. */
  readonly PING: 9;
  /** Answers a ping, or comes unasked. */
  readonly PONG: 10;
} = Object.freeze({ CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 });

/** One of the opcodes of {@linkcode WebSocketOpcode}. */
export type WebSocketOpcode = typeof WebSocketOpcode[keyof typeof WebSocketOpcode];

/** The opcode of a message: 1 for text, 2 for binary. */
export type WebSocketMessageOpcode = 1 | 2;

/**
 * A received message: a string if it was sent as text, bytes if it was sent as binary. The bytes are never shared memory, so they go
 * where the web wants a `BufferSource` or a `BlobPart`.
 */
export type WebSocketData = string | Uint8Array<ArrayBuffer>;

/** Which end of the connection this is: clients mask what they send, servers must not (RFC 6455 §5.1). */
export type WebSocketRole = "client" | "server";

/**
 * The life of a connection: `"open"`, then `"closing"` from the first close frame in either direction on (or from a
 * failure on), then `"closed"`.
 */
export type WebSocketState = "open" | "closing" | "closed";

/** How a connection ended. */
export interface WebSocketCloseInfo {
  /** Whether close frames went both ways before the transport was closed. */
  wasClean: boolean;
  /**
   * The close code that the peer sent; 1005 if its close frame had none, 1006 if no close frame came (RFC 6455 §7.1.5).
   */
  code: number;
  /** The reason that the peer sent, or the empty string. */
  reason: string;
  /** What {@linkcode WebSocketCloseInfo.code | code} is called by `WebSocketStream`. */
  closeCode: number;
  /** Why the connection ended, if it was not by a close handshake. */
  error?: WebSocketError;
}

/** What the protocol takes in before it gives up on a peer. Every limit is on by default. */
export interface WebSocketReceiveLimits {
  /**
   * The largest message that is accepted, in bytes, after decompression. A larger one is refused with 1009 as soon as
   * its size is known, before memory is taken.
   *
   * @default {1_048_576}
   */
  maxMessageSize?: number;
  /**
   * The most frames that one message may consist of; more are refused with 1008.
   *
   * @default {16_384}
   */
  maxFragments?: number;
  /**
   * The most pieces that one message may arrive in from the transport; more are refused with 1008.
   *
   * @default {the larger of 65_536 and maxMessageSize / 256}
   */
  maxChunks?: number;
}

/** {@linkcode WebSocketReceiveLimits.maxMessageSize} unless set: 1 MiB. */
export const DEFAULT_MAX_MESSAGE_SIZE = 1_048_576;
/** {@linkcode WebSocketReceiveLimits.maxFragments} unless set. */
export const DEFAULT_MAX_FRAGMENTS = 16_384;
/** {@linkcode WebSocketReceiveLimits.maxChunks} unless set, for messages of up to 16 MiB. */
export const DEFAULT_MAX_CHUNKS = 65_536;
