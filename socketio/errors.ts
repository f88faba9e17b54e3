// Floor 0: vocabulary.

/**
 * What went wrong, for a program to branch on.
 *
 * - `ERR_PARSE`: the other side sent something that is not valid Engine.IO or Socket.IO.
 * - `ERR_LIMIT`: a configured limit was passed (size, count, queue).
 * - `ERR_TIMEOUT`: the wait was longer than its `timeout`.
 * - `ERR_DISCONNECTED`: the connection ended before the operation did.
 * - `ERR_CONNECT`: the server could not be reached or refused the connection. The text says why, as far as the platform tells (refused, no
 *   such name, TLS on one side only, a certificate); `cause` is what `fetch` or the `WebSocket` failed with: an error, an event, or the code and reason of
 *   closing. A server that answers polling with another status than 200, or closes in order, has none.
 * - `ERR_REFUSED`: the server, or a middleware of it, refused the namespace; `data` tells what it said.
 * - `ERR_TRANSPORT`: the transport under the connection failed.
 * - `ERR_LISTENER`: a listener or middleware of the user threw; `cause` is what it threw.
 */
export type SocketIoErrorCode =
  | "ERR_PARSE"
  | "ERR_LIMIT"
  | "ERR_TIMEOUT"
  | "ERR_DISCONNECTED"
  | "ERR_CONNECT"
  | "ERR_REFUSED"
  | "ERR_TRANSPORT"
  | "ERR_LISTENER";

/** Options of {@linkcode SocketIoError}. */
export interface SocketIoErrorOptions extends ErrorOptions {
  /** What the other side sent with the error, for example the `data` of a middleware's error. */
  data?: unknown;
  /** The acknowledgements that did arrive before a broadcast's deadline. */
  responses?: unknown[];
}

/**
 * The error of this module: everything that a caller may want to catch.
 *
 * @example
 * ```ts
 * import { SocketIoError } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new SocketIoError("ERR_TIMEOUT", "Cannot emit \"hello\": no answer within 50 ms");
 * assertEquals(error.code, "ERR_TIMEOUT");
 * ```
 */
export class SocketIoError extends Error {
  /** Always `"SocketIoError"`. */
  override readonly name: string = "SocketIoError";
  /** What went wrong. */
  readonly code: SocketIoErrorCode;
  /** What the other side sent with the error, if anything. */
  data?: unknown;
  /** The acknowledgements that did arrive, for a broadcast that ran out of time. */
  responses?: unknown[];

  /** Makes an error with its code and a text that says what could not be done, and why. */
  constructor(code: SocketIoErrorCode, message: string, options: SocketIoErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    if ("data" in options) this.data = options.data;
    if ("responses" in options) this.responses = options.responses;
  }
}

/**
 * What a decoder returns in place of a packet when the bytes are not a valid one. Decoders never throw for what the
 * other side did.
 *
 * @example
 * ```ts
 * import { decodeEnginePacket, PacketFault } from "@sluice/sockets/socketio";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const fault = decodeEnginePacket("9");
 * assert(fault instanceof PacketFault);
 * assertEquals(fault.toError().code, "ERR_PARSE");
 * ```
 */
export class PacketFault {
  /** Why the packet is not valid, without any of its content. */
  readonly reason: string;

  /** Makes a fault with its reason. */
  constructor(reason: string) {
    this.reason = reason;
  }

  /** The fault as an error with the code `ERR_PARSE`. */
  toError(): SocketIoError {
    return new SocketIoError("ERR_PARSE", `Cannot decode a packet: ${this.reason}`);
  }
}
