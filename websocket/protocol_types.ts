// Floor 0: vocabulary.
import type { WebSocketProtocolError } from "./errors.ts";
import type { WebSocketMessageOpcode, WebSocketReceiveLimits } from "./types.ts";

/** Who is told what came. The calls are synchronous, in the order of the bytes. */
export interface WebSocketProtocolSink {
  /**
   * A whole message: text as a string, a binary message as bytes. The bytes may be a view of what was given to
   * `WebSocketProtocol.receive`.
   */
  message(data: string | Uint8Array, opcode: WebSocketMessageOpcode): void;
  /** A part of a message that is handed on as it comes, because `WebSocketProtocol.streaming` was set when it began. */
  piece(bytes: Uint8Array, opcode: WebSocketMessageOpcode, last: boolean): void;
  /** A ping; the pong is sent already. */
  ping(payload: Uint8Array): void;
  /** A pong. */
  pong(payload: Uint8Array): void;
  /** The peer's close frame; the reply is sent already. Nothing comes after it. */
  closing(): void;
  /** The peer broke a rule; it has been told. Nothing comes after it. */
  fail(error: WebSocketProtocolError): void;
}

/** Where the bytes go. A `TransportWriter` is one. */
export interface WebSocketProtocolOutput {
  /** The buffer that {@linkcode WebSocketProtocolOutput.reserve | reserve} gives room in. */
  readonly buffer: Uint8Array;
  /** Whether so much is queued that more should wait. */
  readonly full: boolean;
  /** Makes room for `max` bytes in {@linkcode WebSocketProtocolOutput.buffer | buffer}, and returns the offset of it. */
  reserve(max: number): number;
  /** Queues the first `n` bytes of what was reserved. */
  commit(n: number): unknown;
  /**
   * Queues `n` bytes, of what was reserved or right behind, that `late` fills when they are needed; it returns those that
   * they have become more. An output that has this has {@linkcode WebSocketProtocolOutput.settle | settle}, too.
   *
   * @returns Whether they are queued: there may be no room for them.
   */
  commitLate?(n: number, late: { fill(): Uint8Array | undefined }): boolean;
  /** Has the bytes filled that were queued so. */
  settle?(): void;
  /** Queues bytes that will not change. */
  write(bytes: Uint8Array): unknown;
}

/** Takes compressed messages apart. */
export interface WebSocketInflater {
  /**
   * Inflates a part of a message into a buffer that is the caller's.
   *
   * @param last Whether the message ends here.
   * @param room The most bytes that may come out.
   * @param transient Whether what comes out is needed until the next call only; false by default
   */
  inflate(
    bytes: Uint8Array,
    start: number,
    end: number,
    last: boolean,
    room: number,
    transient?: boolean,
  ): Uint8Array | "corrupt" | "too big";
  /** Frees everything. */
  close(): void;
}

/** Compresses messages. */
export interface WebSocketDeflater {
  /** Compresses a part of a message; what comes out is valid until the next call. */
  deflate(bytes: Uint8Array, start: number, end: number, last: boolean): Uint8Array;
  /** Forgets what was compressed before, because the peer's window no longer ends with it. */
  reset(): void;
  /** Frees everything. */
  close(): void;
}

/** Compression as the handshake agreed on it. Nothing is made before it is needed. */
export interface WebSocketCompression {
  /** Messages shorter than this are sent as they are, in bytes. */
  readonly threshold: number;
  /** Makes the part that receives. */
  createInflater(): WebSocketInflater;
  /** Makes the part that sends. */
  createDeflater(): WebSocketDeflater;
}

/** What the protocol needs from outside: randomness, and the fastest text coding that the platform has. */
export interface WebSocketProtocolTools {
  /** A random 32-bit word from a source that nobody can predict (RFC 6455 §10.3). */
  nextMask(): number;
  /** The text of UTF-8 bytes; `undefined` if they are not UTF-8. With `ascii` they are known to be ASCII. */
  decodeText(bytes: Uint8Array, start: number, end: number, ascii: boolean): string | undefined;
  /** The text of bytes that are known to be UTF-8. */
  decodeValidText(bytes: Uint8Array): string;
  /** Writes text as UTF-8 into `target`, which has room for three bytes a character, and returns how many bytes it took. */
  encodeTextInto(text: string, target: Uint8Array, at: number): number;
  /** Writes text as UTF-8 into `target` from `at` on, and returns how many bytes it took; -1 if there is not room for all of it. */
  tryEncodeTextInto?(text: string, target: Uint8Array, at: number): number;
  /** The UTF-8 bytes of `text` behind `headroom` free bytes, in a buffer of their own. */
  encodeText(text: string, headroom: number): Uint8Array;
}

/** Options of a `WebSocketProtocol`. */
export interface WebSocketProtocolOptions extends WebSocketReceiveLimits {
  /** Compression, if it was agreed on. */
  compression?: WebSocketCompression;
}
